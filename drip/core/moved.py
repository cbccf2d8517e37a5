"""What an edit of a webinar's sessions does to one person who has a seat, as `drip.engine.seating` does it to all.

Pure; changes the `Standing` in place. Called by the forecast of what is not applied yet. People in line for a seat are
not looked at: what comes of a line depends on everybody in it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from drip.core.course import NOT_BEGUN, begin, end
from drip.core.delivery import DeliveryState
from drip.core.model import Campaign, Session, TriggerKind, WhenKind
from drip.core.records import EnrollmentState, Kind, RegistrationState, StepDone
from drip.core.standing import Mail, Passage, Seat, Standing
from drip.core.when import due

MOVED = "moved"
NOTICE = "session-moved"
CALLED_OFF = "session-cancelled"
REFUSED = frozenset({"unsubscribed", "left", "suppressed"})
"""How a passage ends whose reader wants no more mails about this registration."""


def move_sessions(standing: Standing, wanted: Campaign, now: datetime) -> None:
    """The sessions of the wanted campaign take the place of the live ones, for one person's seats."""
    webinar = wanted.webinar
    for seat in standing.seats.values():
        if seat.registration.campaign != wanted.name:
            continue
        session = webinar.session_named(seat.session.name) if webinar is not None else None
        if session is not None and session.cancelled:
            _call_off(standing, seat, wanted, session, now)
            continue
        if session is None:  # withdrawn: the seat stays, and nobody acts on its end
            seat.is_over = True
            continue
        was, seat.session = seat.session, session
        if (was.starts, was.ends) == (session.starts, session.ends):
            continue
        seat.is_over = seat.is_over and session.ends <= now
        if seat.is_booked and session.starts > now:
            _tell(standing, seat, wanted, session, now)


def _call_off(standing: Standing, seat: Seat, wanted: Campaign, session: Session, now: datetime) -> None:
    """The session does not take place: the seat ends, and one mail tells of it."""
    if session.ends <= now or not seat.is_booked:
        return
    held = seat.registration
    number = held.calendar_sequence + 1
    seat.registration = replace(held, state=RegistrationState.CANCELLED, calendar_sequence=number)
    theirs = [each for each in standing.passages if each.registration_id == held.id]
    for mail in [each for each in standing.mails if _is_notice(each, seat)]:
        mail.state, mail.reason = DeliveryState.CANCELLED, CALLED_OFF
        standing.mails.remove(mail)
    if not any(each.end_reason in REFUSED for each in theirs):
        occasion = f"house/{CALLED_OFF}/{held.id}/{number}"
        notice = Mail(wanted.name, CALLED_OFF, Kind.REMINDER, now, occasion, registration_id=held.id)
        notice.expires_at = session.ends
        standing.mails.append(notice)
    for passage in theirs:
        if passage.is_running:
            end(standing, passage, EnrollmentState.STOPPED, CALLED_OFF, now)


def _tell(standing: Standing, seat: Seat, wanted: Campaign, session: Session, now: datetime) -> None:
    """The reminders begin anew, and one mail tells of it, unless the greeting, which has not gone yet, will."""
    held = seat.registration
    seat.registration = held = replace(held, calendar_sequence=held.calendar_sequence + 1)
    theirs = [each for each in standing.passages if each.registration_id == held.id]
    is_told = True
    for sequence in wanted.sequences:
        earlier = [each for each in theirs if each.campaign == wanted.name and each.sequence == sequence.name]
        if sequence.start.kind is not TriggerKind.REGISTERS or not earlier or earlier[-1].end_reason in REFUSED:
            continue
        kept = _kept(standing, earlier[-1], wanted, seat, session, now)
        if earlier[-1].is_running:
            end(standing, earlier[-1], EnrollmentState.STOPPED, MOVED, now)
        occasion = f"registration-{held.id}-{held.calendar_sequence}"
        began = begin(standing, wanted, sequence, now, now, held.id, occasion=occasion)
        if began is None:
            continue
        began.done = kept
        at_once = {each.identity for each in sequence.steps if each.when.kind is WhenKind.AT_ONCE}
        if at_once and not at_once & {each.step for each in kept}:
            is_told = False
    for mail in [each for each in standing.mails if _is_notice(each, seat)]:
        mail.state, mail.reason = DeliveryState.CANCELLED, MOVED
        standing.mails.remove(mail)
    if is_told and not any(each.end_reason in REFUSED for each in theirs):
        occasion = f"house/{NOTICE}/{held.id}/{held.calendar_sequence}"
        standing.mails.append(
            Mail(wanted.name, NOTICE, Kind.REMINDER, now, occasion, registration_id=held.id, expires_at=session.ends)
        )


def _is_notice(mail: Mail, seat: Seat) -> bool:
    is_theirs = mail.registration_id == seat.registration.id and mail.kind is Kind.REMINDER
    return is_theirs and mail.passage is None and mail.state in NOT_BEGUN


def _kept(
    standing: Standing, passage: Passage, wanted: Campaign, seat: Seat, session: Session, now: datetime
) -> tuple[StepDone, ...]:
    """What stays done: all but the reminders whose moment lies ahead again."""
    sequence = wanted.sequence_named(passage.sequence)
    again = set()
    for step in sequence.steps if sequence is not None else ():
        if step.when.kind is WhenKind.BEFORE_SESSION:
            moment = due(
                step.when,
                anchor=passage.started_at,
                zone=seat.registration.zone or standing.subscriber.zone or wanted.timezone,
                hours=sequence.hours if sequence is not None else None,
                session=session,
                campaign_zone=wanted.timezone,
            )
            if moment > now:
                again.add(step.identity)
    return tuple(each for each in passage.done if each.step not in again)
