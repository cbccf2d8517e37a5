"""Reads sequences with their steps, and broadcasts: the phrases, and the names that they refer to.

Part of the reading of campaign.yaml (`drip.authoring.read_campaign`). How steps fit together is judged later, by
`drip.authoring.check_plot`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Generic, TypeVar

from drip.authoring.keys import NAME_PATTERN, STEP_VERBS
from drip.authoring.section import Named, Notebook, Section, clip, name_rule, similar
from drip.authoring.source import Scalar
from drip.core.caps import NORMAL
from drip.core.limits import closed_hours, late_text, parse_again, parse_closing, parse_late, parse_priority
from drip.core.model import (
    NEVER_AGAIN,
    Attended,
    Broadcast,
    Clicked,
    Closing,
    Condition,
    FieldIs,
    HasTag,
    LatePolicy,
    Missed,
    OnList,
    Registered,
    Sequence,
    Step,
    Term,
    Trigger,
    TriggerKind,
    Verb,
    WhenKind,
)
from drip.core.problems import Place
from drip.core.segments import leaves, parse_condition
from drip.core.triggers import parse_trigger
from drip.core.variants import WEIGHT_MAX, Variant
from drip.core.when import parse_hours, parse_when

T = TypeVar("T")

_WEBINAR_TRIGGERS = frozenset(
    {TriggerKind.REGISTERS, TriggerKind.CANCELS, TriggerKind.SESSION_ENDS, TriggerKind.LAST_SESSION_STARTS}
)
_LIST_TRIGGERS = frozenset({TriggerKind.JOINS, TriggerKind.LEAVES})


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """Something that was read, where it stands, and where its values stand."""

    value: T
    place: Place
    places: Mapping[str, Place] = field(default_factory=dict)

    def at(self, key: str) -> Place:
        """Where the value of a key stands, or the whole."""
        return self.places.get(key, self.place)


@dataclass(frozen=True, slots=True)
class References:
    """What a plot can refer to. None: could not be read, so nothing is said about names of that kind.

    `closed` are the days on which nothing leaves in the whole campaign. `renamed` has the old names of renamed posts.
    `sent` collects the posts that steps and broadcasts send, also those of steps that could not be read.
    """

    posts: frozenset[str]
    lists: tuple[str, ...] | None
    fields: tuple[str, ...] | None
    has_webinar: bool
    folder: str
    closed: tuple[Closing, ...] = ()
    renamed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)

    def check_post(self, book: Notebook, name: str, place: Place) -> None:
        """A post must be a file of the campaign."""
        if name not in self.posts:
            advice = similar(name, self.posts, "a post") or f"write {self.folder}/{clip(name)}.md"
            book.note("unknown-post", f"there is no post `{clip(name)}` in {self.folder}", place, advice)

    def check_list(self, book: Notebook, name: str, place: Place) -> None:
        """A list must be in drip.yaml."""
        if self.lists is not None and name not in self.lists:
            advice = similar(name, self.lists, "a list") or "add it under `lists` in drip.yaml"
            book.note("unknown-list", f"drip.yaml has no list `{clip(name)}`", place, advice)

    def check_field(self, book: Notebook, name: str, place: Place) -> None:
        """A field must be in drip.yaml."""
        if self.fields is not None and name not in self.fields:
            advice = similar(name, self.fields, "a field") or "add it under `fields` in drip.yaml"
            book.note("unknown-field", f"drip.yaml has no field `{clip(name)}`", place, advice)

    def check_webinar(self, book: Notebook, phrase: str, place: Place) -> None:
        """What speaks of registrations needs a webinar."""
        if not self.has_webinar:
            message = f"`{clip(phrase)}` speaks of a webinar, and this campaign has none"
            book.note("no-webinar", message, place, "add a `webinar:` with its sessions")


def read_sequence(
    book: Notebook, named: Named, known: References
) -> tuple[Placed[Sequence] | None, tuple[Placed[Step], ...]]:
    """A sequence and its steps; None for the sequence if it cannot be told what starts it."""
    section = named.section
    if section is None:
        return None, ()
    triggers = {role: _trigger(book, section, role, known) for role in ("start", "goal", "stop")}
    hours = book.phrase(section.scalars.get("hours"), parse_hours)
    closed = book.phrases(section.texts.get("closed", ()), parse_closing)
    late = book.phrase(section.scalars.get("late"), parse_late)
    steps = tuple(
        step for row in section.rows.get("steps", []) if (step := _step(book, row, named.name, late, known)) is not None
    )
    start = triggers["start"]
    if start is None:
        return None, steps
    again = book.phrase(section.scalars.get("again"), parse_again) or NEVER_AGAIN
    sequence = Sequence(
        named.name,
        start,
        tuple(step.value for step in steps),
        triggers["goal"],
        triggers["stop"],
        again=again,
        priority=_priority(book, section),
    )
    if sequence.is_service and "pin" in section.present:
        message = f"`{clip(named.name)}` is about a registration, and must follow its session"
        book.note("misplaced-pin", message, section.place_of("pin"), "take `pin` out: it is for courses")
    sequence = replace(sequence, is_pinned=section.text("pin") == "enrollment")
    # What is about a registration is waited for, holidays or not, unless the sequence itself says otherwise.
    closed += () if sequence.is_service else known.closed
    sequence = replace(sequence, hours=closed_hours(hours, closed), was=_old_names(section))
    return Placed(sequence, named.place, _places(section)), steps


def _priority(book: Notebook, section: Section) -> int:
    """A `priority`, or that of whatever says none."""
    priority = book.phrase(section.scalars.get("priority"), parse_priority)
    return NORMAL if priority is None else priority


def _trigger(book: Notebook, section: Section, role: str, known: References) -> Trigger | None:
    """A `start`, `goal` or `stop`, with the name in it looked up."""
    scalar = section.scalars.get(role)
    trigger = book.phrase(scalar, partial(parse_trigger, role=role))
    if trigger is None or scalar is None:
        return None
    argument = trigger.argument or ""
    place = scalar.place_of(argument)
    if trigger.kind in _LIST_TRIGGERS:
        known.check_list(book, argument, place)
    elif trigger.kind is TriggerKind.CLICKS:
        known.check_post(book, argument, place)
    elif trigger.kind in _WEBINAR_TRIGGERS:
        known.check_webinar(book, trigger.phrase, scalar.place)
    return trigger


def _step(
    book: Notebook, row: Section, sequence: str, late: tuple[timedelta, LatePolicy] | None, known: References
) -> Placed[Step] | None:
    """One step; None if its verb or its moment could not be read."""
    verbs = [verb for verb in STEP_VERBS if verb in row.present]
    if len(verbs) != 1:
        if verbs:
            message = f"this step does {len(verbs)} things: " + ", ".join(f"`{verb}`" for verb in verbs)
            book.note("step-verb", message, row.place, "make each of them a step of its own")
        else:
            advice = "add `send: POST`, or `test`, `tag`, `untag`, `join`, `leave` or `notify`"
            book.note("step-verb", "this step does nothing", row.place, advice)
    for verb in verbs:
        if verb in row.scalars:
            _check_target(book, Verb(verb), row.scalars[verb], known)
    variants = read_variants(book, row, known)
    when = book.phrase(row.scalars.get("when"), parse_when)
    if when is not None and when.kind is WhenKind.AT:
        message = "a step counts from what happened to the reader, not from the calendar"
        book.note("misplaced-when", message, row.place_of("when"), "move it to `broadcasts`, or write `2 days later`")
        when = None
    condition = _condition(book, row, "if", known)
    own_late = book.phrase(row.scalars.get("late"), parse_late)
    if own_late is not None and own_late[1] is not LatePolicy.SKIP and when and when.kind is WhenKind.BEFORE_SESSION:
        message = "a reminder that is late would say something untrue"
        advice = f"write `late: {late_text(own_late[0], LatePolicy.SKIP)}`: after that it is skipped"
        book.note("late-reminder", message, row.place_of("late"), advice)
    if len(verbs) != 1 or verbs[0] not in row.scalars or when is None:
        return None
    if own_late is None and when.kind is WhenKind.LATER:
        own_late = late
    was = _old_names(row)
    if verbs[0] == Verb.SEND:
        # A post that was renamed is still the same step, wherever it is sent.
        was += tuple(each for each in known.renamed.get(row.text("send"), ()) if each not in was)
    reopen = row.text("reopen") == "yes"
    verb = Verb(verbs[0])
    if verb is Verb.TEST and not variants:
        return None
    after, then = own_late or (None, LatePolicy.SKIP)
    step = Step(sequence, verb, row.text(verb.value), when, condition, after, was, reopen, variants, then)
    places = {f"variants/{each.name}": each.place for each in row.named.get("variants", ())}
    return Placed(step, row.place, {**_places(row), **places, "verb": row.place_of(verb.value)})


def _old_names(section: Section) -> tuple[str, ...]:
    return tuple(" ".join(each.text.split()) for each in section.texts.get("was", ()))


def read_variants(book: Notebook, row: Section, known: References) -> tuple[Variant, ...]:
    """The posts of a test with their weights; none if there is no test, or nothing of it could be read."""
    entries = row.named.get("variants", [])
    if "test" not in row.present:
        if "variants" in row.present:
            place = entries[0].place if entries else row.place
            book.note("bad-test", "only a test has variants", place, "write `test: NAME` in place of the verb")
        return ()
    if "variants" not in row.present:
        advice = "add `variants:` with a line `POST: WEIGHT` for each of its posts"
        book.note("bad-test", "a test without variants sends nothing", row.place_of("test"), advice)
    elif len(row.names.get("variants", ())) == 1:
        message = "a test of one variant compares nothing"
        book.note("bad-test", message, row.place_of("test"), "add a second one, or write `send: POST`")
    variants = []
    for each in entries:
        known.sent.add(each.name)
        if re.fullmatch(NAME_PATTERN, each.name):
            known.check_post(book, each.name, each.place)
        text = each.scalar.text.strip() if each.scalar is not None else ""
        if re.fullmatch("[0-9]{1,3}", text) and 1 <= int(text) <= WEIGHT_MAX:
            variants.append(Variant(each.name, int(text)))
        elif each.scalar is not None:
            message = f"the weight of a variant must be a whole number from 1 to {WEIGHT_MAX}, not `{clip(text)}`"
            advice = "take the line out if nobody should get it" if text == "0" else "`1` and `1` halve the readers"
            book.note("bad-test", message, each.scalar.place, advice)
    return tuple(variants)


def _check_target(book: Notebook, verb: Verb, scalar: Scalar, known: References) -> None:
    """What a step acts on must be there, or be a name."""
    name = " ".join(scalar.text.split())
    if verb is Verb.SEND:
        known.sent.add(name)
        known.check_post(book, name, scalar.place)
    elif verb in (Verb.JOIN, Verb.LEAVE):
        known.check_list(book, name, scalar.place)
    elif verb in (Verb.TAG, Verb.UNTAG, Verb.TEST) and not re.fullmatch(NAME_PATTERN, name):
        what = "test" if verb is Verb.TEST else "tag"
        book.note("bad-name", f"`{clip(name)}` cannot be the name of a {what}", scalar.place, name_rule(NAME_PATTERN))


def _condition(book: Notebook, row: Section, key: str, known: References) -> Condition | None:
    """An `if` or `where`, with the names in it looked up."""
    scalar = row.scalars.get(key)
    condition = book.phrase(scalar, parse_condition)
    if condition is None or scalar is None:
        return None
    for leaf in leaves(condition.term):
        _check_leaf(book, leaf, scalar, known)
    return condition


def _check_leaf(book: Notebook, leaf: Term, scalar: Scalar, known: References) -> None:
    """One question of a condition."""
    match leaf:
        case OnList(name):
            known.check_list(book, name, scalar.place_of(name))
        case FieldIs(name, _):
            known.check_field(book, name, scalar.place_of(f"field {name}"))
        case Clicked(name):
            known.check_post(book, name, scalar.place_of(name))
        case Attended() | Missed() | Registered():
            word = type(leaf).__name__.lower()
            known.check_webinar(book, word, scalar.place_of(word))
        case HasTag(_):
            pass


def read_broadcast(book: Notebook, row: Section, known: References) -> Placed[Broadcast] | None:
    """One broadcast; None if what, to whom or when could not be read."""
    if "send" in row.scalars:
        _check_target(book, Verb.SEND, row.scalars["send"], known)
    if "to" in row.scalars:
        known.check_list(book, row.text("to"), row.place_of("to"))
    where = _condition(book, row, "where", known)
    late = book.phrase(row.scalars.get("late"), parse_late)
    when = book.phrase(row.scalars.get("when"), parse_when)
    if when is not None and when.kind is not WhenKind.AT:
        message = f"`{clip(when.phrase)}` counts from one reader's clock, and a broadcast goes to many at one moment"
        book.note("misplaced-when", message, row.place_of("when"), "write a moment, such as `2026-12-01 09:00`")
        when = None
    if when is None or "send" not in row.scalars or "to" not in row.scalars:
        return None
    after, then = late or (None, LatePolicy.SKIP)
    broadcast = Broadcast(row.text("send"), row.text("to"), when, where, after, _priority(book, row), then)
    return Placed(broadcast, row.place, _places(row))


def _places(section: Section) -> dict[str, Place]:
    """Where the values of a section stand."""
    texts = {key: scalars[0].place for key, scalars in section.texts.items() if scalars}
    return texts | {key: scalar.place for key, scalar in section.scalars.items()}
