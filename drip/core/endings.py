"""Whether a sequence is over for somebody: a "no", the goal, or the stop (DESIGN §7 rule 11).

Pure. It judges what is so, not what happened: the engine also ends enrollments by events, in the transaction of
the event, and this is the second look in the transaction that plans a delivery. Called by `decide` only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from drip.core.lateness import stop_moment
from drip.core.model import Sequence, Trigger, TriggerKind
from drip.core.reasons import Reason, ReasonName
from drip.core.records import EnrollmentState, Facts, RegistrationState
from drip.core.when import moment_text


def why_over(sequence: Sequence, facts: Facts, now: datetime) -> tuple[EnrollmentState, Reason] | None:
    """How and why the sequence is over for this person, or None. A "no" comes before everything else (promise 2)."""
    refused = _why_refused(sequence, facts)
    if refused is not None:
        return EnrollmentState.STOPPED, refused
    if sequence.goal is not None and _is_reached(sequence.goal, sequence, facts, now):
        return EnrollmentState.GOAL, Reason(ReasonName.GOAL_REACHED, f"goal reached: {sequence.goal.phrase}")
    if sequence.stop is not None and _is_reached(sequence.stop, sequence, facts, now):
        stop = sequence.stop
        return EnrollmentState.STOPPED, Reason(ReasonName.STOP_REACHED, lambda: _stop_text(stop, sequence, facts))
    if sequence.start.knows_session and _cancelled(facts):
        text = "the registration that this is about is cancelled"
        return EnrollmentState.STOPPED, Reason(ReasonName.REGISTRATION_CANCELLED, text)
    return None


def _why_refused(sequence: Sequence, facts: Facts) -> Reason | None:
    if facts.suppressed is not None:
        return Reason(ReasonName.SUPPRESSED, f"the address is suppressed ({facts.suppressed})")
    left_at = facts.subscriber.left_at
    if left_at is not None:
        return Reason(ReasonName.LEFT, f"unsubscribed from everything on {moment_text(left_at, facts.zone)}")
    if sequence.list is not None and sequence.list not in facts.lists:
        return Reason(ReasonName.UNSUBSCRIBED, f"the subscription to {sequence.list} has ended")
    if sequence.list is None and not sequence.is_service and not facts.lists:
        return Reason(ReasonName.UNSUBSCRIBED, "there is no active subscription to any list")
    return None


def _stop_text(stop: Trigger, sequence: Sequence, facts: Facts) -> str:
    moment = stop_moment(sequence, facts)
    when = f" ({moment_text(moment, facts.zone)})" if moment is not None else ""
    return f"stop reached: {stop.phrase}{when}"


# --- one line per trigger: is it so? -----------------------------------------------------------------------------


def _is_reached(trigger: Trigger, sequence: Sequence, facts: Facts, now: datetime) -> bool:
    # What began the sequence is so from the start, and can neither complete nor stop it.
    if trigger.kind is sequence.start.kind and trigger.argument == sequence.start.argument:
        return False
    return REACHED[trigger.kind](trigger, sequence, facts, now)


def _cancelled(facts: Facts) -> bool:
    return facts.registration is not None and facts.registration.state is RegistrationState.CANCELLED


def _registers(_trigger: Trigger, sequence: Sequence, facts: Facts, _now: datetime) -> bool:
    # A sequence about a registration has one by its nature; only the event of another one counts there.
    return facts.booked and not sequence.start.knows_session


def _by_calendar(_trigger: Trigger, sequence: Sequence, facts: Facts, now: datetime) -> bool:
    moment = stop_moment(sequence, facts)
    return moment is not None and moment <= now


REACHED: Mapping[TriggerKind, Callable[[Trigger, Sequence, Facts, datetime], bool]] = MappingProxyType(
    {
        TriggerKind.JOINS: lambda trigger, _sequence, facts, _now: trigger.argument in facts.lists,
        # Facts know who is on a list now. Who never was on it is stopped as well: the mistake of one mail less.
        TriggerKind.LEAVES: lambda trigger, _sequence, facts, _now: trigger.argument not in facts.lists,
        TriggerKind.GETS_TAG: lambda trigger, _sequence, facts, _now: trigger.argument in facts.subscriber.tags,
        TriggerKind.REGISTERS: _registers,
        TriggerKind.CANCELS: lambda _trigger, _sequence, facts, _now: _cancelled(facts),
        TriggerKind.SESSION_ENDS: _by_calendar,
        TriggerKind.LAST_SESSION_STARTS: _by_calendar,
        TriggerKind.CLICKS: lambda trigger, _sequence, facts, _now: trigger.argument in facts.clicked,
    }
)
