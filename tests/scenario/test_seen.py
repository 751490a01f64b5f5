"""What operators see: log lines, metrics, health; and what they, and everybody else, never see."""

import json
import os
import re
import subprocess

import harness
import pytest
import sign
import wire
from conftest import GITHUB, ROUTES, STRIPE
from harness import entries, free_port, wait_until


def test_a_line_per_delivery(gateway):
    cases = [
        (sign.stripe(STRIPE), "accepted", "info"),
        (sign.stripe("wrong"), "signature_mismatch", "warning"),
        (sign.stripe(STRIPE).replaced("Stripe-Signature", None), "signature_missing", "warning"),
        (sign.stripe(STRIPE, t=1000), "timestamp_out_of_tolerance", "warning"),
        (sign.plain("/nowhere"), "not_found", "info"),
    ]
    for delivery, outcome, level in cases:
        before = len(gateway.log("delivery"))
        assert gateway.deliver(delivery).outcome() == outcome
        (line,) = wait_until(lambda: gateway.log("delivery")[before:], "the delivery's line")
        assert line["outcome"] == outcome and line["level"] == level, line
        assert line["address"] == "127.0.0.1" and float(line["ms"]) >= 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        if outcome == "not_found":
            assert line["path"] == "/nowhere"
        else:
            assert line["route"] == "stripe" and line["provider"] == "stripe"
            assert line["bytes"] == len(delivery.body)
        if outcome == "accepted":
            assert line["id"] == delivery.id and line["type"] == "invoice.paid"
        else:
            assert len(line["reason"]) > 8, "a reason that a person understands"


HOSTILE = b"\xff\xfe\xc0\x80\x1b[31m\"\\ \xe2\x80\xa8 {}%s%n</script>\x7f"


def hostile_deliveries():
    text = HOSTILE.decode("latin-1")
    yield sign.plain("/" + text.replace(" ", "").replace("\x1b", ""))
    yield sign.plain("/x?" + text.replace(" ", "").replace("\x1b", ""))
    yield sign.stripe(STRIPE, type="evil\u2028\"\\type" + "\U0001f600" * 3)
    yield sign.stripe(STRIPE, id=sign.unique() + "\u2028\"'\\</script>")
    yield sign.github(GITHUB, type="pu\"sh\\").replaced("X-GitHub-Delivery", b'id"\\<\xff\xfe>')
    yield sign.github(GITHUB, id="\u00e9\u00ff")
    yield sign.stripe(STRIPE).replaced("Stripe-Signature", b"t=\xff,v1=\xfe\"\\")
    yield sign.stripe(STRIPE).replaced("Content-Type", b"\xff\"\\")
    yield sign.plain("/hooks/stripe", headers=[("X-\"", "1")])


@pytest.mark.parametrize("format", ["json", "text"])
def test_hostile_bytes_stay_in_their_line(stack, redis, db, format):
    gateway = stack.gateway(redis, ["stripe", "github"], log={"format": format, "level": "debug"})
    sent = 0
    for delivery in hostile_deliveries():
        try:
            gateway.deliver(delivery)
            sent += 1
        except wire.Closed:
            pass
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    gateway.stop()
    raw = gateway.stderr.read_bytes()
    lines = raw.decode("utf-8").split("\n")
    for line in lines:
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u2028\u2029]", line), line
        if format == "json" and line:
            json.loads(line)
        if format == "text" and line:
            assert re.match(r"\d{4}-\d\d-\d\dT\S+Z (debug|info|warning|error) ", line), line
    assert len([line for line in lines if "outcome" in line]) >= sent


def test_secrets_and_signatures_are_nowhere(stack, redis, db):
    """Not in the log at its most talkative, not on the admin listener, not in an answer."""
    gateway = stack.gateway(redis, list(ROUTES), log={"format": "json", "level": "debug"},
                            admin={"listen": f"127.0.0.1:{free_port()}", "token": "scenario-admin-token"})
    makers = [lambda s: sign.stripe(s), lambda s: sign.github(s), lambda s: sign.slack(s), lambda s: sign.generic(s),
              lambda s: sign.shopify(s), lambda s: sign.zoom(s)]
    secrets = [ROUTES[name]["secret"] for name in ("stripe", "github", "slack", "generic", "shopify", "zoom")]
    for make, secret in zip(makers, secrets):
        for used in (secret, "a wrong scenario secret"):
            gateway.deliver(make(used))
    said = b"".join(gateway.ask(path).body for path in ("/metrics", "/healthz", "/readyz", "/"))
    for hidden in [*gateway.hidden, *gateway.signatures]:
        assert hidden.encode() not in said
    gateway.stop()


def promtool(text):
    return subprocess.run(["promtool", "check", "metrics"], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_metrics_by_prometheus_conventions(gateway):
    gateway.deliver(sign.stripe(STRIPE))
    gateway.deliver(sign.stripe("wrong"))
    gateway.deliver(sign.plain("/nowhere"))
    response = gateway.ask("/metrics")
    assert response.header("Content-Type").startswith("text/plain; version=0.0.4")
    done = promtool(response.body.decode())
    assert done.returncode == 0 and not done.stdout.strip(), done.stdout.decode()


def test_metrics_count_right(gateway):
    before = gateway.metrics()
    delivery = sign.stripe(STRIPE)
    plan = [(delivery, "accepted", 1), (delivery, "duplicate", 3), (sign.stripe("wrong"), "signature_mismatch", 2),
            (sign.stripe(STRIPE, t=1000), "timestamp_out_of_tolerance", 1), (sign.stripe(STRIPE, size=2 << 20), "body_too_large", 1)]
    for made, outcome, times in plan:
        for _ in range(times):
            assert gateway.deliver(made).outcome() == outcome
    for _ in range(4):
        assert gateway.deliver(sign.plain("/nowhere")).status == 404
    after = gateway.metrics()

    def grown(name, **labels):
        return after.sum(name, **labels) - before.sum(name, **labels)

    for _, outcome, times in plan:
        assert grown("hookgate_deliveries_total", route="stripe", outcome=outcome) == times, outcome
    assert grown("hookgate_deliveries_total", outcome="not_found") == 4
    assert grown("hookgate_deliveries_total") == 12
    # Every histogram counts what it should, and its buckets are cumulative and end with all.
    histograms = {name[:-len("_bucket")] for name in after.names() if name.endswith("_bucket")}
    assert len(histograms) >= 2
    for name in histograms:
        buckets = [(float(labels["le"]), value) for n, labels, value in after.samples if n == name + "_bucket"]
        assert buckets == sorted(buckets) and buckets[-1][0] == float("inf")
        assert buckets[-1][1] == after.sum(name + "_count")
        assert after.sum(name + "_sum") >= 0
    redis_name = next(name for name in histograms if "redis" in name and "wait" not in name)
    answer_name = next(name for name in histograms if "redis" not in name)
    assert grown(redis_name + "_count") == 4
    assert grown(answer_name + "_count") == 12
    # Which secret matched.
    matched = [name for name in after.names() if "secret" in name]
    assert matched and grown(matched[0], route="stripe", secret="secret") >= 1


def test_metrics_of_connections(gateway):
    def open_now():
        metrics = gateway.metrics()
        return sum(metrics.sum(name) for name in metrics.names() if re.search(r"connections(_open)?$", name))

    base = open_now()
    held = [wire.Connection(gateway.address()) for _ in range(5)]
    for connection in held:
        connection.send(wire.raw(sign.stripe(STRIPE)))
        assert connection.response().status == 200
    wait_until(lambda: open_now() == base + 5, "five open connections")
    for connection in held:
        connection.close()
    wait_until(lambda: open_now() == base, "none of them")


def test_route_names_are_the_only_labels_from_outside(gateway):
    """Strangers cannot make series: a path that no route has does not become a label."""
    before = len(gateway.metrics().samples)
    for i in range(50):
        gateway.deliver(sign.plain(f"/made-up/{i}"))
        gateway.deliver(sign.github(GITHUB, type=f"type{i}"))
    assert len(gateway.metrics().samples) <= before + 40
    assert "made-up" not in gateway.metrics().text


def test_health(stack, redis):
    gateway = stack.gateway(redis)
    assert gateway.ask("/healthz").status == 200 and gateway.ask("/readyz").status == 200
    redis.pause()
    try:
        gateway.deliver(sign.stripe(STRIPE))
        gateway.wait_unready()
        assert gateway.ask("/healthz").status == 200
        assert [line for line in gateway.metrics().text.split("\n") if "redis" in line and line.endswith(" 0")]
    finally:
        redis.resume()
    gateway.wait_ready()
    assert gateway.ask("/nothing-here").status == 404
    assert gateway.ask("/metrics", method="POST").status in (404, 405)


def test_admin_token(stack, redis):
    gateway = stack.gateway(redis, admin={"listen": f"127.0.0.1:{free_port()}", "token": "scenario-admin-token"})
    for headers in ([], [sign.bearer("scenario-admin-tokem")], [sign.bearer("")], [sign.bearer("scenario-admin-token2")],
                    [sign.basic("a", "scenario-admin-token")], [("Authorization", "scenario-admin-token")]):
        response = gateway.ask("/metrics", headers=headers)
        assert response.status == 401, (headers, response)
        assert b"hookgate_" not in response.body
    assert gateway.ask("/metrics").status == 200
    # Probes have no token.
    assert gateway.ask("/healthz", headers=[]).status == 200
    assert gateway.ask("/readyz", headers=[]).status == 200


def test_admin_is_not_public_and_public_is_not_admin(gateway):
    for path in ("/metrics", "/healthz", "/readyz"):
        assert wire.get(gateway.address(), path).status == 404
    assert wire.send(gateway.admin, sign.stripe(STRIPE)).status in (404, 405)


def test_admin_on_a_unix_socket(stack, redis):
    path = f"{stack.folder}/a.sock"
    gateway = stack.gateway(redis, admin={"listen": f"unix:{path}"})
    assert wire.get(path, "/readyz").status == 200
    gateway.stop()


def test_the_address_behind_a_unix_socket_and_v6(stack, redis):
    port = free_port()
    path = f"{stack.folder}/h.sock"
    gateway = stack.gateway(redis, listen=[f"[::1]:{port}", f"unix:{path}"])
    for address, told in ((("::1", port), "::1"), (path, "unix")):
        delivery = sign.stripe(STRIPE)
        assert wire.send(address, delivery).status == 200
        assert gateway.wait_log("delivery", id=delivery.id)["address"] == told


def test_levels(stack, redis):
    gateway = stack.gateway(redis, log={"format": "json", "level": "error"})
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    assert gateway.deliver(sign.stripe("wrong")).status == 401
    gateway.stop()
    assert {line["level"] for line in gateway.log()} <= {"error"}


def test_what_endangers_the_promise_is_said(stack):
    """Redis that may evict: a warning at the start."""
    redis = stack.redis(maxmemory="100mb", **{"maxmemory-policy": "allkeys-lru"})
    gateway = stack.gateway(redis)
    wait_until(lambda: [line for line in gateway.log() if line["level"] == "warning" and "evict" in json.dumps(line)],
               "a warning about eviction")


def test_a_log_that_nobody_reads_stops_no_delivery(stack, redis, db, folder):
    """A pipe as a shell or a supervisor makes it: it blocks who writes to it when it is full."""
    gateway = stack.gateway(redis, workers=1)
    gateway.stop()
    reader, writer = os.pipe()
    gateway.process = subprocess.Popen([*harness.START, harness.BINARY, "serve", "-c", str(gateway.file)],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer)
    os.close(writer)
    gateway.wait_ready()
    for _ in range(800):
        assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    assert len(entries(db, "stripe")) == 800
    os.close(reader)
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    gateway.stop()
