"""A real Cluster of three masters and three replicas: slots that move, masters that die, and a Cluster that is down, under
load."""

import collections
import contextlib
import itertools
import random
import threading

import pytest
import redis
import sign
import topology
from conftest import STRIPE, route
from harness import SLOW, Load, wait_until
from test_commands import Running, run, write_config
from test_journal import journal, wait_drained

# Their slots: each master has some of them, which the first test makes sure of.
NAMES = [f"r{i}" for i in range(9)]
ROUTES = [route("stripe", name=name, path=f"/hooks/{name}") for name in NAMES]


@pytest.fixture
def cluster(stack, folder):
    cluster = topology.Cluster(folder / "cluster")
    stack.parts.insert(0, cluster)
    return cluster


def serve(stack, cluster, **config):
    return stack.gateway(cluster.url(), **{"routes": ROUTES, "log": {"format": "json", "level": "debug"}, **config})


def deliveries(names=NAMES):
    """Deliveries for each of these routes in turn."""
    numbers = iter(range(10**9))

    def make():
        return sign.stripe(STRIPE, path=f"/hooks/{names[next(numbers) % len(names)]}")

    return make


def of_route(all_of_them, name):
    return [delivery for delivery in all_of_them if delivery.target == f"/hooks/{name}"]


def missing(cluster, acknowledged, names=NAMES):
    """What was answered 2xx and does not stand in its stream; nothing may stand there twice."""
    found = []
    for name in names:
        counted = collections.Counter(cluster.entries(name).ids())
        assert not [id for id, n in counted.items() if n > 1], f"entries of {name} that stand there twice"
        found += [delivery.id for delivery in of_route(acknowledged, name) if not counted[delivery.id]]
    return found


def resent(gateway):
    return gateway.metrics().sum("hookgate_replayed_events_total")


def redirections(gateway, kind):
    return gateway.metrics().sum("hookgate_redis_redirections_total", kind=kind)


def test_deliveries_spread(stack, cluster):
    assert len({cluster.of(name).port for name in NAMES}) == 3, "choose other names"
    gateway = serve(stack, cluster)
    with Load(gateway.address(), deliveries()) as load:
        load.wait_more(900)
    assert set(load.statuses()) == {200}
    assert missing(cluster, load.acknowledged()) == []
    for name in NAMES:
        assert len(cluster.entries(name)) == len(of_route(load.acknowledged(), name))
    again = load.acknowledged()[0]
    assert gateway.deliver(again).outcome() == "duplicate"
    metrics = gateway.metrics()
    assert metrics.sum("hookgate_redis_losses_total") == 0 and metrics.sum("hookgate_redis_refusals_total") == 0
    assert [redirections(gateway, kind) for kind in ("moved", "ask", "tryagain")] == [0, 0, 0]
    assert resent(gateway) == 0


def test_a_slot_moves_under_load(stack, cluster):
    """To and fro, without a journal: what comes meanwhile waits, and every answer is 200."""
    gateway = serve(stack, cluster, ack_deadline="20s")
    slot, home = cluster.slot("hookgate:{r0}:events"), cluster.of("r0")
    other = next(node for node in cluster.nodes[:3] if node is not home)
    with Load(gateway.address(), deliveries(["r0", "r0", "r1", "r2"]), threads=12) as load:
        load.wait_more(300)
        for to in (other, home, other):
            source, to, id = cluster.begin_move(slot, to)
            for _ in range(3):
                cluster.move_keys(slot, source, to, 10)
            while cluster.move_keys(slot, source, to):
                pass
            cluster.end_move(slot, source, to, id)
            load.wait_more(300)
    assert set(load.statuses()) == {200}
    assert cluster.of("r0") is other
    assert missing(cluster, load.acknowledged(), ["r0", "r1", "r2"]) == []


def test_who_is_sent_elsewhere_is_counted(stack, cluster):
    """Whose slot has moved while nobody asked; unless the gateway looks where the slots are in just that moment."""
    gateway = serve(stack, cluster)
    slot, nodes = cluster.slot("hookgate:{r0}:events"), itertools.cycle(cluster.nodes[:3])

    def moved():
        to = next(node for node in nodes if node is not cluster.of("r0"))
        cluster.move(slot, to)
        assert gateway.deliver(sign.stripe(STRIPE, path="/hooks/r0")).outcome() == "accepted"
        return redirections(gateway, "moved") > 0

    wait_until(moved, "an event to be sent elsewhere")


def test_a_slot_that_is_long_on_its_way(stack, folder, cluster):
    """Its route waits in the journal, the others do not."""
    gateway = serve(stack, cluster, ack_deadline="300ms", journal=journal(folder))
    slot, home = cluster.slot("hookgate:{r0}:events"), cluster.of("r0")
    other = next(node for node in cluster.nodes[:3] if node is not home)
    with Load(gateway.address(), deliveries(["r0", "r1", "r2"]), threads=12) as load:
        load.wait_more(300)
        source, to, id = cluster.begin_move(slot, other)
        while cluster.move_keys(slot, source, to):
            pass
        wait_until(lambda: gateway.metrics().sum("hookgate_journal_records") > 20, "the journal to be used")
        load.wait_more(100)
        for kind in ("ask", "tryagain"):
            wait_until(lambda kind=kind: redirections(gateway, kind) > 0, f"{kind} to be counted")
        cluster.end_move(slot, source, to, id)
        load.wait_more(100)
    wait_drained(gateway)
    assert set(load.statuses()) == {200}
    assert missing(cluster, load.acknowledged(), ["r0", "r1", "r2"]) == []
    assert not gateway.log("redis away")


def test_a_master_killed_under_load(stack, folder, cluster):
    gateway = serve(stack, cluster, ack_deadline="500ms", journal=journal(folder))
    victim = cluster.of("r0")
    with Load(gateway.address(), deliveries()) as load:
        load.wait_more(500)
        victim.kill()
        load.wait_more(100)
        wait_until(lambda: cluster.of("r0") not in (victim, None), "the replica to take over", 30)
        gateway.wait_log("redis back")
        load.wait_more(500)
        victim.restart(mend=True)
        cluster.wait_well()
        load.wait_more(200)
    assert set(load.statuses()) == {200}
    wait_drained(gateway)
    wait_until(lambda: missing(cluster, load.acknowledged()) == [], "everything acknowledged to be there")
    assert resent(gateway) > 0


@pytest.mark.parametrize("end", ["master", "master-and-gateway"])
def test_a_failover_to_a_replica_that_lags(stack, folder, cluster, end):
    """What the master had said that it has, and its replica had not: the window brings it back."""
    gateway = serve(stack, cluster, ack_deadline="500ms", journal=journal(folder), replay_window={"time": "2m"})
    victim = cluster.of("r0")
    replica = cluster.replica_of(victim)
    lost = sum(cluster.of(name) is victim for name in NAMES) * 10
    gateway.deliver(sign.stripe(STRIPE, path="/hooks/r0"))
    cluster.cut_off(replica, victim)
    kept = [sign.stripe(STRIPE, path=f"/hooks/{name}") for name in NAMES * 10]
    assert {gateway.deliver(delivery).outcome() for delivery in kept} == {"accepted"}
    if end == "master-and-gateway":
        gateway.kill()
    victim.kill()
    wait_until(lambda: cluster.of("r0") is replica, "the replica to take over", 30)
    if end == "master-and-gateway":
        gateway.start()
        gateway.wait_log("replay window of the last gateway sent again", missing=lost)
    else:
        wait_until(lambda: gateway.metrics().sum("hookgate_replayed_missing_total") == lost, "the window to be sent again")
    assert missing(cluster, kept) == []


def test_a_cluster_that_is_down(stack, cluster):
    gateway = serve(stack, cluster, ack_deadline="500ms")
    assert gateway.deliver(sign.stripe(STRIPE, path="/hooks/r0")).status == 200
    victim = cluster.of("r0")
    elsewhere = next(name for name in NAMES if cluster.of(name) is not victim)
    cluster.replica_of(victim).kill()
    victim.kill()
    refused = wait_until(lambda: (response := gateway.deliver(sign.stripe(STRIPE, path=f"/hooks/{elsewhere}"))).status == 503
                         and response, "the Cluster to be down")
    assert refused.outcome() == "store_unavailable" and refused.header("Retry-After")
    gateway.wait_unready()
    victim.restart(mend=True)
    gateway.wait_ready()
    delivery = sign.stripe(STRIPE, path="/hooks/r0")
    assert gateway.deliver(delivery).status == 200

    def stands():
        # Another node than that one may say for a moment longer that the Cluster is down.
        with contextlib.suppress(redis.exceptions.ResponseError):
            return missing(cluster, [delivery]) == []

    wait_until(stands, "the event to be read")


def test_commands(stack, folder, cluster):
    """consume, status and check find each route's node, and all masters."""
    gateway = serve(stack, cluster)
    config = write_config(folder, cluster, routes=ROUTES)
    kept = {name: sign.stripe(STRIPE, path=f"/hooks/{name}") for name in NAMES}
    for delivery in kept.values():
        assert gateway.deliver(delivery).outcome() == "accepted"
    for name, delivery in kept.items():
        read = run("consume", "-c", config, "--route", name, "--group", "g", "--count", "1").ok().lines()
        assert [line["id"] for line in read] == [delivery.id]
        assert cluster.db(name).xpending(f"hookgate:{{{name}}}:events", "g")["pending"] == 0
    told = run("status", "-c", config, "--json").ok().json()
    assert {one["name"]: one["length"] for one in told["routes"]} == dict.fromkeys(NAMES, 1)
    assert "one of its masters" in run("status", "-c", config).ok().out
    found = run("check", "-c", config, "--redis").ok()
    for node in cluster.nodes[:3]:
        assert f"127.0.0.1:{node.port}: appendfsync is everysec" in found.out + found.err


def test_a_consumer_whose_slot_is_on_its_way(stack, folder, cluster):
    """All of it has gone over already, and the node of before still has the slot: ASK."""
    gateway = serve(stack, cluster)
    config = write_config(folder, cluster, routes=ROUTES)
    delivery = sign.stripe(STRIPE, path="/hooks/r0")
    assert gateway.deliver(delivery).outcome() == "accepted"
    slot, home = cluster.slot("hookgate:{r0}:events"), cluster.of("r0")
    source, to, id = cluster.begin_move(slot, next(node for node in cluster.nodes[:3] if node is not home))
    while cluster.move_keys(slot, source, to):
        pass
    read = run("consume", "-c", config, "--route", "r0", "--group", "g", "--count", "1").ok().lines()
    assert [line["id"] for line in read] == [delivery.id]
    cluster.end_move(slot, source, to, id)


def test_a_consumer_that_waits_while_its_slot_moves(stack, folder, cluster):
    """It is sent to the other node, and goes on there; as it does after a failover."""
    gateway = serve(stack, cluster)
    config = write_config(folder, cluster, routes=ROUTES)
    victim = cluster.of("r0")
    to = next(node for node in cluster.nodes[:3] if node is not victim)
    with Running("consume", "-c", config, "--route", "r0", "--group", "g", "--follow") as consumer:

        def deliver_one():
            delivery = sign.stripe(STRIPE, path="/hooks/r0")
            wait_until(lambda: gateway.deliver(delivery).status == 200, "the delivery to be taken", 30)
            assert consumer.line()["id"] == delivery.id

        deliver_one()
        cluster.move(cluster.slot("hookgate:{r0}:events"), to)
        deliver_one()
        to.kill()
        wait_until(lambda: cluster.of("r0") not in (to, None), "the replica to take over", 30)
        deliver_one()
        assert consumer.end().code == 0


def test_retention(stack, cluster):
    """A stream is trimmed on whatever node it is; what no group has acknowledged stays."""
    gateway = serve(stack, cluster, retention="0s")
    for name in NAMES:
        key = f"hookgate:{{{name}}}:events"
        assert gateway.deliver(sign.stripe(STRIPE, path=f"/hooks/{name}")).outcome() == "accepted"
        cluster.db(name).xgroup_create(key, "g", "0")
        if name != "r0":
            read = cluster.db(name).xreadgroup("g", "c", {key: ">"})
            cluster.db(name).xack(key, "g", *[id for id, _ in read[0][1]])
    wait_until(lambda: all(cluster.entries(name) == [] for name in NAMES[1:]), "what was acknowledged to go")
    assert len(cluster.entries("r0")) == 1


def test_one_shard_that_is_gone(stack, folder):
    """Where a Cluster may be in parts, the routes of the other masters go on, in and out; its own are refused until it is
    back."""
    cluster = topology.Cluster(folder / "cluster", replicas=0, **{"cluster-require-full-coverage": "no"})
    stack.parts.insert(0, cluster)
    gateway = serve(stack, cluster, retention="0s")
    victim = cluster.of("r0")
    gone = [name for name in NAMES if cluster.of(name) is victim]
    others = [name for name in NAMES if name not in gone]
    victim.kill()
    gateway.wait_unready()
    for name in gone:
        assert gateway.deliver(sign.stripe(STRIPE, path=f"/hooks/{name}")).outcome() == "store_unavailable"
    for name in others:
        key = f"hookgate:{{{name}}}:events"
        assert gateway.deliver(sign.stripe(STRIPE, path=f"/hooks/{name}")).outcome() == "accepted"
        cluster.db(name).xgroup_create(key, "g", "0")
        read = cluster.db(name).xreadgroup("g", "c", {key: ">"})
        cluster.db(name).xack(key, "g", *[id for id, _ in read[0][1]])
    wait_until(lambda: all(cluster.entries(name) == [] for name in others), "what was acknowledged to go")
    victim.restart(mend=True)
    gateway.wait_ready()
    assert gateway.deliver(sign.stripe(STRIPE, path=f"/hooks/{gone[0]}")).outcome() == "accepted"


class Faults:
    """What may happen to a Cluster and its gateways; each ends with all well again."""

    def __init__(self, cluster, gateways, random):
        self.cluster, self.gateways, self.random = cluster, gateways, random

    def master(self):
        return self.cluster.of(self.random.choice(NAMES))

    def failover(self, end):
        victim = self.master()
        names = [name for name in NAMES if self.cluster.of(name) is victim]
        end(victim)
        wait_until(lambda: self.cluster.of(names[0]) not in (victim, None), "the replica to take over", 30)
        return victim

    def kill(self):
        self.failover(lambda victim: victim.kill()).restart(mend=True)

    def pause(self):
        """It wakes up as a master that is none any more, with events in its buffers."""
        self.failover(lambda victim: victim.pause()).resume()

    def switch(self):
        victim = self.master()
        names = [name for name in NAMES if self.cluster.of(name) is victim]
        self.cluster.switch_to(self.cluster.replica_of(victim))
        wait_until(lambda: self.cluster.of(names[0]) not in (victim, None), "the replica to take over", 30)

    def move(self):
        name = self.random.choice(NAMES)
        home = self.cluster.of(name)
        others = [other for other in {self.cluster.of(other) for other in NAMES} if other is not home]
        if others:
            self.cluster.move(self.cluster.slot(f"hookgate:{{{name}}}:events"), self.random.choice(others))

    def restart(self):
        gateway = self.random.choice(self.gateways)
        gateway.kill()
        gateway.start()

    def one(self):
        fault = self.random.choice([self.kill, self.pause, self.switch, self.move, self.move, self.restart])
        fault()
        self.cluster.wait_well()
        return fault.__name__


def test_faults_of_all_kinds(stack, folder, cluster):
    """Two gateways, every delivery sent to both at once; whatever happens, each acknowledged event stands once."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    gateways = [serve(stack, cluster, ack_deadline="500ms", journal={"dir": str(folder / f"journal{i}")},
                      replay_window={"time": "60s"}) for i in range(2)]
    faults = Faults(cluster, gateways, random.Random(seed))
    twice = Twice(deliveries())
    # What a gateway holds for a minute is read by the next one: a sanitizer takes long over what eight senders bring.
    threads = 8 if SLOW <= 2 else 2
    with Load(gateways[0].address(), twice.first, threads) as one, Load(gateways[1].address(), twice.second, threads) as two:
        for _ in range(6):
            print("fault:", faults.one())
            one.wait_more(100)
            two.wait_more(100)
    for gateway in gateways:
        gateway.wait_ready()
        wait_drained(gateway)
    acknowledged = one.acknowledged() + two.acknowledged()
    assert len(acknowledged) > 1000
    wait_until(lambda: missing(cluster, acknowledged) == [], "everything acknowledged to be there", 30)


class Twice:
    """The same deliveries for two loads, of which each may be ahead of the other."""

    def __init__(self, make):
        self.make, self.lock = make, threading.Lock()
        self.queues = (collections.deque(), collections.deque())

    def next(self, i):
        with self.lock:
            if not self.queues[i]:
                delivery = self.make()
                for queue in self.queues:
                    queue.append(delivery)
            return self.queues[i].popleft()

    def first(self):
        return self.next(0)

    def second(self):
        return self.next(1)


def test_replicas_are_waited_for(stack, cluster):
    """Each node's own, by a connection of its own; also where the slot goes to another node under load."""
    routes = [{**one, "ack": "replicated", "ack_replicas": 1, "ack_timeout": "5s"} for one in ROUTES]
    gateway = serve(stack, cluster, routes=routes, ack_deadline="20s")
    slot, home = cluster.slot("hookgate:{r0}:events"), cluster.of("r0")
    other = next(node for node in cluster.nodes[:3] if node is not home)
    with Load(gateway.address(), deliveries()) as load:
        load.wait_more(300)
        for to in (other, home):
            cluster.move(slot, to)
            load.wait_more(300)
    # What was stored a moment before its slot began to move is not known to be on a replica, and said so.
    assert set(load.statuses()) <= {200, 503}
    assert load.statuses().count(503) < 50
    assert missing(cluster, load.acknowledged()) == []
    cluster.replica_of(home).pause()
    gateway.rewrite(routes=[{**one, "ack_timeout": "200ms"} for one in routes])
    assert gateway.reload()["event"] == "reloaded"
    for name in NAMES:
        response = gateway.deliver(sign.stripe(STRIPE, path=f"/hooks/{name}"))
        assert (response.status == 503) == (cluster.of(name) is home)
