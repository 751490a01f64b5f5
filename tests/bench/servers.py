"""The servers that are measured, and the Redis behind each: started in a folder of their own, stopped by pid."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import machine
import schemes

HERE = pathlib.Path(__file__).resolve().parent
STRIPE_SECRET = "whsec_bench_5f2d0c1b7a9e4836"
GITHUB_SECRET = "bench-github-3c1f7be0a94d"


class Failed(Exception):
    pass


def wait_for(what, condition, process, log, secs=20):
    end = time.monotonic() + secs
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            text = log.read_text(errors="replace")[-3000:] if log.is_file() else ""
            raise Failed(f"{what} did not get ready (exit status {process.poll()})\n{text}")
        time.sleep(0.01)


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Process:
    """One server; `start` is left to its kind."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        self.log = folder / "output.log"
        self.port = machine.free_port()
        self.process = None

    def spawn(self, command, env=None):
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            cwd=self.folder, env=dict(os.environ, **(env or {})))

    def pids(self):
        return machine.family(self.process.pid)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis(Process):
    def __init__(self, folder, more=()):
        super().__init__(folder)
        self.command = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", folder, "--save", "",
                        "--appendonly", "no", "--tcp-backlog", "4096", *more]
        self.again()

    def again(self):
        """Started, or started once more after it has ended."""
        self.spawn(self.command)
        wait_for("redis-server", lambda: connects(self.port), self.process, self.log)
        self.link = socket.create_connection(("127.0.0.1", self.port), 30)
        self.replies = self.link.makefile("rb")

    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def ask(self, *words):
        """A command whose answer is one line."""
        words = [str(word).encode() for word in words]
        self.link.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        reply = self.replies.readline()
        if reply[:1] not in (b":", b"+"):
            raise Failed(f"{words}: {reply!r}")
        return reply[1:].strip()

    def length(self, stream):
        return int(self.ask("XLEN", stream))


class Cluster:
    """Three masters, each with a third of the slots, and no replicas: what the spreading costs, not the copying."""

    MASTERS, SLOTS = 3, 16384

    def __init__(self, folder):
        self.nodes = []
        try:
            for i in range(self.MASTERS):
                bus = machine.free_port()
                self.nodes.append(Redis(folder / str(i), ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
                                                          "--cluster-port", bus]))
                self.nodes[i].ask("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
                self.nodes[i].ask("CLUSTER", "ADDSLOTSRANGE", self.first(i), self.first(i + 1) - 1)
                if i > 0:
                    self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", self.nodes[i].port, bus)
            wait_for("the Cluster", self.well, self.nodes[0].process, self.nodes[0].log)
        except BaseException:
            self.stop()
            raise

    def first(self, i):
        return -(-i * self.SLOTS // self.MASTERS)

    def well(self):
        """Every node finds every other's slots: a key of theirs is answered by MOVED, not by CLUSTERDOWN."""
        for node in self.nodes:
            for key in range(12):
                try:
                    node.length(f"{{{key}}}")
                except Failed as failure:
                    if "MOVED" not in str(failure):
                        return False
        return True

    def url(self):
        return "cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def length(self, stream):
        slot = int(self.nodes[0].ask("CLUSTER", "KEYSLOT", stream))
        return self.nodes[next(i for i in range(self.MASTERS) if slot < self.first(i + 1))].length(stream)

    def pids(self):
        return [pid for node in self.nodes for pid in node.pids()]

    def stop(self):
        for node in self.nodes:
            node.stop()


class Floor(Process):
    """No Redis: reads and answers."""

    def __init__(self, folder, options, redis, pool=None):
        super().__init__(folder)
        self.spawn([options.programs / "floor", self.port, options.workers] + ([pool] if pool else []))
        wait_for("the floor", lambda: connects(self.port), self.process, self.log)

    def stored(self, redis, kind):
        return None


class Hookgate(Process):
    """With a log line for every delivery and with metrics."""

    def __init__(self, folder, options, redis, routes=0, route=None, config=None, stripe=None):
        super().__init__(folder)
        self.admin = machine.free_port()
        self.redis = redis
        self.partitions = (stripe or {}).get("partitions", 0)
        many = [{"name": f"stripe-{i:05}", "path": f"/hooks/stripe-{i:05}", "provider": "stripe", "secret": STRIPE_SECRET}
                for i in range(routes)]
        config = {
            **(config or {}),
            "listen": f"127.0.0.1:{self.port}",
            "workers": options.workers,
            "admin": {"listen": f"127.0.0.1:{self.admin}"},
            "redis": {"url": redis.url()},
            "log": {"level": "info", "format": "json"},
            "max_connections": 16384,
            "connections_per_address": 16384,
            "idle_timeout": "75s",
            "routes": many + ([dict(route, public_url=schemes.PUBLIC)] if route else []) + [
                {"name": "stripe", "path": "/hooks/stripe", "provider": "stripe", "secret": STRIPE_SECRET, **(stripe or {})},
                {"name": "github", "path": "/hooks/github", "provider": "github", "secret": GITHUB_SECRET},
            ],
        }
        # JSON is YAML.
        (folder / "hookgate.yaml").write_text(json.dumps(config, indent=1))
        self.spawn([options.hookgate, "serve", "-c", folder / "hookgate.yaml"])
        wait_for("hookgate", self.ready, self.process, self.log)

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, ""
        except OSError:
            return 0, ""

    def ready(self):
        return self.get("/readyz")[0] == 200

    def stored(self, redis, kind):
        tags = [f"{kind}.{n}" for n in range(self.partitions)] or [kind]
        return sum(redis.length("hookgate:{%s}:events" % tag) for tag in tags)

    def metric(self, name):
        """Its sum over all labels."""
        lines = [line for line in self.get("/metrics")[1].splitlines() if re.match(rf"{name}[{{ ]", line)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def counted(self):
        """Deliveries by its own metrics, all outcomes."""
        return int(self.metric("hookgate_deliveries_total"))

    def logged(self, deliveries):
        """A line may be written a moment after its answer was seen."""
        end = time.monotonic() + 5
        while self.log_lines() < deliveries:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def log_lines(self):
        with open(self.log, "rb") as f:
            return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))


class Nginx(Process):
    def __init__(self, folder, options, redis):
        super().__init__(folder)
        words = {
            "MODULES": "/usr/lib/nginx/modules",
            "USER": "user root;" if os.geteuid() == 0 else "",
            "WORKERS": str(options.workers),
            "HERE": str(HERE / "nginx"),
            "PORT": str(self.port),
        }
        text = (HERE / "nginx/nginx.conf.in").read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        (folder / "nginx.conf").write_text(text)
        self.spawn(["nginx", "-p", f"{folder}/", "-c", "nginx.conf"], {
            "BENCH_REDIS_PORT": str(redis.port),
            "BENCH_STRIPE_SECRET": STRIPE_SECRET,
            "BENCH_GITHUB_SECRET": GITHUB_SECRET,
        })
        wait_for("nginx", lambda: connects(self.port), self.process, self.log)

    def stored(self, redis, kind):
        return redis.length("bench:{%s}:events" % kind)
