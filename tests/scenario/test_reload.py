"""SIGHUP: all of the new configuration, or all of the old."""

import collections
import re
import signal
import time

import sign
import wire
from conftest import GITHUB, STRIPE, route
from harness import BUILD, SLOW, Load, entries, wait_until


def test_a_good_file_under_load(stack, redis, db):
    gateway = stack.gateway(redis)
    with Load(gateway.address(), lambda: sign.stripe(STRIPE)) as load:
        for i in range(10):
            load.wait_more(30)
            gateway.rewrite(routes=[route("stripe"), route("github", name=f"g{i}", path=f"/g{i}")])
            gateway.reload()
            assert gateway.deliver(sign.github(GITHUB, path=f"/g{i}")).status == 200
        load.wait_more(30)
    assert set(load.statuses()) == {200}, collections.Counter(load.statuses())
    assert sorted(entries(db, "stripe").ids()) == sorted(delivery.id for delivery in load.acknowledged())
    # A route that is gone is gone.
    assert gateway.deliver(sign.github(GITHUB, path="/g0")).status == 404


def test_a_broken_file_under_load(stack, redis, db):
    gateway = stack.gateway(redis)
    good = gateway.file.read_text()
    broken = [
        good.replace('"provider": "stripe"', '"provider": "strype"'),
        good.replace('"workers"', '"wrokers"'),
        good[:-20],
        "",
        "\x00\xff",
        good.replace(STRIPE, "env:HOOKGATE_NOT_SET"),
    ]
    with Load(gateway.address(), lambda: sign.stripe(STRIPE)) as load:
        for text in broken:
            load.wait_more(20)
            gateway.file.write_bytes(text.encode("latin-1"))
            before = len(gateway.log("configuration"))
            line = gateway.reload()
            assert line["level"] == "error" and gateway.file.name in line["file"], line
            findings = gateway.log("configuration")[before:]
            assert findings and all(re.match(r".*hookgate\.yaml:\d+:\d+: |.*hookgate\.yaml: ", f["finding"]) for f in findings)
        # The message names the place: "strype" stands on its line of the file.
        gateway.file.write_text(broken[0])
        number = next(n for n, line in enumerate(broken[0].split("\n"), 1) if "strype" in line)
        gateway.reload()
        wait_until(lambda: f"{gateway.file.name}:{number}:" in gateway.log_text(), "file and line in the log")
        assert "routes[0].provider" in gateway.log_text()
        gateway.file.unlink()
        gateway.reload()
        load.wait_more(20)
        gateway.file.write_text(good)
        line = gateway.reload()
        assert line["level"] == "info", line
        load.wait_more(20)
    assert set(load.statuses()) == {200}, collections.Counter(load.statuses())


def test_secrets_are_rotated(stack, redis, db):
    gateway = stack.gateway(redis, [{"name": "stripe", "path": "/hooks/stripe", "provider": "stripe",
                                     "secrets": [{"name": "old", "value": "the old scenario secret"}]}])
    steps = [
        (["old"], [200, 401]),
        (["old", "new"], [200, 200]),
        (["new"], [401, 200]),
    ]
    for names, statuses in steps:
        gateway.rewrite(routes=[{"name": "stripe", "path": "/hooks/stripe", "provider": "stripe", "secrets": [
            {"name": name, "value": f"the {name} scenario secret"} for name in names]}])
        gateway.reload()
        got = [gateway.deliver(sign.stripe(f"the {name} scenario secret")).status for name in ("old", "new")]
        assert got == statuses, names
    assert [entry["secret"] for entry in entries(db, "stripe")] == [b"old", b"old", b"new", b"new"]


def test_a_secret_file_is_read_again(stack, redis, folder):
    secret = folder / "secret"
    secret.write_text("first scenario secret\n")
    gateway = stack.gateway(redis, [route("stripe", secret=f"file:{secret}")])
    gateway.hidden |= {"first scenario secret", "second scenario secret"}
    assert gateway.deliver(sign.stripe("first scenario secret")).status == 200
    secret.write_text("second scenario secret\n")
    assert gateway.deliver(sign.stripe("second scenario secret")).status == 401
    gateway.reload()
    assert gateway.deliver(sign.stripe("second scenario secret")).status == 200
    assert gateway.deliver(sign.stripe("first scenario secret")).status == 401


def test_counters_go_on(stack, redis):
    gateway = stack.gateway(redis)
    for _ in range(3):
        assert gateway.deliver(sign.stripe(STRIPE)).status == 200
        gateway.rewrite(routes=[route("github"), route("stripe")])
        gateway.reload()
    assert gateway.count("accepted", "stripe") == 3


def test_deliveries_in_flight_keep_what_they_began_with(stack, redis, db):
    """The head came under the old configuration, the body under the new one, in which the route's secret is another."""
    gateway = stack.gateway(redis)
    delivery = sign.stripe(STRIPE)
    text = wire.raw(delivery)
    with wire.Connection(gateway.address()) as connection:
        connection.send(wire.raw(sign.stripe(STRIPE)) + text[:-5])
        assert connection.response().status == 200
        wait_for_head(gateway)
        gateway.rewrite(routes=[route("stripe", secret="another scenario secret")])
        gateway.reload()
        assert gateway.deliver(sign.stripe("another scenario secret")).status == 200
        connection.send(text[-5:])
        assert connection.response().status == 200
    assert delivery.id in entries(db, "stripe").ids()


def wait_for_head(gateway):
    """Until a delivery is in flight, as the metrics have it."""
    def in_flight():
        metrics = gateway.metrics()
        return sum(metrics.sum(name) for name in metrics.names() if "in_flight" in name) >= 1
    wait_until(in_flight, "a delivery to be in flight")


def test_another_redis(stack, redis, db):
    other = stack.redis()
    gateway = stack.gateway(redis)
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    gateway.rewrite(redis={"url": other.url()})
    gateway.reload()
    wait_until(lambda: gateway.deliver(sign.stripe(STRIPE)).status == 200 and entries(other.client(), "stripe"),
               "deliveries to go to the other Redis")
    assert len(entries(db, "stripe")) >= 1


def test_to_an_embedded_redis_and_back_takes_a_restart(folder, stack, redis, db):
    """There is none to go to, so the gateway stays where it is, and says why."""
    gateway = stack.gateway(redis)
    gateway.rewrite(redis={"url": f"embedded:{folder}/e"}, max_body=10)
    assert gateway.reload()["event"] == "reload refused"
    assert gateway.log("reload: needs a restart", key="redis.url")
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    embedded = stack.gateway(f"embedded:{folder}/e")
    embedded.rewrite(redis={"url": redis.url()})
    assert embedded.reload()["event"] == "reload refused"
    assert embedded.deliver(sign.stripe(STRIPE)).status == 200
    assert len(entries(db, "stripe")) == 1


def test_many_signals_at_once(stack, redis, db):
    gateway = stack.gateway(redis)
    with Load(gateway.address(), lambda: sign.stripe(STRIPE)) as load:
        for _ in range(50):
            gateway.signal(signal.SIGHUP)
            load.wait_more(2)
    assert set(load.statuses()) == {200}


def test_limits_change_too(stack, redis):
    gateway = stack.gateway(redis, max_body=5000)
    assert gateway.deliver(sign.stripe(STRIPE, size=5001)).status == 413
    gateway.rewrite(max_body=6000)
    gateway.reload()
    assert gateway.deliver(sign.stripe(STRIPE, size=6000)).status == 200
    assert gateway.deliver(sign.stripe(STRIPE, size=6001)).status == 413


def test_ten_thousand_routes_in_a_second(stack, redis):
    """On a release build; the others have their factor."""
    gateway = stack.gateway(redis)
    gateway.rewrite(routes=[route("stripe", name=f"r{i}", path=f"/hooks/{i}") for i in range(10000)])
    began = time.monotonic()
    gateway.reload()
    took = time.monotonic() - began
    assert gateway.deliver(sign.stripe(STRIPE, path="/hooks/9999")).status == 200
    assert took < (2 if BUILD == "release" else 2 * SLOW), took
