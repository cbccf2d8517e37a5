"""Decides what happens next for one enrollment, and says why. The heart of drip.

Pure: facts and a moment in, one decision out. It reads no clock, disk or database, so `drip rehearse` walks two
months of a campaign in a second, `why` prints what the run will do, and a test can replay any of it.
Called by the engine (for real), by `walk` (in fast time), and through it by `why`, plan and demo.

The rules are those of DESIGN §7; `drip.core.endings` knows when a sequence is over, `drip.core.lateness` until
when a step makes sense, `drip.core.when` what moment a phrase means.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from drip.core.early import SOON, beginning, can_begin_earlier, earliest, is_short
from drip.core.endings import why_over
from drip.core.lateness import (
    REGISTERED_LATE,
    attendance_deadline,
    expiry,
    last_moment,
    registered_too_late,
    stop_moment,
)
from drip.core.model import Campaign, LatePolicy, Sequence, Step, Verb, WhenKind
from drip.core.pauses import after_pauses, counted, skipped_in, with_breaks
from drip.core.reasons import Reason, ReasonName
from drip.core.records import Did, EnrollmentState, Facts, StepDone
from drip.core.segments import judge, settled
from drip.core.variants import Choice, choose
from drip.core.when import due, in_hours, moment_text, settle

SPACING = timedelta(hours=12)
"""Two drip mails to one person keep at least this distance (rule 6)."""
UNTIL_RESUMED = datetime(9999, 12, 31, tzinfo=UTC)
"""What is paused waits for the resume, and nobody knows when that is."""
PAUSED = ReasonName.PAUSED.value
# Every step takes at most a few waits (its moment, the spacing, the hours) and one decision.
WALK_DECISIONS_PER_STEP = 6
WALK_DECISIONS_MORE = 10


@dataclass(frozen=True, slots=True)
class Do:
    """Do this step now. `expires` is the last moment at which it still makes sense; None: it always does.

    `choice` is the variant, where the step is a test.
    """

    step: Step
    due: datetime
    expires: datetime | None
    reason: Reason
    choice: Choice | None = None

    @property
    def post(self) -> str:
        """The post that goes, for steps that send one."""
        return self.step.target if self.choice is None else self.choice.post


@dataclass(frozen=True, slots=True)
class Skip:
    """Put this step behind the person without doing it. The anchor does not move (rule 3).

    `at` is the moment that it counts as behind them from; None: now.
    """

    step: Step
    reason: Reason
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until`; `step` is the one that is waited for."""

    until: datetime
    step: Step | None
    reason: Reason


@dataclass(frozen=True, slots=True)
class End:
    """The sequence is over for this person: all steps done, goal reached, or stopped."""

    state: EnrollmentState
    reason: Reason


Decision = Do | Skip | Wait | End


def decide(sequence: Sequence, facts: Facts, now: datetime, *, campaign: Campaign) -> Decision:
    """Say what to do for this person now, and why. Never more than one thing at a time."""
    enrollment = facts.enrollment
    if enrollment.state is not EnrollmentState.RUNNING:
        return End(enrollment.state, Reason(ReasonName.ENDED, f"ended before: {enrollment.end_reason or 'no reason'}"))
    over = why_over(sequence, facts, now)
    if over is not None:
        return End(*over)
    step = next_step(sequence, facts)
    if facts.paused_at is not None:
        text = f"since {moment_text(facts.paused_at, facts.zone)}"
        return Wait(UNTIL_RESUMED, step, Reason(ReasonName.PAUSED, text))
    if step is None:
        return End(EnrollmentState.DONE, Reason(ReasonName.ALL_STEPS_DONE, "all steps are done"))
    if facts.subscriber.breaks and not sequence.is_service:
        found = facts.subscriber.break_at(now)
        if found is not None:
            text = f"until {moment_text(found.ends_at, facts.zone)}"
            return _wait_or_stop(sequence, facts, Wait(found.ends_at, step, Reason(ReasonName.ON_BREAK, text)))
        facts = replace(facts, pauses=with_breaks(facts.pauses, facts.subscriber.breaks))
    return _decide_step(sequence, step, facts, now, campaign)


def next_step(sequence: Sequence, facts: Facts) -> Step | None:
    """The step after the furthest one done, whatever was added, removed, moved or renamed behind it (rule 9).

    A step that says `reopen: yes` is made up for, wherever it stands.
    """
    if not facts.enrollment.done:
        return sequence.steps[0] if sequence.steps else None
    done = {each.step for each in facts.enrollment.done}
    behind = [not done.isdisjoint(step.identities) for step in sequence.steps]
    furthest = max((index for index, is_done in enumerate(behind) if is_done), default=-1)
    for index, step in enumerate(sequence.steps):
        if not behind[index] and (index > furthest or step.reopen):
            return step
    return None


def anchor_of(facts: Facts) -> datetime:
    """What "later" counts from: the last thing that really happened (rules 3 and 8), else the start.

    A step that a pause made overdue counts as if it had happened, and only active time counts (rule 13).
    """
    happened = (each.at for each in facts.enrollment.done if each.did.moves_anchor or each.reason == PAUSED)
    return counted(max(happened, default=facts.enrollment.started_at), facts.pauses)


def _decide_step(sequence: Sequence, step: Step, facts: Facts, now: datetime, campaign: Campaign) -> Decision:
    if step.when.kind in (WhenKind.BEFORE_SESSION, WhenKind.AFTER_SESSION) and facts.session is None:
        return Skip(step, Reason(ReasonName.NO_SESSION, f"`{step.when.phrase}` needs a session, and there is none"))
    # What can be known before it is due is said before it is due.
    if step.condition is not None and settled(step.condition.term, facts) is False:
        return Skip(step, Reason(ReasonName.CONDITION_FALSE, f"not so: {step.condition.phrase}"))
    written = due(
        step.when,
        anchor=anchor_of(facts),
        zone=facts.zone,
        hours=sequence.hours,
        session=facts.session,
        campaign_zone=campaign.timezone,
    )
    written = after_pauses(step.when, written, sequence.hours, facts.zone, facts.pauses)
    if registered_too_late(step, written, facts):
        return Skip(step, Reason(ReasonName.REGISTERED_LATE, lambda: _registered_late_text(written, facts)))
    planned = _after_edit(sequence, step, facts, written)
    moment = _spaced(sequence, step, facts, planned)
    begins = _begins(step, moment, facts, now)
    if now < begins:
        return _wait(sequence, step, facts, moment, is_spaced=moment > planned, look=begins)
    return _decide_due(sequence, step, facts, now, moment)


def _after_edit(sequence: Sequence, step: Step, facts: Facts, written: datetime) -> datetime:
    """The moment, not before the edit that made it so: then at the next clock and hours of the step (rule 9).

    What an edit made due in the past is not late, since nobody could have been told before the edit.
    """
    edited = facts.enrollment.replanned_at
    if edited is not None:
        edited = counted(edited, facts.pauses)
    if edited is None or edited <= written or step.when.kind not in (WhenKind.AT_ONCE, WhenKind.LATER):
        return written
    # What happened after the edit was planned by the new line already.
    return written if edited <= anchor_of(facts) else settle(step.when, edited, sequence.hours, facts.zone)


def _spaced(sequence: Sequence, step: Step, facts: Facts, written: datetime) -> datetime:
    """The moment with the distance kept from the last drip mail (rule 6), on its clock and within the hours."""
    is_spaced = step.is_mail and step.when.kind is WhenKind.LATER and not sequence.is_service
    if not is_spaced or facts.last_drip_at is None or facts.last_drip_at + SPACING <= written:
        return written
    return settle(step.when, facts.last_drip_at + SPACING, sequence.hours, facts.zone)


def _begins(step: Step, moment: datetime, facts: Facts, now: datetime) -> datetime:
    """When the step begins, or is to be looked at again: a reminder to many is sent earlier than to few.

    How many there are is only known then, so it is looked at from the earliest moment on.
    """
    session, lead = facts.session, facts.lead
    if lead is None or session is None or not can_begin_earlier(step, moment, session.starts):
        return moment
    looked_at = earliest(moment, session.starts)
    if now < looked_at:
        return looked_at
    if is_short(step, moment, session.starts, 2 * lead):
        return moment  # and so it stays, if they become twice as many
    begins = beginning(step, moment, session.starts, lead)
    # Nobody is reminded right after they registered, and nobody loses a reminder by its coming earlier.
    return _half_way(now, max(begins, min(moment, facts.enrollment.started_at + REGISTERED_LATE)))


def _half_way(now: datetime, begins: datetime) -> datetime:
    """Until then the number may change that the beginning goes by."""
    return begins if begins - now <= SOON else now + (begins - now) / 2


def _wait(
    sequence: Sequence,
    step: Step,
    facts: Facts,
    moment: datetime,
    *,
    is_spaced: bool,
    look: datetime | None = None,
) -> Wait:
    """Wait for the moment; `look`: and look again at an earlier one."""

    def text() -> str:
        when = moment_text(moment, facts.zone)
        spaced = f"{_hours_text(SPACING)} after the last drip mail at the least"
        return f"{spaced if is_spaced else step.when.phrase} ({when})"

    reason = Reason(ReasonName.SPACING if is_spaced else ReasonName.NOT_DUE, text)
    return _wait_or_stop(sequence, facts, Wait(look or moment, step, reason))


def _wait_or_stop(sequence: Sequence, facts: Facts, wait: Wait) -> Wait:
    """The same wait, unless the sequence stops before it is over: then that is what is waited for."""
    stops_at = stop_moment(sequence, facts)
    if stops_at is None or stops_at > wait.until:
        return wait
    stop = sequence.stop
    assert stop is not None

    def text() -> str:
        return f"{stop.phrase} ({moment_text(stops_at, facts.zone)}) before the next step is due"

    return Wait(stops_at, wait.step, Reason(ReasonName.STOPS_FIRST, text))


def _decide_due(sequence: Sequence, step: Step, facts: Facts, now: datetime, moment: datetime) -> Decision:
    """The moment of the step has come: look at its condition, at the clock on the wall, and at how late it is."""
    if step.when.kind is WhenKind.BEFORE_SESSION and facts.session is not None and now >= facts.session.starts:
        at = moment_text(facts.session.starts, facts.zone)
        return Skip(step, Reason(ReasonName.SESSION_STARTED, f"the session has started ({at})"))
    if step.condition is not None:
        holds = judge(step.condition.term, facts, now)
        if holds is None:
            return _await_attendance(sequence, step, facts, now, moment)
        if not holds:
            return Skip(step, Reason(ReasonName.CONDITION_FALSE, f"not so: {step.condition.phrase}"))
    pause = skipped_in(moment, facts.enrollment.started_at, facts.pauses) if step.is_mail else None
    if pause is not None:
        text = f"was due {moment_text(moment, facts.zone)}, while this was paused"
        return Skip(step, Reason(ReasonName.PAUSED, text), at=moment)
    expires = expiry(sequence, step, facts, moment)
    late = _goes_late(sequence, step, facts, now, moment)
    if expires is not None and now > expires and late is None:
        text = f"was due {moment_text(moment, facts.zone)}, good until {moment_text(expires, facts.zone)}"
        return Skip(step, Reason(ReasonName.TOO_LATE, text))
    hours = sequence.hours if step.when.kind in (WhenKind.LATER, WhenKind.AFTER_SESSION) else None
    if hours is not None and not in_hours(now, hours, facts.zone):
        # A machine that was asleep at the right moment does not wake anybody at three in the morning.
        opening = settle(step.when, now, hours, facts.zone)
        if expires is not None and opening > expires and _goes_late(sequence, step, facts, opening, moment) is None:
            # Nothing is gained by waiting for a moment at which it is too late.
            text = f"opens {moment_text(opening, facts.zone)}, good until {moment_text(expires, facts.zone)}"
            return Skip(step, Reason(ReasonName.TOO_LATE, text))
        text = f"outside {hours.phrase}, goes {moment_text(opening, facts.zone)}"
        return _wait_or_stop(sequence, facts, Wait(opening, step, Reason(ReasonName.OUTSIDE_HOURS, text)))
    choice = _variant(step, facts) if step.verb is Verb.TEST else None
    reason = late or Reason(ReasonName.DUE, lambda: _due_text(step, facts, moment, choice, now))
    return Do(step, moment, expires, reason, choice)


def _goes_late(sequence: Sequence, step: Step, facts: Facts, now: datetime, moment: datetime) -> Reason | None:
    """Why a step that is late is not skipped: it goes anyway, or the author is asked by the claim (rule 6)."""
    if step.late_then is LatePolicy.SKIP or step.late is None or now <= moment + step.late:
        return None
    last = last_moment(sequence, step, facts)
    if last is not None and now > last:
        return None
    due_text = f"was due {moment_text(moment, facts.zone)}"
    if step.late_then is LatePolicy.ASK and step.is_mail:
        return Reason(ReasonName.LATE_ASK, f"{due_text}, so you are asked")
    return Reason(ReasonName.LATE_SEND, f"{due_text}, goes anyway")


def _variant(step: Step, facts: Facts) -> Choice:
    """Which post of a test this person gets: what they were given under any name of the test, else by their bucket."""
    given = next((facts.variants[each] for each in sorted(step.identities) if each in facts.variants), None)
    given = facts.variants.get(step.identity, given)
    test = f"{facts.enrollment.campaign}/{step.identity}"
    return choose(test, step.variants, facts.subscriber.id, given)


def _await_attendance(sequence: Sequence, step: Step, facts: Facts, now: datetime, moment: datetime) -> Wait | Skip:
    """Nobody has said yet who attended: wait, at most a day, then go on without this step (rule 4)."""
    deadline = attendance_deadline(step, moment)
    at = moment_text(deadline, facts.zone)
    if now < deadline:
        text = f"attendance is not known yet, waits until {at}"
        return _wait_or_stop(sequence, facts, Wait(deadline, step, Reason(ReasonName.ATTENDANCE_UNKNOWN, text)))
    return Skip(step, Reason(ReasonName.ATTENDANCE_UNKNOWN, f"attendance was not known by {at}"))


def _due_text(step: Step, facts: Facts, moment: datetime, choice: Choice | None, now: datetime) -> str:
    at = "" if step.when.kind is WhenKind.AT_ONCE else f" ({moment_text(moment, facts.zone)})"
    if now < moment and facts.lead is not None:
        minutes = -(-facts.lead // timedelta(minutes=1))
        at += f", begun earlier: the relays need {minutes} minutes for everybody"
    return f"{step.when.phrase}{at}" + (f"; {choice.text}" if choice is not None else "")


def _registered_late_text(written: datetime, facts: Facts) -> str:
    return f"registered after this reminder was due ({moment_text(written, facts.zone)})"


def _hours_text(span: timedelta) -> str:
    return f"{span // timedelta(hours=1)} hours"


# --- what follows from a decision --------------------------------------------------------------------------------


def apply_decision(facts: Facts, decision: Decision, now: datetime) -> Facts:
    """The facts after a decision was carried out at `now`. A post counts as sent.

    A step `join` only asks the reader, and this is about what happens if nobody acts: it changes no list.
    """
    enrollment = facts.enrollment
    match decision:
        case Wait(until=until):
            return replace(facts, enrollment=replace(enrollment, next_due=until))
        case End(state=state, reason=reason):
            ended = replace(enrollment, state=state, next_due=None, ended_at=now, end_reason=reason.name.value)
            return replace(facts, enrollment=ended)
        case Skip(step=step, reason=reason, at=at):
            return _with_step(facts, StepDone(step.identity, Did.SKIPPED, at or now, reason.name.value))
        case Do(step=step, reason=reason):
            did = Did.SENT if step.is_mail else Did.ACTED
            facts = _with_step(facts, StepDone(step.identity, did, now, reason.name.value))
    return _acted(facts, step, now)


def _with_step(facts: Facts, done: StepDone) -> Facts:
    return replace(facts, enrollment=replace(facts.enrollment, done=(*facts.enrollment.done, done)))


def _acted(facts: Facts, step: Step, now: datetime) -> Facts:
    tags = facts.subscriber.tags
    match step.verb:
        case Verb.SEND | Verb.TEST:
            # Enrollments of a registration send service mails, which are no drip mails.
            is_drip = facts.enrollment.registration_id is None
            return replace(facts, last_drip_at=now) if is_drip else facts
        case Verb.TAG:
            return replace(facts, subscriber=replace(facts.subscriber, tags=tags | {step.target}))
        case Verb.UNTAG:
            return replace(facts, subscriber=replace(facts.subscriber, tags=tags - {step.target}))
        case Verb.LEAVE:
            return replace(facts, lists=facts.lists - {step.target})
    return facts


def timeline(sequence: Sequence, facts: Facts, now: datetime, *, campaign: Campaign) -> list[tuple[datetime, Decision]]:
    """What happens next if nobody acts, each decision with the moment at which it is made.

    It jumps from wait to wait, and ends with an End, or with a Wait for what only people know: an attendance, a resume.
    """
    ahead: list[tuple[datetime, Decision]] = []
    for _ in range(WALK_DECISIONS_PER_STEP * len(sequence.steps) + WALK_DECISIONS_MORE):
        decision = decide(sequence, facts, now, campaign=campaign)
        ahead.append((now, decision))
        facts = apply_decision(facts, decision, now)
        if isinstance(decision, End):
            break
        if isinstance(decision, Wait):
            if decision.reason.name in (ReasonName.ATTENDANCE_UNKNOWN, ReasonName.PAUSED):
                break
            now = max(now, decision.until)
    return ahead


def walk(sequence: Sequence, facts: Facts, now: datetime, *, campaign: Campaign) -> list[Decision]:
    """The decisions of `timeline` without their moments."""
    return [decision for _, decision in timeline(sequence, facts, now, campaign=campaign)]
