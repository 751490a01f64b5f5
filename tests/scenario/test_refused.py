"""What Redis refuses for good: it is set aside, costs its own route alone, and goes in, in order, when Redis was mended."""

import json
import signal
import subprocess

import pytest
import sign
from conftest import GITHUB, STRIPE, route
from harness import BINARY, SLOW, Load, entries, wait_until
from test_journal import command, deliver_kept, gauge, ids, journal, wait_drained
from test_redis import check_each_once, check_unavailable

BROKEN = "hookgate:{stripe}:events"
JOURNALED = [route("stripe", ack="journaled"), route("github", ack="journaled")]


def broken(stack, folder, routes=tuple(JOURNALED), **config):
    """A gateway whose stripe stream has another type."""
    redis = stack.redis(appendonly="yes", appendfsync="always")
    gateway = stack.gateway(redis, routes, journal=journal(folder), **config)
    redis.client().set(BROKEN, "no stream")
    return redis, gateway


def wait_aside(gateway, count):
    wait_until(lambda: gauge(gateway, "refused_records") == count, f"{count} events to be set aside")


def wait_mended(gateway):
    wait_until(lambda: gauge(gateway, "records") == gauge(gateway, "refused_records") == 0, "everything to be drained", 30)


def deliver_github(gateway, count):
    deliveries = [sign.github(GITHUB) for _ in range(count)]
    for delivery in deliveries:
        assert gateway.deliver(delivery).status == 200
    return deliveries


def test_only_its_own_route_waits(stack, folder):
    redis, gateway = broken(stack, folder)
    db = redis.client()
    sent = deliver_kept(gateway, 5)
    others = deliver_github(gateway, 5)
    wait_drained(gateway)
    wait_aside(gateway, 5)
    assert entries(db, "github").ids() == ids(others)
    sent += deliver_kept(gateway, 5)
    others += deliver_github(gateway, 5)
    wait_aside(gateway, 10)
    wait_drained(gateway)
    assert entries(db, "github").ids() == ids(others)
    [line] = gateway.log("redis refuses a route's events")
    assert line["route"] == "stripe" and "WRONGTYPE" in line["reason"]
    assert gauge(gateway, "set_aside_total") == 10
    db.delete(BROKEN)
    wait_mended(gateway)
    assert entries(db, "stripe").ids() == ids(sent) and entries(db, "github").ids() == ids(others)
    gateway.wait_log("refused events drained", records=10)
    # And what comes now goes its usual way; the next time is told of again.
    sent += deliver_kept(gateway, 1)
    wait_until(lambda: entries(db, "stripe").ids() == ids(sent), "the stream to go on")
    assert gauge(gateway, "set_aside_total") == 10
    db.rename(BROKEN, "moved")
    db.set(BROKEN, "no stream")
    deliver_kept(gateway, 1)
    wait_aside(gateway, 1)
    assert len(gateway.log("redis refuses a route's events")) == 2
    db.rename("moved", BROKEN)


LAYOUT = "hookgate:{stripe}:partitions"


@pytest.mark.parametrize("ordered", [False, True], ids=["", "ordered"])
@pytest.mark.parametrize("partitions", [2, None], ids=["split", "whole"])
def test_a_layout_that_cannot_be_used(stack, folder, partitions, ordered):
    """What another version wrote; known at the start, or learned when a put is refused."""
    redis = stack.redis(appendonly="yes", appendfsync="always")
    db = redis.client()
    db.set(LAYOUT, "of another version")
    db.set("hookgate:{stripe}:closed:0", 1)
    more = {"partitions": partitions} if partitions else {}
    routes = [route("stripe", ack="journaled", ordered=ordered, **more), JOURNALED[1]]
    gateway = stack.gateway(redis, routes, journal=journal(folder))
    sent = deliver_kept(gateway, 5)
    others = deliver_github(gateway, 5)
    wait_drained(gateway)
    wait_aside(gateway, 5)
    assert entries(db, "github").ids() == ids(others)
    [line] = gateway.log("redis refuses a route's events")
    assert line["route"] == "stripe" and "another version" in line["reason"]
    db.delete(LAYOUT, "hookgate:{stripe}:closed:0")
    wait_mended(gateway)
    found = {n: entries(db, n).ids() for n in ("stripe", "stripe.0", "stripe.1")}
    assert sorted(sum(found.values(), [])) == sorted(ids(sent))
    assert bool(found["stripe"]) == (not partitions)


@pytest.mark.parametrize("partitions", [2, None], ids=["split", "whole"])
def test_a_layout_that_cannot_be_used_by_the_window(stack, folder, partitions):
    """Redis comes back empty, and with such a layout: the other routes' events are all sent again."""
    redis = stack.redis()
    more = {"partitions": partitions} if partitions else {}
    gateway = stack.gateway(redis, [route("stripe", **more), "github"], journal=journal(folder), replay_window={"time": "60s"})
    # In turn, so that it does not matter whose stand first.
    sent, others = [], []
    for _ in range(100):
        sent.append(sign.stripe(STRIPE))
        others.append(sign.github(GITHUB))
        assert gateway.deliver(sent[-1]).status == gateway.deliver(others[-1]).status == 200
    gateway.kill()
    redis.kill()
    redis.restart()
    db = redis.client()
    db.set(LAYOUT, "of another version")
    db.set("hookgate:{stripe}:closed:0", 1)
    gateway.start()
    wait_until(lambda: sorted(entries(db, "github").ids()) == sorted(ids(others)), "the other route's events")
    line = gateway.wait_log("replay window not all sent")
    assert "another version" in line["reason"] and line["refused"] == 100
    assert not gateway.log("replay window of the last gateway sent again")
    db.delete(LAYOUT, "hookgate:{stripe}:closed:0")
    gateway.wait_log("replay window of the last gateway sent again", missing=200)
    assert sorted(sum((entries(db, n).ids() for n in ("stripe", "stripe.0", "stripe.1")), [])) == sorted(ids(sent))


def test_a_right_that_is_lacking(stack, folder, redis, db):
    """Of one route's keys, though all go by one connection."""
    user = ["ACL", "SETUSER", "hook", "on", ">scenario-acl-word", "+@all"]
    db.execute_command(*user, "~hookgate:{github}:*")
    gateway = stack.gateway(redis.url(user="hook", password="scenario-acl-word"), JOURNALED, journal=journal(folder))
    gateway.hidden.add("scenario-acl-word")
    sent, others = deliver_kept(gateway, 20), deliver_github(gateway, 20)
    wait_drained(gateway)
    wait_aside(gateway, 20)
    assert entries(db, "github").ids() == ids(others)
    [line] = gateway.log("redis refuses a route's events")
    assert "NOPERM" in line["reason"]
    db.execute_command(*user, "~hookgate:{stripe}:*")
    wait_mended(gateway)
    assert entries(db, "stripe").ids() == ids(sent)


def test_taken_while_redis_was_away(stack, folder):
    """Not by `ack: journaled`: taken in Redis' absence, and its stream is broken when that is back."""
    redis, gateway = broken(stack, folder, routes=["stripe", "github"])
    redis.kill()
    wait_until(lambda: gateway.log("redis away"), "the gateway to see that Redis is away")
    sent, others = deliver_kept(gateway, 10), deliver_github(gateway, 10)
    redis.restart(mend=True)
    wait_drained(gateway)
    wait_aside(gateway, 10)
    db = redis.client()
    assert entries(db, "github").ids() == ids(others)
    gateway.wait_log("redis back")
    # Nothing new is promised meanwhile.
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))
    db.delete(BROKEN)
    wait_mended(gateway)
    assert entries(db, "stripe").ids() == ids(sent)


def test_ordered_queues_behind_it(stack, folder):
    redis, gateway = broken(stack, folder, routes=[route("stripe", ordered="on"), "github"])
    redis.kill()
    wait_until(lambda: gateway.log("redis away"), "the gateway to see that Redis is away")
    sent = deliver_kept(gateway, 20)
    redis.restart(mend=True)
    wait_aside(gateway, 20)
    gateway.wait_log("redis back")
    sent += deliver_kept(gateway, 5)
    redis.client().delete(BROKEN)
    for _ in range(10):
        sent += deliver_kept(gateway, 5)
    wait_mended(gateway)
    sent += deliver_kept(gateway, 5)
    wait_mended(gateway)
    assert entries(redis.client(), "stripe").ids() == ids(sent)


def test_killed_at_moments_between(stack, folder):
    """And with the moment of mending among them."""
    redis, gateway = broken(stack, folder, replay_window={"time": "2s"})
    db = redis.client()
    sent, others = [], []
    for moment in range(8):
        sent += deliver_kept(gateway, 7)
        others += deliver_github(gateway, 3)
        if moment in (1, 3, 5):
            wait_until(lambda: gauge(gateway, "refused_records") > 0, "something to be set aside")
        if moment == 6:
            db.delete(BROKEN)
        gateway.kill()
        gateway.start()
    wait_mended(gateway)
    assert entries(db, "stripe").ids() == ids(sent)
    assert sorted(entries(db, "github").ids()) == sorted(ids(others))


def test_redis_and_gateway_killed_after_mending(stack, folder, redis):
    """What was drained from there a moment ago, and lost with Redis, is drained again."""
    gateway = stack.gateway(redis, JOURNALED, journal=journal(folder))
    redis.client().set(BROKEN, "no stream")
    sent = deliver_kept(gateway, 30)
    wait_aside(gateway, 30)
    redis.client().delete(BROKEN)
    wait_mended(gateway)
    gateway.kill()
    redis.kill()
    redis.restart()
    gateway.start()
    wait_until(lambda: len(entries(redis.client(), "stripe")) == 30, "all to be there again")
    wait_mended(gateway)
    assert entries(redis.client(), "stripe").ids() == ids(sent)


def test_under_load(stack, folder):
    redis, gateway = broken(stack, folder, routes=["github", route("stripe", ack="journaled")])
    db = redis.client()
    with Load(gateway.address(), lambda: sign.stripe(STRIPE), threads=4) as load, \
            Load(gateway.address(), lambda: sign.github(GITHUB), threads=4) as other:
        for _ in range(2):
            load.wait_more(100)
            redis.kill()
            load.wait_more(100)
            redis.restart(mend=True)
            other.wait_more(100)
            gateway.kill()
            gateway.start("listening")
        load.wait_more(100)
        db.delete(BROKEN)
        load.wait_more(100)
    wait_mended(gateway)
    check_each_once(db, load.acknowledged())
    wait_until(lambda: set(ids(other.acknowledged())) <= set(entries(db, "github").ids()), "the other route's to be there")
    found = entries(db, "github").ids()
    assert len(found) == len(set(found))


def test_full(stack, folder):
    """Where no more can be set aside the journal waits, as it would without; nothing is dropped."""
    redis, gateway = broken(stack, folder, replay_window={"time": "1s"})
    gateway.stop()
    gateway.rewrite(journal=journal(folder, max_size="1MiB"))
    gateway.start()
    kept = []

    def refused():
        delivery = sign.stripe(STRIPE, size=100000)
        kept.extend([delivery] * (gateway.deliver(delivery).status == 200))
        return len(kept) > 12 and gateway.log("journal waits") and gateway.log("journal full", dir=str(folder / "journal"))

    wait_until(refused, "both to be full")
    assert "is full" in gateway.log("journal waits")[0]["reason"]
    redis.client().delete(BROKEN)
    wait_mended(gateway)
    found = entries(redis.client(), "stripe").ids()
    assert found == ids(kept)


def test_handed_over(stack, folder):
    redis, gateway = broken(stack, folder)
    sent = deliver_kept(gateway, 10)
    wait_aside(gateway, 10)
    gateway.hand_over()
    try:
        wait_until(lambda: len(gateway.log("journal ready")) == 2, "both folders to be handed over")
        # Those that the first had set aside a moment ago are counted twice.
        wait_until(lambda: gauge(gateway, "refused_records") >= 10, "10 events to be set aside")
        sent += deliver_kept(gateway, 5)
        redis.client().delete(BROKEN)
        wait_mended(gateway)
        assert entries(redis.client(), "stripe").ids() == ids(sent)
    finally:
        gateway.signal(signal.SIGTERM)
    gateway.wait_end()


def test_a_route_whose_hash_is_the_same(stack, folder):
    """The journal takes two such for each other; Redis takes the events of one of them."""
    names = same_slot()
    routes = [route("stripe", name=name, path=f"/hooks/{name}", ack="journaled") for name in names]
    redis = stack.redis()
    gateway = stack.gateway(redis, routes, journal=journal(folder))
    db = redis.client()
    db.set(f"hookgate:{{{names[0]}}}:events", "no stream")

    def deliver(name):
        assert gateway.deliver(sign.stripe(STRIPE, path=f"/hooks/{name}")).status == 200

    deliver(names[0])
    wait_aside(gateway, 1)
    deliver(names[1])
    wait_drained(gateway)
    assert len(entries(db, names[1])) == 1
    # Also when it is known from the folder alone.
    gateway.kill()
    gateway.start()
    deliver(names[1])
    wait_drained(gateway)
    assert len(entries(db, names[1])) == 2
    assert gauge(gateway, "refused_records") >= 1


def same_slot():
    seen = {}
    for i in range(100000):
        name, h = f"r{i}", 0xcbf29ce484222325
        for byte in name.encode():
            h = (h ^ byte) * 0x100000001b3 % 2**64
        slot = (h ^ h >> 32) % 2**32 % 1024
        if slot in seen:
            return seen[slot], name
        seen[slot] = name
    raise AssertionError


def test_the_command(stack, folder):
    redis, gateway = broken(stack, folder)
    sent = deliver_kept(gateway, 3)
    wait_aside(gateway, 3)
    status = subprocess.run([BINARY, "status", "-c", gateway.file], capture_output=True, text=True, check=False).stdout
    assert "REDIS REFUSES 3 events" in status, status
    status = subprocess.run([BINARY, "status", "-c", gateway.file, "--json"], capture_output=True, check=False).stdout
    assert json.loads(status)["journal"]["refused"] == 3
    gateway.kill()
    listed = [json.loads(line) for line in command(gateway, "list", "--json").stdout.splitlines()]
    refused = [event for event in listed if event["refused"]]
    assert [event["id"] for event in refused] == ids(sent)
    text = command(gateway, "list").stdout.decode()
    assert f"r{refused[1]['number']}  " in text
    shown = json.loads(command(gateway, "show", f"r{refused[1]['number']}", "--json").stdout)
    assert shown["id"] == sent[1].id and shown["refused"]
    assert command(gateway, "show", "r99").returncode == 1 and command(gateway, "show", "r").returncode == 2
    assert b" in " + str(folder / "journal" / "refused").encode() in command(gateway, "verify").stderr
    failed = command(gateway, "drain", "--timeout", f"{2 * SLOW}s")
    assert failed.returncode == 1 and b" events wait still: " in failed.stderr and b"WRONGTYPE" in failed.stderr, failed.stderr
    redis.client().delete(BROKEN)
    drained = command(gateway, "drain", "--json")
    assert drained.returncode == 0 and json.loads(drained.stdout)["drained"] >= 3, drained.stderr
    assert entries(redis.client(), "stripe").ids() == ids(sent)
    assert command(gateway, "list", "--json").stdout == b""
    gateway.start()
