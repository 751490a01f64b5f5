"""How the providers sign, written a second time and from their documents, so that the gateway is not measured by itself."""

import base64
import dataclasses
import hashlib
import hmac
import itertools
import json
import os
import time

_numbers = itertools.count(1)


@dataclasses.dataclass
class Delivery:
    target: str
    headers: list
    body: bytes
    method: str = "POST"
    id: str = ""
    signature: str = ""

    def replaced(self, name, value):
        """The same with another value of one header; None leaves the header out."""
        headers = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        if value is not None:
            headers.append((name, value))
        return dataclasses.replace(self, headers=headers)

    def with_body(self, body):
        return dataclasses.replace(self, body=body)

    def header(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()][0]


def unique(prefix="evt"):
    return f"{prefix}_{os.getpid()}_{next(_numbers)}_{os.urandom(4).hex()}"


def mac(secret, text, algorithm="sha256"):
    secret = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(secret, text, algorithm).digest()


def event(id, type="invoice.paid", size=0, **more):
    body = {"id": id, "object": "event", "type": type, "data": {"object": {"amount": 2000}}, **more}
    text = json.dumps(body).encode()
    if size > len(text):
        body["pad"] = ""
        body["pad"] = "x" * (size - len(json.dumps(body).encode()))
        text = json.dumps(body).encode()
    return text


def stripe(secret, id=None, body=None, t=None, path="/hooks/stripe", type="invoice.paid", size=0, **more):
    id = id or unique()
    body = event(id, type, size, **more) if body is None else body
    t = int(time.time()) if t is None else t
    secrets = secret if isinstance(secret, list) else [secret]
    signatures = [mac(s, f"{t}.".encode() + body).hex() for s in secrets]
    header = f"t={t}," + ",".join(f"v1={s}" for s in signatures)
    return Delivery(path, [("Content-Type", "application/json; charset=utf-8"), ("Stripe-Signature", header)], body, id=id,
                    signature=signatures[0])


def github(secret, id=None, body=None, path="/hooks/github", type="push"):
    id = id or unique("guid")
    body = json.dumps({"ref": "refs/heads/main", "n": id}).encode() if body is None else body
    signature = mac(secret, body).hex()
    return Delivery(path, [("Content-Type", "application/json"), ("X-GitHub-Event", type), ("X-GitHub-Delivery", id),
                           ("X-Hub-Signature-256", f"sha256={signature}")], body, id=id, signature=signature)


def slack(secret, id=None, body=None, t=None, path="/hooks/slack", type="message"):
    id = id or unique("Ev")
    t = int(time.time()) if t is None else t
    if body is None:
        body = json.dumps({"type": "event_callback", "event_id": id, "event": {"type": type}}).encode()
    signature = mac(secret, f"v0:{t}:".encode() + body).hex()
    return Delivery(path, [("Content-Type", "application/json"), ("X-Slack-Request-Timestamp", str(t)),
                           ("X-Slack-Signature", f"v0={signature}")], body, id=id, signature=signature)


def standard_webhooks(secret, id=None, body=None, t=None, path="/hooks/standard", type="user.created", others=()):
    """`secret` as shown to people: whsec_ and base64; `others` are further entries of the signature header."""
    id = id or unique("msg")
    t = int(time.time()) if t is None else t
    body = json.dumps({"type": type, "data": {"n": id}}).encode() if body is None else body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(mac(key, f"{id}.{t}.".encode() + body)).decode()
    header = " ".join([*others, f"v1,{signature}"])
    return Delivery(path, [("Content-Type", "application/json"), ("webhook-id", id), ("webhook-timestamp", str(t)),
                           ("webhook-signature", header)], body, id=id, signature=signature)


def generic(secret, body=None, path="/hooks/generic", content_type="application/json"):
    body = json.dumps({"n": unique()}).encode() if body is None else body
    signature = mac(secret, body).hex()
    return Delivery(path, [("Content-Type", content_type), ("X-Webhook-Signature", f"sha256={signature}")], body,
                    signature=signature)


def shopify(secret, id=None, body=None, path="/hooks/shopify", type="orders/create"):
    id = id or unique("shop")
    body = json.dumps({"id": 820982911946154508, "n": id}).encode() if body is None else body
    signature = base64.b64encode(mac(secret, body)).decode()
    return Delivery(path, [("Content-Type", "application/json"), ("X-Shopify-Topic", type), ("X-Shopify-Webhook-Id", id),
                           ("X-Shopify-Hmac-Sha256", signature)], body, id=id, signature=signature)


def zoom(secret, body=None, t=None, path="/hooks/zoom", type="meeting.started"):
    t = int(time.time()) if t is None else t
    if body is None:
        body = json.dumps({"event": type, "event_ts": t * 1000, "payload": {"object": {"uuid": unique("zm")}}}).encode()
    signature = mac(secret, f"v0:{t}:".encode() + body).hex()
    return Delivery(path, [("Content-Type", "application/json"), ("x-zm-request-timestamp", str(t)),
                           ("x-zm-signature", f"v0={signature}")], body, signature=signature)


def zoom_token(secret, plain):
    return mac(secret, plain.encode()).hex()


def plain(path, body=b"{}", headers=(), content_type="application/json"):
    """Unsigned, or signed by what is in the headers."""
    return Delivery(path, [("Content-Type", content_type), *headers], body)


def bearer(token):
    return ("Authorization", f"Bearer {token}")


def basic(user, password):
    return ("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


def sha256(data):
    return hashlib.sha256(data).hexdigest()
