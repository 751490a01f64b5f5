"""The rows of --durability: what each `ack` costs, and the journal: beside a Redis that is well, and in place of one that is away."""

import re
import subprocess
import time

import servers

DRAINED_SECS = 300


class Replicated(servers.Redis):
    """A master and one replica; the CPU is of both."""

    def __init__(self, folder):
        self.replica = None
        super().__init__(folder / "master", ["--repl-diskless-sync-delay", "0"])
        try:
            self.replica = servers.Redis(folder / "replica", ["--replicaof", f"127.0.0.1 {self.port}"])
            servers.wait_for("the replica", self.in_step, self.replica.process, self.replica.log)
        except BaseException:
            self.stop()
            raise

    def in_step(self):
        self.ask("SET", "begun", 1, "PX", 1000)
        return int(self.ask("WAIT", 1, 200)) == 1

    def pids(self):
        return super().pids() + self.replica.pids()

    def stop(self):
        if self.replica:
            self.replica.stop()
        super().stop()


class Synced(servers.Redis):
    """Its append-only file is synced before it answers."""

    def __init__(self, folder):
        super().__init__(folder, ["--appendonly", "yes", "--appendfsync", "always"])


def knows_waitaof():
    text = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.search(r"v=(\d+)\.(\d+)", text).groups())) >= (7, 2)


def kill_redis(redis, server):
    redis.process.kill()
    redis.process.wait()
    servers.wait_for("hookgate to see that Redis is away", lambda: server.metric("hookgate_redis_connections_ready") == 0,
                     server.process, server.log)


def drained(redis, server):
    """Every event comes out of the journal; how many a second. It may be well under way."""
    before, began = server.metric("hookgate_journal_drained_total"), time.monotonic()
    servers.wait_for("the journal to be drained", lambda: server.metric("hookgate_journal_records") == 0,
                     server.process, server.log, DRAINED_SECS)
    took = time.monotonic() - began
    count = server.metric("hookgate_journal_drained_total") - before
    accepted = server.metric("hookgate_deliveries_total")
    stored = server.stored(redis, "stripe")
    if stored != accepted:
        raise servers.Failed(f"{stored} entries for {accepted:.0f} accepted deliveries")
    return count / max(took, 1e-9)


def start_redis_and_drain(redis, server):
    redis.again()
    return {"drain_rate": drained(redis, server)}


def wait_drained(redis, server):
    drained(redis, server)
    return {}


def _row(**more):
    return {"server": servers.Hookgate, "rate": 60000, **more}


JOURNAL = {"journal": {"dir": "journal", "max_size": "8GiB"}}

# `config` and `stripe`: over the file's and the route's settings. `before` and `after`: what is done before the load begins and
# when it has ended; with `after`, entries and deliveries are compared there.
ROWS = {
    "replicated": _row(redis=Replicated, stripe={"ack": "replicated"}),
    "stored-replica": _row(redis=Replicated),
    "synced": _row(redis=Synced, stripe={"ack": "synced"}),
    "stored-synced": _row(redis=Synced),
    "journaled": _row(config=JOURNAL, stripe={"ack": "journaled"}, after=wait_drained),
    "with-journal": _row(config=JOURNAL),
    "away": _row(config=JOURNAL, before=kill_redis, after=start_redis_and_drain),
    "away-ordered": _row(config=JOURNAL, stripe={"ordered": "on"}, before=kill_redis, after=start_redis_and_drain),
    "away-synced": _row(config=JOURNAL, redis=Synced, stripe={"ordered": "on"}, before=kill_redis, after=start_redis_and_drain),
}
if not knows_waitaof():
    del ROWS["synced"]

NAMES = {
    "stored-replica": "hookgate, ack: stored, Redis with a replica",
    "replicated": "hookgate, ack: replicated, one replica",
    "stored-synced": "hookgate, ack: stored, appendfsync always",
    "synced": "hookgate, ack: synced, appendfsync always",
    "journaled": "hookgate, ack: journaled",
    "with-journal": "hookgate, a journal, and Redis is well",
    "away": "hookgate, a journal, and Redis is away",
    "away-ordered": "hookgate, the same, ordered: on",
    "away-synced": "hookgate, the same, and Redis syncs its file",
}

TARGETS = [
    ("deliveries a second, Redis away with the journal : present", "away", "hookgate", "rate", 0.5, "at least"),
    # The replay window lies in a file then, with checksums.
    ("CPU, a journal and Redis is well : no journal", "with-journal", "hookgate", "cpu_us", 1.1, "at most"),
]
