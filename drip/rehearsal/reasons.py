"""Why a mail of a story came, or did not come: one sentence from what the engine wrote down.

Reads the rehearsal's own store; decides nothing. Called by `drip.rehearsal.story`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from drip.core.model import Campaign
from drip.core.records import Did, Enrollment, EnrollmentState, SubscriberId
from drip.core.when import wall_clock
from drip.rehearsal.play import STORY_MAX, Taken
from drip.rehearsal.watch import step_of

if TYPE_CHECKING:
    from drip.store.work import Work


def why_it_came(work: Work, mail: Taken, campaign: Campaign) -> str:
    """What sent it: `invite: 2 days later at 9:30`."""
    sequence, step = step_of(campaign, mail.delivery)
    if sequence is not None and step is not None:
        condition = f", if {step.condition.phrase}" if step.condition else ""
        return f"{sequence.name}: {step.when.phrase}{condition}"
    broadcast = next((each for each in campaign.broadcasts if each.post == mail.delivery.post), None)
    return f"broadcast to {broadcast.list}: {broadcast.when.phrase}" if broadcast is not None else "one of drip's own"


def why_it_did_not(
    work: Work,
    campaign: Campaign,
    post: str,
    who: SubscriberId | None,
    enrollments: Sequence[Enrollment],
    zone: str,
) -> str:
    """Why somebody did not get a post at all; "" where nothing can be said."""
    senders = [(sequence, step) for sequence in campaign.sequences for step in sequence.steps if post in step.posts]
    said = []
    for sequence, step in senders:
        mine = [each for each in enrollments if each.sequence == sequence.name]
        if not mine:
            said.append(f"{sequence.name} never began: it starts when somebody {sequence.start.phrase}")
        said += [_of_passage(work, each, step.identity, zone) for each in mine]
    for broadcast in campaign.broadcasts:
        if broadcast.post == post:
            where = f" where {broadcast.where.phrase}" if broadcast.where else ""
            said.append(f"the broadcast goes to {broadcast.list}{where}, {broadcast.when.phrase}")
    if not senders and not said:
        return "nothing in this campaign sends it" if post in campaign.posts else ""
    return "; ".join(each for each in said if each)


def _of_passage(work: Work, enrollment: Enrollment, step: str, zone: str) -> str:
    """What became of a step in one passage."""
    name = enrollment.sequence
    done = next((each for each in enrollment.done if each.step == step), None)
    if done is not None and done.did is not Did.SENT:
        detail = _detail(work, enrollment, step, done.reason)
        return f"{name}: {done.did.value} {wall_clock(done.at, zone)}, {done.reason}{detail}"
    if done is not None:
        return ""
    if enrollment.state is EnrollmentState.RUNNING:
        until = f" until {wall_clock(enrollment.next_due, zone)}" if enrollment.next_due else ""
        return f"{name} still waits{until}"
    ended = f" ended {wall_clock(enrollment.ended_at, zone)}" if enrollment.ended_at else " ended"
    detail = _detail(work, enrollment, name, enrollment.end_reason)
    return f"{name}{ended}, {enrollment.end_reason}{detail}"


def _detail(work: Work, enrollment: Enrollment, subject: str, reason: str) -> str:
    """The sentence that the journal keeps beside the name of a reason."""
    for entry in work.entries(subscriber_id=enrollment.subscriber_id, limit=STORY_MAX):
        if (entry.campaign, entry.subject, entry.reason) == (enrollment.campaign, subject, reason) and entry.detail:
            return f" ({entry.detail})"
    return ""
