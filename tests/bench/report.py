"""Samples to tables: medians with ranges, and the ratios that the project has set itself, taken within each round."""

import statistics

import durability
import schemes

COLUMNS = [
    ("rate", "deliveries/s", "{:.0f}"),
    ("p50_ms", "p50 ms", "{:.2f}"),
    ("p99_ms", "p99 ms", "{:.2f}"),
    ("cpu_us", "CPU us", "{:.1f}"),
    ("redis_cpu_us", "Redis CPU us", "{:.1f}"),
    ("peak_mb", "peak MB", "{:.0f}"),
]

# What is compared, with what, in which figure; the limit; whether it is a least or a most.
TARGETS = [
    ("CPU of a delivery, hookgate : floor", "hookgate", "floor", "cpu_us", 1.5, "at most"),
    ("CPU of a delivery, hookgate : nginx with Lua", "hookgate", "nginx", "cpu_us", 0.25, "at most"),
    ("deliveries a second, hookgate : nginx with Lua", "hookgate", "nginx", "rate", 2.5, "at least"),
    ("p99, hookgate : nginx with Lua", "hookgate", "nginx", "p99_ms", 0.5, "at most"),
    ("CPU, refused : accepted", "refused", "hookgate", "cpu_us", 1.0, "at most"),
    # Two runs of one server differ by some per cent.
    ("CPU, one busy route of 10,000 : of 2", "routes", "hookgate", "cpu_us", 1.05, "at most"),
    *durability.TARGETS,
    ("memory of an idle connection, hookgate : floor", "hookgate-idle", "floor-idle", "kb_per_connection", 1.5, "at most"),
]

NAMES = {
    "floor": "(a) floor: bare libmicrohttpd, no work",
    "hookgate": "(b) hookgate, log and metrics on",
    "nginx": "(c) nginx with Lua, no log",
    "refused": "hookgate, wrong signature",
    "routes": "hookgate, one busy route of 10,000",
    "spread": "hookgate, 10,000 busy routes",
    "floor-20k": "(a) floor, 20 KB GitHub",
    "hookgate-20k": "(b) hookgate, 20 KB GitHub",
    "nginx-20k": "(c) nginx with Lua, 20 KB GitHub",
    "twelve": "hookgate, 12 busy routes",
    "cluster": "hookgate, 12 busy routes, Cluster of three",
    **durability.NAMES,
    **{f"partitions-{n}": f"hookgate, {n} partition{'s' if n > 1 else ''}" for n in (1, 2, 4)},
    **{name: f"hookgate, {name} ({scheme.provider})" for name, scheme in schemes.SCHEMES.items()},
    "floor-idle": "(a) floor",
    "floor-idle-12k": "(a) floor, 12 KB a connection asked for",
    "hookgate-idle": "(b) hookgate",
}


def line(sample, turn, turns):
    if "kb_per_connection" in sample:
        return f"{sample['row']:14} {sample['kb_per_connection']:.1f} KB a connection"
    return (f"[{turn}/{turns}] {sample['row']:14} {sample['rate']:7.0f}/s  p99 {sample['p99_ms']:6.2f} ms  "
            f"CPU {sample['cpu_us']:6.1f} us  Redis {sample['redis_cpu_us']:5.1f} us  load {sample['load_cpu_us']:4.1f} us  "
            f"others {sample['others_percent'] + sample['stolen_percent']:.0f} %")


def _spread(values, form):
    middle, low, high = (form.format(v) for v in (statistics.median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low}-{high})"


def _table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def _ratios(samples, target):
    _, one, other, figure, _, _ = target
    by_round = {(s["row"], s.get("round")): s[figure] for s in samples if figure in s}
    return [value / by_round[other, turn] for (row, turn), value in sorted(by_round.items(), key=str)
            if row == one and by_round.get((other, turn))]


def _schemes(samples):
    rows = []
    for name, scheme in schemes.SCHEMES.items():
        ratios = _ratios(samples, (None, name, "hookgate", "cpu_us", None, None))
        if ratios:
            rows.append([f"{name} ({scheme.provider})", _spread(ratios, "{:.2f}")])
    return rows


def _targets(samples):
    rows = []
    for target in TARGETS:
        ratios = _ratios(samples, target)
        if ratios:
            limit, sense = target[4:]
            middle = statistics.median(ratios)
            met = middle <= limit if sense == "at most" else middle >= limit
            rows.append([target[0], _spread(ratios, "{:.2f}"), f"{sense} {limit:g}", "met" if met else "NOT MET"])
    return rows


def whole(samples, options):
    measured = list(dict.fromkeys(s["row"] for s in samples if "rate" in s))
    idle = [s for s in samples if "kb_per_connection" in s]
    parts = []
    if measured:
        rows = [["median (range)"] + [title for _, title, _ in COLUMNS]]
        for name in measured:
            own = [s for s in samples if s["row"] == name]
            rows.append([NAMES[name]] + [_spread([s[key] for s in own], form) for key, _, form in COLUMNS])
        others = [s["others_percent"] + s["stolen_percent"] for s in samples if "rate" in s]
        parts.append(f"{options.rounds} rounds of {options.secs:g} s, {options.conns} connections, {options.workers} workers each; "
                     f"other processes and the hypervisor took {_spread(others, '{:.0f}')} % of the CPU time\n\n" + _table(rows))
    if idle:
        rows = [["idle keep-alive connections", "number", "KB each"]]
        rows += [[NAMES[s["row"]], str(s["connections"]), f"{s['kb_per_connection']:.1f}"] for s in idle]
        parts.append(_table(rows))
    drains = [s for s in samples if "drain_rate" in s]
    if drains:
        rows = [["drained when Redis is back", "events/s"]]
        for name in dict.fromkeys(s["row"] for s in drains):
            rows.append([NAMES[name], _spread([s["drain_rate"] for s in drains if s["row"] == name], "{:.0f}")])
        parts.append(_table(rows))
    targets = _targets(samples)
    if targets:
        parts.append(_table([["ratio within a round, median (range)", "measured", "target", ""]] + targets))
    ratios = _schemes(samples)
    if ratios:
        parts.append(_table([["CPU of a delivery : Stripe's, within a round", "median (range)"]] + ratios))
    parts.append("Every accepted delivery has its entry, every entry its delivery.")
    return "\n\n".join(parts)
