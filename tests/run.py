"""What scripts/test runs: builds, suites, and one count of it all.

A suite is a list of jobs; a job is one process whose tests are counted by reading what it left behind: JUnit XML (pytest),
cmocka's summary (unit and vector tests), or its own last line "N passed, N failed" (scripts). Jobs run side by side, one per
core; builds run one after the other before them, since each takes all cores.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI") == "true"
PYTEST = ["/usr/bin/python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"]

# name: (kind for scripts/build, environment, build the unit tests too)
BUILDS = {
    "release": ("release", {}, True),
    "debug": ("debug", {}, True),
    "asan": ("asan", {}, True),
    "tsan": ("tsan", {}, False),
    "tls": ("tls", {}, True),
    "clang": ("release", {"CC": "clang"}, True),
    "clang-asan": ("asan", {"CC": "clang"}, True),
}

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1",
}


class Result:
    """Of one job. `problems` are (test, text) of what failed, `skipped` are (test, reason)."""

    def __init__(self):
        self.passed = 0
        self.problems = []
        self.skipped = []


class Job:
    def __init__(self, suite, name, command, read, env=None, timeout=900, first=False):
        self.suite, self.name, self.command, self.read = suite, name, command, read
        self.env, self.timeout, self.first = env or {}, timeout, first


# ---- reading what a job left behind ----


def read_junit(path, output, code):
    result = Result()
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        cases = []
    for case in cases:
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        bad = [c for c in case if c.tag in ("failure", "error")]
        skip = [c for c in case if c.tag == "skipped"]
        if bad:
            logs = [c.text or "" for c in case if c.tag in ("system-out", "system-err")]
            result.problems.append((name, "\n".join([bad[0].text or bad[0].get("message", "")] + logs)))
        elif skip:
            result.skipped.append((name, skip[0].get("message", "")))
        else:
            result.passed += 1
    # 5 is pytest's "no tests were found", which is right where all of a file are for another build.
    if code == 5 and "deselected" in output:
        return result
    if not result.problems and (code != 0 or not cases):
        result.problems.append(("the run itself", f"exit status {code}\n{output}"))
    return result


def read_cmocka(name, output, code):
    result = Result()
    passed = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test", output, re.M))
    failed = re.findall(r"^\[  FAILED  \] (?!\d+ test)([^\s,]+)$", output, re.M)
    for test in sorted(set(failed)):
        result.problems.append((test, output))
    for test in re.findall(r"^\[  SKIPPED \] (?!\d+ test)(\S+)$", output, re.M):
        result.skipped.append((test, ""))
    result.passed = passed
    if code == 77 and not result.problems:
        result.skipped.append((name, output.strip()))
    elif code != 0 and not result.problems:
        result.problems.append((name, f"exit status {code}\n{output}"))
    elif code == 0 and passed == 0 and not result.skipped:
        result.passed = 1  # not a cmocka program: the exit status is all there is
    return result


def read_summary(name, output, code):
    result = Result()
    match = re.findall(r"^(\d+) passed, (\d+) failed", output, re.M)
    if match:
        result.passed = int(match[-1][0])
        for i in range(int(match[-1][1])):
            result.problems.append((name, output if i == 0 else "see above"))
    if not result.problems and (code != 0 or not match):
        result.problems.append((name, f"exit status {code}\n{output}"))
    return result


def read_status(name, output, code):
    result = Result()
    if code == 0:
        result.passed = 1
    else:
        result.problems.append((name, f"exit status {code}\n{output}"))
    return result


def read_build(name, output, code):
    """Of a build that failed, what went wrong: not the hundred lines of what went well before it."""
    wrong = re.search(r"^(FAILED:|.*\berror:|.*ERROR:)", output, re.M)
    return read_status(name, output[wrong.start():] if wrong else output, code)


# ---- builds ----


def build_folder(build):
    """Not where scripts/build leaves its own: who builds while the tests run does not take their programs away."""
    return ROOT / "build" / "test" / build


def run(command, env=None, timeout=900):
    """(output, exit status); the status is -9 where it took too long."""
    # A session of its own: a job that hangs goes with all it started.
    try:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    except OSError as error:
        return str(error), 127
    try:
        output, _ = process.communicate(timeout=timeout)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        output += f"\nstopped after {timeout} s\n".encode()
        code = -9
    return output.decode("utf-8", "backslashreplace"), code


def build(name):
    kind, env, tests = BUILDS[name]
    env = {**env, "BUILD_DIR": str(build_folder(name)), "TESTS": "1" if tests else "0"}
    return run(["scripts/build", kind], env, timeout=1200)


# ---- suites ----


def unit_jobs(suite, build):
    """Every test that meson knows of: unit, vectors, the replay of the fuzzers' corpora."""
    output = subprocess.run(["meson", "introspect", "--tests", str(build_folder(build))], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE).stdout
    for test in json.loads(output):
        yield Job(suite, test["name"], test["cmd"], lambda o, c, n=test["name"]: read_cmocka(n, o, c),
                  env={**SANITIZERS, **test["env"]}, timeout=600)


def pytest_jobs(suite, folder, env, results, timeout=900):
    for file in sorted((ROOT / folder).glob("test_*.py")):
        junit = pathlib.Path(results) / f"{suite}-{file.stem}.xml"
        yield Job(suite, file.stem, PYTEST + [f"--junit-xml={junit}", str(file)],
                  lambda o, c, p=junit: read_junit(p, o, c), env=env, timeout=timeout)


def scenario_jobs(suite, build, results, folder="tests/scenario"):
    env = {"HOOKGATE": str(build_folder(build) / "hookgate"), "HOOKGATE_BUILD": build}
    return pytest_jobs(suite, folder, env, results, timeout=1200)


# What a test has to do with Redis is in its file's name.
OF_REDIS = ("store_", "consume_", "ack", "cluster", "consume", "crash", "journal", "learned", "partitions", "redis", "retention", "seen",
            "sentinel", "window")


def redis_jobs(suite, build, results):
    for job in [*unit_jobs(suite, build), *scenario_jobs(suite, build, results)]:
        if job.name.removeprefix("test_").startswith(OF_REDIS):
            yield job


def script_job(suite, command, timeout):
    return [Job(suite, suite, command, lambda o, c: read_summary(suite, o, c), timeout=timeout, first=True)]


# name: (what it is, the builds it needs, when it runs: quick, normal, all, or asked)
SUITES = {
    "format": ("the sources are in clang-format's form", [], "quick"),
    "house": ("the rules of the house: includes, names, sizes", ["release"], "quick"),
    "unit-debug": ("unit and vector tests, gcc debug", ["debug"], "asked"),
    "unit-release": ("unit and vector tests, gcc release", ["release"], "normal"),
    "unit-asan": ("unit, vector and replay tests, gcc, AddressSanitizer and UndefinedBehaviorSanitizer", ["asan"], "quick"),
    "unit-clang": ("unit and vector tests, clang release, its warnings as errors", ["clang"], "normal"),
    "unit-clang-asan": ("unit, vector and replay tests, clang, AddressSanitizer", ["clang-asan"], "normal"),
    "scenario-debug": ("a real gateway and a real Redis, gcc debug", ["debug"], "asked"),
    "scenario-release": ("a real gateway and a real Redis", ["release"], "quick"),
    "scenario-asan": ("the same under AddressSanitizer", ["asan"], "normal"),
    "scenario-tsan": ("the same under ThreadSanitizer", ["tsan"], "normal"),
    "tls": ("Redis over TLS, under AddressSanitizer, also where the other builds do not have it", ["tls"], "normal"),
    "redis-debug": ("of these what is about Redis: for other servers under its name", ["debug"], "asked"),
    "chaos": ("faults of all kinds under load, and a checker over what clients were told", ["release"], "normal"),
    "sdk": ("the providers' own SDKs against a running gateway", ["release"], "normal"),
    "fresh-12": ("a bare Debian 12", [], "all"),
    "fresh-13": ("a bare Debian 13", [], "all"),
}


def jobs_of(suite, results):
    builds = SUITES[suite][1]
    if suite == "format":
        return [Job(suite, suite, ["scripts/check-format"], lambda o, c: read_status(suite, o, c))]
    if suite == "house":
        return list(pytest_jobs(suite, "tests/house", {"HOOKGATE_BUILD_DIR": str(build_folder(builds[0]))}, results))
    if suite.startswith("unit-"):
        return list(unit_jobs(suite, builds[0]))
    if suite == "tls":
        return [job for job in [*unit_jobs(suite, builds[0]), *scenario_jobs(suite, builds[0], results)]
                if job.name in ("test_tls", "test_sentinel", "tls_session", "store_client", "store_sentinel", "store_able")]
    if suite.startswith("redis-"):
        return list(redis_jobs(suite, builds[0], results))
    if suite.startswith("scenario-"):
        return list(scenario_jobs(suite, builds[0], results))
    if suite == "chaos":
        return list(scenario_jobs(suite, builds[0], results, "tests/chaos"))
    if suite == "sdk":
        job = script_job(suite, ["tests/sdk/run"], 900)
        job[0].env = {"HOOKGATE": str(build_folder(builds[0]) / "hookgate")}
        return job
    return script_job(suite, ["scripts/fresh-machine", suite[-2:]], 1800)


def choose(options):
    if options.suites:
        return [name for name in SUITES if any(name == s or name.startswith(s + "-") for s in options.suites)]
    if options.quick:
        return [name for name, (_, _, when) in SUITES.items() if when == "quick"]
    chosen = ["quick", "normal"] + (["all"] if options.all or IN_CI else [])
    return [name for name, (_, _, when) in SUITES.items() if when in chosen]


class Tally:
    """Gathers results of jobs as they end, prints a line per job."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed, self.problems, self.skipped = 0, [], []

    def add(self, suite, name, seconds, result):
        with self.lock:
            self.passed += result.passed
            self.problems += [(suite, name, test, text) for test, text in result.problems]
            self.skipped += [(suite, name, test, text) for test, text in result.skipped]
            word = "FAILED" if result.problems else "ok"
            more = f", {len(result.problems)} failed" if result.problems else ""
            more += f", {len(result.skipped)} skipped" if result.skipped else ""
            print(f"{word:6} {suite}: {name}: {result.passed} passed{more} ({seconds:.1f} s)", flush=True)

    def finish(self):
        for suite, name, test, text in self.problems:
            print(f"\n=== {suite}: {name}: {test}\n{text.rstrip()}")
        for suite, name, test, text in self.skipped:
            print(f"\n--- skipped: {suite}: {name}: {test}: {text}")
        failed = len(self.problems) + (len(self.skipped) if IN_CI else 0)
        print(f"\n{self.passed} passed, {failed} failed")
        return 1 if failed or not self.passed else 0


def run_job(job, tally):
    began = time.monotonic()
    output, code = run(job.command, job.env, job.timeout)
    tally.add(job.suite, job.name, time.monotonic() - began, job.read(output, code))


def main():
    parser = argparse.ArgumentParser(prog="scripts/test")
    parser.add_argument("--quick", action="store_true", help="one pass over what takes seconds")
    parser.add_argument("--all", action="store_true", help="the bare Debian machines too")
    parser.add_argument("--installed", action="store_true", help="do not look for missing packages")
    parser.add_argument("--list", action="store_true", help="name the suites")
    parser.add_argument("suites", nargs="*", metavar="suite", help="'unit' means all whose name begins so")
    options = parser.parse_args()
    if options.list:
        for name, (what, _, when) in SUITES.items():
            print(f"{name:18} {when:7} {what}")
        return 0
    suites = choose(options)
    if not suites or any(not any(name == s or name.startswith(s + "-") for name in SUITES) for s in options.suites):
        parser.error("no such suite; --list names them")

    tally, broken = Tally(), set()
    for name in BUILDS:
        if not any(name in SUITES[s][1] for s in suites):
            continue
        began = time.monotonic()
        output, code = build(name)
        if code != 0:
            broken.add(name)
        tally.add("build", name, time.monotonic() - began, read_build(name, output, code))

    with tempfile.TemporaryDirectory(prefix="hookgate-tests-") as results:
        jobs = []
        for suite in suites:
            if broken & set(SUITES[suite][1]):
                tally.add(suite, suite, 0, read_status(suite, "not run: its build failed", 1))
            else:
                jobs += jobs_of(suite, results)
        # The long ones first, so that the short ones fill the gap at the end.
        jobs.sort(key=lambda job: not job.first)
        with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
            for future in [pool.submit(run_job, job, tally) for job in jobs]:
                future.result()
    return tally.finish()


sys.exit(main())
