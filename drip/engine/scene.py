"""What every event and step function works with: the open transaction, what is live, the keys, the moment; and signals.

A signal is one thing that starts, completes or stops sequences. Goals and stops end enrollments, and cancel their
deliveries, in the transaction of the event: this is where "no" and "done" win over a run that is about to send.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.again import FIRST, occasion_of, occasion_of_seat
from drip.core.model import AgainKind, Campaign, Sequence, TriggerKind
from drip.core.records import (
    Enrollment,
    EnrollmentState,
    LogEntry,
    Registration,
    RegistrationId,
    SubscriberId,
    SubscriptionId,
)
from drip.core.triggers import matches
from drip.engine.keys import Keys
from drip.engine.live import Edition, Live

if TYPE_CHECKING:
    from drip.store.work import Work


@dataclass(frozen=True, slots=True)
class Happened:
    """What an event came to, for the page or command that brought it."""

    what: str
    subscriber_id: SubscriberId | None = None
    registration_id: RegistrationId | None = None
    subscription_id: SubscriptionId | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What every event function gets: the open transaction, what is live, the keys, and the moment.

    `per_minute` is how fast the relays are, where drip.yaml holds them to a pace.
    """

    work: Work
    live: Live
    keys: Keys
    now: datetime
    per_minute: int | None = None
    entries: list[LogEntry] = field(default_factory=list)

    def write_log(self) -> None:
        """Write the noted facts; whoever opened the transaction calls it once, before the end."""
        self.work.log(self.entries)
        self.entries.clear()

    def log(
        self,
        kind: str,
        subscriber: SubscriberId | None,
        *,
        campaign: str = "",
        subject: str = "",
        reason: str = "",
        detail: str = "",
    ) -> None:
        """Note one fact, to be written with the others of this transaction."""
        self.entries.append(LogEntry(self.now, kind, subscriber, campaign, subject, reason, detail))


def _occasion(scene: Scene, campaign: Campaign, sequence: Sequence, who: SubscriberId, reg: Registration | None) -> str:
    if reg is not None and sequence.start.knows_session:
        return occasion_of_seat(reg.id)
    if sequence.again.kind is AgainKind.NEVER:
        return FIRST  # whatever there was, it need not be asked for
    earlier = [
        each
        for each in scene.work.enrollments(who)
        if each.campaign == campaign.name and each.sequence == sequence.name
    ]
    return occasion_of(sequence.again, earlier, scene.now)


def _start(
    scene: Scene, edition: Edition, sequence: Sequence, who: SubscriberId, reg: Registration | None, at: datetime
) -> None:
    campaign = edition.campaign
    assert campaign is not None, "the sequence is in it"
    occasion = _occasion(scene, campaign, sequence, who, reg)
    bound = reg.id if reg is not None and sequence.start.knows_session else None
    pinned = edition.revision.id if sequence.is_pinned else None
    enrollment = scene.work.enroll(campaign.name, sequence.name, who, occasion, at, bound, pinned)
    if enrollment is not None:
        scene.log(
            "enrolled",
            who,
            campaign=campaign.name,
            subject=sequence.name,
            reason="started",
            detail=sequence.start.phrase,
        )


def end(scene: Scene, enrollment: Enrollment, state: EnrollmentState, reason: str, detail: str) -> None:
    scene.work.end_enrollment(enrollment.id, state, reason, scene.now)
    scene.log(
        f"enrollment-{state.value}",
        enrollment.subscriber_id,
        campaign=enrollment.campaign,
        subject=enrollment.sequence,
        reason=reason,
        detail=detail,
    )


def signal(
    scene: Scene,
    who: SubscriberId,
    kind: TriggerKind,
    argument: str | None = None,
    *,
    campaign: str | None = None,
    registration: Registration | None = None,
    at: datetime | None = None,
) -> None:
    """Let one trigger act on every live sequence: goals and stops first, then starts (DESIGN §7 rule 11).

    `campaign` limits it to one (a registration is for one campaign's webinar). `at` is when it really happened,
    where that was noticed later (rule 8).
    """
    editions = {each.revision.campaign: each for each in scene.live.campaigns(scene.work)}
    for enrollment in scene.work.running(who, campaign):
        passed = scene.live.sequence_of(scene.work, enrollment, editions)
        if passed is None:
            continue
        theirs = enrollment.registration_id is None or (
            registration is not None and enrollment.registration_id == registration.id
        )
        if passed.goal and theirs and matches(passed.goal, kind, argument):
            end(scene, enrollment, EnrollmentState.GOAL, "goal-reached", passed.goal.phrase)
        elif passed.stop and theirs and matches(passed.stop, kind, argument):
            end(scene, enrollment, EnrollmentState.STOPPED, "stop-reached", passed.stop.phrase)
    for name, edition in editions.items():
        if edition.campaign is None or (campaign is not None and name != campaign):
            continue
        for sequence in edition.campaign.sequences:
            if matches(sequence.start, kind, argument):
                _start(scene, edition, sequence, who, registration, at or scene.now)
