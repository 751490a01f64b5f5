"""One provider of each scheme: its route, and deliveries that are signed before the measuring begins.

The difficulty is that public keys sign slowly, a millisecond each with RSA. So a scheme's deliveries are signed once and sent in
every round, which is no repetition: each sample has a Redis of its own that knows none of them. Where a provider signs the time too, the
route's tolerance is long enough for the whole run.

The load program reads a file: a line with five numbers (the request's size, where in it the signature stands, the
signature's size, how many deliveries, the series of their ids), the first request, and a signature for each delivery. All
signatures of a file have one size. What else differs between deliveries is the id, as tests/bench/deliveries.h says.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import random
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

HERE = pathlib.Path(__file__).resolve().parent
PUBLIC = "https://hooks.example.com"
SECRET = "bench-5f2d0c1b7a9e4836f0c7d1e2"
ZEROS = b"0" * 24

# A message as Twilio sends it.
SMS = {
    "AccountSid": "AC4f1c7a9e2b8d0c6f3a5e1d7b9c2f4a6e", "ApiVersion": "2010-04-01",
    "Body": "Zimtschnecken, 12 Stück: order #4711 is on its way",
    "From": "+4930901820", "FromCity": "Berlin", "FromCountry": "DE", "FromState": "", "FromZip": "10999",
    "MessageSid": "SM00000000" + ZEROS.decode(), "MessagingServiceSid": "MG7d1c4f9a2e6b8d0c3f5a1e7b9c4f2a6e", "NumMedia": "0",
    "NumSegments": "1", "ReferralNumMedia": "0", "SmsMessageSid": "SM00000000" + ZEROS.decode(), "SmsSid": "SM00000000" + ZEROS.decode(),
    "SmsStatus": "received", "To": "+4930901821", "ToCity": "Berlin", "ToCountry": "DE", "ToState": "", "ToZip": "10997",
}


def b64(raw):
    return base64.b64encode(raw)


def b64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


class Scheme:
    """`sign(body, id)` makes what stands in place of {signature} in the headers; {id} is the event's id."""

    rate = 60000
    type = "application/json; charset=utf-8"
    secret = SECRET
    options = None
    tolerance = None

    def __init__(self):
        self.now = int(time.time())
        self.body = (HERE / "stripe.json").read_bytes().rstrip(b"\n")
        self.prepare()

    def prepare(self):
        pass

    def sign(self, body, ident):
        return b""

    def route(self):
        more = {"options": self.options, "tolerance": self.tolerance}
        return {"name": self.provider, "path": f"/hooks/{self.provider}", "provider": self.provider, "secret": self.secret,
                **{key: value for key, value in more.items() if value}}

    def url(self):
        return f"{PUBLIC}/hooks/{self.provider}".encode()

    def request(self):
        """Head and body of a delivery, with zeros for the id and {signature} still to be filled in."""
        lines = [f"POST /hooks/{self.provider} HTTP/1.1", "Host: hooks.example.com", f"Content-Type: {self.type}",
                 f"Content-Length: {len(self.body)}", "User-Agent: bench/1.0", "Accept: */*"]
        head = "\r\n".join([*lines, *self.headers, "", ""]).replace("{now}", str(self.now)).encode()
        return head.replace(b"{id}", ZEROS), self.body

    def write(self, file, count):
        series = random.randrange(10**12)
        head, body = self.request()
        ids = [b"%012d%012d" % (series, i) for i in range(count)]
        parts = body.split(ZEROS)
        signatures = [self.sign(ident.join(parts), ident) for ident in ids]
        size = len(signatures[0])
        if any(len(signature) != size for signature in signatures):
            raise ValueError(f"{self.provider}: signatures of several sizes")
        at = max(head.find(b"{signature}"), 0)
        request = head.replace(b"{signature}", signatures[0]) + body
        with open(file, "wb") as out:
            out.write(b"%d %d %d %d %d\n" % (len(request), at, size, count, series) + request + b"".join(signatures))


class HmacSha1(Scheme):
    provider, headers = "intercom", ["X-Hub-Signature: sha1={signature}"]

    def sign(self, body, ident):
        return hmac.digest(SECRET.encode(), body, "sha1").hex().encode()


class HmacSha512(Scheme):
    provider, headers = "paystack", ["x-paystack-signature: {signature}"]

    def sign(self, body, ident):
        return hmac.digest(SECRET.encode(), body, "sha512").hex().encode()


class Sha256(Scheme):
    provider, headers = "recharge", ["X-Recharge-Topic: subscription/created", "X-Recharge-Hmac-Sha256: {signature}"]

    def sign(self, body, ident):
        return hashlib.sha256(SECRET.encode() + body).hexdigest().encode()


class StandardWebhooks(Scheme):
    provider, tolerance = "standard-webhooks", "1h"
    secret = "whsec_" + b64(SECRET.encode()).decode()
    headers = ["webhook-id: msg_{id}", "webhook-timestamp: {now}", "webhook-signature: v1,{signature}"]

    def sign(self, body, ident):
        return b64(hmac.digest(SECRET.encode(), b"msg_%s.%d.%s" % (ident, self.now, body), "sha256"))


class Token(Scheme):
    provider, headers = "gitlab", ["X-Gitlab-Event: Push Hook", "Idempotency-Key: {id}", f"X-Gitlab-Token: {SECRET}"]


class Basic(Scheme):
    provider, secret, options = "basic", f"bench:{SECRET}", {"id": "body:/id"}
    headers = ["Authorization: Basic " + b64(secret.encode()).decode()]


class Ed25519(Scheme):
    provider, tolerance, rate = "discord", "1h", 20000
    headers = ["X-Signature-Ed25519: {signature}", "X-Signature-Timestamp: {now}"]

    def prepare(self):
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.secret = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()

    def sign(self, body, ident):
        return self.key.sign(b"%d%s" % (self.now, body)).hex().encode()


class EcdsaP256(Scheme):
    provider, tolerance, rate = "sendgrid", "1h", 20000
    headers = ["X-Twilio-Email-Event-Webhook-Signature: {signature}", "X-Twilio-Email-Event-Webhook-Timestamp: {now}"]

    def prepare(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.secret = "".join(pem(self.key).splitlines()[1:-1])

    def sign(self, body, ident):
        """DER, of 68 to 72 bytes: nearly all are 96 characters, and the others are made anew."""
        while True:
            signature = b64(self.key.sign(b"%d%s" % (self.now, body), ec.ECDSA(hashes.SHA256())))
            if len(signature) == 96:
                return signature


class RsaSha256(Scheme):
    provider, rate, headers = "adobe-commerce", 12000, ["x-adobe-commerce-webhook-signature: {signature}"]

    def prepare(self):
        self.key = rsa.generate_private_key(65537, 2048)
        self.secret = pem(self.key)

    def sign(self, body, ident):
        return b64(self.key.sign(b64(body), padding.PKCS1v15(), hashes.SHA256()))


class JwtHs256(Scheme):
    provider, headers = "qstash", ["Upstash-Message-Id: msg_{id}", "Upstash-Signature: {signature}"]

    def sign(self, body, ident):
        claims = {"iss": "Upstash", "sub": self.url().decode(), "exp": self.now + 3600, "nbf": self.now, "iat": self.now,
                  "jti": f"jwt_{ident.decode()}", "body": base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()}
        text = b64url(b'{"alg":"HS256","typ":"JWT"}') + b"." + b64url(json.dumps(claims).encode())
        return text + b"." + b64url(hmac.digest(SECRET.encode(), text, "sha256"))


class JwtEs256(Scheme):
    provider, tolerance, rate, headers = "plaid", "1h", 20000, ["Plaid-Verification: {signature}"]

    def prepare(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.secret = pem(self.key)

    def sign(self, body, ident):
        claims = {"iat": self.now, "request_body_sha256": hashlib.sha256(body).hexdigest()}
        text = b64url(b'{"alg":"ES256","kid":"bench","typ":"JWT"}') + b"." + b64url(json.dumps(claims).encode())
        r, s = utils.decode_dss_signature(self.key.sign(text, ec.ECDSA(hashes.SHA256())))
        return text + b"." + b64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


class Plugin(Scheme):
    provider, headers = "twilio", ["X-Twilio-Signature: {signature}", "I-Twilio-Idempotency-Token: {id}"]
    type = "application/x-www-form-urlencoded; charset=UTF-8"

    def prepare(self):
        self.body = urllib.parse.urlencode(SMS).encode()
        self.parts = (self.url() + b"".join(name.encode() + SMS[name].encode() for name in sorted(SMS))).split(ZEROS)

    def sign(self, body, ident):
        return b64(hmac.digest(SECRET.encode(), ident.join(self.parts), "sha1"))


# By the names that --only knows; hmac-sha256 is Stripe's, the row `hookgate`.
SCHEMES = {
    "hmac-sha1": HmacSha1,
    "hmac-sha512": HmacSha512,
    "standard-webhooks": StandardWebhooks,
    "sha256": Sha256,
    "token": Token,
    "basic": Basic,
    "ed25519": Ed25519,
    "ecdsa-p256": EcdsaP256,
    "rsa-sha256": RsaSha256,
    "jwt-hs256": JwtHs256,
    "jwt-es256": JwtEs256,
    "plugin": Plugin,
}
