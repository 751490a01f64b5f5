"""The one promise under crashes, copies and endings: a 2xx has its entry, and an event has one."""

import collections
import os
import signal
import socket
import threading

import pytest
import sign
import wire
from conftest import GITHUB, STRIPE
from harness import BINARY, SLOW, Load, at_once, entries, wait_until


def check_each_once(db, deliveries, route="stripe"):
    counted = collections.Counter(entries(db, route).ids())
    assert not [id for id, n in counted.items() if n > 1], "entries that stand there twice"
    missing = [delivery.id for delivery in deliveries if not counted[delivery.id]]
    assert not missing, f"answered 2xx, and not in the stream: {missing}"


@pytest.mark.parametrize("make", [lambda: sign.stripe(STRIPE), lambda: sign.github(GITHUB)], ids=["stripe", "github"])
def test_a_thousand_copies_over_two_gateways_are_one_event(stack, redis, db, make):
    gateways = [stack.gateway(redis, ["stripe", "github"]) for _ in range(2)]
    delivery = make()
    copies = 1000
    answers = at_once([lambda g=gateways[i % 2]: g.deliver(delivery) for i in range(copies)], threads=100)
    assert {response.status for response in answers} == {200}
    outcomes = collections.Counter(response.outcome() for response in answers)
    assert outcomes == {"accepted": 1, "duplicate": copies - 1}
    assert len(entries(db, "stripe")) + len(entries(db, "github")) == 1
    assert sum(gateway.count("accepted") for gateway in gateways) == 1


def test_many_events_in_many_copies(stack, redis, db):
    gateways = [stack.gateway(redis) for _ in range(2)]
    deliveries = [sign.stripe(STRIPE) for _ in range(100)]
    jobs = [lambda g=gateways[(i + j) % 2], d=d: (d.id, g.deliver(d).outcome()) for i in range(6) for j, d in enumerate(deliveries)]
    accepted = collections.Counter(id for id, outcome in at_once(jobs) if outcome == "accepted")
    assert set(accepted.values()) == {1} and len(accepted) == 100
    check_each_once(db, deliveries)
    assert len(entries(db, "stripe")) == 100


def test_killed_between_the_script_and_the_answer(stack, redis, db):
    proxy = stack.proxy(redis.port)
    gateway = stack.gateway(proxy.url(), ack_deadline="30s")
    delivery = sign.stripe(STRIPE)
    proxy.hold()
    with wire.Connection(gateway.address()) as connection:
        connection.send(wire.raw(delivery))
        wait_until(lambda: len(entries(db, "stripe")) == 1, "the script to have run")
        gateway.kill()
        assert connection.rest() == b"", "no answer could have been given"
    proxy.cut()
    gateway.start()
    response = gateway.deliver(delivery)
    assert (response.status, response.outcome()) == (200, "duplicate")
    assert entries(db, "stripe").ids() == [delivery.id]


def test_killed_under_load(stack, redis, db):
    gateway = stack.gateway(redis)
    with Load(gateway.address(), lambda: sign.stripe(STRIPE), threads=16) as load:
        for _ in range(3):
            load.wait_more(150)
            gateway.kill()
            gateway.start()
        load.wait_more(100)
    assert set(load.statuses()) <= {200, 503, None}
    check_each_once(db, load.acknowledged())
    for delivery, status in load.results:
        if status != 200:
            wait_until(lambda: gateway.deliver(delivery).status == 200, "the retry to be taken")
    check_each_once(db, [delivery for delivery, _ in load.results])
    assert len(entries(db, "stripe")) == len(load.results)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("round", range(3))
def test_ended_under_load(stack, redis, db, number, round):
    """Stops accepting, finishes what is in flight, reports counts, exits 0; every 2xx has its entry."""
    gateway = stack.gateway(redis, drain_timeout="20s")
    with Load(gateway.address(), lambda: sign.stripe(STRIPE), threads=16) as load:
        load.wait_more(200)
        gateway.signal(number)
        gateway.wait_end()
    assert gateway.process.returncode == 0, gateway.log_text()[-2000:]
    assert set(load.statuses()) <= {200, 503, None}
    acknowledged = load.acknowledged()
    check_each_once(db, acknowledged)
    # What was stored was answered: nobody's answer was cut off while the gateway was draining.
    unanswered = set(entries(db, "stripe").ids()) - {delivery.id for delivery in acknowledged}
    assert not unanswered, f"stored, and not answered: {len(unanswered)}"
    last = gateway.log()[-1]
    numbers = [value for value in last.values() if isinstance(value, int)]
    assert len(acknowledged) in numbers, f"the last line does not report {len(acknowledged)} accepted deliveries: {last}"


def test_ended_while_deliveries_wait_for_redis(stack, redis, db):
    """The answers come, and only then the end."""
    proxy = stack.proxy(redis.port)
    gateway = stack.gateway(proxy.url(), ack_deadline="20s", drain_timeout="30s")
    deliveries = [sign.stripe(STRIPE) for _ in range(30)]
    proxy.hold()
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(at_once([lambda d=d: gateway.deliver(d) for d in deliveries])))
    thread.start()
    wait_until(lambda: len(entries(db, "stripe")) == len(deliveries), "the scripts to have run")
    gateway.signal(signal.SIGTERM)
    wait_until(lambda: not wire.connects(gateway.address()), "the gateway to stop accepting")
    assert gateway.running()
    proxy.release()
    thread.join(30 * SLOW)
    gateway.wait_end()
    assert gateway.process.returncode == 0
    assert [response.status for response in answers] == [200] * len(deliveries)


def test_ended_while_redis_stands_still(stack, redis, db):
    """Not for ever: what Redis does not answer within the deadline is 503, and the gateway ends."""
    gateway = stack.gateway(redis, ack_deadline="1s", drain_timeout="3s")
    redis.pause()
    deliveries = [sign.stripe(STRIPE) for _ in range(10)]
    connections = [wire.Connection(gateway.address()) for _ in deliveries]
    for connection, delivery in zip(connections, deliveries):
        connection.send(wire.raw(delivery))
    gateway.signal(signal.SIGTERM)
    for connection in connections:
        try:
            assert connection.response().status == 503
        except wire.Closed:
            pass
        connection.close()
    gateway.wait_end()
    assert gateway.process.returncode == 0
    redis.resume()


def test_ended_with_slow_and_idle_clients(stack, redis):
    """Who has said nothing, or half of something, does not hold up the end."""
    gateway = stack.gateway(redis, drain_timeout="2s", idle_timeout="1h", request_timeout="1h")
    idle = wire.Connection(gateway.address())
    used = wire.Connection(gateway.address())
    used.send(wire.raw(sign.stripe(STRIPE)))
    assert used.response().status == 200
    half = wire.Connection(gateway.address())
    half.send(wire.raw(sign.stripe(STRIPE))[:-5])
    gateway.stop(seconds=10)
    for connection in (idle, used, half):
        connection.close()


def test_ended_at_once(stack, redis):
    """In the middle of starting, too."""
    for _ in range(5):
        gateway = stack.gateway(redis, ready=None)
        wait_until(lambda: not gateway.running() or gateway.log_text() or signals_caught(gateway), "the gateway to catch signals")
        gateway.stop()


def signals_caught(gateway):
    """Does the process handle SIGTERM by now (or block it, to read it from a descriptor)? Between fork and exec, who starts it
    blocks all signals, which is none of it."""
    if os.path.realpath(f"/proc/{gateway.process.pid}/exe") != os.path.realpath(BINARY):
        return False
    with open(f"/proc/{gateway.process.pid}/status") as status:
        masks = dict(line.split(":\t", 1) for line in status.read().split("\n") if ":\t" in line)
    bit = 1 << (signal.SIGTERM - 1)
    return any(int(masks[name], 16) & bit for name in ("SigCgt", "SigBlk"))


def test_systemd_is_told(stack, redis, folder):
    path = str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(20 * SLOW)
        gateway = stack.gateway(redis, env={"NOTIFY_SOCKET": path})
        assert b"READY=1" in listener.recv(4096)
        gateway.stop()
        told = listener.recv(4096)
        while b"STOPPING=1" not in told:
            told = listener.recv(4096)
