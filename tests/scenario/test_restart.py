"""Restarts that refuse nobody: the listening sockets outlive the gateway, kept by a supervisor or handed to the next one."""

import contextlib
import os
import signal
import socket

import pytest
import sign
import wire
from conftest import STRIPE
from harness import SLOW, Load, entries, free_port, wait_until
from test_crash import check_each_once

ROUNDS = 10


def test_a_handover_among_open_connections(stack, redis):
    """The descriptors that are free lie between those of the clients."""
    gateway = stack.gateway(redis, drain_timeout="2s")

    def count():
        return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))

    before = count()
    with contextlib.ExitStack() as clients:
        connections = [clients.enter_context(socket.create_connection(gateway.address())) for _ in range(32)]
        wait_until(lambda: count() >= before + 24, "the connections")
        there = count()
        for connection in connections[:6]:
            connection.close()
        wait_until(lambda: count() < there - 3, "their end")
        gateway.hand_over()
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    gateway.stop()


def check_nothing_failed(db, load):
    assert set(load.statuses()) == {200}, [result for result in load.results if result[1] != 200][:5]
    check_each_once(db, load.acknowledged())
    assert len(entries(db, "stripe")) == len(load.results)


def test_ten_handovers_under_load(stack, redis, db):
    gateway = stack.gateway(redis, drain_timeout="10s")
    with Load(gateway.address(), lambda: sign.stripe(STRIPE), threads=16) as load:
        for _ in range(ROUNDS):
            load.wait_more(100)
            gateway.hand_over()
        load.wait_more(100)
    check_nothing_failed(db, load)
    assert sum(line["accepted"] for line in gateway.log("stopped")) <= len(load.results)
    gateway.stop()
    assert sum(line["accepted"] for line in gateway.log("stopped")) == len(load.results), "all gateways together"
    assert not wire.connects(gateway.address()), "nobody keeps the socket"


def test_ten_restarts_on_a_supervisors_sockets_under_load(stack, redis, db):
    """As `systemctl restart` with a .socket unit: what comes in between waits in the socket."""
    with socket.create_server(("127.0.0.1", free_port()), backlog=4096) as listener:
        gateway = activated(stack, redis, [listener], drain_timeout="10s")
        with Load(gateway.address(), lambda: sign.stripe(STRIPE), threads=16) as load:
            for _ in range(ROUNDS):
                load.wait_more(100)
                gateway.stop()
                gateway.start()
            load.wait_more(100)
        check_nothing_failed(db, load)


def activated(stack, redis, sockets, ready="ready", **config):
    """A gateway that a supervisor starts with these sockets, from descriptor 3 on."""
    listen = ["%s:%d" % (s.getsockname()[0] if ":" not in s.getsockname()[0] else "[%s]" % s.getsockname()[0], s.getsockname()[1])
              if s.family != socket.AF_UNIX else "unix:" + s.getsockname() for s in sockets]
    config.setdefault("listen", listen)
    return stack.gateway(redis, ready=ready, sockets=sockets, env={"LISTEN_FDS": str(len(sockets))}, **config)


def test_sockets_of_all_kinds(stack, redis, db, folder):
    path = str(folder / "activated.sock")
    with socket.create_server(("127.0.0.1", 0)) as four, \
            socket.create_server(("::1", 0), family=socket.AF_INET6) as six, \
            socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path)
        unix.listen(16)
        gateway = activated(stack, redis, [four, six, unix], workers=3)
        for i in range(3):
            for _ in range(4):
                assert wire.send(gateway.address(i), sign.stripe(STRIPE)).status == 200
        assert len(entries(db, "stripe")) == 12
        assert not gateway.log("socket not used")
        gateway.hand_over()
        for i in range(3):
            assert wire.send(gateway.address(i), sign.stripe(STRIPE)).status == 200
        gateway.stop()


def test_a_socket_that_the_configuration_does_not_want(stack, redis):
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        wanted = "127.0.0.1:%d" % one.getsockname()[1]
        gateway = activated(stack, redis, [one, other], listen=wanted)
        assert gateway.log("socket not used")[0]["address"] == "127.0.0.1:%d" % other.getsockname()[1]
        assert gateway.deliver(sign.stripe(STRIPE)).status == 200


@pytest.mark.parametrize("env, why", [
    ({"LISTEN_FDS": "many"}, "LISTEN_FDS"),
    ({"LISTEN_FDS": "-1"}, "LISTEN_FDS"),
    ({"LISTEN_FDS": "5000"}, "LISTEN_FDS"),
    ({"LISTEN_FDS": "2"}, "descriptor 4"),
])
def test_what_is_handed_over_wrongly(stack, redis, env, why):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = stack.gateway(redis, ready=None, sockets=[listener], env=env)
        gateway.wait_end()
        assert gateway.process.returncode == 1
        assert why in gateway.log_text()


def test_meant_for_another_process(stack, redis):
    """sd_listen_fds(3): $LISTEN_PID names who is meant."""
    gateway = stack.gateway(redis, env={"LISTEN_FDS": "1", "LISTEN_PID": "1"})
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200


def test_a_handover_to_a_broken_configuration_changes_nothing(stack, redis):
    gateway = stack.gateway(redis)
    good = gateway.file.read_text()
    gateway.file.write_text("routes: [")
    gateway.signal(signal.SIGUSR2)
    gateway.wait_log("handover failed")
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    gateway.file.write_text(good)
    gateway.hand_over()
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    # The one that did not come up said why in plain text, as commands do.
    text = gateway.log_text()
    gateway.stderr.write_text("".join(line + "\n" for line in text.split("\n") if line.startswith("{")))
    assert "hookgate: serve: " in text


def test_an_embedded_redis_has_one_owner(stack, folder):
    gateway = stack.gateway(f"embedded:{folder}/embedded")
    gateway.signal(signal.SIGUSR2)
    assert "embedded" in gateway.wait_log("handover refused")["reason"]
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200


def test_an_idle_connection_may_still_bring_a_request(stack, redis):
    """A client that uses its connection again just when the gateway begins to drain is answered."""
    gateway = stack.gateway(redis, drain_timeout="20s")
    with wire.Connection(gateway.address()) as connection:
        connection.send(wire.raw(sign.stripe(STRIPE)))
        assert connection.response().status == 200
        gateway.signal(signal.SIGTERM)
        gateway.wait_log("draining")
        connection.send(wire.raw(sign.stripe(STRIPE)))
        response = connection.response()
        assert response.status == 200 and response.header("Connection").lower() == "close"
    gateway.wait_end()
    assert gateway.process.returncode == 0


def test_systemd_is_told_who_goes_on(stack, redis, folder):
    path = str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(20 * SLOW)
        gateway = stack.gateway(redis, env={"NOTIFY_SOCKET": path})
        assert b"READY=1" in listener.recv(4096)
        gateway.hand_over()
        assert {listener.recv(4096), listener.recv(4096)} == {b"READY=1", b"MAINPID=%d" % gateway.process.pid}
        gateway.stop()
        assert listener.recv(4096) == b"STOPPING=1"
