"""What an evergreen webinar offers: by hand for known days, and by hypothesis for all."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drip.core.evergreen import Rule, Starts, name_of, start_of
from drip.core.hours import Closing, Hours
from drip.core.model import Webinar
from drip.core.offers import (
    NOTICE,
    OFFERED_MAX,
    QUARTER,
    SOON,
    is_offered,
    offers,
    parse_starts,
    regular_offers,
    rule_text,
)
from drip.core.problems import PhraseError
from drip.core.when import in_hours, local_wall, parse_hours

NEW_YORK = "America/New_York"
DAILY = frozenset(range(7))


def webinar(rule: Rule) -> Webinar:
    return Webinar("Recorded", timedelta(minutes=45), "https://video.example.com/", (), rule=rule)


def rule(
    *phrases: str, zone: str = NEW_YORK, soon: str = "", hours: str = "", closed: tuple[Closing, ...] = ()
) -> Rule:
    return Rule(
        zone,
        tuple(parse_starts(each) for each in phrases),
        SOON.get(soon),
        parse_hours(hours) if hours else None,
        closed,
    )


def at(wall: str, zone: str = NEW_YORK, fold: int = 0) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def shown(made: Rule, wall: str, zone: str = NEW_YORK) -> list[str]:
    """What is offered at that moment, on the clocks of that zone."""
    found = offers(webinar(made), zone, at(wall, zone))
    return [f"{local_wall(each.starts, zone):%a %d %H:%M}" for each in found]


# --- phrases ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phrase", "days", "clocks", "readers_time"),
    [
        ("tuesday 18:00", {1}, ["18:00"], False),
        ("every Tuesday 18:00", {1}, ["18:00"], False),
        ("every day at 10:00 and 19:00", DAILY, ["10:00", "19:00"], False),
        ("daily 19:00, 10:00", DAILY, ["10:00", "19:00"], False),
        ("weekdays 11:00, 14:00 reader's time", {0, 1, 2, 3, 4}, ["11:00", "14:00"], True),
        ("mon, wed-fri 9:00", {0, 2, 3, 4}, ["09:00"], False),
        ("tuesdays and thursdays 9:00, 10:00, and 11:30", {1, 3}, ["09:00", "10:00", "11:30"], False),
        ("every weekend at 10:00 readers time", {5, 6}, ["10:00"], True),
    ],
)
def test_phrases_are_read(phrase: str, days: set[int], clocks: list[str], readers_time: bool) -> None:
    read = parse_starts(phrase)
    assert read.weekdays == days
    assert [f"{each:%H:%M}" for each in read.clocks] == clocks
    assert read.readers_time is readers_time


@pytest.mark.parametrize(
    ("phrase", "column", "said"),
    [
        ("tuesdy 18:00", 0, "`tuesdy` does not name days"),
        ("every tuesday", 13, "is missing"),
        ("tuesday 25:00", 8, "not a time of day"),
        ("tuesday 18:00 18:30", 14, "did not expect"),
        ("tuesday 18:00, 18:00", 15, "stands here twice"),
        ("18:00", 0, "does not name days"),
        ("", 0, "empty"),
        ("tuesday 18:00 reader's", 22, "`time`"),
        ("x" * 300, 0, "longer"),
    ],
)
def test_what_cannot_be_read_says_where(phrase: str, column: int, said: str) -> None:
    with pytest.raises(PhraseError) as raised:
        parse_starts(phrase)
    assert said in raised.value.message
    assert raised.value.column == column


@given(st.text(alphabet="tuesdaywilymon ,:-–'0123456789at\u0660", max_size=40))
def test_no_phrase_breaks_the_reader(phrase: str) -> None:
    try:
        read = parse_starts(phrase)
    except PhraseError:
        return
    assert read.weekdays
    assert read.clocks


# --- by hand ------------------------------------------------------------------------------------------------------


def test_the_next_quarter_hour_comes_first_and_then_the_regular_starts() -> None:
    made = rule("weekdays 11:00, 14:00", soon="next quarter hour")
    # Wednesday, 12:12: a lead of three minutes.
    assert shown(made, "2026-11-25T12:12") == [
        "Wed 25 12:15", "Wed 25 14:00", "Thu 26 11:00", "Thu 26 14:00", "Fri 27 11:00", "Fri 27 14:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wall", "first"),
    [("12:13:00", "12:15"), ("12:13:01", "12:30"), ("12:15:00", "12:30"), ("12:28:59", "12:45"), ("23:59:00", "00:15")],
)
def test_no_start_is_nearer_than_two_minutes(wall: str, first: str) -> None:
    (only,) = shown(rule(soon="next quarter hour"), f"2026-11-25T{wall}")
    assert only.endswith(first)


@pytest.mark.parametrize(
    ("soon", "zone", "first"),
    [
        ("next half hour", "America/New_York", "12:30"),
        ("next hour", "America/New_York", "13:00"),
        ("next hour", "Asia/Kolkata", "13:00"),
        ("next half hour", "Asia/Kathmandu", "12:30"),
    ],
)
def test_a_raster_is_counted_on_the_clocks_of_the_visitor(soon: str, zone: str, first: str) -> None:
    (only,) = shown(rule(soon=soon), "2026-11-25T12:12", zone)
    assert only.endswith(first)


def test_hours_say_when_the_next_start_is_offered() -> None:
    made = rule("daily 10:00", soon="next quarter hour", hours="weekdays 9:00-17:00")
    assert shown(made, "2026-11-25T08:40")[0] == "Wed 25 10:00"
    assert shown(made, "2026-11-25T08:50")[0] == "Wed 25 09:00"
    assert shown(made, "2026-11-25T16:46")[0] == "Thu 26 10:00"  # 17:00 belongs to the hours no more
    assert shown(made, "2026-11-28T12:00")[0] == "Sun 29 10:00"  # a Saturday


def test_closed_days_have_no_session_at_all() -> None:
    made = rule("daily 10:00", soon="next quarter hour", closed=(Closing(date(2026, 12, 24), date(2026, 12, 26)),))
    assert shown(made, "2026-12-23T23:50")[0] == "Sun 27 10:00"
    assert shown(made, "2026-12-25T10:00")[0] == "Sun 27 10:00"
    # The days are those of the campaign's clocks: in Auckland it is the 27th already.
    assert offers(webinar(made), "Pacific/Auckland", at("2026-12-26T12:00")) == offers(
        webinar(made), NEW_YORK, at("2026-12-26T12:00")
    )


def test_a_readers_time_is_a_clock_of_whoever_looks() -> None:
    made = rule("daily 10:00 reader's time")
    assert shown(made, "2026-11-25T09:00", "Europe/Berlin")[0] == "Wed 25 10:00"
    assert shown(made, "2026-11-25T09:00", "Asia/Kolkata")[0] == "Wed 25 10:00"
    first = offers(webinar(made), "Asia/Kolkata", at("2026-11-25T09:00", "Asia/Kolkata"))[0]
    assert is_offered(webinar(made), first.name, "Asia/Kolkata", at("2026-11-25T09:00", "Asia/Kolkata"))
    assert not is_offered(webinar(made), first.name, "Europe/Berlin", at("2026-11-25T09:00", "Asia/Kolkata"))


def test_a_clock_in_a_gap_is_the_first_instant_after_it() -> None:
    # Clocks go from 2:00 to 3:00 on 8 March 2026.
    assert shown(rule("daily 2:30"), "2026-03-07T12:00")[:3] == ["Sun 08 03:00", "Mon 09 02:30", "Tue 10 02:30"]


def test_a_clock_in_an_overlap_is_offered_once_at_the_first() -> None:
    # 1:30 comes twice on 1 November 2026: at UTC−4, and an hour later at UTC−5.
    found = offers(webinar(rule("daily 1:30")), NEW_YORK, at("2026-10-31T12:00"))
    assert [each.starts.isoformat() for each in found[:2]] == ["2026-11-01T05:30:00+00:00", "2026-11-02T06:30:00+00:00"]
    between = at("2026-11-01T01:10", fold=1)
    assert offers(webinar(rule("daily 1:30")), NEW_YORK, between)[0].starts == at("2026-11-02T01:30")


def test_a_weekly_start_keeps_its_clock_over_the_change() -> None:
    assert shown(rule("tuesday 18:00"), "2026-10-26T12:00") == [
        "Tue 27 18:00", "Tue 03 18:00", "Tue 10 18:00", "Tue 17 18:00",
    ]  # fmt: skip


def test_a_page_that_stood_open_may_still_be_answered_until_the_start() -> None:
    made = webinar(rule("weekdays 11:00", soon="next quarter hour"))
    name = offers(made, NEW_YORK, at("2026-11-25T12:12"))[0].name
    assert is_offered(made, name, NEW_YORK, at("2026-11-25T12:14:59"))
    assert not is_offered(made, name, NEW_YORK, at("2026-11-25T12:15"))


@pytest.mark.parametrize(
    "name",
    [
        "2026-11-25-1830z",  # 13:30, two rasters ahead
        "2026-11-25-1721z",  # on no raster
        "2026-11-24-1600z",  # over
        "2027-11-24-1600z",  # on the rule, but a year ahead
        "2026-11-28-1600z",  # a Saturday
        "tuesday-noon",
        "2026-02-30-1600z",
        "0000-01-01-0000z",
        "9999-12-31-2359z",
        "",
    ],
)
def test_what_was_not_offered_cannot_be_picked(name: str) -> None:
    made = webinar(rule("weekdays 11:00", soon="next quarter hour"))
    assert not is_offered(made, name, NEW_YORK, at("2026-11-25T12:12"))


def test_a_mail_offers_no_start_that_is_over_when_it_is_read() -> None:
    made = webinar(rule("weekdays 11:00, 14:00", soon="next quarter hour"))
    assert regular_offers(made, NEW_YORK, at("2026-11-25T12:12"))[0].starts == at("2026-11-25T14:00")


def test_a_session_keeps_its_start_when_the_rule_is_another_one() -> None:
    picked = offers(webinar(rule("daily 10:00")), NEW_YORK, at("2026-11-25T12:00"))[0]
    later = webinar(rule("daily 19:00")).session_named(picked.name)
    assert later == picked
    assert later.recorded
    assert later.ends - later.starts == timedelta(minutes=45)
    assert later.wall == "2026-11-26 10:00"


def test_a_rule_in_words() -> None:
    closed = (Closing(date(2026, 12, 24), date(2026, 12, 26)), Closing(date(2027, 1, 1), date(2027, 1, 1)))
    made = rule("tuesday 18:00", "daily 10:00", soon="next hour", hours="weekdays 9:00-17:00", closed=closed)
    words = "tuesday 18:00; daily 10:00; next hour, weekdays 9:00-17:00; closed 2026-12-24..2026-12-26, 2027-01-01"
    assert rule_text(made) == words


# --- for all ------------------------------------------------------------------------------------------------------

ZONES = (
    NEW_YORK, "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns",
    "Africa/Casablanca", "Pacific/Kiritimati", "UTC",
)  # fmt: skip
clocks = st.times(min_value=time(0, 0), max_value=time(23, 59)).map(lambda each: each.replace(second=0, microsecond=0))
starts = st.builds(
    Starts,
    st.just("some"),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.lists(clocks, min_size=1, max_size=3, unique=True).map(lambda each: tuple(sorted(each))),
    st.booleans(),
)
hours = st.one_of(
    st.none(), st.just(parse_hours("daily 9:00-21:00")), st.just(parse_hours("weekdays 0:00-2:30")),
    st.just(Hours("sun", frozenset({6}), time(1, 0), time(4, 0))),
)  # fmt: skip
closings = st.lists(
    st.builds(lambda day, more: Closing(day, day + timedelta(days=more)),
              st.dates(date(2026, 2, 20), date(2026, 11, 20)), st.integers(0, 9)),
    max_size=3,
).map(tuple)  # fmt: skip
rules = st.builds(
    Rule, st.sampled_from(ZONES), st.lists(starts, max_size=3).map(tuple),
    st.one_of(st.none(), st.sampled_from(list(SOON.values()))), hours, closings,
)  # fmt: skip
moments = st.datetimes(datetime(2026, 2, 25), datetime(2026, 11, 25), timezones=st.just(UTC))
GAP, OVERLAP = datetime(2026, 3, 8, 6, 59, tzinfo=UTC), datetime(2026, 11, 1, 5, 20, tzinfo=UTC)


@given(made=rules, zone=st.sampled_from(ZONES), now=moments)
@example(Rule(NEW_YORK, (), QUARTER, parse_hours("daily 2:00-3:00"), ()), NEW_YORK, GAP)
@example(Rule(NEW_YORK, (Starts("x", DAILY, (time(1, 30),)),), QUARTER), NEW_YORK, OVERLAP)
def test_whatever_is_offered_keeps_the_rule(made: Rule, zone: str, now: datetime) -> None:
    event = webinar(made)
    found = offers(event, zone, now)
    assert found == offers(event, zone, now)
    assert len(found) <= OFFERED_MAX
    assert list(found) == sorted(set(found), key=lambda each: each.starts)
    for each in found:
        assert each.starts >= now + NOTICE
        assert each.recorded
        assert start_of(each.name) == each.starts
        assert name_of(each.starts) == each.name
        assert event.session_named(each.name) == each
        assert is_offered(event, each.name, zone, now)
        assert _why_offered(made, zone, each.starts, now)
    assert set(regular_offers(event, zone, now)) >= {each for each in found if each.starts > now + timedelta(hours=2)}


def _why_offered(made: Rule, zone: str, moment: datetime, now: datetime) -> bool:
    """The rule said once more, from the moment's side: by the wall clocks that show it."""
    for each in made.starts:
        wall = local_wall(moment, zone if each.readers_time else made.zone)
        is_open = not any(closing.first <= wall.date() <= closing.last for closing in made.closed)
        if is_open and wall.weekday() in each.weekdays and any(_falls_on(clock, wall) for clock in each.clocks):
            return True
    wall, own = local_wall(moment, zone), local_wall(moment, made.zone)
    is_open = not any(closing.first <= own.date() <= closing.last for closing in made.closed)
    step = int((made.soon or timedelta()).total_seconds() // 60)
    is_next = bool(step) and moment - now < timedelta(minutes=step) + NOTICE + QUARTER * 2
    on_raster = bool(step) and (wall.hour * 60 + wall.minute) % step == 0
    return is_open and is_next and on_raster and (made.hours is None or in_hours(moment, made.hours, made.zone))


def _falls_on(clock: time, wall: datetime) -> bool:
    """Whether a clock reads so, or lies in the hour or half hour that was left out just before it."""
    behind = datetime.combine(wall.date(), wall.time()) - datetime.combine(wall.date(), clock)
    return clock == wall.time() or timedelta() < behind <= timedelta(hours=1)


@given(zone=st.sampled_from(ZONES), now=moments, soon=st.sampled_from(list(SOON.values())))
def test_around_the_clock_there_is_always_a_next_start(zone: str, now: datetime, soon: timedelta) -> None:
    (only,) = offers(webinar(Rule(zone, (), soon)), zone, now)
    # Clocks that change by half an hour may stretch the wait by as much.
    assert now + NOTICE <= only.starts < now + NOTICE + soon + timedelta(minutes=45)
