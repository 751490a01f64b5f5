"""A route that is split: where its events go, and that none is lost and none stands twice while the number of its partitions changes
under load, at two gateways that do not agree, through crashes, and out of a journal."""

import collections
import json
import random
import subprocess
import threading
import time

import pytest
import sign
import topology
import wire
from conftest import GITHUB, STRIPE, route
from harness import BINARY, SANITIZER_ENV, START, entries, wait_until


def hash_of(key):
    """FNV-1a of 64 bits, its halves folded: as gateway/store/order.h promises it to everybody."""
    value = 0xCBF29CE484222325
    for byte in key.encode():
        value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return value >> 32 ^ value & 0xFFFFFFFF


def split(partitions, **more):
    return route("stripe", **({"partitions": partitions} if partitions else {}), **more)


def places(db, route="stripe", most=8):
    """The ids in each of the route's streams: by number, and None for the one without."""
    found = {n: entries(db, f"{route}.{n}").ids() for n in range(most)}
    return {n: ids for n, ids in {**found, None: entries(db, route).ids()}.items() if ids}


def check_each_once(db, ids, most=8):
    counted = collections.Counter(id for stream in places(db, most=most).values() for id in stream)
    assert not [id for id, n in counted.items() if n > 1], "events that stand twice"
    missing = [id for id in ids if not counted[id]]
    assert not missing, f"answered 2xx, and in no stream: {len(missing)} of {len(ids)}: {missing[:10]}"


def change(gateway, partitions, **more):
    gateway.rewrite(routes=[split(partitions, **more)])
    before = len(gateway.log("partitions changed"))
    assert gateway.reload()["event"] == "reloaded"
    # What never was split is no change.
    if before or partitions:
        wait_until(lambda: len(gateway.log("partitions changed")) > before, "the partitions to be changed")


# ---- where they go ----

@pytest.mark.parametrize("partitions", [1, 4])
def test_by_the_id(stack, redis, db, partitions):
    gateway = stack.gateway(redis, routes=[split(partitions)])
    deliveries = [sign.stripe(STRIPE) for _ in range(40)]
    for delivery in deliveries:
        assert gateway.deliver(delivery).outcome() == "accepted"
    for delivery in deliveries:
        assert gateway.deliver(delivery).outcome() == "duplicate"
    found = places(db)
    assert set(found) == set(range(partitions)), "events are spread over all"
    for number, ids in found.items():
        assert {hash_of(id) % partitions for id in ids} == {number}
        assert db.exists(*(f"hookgate:{{stripe.{number}}}:seen:{id}" for id in ids)) == len(ids)
    check_each_once(db, [delivery.id for delivery in deliveries])


def test_by_a_key_of_the_body_in_order(stack, redis, db):
    gateway = stack.gateway(redis, routes=[split(4, order_by="body:/data/customer")])
    sent = collections.defaultdict(list)
    for i in range(60):
        customer = f"cus_{i % 7}"
        delivery = sign.stripe(STRIPE, data={"customer": customer})
        assert gateway.deliver(delivery).outcome() == "accepted"
        sent[customer].append(delivery.id)
    found = places(db)
    assert len(found) > 1
    for customer, ids in sent.items():
        stream = found[hash_of(customer) % 4]
        assert [id for id in stream if id in set(ids)] == ids, "equal keys stay in order"
    # One without: by its id, and it is counted.
    lost = sign.stripe(STRIPE)
    assert gateway.deliver(lost).outcome() == "accepted"
    assert lost.id in places(db)[hash_of(lost.id) % 4]
    assert gateway.metrics().sum("hookgate_events_without_order_key_total", route="stripe") == 1


def test_by_a_header(stack, redis, db):
    gateway = stack.gateway(redis, routes=[split(4, order_by="header:X-Tenant")])
    for i in range(20):
        delivery = sign.stripe(STRIPE)
        delivery.headers.append(("x-tenant", f"t{i % 3}"))
        assert gateway.deliver(delivery).outcome() == "accepted"
        assert gateway.deliver(delivery).outcome() == "duplicate"
        assert delivery.id in places(db)[hash_of(f"t{i % 3}") % 4]


def test_a_replay_under_other_ids_is_found_in_any_partition(stack, redis, db):
    gateway = stack.gateway(redis, routes=[route("github", partitions=8)])
    delivery = sign.github(GITHUB)
    assert gateway.deliver(delivery).outcome() == "accepted"
    for i in range(20):
        assert gateway.deliver(delivery.replaced("X-GitHub-Delivery", sign.unique())).outcome() == "duplicate"
    assert sum(len(ids) for ids in places(db, "github").values()) == 1


# ---- another number ----

def test_retries_after_a_change_are_duplicates(stack, redis, db):
    gateway = stack.gateway(redis, routes=[split(None)])
    sent = []
    for partitions in (None, 1, 4, 2, None):
        change(gateway, partitions)
        fresh = [sign.stripe(STRIPE) for _ in range(10)]
        for delivery in fresh:
            assert gateway.deliver(delivery).outcome() == "accepted"
        sent += fresh
        for delivery in sent:
            assert gateway.deliver(delivery).outcome() == "duplicate"
    check_each_once(db, [delivery.id for delivery in sent])
    # It says so, once for each change.
    assert [line["partitions"] for line in gateway.log("partitions changed")] == [1, 4, 2, 0]


class Senders:
    """Clients that send events in several copies to any of the gateways, and again until there is a 2xx, as providers do."""

    def __init__(self, gateways, threads=6, **more):
        self.gateways, self.more = gateways, more
        self.lock = threading.Lock()
        self.acknowledged, self.wrong = [], []
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(random.Random(i),)) for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def _send(self, chance, delivery):
        """One copy, until it is taken."""
        while True:
            try:
                response = wire.send(chance.choice(self.gateways).address(), delivery, timeout=20)
            except (OSError, wire.Closed):
                response = None
            if response is not None and response.status == 200:
                return
            if response is not None and response.status != 503:
                with self.lock:
                    self.wrong.append((response.status, response.outcome()))
                return
            time.sleep(0.01)

    def _run(self, chance):
        recent = collections.deque(maxlen=50)
        while not self.ending.is_set():
            delivery = sign.stripe(STRIPE, data={"customer": f"cus_{chance.randrange(20)}"}, **self.more)
            self._send(chance, delivery)
            with self.lock:
                self.acknowledged.append(delivery.id)
            recent.append(delivery)
            # Retries of this one and of older ones.
            for again in (delivery, chance.choice(recent)):
                if chance.random() < 0.5:
                    self._send(chance, again)

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def more_than(self, more):
        """Waits until so many more are acknowledged."""
        begun = self.count()
        wait_until(lambda: self.count() >= begun + more, f"{more} more events to be acknowledged", 30)

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()
        assert not self.wrong, self.wrong[:5]
        return self.acknowledged


@pytest.mark.parametrize("order_by", [None, "body:/data/customer"])
def test_a_rolling_change_under_load(stack, redis, db, order_by):
    """Two gateways, restarted one after the other with another number: for a while both numbers are configured."""
    more = {"order_by": order_by} if order_by else {}
    gateways = [stack.gateway(redis, routes=[split(1, **more)]) for _ in range(2)]
    senders = Senders(gateways)
    try:
        senders.more_than(100)
        for partitions in (4, 2, None, 3):
            for gateway in gateways:
                gateway.rewrite(routes=[split(partitions, **(more if partitions else {}))])
                gateway.stop()
                gateway.start()
                senders.more_than(60)
    finally:
        acknowledged = senders.end()
    check_each_once(db, acknowledged)
    assert db.get("hookgate:{stripe}:partitions").split()[3] == b"3"


def test_gateways_that_never_agree(stack, redis, db):
    """Each wants another number, and says so again and again."""
    gateways = [stack.gateway(redis, routes=[split(n)]) for n in (2, 5)]
    senders = Senders(gateways)
    try:
        for _ in range(6):
            for gateway in gateways:
                gateway.reload()
                senders.more_than(15)
    finally:
        acknowledged = senders.end()
    check_each_once(db, acknowledged)


def test_killed_in_the_middle_of_a_change(stack, redis, db):
    """Many partitions, so that a change takes its time; whoever comes next does what was left."""
    gateways = [stack.gateway(redis, routes=[split(200)]) for _ in range(2)]
    chance = random.Random(7)
    senders = Senders(gateways)
    try:
        senders.more_than(50)
        for round in range(6):
            gateway = gateways[round % 2]
            gateway.rewrite(routes=[split(200 - round % 3)])
            gateway.signal(1)
            time.sleep(chance.random() * 0.06)
            gateway.kill()
            senders.more_than(30)
            gateway.start()
            senders.more_than(30)
    finally:
        acknowledged = senders.end()
    check_each_once(db, acknowledged, most=200)


# ---- what was kept meanwhile ----

def test_a_journal_is_drained_into_the_partitions_of_now(stack, folder):
    redis = stack.redis(appendonly="yes", appendfsync="always")
    more = {"order_by": "body:/data/customer"}
    gateway = stack.gateway(redis, routes=[split(2, **more)], journal={"dir": str(folder / "journal")})
    deliveries = [sign.stripe(STRIPE, data={"customer": f"cus_{i % 9}"}) for i in range(40)]
    for delivery in deliveries[:20]:
        assert gateway.deliver(delivery).outcome() == "accepted"
    redis.stop()
    # Half of them are retries: nobody can tell now.
    for delivery in deliveries[10:]:
        assert gateway.deliver(delivery).outcome() == "accepted"
    gateway.kill()
    redis.restart()
    gateway.rewrite(routes=[split(4, **more)])
    gateway.start()
    db = redis.client()
    wait_until(lambda: sum(len(ids) for ids in places(db).values()) == 40, "the journal to be drained")
    wait_until(lambda: gateway.metrics().sum("hookgate_journal_records") == 0, "the journal to be empty")
    check_each_once(db, [delivery.id for delivery in deliveries])
    found = places(db)
    for i, delivery in enumerate(deliveries[20:], 20):
        assert delivery.id in found[hash_of(f"cus_{i % 9}") % 4]
    for delivery in deliveries:
        assert gateway.deliver(delivery).outcome() == "duplicate"


def test_a_journal_whose_route_has_gone(stack, folder):
    """It is split as Redis says, by a gateway that never heard of it."""
    redis = stack.redis(appendonly="yes", appendfsync="always")
    gateway = stack.gateway(redis, routes=[split(4)], journal={"dir": str(folder / "journal")})
    assert gateway.deliver(sign.stripe(STRIPE)).outcome() == "accepted"
    redis.stop()
    deliveries = [sign.stripe(STRIPE) for _ in range(20)]
    for delivery in deliveries:
        assert gateway.deliver(delivery).outcome() == "accepted"
    gateway.kill()
    redis.restart()
    gateway.rewrite(routes=[route("github")])
    gateway.start()
    db = redis.client()
    wait_until(lambda: sum(len(ids) for ids in places(db).values()) == 21, "the journal to be drained")
    assert None not in places(db)
    check_each_once(db, [delivery.id for delivery in deliveries])


def test_a_replay_window_across_a_change(stack):
    """Redis comes back empty, without the change, too: all that was acknowledged lately is put again, by the new number."""
    redis = stack.redis()
    gateway = stack.gateway(redis, routes=[split(2)], replay_window={"time": "60s"})
    deliveries = [sign.stripe(STRIPE) for _ in range(30)]
    for delivery in deliveries[:15]:
        assert gateway.deliver(delivery).outcome() == "accepted"
    change(gateway, 4)
    for delivery in deliveries[15:]:
        assert gateway.deliver(delivery).outcome() == "accepted"
    redis.kill()
    redis.restart()
    db = redis.client()
    wait_until(lambda: sum(len(ids) for ids in places(db).values()) == 30, "the window to be sent again")
    check_each_once(db, [delivery.id for delivery in deliveries])
    for number, ids in places(db).items():
        assert {hash_of(id) % 4 for id in ids} == {number}
    for delivery in deliveries:
        assert gateway.deliver(delivery).outcome() == "duplicate"


# ---- the other end ----

def command(gateway, *words):
    done = subprocess.run([*START, BINARY, words[0], "-c", gateway.file, *map(str, words[1:])], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, env=SANITIZER_ENV)
    assert done.returncode == 0, done.stderr
    return done


def consume(gateway, *words):
    """The ids that are printed."""
    done = command(gateway, "consume", "--route", "stripe", "--group", "g", *words)
    return [json.loads(line)["id"] for line in done.stdout.splitlines()]


def sent_to(gateway, count, **more):
    deliveries = [sign.stripe(STRIPE, **more) for _ in range(count)]
    for delivery in deliveries:
        assert gateway.deliver(delivery).outcome() == "accepted"
    return [delivery.id for delivery in deliveries]


def test_consume_reads_all_partitions_and_former_ones(stack, redis, db):
    gateway = stack.gateway(redis, routes=[split(None)])
    ids = sent_to(gateway, 20)
    change(gateway, 4)
    ids += sent_to(gateway, 40)
    change(gateway, 2)
    ids += sent_to(gateway, 10)
    found = places(db)
    printed = consume(gateway)
    assert sorted(printed) == sorted(ids)
    for stream in found.values():
        assert [id for id in printed if id in set(stream)] == stream, "in order within a partition"
    assert consume(gateway) == []
    # Each is acknowledged in the group of its own stream.
    for number in found:
        stream = f"hookgate:{{stripe.{number}}}:events" if number is not None else "hookgate:{stripe}:events"
        assert [(group["pending"], group["lag"]) for group in db.xinfo_groups(stream)] == [(0, 0)]


def test_consume_says_which_stream(stack, redis, db):
    gateway = stack.gateway(redis, routes=[split(None)])
    whole = sent_to(gateway, 3)
    change(gateway, 4)
    sent_to(gateway, 20)
    where = {id: f"hookgate:{{stripe.{n}}}:events" for n, ids in places(db).items() if n is not None for id in ids}
    lines = {line["id"]: line for line in map(json.loads, command(gateway, "consume", "--group", "lines").stdout.splitlines())}
    assert {id: line["stream"] for id, line in lines.items() if "stream" in line} == where
    assert set(lines) - set(where) == set(whole), "of a stream that is no partition's it need not be said"
    told = command(gateway, "consume", "--group", "commands", "--exec", 'echo "$HOOKGATE_ID $HOOKGATE_STREAM"').stdout.splitlines()
    assert dict(line.split() for line in told) == {**where, **dict.fromkeys(whole, "hookgate:{stripe}:events")}


def test_consumers_share_partitions(stack, redis, db):
    gateway = stack.gateway(redis, routes=[split(4)])
    ids = sent_to(gateway, 40)
    found = places(db)
    first = consume(gateway, "--partition", "0,2")
    assert sorted(first) == sorted(found[0] + found[2])
    assert consume(gateway, "--partition", "1") == found[1]
    assert consume(gateway) == found[3]
    assert sorted(first + found[1] + found[3]) == sorted(ids)
    # None is passed over for another: they are read in turn.
    assert {id in found[0] for id in first[:32]} == {True, False} or len(found[0]) > 16
    wrong = subprocess.run([*START, BINARY, "consume", "-c", gateway.file, "--group", "g", "--partition", "4"],
                           capture_output=True, text=True, env=SANITIZER_ENV)
    assert wrong.returncode == 1 and "the route has no partition 4: it has 4" in wrong.stderr


def test_a_consumer_follows_a_change(stack, redis, db):
    """It waits at one partition, and others come."""
    gateway = stack.gateway(redis, routes=[split(1)])
    process = subprocess.Popen([*START, BINARY, "consume", "-c", gateway.file, "--group", "g", "--follow"], text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=SANITIZER_ENV)
    printed = []
    thread = threading.Thread(target=lambda: printed.extend(json.loads(line)["id"] for line in process.stdout))
    thread.start()
    try:
        ids = sent_to(gateway, 5)
        wait_until(lambda: len(printed) == 5, "the first")
        change(gateway, 8)
        ids += sent_to(gateway, 40)
        wait_until(lambda: len(printed) == 45, "those of all partitions")
    finally:
        process.terminate()
        process.wait(20)
        thread.join()
    assert sorted(printed) == sorted(ids) and process.returncode == 0


def test_what_others_left_is_taken_over_in_each_partition(stack, redis, db):
    gateway = stack.gateway(redis, routes=[split(3)])
    ids = sent_to(gateway, 20)
    for number in places(db):
        stream = f"hookgate:{{stripe.{number}}}:events"
        db.xgroup_create(stream, "g", "0")
        db.xreadgroup("g", "dead", {stream: ">"}, count=3)
    assert len(consume(gateway)) == len(ids) - 9
    assert len(consume(gateway, "--min-idle", "1ms")) == 9


def test_status_and_check_know_partitions(stack, redis, db):
    gateway = stack.gateway(redis, routes=[split(2), route("github")])
    sent_to(gateway, 10)
    told = json.loads(command(gateway, "status", "--json").stdout)["routes"]
    assert (told[0]["name"], told[0]["partitions"], told[0]["length"]) == ("stripe", 2, 10)
    assert [stream["stream"] for stream in told[0]["streams"]] == ["hookgate:{stripe.0}:events", "hookgate:{stripe.1}:events"]
    assert sum(stream["length"] for stream in told[0]["streams"]) == 10
    assert told[1]["stream"] == "hookgate:{github}:events" and "partitions" not in told[1]
    text = command(gateway, "status").stdout
    assert "stripe.0" in text and "stripe.1" in text
    gateway.rewrite(routes=[split(4)])
    done = command(gateway, "check", "--redis")
    assert "route stripe has 2 partitions in Redis, and the configuration says 4" in done.stdout


def test_the_backlog_and_the_retention_are_of_all_partitions(stack, redis, db):
    gateway = stack.gateway(redis, routes=[split(3, max_backlog=12, retention="0s")])
    sent_to(gateway, 12)
    wait_until(lambda: gateway.deliver(sign.stripe(STRIPE)).status == 503, "the route to be full")
    wait_until(lambda: gateway.metrics().sum("hookgate_stream_entries", route="stripe") >= 12, "the entries to be counted")
    consume(gateway)
    wait_until(lambda: not places(db), "what was acknowledged to go from all")
    wait_until(lambda: gateway.deliver(sign.stripe(STRIPE)).status == 200, "the route to have room")


# ---- in a Cluster ----

def test_partitions_of_a_cluster(stack, folder):
    """They lie on several nodes, and their number changes at two gateways under load; marks of former ones are other nodes'."""
    cluster = topology.Cluster(folder / "cluster", replicas=0)
    stack.parts.insert(0, cluster)
    assert len({cluster.of(f"stripe.{n}").port for n in range(8)}) == 3, "choose another name"
    gateways = [stack.gateway(cluster.url(), routes=[split(2)]) for _ in range(2)]
    senders = Senders(gateways)
    try:
        senders.more_than(60)
        for partitions in (8, None, 5):
            for gateway in gateways:
                gateway.rewrite(routes=[split(partitions)])
                gateway.reload()
                senders.more_than(30)
    finally:
        acknowledged = senders.end()
    found = {n: cluster.entries(f"stripe.{n}").ids() for n in range(8)}
    found[None] = cluster.entries("stripe").ids()
    counted = collections.Counter(id for ids in found.values() for id in ids)
    assert set(counted.values()) == {1}, "events that stand twice"
    assert not [id for id in acknowledged if not counted[id]], "answered 2xx, and in no stream"
    assert sorted(consume(gateways[0])) == sorted(counted)
    told = json.loads(command(gateways[0], "status", "--json").stdout)["routes"][0]
    assert (told["partitions"], told["length"]) == (5, len(counted))
