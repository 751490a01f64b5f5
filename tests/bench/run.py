"""What scripts/bench runs: samples in turns, so that what disturbs the machine disturbs all alike, then medians and ratios."""

import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

import durability
import machine
import report
import schemes
import servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUSY_ROUTE = "/hooks/stripe-07777"

# What is measured. `rate`: more deliveries a second than it will do; `repeat`: a server that drops no duplicates sends
# itself the same ones again, so few are signed.
ROWS = {
    "floor": {"server": servers.Floor, "repeat": True},
    "hookgate": {"server": servers.Hookgate, "rate": 60000},
    "nginx": {"server": servers.Nginx, "rate": 30000},
    "refused": {"server": servers.Hookgate, "repeat": True, "bad": True},
    "routes": {"server": servers.Hookgate, "rate": 60000, "routes": 10000, "path": BUSY_ROUTE},
    "spread": {"server": servers.Hookgate, "rate": 60000, "routes": 10000, "spread": 10000},
    "floor-20k": {"server": servers.Floor, "repeat": True, "kind": "github"},
    "hookgate-20k": {"server": servers.Hookgate, "rate": 20000, "kind": "github"},
    "nginx-20k": {"server": servers.Nginx, "rate": 12000, "kind": "github"},
}
# Only with --cluster: the same twelve routes on one Redis and on three.
CLUSTER = {
    "twelve": {"server": servers.Hookgate, "rate": 60000, "routes": 12, "spread": 12},
    "cluster": {"server": servers.Hookgate, "rate": 60000, "routes": 12, "spread": 12, "redis": servers.Cluster},
}
# Only with --partitions: the same route, split. The load has ids alone to choose by.
PARTITIONS = {f"partitions-{n}": {"server": servers.Hookgate, "rate": 60000, "stripe": {"partitions": n}} for n in (1, 2, 4)}
# Only with --schemes: one provider of each scheme, Stripe's (`hookgate`) among them in every round.
SCHEMES = {name: {"server": servers.Hookgate, "scheme": name} for name in schemes.SCHEMES}
IDLE = {
    "floor-idle": {"server": servers.Floor},
    "floor-idle-12k": {"server": servers.Floor, "pool": 12288},
    "hookgate-idle": {"server": servers.Hookgate},
}


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="What a delivery costs, side by side.")
    parser.add_argument("--rounds", type=int, help="how often each is measured (default 5)")
    parser.add_argument("--secs", type=float, help="length of one measurement (default 4)")
    parser.add_argument("--warm", type=float, default=0.5, help="not counted before it (default 0.5)")
    parser.add_argument("--conns", type=int, default=64, help="connections (default 64)")
    parser.add_argument("--idle", type=int, default=10000, help="idle connections for the memory rows (default 10000)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="threads or processes of each server (default: the cores)")
    parser.add_argument("--patience", type=float, default=3.0, metavar="SECS",
                        help="how long to wait before a measurement for others to leave the machine idle (default 3)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 1.5 s, floor, hookgate and nginx only")
    parser.add_argument("--schemes", action="store_true", help="CPU of one provider of each scheme beside Stripe's; rounds of 2 s")
    parser.add_argument("--cluster", action="store_true", help="one Redis and a Cluster of three masters")
    parser.add_argument("--durability", action="store_true", help="each ack level; the journal beside Redis and in its place; draining")
    parser.add_argument("--partitions", action="store_true", help="a route in 1, 2 and 4 partitions beside one that is not split")
    parser.add_argument("--only", metavar="ROWS", help="some of: " + ",".join([*ROWS, *CLUSTER, *durability.ROWS, *PARTITIONS, *SCHEMES, *IDLE]))
    parser.add_argument("--json", metavar="FILE", help="write every sample there")
    parser.add_argument("--profile", action="store_true", help="where hookgate's CPU goes, by perf, instead of the rows")
    parser.add_argument("--counts", action="store_true", help="system calls and the like of each delivery, by perf, instead of the rows: "
                        "floor and hookgate, or those of --only")
    parser.add_argument("--hookgate", type=pathlib.Path, default=ROOT / "build/release/hookgate", help=argparse.SUPPRESS)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build/bench/tests/bench", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.secs = 3, 1.5
        options.only = options.only or "floor,hookgate,nginx"
    if options.schemes:
        options.secs = options.secs or 2.0
        options.only = options.only or ",".join(["hookgate", *SCHEMES])
    if options.cluster:
        options.only = options.only or ",".join(["hookgate", *CLUSTER])
    if options.durability:
        options.only = options.only or ",".join(["hookgate", *durability.ROWS])
    if options.partitions:
        options.only = options.only or ",".join(["hookgate", *PARTITIONS])
    if options.counts:
        options.only = options.only or "floor,hookgate"
    options.rounds = 5 if options.rounds is None else options.rounds
    options.secs = 4.0 if options.secs is None else options.secs
    options.only = options.only.split(",") if options.only else [*ROWS, *IDLE]
    unknown = [name for name in options.only if name not in {**ROWS, **CLUSTER, **durability.ROWS, **PARTITIONS, **SCHEMES, **IDLE}]
    if unknown or options.rounds < 1 or options.secs <= 0 or options.conns < 1:
        parser.error(f"no such row: {', '.join(unknown)}" if unknown else "rounds, secs and conns must be more than nothing")
    return options


class Load:
    """The load program, in lockstep."""

    def __init__(self, options, port, row, hold=0):
        command = [options.programs / "load", "--port", port, "--conns", hold or options.conns,
                   "--secs", options.secs, "--warm", options.warm]
        command += ["--signed", row["signed"]] if "signed" in row else self.making(options, row, hold)
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @staticmethod
    def making(options, row, hold):
        """Arguments for what it makes and signs itself."""
        kind = row.get("kind", "stripe")
        secs = options.secs + options.warm
        count = hold or (100000 if row.get("repeat") else int(secs * row["rate"]))
        if kind == "github" and row.get("repeat"):
            count = 20000
        made = ["--kind", kind, "--count", count, "--secret", servers.STRIPE_SECRET if kind == "stripe" else servers.GITHUB_SECRET,
                "--path", "/hooks/stripe" if row.get("spread") else row.get("path", f"/hooks/{kind}"),
                "--body", servers.HERE / f"{kind}.json"]
        made += ["--hold"] * bool(hold) + ["--bad"] * row.get("bad", False) + ["--repeat"] * row.get("repeat", False)
        return made + (["--spread", row["spread"]] if row.get("spread") else [])

    def expect(self, word):
        line = self.process.stdout.readline().strip()
        if line != word:
            raise servers.Failed(f"the load said {line!r} where {word!r} was due")

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def result(self):
        line = self.process.stdout.readline()
        if not line:
            raise servers.Failed("the load ended without a result")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(options, row, folder):
    redis = None if row["server"] is servers.Floor else row.get("redis", servers.Redis)(folder / "redis")
    more = {key: row[key] for key in ("routes", "pool", "route", "config", "stripe") if key in row}
    try:
        return redis, row["server"](folder / "server", options, redis, **more)
    except Exception:
        if redis:
            redis.stop()
        raise


def verify(name, row, server, result, stored, counted=None):
    """What every sample must hold, or it is no measurement."""
    wanted = "401" if row.get("bad") else "200"
    wrong = []
    if result["status"] != {wanted: result["answered"]}:
        wrong.append(f"answers {result['status']}, only {wanted} was due")
    for word in ("lost", "unanswered", "malformed", "reconnects"):
        if result[word]:
            wrong.append(f"{result[word]} {word}")
    accepted = result["status"].get("200", 0)
    if stored is not None and stored != accepted:
        wrong.append(f"{stored} entries for {accepted} accepted deliveries")
    if isinstance(server, servers.Hookgate) and not server.logged(result["answered"]):
        wrong.append(f"{server.log_lines()} log lines for {result['answered']} deliveries")
    if counted is not None and counted != result["answered"]:
        wrong.append(f"{counted} deliveries by the metrics, {result['answered']} answered")
    if wrong:
        raise servers.Failed(f"{name}: " + "; ".join(wrong))


def entries(server, redis, row):
    """How many entries the row's streams have; None where there is nothing to count, or not now."""
    if redis is None or "after" in row:
        return None
    kind = row.get("kind", "stripe")
    if "route" in row:
        return server.stored(redis, row["route"]["name"])
    if row.get("spread"):
        return sum(server.stored(redis, f"stripe-{i:05}") for i in range(row["spread"]))
    return server.stored(redis, row["path"].rpartition("/")[2] if "path" in row else kind)


def sample(options, name, row, folder):
    redis, server = start(options, row, folder)
    load = None
    try:
        if "before" in row:
            row["before"](redis, server)
        load = Load(options, server.port, row)
        load.expect("signed")
        load.go()
        load.expect("warm")
        before = entries(server, redis, row)
        counted = server.counted() if isinstance(server, servers.Hookgate) else 0
        noise, pids = machine.Noise(), server.pids()
        cpu = machine.cpu_ns(pids)
        redis_cpu = machine.cpu_ns(redis.pids()) if redis else 0
        load_cpu = machine.cpu_ns([load.process.pid])
        load.go()
        result = load.result()
        cpu = machine.cpu_ns(pids) - cpu
        redis_cpu = machine.cpu_ns(redis.pids()) - redis_cpu if redis else 0
        load_cpu = machine.cpu_ns([load.process.pid]) - load_cpu
        stolen, others = noise.shares(cpu + redis_cpu + load_cpu)
        answered = max(1, result["answered"])
        after = entries(server, redis, row)
        counted = server.counted() - counted if isinstance(server, servers.Hookgate) else None
        verify(name, row, server, result, None if before is None else after - before, counted)
        more = row["after"](redis, server) if "after" in row else {}
        return {
            **more,
            "row": name,
            "deliveries": result["answered"],
            "rate": result["answered"] / result["seconds"],
            "p50_ms": result["p50_ms"],
            "p99_ms": result["p99_ms"],
            "p999_ms": result["p999_ms"],
            "cpu_us": cpu / 1e3 / answered,
            "redis_cpu_us": redis_cpu / 1e3 / answered,
            "load_cpu_us": load_cpu / 1e3 / answered,
            "peak_mb": machine.memory_kb(pids, "VmHWM") / 1024,
            "stolen_percent": stolen,
            "others_percent": others,
        }
    finally:
        for started in (load, server, redis):
            if started:
                started.stop()


def quiet_sample(options, name, row, folder):
    """The quieter of two, where others have much of the machine."""
    best = None
    for attempt in range(2):
        machine.wait_for_quiet(options.patience)
        found = sample(options, name, row, folder / str(attempt))
        if best is None or found["others_percent"] < best["others_percent"]:
            best = found
        if best["others_percent"] + best["stolen_percent"] < 8:
            break
    return best


def idle(options, name, row, folder):
    """Memory of a connection that has delivered once and waits."""
    redis, server = start(options, row, folder)
    load = None
    try:
        row = dict(row, repeat=False, rate=0)
        load = Load(options, server.port, row, hold=options.idle)
        load.expect("signed")
        pids = server.pids()
        before = machine.memory_kb(pids, "VmRSS")
        load.go()
        load.expect("held")
        held = machine.memory_kb(pids, "VmRSS")
        load.go()
        result = load.result()
        verify(name, row, server, result, None)
        if result["open"] != options.idle:
            raise servers.Failed(f"{name}: only {result['open']} of {options.idle} connections are still open")
        return {"row": name, "connections": options.idle, "before_kb": before, "held_kb": held,
                "kb_per_connection": (held - before) / options.idle}
    finally:
        for started in (load, server, redis):
            if started:
                started.stop()


def profile(options, folder):
    """perf's view of hookgate under the load. Clock samples: a virtual machine may have no counters."""
    row = ROWS["hookgate"]
    data = ROOT / "build/bench/perf.data"
    redis, server = start(options, row, folder)
    load = None
    try:
        load = Load(options, server.port, row)
        load.expect("signed")
        load.go()
        load.expect("warm")
        load.go()
        subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "4999", "-g", "-o", str(data), "-p",
                        str(server.process.pid), "--", "sleep", str(options.secs)], check=True)
        print(load.result())
    finally:
        for started in (load, server, redis):
            if started:
                started.stop()
    for keys in ("dso", "dso,symbol"):
        print(subprocess.run(["perf", "report", "-q", "--stdio", "--no-children", "-g", "none", "--percent-limit", "0.4",
                              "--sort", keys, "-i", str(data)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True, check=True).stdout)
    print(f"more: perf report -i {data.relative_to(ROOT)}")


# In these a busy machine changes little.
COUNTED = ["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{call}" for call in (
    "recvfrom", "sendmsg", "epoll_wait", "epoll_ctl", "setsockopt", "write", "futex", "madvise")),
    "context-switches", "page-faults", "net:net_dev_queue", "msr:write_msr"]


def counts(options, name, folder):
    """What perf counts of a server while it is measured, for each delivery: {event: number}."""
    row, out = ROWS[name], folder / "counts.csv"
    (orders, order), (answer, answers) = os.pipe(), os.pipe()
    redis, server = start(options, row, folder)
    load = perf = None
    try:
        load = Load(options, server.port, row)
        load.expect("signed")
        load.go()
        load.expect("warm")
        perf = subprocess.Popen(["perf", "stat", "-x", ",", "-o", str(out), "-e", ",".join(COUNTED), "--delay=-1", "--control",
                                 f"fd:{orders},{answers}", "-p", ",".join(map(str, server.pids()))], pass_fds=(orders, answers))
        os.close(answers)
        os.write(order, b"enable\n")
        if not os.read(answer, 16).startswith(b"ack"):
            raise servers.Failed("perf does not count (it wants to be root)")
        load.go()
        answered = load.result()["answered"]
        perf.send_signal(signal.SIGINT)
        perf.wait()
        fields = [line.split(",") for line in out.read_text().splitlines()]
        return {line[2]: int(line[0]) / answered for line in fields if len(line) > 2 and line[0].isdigit()}
    finally:
        for end in (orders, order, answer):
            os.close(end)
        if perf and perf.poll() is None:
            perf.kill()
        for started in (load, server, redis):
            if started:
                started.stop()


def count_all(options, folder):
    found = {name: counts(options, name, folder / name) for name in options.only}
    print(f"{'for each delivery':28}" + "".join(f"{name:>14}" for name in found))
    for event in COUNTED:
        print(f"{event.rpartition(':')[2].removeprefix('sys_enter_').replace('sys_enter', 'system calls'):28}" +
              "".join(f"{figures.get(event, 0):14.3f}" for figures in found.values()))


def sign(options, name, folder):
    """The row of a scheme, with its route and its deliveries in a file."""
    scheme = schemes.SCHEMES[name]()
    file = folder / f"{name}.signed"
    scheme.write(file, int((options.secs + options.warm) * scheme.rate))
    return dict(SCHEMES[name], signed=file, route=scheme.route())


def measure(options, folder):
    samples, number = [], 0
    rows = {name: row for name, row in {**ROWS, **CLUSTER, **durability.ROWS, **PARTITIONS}.items() if name in options.only}
    rows.update((name, sign(options, name, folder)) for name in SCHEMES if name in options.only)
    for turn in range(options.rounds):
        for name, row in rows.items():
            number += 1
            samples.append(dict(quiet_sample(options, name, row, folder / str(number)), round=turn))
            print(report.line(samples[-1], turn + 1, options.rounds), file=sys.stderr, flush=True)
    for name, row in IDLE.items():
        if name not in options.only:
            continue
        number += 1
        samples.append(idle(options, name, row, folder / str(number)))
        print(report.line(samples[-1], 1, 1), file=sys.stderr, flush=True)
    return samples


def main():
    options = arguments()
    # Ten thousand connections, ours and the servers'.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hookgate-bench-"))
    try:
        if options.profile:
            profile(options, folder)
            return 0
        if options.counts:
            count_all(options, folder)
            return 0
        samples = measure(options, folder)
    except servers.Failed as failure:
        print(f"scripts/bench: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(report.whole(samples, options))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(samples, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
