"""One round: a world, clients, a nemesis that follows its seed, the end of all faults, and the checker's judgement."""

import collections
import contextlib
import os
import pathlib
import random
import shutil
import tempfile
import time

from clients import Clients, delivery_of
import failovers  # noqa: F401: they are in FAULTS then
from faults import FAULTS
from harness import wait_until
from history import History, check
from world import World, owner_of


def seed_of_the_environment():
    given = os.environ.get("HOOKGATE_CHAOS_SEED")
    return int(given) if given else random.randrange(1, 10**9)


class Nemesis:
    """Which faults, on what, for how long: all drawn from the seed. (How it meets what the machine does is not.)"""

    def __init__(self, world, clients, seed, faults):
        self.world, self.clients = world, clients
        self.random = random.Random(seed)
        self.faults = [FAULTS[name] for name in faults]
        self.began = time.monotonic()
        self.said = []
        self.lost_bytes = 0
        self.stopped = set()  # gateways

    def say(self, text):
        self.said.append(f"{time.monotonic() - self.began:8.3f} {text}")

    def linger(self):
        """Until some deliveries more were made, and a moment longer."""
        count, pause = self.random.randint(5, 60), self.random.choice([0, 0.05, 0.2, 0.5])
        self.wait_more(count)
        time.sleep(pause)

    def wait_more(self, count):
        """Until so many deliveries more were made, where a gateway is there to take them."""
        if len(self.stopped) < len(self.world.gateways):
            self.clients.wait_more(count)

    def linger_alone(self):
        """A moment in which no delivery need be taken."""
        time.sleep(self.random.choice([0, 0.2, 0.5, 1]))

    def _draw(self):
        """One to three faults that do not get in each other's way."""
        drawn, taken = [], set()
        for _ in range(self.random.choice([1, 2, 2, 3]) if len(self.faults) > 1 else 1):
            fault = self.random.choice(self.faults)
            i = self.random.randrange(len(self.world.gateways))
            part = f"{fault.part}{i}" if fault.part in ("gateway", "net") else fault.part
            if part in taken or (taken and "all" in (*taken, part)):
                continue
            taken.add(part)
            drawn.append((fault, i))
        return drawn

    def step(self):
        running = []
        for fault, i in self._draw():
            self.say(f"{fault.name} ({i}) begins")
            run = fault.begin(self, i)
            next(run)
            running.append((run, fault, i))
            if self.random.random() < 0.5:
                self.linger()
        self.linger()
        self.random.shuffle(running)
        for run, fault, i in running:
            next(run, None)
            self.say(f"{fault.name} ({i}) has ended")
            if self.random.random() < 0.5:
                self.linger()


class Report:
    """What a round came to."""

    def __init__(self, title):
        self.title = title
        self.problems, self.said = [], []
        self.counts = collections.Counter()
        self.events = 0
        self.lost_bytes = 0
        self.refilled = 0  # events that Redis had lost and got again
        self.seconds = 0

    def kinds(self):
        return {problem.kind for problem in self.problems}

    def summary(self):
        answers = ", ".join(f"{count} x {status or 'no answer'}" for status, count in self.counts.most_common())
        lost = f"Redis lost {self.lost_bytes} bytes, " if self.lost_bytes else ""
        return (f"{self.title}: {self.events} events, {answers}; {lost}{self.refilled} lost ones were brought back; "
                f"{len(self.problems)} problems ({self.seconds:.1f} s)")

    def text(self):
        return "\n".join([self.summary(), *self.said, *map(str, self.problems[:20])])


def last_words(gateway):
    """What its log ends with, but for the deliveries."""
    lines = [line for line in gateway.log_text().split("\n") if '"event":"delivery"' not in line]
    return "\n".join([f"---- {gateway.folder.name} ----", *lines[-20:]])


def refilled(gateway):
    """What replay windows brought back, as its log has it."""
    lines = gateway.log("replay window sent again") + gateway.log("replay window of the last gateway sent again")
    return sum(line["missing"] for line in lines)


def needs_of(faults):
    needs = {}
    for name in faults:
        needs.update(FAULTS[name].needs)
    return needs


def settle(world, clients, patience):
    """The faults are over: the journals drain, what was refused is taken, what Redis lost is sent again."""
    world.store.settle()
    for gateway in world.gateways:
        assert gateway.running(), f"a gateway has ended by itself: {gateway.process.returncode}\n{gateway.log_text()[-3000:]}"
        gateway.wait_ready()
        assert world.topology == "single" or not gateway.log("replay window cut short"), "more came than the window holds"
    clients.settle()
    world.wait_drained()

    def all_there():
        there = {id for found in world.streams().values() for id, _ in found}
        return all(event.id in there for event in clients.history.acknowledged())

    # Who is missing then is what the checker is for.
    with contextlib.suppress(AssertionError):
        wait_until(all_there, "everything acknowledged to be there", patience)


def play(seed, faults, steps, title, gateways=2, act=None, patience=30, judge_order=None, **world):
    """Plays one round and returns its Report. `act(nemesis, step)`: what a test does in each step beside the nemesis;
    the order is judged where no fault may spoil it, or where the caller says so."""
    report = Report(title)
    began = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hookgate-chaos-"))
    reorders = any(FAULTS[name].reorders for name in faults)
    world = {"fsync": "everysec" if reorders or world.get("topology", "single") != "single" else "always", **needs_of(faults), **world}
    try:
        with contextlib.closing(World(folder, gateways, **world)) as made:
            history = History()
            nemesis = None
            try:
                with Clients(made, history, seed) as clients:
                    nemesis = Nemesis(made, clients, seed, faults)
                    clients.wait_more(50)
                    for step in range(steps):
                        if act:
                            act(nemesis, step)
                        if faults:
                            nemesis.step()
                settle(made, clients, patience)
                made.stop()
                ordered = [route for route in made.routes() if owner_of(route) is not None]
                judge = not reorders if judge_order is None else judge_order
                report.problems = check(history, made.streams(), ordered if judge else ())
            except BaseException:
                print("\n".join([f"{title}: broken off", *(nemesis.said if nemesis else []), *map(last_words, made.gateways)]))
                raise
            report.said, report.lost_bytes = nemesis.said, nemesis.lost_bytes
            report.refilled = sum(map(refilled, made.gateways))
            report.events, report.counts = len(history.events), history.count()
    finally:
        keep = os.environ.get("HOOKGATE_CHAOS_KEEP")
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    report.seconds = time.monotonic() - began
    return report


def those_of(topology, in_order):
    """Two kinds of mixed rounds: one in which the order is promised, and one with all that may happen."""
    return [name for name, fault in FAULTS.items()
            if topology in fault.on and not fault.needs and not (in_order and fault.reorders)]


def mixed(seed, steps, topology="single"):
    """A round whose kind and gateways are drawn from the seed too."""
    draw = random.Random(seed)
    in_order = draw.random() < 0.4
    return play(seed, those_of(topology, in_order), steps, f"{topology}, mixed, {'in order' if in_order else 'everything'}, seed {seed}",
                gateways=draw.choice([1, 2, 2, 3]), topology=topology)
