"""A real Cluster of three masters and three replicas: slots that move, masters that die, and a Cluster that is down, under
load."""

import collections

import pytest
import sign
import topology
from conftest import STRIPE, route
from harness import Load, wait_until
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
    gateway = serve(stack, cluster, ack_deadline="500ms", journal=journal(folder))
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
    assert missing(cluster, [delivery]) == []
