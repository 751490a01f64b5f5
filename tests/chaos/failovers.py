"""What the nemesis can do to a Redis of several parts. As in faults.py, a fault begins up to its `yield`, and ends behind it.

The one difficulty is that every one of them must be over within the replay window, from the first event that a replica does not get
to the gateways' finding the new master: that is the bound which README has, so the test keeps to it, and says so where a slow machine
has not.
"""

import time

from faults import fault
from harness import wait_until
from world import WINDOW_SECONDS


class Bound:
    """From now until the end no more time may pass than the window reaches back."""

    def __init__(self, nemesis):
        self.nemesis, self.began = nemesis, time.monotonic()

    def over(self):
        took = time.monotonic() - self.began
        self.nemesis.say(f"  {took:.1f} s without a replica")
        assert took < WINDOW_SECONDS[self.nemesis.world.topology] - 10, "the machine is too slow: the fault outlasted the window"


# ---- Sentinels ----


@fault("redis", on=["sentinel"], reorders=True)
def master_killed(nemesis, _):
    store = nemesis.world.store
    old = store.master()
    old.kill()
    store.switched(old)
    yield
    store.start(old, stale=nemesis.random.random() < 0.5)
    store.settle()


@fault("redis", on=["sentinel"], reorders=True)
def switched_by_command(nemesis, _):
    store = nemesis.world.store
    store.fail_over()
    yield
    store.settle()


@fault("redis", on=["sentinel"], reorders=True)
def a_lagging_replica_promoted(nemesis, _):
    """Both replicas are stopped, and never get what their master takes meanwhile; then it dies."""
    store = nemesis.world.store
    old = store.master()
    replicas = store.replicas(old)
    bound = Bound(nemesis)
    for replica in replicas:
        replica.pause()
    store.cut_off(old)
    nemesis.wait_more(40)
    nemesis.linger()
    old.kill()
    for replica in replicas:
        replica.resume()
    store.switched(old)
    bound.over()
    yield
    store.start(old, stale=nemesis.random.random() < 0.5)
    store.settle()


@fault("redis", on=["sentinel"], reorders=True)
def master_cut_off(nemesis, _):
    """The gateways still reach it, and no Sentinel: it goes on taking events while another is made the master."""
    store = nemesis.world.store
    old = store.master()
    bound = Bound(nemesis)
    store.isolate(old)
    store.switched(old)
    nemesis.wait_more(40)
    yield
    store.rejoin(old)
    wait_until(lambda: store.role(old) == "slave", "the old master to be told", 60)
    bound.over()
    store.settle()


@fault("sentinel", on=["sentinel"])
def sentinel_killed(nemesis, _):
    sentinel = nemesis.world.store.sentinels[1]
    sentinel.kill()
    yield
    sentinel.restart()


@fault("redis", on=["sentinel"])
def replica_stopped(nemesis, _):
    store = nemesis.world.store
    replica = nemesis.random.choice(store.replicas(store.master()))
    replica.pause()
    yield
    replica.resume()
    store.settle()


@fault("all", on=["sentinel"], reorders=True)
def all_servers_restarted(nemesis, _):
    store = nemesis.world.store
    servers = store.world.servers()
    nemesis.random.shuffle(servers)
    for server in servers:
        server.kill()
    nemesis.linger_alone()
    yield
    for server in servers:
        server.restart(mend=True)
    store.settle()


# ---- a Cluster ----


def some_route(nemesis):
    return nemesis.random.choice(nemesis.world.routes())


@fault("redis", on=["cluster"], reorders=True)
def node_killed(nemesis, _):
    store, route = nemesis.world.store, some_route(nemesis)
    old = store.owner(route)
    old.kill()
    store.switched(route, old)
    yield
    old.restart(mend=True)
    store.settle()


@fault("redis", on=["cluster"])
def failed_over_by_command(nemesis, _):
    store, route = nemesis.world.store, some_route(nemesis)
    old = store.owner(route)
    store.world.switch_to(store.world.replica_of(old))
    store.switched(route, old)
    yield
    store.settle()


@fault("redis", on=["cluster"], reorders=True)
def taken_over_by_a_replica_that_lags(nemesis, _):
    """Its master dies, or it takes over while that lives: what that one took last is lost either way, of a route whose 2xx does not
    wait for that replica."""
    store, route = nemesis.world.store, nemesis.random.choice(["plain", "guarded"])
    old = store.owner(route)
    replica = store.world.replica_of(old)
    dies = nemesis.random.random() < 0.6
    bound = Bound(nemesis)
    store.world.cut_off(replica, old)
    nemesis.wait_more(40)
    nemesis.linger()
    if dies:
        old.kill()
    else:
        replica.client().execute_command("CLUSTER", "FAILOVER", "TAKEOVER")
    store.switched(route, old)
    bound.over()
    yield
    if dies:
        old.restart(mend=True)
    else:
        store.give_back(old)
    store.settle()


@fault("redis", on=["cluster"], reorders=True)
def node_cut_off(nemesis, _):
    """From the other nodes and its replica, not from the gateways: it goes on for cluster-node-timeout, and another takes over."""
    store, route = nemesis.world.store, some_route(nemesis)
    old = store.owner(route)
    replica = store.world.replica_of(old)
    bound = Bound(nemesis)
    store.world.cut_off(replica, old)
    store.world.isolate(old)
    wait_until(lambda: store.world.view(replica)[replica.port][1], "the replica to take over", 60)
    yield
    store.give_back(old)
    store.world.rejoin()
    wait_until(lambda: old.client().info("replication")["role"] == "slave", "the old master to be told", 60)
    bound.over()
    store.settle()


@fault("redis", on=["cluster"])
def slot_moved(nemesis, _):
    """With all its keys, one piece after the other, while events come in."""
    store, route = nemesis.world.store, some_route(nemesis)
    world = store.world
    slot = world.slot(f"hookgate:{{{route}}}:events")
    old = store.owner(route)
    masters = [node for node in world.nodes if node is not old and node.client().info("replication")["role"] == "master"]
    source, to, id = world.begin_move(slot, nemesis.random.choice(masters))
    world.move_keys(slot, source, to, 10)
    yield
    while world.move_keys(slot, source, to):
        pass
    world.end_move(slot, source, to, id)
    store.settle()


@fault("redis", on=["cluster"])
def node_stopped(nemesis, _):
    """A replica; its master need not wait for it."""
    store = nemesis.world.store
    replica = store.world.replica_of(store.owner(some_route(nemesis)))
    replica.pause()
    yield
    replica.resume()
    store.settle()


@fault("redis", on=["cluster"], reorders=True)
def cluster_down(nemesis, _):
    """A master and its replica are away: slots that nobody has."""
    store = nemesis.world.store
    old = store.owner(some_route(nemesis))
    replica = store.world.replica_of(old)
    replica.kill()
    old.kill()
    nemesis.linger()
    yield
    old.restart(mend=True)
    replica.restart(mend=True)
    store.settle()


@fault("all", on=["cluster"], reorders=True)
def all_nodes_restarted(nemesis, _):
    store = nemesis.world.store
    nodes = list(store.world.nodes)
    nemesis.random.shuffle(nodes)
    for node in nodes:
        node.kill()
    nemesis.linger_alone()
    yield
    for node in nodes:
        node.restart(mend=True)
    store.settle()
