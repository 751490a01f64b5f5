"""What `hookgate verify` says of a token that is refused: which claim it was, which algorithm, which key."""

import base64
import hashlib
import hmac
import json
import subprocess

import pytest
from test_commands import run

NOW = 1764000000
SECRET = "a shared secret of the scenario"
BODY = b'{"id":"evt_1"}'
URL = "https://hooks.example.com/hooks/t"


def part(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def shared(claims, secret=SECRET, **header):
    text = part({"alg": "HS256", **header}) + "." + part(claims)
    return text + "." + part(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def fine(**other):
    claims = {"iss": "me", "aud": URL, "iat": NOW, "exp": NOW + 300, "sha": hashlib.sha256(BODY).hexdigest(), **other}
    return {name: value for name, value in claims.items() if value is not None}


class Keys:
    """An RSA pair: the public key in PEM and as a JWK set with a name."""

    def __init__(self, folder):
        self.folder = folder
        self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "private")
        self.pem = self._openssl("pkey", "-in", "private", "-pubout").decode()
        modulus = bytes.fromhex(self._openssl("rsa", "-in", "private", "-noout", "-modulus").decode().strip().partition("=")[2])
        self.jwks = json.dumps({"keys": [{"kty": "RSA", "kid": "one", "use": "sig", "n": part(modulus), "e": "AQAB"}]})

    def _openssl(self, *words, stdin=b""):
        return subprocess.run(["openssl", *words], cwd=self.folder, input=stdin, check=True, capture_output=True).stdout

    def signed(self, claims, **header):
        text = part({"alg": "RS256", **header}) + "." + part(claims)
        return text + "." + part(self._openssl("dgst", "-sha256", "-sign", "private", stdin=text.encode()))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


def judge(folder, token, secret=SECRET, algorithms="HS256"):
    verify = {"algorithm": "jwt", "signature": {"header": "Authorization", "prefix": "Bearer "}, "id": "body:/id",
              "jwt": {"algorithms": algorithms, "claims": {"iss": "me", "aud": "{url}"}, "require": "exp", "max_age": "5m", "leeway": "10s",
                      "body_hash": {"claim": "sha"}}}
    route = {"name": "t", "path": "/hooks/t", "provider": "hmac", "secret": secret, "verify": verify, "public_url": "https://hooks.example.com"}
    file = folder / "c.yaml"
    file.write_text(json.dumps({"listen": "127.0.0.1:1", "redis": {"url": "redis://127.0.0.1:1/0"}, "routes": [route]}))
    raw = b"POST /hooks/t HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token.encode() + b"\r\nContent-Type: application/json\r\n\r\n" + BODY
    return run("verify", "-c", str(file), "--now", str(NOW), "--json", stdin=raw).json()


OLD, WRONG = "timestamp_out_of_tolerance", "signature_mismatch"
CLAIMS = {
    "exp is over": ({"exp": NOW - 60}, OLD, "the token expired 60 s ago (exp)", "claim exp:"),
    "exp is missing": ({"exp": None}, WRONG, "the token's claim exp is missing", "claim exp:    is not there; must be there"),
    "exp is a text": ({"exp": "soon"}, WRONG, "the token's claim exp is no time in seconds", 'claim exp:    "soon"'),
    "nbf is to come": ({"nbf": NOW + 60}, OLD, "the token is only valid in 60 s (nbf)", "s from now"),
    "iat is long ago": ({"iat": NOW - 3600}, OLD, "the token is 3600 s old (iat), 300 s are allowed", "3600 s ago"),
    "iat is to come": ({"iat": NOW + 60}, OLD, "the token was made 60 s in the future (iat)", "claim iat:"),
    "iat is missing": ({"iat": None}, WRONG, "the token does not say when it was made (iat)", ""),
    "another iss": ({"iss": "you"}, WRONG, "the token's claim iss is another than it must be", 'claim iss:    "you"; must be me'),
    "no iss": ({"iss": None}, WRONG, "the token's claim iss is missing", "claim iss:    is not there; must be me"),
    "another aud": ({"aud": "http://hooks.example.com/hooks/t"}, WRONG, "the token's claim aud is another than it must be", "must be " + URL),
    "another body": ({"sha": "00" * 32}, WRONG, "the token was made for another body", ""),
}


@pytest.mark.parametrize("case", list(CLAIMS))
def test_which_claim_it_was(tmp_path, case):
    other, outcome, reason, line = CLAIMS[case]
    said = judge(tmp_path, shared(fine(**other)))
    assert (said["outcome"], said["reason"]) == (outcome, reason)
    assert any(line in text for text in said["explanation"]), said["explanation"]
    assert SECRET not in json.dumps(said)


def test_a_token_that_is_right(tmp_path, keys):
    assert judge(tmp_path, shared(fine()))["outcome"] == "accepted"
    assert judge(tmp_path, keys.signed(fine()), keys.pem, "RS256")["outcome"] == "accepted"
    assert judge(tmp_path, keys.signed(fine(), kid="one"), keys.jwks, "RS256")["outcome"] == "accepted"


def test_which_algorithm_it_was(tmp_path, keys):
    for spelling in ("none", "None", "NONE"):
        token = part({"alg": spelling}) + "." + part(fine()) + "."
        said = judge(tmp_path, token + part(b"x"))
        assert (said["outcome"], said["reason"]) == (WRONG, "the token is signed by nobody (alg none)")
        # As it is written where nobody signs, it is no token at all.
        said = judge(tmp_path, token)
        assert (said["outcome"], said["reason"]) == (WRONG, "the token is signed by nobody: it has no signature")
    said = judge(tmp_path, shared(fine(), alg="HS999"))
    assert said["reason"] == "the token's alg is none that is known here" and "token:        alg HS999" in said["explanation"]
    assert judge(tmp_path, shared(fine(), alg="HS512"))["reason"] == "the token's alg is none of those that this provider uses"
    assert "this provider signs with the shared secret" in judge(tmp_path, keys.signed(fine()))["reason"]


def test_the_public_key_is_no_secret(tmp_path, keys):
    """Algorithm confusion: an HMAC that is keyed with what everybody knows."""
    for secret in (keys.pem, keys.pem.strip(), keys.jwks):
        said = judge(tmp_path, shared(fine(), secret=secret), secret, "RS256")
        assert said["outcome"] == WRONG and "whoever knows the public one can make such a token" in said["reason"]


def test_which_key_it_was(tmp_path, keys):
    said = judge(tmp_path, keys.signed(fine(), kid="two"), keys.jwks, "RS256")
    assert (said["outcome"], said["reason"]) == (WRONG, "the token names a key (kid) that is not among the keys")
    assert "token:        alg RS256, kid two" in said["explanation"]
    token = keys.signed(fine(), kid="one")
    said = judge(tmp_path, token[:-6] + "AAAAAA", keys.jwks, "RS256")
    assert said["reason"] == "no key makes the token's signature right"
    assert token.rpartition(".")[2][:20] not in json.dumps(said)
    assert judge(tmp_path, shared(fine(), secret="another"))["reason"] == "no secret matches the token's signature"


@pytest.mark.parametrize("token, reason", [("a.b", "three parts"), ("YQ.e30.AAAA", "no JSON with an algorithm"), ("a.b.c.d", "three parts"),
                                           (part({"typ": "JWT"}) + ".e30.AAAA", "no JSON with an algorithm")])
def test_what_is_no_token(tmp_path, token, reason):
    said = judge(tmp_path, token)
    assert said["outcome"] == WRONG and reason in said["reason"]
