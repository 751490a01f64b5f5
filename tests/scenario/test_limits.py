"""Every limit at n-1, n and n+1, and who is slow or idle is dropped when its time is over."""

import time

import pytest
import sign
import wire
from conftest import STRIPE, route
from harness import SANITIZER_ENV, SLOW, entries, wait_until

LIMIT = 5000


def sized(n):
    delivery = sign.stripe(STRIPE, size=n)
    assert len(delivery.body) == n
    return delivery


@pytest.mark.parametrize("chunk", [None, 1000, LIMIT, LIMIT + 1, 100000], ids=lambda c: f"chunks of {c}" if c else "length")
def test_max_body(stack, redis, db, chunk):
    gateway = stack.gateway(redis, max_body=LIMIT)
    for size, status in ((LIMIT - 1, 200), (LIMIT, 200), (LIMIT + 1, 413), (LIMIT * 50, 413)):
        response = gateway.deliver(sized(size), chunk=chunk)
        assert response.status == status, (size, response)
        if status == 413:
            assert response.outcome() == "body_too_large"
    assert [len(entry["data"]) for entry in entries(db, "stripe")] == [LIMIT - 1, LIMIT]
    assert gateway.count("body_too_large") == 2


def test_a_routes_own_max_body(stack, redis):
    gateway = stack.gateway(redis, [route("stripe", max_body=3000), route("stripe", name="big", path="/big", max_body="1MiB")],
                            max_body=LIMIT)
    assert gateway.deliver(sized(3000)).status == 200
    assert gateway.deliver(sized(3001)).status == 413
    assert gateway.deliver(sized(1 << 20), target="/big").status == 200
    assert gateway.deliver(sized((1 << 20) + 1), target="/big").status == 413


@pytest.mark.parametrize("chunk", [None, 60000], ids=["length", "chunked"])
def test_bodies_at_a_large_cap(stack, redis, db, chunk):
    """A large body, for the loop's sake: libmicrohttpd's epoll descriptor is edge-triggered."""
    size = 20 << 20
    gateway = stack.gateway(redis, max_body=size, ack_deadline="20s", request_timeout="60s")
    assert gateway.deliver(sized(size), chunk=chunk, timeout=60).status == 200
    assert len(entries(db, "stripe")[0]["data"]) == size
    assert gateway.deliver(sized(size + 1), chunk=chunk, timeout=60).status == 413


def headed(size):
    """A delivery whose head has that many bytes, the empty line included."""
    delivery = sign.stripe(STRIPE)
    empty = len(wire.raw(delivery, extra=[("X-Pad", "")])) - len(delivery.body)
    delivery.headers.append(("X-Pad", "x" * (size - empty)))
    assert len(wire.raw(delivery)) - len(delivery.body) == size
    return delivery


def test_max_head(stack, redis):
    limit = 8192
    gateway = stack.gateway(redis, max_head=limit)
    for size in (limit - 1, limit):
        assert gateway.deliver(headed(size)).status == 200, size
    for size in (limit + 1, limit + 100, limit * 4, limit * 100):
        try:
            assert gateway.deliver(headed(size)).status in (400, 413, 431), size
        except (wire.Closed, OSError):
            pass
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200


def test_max_head_again_on_a_kept_connection(stack, redis):
    gateway = stack.gateway(redis, max_head=8192)
    with wire.Connection(gateway.address()) as connection:
        for _ in range(3):
            connection.send(wire.raw(headed(8192)))
            assert connection.response().status == 200
        connection.send(wire.raw(headed(9000)))
        try:
            assert connection.response().status in (400, 413, 431)
        except wire.Closed:
            pass


def served(connection):
    """Is this connection let in? Those over a limit are closed without an answer, or answered 503."""
    try:
        connection.send(wire.raw(sign.stripe(STRIPE)))
        return connection.response().status == 200
    except (wire.Closed, OSError):
        return False


def check_connection_limit(gateway, limit, **source):
    connections = []
    try:
        for number in range(1, limit + 3):
            connection = wire.Connection(gateway.address(), **source)
            connections.append(connection)
            assert served(connection) == (number <= limit), f"connection {number} of {limit}"
        # Those within the limit are still there, and one that goes makes room for another.
        assert all(served(connection) for connection in connections[:limit])
        connections[0].close()

        def another():
            connection = wire.Connection(gateway.address(), **source)
            connections.append(connection)
            return served(connection)

        wait_until(another, "room for another connection")
    finally:
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("limit", [1, 7, 40])
def test_max_connections(stack, redis, limit):
    check_connection_limit(stack.gateway(redis, max_connections=limit), limit)


@pytest.mark.parametrize("limit", [1, 5])
def test_connections_per_address(stack, redis, limit):
    gateway = stack.gateway(redis, connections_per_address=limit)
    check_connection_limit(gateway, limit, source="127.0.0.1")
    # Another address has its own share.
    held = [wire.Connection(gateway.address(), source="127.0.0.1") for _ in range(limit + 3)]
    with wire.Connection(gateway.address(), source="127.0.0.2") as other:
        assert served(other)
    for connection in held:
        connection.close()


def test_connections_over_the_limit_are_counted(stack, redis):
    gateway = stack.gateway(redis, max_connections=2)
    held = [wire.Connection(gateway.address()) for _ in range(2)]
    assert all(served(connection) for connection in held)
    with wire.Connection(gateway.address()) as over:
        assert not served(over)
    metrics = gateway.metrics()
    refused = [name for name in metrics.names() if "connections" in name and "refused" in name]
    assert refused and sum(metrics.sum(name) for name in refused) >= 1
    for connection in held:
        connection.close()


def test_max_buffered(stack, redis, db):
    """More bytes of bodies than may be held at once: 503, and taken again once there is room."""
    gateway = stack.gateway(redis, max_body="1MiB", max_buffered="1MiB", workers=1, request_timeout="60s")
    held = []
    for _ in range(2):
        text = wire.raw(sized(300 * 1024))
        connection = wire.Connection(gateway.address())
        connection.send(text[:-10])
        held.append((connection, text[-10:]))
    wait_until(lambda: gateway.metrics().sum("hookgate_buffered_bytes") >= 2 * 300 * 1024 - 20, "both bodies to be held")
    response = gateway.deliver(sized(900 * 1024))
    assert (response.status, response.outcome()) == (503, "overloaded"), response
    assert int(response.header("Retry-After")) > 0
    for connection, rest in held:
        connection.send(rest)
        assert connection.response().status == 200
        connection.close()
    assert gateway.deliver(sized(900 * 1024)).status == 200
    assert len(entries(db, "stripe")) == 3


@pytest.mark.parametrize("chunk", [None, 4096])
def test_a_body_at_the_cap_fits_into_a_workers_share(stack, redis, db, chunk):
    """max_buffered is shared by the workers, but one body of max_body must always fit, also where a kept buffer is there."""
    gateway = stack.gateway(redis, max_body="1MiB", max_buffered="1MiB", workers=4)
    for _ in range(12):
        assert wire.send(gateway.address(), sized(1 << 20), chunk=chunk).status == 200
    assert len(entries(db, "stripe")) == 12


def test_max_buffered_under_pressure(stack, redis, db):
    gateway = stack.gateway(redis, max_body="1MiB", max_buffered="1MiB", workers=1, request_timeout="60s")
    size = 300 * 1024
    connections = []
    for _ in range(6):
        delivery = sized(size)
        text = wire.raw(delivery)
        connection = wire.Connection(gateway.address())
        connection.send(text[:-10])
        connections.append((connection, text))
    statuses = []
    for connection, text in connections:
        try:
            connection.send(text[-10:])
            response = connection.response()
            statuses.append(response.status)
            if response.status == 503:
                assert response.outcome() == "overloaded" and response.header("Retry-After")
        except (wire.Closed, OSError):
            statuses.append(None)
        connection.close()
    assert any(status != 200 for status in statuses), statuses
    assert len(entries(db, "stripe")) == statuses.count(200)
    assert gateway.deliver(sized(size)).status == 200


def closed_after(connection, least, most):
    """Is the connection closed by the other side within these seconds?"""
    began = time.monotonic()
    connection.socket.settimeout(most * SLOW + 5)
    try:
        while connection.socket.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return least <= time.monotonic() - began <= most * SLOW + 2


def test_idle_connections_are_dropped(stack, redis):
    gateway = stack.gateway(redis, idle_timeout="1s", request_timeout="30s")
    with wire.Connection(gateway.address()) as fresh, wire.Connection(gateway.address()) as used:
        used.send(wire.raw(sign.stripe(STRIPE)))
        assert used.response().status == 200
        assert closed_after(used, 0.5, 4)
        assert closed_after(fresh, 0, 4)


@pytest.mark.parametrize("what", ["head", "body", "chunked body", "request line"])
def test_slow_requests_are_dropped(stack, redis, db, what):
    """A byte now and then keeps no connection alive: the time of a request runs from its first byte."""
    gateway = stack.gateway(redis, request_timeout="2s", idle_timeout="30s")
    text = wire.raw(sign.stripe(STRIPE, size=2000), chunk=100 if what == "chunked body" else None)
    begin = {"request line": 3, "head": 40, "body": len(text) - 1000, "chunked body": len(text) - 1000}[what]
    if what == "request line":
        text = b"POST /hooks/stripe?" + b"a" * 1000
    with wire.Connection(gateway.address()) as connection:
        connection.send(text[:begin])
        began = time.monotonic()
        dropped = False
        connection.socket.settimeout(0.2)
        for byte in text[begin:begin + 400]:
            assert time.monotonic() - began < 3 + 2 * SLOW, "still there"
            try:
                connection.send(bytes([byte]))
                if connection.socket.recv(65536) == b"":
                    dropped = True
            except TimeoutError:
                continue
            except OSError:
                dropped = True
            if dropped:
                break
        assert dropped
        assert time.monotonic() - began > 1
    assert entries(db, "stripe") == []
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200


@pytest.mark.parametrize("what", ["nothing", "head", "body", "chunked body", "answered"])
def test_clients_that_hang_up_are_noticed(stack, redis, what):
    """At once, not when their time is over: a connection whose other end is gone is memory for nobody."""
    gateway = stack.gateway(redis, request_timeout="10m", idle_timeout="10m")
    base = gateway.metrics().sum("hookgate_connections")
    text = wire.raw(sign.stripe(STRIPE, size=2000), chunk=100 if what == "chunked body" else None)
    cut = {"nothing": 0, "head": 40, "body": len(text) - 500, "chunked body": len(text) - 500, "answered": len(text)}[what]
    for _ in range(50):
        with wire.Connection(gateway.address()) as connection:
            connection.send(text[:cut])
            if what == "answered":
                assert connection.response().status == 200
    wait_until(lambda: gateway.metrics().sum("hookgate_connections") <= base, "the connections to be closed", 3)


def test_a_client_that_does_not_read_is_no_burden(stack, redis, db):
    """Pipelines without end and never reads an answer: dropped, or at least bounded, and others are served."""
    # What AddressSanitizer holds back after free() is no memory of ours.
    options = f"{SANITIZER_ENV['ASAN_OPTIONS']}:quarantine_size_mb=8"
    gateway = stack.gateway(redis, idle_timeout="1s", request_timeout="2s", env={"ASAN_OPTIONS": options})
    text = wire.raw(sign.stripe("wrong")) * 50
    with wire.Connection(gateway.address(), timeout=1) as deaf:
        before = gateway.rss()
        try:
            for _ in range(2000):
                deaf.send(text)
        except OSError:
            pass
        assert gateway.deliver(sign.stripe(STRIPE)).status == 200
        assert gateway.rss() - before < (64 << 20)


def test_a_slow_client_holds_up_nobody(stack, redis):
    gateway = stack.gateway(redis, workers=1, request_timeout="20s")
    slow = [wire.Connection(gateway.address()) for _ in range(50)]
    for connection in slow:
        connection.send(wire.raw(sign.stripe(STRIPE))[:100])
    began = time.monotonic()
    for _ in range(20):
        assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    assert time.monotonic() - began < 3 * SLOW
    for connection in slow:
        connection.close()
