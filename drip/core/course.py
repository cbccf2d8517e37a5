"""What happens to one person, and what follows from it: sequences that begin, go on, and end; mails that are planned.

Pure, over a `Standing` that it changes in place. It is the engine's way with people (`drip.engine.scene`, `advance`,
`broadcasts`), said once more without a database: for the forecast, and for simulations of more people than a database
could play. Tests hold the two together, deed by deed and mail by mail. It asks `decide` and judges nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from drip.core.again import occasion_of, occasion_of_seat
from drip.core.decide import Do, End, Skip, Wait, apply_decision, decide
from drip.core.delivery import DeliveryState
from drip.core.model import Campaign, Sequence, Step, TriggerKind, Verb
from drip.core.reasons import Reason, ReasonName
from drip.core.records import Attendance, Did, EnrollmentId, EnrollmentState, Kind, RegistrationId, StepDone
from drip.core.segments import judge
from drip.core.standing import Announcement, Mail, Passage, Plots, Standing, facts_of, facts_outside
from drip.core.step_mail import DID_OF_STATE, kind_of_step, occasion_of_step
from drip.core.triggers import matches
from drip.core.when import due as due_moment

WAIT_MIN = timedelta(minutes=1)
"""A wait that is not in the future is looked at again in the next minute."""
NOT_BEGUN = frozenset({DeliveryState.DUE, DeliveryState.CLAIMED, DeliveryState.HELD})


# --- signals: one thing that begins, completes or stops sequences ---------------------------------------------------


def signal(
    standing: Standing,
    kind: TriggerKind,
    argument: str | None,
    plots: Plots,
    now: datetime,
    *,
    campaign: str | None = None,
    registration_id: RegistrationId | None = None,
    at: datetime | None = None,
) -> None:
    """Goals and stops first, then starts (DESIGN §7 rule 11). `at` is when it really happened (rule 8)."""
    for passage in list(standing.running(campaign)):
        sequence = plots.sequence_of(passage)
        if sequence is None or passage.registration_id not in (None, registration_id):
            continue
        if sequence.goal is not None and matches(sequence.goal, kind, argument):
            end(standing, passage, EnrollmentState.GOAL, ReasonName.GOAL_REACHED.value, now)
        elif sequence.stop is not None and matches(sequence.stop, kind, argument):
            end(standing, passage, EnrollmentState.STOPPED, ReasonName.STOP_REACHED.value, now)
    for name in sorted(plots.campaigns):
        if campaign is not None and name != campaign:
            continue
        for sequence in plots.campaigns[name].sequences:
            if matches(sequence.start, kind, argument):
                begin(standing, plots.campaigns[name], sequence, at or now, now, registration_id, plots=plots)


def begin(
    standing: Standing,
    campaign: Campaign,
    sequence: Sequence,
    at: datetime,
    now: datetime,
    registration_id: RegistrationId | None,
    *,
    occasion: str = "",
    plots: Plots | None = None,
) -> Passage | None:
    """Somebody enters a sequence, due at once for the first decision. None if they were in it on this occasion."""
    bound = registration_id if sequence.start.knows_session else None
    earlier = _earlier(standing, campaign, sequence)
    if not occasion:
        occasion = occasion_of_seat(bound) if bound is not None else occasion_of(sequence.again, earlier, now)
    if any(each.occasion == occasion for each in earlier):
        return None
    number = max((each.id for each in standing.passages), default=0) + 1
    if standing.numbers is not None:
        number = next(standing.numbers)
    passage = Passage(EnrollmentId(number), campaign.name, sequence.name, occasion, at, bound, next_due=at)
    passage.plot = campaign if sequence.is_pinned else None
    passage.paused_at = plots.paused_since(campaign.name, sequence.name) if plots is not None else None
    standing.passages.append(passage)
    return passage


def _earlier(standing: Standing, campaign: Campaign, sequence: Sequence) -> list[Passage]:
    return [each for each in standing.passages if each.campaign == campaign.name and each.sequence == sequence.name]


def end(standing: Standing, passage: Passage, state: EnrollmentState, reason: str, now: datetime) -> None:
    """A passage is over, and what it has planned and not begun to send is taken back."""
    if passage.is_running:
        passage.state, passage.end_reason, passage.ended_at = state, reason, now
        passage.next_due, passage.next_step = None, None
    take_back(standing, passage, reason)


def take_back(standing: Standing, passage: Passage, reason: str) -> None:
    """Cancel the mails of a passage that have not begun to leave."""
    if not standing.mails:
        return
    for mail in [each for each in standing.mails if each.passage is passage and each.state in NOT_BEGUN]:
        mail.state, mail.reason = DeliveryState.CANCELLED, reason
        standing.mails.remove(mail)


# --- going on --------------------------------------------------------------------------------------------------------


def advance(
    standing: Standing, passage: Passage, plots: Plots, now: datetime, *, had: Container[str] = ()
) -> Mail | None:
    """Walk one passage on until it waits, ends, or has a mail to send, which is returned.

    `had` are the occasions of which the mailbox has a delivery already, whatever came of it: there is no second one.
    """
    sequence = plots.sequence_of(passage)
    if sequence is None:
        end(standing, passage, EnrollmentState.STOPPED, ReasonName.SEQUENCE_REMOVED.value, now)
        return None
    campaign = plots.campaign_of(passage)
    assert campaign is not None, "the sequence is in it"
    facts = facts_of(standing, passage, plots)
    if facts.paused_at is not None:
        passage.paused_at = facts.paused_at
        return None
    while True:
        decision = decide(sequence, facts, now, campaign=campaign)
        match decision:
            case Wait(until=until, step=step, reason=reason):
                passage.next_due, passage.why = max(until, now + WAIT_MIN), reason.name
                passage.next_step = step.identity if step is not None else None
                return None
            case End(state=state, reason=reason):
                end(standing, passage, state, reason.name.value, now)
                return None
            case Do(step=step) if step.is_mail:
                mail = _mail_of(campaign, sequence, passage, decision, now)
                if mail.occasion in had:
                    decision = Skip(step, Reason(ReasonName.ALREADY_SENT, "this mailbox had this post already"))
                    behind(passage, StepDone(step.identity, Did.SKIPPED, now, ReasonName.ALREADY_SENT.value))
                    facts = apply_decision(facts, decision, now)
                    continue
                if decision.choice is not None:
                    standing.variants.setdefault(campaign.name, {})[step.identity] = decision.choice.post
                passage.next_due, passage.next_step, passage.why = None, step.identity, None
                standing.mails.append(mail)
                return mail
            case Do(step=step, reason=reason):
                behind(passage, StepDone(step.identity, Did.ACTED, now, reason.name.value))
                ACTS[step.verb](standing, step, plots, now)
                if not passage.is_running:  # the step itself may have ended it: a tag that is its own goal
                    return None
            case Skip(step=step, reason=reason, at=at):
                behind(passage, StepDone(step.identity, Did.SKIPPED, at or now, reason.name.value))
        facts = apply_decision(facts, decision, now)


def behind(passage: Passage, done: StepDone) -> None:
    """A step is behind somebody once; said again, the later word stands."""
    passage.done = (*(each for each in passage.done if each.step != done.step), done)


def _mail_of(campaign: Campaign, sequence: Sequence, passage: Passage, decision: Do, now: datetime) -> Mail:
    step = decision.step
    return Mail(
        campaign.name,
        decision.post,
        kind_of_step(sequence, step),
        min(decision.due, now),
        occasion=occasion_of_step(campaign.name, step, passage.occasion),
        list=sequence.list,
        step=step.identity,
        passage=passage,
        registration_id=passage.registration_id,
        expires_at=decision.expires,
        plot=campaign,
    )


def _tag(standing: Standing, step: Step, plots: Plots, now: datetime) -> None:
    change_tag(standing, step.target, plots, now, present=True)


def _untag(standing: Standing, step: Step, plots: Plots, now: datetime) -> None:
    change_tag(standing, step.target, plots, now, present=False)


def change_tag(standing: Standing, tag: str, plots: Plots, now: datetime, *, present: bool) -> None:
    """A tag is put on or taken away, with what follows."""
    tags = standing.subscriber.tags
    if present == (tag in tags):
        return
    standing.subscriber = replace(standing.subscriber, tags=tags | {tag} if present else tags - {tag})
    if present:
        signal(standing, TriggerKind.GETS_TAG, tag, plots, now)


def _join(standing: Standing, step: Step, plots: Plots, now: datetime) -> None:
    """A step cannot consent for anybody: it asks, where the list does not do without."""
    name = step.target
    if standing.suppressed is not None:
        return
    if name in standing.lists or name not in plots.single:
        post = "already-subscribed" if name in standing.lists else "confirm-subscription"
        standing.mails.append(Mail("", post, Kind.CONFIRMATION, now, occasion=f"house/{post}/{name}"))
        return
    join(standing, name, plots, now)


def join(standing: Standing, name: str, plots: Plots, now: datetime) -> None:
    """Somebody is on a list from now on, with what follows. Coming back takes back an earlier no to everything."""
    if name in standing.lists:
        return
    standing.lists[name] = now
    if standing.subscriber.left_at is not None:
        standing.subscriber = replace(standing.subscriber, left_at=None)
    signal(standing, TriggerKind.JOINS, name, plots, now)


def _leave(standing: Standing, step: Step, plots: Plots, now: datetime) -> None:
    leave(standing, step.target, plots, now)


def leave(standing: Standing, name: str | None, plots: Plots, now: datetime) -> None:
    """The subscription to one list, or to all, has ended, with what follows."""
    for each in sorted(standing.lists) if name is None else [name]:
        if standing.lists.pop(each, None) is not None:
            signal(standing, TriggerKind.LEAVES, each, plots, now)


def _notify(standing: Standing, step: Step, plots: Plots, now: datetime) -> None:
    """The author is told; nothing happens to the person."""


ACTS: Mapping[Verb, Callable[[Standing, Step, Plots, datetime], None]] = {
    Verb.TAG: _tag,
    Verb.UNTAG: _untag,
    Verb.JOIN: _join,
    Verb.LEAVE: _leave,
    Verb.NOTIFY: _notify,
}


# --- mails -----------------------------------------------------------------------------------------------------------


def frozen_for(standing: Standing, announcement: Announcement, plots: Plots, now: datetime) -> Mail | None:
    """The mail of a broadcast whose audience is frozen now; None where it is not for this person."""
    if announcement.list not in standing.lists or standing.suppressed is not None:
        return None
    where = announcement.where
    # A broadcast belongs to no registration: nobody attended or missed it, and unknown is not yes.
    if where is not None and not judge(where.term, facts_outside(standing, announcement.campaign), now):
        return None
    due_at = announcement.due_at
    if announcement.when is not None:
        due_at = due_moment(
            announcement.when, anchor=now, zone=standing.zone, hours=None, session=None, campaign_zone=plots.zone
        )
    return Mail(
        announcement.campaign,
        announcement.post,
        Kind.BROADCAST,
        due_at,
        occasion=announcement.occasion,
        list=announcement.list,
        expires_at=due_at + timedelta(seconds=announcement.late_seconds),
    )


def why_not_mailed(standing: Standing, mail: Mail, now: datetime) -> str | None:
    """The "no" that the mark would find, or None (DESIGN §8 b)."""
    if standing.suppressed is not None:
        return ReasonName.SUPPRESSED.value
    if mail.list is not None and mail.list not in standing.lists:
        return ReasonName.UNSUBSCRIBED.value
    if mail.kind is Kind.BROADCAST and standing.subscriber.break_at(now) is not None:
        return ReasonName.ON_BREAK.value
    if mail.list is not None:
        return None
    if mail.kind is Kind.CONFIRMATION or standing.subscriber.left_at is None:
        return None
    return ReasonName.UNSUBSCRIBED.value


def settle_mail(standing: Standing, mail: Mail, state: DeliveryState, reason: str, now: datetime) -> None:
    """A mail has come to its end, and its passage is decided anew."""
    mail.state, mail.reason = state, reason
    standing.mails.remove(mail)
    if state in (DeliveryState.SENT, DeliveryState.UNCERTAIN) and mail.kind is Kind.SEQUENCE:
        last = standing.last_drip_at
        standing.last_drip_at = now if last is None else max(last, now)
    did, passage = DID_OF_STATE.get(state), mail.passage
    if did is None or passage is None or mail.step is None:
        return
    behind(passage, StepDone(mail.step, did, now, reason))
    if passage.is_running:
        passage.next_due, passage.next_step = now, None


def close_session(standing: Standing, registration_id: RegistrationId, plots: Plots, now: datetime) -> None:
    """The session of a seat is over. Where the join page saw somebody come in, whoever it did not see missed it;
    it is the only door to a recording."""
    seat = standing.seats[registration_id]
    seat.is_over = True
    if not seat.is_booked:
        return
    key = (seat.registration.campaign, seat.session.name)
    plot = plots.campaigns.get(seat.registration.campaign)
    is_recording = plot is not None and plot.webinar is not None and plot.webinar.rule is not None
    if seat.attendance is Attendance.UNKNOWN and (is_recording or key in plots.tracked):
        seat.attendance = Attendance.MISSED
    signal(
        standing,
        TriggerKind.SESSION_ENDS,
        None,
        plots,
        now,
        campaign=seat.registration.campaign,
        registration_id=registration_id,
        at=seat.session.ends,
    )
