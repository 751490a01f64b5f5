"""Providers: they send the known events to every gateway until each is taken, and some of them at the same time again.

Each thread of each gateway's load asks here what to send next and tells what came of it; so a retry may go to another
gateway, and a copy may be on its way while the first is.
"""

import collections
import random
import threading
import time

import harness
import sign
from harness import wait_until
from history import Event
from world import GITHUB, STRIPE, is_split, owner_of

OPEN_MOST = 100  # without a 2xx; a provider that is refused sends what it has before what is new
COPIES = 0.25
# Seconds between two deliveries of a thread: a replay window has to hold all that comes while a failover takes its time.
PACE = {"single": 0, "sentinel": 0.02, "cluster": 0.02}


class Clients:
    def __init__(self, world, history, seed, threads=3):
        self.world, self.history = world, history
        self.random = random.Random(seed)
        self.shared = [route for route in world.routes() if owner_of(route) is None]
        self.lock = threading.Lock()
        self.number = 0
        self.large = False
        # What was refused, by who may take it: a gateway, or None for anybody.
        self.again = collections.defaultdict(collections.deque)
        self.recent = collections.defaultdict(lambda: collections.deque(maxlen=16))
        self.loads = [harness.Load(gateway.address(), lambda i=i: self._next(i), threads,
                                   told=lambda delivery, status, i=i: self._told(i, delivery, status))
                      for i, gateway in enumerate(world.gateways)]

    def __enter__(self):
        for load in self.loads:
            load.__enter__()
        return self

    def __exit__(self, *_):
        for load in self.loads:
            load.finish()

    def done(self):
        return sum(load.done() for load in self.loads)

    def wait_more(self, count):
        goal = self.done() + count
        wait_until(lambda: self.done() >= goal, f"{count} more deliveries", 60)

    # ---- what is sent ----

    def _next(self, gateway):
        time.sleep(PACE[self.world.topology])
        with self.lock:
            event = self._choose(gateway)
            self.recent[whose(event)].append(event)
        self.history.send(event)
        return delivery_of(event)

    def _choose(self, gateway):
        mine = self.random.choice([gateway, None])
        for queue in (self.again[mine], self.again[gateway], self.again[None]):
            if queue and (sum(map(len, self.again.values())) >= OPEN_MOST or self.random.random() < 0.5):
                return queue.popleft()
        if self.recent[mine] and self.random.random() < COPIES:
            return self.random.choice(self.recent[mine])
        return self._new(gateway if mine is not None else None)

    def _new(self, gateway):
        self.number += 1
        route = self.random.choice(self.shared if gateway is None else [f"ordered{gateway}", f"keyed{gateway}"])
        id = f"evt_{self.number}_{route}"
        size = 150000 if self.large else self.random.choice([0] * 15 + [3000] * 4 + [20000])
        if not is_split(route):
            return Event(id, route, sign.event(id, size=size))
        key = f"cus_{self.number % 7}"
        return Event(id, route, sign.event(id, size=size, data={"customer": key}), key=key)

    def _told(self, gateway, delivery, status):
        self.history.answer(delivery.id, gateway, status)
        event = self.history.events[delivery.id]
        if event.acknowledged is None:
            with self.lock:
                self.again[whose(event)].append(event)

    # ---- the end ----

    def settle(self):
        """All faults have ended: what has no 2xx yet is sent until it has one."""
        harness.at_once([lambda event=event, i=i: self._until_taken(event, i) for i, event in enumerate(self.history.open())],
                        threads=8)

    def _until_taken(self, event, i):
        gateway = whose(event)
        number = i % len(self.world.gateways) if gateway is None else gateway

        def taken():
            self.history.send(event)
            status = None
            try:
                status = self.world.gateways[number].deliver(delivery_of(event)).status
            except (OSError, harness.wire.Closed):
                pass
            self.history.answer(event.id, number, status)
            return event.acknowledged is not None

        wait_until(taken, f"{event.id} to be taken", 60)


def whose(event):
    """The gateway that alone gets this event; None where any may."""
    return owner_of(event.route)


def delivery_of(event):
    """Signed anew each time, as a provider does."""
    path = f"/hooks/{event.route}"
    if event.route == "guarded":
        return sign.github(GITHUB, id=event.id, body=event.body, path=path)
    return sign.stripe(STRIPE, id=event.id, body=event.body, path=path)
