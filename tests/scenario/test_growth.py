"""Memory does not grow with what strangers send."""

import pytest
import sign
import wire
from conftest import STRIPE
from harness import at_once, wait_until

# Sanitizers keep freed memory for a while: only a release build has a steady size.
pytestmark = pytest.mark.builds("release")


def batch(gateway, make, count, per_connection=50):
    def one():
        for _ in range(0, count, per_connection):
            try:
                with wire.Connection(gateway.address()) as connection:
                    for _ in range(per_connection):
                        connection.send(make())
                        connection.response()
            except (wire.Closed, OSError):
                pass
    at_once([one] * 8, threads=8)


KINDS = {
    "accepted": lambda: wire.raw(sign.stripe(STRIPE)),
    "wrong signature": lambda: wire.raw(sign.stripe("wrong", size=2000)),
    "unknown path": lambda: wire.raw(sign.plain(f"/{sign.unique()}")),
    "ambiguous framing": lambda: wire.raw(sign.stripe(STRIPE), extra=[("Transfer-Encoding", "chunked")]),
    "too large": lambda: wire.raw(sign.stripe(STRIPE), chunk=20) + b"",
    "cut off": lambda: wire.raw(sign.stripe(STRIPE, size=4000))[:-2000],
    "broken JSON": lambda: wire.raw(sign.stripe(STRIPE, body=b"{" * 500)),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_memory_is_steady(stack, redis, kind):
    gateway = stack.gateway(redis, max_body=100 if kind == "too large" else 5000, request_timeout="1s",
                            replay_window={"size": "1MiB"}, log={"format": "json", "level": "error"})
    make, per_connection = KINDS[kind], 50
    if kind in ("too large", "cut off", "ambiguous framing"):
        per_connection = 1
    if kind == "cut off":
        def make_and_go():
            for _ in range(100):
                with wire.Connection(gateway.address()) as connection:
                    connection.send(KINDS[kind]())
        run = lambda: at_once([make_and_go] * 8, threads=8)
    else:
        run = lambda: batch(gateway, make, 250 if per_connection == 1 else 1500, per_connection)

    def settled():
        wait_until(lambda: gateway.metrics().sum("hookgate_connections") == 0, "the connections to be closed")

    # What grows with the most connections at once, which a busy machine has more of, comes to rest; a leak of one request's memory
    # (some KB) per request is megabytes in each round.
    sizes = []
    for _ in range(12):
        run()
        settled()
        sizes.append(gateway.rss())
        if len(sizes) > 3 and max(sizes[-3:]) - sizes[-4] < (1 << 20):
            return
    raise AssertionError(f"it grows and grows: {sizes}")
