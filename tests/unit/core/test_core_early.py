"""Reminders to many begin earlier: as much as the relays need, never too early, and so that nobody misses one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.decide import Do, Skip, Wait, decide
from drip.core.early import LEAST, beginning, earliest, lead_of
from drip.core.lateness import until_session
from drip.core.records import Facts
from tests.unit.core.test_core_lateness import CAMPAIGN, NOON, REMIND, at, registrant, sequence

MINUTE = timedelta(minutes=1)
LIVE = REMIND.steps[-1]
HOUR = REMIND.steps[-2]
DAY = REMIND.steps[-3]


@pytest.mark.parametrize(
    ("step", "before", "readers", "per_minute", "begins"),
    [
        (LIVE, 10, 10_000, 1_200, 19),
        (LIVE, 10, 1_200, 1_200, 10),  # a minute is no queue
        (LIVE, 10, 1_300, 1_200, 12),
        (LIVE, 10, 6_000, 300, 25),  # twenty minutes, and no earlier than that
        (HOUR, 60, 10_000, 1_200, 60),  # there is half an hour for it anyway
        (HOUR, 60, 6_000, 120, 77),
        (HOUR, 60, 600_000, 120, 150),
        (DAY, 24 * 60, 600_000, 60, 24 * 60),
    ],
)
def test_what_does_not_fit_begins_earlier(step, before, readers, per_minute, begins) -> None:  # type: ignore[no-untyped-def]
    due = NOON.starts - before * MINUTE
    assert (NOON.starts - beginning(step, due, NOON.starts, lead_of(readers, per_minute))) / MINUTE == begins


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([(LIVE, 10), (HOUR, 60)]), st.integers(0, 200_000), st.integers(1, 6_000))
def test_it_begins_as_late_as_it_can_and_early_enough(which: tuple, readers: int, per_minute: int) -> None:  # type: ignore[type-arg]
    step, before = which
    due, lead = NOON.starts - before * MINUTE, lead_of(readers, per_minute)
    begins = beginning(step, due, NOON.starts, lead)
    assert earliest(due, NOON.starts) <= begins <= due
    if earliest(due, NOON.starts) < begins:
        assert begins + lead <= max(until_session(step, due, NOON.starts), due + LEAST), "the first tries are in time"
    more = beginning(step, due, NOON.starts, lead_of(readers + 1, per_minute))
    assert more <= begins


def walk(facts: Facts) -> list[tuple[object, str]]:
    """What is decided about the last reminder, at each moment at which it is looked at."""
    steps = sequence("registers", "live | 10 minutes before session", stop="cancels")
    now, seen = facts.enrollment.started_at, []
    for _ in range(20):
        decision = decide(steps, facts, now, campaign=CAMPAIGN)
        if not isinstance(decision, Wait):
            assert isinstance(decision, Do | Skip)
            return [*seen, (f"{now:%H:%M}", type(decision).__name__)]
        seen.append((f"{now:%H:%M}", "Wait"))
        now = decision.until
    raise AssertionError("it never comes to an end")


def test_it_is_looked_at_from_the_earliest_moment_on() -> None:
    facts = registrant(at(2026, 12, 8, 9, 0))
    looked = [len(walk(replace(facts, lead=lead))) for lead in (None, timedelta(seconds=20), 9 * MINUTE)]
    assert looked == [2, 3, 3]


def test_nobody_loses_a_reminder_by_its_coming_earlier() -> None:
    for minutes in range(60):
        registered = NOON.starts - minutes * MINUTE
        plain = registrant(registered)
        early = replace(plain, lead=12 * MINUTE)
        assert walk(plain)[-1][1] == walk(early)[-1][1]
        if walk(early)[-1][1] == "Do":
            steps = sequence("registers", "live | 10 minutes before session", stop="cancels")
            first = next(
                registered + minute * MINUTE
                for minute in range(61)
                if isinstance(decide(steps, early, registered + minute * MINUTE, campaign=CAMPAIGN), Do)
            )
            assert first >= registered + 15 * MINUTE, "the confirmation has just told them"


def test_the_reason_says_why_it_comes_earlier() -> None:
    facts = replace(registrant(at(2026, 12, 8, 9, 0)), lead=9 * MINUTE)
    steps = sequence("registers", "live | 10 minutes before session", stop="cancels")
    decision = decide(steps, facts, NOON.starts - 15 * MINUTE, campaign=CAMPAIGN)
    assert isinstance(decision, Do)
    assert decision.reason.text.endswith("begun earlier: the relays need 9 minutes for everybody")
