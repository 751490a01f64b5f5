"""What a stream keeps and for how long, and how much may wait in it."""

import collections

import pytest
import sign
from conftest import STRIPE, route
from harness import entries, wait_until

STREAM = "hookgate:{stripe}:events"


def deliver(gateway, count):
    """Delivers so many; the ids."""
    deliveries = [sign.stripe(STRIPE) for _ in range(count)]
    for delivery in deliveries:
        assert gateway.deliver(delivery).outcome() == "accepted"
    return [delivery.id for delivery in deliveries]


def acknowledge(db, group, count):
    read = db.xreadgroup(group, "c", {STREAM: ">"}, count=count)
    assert len(read[0][1]) == count
    db.xack(STREAM, group, *[id for id, _ in read[0][1]])


def test_goes_when_it_is_old_and_acknowledged_by_all(stack, redis, db):
    gateway = stack.gateway(redis, retention="0s")
    ids = deliver(gateway, 6)
    db.xgroup_create(STREAM, "fast", "0")
    db.xgroup_create(STREAM, "slow", "0")
    acknowledge(db, "fast", 6)
    acknowledge(db, "slow", 2)
    wait_until(lambda: entries(db, "stripe").ids() == ids[2:], "what both have acknowledged to go")
    acknowledge(db, "slow", 4)
    wait_until(lambda: not entries(db, "stripe"), "the rest to go")
    assert gateway.metrics().sum("hookgate_trimmed_entries_total") == 6
    # Its mark is another thing, and stays.
    assert db.exists(f"hookgate:{{stripe}}:seen:{ids[0]}")


def test_stays_for_its_time_and_without_a_group(stack, redis, db):
    gateway = stack.gateway(redis, routes=[route("stripe", retention="1h"), route("github", retention="0s")])
    ids = deliver(gateway, 3)
    delivery = sign.github("scenario github secret")
    assert gateway.deliver(delivery).outcome() == "accepted"
    db.xgroup_create(STREAM, "all", "0")
    acknowledge(db, "all", 3)
    # Two rounds over the route with the shortest time: long enough for anything to go that could.
    waited = gateway.metrics
    wait_until(lambda: waited().sum("hookgate_stream_entries", route="github") == 1, "the stream to be looked at")
    gateway.reload()
    wait_until(lambda: waited().sum("hookgate_stream_entries", route="stripe") == 3, "both to be looked at again")
    assert entries(db, "stripe").ids() == ids
    assert len(entries(db, "github")) == 1
    assert gateway.metrics().sum("hookgate_trimmed_entries_total") == 0


@pytest.mark.parametrize("limit", [5, "5KiB"])
def test_a_full_backlog_is_left_with_the_provider(stack, redis, db, limit):
    gateway = stack.gateway(redis, max_backlog=limit)
    outcomes = collections.Counter()

    def full():
        response = gateway.deliver(sign.stripe(STRIPE))
        outcomes[response.outcome()] += 1
        if response.status == 503:
            assert int(response.header("Retry-After")) > 0
        return response.outcome() == "overloaded"

    wait_until(full, "the route to be full")
    assert set(outcomes) == {"accepted", "overloaded"}
    assert len(entries(db, "stripe")) == outcomes["accepted"]
    if limit == 5:
        assert outcomes["accepted"] == 5
    gateway.wait_log("backlog full")
    assert gateway.metrics().sum("hookgate_stream_waiting_entries", route="stripe") >= 1
    db.xgroup_create(STREAM, "workers", "0")
    acknowledge(db, "workers", len(entries(db, "stripe")))
    wait_until(lambda: gateway.deliver(sign.stripe(STRIPE)).outcome() == "accepted", "room again")
    gateway.wait_log("backlog has room again")


def test_two_gateways_keep_one_stream(stack, redis, db):
    gateways = [stack.gateway(redis, retention="0s") for _ in range(2)]
    for gateway in gateways:
        deliver(gateway, 10)
    db.xgroup_create(STREAM, "workers", "0")
    acknowledge(db, "workers", 20)
    wait_until(lambda: not entries(db, "stripe"), "all to go")
    assert sum(gateway.metrics().sum("hookgate_trimmed_entries_total") for gateway in gateways) == 20


def test_redis_away_and_back(stack, redis):
    gateway = stack.gateway(redis, retention="0s", max_backlog=100)
    redis.kill()
    gateway.wait_unready()
    redis.restart()
    gateway.wait_ready()
    db = redis.client()
    deliver(gateway, 3)
    db.xgroup_create(STREAM, "workers", "0")
    acknowledge(db, "workers", 3)
    wait_until(lambda: not entries(db, "stripe"), "all to go")


def test_redis_is_looked_at_again_when_it_is_back(stack):
    """Another Redis may answer at the same place: here the same with other settings."""
    redis = stack.redis(appendonly="yes")
    gateway = stack.gateway(redis, max_backlog=100)
    wait_until(lambda: gateway.metrics().sum("hookgate_redis_connections_ready") == 2, "Redis to be reached")
    redis.client().config_set("maxmemory", 1)
    redis.client().config_set("maxmemory-policy", "allkeys-lru")
    redis.client().client_kill_filter(_type="normal", skipme=True)

    def told():
        return [line["finding"] for line in gateway.log("redis looked at") if line["level"] == "warning"]

    wait_until(lambda: any("allkeys-lru" in text for text in told()), "the log to tell")
    wait_until(lambda: gateway.metrics().sum("hookgate_redis_dangers") >= 2, "the metric to tell")
