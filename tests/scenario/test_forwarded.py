"""What lies between a provider and us: proxies that are trusted or not, public URLs that are signed, handshakes over the wire."""

import base64
import hashlib
import hmac
import os

import sign
from harness import entries

SECRET = "scenario url secret"
VERIFY = {"algorithm": "hmac-sha256", "signature": {"header": "X-Sig", "encoding": "base64"}, "signed": "{url}{body}",
          "id": "header:X-Id"}

LEARNER = """
name: learner
options: [ { name: topic, required: true } ]
verify: { algorithm: hmac-sha256, signature: { header: X-Sig, encoding: hex }, signed: "{body}" }
handshake:
  - name: hand over
    signed: false
    when: { "header:X-Hook-Secret": "*" }
    learn: "header:X-Hook-Secret"
    answer: { status: 204, headers: { X-Hook-Secret: "{header:X-Hook-Secret}" } }
  - name: topic
    method: GET
    signed: false
    mismatch: 404
    when: { "query:challenge": "*", "query:topic": "{option:topic}" }
    answer: { content_type: text/plain, body: "{query:challenge}", headers: { X-Content-Type-Options: nosniff } }
  - name: origin
    method: OPTIONS
    signed: false
    when: { "header:WebHook-Request-Origin": "*" }
    answer: { headers: { WebHook-Allowed-Origin: "{header:WebHook-Request-Origin}", Allow: POST } }
  - { name: probe, method: HEAD, signed: false }
answer: { body: "" }
refusal: { body: "" }
"""


def own(**more):
    return {"name": "own", "path": "/hooks/own", "secret": SECRET, "verify": VERIFY, **more}


def signed(url, *headers, target="/hooks/own?a=1%202"):
    body = b'{"n":1}'
    mac = base64.b64encode(hmac.new(SECRET.encode(), url.encode() + body, hashlib.sha256).digest()).decode()
    return sign.Delivery(target, [("Content-Type", "application/json"), ("X-Id", sign.unique()), ("X-Sig", mac), *headers], body)


def test_a_trusted_proxy_names_the_url_and_the_client(stack, redis):
    gateway = stack.gateway(redis, [own()], trusted_proxies=["127.0.0.0/8"])
    url = "https://hooks.example.com/hooks/own?a=1%202"
    said = [("Forwarded", "for=6.6.6.6;host=evil.example, for=192.0.2.7;proto=https;host=hooks.example.com")]
    assert gateway.deliver(signed(url, *said)).outcome() == "accepted"
    assert gateway.wait_log("delivery", outcome="accepted")["address"] == "192.0.2.7"
    x = [("X-Forwarded-For", "192.0.2.8"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "hooks.example.com"),
         ("X-Forwarded-Prefix", "/gw")]
    assert gateway.deliver(signed(url.replace("/hooks/", "/gw/hooks/"), *x)).outcome() == "accepted"
    assert gateway.deliver(signed(url)).outcome() == "signature_mismatch"


def test_nobody_else_is_believed(stack, redis):
    gateway = stack.gateway(redis, [own()], trusted_proxies=["10.0.0.0/8"])
    said = [("Forwarded", "for=10.0.0.1;proto=https;host=hooks.example.com")]
    assert gateway.deliver(signed("https://hooks.example.com/hooks/own?a=1%202", *said)).outcome() == "signature_mismatch"
    assert gateway.wait_log("delivery", outcome="signature_mismatch")["address"] == "127.0.0.1"
    host, port = gateway.address()
    plain = signed(f"http://{host}:{port}/hooks/own?a=1%202", *said, ("Host", f"{host}:{port}"))
    assert gateway.deliver(plain).outcome() == "accepted"


def test_the_configured_url_goes_before(stack, redis):
    routes = [own(public_url="https://a.example/in?k=v"), own(name="two", path="/hooks/two", public_url="https://b.example"),
              own(name="three", path="/hooks/three")]
    gateway = stack.gateway(redis, routes, public_url="https://c.example/base")
    for url, target in [("https://a.example/in?k=v", "/hooks/own?x=1"), ("https://b.example/hooks/two?x=1", "/hooks/two?x=1"),
                        ("https://c.example/base/hooks/three", "/hooks/three")]:
        assert gateway.deliver(signed(url, target=target)).outcome() == "accepted", url


def test_handshakes_on_the_wire(stack, redis, db, folder):
    (folder / "providers").mkdir()
    (folder / "providers" / "learner.yaml").write_text(LEARNER)
    routes = [{"name": "new", "path": "/new", "provider": "learner", "options": {"topic": "t"}},
              {"name": "old", "path": "/old", "provider": "learner", "secret": SECRET, "options": {"topic": "t"}}]
    gateway = stack.gateway(redis, routes, provider_dir=str(folder / "providers"))

    def ask(method, target, *headers, body=b""):
        return gateway.deliver(sign.Delivery(target, list(headers), body, method=method))

    handed = "handed-over-" + os.urandom(4).hex()
    first = ask("POST", "/new", ("X-Hook-Secret", handed), body=b"{}")
    assert (first.status, first.body, first.header("X-Hook-Secret")) == (204, b"", handed)
    line = gateway.wait_log("a provider handed over a secret: if it is yours, put it into the configuration")
    assert (line["route"], line["secret"], line["level"]) == ("new", handed, "warning")
    late = ask("POST", "/old", ("X-Hook-Secret", "of-an-attacker"), body=b"{}")
    assert (late.status, late.body, late.header("X-Hook-Secret"), late.header("Content-Type")) == (401, b"", None, None)
    assert "of-an-attacker" not in gateway.log_text()

    echo = ask("GET", "/old?challenge=a%3Cb&topic=t")
    assert (echo.status, echo.body, echo.header("X-Content-Type-Options")) == (200, b"a<b", "nosniff")
    assert ask("GET", "/old?challenge=a&topic=u").status == 404
    allowed = ask("OPTIONS", "/old", ("WebHook-Request-Origin", "events.example"))
    assert (allowed.status, allowed.header("WebHook-Allowed-Origin"), allowed.header("Allow")) == (200, "events.example", "POST")
    probe = ask("HEAD", "/old")
    assert (probe.status, probe.body) == (200, b"")

    body = b'{"n":1}'
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    taken = ask("POST", "/old", ("X-Sig", mac), body=body)
    assert (taken.status, taken.body, taken.header("Content-Type")) == (200, b"", None)
    assert len(entries(db, "old")) == 1 and entries(db, "new") == []
