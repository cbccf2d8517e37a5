"""What starts, completes and stops a sequence: the table, its phrases, its complaints."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drip.core.endings import REACHED
from drip.core.model import Trigger, TriggerKind
from drip.core.problems import PhraseError
from drip.core.triggers import ROLES, TRIGGERS, matches, parse_trigger


@pytest.mark.parametrize(
    ("phrase", "role", "kind", "argument"),
    [
        ("joins job-seekers", "start", TriggerKind.JOINS, "job-seekers"),
        (" Joins   job-seekers ", "start", TriggerKind.JOINS, "job-seekers"),
        ("leaves job-seekers", "stop", TriggerKind.LEAVES, "job-seekers"),
        ("gets tag VIP_2", "goal", TriggerKind.GETS_TAG, "VIP_2"),
        ("registers", "goal", TriggerKind.REGISTERS, None),
        ("cancels", "stop", TriggerKind.CANCELS, None),
        ("session ends", "start", TriggerKind.SESSION_ENDS, None),
        ("last session starts", "stop", TriggerKind.LAST_SESSION_STARTS, None),
        ("clicks last-seats", "start", TriggerKind.CLICKS, "last-seats"),
    ],
)
def test_triggers_of_the_language(phrase: str, role: str, kind: TriggerKind, argument: str | None) -> None:
    trigger = parse_trigger(phrase, role=role)
    assert (trigger.kind, trigger.argument) == (kind, argument)
    assert trigger.phrase == " ".join(phrase.split())


@pytest.mark.parametrize(
    ("phrase", "role", "column", "width", "says"),
    [
        ("", "start", 0, 1, "`joins job-seekers`"),
        ("join job-seekers", "start", 0, 16, "write `joins job-seekers`"),
        ("registered", "goal", 0, 10, "write `registers`"),
        ("get tag vip", "goal", 0, 11, "write `gets tag vip`"),
        ("last session start", "stop", 0, 18, "write `last session starts`"),
        ("last session starts", "start", 0, 19, "`registers`"),
        ("leaves job-seekers", "start", 0, 6, "`registers`"),
        ("cancels", "goal", 0, 7, "`registers`"),
        ("joins", "start", 5, 1, "`joins job-seekers`"),
        ("joins a b", "start", 8, 1, "`joins job-seekers`"),
        ("registers now", "goal", 10, 3, "`registers`"),
        ("joins <b>", "start", 6, 3, "`joins job-seekers`"),
        ("buys a boat", "start", 0, 11, "`joins job-seekers`"),
    ],
)
def test_faulty_triggers_are_pointed_at(phrase: str, role: str, column: int, width: int, says: str) -> None:
    with pytest.raises(PhraseError) as caught:
        parse_trigger(phrase, role=role)
    assert (caught.value.column, caught.value.width) == (column, width)
    assert says in caught.value.help


def test_every_trigger_has_a_row_an_example_and_a_judgement() -> None:
    assert {row.kind for row in TRIGGERS} == set(TriggerKind) == set(REACHED)
    for row in TRIGGERS:
        assert row.roles
        for role in row.roles:
            assert role in ROLES
            assert parse_trigger(row.example, role=role).kind is row.kind


def test_an_event_matches_by_kind_and_argument() -> None:
    joins = Trigger("joins a", TriggerKind.JOINS, "a")
    assert matches(joins, TriggerKind.JOINS, "a")
    assert not matches(joins, TriggerKind.JOINS, "b")
    assert not matches(joins, TriggerKind.JOINS, None)
    assert not matches(joins, TriggerKind.LEAVES, "a")
    assert matches(Trigger("registers", TriggerKind.REGISTERS), TriggerKind.REGISTERS, None)


WORDS = st.sampled_from(
    ["joins", "leaves", "gets", "tag", "registers", "session", "ends", "last", "clicks", "x-1", "<", "İ"]
)


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=6).map(" ".join)), st.sampled_from(ROLES))
@example("joins " + "x" * 2000, "start")
@settings(max_examples=80, deadline=None)
def test_no_text_breaks_the_reader_of_triggers(text: str, role: str) -> None:
    try:
        trigger = parse_trigger(text, role=role)
    except PhraseError as fault:
        place = (fault.column, fault.width, fault.message, fault.help)
    else:
        assert parse_trigger(trigger.phrase, role=role) == trigger
        return
    column, width, message, hint = place
    assert 0 <= column <= len(text)
    assert 1 <= width <= max(1, len(text))
    assert message
    assert hint
