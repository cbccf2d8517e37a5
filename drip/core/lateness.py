"""Until when a step still makes sense: a late reminder lies (DESIGN §7 rules 5 and 6).

Pure. Called by `decide` only.

Every limit here is the last moment at which it is still good, as the store compares them. The windows:

    before a session, a day or more ahead    until 6 hours before the start
    before a session, 30 minutes or more     until 20 minutes before the start
    before a session, less than that         until a second before the start. Rule 6 would allow five minutes
                                             more, but rule 5 has nothing "before session" go at or after the
                                             start, and the stricter of the two wins
    posts at once after a registration       until that session is over, at most 3 days
    every other post                         3 days after it was due
    steps that mail nothing                  for ever: a tag set late is still true

`late:` of a step takes the place of its window, but never lets anything "before session" pass the start. No window
reaches to the moment at which the sequence stops, also not that of a step with `then send`, which has no other end.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from drip.core.model import LatePolicy, Sequence, Step, TriggerKind, Unit, WhenKind
from drip.core.records import Facts

DRIP_LATE = timedelta(days=3)
DAY_REMINDER_ENDS = timedelta(hours=6)
HOUR_REMINDER_ENDS = timedelta(minutes=20)
HOUR_REMINDER_MIN = timedelta(minutes=30)
# What must not happen at a moment itself is good until this long before it.
JUST_BEFORE = timedelta(seconds=1)
# The confirmation of a registration has just said what such a reminder would say.
REGISTERED_LATE = timedelta(minutes=15)
# Attendance that nobody reported within a day after it was asked for will not be reported (rule 4).
ATTENDANCE_WAIT = timedelta(days=1)

_NOMINAL = {
    Unit.MINUTES: timedelta(minutes=1),
    Unit.HOURS: timedelta(hours=1),
    Unit.DAYS: timedelta(days=1),
    Unit.WEEKS: timedelta(weeks=1),
}


def expiry(sequence: Sequence, step: Step, facts: Facts, due: datetime) -> datetime | None:
    """The last moment at which this step still makes sense, if it was due at `due`; None if it always does."""
    if step.late_then is LatePolicy.SEND or (step.late_then is LatePolicy.ASK and not step.is_mail):
        return last_moment(sequence, step, facts)
    if step.when.kind is WhenKind.BEFORE_SESSION and facts.session is not None:
        limit = until_session(step, due, facts.session.starts)
    elif step.late is not None:
        limit = due + step.late
    elif step.is_mail:
        limit = due + DRIP_LATE
        if _greets(sequence, step) and facts.session is not None:
            limit = min(limit, facts.session.ends)
    else:
        return None
    stops_at = stop_moment(sequence, facts)
    return limit if stops_at is None else min(limit, stops_at - JUST_BEFORE)


def last_moment(sequence: Sequence, step: Step, facts: Facts) -> datetime | None:
    """The last moment at which this step may act at all, whatever its `late:` says; None if there is none."""
    stops_at = stop_moment(sequence, facts)
    limits = [] if stops_at is None else [stops_at - JUST_BEFORE]
    if facts.session is not None and step.when.kind is WhenKind.BEFORE_SESSION:
        limits.append(facts.session.starts - JUST_BEFORE)
    if facts.session is not None and _greets(sequence, step):
        limits.append(facts.session.ends)
    return min(limits, default=None)


def _greets(sequence: Sequence, step: Step) -> bool:
    """Whether it tells of a registration that was just made: over when that session is."""
    return sequence.start.kind is TriggerKind.REGISTERS and step.when.kind is WhenKind.AT_ONCE


def until_session(step: Step, due: datetime, starts: datetime) -> datetime:
    """The last moment at which a reminder is good that was due then, before a session that starts then."""
    if step.late is not None:
        return min(due + step.late, starts - JUST_BEFORE)
    distance = step.when.amount * _NOMINAL[step.when.unit]
    if distance >= timedelta(days=1):
        return starts - DAY_REMINDER_ENDS
    return starts - (HOUR_REMINDER_ENDS if distance >= HOUR_REMINDER_MIN else JUST_BEFORE)


def stop_moment(sequence: Sequence, facts: Facts) -> datetime | None:
    """When the sequence will stop for this person by the calendar alone, if it does."""
    if sequence.stop is None:
        return None
    if sequence.stop.kind is TriggerKind.LAST_SESSION_STARTS:
        return facts.last_session_starts
    if sequence.stop.kind is TriggerKind.SESSION_ENDS and sequence.start.kind is not TriggerKind.SESSION_ENDS:
        return facts.session.ends if facts.session is not None else None
    return None


def registered_too_late(step: Step, due: datetime, facts: Facts) -> bool:
    """Whether a reminder was due before this person could have been reminded of anything (rule 5)."""
    if step.when.kind is not WhenKind.BEFORE_SESSION:
        return False
    return due < facts.enrollment.started_at + REGISTERED_LATE


def attendance_deadline(step: Step, due: datetime) -> datetime:
    """How long a step waits to be told who attended."""
    return due + (ATTENDANCE_WAIT if step.late is None else min(step.late, ATTENDANCE_WAIT))
