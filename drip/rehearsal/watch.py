"""Holds a rehearsal against the promises of DESIGN §2: each message as the relay takes it, and the totals at the end.

It knows what people did and what they got, and asks the database only what it claims. A broken promise is one line.
Called by `drip.rehearsal.play`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.delivery import DeliveryState
from drip.core.model import AgainKind, Campaign, Sequence, Step, TriggerKind, WhenKind
from drip.core.records import Delivery, DeliveryId, EnrollmentId, Kind
from drip.core.when import in_hours, local_wall, moment_text
from drip.rehearsal.crowd import Person

if TYPE_CHECKING:
    from drip.store.work import Work

SHOWN_MAX = 200
# Marked by a run that died, until the next one comes: it may have arrived as well.
ARRIVED = frozenset({DeliveryState.SENT, DeliveryState.UNCERTAIN, DeliveryState.BOUNCED, DeliveryState.SENDING})


class Watch:
    """Notes what is broken, with the moment and the person."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._seen: set[tuple[str, str]] = set()
        self._taken: dict[int, int] = {}
        self._before: dict[str, int] = {}
        self._had: dict[EnrollmentId, dict[str, DeliveryId]] = {}
        self.number = 0
        self.broken: list[str] = []

    def begin(self, work: Work) -> None:
        """What a copied database says before anything happens."""
        self._before = dict(work.delivery_counts())

    def note(self, now: datetime, one: Person | None, text: str) -> None:
        """One broken promise."""
        self.number += 1
        if len(self.broken) < SHOWN_MAX:
            who = f"{one.email}: " if one is not None else ""
            self.broken.append(f"{moment_text(now, self._zone)}: {who}{text}")

    def took(self, now: datetime, one: Person, delivery: Delivery, campaign: Campaign | None) -> None:
        """The relay took a message; `campaign` is that of the delivery's revision."""
        key = (delivery.occasion, one.email)
        if key in self._seen and delivery.kind is not Kind.CONFIRMATION:
            self.note(now, one, f"got `{delivery.post}` twice on one occasion")
        self._seen.add(key)
        self._taken[delivery.id] = self._taken.get(delivery.id, 0) + 1
        if one.said_no and delivery.list is not None:
            self.note(now, one, f"unsubscribed, and got `{delivery.post}` afterwards")
        if delivery.expires_at is not None and now > delivery.expires_at:
            self.note(now, one, f"got `{delivery.post}` stale: good until {moment_text(delivery.expires_at, one.zone)}")
        sequence, step = step_of(campaign, delivery)
        if campaign is None or sequence is None or step is None:
            return
        if (campaign.name, sequence.name) in one.closed and sequence.again.kind is AgainKind.NEVER:
            self.note(now, one, f"reached the goal of `{sequence.name}`, and got `{delivery.post}` afterwards")
        self._look_at_passage(now, one, delivery, step)
        timed = step.when.kind in (WhenKind.LATER, WhenKind.AFTER_SESSION)
        if not timed or sequence.hours is None:
            return
        today = local_wall(now, one.zone).date()
        is_closed = any(each.first <= today <= each.last for each in sequence.hours.closed)
        if is_closed or not in_hours(now, sequence.hours, one.zone):
            at = moment_text(now, one.zone)
            self.note(now, one, f"got `{delivery.post}` at {at}, outside {sequence.hours.phrase}")

    def _look_at_passage(self, now: datetime, one: Person, delivery: Delivery, step: Step) -> None:
        """What one passage has had: no step under two names, and no two variants of a test."""
        if delivery.enrollment_id is None:
            return
        had = self._had.setdefault(delivery.enrollment_id, {})
        names = {each.partition("/")[2] for each in step.identities} | set(step.posts)
        for post in sorted(names & set(had) - {delivery.post}):
            if had[post] != delivery.id:
                self.note(now, one, f"got `{delivery.post}` after `{post}`, which is the same step")
        had[delivery.post] = delivery.id

    def was_reached(self, now: datetime, one: Person, delivery: Delivery, since: datetime) -> None:
        """A mail of a sequence whose goal this person had reached, as its own revision says, since a moment."""
        if since < delivery.planned_at:
            at = moment_text(since, one.zone)
            self.note(now, one, f"got `{delivery.post}`, planned after the goal was reached ({at})")

    def reminded(self, now: datetime, one: Person, delivery: Delivery, starts: datetime | None) -> None:
        """A mail that was to come before a session."""
        if starts is None or now >= starts:
            self.note(now, one, f"got the reminder `{delivery.post}` with no session to come")

    def settle(self, work: Work, now: datetime) -> None:
        """The end of a rehearsal, or any moment between two ticks: do the books agree?"""
        counts = dict(work.delivery_counts())
        planned = counts.pop("planned")
        if planned != sum(counts.values()):
            self.note(now, None, f"{planned} deliveries planned, but the states add up to {sum(counts.values())}")
        stranded = work.stranded()
        for enrollment_id, why in stranded[:10]:
            self.note(now, None, f"enrollment {enrollment_id} {why}")
        self.number += max(0, len(stranded) - 10)
        arrived = sum(counts[state.value] - self._before.get(state.value, 0) for state in ARRIVED)
        if len(self._taken) > arrived:
            self.note(now, None, f"{len(self._taken)} deliveries were taken by the relay, {arrived} are known to be")
        sent = counts[DeliveryState.SENT.value] - self._before.get(DeliveryState.SENT.value, 0)
        if sent > len(self._taken):
            self.note(now, None, f"{sent} deliveries are called sent, {len(self._taken)} were taken by the relay")


def step_of(campaign: Campaign | None, delivery: Delivery) -> tuple[Sequence | None, Step | None]:
    """The sequence and step that planned a delivery."""
    if campaign is None or delivery.step is None:
        return None, None
    sequence = campaign.sequence_named(delivery.step.partition("/")[0])
    steps = sequence.steps if sequence is not None else ()
    return sequence, next((each for each in steps if each.identity == delivery.step), None)


def ends_with(campaign: Campaign, kind: TriggerKind) -> set[tuple[str, str]]:
    """The sequences of a campaign whose goal is of this kind."""
    goals = ((each.name, each.goal) for each in campaign.sequences)
    return {(campaign.name, name) for name, goal in goals if goal is not None and goal.kind is kind}
