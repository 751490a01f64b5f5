"""What the tests here need: the harness of the scenarios, and a seed."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenario")]

import pytest
import rounds


@pytest.fixture
def seed():
    """HOOKGATE_CHAOS_SEED, or a new one; printed, so that a failure tells it."""
    number = rounds.seed_of_the_environment()
    print(f"seed {number}")
    return number
