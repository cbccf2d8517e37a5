"""What drip remembers about people: frozen rows as the store returns them, and the facts that decisions use.

Moments are aware datetimes in UTC. Ids are the store's integers; they never leave drip unsigned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import NewType

from drip.core.delivery import DeliveryState
from drip.core.model import NOTHING, Session

SubscriberId = NewType("SubscriberId", int)
SubscriptionId = NewType("SubscriptionId", int)
EnrollmentId = NewType("EnrollmentId", int)
DeliveryId = NewType("DeliveryId", int)
RegistrationId = NewType("RegistrationId", int)
RevisionId = NewType("RevisionId", int)


@dataclass(frozen=True, slots=True)
class Break:
    """A stretch of time in which a reader wants no letters and no sequences; whoever comes back early ends it."""

    began_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person known by one e-mail address. `mailbox` is the keyed hash of the normalized address.

    `left_at` is set when they unsubscribed from everything, and cleared when they come back by themselves.
    `clicks_since` is since when they let us note which links they follow; None: they do not. `breaks` are all that they
    took, the oldest first.
    """

    id: SubscriberId
    email: str
    mailbox: str
    created_at: datetime
    zone: str | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    tags: frozenset[str] = frozenset()
    left_at: datetime | None = None
    clicks_since: datetime | None = None
    breaks: tuple[Break, ...] = ()

    def break_at(self, now: datetime) -> Break | None:
        """The break that they are on."""
        return next((each for each in self.breaks if each.began_at <= now < each.ends_at), None)


@dataclass(frozen=True, slots=True)
class AddressChange:
    """A subscriber's way from one address to another; until it is confirmed from the new one, nothing moves."""

    id: int
    subscriber_id: SubscriberId
    email: str
    mailbox: str
    was_email: str
    was_mailbox: str
    asked_at: datetime
    confirmed_at: datetime | None = None


class SubscriptionState(StrEnum):
    """`pending` until confirmed, `active`, then `ended`."""

    PENDING = "pending"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Subscription:
    """Subscriber × list. One row per pair; a return reopens it, and the evidence stays in the consent log."""

    id: SubscriptionId
    subscriber_id: SubscriberId
    list: str
    state: SubscriptionState
    requested_at: datetime
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None


class ConsentKind(StrEnum):
    """What the person, or the author on their behalf, did."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    ATTESTED = "attested"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a consent came about (GDPR Art. 7(1)): where, with which words, from which address."""

    where: str
    text: str = ""
    ip: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """One line of the append-only consent log."""

    subscriber_id: SubscriberId
    list: str
    kind: ConsentKind
    at: datetime
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Suppression:
    """A mailbox never mailed again, with the reason; beats every consent."""

    mailbox: str
    reason: str
    at: datetime
    note: str = ""


class RegistrationState(StrEnum):
    """`pending` until confirmed by mail, `booked`, then perhaps `cancelled`."""

    PENDING = "pending"
    BOOKED = "booked"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Registration:
    """Subscriber × session of a campaign's webinar. `calendar_sequence` is the SEQUENCE of its calendar entry."""

    id: RegistrationId
    subscriber_id: SubscriberId
    campaign: str
    session: str
    state: RegistrationState
    requested_at: datetime
    confirmed_at: datetime | None = None
    cancelled_at: datetime | None = None
    zone: str | None = None
    calendar_sequence: int = 0


class Attendance(StrEnum):
    """A fact about the past; `unknown` is a value of its own (rule 4)."""

    ATTENDED = "attended"
    MISSED = "missed"
    UNKNOWN = "unknown"


class EnrollmentState(StrEnum):
    """`running`, or ended: all steps `done`, by its `goal`, or `stopped`."""

    RUNNING = "running"
    DONE = "done"
    GOAL = "goal"
    STOPPED = "stopped"


class Did(StrEnum):
    """What became of a step for one person. The anchor moves only where something really happened (rule 3)."""

    SENT = "sent"
    ACTED = "acted"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNCERTAIN = "uncertain"

    @property
    def moves_anchor(self) -> bool:
        """Whether "later" of the next step counts from this (rules 3 and 8)."""
        return self in (Did.SENT, Did.ACTED, Did.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step that is behind a person, by its identity."""

    step: str
    did: Did
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """One person's passage through one sequence, kept for ever with its end and reason.

    `occasion` is `first` (or `again-2` …), or `registration-ID` where the sequence belongs to a registration.
    `next_due` None while running means: waits for the outcome of its delivery; `next_step` is
    the identity of the step that it waits for, where known. `replanned_at` is when an edit last
    changed what the person waits for (rule 9). `paused_at`: the sequence stands still since then, and this
    with it (rule 13). `revision_id` is the revision that it keeps, where the sequence was pinned when it began;
    None: it follows the live one.
    """

    id: EnrollmentId
    campaign: str
    sequence: str
    subscriber_id: SubscriberId
    occasion: str
    state: EnrollmentState
    started_at: datetime
    next_due: datetime | None = None
    registration_id: RegistrationId | None = None
    done: tuple[StepDone, ...] = ()
    ended_at: datetime | None = None
    end_reason: str = ""
    replanned_at: datetime | None = None
    next_step: str | None = None
    paused_at: datetime | None = None
    revision_id: RevisionId | None = None


class ResumeMode(StrEnum):
    """What a resume makes of the time that stood still: it does not count; it does; or what it made due is skipped."""

    SHIFT = "shift"
    KEEP = "keep"
    SKIP_OVERDUE = "skip-overdue"


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of time in which a sequence stood still; `sequence` "" stands for the broadcasts of the campaign.

    It is open while `resumed_at` is None. `everything`: the reminders of booked sessions stand still, too.
    """

    id: int
    campaign: str
    sequence: str
    paused_at: datetime
    everything: bool = False
    resumed_at: datetime | None = None
    mode: ResumeMode | None = None


class Kind(IntEnum):
    """What a delivery is, in the order of leaving: confirmations and reminders before newsletters (DESIGN §8)."""

    CONFIRMATION = 0
    REMINDER = 1
    SEQUENCE = 2
    BROADCAST = 3

    @property
    def is_urgent(self) -> bool:
        """Whether somebody waits for it: newsletters and sequences leave it the way, and a part of each day."""
        return self <= Kind.REMINDER


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to be planned. `(occasion, mailbox)` is unique: the second one is refused by the database.

    `list` is the permission it needs; None for service mails. `campaign` is "" for drip's own posts
    (confirmations). `expires_at`: after it the delivery is skipped with `too-late`.
    """

    occasion: str
    mailbox: str
    subscriber_id: SubscriberId
    campaign: str
    post: str
    kind: Kind
    due_at: datetime
    revision_id: RevisionId
    list: str | None = None
    step: str | None = None
    enrollment_id: EnrollmentId | None = None
    registration_id: RegistrationId | None = None
    subscription_id: SubscriptionId | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Our duty to get one post to one person once. See DESIGN §8 for its states."""

    id: DeliveryId
    occasion: str
    mailbox: str
    subscriber_id: SubscriberId
    campaign: str
    post: str
    kind: Kind
    state: DeliveryState
    due_at: datetime
    planned_at: datetime
    revision_id: RevisionId
    list: str | None = None
    step: str | None = None
    enrollment_id: EnrollmentId | None = None
    registration_id: RegistrationId | None = None
    subscription_id: SubscriptionId | None = None
    expires_at: datetime | None = None
    owner: str | None = None
    attempt: int = 0
    first_marked_at: datetime | None = None
    finished_at: datetime | None = None
    reason: str = ""
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that `decide` may know about one person in one sequence, loaded in bulk by the store.

    `zone` is already resolved (subscriber, else project). `lists` are the active ones. `last_drip_at` is when
    the last drip mail (not a service mail) was sent to this person, in any sequence. `variants` are the posts that
    the person was given by tests of the campaign, by the identity of the step.
    `paused_at` says that the sequence stands still, `pauses` when it did before.
    `lead` is how long the relays need for a mail to all who have a seat in the session; None where that is nothing.
    """

    subscriber: Subscriber
    enrollment: Enrollment
    zone: str
    lists: frozenset[str] = frozenset()
    suppressed: str | None = None
    registration: Registration | None = None
    session: Session | None = None
    booked: bool = False
    attendance: Attendance = Attendance.UNKNOWN
    last_session_starts: datetime | None = None
    last_drip_at: datetime | None = None
    clicked: frozenset[str] = frozenset()
    variants: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    joined_at: datetime | None = None
    paused_at: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    lead: timedelta | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One fact for `drip log` and `drip why`: `kind` is stable (`delivery-sent`, `step-skipped`, …).

    `subject` says what it is about (`invite/last-seats`, `job-seekers`), `reason` is a stable reason name,
    `detail` a sentence for people.
    """

    at: datetime
    kind: str
    subscriber_id: SubscriberId | None = None
    campaign: str = ""
    subject: str = ""
    reason: str = ""
    detail: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Revision:
    """A campaign as applied, immutable: its files by path, and their hash. The name "" is the project itself."""

    id: RevisionId
    campaign: str
    number: int
    digest: str
    applied_at: datetime
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution of `drip run`."""

    id: int
    started_at: datetime
    finished_at: datetime | None
    owner: str
    sent: int = 0
    note: str = ""
