"""Redis away, slow, full, read-only, forgetful: never a 2xx for what is not stored, never twice what was answered late."""

import collections
import json
import os
import signal
import socket
import struct
import threading
import time

import pytest
import sign
import wire
from conftest import GITHUB, STRIPE, route
from harness import SLOW, Load, at_once, entries, free_port, wait_until


def at_the_first_moment(gateway, delivery):
    """Delivers as soon as the gateway listens."""
    def connected():
        try:
            return wire.Connection(gateway.address())
        except ConnectionRefusedError:
            return None
    with wait_until(connected, "the gateway to listen") as connection:
        connection.send(wire.raw(delivery))
        return connection.response()


def test_the_first_moment(stack, redis, db):
    """A delivery that comes before the first connection to Redis is made waits for it."""
    for _ in range(10):
        gateway = stack.gateway(redis, ready=None)
        delivery = sign.stripe(STRIPE)
        assert at_the_first_moment(gateway, delivery).status == 200
        gateway.stop()
    assert len(entries(db, "stripe")) == 10


def test_the_first_moment_without_redis(stack, redis):
    """... but not for ever: when Redis does not answer, 503 within the deadline; when it is not there, at once."""
    redis.pause()
    gateway = stack.gateway(redis, ready=None, ack_deadline="1s")
    began = time.monotonic()
    response = at_the_first_moment(gateway, sign.stripe(STRIPE))
    assert (response.status, response.outcome()) == (503, "store_unavailable")
    assert time.monotonic() - began < 3 * SLOW
    redis.resume()


def test_the_first_moment_and_the_client_has_gone(stack, redis, db):
    """What waits for the first connection outlives its own: the headers of who has hung up are still told to Redis."""
    redis.pause()
    gateway = stack.gateway(redis, ready="listening", ack_deadline="30s", workers=1)
    deliveries = [sign.stripe(STRIPE) for _ in range(20)]
    connections = [wire.Connection(gateway.address()) for _ in deliveries]
    for connection, delivery in zip(connections, deliveries):
        connection.send(wire.raw(delivery, extra=[("X-Told", delivery.id)]))
    wait_until(lambda: gateway.metrics().sum("hookgate_requests_in_flight") == 20, "the deliveries to arrive")
    for connection in connections:
        # A reset, which ends the connection at once.
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    wait_until(lambda: gateway.metrics().sum("hookgate_connections") == 0, "the connections to be gone")
    redis.resume()
    wait_until(lambda: len(entries(db, "stripe")) == 20, "the deliveries to be stored")
    check_each_once(db, deliveries)
    for entry in entries(db, "stripe"):
        assert json.loads(entry["headers"])["x-told"] == entry["id"].decode()


def deliver_timed(gateway, delivery):
    began = time.monotonic()
    response = gateway.deliver(delivery)
    return response, time.monotonic() - began


def check_unavailable(response):
    assert (response.status, response.outcome()) == (503, "store_unavailable"), response
    assert int(response.header("Retry-After")) > 0


def check_each_once(db, deliveries, route="stripe"):
    """Each of these stands in the stream, and nothing stands there twice."""
    counted = collections.Counter(entries(db, route).ids())
    assert not [id for id, n in counted.items() if n > 1], "entries that stand there twice"
    missing = [delivery.id for delivery in deliveries if not counted[delivery.id]]
    assert not missing, f"answered 2xx, and not in the stream: {len(missing)}, such as {missing[:10]}"


def retry_until_taken(gateway, delivery):
    response = None

    def taken():
        nonlocal response
        response = gateway.deliver(delivery)
        return response.status == 200

    wait_until(taken, "the retry to be taken")
    return response.outcome()


def test_killed_and_started_again(stack, redis, db):
    gateway = stack.gateway(redis, ack_deadline="2s")
    first = sign.stripe(STRIPE)
    assert gateway.deliver(first).status == 200
    redis.kill()
    gateway.wait_unready()
    for _ in range(5):
        response, seconds = deliver_timed(gateway, sign.stripe(STRIPE))
        check_unavailable(response)
        assert seconds < 0.5 * SLOW, "known to be away: at once"
    assert gateway.ask("/healthz").status == 200
    gateway.wait_log("redis away")
    redis.restart()
    gateway.wait_ready()
    gateway.wait_log("redis back")
    delivery = sign.stripe(STRIPE)
    assert gateway.deliver(delivery).outcome() == "accepted"
    # The first one was lost with this Redis, which keeps nothing; the replay window has it.
    wait_until(lambda: sorted(entries(redis.client(), "stripe").ids()) == sorted([first.id, delivery.id]), "both to be there")
    assert len(gateway.log("redis away")) == 1 and len(gateway.log("redis back")) == 1, "said once, not by each worker"


def test_killed_under_load(stack, folder):
    """An append-only file synced at every write: what was acknowledged is there after the crash."""
    redis = stack.redis(appendonly="yes", appendfsync="always")
    gateway = stack.gateway(redis)
    with Load(gateway.address(), lambda: sign.stripe(STRIPE)) as load:
        for _ in range(3):
            load.wait_more(100)
            redis.kill()
            gateway.wait_unready()
            redis.restart(mend=True)
            gateway.wait_ready()
        load.wait_more(100)
    assert set(load.statuses()) <= {200, 503}
    check_each_once(redis.client(), load.acknowledged())
    for delivery, status in load.results:
        if status != 200:
            assert retry_until_taken(gateway, delivery) in ("accepted", "duplicate")
    check_each_once(redis.client(), [delivery for delivery, _ in load.results])


def test_not_there_at_the_start(stack):
    redis = stack.redis()
    redis.kill()
    gateway = stack.gateway(redis, ready="listening")
    assert gateway.ask("/readyz").status == 503
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))
    redis.restart()
    gateway.wait_ready()
    assert gateway.deliver(sign.stripe(STRIPE)).outcome() == "accepted"


def test_shut_down_and_started_again_under_load(stack):
    redis = stack.redis(appendonly="yes")
    gateway = stack.gateway(redis)
    with Load(gateway.address(), lambda: sign.stripe(STRIPE)) as load:
        load.wait_more(200)
        redis.stop()
        load.wait_more(50)
        redis.restart()
        gateway.wait_ready()
        load.wait_more(200)
    assert set(load.statuses()) <= {200, 503}
    check_each_once(redis.client(), load.acknowledged())


def test_stopped_and_continued_in_the_middle(stack, redis, db):
    """Two hundred deliveries in flight while Redis stands still: each gets 503 in time, and whatever Redis does with them
    when it goes on, the retries end with each of them stored once. No reply is given to another's delivery."""
    gateway = stack.gateway(redis, ack_deadline="500ms")
    known = [sign.stripe(STRIPE) for _ in range(20)]
    for delivery in known:
        assert gateway.deliver(delivery).status == 200
    deliveries = [sign.stripe(STRIPE) for _ in range(200)]
    redis.pause()
    answers = at_once([lambda d=d: deliver_timed(gateway, d) for d in deliveries], threads=200)
    for response, seconds in answers:
        check_unavailable(response)
        assert seconds < 0.5 + 1.5 * SLOW
    redis.resume()
    gateway.wait_ready()
    for delivery in known:
        assert gateway.deliver(delivery).outcome() == "duplicate"
    fresh = [sign.stripe(STRIPE) for _ in range(50)]
    for delivery in fresh:
        assert gateway.deliver(delivery).outcome() == "accepted"
    for delivery in deliveries:
        assert retry_until_taken(gateway, delivery) in ("accepted", "duplicate")
    check_each_once(db, known + fresh + deliveries)
    assert len(entries(db, "stripe")) == len(known + fresh + deliveries)


def test_stopped_and_continued_again_and_again_under_load(stack, redis, db):
    """No reply belongs to another: what is sent for the first time is never a duplicate, and no event is accepted twice."""
    gateway = stack.gateway(redis, ack_deadline="300ms")
    outcomes = collections.defaultdict(list)
    lock = threading.Lock()
    ending = threading.Event()

    def run():
        while not ending.is_set():
            delivery = sign.stripe(STRIPE)
            for attempt in range(2):
                response = gateway.deliver(delivery)
                with lock:
                    outcomes[delivery.id].append((attempt, response.outcome()))

    threads = [threading.Thread(target=run, daemon=True) for _ in range(24)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        seen = len(outcomes)
        wait_until(lambda: len(outcomes) > seen + 30, "deliveries to be answered")
        redis.pause()
        gateway.wait_unready()
        redis.resume()
        gateway.wait_ready()
    ending.set()
    for thread in threads:
        thread.join(30 * SLOW)
        assert not thread.is_alive()
    stored = collections.Counter(entries(db, "stripe").ids())
    assert not [id for id, n in stored.items() if n > 1]
    for id, answers in outcomes.items():
        words = [word for _, word in answers]
        assert words.count("accepted") <= 1, (id, words)
        assert words[0] != "duplicate", (id, words)
        if "accepted" in words or "duplicate" in words:
            assert stored[id] == 1, (id, words)
        if words[0] == "accepted":
            assert words[1] in ("duplicate", "store_unavailable"), (id, words)


def test_slow_answers_after_the_deadline(stack, redis, db):
    gateway = stack.gateway(redis, [route("stripe", ack_deadline="200ms")])
    db.execute_command("CLIENT", "PAUSE", 1000 * SLOW, "ALL")
    delivery = sign.stripe(STRIPE)
    response, seconds = deliver_timed(gateway, delivery)
    check_unavailable(response)
    assert 0.15 <= seconds < 0.2 + 0.5 * SLOW
    assert retry_until_taken(gateway, delivery) in ("accepted", "duplicate")
    check_each_once(db, [delivery])


def test_a_route_that_waits_for_longer_than_others(stack, redis, db):
    """Its delivery gets all of its time, though the others have long been told that Redis is away."""
    gateway = stack.gateway(redis, [route("stripe", ack_deadline=f"{4 * SLOW}s"), "github"], ack_deadline="300ms", workers=1)
    slow = []
    redis.pause()
    thread = threading.Thread(target=lambda: slow.append(gateway.deliver(sign.stripe(STRIPE, id="evt_slow"))))
    thread.start()
    response, seconds = deliver_timed(gateway, sign.github(GITHUB))
    check_unavailable(response)
    assert seconds < 0.3 + 0.5 * SLOW
    time.sleep(0.3 * 3)
    redis.resume()
    thread.join(30 * SLOW)
    assert [answer.outcome() for answer in slow] == ["accepted"]
    assert entries(db, "stripe").ids() == ["evt_slow"]


def test_replies_that_are_lost(stack, redis, db):
    """The script ran, its reply is lost with the connection: the retry is a duplicate, and 200."""
    proxy = stack.proxy(redis.port)
    gateway = stack.gateway(proxy.url(), ack_deadline="5s")
    deliveries = [sign.stripe(STRIPE) for _ in range(30)]
    proxy.hold()
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(at_once([lambda d=d: gateway.deliver(d) for d in deliveries])))
    thread.start()
    wait_until(lambda: len(entries(db, "stripe")) == len(deliveries), "the scripts to have run")
    proxy.cut()
    thread.join(30 * SLOW)
    assert {response.status for response in answers} <= {200, 503}
    for delivery in deliveries:
        assert retry_until_taken(gateway, delivery) == "duplicate"
    check_each_once(db, deliveries)


def test_replies_held_back_past_the_deadline(stack, redis, db):
    """They come late, when others wait: they belong to nobody any more."""
    proxy = stack.proxy(redis.port)
    gateway = stack.gateway(proxy.url(), ack_deadline="400ms", workers=1)
    first = [sign.stripe(STRIPE) for _ in range(10)]
    proxy.hold()
    for response in at_once([lambda d=d: gateway.deliver(d) for d in first]):
        check_unavailable(response)
    proxy.release()
    gateway.wait_ready()
    for _ in range(20):
        delivery = sign.stripe(STRIPE)
        assert retry_until_taken(gateway, delivery) == "accepted"
        assert gateway.deliver(delivery).outcome() == "duplicate"
    for delivery in first:
        assert retry_until_taken(gateway, delivery) in ("accepted", "duplicate")
    assert len(entries(db, "stripe")) == 30


def test_out_of_memory(stack, redis, db):
    gateway = stack.gateway(redis)
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    db.config_set("maxmemory", "1")
    delivery = sign.stripe(STRIPE)
    check_unavailable(gateway.deliver(delivery))
    db.config_set("maxmemory", "0")
    assert retry_until_taken(gateway, delivery) == "accepted"
    assert len(entries(db, "stripe")) == 2


def test_out_of_memory_under_load(stack, redis, db):
    gateway = stack.gateway(redis)
    with Load(gateway.address(), lambda: sign.stripe(STRIPE)) as load:
        for _ in range(3):
            load.wait_more(50)
            db.config_set("maxmemory", "1")
            load.wait_more(50)
            db.config_set("maxmemory", "0")
        load.wait_more(50)
    assert set(load.statuses()) == {200, 503}
    check_each_once(db, load.acknowledged())
    assert len(entries(db, "stripe")) == len(load.acknowledged())


def test_read_only_replica(stack, redis, db):
    gateway = stack.gateway(redis)
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    db.config_set("replica-serve-stale-data", "yes")
    db.replicaof("127.0.0.1", free_port())
    delivery = sign.stripe(STRIPE)
    check_unavailable(gateway.deliver(delivery))
    db.replicaof("no", "one")
    # It has another history now, so the replay window is sent to it, in which the delivery stands: that may come first.
    assert retry_until_taken(gateway, delivery) in ("accepted", "duplicate")
    check_each_once(db, [delivery])


def test_scripts_flushed_under_load(stack, redis, db):
    gateway = stack.gateway(redis)
    with Load(gateway.address(), lambda: sign.stripe(STRIPE)) as load:
        for _ in range(20):
            load.wait_more(20)
            db.script_flush()
        load.wait_more(50)
    assert set(load.statuses()) == {200}, collections.Counter(load.statuses())
    check_each_once(db, load.acknowledged())


def test_connections_killed_by_redis_under_load(stack, redis, db):
    gateway = stack.gateway(redis)
    with Load(gateway.address(), lambda: sign.stripe(STRIPE)) as load:
        for _ in range(10):
            load.wait_more(20)
            db.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        gateway.wait_ready()
        load.wait_more(50)
    assert set(load.statuses()) <= {200, 503}
    check_each_once(db, load.acknowledged())
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200


def test_everything_flushed(stack, redis, db):
    gateway = stack.gateway(redis)
    delivery = sign.stripe(STRIPE)
    assert gateway.deliver(delivery).outcome() == "accepted"
    db.flushall()
    assert gateway.deliver(delivery).outcome() == "accepted"
    assert len(entries(db, "stripe")) == 1


def test_a_key_of_another_type_in_the_way(stack, redis, db):
    db.set("hookgate:{stripe}:events", "not a stream")
    gateway = stack.gateway(redis, ["stripe", "github"])
    delivery = sign.stripe(STRIPE)
    assert gateway.deliver(delivery).status in (500, 503)
    assert gateway.deliver(sign.github(GITHUB)).status == 200, "another route is not concerned"
    db.delete("hookgate:{stripe}:events")
    assert retry_until_taken(gateway, delivery) == "accepted", "the id was not marked as seen"


@pytest.mark.parametrize("where", ["url", "key"])
def test_password(stack, where):
    redis = stack.redis(requirepass="scenario redis:pass/word@")
    if where == "url":
        settings = {"url": redis.url(password="scenario%20redis%3Apass%2Fword%40")}
    else:
        settings = {"url": redis.url(), "password": "scenario redis:pass/word@"}
    gateway = stack.gateway(settings)
    gateway.hidden |= {"scenario redis:pass/word@", "scenario%20redis"}
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    assert len(entries(redis.client(password="scenario redis:pass/word@"), "stripe")) == 1


def test_wrong_password(stack):
    redis = stack.redis(requirepass="the right scenario password")
    gateway = stack.gateway({"url": redis.url(), "password": "the wrong scenario password"}, ready="listening")
    line = gateway.wait_log("redis away")
    assert "WRONGPASS" in line["reason"] or "password" in line["reason"].lower(), line
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))
    redis.client(password="the right scenario password").config_set("requirepass", "the wrong scenario password")
    gateway.wait_ready()
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200


def test_no_password_where_one_is_asked_for(stack):
    redis = stack.redis(requirepass="the right scenario password")
    gateway = stack.gateway(redis, ready="listening")
    line = gateway.wait_log("redis away")
    assert "NOAUTH" in line["reason"] or "auth" in line["reason"].lower(), line
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))


def test_acl_user(stack, redis, db):
    db.execute_command("ACL", "SETUSER", "hook", "on", ">scenario acl word", "~hookgate:*", "+@all", "-@dangerous", "+info")
    gateway = stack.gateway({"url": redis.url(), "username": "hook", "password": "scenario acl word"})
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    assert len(entries(db, "stripe")) == 1
    # What the user may not do is not acknowledged, and can be mended without a restart.
    db.execute_command("ACL", "SETUSER", "hook", "-xadd")
    delivery = sign.stripe(STRIPE)
    assert gateway.deliver(delivery).status in (500, 503)
    db.execute_command("ACL", "SETUSER", "hook", "+xadd")
    assert retry_until_taken(gateway, delivery) == "accepted"


def test_acl_user_in_the_url(stack, redis, db):
    db.execute_command("ACL", "SETUSER", "hook", "on", ">scenario-acl-word", "~hookgate:*", "+@all")
    gateway = stack.gateway(redis.url(user="hook", password="scenario-acl-word"))
    gateway.hidden.add("scenario-acl-word")
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200


def test_database_number(stack, redis, db):
    gateway = stack.gateway(redis.url(database=3))
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    assert db.dbsize() == 0
    assert len(entries(redis.client(db=3), "stripe")) == 1
    # After a new connection too.
    db.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    retry_until_taken(gateway, sign.stripe(STRIPE))
    assert db.dbsize() == 0 and len(entries(redis.client(db=3), "stripe")) == 2


def test_a_database_that_is_not_there(stack, redis):
    gateway = stack.gateway(redis.url(database=999), ready="listening")
    gateway.wait_log("redis away")
    check_unavailable(gateway.deliver(sign.stripe(STRIPE)))


def test_unix_socket(stack):
    redis = stack.redis(unix=True)
    gateway = stack.gateway(redis.url(database=2), replay_window={"time": "0s"})
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    redis.kill()
    gateway.wait_unready()
    redis.restart()
    gateway.wait_ready()
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
    assert len(entries(redis.client(db=2), "stripe")) == 1


class Impostor:
    """Answers every command on its port with the same bytes."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                while client.recv(65536):
                    client.sendall(self.answer)
            except OSError:
                pass

    def close(self):
        self.listener.close()


@pytest.mark.parametrize("answer", [b"-LOADING Redis is loading the dataset in memory\r\n" * 4, b"HTTP/1.1 200 OK\r\n\r\n", b"\x00" * 99,
                                    b"+OK\r\n" * 50, b":1\r\n" * 9, b"$-1\r\n" * 9, b"*-1\r\n" * 9, b"*1000000\r\n:1\r\n", b"$5\r\nab",
                                    b"-ERR\r\n" * 9], ids=lambda b: repr(b[:12]))
def test_something_that_is_no_redis(stack, answer):
    impostor = Impostor(answer)
    gateway = stack.gateway(f"redis://127.0.0.1:{impostor.port}/0", ready="listening", ack_deadline="500ms")
    for _ in range(5):
        response = gateway.deliver(sign.stripe(STRIPE))
        assert response.status in (500, 503), response
    assert gateway.running()
    impostor.close()


def test_embedded(stack, folder):
    """The private redis-server: events outlive the gateway's restart and its own SIGKILL, and it ends with the gateway."""
    import redis as library
    where = folder / "embedded"
    gateway = stack.gateway(f"embedded:{where}")
    db = library.Redis(unix_socket_path=str(where / "redis.sock"))
    first = sign.stripe(STRIPE)
    assert gateway.deliver(first).outcome() == "accepted"
    pid = db.info("server")["process_id"]

    gateway.stop()
    assert not process_runs(pid), "the private redis-server outlives its gateway"
    gateway.start()
    assert gateway.deliver(first).outcome() == "duplicate"
    second = sign.stripe(STRIPE)
    assert gateway.deliver(second).outcome() == "accepted"
    assert entries(db, "stripe").ids() == [first.id, second.id]
    # appendfsync everysec: written to the file at once, so a kill of the process loses nothing.
    pid = db.info("server")["process_id"]
    os.kill(pid, signal.SIGKILL)
    third = sign.stripe(STRIPE)
    # Of an answer that was lost with the connection nobody knows: then it is a duplicate.
    assert retry_until_taken(gateway, third) in ("accepted", "duplicate")
    gateway.wait_ready()
    assert gateway.deliver(second).outcome() == "duplicate"
    assert entries(db, "stripe").ids() == [first.id, second.id, third.id]

    pid = db.info("server")["process_id"]
    gateway.kill()
    wait_until(lambda: not process_runs(pid), "the private redis-server to end with its gateway")
    gateway.start()
    assert gateway.deliver(third).outcome() == "duplicate"


def test_embedded_after_a_crash_in_the_middle_of_a_transaction(stack, folder):
    """Redis 7.0 joins half a script to what it writes next, and brings it back at the second start: an entry without its mark."""
    import redis as library
    where = folder / "embedded"
    gateway = stack.gateway(f"embedded:{where}")
    first, torn, next = (sign.stripe(STRIPE) for _ in range(3))
    assert [gateway.deliver(delivery).outcome() for delivery in (first, torn)] == ["accepted", "accepted"]
    gateway.stop()
    file, = (where / "appendonlydir").glob("*.incr.aof")
    text = file.read_bytes()
    os.truncate(file, text.rindex(b"$3\r\nSET") + 5)

    gateway.start()
    assert gateway.deliver(next).outcome() == "accepted"
    gateway.stop()
    gateway.start()
    db = library.Redis(unix_socket_path=str(where / "redis.sock"))
    assert entries(db, "stripe").ids() == [first.id, next.id]
    assert gateway.deliver(torn).outcome() == "accepted"
    assert entries(db, "stripe").ids() == [first.id, next.id, torn.id]
    cut, = where.glob("cut-*.aof")
    assert torn.id.encode() in cut.read_bytes()
    assert "half a transaction" in gateway.log("embedded redis")[0]["what"]


def process_runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_embedded_has_one_owner(stack, folder):
    where = folder / "embedded"
    gateway = stack.gateway(f"embedded:{where}")
    other = stack.gateway(f"embedded:{where}", ready=None)
    other.wait_end()
    assert other.process.returncode not in (0, None)
    assert str(where) in other.log_text()
    assert gateway.deliver(sign.stripe(STRIPE)).status == 200
