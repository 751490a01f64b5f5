"""Sentinels: the master is found, a switch is followed at once, replicas are never written to, and what the old master took
and did not hand on is not lost."""

import datetime
import json
import subprocess
import threading
import time

import harness
import pytest
import sign
from conftest import STRIPE, route
from harness import Load, entries, wait_until
from test_journal import deliver_kept, ids, journal, wait_drained
from test_redis import check_each_once
from topology import Switches, start_sentinels


def taken(gateway):
    """A delivery that is accepted, tried until it is."""
    delivery = sign.stripe(STRIPE)
    wait_until(lambda: gateway.deliver(delivery).status == 200, "a delivery to be accepted")
    return delivery


def check_kept(db, load):
    """All that was acknowledged stands there once, as soon as the window has been sent again."""
    acknowledged = set(ids(load.acknowledged()))
    wait_until(lambda: acknowledged <= set(entries(db, "stripe").ids()), "everything acknowledged to be there")
    check_each_once(db, load.acknowledged())


def paced(gateway):
    """Load for what takes long: a few hundred events a second."""
    never = threading.Event()

    def make():
        never.wait(0.01)
        return sign.stripe(STRIPE)

    return Load(gateway.address(), make)


def first_stored(db, since):
    """When (time.time()) the first event was stored of those that came after `since`."""
    stored = []
    for entry, fields in db.xrange("hookgate:{stripe}:events"):
        came = datetime.datetime.fromisoformat(fields[b"time"].decode().replace("Z", "+00:00")).timestamp()
        if came >= since:
            stored.append(int(entry.split(b"-")[0]) / 1000)
    return min(stored)


def run(command, gateway, *more):
    done = subprocess.run([harness.BINARY, command, "-c", str(gateway.file), *more], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_the_master_is_found(stack):
    world = start_sentinels(stack, sentinels=1)
    gateway = stack.gateway(world.url(database=3))
    delivery = taken(gateway)
    assert entries(world.master.client(db=3), "stripe").ids() == [delivery.id]
    status, out, err = run("status", gateway, "--json")
    assert (status, json.loads(out)["redis"]["role"]) == (0, "master"), err
    status, out, err = run("check", gateway, "--redis")
    assert status == 0 and "answers" in out, out + err
    assert "min-replicas-to-write is 0" in err and f"names 127.0.0.1:{world.master.port} the master" in out, out + err
    status, out, err = run("consume", gateway, "--route", "stripe", "--group", "g")
    assert (status, json.loads(out)["id"]) == (0, delivery.id), err


@pytest.mark.parametrize("how", ["killed", "by-command"])
def test_a_switch_is_followed_within_a_second(stack, how):
    world = start_sentinels(stack)
    gateway = stack.gateway(world.url())
    switches = Switches(world)
    old = world.master
    with paced(gateway) as load:
        load.wait_more(100)
        if how == "killed":
            old.kill()
        else:
            world.ask(0, "FAILOVER", world.NAME)
        new = world.wait_switch(old)
        wait_until(lambda: gateway.log("redis back"), "the gateway to be back")
        load.wait_more(100)
    switched = min(switches.times)
    switches.close()
    check_kept(new.client(), load)
    took = first_stored(new.client(), switched) - switched
    print(f"{took * 1000:.0f} ms from +switch-master to the first event")
    # The test's own threads share the machine with all of this.
    assert took < 1.0 * (1 if harness.BUILD == "release" else harness.SLOW)


def test_with_a_journal_a_switch_refuses_nobody(stack, folder):
    world = start_sentinels(stack)
    gateway = stack.gateway(world.url(), journal=journal(folder))
    with paced(gateway) as load:
        load.wait_more(100)
        world.master.kill()
        new = world.wait_switch(world.master)
        load.wait_more(100)
    wait_drained(gateway)
    assert set(load.statuses()) == {200}
    check_kept(new.client(), load)


def test_a_master_that_stops_and_comes_back_stale(stack):
    """Stopped, replaced, and woken: it believes to be the master until the Sentinels tell it better. Nothing that was
    acknowledged is only there."""
    world = start_sentinels(stack)
    gateway = stack.gateway(world.url(), ack_deadline="300ms")
    old = world.master
    with paced(gateway) as load:
        load.wait_more(100)
        old.pause()
        new = world.wait_switch(old)
        wait_until(lambda: gateway.log("redis back"), "the gateway to go to the new master")
        old.resume()
        load.wait_more(200)
        wait_until(lambda: world.client_of(old).info("replication")["role"] == "slave", "the old master to be told", 60)
        load.wait_more(100)
    check_kept(new.client(), load)


def test_a_replica_that_lagged(stack):
    """What the old master acknowledged and never handed on is sent again to the new one."""
    world = start_sentinels(stack, replicas=1)
    gateway = stack.gateway(world.url())
    replica = world.replicas[0]
    kept = deliver_kept(gateway, 20)
    wait_until(lambda: len(entries(replica.client(), "stripe")) == 20, "the replica to be in step")
    # A replica that is merely stopped finds the rest in its socket. This one may not come back after its link is cut.
    db = world.client_of(world.master)
    db.execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
    db.execute_command("CLIENT", "KILL", "TYPE", "replica")
    lost = deliver_kept(gateway, 100)
    world.master.kill()
    assert len(entries(replica.client(), "stripe")) == 20
    assert world.wait_switch(world.master) is replica
    wait_until(lambda: len(entries(replica.client(), "stripe")) >= 120, "the window to be sent again")
    check_each_once(replica.client(), kept + lost)
    assert gateway.deliver(lost[50]).outcome() == "duplicate"
    assert gateway.metrics().sum("hookgate_replayed_missing_total") == 100


@pytest.mark.parametrize("ack", ["stored", "journaled"])
def test_a_master_that_refuses_keeps_the_window_young(stack, folder, ack):
    """One that is cut off takes some more, and then, for min-replicas-to-write, nothing: for longer than the window is long. What it
    took is only there, and in the window."""
    world = start_sentinels(stack, replicas=1)
    gateway = stack.gateway(world.url(), [route("stripe", ack=ack)], journal=journal(folder), replay_window={"time": "2s"})
    replica, db = world.replicas[0], world.client_of(world.master)
    db.execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
    db.execute_command("CLIENT", "KILL", "TYPE", "replica")
    only_there = deliver_kept(gateway, 20)
    wait_drained(gateway)
    db.config_set("min-replicas-to-write", 1)
    with paced(gateway) as load:
        began = time.monotonic()
        wait_until(lambda: time.monotonic() > began + 4, "the window to be over")
        world.master.kill()
        assert world.wait_switch(world.master) is replica
        wait_until(lambda: gateway.log("redis back"), "the gateway to be back")
    wait_drained(gateway)
    assert set(load.statuses()) == {200}
    check_each_once(replica.client(), only_there + load.acknowledged())


def test_a_replica_is_never_written_to(stack):
    """A Sentinel that names a replica, even one that takes writes, leads nowhere."""
    world = start_sentinels(stack, sentinels=1)
    world.client_of(world.replicas[0]).config_set("replica-read-only", "no")
    # By hand: the Sentinel is told that the replica is the master.
    world.ask(0, "REMOVE", world.NAME)
    world.ask(0, "MONITOR", world.NAME, "127.0.0.1", world.replicas[0].port, 1)
    gateway = stack.gateway(world.url(), ready="listening")
    line = gateway.wait_log("redis away")
    assert "slave" in line["reason"] or "replica" in line["reason"]
    assert gateway.deliver(sign.stripe(STRIPE)).status == 503
    assert world.client_of(world.replicas[0]).dbsize() == 0
    # And when the Sentinel names the master again: nothing announces that.
    world.ask(0, "REMOVE", world.NAME)
    world.ask(0, "MONITOR", world.NAME, "127.0.0.1", world.master.port, 1)
    gateway.wait_ready()
    taken(gateway)


def test_a_stale_sentinel_is_not_believed(stack):
    """One that slept through the switch names the old master, which lives and says that it is one."""
    world = start_sentinels(stack)
    gateway = stack.gateway(world.url())
    old, sleeper = world.master, world.sentinels[0]
    taken(gateway)
    sleeper.pause()
    old.pause()
    new = wait_until(lambda: world.named(1) if world.named(1) is not old else None, "another master", 60)
    wait_until(lambda: gateway.log("redis back"), "the gateway to go there")
    old.resume()
    sleeper.resume()
    deliveries = deliver_kept(gateway, 200)
    check_each_once(new.client(), deliveries)


def test_sentinels_come_and_go(stack):
    """One is enough, and none at all is no reason to leave a master."""
    world = start_sentinels(stack)
    world.sentinels[0].kill()
    gateway = stack.gateway(world.url())
    taken(gateway)
    status, out, err = run("check", gateway, "--redis")
    assert status == 0 and f"Sentinel 127.0.0.1:{world.sentinels[0].port}: cannot connect" in out, out + err
    assert "too few" not in err
    world.sentinels[1].pause()
    status, out, err = run("check", gateway, "--redis")
    assert status == 0 and "1 of 3 Sentinels answer: too few" in err, out + err
    world.sentinels[1].resume()
    for sentinel in world.sentinels[1:]:
        sentinel.kill()
    deliver_kept(gateway, 50)
    gateway.check()
    world.master.kill()
    line = gateway.wait_log("redis away")
    assert gateway.deliver(sign.stripe(STRIPE)).status == 503
    world.master.restart()
    status, _, err = run("status", gateway)
    assert status == 1 and "no Sentinel can be reached: Sentinel 127.0.0.1:" in err, err
    world.sentinels[1].restart()
    gateway.wait_ready()
    assert line["reason"]
    taken(gateway)


def test_reasons(stack):
    """Each mistake is told by its name: in the log, by `check --redis` and by `status`."""
    world = start_sentinels(stack, sentinels=1, replicas=0, sentinel_password="sesame")
    host = f"127.0.0.1:{world.sentinels[0].port}"
    for url, more, reason in [
        (f"sentinel://{host}/mymaster", {}, "it wants a login (NOAUTH"),
        (f"sentinel://{host}/mymaster", {"sentinel_password": "wrong"}, "WRONGPASS"),
        (f"sentinel://{host}/other", {"sentinel_password": "sesame"}, "it knows no master named other"),
        (f"sentinel://127.0.0.1:{harness.free_port()}/mymaster", {}, "no Sentinel can be reached"),
        (f"sentinel://127.0.0.1:{world.master.port}/mymaster", {}, "it is no Sentinel"),
    ]:
        gateway = stack.gateway({"url": url, **more}, ready="listening")
        assert reason in gateway.wait_log("redis away")["reason"]
        for command in (["check", "--redis"], ["status"]):
            status, _, err = run(command[0], gateway, *command[1:])
            assert status == 1 and reason in err, err
        gateway.stop()
    gateway = stack.gateway({"url": f"sentinel://{host}/mymaster", "sentinel_password": "sesame"})
    taken(gateway)


def test_another_password_by_reload(stack, folder):
    """ACL SETUSER with the new one, then SIGHUP, under load: nothing is refused and nothing is lost."""
    secret = folder / "password"
    secret.write_text("first\n")
    world = start_sentinels(stack, replicas=1, sentinels=1, password="first")
    host = f"127.0.0.1:{world.sentinels[0].port}"
    db = world.client_of(world.master)
    db.execute_command("ACL", "SETUSER", "hookgate", "on", ">first", "~*", "&*", "+@all")
    gateway = stack.gateway({"url": f"sentinel://{host}/mymaster", "username": "hookgate", "password": f"file:{secret}"},
                            journal=journal(folder))
    gateway.hidden |= {"first", "second"}
    with paced(gateway) as load:
        load.wait_more(100)
        db.execute_command("ACL", "SETUSER", "hookgate", ">second")
        secret.write_text("second\n")
        assert gateway.reload()["event"] == "reloaded"
        load.wait_more(100)
        db.execute_command("ACL", "SETUSER", "hookgate", "<first")
        db.execute_command("CLIENT", "KILL", "USER", "hookgate")
        load.wait_more(100)
    wait_drained(gateway)
    assert set(load.statuses()) == {200}
    check_each_once(db, load.acknowledged())


def test_from_one_redis_to_sentinels_by_reload(stack):
    world = start_sentinels(stack, sentinels=1)
    gateway = stack.gateway(world.master)
    first = taken(gateway)
    gateway.rewrite(redis={"url": world.url()})
    assert gateway.reload()["event"] == "reloaded"
    # What went to another URL is not sent again.
    wait_until(lambda: all(first.id in entries(world.client_of(replica), "stripe").ids() for replica in world.replicas),
               "the replicas to be in step")
    second = taken(gateway)
    old = world.master
    old.kill()
    new = world.wait_switch(old)
    third = taken(gateway)
    wait_until(lambda: len(entries(world.client_of(new), "stripe")) >= 3, "the window to be sent again")
    check_each_once(new.client(), [first, second, third])
