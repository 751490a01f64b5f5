"""The main job: who is let in, what is stored, what is answered; provider by provider, byte by byte."""

import base64
import hashlib
import hmac
import json
import re
import time

import pytest
import sign
from conftest import GENERIC, GITHUB, ROUTES, SHOPIFY, SLACK, STANDARD, STRIPE, ZOOM, route
from harness import entries

MAKERS = {
    "stripe": lambda **how: sign.stripe(STRIPE, **how),
    "github": lambda **how: sign.github(GITHUB, **how),
    "slack": lambda **how: sign.slack(SLACK, **how),
    "standard": lambda **how: sign.standard_webhooks(STANDARD, **how),
    "generic": lambda **how: sign.generic(GENERIC, **how),
    "shopify": lambda **how: sign.shopify(SHOPIFY, **how),
    "zoom": lambda **how: sign.zoom(ZOOM, **how),
}
TIMED = ["stripe", "slack", "standard", "zoom"]
SIGNATURE = {
    "stripe": "Stripe-Signature", "github": "X-Hub-Signature-256", "slack": "X-Slack-Signature", "standard": "webhook-signature",
    "generic": "X-Webhook-Signature", "shopify": "X-Shopify-Hmac-Sha256", "zoom": "x-zm-signature",
}
TYPES = {"stripe": "invoice.paid", "github": "push", "slack": "message", "standard": "user.created", "shopify": "orders/create",
         "zoom": "meeting.started"}


def flipped(body):
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1:]


def test_every_provider_end_to_end(gateway, db):
    for name, make in MAKERS.items():
        delivery = make()
        first, second = gateway.deliver(delivery), gateway.deliver(delivery)
        assert (first.status, first.outcome()) == (200, "accepted"), (name, first)
        assert (second.status, second.outcome()) == (200, "duplicate"), (name, second)
        assert first.header("Content-Type") == "application/json"

        tampered = gateway.deliver(delivery.with_body(flipped(delivery.body)))
        assert (tampered.status, tampered.outcome()) == (401, "signature_mismatch"), (name, tampered)
        unsigned = gateway.deliver(delivery.replaced(SIGNATURE[name], None))
        assert (unsigned.status, unsigned.outcome()) == (401, "signature_missing"), (name, unsigned)

        stored = entries(db, name)
        assert len(stored) == 1, name
        assert stored[0]["data"] == delivery.body
        if delivery.id:
            assert stored.ids() == [delivery.id]
        assert stored[0]["type"].decode() == TYPES.get(name, ""), name


@pytest.mark.parametrize("name", TIMED)
def test_stale_and_early_deliveries_are_refused(gateway, db, name):
    now = int(time.time())
    for t in (now - 3600, now + 3600):
        response = gateway.deliver(MAKERS[name](t=t))
        assert (response.status, response.outcome()) == (401, "timestamp_out_of_tolerance"), t
    assert gateway.deliver(MAKERS[name](t=now - 200)).status == 200
    assert len(entries(db, name)) == 1


def test_a_stale_delivery_with_a_wrong_signature_is_a_mismatch(gateway):
    """Time is said only to who knows the secret."""
    delivery = sign.stripe("another secret", t=int(time.time()) - 3600)
    assert gateway.deliver(delivery).outcome() == "signature_mismatch"


def test_refusals_say_no_more_than_their_outcome(gateway):
    for delivery in (sign.stripe("another secret"), sign.stripe(STRIPE).replaced("Stripe-Signature", "t=1,v1=zz"),
                     sign.plain("/nowhere")):
        response = gateway.deliver(delivery)
        assert response.status in (401, 400, 404)
        assert list(json.loads(response.body)) == ["status"]


def test_entry_fields_are_the_contract(gateway, db):
    before = time.time()
    delivery = sign.stripe(STRIPE)
    delivery.headers += [("X-Twice", "one"), ("x-twice", "two"), ("Authorization", "Bearer hide-this-please"),
                         ("Cookie", "session=hide-this-too"), ("X-Hostile", b"a\xff\xfe\"b\\c\x09d")]
    gateway.hidden |= {"hide-this-please", "hide-this-too"}
    assert gateway.deliver(delivery).status == 200

    (entry,) = entries(db, "stripe")
    expected = {"specversion", "id", "source", "type", "time", "datacontenttype", "data", "route", "provider", "headers",
                "secret", "covered", "traceparent"}
    assert expected <= set(entry)
    plain = {key: value.decode() for key, value in entry.items() if key not in ("data", "headers")}
    assert plain["specversion"] == "1.0"
    assert plain["id"] == delivery.id
    assert plain["source"] == "/hooks/stripe"
    assert plain["type"] == "invoice.paid"
    assert plain["datacontenttype"] == "application/json; charset=utf-8"
    assert plain["route"] == "stripe" and plain["provider"] == "stripe"
    assert plain["secret"] == "secret" and plain["covered"] == "full"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", plain["time"])
    received = time.mktime(time.strptime(plain["time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert before - 2 <= received <= time.time() + 1
    assert re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", plain["traceparent"])
    assert entry["data"] == delivery.body

    headers = json.loads(entry["headers"])
    assert headers["x-twice"] == ["one", "two"]
    assert headers["host"] == "hooks.example.com"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert not {"authorization", "cookie"} & set(headers)
    assert all(name == name.lower() for name in headers)
    assert headers["x-hostile"].startswith("a") and '"b\\c' in headers["x-hostile"]


def test_traceparent_is_taken_over_if_it_is_one(gateway, db):
    good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for sent in (good, "00-zz", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"):
        delivery = sign.stripe(STRIPE)
        delivery.headers.append(("traceparent", sent))
        assert gateway.deliver(delivery).status == 200
    stored = [entry["traceparent"].decode() for entry in entries(db, "stripe")]
    assert stored[0] == good
    for made in stored[1:]:
        assert re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", made), made


@pytest.mark.parametrize("body, content_type", [
    (bytes(range(256)), "application/octet-stream"),
    (bytes(range(255, -1, -1)) * 257, "application/octet-stream"),
    (b'{"a": "\xff\xfe\xc0\x80", }', "text/plain"),
    (b"payload=%7B%22a%22%3A1%7D&x=+&y=%ZZ\r\n", "application/x-www-form-urlencoded"),
    (b"\r\n\r\n0\r\n\r\n", "text/plain"),
    (b"\x00", "application/octet-stream"),
    (b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\x00\xff\r\n--b--\r\n", "multipart/form-data; boundary=b"),
], ids=["0 to 255", "64 KB", "invalid UTF-8", "form", "looks like framing", "one NUL", "multipart"])
@pytest.mark.parametrize("chunk", [None, 1, 7, 4096], ids=["length", "chunks of 1", "chunks of 7", "chunks of 4096"])
def test_raw_bytes_arrive_as_they_were_sent(gateway, db, body, content_type, chunk):
    if chunk == 1:
        body = body[:512]
    delivery = sign.generic(GENERIC, body=body, content_type=content_type)
    assert gateway.deliver(delivery, chunk=chunk).status == 200
    (entry,) = entries(db, "generic")
    assert entry["data"] == body
    assert entry["datacontenttype"].decode() == content_type


def test_an_empty_body_is_a_body(gateway, db):
    assert gateway.deliver(sign.generic(GENERIC, body=b"")).status == 200
    assert entries(db, "generic")[0]["data"] == b""


def test_handshakes(gateway, db):
    body = json.dumps({"token": "t", "challenge": "3eZbrw1aBm2r\"\\\u00e9", "type": "url_verification"}).encode()
    response = gateway.deliver(sign.slack(SLACK, body=body))
    assert response.status == 200
    if (response.header("Content-Type") or "").startswith("application/json"):
        assert json.loads(response.body) == {"challenge": "3eZbrw1aBm2r\"\\\u00e9"}
    else:
        assert response.body.decode() == "3eZbrw1aBm2r\"\\\u00e9"
    assert gateway.deliver(sign.slack("wrong", body=body)).status == 401

    body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"},
                       "event_ts": 1654503849680}).encode()
    response = gateway.deliver(sign.zoom(ZOOM, body=body))
    assert response.status == 200
    assert json.loads(response.body) == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw",
                                         "encryptedToken": sign.zoom_token(ZOOM, "qgg8vlvZRS6UYooatFL8Aw")}
    assert gateway.deliver(sign.zoom("wrong", body=body)).status == 401

    assert entries(db, "slack") == entries(db, "zoom") == []
    assert gateway.count("challenge", "slack") == gateway.count("challenge", "zoom") == 1


def test_standard_webhooks_with_several_signatures(gateway, db):
    others = ["v1a,AAAA", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=", "v2,abc"]
    assert gateway.deliver(sign.standard_webhooks(STANDARD, others=others)).status == 200
    delivery = sign.standard_webhooks(STANDARD)
    wrong = delivery.replaced("webhook-signature", " ".join(others))
    assert gateway.deliver(wrong).status == 401
    assert len(entries(db, "standard")) == 1


def test_several_secrets_and_their_times(stack, redis, db):
    hour = 3600
    stamp = lambda t: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))
    now = int(time.time())
    secrets = [
        {"name": "gone", "value": "secret that is gone", "not_after": stamp(now - hour)},
        {"name": "current", "value": "secret of today"},
        {"name": "next", "value": "secret that comes", "not_before": stamp(now - hour), "not_after": stamp(now + hour)},
        {"name": "later", "value": "secret of tomorrow", "not_before": stamp(now + hour)},
    ]
    gateway = stack.gateway(redis, [{"name": "stripe", "path": "/hooks/stripe", "provider": "stripe", "secrets": secrets}])
    for value, status in (("secret of today", 200), ("secret that comes", 200), ("secret that is gone", 401),
                          ("secret of tomorrow", 401)):
        assert gateway.deliver(sign.stripe(value)).status == status, value
    assert [entry["secret"] for entry in entries(db, "stripe")] == [b"current", b"next"]
    # As Stripe does while a secret is rolled: the header holds a signature for each.
    assert gateway.deliver(sign.stripe(["unknown", "secret of today"])).status == 200


def test_events_can_be_filtered(stack, redis, db):
    events = {"include": ["push", "pull_request.*"], "exclude": ["pull_request.closed"]}
    gateway = stack.gateway(redis, [route("stripe", events=events)])
    for type, outcome in (("push", "accepted"), ("pull_request.opened", "accepted"), ("pull_request.closed", "ignored"),
                          ("pusher", "ignored"), ("pull_request", "accepted"), ("pull_requests", "ignored"), ("star", "ignored")):
        response = gateway.deliver(sign.stripe(STRIPE, type=type))
        assert (response.status, response.outcome()) == (200, outcome), type
    assert [entry["type"] for entry in entries(db, "stripe")] == [b"push", b"pull_request.opened", b"pull_request"]


def test_a_filter_sees_the_action_of_an_event(stack, redis, db):
    """GitHub's event is in a header and its action in the body; the entry's type stays the event."""
    gateway = stack.gateway(redis, [route("github", events={"include": ["push", "pull_request.*", "issues.opened"],
                                                            "exclude": ["pull_request.labeled"]})])
    for type, action, outcome in (("push", None, "accepted"), ("pull_request", "opened", "accepted"), ("pull_request", "labeled", "ignored"),
                                  ("pull_request", None, "accepted"), ("issues", "opened", "accepted"), ("issues", "closed", "ignored"),
                                  ("issues", None, "ignored"), ("issues", 7, "ignored"), ("pull_request_review", "submitted", "ignored")):
        body = json.dumps({"n": sign.unique(), "action": action} if action else {"n": sign.unique()}).encode()
        response = gateway.deliver(sign.github(GITHUB, type=type, body=body))
        assert (response.status, response.outcome()) == (200, outcome), (type, action)
    # What is not JSON has no action.
    assert gateway.deliver(sign.github(GITHUB, type="push", body=b"{")).outcome() == "accepted"
    assert gateway.deliver(sign.github(GITHUB, type="issues", body=b"{")).outcome() == "ignored"
    assert [entry["type"] for entry in entries(db, "github")] == [b"push", b"pull_request", b"pull_request", b"issues", b"push"]


def test_an_answer_of_ones_own(stack, redis):
    gateway = stack.gateway(redis, [
        route("stripe", answer={"status": 202, "body": "[accepted]", "content_type": "text/plain"}),
        route("github", answer={"status": 204, "body": ""}),
    ])
    for _ in range(2):
        delivery = sign.stripe(STRIPE)
        for _ in range(2):
            response = gateway.deliver(delivery)
            assert (response.status, response.body, response.header("Content-Type")) == (202, b"[accepted]", "text/plain")
    response = gateway.deliver(sign.github(GITHUB))
    assert (response.status, response.body) == (204, b"")
    assert gateway.deliver(sign.stripe("wrong")).status == 401


def test_a_refusal_of_ones_own(stack, redis):
    """Over the description's, for who has no, a wrong or an old signature; and nobody else."""
    figma = {"name": "figma", "provider": "figma", "secret": "pass"}
    gateway = stack.gateway(redis, [
        route("stripe", refusal={"status": 403, "body": "go away", "content_type": "text/x-go"}),
        route("github", refusal={"body": ""}),
        {**figma, "path": "/hooks/figma"},
        {**figma, "name": "own", "path": "/hooks/own", "refusal": {"status": 410}},
    ])
    for delivery in (sign.stripe("wrong"), sign.stripe(STRIPE, t=int(time.time()) - 3600), sign.stripe(STRIPE).replaced("Stripe-Signature", None)):
        response = gateway.deliver(delivery)
        assert (response.status, response.body, response.header("Content-Type")) == (403, b"go away", "text/x-go")
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    assert gateway.deliver(sign.stripe(STRIPE, body=b"{")).status == 400
    response = gateway.deliver(sign.github("wrong"))
    assert (response.status, response.body) == (401, b"")
    wrong = b'{"passcode":"wrong","event_type":"PING","webhook_id":"1","timestamp":"t"}'
    response = gateway.deliver(sign.plain("/hooks/figma", body=wrong))
    assert (response.status, response.outcome()) == (400, "signature_mismatch")
    assert gateway.deliver(sign.plain("/hooks/own", body=wrong)).status == 410


def test_the_route_goes_before_what_a_provider_demands(stack, redis):
    graph = {"provider": "msgraph", "secret": "state"}
    body = b'{"value":[{"clientState":"state","subscriptionId":"s","resource":"r","changeType":"created"}]}'
    gateway = stack.gateway(redis, [
        {**graph, "name": "theirs", "path": "/theirs"},
        {**graph, "name": "own", "path": "/own", "answer": {"status": 200, "body": "mine", "content_type": "text/x-own"}},
    ])
    response = gateway.deliver(sign.plain("/theirs", body=body))
    assert (response.status, response.body) == (202, b"")
    response = gateway.deliver(sign.plain("/own", body=body))
    assert (response.status, response.body, response.header("Content-Type")) == (200, b"mine", "text/x-own")


def test_a_password_is_asked_for(stack, redis):
    """Amazon SNS sends the one in the address only after it was asked (RFC 9110, 15.5.2)."""
    basic = {"provider": "basic", "secret": "user:password"}
    gateway = stack.gateway(redis, [{**basic, "name": "a", "path": "/a"}, {**basic, "name": "b", "path": "/b", "refusal": {"status": 403}}, route("stripe")])
    for headers in ([], [sign.basic("user", "wrong")]):
        response = gateway.deliver(sign.plain("/a", headers=headers))
        assert (response.status, response.header("WWW-Authenticate")) == (401, 'Basic realm="hookgate"')
    response = gateway.deliver(sign.plain("/b"))
    assert (response.status, response.header("WWW-Authenticate")) == (403, None)
    assert gateway.deliver(sign.stripe("wrong")).header("WWW-Authenticate") is None


def test_a_bearer_token_is_asked_for(stack, redis):
    token = {"provider": "token", "secret": "scenario-token"}
    gateway = stack.gateway(redis, [{**token, "name": "a", "path": "/a"}, {**token, "name": "b", "path": "/b", "options": {"header": "X-Token"}}])
    for headers in ([], [("Authorization", "Bearer wrong")]):
        response = gateway.deliver(sign.plain("/a", headers=headers))
        assert (response.status, response.header("WWW-Authenticate")) == (401, 'Bearer realm="hookgate"')
    assert gateway.deliver(sign.plain("/a", headers=[("Authorization", "Bearer scenario-token")])).status == 200
    assert gateway.deliver(sign.plain("/b")).header("WWW-Authenticate") is None


def test_a_delivery_without_an_id(stack, redis, db):
    gateway = stack.gateway(redis, [
        route("stripe", name="digest", path="/digest"),
        route("stripe", name="reject", path="/reject", missing_id="reject"),
        route("stripe", name="accept", path="/accept", missing_id="accept"),
    ])
    body = json.dumps({"type": "no.id", "n": sign.unique()}).encode()
    deliver = lambda name: gateway.deliver(sign.stripe(STRIPE, body=body, path=f"/{name}", t=now))
    now = int(time.time())
    assert [deliver("digest").outcome() for _ in range(2)] == ["accepted", "duplicate"]
    assert [(deliver("reject").status, deliver("reject").outcome())] == [(400, "event_id_missing")]
    assert [deliver("accept").outcome() for _ in range(2)] == ["accepted", "accepted"]
    assert [len(entries(db, name)) for name in ("digest", "reject", "accept")] == [1, 0, 2]
    ids = entries(db, "accept").ids()
    assert ids[0] and ids[0] != ids[1]


def test_a_captured_delivery_under_a_new_id(stack, redis, db):
    """GitHub does not sign its id: the signed bytes are remembered as well, unless that is turned off."""
    gateway = stack.gateway(redis, ["github", route("github", name="open", path="/open", replay_guard="off")])
    for path, outcome in (("/hooks/github", "duplicate"), ("/open", "accepted")):
        delivery = sign.github(GITHUB, path=path)
        assert gateway.deliver(delivery).outcome() == "accepted"
        assert gateway.deliver(delivery.replaced("X-GitHub-Delivery", sign.unique("guid"))).outcome() == outcome
        assert gateway.deliver(delivery).outcome() == "duplicate"
    assert len(entries(db, "github")) == 1 and len(entries(db, "open")) == 2
    # Keys are text, as README.md has them: who lists them decodes them.
    guard, = (key.decode() for key in db.scan_iter("*guard*"))
    assert re.fullmatch(r"hookgate:{github}:guard:[0-9a-f]{64}", guard)


def test_a_captured_delivery_without_its_id(stack, redis, db):
    """missing_id: accept takes what has no id each time, but a replay with its unsigned id left out is still a replay."""
    gateway = stack.gateway(redis, [route("github", missing_id="accept")])
    delivery = sign.github(GITHUB)
    bare = delivery.replaced("X-GitHub-Delivery", None)
    assert gateway.deliver(delivery).outcome() == "accepted"
    assert gateway.deliver(bare).outcome() == "duplicate"
    assert gateway.deliver(sign.github(GITHUB).replaced("X-GitHub-Delivery", None)).outcome() == "accepted"
    assert len(entries(db, "github")) == 2


def test_the_same_id_on_two_routes_is_two_events(stack, redis, db):
    gateway = stack.gateway(redis, ["stripe", route("stripe", name="other", path="/other")])
    id = sign.unique()
    for path in ("/hooks/stripe", "/other"):
        assert gateway.deliver(sign.stripe(STRIPE, id=id, path=path)).outcome() == "accepted"
    assert entries(db, "stripe").ids() == entries(db, "other").ids() == [id]


def test_an_id_is_remembered_for_its_window(stack, redis, db):
    gateway = stack.gateway(redis, [route("stripe", window="1h")])
    delivery = sign.stripe(STRIPE)
    assert gateway.deliver(delivery).status == 200
    (key,) = [key for key in db.keys("*seen*") if delivery.id.encode() in key]
    assert key == f"hookgate:{{stripe}}:seen:{delivery.id}".encode()
    assert 3500 < db.ttl(key) <= 3600


def test_another_prefix_and_shared_redis(stack, redis, db):
    gateway = stack.gateway({"url": redis.url(), "prefix": "acme.hooks"})
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    assert len(entries(db, "stripe", prefix="acme.hooks")) == 1
    assert all(key.startswith(b"acme.hooks:{stripe}:") for key in db.keys("*"))


def test_the_ways_without_a_signature(stack, redis, db):
    gateway = stack.gateway(redis, [
        {"name": "token", "path": "/token", "provider": "token", "secret": "scenario-bearer-token"},
        {"name": "basic", "path": "/basic", "provider": "basic", "secret": "fred:scenario basic password"},
        {"name": "none", "path": "/none", "provider": "none"},
    ])
    gateway.hidden |= {"scenario basic password", "c2NlbmFyaW8gYmFzaWM"}
    cases = [
        ("/token", [sign.bearer("scenario-bearer-token")], 200),
        ("/token", [sign.bearer("scenario-bearer-tokem")], 401),
        ("/token", [sign.bearer("scenario-bearer-token1")], 401),
        ("/token", [sign.bearer("")], 401),
        ("/token", [], 401),
        ("/basic", [sign.basic("fred", "scenario basic password")], 200),
        ("/basic", [sign.basic("fred", "wrong")], 401),
        ("/basic", [("Authorization", "Basic !!!!")], 401),
        ("/basic", [], 401),
        ("/none", [], 200),
    ]
    for path, headers, status in cases:
        body = json.dumps({"n": sign.unique()}).encode()
        assert gateway.deliver(sign.plain(path, body, headers)).status == status, (path, headers)
    for name in ("token", "basic", "none"):
        (entry,) = entries(db, name)
        assert entry["covered"] == b"none"
        assert b"scenario" not in entry["headers"]


def test_a_home_made_sender_by_its_verify_section(stack, redis, db):
    verify = {
        "algorithm": "hmac-sha512", "signature": {"header": "X-Acme-Sig", "encoding": "base64"},
        "timestamp": {"header": "X-Acme-Time", "unit": "seconds", "tolerance": "5m"}, "signed": "{timestamp}:{body}",
    }
    gateway = stack.gateway(redis, [{"name": "acme", "path": "/acme", "provider": "hmac", "secret": "scenario acme secret",
                                     "verify": verify}])

    def delivery(t, secret="scenario acme secret"):
        body = json.dumps({"n": sign.unique()}).encode()
        mac = hmac.new(secret.encode(), f"{t}:".encode() + body, hashlib.sha512).digest()
        return sign.plain("/acme", body, [("X-Acme-Time", str(t)), ("X-Acme-Sig", base64.b64encode(mac).decode())])

    now = int(time.time())
    assert gateway.deliver(delivery(now)).status == 200
    assert gateway.deliver(delivery(now, "wrong")).outcome() == "signature_mismatch"
    assert gateway.deliver(delivery(now - 1000)).outcome() == "timestamp_out_of_tolerance"
    assert len(entries(db, "acme")) == 1




def test_ten_thousand_routes(stack, redis, db):
    routes = [route("stripe", name=f"r{i}", path=f"/hooks/{i}") for i in range(10000)]
    gateway = stack.gateway(redis, routes)
    for i in (0, 4711, 9999):
        assert gateway.deliver(sign.stripe(STRIPE, path=f"/hooks/{i}")).status == 200
        assert len(entries(db, f"r{i}")) == 1
    assert gateway.deliver(sign.stripe(STRIPE, path="/hooks/10000")).status == 404


@pytest.mark.parametrize("name", list(ROUTES))
def test_hostile_proofs_are_refused(gateway, db, name):
    """Signature headers, timestamps, base64 and hex of every wrong shape: refused with 4xx, nothing stored, nobody dies."""
    delivery = MAKERS[name]()
    header = SIGNATURE[name]
    right = delivery.header(header)
    mac = delivery.signature
    shapes = ["", " ", ",", "=", "t=", "v1", "sha256", "sha256=", "v0=", "v1,", "v1,,,", right[:-1], right + "0",
              right.replace(mac, mac[:-1]), right.replace(mac, mac + mac), right.replace(mac, "g" * len(mac)),
              right.replace(mac, "=" * len(mac)), right.replace(mac, mac[:10] + "\u00ff" + mac[11:]), right.replace(mac, ""),
              right.replace(mac, mac[:6] + "\t" + mac[7:]), "A" * 8000]
    for shape in shapes:
        response = gateway.deliver(delivery.replaced(header, shape))
        assert response.status in (400, 401), (shape[:100], response)
    twice = delivery.replaced(header, right)
    twice.headers.append((header, right))
    response = gateway.deliver(twice)
    assert (response.status, response.outcome()) == (400, "malformed_request")
    assert entries(db, name) == []
    assert gateway.deliver(delivery).status == 200


@pytest.mark.parametrize("t", ["", "x", "-1", "+1", "1e9", "0x10", " 1", "9" * 19, "9" * 30, "18446744073709551616",
                               "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1.5", "٣", "1 2"])
def test_timestamps_of_every_wrong_shape(gateway, db, t):
    body = sign.event(sign.unique())
    mac = sign.mac(STRIPE, t.encode() + b"." + body).hex()
    header = f"t={t},v1={mac}".encode()
    response = gateway.deliver(sign.plain("/hooks/stripe", body, [("Stripe-Signature", header)]))
    assert response.status in (400, 401), response
    mac = sign.mac(SLACK, b"v0:" + t.encode() + b":" + body).hex()
    headers = [("X-Slack-Request-Timestamp", t.encode()), ("X-Slack-Signature", f"v0={mac}")]
    response = gateway.deliver(sign.plain("/hooks/slack", body, headers))
    assert response.status in (400, 401), response
    assert entries(db, "stripe") == entries(db, "slack") == []


@pytest.mark.parametrize("id", ["a\nb", "a\x00b", "\x7f", "\u0085x", "a\x1b[31mb", "x" * 5000], ids=ascii)
def test_ids_with_control_characters(gateway, db, id):
    """In a key of Redis and in a log line an id is text: a control character in it is refused, never stored."""
    response = gateway.deliver(sign.stripe(STRIPE, id=id))
    assert response.status in (200, 400), response
    if any(c < " " or c == "\x7f" for c in id):
        assert response.status == 400
    assert len(entries(db, "stripe")) == (1 if response.status == 200 else 0)


def test_braces_and_spaces_in_ids(gateway, db):
    for id in ("{stripe}", "a b", "a:b", "}{", "*", "\\", '"', "\u00e9\u4e16", "%00"):
        assert gateway.deliver(sign.stripe(STRIPE, id=id)).outcome() == "accepted", id
        assert gateway.deliver(sign.stripe(STRIPE, id=id)).outcome() == "duplicate", id
        assert entries(db, "stripe")[-1]["id"].decode() == id


@pytest.mark.parametrize("body", [b"", b"{", b'{"id"', b'{"id":', b'{"id":1', b"[" * 100000, b'{"a":' * 50000, b"nul", b"\xff",
                                  b'{"id":"a" "b"}', b'{"id":"\\ud800"}', b'{"id":"\\u00"}', b'{"id":"a\x01"}'],
                         ids=lambda b: repr(b[:14]))
def test_bodies_that_are_no_json(gateway, db, body):
    """Signed by who knows the secret, and yet not readable: 400, or known by its digest; never a crash, never a wrong id."""
    response = gateway.deliver(sign.stripe(STRIPE, body=body))
    assert response.status in (200, 400), response
    assert len(entries(db, "stripe")) == (1 if response.status == 200 else 0)
