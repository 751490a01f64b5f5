"""Routes that are `ordered`: what waits in the journal goes into Redis many at a time, and in order, whatever fails on the way."""

import collections
import itertools

import pytest
import sign
import topology
from conftest import STRIPE, route
from harness import entries, wait_until
from test_journal import gauge, ids, journal, wait_drained
from test_partitions import change, check_each_once, places

CUSTOMERS = [f"cus_{i}" for i in range(7)]


def deliver(gateway, count, **more):
    """One after the other, so that they are acknowledged in this order; all are."""
    deliveries = [sign.stripe(STRIPE, **more) for _ in range(count)]
    for delivery in deliveries:
        assert gateway.deliver(delivery).status == 200
    return deliveries


def deliver_of_customers(gateway, count):
    """The ids of each customer's events, in order."""
    sent = collections.defaultdict(list)
    for _, customer in zip(range(count), itertools.cycle(CUSTOMERS), strict=False):
        sent[customer] += ids(deliver(gateway, 1, data={"customer": customer}))
    return sent


def check_order_of_customers(db, sent):
    """In no stream has an event of a customer overtaken another of the same."""
    for stream in places(db).values():
        for of_one in sent.values():
            own = [id for id in stream if id in set(of_one)]
            assert own == [id for id in of_one if id in set(own)]
    check_each_once(db, [id for of_one in sent.values() for id in of_one])


def refusing(stack, folder, *routes, **config):
    """A gateway whose Redis has no memory for now."""
    redis = stack.redis()
    gateway = stack.gateway(redis, list(routes), journal=journal(folder), ack_deadline="300ms", **config)
    redis.client().config_set("maxmemory", 1)
    return redis, gateway


def cut_off(redis, db):
    db.client_kill_filter(_type="normal", skipme=True)


def no_memory(redis, db):
    db.config_set("maxmemory", 1)


def stopped(redis, db):
    redis.pause()
    redis.resume()


def no_scripts(redis, db):
    db.script_flush()


def no_right(redis, db):
    db.execute_command("ACL", "SETUSER", "default", "-eval")


@pytest.mark.parametrize("fault", [cut_off, no_memory, stopped, no_scripts, no_right])
def test_in_order_through_what_fails(stack, folder, fault):
    """The bodies are large, so that it takes many rows; each look finds some of them in the stream, and more on their way."""
    redis, gateway = refusing(stack, folder, route("stripe", ordered="on"), "github")
    db = redis.client()
    sent = deliver(gateway, 120, size=20000)
    assert gauge(gateway, "records") == 120
    for _ in range(5):
        before = db.xlen("hookgate:{stripe}:events")
        db.config_set("maxmemory", 0)
        wait_until(lambda: db.xlen("hookgate:{stripe}:events") > before or gauge(gateway, "records") == 0, "some to be drained")
        fault(redis, db)
        no_memory(redis, db)
        sent += deliver(gateway, 20, size=20000)
    db.config_set("maxmemory", 0)
    wait_drained(gateway)
    assert entries(db, "stripe").ids() == ids(sent)


def test_one_of_many_is_refused(stack, folder):
    """For good, and for its own sake: who it is is found, what came before it is in the stream, what came after waits behind it."""
    redis, gateway = refusing(stack, folder, route("stripe", ordered="on"), "github")
    db = redis.client()
    sent = [f"good_{i}" for i in range(10)] + ["bad"] + [f"good_{i}" for i in range(10, 30)]
    for id in sent:
        assert gateway.deliver(sign.stripe(STRIPE, id=id)).status == 200
    # No mark of the one may be set.
    db.execute_command("ACL", "SETUSER", "default", "resetkeys", "~hookgate:{stripe}:[^s]*", "~hookgate:{github}:*", "~hookgate:{stripe}:seen:good_*")
    db.config_set("maxmemory", 0)
    gateway.wait_log("redis refuses a route's events", route="stripe")
    wait_until(lambda: gauge(gateway, "refused_records") == 21 and gauge(gateway, "records") == 0, "the rest to be set aside")
    assert entries(db, "stripe").ids() == sent[:10]
    db.execute_command("ACL", "SETUSER", "default", "allkeys")
    wait_until(lambda: gauge(gateway, "refused_records") == 0, "what was set aside to be drained")
    assert entries(db, "stripe").ids() == sent


def test_of_several_routes_side_by_side(stack, folder):
    """Each row is of one route; one whose stream is of another type holds up no other, and its events stay in order."""
    names = ["a", "b", "c"]
    redis, gateway = refusing(stack, folder, *[route("stripe", name=n, path=f"/hooks/{n}", ordered="on") for n in names])
    db = redis.client()
    db.config_set("maxmemory", 0)
    db.set("hookgate:{b}:events", "x")
    db.config_set("maxmemory", 1)
    sent = collections.defaultdict(list)
    for _ in range(40):
        for name in names:
            sent[name] += ids(deliver(gateway, 1, path=f"/hooks/{name}"))
    db.config_set("maxmemory", 0)
    gateway.wait_log("redis refuses a route's events", route="b")
    wait_until(lambda: entries(db, "a").ids() == sent["a"] and entries(db, "c").ids() == sent["c"], "the others to be drained")
    db.delete("hookgate:{b}:events")
    wait_until(lambda: len(entries(db, "b").ids()) == 40, "b to be drained")
    assert entries(db, "b").ids() == sent["b"]


def test_partitions(stack, folder):
    redis, gateway = refusing(stack, folder, route("stripe", ordered="on", partitions=4, order_by="body:/data/customer"))
    sent = deliver_of_customers(gateway, 120)
    assert gauge(gateway, "records") == 120
    redis.client().config_set("maxmemory", 0)
    wait_drained(gateway)
    assert len(places(redis.client())) > 1
    check_order_of_customers(redis.client(), sent)


def test_another_number_of_partitions_while_it_is_drained(stack, folder):
    """What was put before the change is looked for in its former place, and then each goes by itself."""
    order_by = "body:/data/customer"
    redis, gateway = refusing(stack, folder, route("stripe", ordered="on", partitions=2, order_by=order_by))
    db = redis.client()
    sent = deliver_of_customers(gateway, 80)
    db.config_set("maxmemory", 0)
    wait_until(lambda: places(db), "some to be drained")
    for partitions in (5, 3):
        change(gateway, partitions, ordered="on", order_by=order_by)
        for customer, more in deliver_of_customers(gateway, 14).items():
            sent[customer] += more
    wait_drained(gateway)
    check_order_of_customers(db, sent)


def test_a_slot_on_its_way(stack, folder):
    """In a Cluster, to and fro: rows are asked for again, and follow their slot."""
    cluster = topology.Cluster(folder / "cluster")
    stack.parts.insert(0, cluster)
    gateway = stack.gateway(cluster.url(), routes=[route("stripe", ordered="on")], ack_deadline="300ms", journal=journal(folder))
    slot, home = cluster.slot("hookgate:{stripe}:events"), cluster.of("stripe")
    other = next(node for node in cluster.nodes[:3] if node is not home)
    sent = deliver(gateway, 20)
    for to in (other, home):
        source, to, id = cluster.begin_move(slot, to)
        cluster.move_keys(slot, source, to, 10)
        sent += deliver(gateway, 40)
        wait_until(lambda: gauge(gateway, "records") > 0, "the journal to be used")
        while cluster.move_keys(slot, source, to):
            pass
        sent += deliver(gateway, 20)
        cluster.end_move(slot, source, to, id)
        sent += deliver(gateway, 20)
        wait_drained(gateway)
    assert cluster.entries("stripe").ids() == ids(sent)
