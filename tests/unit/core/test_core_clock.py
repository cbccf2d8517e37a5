"""When a clock is believed: not an hour back, not five weeks ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.core.clock import AHEAD_MAX, BACK_MAX, doubt

LAST = datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (timedelta(), None),
        (-BACK_MAX, None),
        (-BACK_MAX - timedelta(seconds=1), "the last run was after that"),
        (AHEAD_MAX, None),
        (AHEAD_MAX + timedelta(seconds=1), "35 days after the last run"),
        (timedelta(days=26_700), "26,700 days after the last run"),
    ],
)
def test_a_clock_is_doubted_by_its_step(step: timedelta, says: str | None) -> None:
    found = doubt(LAST + step, LAST)
    assert (found is None) if says is None else says in (found or "")


def test_a_first_run_has_nothing_to_compare() -> None:
    assert doubt(LAST, None) is None


@given(st.timedeltas(-BACK_MAX, AHEAD_MAX))
def test_whatever_cron_does_within_five_weeks_is_believed(step: timedelta) -> None:
    assert doubt(LAST + step, LAST) is None
