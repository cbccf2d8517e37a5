"""Sequences, people and moments in a few words, for tests of what the core decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from drip.core.decide import Decision, Do, Skip, timeline
from drip.core.model import Campaign, Sequence, Session, Step, Verb
from drip.core.records import (
    Did,
    Enrollment,
    EnrollmentId,
    EnrollmentState,
    Facts,
    Registration,
    RegistrationId,
    RegistrationState,
    StepDone,
    Subscriber,
    SubscriberId,
)
from drip.core.segments import parse_condition
from drip.core.triggers import parse_trigger
from drip.core.when import parse_duration, parse_hours, parse_when

NEW_YORK = "America/New_York"
CAMPAIGN = Campaign("six", "Six", NEW_YORK)


def at(*parts: int, zone: str = NEW_YORK) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone)).astimezone(UTC)


THURSDAY = at(2026, 6, 18, 10)
NOON = Session("tuesday-noon", at(2026, 12, 8, 12), at(2026, 12, 8, 13), "2026-12-08 12:00", NEW_YORK)


def sequence(
    start: str, *lines: str, goal: str = "", stop: str = "", hours: str = "", late: str = "", name: str = "seq"
) -> Sequence:
    """A sequence as an author writes it; each line is `post | when | if`, the verb `send` unless it says `tag x`."""
    steps = []
    for line in lines:
        what, when, condition = (*(each.strip() for each in line.split("|")), "")[:3]
        verb, _, target = what.rpartition(" ")
        steps.append(
            Step(
                name,
                Verb(verb or "send"),
                target,
                parse_when(when),
                parse_condition(condition) if condition else None,
                parse_duration(late) if late else None,
            )
        )
    return Sequence(
        name,
        parse_trigger(start, role="start"),
        tuple(steps),
        parse_trigger(goal, role="goal") if goal else None,
        parse_trigger(stop, role="stop") if stop else None,
        parse_hours(hours) if hours else None,
    )


def person(started: datetime = THURSDAY, *done: StepDone, **changes: object) -> Facts:
    """Ana, on the list `news`, in a sequence since `started`."""
    ana = Subscriber(SubscriberId(1), "ana@example.com", "m1", started)
    inside = Enrollment(EnrollmentId(1), "six", "seq", ana.id, "first", EnrollmentState.RUNNING, started, done=done)
    return replace(Facts(ana, inside, NEW_YORK, lists=frozenset({"news"})), **changes)  # type: ignore[arg-type]


def registrant(started: datetime, session: Session = NOON, **changes: object) -> Facts:
    """Ben, who registered for a session at `started`; he is on no list."""
    seat = Registration(RegistrationId(7), SubscriberId(1), "six", session.name, RegistrationState.BOOKED, started)
    base = person(started, registration=seat, session=session, booked=True, lists=frozenset(), **changes)
    return replace(base, enrollment=replace(base.enrollment, registration_id=seat.id, occasion="registration-7"))


def sent(step: str, moment: datetime, did: Did = Did.SENT) -> StepDone:
    return StepDone(f"seq/{step}", did, moment)


def said(decision: Decision) -> tuple[str, str]:
    return type(decision).__name__, decision.reason.name.value


def story(seq: Sequence, facts: Facts, now: datetime) -> list[tuple[str, str, str]]:
    """What is done or skipped, when, and why; by the wall clock of New York."""
    return [
        (f"{moment.astimezone(ZoneInfo(NEW_YORK)):%a %H:%M}", made.step.target, made.reason.name.value)
        for moment, made in timeline(seq, facts, now, campaign=CAMPAIGN)
        if isinstance(made, Do | Skip)
    ]
