"""Secrets that a provider hands over in its handshake: kept in Redis and used, until the configuration has one."""

import hashlib
import hmac
import json

import sign
import test_commands
from harness import entries, wait_until

SECRET = "handed-over-0123456789"
KEY = "hookgate:{asana}:learned"
ROUTE = {"name": "asana", "path": "/hooks/asana", "provider": "asana"}


def handshake(secret=SECRET):
    return sign.Delivery("/hooks/asana", [("Content-Type", "application/json"), ("X-Hook-Secret", secret)], b"{}")


def delivery(secret=SECRET):
    body = json.dumps({"events": [{"action": "changed", "resource": {"gid": sign.unique()}}]}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return sign.Delivery("/hooks/asana", [("Content-Type", "application/json"), ("X-Hook-Signature", signature)], body)


def is_lent(gateway):
    wait_until(lambda: gateway.log("deliveries are checked with a secret that a provider handed over: put it into the configuration"),
               "the secret to be used")


def test_is_kept_and_used_by_every_gateway(stack, redis, db):
    route = {**ROUTE, "keep_learned": "on"}
    first, second = stack.gateway(redis, [route]), stack.gateway(redis, [route])
    assert first.deliver(delivery()).outcome() == "signature_mismatch"
    assert first.deliver(handshake()).status == 200
    is_lent(first)
    is_lent(second)
    assert db.get(KEY) == SECRET.encode() and 0 < db.ttl(KEY) <= 7 * 86400
    for gateway in (first, second):
        assert gateway.deliver(delivery()).outcome() == "accepted"
        assert gateway.deliver(delivery("another")).outcome() == "signature_mismatch"
        # Only the first one counts.
        assert gateway.deliver(handshake("another")).outcome() == "signature_missing"
    assert db.get(KEY) == SECRET.encode() and len(entries(db, "asana")) == 2
    assert {entry["secret"] for entry in entries(db, "asana")} == {b"learned"}
    first.reload()
    wait_until(lambda: first.deliver(delivery()).outcome() == "accepted", "the secret to be used after a reload")
    assert SECRET not in first.log_text() + second.log_text()


def test_the_first_of_two_counts(stack, redis, db):
    db.set(KEY, "another", ex=100)
    gateway = stack.gateway(redis, [{**ROUTE, "keep_learned": "on"}])
    is_lent(gateway)
    assert gateway.deliver(handshake()).outcome() == "signature_missing"
    assert gateway.deliver(delivery("another")).outcome() == "accepted"
    assert db.get(KEY) == b"another"


def test_is_not_used_where_the_configuration_has_one(stack, redis, db):
    db.set(KEY, SECRET)
    gateway = stack.gateway(redis, [{**ROUTE, "keep_learned": "on", "secret": "the configuration's"}])
    assert gateway.deliver(delivery("the configuration's")).outcome() == "accepted"
    assert gateway.deliver(delivery()).outcome() == "signature_mismatch"


def test_is_logged_and_not_kept_where_the_route_does_not_say_so(stack, redis, db):
    gateway = stack.gateway(redis, [ROUTE])
    assert gateway.deliver(handshake()).status == 200
    wait_until(lambda: SECRET in gateway.log_text(), "the secret to be logged")
    assert gateway.deliver(delivery()).outcome() == "signature_mismatch"
    assert not db.exists(KEY)


def test_status_shows_it(stack, redis, db):
    db.set(KEY, SECRET)
    gateway = stack.gateway(redis, [{**ROUTE, "keep_learned": "on"}])
    is_lent(gateway)
    done = test_commands.run("status", "-c", gateway.file).ok()
    assert f'asana  "{SECRET}"' in done.out
    shown = json.loads(test_commands.run("status", "-c", gateway.file, "--json").ok().out)
    assert shown["routes"][0]["learned"] == SECRET
