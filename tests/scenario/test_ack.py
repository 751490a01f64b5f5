"""What a 2xx waits for beside Redis: replicas (ack: replicated), the disk (ack: synced). A master and its replicas, all real."""

import re
import subprocess
import threading
import time

import pytest
import sign
import topology
from conftest import STRIPE, route
from harness import BINARY, SLOW, Load, at_once, entries, together, wait_until
from test_journal import journal, wait_drained
from test_partitions import hash_of
from test_redis import check_each_once, check_unavailable


def replicated(replicas=1, name="stripe", timeout="500ms", **more):
    return route("stripe", name=name, path=f"/hooks/{name}", ack="replicated", ack_replicas=replicas, ack_timeout=timeout, **more)


def in_step(master):
    info = master.client().info("replication")
    return sum(1 for key, value in info.items() if re.fullmatch(r"slave\d+", key) and value["state"] == "online")


def with_replicas(stack, count=2, synced=False, **config):
    config = {"repl-diskless-sync-delay": "0", **config}
    master = stack.redis(**config)
    replicas = [stack.redis(replicaof=["127.0.0.1", master.port], **config) for _ in range(count)]
    wait_until(lambda: in_step(master) == count, "the replicas to be in step")
    client = master.client()

    def answer():
        """One that has just been filled is in step, and says nothing of its disk before its file is written anew."""
        client.set("begun", 1, px=1000)
        on_disk = client.execute_command("WAITAOF", 0, count, 200)[1] == count if synced else True
        return on_disk and client.wait(count, 200) == count

    wait_until(answer, "the replicas to answer")
    return master, replicas


def to(path, **changes):
    return sign.stripe(STRIPE, path=f"/hooks/{path}", **changes)


def shortfalls(gateway):
    return gateway.metrics().sum("hookgate_redis_shortfalls_total")


def calls(db, command):
    return db.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]


# ---- replicas ----


def test_each_replica_has_it(stack):
    """When the answer is there, the entry is, on both."""
    master, replicas = with_replicas(stack)
    gateway = stack.gateway(master, [replicated(2)])
    clients = [replica.client() for replica in replicas]
    for count in range(1, 51):
        delivery = sign.stripe(STRIPE)
        assert gateway.deliver(delivery).outcome() == "accepted"
        assert [client.xlen("hookgate:{stripe}:events") for client in clients] == [count, count]
    # So it is for a retry.
    assert gateway.deliver(delivery).outcome() == "duplicate"
    assert gateway.metrics().sum("hookgate_redis_wait_duration_seconds_count") == 51
    assert shortfalls(gateway) == 0
    assert not clients[0].keys("*waited*") or master.client().pttl("hookgate:{stripe}:waited") <= 1000


def test_a_replica_that_stops(stack):
    """Who asks for it is refused in time, a retry too, and nobody else is held up."""
    master, replicas = with_replicas(stack)
    gateway = stack.gateway(master, [replicated(2, "two"), replicated(1, "one"), "github", route("stripe")], workers=1)
    assert gateway.deliver(to("two")).status == 200
    replicas[1].pause()
    delivery = to("two")
    for _ in range(2):
        began = time.monotonic()
        check_unavailable(gateway.deliver(delivery))
        assert 0.4 < time.monotonic() - began < 2 * SLOW
    line = gateway.wait_log("delivery", outcome="store_unavailable")
    assert line["reason"] == "Redis has it, but 1 of 2 replicas had it within 500 ms"
    # It stands once already, and is not known to be as safe as was asked.
    assert entries(master.client(), "two").ids().count(delivery.id) == 1
    # While others wait, whose wait cannot hold ...
    waiting = [threading.Thread(target=gateway.deliver, args=(to("two"),)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    took = []
    for _ in range(50):
        began = time.monotonic()
        assert gateway.deliver(sign.stripe(STRIPE)).outcome() == "accepted"
        took.append(time.monotonic() - began)
    assert sorted(took)[45] < 0.1 * SLOW, "deliveries of a route that does not wait were held up"
    for thread in waiting:
        thread.join()
    assert gateway.deliver(to("one")).outcome() == "accepted"
    replicas[1].resume()
    wait_until(lambda: gateway.deliver(delivery).status == 200, "the replica to come back")
    assert gateway.deliver(delivery).outcome() == "duplicate"
    assert entries(master.client(), "two").ids().count(delivery.id) == 1
    wait_until(lambda: shortfalls(gateway) >= 5, "the shortfalls to be counted")


def test_one_wait_for_many(stack):
    master, _ = with_replicas(stack)
    gateway = stack.gateway(master, [replicated(2, timeout="5s")], workers=1, ack_deadline="10s")
    db = master.client()
    deliveries = [sign.stripe(STRIPE) for _ in range(200)]
    before = calls(db, "wait")
    assert {response.outcome() for response in together(gateway, deliveries)} == {"accepted"}
    waits = calls(db, "wait") - before
    assert 0 < waits < len(deliveries) / 3, f"{waits} waits for {len(deliveries)} events"
    check_each_once(db, deliveries)


def test_the_master_is_killed(stack):
    """kill -9 of the master under load; of what had a 2xx, a replica that takes over lacks nothing."""
    master, replicas = with_replicas(stack)
    gateway = stack.gateway(master, [replicated(2, timeout="1s")])
    with Load(gateway.address(), lambda: sign.stripe(STRIPE)) as load:
        load.wait_more(500)
        master.kill()
        gateway.wait_unready()
    acknowledged = load.acknowledged()
    assert len(acknowledged) >= 500
    for replica in replicas:
        replica.client().replicaof("no", "one")
        check_each_once(replica.client(), acknowledged)


# ---- with a journal ----


def test_the_journal_stands_in(stack, folder):
    master, replicas = with_replicas(stack, 1)
    gateway = stack.gateway(master, [replicated(), "github"], journal=journal(folder), replay_window={"time": "0s"})
    replicas[0].pause()
    deliveries = [sign.stripe(STRIPE) for _ in range(5)]
    responses = at_once([lambda d=d: gateway.deliver(d) for d in deliveries])
    assert {(response.status, response.outcome()) for response in responses} == {(200, "accepted")}
    line = gateway.wait_log("delivery", outcome="accepted")
    assert line["reason"] == "kept in the journal: Redis has it, but 0 of 1 replicas had it within 500 ms"
    # They stand in Redis; the journal does not forget them as long as they stand nowhere else.
    wait_drained(gateway)
    gateway.wait_log("journal keeps what redis has")
    assert not gateway.log("journal drained")
    check_each_once(master.client(), deliveries)
    replicas[0].resume()
    gateway.wait_log("journal drained")
    assert sorted(entries(replicas[0].client(), "stripe").ids()) == sorted(d.id for d in deliveries)
    check_each_once(master.client(), deliveries)


def test_the_journal_keeps_what_no_replica_has(stack, folder):
    """Gateway and master are killed, the master comes back empty: what only the master had comes out of the journal again."""
    master, replicas = with_replicas(stack, 1)
    gateway = stack.gateway(master, [replicated()], journal=journal(folder), replay_window={"time": "0s"})
    replicas[0].pause()
    deliveries = [sign.stripe(STRIPE) for _ in range(5)]
    responses = at_once([lambda d=d: gateway.deliver(d) for d in deliveries])
    assert {response.status for response in responses} == {200}
    wait_drained(gateway)
    gateway.wait_log("journal keeps what redis has")
    gateway.kill()
    replicas[0].kill()
    master.kill()
    master.restart()
    assert entries(master.client(), "stripe").ids() == []
    gateway.start()
    wait_until(lambda: len(entries(master.client(), "stripe")) == 5, "the journal to be drained again")
    check_each_once(master.client(), deliveries)


def test_the_journal_command_waits_too(stack, folder):
    """`hookgate journal drain` says so when what it has put is on no replica, and forgets nothing."""
    master, replicas = with_replicas(stack, 1)
    gateway = stack.gateway(master, [replicated()], journal=journal(folder))
    replicas[0].pause()
    delivery = sign.stripe(STRIPE)
    assert gateway.deliver(delivery).status == 200
    gateway.kill()

    def drain():
        return subprocess.run([BINARY, "journal", "-c", str(gateway.file), "drain", "--timeout", "3s"], capture_output=True,
                              text=True, check=False)

    first = drain()
    assert first.returncode == 1, first
    assert "kept in the journal: Redis has it, but 0 of 1 replicas" in first.stderr, first
    replicas[0].resume()
    second = drain()
    assert second.returncode == 0, second
    assert entries(replicas[0].client(), "stripe").ids() == [delivery.id]


def test_the_window_waits_too(stack):
    """What is sent again to a Redis that has lost it is on its replicas before the run is over."""
    master, replicas = with_replicas(stack, 1)
    gateway = stack.gateway(master, [replicated()], workers=1)
    delivery = sign.stripe(STRIPE)
    assert gateway.deliver(delivery).status == 200
    # Both come back empty, the replica stopped.
    replicas[0].kill()
    master.kill()
    master.restart()
    wait_until(lambda: entries(master.client(), "stripe").ids() == [delivery.id], "the window to be sent again")
    time.sleep(1)
    assert not gateway.log("replay window sent again"), "the run is over, and no replica has it"
    replicas[0].restart()
    gateway.wait_log("replay window sent again")
    assert entries(replicas[0].client(), "stripe").ids() == [delivery.id]


# ---- what is said of a Redis that cannot ----


def check(gateway, *options):
    return subprocess.run([BINARY, "check", "-c", str(gateway.file), "--redis", *options], capture_output=True, text=True, check=False)


def test_too_few_replicas_at_the_start(stack):
    master, replicas = with_replicas(stack, 1, appendonly="yes", appendfsync="always")
    gateway = stack.gateway(master, [replicated(2)])
    line = gateway.wait_log("redis looked at", level="warning")
    assert line["finding"].startswith("it has 1 replica in step, and route stripe waits for 2")
    wait_until(lambda: gateway.metrics().sum("hookgate_redis_dangers") >= 1, "the danger to be counted")
    said = check(gateway)
    assert said.returncode == 0 and "warning: it has 1 replica in step" in said.stderr, said
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))
    # One more is enough, with nothing said to the gateway.
    stack.redis(replicaof=["127.0.0.1", master.port])
    wait_until(lambda: gateway.deliver(sign.stripe(STRIPE)).status == 200, "the second replica to count")
    gateway.stop()
    gateway.rewrite(redis={"url": master.url(), "require": "durable"})
    replicas[0].kill()
    wait_until(lambda: in_step(master) == 1, "the master to see that one is gone")
    gateway.start(ready=None)
    gateway.wait_end()
    assert gateway.process.returncode == 1


def test_a_level_changed_by_reload(stack):
    master, replicas = with_replicas(stack, 1)
    gateway = stack.gateway(master, [route("stripe")])
    replicas[0].pause()
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    gateway.rewrite(routes=[replicated()])
    gateway.reload()
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))
    gateway.rewrite(routes=[route("stripe")])
    gateway.reload()
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200


SYNCED = {"ack": "synced"}


def refused_start(gateway, reason):
    gateway.wait_end()
    assert gateway.process.returncode == 1
    assert reason in gateway.log_text(), gateway.log_text()
    said = check(gateway)
    assert said.returncode == 1 and f"redis: error: {reason}" in said.stderr, said


@pytest.mark.waitaof(False)
def test_synced_where_it_cannot_be(stack, redis):
    gateway = stack.gateway(redis, [route("stripe", **SYNCED)], ready=None)
    refused_start(gateway, "ack: synced needs WAITAOF, which this Redis does not know")


@pytest.mark.waitaof(False)
def test_synced_behind_the_gateways_back(stack, redis):
    """Redis was away when the gateway was started, and is one that cannot; the other routes go on."""
    redis.kill()
    gateway = stack.gateway(redis, [route("stripe", **SYNCED), "github"], ready="listening")
    redis.restart()
    gateway.wait_ready()
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))
    line = gateway.wait_log("delivery", route="stripe", outcome="store_unavailable")
    wait_until(lambda: [line for line in gateway.log("delivery", route="stripe") if "needs WAITAOF" in line["reason"]]
               or gateway.deliver(sign.stripe(STRIPE)) is None, "the reason to be said")
    assert line["level"] == "warning"
    wait_until(lambda: gateway.metrics().sum("hookgate_redis_dangers") >= 1, "the danger to be counted")


@pytest.mark.waitaof(True)
def test_synced_without_an_append_only_file(stack, redis):
    gateway = stack.gateway(redis, [route("stripe", **SYNCED)], ready=None)
    refused_start(gateway, "ack: synced needs an append-only file, and this Redis has none: set appendonly yes")


@pytest.mark.waitaof(True)
def test_synced_is_on_disk(stack):
    redis = stack.redis(appendonly="yes", appendfsync="always")
    gateway = stack.gateway(redis, [route("stripe", **SYNCED)], replay_window={"time": "0s"})
    deliveries = [sign.stripe(STRIPE) for _ in range(200)]
    assert {response.outcome() for response in together(gateway, deliveries)} == {"accepted"}
    assert 0 < calls(redis.client(), "waitaof") < 100
    redis.kill()
    redis.restart()
    check_each_once(redis.client(), deliveries)


@pytest.mark.waitaof(True)
def test_synced_once_a_second(stack):
    """appendfsync everysec: it takes a while, and is one sync for all that came meanwhile."""
    redis = stack.redis(appendonly="yes", appendfsync="everysec")
    gateway = stack.gateway(redis, [route("stripe", **SYNCED, ack_deadline="5s", ack_timeout="2500ms")], workers=1)
    deliveries = [sign.stripe(STRIPE) for _ in range(800)]
    responses = at_once([lambda d=d: gateway.deliver(d) for d in deliveries])
    assert {response.outcome() for response in responses} == {"accepted"}
    check_each_once(redis.client(), deliveries)


@pytest.mark.waitaof(True)
def test_synced_on_replicas_too(stack):
    master, replicas = with_replicas(stack, 1, synced=True, appendonly="yes", appendfsync="always")
    gateway = stack.gateway(master, [route("stripe", **SYNCED, ack_replicas=1, ack_deadline="4s", ack_timeout="2500ms")])
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    replicas[0].pause()
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))
    line = gateway.wait_log("delivery", outcome="store_unavailable")
    assert line["reason"] == "Redis has it, but 0 of 1 replicas had it on their disks within 2500 ms"


@pytest.mark.waitaof(True)
def test_synced_after_the_file_was_turned_off(stack):
    redis = stack.redis(appendonly="yes", appendfsync="always")
    gateway = stack.gateway(redis, [route("stripe", **SYNCED), "github"], workers=1)
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    redis.client().config_set("appendonly", "no")
    for _ in range(2):
        check_unavailable(gateway.deliver(sign.stripe(STRIPE)))
    refused = wait_until(lambda: (lines := gateway.log("delivery", outcome="store_unavailable")) and len(lines) == 2 and lines,
                         "both to be said")
    assert {line["reason"] for line in refused} == {
        "ack: synced needs an append-only file, and this Redis has none: set appendonly yes"}
    redis.client().config_set("appendonly", "yes")
    wait_until(lambda: gateway.deliver(sign.stripe(STRIPE)).status == 200, "the file to be there again")


# ---- where the master changes ----


def test_sentinels(stack):
    """A switch under load, and no window to make up for it: nothing that had a 2xx is missing on the new master."""
    world = topology.Sentinels(stack)
    gateway = stack.gateway(world.url(), [replicated(1, timeout="1s")], replay_window={"time": "0s"})
    with Load(gateway.address(), lambda: sign.stripe(STRIPE)) as load:
        load.wait_more(300)
        world.master.kill()
        new = world.wait_switch(world.master)
        wait_until(lambda: len(load.acknowledged()) and gateway.log("redis back"), "the gateway to be back")
        load.wait_more(300)
    check_each_once(new.client(), load.acknowledged())
    # The replica that is left is the new master's, and counts.
    wait_until(lambda: gateway.deliver(sign.stripe(STRIPE)).status == 200, "the other replica to follow the new master")


def test_cluster(stack, folder):
    """Each node asks its own replicas; one of them stopped costs the routes of its node alone."""
    cluster = topology.Cluster(folder / "cluster")
    stack.parts.insert(0, cluster)
    cluster.wait_well()
    names = [f"r{i}" for i in range(9)]
    gateway = stack.gateway(cluster.url(), [replicated(1, name) for name in names])
    for name in names:
        assert gateway.deliver(to(name)).outcome() == "accepted"
        assert len(cluster.entries(name)) == 1
    master = cluster.of("r0")
    replica = cluster.replica_of(master)
    replica.pause()
    for name in names:
        assert (gateway.deliver(to(name)).status == 503) == (cluster.of(name) is master), name
    replica.resume()
    wait_until(lambda: gateway.deliver(to("r0")).status == 200, "the replica to come back")


def test_a_change_of_partitions(stack):
    """What closes the former ones is on a replica before others are opened; while none has it, the route waits."""
    master, replicas = with_replicas(stack, 1)
    gateway = stack.gateway(master, [replicated()])
    delivery = sign.stripe(STRIPE)
    assert gateway.deliver(delivery).outcome() == "accepted"
    replicas[0].pause()
    gateway.rewrite(routes=[replicated(partitions=4)])
    gateway.reload()
    line = gateway.wait_log("partitions not known")
    assert line["reason"] == "a change of its partitions waits: Redis has it, but 0 of 1 replicas had it within 500 ms"
    check_unavailable(gateway.deliver(delivery))
    assert not gateway.log("partitions changed")
    replicas[0].resume()
    gateway.wait_log("partitions changed")
    assert replicas[0].client().exists("hookgate:{stripe}:closed:0") == 1
    wait_until(lambda: gateway.deliver(delivery).outcome() == "duplicate", "the retry to be safe")


def to_another_node(cluster, home):
    """A delivery whose partition, of eight, is not there."""
    deliveries = iter(lambda: sign.stripe(STRIPE), None)
    return next(one for one in deliveries if cluster.of(f"stripe.{hash_of(one.id) % 8}") is not home)


@pytest.mark.parametrize("journaled", [False, True], ids=["", "journal"])
def test_what_stands_in_a_former_partition_on_another_node(stack, folder, journaled):
    """A retry is as safe as its route asks where the event stands, and not where it would be put by now."""
    cluster = topology.Cluster(folder / "cluster")
    stack.parts.insert(0, cluster)
    more = {"journal": journal(folder)} if journaled else {}
    gateway = stack.gateway(cluster.url(), [replicated()], replay_window={"time": "0s"}, **more)
    home = cluster.of("stripe")

    def new():
        return to_another_node(cluster, home)

    delivery = new()
    assert gateway.deliver(delivery).outcome() == "accepted"
    gateway.rewrite(routes=[replicated(partitions=8)])
    gateway.reload()
    gateway.wait_log("partitions changed")
    assert gateway.deliver(delivery).outcome() == "duplicate"
    replica = cluster.replica_of(home)
    replica.pause()
    if journaled:
        assert gateway.deliver(delivery).outcome() == "accepted"
        gateway.wait_log("journal keeps what redis has", reason="Redis has it, but 0 of 1 replicas had it within 1000 ms")
    else:
        check_unavailable(gateway.deliver(delivery))
    kept = "kept in the journal: " if journaled else ""
    gateway.wait_log("delivery", reason=f"{kept}Redis has it, but 0 of 1 replicas had it within 500 ms")
    # What is put by now has nothing to do with that replica.
    assert gateway.deliver(new()).outcome() == "accepted"
    assert not gateway.log("journal drained")
    replica.resume()
    if journaled:
        gateway.wait_log("journal drained")
    wait_until(lambda: gateway.deliver(delivery).outcome() == "duplicate", "the replica to come back")
    assert cluster.entries("stripe").ids() == [delivery.id]


def test_the_window_waits_where_it_stands(stack, folder):
    """A run is not over while what it found in a former partition is on no replica there."""
    cluster = topology.Cluster(folder / "cluster")
    stack.parts.insert(0, cluster)
    gateway = stack.gateway(cluster.url(), [replicated()], workers=1, replay_window={"time": "60s"})
    home = cluster.of("stripe")
    delivery = to_another_node(cluster, home)
    assert gateway.deliver(delivery).outcome() == "accepted"
    gateway.rewrite(routes=[replicated(partitions=8)])
    gateway.reload()
    gateway.wait_log("partitions changed")
    cluster.replica_of(home).pause()
    # The third one's end makes it another Cluster.
    there = cluster.of(f"stripe.{hash_of(delivery.id) % 8}")
    third = next(node for node in cluster.nodes[:3] if node not in (home, there))
    third.kill()
    wait_until(lambda: shortfalls(gateway) > 0, "the run to ask for what is not so", 60)
    assert not gateway.log("replay window sent again")
    cluster.nodes[3 + cluster.nodes.index(home)].resume()
    gateway.wait_log("replay window sent again", missing=0)
