"""What systemd is told (sd_notify(3), Type=notify-reload): one datagram for each step of the gateway's life."""

import re
import signal
import socket
import time

import pytest
import sign
import wire
from conftest import STRIPE, route
from harness import SLOW, entries, wait_until


class Listener:
    """systemd's end of NOTIFY_SOCKET; the datagrams come in the order they were sent."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.settimeout(15 * SLOW)

    def next(self):
        return self.socket.recv(4096).decode()

    def next_reload(self):
        """The time of RELOADING=1, in the unit that systemd wants."""
        text = self.next()
        match = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", text)
        assert match, text
        return int(match.group(1))

    def rest(self):
        """What has come and nobody has asked for."""
        found = []
        self.socket.setblocking(False)
        try:
            while True:
                found.append(self.next())
        except BlockingIOError:
            return found

    def close(self):
        self.socket.close()


@pytest.fixture(params=["path", "abstract"])
def listener(request, folder):
    listener = Listener(str(folder / "notify") if request.param == "path" else f"@{folder}/notify")
    yield listener
    listener.close()


def test_a_life(stack, redis, listener):
    gateway = stack.gateway(redis, ready=None, env={"NOTIFY_SOCKET": listener.name})
    assert listener.next() == "READY=1"
    # Whoever waits for READY=1 finds a gateway that takes connections.
    assert gateway.ask("/healthz").status == 200
    gateway.wait_ready()

    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    gateway.rewrite(routes=[route("stripe"), route("github")])
    assert gateway.reload()["event"] == "reloaded"
    assert before <= listener.next_reload() <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert listener.next() == "READY=1"

    gateway.stop()
    assert listener.next() == "STOPPING=1"
    assert listener.rest() == []


def test_a_reload_that_is_refused_ends_too(stack, redis, listener):
    """systemd would wait for it for ever."""
    gateway = stack.gateway(redis, env={"NOTIFY_SOCKET": listener.name})
    assert listener.next() == "READY=1"
    gateway.rewrite(routes=[route("stripe", provider="strype")])
    assert gateway.reload()["event"] == "reload refused"
    first = listener.next_reload()
    assert listener.next() == "READY=1"
    gateway.rewrite(routes=[route("stripe")])
    assert gateway.reload()["event"] == "reloaded"
    assert listener.next_reload() > first
    assert listener.next() == "READY=1"
    assert listener.rest() == []


def test_stopping_is_told_before_the_end(stack, redis, db, listener):
    """While a delivery is in flight the gateway drains."""
    proxy = stack.proxy(redis.port)
    gateway = stack.gateway(proxy.url(), env={"NOTIFY_SOCKET": listener.name}, ack_deadline="20s")
    assert listener.next() == "READY=1"
    proxy.hold()
    with wire.Connection(gateway.address()) as connection:
        connection.send(wire.raw(sign.stripe(STRIPE)))
        wait_until(lambda: len(entries(db, "stripe")) == 1, "the script to have run")
        gateway.signal(signal.SIGTERM)
        assert listener.next() == "STOPPING=1"
        assert gateway.running()
        proxy.release()
        assert connection.response().status == 200
    gateway.wait_end()
    assert gateway.process.returncode == 0
    assert listener.rest() == []


def test_one_that_does_not_come_up_is_never_ready(stack, redis, listener):
    gateway = stack.gateway(redis, routes=[route("stripe", provider="strype")], ready=None,
                            env={"NOTIFY_SOCKET": listener.name})
    gateway.wait_end()
    assert gateway.process.returncode > 0
    assert listener.rest() == []


def test_nobody_to_tell(stack, redis, folder):
    """A listener that is gone is no reason not to serve."""
    gateway = stack.gateway(redis, env={"NOTIFY_SOCKET": str(folder / "nobody")})
    assert gateway.reload()["event"] == "reloaded"
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    gateway.stop()
