"""Moves people along their sequences: asks the core what comes next for everybody who is due, and writes it down.

Each batch is one transaction: facts are loaded in bulk, decisions and their rows committed together, so a kill
at any moment leaves every enrollment either before or after its step, never between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drip.core.decide import Do, End, Skip, Wait, apply_decision, decide
from drip.core.model import Sequence, Step, Verb
from drip.core.reasons import Reason, ReasonName
from drip.core.records import (
    Did,
    Enrollment,
    EnrollmentState,
    Evidence,
    Facts,
    NewDelivery,
    StepDone,
    SubscriberId,
)
from drip.core.step_mail import kind_of_step, occasion_of_step
from drip.engine.leading import Leads
from drip.engine.live import Edition
from drip.engine.scene import Scene, end
from drip.engine.subscribing import ask_to_join, change_tag, leave_list
from drip.errors import DripError

if TYPE_CHECKING:
    from drip.store.store import Store
    from drip.store.work import Work

BATCH = 200
UNREADABLE_WAITS = timedelta(hours=6)
"""Until somebody whose revision cannot be read is looked at again: soon enough after it was mended."""
STEPS_AT_ONCE_MAX = 1_000
"""More decisions for one person in one go than any sequence has steps: a bug, not a plan."""


@dataclass(slots=True)
class Advanced:
    """How far one pass came."""

    looked_at: int = 0
    planned: int = 0
    has_acted: bool = False
    """Whether a step did more than to plan a mail: others may be due by it."""


def advance_due(store: Store, scene_of: Callable[[Work, datetime], Scene], now: datetime) -> Advanced:
    """Advance every enrollment that is due, batch by batch. Whom a step made due meanwhile, the next pass finds."""
    total = Advanced()
    while True:
        looked_at, planned, has_acted = store.transact(lambda work: _advance_batch(scene_of(work, now)))
        total.looked_at += looked_at
        total.planned += planned
        total.has_acted |= has_acted
        if looked_at < BATCH:
            return total


def _advance_batch(scene: Scene) -> tuple[int, int, bool]:
    """How many people of one batch were looked at, how many deliveries were planned, and whether steps did more."""
    work = scene.work
    batch = work.due_enrollments(scene.now, BATCH)
    if not batch:
        return 0, 0, False
    facts = work.facts_for(batch, scene.live.project(work).definition.timezone)
    editions = {each.revision.campaign: each for each in scene.live.campaigns(work)}
    leads = Leads(scene, editions)
    planned = 0
    acted: set[SubscriberId] = set()
    for enrollment in batch:
        # What a step did to this person may have ended this enrollment, too; the next batch sees it (rule 11).
        if enrollment.subscriber_id in acted:
            continue
        try:
            edition = scene.live.of(work, enrollment, editions)
        except DripError as error:
            _cannot_read(scene, enrollment, error)
            continue
        planned += advance_one(scene, edition, enrollment, leads.told(facts[enrollment.id]), acted)
    scene.write_log()
    return len(batch), planned, bool(acted)


def _cannot_read(scene: Scene, enrollment: Enrollment, error: DripError) -> None:
    """The revision that somebody keeps is damaged: they wait, and nobody else with them."""
    scene.work.wait_until(enrollment.id, scene.now + UNREADABLE_WAITS, enrollment.next_step)
    scene.log(
        "revision-unreadable",
        enrollment.subscriber_id,
        campaign=enrollment.campaign,
        subject=enrollment.sequence,
        detail=error.message,
    )


def advance_one(
    scene: Scene, edition: Edition | None, enrollment: Enrollment, facts: Facts, acted: set[SubscriberId]
) -> int:
    """Walk one person on until they wait or have come to an end. Returns how many deliveries were planned.

    `acted` takes up those of whom the facts that were loaded are no longer true.
    """
    sequence = edition.campaign.sequence_named(enrollment.sequence) if edition and edition.campaign else None
    if edition is None or edition.campaign is None or sequence is None:
        removed = Reason(ReasonName.SEQUENCE_REMOVED, "the sequence is no longer in the campaign")
        end(scene, enrollment, EnrollmentState.STOPPED, removed.name.value, removed.text)
        return 0
    if facts.paused_at is not None:
        # They came in in the very moment of the pause; whoever was inside then is in no queue.
        scene.work.freeze_enrollment(enrollment.id, facts.paused_at)
        return 0
    for _ in range(STEPS_AT_ONCE_MAX):
        decision = decide(sequence, facts, scene.now, campaign=edition.campaign)
        match decision:
            case Wait(until=until, step=step):
                # A wait that is not in the future would spin for ever; the next minute is soon enough.
                moment = max(until, scene.now + timedelta(minutes=1))
                scene.work.wait_until(enrollment.id, moment, step.identity if step else None)
                return 0
            case End(state=state, reason=reason):
                end(scene, enrollment, state, reason.name.value, reason.text)
                return 0
            case Skip(step=step, reason=reason, at=at):
                _done(scene, enrollment, step, Did.SKIPPED, reason, at)
            case Do(step=step) if step.is_mail:
                if _plan(scene, edition, sequence, enrollment, facts, decision):
                    return 1
                # The unique key says that this mailbox had this post on this occasion, perhaps as another row.
                already = Reason(ReasonName.ALREADY_SENT, "this mailbox had this post on this occasion already")
                _done(scene, enrollment, step, Did.SKIPPED, already)
                decision = Skip(step, already)
            case Do(step=step, reason=reason):
                _done(scene, enrollment, step, Did.ACTED, reason)
                acted.add(facts.subscriber.id)
                ACTS[step.verb](scene, facts.subscriber.id, step)
                # The step itself may have ended this enrollment (a tag that is its own goal).
                after = scene.work.enrollment(enrollment.id)
                if after is None or after.state is not EnrollmentState.RUNNING:
                    return 0
        facts = apply_decision(facts, decision, scene.now)
    raise AssertionError(f"enrollment {enrollment.id} does not come to rest")


def _done(
    scene: Scene, enrollment: Enrollment, step: Step, did: Did, reason: Reason, at: datetime | None = None
) -> None:
    scene.work.step_done(enrollment.id, StepDone(step.identity, did, at or scene.now, reason.name.value))
    scene.log(
        f"step-{did.value}",
        enrollment.subscriber_id,
        campaign=enrollment.campaign,
        subject=step.identity,
        reason=reason.name.value,
        detail=reason.text,
    )


def _plan(
    scene: Scene, edition: Edition, sequence: Sequence, enrollment: Enrollment, facts: Facts, decision: Do
) -> bool:
    """Plan the delivery of a step. The enrollment then waits for its outcome, not for a moment."""
    step = decision.step
    delivery = scene.work.plan_delivery(
        NewDelivery(
            occasion=occasion_of_step(enrollment.campaign, step, enrollment.occasion),
            mailbox=facts.subscriber.mailbox,
            subscriber_id=facts.subscriber.id,
            campaign=enrollment.campaign,
            post=decision.post,
            kind=kind_of_step(sequence, step),
            due_at=min(decision.due, scene.now),
            revision_id=edition.revision.id,
            list=sequence.list,
            step=step.identity,
            enrollment_id=enrollment.id,
            registration_id=enrollment.registration_id,
            expires_at=decision.expires,
        ),
        scene.now,
    )
    if delivery is None:
        return False
    if decision.choice is not None and decision.choice.is_new:
        choice = decision.choice
        scene.work.keep_variant(
            enrollment.subscriber_id, enrollment.campaign, step.identity, choice.post, choice.bucket, scene.now
        )
    scene.work.wait_until(enrollment.id, None, step.identity)
    scene.log(
        "delivery-planned",
        enrollment.subscriber_id,
        campaign=enrollment.campaign,
        subject=step.identity,
        reason=decision.reason.name.value,
        detail=decision.reason.text,
    )
    return True


# --- steps that send nothing -------------------------------------------------------------------------------------


def _tag(scene: Scene, who: SubscriberId, step: Step) -> None:
    change_tag(scene, who, step.target, present=True)


def _untag(scene: Scene, who: SubscriberId, step: Step) -> None:
    change_tag(scene, who, step.target, present=False)


def _join(scene: Scene, who: SubscriberId, step: Step) -> None:
    # A step cannot consent for the reader: it asks, and only the reader's own press makes it active.
    ask_to_join(scene, who, step.target, Evidence(where=f"step {step.identity}"))


def _leave(scene: Scene, who: SubscriberId, step: Step) -> None:
    leave_list(scene, who, step.target, Evidence(where=f"step {step.identity}"))


def _notify(scene: Scene, who: SubscriberId, step: Step) -> None:
    scene.log("notify", who, subject=step.identity, detail=step.target)


ACTS: Mapping[Verb, Callable[[Scene, SubscriberId, Step], None]] = {
    Verb.TAG: _tag,
    Verb.UNTAG: _untag,
    Verb.JOIN: _join,
    Verb.LEAVE: _leave,
    Verb.NOTIFY: _notify,
}
