"""All faults mixed; and rounds that really lose, double and make up events, in which the checker must say so."""

import rounds
from rounds import play, those_of

EVERYTHING, IN_ORDER = those_of("single", False), those_of("single", True)


def test_all_mixed(seed):
    report = play(seed, EVERYTHING, 5, f"everything mixed, seed {seed}")
    assert not report.problems, report.text()


def test_all_mixed_in_order(seed):
    report = play(seed, IN_ORDER, 5, f"mixed in order, seed {seed}")
    assert not report.problems, report.text()


def test_the_seed_decides():
    """The same seed draws the same faults."""

    class World:
        gateways = [None] * 3

    def drawn(seed):
        nemesis = rounds.Nemesis(World, None, seed, EVERYTHING)
        return [(fault.name, i) for _ in range(20) for fault, i in nemesis._draw()]

    assert drawn(7) == drawn(7) != drawn(8)


# ---- what the checker must see ----


def between(act):
    """Acts once, in the middle of the load."""

    def step(nemesis, number):
        if number == 0:
            nemesis.clients.wait_more(100)
            act(nemesis)
            nemesis.clients.wait_more(100)

    return step


def forget_all(nemesis):
    nemesis.world.redis.kill()
    nemesis.world.redis.restart()


def test_sees_what_redis_lost_where_there_is_no_window(seed):
    report = play(seed, [], 1, "no appendonly, no window", act=between(forget_all), patience=1, appendonly="no",
                  judge_order=False, change={"replay_window": {"time": "0s"}})
    assert report.kinds() == {"lost"}, report.text()


def test_sees_what_was_flushed(seed):
    """The same Redis, so that nobody sends anything again."""
    report = play(seed, [], 1, "FLUSHALL", act=between(lambda nemesis: nemesis.world.db().flushall()), patience=1)
    assert "lost" in report.kinds(), report.text()


def test_sees_what_stands_twice_and_too_late(seed):
    """As if the mark and the entry were not made in one step: the marks are gone, the entries are not."""

    def forget_marks(nemesis):
        db = nemesis.world.db()
        for key in db.scan_iter("hookgate:*:seen:*"):
            db.delete(key)
        sent = next(event for event in nemesis.clients.history.acknowledged() if event.route == "ordered0")
        assert nemesis.world.gateways[0].deliver(rounds.delivery_of(sent)).status == 200

    report = play(seed, [], 1, "marks gone", act=between(forget_marks))
    assert report.kinds() == {"doubled", "out of order"}, report.text()


def test_sees_what_nobody_sent(seed):
    def make_up(nemesis):
        nemesis.world.db().xadd("hookgate:{plain}:events", {"id": "made up", "data": "{}"})

    report = play(seed, [], 1, "made up", act=between(make_up))
    assert report.kinds() == {"never sent"}, report.text()
