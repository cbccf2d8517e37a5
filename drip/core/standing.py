"""One person as they stand: the lists, tags and seats, where they are in each sequence, and what is on its way to them.

Pure data, but for the facts that `decide` asks for. Unlike the records of the store it changes in place, because
`drip.core.course` lets time pass over it: once for a forecast, many thousand times in a simulation. It never knows
anybody else: what one person does to another (a seat, a place in line) is not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from drip.core.delivery import DeliveryState
from drip.core.model import NOTHING, Campaign, Condition, Sequence, Session, When
from drip.core.reasons import ReasonName
from drip.core.records import (
    Attendance,
    Enrollment,
    EnrollmentId,
    EnrollmentState,
    Facts,
    Kind,
    Pause,
    Registration,
    RegistrationId,
    RegistrationState,
    StepDone,
    Subscriber,
)


@dataclass(slots=True)
class Passage:
    """One enrollment. `next_due` None while it runs: it waits for the outcome of its delivery.

    `why` is the reason of the wait, where `decide` gave it in this very walk.
    """

    id: EnrollmentId
    campaign: str
    sequence: str
    occasion: str
    started_at: datetime
    registration_id: RegistrationId | None = None
    state: EnrollmentState = EnrollmentState.RUNNING
    next_due: datetime | None = None
    next_step: str | None = None
    done: tuple[StepDone, ...] = ()
    ended_at: datetime | None = None
    end_reason: str = ""
    replanned_at: datetime | None = None
    paused_at: datetime | None = None
    why: ReasonName | None = None
    plot: Campaign | None = None
    """The campaign as it was when this began, where the passage keeps that."""

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.state is EnrollmentState.RUNNING


@dataclass(slots=True)
class Seat:
    """A registration with its session and what is known of its past. `is_over`: the end of the session was acted on."""

    registration: Registration
    session: Session
    attendance: Attendance = Attendance.UNKNOWN
    is_over: bool = False

    @property
    def is_booked(self) -> bool:
        """Whether it is a seat and not only asked for, or given back."""
        return self.registration.state is RegistrationState.BOOKED


@dataclass(slots=True)
class Mail:
    """A delivery. `plot` is the campaign as it was when it was planned: its hours are those of that revision."""

    campaign: str
    post: str
    kind: Kind
    due_at: datetime
    occasion: str = ""
    list: str | None = None
    step: str | None = None
    passage: Passage | None = None
    registration_id: RegistrationId | None = None
    expires_at: datetime | None = None
    plot: Campaign | None = None
    state: DeliveryState = DeliveryState.DUE
    reason: str = ""
    first_marked_at: datetime | None = None
    attempt: int = 0
    number: int = 0
    paused_at: datetime | None = None


@dataclass(slots=True)
class Standing:
    """One person. `lists` are the active ones with the moment since when; `mails` those that are not at their end.

    `frozen` counts the broadcasts of `Plots` whose audience was frozen already. `variants` are the posts that tests
    gave them, by campaign and step, `clicked` those in which they followed a link, by campaign. `numbers` are the ids
    of passages to come; None: their own next one.
    """

    subscriber: Subscriber
    zone: str
    lists: dict[str, datetime] = field(default_factory=dict)
    passages: list[Passage] = field(default_factory=list)
    seats: dict[RegistrationId, Seat] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    suppressed: str | None = None
    last_drip_at: datetime | None = None
    frozen: int = 0
    variants: dict[str, dict[str, str]] = field(default_factory=dict)
    clicked: dict[str, set[str]] = field(default_factory=dict)
    numbers: Iterator[int] | None = None

    def running(self, campaign: str | None = None) -> Iterator[Passage]:
        """The passages that have not ended, of one campaign or of all, the oldest first."""
        running = EnrollmentState.RUNNING
        return (each for each in self.passages if each.state is running and campaign in (None, each.campaign))


@dataclass(frozen=True, slots=True)
class Announcement:
    """A broadcast that is planned: who it is for, and when its audience is frozen (in the first zone, where it is in
    the reader's time). `when` is None where one moment serves all.
    """

    occasion: str
    campaign: str
    post: str
    list: str
    due_at: datetime
    where: Condition | None = None
    when: When | None = None
    late_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Plots:
    """What is live: the campaigns by name, the project's zone, the broadcasts ahead in the order of their moments.

    `last_starts` says when each campaign's last session starts, `single` which lists need no confirmation, and
    `tracked` of which sessions (campaign, name) somebody is known to have attended. `pauses` are the times in which a
    sequence (campaign, name) stood still, and stands still.
    """

    campaigns: Mapping[str, Campaign]
    zone: str
    last_starts: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    announcements: tuple[Announcement, ...] = ()
    single: frozenset[str] = frozenset()
    pauses: Mapping[tuple[str, str], tuple[Pause, ...]] = field(default_factory=lambda: MappingProxyType({}))
    tracked: frozenset[tuple[str, str]] = frozenset()
    kept: tuple[Campaign, ...] = ()
    """Campaigns as they were, which somebody keeps."""

    def paused_since(self, campaign: str, sequence: str) -> datetime | None:
        """Since when a sequence stands still, if it does."""
        pauses = self.pauses.get((campaign, sequence), ())
        return next((each.paused_at for each in pauses if each.resumed_at is None), None)

    def campaign_of(self, passage: Passage) -> Campaign | None:
        """The campaign that somebody goes by: the one that they keep, else the live one."""
        return passage.plot if passage.plot is not None else self.campaigns.get(passage.campaign)

    def sequence_of(self, passage: Passage) -> Sequence | None:
        """The sequence that somebody is in; None where it was taken out."""
        campaign = self.campaign_of(passage)
        return campaign.sequence_named(passage.sequence) if campaign is not None else None


def facts_of(standing: Standing, passage: Passage, plots: Plots) -> Facts:
    """All that `decide` may know about this passage."""
    seat = standing.seats.get(passage.registration_id) if passage.registration_id is not None else None
    pauses = plots.pauses.get((passage.campaign, passage.sequence), ())
    enrollment = Enrollment(
        passage.id,
        passage.campaign,
        passage.sequence,
        standing.subscriber.id,
        passage.occasion,
        passage.state,
        passage.started_at,
        passage.next_due,
        passage.registration_id,
        passage.done,
        passage.ended_at,
        passage.end_reason,
        passage.replanned_at,
        passage.next_step,
        passage.paused_at,
    )
    return Facts(
        standing.subscriber,
        enrollment,
        standing.zone,
        lists=frozenset(standing.lists),
        suppressed=standing.suppressed,
        registration=seat.registration if seat is not None else None,
        session=seat.session if seat is not None else None,
        booked=is_booked(standing, passage.campaign),
        attendance=seat.attendance if seat is not None else Attendance.UNKNOWN,
        last_session_starts=plots.last_starts.get(passage.campaign),
        last_drip_at=standing.last_drip_at,
        clicked=frozenset(standing.clicked.get(passage.campaign, ())),
        joined_at=min(standing.lists.values(), default=None),
        variants=standing.variants.get(passage.campaign, NOTHING),
        paused_at=plots.paused_since(passage.campaign, passage.sequence),
        pauses=tuple(each for each in pauses if each.resumed_at is not None),
    )


def is_booked(standing: Standing, campaign: str) -> bool:
    """Whether somebody has a seat for this campaign's webinar."""
    return any(each.is_booked and each.registration.campaign == campaign for each in standing.seats.values())


def facts_outside(standing: Standing, campaign: str) -> Facts:
    """Facts for the `where` of a broadcast, which is asked of people outside of any sequence."""
    who = standing.subscriber
    stand_in = Enrollment(EnrollmentId(0), campaign, "", who.id, "", EnrollmentState.RUNNING, who.created_at)
    return Facts(
        standing.subscriber,
        stand_in,
        standing.zone,
        lists=frozenset(standing.lists),
        suppressed=standing.suppressed,
        booked=is_booked(standing, campaign),
        clicked=frozenset(standing.clicked.get(campaign, ())),
        joined_at=min(standing.lists.values(), default=None),
    )
