"""The journal: Redis away and every delivery is kept; Redis back and each stands in the stream once, in order."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import threading

import pytest
import sign
from conftest import GENERIC, GITHUB, SLACK, STRIPE, ZOOM, knows_waitaof, route
from harness import BINARY, SLOW, Load, at_once, entries, free_port, wait_until
from test_redis import check_each_once, check_unavailable


def journal(folder, **more):
    return {"dir": str(folder / "journal"), **more}


def segments(folder):
    return sorted((folder / "journal").glob("*.journal"))


def gauge(gateway, name):
    return gateway.metrics().sum(f"hookgate_journal_{name}")


def wait_drained(gateway):
    wait_until(lambda: gauge(gateway, "records") == 0, "the journal to be drained")


def deliver_kept(gateway, count):
    """So many deliveries while Redis is away: all are taken."""
    deliveries = [sign.stripe(STRIPE) for _ in range(count)]
    for delivery in deliveries:
        response = gateway.deliver(delivery)
        assert (response.status, response.outcome()) == (200, "accepted")
    return deliveries


def ids(deliveries):
    return [delivery.id for delivery in deliveries]


def without_redis(stack, folder, **config):
    """A gateway whose Redis has been killed."""
    redis = stack.redis(appendonly="yes", appendfsync="always")
    gateway = stack.gateway(redis, journal=journal(folder), **config)
    redis.kill()
    wait_until(lambda: gateway.log("redis away"), "the gateway to see that Redis is away")
    return redis, gateway


def test_redis_away_and_back(stack, folder):
    redis, gateway = without_redis(stack, folder)
    deliveries = deliver_kept(gateway, 50)
    assert gauge(gateway, "records") == 50
    assert gauge(gateway, "oldest_seconds") > 0
    assert gateway.ask("/readyz").status == 200, "the journal stands in for Redis"
    # A retry is taken as well; it is found to be one when it is drained.
    assert gateway.deliver(deliveries[7]).outcome() == "accepted"
    redis.restart(mend=True)
    wait_drained(gateway)
    assert entries(redis.client(), "stripe").ids() == ids(deliveries)
    assert gauge(gateway, "appended_total") == gauge(gateway, "drained_total") == 51
    line = gateway.wait_log("delivery", id=deliveries[0].id)
    assert line["outcome"] == "accepted" and line["reason"].startswith("kept in the journal: ")
    gateway.wait_log("journal drained")
    # And what comes now goes its usual way, once the workers have seen it too.
    gateway.wait_log("redis back")
    assert gateway.deliver(deliveries[3]).outcome() == "duplicate"
    assert gauge(gateway, "appended_total") == 51


def test_an_entry_from_the_journal_is_like_any_other(stack, folder):
    """Every field, byte for byte, whichever way it came."""
    redis = stack.redis()
    gateway = stack.gateway(redis, ["generic", "github"], journal=journal(folder))
    db = redis.client()
    body = bytes(range(256)) * 3
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    extra = [("X-Told", "so"), ("X-Told", "twice"), ("traceparent", trace), ("Content-Type", "text/odd")]

    def deliver():
        assert gateway.deliver(sign.generic("scenario generic secret", body=body), extra=extra).status == 200

    deliver()
    first = entries(db, "generic")[0]
    db.flushall()
    redis.pause()
    deliver()
    redis.resume()
    wait_drained(gateway)
    second = entries(db, "generic")[0]
    assert first.pop("time") <= second.pop("time")
    assert first == second and first["data"] == body


@pytest.mark.parametrize("how", ["oom", "readonly", "stopped"])
def test_redis_there_and_not_taking(stack, folder, how):
    redis = stack.redis()
    gateway = stack.gateway(redis, journal=journal(folder), ack_deadline="300ms")
    db = redis.client()
    if how == "oom":
        db.config_set("maxmemory", 1)
    elif how == "readonly":
        db.replicaof("127.0.0.1", str(free_port()))
    else:
        redis.pause()
    deliveries = deliver_kept(gateway, 10)
    if how == "oom":
        db.config_set("maxmemory", 0)
    elif how == "readonly":
        db.replicaof("NO", "ONE")
    else:
        redis.resume()
    wait_drained(gateway)
    found = entries(db, "stripe").ids()
    assert sorted(found) == sorted(ids(deliveries))


def test_killed_with_a_journal_full_of_events(stack, folder):
    redis, gateway = without_redis(stack, folder)
    deliveries = deliver_kept(gateway, 100)
    gateway.kill()
    assert len(segments(folder)) == 1
    redis.restart(mend=True)
    gateway.start()
    gateway.wait_log("journal holds events", records=100)
    wait_drained(gateway)
    assert entries(redis.client(), "stripe").ids() == ids(deliveries)


def test_a_torn_record_and_a_damaged_one(stack, folder):
    redis, gateway = without_redis(stack, folder)
    deliveries = deliver_kept(gateway, 20)
    gateway.kill()
    [segment] = segments(folder)
    spoilt = bytearray(segment.read_bytes())
    at = spoilt.index(deliveries[5].id.encode())
    spoilt[at] ^= 1
    segment.write_bytes(spoilt[:-10])
    redis.restart(mend=True)
    gateway.start()
    wait_drained(gateway)
    assert entries(redis.client(), "stripe").ids() == [d.id for i, d in enumerate(deliveries) if i not in (5, 19)]
    [line] = gateway.log("journal damaged")
    assert bytes(spoilt[at:at + 20]) in (folder / "journal" / line["copied_to"]).read_bytes()
    assert len(gateway.log("journal: a torn record was cut off")) == 1
    assert gauge(gateway, "damaged_total") == 1 and gauge(gateway, "torn_total") == 1


def test_under_load_while_redis_comes_and_goes(stack, folder):
    """Everything is taken, all of the time."""
    redis = stack.redis(appendonly="yes", appendfsync="always")
    gateway = stack.gateway(redis, journal=journal(folder), ack_deadline="500ms")
    with Load(gateway.address(), lambda: sign.stripe(STRIPE), threads=8) as load:
        for _ in range(3):
            load.wait_more(100)
            redis.kill()
            load.wait_more(100)
            redis.restart(mend=True)
            load.wait_more(100)
            redis.pause()
            load.wait_more(20)
            redis.resume()
    assert set(load.statuses()) == {200}
    wait_drained(gateway)
    check_each_once(redis.client(), load.acknowledged())


def test_gateway_and_redis_killed_under_load(stack, folder):
    redis = stack.redis(appendonly="yes", appendfsync="always")
    gateway = stack.gateway(redis, journal=journal(folder), ack_deadline="500ms")
    with Load(gateway.address(), lambda: sign.stripe(STRIPE), threads=8) as load:
        for _ in range(3):
            load.wait_more(100)
            redis.kill()
            load.wait_more(100)
            gateway.kill()
            gateway.start(ready="listening")
            load.wait_more(50)
            redis.restart(mend=True)
    wait_drained(gateway)
    check_each_once(redis.client(), load.acknowledged())


def test_ended_with_a_journal_that_is_not_drained(stack, folder):
    redis, gateway = without_redis(stack, folder)
    deliveries = deliver_kept(gateway, 10)
    gateway.stop()
    assert gateway.log()[-1]["in_journal"] == 10
    redis.restart(mend=True)
    gateway.start()
    wait_drained(gateway)
    gateway.stop()
    assert entries(redis.client(), "stripe").ids() == ids(deliveries)


def test_ended_while_redis_stands_still(stack, folder):
    """What waits for Redis when the gateway has to end goes into the journal, and is answered 200."""
    redis = stack.redis()
    gateway = stack.gateway(redis, journal=journal(folder), ack_deadline="30s", drain_timeout="500ms")
    redis.pause()
    deliveries = [sign.stripe(STRIPE) for _ in range(10)]
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(at_once([lambda d=d: gateway.deliver(d) for d in deliveries])))
    thread.start()
    wait_until(lambda: gateway.metrics().sum("hookgate_requests_in_flight") == 10, "the deliveries to wait")
    gateway.signal(signal.SIGTERM)
    thread.join(30 * SLOW)
    gateway.wait_end()
    assert [response.status for response in answers] == [200] * 10
    redis.resume()
    gateway.start()
    wait_drained(gateway)
    check_each_once(redis.client(), deliveries)


def test_journaled_first(stack, folder):
    """ack: journaled: on the gateway's disk before the answer, in Redis right after."""
    redis = stack.redis()
    gateway = stack.gateway(redis, [route("stripe", ack="journaled"), "github"], journal=journal(folder))
    deliveries = deliver_kept(gateway, 30)
    assert gateway.deliver(sign.github(GITHUB)).outcome() == "accepted"
    wait_drained(gateway)
    assert gauge(gateway, "appended_total") == 30
    assert entries(redis.client(), "stripe").ids() == ids(deliveries)
    assert "reason" not in gateway.wait_log("delivery", id=deliveries[0].id)


def test_ordered_does_not_overtake(stack, folder):
    """While events of the route wait, new ones queue behind them, though Redis takes them again."""
    redis = stack.redis(appendonly="yes", appendfsync="always")
    gateway = stack.gateway(redis, [route("stripe", ordered="on"), "github"], journal=journal(folder))
    sent = []
    with contextlib.ExitStack() as stop:
        redis.kill()
        wait_until(lambda: gateway.log("redis away"), "the gateway to see that Redis is away")
        sent += deliver_kept(gateway, 200)
        starter = threading.Thread(target=lambda: redis.restart(mend=True))
        starter.start()
        stop.callback(starter.join)
        while gauge(gateway, "records") > 0:
            sent += deliver_kept(gateway, 5)
    sent += deliver_kept(gateway, 5)
    wait_drained(gateway)
    assert entries(redis.client(), "stripe").ids() == ids(sent)


def test_a_route_that_is_gone(stack, folder):
    """What was taken for a route goes to its stream, also when the route is no longer in the configuration."""
    redis, gateway = without_redis(stack, folder, routes=["stripe", "github"])
    deliveries = deliver_kept(gateway, 5)
    gateway.rewrite(routes=[route("github")], redis={"url": redis.url(), "prefix": "other"})
    assert gateway.reload()["event"] == "reloaded"
    redis.restart(mend=True)
    wait_drained(gateway)
    assert entries(redis.client(), "stripe").ids() == ids(deliveries)


def test_one_gateway_per_folder(stack, folder):
    redis = stack.redis()
    gateway = stack.gateway(redis, journal=journal(folder))
    second = stack.gateway(redis, journal=journal(folder), ready=None)
    second.wait_end()
    assert second.process.returncode == 1
    assert "another gateway has it; each needs a folder of its own" in second.log_text()
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200


def test_full(stack, folder):
    redis, gateway = without_redis(stack, folder)
    gateway.stop()
    gateway.rewrite(journal=journal(folder, max_size="1MiB"))
    gateway.start("listening")
    wait_until(lambda: gateway.log("redis away")[1:], "the gateway to see that Redis is away")
    kept = []

    def refused():
        delivery = sign.stripe(STRIPE, size=100000)
        response = gateway.deliver(delivery)
        if response.status == 200:
            kept.append(delivery)
            return None
        return response

    check_unavailable(wait_until(refused, "the journal to be full"))
    assert 5 <= len(kept) <= 12
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))
    assert len(gateway.log("journal full")) == 1, "said once"
    assert gateway.metrics().sum("hookgate_journal_refusals_total", reason="full") >= 2
    assert gauge(gateway, "well") == 0 and gateway.ask("/readyz").status == 503
    redis.restart(mend=True)
    wait_drained(gateway)
    check_each_once(redis.client(), kept)


@pytest.fixture
def small_disk(folder):
    """A file system of 2 MiB, where we may mount one."""
    place = folder / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "hookgate-test", str(place)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
    if done.returncode != 0:
        pytest.fail("needs the right to mount a tmpfs: run as root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_full_disk(stack, folder, small_disk):
    """Never a 2xx for what is not on disk; and it goes on by itself when there is room again."""
    redis, gateway = without_redis(stack, small_disk)
    kept = []

    def refused():
        delivery = sign.stripe(STRIPE, size=100000)
        response = gateway.deliver(delivery)
        kept.extend([delivery] * (response.status == 200))
        return response if response.status != 200 else None

    check_unavailable(wait_until(refused, "the disk to be full"))
    assert len(gateway.log("journal failing")) == 1
    check_unavailable(gateway.deliver(sign.stripe(STRIPE, size=100000)))
    assert gauge(gateway, "well") == 0
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    wait_until(lambda: refused() is None, "the journal to be well again")
    gateway.wait_log("journal well again")
    gateway.kill()
    redis.restart(mend=True)
    gateway.start()
    wait_drained(gateway)
    check_each_once(redis.client(), kept)


def test_read_only_disk(stack, folder, small_disk):
    redis = stack.redis(appendonly="yes", appendfsync="always")
    (small_disk / "journal").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    gateway = stack.gateway(redis, [route("stripe", ack="journaled"), "github"], journal=journal(small_disk))
    assert len(gateway.log("journal failing")) == 1
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))
    assert gateway.deliver(sign.github(GITHUB)).status == 200
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    wait_until(lambda: gateway.deliver(sign.stripe(STRIPE)).status == 200, "the journal to be well again")


def test_a_bad_folder(stack, folder):
    redis = stack.redis()
    gateway = stack.gateway(redis, journal={"dir": "/dev/null/journal"}, ready=None)
    gateway.wait_end()
    assert gateway.process.returncode == 1
    assert "journal.dir /dev/null/journal cannot be made: Not a directory" in gateway.log_text()


def test_handed_over(stack, folder):
    """The gateway that comes after serves while it waits for the journal, and then has it."""
    redis = stack.redis()
    gateway = stack.gateway(redis, [route("stripe", ack="journaled")], journal=journal(folder))
    with Load(gateway.address(), lambda: sign.stripe(STRIPE), threads=8) as load:
        load.wait_more(100)
        first = gateway.process.pid
        gateway.signal(signal.SIGUSR2)
        line = gateway.wait_log("handed over")
        gateway.process.wait(20 * SLOW)
        load.wait_more(100)
    try:
        gateway.wait_log("journal ready")
        wait_drained(gateway)
        assert line["process"] != first
        assert set(load.statuses()) == {200}
        check_each_once(redis.client(), load.acknowledged())
    finally:
        os.kill(line["process"], signal.SIGTERM)
    wait_until(lambda: len(gateway.log("stopped")) == 2, "the second gateway to end")


def command(gateway, *words, **how):
    return subprocess.run([BINARY, "journal", "-c", str(gateway.file), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          **how)


def test_the_command(stack, folder):
    """list, show and verify look into a journal that is in use; drain wants it for itself."""
    redis, gateway = without_redis(stack, folder)
    deliveries = deliver_kept(gateway, 3)
    listed = command(gateway, "list", "--json")
    assert listed.returncode == 0, listed.stderr
    events = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [event["id"] for event in events] == ids(deliveries)
    assert [event["number"] for event in events] == [1, 2, 3] and events[0]["route"] == "stripe"
    text = command(gateway, "list")
    assert deliveries[2].id.encode() in text.stdout and b"3 events in " in text.stderr
    shown = json.loads(command(gateway, "show", "2", "--json").stdout)
    assert base64.b64decode(shown["data_base64"]) == deliveries[1].body and shown["source"] == "/hooks/stripe"
    assert deliveries[1].body in command(gateway, "show", "2").stdout
    assert command(gateway, "show", "9").returncode == 1
    assert command(gateway, "show").returncode == 2 and command(gateway, "lsit").returncode == 2 and command(gateway).returncode == 2
    assert command(gateway, "verify").returncode == 0
    refused = command(gateway, "drain")
    assert refused.returncode == 1 and b"another gateway has it" in refused.stderr
    gateway.kill()
    failed = command(gateway, "drain", "--timeout", "300ms")
    assert failed.returncode == 1 and b"3 events wait still: " in failed.stderr
    redis.restart(mend=True)
    drained = command(gateway, "drain", "--json")
    assert drained.returncode == 0 and json.loads(drained.stdout) == {"drained": 3}, drained.stderr
    assert entries(redis.client(), "stripe").ids() == ids(deliveries)
    assert command(gateway, "list", "--json").stdout == b""
    gateway.start()


def test_the_command_shows_what_is_waited_for(stack, folder):
    asked = [(route("stripe"), sign.stripe(STRIPE), "stored", 0),
             (route("github", ack="replicated", ack_replicas=2), sign.github(GITHUB), "replicated", 2),
             (route("slack", ack="journaled"), sign.slack(SLACK), "stored", 0)]
    if knows_waitaof():
        asked += [(route("generic", ack="synced"), sign.generic(GENERIC), "synced", 0),
                  (route("zoom", ack="synced", ack_replicas=1), sign.zoom(ZOOM), "synced", 1)]
    _, gateway = without_redis(stack, folder, routes=[route for route, *_ in asked])
    for number, (route_of, delivery, level, replicas) in enumerate(asked, 1):
        assert gateway.deliver(delivery).status == 200
        shown = json.loads(command(gateway, "show", str(number), "--json").stdout)
        assert (shown["route"], shown["ack"], shown["ack_replicas"]) == (route_of["name"], level, replicas)
        told = f"ack: {level}" + (f", replicas: {replicas}" if replicas else "")
        assert command(gateway, "show", str(number)).stdout.splitlines()[1] == told.encode()
    gateway.kill()


def test_the_command_tells_what_is_damaged(stack, folder):
    redis, gateway = without_redis(stack, folder)
    deliveries = deliver_kept(gateway, 3)
    gateway.kill()
    [segment] = segments(folder)
    spoilt = bytearray(segment.read_bytes())
    spoilt[spoilt.index(deliveries[1].id.encode())] ^= 1
    segment.write_bytes(spoilt[:-1])
    verified = command(gateway, "verify", "--json")
    assert verified.returncode == 1
    assert [json.loads(line)["is"] for line in verified.stdout.splitlines()] == ["damaged", "torn"]
    assert segment.read_bytes() == spoilt[:-1], "it only looks"
    redis.restart(mend=True)
    gateway.start()


def test_an_event_that_redis_will_never_take(stack, folder):
    """Nothing is promised that cannot be kept."""
    redis = stack.redis()
    gateway = stack.gateway(redis, journal=journal(folder))
    redis.client().set("hookgate:{stripe}:events", "no stream")
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))
    assert gauge(gateway, "appended_total") == 0


def test_status_shows_it(stack, folder):
    """Redis is away, so status fails; what waits is told nevertheless, by the gateway, and without one by the folder."""
    admin = f"127.0.0.1:{free_port()}"
    redis, gateway = without_redis(stack, folder, admin={"listen": admin})

    def status(*options):
        return subprocess.run([BINARY, "status", "-c", gateway.file, *options], capture_output=True, text=True, check=False).stdout

    assert "nothing waits" in status()
    deliver_kept(gateway, 3)
    text = status()
    assert f"Journal {folder / 'journal'}\n  3 events wait for Redis, the oldest for " in text, text
    seen = json.loads(status("--json"))["journal"]
    assert (seen["waiting"], seen["well"]) == (3, True) and seen["bytes"] > 0
    gateway.kill()
    assert "1 file, " in status() and "hookgate journal list" in status()
    seen = json.loads(status("--json"))["journal"]
    assert seen["waiting"] is None and seen["bytes"] > 0
    redis.restart(mend=True)
