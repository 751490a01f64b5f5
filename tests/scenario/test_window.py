"""The replay window: what was acknowledged lately is sent again to a Redis that has lost it, and stands there once."""

import time

import pytest
import sign
from conftest import GITHUB, SLACK, STRIPE, route
from harness import SLOW, Load, entries, wait_until
from test_journal import deliver_kept, ids, journal, wait_drained
from test_redis import check_each_once


def resent(gateway):
    return gateway.metrics().sum("hookgate_replayed_events_total")


def windows(folder):
    return sorted(path.name for path in (folder / "journal").glob("window-*"))


def test_a_redis_that_forgets_all(stack, redis):
    """Without a file of its own, a crash takes everything: the window brings it back."""
    gateway = stack.gateway(redis)
    deliveries = deliver_kept(gateway, 100)
    redis.kill()
    redis.restart()
    wait_until(lambda: len(entries(redis.client(), "stripe")) >= 100, "the window to be sent again")
    wait_until(lambda: resent(gateway) == 100, "all workers to be done")
    assert sorted(entries(redis.client(), "stripe").ids()) == sorted(ids(deliveries))
    assert gateway.metrics().sum("hookgate_replayed_missing_total") == 100
    assert gateway.deliver(deliveries[50]).outcome() == "duplicate"


def test_a_redis_that_forgets_nothing(stack):
    """What it has is not there twice."""
    redis = stack.redis(appendonly="yes", appendfsync="always")
    gateway = stack.gateway(redis)
    deliveries = deliver_kept(gateway, 50)
    redis.kill()
    redis.restart(mend=True)
    wait_until(lambda: resent(gateway) == 50, "the window to be sent again")
    assert sorted(entries(redis.client(), "stripe").ids()) == sorted(ids(deliveries))
    assert gateway.metrics().sum("hookgate_replayed_missing_total") == 0


def test_the_same_redis_gets_nothing_twice(stack, redis, db):
    """A connection that is lost is no crash of Redis."""
    gateway = stack.gateway(redis)
    deliver_kept(gateway, 10)
    wait_until(lambda: gateway.metrics().sum("hookgate_redis_connects_total") == 2, "the connections to be counted")
    db.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    wait_until(lambda: gateway.metrics().sum("hookgate_redis_connects_total") == 4, "the workers to connect again")
    deliver_kept(gateway, 10)
    assert resent(gateway) == 0


@pytest.mark.parametrize("with_journal", [False, True], ids=["window", "window-and-journal"])
def test_everysec_and_kills_under_load(stack, folder, with_journal):
    """appendfsync everysec and kill -9: up to a second is lost in Redis, and nothing of what was acknowledged."""
    redis = stack.redis(appendonly="yes", appendfsync="everysec")
    more = {"journal": journal(folder)} if with_journal else {}
    gateway = stack.gateway(redis, ack_deadline="500ms", **more)
    with Load(gateway.address(), lambda: sign.stripe(STRIPE), threads=8) as load:
        for _ in range(3):
            load.wait_more(200)
            redis.kill()
            redis.restart(mend=True)
            wait_until(lambda: gateway.ask("/readyz").status == 200, "the gateway to be ready")
        load.wait_more(100)
    if with_journal:
        wait_drained(gateway)
        assert set(load.statuses()) == {200}
    wait_until(lambda: len(set(ids(load.acknowledged())) - set(entries(redis.client(), "stripe").ids())) == 0,
               "everything acknowledged to be there")
    check_each_once(redis.client(), load.acknowledged())


def test_redis_and_gateway_killed_together(stack, folder, redis):
    gateway = stack.gateway(redis, journal=journal(folder))
    deliveries = deliver_kept(gateway, 100)
    gateway.kill()
    redis.kill()
    redis.restart()
    assert len(windows(folder)) == 2
    gateway.start()
    gateway.wait_log("replay window of the last gateway sent again", events=100, missing=100)
    assert sorted(entries(redis.client(), "stripe").ids()) == sorted(ids(deliveries))
    assert len(windows(folder)) == 4, "those of the gateway before stay for a while"


def test_redis_and_gateway_killed_together_twice(stack, folder, redis):
    """The second time before Redis has on disk what it was sent again."""
    gateway = stack.gateway(redis, journal=journal(folder))
    deliveries = deliver_kept(gateway, 100)
    for times in range(1, 4):
        gateway.kill()
        redis.kill()
        redis.restart()
        gateway.start()
        wait_until(lambda times=times: len(gateway.log("replay window of the last gateway sent again")) == times, "the window to be sent again")
    assert {line["missing"] for line in gateway.log("replay window of the last gateway sent again")} == {100}
    assert sorted(entries(redis.client(), "stripe").ids()) == sorted(ids(deliveries))


def test_the_gateway_killed_and_then_redis(stack, folder, redis):
    """What the gateway before had put there is the next one's business for as long as Redis may forget it."""
    gateway = stack.gateway(redis, journal=journal(folder))
    deliveries = deliver_kept(gateway, 100)
    gateway.kill()
    gateway.start()
    redis.kill()
    redis.restart()
    gateway.wait_log("replay window of the last gateway sent again", events=100, missing=100)
    assert sorted(entries(redis.client(), "stripe").ids()) == sorted(ids(deliveries))


def test_the_gateway_killed_while_it_sends_again(stack, folder):
    """That Redis has not all of it yet, so the gateway that comes after has to send it."""
    redis = stack.redis()
    gateway = stack.gateway(redis, journal=journal(folder))
    deliveries = deliver_kept(gateway, 20)
    redis.kill()
    redis.config["maxmemory"] = "1"
    redis.restart()
    gateway.wait_log("redis back")
    gateway.kill()
    assert entries(redis.client(), "stripe") == []
    redis.client().config_set("maxmemory", 0)
    gateway.start()
    gateway.wait_log("replay window of the last gateway sent again", events=20, missing=20)
    assert sorted(entries(redis.client(), "stripe").ids()) == sorted(ids(deliveries))


def test_only_the_gateway_killed(stack, folder, redis, db):
    """Redis has not been away: nothing is sent again."""
    gateway = stack.gateway(redis, journal=journal(folder), replay_window={"time": "2s"})
    deliver_kept(gateway, 20)
    gateway.kill()
    gateway.start()
    pid = str(gateway.process.pid)
    wait_until(lambda: all(pid in name for name in windows(folder)), "the windows of before to be gone")
    assert len(entries(db, "stripe")) == 20
    assert gateway.log("replay window of the last gateway sent again") == []


def test_what_came_from_the_journal_too(stack, folder, redis):
    """Drained a moment ago, and lost with Redis: it is drained again."""
    gateway = stack.gateway(redis, [route("stripe", ack="journaled")], journal=journal(folder))
    deliveries = deliver_kept(gateway, 50)
    wait_drained(gateway)
    redis.kill()
    redis.restart()
    wait_until(lambda: len(entries(redis.client(), "stripe")) == 50, "the journal to be drained again")
    assert entries(redis.client(), "stripe").ids() == ids(deliveries)


def test_what_is_drained_again_in_several_attempts_counts_once(stack, folder, redis):
    gateway = stack.gateway(redis, [route("stripe", ack="journaled")], journal=journal(folder))
    deliveries = deliver_kept(gateway, 50)
    wait_drained(gateway)
    redis.kill()
    redis.config["maxmemory"] = "1"
    redis.restart()
    db = redis.client()

    def refused():
        # A text or a dict, by the version of the library.
        count = db.info("errorstats").get("errorstat_OOM", "count=0")
        return int(count["count"] if isinstance(count, dict) else count.removeprefix("count="))

    wait_until(lambda: refused() > 100, "several attempts")
    db.config_set("maxmemory", 0)
    wait_until(lambda: len(entries(redis.client(), "stripe")) == 50, "the journal to be drained again")
    wait_drained(gateway)
    assert entries(redis.client(), "stripe").ids() == ids(deliveries)


def test_what_came_from_the_journal_does_not_grow_old_while_redis_is_away(stack, folder, redis):
    """Redis is away for longer than the window is long, and comes back without what was drained just before."""
    gateway = stack.gateway(redis, [route("stripe", ack="journaled")], journal=journal(folder), replay_window={"time": "2s"})
    deliveries = deliver_kept(gateway, 50)
    wait_drained(gateway)
    redis.kill()
    wait_until(lambda: gateway.log("redis away"), "the gateway to see it")
    wait_until(lambda: time.time() > gateway.stderr.stat().st_mtime + 4, "the window to pass")
    redis.restart()
    wait_until(lambda: len(entries(redis.client(), "stripe")) == 50, "the journal to be drained again")
    assert entries(redis.client(), "stripe").ids() == ids(deliveries)


def test_an_id_whose_window_has_passed_is_left_out(stack):
    """Nobody could tell any more whether it is there: better missing from the window than twice in the stream."""
    redis = stack.redis(appendonly="yes", appendfsync="always")
    gateway = stack.gateway(redis, [route("stripe", window="1s"), "github"])
    deliver_kept(gateway, 5)
    redis.kill()
    # Its mark is gone when Redis comes back.
    first = gateway.wait_log("delivery")
    wait_until(lambda: gateway.log("redis away"), "the gateway to see it")
    wait_until(lambda: time.time() > gateway.stderr.stat().st_mtime + 1.5, "the window to pass")
    redis.restart(mend=True)
    wait_until(lambda: sum(line["left_out"] for line in gateway.log("replay window sent again")) == 5, "the window to be looked at")
    assert len(entries(redis.client(), "stripe")) == 5 and first["outcome"] == "accepted"


def test_its_reach(stack, redis):
    gateway = stack.gateway(redis, replay_window={"time": "5s", "size": "1MiB"}, max_body="1MiB")
    wait_until(lambda: gateway.metrics().sum("hookgate_replay_window_seconds") == 5, "the first look")
    assert gateway.metrics().sum("hookgate_replay_window_cut") == 0
    for _ in range(12):
        assert gateway.deliver(sign.stripe(STRIPE, size=150000)).status == 200
    wait_until(lambda: gateway.metrics().sum("hookgate_replay_window_cut") > 0, "the window to be cut short")
    assert gateway.metrics().sum("hookgate_replay_window_seconds") < 5
    assert gateway.wait_log("replay window cut short")["time_ms"] == 5000


def test_none(stack, redis, db):
    gateway = stack.gateway(redis, replay_window={"time": "0s"})
    deliver_kept(gateway, 5)
    redis.kill()
    redis.restart()
    gateway.wait_log("redis back")
    deliveries = deliver_kept(gateway, 1)
    assert entries(redis.client(), "stripe").ids() == ids(deliveries)


def test_a_reload_to_another_redis(stack, folder, redis, db):
    """What the one before has is not sent to the next."""
    other = stack.redis()
    gateway = stack.gateway(redis, ["github", route("stripe", ack="journaled")], journal=journal(folder))
    deliver_kept(gateway, 5)
    assert gateway.deliver(sign.github(GITHUB)).status == 200
    wait_drained(gateway)
    gateway.rewrite(redis={"url": other.url()})
    assert gateway.reload()["event"] == "reloaded"
    gateway.wait_ready()
    deliveries = deliver_kept(gateway, 1)
    wait_drained(gateway)
    assert gateway.deliver(sign.github(GITHUB)).status == 200
    assert entries(other.client(), "stripe").ids() == ids(deliveries)
    assert len(entries(other.client(), "github")) == 1
    assert len(entries(db, "stripe")) == 5 and len(entries(db, "github")) == 1


@pytest.mark.parametrize("killed", [False, True], ids=["redis", "redis-and-gateway"])
def test_what_redis_refuses_for_good_is_kept_until_it_does_not(stack, folder, redis, killed):
    """A Redis in its place, whose key is of another type, say: the others are put, and that one's when it was mended."""
    gateway = stack.gateway(redis, ["stripe", "github", route("slack", ack="journaled")], journal=journal(folder), replay_window={"time": f"{3 * SLOW}s"})
    deliveries = deliver_kept(gateway, 20)
    assert gateway.deliver(sign.github(GITHUB)).status == 200
    if killed:
        gateway.kill()
    redis.kill()
    redis.restart()
    redis.client().set("hookgate:{stripe}:events", "no stream")
    if killed:
        gateway.start()
    line = gateway.wait_log("replay window not all sent")
    assert "WRONGTYPE" in line["reason"]
    wait_until(lambda: len(entries(redis.client(), "github")) == 1, "the other route's event")
    # The journal does not wait for them.
    assert gateway.deliver(sign.slack(SLACK)).status == 200
    wait_drained(gateway)
    assert len(entries(redis.client(), "slack")) == 1
    wait_until(lambda: time.time() > gateway.stderr.stat().st_mtime + 3 * SLOW + 1, "the window to pass")
    redis.client().delete("hookgate:{stripe}:events")
    wait_until(lambda: len(entries(redis.client(), "stripe")) == 20, "the window to be sent again", 20)
    assert sorted(entries(redis.client(), "stripe").ids()) == sorted(ids(deliveries))
