"""Each fault alone, twice in a round; those of several Redis once, since they take their time."""

import pytest
from faults import EVERYWHERE, FAULTS
from rounds import play


CASES = [(topology, name) for topology in EVERYWHERE for name, fault in FAULTS.items()
         if topology in fault.on and (topology == "single" or fault.on == [topology])]


@pytest.mark.parametrize("topology, name", CASES)
def test_alone(topology, name, seed):
    """What happens to gateways alone, with one Redis only."""
    report = play(seed, [name], 2 if topology == "single" else 1, name, topology=topology)
    print(report.text())
    assert not report.problems, report.text()
    assert report.events > 50
