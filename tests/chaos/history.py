"""What the clients did and were told, and the judgement over it.

The checker knows nothing of gateways: it is given the history and what stands in the streams, and names what breaks the
promise. The one difficulty is the order: only what was answered before another was first sent has to stand before it.
"""

import collections
import dataclasses
import threading
import time

# Answers that a gateway may give to a delivery that is as it should be; None: the connection broke before one came.
ANSWERS = {200, 503, None}


@dataclasses.dataclass
class Event:
    """One event of the known set. Times are seconds of the monotonic clock."""

    id: str
    route: str
    body: bytes
    sent: float | None = None
    acknowledged: float | None = None
    answers: list = dataclasses.field(default_factory=list)
    key: str | None = None  # of a route that is split, whose order is promised among equal ones

    def told(self, began):
        return ", ".join(f"{status or 'no answer'} by {gateway} at {at - began:.3f}" for at, gateway, status in self.answers)


class History:
    """Every event, when it was first sent, and every answer to it. Any thread may write."""

    def __init__(self, clock=time.monotonic):
        self.clock = clock
        self.began = clock()
        self.events = {}
        self.lock = threading.Lock()

    def send(self, event):
        with self.lock:
            self.events.setdefault(event.id, event)
            if event.sent is None:
                event.sent = self.clock()

    def answer(self, id, gateway, status):
        with self.lock:
            event = self.events[id]
            event.answers.append((self.clock(), gateway, status))
            if event.acknowledged is None and status is not None and 200 <= status < 300:
                event.acknowledged = self.clock()

    def open(self):
        """The events without a 2xx."""
        with self.lock:
            return [event for event in self.events.values() if event.acknowledged is None]

    def acknowledged(self):
        with self.lock:
            return [event for event in self.events.values() if event.acknowledged is not None]

    def count(self):
        with self.lock:
            return collections.Counter(status for event in self.events.values() for _, _, status in event.answers)


@dataclasses.dataclass(frozen=True)
class Problem:
    kind: str
    id: str
    text: str

    def __str__(self):
        return f"{self.kind}: {self.id}: {self.text}"


def check(history, streams, ordered=()):
    """What is wrong, as a list of Problems. `streams`: route -> entries in order, as (id, body); `ordered`: the routes whose
    order is promised."""
    problems = []

    def wrong(kind, id, text):
        problems.append(Problem(kind, id, text))

    places = collections.Counter((route, id) for route, found in streams.items() for id, _ in found)
    for (route, id), count in places.items():
        if count > 1:
            event = history.events.get(id)
            wrong("doubled", id, f"{count} times in {route}; answers: {event.told(history.began) if event else 'none'}")
    for route, found in streams.items():
        for id, body in found:
            event = history.events.get(id)
            if event is None or event.sent is None or event.route != route:
                wrong("never sent", id, f"an entry of {route}")
            elif event.body != body:
                wrong("changed", id, f"{len(body)} bytes in {route} are not the {len(event.body)} that were sent")
    for event in history.events.values():
        if event.acknowledged is None:
            wrong("unanswered", event.id, f"no 2xx at the end; answers: {event.told(history.began)}")
        elif not places[event.route, event.id]:
            wrong("lost", event.id, f"not in {event.route}; answers: {event.told(history.began)}")
        for _, gateway, status in event.answers:
            if status not in ANSWERS:
                wrong("odd answer", event.id, f"{status} by {gateway}")
    for route in ordered:
        problems += out_of_order(history, route, streams.get(route, []))
    return problems


def out_of_order(history, route, found):
    """Entries that stand behind one, of the same key, that was first sent after they had been acknowledged."""
    problems, last_of = [], {}
    for id, _ in found:
        event = history.events.get(id)
        if event is None or event.sent is None:
            continue
        latest = last_of.get(event.key)
        if latest and event.acknowledged is not None and latest.sent > event.acknowledged:
            problems.append(Problem("out of order", id, f"in {route} behind {latest.id}, which was sent "
                                    f"{latest.sent - event.acknowledged:.3f} s after it had been acknowledged; "
                                    f"answers: {event.told(history.began)}; of the other: {latest.told(history.began)}"))
        if latest is None or event.sent > latest.sent:
            last_of[event.key] = event
    return problems
