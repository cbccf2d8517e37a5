"""Conditions: reads `attended and not tag vip`, and judges it for one person. Three values: yes, no, not known.

Pure. A segment is a question asked afresh each time; nothing here is stored. Unknown stays unknown through
`not`, and through `and` and `or` where the other side does not settle it (DESIGN §7 rule 4).
Called by the authoring room (phrases), by `decide` (the `if` of a step) and by the engine (the `where` of a broadcast).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from drip.core.model import (
    And,
    Attended,
    Clicked,
    Condition,
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
from drip.core.phrases import Word, Words, nearest, tidy
from drip.core.records import Attendance, Facts

CONDITION_WORD = re.compile(r"""[()]|"[^"]*"|'[^']*'|[^\s()]+""")
NAME = re.compile(r"[^\W_][\w./-]*")
STARTERS = ("attended", "missed", "registered", "tag", "field", "on", "clicked", "joined", "not")
KEYWORDS = frozenset({*STARTERS, "and", "or", "is", "within", "(", ")"})
CONDITION_USAGE = (
    "a condition is made of `attended`, `missed`, `registered`, `tag T`, `field F is V`, `on LIST`, `clicked POST`, "
    "`joined within 30 days`, with `and`, `or`, `not` and parentheses"
)
# Parentheses and `not` within one another; far beyond what anybody reads.
DEPTH_MAX = 20
DAYS_MAX = 36_500

PLAIN_TERMS: Mapping[str, Term] = {"attended": Attended(), "missed": Missed(), "registered": Registered()}


# --- reading -----------------------------------------------------------------------------------------------------


def parse_condition(phrase: str) -> Condition:
    """Read an `if` or a `where`. `not` binds before `and`, `and` before `or`. Raises PhraseError."""
    words = Words(phrase, CONDITION_WORD, CONDITION_USAGE)
    term = _read_or(words, 0)
    left_over = words.peek()
    if left_over is not None and left_over.text != ")":
        near = nearest(left_over.text, ("and", "or"))
        hint = "write `and` or `or` between two conditions" if near is None else f"write `{near}`"
        raise words.fault(f"expected `and` or `or`, found `{left_over.text}`", left_over, suggestion=hint)
    words.end()
    return Condition(tidy(phrase), term)


def _read_or(words: Words, depth: int) -> Term:
    terms = [_read_and(words, depth)]
    while words.take_if("or"):
        terms.append(_read_and(words, depth))
    return terms[0] if len(terms) == 1 else Or(tuple(terms))


def _read_and(words: Words, depth: int) -> Term:
    terms = [_read_not(words, depth)]
    while words.take_if("and"):
        terms.append(_read_not(words, depth))
    return terms[0] if len(terms) == 1 else And(tuple(terms))


def _read_not(words: Words, depth: int) -> Term:
    word = words.peek()
    if depth > DEPTH_MAX:
        raise words.fault(f"this is nested more than {DEPTH_MAX} deep", word)
    if words.take_if("not"):
        return Not(_read_not(words, depth + 1))
    if not words.take_if("("):
        return _read_term(words)
    term = _read_or(words, depth + 1)
    if not words.take_if(")"):
        raise words.fault("this parenthesis is never closed", word, suggestion="add `)`")
    return term


def _read_term(words: Words) -> Term:
    word = words.take("a condition")
    plain = PLAIN_TERMS.get(word.folded)
    if plain is not None:
        return plain
    match word.folded:
        case "tag":
            return HasTag(_read_name(words, "tag"))
        case "on":
            return OnList(_read_name(words, "list"))
        case "clicked":
            return Clicked(_read_name(words, "post"))
        case "field":
            return _read_field(words)
        case "joined":
            return _read_joined(words)
    near = nearest(word.text, STARTERS)
    hint = f"write `{near}`" if near else ""
    raise words.fault(f"`{word.text}` is no condition", word, suggestion=hint)


def _read_name(words: Words, what: str) -> str:
    word = words.take(f"the name of a {what}")
    if word.folded in KEYWORDS or not (NAME.fullmatch(word.text) or (word.is_quoted and word.text.strip())):
        hint = f'if a {what} really has this name, put it in quotes: "{word.text}"' if word.folded in KEYWORDS else ""
        raise words.fault(f"expected the name of a {what}, found `{word.text}`", word, suggestion=hint)
    return word.text


def _read_field(words: Words) -> Term:
    """`field F is V`: V runs to the next `and`, `or` or parenthesis, or is put in quotes."""
    name = _read_name(words, "field")
    words.take_one_of(("is",))
    first = words.peek()
    if first is not None and first.folded == "not":
        raise words.fault("`not` stands before a condition", first, suggestion=f"write `not field {name} is …`")
    if first is not None and first.is_quoted:
        words.take("a value")
        return FieldIs(name, first.text)
    value: list[str] = []
    while (word := words.peek()) is not None and word.folded not in ("and", "or", "(", ")"):
        value.append(_value_word(words, word))
    if not value:
        raise words.fault(
            "the value is missing", first, suggestion='write `field city is Berlin` or `field city is "and"`'
        )
    return FieldIs(name, " ".join(value))


def _value_word(words: Words, word: Word) -> str:
    if word.is_quoted or word.text[0] in "\"'":
        raise words.fault("quotes go around the whole value", word)
    words.take("a value")
    return word.text


def _read_joined(words: Words) -> Term:
    words.take_one_of(("within",))
    number = words.take("a number of days")
    is_number = number.text.isascii() and number.text.isdigit() and len(number.text) <= 5
    days = int(number.text) if is_number else 0
    if not 1 <= days <= DAYS_MAX:
        raise words.fault(
            f"`{number.text}` is not a number of days", number, suggestion="write `joined within 30 days`"
        )
    words.take_one_of(("days", "day"))
    return JoinedWithin(days)


# --- judging -----------------------------------------------------------------------------------------------------


def judge(term: Term, facts: Facts, now: datetime) -> bool | None:
    """Whether the term holds for this person now; None while that cannot be known."""
    match term:
        case Not(inner):
            inner_holds = judge(inner, facts, now)
            return None if inner_holds is None else not inner_holds
        case And(terms):
            return _all([judge(each, facts, now) for each in terms])
        case Or(terms):
            return _any([judge(each, facts, now) for each in terms])
    return _judge_leaf(term, facts, now)


def settled(term: Term, facts: Facts) -> bool | None:
    """What the term has come to for good: None as long as it can still change.

    Only attendance, once known, is a fact about the past; tags, lists, fields and clicks may still come.
    """
    match term:
        case Not(inner):
            inner_holds = settled(inner, facts)
            return None if inner_holds is None else not inner_holds
        case And(terms):
            return _all([settled(each, facts) for each in terms])
        case Or(terms):
            return _any([settled(each, facts) for each in terms])
        case Attended():
            return _attendance(facts, Attendance.ATTENDED)
        case Missed():
            return _attendance(facts, Attendance.MISSED)
    return None


def _judge_leaf(term: Term, facts: Facts, now: datetime) -> bool | None:
    match term:
        case Attended():
            return _attendance(facts, Attendance.ATTENDED)
        case Missed():
            return _attendance(facts, Attendance.MISSED)
        case Registered():
            return facts.booked
        case HasTag(tag):
            return tag in facts.subscriber.tags
        case FieldIs(name, value):
            known = facts.subscriber.fields.get(name)
            return known is not None and same_value(known, value)
        case OnList(name):
            return name in facts.lists
        case Clicked(post):
            return post in facts.clicked
        case JoinedWithin(days):
            return facts.joined_at is not None and now - facts.joined_at <= timedelta(days=days)
    raise AssertionError(f"no judgement for {term!r}")


def _attendance(facts: Facts, wanted: Attendance) -> bool | None:
    if facts.attendance is Attendance.UNKNOWN:
        # Who never registered neither attended nor missed; that much is known.
        never_registered = facts.registration is None and facts.enrollment.registration_id is None
        return False if never_registered else None
    return facts.attendance is wanted


def _all(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def _any(parts: list[bool | None]) -> bool | None:
    if True in parts:
        return True
    return None if None in parts else False


def same_value(one: str, other: str) -> bool:
    """Whether two values of a field are the same one."""
    return _folded(one) == _folded(other)


def _folded(text: str) -> str:
    """How field values are compared: without regard to case, outer spaces and the way accents are encoded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold()).strip()


def leaves(term: Term) -> Iterator[Term]:
    """The conditions that a tree is made of, from left to right, without `and`, `or` and `not`."""
    match term:
        case Not(inner):
            yield from leaves(inner)
        case And(terms) | Or(terms):
            for each in terms:
                yield from leaves(each)
        case _:
            yield term
