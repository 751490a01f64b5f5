#!/usr/bin/python3
"""What scripts/chaos runs: mixed rounds, each with a seed of its own, until the time is over."""

import argparse
import pathlib
import random
import signal
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenario")]

import rounds
from faults import EVERYWHERE, FAULTS


def one(seed, options):
    """True where the round went well."""
    try:
        if options.fault:
            report = rounds.play(seed, options.fault, options.steps, f"{', '.join(options.fault)}, seed {seed}",
                                 topology=options.topology)
        else:
            report = rounds.mixed(seed, options.steps, options.topology)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        print(f"FAILED seed {seed}: broken off", flush=True)
        return False
    if report.problems:
        print(f"{report.text()}\nFAILED seed {seed}", flush=True)
        return False
    print(f"ok     {report.summary()}", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(prog="scripts/chaos")
    parser.add_argument("--minutes", type=float, default=5, help="how long; a round that has begun is played to its end")
    parser.add_argument("--rounds", type=int, help="so many rounds, however long they take")
    parser.add_argument("--seed", type=int, help="of the first round; each that follows has the next number")
    parser.add_argument("--steps", type=int, default=8, help="faults, or groups of them, in a round")
    parser.add_argument("--fault", action="append", choices=list(FAULTS), help="only this one; may be said again")
    parser.add_argument("--topology", choices=EVERYWHERE, default="single",
                        help="one Redis; a master, two replicas and three Sentinels; or a Cluster of three masters and three replicas")
    options = parser.parse_args()
    for name in options.fault or []:
        if options.topology not in FAULTS[name].on:
            parser.error(f"{name} is for {' and '.join(FAULTS[name].on)}")
    # What a round has started ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = options.seed if options.seed is not None else random.randrange(1, 10**9)
    print(f"seed {seed}", flush=True)
    ends = time.monotonic() + options.minutes * 60
    passed = failed = 0
    while passed + failed < options.rounds if options.rounds else time.monotonic() < ends:
        good = one(seed + passed + failed, options)
        passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
