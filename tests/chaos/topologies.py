"""What Redis is made of: one server; a master with two replicas and three Sentinels; a Cluster of three masters and three replicas.

The one difficulty is a network that is cut in two on one machine. A gateway asks its own proxies for the Sentinels; a master that
is cut off from its replicas and the Sentinels may no longer say PONG or hand anything on, by its ACL, while it takes events as
before. In a Cluster each node's bus has a proxy in front of it that knows, by the bus' own words, who speaks.
"""

import contextlib
import threading

import harness
import redis
import topology
from harness import wait_until


class Single:
    """One Redis, and a proxy in front of it for each gateway."""

    def __init__(self, folder, gateways, **config):
        self.redis = harness.Redis(folder / "redis", **config)
        self.proxies = [harness.Proxy(self.redis.port) for _ in range(gateways)]

    def url(self, gateway):
        return self.proxies[gateway].url()

    def db(self, _):
        return self.redis.client()

    def settle(self):
        """All faults have ended, and what they left behind is over too."""

    def close(self):
        for proxy in self.proxies:
            proxy.close()
        self.redis.close()


class Parts:
    """What the scenarios' topologies want of a stack."""

    def __init__(self, folder):
        self.folder, self.parts = folder, []

    def redis(self, **config):
        server = harness.Redis(self.folder / f"redis{len(self.parts)}", **config)
        self.parts.insert(0, server)
        return server

    def close(self):
        for part in self.parts:
            part.close()


# What a master does for its replicas and the Sentinels, and not for a gateway.
PEERS = ["psync", "sync", "ping"]


class Sentinelled:
    """One master, two replicas, three Sentinels; each gateway has proxies of its own in front of the Sentinels."""

    def __init__(self, folder, gateways, **config):
        self.parts = Parts(folder)
        self.proxies = []
        try:
            self.world = topology.Sentinels(self.parts, **config)
            self.proxies = [[harness.Proxy(sentinel.port) for sentinel in self.world.sentinels] for _ in range(gateways)]
        except BaseException:
            self.close()
            raise
        self.sentinels = self.world.sentinels

    def url(self, gateway):
        hosts = ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies[gateway])
        return f"sentinel://{hosts}/{self.world.NAME}"

    def master(self):
        return self.world.named(next(i for i, sentinel in enumerate(self.sentinels) if sentinel.running()))

    def replicas(self, master):
        return [server for server in self.world.servers() if server is not master]

    def db(self, _):
        return self.master().client()

    def role(self, server):
        # Who is told that it is a master no more drops its clients.
        with contextlib.suppress(redis.exceptions.RedisError):
            return server.client().info("replication")["role"]

    def switched(self, old):
        """Another is the master now. A replica that was started again is told of it too."""
        new = self.world.wait_switch(old)
        for server in self.world.servers():
            server.config["replicaof"] = ["127.0.0.1", new.port]
        new.config.pop("replicaof")
        return new

    def fail_over(self):
        """By command, as soon as the Sentinels are ready for another."""
        old = self.master()

        def begun():
            with contextlib.suppress(redis.exceptions.ResponseError):
                return self.world.ask(0, "FAILOVER", self.world.NAME)

        wait_until(begun, "a Sentinel to begin a failover", 60)
        return self.switched(old)

    def start(self, server, stale=False):
        """After it was killed; `stale`: it believes to be the master until a Sentinel tells it better."""
        saved = server.config.get("replicaof")
        if stale:
            server.config.pop("replicaof", None)
        server.restart(mend=True)
        if stale and saved:
            server.config["replicaof"] = saved

    def cut_off(self, master):
        """No replica learns anything more from it."""
        self._forbid(master, "psync", "sync")

    def isolate(self, master):
        """Neither the replicas nor the Sentinels have anything of it; the gateways hear of no Sentinel."""
        for proxy in sum(self.proxies, []):
            proxy.part()
        self._forbid(master, *PEERS)

    def rejoin(self, master):
        master.client().execute_command("ACL", "SETUSER", "default", *[f"+{command}" for command in PEERS])
        for proxy in sum(self.proxies, []):
            proxy.join()

    @staticmethod
    def _forbid(master, *commands):
        client = master.client()
        client.execute_command("ACL", "SETUSER", "default", *[f"-{command}" for command in commands])
        client.execute_command("CLIENT", "KILL", "TYPE", "replica")

    def settle(self):
        def well():
            with contextlib.suppress(redis.exceptions.RedisError, StopIteration, IndexError):
                master = self.master()
                named = {self.world.named(i).port for i, sentinel in enumerate(self.sentinels) if sentinel.running()}
                found = master.client().info("replication")
                online = [v for k, v in found.items() if k.startswith("slave") and isinstance(v, dict) and v["state"] == "online"]
                return named == {master.port} and found["role"] == "master" and len(online) == len(self.world.servers()) - 1

        wait_until(well, "every replica to follow the one master", 90)

    def close(self):
        for proxy in sum(self.proxies, []):
            proxy.close()
        self.parts.close()


class Bus(harness.Proxy):
    """In front of a node's bus. `isolated`: the ids of nodes that nobody hears, shared by all."""

    SENDER = slice(40, 80)  # of a message of the bus, its sender's id

    def __init__(self, upstream, isolated):
        self.isolated = isolated
        super().__init__(upstream)

    def _pump(self, one):
        _, is_reply = self.pairs[one]
        if not is_reply and self.isolated:
            with contextlib.suppress(OSError):
                if one.recv(80, harness.socket.MSG_PEEK)[self.SENDER] in self.isolated:
                    self._drop(one)
                    return
        super()._pump(one)


class Parted(topology.Cluster):
    """A Cluster whose network can be cut between one node and all others."""

    def __init__(self, folder, **config):
        self.isolated = set()
        self.proxies = []
        super().__init__(folder, timeout_ms=2500, **config)

    def _of_node(self, i):
        self.proxies.append(Bus(self.buses[i], self.isolated))
        return {"cluster-announce-bus-port": str(self.proxies[i].port)}

    def isolate(self, node):
        self.isolated.add(node.client().execute_command("CLUSTER", "MYID"))
        self.proxies[self.nodes.index(node)].part()
        for proxy in self.proxies:
            if not proxy.parted.is_set():
                proxy.cut()

    def rejoin(self):
        self.isolated.clear()
        for proxy in self.proxies:
            proxy.join()

    def close(self):
        super().close()
        for proxy in self.proxies:
            proxy.close()


class Clustered:
    """Three masters, three replicas; the gateways know them all."""

    def __init__(self, folder, gateways, **config):
        self.lock = threading.Lock()
        self.world = Parted(folder / "cluster", **config)

    def url(self, _):
        return self.world.url()

    def db(self, route):
        return self.owner(route).client()

    def owner(self, route):
        return wait_until(lambda: self.world.of(route), f"the slot of {route} to have an owner", 60)

    def switched(self, route, old):
        return wait_until(lambda: (new := self.world.of(route)) not in (old, None) and new, "a replica to take over", 60)

    def give_back(self, master):
        master.client().execute_command("ACL", "SETUSER", "default", "+psync", "+sync")

    def settle(self):
        def whole():
            with contextlib.suppress(redis.exceptions.RedisError):
                return all(self._followed(node) for node in self.world.nodes)

        wait_until(lambda: len(self.world.running()) == len(self.world.nodes), "all nodes to run")
        self.world.wait_well()
        wait_until(whole, "every master to have its replica", 90)

    def _followed(self, node):
        found = node.client().info("replication")
        return found["role"] == "slave" or found["connected_slaves"] == 1 or self._spare(node)

    def _spare(self, node):
        """A master without slots needs none."""
        return not self.world.view(node).get(node.port, ([], []))[1]

    def close(self):
        self.world.close()


TOPOLOGIES = {"single": Single, "sentinel": Sentinelled, "cluster": Clustered}
