"""Each fault alone, twice in a round."""

import pytest
from faults import FAULTS
from rounds import play


@pytest.mark.parametrize("name", FAULTS)
def test_alone(name, seed):
    report = play(seed, [name], 2, name)
    print(report.text())
    assert not report.problems, report.text()
    assert report.events > 50
