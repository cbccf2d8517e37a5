"""Everything that can happen to a person, as data. `drip.engine.happen` is the only one who acts on it.

Web pages, the command line and time itself (in `tick`) all speak through these; so does a simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from drip.core.model import NOTHING
from drip.core.records import Attendance, DeliveryId, Evidence, RegistrationId, SubscriberId, SubscriptionId


@dataclass(frozen=True, slots=True)
class AskedToJoin:
    """Somebody typed an address into a sign-up form. Only a mail answers; the page never tells what was known."""

    email: str
    list: str
    evidence: Evidence
    zone: str | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class AddedByAuthor:
    """The author adds a subscriber. With `attested` consent they are active at once, else a confirmation is mailed."""

    email: str
    list: str | None
    evidence: Evidence
    attested: bool = False
    zone: str | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ConfirmedSubscription:
    """The button of the confirmation page was pressed. `clicks` is the evidence that the box about clicks was ticked,
    if it was."""

    subscription_id: SubscriptionId
    evidence: Evidence
    clicks: Evidence | None = None


class Scope(StrEnum):
    """What an unsubscribe ends: all marketing (one-click), or everything including webinar mails."""

    MARKETING = "marketing"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """A "no". With `delivery_id` it answers that mail; on a webinar mail it stops that webinar's mails too.

    `list` limits it to one list (preferences page); None with MARKETING ends every subscription.
    """

    subscriber_id: SubscriberId
    evidence: Evidence
    scope: Scope = Scope.MARKETING
    list: str | None = None
    delivery_id: DeliveryId | None = None


@dataclass(frozen=True, slots=True)
class AskedToRegister:
    """Somebody chose a session on the webinar page. A mail with one button follows; nothing is booked yet.

    Where the author attests that they asked for it, the seat is booked at once.
    """

    email: str
    campaign: str
    session: str
    evidence: Evidence
    zone: str | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    attested: bool = False


@dataclass(frozen=True, slots=True)
class ConfirmedRegistration:
    """The button of the registration's confirmation page was pressed."""

    registration_id: RegistrationId
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class CancelledRegistration:
    """The reader gave the seat back, or the place in the line."""

    registration_id: RegistrationId
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class MovedRegistration:
    """The reader chose another session on the manage page. The calendar entry moves, and every link stays."""

    registration_id: RegistrationId
    session: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class JoinedWaitingList:
    """The session was full, and the reader pressed the button that puts them in line for a seat."""

    registration_id: RegistrationId
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class OfferLapsed:
    """Time passed the end of an offer. A `tick` finds it; the seat goes to the next in line."""

    registration_id: RegistrationId


@dataclass(frozen=True, slots=True)
class AnsweredInvite:
    """A calendar answered the invitation: `accepted`, `tentative` or `declined`, for the entry of that UID in the state
    `sequence`. Whoever writes a mail can claim this, so it changes no seat: a decline only offers to free it."""

    uid: str
    attendee: str
    answer: str
    sequence: int


@dataclass(frozen=True, slots=True)
class JoinedSession:
    """The button of the join page was pressed inside the session's window: attended."""

    registration_id: RegistrationId


@dataclass(frozen=True, slots=True)
class AttendanceReported:
    """The author or a platform's report says who came. Beats what the join page saw, until the follow-up has gone."""

    registration_id: RegistrationId
    attendance: Attendance
    source: str
    minutes: int | None = None
    first_join: datetime | None = None
    last_leave: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeenInMeeting:
    """The platform itself saw somebody come into the meeting, or leave it. A report that was imported beats it."""

    registration_id: RegistrationId
    at: datetime
    left: bool
    source: str


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Time passed the end of a session at `at`. A `tick` finds it, perhaps much later."""

    campaign: str
    session: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TagChanged:
    """The author put a tag on a subscriber, or took it away."""

    subscriber_id: SubscriberId
    tag: str
    present: bool


@dataclass(frozen=True, slots=True)
class ChoseZone:
    """The reader said on the preferences page which time zone they live in."""

    subscriber_id: SubscriberId
    zone: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class ChoseClicks:
    """The reader said whether we may note which links they follow. A "no" also forgets what was noted."""

    subscriber_id: SubscriberId
    noted: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class TookBreak:
    """The reader wants no letters and no sequences for so many weeks from now; also who is on a break already."""

    subscriber_id: SubscriberId
    weeks: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class LinkFetched:
    """Somebody or something fetched a link of a mail. `machine` says why it cannot have been the reader, where the
    request itself tells; the link is the one that the mail named."""

    delivery_id: DeliveryId
    link: str
    machine: str = ""


@dataclass(frozen=True, slots=True)
class LinkClicked:
    """Nothing has spoken against a click for long enough: it was the reader. A `tick` finds it."""

    delivery_id: DeliveryId
    link: str


@dataclass(frozen=True, slots=True)
class CameBack:
    """The reader ended the break before its time."""

    subscriber_id: SubscriberId
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class SwitchedOn:
    """The reader chose a list on the preferences page, whose address came in a mail to them. `evidence` has the words
    that stood beside the button."""

    subscriber_id: SubscriberId
    list: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class AskedToMove:
    """The reader typed another address into the preferences page. Only a mail to that address answers; the author may
    attest that they asked for it, and then it moves at once."""

    subscriber_id: SubscriberId
    email: str
    evidence: Evidence
    attested: bool = False


@dataclass(frozen=True, slots=True)
class ConfirmedMove:
    """The button that the mail to the new address leads to was pressed."""

    delivery_id: DeliveryId
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Erased:
    """The reader, or the author who was asked to, wants everything forgotten. `where` says by which door; it names
    nobody, and no evidence is kept."""

    subscriber_id: SubscriberId
    where: str


Event = (
    AskedToJoin
    | AddedByAuthor
    | ConfirmedSubscription
    | Unsubscribed
    | AskedToRegister
    | ConfirmedRegistration
    | CancelledRegistration
    | MovedRegistration
    | JoinedWaitingList
    | OfferLapsed
    | AnsweredInvite
    | JoinedSession
    | AttendanceReported
    | SeenInMeeting
    | SessionEnded
    | TagChanged
    | ChoseZone
    | ChoseClicks
    | LinkFetched
    | LinkClicked
    | TookBreak
    | CameBack
    | SwitchedOn
    | AskedToMove
    | ConfirmedMove
    | Erased
)
