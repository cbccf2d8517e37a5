"""The diff of two rows of mails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from drip.core.story import Awaited
from drip.rehearsal.compare import Line, compare_mails

START = datetime(2026, 11, 19, 10, 0, tzinfo=UTC)
GAP = Awaited(None, "", 0)

POSTS = st.sampled_from("abc")
ROWS = st.lists(st.tuples(st.integers(0, 4), POSTS), max_size=6).map(sorted)


def mail(hour: int, post: str) -> tuple[datetime, str]:
    return START + timedelta(hours=hour), post


def awaited(hour: int, post: str) -> Awaited:
    return Awaited(START + timedelta(hours=hour), post, 0)


def shown(lines: tuple[Line, ...]) -> list[str]:
    return [f"{line.sign}{line.post}{(line.at - START) // timedelta(hours=1)}" for line in lines]


def test_the_same_is_the_same_to_the_minute() -> None:
    late = START + timedelta(seconds=40)
    assert shown(compare_mails([awaited(0, "a")], [(late, "a")])) == [" a0"]


def test_a_mail_at_another_time_is_two_lines_in_their_order() -> None:
    assert shown(compare_mails([awaited(0, "a"), awaited(3, "b")], [mail(0, "a"), mail(1, "b")])) == [
        " a0",
        "+b1",
        "-b3",
    ]


def test_dots_take_up_what_is_not_told() -> None:
    told = [awaited(0, "a"), GAP, awaited(4, "c")]
    assert shown(compare_mails(told, [mail(0, "a"), mail(1, "b"), mail(2, "b"), mail(4, "c")])) == [
        " a0",
        ".b1",
        ".b2",
        " c4",
    ]
    assert shown(compare_mails(told, [mail(0, "a"), mail(4, "c")])) == [" a0", " c4"]
    assert shown(compare_mails([GAP], [])) == []


@given(ROWS, ROWS)
def test_both_rows_can_be_read_off_the_diff(told: list[tuple[int, str]], came: list[tuple[int, str]]) -> None:
    lines = compare_mails([awaited(*each) for each in told], [mail(*each) for each in came])
    assert sorted((line.at, line.post) for line in lines if line.sign in " -") == [mail(*each) for each in told]
    assert sorted((line.at, line.post) for line in lines if line.sign in " +") == [mail(*each) for each in came]
    assert any(line.is_off for line in lines) == (told != came)


@given(ROWS, ROWS, ROWS)
def test_dots_forgive_anything_in_their_place(
    first: list[tuple[int, str]], between: list[tuple[int, str]], last: list[tuple[int, str]]
) -> None:
    came = [mail(*each) for each in (*first, *between, *last)]
    told = [*(awaited(*each) for each in first), GAP, *(awaited(*each) for each in last)]
    assert not any(line.is_off for line in compare_mails(told, came))
