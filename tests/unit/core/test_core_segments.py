"""Conditions: their phrases, and three-valued judgement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drip.core.model import (
    And,
    Attended,
    Clicked,
    FieldIs,
    HasTag,
    JoinedWithin,
    Missed,
    Not,
    OnList,
    Or,
    Registered,
    Term,
)
from drip.core.problems import PhraseError
from drip.core.records import (
    Attendance,
    Enrollment,
    EnrollmentId,
    EnrollmentState,
    Facts,
    RegistrationId,
    Subscriber,
    SubscriberId,
)
from drip.core.segments import judge, leaves, parse_condition, settled

NOW = datetime(2026, 6, 18, 12, tzinfo=UTC)


def facts(**changes: object) -> Facts:
    who = Subscriber(
        SubscriberId(1), "ana@example.com", "m1", NOW, fields={"city": "São Paulo"}, tags=frozenset({"vip"})
    )
    enrollment = Enrollment(
        EnrollmentId(1),
        "six",
        "follow-up",
        who.id,
        "registration-7",
        EnrollmentState.RUNNING,
        NOW,
        registration_id=RegistrationId(7),
    )
    base = Facts(who, enrollment, "UTC", lists=frozenset({"news"}), clicked=frozenset({"last-seats"}), joined_at=NOW)
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("phrase", "term"),
    [
        ("attended", Attended()),
        ("  Missed ", Missed()),
        ("registered", Registered()),
        ("tag webinar-graduate", HasTag("webinar-graduate")),
        ('tag "two words"', HasTag("two words")),
        ("on job-seekers", OnList("job-seekers")),
        ("clicked last-seats", Clicked("last-seats")),
        ("joined within 30 days", JoinedWithin(30)),
        ("joined within 1 day", JoinedWithin(1)),
        ("field city is Berlin", FieldIs("city", "Berlin")),
        ("field city is New  York and attended", And((FieldIs("city", "New York"), Attended()))),
        ('field motto is "now and not then" or missed', Or((FieldIs("motto", "now and not then"), Missed()))),
        ("field name is O'Brien", FieldIs("name", "O'Brien")),
        ('field city is ""', FieldIs("city", "")),
        ("not tag a", Not(HasTag("a"))),
        ("not not attended", Not(Not(Attended()))),
        ("attended or missed and tag a", Or((Attended(), And((Missed(), HasTag("a")))))),
        ("(attended or missed) and tag a", And((Or((Attended(), Missed())), HasTag("a")))),
        ("not attended and not (tag a or tag b)", And((Not(Attended()), Not(Or((HasTag("a"), HasTag("b"))))))),
        ("(((attended)))", Attended()),
    ],
)
def test_conditions_of_the_language(phrase: str, term: Term) -> None:
    assert parse_condition(phrase).term == term


@pytest.mark.parametrize(
    ("phrase", "column", "width", "says"),
    [
        ("", 0, 1, "`attended`"),
        ("atended", 0, 7, "write `attended`"),
        ("tag a and mised", 10, 5, "write `missed`"),
        ("attended or", 11, 1, "`attended`"),
        ("attended missed", 9, 6, "`and` or `or`"),
        ("attended adn missed", 9, 3, "write `and`"),
        ("(attended", 0, 1, "`)`"),
        ("attended)", 8, 1, "`attended`"),
        ("tag", 3, 1, "`attended`"),
        ("tag and attended", 4, 3, "quotes"),
        ("field city = Berlin", 11, 1, "`field F is V`"),
        ("field city is", 13, 1, "`field city is Berlin`"),
        ("field city is not Berlin", 14, 3, "write `not field city is …`"),
        ('field city is "New York', 14, 4, "`field F is V`"),
        ("joined within a month", 14, 1, "30 days"),
        ("joined within 0 days", 14, 1, "30 days"),
        ("joined within 99999999999999 days", 14, 14, "30 days"),
        ("joined within 30", 16, 1, "30 days"),
        ("bought", 0, 6, "`attended`"),
    ],
)
def test_faulty_conditions_are_pointed_at(phrase: str, column: int, width: int, says: str) -> None:
    with pytest.raises(PhraseError) as caught:
        parse_condition(phrase)
    assert (caught.value.column, caught.value.width) == (column, width)
    assert says in caught.value.help


def test_nesting_has_a_limit_and_not_a_crash() -> None:
    for phrase in ("(" * 400 + "attended" + ")" * 400, "not " * 200 + "attended", "(not " * 150 + "attended"):
        with pytest.raises(PhraseError, match="nested"):
            parse_condition(phrase)


PIECES = st.sampled_from(
    (
        "attended",
        "and",
        "or",
        "not",
        "(",
        ")",
        "tag",
        "field",
        "is",
        "x",
        '"',
        "'",
        "joined",
        "within",
        "30",
        "days",
        "٣",
    )
)


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map(" ".join)))
@example('"' * 1000)
@settings(max_examples=80, deadline=None)
def test_no_text_breaks_the_reader_of_conditions(text: str) -> None:
    try:
        condition = parse_condition(text)
    except PhraseError as fault:
        place = (fault.column, fault.width, fault.message, fault.help)
    else:
        assert parse_condition(condition.phrase).term == condition.term
        assert list(leaves(condition.term))
        return
    column, width, message, hint = place
    assert 0 <= column <= len(text)
    assert 1 <= width <= max(1, len(text))
    assert message
    assert hint


# --- judgement ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phrase", "holds"),
    [
        ("tag vip", True),
        ("tag VIP", False),
        ("on news", True),
        ("on other", False),
        ("clicked last-seats", True),
        ("clicked first-seats", False),
        ("registered", False),
        ("field city is sa\u0303o paulo", True),
        ("field city is Rio", False),
        ('field town is ""', False),
        ("joined within 1 day", True),
        ("attended", None),
        ("not attended", None),
        ("attended and tag vip", None),
        ("attended and tag other", False),
        ("missed or tag vip", True),
        ("missed or tag other", None),
        ("not (missed or tag vip)", False),
    ],
)
def test_judgement_of_each_condition(phrase: str, holds: bool | None) -> None:
    assert judge(parse_condition(phrase).term, facts(), NOW) is holds


def test_joined_within_ends_after_so_many_days() -> None:
    term = JoinedWithin(30)
    assert judge(term, facts(), NOW + timedelta(days=30)) is True
    assert judge(term, facts(), NOW + timedelta(days=30, seconds=1)) is False
    assert judge(term, facts(joined_at=None), NOW) is False


def test_rule_04_attendance_has_three_values() -> None:
    unknown = facts()
    came = facts(attendance=Attendance.ATTENDED)
    stayed_away = facts(attendance=Attendance.MISSED)
    assert [judge(Attended(), each, NOW) for each in (unknown, came, stayed_away)] == [None, True, False]
    assert [judge(Missed(), each, NOW) for each in (unknown, came, stayed_away)] == [None, False, True]


def test_who_never_registered_neither_attended_nor_missed() -> None:
    free = facts()
    free = replace(free, enrollment=replace(free.enrollment, registration_id=None))
    assert judge(Attended(), free, NOW) is False
    assert judge(Missed(), free, NOW) is False


def test_only_attendance_is_ever_settled() -> None:
    came = facts(attendance=Attendance.ATTENDED)
    assert settled(Missed(), came) is False
    assert settled(Not(Missed()), came) is True
    assert settled(And((Missed(), HasTag("vip"))), came) is False
    assert settled(And((Attended(), HasTag("other"))), came) is None
    assert settled(HasTag("other"), came) is None
    assert settled(Attended(), facts()) is None


TERMS = st.recursive(
    st.sampled_from([Attended(), Missed(), HasTag("vip"), HasTag("other"), OnList("news")]),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=1, max_size=3).map(lambda terms: And(tuple(terms))),
        st.lists(inner, min_size=1, max_size=3).map(lambda terms: Or(tuple(terms))),
    ),
    max_leaves=8,
)


@given(TERMS)
@settings(max_examples=80, deadline=None)
def test_rule_04_what_is_said_while_unknown_holds_however_it_turns_out(term: Term) -> None:
    said = judge(term, facts(), NOW)
    later = {judge(term, facts(attendance=each), NOW) for each in (Attendance.ATTENDED, Attendance.MISSED)}
    assert None not in later
    if said is not None:
        assert later == {said}


@given(TERMS, st.sampled_from(Attendance))
@settings(max_examples=80, deadline=None)
def test_what_is_settled_holds_whatever_tags_and_lists_still_come(term: Term, attendance: Attendance) -> None:
    known = facts(attendance=attendance)
    final = settled(term, known)
    if final is None:
        return
    for tags in ({"vip"}, set(), {"other"}):
        for lists in ({"news"}, set()):
            who = replace(known.subscriber, tags=frozenset(tags))
            assert judge(term, replace(known, subscriber=who, lists=frozenset(lists)), NOW) is final
