"""A queue is gone when the paces and quotas that a run keeps to let it go."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from drip.core.drain import Jam, Tap, jams
from drip.core.pace import Count, Terms, take

START = datetime(2026, 12, 1, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NINE = datetime(2026, 12, 1, 9, tzinfo=UTC)


def tap(terms: Terms, used: int = 0, days_before: int = 0) -> Tap:
    return Tap(terms.per_minute, (terms,), (used,), (days_before,))


def test_a_broadcast_that_takes_the_day() -> None:
    assert jams({NINE: 60 * 5}, tap(Terms(1)), START, "UTC") == [
        Jam(date(2026, 12, 1), 300, 300, 0, NINE + timedelta(hours=5))
    ]


def test_what_is_gone_within_the_hour_is_no_news() -> None:
    assert jams({NINE: 59, NINE + timedelta(hours=2): 59}, tap(Terms(1)), START, "UTC") == []


def test_a_quota_spreads_it_over_days() -> None:
    found = jams({NINE: 250}, tap(Terms(None, 100), used=30), START, "UTC")
    midnight = datetime(2026, 12, 2, tzinfo=UTC)
    gone = midnight + timedelta(days=1)
    assert found == [
        Jam(date(2026, 12, 1), 250, 70, 180, gone),
        Jam(date(2026, 12, 2), 0, 100, 80, gone),
        Jam(date(2026, 12, 3), 0, 80, 0, gone),
    ]


def test_a_warm_up_doubles() -> None:
    found = jams({NINE: 700}, tap(Terms(None, None, 100)), START, "UTC")
    assert [(each.left, each.waiting) for each in found] == [(100, 600), (200, 400), (400, 0)]


def test_quotas_of_several_relays_add_up_and_one_without_takes_all() -> None:
    both = Tap(None, (Terms(None, 100), Terms(None, 50)), (0, 20), (0, 0))
    assert [each.left for each in jams({NINE: 200}, both, START, "UTC")] == [130, 70]
    assert jams({NINE: 10_000}, Tap(None, (Terms(None, 1), Terms()), (0, 0), (0, 0)), START, "UTC") == []


def test_days_are_those_of_the_zone() -> None:
    late = datetime(2026, 12, 2, 4, tzinfo=UTC)  # eleven in the evening in New York
    found = jams({late: 120}, tap(Terms(1)), START, "America/New_York")
    assert [(each.day, each.left, each.waiting) for each in found] == [
        (date(2026, 12, 1), 60, 60),
        (date(2026, 12, 2), 60, 0),
    ]


def played(due: dict[datetime, int], terms: Terms) -> datetime:
    """When the last one left, if runs take leave minute by minute as they do (`drip.core.pace.take`)."""
    count, now, queue, last = Count(START - timedelta(days=1)), START, 0, START
    waiting = sorted(due.items(), reverse=True)
    while waiting or queue:
        while waiting and waiting[-1][0] <= now:
            queue += waiting.pop()[1]
        step = now
        while queue and step < now + MINUTE:
            count, leave = take(terms, count, queue, step, "UTC")
            queue -= leave.granted
            last = step if leave.granted else last
            if leave.again_at is None or not queue:
                break
            step = leave.again_at
        now += MINUTE
    return last


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(st.integers(0, 900), st.integers(1, 150), min_size=1, max_size=3),
    st.integers(1, 4),
    st.one_of(st.none(), st.integers(60, 200)),
)
@example({60: 150, 900: 150}, 1, 60)
def test_the_queue_is_gone_when_runs_have_sent_it(minutes: dict[int, int], pace: int, quota: int | None) -> None:
    due = {START + minute * MINUTE: number for minute, number in minutes.items()}
    terms = Terms(pace, quota)
    found = jams(due, tap(terms), START, "UTC")
    last = played(due, terms)
    if found and found[-1].gone_at >= last - 2 * MINUTE:
        assert abs(found[-1].gone_at - last) <= 2 * MINUTE
    else:
        assert last - max(due) <= timedelta(hours=1, minutes=2), "only what is gone within the hour is not told"
    assert all(each.waiting > 0 or each.gone_at.date() == each.day for each in found)
