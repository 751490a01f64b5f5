"""A master with replicas and Sentinels, and a Cluster: all faults mixed; and that the checker sees what a failover loses where there
is no window."""

import pytest
from rounds import play, those_of


@pytest.mark.parametrize("in_order", [False, True], ids=["everything", "in-order"])
@pytest.mark.parametrize("topology", ["sentinel", "cluster"])
def test_all_mixed(topology, in_order, seed):
    report = play(seed, those_of(topology, in_order), 3, f"{topology}, mixed, seed {seed}", topology=topology)
    assert not report.problems, report.text()


LAGGING = [("sentinel", "a-lagging-replica-promoted"), ("cluster", "taken-over-by-a-replica-that-lags")]


@pytest.mark.parametrize("topology, name", LAGGING)
def test_the_window_fills_what_a_failover_lost(topology, name, seed):
    """The fault is one: something was lost, and it came back."""
    report = play(seed, [name], 1, f"{name}, seed {seed}", topology=topology)
    assert not report.problems, report.text()
    assert report.refilled > 0, report.text()


@pytest.mark.parametrize("topology, name", LAGGING)
def test_sees_what_a_failover_lost_where_there_is_no_window(topology, name, seed):
    report = play(seed, [name], 1, f"{name}, no window, seed {seed}", topology=topology, patience=1, judge_order=False,
                  change={"replay_window": {"time": "0s"}})
    assert report.kinds() == {"lost"}, report.text()


def test_sees_what_a_stale_master_took_where_the_window_is_too_short(seed):
    """The bound that README has is one: cut off for longer than the window reaches back, a master takes what is lost with it."""
    report = play(seed, ["master-cut-off"], 1, f"window too short, seed {seed}", topology="sentinel", patience=1, judge_order=False,
                  change={"replay_window": {"time": "1s"}})
    assert report.kinds() == {"lost"}, report.text()
