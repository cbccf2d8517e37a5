"""The language of time and its moments: phrases, hours, clocks that change (DESIGN §7 rules 1, 2 and 7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drip.core.model import Hours, Session, Unit, When, WhenKind
from drip.core.problems import PhraseError
from drip.core.when import (
    due,
    in_hours,
    is_zone,
    local_to_utc,
    local_wall,
    moment_text,
    next_opening,
    parse_duration,
    parse_hours,
    parse_wall,
    parse_when,
    proper_when,
    settle,
    wall_clock,
    wall_faults,
)

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "UTC",
)
NEW_YORK = "America/New_York"
WEEKDAYS = parse_hours("weekdays 8:00-18:00")

zones = st.sampled_from(ZONES)
# 2010 to 2027 holds Apia's skipped day, Sao Paulo's midnight changes and Cairo's come-back.
walls = st.datetimes(min_value=datetime(2010, 1, 1), max_value=datetime(2027, 12, 31))
moments = walls.map(lambda wall: wall.replace(tzinfo=UTC))
clocks = st.times().map(lambda each: each.replace(second=0, microsecond=0))


@st.composite
def hours_of_day(draw: st.DrawFn) -> Hours:
    opens, closes = sorted(draw(st.lists(clocks, min_size=2, max_size=2, unique=True)))
    weekdays = draw(st.frozensets(st.integers(0, 6), min_size=1))
    return Hours("drawn", weekdays, opens, closes)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def local(zone: str, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def later(phrase: str, anchor: datetime, zone: str = NEW_YORK, hours: Hours | None = None) -> datetime:
    return due(parse_when(phrase), anchor=anchor, zone=zone, hours=hours, session=None, campaign_zone=NEW_YORK)


def around(phrase: str, session: Session, zone: str = NEW_YORK, hours: Hours | None = None) -> datetime:
    anchor = session.starts - timedelta(days=30)
    return due(parse_when(phrase), anchor=anchor, zone=zone, hours=hours, session=session, campaign_zone=NEW_YORK)


def session_at(starts: datetime, minutes: int = 60) -> Session:
    return Session("noon", starts, starts + timedelta(minutes=minutes), "", NEW_YORK)


# --- phrases -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phrase", "when"),
    [
        ("at once", When("at once", WhenKind.AT_ONCE)),
        ("  At   ONCE ", When("At ONCE", WhenKind.AT_ONCE)),
        ("1 minute later", When("1 minute later", WhenKind.LATER, 1, Unit.MINUTES)),
        ("2 hours later", When("2 hours later", WhenKind.LATER, 2, Unit.HOURS)),
        ("2 days later at 9:30", When("2 days later at 9:30", WhenKind.LATER, 2, Unit.DAYS, time(9, 30))),
        ("1 day later at 09:30", When("1 day later at 09:30", WhenKind.LATER, 1, Unit.DAYS, time(9, 30))),
        ("1 days later", When("1 days later", WhenKind.LATER, 1, Unit.DAYS)),
        ("3 week later at 0:00", When("3 week later at 0:00", WhenKind.LATER, 3, Unit.WEEKS, time(0, 0))),
        ("1 hour before session", When("1 hour before session", WhenKind.BEFORE_SESSION, 1, Unit.HOURS)),
        ("1 Day Before Session", When("1 Day Before Session", WhenKind.BEFORE_SESSION, 1, Unit.DAYS)),
        ("2hours after session", When("2hours after session", WhenKind.AFTER_SESSION, 2, Unit.HOURS)),
        (
            "2026-12-08 12:00",
            When("2026-12-08 12:00", WhenKind.AT, clock=time(12, 0), day=date(2026, 12, 8)),
        ),
        (
            "2026-12-01 09:00 reader’s time",
            When(
                "2026-12-01 09:00 reader’s time",
                WhenKind.AT,
                clock=time(9, 0),
                day=date(2026, 12, 1),
                readers_time=True,
            ),
        ),
    ],
)
def test_phrases_of_the_language(phrase: str, when: When) -> None:
    assert parse_when(phrase) == when


@pytest.mark.parametrize(
    ("phrase", "column", "width", "says"),
    [
        ("", 0, 1, "at once"),
        ("   ", 0, 1, "at once"),
        ("2 day latr", 6, 4, "write `2 days later`"),
        ("2 dys later at 9:30", 2, 3, "write `2 days later at 9:30`"),
        ("at onc", 3, 3, "write `at once`"),
        ("1 hour befor session", 7, 5, "write `1 hour before session`"),
        ("1 hour before the session", 14, 3, "1 hour before session"),
        ("2 hours later at 9:30", 14, 7, "write `2 hours later`"),
        ("2 days later at 25:00", 16, 5, "0:00 to 23:59"),
        ("2 days later at 9:3", 16, 3, "0:00 to 23:59"),
        ("0 days later", 0, 1, "at once"),
        ("99999999999999 weeks later", 0, 20, "shorter"),
        ("2000 days later", 0, 9, "shorter"),
        ("1 day before session at 9:00", 21, 7, "at once"),
        ("2 days later tomorrow", 13, 8, "at once"),
        ("2026-02-30 9:00", 0, 10, "2026-12-08"),
        ("2026-12-08", 10, 1, "at once"),
        ("２ days later", 0, 12, "at once"),
    ],
)
def test_faulty_phrases_are_pointed_at(phrase: str, column: int, width: int, says: str) -> None:
    with pytest.raises(PhraseError) as caught:
        parse_when(phrase)
    assert (caught.value.column, caught.value.width) == (column, width)
    assert says in caught.value.help


@st.composite
def whens(draw: st.DrawFn) -> When:
    kind = draw(st.sampled_from([WhenKind.LATER, WhenKind.BEFORE_SESSION, WhenKind.AFTER_SESSION]))
    unit = draw(st.sampled_from(Unit))
    clock = draw(st.none() | clocks) if kind is WhenKind.LATER and unit in (Unit.DAYS, Unit.WEEKS) else None
    return When("", kind, draw(st.integers(1, 200)), unit, clock)


@given(whens())
@settings(max_examples=80, deadline=None)
def test_the_proper_form_reads_back_as_the_same(when: When) -> None:
    phrase = proper_when(when)
    assert parse_when(phrase) == When(phrase, when.kind, when.amount, when.unit, when.clock)


WORDS_OF_TIME = (
    "2",
    "day",
    "days",
    "later",
    "at",
    "once",
    "9:30",
    "before",
    "session",
    "2026-12-08",
    "reader's",
    "time",
)
WORDS_OF_HOURS = ("weekdays", "mon", "8:00-18:00", "24:00", "9:")
ODD_ONES = ("-", "–", ",", ":", "'", '"', "\u00a0", "\x00", "٣", "İ", "😀")
PIECES = st.sampled_from((*WORDS_OF_TIME, *WORDS_OF_HOURS, *ODD_ONES))
NOISE = st.one_of(
    st.text(max_size=60), st.lists(PIECES, max_size=8).map(" ".join), st.lists(PIECES, max_size=8).map("".join)
)


def fault_of(parse: Callable[[str], object], text: str) -> PhraseError | None:
    try:
        parse(text)
    except PhraseError as fault:
        return fault
    return None


@given(NOISE)
@example("9" * 5000 + " days later")
@example("9" * 5000)
@example("2026-1-" + "1" * 400 + " 9:00")
@settings(max_examples=80, deadline=None)
def test_no_text_breaks_the_readers_of_time(text: str) -> None:
    for parse in (parse_when, parse_hours, parse_duration, parse_wall):
        fault = fault_of(parse, text)
        if fault is not None:
            assert 0 <= fault.column <= len(text)
            assert 1 <= fault.width <= max(1, len(text))
            assert fault.message
            assert fault.help


def test_durations() -> None:
    assert parse_duration("60 minutes") == timedelta(minutes=60)
    assert parse_duration("6 hours") == timedelta(hours=6)
    assert parse_duration("2 Weeks") == timedelta(days=14)
    for phrase in ("", "60", "minutes", "60 minutes later", "-1 days", "1.5 hours", "an hour"):
        with pytest.raises(PhraseError):
            parse_duration(phrase)


def test_walls() -> None:
    assert parse_wall("2026-12-08 12:00") == datetime(2026, 12, 8, 12)
    assert parse_wall(" 2026-1-8  9:05 ") == datetime(2026, 1, 8, 9, 5)
    for phrase in ("2026-12-08", "12:00", "2026-13-08 12:00", "2026-12-08 12:00 Berlin", "0001-01-01 0:00"):
        with pytest.raises(PhraseError):
            parse_wall(phrase)


@pytest.mark.parametrize(
    ("phrase", "days", "opens", "closes"),
    [
        ("weekdays 8:00-18:00", {0, 1, 2, 3, 4}, time(8), time(18)),
        ("daily 9:00-17:00", set(range(7)), time(9), time(17)),
        ("weekends 9:00 – 17:00", {5, 6}, time(9), time(17)),
        ("Mon-Sat 8:00-12:00", {0, 1, 2, 3, 4, 5}, time(8), time(12)),
        ("mon,wed 8:00-9:00", {0, 2}, time(8), time(9)),
        ("mon, wed - fri 8:00-9:00", {0, 2, 3, 4}, time(8), time(9)),
        ("sat-mon 8:00-9:00", {5, 6, 0}, time(8), time(9)),
        ("tuesday 0:00-24:00", {1}, time(0), time.max),
    ],
)
def test_hours_phrases(phrase: str, days: set[int], opens: time, closes: time) -> None:
    hours = parse_hours(phrase)
    assert (hours.weekdays, hours.opens, hours.closes) == (days, opens, closes)


@pytest.mark.parametrize(
    ("phrase", "column", "width", "says"),
    [
        ("wekdays 8:00-18:00", 0, 7, "`weekdays`"),
        ("mon, wde 8:00-18:00", 5, 3, "`wed`"),
        ("8:00-18:00", 0, 1, "weekdays"),
        ("daily 18:00-8:00", 6, 10, "within one day"),
        ("daily 8:00-8:00", 6, 9, "within one day"),
        ("daily 8:60-9:00", 6, 4, "weekdays"),
        ("daily", 0, 5, "weekdays"),
        ("mon-wed-fri 8:00-9:00", 0, 11, "weekdays"),
    ],
)
def test_faulty_hours_are_pointed_at(phrase: str, column: int, width: int, says: str) -> None:
    with pytest.raises(PhraseError) as caught:
        parse_hours(phrase)
    assert (caught.value.column, caught.value.width) == (column, width)
    assert says in caught.value.help


# --- walls and zones ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "wall", "moment", "fault"),
    [
        ("America/New_York", datetime(2026, 3, 8, 2, 30), utc(2026, 3, 8, 7), "gap"),
        ("America/New_York", datetime(2026, 11, 1, 1, 30), utc(2026, 11, 1, 5, 30), "overlap"),
        ("Europe/Berlin", datetime(2026, 3, 29, 2, 0), utc(2026, 3, 29, 1), "gap"),
        ("Europe/Berlin", datetime(2026, 3, 29, 3, 0), utc(2026, 3, 29, 1), None),
        ("Europe/Berlin", datetime(2026, 10, 25, 2, 59), utc(2026, 10, 25, 0, 59), "overlap"),
        ("Australia/Lord_Howe", datetime(2026, 10, 4, 2, 15), utc(2026, 10, 3, 15, 30), "gap"),
        ("Australia/Lord_Howe", datetime(2026, 4, 5, 1, 45), utc(2026, 4, 4, 14, 45), "overlap"),
        ("Asia/Kathmandu", datetime(2026, 6, 1, 12, 0), utc(2026, 6, 1, 6, 15), None),
        ("Pacific/Apia", datetime(2011, 12, 30, 9, 30), utc(2011, 12, 30, 10), "gap"),
        ("Africa/Cairo", datetime(2026, 4, 24, 0, 30), utc(2026, 4, 23, 22), "gap"),
        ("America/Sao_Paulo", datetime(2018, 11, 4, 0, 0), utc(2018, 11, 4, 3), "gap"),
        ("America/Sao_Paulo", datetime(2018, 2, 17, 23, 30), utc(2018, 2, 18, 1, 30), "overlap"),
        ("UTC", datetime(2026, 1, 1), utc(2026, 1, 1), None),
    ],
)
def test_walls_of_awkward_days(zone: str, wall: datetime, moment: datetime, fault: str | None) -> None:
    assert local_to_utc(wall, zone) == moment
    assert wall_faults(wall, zone) == fault


@given(walls, zones)
@settings(max_examples=80, deadline=None)
def test_rule_07_a_wall_is_the_first_moment_that_shows_it_or_comes_after_it(wall: datetime, zone: str) -> None:
    moment = local_to_utc(wall, zone)
    shown = local_wall(moment, zone)
    if wall_faults(wall, zone) == "gap":
        assert shown > wall
        # First instant after the gap: one second earlier, clocks stood before it.
        assert local_wall(moment - timedelta(seconds=1), zone) < wall
    else:
        assert shown == wall
        assert local_wall(moment - timedelta(hours=1), zone) != wall


@given(st.sampled_from(ZONES), st.integers(0, 17), st.integers(0, 365 * 48))
@settings(max_examples=80, deadline=None)
def test_rule_07_moments_go_to_walls_and_back(zone: str, year: int, half_hours: int) -> None:
    moment = utc(2010 + year, 1, 1) + timedelta(minutes=30 * half_hours)
    back = local_to_utc(local_wall(moment, zone), zone)
    # In an overlap the first of the two is meant, so back may be earlier, never later.
    assert back == moment or moment - timedelta(hours=1) <= back < moment


def test_zone_names_are_judged_without_trouble() -> None:
    assert is_zone("Europe/Berlin")
    for name in ("", "Mars/Base", "../../etc/passwd", "/etc/passwd", "America", "a\x00b", "Europe/", "."):
        assert not is_zone(name), name


def test_moments_for_people() -> None:
    noon = utc(2026, 12, 8, 17)
    assert wall_clock(noon, NEW_YORK) == "Tue 8 Dec 12:00"
    assert moment_text(noon, NEW_YORK) == "Tue 8 Dec 12:00 in New York"
    assert moment_text(noon, "UTC") == "Tue 8 Dec 17:00 UTC"


# --- hours -------------------------------------------------------------------------------------------------------


def test_an_opening_is_inside_and_a_closing_is_not() -> None:
    assert in_hours(local(NEW_YORK, 2026, 6, 22, 8), WEEKDAYS, NEW_YORK)
    assert not in_hours(local(NEW_YORK, 2026, 6, 22, 18), WEEKDAYS, NEW_YORK)
    assert next_opening(local(NEW_YORK, 2026, 6, 19, 18), WEEKDAYS, NEW_YORK) == local(NEW_YORK, 2026, 6, 22, 8)


def test_an_opening_that_a_gap_swallowed_is_the_first_instant_after_it() -> None:
    hours = parse_hours("daily 2:15-5:00")
    opening = next_opening(local("Europe/Berlin", 2026, 3, 29, 0, 30), hours, "Europe/Berlin")
    assert opening == utc(2026, 3, 29, 1)
    # And where the gap swallowed the whole span, the next day has one.
    hours = parse_hours("daily 2:15-2:45")
    opening = next_opening(local("Europe/Berlin", 2026, 3, 29, 0, 30), hours, "Europe/Berlin")
    assert opening == local("Europe/Berlin", 2026, 3, 30, 2, 15)


def test_hours_open_a_second_time_in_an_overlap() -> None:
    hours = parse_hours("daily 1:45-3:00")
    moment = datetime(2026, 11, 1, 1, 0, tzinfo=ZoneInfo(NEW_YORK), fold=1).astimezone(UTC)
    assert next_opening(moment, hours, NEW_YORK) == moment + timedelta(minutes=45)


@given(moments, hours_of_day(), zones)
@settings(max_examples=80, deadline=None)
def test_the_next_opening_is_open_and_nothing_before_it_is(moment: datetime, hours: Hours, zone: str) -> None:
    opening = next_opening(moment, hours, zone)
    assert opening >= moment
    assert in_hours(opening, hours, zone)
    assert next_opening(opening, hours, zone) == opening
    between = (opening - moment) / 7
    for step in range(7):
        assert opening == moment or not in_hours(moment + step * between, hours, zone)


# --- rule 1: a clock survives a move -----------------------------------------------------------------------------


def test_rule_01_a_clock_survives_a_move() -> None:
    thursday = local(NEW_YORK, 2026, 6, 18, 10)
    # Two days later is Saturday; it goes on Monday at 9:30, not at 8:00 when the hours open.
    assert later("2 days later at 9:30", thursday, hours=WEEKDAYS) == local(NEW_YORK, 2026, 6, 22, 9, 30)
    assert later("2 days later at 9:30", thursday) == local(NEW_YORK, 2026, 6, 20, 9, 30)


def test_rule_01_without_a_clock_it_goes_at_the_next_opening() -> None:
    thursday = local(NEW_YORK, 2026, 6, 18, 10, 20)
    assert later("2 days later", thursday, hours=WEEKDAYS) == local(NEW_YORK, 2026, 6, 22, 8)
    assert later("1 day later", thursday, hours=WEEKDAYS) == local(NEW_YORK, 2026, 6, 19, 10, 20)
    assert later("9 hours later", thursday, hours=WEEKDAYS) == local(NEW_YORK, 2026, 6, 19, 8)


def test_rule_01_hours_win_over_a_clock_outside_of_them() -> None:
    thursday = local(NEW_YORK, 2026, 6, 18, 10)
    monday = local(NEW_YORK, 2026, 6, 22, 8)
    assert later("1 day later at 20:00", thursday, hours=WEEKDAYS) == monday
    # Looked at again on the way there, it is not pushed to the day after.
    evening = local(NEW_YORK, 2026, 6, 19, 23)
    assert settle(parse_when("1 day later at 20:00"), evening, WEEKDAYS, NEW_YORK) == monday


@given(moments, st.integers(1, 40), hours_of_day(), st.floats(0, 0.999), zones)
@settings(max_examples=80, deadline=None)
def test_rule_01_every_moved_clock_is_kept(anchor: datetime, days: int, hours: Hours, part: float, zone: str) -> None:
    first, last = (each.hour * 60 + each.minute for each in (hours.opens, hours.closes))
    clock = time(*divmod(int(first + (last - first) * part), 60))
    when = When("", WhenKind.LATER, days, Unit.DAYS, clock)
    moment = due(when, anchor=anchor, zone=zone, hours=hours, session=None, campaign_zone="UTC")
    shown = local_wall(moment, zone)
    assert in_hours(moment, hours, zone)
    assert moment >= anchor
    assert shown.date() >= local_wall(anchor, zone).date() + timedelta(days=days)
    wanted = datetime.combine(shown.date(), clock)
    assert shown == wanted or wall_faults(wanted, zone) == "gap"
    # Settled once is settled: asking again moves nothing.
    assert settle(when, moment, hours, zone) == moment


# --- rule 2: at once is at once ----------------------------------------------------------------------------------


def test_rule_02_at_once_ignores_hours() -> None:
    saturday_night = local(NEW_YORK, 2026, 6, 27, 22, 30)
    assert later("at once", saturday_night, hours=WEEKDAYS) == saturday_night


@given(moments, hours_of_day(), zones)
@settings(max_examples=100, deadline=None)
def test_rule_02_at_once_is_the_anchor_whatever_the_hours(anchor: datetime, hours: Hours, zone: str) -> None:
    assert later("at once", anchor, zone, hours) == anchor


def test_reminders_before_a_session_ignore_hours_and_follow_ups_keep_them() -> None:
    saturday = session_at(local(NEW_YORK, 2026, 12, 12, 10))
    assert around("1 hour before session", saturday, hours=WEEKDAYS) == local(NEW_YORK, 2026, 12, 12, 9)
    assert around("2 hours after session", saturday, hours=WEEKDAYS) == local(NEW_YORK, 2026, 12, 14, 8)
    assert around("2 hours after session", saturday) == local(NEW_YORK, 2026, 12, 12, 13)


# --- rule 7: days are calendar days, hours are elapsed -----------------------------------------------------------


def test_rule_07_days_keep_the_wall_clock_and_hours_do_not() -> None:
    evening = local("Europe/Berlin", 2026, 3, 28, 18)
    assert later("1 day later", evening, "Europe/Berlin") == local("Europe/Berlin", 2026, 3, 29, 18)
    assert later("24 hours later", evening, "Europe/Berlin") == local("Europe/Berlin", 2026, 3, 29, 19)
    session = session_at(local("Europe/Berlin", 2026, 3, 29, 18))
    assert around("1 day before session", session, "Europe/Berlin") == local("Europe/Berlin", 2026, 3, 28, 18)
    assert around("24 hours before session", session, "Europe/Berlin") == local("Europe/Berlin", 2026, 3, 28, 17)


def test_rule_07_the_day_is_the_readers_day() -> None:
    # 23:00 in New York is tomorrow in Kathmandu already.
    anchor = local(NEW_YORK, 2026, 6, 1, 23)
    assert later("1 day later at 9:00", anchor, NEW_YORK) == local(NEW_YORK, 2026, 6, 2, 9)
    assert later("1 day later at 9:00", anchor, "Asia/Kathmandu") == local("Asia/Kathmandu", 2026, 6, 3, 9)


def test_rule_07_a_gap_goes_to_its_end_and_an_overlap_once_at_the_first() -> None:
    assert later("1 day later at 2:30", local(NEW_YORK, 2026, 3, 7, 12)) == utc(2026, 3, 8, 7)
    assert later("1 day later at 1:30", local(NEW_YORK, 2026, 10, 31, 12)) == utc(2026, 11, 1, 5, 30)


def test_rule_07_a_day_that_never_was_is_followed_by_the_next() -> None:
    anchor = local("Pacific/Apia", 2011, 12, 29, 10)
    assert later("1 day later at 9:30", anchor, "Pacific/Apia") == local("Pacific/Apia", 2011, 12, 31, 9, 30)
    assert later("1 day later", anchor, "Pacific/Apia") == local("Pacific/Apia", 2011, 12, 31, 10)
    session = session_at(local("Pacific/Apia", 2011, 12, 31, 0))
    assert around("1 day before session", session, "Pacific/Apia") == local("Pacific/Apia", 2011, 12, 29, 0)


@given(moments, st.integers(1, 60), zones)
@settings(max_examples=80, deadline=None)
def test_rule_07_calendar_days_keep_the_wall_clock(anchor: datetime, days: int, zone: str) -> None:
    when = When("", WhenKind.LATER, days, Unit.DAYS)
    moment = due(when, anchor=anchor, zone=zone, hours=None, session=None, campaign_zone="UTC")
    wall, shown = local_wall(anchor, zone), local_wall(moment, zone)
    assert moment > anchor
    wanted = wall + timedelta(days=days)
    assert shown == wanted or wall_faults(wanted, zone) is not None


@given(moments, st.integers(1, 5000), st.sampled_from([Unit.MINUTES, Unit.HOURS]), zones)
@settings(max_examples=100, deadline=None)
def test_rule_07_hours_and_minutes_are_elapsed_time(anchor: datetime, amount: int, unit: Unit, zone: str) -> None:
    when = When("", WhenKind.LATER, amount, unit)
    moment = due(when, anchor=anchor, zone=zone, hours=None, session=None, campaign_zone="UTC")
    assert moment - anchor == timedelta(**{unit.value: amount})


@given(moments, whens(), zones, st.none() | hours_of_day())
@settings(max_examples=80, deadline=None)
def test_due_is_before_a_session_or_after_its_anchor(
    moment: datetime, when: When, zone: str, hours: Hours | None
) -> None:
    session = session_at(moment)
    at = due(when, anchor=moment, zone=zone, hours=hours, session=session, campaign_zone="UTC")
    assert at.tzinfo is UTC
    if when.kind is WhenKind.BEFORE_SESSION:
        assert at < session.starts
    elif when.kind is WhenKind.AFTER_SESSION:
        assert at > session.ends
    else:
        assert at >= moment


def test_fixed_moments_are_of_the_campaign_or_of_the_reader() -> None:
    for phrase, zone in (("2026-12-08 12:00", NEW_YORK), ("2026-12-08 12:00 reader's time", "Asia/Kathmandu")):
        assert later(phrase, utc(2026, 1, 1), "Asia/Kathmandu") == local(zone, 2026, 12, 8, 12)


def test_counting_from_a_session_needs_one() -> None:
    with pytest.raises(ValueError, match="needs a session"):
        later("1 day before session", utc(2026, 1, 1))
