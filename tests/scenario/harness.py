"""Real processes for the scenarios: a redis-server, a gateway, and a proxy that can hold back what flows between them.

Nothing here sleeps for luck: whatever must be waited for is a condition (wait_until). Each process is signalled by its id.
"""

import contextlib
import functools
import json
import os
import pathlib
import random
import re
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import redis
import wire

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = os.environ.get("HOOKGATE_BUILD", "release")
BINARY = os.environ.get("HOOKGATE", str(ROOT / "build" / BUILD / "hookgate"))

# ThreadSanitizer cannot cope with every layout of addresses that the kernel draws.
START = [shutil.which("setarch"), "-R"] if BUILD == "tsan" else []
# As a supervisor does: sockets at descriptors 3 and up, and the number of the process, known only once it runs.
ACTIVATE = """
import os, sys
numbers = [int(n) for n in sys.argv[1].split(",")]
for i, number in enumerate(numbers):
    os.dup2(number, 100 + i, inheritable=False)
for i in range(len(numbers)):
    os.dup2(100 + i, 3 + i)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execvp(sys.argv[2], sys.argv[2:])
"""

# How much longer things may take than on a release build and a quiet machine.
SLOW = {"release": 2, "debug": 2, "asan": 4, "clang-asan": 4, "tls": 4, "tsan": 6}.get(BUILD, 2)

SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1:exitcode=66",
}
REPORTS = re.compile(r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|ThreadSanitizer: |runtime error: |AddressSanitizer:DEADLYSIGNAL")


@functools.cache
def speaks_tls():
    """Is the gateway built with TLS to Redis?"""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write('{listen: ":1", redis: {url: "rediss://a"}, routes: [{name: a, path: /a, provider: none}]}')
        file.flush()
        done = subprocess.run([*START, BINARY, "check", "-c", file.name], capture_output=True, text=True, check=False)
    return "does not speak TLS to Redis" not in done.stderr


def wait_until(condition, what, seconds=15):
    """Waits for condition() to be true and returns its value."""
    deadline = time.monotonic() + seconds * SLOW
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds * SLOW} s in vain for: {what}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


class Ports:
    """Ports below those that the kernel gives to outgoing connections, in blocks of which each belongs to one process of tests
    at a time: what one of them was given need not listen yet, and a server that was killed finds its port free again."""

    FIRST, BLOCK, BLOCKS = 12000, 400, 50

    def __init__(self):
        self.claims, self.left = [], []
        self.lock = threading.Lock()

    def _claim(self):
        """A name that the kernel gives once, in the same name space of networks as the ports, and takes back at the end."""
        for number in random.sample(range(self.BLOCKS), self.BLOCKS):
            claim = socket.socket(socket.AF_UNIX)
            try:
                claim.bind(f"\0hookgate-tests-ports-{number}")
            except OSError:
                claim.close()
                continue
            self.claims.append((claim, number))
            return number
        # All are taken: of one's own, those that were given first have long been free.
        return random.choice([number for _, number in self.claims] or range(self.BLOCKS))

    def next(self):
        with self.lock:
            if not self.left:
                first = self.FIRST + self._claim() * self.BLOCK
                self.left = random.sample(range(first, first + self.BLOCK), self.BLOCK)
            return self.left.pop()


PORTS = Ports()


def free_port():
    """One that nobody listens on, of both families."""
    while True:
        port = PORTS.next()
        with contextlib.suppress(OSError):
            for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.socket(family) as probe:
                    probe.bind((host, port))
            return port


class Process:
    """What a redis-server and a gateway have in common: a process and signals to it."""

    process = None

    def signal(self, number):
        self.process.send_signal(number)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL, and gone."""
        if self.running():
            self.signal(signal.SIGKILL)
        self.process.wait()

    def pause(self):
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self._state() == "T", "the process to be stopped")

    def resume(self):
        self.signal(signal.SIGCONT)

    def _state(self):
        return pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def rss(self):
        """Resident memory in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


class Redis(Process):
    """A real redis-server in its folder: on a port, or on a unix socket only."""

    def __init__(self, folder, unix=False, tls=None, **config):
        """`tls`: a certificates.Authority; then nothing is taken in plain."""
        self.tls = tls
        if tls:
            config = {**tls.for_redis(), **config}
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.unix = str(self.folder / "r.sock") if unix else None
        self.config = {"save": "", "appendonly": "no", "bind": "127.0.0.1", **config}
        self.port = 0
        self.clients = []
        self.start()

    def start(self):
        for _ in range(20):
            if not self.unix and not self.port:
                self.port = free_port()
            if self._try():
                return self
            self.port = 0
        raise AssertionError(f"redis-server does not start: {(self.folder / 'redis.log').read_text()}")

    def _try(self):
        ports = ["--port", "0", "--tls-port"] if self.tls else ["--port"]
        arguments = ["redis-server", *ports, str(self.port), "--dir", str(self.folder), "--daemonize", "no", "--logfile",
                     str(self.folder / "redis.log")]
        if self.unix:
            arguments += ["--unixsocket", self.unix]
        for key, value in self.config.items():
            arguments += [f"--{key}", *([value] if isinstance(value, str) else map(str, value))]
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        return self._answers("redis-server")

    def _answers(self, what):
        """It answers something, be it an error; false where it ended instead."""
        client = self.client()

        def answers():
            if not self.running():
                return True
            try:
                return client.ping()
            except (redis.exceptions.AuthenticationError, redis.exceptions.ResponseError):
                return True
            except redis.exceptions.RedisError:
                return False

        wait_until(answers, f"{what} to answer")
        return self.running()

    def client(self, **more):
        if self.unix:
            client = redis.Redis(unix_socket_path=self.unix, socket_timeout=60, **more)
        else:
            client = redis.Redis(port=self.port, socket_timeout=60, **(self.tls.for_client() if self.tls else {}), **more)
        self.clients.append(client)
        return client

    def url(self, database=0, user="", password=""):
        login = f"{user}:{password}@" if user or password else ""
        if self.unix:
            return f"unix://{login}{self.unix}?db={database}"
        return f"{'rediss' if self.tls else 'redis'}://{login}127.0.0.1:{self.port}/{database}"

    def restart(self, mend=False):
        """After kill() or stop(): the same port, the same folder. `mend`: what Redis' own tool does to an append-only file
        that was cut off. Redis 7.0 cuts an unfinished transaction off behind its last whole command, not before it, and
        joins the rest to what it writes next: at the following start half a script is there."""
        port = self.port
        assert not self.running()
        if mend:
            manifest = self.folder / "appendonlydir" / "appendonly.aof.manifest"
            subprocess.run(["redis-check-aof", "--fix", manifest], input=b"y\n", stdout=subprocess.DEVNULL, check=True)
        wait_until(lambda: self._try(), "redis-server to start again")
        assert self.port == port
        return self

    def stop(self):
        self.signal(signal.SIGTERM)
        self.process.wait(30)

    def close(self):
        for client in self.clients:
            client.close()
        if self.running():
            self.signal(signal.SIGCONT)
            self.kill()


class Entries(list):
    """Entries of a stream: dicts of field name to bytes."""

    def ids(self):
        return [entry["id"].decode() for entry in self]


def entries(client, route, prefix="hookgate"):
    """All entries of a route's stream, in order."""
    found = Entries()
    for _, fields in client.xrange(f"{prefix}:{{{route}}}:events"):
        found.append({key.decode(): value for key, value in fields.items()})
    return found


class Successor:
    """The process that took over, as far as a gateway of the harness needs one. It is not our child."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        # Where it ends between open() and read(), it is the second that it cannot find.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{self.pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] != "Z":
                    return None
        # How it ended only its parent is told; its log says whether it ended well.
        self.returncode = 0
        return 0

    def wait(self, timeout=None):
        wait_until(lambda: self.poll() is not None, "the gateway to end", timeout or 20)

    def send_signal(self, number):
        os.kill(self.pid, number)


class Gateway(Process):
    """`hookgate serve` with a configuration: a dict (written as JSON, which is YAML too) or a text.

    Standard error is kept, and looked through when the gateway ends: a sanitizer's report, a line that is not JSON (where the
    log is JSON, as it is here unless a test says otherwise), and any secret or signature that the test used fail the test.
    """

    def __init__(self, folder, config, ready="ready", env=None, admin=True, sockets=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "hookgate.yaml"
        self.stderr = self.folder / "stderr"
        self.env = env or {}
        self.sockets = sockets
        self.hidden = set()
        self.signatures = []
        self.checked = False
        self.admin = None
        self.token = None
        if isinstance(config, dict):
            config = dict(config)
            config.setdefault("listen", f"127.0.0.1:{free_port()}")
            config.setdefault("log", {"format": "json", "level": "info"})
            if admin and "admin" not in config:
                config["admin"] = {"listen": f"127.0.0.1:{free_port()}"}
            self.hidden |= secrets_in(config)
        self.config = config
        self.write(config)
        self.start(ready)

    # ---- its configuration ----

    def write(self, config):
        self.file.write_text(config if isinstance(config, str) else json.dumps(config, indent=1))

    def rewrite(self, **changes):
        """Another configuration into the file; reload() has the gateway read it."""
        self.config = {**self.config, **changes}
        self.hidden |= secrets_in(self.config)
        self.write(self.config)

    def address(self, index=0):
        """Where to deliver to."""
        listen = self.config["listen"]
        listen = listen[index] if isinstance(listen, list) else listen
        return parse_address(listen)

    # ---- life ----

    def start(self, ready="ready"):
        """`ready`: wait for "ready" (Redis is there too), "listening", or None."""
        command = [*START, BINARY, "serve", "-c", str(self.file)]
        numbers = [s.fileno() for s in self.sockets]
        if numbers:
            command = ["/usr/bin/python3", "-c", ACTIVATE, ",".join(map(str, numbers)), *command]
        with open(self.stderr, "ab") as stderr:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                                            env={**os.environ, **SANITIZER_ENV, **self.env}, cwd=self.folder, pass_fds=numbers)
        self.checked = False
        if isinstance(self.config, dict) and self.config.get("admin"):
            self.admin = parse_address(self.config["admin"]["listen"])
            self.token = self.config["admin"].get("token")
        if ready:
            try:
                wait_until(lambda: not self.running() or self._is(ready), f"the gateway to be {ready}", 20)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.log_text()[-4000:]}") from None
            assert self.running(), f"the gateway ended with {self.process.returncode}:\n{self.log_text()}"
        return self

    def kill(self):
        """The kernel may cut a write short when its writer is killed: such a line, the last, is no line. Without this the next
        gateway's first line would be joined to it."""
        super().kill()
        text = self.stderr.read_bytes()
        os.truncate(self.stderr, text.rfind(b"\n") + 1)

    def _is(self, ready):
        path = "/readyz" if ready == "ready" else "/healthz"
        try:
            return self.ask(path).status == 200
        except (OSError, wire.Closed):
            return False

    def wait_ready(self):
        wait_until(lambda: self._is("ready"), "the gateway to be ready")

    def wait_unready(self):
        wait_until(lambda: self.ask("/readyz").status == 503, "the gateway to see that Redis is away")

    def reload(self):
        """SIGHUP, and waits until it was taken or refused; the log line that says so."""
        before = len(self.log())
        self.signal(signal.SIGHUP)

        def said():
            lines = [line for line in self.log()[before:] if line.get("event") in ("reloaded", "reload refused")]
            return lines[-1] if lines else None

        return wait_until(said, "the log to tell of the reload")

    def hand_over(self):
        """SIGUSR2; this then is the gateway that came after."""
        before, told = self.process, len(self.log("handed over"))
        self.signal(signal.SIGUSR2)
        wait_until(lambda: len(self.log("handed over")) > told, "the handover")
        self.process = Successor(self.log("handed over")[-1]["process"])
        wait_until(lambda: before.poll() is not None, "the gateway before to end", 20)
        assert before.returncode == 0
        self.wait_ready()

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends it as an operator does; must exit 0."""
        self.signal(number)
        self.wait_end(seconds)
        assert self.process.returncode == 0, f"exit status {self.process.returncode}\n{self.log_text()[-4000:]}"
        self.check()

    def wait_end(self, seconds=20):
        try:
            self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the gateway did not end in {seconds * SLOW} s\n{self.log_text()[-4000:]}") from None

    def close(self):
        """For the end of a test: a gateway that still runs must end well."""
        if self.running():
            self.signal(signal.SIGCONT)
            self.stop()
        elif not self.checked:
            self.check()

    # ---- what it said ----

    def log_text(self):
        return self.stderr.read_bytes().decode("utf-8", "backslashreplace")

    def log(self, event=None, **fields):
        """Log lines as dicts, those with these fields only."""
        found = []
        for line in self.log_text().split("\n"):
            try:
                line = json.loads(line)
            except ValueError:
                continue
            if (event is None or line.get("event") == event) and all(line.get(k) == v for k, v in fields.items()):
                found.append(line)
        return found

    def wait_log(self, event=None, **fields):
        return wait_until(lambda: self.log(event, **fields), f"a log line {event} {fields}")[0]

    def check(self):
        """No report of a sanitizer, no secret, only JSON."""
        self.checked = True
        text = self.log_text()
        report = REPORTS.search(text)
        assert not report, text[max(0, report.start() - 500):report.start() + 6000]
        # Of thousands of signatures, some will do.
        for word in [*self.hidden, *self.signatures[:50], *self.signatures[-50:]]:
            assert word not in text, f"the log holds a secret or a signature: {word}"
        # One that did not come up said why in plain text, as commands do.
        failed = (self.process.returncode or 0) > 0
        if not failed and isinstance(self.config, dict) and self.config["log"]["format"] == "json":
            for line in text.split("\n"):
                # What the configuration is warned of is told as `check` tells it.
                if line and not line.startswith(f"{self.file}:"):
                    try:
                        json.loads(line)
                    except ValueError:
                        raise AssertionError(f"a log line is not JSON: {line!r}") from None

    # ---- talking to it ----

    def deliver(self, delivery, **how):
        if delivery.signature:
            self.signatures.append(delivery.signature)
        return wire.send(self.address(), delivery, **how)

    def ask(self, path, method="GET", headers=None):
        """The admin listener."""
        if headers is None:
            headers = [("Authorization", f"Bearer {self.token}")] if self.token else []
        return wire.get(self.admin, path, headers, method)

    def metrics(self):
        return Metrics(self.ask("/metrics").body.decode())

    def count(self, outcome, route=None):
        labels = {"outcome": outcome}
        if route is not None:
            labels["route"] = route
        return self.metrics().sum("hookgate_deliveries_total", **labels)


class Metrics:
    """A scrape: samples by name and labels."""

    LINE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
    LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?')

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.split("\n"):
            if line and not line.startswith("#"):
                name, labels, value = self.LINE.match(line).groups()
                self.samples.append((name, dict(self.LABEL.findall(labels or "")), float(value)))

    def sum(self, name, **labels):
        return sum(value for n, have, value in self.samples
                   if n == name and all(have.get(k) == v for k, v in labels.items()))

    def names(self):
        return {name for name, _, _ in self.samples}


def parse_address(listen):
    if listen.startswith("unix:"):
        return listen[len("unix:"):]
    host, _, port = listen.rpartition(":")
    return (host.strip("[]") or "127.0.0.1", int(port))


def secrets_in(config):
    """Every secret text of a configuration: none of them may ever be logged."""
    found = set()
    for route in config.get("routes", []):
        for secret in [route.get("secret")] + list(route.get("secrets", [])):
            value = secret.get("value") if isinstance(secret, dict) else secret
            if value and not value.startswith(("env:", "file:")):
                found.add(value)
    for value in (config.get("redis", {}).get("password"), (config.get("admin") or {}).get("token")):
        if value and not value.startswith(("env:", "file:")):
            found.add(value)
    return found


class Proxy:
    """A TCP proxy on a free port in front of another port. Its replies can be held back, its connections cut, and new ones
    turned away."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.holding = threading.Event()
        self.parted = threading.Event()
        self.held = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.pairs = {}
        self.waiting = []
        self.wake, self.woken = socket.socketpair()
        self.selector.register(self.woken, selectors.EVENT_READ, None)
        self.commands = []
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def _do(self, command):
        done = threading.Event()
        with self.lock:
            self.commands.append((command, done))
        self.wake.send(b"!")
        assert done.wait(10)

    def hold(self):
        """From now on replies are kept here; requests go on."""
        self.held = 0
        self.holding.set()

    def release(self):
        """What was held flows, and what comes."""
        self.holding.clear()
        self._do(self._flush)

    def cut(self):
        """Ends all connections; what was held is lost."""
        self.holding.clear()
        self._do(self._cut)

    def part(self):
        """Ends all connections, and new ones end as they come."""
        self.parted.set()
        self.cut()

    def join(self):
        """New connections are let through again."""
        self.parted.clear()

    def close(self):
        self._do(None)
        self.thread.join(10)

    # ---- in its thread ----

    def _flush(self):
        for target, data in self.waiting:
            with contextlib.suppress(OSError):
                target.sendall(data)
        self.waiting.clear()

    def _cut(self):
        self.waiting.clear()
        for one in list(self.pairs):
            self._drop(one)

    def _accept(self):
        client, _ = self.listener.accept()
        if self.parted.is_set():
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.upstream))
        except OSError:
            client.close()
            return
        self.pairs[client], self.pairs[server] = (server, False), (client, True)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(one, selectors.EVENT_READ, None)

    def _drop(self, one):
        if one not in self.pairs:
            return
        other = self.pairs[one][0]
        for each in (one, other):
            self.pairs.pop(each, None)
            self.selector.unregister(each)
            each.close()

    def _pump(self, one):
        target, is_reply = self.pairs[one]
        try:
            data = one.recv(65536)
            if not data:
                self._drop(one)
            elif is_reply and self.holding.is_set():
                self.waiting.append((target, data))
                self.held += len(data)
            else:
                target.sendall(data)
        except OSError:
            self._drop(one)

    def _run(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj is self.woken:
                    self.woken.recv(100)
                    with self.lock:
                        commands, self.commands = self.commands, []
                    for command, done in commands:
                        if command:
                            command()
                        else:
                            self._cut()
                            self.listener.close()
                        done.set()
                        if not command:
                            return
                elif key.fileobj in self.pairs:
                    self._pump(key.fileobj)


class Load:
    """Deliveries from several threads, each on a keep-alive connection, until told to stop. `make()` makes one delivery;
    what came of each is in `results`: (delivery, status, or None where the connection broke before an answer), and is told
    to `told`(delivery, status) in its thread."""

    def __init__(self, address, make, threads=8, told=None):
        self.address, self.make, self.told = address, make, told
        self.results = []
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.finish()

    def finish(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(60 * SLOW)
            assert not thread.is_alive(), "a delivery hangs"
        return self.results

    def done(self):
        with self.lock:
            return len(self.results)

    def wait_more(self, count):
        goal = self.done() + count
        wait_until(lambda: self.done() >= goal, f"{count} more deliveries", 30)

    def statuses(self):
        return [status for _, status in self.results]

    def acknowledged(self):
        return [delivery for delivery, status in self.results if status and 200 <= status < 300]

    def _run(self):
        connection = None
        while not self.ending.is_set():
            delivery = self.make()
            status = None
            try:
                connection = connection or wire.Connection(self.address)
                connection.send(wire.raw(delivery))
                response = connection.response()
                status = response.status
                if (response.header("Connection") or "").lower() == "close":
                    connection.close()
                    connection = None
            except (OSError, wire.Closed):
                if connection:
                    connection.close()
                connection = None
            with self.lock:
                self.results.append((delivery, status))
            if self.told:
                self.told(delivery, status)
            # Refused for now: as a provider would, not at once again.
            if status not in (200, 202, 204):
                self.ending.wait(0.01)
        if connection:
            connection.close()


def together(gateway, deliveries):
    """Delivers them so that the gateway reads them in as few turns as it can, however slow the machine; the answers in order."""
    connections = [wire.Connection(gateway.address()) for _ in deliveries]
    gateway.pause()
    for connection, delivery in zip(connections, deliveries):
        connection.send(wire.raw(delivery))
    gateway.resume()
    responses = [connection.response() for connection in connections]
    for connection in connections:
        connection.close()
    return responses


def at_once(jobs, threads=64):
    """Runs the functions side by side; their results in order. An exception in one is raised here."""
    results = [None] * len(jobs)
    errors = []
    numbers = iter(range(len(jobs)))
    lock = threading.Lock()

    def run():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                results[number] = jobs[number]()
            except Exception as error:
                errors.append(error)

    workers = [threading.Thread(target=run, daemon=True) for _ in range(min(threads, len(jobs)))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120 * SLOW)
        assert not worker.is_alive(), "a job hangs"
    if errors:
        raise errors[0]
    return results
