"""What passes between the store and its callers beyond the records of `drip.core.records`. Frozen data only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from drip.core.delivery import Outcome, Verdict
from drip.core.records import Delivery, DeliveryId, RevisionId


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought: deliveries that are now ours, and those that were found too late and skipped."""

    deliveries: tuple[Delivery, ...]
    expired: tuple[Delivery, ...]

    def __bool__(self) -> bool:
        """Whether there was anything at all; a caller goes on claiming until there is not."""
        return bool(self.deliveries or self.expired)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of one attempt, to be recorded: what the relay said and what it makes of the delivery."""

    delivery_id: DeliveryId
    attempt: int
    verdict: Verdict
    outcome: Outcome
    relay: str
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, as kept for `drip why`."""

    delivery_id: DeliveryId
    number: int
    relay: str
    started_at: datetime
    ended_at: datetime
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Standstill:
    """What a pause or a resume is about: people inside, mails that are planned, and what a resume makes due at once."""

    people: int
    mails: int
    people_due: int = 0
    mails_due: int = 0


class BroadcastState(StrEnum):
    """`planned` until its audience is `frozen` into deliveries; `cancelled` if the author took it out before."""

    PLANNED = "planned"
    FROZEN = "frozen"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class NewBroadcast:
    """A broadcast to be planned. `occasion` is unique: put twice, it is the same broadcast."""

    campaign: str
    post: str
    list: str
    occasion: str
    due_at: datetime
    revision_id: RevisionId
    where_phrase: str = ""
    readers_time: bool = False
    late_seconds: int | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedBroadcast:
    """A broadcast as the store keeps it. `recipients` is how many deliveries its audience became."""

    id: int
    campaign: str
    post: str
    list: str
    occasion: str
    due_at: datetime
    revision_id: RevisionId
    where_phrase: str
    readers_time: bool
    late_seconds: int | None
    state: BroadcastState
    planned_at: datetime
    frozen_at: datetime | None
    recipients: int
    priority: int | None


@dataclass(frozen=True, slots=True)
class Audience:
    """Which deliveries a broadcast becomes, for `plan_for_list`: everything that all its readers have in common.

    `zone` restricts it to the readers in that zone; those without a zone count as in `default_zone`.
    """

    occasion: str
    campaign: str
    post: str
    list: str
    due_at: datetime
    revision_id: RevisionId
    expires_at: datetime | None = None
    zone: str | None = None
    default_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class VariantCount:
    """How often a post of a test was sent, and how many of those passages reached the goal of their sequence."""

    campaign: str
    step: str
    post: str
    sent: int
    goal: int


@dataclass(frozen=True, slots=True)
class ClickCount:
    """For one post: how many people followed a link of it, how many links that were, and what machines fetched."""

    campaign: str
    post: str
    people: int
    links: int
    machines: int
