"""A Redis of some topology and the gateways: what the clients talk to and the nemesis breaks.

The one difficulty is the end: a gateway that took over from another is no child of ours, and must go all the same.
"""

import contextlib
import os
import pathlib
import re
import signal
import subprocess

import harness
from harness import wait_until
from topologies import TOPOLOGIES

STRIPE = "whsec_chaos_stripe_secret"
GITHUB = "chaos github secret"
# Longer than anything that is held back or lost here takes; the Sentinels and a Cluster take their time.
WINDOW_SECONDS = {"single": 20, "sentinel": 60, "cluster": 60}
PARTITIONS_MOST = 5
WINDOW_MIB = 48  # of a gateway, in two parts
WINDOW_MIB_ON_SMALL_DISK = 8


def routes(gateways, topology):
    """Everybody's routes, and those of each gateway alone whose order is judged: it is promised by a gateway, not by all together."""
    found = [{"name": "plain", "provider": "stripe", "secret": STRIPE},
             {"name": "guarded", "provider": "github", "secret": GITHUB},
             {"name": "journaled", "provider": "stripe", "secret": STRIPE, "ack": "journaled"},
             {"name": "split", "provider": "stripe", "secret": STRIPE, "partitions": 3, "order_by": "body:/data/customer"}]
    if topology != "single":
        found.append({"name": "replicated", "provider": "stripe", "secret": STRIPE, "ack": "replicated"})
    found += [{"name": f"ordered{i}", "provider": "stripe", "secret": STRIPE, "ordered": "on"} for i in range(gateways)]
    found += [{"name": f"keyed{i}", "provider": "stripe", "secret": STRIPE, "ordered": "on", "partitions": 3,
               "order_by": "body:/data/customer"} for i in range(gateways)]
    return [{**route, "path": f"/hooks/{route['name']}"} for route in found]


def owner_of(route):
    """The gateway that alone gets this route's events, which are judged by their order; None: all do."""
    found = re.fullmatch(r"(?:ordered|keyed)(\d+)", route)
    return int(found[1]) if found else None


def is_split(route):
    return route == "split" or route.startswith("keyed")


def parts_of(route):
    """The tags of its streams, whatever the number of partitions was."""
    return [route, *(f"{route}.{i}" for i in range(PARTITIONS_MOST))] if is_split(route) else [route]


class World:
    def __init__(self, folder, gateways=2, topology="single", fsync="everysec", appendonly="yes", journal_size="64MiB", disk=False,
                 change=None):
        """`disk`: the first gateway's journal lies on a small disk of its own; `change`: of the gateways' configuration."""
        self.folder = pathlib.Path(folder)
        self.disk, self.store = None, None
        self.topology, self.gateways = topology, []
        try:
            if disk:
                self.disk = small_disk(self.folder / "disk")
            self.store = TOPOLOGIES[topology](self.folder, gateways, appendonly=appendonly, appendfsync=fsync,
                                              **{"auto-aof-rewrite-percentage": "0"})
            for i in range(gateways):
                self.gateways.append(self._gateway(i, gateways, journal_size, change or {}))
        except BaseException:
            self.close()
            raise

    def _gateway(self, i, count, journal_size, change):
        folder = self.folder / f"gateway{i}"
        small = self.disk and i == 0
        journal = (self.disk if small else folder) / "journal"
        config = {"redis": {"url": self.store.url(i)}, "workers": 2, "routes": routes(count, self.topology), "ack_deadline": "300ms",
                  "drain_timeout": "5s", "journal": {"dir": str(journal), "max_size": journal_size},
                  "replay_window": {"time": f"{WINDOW_SECONDS[self.topology]}s",
                                    "size": f"{WINDOW_MIB_ON_SMALL_DISK if small else WINDOW_MIB}MiB"}}
        return harness.Gateway(folder, {**config, **change})

    def routes(self):
        return [route["name"] for route in routes(len(self.gateways), self.topology)]

    @property
    def redis(self):
        """The one Redis of `single`."""
        return self.store.redis

    @property
    def proxies(self):
        return self.store.proxies

    def db(self):
        return self.redis.client()

    def streams(self):
        """route -> [(id, body)], in order."""
        return {route: [(entry["id"].decode(), entry["data"]) for part in parts_of(route)
                        for entry in harness.entries(self.store.db(part), part)]
                for route in self.routes()}

    def refusals(self):
        """Deliveries that a journal could not take."""
        return sum(gateway.metrics().sum("hookgate_journal_refusals_total") for gateway in self.gateways)

    def wait_drained(self):
        for gateway in self.gateways:
            wait_until(lambda: self._waiting(gateway) == 0, "the journals to be drained", 60)

    @staticmethod
    def _waiting(gateway):
        metrics = gateway.metrics()
        return metrics.sum("hookgate_journal_records") + metrics.sum("hookgate_journal_refused_records")

    def stop(self):
        """As an operator ends it all: every gateway must end well."""
        for gateway in self.gateways:
            gateway.stop()

    def close(self):
        """Everything ends, whatever state it is in."""
        for gateway in self.gateways:
            end_all(gateway)
        if self.store:
            self.store.close()
        if self.disk:
            subprocess.run(["umount", "-l", str(self.disk)], check=True)


def end_all(gateway):
    """Also those that it has handed over to, should that have been cut off in the middle."""
    if gateway.running():
        gateway.kill()
    for line in gateway.log("handed over"):
        with contextlib.suppress(OSError):
            command = pathlib.Path(f"/proc/{line['process']}/cmdline").read_bytes()
            if str(gateway.file).encode() in command:
                os.kill(line["process"], signal.SIGKILL)


def small_disk(place):
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "hookgate-test", str(place)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
    assert done.returncode == 0, "needs the right to mount a tmpfs: run as root"
    return place
