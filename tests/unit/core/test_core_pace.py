"""Paces, quotas and warm-ups, on a clock that is pushed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.pace import Count, Leave, Terms, allowance, day_of, give_back, kept_back, take

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZONE = "America/New_York"


def test_a_slow_pace_lets_one_go_and_spaces_the_rest() -> None:
    terms, count = Terms(30), Count(NOON)
    count, leave = take(terms, count, 10, NOON, ZONE)
    assert (leave.granted, leave.again_at) == (1, NOON + timedelta(seconds=2))
    count, leave = take(terms, count, 10, NOON + timedelta(seconds=1), ZONE)
    assert (leave.granted, leave.again_at) == (0, NOON + timedelta(seconds=2))
    count, leave = take(terms, count, 10, NOON + timedelta(seconds=2), ZONE)
    assert leave.granted == 1


def test_a_long_rest_saves_up_one_burst_at_the_most() -> None:
    for terms, most in ((Terms(600), 10), (Terms(20, burst_seconds=60), 20)):
        _, leave = take(terms, Count(NOON), 1_000, NOON + timedelta(days=300), ZONE)
        assert leave.granted == most


def test_a_clock_that_goes_back_gives_nothing_for_a_while_and_breaks_nothing() -> None:
    terms = Terms(60)
    count, _ = take(terms, Count(NOON), 1, NOON, ZONE)
    back = NOON - timedelta(seconds=5)
    count, leave = take(terms, count, 1, back, ZONE)
    assert (leave.granted, leave.again_at) == (0, NOON + timedelta(seconds=1))
    # A clock that was a year ahead has left a moment that nobody shall wait for.
    ahead, _ = take(terms, Count(NOON), 1, NOON + timedelta(days=365), ZONE)
    assert take(terms, ahead, 1, NOON, ZONE)[1].granted == 1


def test_a_quota_is_of_the_projects_day() -> None:
    terms, count = Terms(quota=5), Count(NOON)
    count, leave = take(terms, count, 3, NOON, ZONE)
    assert (leave.granted, leave.is_spent) == (3, False)
    count, leave = take(terms, count, 3, NOON, ZONE)
    assert leave.granted == 2
    count, leave = take(terms, count, 3, NOON + timedelta(hours=16, minutes=59), ZONE)
    assert (leave.granted, leave.is_spent) == (0, True)
    assert leave.again_at == datetime(2026, 11, 24, 5, tzinfo=UTC), "midnight in New York"
    assert take(terms, count, 3, leave.again_at, ZONE)[1].granted == 3


def test_a_warm_up_doubles_on_each_day_that_sends_and_ends_at_the_quota() -> None:
    terms, count, now, had = Terms(quota=300, warm_up=50), Count(NOON), NOON, []
    for day in range(6):
        if day != 2:  # nothing is sent on the third day
            count, leave = take(terms, count, 1_000, now, ZONE)
            had.append(leave.granted)
        now += timedelta(days=1)
    assert had == [50, 100, 200, 300, 300]
    assert allowance(Terms(warm_up=50), 10_000) > 10**8


def test_a_day_that_comes_again_is_not_a_new_one() -> None:
    terms = Terms(quota=5)
    count, _ = take(terms, Count(NOON), 5, NOON, ZONE)
    _, leave = take(terms, count, 5, NOON - timedelta(days=1), ZONE)
    assert leave.granted == 0


def test_what_is_given_back_can_be_taken_again_on_the_same_day_only() -> None:
    terms = Terms(60, quota=10, burst_seconds=60)
    count, leave = take(terms, Count(NOON - timedelta(hours=1)), 10, NOON, ZONE)
    assert leave.granted == 10
    assert take(terms, give_back(terms, count, 4, NOON, ZONE), 10, NOON, ZONE)[1].granted == 4
    tomorrow = NOON + timedelta(days=1)
    assert give_back(terms, count, 4, tomorrow, ZONE) == count


def test_the_day_has_25_hours_in_autumn() -> None:
    name, next_day = day_of(datetime(2026, 11, 1, 4, 0, tzinfo=UTC), ZONE)
    assert (name, next_day) == ("2026-11-01", datetime(2026, 11, 2, 5, tzinfo=UTC))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 6_000),
    st.sampled_from([1, 60]),
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 100)), min_size=1, max_size=40),
)
def test_never_more_than_the_pace_and_one_burst(
    per_minute: int, burst_seconds: int, asked: list[tuple[float, int]]
) -> None:
    terms, count, now = Terms(per_minute, burst_seconds=burst_seconds), Count(NOON), NOON
    granted = []
    for rest, wanted in asked:
        now += timedelta(seconds=rest)
        count, leave = take(terms, count, wanted, now, ZONE)
        granted.append((now, leave.granted))
        assert leave.granted == wanted or leave.again_at is not None
        if leave.again_at is not None:
            assert leave.again_at > now
            assert take(terms, count, 1, leave.again_at, ZONE)[1].granted == 1, "whoever asks again then gets one"
    for first, (begin, _) in enumerate(granted):
        for last in range(first, len(granted)):
            total = sum(number for _, number in granted[first : last + 1])
            elapsed = granted[last][0] - begin
            assert total <= terms.burst + elapsed / terms.interval + 1e-6


Asked = tuple[bool, int, int]  # urgent or not, how many, and how many more urgent ones are planned by then
DAYS = st.lists(st.tuples(st.booleans(), st.integers(1, 60), st.integers(0, 120)), min_size=1, max_size=30)


def newsletters_keep_off(asked: list[Asked], terms: Terms, take_leave: Callable[..., tuple[Count, Leave]]) -> bool:
    """Whether on one day urgent messages find all that is kept for them, whatever newsletters ask for."""
    most, count = terms.quota or 0, Count(NOON)
    for urgent, wanted, planned in asked:
        kept = 0 if urgent else kept_back(terms, most, planned)
        before = count.used
        count, leave = take_leave(terms, count, wanted, NOON, ZONE, kept=kept)
        if urgent and leave.granted != min(wanted, most - before):
            return False
        if not urgent and leave.granted and most - count.used < min(kept, most):
            return False
        if not leave.granted and leave.kept != most - count.used:
            return False
    return True


@settings(max_examples=100, deadline=None)
@given(DAYS, st.integers(1, 400), st.integers(0, 90), st.one_of(st.none(), st.integers(0, 500)))
def test_newsletters_never_touch_what_is_kept(
    asked: list[Asked], quota: int, percent: int, reserve: int | None
) -> None:
    terms = Terms(quota=quota, reserve=reserve, reserve_percent=percent)
    assert newsletters_keep_off(asked, terms, take)


def test_it_would_be_seen_if_they_did() -> None:
    def forgets(*args: object, kept: int) -> tuple[Count, Leave]:
        return take(*args)  # type: ignore[arg-type]

    def counts_the_used_twice(terms: Terms, count: Count, *rest: object, kept: int) -> tuple[Count, Leave]:
        return take(terms, count, *rest, kept=kept - count.used)  # type: ignore[arg-type]

    asked = [(False, 60, 10), (True, 5, 10), (False, 60, 10), (True, 60, 0)]
    assert newsletters_keep_off(asked, Terms(quota=100), take)
    for mutant in (forgets, counts_the_used_twice):
        assert not newsletters_keep_off(asked, Terms(quota=100), mutant)
