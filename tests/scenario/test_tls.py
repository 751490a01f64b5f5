"""Redis over TLS: whom the gateway believes, whom Redis believes, and that nothing of it changes what is promised. Where the
gateway is built without it: that this is said."""

import json
import shutil
import subprocess
import threading

import harness
import pytest
import sign
from certificates import Authority
from conftest import STRIPE, route
from harness import Load, at_once, entries, wait_until
from test_journal import deliver_kept, journal, wait_drained
from test_redis import check_each_once
from test_sentinel import check_kept, paced, run, taken
from topology import Cluster, start_sentinels

built = pytest.mark.tls(True)
not_built = pytest.mark.tls(False)


@pytest.fixture
def authority(folder):
    return Authority(folder / "certificates")


@not_built
@pytest.mark.parametrize("redis", [{"url": "rediss://127.0.0.1"}, {"url": "rediss://127.0.0.1", "tls": {}},
                                   {"url": "sentinel://127.0.0.1/m", "tls": {"ca": "ca.crt"}},
                                   {"url": "cluster://127.0.0.1", "tls": {}}])
@pytest.mark.parametrize("command", [["check"], ["serve"], ["status"], ["consume", "--route", "stripe", "--group", "g"]])
def test_a_build_without_it_says_so(folder, redis, command):
    file = folder / "hookgate.yaml"
    file.write_text(json.dumps({"listen": f"127.0.0.1:{harness.free_port()}", "redis": redis, "routes": [
        {"name": "stripe", "path": "/", "provider": "stripe", "secret": STRIPE}]}))
    done = subprocess.run([*harness.START, harness.BINARY, *command, "-c", str(file)], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 1
    assert "this build does not speak TLS to Redis: that needs hiredis 1.0 or newer" in done.stderr


@built
def test_events_go_by_tls(stack, authority):
    """Small and large ones, by the script and in batches, and all commands."""
    redis = stack.redis(tls=authority)
    gateway = stack.gateway({"url": redis.url(), "tls": {"ca": authority.ca}})
    deliveries = deliver_kept(gateway, 20)
    large = sign.stripe(STRIPE, size=300_000)
    assert gateway.deliver(large).status == 200
    with Load(gateway.address(), lambda: sign.stripe(STRIPE), threads=32) as load:
        load.wait_more(2000)
    check_each_once(redis.client(), [*deliveries, large, *load.acknowledged()])
    assert set(load.statuses()) == {200}
    assert gateway.deliver(deliveries[0]).outcome() == "duplicate"
    for command, *more in (["check", "--redis"], ["status"], ["consume", "--route", "stripe", "--group", "g", "--count", "100"]):
        status, out, err = run(command, gateway, *more)
        assert status == 0, out + err
    assert len(out.splitlines()) == 100


@built
def test_a_redis_that_is_killed_and_stopped(stack, authority, folder):
    redis = stack.redis(tls=authority, appendonly="yes", appendfsync="everysec")
    gateway = stack.gateway({"url": redis.url(), "tls": {"ca": authority.ca}}, ack_deadline="500ms", journal=journal(folder))
    with paced(gateway) as load:
        load.wait_more(100)
        redis.kill()
        load.wait_more(50)
        redis.restart(mend=True)
        gateway.wait_ready()
        load.wait_more(50)
        redis.pause()
        load.wait_more(50)
        redis.resume()
        gateway.wait_ready()
        load.wait_more(50)
    wait_drained(gateway)
    assert set(load.statuses()) == {200}
    check_kept(redis.client(), load)


@built
def test_more_than_the_socket_takes(stack, authority):
    """A record that was not taken whole is sent again from the same byte on."""
    redis = stack.redis(tls=authority)
    gateway = stack.gateway({"url": redis.url(), "tls": {"ca": authority.ca}}, ack_deadline="20s")
    redis.pause()
    deliveries = [sign.stripe(STRIPE, size=900_000) for _ in range(24)]
    jobs = [lambda d=d: gateway.deliver(d) for d in deliveries]
    waker = threading.Timer(1.0, redis.resume)
    waker.start()
    responses = at_once(jobs, threads=24)
    waker.join()
    assert {response.status for response in responses} == {200}
    check_each_once(redis.client(), deliveries)
    stored = {entry["id"].decode(): entry["data"] for entry in entries(redis.client(), "stripe")}
    assert all(stored[delivery.id] == delivery.body for delivery in deliveries)


@built
def test_whom_the_gateway_believes(stack, authority, folder):
    """Not another authority's, and not a certificate for another name."""
    other = Authority(folder / "others")
    redis = stack.redis(tls=authority)
    elsewhere = stack.redis(tls=authority.serving("DNS:redis.test", "IP:127.0.0.2"))
    for server, tls, reason in [
        (redis, {"ca": other.ca}, "the certificate is not believed for 127.0.0.1: "),
        (redis, {}, "the certificate is not believed for 127.0.0.1: "),
        (redis, {"ca": authority.ca, "server_name": "other.test"}, "the certificate is not believed for other.test: hostname mismatch"),
        (elsewhere, {"ca": authority.ca}, "the certificate is not believed for 127.0.0.1: IP address mismatch"),
    ]:
        gateway = stack.gateway({"url": server.url(), "tls": tls}, ready="listening")
        assert reason in gateway.wait_log("redis away")["reason"]
        assert gateway.deliver(sign.stripe(STRIPE)).status == 503
        status, _, err = run("status", gateway)
        assert status == 1 and reason in err, err
        gateway.stop()
    gateway = stack.gateway({"url": elsewhere.url(), "tls": {"ca": authority.ca, "server_name": "redis.test"}})
    taken(gateway)


@built
def test_whom_redis_believes(stack, authority, folder):
    cert, key = authority.sign("ours")
    redis = stack.redis(tls=authority, **{"tls-auth-clients": "yes"})
    gateway = stack.gateway({"url": redis.url(), "tls": {"ca": authority.ca}}, ready="listening")
    reason = gateway.wait_log("redis away")["reason"]
    assert "certificate required" in reason or "handshake failure" in reason or "Connection reset" in reason, reason
    gateway.rewrite(redis={"url": redis.url(), "tls": {"ca": authority.ca, "cert": cert, "key": key}})
    assert gateway.reload()["event"] == "reloaded"
    gateway.wait_ready()
    taken(gateway)
    assert run("status", gateway)[0] == 0


@built
def test_plain_and_tls_do_not_mix(stack, authority):
    plain, secure = stack.redis(), stack.redis(tls=authority)
    gateway = stack.gateway({"url": f"rediss://127.0.0.1:{plain.port}", "tls": {"ca": authority.ca}}, ready="listening")
    assert "does it speak TLS at that port?" in gateway.wait_log("redis away")["reason"]
    status, _, err = run("status", gateway)
    assert status == 1 and "does it speak TLS at that port?" in err, err
    gateway = stack.gateway({"url": f"redis://127.0.0.1:{secure.port}"}, ready="listening")
    gateway.wait_log("redis away")
    status, _, err = run("status", gateway)
    assert status == 1 and ("closed the connection" in err or "reset by peer" in err), err


@built
def test_files_that_are_wrong(stack, authority, folder):
    """Named, with the key that they stand at, at start and at reload; the old configuration stays in use."""
    cert, key = authority.sign("ours")
    other_cert, _ = authority.sign("theirs")
    junk = folder / "junk.pem"
    junk.write_text("no certificate\n")
    locked = folder / "locked.key"
    subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:x", "-out", locked], check=True)
    redis = stack.redis(tls=authority)
    gateway = stack.gateway({"url": redis.url(), "tls": {"ca": authority.ca}})
    for tls, reason in [
        ({"ca": "nowhere.crt"}, "redis.tls.ca: "), ({"ca": str(junk)}, f"redis.tls.ca: {junk}: holds no certificates"),
        ({"cert": str(junk), "key": key}, f"redis.tls.cert: {junk}: holds no certificate"),
        ({"cert": cert, "key": str(junk)}, f"redis.tls.key: {junk}: "),
        ({"cert": other_cert, "key": key}, f"redis.tls.key: {key}: holds no key of this certificate"),
        ({"cert": cert, "key": str(locked)}, f"redis.tls.key: {locked}: "),
    ]:
        gateway.rewrite(redis={"url": redis.url(), "tls": tls})
        assert gateway.reload()["event"] == "reload refused"
        assert any(reason in line["finding"] for line in gateway.log("configuration")), gateway.log("configuration")
        status, _, err = run("check", gateway)
        assert status == 1 and reason in err, err
    taken(gateway)


@built
def test_new_certificates_by_reload(stack, authority, folder):
    """The files are read anew, under the same names."""
    first, second = Authority(folder / "first"), Authority(folder / "second")
    ca = folder / "ca.crt"
    shutil.copy(first.ca, ca)
    redis = stack.redis(tls=first)
    gateway = stack.gateway({"url": redis.url(), "tls": {"ca": str(ca)}})
    taken(gateway)
    redis.kill()
    redis.tls, redis.clients = second, []
    redis.config.update(second.for_redis())
    redis.restart()

    def refused():
        gateway.deliver(sign.stripe(STRIPE))
        return any("not believed" in line.get("reason", "") for line in gateway.log("delivery"))

    wait_until(refused, "the new certificate to be refused")
    shutil.copy(second.ca, ca)
    assert gateway.reload()["event"] == "reloaded"
    gateway.wait_ready()
    taken(gateway)


@built
def test_sentinels_and_a_switch_by_tls(stack, authority):
    world = start_sentinels(stack, tls=authority)
    gateway = stack.gateway({"url": world.url(), "tls": {"ca": authority.ca}})
    assert run("check", gateway, "--redis")[0] == 0
    with paced(gateway) as load:
        load.wait_more(100)
        world.master.kill()
        new = world.wait_switch(world.master)
        wait_until(lambda: gateway.log("redis back"), "the gateway to be back")
        load.wait_more(100)
    check_kept(new.client(), load)
    assert run("status", gateway)[0] == 0


@built
def test_a_cluster(stack, authority, folder):
    """Every node, those that were found as well, and the one that takes over."""
    cluster = Cluster(folder / "cluster", tls=authority)
    stack.parts.insert(0, cluster)
    routes = [route("stripe", name=f"r{i}", path=f"/hooks/r{i}") for i in range(6)]
    gateway = stack.gateway({"url": cluster.url(), "tls": {"ca": authority.ca}}, routes=routes, ack_deadline="500ms",
                            journal=journal(folder))
    kept = []

    def deliver_all():
        for one in routes:
            kept.append((one["name"], sign.stripe(STRIPE, path=one["path"])))
            assert gateway.deliver(kept[-1][1]).outcome() == "accepted"

    deliver_all()
    home = cluster.of("r0")
    cluster.move(cluster.slot("hookgate:{r0}:events"), next(node for node in cluster.nodes[:3] if node is not home))
    deliver_all()
    victim = cluster.of("r0")
    victim.kill()
    deliver_all()
    wait_until(lambda: cluster.of("r0") not in (victim, None), "the replica to take over", 30)
    gateway.wait_log("redis back")
    deliver_all()
    wait_drained(gateway)
    for name, delivery in kept:
        assert cluster.entries(name).ids().count(delivery.id) == 1
    for command, *more in (["check", "--redis"], ["status"], ["consume", "--route", "r0", "--group", "g", "--count", "4"]):
        status, out, err = run(command, gateway, *more)
        assert status == 0, out + err
    assert len(out.splitlines()) == 4
