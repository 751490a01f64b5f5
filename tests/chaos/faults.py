"""What the nemesis can do. A fault is a generator: up to its `yield` it begins, behind it it ends.

The one difficulty is to lose in Redis what a power cut would lose: a killed process' writes stay in the kernel. So the
append-only file is cut back to where it ended when the fault began.
"""

import dataclasses
import signal
import time

from harness import free_port, wait_until
from world import PARTITIONS_MOST, WINDOW_MIB, WINDOW_SECONDS


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    begin: object
    part: str  # what it takes for itself: "redis", "sentinel", "gateway" or "net" (one of them), "all"
    on: list  # topologies
    reorders: bool  # what it does to the order is allowed: Redis has lost something, or another gateway has the journal
    needs: dict


FAULTS = {}
EVERYWHERE = ["single", "sentinel", "cluster"]


def fault(part, on=("single",), reorders=False, **needs):
    def register(function):
        name = function.__name__.replace("_", "-")
        FAULTS[name] = Fault(name, function, part, list(on), reorders, needs)
        return function

    return register


# ---- Redis ----


@fault("redis")
def redis_killed(nemesis, _):
    nemesis.world.redis.kill()
    yield
    nemesis.world.redis.restart(mend=True)


@fault("redis")
def redis_stopped(nemesis, _):
    nemesis.world.redis.pause()
    yield
    nemesis.world.redis.resume()


@fault("redis")
def redis_restarted(nemesis, _):
    nemesis.world.redis.stop()
    yield
    nemesis.world.redis.restart()


@fault("redis", reorders=True)
def redis_loses_its_last_writes(nemesis, _):
    note = Note(nemesis.world)
    yield
    lose_writes(nemesis, note)
    nemesis.linger()
    nemesis.world.redis.restart(mend=True)


@fault("redis")
def scripts_flushed(nemesis, _):
    nemesis.world.db().script_flush()
    yield


@fault("redis")
def redis_out_of_memory(nemesis, _):
    nemesis.world.db().config_set("maxmemory", 1)
    yield
    nemesis.world.db().config_set("maxmemory", 0)


@fault("redis")
def redis_read_only(nemesis, _):
    nemesis.world.db().replicaof("127.0.0.1", str(free_port()))
    yield
    nemesis.world.db().replicaof("NO", "ONE")


@fault("redis")
def connections_killed(nemesis, _):
    nemesis.world.db().execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    yield


def append_only_file(world):
    return sorted((world.redis.folder / "appendonlydir").glob("*.incr.aof"))[-1]


class Note:
    """How long the append-only file is, and when that was."""

    def __init__(self, world):
        self.world = world
        self.size = append_only_file(world).stat().st_size
        self.time = time.monotonic()

    def covered(self):
        """Is there a window that reaches back to here? A machine may have been slow, or fast; all may have come to one worker."""
        written = append_only_file(self.world).stat().st_size - self.size
        return time.monotonic() - self.time < WINDOW_SECONDS["single"] / 2 and written < WINDOW_MIB * 2**20 / 4


def lose_writes(nemesis, note):
    nemesis.world.redis.kill()
    if note.covered():
        file = append_only_file(nemesis.world)
        nemesis.lost_bytes += file.stat().st_size - note.size
        with open(file, "r+b") as writing:
            writing.truncate(note.size)


# ---- the network between a gateway and Redis ----


@fault("net")
def connections_cut(nemesis, i):
    nemesis.world.proxies[i].cut()
    yield
    nemesis.world.proxies[i].cut()


@fault("net")
def replies_held(nemesis, i):
    nemesis.world.proxies[i].hold()
    yield
    nemesis.world.proxies[i].release()


@fault("net")
def replies_lost(nemesis, i):
    nemesis.world.proxies[i].hold()
    yield
    nemesis.world.proxies[i].cut()


@fault("net")
def network_parted(nemesis, i):
    nemesis.world.proxies[i].part()
    yield
    nemesis.world.proxies[i].join()


# ---- gateways ----


@fault("gateway", on=EVERYWHERE)
def gateway_killed(nemesis, i):
    nemesis.world.gateways[i].kill()
    yield
    nemesis.world.gateways[i].start("listening")


@fault("gateway", on=EVERYWHERE)
def gateway_restarted(nemesis, i):
    nemesis.world.gateways[i].signal(signal.SIGTERM)
    nemesis.world.gateways[i].wait_end()
    yield
    nemesis.world.gateways[i].start("listening")


@fault("gateway", on=EVERYWHERE)
def gateway_stopped(nemesis, i):
    nemesis.world.gateways[i].pause()
    nemesis.stopped.add(i)
    yield
    nemesis.world.gateways[i].resume()
    nemesis.stopped.remove(i)


@fault("gateway", on=EVERYWHERE, reorders=True)
def handed_over(nemesis, i):
    nemesis.world.gateways[i].hand_over()
    yield


@fault("gateway", on=EVERYWHERE)
def reloaded(nemesis, i):
    gateway = nemesis.world.gateways[i]
    gateway.rewrite(ack_deadline="200ms" if gateway.config["ack_deadline"] == "300ms" else "300ms")
    assert gateway.reload()["event"] == "reloaded"
    yield


@fault("gateway", on=EVERYWHERE)
def partitions_changed(nemesis, i):
    """One gateway begins with it; the others follow. Only its own route may lose its order."""
    gateway = nemesis.world.gateways[i]
    number = nemesis.random.randint(1, PARTITIONS_MOST)
    gateway.rewrite(routes=[{**route, "partitions": number} if route["name"] == "split" else route for route in gateway.config["routes"]])
    assert gateway.reload()["event"] == "reloaded"
    yield


# ---- journals ----


@fault("all", journal_size="1MiB", change={"replay_window": {"time": "3s", "size": "8MiB"}})
def journal_full(nemesis, _):
    """Redis is away for so long that nothing more can be kept."""
    nemesis.world.redis.kill()
    nemesis.clients.large = True
    wait_until(lambda: nemesis.world.refusals() > 0, "a journal to be full", 30)
    yield
    nemesis.clients.large = False
    nemesis.world.redis.restart(mend=True)


@fault("all", disk=True)
def disk_full(nemesis, _):
    """The first gateway's journal is on a disk that something else has filled up."""
    filler = nemesis.world.disk / "filler"
    before = nemesis.world.refusals()
    with open(filler, "wb", buffering=0) as file:
        fill(file)
        nemesis.world.redis.kill()
        nemesis.clients.large = True

        def refused():
            fill(file)
            return nemesis.world.refusals() > before

        wait_until(refused, "the disk to be full", 30)
    yield
    nemesis.clients.large = False
    filler.unlink()
    nemesis.world.redis.restart(mend=True)


def fill(file):
    try:
        while file.write(b"x" * 65536):
            pass
    except OSError:
        pass


# ---- everything at once ----


@fault("all", reorders=True)
def all_killed(nemesis, _):
    """Redis and every gateway, and what Redis had not synced is gone."""
    note = Note(nemesis.world)
    nemesis.linger()
    lose_writes(nemesis, note)
    for gateway in nemesis.world.gateways:
        gateway.kill()
    yield
    starts = [lambda: nemesis.world.redis.restart(mend=True)]
    starts += [lambda gateway=gateway: gateway.start("listening") for gateway in nemesis.world.gateways]
    nemesis.random.shuffle(starts)
    for start in starts:
        start()
