"""Holds what was claimed to the cap: `at-most: 1 a day, 3 a week` for each person, across everything (rule 12).

Runs in the transaction of the claim, so two runs at once cannot both find room: what another run has claimed counts as
sent. What may not go now is put off to the first day that has room, on its own clock and within its hours, or skipped
if that is later than it is good for. Days are the reader's own. Called by `drip.engine.sending`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from drip.core.caps import NORMAL, WEEK_DAYS, AtMost, Contender, first_of
from drip.core.delivery import DeliveryState
from drip.core.model import Broadcast, Campaign, LatePolicy, Step, WhenKind
from drip.core.model import Sequence as Plot
from drip.core.reasons import ReasonName
from drip.core.records import Delivery, DeliveryId, Kind, LogEntry, RevisionId, Subscriber, SubscriberId
from drip.core.step_mail import opening_of
from drip.core.when import due, local_to_utc, local_wall, moment_text, parse_when, settle
from drip.engine.broadcasts import broadcast_of
from drip.engine.ledger import Ends
from drip.engine.live import Edition

if TYPE_CHECKING:
    from drip.store.work import Work

CAPPED = ReasonName.CAPPED.value

LATE = timedelta(days=3)
"""How long after its moment a broadcast that says no `late:` may wait for room. Its own six hours would never reach the
next day; they are about a machine that slept, and this is about a reader who has had enough for today."""

HISTORY = timedelta(days=WEEK_DAYS + 1)
"""Seven days in whatever zone, and one in which an earlier day still goes on."""


@dataclass(frozen=True, slots=True)
class Capped:
    """Which of the claimed deliveries may not go now: put off, or skipped."""

    put_off: frozenset[DeliveryId]
    skipped: frozenset[DeliveryId]


NOT_CAPPED = Capped(frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Origin:
    """What planned a delivery, as far as its revision still says; `asked` is the priority that `drip send` gave it."""

    sequence: Plot | None = None
    step: Step | None = None
    broadcast: Broadcast | None = None
    asked: int = NORMAL

    @property
    def priority(self) -> int:
        """What goes first."""
        source = self.sequence or self.broadcast
        return self.asked if source is None else source.priority

    @property
    def late_then(self) -> LatePolicy:
        """What happens to it when it is too late."""
        source = self.step or self.broadcast
        return LatePolicy.SKIP if source is None else source.late_then


def origin_of(campaign: Campaign | None, delivery: Delivery) -> Origin:
    """Where a delivery comes from; a broadcast of `drip send` stands in no file."""
    if campaign is None:
        return Origin()
    if delivery.step is None:
        return Origin(broadcast=broadcast_of(campaign, delivery.occasion))
    sequence = campaign.sequence_named(delivery.step.partition("/")[0])
    steps = sequence.steps if sequence is not None else ()
    return Origin(sequence, next((each for each in steps if delivery.step in each.identities), None))


def is_counted(delivery: Delivery) -> bool:
    """Whether it is a drip mail or a newsletter. What the reader waits for, or registered for, is neither."""
    return delivery.kind in (Kind.SEQUENCE, Kind.BROADCAST) and delivery.registration_id is None


class Capping:
    """The cap of one pass over what is due. `editions` is filled by `read_editions` with those of given deliveries."""

    def __init__(
        self,
        at_most: AtMost,
        default_zone: str,
        owner: str,
        now: datetime,
        editions: Mapping[RevisionId | None, Edition],
        read_editions: Callable[[Work, Sequence[Delivery]], None],
    ) -> None:
        self._at_most = at_most
        self._default_zone = default_zone
        self._owner = owner
        self._now = now
        self._editions = editions
        self._read_editions = read_editions

    def hold(self, work: Work, claimed: Collection[tuple[Delivery, Subscriber]]) -> Capped:
        """Take out of these, just claimed in this transaction, whatever the cap does not let go now."""
        mine: dict[SubscriberId, list[Delivery]] = defaultdict(list)
        zones: dict[SubscriberId, str] = {}
        for delivery, subscriber in claimed:
            if is_counted(delivery):
                mine[subscriber.id].append(delivery)
                zones[subscriber.id] = subscriber.zone or self._default_zone
        if not mine:
            return NOT_CAPPED
        work.lock_mailing(mine)
        counted = self._counted(work, mine, zones)
        rivals = self._rivals(work, mine, zones)
        asked = self._asked(work, [each for part in (mine, rivals) for some in part.values() for each in some])
        too_many: list[_TooMany] = []
        for who, deliveries in mine.items():
            today = local_wall(self._now, zones[who]).date()
            too_many += self._too_many(deliveries, rivals[who], counted[who], today, zones[who], asked)
        return self._write(work, too_many)

    def _counted(
        self, work: Work, mine: Mapping[SubscriberId, Sequence[Delivery]], zones: Mapping[SubscriberId, str]
    ) -> Mapping[SubscriberId, Counter[date]]:
        """How many each of them has on which of their days; what others are sending now is as good as sent."""
        ours = {each.id for deliveries in mine.values() for each in deliveries}
        days: dict[SubscriberId, Counter[date]] = {who: Counter() for who in mine}
        for each in work.counted(mine.keys(), self._now - HISTORY):
            if each.id not in ours:
                days[each.subscriber_id][local_wall(each.at or self._now, zones[each.subscriber_id]).date()] += 1
        return days

    def _rivals(
        self, work: Work, people: Collection[SubscriberId], zones: Mapping[SubscriberId, str]
    ) -> Mapping[SubscriberId, Sequence[Delivery]]:
        """What else could go to each of them in this very moment."""
        found: dict[SubscriberId, list[Delivery]] = defaultdict(list)
        due_now = work.contending(people, self._now)
        self._read_editions(work, due_now)
        for each in due_now:
            if opening_of(self._campaign(each), each.step, zones[each.subscriber_id], self._now) is None:
                found[each.subscriber_id].append(each)
        return found

    def _asked(self, work: Work, deliveries: Sequence[Delivery]) -> Mapping[str, int]:
        """The priorities of broadcasts that stand in no file, by their occasions."""
        sent = {each.occasion for each in deliveries if each.kind is Kind.BROADCAST}
        return work.priorities_of(sent)

    def _campaign(self, delivery: Delivery) -> Campaign | None:
        edition = self._editions.get(delivery.revision_id)
        return edition.campaign if edition else None

    def _campaign_zone(self, delivery: Delivery) -> str:
        campaign = self._campaign(delivery)
        return campaign.timezone if campaign else self._default_zone

    def _too_many(
        self,
        mine: Sequence[Delivery],
        rivals: Sequence[Delivery],
        counted: Counter[date],
        today: date,
        zone: str,
        asked: Mapping[str, int],
    ) -> list[_TooMany]:
        """Those of one person's claimed deliveries that must wait, or are not worth waiting for."""
        origins = {
            each.id: replace(origin_of(self._campaign(each), each), asked=asked.get(each.occasion, NORMAL))
            for each in (*mine, *rivals)
        }
        contenders = [
            Contender(each.id, origins[each.id].priority, each.planned_at, each.kind) for each in (*mine, *rivals)
        ]
        going = {each.id for each in first_of(contenders, self._at_most.room_on(today, counted))}
        counted[today] += len(going)
        day = self._at_most.next_day(today, counted)
        limit = self._at_most.reason_on(today, counted)
        return [
            _TooMany(
                each,
                max(moment_on(day, each, origins[each.id], zone), self._now + timedelta(minutes=1)),
                deadline_of(each, origins[each.id], zone, self._campaign_zone(each)),
                limit,
                zone,
                origins[each.id].late_then is LatePolicy.ASK,
            )
            for each in mine
            if each.id not in going
        ]

    def _write(self, work: Work, too_many: Sequence[_TooMany]) -> Capped:
        from drip.store.caps import PutOff

        waiting = [each for each in too_many if each.has_time]
        over = {each.delivery.id: each for each in too_many if not each.has_time}
        work.put_off([PutOff(each.delivery.id, each.moment, each.deadline) for each in waiting], self._owner)
        work.log(each.entry(self._now) for each in waiting)
        ends = Ends(self._now)
        for delivery in work.skip_capped(over.keys(), self._owner, self._now):
            ends.add(delivery, DeliveryState.SKIPPED, CAPPED, over[delivery.id].text)
        ends.write(work)
        return Capped(frozenset(each.delivery.id for each in waiting), frozenset(over))


@dataclass(frozen=True, slots=True)
class _TooMany:
    """A claimed delivery that may not go today, with the first moment at which it may, and until when it is good."""

    delivery: Delivery
    moment: datetime
    deadline: datetime | None
    limit: str
    zone: str
    asks: bool

    @property
    def has_time(self) -> bool:
        # What asks when it is late is put off beyond its end, and found late by the claim of that day.
        return self.deadline is None or self.moment < self.deadline or self.asks

    @property
    def text(self) -> str:
        at = moment_text(self.moment, self.zone)
        if self.deadline is None or self.has_time:
            return f"{self.limit} at most, so not before {at}"
        until = moment_text(self.deadline, self.zone)
        return f"{self.limit} at most: there is room on {at}, and it is good until {until}"

    def entry(self, now: datetime) -> LogEntry:
        each = self.delivery
        subject = each.step or each.post
        return LogEntry(now, "delivery-capped", each.subscriber_id, each.campaign, subject, CAPPED, self.text)


def moment_on(day: date, delivery: Delivery, origin: Origin, zone: str) -> datetime:
    """When on that day it goes: at its own time of day, within the hours of its sequence."""
    hours = origin.sequence.hours if origin.sequence else None
    step = origin.step
    if step is not None and step.when.kind is WhenKind.LATER and step.when.clock is not None:
        return settle(step.when, local_to_utc(datetime.combine(day, time.min), zone), hours, zone)
    moment = local_to_utc(datetime.combine(day, local_wall(delivery.due_at, zone).time()), zone)
    return moment if step is None else settle(step.when, moment, hours, zone)


def deadline_of(delivery: Delivery, origin: Origin, zone: str, campaign_zone: str) -> datetime | None:
    """The last moment at which it still makes sense. The same whenever it is asked, however often it was put off."""
    if delivery.kind is not Kind.BROADCAST or (origin.broadcast is not None and origin.broadcast.late is not None):
        return delivery.expires_at
    when = parse_when(delivery.occasion.rpartition("@")[2])
    if when.kind is not WhenKind.AT:
        return delivery.planned_at + LATE
    theirs = zone if when.readers_time else campaign_zone
    moment = due(when, anchor=delivery.planned_at, zone=theirs, hours=None, session=None, campaign_zone=theirs)
    return moment + LATE
