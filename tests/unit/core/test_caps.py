"""Rule 12: never more than so many a day and in any seven days, whoever goes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.caps import HIGH, LOW, NORMAL, AtMost, Contender, first_of
from drip.core.limits import parse_at_most, parse_priority, priority_text
from drip.core.problems import PhraseError

DAY = timedelta(days=1)
FIRST = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


def test_rule_12_the_week_is_any_seven_days() -> None:
    at_most = parse_at_most("2 a day, 3 a week")
    counted = Counter({FIRST: 2, FIRST + 2 * DAY: 1})
    assert [at_most.room_on(FIRST + back * DAY, counted) for back in range(10)] == [0, 0, 0, 0, 0, 0, 0, 2, 2, 2]
    assert at_most.next_day(FIRST, counted) == FIRST + 7 * DAY
    assert at_most.reason_on(FIRST, counted) == "2 a day"
    assert at_most.reason_on(FIRST + DAY, counted) == "3 a week"


def test_rule_12_a_clock_that_was_put_back_does_not_fill_a_week_twice() -> None:
    at_most = parse_at_most("2 a week")
    assert at_most.room_on(FIRST, {FIRST + 3 * DAY: 2}) == 0
    assert at_most.room_on(FIRST, {FIRST + 7 * DAY: 2}) == 2


LIMITS = st.tuples(st.none() | st.integers(1, 4), st.none() | st.integers(1, 9)).filter(any)
WISHES = st.lists(st.integers(0, 40), max_size=40)


@given(LIMITS, WISHES)
@settings(max_examples=200)
def test_rule_12_no_day_and_no_seven_days_hold_more(limits: tuple[int | None, int | None], wishes: list[int]) -> None:
    at_most = AtMost("", *limits)
    counted: Counter[date] = Counter()
    for wish in wishes:  # in any order: later ones may ask for earlier days
        day = FIRST + wish * DAY
        if not at_most.room_on(day, counted):
            day = at_most.next_day(day, counted)
        counted[day] += 1
    assert sum(counted.values()) == len(wishes)
    for day in [each - back * DAY for each in counted for back in range(7)]:
        assert at_most.day is None or counted[day] <= at_most.day
        assert at_most.week is None or sum(counted[day + each * DAY] for each in range(7)) <= at_most.week


def test_rule_12_priority_then_who_has_waited_longest() -> None:
    waited = Contender(4, NORMAL, NOW - DAY, 3)
    drip, letter = Contender(7, NORMAL, NOW, 2), Contender(1, NORMAL, NOW, 3)
    urgent, idle = Contender(9, HIGH, NOW, 3), Contender(2, LOW, NOW - 9 * DAY, 2)
    assert first_of([idle, letter, drip, waited, urgent], 9) == [urgent, waited, drip, letter, idle]
    assert first_of([idle, urgent], 1) == [urgent]
    assert first_of([urgent], 0) == []


@pytest.mark.parametrize(
    ("phrase", "limits", "text"),
    [
        ("1 a day, 3 a week", (1, 3), "1 a day, 3 a week"),
        ("3 per week,1 per day", (1, 3), "1 a day, 3 a week"),
        ("2 a  Week", (None, 2), "2 a week"),
        ("1/day", (1, None), "1 a day"),
    ],
)
def test_at_most_is_read(phrase: str, limits: tuple[int | None, int | None], text: str) -> None:
    assert parse_at_most(phrase) == AtMost(text, *limits)


@pytest.mark.parametrize(
    ("phrase", "column", "width", "said", "help_"),
    [
        ("1 a day, 3 a weak", 9, 8, "`weak` is neither a day nor a week", "write `3 a week`"),
        ("1 a day, 0 a week", 9, 8, "this must be a whole number from 1 to 1,000", "write `1 a day`, `3 a week`"),
        ("one a day", 0, 9, "this must be a whole number from 1 to 1,000", "write `1 a day`"),
        ("1 a day, 2 a day", 8, 8, "this says twice how many a day", "write"),
        ("3 a day, 2 a week", 0, 17, "2 a week are fewer than 3 a day", "write `2 a day, 2 a week`"),
        ("often", 0, 5, "this is no number of mails", "write"),
        ("", 0, 1, "this does not say how many mails", "write"),
        ("1 a day,", 8, 1, "this is no number of mails", "write"),
    ],
)
def test_at_most_complains_with_its_place(phrase: str, column: int, width: int, said: str, help_: str) -> None:
    with pytest.raises(PhraseError) as raised:
        parse_at_most(phrase)
    assert (raised.value.column, raised.value.width, raised.value.message) == (column, width, said)
    assert raised.value.help.startswith(help_)


def test_priorities_are_words_or_numbers() -> None:
    assert [parse_priority(each) for each in ("high", " Normal ", "low", "0", "80")] == [HIGH, NORMAL, LOW, 0, 80]
    assert [priority_text(each) for each in (HIGH, NORMAL, LOW, 80)] == ["high", "normal", "low", "80"]
    with pytest.raises(PhraseError) as raised:
        parse_priority("hihg")
    assert raised.value.help == "write `high`"
    with pytest.raises(PhraseError):
        parse_priority("101")


@given(st.text(alphabet="0123456789 adywek,/prnh\n\t", max_size=40))
@settings(max_examples=200)
def test_no_phrase_crashes(phrase: str) -> None:
    for parse in (parse_at_most, parse_priority):
        error = fault_of(parse, phrase)
        assert error is None or (0 <= error.column <= len(phrase) and error.help)


def fault_of(parse: Callable[[str], object], phrase: str) -> PhraseError | None:
    try:
        parse(phrase)
    except PhraseError as error:
        return error
    return None
