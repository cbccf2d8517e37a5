"""What the author does by hand with people in sequences: put them in, take them out, let them stand elsewhere.

Nothing that a reader has not allowed: consent, suppressions and `again` count as they do for events, and nobody gets
a post twice, whichever way they are moved. Called by `drip enrollment`, once for each person, inside one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drip.core.again import occasion_of
from drip.core.decide import next_step
from drip.core.delivery import DeliveryState
from drip.core.endings import why_over
from drip.core.model import Campaign, Sequence, Step
from drip.core.reasons import Reason, ReasonName
from drip.core.records import Did, Enrollment, EnrollmentState, StepDone, Subscriber
from drip.core.when import moment_text
from drip.engine.scene import end

if TYPE_CHECKING:
    from drip.engine.scene import Scene

BY_AUTHOR, MOVED = ReasonName.BY_AUTHOR.value, ReasonName.MOVED_BY_AUTHOR.value
BY_HAND = (BY_AUTHOR, MOVED)
"""Whoever was taken out by the author may be put back by the author."""


@dataclass(frozen=True, slots=True)
class Place:
    """A live sequence of a live campaign."""

    campaign: Campaign
    sequence: Sequence

    def __str__(self) -> str:
        return f"{self.campaign.name}/{self.sequence.name}"


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of it for one person. `what` is `refused`, with its reason, or what was done."""

    email: str
    what: str
    reason: str = ""
    text: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether nothing was changed."""
        return self.what == "refused"


def add(scene: Scene, person: Subscriber, place: Place, *, dry_run: bool) -> Settled:
    """Put somebody into a sequence; whom the author took out goes on where they stopped."""
    _hold(scene, person, dry_run)
    earlier = _earlier(scene, person, place)
    refused = _why_not(scene, person, place, earlier)
    if refused is not None:
        return _refused(person, refused)
    occasion = occasion_of(place.sequence.again, earlier, scene.now)
    same = next((each for each in earlier if each.occasion == occasion), None)
    if not dry_run:
        if same is not None:
            _reopen(scene, person, same)
        else:
            live = scene.live.campaign(scene.work, place.campaign.name)
            kept = live.revision.id if live is not None and place.sequence.is_pinned else None
            scene.work.enroll(
                place.campaign.name, place.sequence.name, person.id, occasion, scene.now, revision_id=kept
            )
        scene.log("enrolled", person.id, campaign=place.campaign.name, subject=place.sequence.name, reason=BY_AUTHOR)
    return Settled(person.email, "added" if same is None else "put back", BY_AUTHOR)


def stop(scene: Scene, person: Subscriber, place: Place, why: str, *, dry_run: bool) -> Settled:
    """Take somebody out of a sequence, and back what is planned for them and not begun."""
    _hold(scene, person, dry_run)
    inside = _inside(scene, person, place)
    if not inside:
        return _refused(person, Reason(ReasonName.NOT_INSIDE, f"is not in {place}"))
    if not dry_run:
        for each in inside:
            end(scene, each, EnrollmentState.STOPPED, BY_AUTHOR, why or "taken out by hand")
    return Settled(person.email, "stopped", BY_AUTHOR, why)


def move(scene: Scene, person: Subscriber, place: Place, to: Step, *, dry_run: bool) -> Settled:
    """Let somebody stand before another step of the same sequence: what lies between is skipped, or made up for."""
    _hold(scene, person, dry_run)
    inside = _inside(scene, person, place)
    if not inside:
        return _refused(person, Reason(ReasonName.NOT_INSIDE, f"is not in {place}"))
    if len(inside) > 1:
        text = f"is in {place} for {len(inside)} registrations; cancel one"
        return _refused(person, Reason(ReasonName.NOT_INSIDE, text))
    (enrollment,) = inside
    # They may keep a revision (`pin: enrollment`).
    sequence = scene.live.sequence_of(scene.work, enrollment) or place.sequence
    steps = sequence.steps
    facts = scene.work.facts_for(inside, scene.live.project(scene.work).definition.timezone)[enrollment.id]
    now_at = next_step(sequence, facts)
    here = steps.index(now_at) if now_at is not None else len(steps)
    there = next((index for index, each in enumerate(steps) if each.identity == to.identity), None)
    if there is None:
        return _refused(person, Reason(ReasonName.STEP_REMOVED, f"keeps a revision that has no {to.identity}"))
    if here == there:
        return _refused(person, Reason(ReasonName.NOT_DUE, f"waits for {to.identity} already"))
    mails = [each for each in scene.work.deliveries(person.id) if each.enrollment_id == enrollment.id]
    if any(each.state is DeliveryState.SENDING for each in mails):
        return _refused(person, Reason(ReasonName.DUE, "has a mail of it that is just being sent"))
    if there > here:
        between = [each for each in steps[here:there] if not _is_done(enrollment, each)]
        if not dry_run:
            _skip(scene, enrollment, between)
        text = f"past {', '.join(each.identity for each in between)}"
        return Settled(person.email, "moved", MOVED, text)
    return _move_back(scene, person, enrollment, steps[there:], {each.step for each in mails}, dry_run)


def move_over(scene: Scene, person: Subscriber, place: Place, to: Place, *, dry_run: bool) -> Settled:
    """Take somebody out of one sequence and put them into another, or do neither."""
    _hold(scene, person, dry_run)
    inside = _inside(scene, person, place)
    if not inside:
        return _refused(person, Reason(ReasonName.NOT_INSIDE, f"is not in {place}"))
    refused = _why_not(scene, person, to, _earlier(scene, person, to))
    if refused is not None:
        return _refused(person, refused)
    if not dry_run:
        for each in inside:
            end(scene, each, EnrollmentState.STOPPED, MOVED, f"to {to}")
        add(scene, person, to, dry_run=False)
    return Settled(person.email, "moved", MOVED, f"to {to}")


def _hold(scene: Scene, person: Subscriber, dry_run: bool) -> None:
    if not dry_run:  # which reads only
        scene.work.hold_subscriber(person.id)


# --- whether it may be ---------------------------------------------------------------------------------------


def _earlier(scene: Scene, person: Subscriber, place: Place) -> list[Enrollment]:
    return [
        each
        for each in scene.work.enrollments(person.id)
        if (each.campaign, each.sequence) == (place.campaign.name, place.sequence.name)
    ]


def _inside(scene: Scene, person: Subscriber, place: Place) -> list[Enrollment]:
    return [each for each in _earlier(scene, person, place) if each.state is EnrollmentState.RUNNING]


def _why_not(scene: Scene, person: Subscriber, place: Place, earlier: Rows[Enrollment]) -> Reason | None:
    """The reason why somebody cannot be put into a sequence by hand, or None."""
    sequence = place.sequence
    if sequence.start.knows_session:
        text = f"{place} belongs to a registration, and begins when: {sequence.start.phrase}"
        return Reason(ReasonName.NO_SESSION, text)
    zone = scene.live.project(scene.work).definition.timezone
    (facts,) = scene.work.facts_of([person.id], place.campaign.name, zone)
    over = why_over(sequence, facts, scene.now)
    if over is not None:
        return over[1]
    return why_not_again(place, earlier, scene)


def why_not_again(place: Place, earlier: Rows[Enrollment], scene: Scene) -> Reason | None:
    """Why whoever was in the sequence before does not enter it now, or None (rule 10)."""
    occasion = occasion_of(place.sequence.again, earlier, scene.now)
    same = next((each for each in earlier if each.occasion == occasion), None)
    if same is None or (same.state is EnrollmentState.STOPPED and same.end_reason in BY_HAND):
        return None
    zone = place.campaign.timezone
    if same.state is EnrollmentState.RUNNING:
        text = f"is in {place} since {moment_text(same.started_at, zone)}"
    else:
        ended = moment_text(same.ended_at or scene.now, zone)
        text = f"was in {place} until {ended} ({same.end_reason}), and it says `again: {place.sequence.again.phrase}`"
    return Reason(ReasonName.ENTERED_BEFORE, text)


def _refused(person: Subscriber, reason: Reason) -> Settled:
    return Settled(person.email, "refused", reason.name.value, reason.text)


# --- how it is done ------------------------------------------------------------------------------------------


def _is_done(enrollment: Enrollment, step: Step) -> bool:
    return not step.identities.isdisjoint(each.step for each in enrollment.done)


def _reopen(scene: Scene, person: Subscriber, enrollment: Enrollment) -> None:
    """They go on where they stopped. What was taken back when they were taken out cannot be planned again."""
    work = scene.work
    behind = {each.step for each in enrollment.done}
    for each in work.deliveries(person.id):
        if each.enrollment_id == enrollment.id and each.step is not None and each.step not in behind:
            work.step_done(enrollment.id, StepDone(each.step, Did.SKIPPED, scene.now, BY_AUTHOR))
    work.reopen_enrollment(enrollment.id, scene.now)


def _skip(scene: Scene, enrollment: Enrollment, between: Rows[Step]) -> None:
    scene.work.cancel_planned(enrollment.id, MOVED, scene.now)
    for each in between:
        scene.work.step_done(enrollment.id, StepDone(each.identity, Did.SKIPPED, scene.now, MOVED))
        scene.log(
            "step-skipped",
            enrollment.subscriber_id,
            campaign=enrollment.campaign,
            subject=each.identity,
            reason=MOVED,
            detail="moved past it by hand",
        )
    scene.work.place_enrollment(enrollment.id, scene.now)


def _move_back(
    scene: Scene, person: Subscriber, enrollment: Enrollment, ahead: Rows[Step], mailed: set[str | None], dry_run: bool
) -> Settled:
    """Only over steps that were skipped: what was sent, or planned and taken back, stays what it is."""
    done = {each.step: each for each in enrollment.done}
    again = []
    for step in ahead:
        found = next((done[each] for each in step.identities if each in done), None)
        if found is None:
            continue
        if found.did is not Did.SKIPPED or not step.identities.isdisjoint(mailed):
            text = f"{step.identity} is behind them for good ({found.did.value}); nothing is sent twice"
            return _refused(person, Reason(ReasonName.ALREADY_SENT, text))
        again.append(found.step)
    if not dry_run:
        scene.work.cancel_planned(enrollment.id, MOVED, scene.now)
        scene.work.forget_steps(enrollment.id, again)
        scene.work.place_enrollment(enrollment.id, scene.now)
        scene.log(
            "enrollment-moved",
            enrollment.subscriber_id,
            campaign=enrollment.campaign,
            subject=ahead[0].identity,
            reason=MOVED,
            detail="moved back by hand",
        )
    return Settled(person.email, "moved", MOVED, f"back before {ahead[0].identity}")
