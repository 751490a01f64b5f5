"""HTTP as clients speak it: addresses, framing, keep-alive, pipelining, and whatever may legally be cut in two anywhere."""

import fcntl
import socket
import struct
import termios

import pytest
import sign
import wire
from conftest import STRIPE
from harness import entries, free_port, wait_until


def deliver_on(address):
    return wire.send(address, sign.stripe(STRIPE))


@pytest.mark.parametrize("kind", ["v4", "v6", "unix", "all of both families"])
def test_listeners(stack, redis, db, kind):
    port = free_port()
    listen, reach = {
        "v4": (f"127.0.0.1:{port}", [("127.0.0.1", port)]),
        "v6": (f"[::1]:{port}", [("::1", port)]),
        "unix": (f"unix:{stack.folder}/h.sock", [f"{stack.folder}/h.sock"]),
        "all of both families": (f":{port}", [("127.0.0.1", port), ("::1", port)]),
    }[kind]
    stack.gateway(redis, listen=listen)
    for address in reach:
        assert deliver_on(address).status == 200
    assert len(entries(db, "stripe")) == len(reach)


def test_several_listeners_at_once(stack, redis, db):
    port = free_port()
    path = f"{stack.folder}/h.sock"
    gateway = stack.gateway(redis, listen=[f"127.0.0.1:{port}", f"[::1]:{port}", f"unix:{path}"])
    for address in (("127.0.0.1", port), ("::1", port), path):
        assert deliver_on(address).status == 200
    assert len(entries(db, "stripe")) == 3
    gateway.stop()
    assert not wire.connects(path)


def test_a_stale_unix_socket_is_replaced(stack, redis):
    path = f"{stack.folder}/h.sock"
    gateway = stack.gateway(redis, listen=f"unix:{path}")
    gateway.kill()
    gateway.start()
    assert deliver_on(path).status == 200


def test_a_port_in_use_is_said(stack, redis):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway = stack.gateway(redis, listen=f"127.0.0.1:{taken.getsockname()[1]}", ready=None)
        gateway.wait_end()
        assert gateway.process.returncode not in (0, None)
        assert str(taken.getsockname()[1]) in gateway.log_text()


def test_a_free_port_is_told(stack, redis, db):
    gateway = stack.gateway(redis, listen="127.0.0.1:0")
    line = gateway.wait_log("listening")
    host, _, port = line["address"].rpartition(":")
    assert deliver_on((host, int(port))).status == 200


def test_keep_alive_and_pipelining(gateway, db):
    deliveries = [sign.stripe(STRIPE) for _ in range(20)]
    with wire.Connection(gateway.address()) as connection:
        for delivery in deliveries[:10]:
            connection.send(wire.raw(delivery))
            assert connection.response().status == 200
        connection.send(b"".join(wire.raw(delivery) for delivery in deliveries[10:]))
        assert [connection.response().status for _ in range(10)] == [200] * 10
    assert entries(db, "stripe").ids() == [delivery.id for delivery in deliveries]


def test_pipelined_answers_are_in_order(gateway, db):
    """Each answer belongs to its request: what waits for Redis may not be overtaken by what does not."""
    good, bad = sign.stripe(STRIPE), sign.stripe("wrong")
    kinds = [good, bad, good, sign.plain("/hooks/none"), sign.stripe(STRIPE), bad, sign.stripe(STRIPE)]
    with wire.Connection(gateway.address()) as connection:
        connection.send(b"".join(wire.raw(delivery) for delivery in kinds[:3]))
        assert [connection.response().outcome() for _ in range(3)] == ["accepted", "signature_mismatch", "duplicate"]
    got = []
    with wire.Connection(gateway.address()) as connection:
        connection.send(b"".join(wire.raw(delivery) for delivery in kinds))
        try:
            while len(got) < len(kinds):
                got.append(connection.response().outcome())
        except wire.Closed:
            pass
    assert got == ["duplicate", "signature_mismatch", "duplicate", "not_found", "accepted", "signature_mismatch",
                   "accepted"][:len(got)]
    assert len(got) >= 4


@pytest.mark.parametrize("chunk", [None, 1, 3, 1000], ids=["length", "chunks of 1", "chunks of 3", "chunks of 1000"])
@pytest.mark.parametrize("size", [200, 60000])
def test_bodies_of_both_framings(gateway, db, chunk, size):
    if chunk == 1 and size > 1000:
        size = 3000
    delivery = sign.stripe(STRIPE, size=size)
    assert gateway.deliver(delivery, chunk=chunk).status == 200
    assert entries(db, "stripe")[0]["data"] == delivery.body


def test_chunks_with_extensions_and_trailers(gateway, db):
    delivery = sign.stripe(STRIPE)
    body = delivery.body
    head = wire.head("POST", delivery.target, delivery.headers + [("Transfer-Encoding", "chunked")])
    chunked = b"%X;name=value\r\n%s\r\n" % (len(body), body) + b"0;last\r\nX-Trailer: 1\r\n\r\n"
    with wire.Connection(gateway.address()) as connection:
        connection.send(head + chunked)
        response = connection.response()
    # Taken as they are meant, or refused: never half of it.
    assert response.status in (200, 400)
    assert [entry["data"] for entry in entries(db, "stripe")] == ([body] if response.status == 200 else [])


def test_expect_100_continue(gateway, db):
    delivery = sign.stripe(STRIPE)
    whole = wire.raw(delivery, extra=[("Expect", "100-continue")])
    head, body = whole[:-len(delivery.body)], whole[-len(delivery.body):]
    with wire.Connection(gateway.address()) as connection:
        connection.send(head)
        assert connection.interim().status == 100
        connection.send(body)
        assert connection.response().status == 200
    assert len(entries(db, "stripe")) == 1


def test_expect_100_continue_is_not_said_to_what_is_refused(gateway):
    for target, status in (("/nowhere", 404), ("/hooks/stripe", 413)):
        length = 50 if status == 404 else 2 << 20
        with wire.Connection(gateway.address()) as connection:
            connection.send(wire.head("POST", target, [("Content-Length", length), ("Expect", "100-continue")]))
            assert connection.response(skip_interim=False).status == status


@pytest.mark.parametrize("chunk", [None, 40], ids=["length", "chunked"])
def test_a_request_cut_in_two_anywhere(stack, redis, db, chunk):
    """Every place where two packets may meet. On a unix socket, whose queue tells when the first part was read."""
    gateway = stack.gateway(redis, listen=f"unix:{stack.folder}/h.sock")
    delivery = sign.stripe(STRIPE)
    whole = wire.raw(delivery, chunk=chunk)
    connection = None
    for cut in range(1, len(whole)):
        connection = connection or wire.Connection(gateway.address())
        connection.send(whole[:cut])
        wait_until(lambda: unread(connection) == 0, "the first part to be read")
        connection.send(whole[cut:])
        response = connection.response()
        assert response.status == 200, (cut, whole[:cut][-20:], response)
        if response.header("Connection") == "close":
            connection.close()
            connection = None
    assert len(entries(db, "stripe")) == 1


def unread(connection):
    """Bytes that are sent and not yet read by the other side."""
    return struct.unpack("i", fcntl.ioctl(connection.socket, termios.TIOCOUTQ, b"\0\0\0\0"))[0]


def test_a_request_byte_by_byte(gateway, db):
    delivery = sign.stripe(STRIPE)
    with wire.Connection(gateway.address()) as connection:
        for byte in wire.raw(delivery):
            connection.send(bytes([byte]))
        assert connection.response().status == 200
    assert entries(db, "stripe")[0]["data"] == delivery.body


def test_absolute_form(gateway, db):
    for target in ("http://hooks.example.com/hooks/stripe", "https://hooks.example.com:443/hooks/stripe?a=b"):
        assert gateway.deliver(sign.stripe(STRIPE), target=target).status == 200
    assert len(entries(db, "stripe")) == 2
    assert entries(db, "stripe")[0]["source"] == b"/hooks/stripe"


@pytest.mark.parametrize("parameters", [100, 200, 500, 2000])
def test_many_parameters(gateway, db, parameters):
    """libmicrohttpd 0.9 has memory for some; over it, it once forgot the request, and its body's memory stayed taken."""
    delivery = sign.stripe(STRIPE)
    target = "/hooks/stripe?" + "&".join(["a=b"] * parameters)
    for _ in range(3):
        with wire.Connection(gateway.address()) as connection:
            connection.send(wire.head("POST", target, [*delivery.headers, ("Content-Length", len(delivery.body))]) + delivery.body)
    with wire.Connection(gateway.address()) as connection:
        connection.send(wire.head("POST", target, [*delivery.headers, ("Content-Length", len(delivery.body))]) + delivery.body)
        assert connection.response().status == (200 if parameters < 2000 else 400)
    wait_until(lambda: gateway.metrics().sum("hookgate_connections") == 0, "the connections to be closed")
    assert gateway.metrics().sum("hookgate_requests_in_flight") == 0
    assert entries(db, "stripe").ids() == [delivery.id] * (parameters < 2000)


def test_a_query_belongs_to_no_path(gateway, db):
    assert gateway.deliver(sign.stripe(STRIPE), target="/hooks/stripe?x=1&y=%2f").status == 200
    assert gateway.deliver(sign.stripe(STRIPE), target="/hooks/stripe?").status == 200


@pytest.mark.parametrize("target", ["/", "/hooks", "/hooks/stripe/", "/hooks//stripe", "/hooks/strip%65", "/HOOKS/STRIPE", "//hooks/stripe",
                                    "/hooks/stripe%00", "/hooks/../hooks/stripe", "/hooks/stripe;x", "*", "/" + "a" * 4000])
def test_paths_are_taken_as_they_are(gateway, db, target):
    response = gateway.deliver(sign.stripe(STRIPE), target=target)
    assert response.status in (404, 400), response
    assert entries(db, "stripe") == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "post"])
def test_methods(gateway, db, method):
    with wire.Connection(gateway.address()) as connection:
        connection.send(wire.head(method, "/hooks/stripe", [("Content-Length", "0")] if method != "GET" else []))
        response = connection.response(method)
    if method in ("TRACE", "post") and response.status == 400:
        return
    assert response.status == 405, response
    assert "POST" in response.header("Allow")
    assert gateway.count("method_not_allowed") >= 1
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200


def test_http_1_0(gateway, db):
    """WooCommerce sends it."""
    with wire.Connection(gateway.address()) as connection:
        connection.send(wire.raw(sign.stripe(STRIPE), version="HTTP/1.0"))
        assert connection.response().status == 200
        assert connection.closed()


def test_connection_close_is_obeyed(gateway):
    with wire.Connection(gateway.address()) as connection:
        connection.send(wire.raw(sign.stripe(STRIPE), extra=[("Connection", "close")]))
        assert connection.response().status == 200
        assert connection.closed()


def test_a_client_that_leaves_early(gateway, db):
    """Gone before the answer: what was complete is stored or not, what was not complete is not, and the gateway stays well."""
    delivery = sign.stripe(STRIPE)
    whole = wire.raw(delivery)
    for _ in range(20):
        connection = wire.Connection(gateway.address())
        connection.send(whole)
        connection.close()
        connection = wire.Connection(gateway.address())
        connection.send(whole[:-5])
        connection.close()
    wait_until(lambda: len(entries(db, "stripe")) == 1, "the complete ones to be stored, once")
    assert gateway.deliver(delivery).outcome() == "duplicate"
    assert len(entries(db, "stripe")) == 1


def test_half_closed_after_the_request(gateway, db):
    with wire.Connection(gateway.address()) as connection:
        connection.send(wire.raw(sign.stripe(STRIPE)))
        connection.end()
        assert connection.response().status == 200


def test_a_refusal_before_the_body_reaches_the_client(gateway):
    """The answer to a body that is too large must arrive though the client is still sending."""
    with wire.Connection(gateway.address()) as connection:
        connection.send(wire.head("POST", "/hooks/stripe", [("Content-Length", 8 << 20)]))
        try:
            for _ in range(8):
                connection.send(b"x" * (1 << 17))
        except OSError:
            pass
        assert connection.response().status == 413


def test_many_connections_at_once(gateway, db):
    connections = [wire.Connection(gateway.address()) for _ in range(300)]
    try:
        deliveries = [sign.stripe(STRIPE) for _ in connections]
        for connection, delivery in zip(connections, deliveries):
            connection.send(wire.raw(delivery))
        assert [connection.response().status for connection in connections] == [200] * 300
    finally:
        for connection in connections:
            connection.close()
    assert sorted(entries(db, "stripe").ids()) == sorted(delivery.id for delivery in deliveries)
