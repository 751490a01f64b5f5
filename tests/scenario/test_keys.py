"""Keys that a provider publishes: fetched from an https server with a CA of its own, waited for, and never taken from elsewhere."""

import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import threading
import time

import harness
import pytest
import sign
import wire
from harness import entries, wait_until

SERVER = harness.ROOT / "tests" / "unit" / "https_server.py"

# The URL stands in the description, or in the delivery.
DESCRIPTIONS = {
    "fixed": 'keys: {{ url: "https://keys.example.com/{path}" }}',
    "named": 'keys: {{ url: "{{header:X-Key-Url}}", hosts: [keys.example.com, "*.example.org"], path: /file/ }}',
}


def description(name, path):
    return f"""name: {name}
title: A sender that publishes its key
confidence: standard
evidence: made up for this test
verify:
  algorithm: ecdsa-p256-sha256
  signature: {{ header: X-Signature, encoding: base64 }}
  signed: "{{body}}"
  {DESCRIPTIONS[name].format(path=path)}
event: {{ id: "body:/id", id_signed: true, type: none }}
"""


class Publisher:
    """The provider: its private key, and the server of the public one."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.new_key()
        self.process = subprocess.Popen([sys.executable, "-B", str(SERVER), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline().split()[0])

    def new_key(self):
        """Another pair; the public one is what is published from now on."""
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "private")
        self._openssl("ec", "-in", "private", "-pubout", "-out", "public")

    def _openssl(self, *words, stdin=b""):
        return subprocess.run(["openssl", *words], cwd=self.folder, input=stdin, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout

    def public(self):
        return (self.folder / "public").read_text()

    def release(self):
        (self.folder / "release").write_text("")

    def delivery(self, path="/hooks/keys", **headers):
        id = sign.unique()
        body = json.dumps({"id": id}).encode()
        signature = base64.b64encode(self._openssl("dgst", "-sha256", "-sign", "private", stdin=body)).decode()
        more = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return sign.Delivery(path, [("Content-Type", "application/json"), ("X-Signature", signature), *more], body, id=id)

    def token(self, body, header=None, **claims):
        """A token for that body, ES256 (RFC 7518, 3.4: r and s, 32 bytes each)."""
        def part(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

        claims = {"iat": int(time.time()), "sha": hashlib.sha256(body).hexdigest(), **claims}
        text = part(json.dumps({"alg": "ES256", **(header or {})}).encode()) + "." + part(json.dumps(claims).encode())
        der = self._openssl("dgst", "-sha256", "-sign", "private", stdin=text.encode())
        r_end = 4 + der[3]
        numbers = [der[4:r_end], der[r_end + 2:]]
        return text + "." + part(b"".join(n.lstrip(b"\0").rjust(32, b"\0") for n in numbers))

    def asked(self, path):
        """How often the path was asked for."""
        import http.client
        import ssl
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)
        connection.request("GET", "/count" + path)
        count = int(connection.getresponse().read())
        connection.close()
        return count

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture
def publisher(stack):
    publisher = Publisher(stack.folder / "publisher")
    yield publisher
    publisher.close()


def key_fetch(publisher, **more):
    return {"ca_file": str(publisher.folder / "ca.pem"), "allow_private": "127.0.0.0/8",
            "replace": [{"host": "keys.example.com", "with": f"https://127.0.0.1:{publisher.port}"}], **more}


def config(stack, publisher, provider="fixed", path="file/public", route=None, **more):
    own = stack.folder / "own"
    own.mkdir(exist_ok=True)
    for name in DESCRIPTIONS:
        (own / f"{name}.yaml").write_text(description(name, path))
    routes = [{"name": "keys", "path": "/hooks/keys", "provider": provider, **(route or {})}]
    return {"routes": routes, "provider_dir": str(own), "key_fetch": key_fetch(publisher), **more}


class Clients:
    """Deliveries that are on their way, each on a connection of its own."""

    def __init__(self, gateway, deliveries):
        self.connections = []
        for delivery in deliveries:
            connection = wire.Connection(gateway.address())
            connection.send(wire.raw(delivery))
            self.connections.append(connection)

    def answers(self):
        return [connection.response() for connection in self.connections]

    def close(self):
        for connection in self.connections:
            connection.close()


def waiting(gateway, count):
    wait_until(lambda: gateway.metrics().sum("hookgate_deliveries_waiting_for_keys") == count, f"{count} deliveries to wait for a key")


def test_a_key_is_fetched_and_kept(stack, redis, db, publisher):
    gateway = stack.gateway(redis, **config(stack, publisher))
    deliveries = [publisher.delivery() for _ in range(6)]
    for delivery in deliveries:
        assert gateway.deliver(delivery).outcome() == "accepted"
    stored = entries(db, "keys")
    assert stored.ids() == [delivery.id for delivery in deliveries]
    assert {entry["secret"] for entry in stored} == {b"published"} and {entry["covered"] for entry in stored} == {b"full"}
    assert gateway.deliver(deliveries[0].with_body(b'{"id":"x"}')).outcome() == "signature_mismatch"
    assert publisher.asked("/file/public") == 1
    assert gateway.metrics().sum("hookgate_key_fetches_total", result="fetched") == 1
    assert gateway.metrics().sum("hookgate_key_entries") == 1
    assert len(gateway.log("key fetched")) == 1


def test_tokens_are_checked_with_it_too(stack, redis, db, publisher):
    """Also their time; and what is signed rightly and is wrong is no reason to look for newer keys."""
    verify = {"algorithm": "jwt", "signature": {"header": "X-Token"}, "keys": {"url": "https://keys.example.com/file/public"},
              "jwt": {"algorithms": "ES256", "max_age": "5m", "body_hash": {"claim": "sha"}}, "id": "body:/id"}
    gateway = stack.gateway(redis, key_fetch=key_fetch(publisher),
                            routes=[{"name": "keys", "path": "/hooks/keys", "provider": "hmac", "verify": verify}])

    def deliver(body=None, **claims):
        body = body or json.dumps({"id": sign.unique()}).encode()
        headers = [("Content-Type", "application/json"), ("X-Token", publisher.token(body, **claims))]
        return gateway.deliver(sign.Delivery("/hooks/keys", headers, body)).outcome()

    assert deliver() == "accepted"
    assert deliver(iat=int(time.time()) - 400) == "timestamp_out_of_tolerance"
    assert deliver(exp=int(time.time()) - 400) == "timestamp_out_of_tolerance"
    assert deliver(sha="00" * 32) == "signature_mismatch"
    assert deliver() == "accepted" and publisher.asked("/file/public") == 1
    publisher.new_key()
    assert deliver() == "signature_mismatch"
    stored = entries(db, "keys")
    assert len(stored) == 2 and {entry["covered"] for entry in stored} == {b"full"}


def test_many_wait_for_one_fetch(stack, redis, db, publisher):
    gateway = stack.gateway(redis, **config(stack, publisher, path="held/public", ack_deadline="20s"))
    deliveries = [publisher.delivery() for _ in range(50)]
    clients = Clients(gateway, deliveries)
    waiting(gateway, 50)
    publisher.release()
    assert {answer.outcome() for answer in clients.answers()} == {"accepted"}
    clients.close()
    assert sorted(entries(db, "keys").ids()) == sorted(delivery.id for delivery in deliveries)
    assert publisher.asked("/held/public") == 1
    waiting(gateway, 0)


def test_a_client_may_hang_up_meanwhile(stack, redis, db, publisher):
    gateway = stack.gateway(redis, **config(stack, publisher, path="held/public", ack_deadline="20s"))
    delivery = publisher.delivery(X_Kept="still here")
    clients = Clients(gateway, [delivery])
    waiting(gateway, 1)
    clients.close()
    # Other heads come and go in the memory that its own stood in.
    for _ in range(20):
        assert gateway.deliver(sign.plain("/nowhere", headers=[("X-Other", "y" * 900)])).status == 404
    publisher.release()
    (entry,) = wait_until(lambda: entries(db, "keys"), "the event to be stored")
    assert entry["id"].decode() == delivery.id and json.loads(entry["headers"])["x-kept"] == "still here"


@pytest.mark.parametrize("path, result", [("never", None), ("missing", "status"), ("redirect", "status"), ("large", "too_large")])
def test_what_cannot_be_fetched_is_no_refusal(stack, redis, db, publisher, path, result):
    gateway = stack.gateway(redis, **config(stack, publisher, path=path, ack_deadline="500ms"))
    for _ in range(3):
        answer = gateway.deliver(publisher.delivery())
        assert answer.status == 503 and answer.outcome() == "overloaded" and answer.header("Retry-After") == "2"
    if result:
        assert publisher.asked("/" + path) == 1, "a failure is remembered"
        assert publisher.asked("/found/elsewhere") == 0
        assert gateway.metrics().sum("hookgate_key_fetches_total", result=result) == 1
        assert len(gateway.log("key fetch failed")) == 1
    assert len(entries(db, "keys")) == 0


def test_private_addresses_are_not_asked(stack, redis, publisher):
    fetch = key_fetch(publisher)
    del fetch["allow_private"]
    gateway = stack.gateway(redis, **{**config(stack, publisher), "key_fetch": fetch})
    assert gateway.deliver(publisher.delivery()).outcome() == "overloaded"
    assert gateway.metrics().sum("hookgate_key_fetches_total", result="address") == 1
    assert publisher.asked("/file/public") == 0
    # Other settings are another chance.
    gateway.rewrite(key_fetch=key_fetch(publisher))
    assert gateway.reload()["event"] == "reloaded"
    assert gateway.deliver(publisher.delivery()).outcome() == "accepted"


def test_only_pinned_places_are_asked(stack, redis, db, publisher):
    gateway = stack.gateway(redis, **config(stack, publisher, provider="named"))
    here = "https://keys.example.com/file/public"
    assert gateway.deliver(publisher.delivery(X_Key_Url=here)).outcome() == "accepted"
    for url in ["http://keys.example.com/file/public", "https://evil.example.net/file/public", "https://example.org/file/public",
                "https://keys.example.com/held/public", "https://keys.example.com/file/../held/public", "https://keys.example.com:8443/file/public",
                "https://keys.example.com/file/public?x", "https://u@keys.example.com/file/public", f"https://127.0.0.1:{publisher.port}/file/public"]:
        assert gateway.deliver(publisher.delivery(X_Key_Url=url)).outcome() == "signature_mismatch", url
    assert gateway.deliver(publisher.delivery()).outcome() == "signature_missing"
    twice = publisher.delivery(X_Key_Url=here)
    twice.headers.append(("X-Key-Url", here))
    assert gateway.deliver(twice).outcome() == "malformed_request"
    assert gateway.metrics().sum("hookgate_key_fetches_total") == 1
    assert len(entries(db, "keys")) == 1


def test_strangers_cannot_make_it_fetch_without_limit(stack, redis, publisher):
    gateway = stack.gateway(redis, **config(stack, publisher, provider="named"))
    here = "https://keys.example.com/file/public"
    assert gateway.deliver(publisher.delivery(X_Key_Url=here)).outcome() == "accepted"
    delivery = publisher.delivery()
    begun = time.monotonic()
    for n in range(100):
        assert gateway.deliver(delivery.replaced("X-Key-Url", f"https://keys.example.com/file/{n}")).outcome() == "overloaded"
    fetched = gateway.metrics().sum("hookgate_key_fetches_total") - gateway.metrics().sum("hookgate_key_fetches_total", result="limited")
    assert fetched <= 21 + (time.monotonic() - begun) / 3
    # What was fetched before is still there.
    assert gateway.deliver(publisher.delivery(X_Key_Url=here)).outcome() == "accepted"


def test_a_key_of_the_routes_own_goes_before(stack, redis, publisher):
    gateway = stack.gateway(redis, **config(stack, publisher, route={"secret": publisher.public()}))
    assert gateway.deliver(publisher.delivery()).outcome() == "accepted"
    assert publisher.asked("/file/public") == 0


def test_reload_and_end_while_it_waits(stack, redis, db, publisher):
    gateway = stack.gateway(redis, **config(stack, publisher, path="held/public", ack_deadline="20s", drain_timeout="20s"))
    first, second = publisher.delivery(), publisher.delivery()
    clients = Clients(gateway, [first])
    waiting(gateway, 1)
    gateway.rewrite(log={"format": "json", "level": "debug"})
    assert gateway.reload()["event"] == "reloaded"
    more = Clients(gateway, [second])
    waiting(gateway, 2)
    gateway.signal(15)
    gateway.wait_log("draining")
    publisher.release()
    assert [a.outcome() for a in clients.answers() + more.answers()] == ["accepted", "accepted"]
    gateway.wait_end()
    gateway.check()
    assert sorted(entries(db, "keys").ids()) == sorted([first.id, second.id])


def test_the_end_does_not_wait_for_a_key_for_ever(stack, redis, db, publisher):
    gateway = stack.gateway(redis, **config(stack, publisher, path="held/public", ack_deadline="60s", drain_timeout="200ms"))
    clients = Clients(gateway, [publisher.delivery() for _ in range(5)])
    waiting(gateway, 5)
    gateway.signal(15)
    answers = clients.answers()
    assert {(a.status, a.outcome()) for a in answers} == {(503, "overloaded")}
    clients.close()
    gateway.wait_end()
    gateway.check()
    assert len(entries(db, "keys")) == 0


def verify(stack, gateway, delivery, *options):
    file = stack.folder / "request.http"
    head = f"POST {delivery.target} HTTP/1.1\r\nHost: x\r\n" + "".join(f"{n}: {v}\r\n" for n, v in delivery.headers)
    file.write_bytes(head.encode() + b"\r\n" + delivery.body)
    done = subprocess.run([*harness.START, harness.BINARY, "verify", "-c", str(gateway), "--json", *options, str(file)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, env={**harness.os.environ, **harness.SANITIZER_ENV})
    assert not harness.REPORTS.search(done.stderr.decode()), done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def test_verify_fetches_too(stack, publisher):
    file = stack.folder / "c.yaml"
    file.write_text(json.dumps({"listen": "127.0.0.1:1", **config(stack, publisher)}))
    delivery = publisher.delivery()
    code, said = verify(stack, file, delivery, "--offline")
    assert (code, said["outcome"]) == (1, "overloaded")
    assert any("https://keys.example.com/file/public" in line and "--offline" in line for line in said["explanation"])
    assert publisher.asked("/file/public") == 0
    code, said = verify(stack, file, delivery)
    assert (code, said["outcome"], said["secret"]) == (0, "accepted", "published")
    code, said = verify(stack, file, delivery.with_body(b"{}"))
    assert (code, said["outcome"]) == (1, "signature_mismatch")
