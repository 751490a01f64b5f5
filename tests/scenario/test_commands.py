"""The commands as a person calls them: consume, send, verify, check, providers, status."""

import base64
import contextlib
import dataclasses
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import harness
import pytest
import sign
import wire
from conftest import GITHUB, ROUTES, SHOPIFY, SLACK, STANDARD, STRIPE, ZOOM, Stack
from harness import SLOW, entries, wait_until

STREAM = "hookgate:{stripe}:events"
COMMANDS = ["serve", "check", "verify", "send", "consume", "providers", "status"]
MORE_ROUTES = {
    "token": {"name": "token", "path": "/hooks/token", "provider": "token", "secret": "scenario-token"},
    "basic": {"name": "basic", "path": "/hooks/basic", "provider": "basic", "secret": "user:scenario-password"},
    "none": {"name": "none", "path": "/hooks/none", "provider": "none"},
    "own": {"name": "own", "path": "/hooks/own", "provider": "hmac", "secret": "scenario-own",
            "verify": {"algorithm": "hmac-sha512", "signature": {"header": "X-Own", "encoding": "base64"},
                       "signed": "{body}"}},
}
ALL_ROUTES = [*ROUTES.values(), *MORE_ROUTES.values()]


def argv(*args):
    return [*harness.START, harness.BINARY, *map(str, args)]


def environment(more=None):
    return {**os.environ, **harness.SANITIZER_ENV, **(more or {})}


class Ended:
    """A command that has ended; a sanitizer's report fails the test."""

    def __init__(self, code, out, err):
        self.code, self.raw, self.out, self.err = code, out, out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "replace")
        assert not harness.REPORTS.search(self.err), self.err
        assert code >= 0 or code == -signal.SIGKILL, f"ended by signal {-code}: {self.err}"

    def json(self):
        return json.loads(self.out)

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def ok(self):
        assert self.code == 0, f"exit status {self.code}: {self.err}{self.out}"
        return self


def run(*args, stdin=b"", env=None, timeout=30):
    stdin = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(argv(*args), input=stdin, capture_output=True, env=environment(env), timeout=timeout * SLOW)
    return Ended(done.returncode, done.stdout, done.stderr)


class Running:
    """A command that goes on."""

    def __init__(self, *args, **more):
        self.process = subprocess.Popen(argv(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=environment(), **more)

    def line(self):
        return json.loads(self.process.stdout.readline())

    def kill(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM, timeout=20):
        if number:
            self.kill(number)
        out, err = self.process.communicate(timeout=timeout * SLOW)
        return Ended(self.process.returncode, out, err)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def write_config(folder, redis, routes=("stripe",), name="c.yaml", **more):
    url = redis if isinstance(redis, str) else redis.url()
    config = {"listen": "127.0.0.1:1", "redis": {"url": url},
              "routes": [{**ROUTES, **MORE_ROUTES}[r] if isinstance(r, str) else r for r in routes], **more}
    file = folder / name
    file.write_text(json.dumps(config))
    return file


@pytest.fixture
def config(folder, redis):
    return write_config(folder, redis)


def add(db, count=1, begin=1, stream=STREAM, **fields):
    """Entries as a gateway adds them; their stream ids."""
    return [db.xadd(stream, {"specversion": "1.0", "id": f"evt_{n}", "source": "/hooks/stripe", "type": "invoice.paid",
                             "time": "2026-11-22T09:02:03.004Z", "datacontenttype": "application/json",
                             "data": f'{{"id":"evt_{n}"}}', "route": "stripe", "provider": "stripe", "headers": '{"host":"a"}',
                             "secret": "secret", "covered": "full", "traceparent": "00-1-2-00", **fields}).decode()
            for n in range(begin, begin + count)]


def pending(db, group="g", stream=STREAM):
    return [{**p, "message_id": p["message_id"].decode(), "consumer": p["consumer"].decode()}
            for p in db.xpending_range(stream, group, "-", "+", 1000)]


def consume(config, *args, group="g", **how):
    return run("consume", "-c", config, "--route", "stripe", "--group", group, *args, **how)


# ---- consume: lines ----


def test_lines_have_the_entrys_fields(config, db):
    ids = add(db, 3)
    done = consume(config).ok()
    lines = done.lines()
    assert [line["entry"] for line in lines] == ids
    assert lines[0] == {"entry": ids[0], "specversion": "1.0", "id": "evt_1", "source": "/hooks/stripe", "type": "invoice.paid",
                        "time": "2026-11-22T09:02:03.004Z", "datacontenttype": "application/json", "data": '{"id":"evt_1"}',
                        "route": "stripe", "provider": "stripe", "headers": {"host": "a"}, "secret": "secret",
                        "covered": "full", "traceparent": "00-1-2-00"}
    assert "3 events printed" in done.err
    assert pending(db) == []
    # All was read: nothing comes again, and the made-up consumer is gone from the list.
    assert consume(config).ok().out == ""
    assert db.xinfo_consumers(STREAM, "g") == []


@pytest.mark.parametrize("data", [b"", b"plain", bytes(range(128)), "gr\u00fc\u00df \U0001f600 \u0085".encode(), b"\xff\xfe", bytes(range(256)),
                                  b"\xed\xa0\x80", b"a=1&b=%20", b"x" * 300_000], ids=lambda data: f"{len(data)} bytes")
def test_bodies_come_through(config, db, data):
    add(db, data=data)
    line, = consume(config).ok().lines()
    got = base64.b64decode(line["data_base64"]) if "data_base64" in line else line["data"].encode()
    assert got == data
    try:
        data.decode()
        assert "data" in line and "data_base64" not in line
    except UnicodeDecodeError:
        assert "data" not in line


def test_what_a_gateway_stored(folder, stack, redis):
    gateway = stack.gateway(redis)
    delivery = sign.stripe(STRIPE)
    assert gateway.deliver(delivery).status == 200
    line, = run("consume", "-c", gateway.file, "--group", "g").ok().lines()
    assert line["id"] == delivery.id and line["data"].encode() == delivery.body
    assert line["headers"]["stripe-signature"] and line["covered"] == "full"


def test_foreign_entries_do_no_harm(config, db):
    db.xadd(STREAM, {"x": "y"})
    db.xadd(STREAM, {"entry": "no", "data_base64": "no", "headers": '{"a":1}\n', b"\xff": b"\xff"})
    db.xadd(STREAM, {f"f{n}": "v" for n in range(200)})
    first, second, third = consume(config).ok().lines()
    assert first["x"] == "y" and second["headers"] == '{"a":1}\n' and "data_base64" not in second and len(third) == 65
    assert second["entry"] != "no"


def test_each_group_gets_all_and_members_share(config, db):
    add(db, 10)
    assert len(consume(config, "--count", 4, group="a").ok().lines()) == 4
    assert len(consume(config, group="a").ok().lines()) == 6
    assert len(consume(config, group="b").ok().lines()) == 10
    assert pending(db, "a") == pending(db, "b") == []


def test_count_takes_no_more_than_it_says(config, db):
    ids = add(db, 40)
    assert [line["entry"] for line in consume(config, "--count", 17).ok().lines()] == ids[:17]
    assert pending(db) == []
    assert [line["entry"] for line in consume(config, "--count", 100).ok().lines()] == ids[17:]


def test_follow_waits_and_ends_on_a_signal(config, db):
    for number in (signal.SIGTERM, signal.SIGINT):
        with Running("consume", "-c", config, "--group", "g", "--follow") as running:
            for n in range(3):
                entry, = add(db)
                assert running.line()["entry"] == entry
            wait_until(lambda: pending(db) == [], "the acknowledgement")
            began = time.monotonic()
            done = running.end(number)
            assert done.code == 0 and done.out == "" and time.monotonic() - began < 2 * SLOW
    assert db.xinfo_consumers(STREAM, "g") == []


def test_follow_with_count(config, db):
    with Running("consume", "-c", config, "--group", "g", "--follow", "--count", 2) as running:
        wait_until(lambda: db.exists(STREAM), "the group")
        add(db, 2)
        assert len(running.end(None).ok().lines()) == 2


def test_closed_output_acknowledges_nothing(config, db):
    add(db, 3)
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(argv("consume", "-c", config, "--group", "g", "--consumer", "c"), stdin=subprocess.DEVNULL,
                               stdout=write, stderr=subprocess.PIPE, env=environment())
    os.close(write)
    _, err = process.communicate(timeout=20 * SLOW)
    assert process.returncode == 1 and b"standard output" in err
    assert len(pending(db)) == 3
    assert len(consume(config, "--consumer", "c").ok().lines()) == 3


def test_full_output_acknowledges_nothing(config, db):
    add(db, 3)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(argv("consume", "-c", config, "--group", "g", "--consumer", "c"), stdout=full,
                              stderr=subprocess.PIPE, env=environment(), timeout=20 * SLOW)
    assert done.returncode == 1
    assert len(pending(db)) == 3


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_descriptors_that_are_closed_at_the_start(config, db, closed):
    """Their numbers must not become those of sockets: Redis would be sent the lines, and they would count as printed."""
    add(db, 3)
    command = shlex.join(argv("consume", "-c", config, "--group", "g", "--consumer", "c"))
    done = subprocess.run(f"{command} {closed}", shell=True, capture_output=True, env=environment(), timeout=30 * SLOW)
    assert done.returncode == 1 and done.stdout == b""
    assert b"cannot write to standard output" in done.stderr or "2>&-" in closed
    assert "errorstat_ERR" not in db.info("errorstats")
    assert len(pending(db)) == 3
    assert len(consume(config, "--consumer", "c").ok().lines()) == 3


# ---- consume: commands ----


def test_exec_hands_over_body_and_attributes(config, folder, db):
    entry, = add(db, data=b"\x00\xffbody\n", headers='{"a":"b"}')
    done = consume(config, "--exec", f"cat >{folder}/body; env >{folder}/env").ok()
    assert "1 event handled" in done.err
    assert (folder / "body").read_bytes() == b"\x00\xffbody\n"
    env = dict(line.split("=", 1) for line in (folder / "env").read_text().splitlines() if line.startswith("HOOKGATE_"))
    wanted = {"ID": "evt_1", "TYPE": "invoice.paid", "SOURCE": "/hooks/stripe", "TIME": "2026-11-22T09:02:03.004Z",
              "ROUTE": "stripe", "PROVIDER": "stripe", "DATACONTENTTYPE": "application/json", "HEADERS": '{"a":"b"}',
              "SECRET": "secret", "COVERED": "full", "TRACEPARENT": "00-1-2-00", "SPECVERSION": "1.0", "ENTRY": entry,
              "DELIVERY_COUNT": "1"}
    assert {key: env.get("HOOKGATE_" + key) for key in wanted} == wanted
    assert pending(db) == []


@pytest.mark.parametrize("ending, said", [("exit 3", "exit status 3"), ("kill -9 $$", "signal 9")])
def test_a_failed_command_leaves_its_entry(config, folder, db, ending, said):
    ids = add(db, 3)
    command = f'echo "$HOOKGATE_ID $HOOKGATE_DELIVERY_COUNT" >>{folder}/runs; case $HOOKGATE_ID in evt_2) {ending};; esac'
    done = consume(config, "--consumer", "c", "--exec", command)
    assert done.code == 1 and said in done.err and '"evt_2"' in done.err and ids[1] in done.err
    assert [p["message_id"] for p in pending(db)] == [ids[1]]
    # Another member does not get it before its time ...
    assert consume(config, "--exec", command).code == 0
    # ... and the next run of the same one does.
    again = consume(config, "--consumer", "c", "--exec", f'echo "$HOOKGATE_ID $HOOKGATE_DELIVERY_COUNT" >>{folder}/runs').ok()
    assert "1 event handled" in again.err
    assert (folder / "runs").read_text().split("\n") == ["evt_1 1", "evt_2 1", "evt_3 1", "evt_2 2", ""]
    assert pending(db) == []


def test_what_failed_is_there_for_the_next_at_once(config, folder, db):
    """A member with a name of its own never comes back: what it leaves is not to wait for min-idle, as one does for the dead."""
    ids = add(db, 3)
    failed = consume(config, "--exec", f"echo $HOOKGATE_ID >>{folder}/runs; test $HOOKGATE_ID = evt_3")
    assert failed.code == 1 and "2 failed" in failed.err
    assert [p["message_id"] for p in pending(db)] == ids[:2]
    again = consume(config, "--exec", f"echo $HOOKGATE_ID $HOOKGATE_DELIVERY_COUNT >>{folder}/runs").ok()
    assert "2 events handled" in again.err
    assert (folder / "runs").read_text().split("\n") == ["evt_1", "evt_2", "evt_3", "evt_1 2", "evt_2 2", ""]
    assert pending(db) == []


def test_many_that_failed_are_there_for_the_next(config, db):
    """More than the member asks for at once when it leaves."""
    add(db, 130)
    assert "130 failed" in consume(config, "--exec", "false").err
    assert len(consume(config).ok().lines()) == 130
    assert pending(db) == []


def test_a_consumer_that_was_killed_is_taken_over(config, folder, db):
    ids = add(db, 3)
    killed = consume(config, "--consumer", "dead", "--exec", "kill -9 $PPID; sleep 0.1")
    assert killed.code == -signal.SIGKILL
    assert [p["message_id"] for p in pending(db)] == ids[:1]
    # Others wait, for all they know it lives.
    assert [line["entry"] for line in consume(config, "--min-idle", "1h").ok().lines()] == ids[1:]
    taken = consume(config, "--min-idle", "1ms").ok().lines()
    assert [line["entry"] for line in taken] == ids[:1]
    assert pending(db) == []


def test_lines_of_a_consumer_that_was_killed_come_again(config, db):
    """Read, and killed before it could acknowledge: with lines there are many in one batch."""
    db.xgroup_create(STREAM, "g", "0", mkstream=True)
    ids = add(db, 100)
    db.xreadgroup("g", "dead", {STREAM: ">"}, count=100)
    assert [line["entry"] for line in consume(config, "--min-idle", "0s").ok().lines()] == ids
    assert pending(db) == []


def test_follow_takes_over_while_it_waits(config, db):
    db.xgroup_create(STREAM, "g", "0", mkstream=True)
    with Running("consume", "-c", config, "--group", "g", "--follow", "--min-idle", "500ms") as running:
        wait_until(lambda: db.xinfo_consumers(STREAM, "g"), "the consumer")
        # Added and handed to another one in one step.
        with db.pipeline(transaction=True) as both:
            both.xadd(STREAM, {"id": "evt_1", "data": "x"})
            both.xreadgroup("g", "dead", {STREAM: ">"})
            both.execute()
        assert running.line()["id"] == "evt_1"
        assert running.end().code == 0
    assert pending(db) == []


def test_a_failed_command_is_tried_again_while_it_follows(config, folder, db):
    add(db)
    with Running("consume", "-c", config, "--group", "g", "--follow", "--min-idle", "300ms", "--count", 2, "--exec",
                 f"echo $HOOKGATE_DELIVERY_COUNT >>{folder}/runs; test -e {folder}/now || {{ touch {folder}/now; exit 1; }}") as running:
        assert running.end(None).code == 1
    assert (folder / "runs").read_text() == "1\n2\n"
    assert pending(db) == []


def test_what_failed_does_not_wait_for_a_minute(config, folder, db):
    """While it follows: after a second, then after two, and what is new is handed on meanwhile."""
    add(db)
    command = f"echo $HOOKGATE_ID $HOOKGATE_DELIVERY_COUNT >>{folder}/runs; test $HOOKGATE_ID = evt_2 -o $HOOKGATE_DELIVERY_COUNT = 3"
    runs = lambda: (folder / "runs").read_text().split("\n")[:-1] if (folder / "runs").exists() else []
    with Running("consume", "-c", config, "--group", "g", "--follow", "--exec", command) as running:
        wait_until(lambda: runs() == ["evt_1 1"], "the first run")
        add(db, begin=2)
        wait_until(lambda: "evt_1 3" in runs() and "evt_2 1" in runs() and pending(db) == [], "all to be handled")
        assert running.end().code == 1
    assert [line for line in runs() if line.startswith("evt_1")] == ["evt_1 1", "evt_1 2", "evt_1 3"]


def test_that_a_command_runs_cannot_be_told(folder, redis, db):
    """By a user without the right to XCLAIM: it is said, once, since others may take over what is still being handled."""
    db.acl_setuser("reader", enabled=True, passwords=["+pw"], keys=["*"], channels=["*"], categories=["+@all"], commands=["-xclaim"])
    add(db)
    command = f"until test -e {folder}/enough; do sleep 0.01; done"
    refused = lambda: db.info("commandstats").get("cmdstat_xclaim", {}).get("rejected_calls", 0)
    with Running("consume", "-c", write_config(folder, redis.url(user="reader", password="pw")), "--group", "g",
                 "--min-idle", "1s", "--exec", command) as running:
        wait_until(lambda: refused() > 1, "Redis to refuse it twice")
        (folder / "enough").touch()
        ended = running.end(None)
    assert ended.code == 0 and ended.err.count("could not be told that the command still runs") == 1
    db.acl_deluser("reader")


def test_a_command_may_run_longer_than_others_wait(config, folder, db):
    """While it runs its entry's idle time begins anew, again and again."""
    add(db)
    command = f"touch {folder}/begun; until test -e {folder}/enough; do sleep 0.01; done"
    with Running("consume", "-c", config, "--group", "g", "--min-idle", "2s", "--exec", command) as running:
        wait_until(lambda: (folder / "begun").exists(), "the command to begin")
        idle = []

        def begun_anew():
            (entry,) = db.xpending_range(STREAM, "g", "-", "+", 10)
            assert entry["times_delivered"] == 1 and running.process.poll() is None
            idle.append(entry["time_since_delivered"])
            return sum(later < before for before, later in zip(idle, idle[1:])) == 3

        wait_until(begun_anew, "its idle time to begin anew three times")
        (folder / "enough").touch()
        assert running.end(None).code == 0
    assert pending(db) == []


def test_own_entries_come_before_others(config, db):
    db.xgroup_create(STREAM, "g", "0", mkstream=True)
    ids = add(db, 4)
    db.xreadgroup("g", "dead", {STREAM: ">"}, count=1)
    db.xreadgroup("g", "c", {STREAM: ">"}, count=2)
    got = [line["entry"] for line in consume(config, "--consumer", "c", "--min-idle", "0s").ok().lines()]
    assert got == [ids[1], ids[2], ids[0], ids[3]]


def test_the_present_command_is_finished(config, folder, db):
    add(db, 2)
    with Running("consume", "-c", config, "--group", "g", "--exec", f"touch {folder}/begun; sleep 0.7; touch {folder}/ended") as running:
        wait_until(lambda: (folder / "begun").exists(), "the command to begin")
        assert running.end(signal.SIGINT).code == 0
    assert (folder / "ended").exists()
    assert pending(db) == []
    assert len(consume(config).ok().lines()) == 1


def test_a_second_signal_ends_the_command(config, folder, db):
    add(db)
    with Running("consume", "-c", config, "--group", "g", "--exec", f"touch {folder}/begun; sleep 60; true") as running:
        wait_until(lambda: (folder / "begun").exists(), "the command to begin")
        running.kill(signal.SIGTERM)
        time.sleep(0.1)
        done = running.end(signal.SIGTERM)
        assert done.code == 1 and "signal 15" in done.err
    assert len(pending(db)) == 1


# ---- consume: Redis in every state ----


def test_deleted_entries_are_acknowledged(config, db):
    db.xgroup_create(STREAM, "g", "0", mkstream=True)
    ids = add(db, 3)
    db.xreadgroup("g", "c", {STREAM: ">"})
    db.xdel(STREAM, ids[1])
    done = consume(config, "--consumer", "c").ok()
    assert [line["entry"] for line in done.lines()] == [ids[0], ids[2]]
    assert ids[1] in done.err and "deleted" in done.err
    assert pending(db) == []


def test_deleted_entries_of_others(config, db):
    db.xgroup_create(STREAM, "g", "0", mkstream=True)
    ids = add(db, 30)
    db.xreadgroup("g", "dead", {STREAM: ">"})
    db.xdel(STREAM, *ids[:25])
    assert [line["entry"] for line in consume(config, "--min-idle", "0s").ok().lines()] == ids[25:]


def test_an_entry_that_is_taken_back_wakes_nobody_up_for_good(config, db):
    """Redis 7.0 wakes a blocked reader with an empty list when an entry is added and deleted in one transaction."""
    db.xgroup_create(STREAM, "g", "0", mkstream=True)
    with Running("consume", "-c", config, "--group", "g", "--follow") as running:
        wait_until(lambda: db.info("clients")["blocked_clients"] == 1, "the wait")
        for _ in range(3):
            db.eval("redis.call('XDEL', KEYS[1], redis.call('XADD', KEYS[1], '*', 'a', 'b')) return 1", 1, STREAM)
        entry, = add(db)
        assert running.line()["entry"] == entry
        assert running.end().code == 0


@pytest.mark.parametrize("what", ["group", "stream"])
def test_a_group_that_vanishes_is_made_again(config, db, what):
    with Running("consume", "-c", config, "--group", "g", "--follow") as running:
        entry, = add(db)
        assert running.line()["entry"] == entry
        wait_until(lambda: db.info("clients")["blocked_clients"] == 1, "the wait")
        if what == "group":
            db.xgroup_destroy(STREAM, "g")
        else:
            db.delete(STREAM)
        wait_until(lambda: db.exists(STREAM) and db.xinfo_groups(STREAM), "the group")
        if what == "group":
            # A new group begins at the stream's beginning: rather twice than never.
            assert running.line()["entry"] == entry
        entry, = add(db, begin=2)
        assert running.line()["entry"] == entry
        assert running.end().code == 0


def test_redis_restarts_while_it_follows(folder, stack):
    redis = stack.redis(appendonly="yes", appendfsync="always")
    config = write_config(folder, redis)
    db = redis.client()
    with Running("consume", "-c", config, "--group", "g", "--follow") as running:
        entry, = add(db)
        assert running.line()["entry"] == entry
        wait_until(lambda: pending(db) == [], "the acknowledgement")
        redis.kill()
        redis.restart()
        entry, = add(redis.client(), begin=2)
        assert running.line()["entry"] == entry
        done = running.end()
        assert done.code == 0 and "Redis is away" in done.err and "Redis is back" in done.err
    assert pending(redis.client()) == []


def test_a_reply_that_was_lost_carried_entries(folder, stack, redis, db):
    """They are ours from then on, and are not to lie there until somebody takes them over."""
    proxy = stack.proxy(redis.port)
    config = write_config(folder, proxy.url())
    with Running("consume", "-c", config, "--group", "g", "--follow") as running:
        first, = add(db)
        assert running.line()["entry"] == first
        wait_until(lambda: pending(db) == [] and any(
            c["cmd"] == "xreadgroup" and "b" in c["flags"] for c in db.client_list()), "it to wait for more")
        proxy.hold()
        lost, = add(db, begin=2)
        wait_until(lambda: proxy.held > 0, "the reply")
        proxy.cut()
        later, = add(db, begin=3)
        assert [running.line()["entry"] for _ in range(2)] == [lost, later]
        assert running.end().code == 0
    assert pending(db) == []


def test_a_run_may_take_longer_than_the_time_between_two_sweeps(config, folder, db):
    add(db, 3)
    command = f"test -e {folder}/slow || {{ touch {folder}/slow; sleep 6.5; }}"
    done = consume(config, "--min-idle", "1s", "--exec", command).ok()
    assert "3 events handled" in done.err and "away" not in done.err
    assert pending(db) == []


def test_follow_waits_for_a_redis_that_is_not_there_yet(folder, stack):
    redis = stack.redis()
    config = write_config(folder, redis)
    redis.kill()
    with Running("consume", "-c", config, "--group", "g", "--follow") as running:
        time.sleep(0.3)
        assert running.process.poll() is None
        redis.restart()
        entry, = add(redis.client())
        assert running.line()["entry"] == entry
        assert running.end().code == 0


def test_without_follow_a_redis_that_is_away_is_told_at_once(folder):
    config = write_config(folder, f"redis://127.0.0.1:{harness.free_port()}")
    began = time.monotonic()
    done = consume(config)
    assert done.code == 1 and "cannot connect" in done.err and time.monotonic() - began < 3 * SLOW


def test_a_key_that_is_no_stream(config, db):
    db.set(STREAM, "x")
    done = consume(config)
    assert done.code == 1 and "WRONGTYPE" in done.err


def test_what_redis_forbids_is_told(folder, stack):
    redis = stack.redis()
    redis.client().execute_command("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@all", "-xreadgroup")
    done = consume(write_config(folder, redis.url(user="reader", password="pw")))
    assert done.code == 1 and "NOPERM" in done.err


class FakeRedis:
    """Answers each command by what `answers` has for it: bytes."""

    def __init__(self, answers):
        self.answers = answers
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        stream = client.makefile("rb")
        with contextlib.suppress(OSError, ValueError):
            while line := stream.readline():
                words = []
                for _ in range(int(line[1:])):
                    words.append(stream.read(int(stream.readline()[1:]) + 2)[:-2])
                client.sendall(self.answers.get(words[0].decode().upper(), b"$-1\r\n" if words[0] == b"GET" else b"+OK\r\n"))

    def close(self):
        self.listener.close()


EMPTY_CLAIM = b"*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n"


@pytest.mark.parametrize("read, claim", [
    (b":1\r\n", EMPTY_CLAIM),
    (b"+OK\r\n", EMPTY_CLAIM),
    (b"$-1\r\n", b":1\r\n"),
    (b"*-1\r\n", b"*0\r\n"),
    (b"*0\r\n", b"*1\r\n$3\r\n0-0\r\n"),
    (b"*-1\r\n", b"*2\r\n$-1\r\n*0\r\n"),
    (b"*-1\r\n", b"*2\r\n:5\r\n:5\r\n"),
    (b"*-1\r\n", b"*2\r\n$100\r\n" + b"9" * 100 + b"\r\n*0\r\n"),
    (b"*1\r\n:1\r\n", EMPTY_CLAIM),
    (b"*1\r\n*0\r\n", EMPTY_CLAIM),
    (b"*1\r\n*1\r\n$1\r\nx\r\n", EMPTY_CLAIM),
    (b"*1\r\n*2\r\n$1\r\nx\r\n:5\r\n", EMPTY_CLAIM),
    (b"*1\r\n*2\r\n$1\r\nx\r\n*1\r\n:5\r\n", EMPTY_CLAIM),
    (b"*1\r\n*2\r\n$1\r\nx\r\n*1\r\n*2\r\n$-1\r\n*0\r\n", EMPTY_CLAIM),
    (b"?what\r\n", EMPTY_CLAIM),
])
def test_replies_of_a_wrong_shape(folder, read, claim):
    """None is touched before it was looked at: the command ends, with a message where it cannot go on."""
    fake = FakeRedis({"XREADGROUP": read, "XAUTOCLAIM": claim, "XACK": b":1\r\n", "EVAL": b":0\r\n"})
    done = consume(write_config(folder, f"redis://127.0.0.1:{fake.port}"), "--count", 1, timeout=30)
    fake.close()
    assert done.out == ""
    assert done.code in (0, 1) and (done.code == 0 or "Redis" in done.err)


def test_an_empty_answer_is_the_end(folder):
    fake = FakeRedis({"XREADGROUP": b"*-1\r\n", "XAUTOCLAIM": EMPTY_CLAIM, "EVAL": b":1\r\n"})
    assert consume(write_config(folder, f"redis://127.0.0.1:{fake.port}")).code == 0
    fake.close()


# ---- send ----


@pytest.fixture(scope="module")
def served():
    """A gateway with a route of every scheme: (gateway, db)."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="hookgate-"))
    stack = Stack(path)
    server = stack.redis()
    extra = [{"name": "strict", "path": "/hooks/strict", "provider": "generic", "secret": "scenario-strict", "missing_id": "reject"},
             {"name": "few", "path": "/hooks/few", "provider": "stripe", "secret": STRIPE, "events": {"include": ["invoice.*"]}},
             {"name": "small", "path": "/hooks/small", "provider": "none", "max_body": "100B"},
             {"name": "rotated", "path": "/hooks/rotated", "provider": "stripe",
              "secrets": [{"name": "old", "value": "scenario-old"}, {"name": "new", "value": "scenario-new"}]}]
    try:
        yield stack.gateway(server, routes=[*ALL_ROUTES, *extra]), server.client()
        stack.close()
    finally:
        for part in stack.parts:
            if isinstance(part, harness.Process) and part.running():
                part.kill()
        shutil.rmtree(path, ignore_errors=True)


@pytest.mark.parametrize("name", [r["name"] for r in ALL_ROUTES])
def test_send_plays_every_provider(served, name):
    gateway, db = served
    before = len(entries(db, name))
    done = run("send", "-c", gateway.file, "--route", name, "--count", 3).ok()
    assert [line.split(" ")[0] for line in done.out.splitlines()] == ["200"] * 3
    assert done.out.count('"accepted"') == 3 and "3 of 3" in done.err
    assert len(entries(db, name)) == before + 3
    # The same signed a year ago: refused where a time is signed.
    old = run("send", "-c", gateway.file, "--route", name, "--now", wire.now() - 365 * 86400, "--json")
    answer = old.json()
    assert old.code == (0 if answer["status"] == 200 else 1)
    if name in ("stripe", "slack", "standard", "zoom"):
        assert answer["status"] == 401 and json.loads(answer["body"])["status"] == "timestamp_out_of_tolerance"


def test_send_options(served, folder):
    gateway, db = served
    body = folder / "body"
    body.write_bytes(b'{"id":"evt_data","n":"\xc3\xa9"}\r\n\x00')
    run("send", "-c", gateway.file, "--route", "github", "--id", "guid_1", "--type", "pull_request", "--data", body,
        "--content-type", "text/plain").ok()
    entry = entries(db, "github")[-1]
    assert entry["id"] == b"guid_1" and entry["type"] == b"pull_request" and entry["data"] == body.read_bytes()
    assert entry["datacontenttype"] == b"text/plain"
    again = run("send", "-c", gateway.file, "--route", "github", "--id", "guid_1", "--type", "x", "--data", "-", "--json",
                stdin=body.read_bytes()).ok().json()
    assert again["id"] == "guid_1" and again["status"] == 200 and json.loads(again["body"])["status"] == "duplicate"


def test_send_with_each_secret(served):
    gateway, db = served
    for name in ("old", "new"):
        run("send", "-c", gateway.file, "--route", "rotated", "--secret", name).ok()
        assert entries(db, "rotated")[-1]["secret"].decode() == name
    done = run("send", "-c", gateway.file, "--route", "rotated", "--secret", "none")
    assert done.code == 2 and "old" in done.err and "new" in done.err and "scenario" not in done.err


def test_send_to_another_url(served):
    gateway, db = served
    host, port = gateway.address()
    before = len(entries(db, "stripe"))
    run("send", "-c", gateway.file, "--route", "stripe", "--url", f"http://{host}:{port}").ok()
    run("send", "-c", gateway.file, "--route", "stripe", "--url", f"http://{host}:{port}/hooks/stripe?x=1").ok()
    assert len(entries(db, "stripe")) == before + 2
    wrong = run("send", "-c", gateway.file, "--route", "stripe", "--url", f"http://{host}:{port}/nowhere")
    assert wrong.code == 1 and wrong.out.startswith("404 ")


def test_send_over_a_unix_socket(stack, redis, folder):
    gateway = stack.gateway(redis, listen=f"unix:{folder}/s")
    run("send", "-c", gateway.file, "--count", 5).ok()
    run("send", "-c", gateway.file, "--url", f"unix:{folder}/s").ok()
    assert len(entries(redis.client(), "stripe")) == 6


def test_send_keeps_its_connection(served):
    gateway, _ = served
    before = gateway.metrics().sum("hookgate_connections_opened_total")
    run("send", "-c", gateway.file, "--route", "none", "--count", 30).ok()
    wait_until(lambda: gateway.metrics().sum("hookgate_connections_opened_total") > before, "the counter")
    # The scrapes have connections of their own, on another listener.
    assert gateway.metrics().sum("hookgate_connections_opened_total") <= before + 2


def test_send_says_what_is_in_the_way(config):
    refused = run("send", "-c", config)
    assert refused.code == 1 and "cannot connect" in refused.err
    secure = run("send", "-c", config, "--url", "https://hooks.example.com/")
    assert secure.code == 2 and "https" in secure.err and "--dry-run" in secure.err
    assert run("send", "-c", config, "--type", "a\nX: b").code == 2
    assert run("send", "-c", config, "--dry-run", "--count", 2).code == 2


class OneAnswer:
    """A server that reads a request's head, answers with the bytes it was given, and closes."""

    def __init__(self, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.answer = answer
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                got = b""
                while b"\r\n\r\n" not in got and (more := client.recv(65536)):
                    got += more
                client.sendall(self.answer)
                client.close()


@pytest.mark.parametrize("answer, code, said", [
    (b"HTTP/1.1 204 No Content\r\n\r\n", 0, "204 "),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0, "200 abc"),
    (b"HTTP/1.0 200 OK\r\n\r\n\x1b[31mred", 0, "200 \\x1b[31mred"),
    (b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno", 1, "500 no"),
    (b"", 1, "closed without an answer"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nab", 1, "middle of the answer"),
    (b"SSH-2.0-x\r\n", 1, "not HTTP"),
])
def test_send_and_answers_of_all_kinds(config, answer, code, said):
    server = OneAnswer(answer)
    done = run("send", "-c", config, "--url", server.url)
    server.listener.close()
    assert done.code == code and said in done.out + done.err


# ---- verify ----


def judge(file, route, raw, *args):
    done = run("verify", "-c", file, "--route", route, "--json", *args, stdin=raw)
    verdict = done.json()
    assert {"outcome", "id", "type", "secret", "reason"} <= set(verdict)
    assert done.code == (0 if verdict["outcome"] in ("accepted", "challenge", "ignored") else 1)
    text = run("verify", "-c", file, "--route", route, *args, stdin=raw)
    assert text.code == done.code and text.out.startswith(f"outcome  {verdict['outcome']}\n")
    return verdict


@pytest.mark.parametrize("name", [r["name"] for r in ALL_ROUTES])
def test_what_send_makes_verify_accepts(served, name):
    gateway, _ = served
    printed = run("send", "-c", gateway.file, "--route", name, "--dry-run").ok().raw
    verdict = judge(gateway.file, name, printed)
    assert verdict["outcome"] == "accepted" and verdict["id"]
    if name in ("none", "token", "basic"):
        return
    verdict = judge(gateway.file, name, printed + b" ")
    assert verdict["outcome"] == "signature_mismatch" and verdict["id"] is None
    assert any("would match" in line for line in verdict["explanation"])


def doubled(delivery, name):
    delivery.headers.append((name, delivery.header(name)))
    return delivery


def slack_challenge():
    body = json.dumps({"type": "url_verification", "challenge": "c0ffee", "token": "t"}).encode()
    return sign.slack(SLACK, body=body)


CASES = {
    "stripe": ("stripe", lambda: sign.stripe(STRIPE), "accepted"),
    "stripe wrong": ("stripe", lambda: sign.stripe("wrong"), "signature_mismatch"),
    "stripe stale": ("stripe", lambda: sign.stripe(STRIPE, t=wire.now() - 3600), "timestamp_out_of_tolerance"),
    "stripe unsigned": ("stripe", lambda: sign.stripe(STRIPE).replaced("Stripe-Signature", None), "signature_missing"),
    "stripe twice": ("stripe", lambda: doubled(sign.stripe(STRIPE), "Stripe-Signature"), "malformed_request"),
    "stripe no JSON": ("stripe", lambda: sign.stripe(STRIPE, body=b"{"), "malformed_body"),
    "github": ("github", lambda: sign.github(GITHUB), "accepted"),
    "github other": ("github", lambda: sign.github("other"), "signature_mismatch"),
    "slack": ("slack", lambda: sign.slack(SLACK), "accepted"),
    "slack challenge": ("slack", slack_challenge, "challenge"),
    "standard": ("standard", lambda: sign.standard_webhooks(STANDARD), "accepted"),
    "shopify": ("shopify", lambda: sign.shopify(SHOPIFY), "accepted"),
    "zoom": ("zoom", lambda: sign.zoom(ZOOM), "accepted"),
    "token": ("token", lambda: sign.plain("/hooks/token", headers=[sign.bearer("scenario-token")]), "accepted"),
    "token wrong": ("token", lambda: sign.plain("/hooks/token", headers=[sign.bearer("scenario-tokem")]), "signature_mismatch"),
    "basic": ("basic", lambda: sign.plain("/hooks/basic", headers=[sign.basic("user", "scenario-password")]), "accepted"),
    "no id": ("strict", lambda: sign.generic("scenario-strict", path="/hooks/strict"), "event_id_missing"),
    "left out": ("few", lambda: sign.stripe(STRIPE, path="/hooks/few", type="customer.created"), "ignored"),
    "not left out": ("few", lambda: sign.stripe(STRIPE, path="/hooks/few", type="invoice.paid"), "accepted"),
    "too large": ("small", lambda: sign.plain("/hooks/small", body=b"x" * 101), "body_too_large"),
    "just not too large": ("small", lambda: sign.plain("/hooks/small", body=b"x" * 100), "accepted"),
    "method": ("stripe", lambda: sign.Delivery("/hooks/stripe", [], b"", method="DELETE"), "method_not_allowed"),
}


@pytest.mark.parametrize("case", list(CASES))
def test_verify_says_what_the_gateway_says(served, case):
    gateway, _ = served
    route, make, outcome = CASES[case]
    delivery = make()
    raw = wire.raw(delivery)
    verdict = judge(gateway.file, route, raw)
    assert verdict["outcome"] == outcome
    # With bare line feeds in the head it is the same.
    head, _, body = raw.partition(b"\r\n\r\n")
    assert judge(gateway.file, route, head.replace(b"\r\n", b"\n") + b"\n\n" + body)["outcome"] == outcome
    answer = gateway.deliver(delivery)
    if outcome == "challenge":
        assert answer.status == verdict["answer"]["status"] and answer.body.decode() == verdict["answer"]["body"]
        for name, value in verdict["answer"]["headers"].items():
            assert answer.header(name) == value
    else:
        assert answer.outcome() == outcome and "answer" not in verdict
    if outcome == "accepted":
        assert verdict["id"] and (not delivery.id or verdict["id"] == delivery.id)
    secrets = [r.get("secret", "-none-") for r in ALL_ROUTES]
    assert not any(secret in json.dumps(verdict) for secret in secrets)


def test_verify_as_of_then(served):
    gateway, _ = served
    then = wire.now() - 90 * 86400
    raw = wire.raw(sign.stripe(STRIPE, t=then))
    late = judge(gateway.file, "stripe", raw)
    assert late["outcome"] == "timestamp_out_of_tolerance"
    assert any(f"--now {then}" in line for line in late["explanation"])
    assert judge(gateway.file, "stripe", raw, "--now", then)["outcome"] == "accepted"
    assert judge(gateway.file, "stripe", raw, "--now", then + 300)["outcome"] == "accepted"
    assert judge(gateway.file, "stripe", raw, "--now", then + 301)["outcome"] == "timestamp_out_of_tolerance"


def test_verify_tells_of_what_is_odd_about_the_capture(served):
    gateway, _ = served
    good = wire.raw(sign.stripe(STRIPE))
    newline = judge(gateway.file, "stripe", good + b"\n")
    assert newline["outcome"] == "signature_mismatch"
    assert any("newline" in line for line in newline["explanation"])
    elsewhere = judge(gateway.file, "stripe", good.replace(b"/hooks/stripe", b"/other"))
    assert elsewhere["outcome"] == "accepted" and any("path" in line for line in elsewhere["explanation"])
    chunked = judge(gateway.file, "stripe", good.replace(b"Content-Length: ", b"Transfer-Encoding: chunked\r\nX-Was: "))
    assert chunked["outcome"] == "accepted" and any("Transfer-Encoding" in line for line in chunked["explanation"])


@pytest.mark.parametrize("raw", [b"", b"\n", b"{}", b"POST /hooks/stripe\r\n\r\n", b"POST /hooks/stripe HTTP/1.1\r\n", b"\x00" * 100,
                                 b"POST /hooks/stripe HTTP/1.1\r\nX : y\r\n\r\n{}", b"POST /hooks/stripe HTTP/1.1\r\nX: y\x00\r\n\r\n{}"])
def test_verify_and_what_is_no_request(served, raw):
    gateway, _ = served
    verdict = judge(gateway.file, "stripe", raw)
    assert verdict["outcome"] == "malformed_request" and verdict["reason"]


def test_verify_reads_a_file(served, folder):
    gateway, _ = served
    file = folder / "request.http"
    file.write_bytes(wire.raw(sign.stripe(STRIPE)))
    assert run("verify", "-c", gateway.file, "--route", "stripe", file).code == 0
    file.write_bytes(wire.raw(sign.stripe("wrong")))
    assert run("verify", "-c", gateway.file, "--route", "stripe", file).code == 1


def test_verify_called_wrongly(served, folder):
    gateway, _ = served
    for args in ([], ["-c", gateway.file], ["-c", gateway.file, "--route", "nowhere"], ["-c", folder / "none.yaml"],
                 ["-c", gateway.file, "--route", "stripe", folder / "none.http"], ["-c", gateway.file, "--now", "soon"],
                 ["-c", gateway.file, "--route", "stripe", "a", "b"], ["--wrong"]):
        done = run("verify", *args)
        assert done.code == 2 and done.err and done.out == "", args
    assert "stripe" in run("verify", "-c", gateway.file).err


# ---- check ----


def test_check_of_a_good_file(config):
    done = run("check", "-c", config).ok()
    assert done.out == f"{config}: ok: 1 route\n" and done.err == ""
    assert run("check", "-c", config, "--json").ok().json() == {"file": str(config), "ok": True, "routes": 1, "findings": []}


def test_check_finds_all(folder):
    file = folder / "c.yaml"
    file.write_text("listen: 127.0.0.1:99999\nroutes:\n  - name: a\n    path: hooks\n    provider: strpe\n    secret: env:NOT_SET_HERE\n")
    done = run("check", "-c", file)
    assert done.code == 1 and done.out == ""
    for what in ("c.yaml:1:", "c.yaml:4:", "c.yaml:5:", "c.yaml:6:", "NOT_SET_HERE", "strpe"):
        assert what in done.err, what
    found = run("check", "-c", file, "--json")
    assert found.code == 1 and not found.json()["ok"]
    assert {finding["line"] for finding in found.json()["findings"]} >= {1, 4, 5, 6}
    assert all(f["file"] == str(file) and f["message"] and f["severity"] == "error" for f in found.json()["findings"])


@pytest.mark.parametrize("route, wrong", [
    ("{name: a, path: /a, provider: stripe, secret: \"env:NOT_SET_HERE\"}", "NOT_SET_HERE"),
    ("{name: a, path: /a, provider: stripe, secret: \"\"}", "empty"),
    ("{name: a, path: /a, provider: stripe}", "needs a secret"),
    ("{name: a, path: /a, secret: x}", "provider"),
])
def test_check_says_a_thing_once(folder, route, wrong):
    """What one room has said of a key, the other does not say again in its own words."""
    file = folder / "c.yaml"
    file.write_text(f"listen: 127.0.0.1:0\nroutes:\n  - {route}\n")
    found = run("check", "-c", file, "--json").json()["findings"]
    assert len(found) == 1 and wrong in found[0]["message"] + found[0]["path"], found


def test_check_of_no_file(folder):
    done = run("check", "-c", folder / "none.yaml")
    assert done.code == 1 and "none.yaml" in done.err
    assert run("check").code == 2


def test_check_looks_at_redis(folder, stack):
    redis = stack.redis(maxmemory="100mb", **{"maxmemory-policy": "allkeys-lru"})
    config = write_config(folder, redis)
    done = run("check", "-c", config, "--redis").ok()
    assert "answers" in done.out and "warning" in done.err and "allkeys-lru" in done.err
    found = run("check", "-c", config, "--redis", "--json").ok().json()["redis"]
    assert any(f["severity"] == "warning" for f in found)
    strict = write_config(folder, redis, name="d.yaml")
    strict.write_text(json.dumps({**json.loads(config.read_text()), "redis": {"url": redis.url(), "require": "durable"}}))
    assert run("check", "-c", strict, "--redis").code == 1
    redis.kill()
    away = run("check", "-c", config, "--redis")
    assert away.code == 1 and "cannot connect" in away.err
    redis.restart()
    redis.pause()
    began = time.monotonic()
    assert run("check", "-c", config, "--redis").code == 1
    assert time.monotonic() - began < 10 * SLOW


def test_check_of_an_embedded_redis(folder):
    config = write_config(folder, f"embedded:{folder}/data")
    done = run("check", "-c", config, "--redis").ok()
    assert "redis-server" in done.out and not (folder / "data").exists()
    none = run("check", "-c", config, "--redis", env={"PATH": str(folder)})
    assert none.code == 1 and "not installed" in none.err


def test_check_lists_the_keys():
    lines = [line.split("\t") for line in run("check", "--keys").ok().out.splitlines()]
    keys = run("check", "--keys", "--json").ok().json()
    assert [[k["key"], k["default"], k["help"]] for k in keys] == lines
    assert ["max_body", "1MiB"] in [line[:2] for line in lines] and len(lines) > 30


# ---- providers ----

BUILT_IN = {"stripe", "github", "slack", "shopify", "zoom", "standard-webhooks", "generic", "hmac", "token", "basic", "none"}


def catalogue():
    return run("providers", "--json").ok().json()


def test_providers_are_listed():
    table = run("providers").ok().out
    objects = catalogue()
    names = [o["name"] for o in objects]
    assert BUILT_IN <= set(names) and names == sorted(names)
    for o in objects:
        assert isinstance(o["aliases"], list) and o["scheme"] and o["algorithm"] and o["example"] and o["confidence"]
        assert f"\n{o['name']} " in table
        assert o["covered"] in ("full", "partial", "none") and isinstance(o["options"], list)
        # Where a proof is asked for, a person is told where it stands and what the secret is.
        assert o["signature"] or o["algorithm"] in ("none", "the route's own") or "plugin" in o["scheme"]
        assert (o["secret"] is None) == (o["algorithm"] == "none")
    assert f"\n{len(objects)} providers; " in table


@pytest.mark.parametrize("columns", [80, 100, 160])
def test_the_list_is_as_wide_as_the_terminal(columns):
    lines = run("providers", env={"COLUMNS": str(columns)}).ok().out.split("\n\n")[0].splitlines()
    assert max(map(len, lines)) <= columns
    # Columns stand under each other, and no name is cut.
    assert all(line[lines[0].index("SCHEME") - 1] == " " for line in lines)
    assert {line.split()[0] for line in lines[1:]} == {o["name"] for o in catalogue()}


@pytest.mark.parametrize("filters, wanted", [
    (["--search", "GITH"], lambda o: "gith" in " ".join([o["name"], o["title"], *o["aliases"]]).lower()),
    (["--scheme", "ed25519"], lambda o: "ed25519" in o["scheme"]),
    (["--handshake"], lambda o: o["handshake"]),
    (["--covered", "partial"], lambda o: o["covered"] == "partial"),
    (["--confidence", "official"], lambda o: o["confidence"] == "official"),
    (["--scheme", "hmac", "--handshake", "--covered", "full"],
     lambda o: "hmac" in o["scheme"] and o["handshake"] and o["covered"] == "full"),
    (["--search", "no such provider"], lambda o: False),
])
def test_filters(filters, wanted):
    expected = [o["name"] for o in catalogue() if wanted(o)]
    assert [o["name"] for o in run("providers", "--json", *filters).ok().json()] == expected
    table = run("providers", *filters).ok().out
    assert [line.split()[0] for line in table.splitlines()[1:] if line][:-1] == expected
    assert f"{len(expected)} of " in table


def test_filters_called_wrongly():
    for args in (["--covered", "all"], ["--confidence", "high"], ["--handshake", "stripe"]):
        done = run("providers", *args)
        assert done.code == 2 and done.err and done.out == ""


@pytest.mark.parametrize("name, guarded, words", [
    ("github", True, "no: a digest of the signed bytes is remembered too"), ("stripe", False, "yes"), ("midtrans", False, "no digest of them is remembered"),
    ("dropbox-sign", False, "no digest of them is remembered"), ("telegram", False, "no: nothing is"), ("persona", True, "yes; a digest")])
def test_what_keeps_replays_out_is_said(name, guarded, words):
    assert run("providers", name, "--json").ok().json()[0]["guarded"] == guarded
    assert words in next(line for line in run("providers", name).ok().out.splitlines() if line.startswith("id signed"))


def test_a_provider_in_full():
    for o in catalogue():
        one, = run("providers", o["name"], "--json").ok().json()
        assert {k: one[k] for k in o} == o and f"name: {o['name']}" in one["description"]
        text = run("providers", o["name"]).ok().out
        assert o["example"] in text
        for value in [o[k] for k in ("scheme", "title", "docs", "signature", "signed", "timestamp", "secret", "keys", "id",
                                     "type", "handshake", "answer", "trusted_because")] + [p["about"] for p in o["options"]]:
            assert not value or value in text, (o["name"], value)
        for alias in o["aliases"]:
            assert [p["name"] for p in run("providers", alias, "--json").ok().json()] == [o["name"]]


# A secret of the form that `hookgate providers` names with these words.
SECRETS = {
    "text": "scenario-secret-0123456789",
    "the token": "scenario-token-0123456789",
    "base64": "c2NlbmFyaW8gc3RhbmRhcmQgd2ViaG9va3Mgc2VjcmV0",
    "base64url": "c2NlbmFyaW8gc3RhbmRhcmQgd2ViaG9va3Mgc2VjcmV0",
    "hex": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    "user:password": "user:scenario-password",
    "an Ed25519 public key": "4TNgNyKj8Tk7X1gRcJqX4p9NPOqtKlIMxsfgjpAo6/s=",
    "a P-256 public key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExcY5t8fpyYZJY/1np3nAo+l9I+WWUW3aHZFSn6q31lOUWH4DX2aINrdP/ycp4yK29r"
                          "uKkDBreIV23TX80ATyvQ==",
    "an RSA public key": "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqYSSeixiKAoOUs7d0YFpSZn6kWc+GIn+dvXuTHHkqYfhyg61/blDzZxuiifB"
                         "VELhygHHBDlKh9T0UoAIcRiD6qR3VcC2V8taMDa+hbYVRgqQta793ELim1852MH4ZLZF9i2ayArTqX+OU7FE+rx1U613FK4Nuo13i5iJ"
                         "Ptnqenpvk/qqamRf6kHIVi/oxBpBKUhExPrtJa9RrPm/cp2CbwtTw7Jf5sAaaYIfAI6XhTNVyhZiLToZS4XPv6tT3TfN78/Zw2+WPXyS"
                         "GoxEwUXqcDYEOSXHglLIoNDthr22CTVJC1g4qCIpJ/X+8UuAYctldvd07XSJa4aJ6f968uGYbQIDAQAB",
}


SECRETS["a public key"] = SECRETS["a P-256 public key"]


def secret_for(provider):
    """The longest words that it begins with say what it is."""
    words = max((words for words in SECRETS if (provider["secret"] or "").startswith(words)), key=len, default=None)
    return SECRETS[words] if words else None


def test_the_example_can_be_pasted(folder):
    """As it is, with a secret of the form that its own comment asks for; and all of them into one file."""
    routes = ""
    variables = {}
    for o in catalogue():
        example = o["example"]
        secret = [line for line in example.splitlines() if "env:" in line]
        file = folder / "pasted.yaml"
        file.write_text("listen: 127.0.0.1:8080\n" + example)
        own = {}
        for line in secret:
            name, _, comment = line.split("env:")[1].partition(" # ")
            assert comment == o["secret"], o["name"]
            own[name] = secret_for(o)
        assert all(own.values()), f"{o['name']}: what is {o['secret']}?"
        done = run("check", "-c", file, env=own)
        assert done.code == 0 and "error" not in done.err and "warning" not in done.err, f"{o['name']}: {done.err}\n{example}"
        if secret:
            assert run("check", "-c", file).code == 1, o["name"]
        variables |= own
        routes += example.removeprefix("routes:\n")
    file.write_text("listen: 127.0.0.1:8080\nroutes:\n" + routes)
    run("check", "-c", file, env=variables).ok()


def route_of(provider, secret):
    """As its example says it."""
    route = {"name": provider["name"], "path": f"/hooks/{provider['name']}", "provider": provider["name"]}
    if secret:
        route["secret"] = secret
    if "public_url:" in provider["example"]:
        route["public_url"] = "https://hooks.example.com"
    options = {o["name"]: f"YOUR-{o['name'].upper()}" for o in provider["options"] if o["required"]}
    if provider["name"] == "hmac":
        route["verify"] = {"algorithm": "hmac-sha256", "signature": {"header": "X-Signature", "encoding": "hex"}, "signed": "{body}"}
    return {**route, **({"options": options} if options else {})}


def made_key(folder, redis, provider):
    """The public key that `send` asks to be put into the route, for the private one that it makes; None where it needs none."""
    file = write_config(folder, redis, [route_of(provider, secret_for(provider))], name=f"{provider['name']}.yaml")
    key = folder / f"{provider['name']}.pem"
    shared = (provider["secret"] or "").startswith("text")
    if shared or "public key" not in (provider["secret"] or "") and not provider["keys"]:
        return None
    first = run("send", "-c", file, "--key", key)
    assert first.code == 1 and "nothing was sent" in first.err, (provider["name"], first.err)
    assert key.stat().st_mode & 0o777 == 0o600
    return first.err.split('secret: "')[1].split('"')[0]


def changed(delivery, secret):
    """The same with one bit flipped: in the body, in the secret where it stands there, in each header, in the query. Not where
    both are the same to a receiver: the case of hex digits, the last bits of base64."""
    body = delivery.body
    for where, at in ("body", len(body) // 2), ("token", body.find(secret) if secret else -1):
        if at >= 0:
            yield where, delivery.with_body(body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])
    for name, value in delivery.headers:
        at = len(value) * 2 // 3
        if name != "Content-Type":
            yield name, delivery.replaced(name, value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :])
    path, mark, query = delivery.target.partition("?")
    if mark:
        yield "query", dataclasses.replace(delivery, target=f"{path}?{query[:20]}{chr(ord(query[20]) ^ 1)}{query[21:]}")


def play(gateway, db, provider, key):
    """What is wrong with one that is signed by `send`, or with those that are that one but for a bit."""
    name = provider["name"]
    options = ["-c", gateway.file, "--route", name, *(["--key", key] if key else [])]
    done = run("send", *options)
    if done.code != 0 or not done.out.startswith("2"):
        return f"not sent: {done.out}{done.err}"
    made = run("send", *options, "--dry-run", "--json").ok().json()
    delivery = sign.Delivery(made["target"], list(made["headers"].items()), made["body"].encode())
    if gateway.deliver(delivery).status // 100 != 2 or entries(db, name)[-1]["data"] != delivery.body:
        return "what --dry-run prints is not stored"
    before = len(entries(db, name))
    refused = {where for where, other in changed(delivery, (secret_for(provider) or "").encode()) if gateway.deliver(other).status >= 400}
    stored = entries(db, name)[before:]
    if provider["covered"] == "full" and "body" not in refused or not refused and name != "none":
        return f"accepted with a bit flipped; refused were {refused}"
    if provider["covered"] == "full" and any(entry["data"] != delivery.body for entry in stored):
        return "another body is stored"
    return None


def test_send_signs_as_every_provider(folder, stack, redis, db):
    """Without exception: who cannot be played here cannot be tried out by anybody."""
    providers = catalogue()
    keys = {o["name"]: made_key(folder, redis, o) for o in providers}
    routes = [route_of(o, keys[o["name"]] or secret_for(o)) for o in providers]
    gateway = stack.gateway(redis, routes=routes)
    wrong = {o["name"]: play(gateway, db, o, keys[o["name"]] and folder / f"{o['name']}.pem") for o in providers}
    assert not any(wrong.values()), "\n".join(f"{name}: {what}" for name, what in wrong.items() if what)


def test_send_signs_the_url_that_it_sends_to(folder, stack, redis, db):
    """Where no public_url is said, the gateway goes by what the request says; so does who signs for it."""
    providers = [o for o in catalogue() if "public_url:" in o["example"] and "public key" not in (o["secret"] or "")]
    routes = [{k: v for k, v in route_of(o, secret_for(o)).items() if k != "public_url"} for o in providers]
    gateway = stack.gateway(redis, routes=routes)
    sent = {o["name"]: run("send", "-c", gateway.file, "--route", o["name"]) for o in providers}
    assert len(sent) > 10 and {"twilio", "square"} < set(sent)
    assert not [name for name, done in sent.items() if done.code != 0], "\n".join(done.err for done in sent.values())
    assert all(len(entries(db, name)) == 1 for name in sent)


def test_send_with_a_certificate_and_with_a_name(folder, stack, redis, db):
    """PayPal and SNS show their key in a certificate; RFC 9421 takes a key of either kind."""
    topic = "arn:aws:sns:us-east-1:123456789012:orders"
    routes = [{"name": "sns", "path": "/hooks/sns", "provider": "aws-sns", "options": {"topics": [topic]}},
              {"name": "paypal", "path": "/hooks/paypal", "provider": "paypal", "options": {"webhook_id": "WH-1"}},
              {"name": "rsa", "path": "/hooks/rsa", "provider": "rfc9421", "secret": SECRETS["an RSA public key"]},
              {"name": "ed", "path": "/hooks/ed", "provider": "rfc9421", "secret": "file:ed.pub"}]
    (folder / "ed.pub").write_text("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA4TNgNyKj8Tk7X1gRcJqX4p9NPOqtKlIMxsfgjpAo6/s=\n"
                                   "-----END PUBLIC KEY-----\n")
    routes[2]["secret"] = f"-----BEGIN PUBLIC KEY-----\n{routes[2]['secret']}\n-----END PUBLIC KEY-----\n"
    routes[3]["secret"] = f"file:{folder / 'ed.pub'}"
    config = write_config(folder, redis, routes)
    for route in routes:
        first = run("send", "-c", config, "--route", route["name"], "--key", folder / f"{route['name']}.pem")
        assert first.code == 1 and "nothing was sent" in first.err, first.err
        route["secret"] = json.loads('"' + first.err.split('secret: "')[1].split('"')[0] + '"')
        kind = "CERTIFICATE" if route["name"] in ("sns", "paypal") else "PUBLIC KEY"
        assert route["secret"].startswith(f"-----BEGIN {kind}-----\n"), route["secret"]
    gateway = stack.gateway(redis, routes=routes)
    for route in routes:
        done = run("send", "-c", gateway.file, "--route", route["name"], "--key", folder / f"{route['name']}.pem", "--count", 2).ok()
        assert len(entries(db, route["name"])) == 2, done.out
    assert json.loads(entries(db, "sns")[0]["data"])["TopicArn"] == topic


def test_send_with_a_key_of_its_own(folder, stack, redis):
    discord = {"name": "d", "path": "/hooks/d", "provider": "discord", "secret": SECRETS["an Ed25519 public key"]}
    config = write_config(folder, redis, [discord])
    printed = run("send", "-c", config)
    assert printed.code == 1 and "-----BEGIN PRIVATE KEY-----" in printed.err and 'secret: "' in printed.err
    assert "does not belong to the public key of the route" in printed.err and printed.out == ""
    # A private key in the route's own secret needs none.
    key = folder / "own.pem"
    run("send", "-c", config, "--key", key)
    assert key.exists()
    gateway = stack.gateway(redis, routes=[{**discord, "secret": f"file:{key}"}])
    assert run("send", "-c", gateway.file).ok().out.startswith("200 ")
    # Never for a provider that has no such key, and never over a file that is there.
    assert run("send", "-c", write_config(folder, redis, name="s.yaml"), "--key", folder / "none.pem").code == 1
    before = key.read_bytes()
    run("send", "-c", config, "--key", key, "--dry-run")
    assert key.read_bytes() == before


def test_send_in_another_way(folder, stack, redis):
    gateway = stack.gateway(redis, routes=[{"name": "g", "path": "/hooks/g", "provider": "jenkins", "secret": "scenario-jenkins"}])
    run("send", "-c", gateway.file).ok()
    signed = run("send", "-c", gateway.file, "--variant", "jenkins-github", "--dry-run").ok().out
    assert "X-Hub-Signature" in signed
    assert run("send", "-c", gateway.file, "--variant", "jenkins-github").ok().out.startswith("200 ")
    wrong = run("send", "-c", gateway.file, "--variant", "stripe")
    assert wrong.code == 2 and "stripe" in wrong.err


def test_an_unknown_provider():
    near = run("providers", "strpe")
    assert near.code == 1 and "did you mean stripe" in near.err and near.out == ""
    for far in ("xyzzy", "ab", "qu"):
        assert "did you mean" not in run("providers", far).err


def test_providers_of_ones_own(folder):
    (folder / "own").mkdir()
    (folder / "own" / "acme.yaml").write_text(
        "name: acme\ntitle: Acme\ndocs: https://acme.example/\nverify:\n  algorithm: hmac-sha256\n  key: text\n"
        "  signature: { header: X-Acme, encoding: hex }\n  signed: \"{body}\"\nevent: { id: \"body:/id\", id_signed: true, window: 1d }\n"
        "vectors:\n  - { expect: accepted }\n")
    file = write_config(folder, "redis://127.0.0.1:1", provider_dir=str(folder / "own"))
    done = run("providers", "-c", file, "--json")
    if done.code != 0:
        pytest.fail(done.err)
    assert BUILT_IN | {"acme"} <= {o["name"] for o in done.json()}
    assert run("providers", "-c", file, "acme").code == 0
    assert run("providers", "acme").code == 1


# ---- status ----


def test_status_at_a_glance(stack, redis, db):
    gateway = stack.gateway(redis, routes=["stripe", "github"], admin={"listen": f"127.0.0.1:{harness.free_port()}", "token": "sesame-scenario"})
    run("send", "-c", gateway.file, "--route", "stripe", "--count", 3).ok()
    run("consume", "-c", gateway.file, "--route", "stripe", "--group", "done").ok()
    run("consume", "-c", gateway.file, "--route", "stripe", "--group", "failing", "--count", 2, "--exec", "false")
    text = run("status", "-c", gateway.file).ok().out
    for what in ("Redis redis://", "master", "ping", "append-only file off", "stripe", "accepted", '"failing"', "2 pending"):
        assert what in text, what
    seen = run("status", "-c", gateway.file, "--json").ok().json()
    assert seen["redis"]["reachable"] and seen["redis"]["role"] == "master" and seen["redis"]["version"].count(".") == 2
    stripe, github = seen["routes"]
    assert stripe["length"] == 3 and 0 <= stripe["newest_age_ms"] < 60000 * SLOW
    assert stripe["stream"] == STREAM and github["length"] == 0 and github["newest_entry"] is None and github["groups"] == []
    groups = {g["name"]: g for g in stripe["groups"]}
    assert groups["done"] == {"name": "done", "consumers": 0, "pending": 0, "lag": 0}
    assert groups["failing"]["pending"] == 2 and groups["failing"]["consumers"] == 1 and groups["failing"]["lag"] == 1
    counted = {(d["route"], d["outcome"]): d for d in seen["gateway"]["deliveries"]}
    assert counted["stripe", "accepted"]["total"] == 3


def test_status_shows_rates(stack, redis):
    gateway = stack.gateway(redis)
    with harness.Load(gateway.address(), lambda: sign.stripe(STRIPE), threads=2):
        wait_until(lambda: gateway.count("accepted") > 0, "deliveries")
        seen = run("status", "-c", gateway.file, "--json").ok().json()
    rate = [d["per_second"] for d in seen["gateway"]["deliveries"] if d["outcome"] == "accepted"][0]
    assert rate > 1


def test_status_without_a_gateway(config, folder, redis):
    assert run("status", "-c", config, "--json").ok().json()["gateway"] is None
    alone = write_config(folder, redis, name="d.yaml", admin={"listen": f"127.0.0.1:{harness.free_port()}"})
    seen = run("status", "-c", alone, "--json").ok().json()
    assert seen["gateway"]["reachable"] is False and "cannot connect" in seen["gateway"]["reason"]
    assert "cannot be asked" in run("status", "-c", alone).ok().out


def test_status_with_a_wrong_token(stack, redis, folder):
    admin = f"127.0.0.1:{harness.free_port()}"
    stack.gateway(redis, admin={"listen": admin, "token": "sesame-scenario"})
    other = write_config(folder, redis, admin={"listen": admin, "token": "another"})
    assert "admin.token" in run("status", "-c", other, "--json").ok().json()["gateway"]["reason"]


def test_status_without_redis(folder):
    config = write_config(folder, f"redis://127.0.0.1:{harness.free_port()}")
    done = run("status", "-c", config)
    assert done.code == 1 and "cannot be reached" in done.err
    seen = run("status", "-c", config, "--json")
    assert seen.code == 1 and seen.json()["redis"]["reachable"] is False and seen.json()["routes"] == []


def test_status_and_a_group_with_an_odd_name(config, db):
    db.xgroup_create(STREAM, b"\x1b[31m\xff\n", "0", mkstream=True)
    text = run("status", "-c", config).ok().out
    assert "\x1b" not in text and "\\u001b" in text
    assert len(run("status", "-c", config, "--json").ok().json()["routes"][0]["groups"]) == 1


# ---- all of them ----


@pytest.mark.parametrize("command", COMMANDS)
def test_help_and_wrong_calls(command):
    text = run(command, "--help").ok()
    assert text.out.startswith(f"usage: hookgate {command} ") and text.err == ""
    assert "--help" in text.out
    assert run(command, "-h").ok().out == text.out
    wrong = run(command, "--no-such-option")
    assert wrong.code == 2 and f"try `hookgate {command} --help`" in wrong.err and wrong.out == ""
    if command != "providers":
        assert run(command).code == 2


@pytest.mark.parametrize("args", [
    ["consume", "--group", ""], ["consume"], ["consume", "--group", "g", "--count", "0"], ["consume", "--group", "g", "--count", "x"],
    ["consume", "--group", "g", "--min-idle", "60"], ["consume", "--group", "g", "--consumer", ""],
    ["consume", "--group", "g", "--exec", ""], ["consume", "--group", "g", "extra"], ["send", "--count", "0"], ["send", "--count", "-1"],
    ["send", "--now", "x"], ["send", "extra"], ["verify", "--now", "-1"], ["status", "extra"], ["check", "extra"],
    ["consume", "--group", "g", "--route", "nowhere"], ["send", "--route", "nowhere"],
])
def test_wrong_values(config, args):
    done = run(args[0], "-c", config, *args[1:])
    assert done.code == 2 and done.err.startswith("hookgate: ") and done.out == ""


def test_a_wrong_configuration_is_told_by_every_command(folder):
    file = folder / "c.yaml"
    file.write_text("listen: nowhere\n")
    for command, code in (("check", 1), ("send", 1), ("status", 1), ("verify", 2), ("consume", 1)):
        done = run(command, "-c", file, *(["--group", "g"] if command == "consume" else []))
        assert done.code == code and f"{file}:1:" in done.err, command
