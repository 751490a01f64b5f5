"""The checker on made-up histories: that it sees what it is there for, and nothing else."""

import itertools

import pytest
from history import Event, History, check


def history(*steps):
    """Steps are ("send", id), ("answer", id, status), each a second after the one before; all of route r."""
    clock = itertools.count()
    made = History(clock=lambda: float(next(clock)))
    for what, id, *status in steps:
        if what == "send":
            made.send(made.events.get(id) or Event(id, "r", id.encode()))
        else:
            made.answer(id, 0, *status)
    return made


def stream(*ids):
    return {"r": [(id, id.encode()) for id in ids]}


def kinds(*arguments, **more):
    return [(problem.kind, problem.id) for problem in check(*arguments, **more)]


A_THEN_B = history(("send", "a"), ("answer", "a", 200), ("send", "b"), ("answer", "b", 200))
AT_ONCE = history(("send", "a"), ("send", "b"), ("answer", "b", 200), ("answer", "a", 200))
RETRIED = history(("send", "a"), ("answer", "a", None), ("send", "a"), ("answer", "a", 503), ("send", "a"), ("answer", "a", 200))
REFUSED = history(("send", "a"), ("answer", "a", 503))
CASES = [
    ("all is well", A_THEN_B, stream("a", "b"), []),
    ("retried, taken once", RETRIED, stream("a"), []),
    ("lost", A_THEN_B, stream("b"), [("lost", "a")]),
    ("all lost", A_THEN_B, {}, [("lost", "a"), ("lost", "b")]),
    ("lost after a retry", RETRIED, stream(), [("lost", "a")]),
    ("doubled", A_THEN_B, stream("a", "b", "a"), [("doubled", "a"), ("out of order", "a")]),
    ("doubled after a retry", RETRIED, stream("a", "a"), [("doubled", "a")]),
    ("never sent", A_THEN_B, stream("a", "b", "c"), [("never sent", "c")]),
    ("never sent, and doubled", A_THEN_B, stream("a", "b", "c", "c"), [("doubled", "c"), ("never sent", "c"), ("never sent", "c")]),
    ("in another stream", A_THEN_B, {"r": stream("b")["r"], "s": stream("a")["r"]}, [("never sent", "a"), ("lost", "a")]),
    ("another body", A_THEN_B, {"r": [("a", b"A"), ("b", b"b")]}, [("changed", "a")]),
    ("out of order", A_THEN_B, stream("b", "a"), [("out of order", "a")]),
    ("sent at once: either order is good", AT_ONCE, stream("b", "a"), []),
    ("sent at once, the other way", AT_ONCE, stream("a", "b"), []),
    ("refused for ever", REFUSED, stream(), [("unanswered", "a")]),
    ("refused, and stored all the same", REFUSED, stream("a"), [("unanswered", "a")]),
    ("an answer that nobody should get", history(("send", "a"), ("answer", "a", 200), ("answer", "a", 401)), stream("a"),
     [("odd answer", "a")]),
]


@pytest.mark.parametrize("made, found, expected", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_checker(made, found, expected):
    assert kinds(made, found, ordered=["r"]) == expected


def test_order_only_where_it_is_promised():
    assert kinds(A_THEN_B, stream("b", "a")) == []


def test_order_over_many():
    """Not only of neighbours."""
    made = history(*[step for id in "abcde" for step in (("send", id), ("answer", id, 200))])
    assert kinds(made, stream(*"abcde"), ordered=["r"]) == []
    assert kinds(made, stream(*"bcdea"), ordered=["r"]) == [("out of order", "a")]
    assert kinds(made, stream(*"eabcd"), ordered=["r"]) == [("out of order", id) for id in "abcd"]


def test_order_among_equal_keys():
    made = history(*[step for id in "abcd" for step in (("send", id), ("answer", id, 200))])
    for id, event in made.events.items():
        event.key = "x" if id in "ac" else "y"
    assert kinds(made, stream(*"bdac"), ordered=["r"]) == [], "each in the order of its own"
    assert kinds(made, stream(*"dbac"), ordered=["r"]) == [("out of order", "b")]


def test_a_problem_tells_what_the_client_was_told():
    [problem] = check(RETRIED, stream())
    assert "no answer by 0" in problem.text and "503 by 0" in problem.text and "200 by 0" in problem.text
