"""Several Redis that belong together, all on loopback: a master with its replicas and the Sentinels that watch them; a Cluster."""

import contextlib
import pathlib
import signal
import subprocess
import threading
import time

import harness
import redis
from harness import wait_until


class Sentinel(harness.Redis):
    """A real Sentinel. It writes into its configuration, so that is a file of its own."""

    def __init__(self, folder, lines, tls=None):
        self.lines = [*lines, *(f"{key} {value}" for key, value in (tls.for_redis() if tls else {}).items())]
        super().__init__(folder, tls=tls)

    def _try(self):
        file = self.folder / "sentinel.conf"
        if not file.exists() or f"port {self.port}\n" not in file.read_text():
            ports = ["port 0", f"tls-port {self.port}"] if self.tls else [f"port {self.port}"]
            file.write_text("\n".join([*ports, "bind 127.0.0.1", "protected-mode no", f"dir {self.folder}",
                                       f"logfile {self.folder / 'redis.log'}", *self.lines]) + "\n")
        self.process = subprocess.Popen(["redis-server", str(file), "--sentinel"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self._answers("the Sentinel")


class Sentinels:
    """A master, its replicas, and Sentinels that know them all and each other."""

    NAME = "mymaster"

    def __init__(self, stack, replicas=2, sentinels=3, down_after_ms=1000, password="", sentinel_password="", tls=None, **config):
        self.password, self.sentinel_password = password, sentinel_password
        self.clients = {}
        if password:
            config = {**config, "requirepass": password, "masterauth": password}
        # A replica is wanted at once, and one that fell behind has its stream kept for it.
        config = {"repl-diskless-sync-delay": "0", "repl-backlog-size": "16mb", **config}
        self.master = stack.redis(tls=tls, **config)
        self.replicas = [stack.redis(tls=tls, replicaof=["127.0.0.1", self.master.port], **config) for _ in range(replicas)]
        wait_until(lambda: len(self.online()) == replicas, "the replicas to be in step")
        lines = [f"sentinel monitor {self.NAME} 127.0.0.1 {self.master.port} {sentinels // 2 + 1}",
                 f"sentinel down-after-milliseconds {self.NAME} {down_after_ms}",
                 f"sentinel failover-timeout {self.NAME} 6000",
                 f"sentinel parallel-syncs {self.NAME} {max(1, replicas)}"]
        if password:
            lines.append(f"sentinel auth-pass {self.NAME} {password}")
        if sentinel_password:
            lines.append(f"requirepass {sentinel_password}")
        self.sentinels = []
        for i in range(sentinels):
            sentinel = Sentinel(stack.folder / f"sentinel{i + 1}", lines, tls)
            stack.parts.insert(0, sentinel)
            self.sentinels.append(sentinel)
        wait_until(lambda: all(self._knows_all(i, replicas) for i in range(sentinels)), "the Sentinels to know all", 30)

    def client_of(self, server, password=None):
        if server not in self.clients:
            self.clients[server] = server.client(password=(self.password if password is None else password) or None)
        return self.clients[server]

    def ask(self, number, *words):
        """A command to a Sentinel."""
        client = self.client_of(self.sentinels[number], self.sentinel_password)
        return client.execute_command("SENTINEL", *words)

    def online(self):
        info = self.client_of(self.master).info("replication")
        return [v for k, v in info.items() if k.startswith("slave") and isinstance(v, dict) and v["state"] == "online"]

    def _knows_all(self, number, replicas):
        state = self.ask(number, "MASTER", self.NAME)
        state = {key.decode(): value for key, value in zip(state[::2], state[1::2])}
        return int(state["num-slaves"]) == replicas and int(state["num-other-sentinels"]) == len(self.sentinels) - 1

    def servers(self):
        return [self.master, *self.replicas]

    def url(self, database=0):
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        login = f":{self.password}@" if self.password else ""
        return f"sentinel://{login}{hosts}/{self.NAME}" + (f"?db={database}" if database else "")

    def named(self, number=0):
        """The server that this Sentinel calls the master."""
        port = int(self.ask(number, "GET-MASTER-ADDR-BY-NAME", self.NAME)[1])
        return next(server for server in self.servers() if server.port == port)

    def wait_switch(self, old):
        """Until every Sentinel that lives names another master than `old`, and that says that it is one."""

        def switched():
            named = {self.named(i) for i, sentinel in enumerate(self.sentinels) if sentinel.running()}
            if len(named) != 1 or old in named:
                return None
            new = named.pop()
            return new if self.client_of(new).info("replication")["role"] == "master" else None

        return wait_until(switched, "the Sentinels to agree on another master", 60)


class Switches:
    """Listens to all Sentinels: when they said +switch-master (time.time())."""

    def __init__(self, topology):
        self.times = []
        self.ending = threading.Event()
        self.threads = []
        for sentinel in topology.sentinels:
            listener = sentinel.client(password=topology.sentinel_password or None).pubsub(ignore_subscribe_messages=True)
            listener.subscribe("+switch-master")
            listener.get_message(timeout=1)
            thread = threading.Thread(target=self._listen, args=(listener,), daemon=True)
            thread.start()
            self.threads.append(thread)

    def _listen(self, listener):
        with contextlib.suppress(redis.exceptions.RedisError, OSError, ValueError):
            while not self.ending.is_set():
                if listener.get_message(timeout=0.1):
                    self.times.append(time.time())

    def close(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(10)


def start_sentinels(stack, **how):
    return Sentinels(stack, **how)


# ---- a Cluster ----

SLOTS = 16384


class Cluster:
    """Masters with their replicas, made by hand, so that it is known who is whose: `nodes[i]` of the first `masters` has the
    i-th part of the slots, and `nodes[masters + i]` is its replica."""

    def __init__(self, folder, masters=3, replicas=1, timeout_ms=1500, tls=None, **config):
        self.nodes = []
        self.masters = masters
        self.buses = []
        config = {"cluster-enabled": "yes", "cluster-config-file": "nodes.conf", "cluster-node-timeout": str(timeout_ms),
                  "cluster-replica-validity-factor": "0", "appendonly": "yes", "appendfsync": "everysec",
                  "repl-diskless-sync-delay": "0", **({"tls-cluster": "yes"} if tls else {}), **config}
        try:
            for i in range(masters * (1 + replicas)):
                self.buses.append(harness.free_port())
                self.nodes.append(harness.Redis(pathlib.Path(folder) / f"node{i}", tls=tls,
                                                **{**config, "cluster-port": str(self.buses[i]), **self._of_node(i)}))
            self._join()
        except BaseException:
            self.close()
            raise

    def _of_node(self, i):
        """More of a node's configuration, for who stands in between."""
        return {}

    def _join(self):
        first, *others = self.nodes
        for i, node in enumerate(self.nodes):
            node.client().execute_command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for i, node in enumerate(self.nodes[:self.masters]):
            node.client().execute_command("CLUSTER", "ADDSLOTSRANGE", i * SLOTS // self.masters,
                                          (i + 1) * SLOTS // self.masters - 1)
        for node, bus in zip(others, self.buses[1:]):
            first.client().execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        ids = [node.client().execute_command("CLUSTER", "MYID").decode() for node in self.nodes]
        wait_until(lambda: all(len(self.view(node)) == len(self.nodes) for node in self.nodes), "the nodes to know each other")
        for i, node in enumerate(self.nodes[self.masters:]):
            node.client().execute_command("CLUSTER", "REPLICATE", ids[i % self.masters])
        self.wait_well()

    # ---- what it says of itself ----

    def view(self, node):
        """port -> (flags, slots) as a node sees them."""
        found = {}
        # The client's own reading of it stumbles over slots that are on their way.
        for line in self._raw(node, "CLUSTER", "NODES").split("\n"):
            words = line.split(" ")
            if len(words) >= 8:
                port = int(words[1].split("@")[0].rpartition(":")[2])
                found[port] = (words[2].split(","), [word for word in words[8:] if not word.startswith("[")])
        return found

    @staticmethod
    def _raw(node, *words):
        client = node.client()
        client.set_response_callback("CLUSTER NODES", lambda reply, **_: reply)
        client.set_response_callback("CLUSTER INFO", lambda reply, **_: reply)
        reply = client.execute_command(" ".join(words))
        return reply.decode() if isinstance(reply, bytes) else reply

    def running(self):
        return [node for node in self.nodes if node.running() and node._state() != "T"]

    def is_well(self, node):
        return "cluster_state:ok" in self._raw(node, "CLUSTER", "INFO")

    def wait_well(self):
        """All that run agree that it is, and each replica has its master's data."""

        def well():
            with contextlib.suppress(redis.exceptions.RedisError):
                return all(self.is_well(node) for node in self.running()) and all(
                    node.client().info("replication")["master_link_status"] == "up"
                    for node in self.running() if node.client().info("replication")["role"] == "slave")

        wait_until(well, "the Cluster to be well", 30)

    def slot(self, key):
        return self.running()[0].client().execute_command("CLUSTER", "KEYSLOT", key)

    def owner_by(self, judge, slot):
        """The master that a slot belongs to, as one node sees it; None: nobody's for now."""
        for port, (flags, ranges) in self.view(judge).items():
            if "master" not in flags or "fail" in flags or "fail?" in flags:
                continue
            for one in ranges:
                first, _, last = one.partition("-")
                if int(first) <= slot <= int(last or first):
                    return next(node for node in self.nodes if node.port == port)
        return None

    def owner(self, slot):
        """As the nodes that run see it, the first of them that knows one."""
        return next(filter(None, (self.owner_by(judge, slot) for judge in self.running())), None)

    def of(self, route):
        """The node that has a route's keys."""
        return self.owner(self.slot(f"hookgate:{{{route}}}:events"))

    def db(self, route):
        return self.of(route).client()

    def entries(self, route):
        return harness.entries(self.db(route), route)

    def url(self):
        return "cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    # ---- what is done to it ----

    def replica_of(self, master):
        return next(node for node in self.running() if node is not master
                    and node.client().info("replication").get("master_port") == master.port)

    def switch_to(self, replica):
        """Its master hands over to it. On a busy machine the five seconds may pass that Redis gives this; and one that was given a
        master's part a moment ago may take it again with the votes of then, which count for nothing: asked for again."""
        port, asked = replica.client().info("replication")["master_port"], 0
        old = next(node for node in self.nodes if node.port == port)

        def switched():
            nonlocal asked
            if time.monotonic() - asked > 7:
                # While one that failed is still being given up, it may say no.
                with contextlib.suppress(redis.exceptions.ResponseError):
                    replica.client().execute_command("CLUSTER", "FAILOVER")
                asked = time.monotonic()
            return [node.client().info("replication")["role"] for node in (replica, old)] == ["master", "slave"]

        wait_until(switched, "the replica to be handed the master's part", 30)

    @staticmethod
    def cut_off(replica, master):
        """From now on the replica learns nothing more from its master, and takes over all the same when that dies."""
        client = master.client()
        client.execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
        client.execute_command("CLIENT", "KILL", "TYPE", "replica")
        wait_until(lambda: replica.client().info("replication")["master_link_status"] == "down", "the replica to be cut off")

    def begin_move(self, slot, to):
        """From now on the slot is on its way: ASK and TRYAGAIN."""
        source = self.owner(slot)
        ids = [node.client().execute_command("CLUSTER", "MYID").decode() for node in (source, to)]
        to.client().execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
        source.client().execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
        return source, to, ids[1]

    def move_keys(self, slot, source, to, most=100):
        """Some of its keys; how many that were."""
        keys = source.client().execute_command("CLUSTER", "GETKEYSINSLOT", slot, most)
        if keys:
            source.client().execute_command("MIGRATE", "127.0.0.1", to.port, "", 0, 60000, "KEYS", *keys)
        return len(keys)

    def end_move(self, slot, source, to, id):
        for node in (to, source, *(node for node in self.running() if node not in (source, to))):
            with contextlib.suppress(redis.exceptions.ResponseError):
                node.client().execute_command("CLUSTER", "SETSLOT", slot, "NODE", id)
        # A replica is told by gossip only. One that takes over before leaves the slot to nobody.
        wait_until(lambda: all(self.owner_by(node, slot) is to for node in self.running()), "all nodes to know whose the slot is")

    def move(self, slot, to):
        source, to, id = self.begin_move(slot, to)
        while self.move_keys(slot, source, to):
            pass
        self.end_move(slot, source, to, id)

    def close(self):
        for node in self.nodes:
            if node.process and node.running():
                node.signal(signal.SIGCONT)
            node.close()
