"""Several Redis that belong together, all on loopback: a master with its replicas and the Sentinels that watch them."""

import contextlib
import subprocess
import threading
import time

import harness
import redis
from harness import wait_until


class Sentinel(harness.Redis):
    """A real Sentinel. It writes into its configuration, so that is a file of its own."""

    def __init__(self, folder, lines):
        self.lines = lines
        super().__init__(folder)

    def _try(self):
        file = self.folder / "sentinel.conf"
        if not file.exists() or f"port {self.port}\n" not in file.read_text():
            file.write_text("\n".join([f"port {self.port}", "bind 127.0.0.1", "protected-mode no", f"dir {self.folder}",
                                       f"logfile {self.folder / 'redis.log'}", *self.lines]) + "\n")
        self.process = subprocess.Popen(["redis-server", str(file), "--sentinel"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        client = self.client()

        def answers():
            if not self.running():
                return True
            try:
                return client.ping()
            except redis.exceptions.AuthenticationError:
                return True
            except redis.exceptions.RedisError:
                return False

        wait_until(answers, "the Sentinel to answer")
        return self.running()


class Sentinels:
    """A master, its replicas, and Sentinels that know them all and each other."""

    NAME = "mymaster"

    def __init__(self, stack, replicas=2, sentinels=3, down_after_ms=1000, password="", sentinel_password="", **config):
        self.password, self.sentinel_password = password, sentinel_password
        self.clients = {}
        if password:
            config = {**config, "requirepass": password, "masterauth": password}
        # A replica is wanted at once, and one that fell behind has its stream kept for it.
        config = {"repl-diskless-sync-delay": "0", "repl-backlog-size": "16mb", **config}
        self.master = stack.redis(**config)
        self.replicas = [stack.redis(replicaof=["127.0.0.1", self.master.port], **config) for _ in range(replicas)]
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
            sentinel = Sentinel(stack.folder / f"sentinel{i + 1}", lines)
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
