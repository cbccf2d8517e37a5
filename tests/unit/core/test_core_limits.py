"""Closed days and `again`: what authors may write, and what it means for moments (rules 1 and 10)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.limits import ALL_DAY, closed_hours, closing_text, parse_again, parse_closing
from drip.core.model import AgainKind, Closing, Hours
from drip.core.problems import PhraseError
from drip.core.when import due, in_hours, local_wall, next_opening, parse_hours, parse_when

CHRISTMAS = Closing(date(2026, 12, 24), date(2026, 12, 26))


@pytest.mark.parametrize("phrase", ["2026-12-24..2026-12-26", " 2026-12-24 .. 2026-12-26 ", "2026-12-24…2026-12-26"])
def test_closed_days_are_read(phrase: str) -> None:
    assert parse_closing(phrase) == CHRISTMAS


def test_one_closed_day_is_a_span_of_one() -> None:
    assert parse_closing("2027-01-01") == Closing(date(2027, 1, 1), date(2027, 1, 1))


@pytest.mark.parametrize(
    ("phrase", "column", "hint"),
    [
        ("2026-12-26..2026-12-24", 0, "write `2026-12-24..2026-12-26`"),
        ("2026-12-24..2026-12-34", 12, "2026-12-24..2026-12-26"),
        ("christmas", 0, "write a day like"),
        ("2026-01-01..2026-12-31", 0, "pause the campaign"),
        ("", 0, "write a day like"),
        ("..", 0, "write a day like"),
    ],
)
def test_other_closed_days_are_refused_with_their_place(phrase: str, column: int, hint: str) -> None:
    with pytest.raises(PhraseError) as refused:
        parse_closing(phrase)
    assert refused.value.column == column
    assert hint in refused.value.help


def test_again_is_never_after_some_days_or_always() -> None:
    assert [parse_again(each).kind for each in ("never", "Always", "after 90 days")] == [
        AgainKind.NEVER,
        AgainKind.ALWAYS,
        AgainKind.AFTER,
    ]
    assert parse_again("after  2 weeks").days == 14


@pytest.mark.parametrize(
    ("phrase", "hint"), [("nevr", "write `never`"), ("after 0 days", "after 90 days"), ("90", "after 90 days")]
)
def test_another_again_is_refused_with_a_hint(phrase: str, hint: str) -> None:
    with pytest.raises(PhraseError) as refused:
        parse_again(phrase)
    assert hint in refused.value.help


def test_rule_01_a_clock_survives_the_holidays() -> None:
    hours = closed_hours(parse_hours("weekdays 8:00-18:00"), [CHRISTMAS])
    anchor = datetime(2026, 12, 22, 10, tzinfo=UTC)  # a Tuesday; two days later everything is closed until Monday
    moment = due(
        parse_when("2 days later at 9:30"), anchor=anchor, zone="UTC", hours=hours, session=None, campaign_zone="UTC"
    )
    assert moment == datetime(2026, 12, 28, 9, 30, tzinfo=UTC)


def test_rule_02_at_once_goes_on_a_closed_day() -> None:
    moment = datetime(2026, 12, 25, 23, tzinfo=UTC)
    hours = closed_hours(None, [CHRISTMAS])
    assert (
        due(parse_when("at once"), anchor=moment, zone="UTC", hours=hours, session=None, campaign_zone="UTC") == moment
    )


def test_closed_days_alone_close_nothing_else() -> None:
    assert closed_hours(None, []) is None
    hours = closed_hours(None, [CHRISTMAS])
    assert hours is not None
    assert hours.phrase == "daily, closed 2026-12-24..2026-12-26"
    assert in_hours(datetime(2026, 12, 23, 23, 59, 59, tzinfo=UTC), hours, "UTC")
    assert next_opening(datetime(2026, 12, 24, 0, 0, tzinfo=UTC), hours, "UTC") == datetime(2026, 12, 27, tzinfo=UTC)


closings = st.builds(
    lambda first, days: Closing(first, first + timedelta(days=days)),
    st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    st.integers(0, 91),
)
weeks = st.sampled_from(
    [ALL_DAY, *(parse_hours(each) for each in ("weekdays 8:00-18:00", "sun 9:00-9:30", "daily 0:00-24:00"))]
)
ZONES = ("America/New_York", "Australia/Lord_Howe", "UTC")


@given(closings)
def test_closed_days_are_written_as_they_are_read(closing: Closing) -> None:
    assert parse_closing(closing_text(closing)) == closing


@given(st.lists(closings, max_size=4), weeks, st.sampled_from(ZONES), st.integers(0, 60 * 24 * 370))
@settings(max_examples=60, deadline=None)
def test_rule_01_nothing_opens_on_a_closed_day_and_the_first_open_moment_is_found(
    closed: list[Closing], week: Hours, zone: str, minutes: int
) -> None:
    hours = closed_hours(week, closed)
    assert hours is not None
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    opening = next_opening(moment, hours, zone)
    assert opening >= moment
    assert in_hours(opening, hours, zone)
    day = local_wall(opening, zone).date()
    assert not any(each.first <= day <= each.last for each in closed)
    # No open day was passed over: each day in between is closed, or the wrong day of the week, or was over already.
    first = local_wall(moment, zone).date()
    between = (first + timedelta(days=each) for each in range(1, (day - first).days))
    assert not any(hours.opens_on(each) for each in between)
