"""Keys that a provider gives out only to who logs in: Plaid's by a POST with a password, eBay's with a token that has to be got first."""

import base64
import hashlib
import json

import pytest
import sign
from harness import entries
from test_keys import Clients, Publisher, key_fetch, verify, waiting

PLAID = "/webhook_verification_key/get"
TOKEN, PUBLIC_KEY = "/identity/v1/oauth2/token", "/commerce/notification/v1/public_key"
SECRET = "a password that nobody may read: \u00e9\"+/="


class Provider(Publisher):
    """Who signs with the key of a name, and shows it under that name."""

    def __init__(self, folder):
        super().__init__(folder)
        (folder / "keys").mkdir()
        self.log_in_as(SECRET)
        (folder / "token").write_text("the first token")

    def log_in_as(self, secret):
        (self.folder / "login").write_text(f"an id:{secret}", encoding="utf-8")

    def publish_jwk(self, kid, **more):
        point = self._openssl("ec", "-in", "private", "-pubout", "-outform", "DER")[-64:]
        x, y = (base64.urlsafe_b64encode(n).rstrip(b"=").decode() for n in (point[:32], point[32:]))
        key = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "alg": "ES256", "use": "sig", "expired_at": None, **more}
        (self.folder / "keys" / kid).write_text(json.dumps(key))

    def publish_pem(self, kid):
        """Without line breaks, as eBay has it."""
        key = {"key": self.public().replace("\n", ""), "algorithm": "ECDSA", "digest": "SHA1"}
        (self.folder / "keys" / kid).write_text(json.dumps(key))

    def plaid(self, kid, path="/hooks/plaid"):
        body = json.dumps({"webhook_type": "ITEM", "webhook_code": "ERROR", "item_id": sign.unique()}, indent=2).encode()
        token = self.token(body, header={"kid": kid}, request_body_sha256=hashlib.sha256(body).hexdigest())
        return sign.Delivery(path, [("Content-Type", "application/json"), ("Plaid-Verification", token)], body)

    def ebay(self, kid):
        id = sign.unique()
        body = json.dumps({"metadata": {"topic": "T"}, "notification": {"notificationId": id}}).encode()
        signature = self._openssl("dgst", "-sha1", "-sign", "private", stdin=body)
        header = {"alg": "ecdsa", "kid": kid, "signature": base64.b64encode(signature).decode(), "digest": "SHA1"}
        text = base64.b64encode(json.dumps(header).encode()).decode()
        return sign.Delivery("/hooks/ebay", [("Content-Type", "application/json"), ("x-ebay-signature", text)], body, id=id)

    def hold(self):
        (self.folder / "hold").write_text("")

    def let_go(self):
        (self.folder / "hold").unlink()


def without_signature(delivery):
    return sign.Delivery(delivery.target, [h for h in delivery.headers if h[0] != "Plaid-Verification"], delivery.body)


@pytest.fixture
def provider(stack):
    provider = Provider(stack.folder / "provider")
    yield provider
    provider.close()


def config(stack, provider, *routes, **more):
    """Routes of that name, or of (name, provider, secret); the secret is read from a file."""
    (stack.folder / "secret").write_text(SECRET, encoding="utf-8")
    (stack.folder / "other").write_text("another password")
    full = [(r, r, "secret") if isinstance(r, str) else r for r in routes]
    fetch = key_fetch(provider)
    fetch["replace"] = [{"host": host, "with": fetch["replace"][0]["with"]} for host in ("production.plaid.com", "api.ebay.com")]
    return {"key_fetch": fetch, **more,
            "routes": [{"name": name, "path": f"/hooks/{name}", "provider": of,
                        "options": {"client_id": "an id", "client_secret": f"file:{stack.folder / secret}"}} for name, of, secret in full]}


def nothing_told(gateway):
    """Neither the password nor a token is in anything that was written."""
    text = gateway.log_text() + gateway.ask("/metrics").body.decode()
    for secret in (SECRET, json.dumps(SECRET)[1:-1], "a password that", "another password", "the first token", "the second token"):
        assert secret not in text
    assert base64.b64encode(b"an%20id:").decode()[:10] not in text


def test_plaids_key(stack, redis, db, provider):
    provider.publish_jwk("one")
    gateway = stack.gateway(redis, **config(stack, provider, "plaid"))
    for _ in range(3):
        assert gateway.deliver(provider.plaid("one")).outcome() == "accepted"
    assert provider.asked(PLAID + "/one") == 1
    assert {entry["secret"] for entry in entries(db, "plaid")} == {b"published"}
    assert gateway.deliver(provider.plaid("one").with_body(b"{}")).outcome() == "signature_mismatch"
    # Another key under another name: the old one is good as long as it is kept.
    old = provider.plaid("one")
    provider.new_key()
    assert gateway.deliver(provider.plaid("one")).outcome() == "signature_mismatch"
    provider.publish_jwk("two")
    assert gateway.deliver(provider.plaid("two")).outcome() == "accepted"
    assert gateway.deliver(old).outcome() == "accepted"
    assert provider.asked(PLAID + "/one") == 1 and provider.asked(PLAID + "/two") == 1
    nothing_told(gateway)


def test_a_key_that_plaid_does_not_know_or_use(stack, redis, db, provider):
    provider.publish_jwk("over", expired_at=1600000000)
    gateway = stack.gateway(redis, **config(stack, provider, "plaid"))
    for _ in range(3):
        assert gateway.deliver(provider.plaid("nobody's")).outcome() == "signature_mismatch"
        assert gateway.deliver(provider.plaid("over")).outcome() == "signature_mismatch"
    assert provider.asked(PLAID + "/nobody's") == 1, "a no is remembered"
    assert provider.asked(PLAID + "/over") == 1
    assert gateway.metrics().sum("hookgate_key_fetches_total", result="absent") == 1
    assert not gateway.log("key fetch failed")
    # No name of a key, and one that is no text.
    assert gateway.deliver(without_signature(provider.plaid("over"))).outcome() == "signature_missing"
    assert gateway.deliver(provider.plaid("over").replaced("Plaid-Verification", "a.b.c")).outcome() == "malformed_request"
    assert len(entries(db, "plaid")) == 0


def test_a_wrong_password_is_no_refusal(stack, redis, db, provider):
    """And another route's is another matter."""
    provider.publish_jwk("one")
    gateway = stack.gateway(redis, **config(stack, provider, "plaid", ("wrong", "plaid", "other")))
    for _ in range(3):
        assert gateway.deliver(provider.plaid("one", "/hooks/wrong")).outcome() == "overloaded"
    assert provider.asked(PLAID + "/one") == 1, "a failure is remembered"
    assert gateway.deliver(provider.plaid("one")).outcome() == "accepted"
    assert gateway.deliver(provider.plaid("one", "/hooks/wrong")).outcome() == "overloaded"
    (line,) = gateway.log("key fetch failed")
    assert line["url"] == "https://production.plaid.com" + PLAID and "400" in line["reason"]
    nothing_told(gateway)


def test_many_wait_for_one_key(stack, redis, db, provider):
    provider.publish_jwk("one")
    gateway = stack.gateway(redis, **config(stack, provider, "plaid", ack_deadline="20s"))
    provider.hold()
    clients = Clients(gateway, [provider.plaid("one") for _ in range(30)])
    waiting(gateway, 30)
    provider.let_go()
    assert {answer.outcome() for answer in clients.answers()} == {"accepted"}
    clients.close()
    assert provider.asked(PLAID + "/one") == 1 and len(entries(db, "plaid")) == 30


def test_ebays_token_and_key(stack, redis, db, provider):
    provider.publish_pem("one")
    gateway = stack.gateway(redis, **config(stack, provider, "ebay"))
    deliveries = [provider.ebay("one") for _ in range(3)]
    for delivery in deliveries:
        assert gateway.deliver(delivery).outcome() == "accepted"
    assert entries(db, "ebay").ids() == [delivery.id for delivery in deliveries]
    assert {(entry["secret"], entry["covered"]) for entry in entries(db, "ebay")} == {(b"published", b"full")}
    assert gateway.deliver(deliveries[0].with_body(b"{}")).outcome() == "signature_mismatch"
    assert provider.asked(TOKEN) == 1 and provider.asked(PUBLIC_KEY + "/one") == 1
    # Another key, the same token.
    provider.new_key()
    provider.publish_pem("two")
    assert gateway.deliver(provider.ebay("two")).outcome() == "accepted"
    assert gateway.deliver(provider.ebay("nobody's")).outcome() == "signature_mismatch"
    assert gateway.deliver(provider.ebay("../../../identity")).outcome() == "signature_mismatch"
    assert provider.asked(TOKEN) == 1 and provider.asked(PUBLIC_KEY + "/two") == 1
    nothing_told(gateway)


def test_many_wait_for_one_token_and_one_key(stack, redis, db, provider):
    provider.publish_pem("one")
    gateway = stack.gateway(redis, **config(stack, provider, "ebay", ack_deadline="20s"))
    provider.hold()
    clients = Clients(gateway, [provider.ebay("one") for _ in range(30)])
    waiting(gateway, 30)
    provider.let_go()
    assert {answer.outcome() for answer in clients.answers()} == {"accepted"}
    clients.close()
    assert provider.asked(TOKEN) == 1 and provider.asked(PUBLIC_KEY + "/one") == 1


def test_no_token_no_key(stack, redis, db, provider):
    provider.publish_pem("one")
    provider.log_in_as("what it was last year")
    gateway = stack.gateway(redis, **config(stack, provider, "ebay"))
    for _ in range(3):
        answer = gateway.deliver(provider.ebay("one"))
        assert answer.status == 503 and answer.outcome() == "overloaded"
    assert provider.asked(TOKEN) == 1, "a failure is remembered"
    assert provider.asked(PUBLIC_KEY + "/one") == 0
    (line,) = gateway.log("key fetch failed")
    assert line["url"] == "https://api.ebay.com" + TOKEN and "401" in line["reason"]
    nothing_told(gateway)


def test_a_token_that_is_taken_back(stack, redis, db, provider):
    """What is fetched already serves on; what is not is no refusal."""
    provider.publish_pem("one")
    gateway = stack.gateway(redis, **config(stack, provider, "ebay"))
    assert gateway.deliver(provider.ebay("one")).outcome() == "accepted"
    (provider.folder / "token").write_text("the second token")
    assert gateway.deliver(provider.ebay("one")).outcome() == "accepted"
    provider.publish_pem("two")
    assert gateway.deliver(provider.ebay("two")).outcome() == "overloaded"
    nothing_told(gateway)


def test_verify_logs_in_too(stack, provider):
    provider.publish_jwk("one")
    provider.publish_pem("two")
    file = stack.folder / "c.yaml"
    file.write_text(json.dumps({"listen": "127.0.0.1:1", "redis": {"url": "redis://127.0.0.1:1/0"}, **config(stack, provider, "plaid", "ebay")}))
    for route, delivery, at in [("plaid", provider.plaid("one"), PLAID), ("ebay", provider.ebay("two"), PUBLIC_KEY + "/two")]:
        code, said = verify(stack, file, delivery, "--route", route, "--offline")
        assert (code, said["outcome"]) == (1, "overloaded")
        assert any(at + ";" in line for line in said["explanation"]), said
        code, said = verify(stack, file, delivery, "--route", route)
        assert (code, said["outcome"], said["secret"]) == (0, "accepted", "published"), said
        assert SECRET not in json.dumps(said, ensure_ascii=False) and "#" not in json.dumps(said)


def test_a_route_needs_one_or_the_other(stack, redis):
    """A secret, or that with which keys are fetched."""
    from test_commands import run
    file = stack.folder / "c.yaml"
    for name in ("plaid", "ebay"):
        route = {"name": "a", "path": "/a", "provider": name, "options": {"client_id": "an id"}}
        file.write_text(json.dumps({"listen": "127.0.0.1:1", "redis": {"url": "redis://127.0.0.1:1/0"}, "routes": [route]}))
        done = run("check", "-c", str(file))
        assert done.code == 1 and "needs a secret, or the options with which its keys can be fetched: client_secret" in done.out + done.err
