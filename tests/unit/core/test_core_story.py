"""The two phrases of drip tests: a moment and a deed, a moment and a post."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.core.problems import PhraseError
from drip.core.story import (
    ARGUMENTS,
    DeedKind,
    StoryTime,
    parse_awaited,
    parse_begin,
    parse_deed,
    parse_end,
)
from drip.core.when import LONG_WEEKDAYS, WEEKDAYS, local_to_utc, local_wall

NEW_YORK = "America/New_York"
ZONES = st.sampled_from([NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "UTC"])
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))
THURSDAY = local_to_utc(datetime(2026, 11, 19, 9, 0), NEW_YORK)


def wall(phrase: str, above: datetime = THURSDAY, zone: str = NEW_YORK) -> str:
    return f"{local_wall(parse_deed(f'{phrase} confirms').time.after(above, zone), zone):%a %Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("phrase", "meant"),
    [
        ("Thu 10:00", "Thu 2026-11-19 10:00"),
        ("thursday 9:00", "Thu 2026-11-19 09:00"),
        ("Thu 8:59", "Thu 2026-11-26 08:59"),
        ("Tue 9:42", "Tue 2026-11-24 09:42"),
        ("10:00", "Thu 2026-11-19 10:00"),
        ("8:00", "Fri 2026-11-20 08:00"),
        ("+2 days 9:30", "Sat 2026-11-21 09:30"),
        ("+1 day", "Fri 2026-11-20 09:00"),
        ("+2 weeks", "Thu 2026-12-03 09:00"),
        ("+90 minutes", "Thu 2026-11-19 10:30"),
        ("2026-12-08 12:00", "Tue 2026-12-08 12:00"),
    ],
)
def test_a_moment_counts_from_the_line_above(phrase: str, meant: str) -> None:
    assert wall(phrase) == meant


def test_days_keep_the_clock_over_a_change_and_hours_do_not() -> None:
    before = local_to_utc(datetime(2026, 10, 31, 20, 0), NEW_YORK)  # the clocks go back in this night
    assert wall("+1 day", before) == "Sun 2026-11-01 20:00"
    assert wall("+24 hours", before) == "Sun 2026-11-01 19:00"


@given(MOMENTS, ZONES, st.sampled_from([None, *range(7)]), st.times())
def test_the_next_clock_is_never_before_and_never_two_weeks_away(
    above: datetime, zone: str, weekday: int | None, clock: time
) -> None:
    clock = clock.replace(second=0, microsecond=0)
    moment = StoryTime(clock, weekday).after(above, zone)
    assert above <= moment <= above + timedelta(days=8 if weekday is not None else 2)
    if weekday is not None and local_wall(moment, zone).time() == clock:
        assert local_wall(moment, zone).weekday() == weekday


@pytest.mark.parametrize("kind", DeedKind)
def test_every_deed_can_be_told(kind: DeedKind) -> None:
    argument = {"list": "job-seekers", "session": "noon", "tag": "vip", "zone": "Europe/Berlin"}.get(
        ARGUMENTS.get(kind, ""), "attended" if kind in ARGUMENTS else ""
    )
    read = parse_deed(f"Mon 9:30 {kind.value} {argument}".strip())
    assert (read.kind, read.argument) == (kind, argument)
    assert read.time == StoryTime(time(9, 30), 0)


@pytest.mark.parametrize(
    ("phrase", "message", "advice"),
    [
        ("joins job-seekers", "`joins` is no moment of a story", "begin with a moment"),
        ("Thr 9:30 cancels", "`Thr` is no moment of a story", "did you mean `Thu`?"),
        ("Thu cancels", "`cancels` is not a time of day", "write it like `9:30`"),
        ("Thu 25:00 cancels", "`25:00` is not a time of day", ""),
        ("Thu 9:30", "what happens then is missing", "a deed is one of"),
        ("Thu 9:30 regsters for noon", "`regsters for noon` is no deed", "did you mean `registers for`?"),
        ("Thu 9:30 joins", "the name of a list is missing at the end", ""),
        ("Thu 9:30 cancels it all", "did not expect `it all` here", ""),
        ("Thu 9:30 is reported late", "`late` cannot be reported", "write `attended` or `missed`"),
        ("+0 days cancels", "`+0` is no distance", ""),
        ("+2 fortnights cancels", "`fortnights` is no unit of time", ""),
        ("+2 hours 9:30 cancels", "hours are counted from moment to moment", ""),
        ("2026-02-30 9:00 cancels", "`2026-02-30` is not a day of the calendar", ""),
    ],
)
def test_a_line_that_cannot_be_read_says_why(phrase: str, message: str, advice: str) -> None:
    with pytest.raises(PhraseError) as caught:
        parse_deed(phrase)
    assert caught.value.message.startswith(message)
    assert advice in caught.value.help
    assert 0 <= caught.value.column <= len(phrase)


def test_what_comes_is_a_moment_and_a_post() -> None:
    assert parse_awaited("Mon 9:30 last-seats").post == "last-seats"
    assert parse_awaited("...").time is parse_awaited(" … ").time is None
    with pytest.raises(PhraseError, match="the post that comes then is missing"):
        parse_awaited("Mon 9:30")


def test_a_story_begins_on_a_day() -> None:
    assert parse_begin("2026-11-19") == datetime(2026, 11, 19)
    assert parse_begin("2026-11-19 8:30") == datetime(2026, 11, 19, 8, 30)
    with pytest.raises(PhraseError, match="not a day"):
        parse_begin("Thursday")


def test_an_end_is_a_state_or_a_reason() -> None:
    assert parse_end("goal", ()) == "goal"
    assert parse_end("unsubscribed", ("unsubscribed",)) == "unsubscribed"
    with pytest.raises(PhraseError, match="no end of a sequence"):
        parse_end("finished", ("unsubscribed",))


WORDS = st.sampled_from(
    [*WEEKDAYS, *LONG_WEEKDAYS, "+2", "+", "days", "hours", "9:30", "9:", "25:61", "2026-11-19", "2026-13-40", "...",
     "joins", "registers", "for", "is", "reported", "attended", "unsubscribes", "from", "everything", "cooks", "É:"]
)  # fmt: skip


@given(st.lists(WORDS | st.text(max_size=6), max_size=7).map(" ".join))
def test_torn_lines_are_answered(phrase: str) -> None:
    for parse in (parse_deed, parse_awaited, parse_begin):
        with suppress(PhraseError):
            parse(phrase)
            continue
        with pytest.raises(PhraseError) as caught:
            parse(phrase)
        assert caught.value.message
        assert caught.value.help
        assert 0 <= caught.value.column <= len(phrase)
