"""The pressure benchmark in small: a crowd of one account's jobs does not slow another account."""

import pytest

from bench import pressure

pytestmark = pytest.mark.sweep

CROWD, FEW = 60, 4


@pytest.fixture(scope="module")
def alone() -> pressure.Run:
    return pressure.run(0, FEW)


def test_a_crowd_does_not_slow_another_account(alone: pressure.Run) -> None:
    fair, crude = pressure.run(CROWD, FEW), pressure.run(CROWD, FEW, fair=False)
    assert fair.wrong == crude.wrong == alone.wrong == []
    assert len(fair.crowd) == CROWD
    assert max(fair.few) < max(alone.few) + max(pressure.TAKES.values()) * 2
    assert crude.few[0] > fair.few[0] + 10  # else there was no pressure at all


def test_a_crowd_at_a_provider_that_never_calls_back_is_served_whole() -> None:
    assert pressure.run(CROWD, FEW, called=False).wrong == []
