"""Rule 7 where the calendar is odd: hours that clocks leave out, for every kind of *when*; month ends and leap days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.core.model import Session, WhenKind
from drip.core.when import due, local_to_utc, local_wall, parse_hours, parse_when, settle, wall_faults

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Gap:
    """A stretch of the wall clock that a zone leaves out; `ends` is what its clocks show first after it.

    All of them are past, so that no new rule of a zone changes them.
    """

    zone: str
    ends: datetime
    length: timedelta

    @property
    def after(self) -> datetime:
        """The first moment after it."""
        return local_to_utc(self.ends, self.zone)


GAPS = (
    Gap("Europe/Berlin", datetime(2018, 3, 25, 3), timedelta(hours=1)),
    Gap("America/New_York", datetime(2018, 3, 11, 3), timedelta(hours=1)),
    Gap("Australia/Lord_Howe", datetime(2018, 10, 7, 2, 30), timedelta(minutes=30)),
    Gap("Africa/Cairo", datetime(2014, 8, 1, 1), timedelta(hours=1)),
    Gap("America/Sao_Paulo", datetime(2018, 11, 4, 1), timedelta(hours=1)),
    Gap("Pacific/Apia", datetime(2017, 9, 24, 4), timedelta(hours=1)),
)


def session(starts: datetime, ends: datetime | None = None) -> Session:
    return Session("s", starts, ends or starts + timedelta(hours=1), "", "UTC")


def moment(phrase: str, anchor: datetime, zone: str, held: Session | None = None) -> datetime:
    return due(parse_when(phrase), anchor=anchor, zone=zone, hours=None, session=held, campaign_zone=zone)


@given(st.sampled_from(GAPS), st.floats(0, 0.999))
def test_rule_07_a_gap_leads_every_kind_of_when_to_its_end(gap: Gap, part: float) -> None:
    """The wall clock that each of them means falls into the gap: it becomes the first moment after it."""
    wall = gap.ends - gap.length + timedelta(minutes=int(part * gap.length.total_seconds() // 60))
    assert wall_faults(wall, gap.zone) == "gap"
    day_before, day_after = (local_to_utc(wall + sign * DAY, gap.zone) for sign in (-1, 1))
    week_before, clock = local_to_utc(wall - 7 * DAY, gap.zone), f"{wall:%H:%M}"
    noon_before = local_to_utc(datetime.combine(wall.date() - DAY, time(12)), gap.zone)
    far_off = datetime(1999, 1, 1, tzinfo=UTC)
    found = {
        WhenKind.LATER: [
            moment("1 day later", day_before, gap.zone),
            moment("1 week later", week_before, gap.zone),
            moment(f"1 day later at {clock}", noon_before, gap.zone),
        ],
        WhenKind.BEFORE_SESSION: [
            moment("1 day before session", far_off, gap.zone, session(day_after)),
        ],
        WhenKind.AFTER_SESSION: [
            moment("1 day after session", far_off, gap.zone, session(day_before - DAY, day_before)),
        ],
        WhenKind.AT: [
            moment(f"{wall:%Y-%m-%d %H:%M}", far_off, gap.zone),
            moment(f"{wall:%Y-%m-%d %H:%M} reader's time", far_off, gap.zone),
        ],
        WhenKind.AT_ONCE: [gap.after],  # no clock is meant: see below
    }
    assert set(found) == set(WhenKind)
    for kind, moments in found.items():
        assert set(moments) == {gap.after}, kind


@given(st.sampled_from(GAPS), st.integers(-120, 120), st.integers(1, 300))
def test_rule_07_elapsed_time_knows_no_gap(gap: Gap, offset: int, minutes: int) -> None:
    anchor = gap.after + timedelta(minutes=offset)
    elapsed = timedelta(minutes=minutes)
    assert moment("at once", anchor, gap.zone) == anchor
    assert moment(f"{minutes} minutes later", anchor, gap.zone) == anchor + elapsed
    assert moment(f"{minutes} hours later", anchor, gap.zone) == anchor + 60 * elapsed
    assert moment(f"{minutes} minutes before session", anchor, gap.zone, session(anchor)) == anchor - elapsed
    held = session(anchor - DAY, anchor)
    assert moment(f"{minutes} minutes after session", anchor, gap.zone, held) == anchor + elapsed


@given(
    st.sampled_from(GAPS),
    st.integers(-3 * 24 * 60, 3 * 24 * 60),
    st.sampled_from(["daily 0:00-24:00", "sun 0:00-5:00"]),
)
def test_rule_07_hours_around_a_gap_open_once_and_never_in_it(gap: Gap, offset: int, phrase: str) -> None:
    """What hours push goes to an open moment, and that moment is one that clocks show."""
    hours, when = parse_hours(phrase), parse_when("1 day later at 2:30")
    start = gap.after + timedelta(minutes=offset)
    settled = settle(when, start, hours, gap.zone)
    shown = local_wall(settled, gap.zone)
    assert settled >= start
    assert hours.opens_on(shown.date())
    assert local_to_utc(shown, gap.zone) <= settled
    at_its_clock = shown.time() == time(2, 30)
    assert at_its_clock or settled == gap.after


# --- the calendar ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("anchor", "phrase", "expected"),
    [
        (date(2026, 1, 31), "1 day later", date(2026, 2, 1)),
        (date(2026, 1, 31), "4 weeks later", date(2026, 2, 28)),
        (date(2026, 2, 28), "1 day later", date(2026, 3, 1)),
        (date(2028, 2, 28), "1 day later", date(2028, 2, 29)),
        (date(2028, 2, 29), "1 day later", date(2028, 3, 1)),
        (date(2028, 2, 29), "52 weeks later", date(2029, 2, 27)),
        (date(2026, 12, 31), "1 day later", date(2027, 1, 1)),
        (date(2100, 2, 28), "1 day later", date(2100, 3, 1)),
    ],
)
def test_rule_07_month_ends_and_leap_days_are_days_like_others(anchor: date, phrase: str, expected: date) -> None:
    """There are no months in the language, so nothing is ever due on a 31st that a month does not have."""
    start = local_to_utc(datetime.combine(anchor, time(9, 30)), "Europe/Berlin")
    for clock in ("", " at 9:30"):
        assert local_wall(moment(phrase + clock, start, "Europe/Berlin"), "Europe/Berlin") == datetime.combine(
            expected, time(9, 30)
        )


@given(st.dates(date(2020, 1, 1), date(2032, 12, 31)), st.integers(1, 400), st.sampled_from(["UTC", "Asia/Kathmandu"]))
def test_rule_07_days_are_counted_on_the_calendar_over_any_month_and_leap_year(day: date, days: int, zone: str) -> None:
    start = local_to_utc(datetime.combine(day, time(23, 59)), zone)
    shown = local_wall(moment(f"{days} days later at 0:00", start, zone), zone)
    assert shown == datetime.combine(date.fromordinal(day.toordinal() + days), time())
