"""A rehearsal: the engine, the crowd and the clock take turns until the days are over.

The engine and its store are the real ones, the store in memory; only the clock, the people and the relay are ours.
Never opens the author's database or relay: a copy of the people comes in from outside. Called by `drip rehearse`,
`drip test` and the simulation.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drip.core.events import ConfirmedRegistration, ConfirmedSubscription, Event, MovedRegistration, Unsubscribed
from drip.core.message import Wire
from drip.core.model import Campaign, OptIn, ProjectDefinition, TriggerKind, WhenKind
from drip.core.parts import is_series
from drip.core.records import Delivery, LogEntry, RegistrationId, RegistrationState, Subscriber, SubscriberId
from drip.engine.apply import apply, apply_read
from drip.engine.engine import Engine
from drip.engine.keys import Keys
from drip.engine.registering import SessionClosed
from drip.errors import NotFound, RelayUnreachable
from drip.rehearsal.crowd import Crowd, Habits, Person, arrival, doors_of, person, recalled
from drip.rehearsal.dice import Dice
from drip.rehearsal.letters import Envelopes
from drip.rehearsal.relay import Faults, RehearsalRelay
from drip.rehearsal.watch import Watch, ends_with, step_of
from drip.simulate import FastClock, next_moment
from drip.store.store import Store, open_store

if TYPE_CHECKING:
    from drip.engine.engine import Ticked
    from drip.store.upcoming import Upcoming

SECRET = b"a secret of rehearsals alone"
STORY_MAX = 1_000
"""More lines of one person's journal than any rehearsal has room for."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a rehearsal is given. `every` is how often cron calls `drip run`."""

    start: datetime
    days: int
    seed: int
    people: int
    every: timedelta = timedelta(minutes=10)
    faults: Faults = field(default_factory=Faults)
    habits: Habits = field(default_factory=Habits)
    composed_first: int = 2


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the relay took."""

    at: datetime
    person: Person
    delivery: Delivery


def memory_store() -> Store:
    """An empty database in memory."""
    store = open_store("sqlite:///:memory:", root=Path())
    store.create_or_check()
    return store


class Play:
    """One rehearsal. `people` may be filled before `run` with those of a copied database.

    `read` are the campaigns of the files, where they were read and found to be sound already.
    """

    def __init__(
        self,
        files: Mapping[str, str],
        definition: ProjectDefinition,
        setting: Setting,
        *,
        names: tuple[str, ...] = (),
        store: Store | None = None,
        keys: Keys | None = None,
        read: Sequence[Campaign] | None = None,
    ) -> None:
        self.setting = setting
        self.definition = definition
        self.dice = Dice("rehearsal", setting.seed)
        self.clock = FastClock(setting.start)
        self.store = store or memory_store()
        self.files = dict(files)
        self._names = names
        self._read = read
        self.relay = RehearsalRelay(self.dice.about("relay"), setting.faults, self.clock.now, self._take)
        owners = count(1)
        self.engine = Engine(
            self.store,
            definition,
            keys or Keys.from_secret(SECRET),
            lambda: self.relay,
            lambda: f"rehearsal-{next(owners)}",
            run_loop=self._in_loop,
        )
        self.letters = Envelopes(self.engine.keys, composed_first=setting.composed_first)
        self.engine._letters = self.letters
        self.watch = Watch(definition.timezone)
        self.people: dict[str, Person] = {}
        self.by_id: dict[SubscriberId, Person] = {}
        self.taken: list[Taken] = []
        self.deeds: list[tuple[datetime, Person, str]] = []
        self.refused: Counter[str] = Counter()
        self.ticks = 0
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._unread: list[Taken] = []
        self._dirty = True
        self._campaigns: dict[str, Campaign] = {}
        self._due: datetime | None = None
        self._runner: asyncio.Runner | None = None
        self.crowd: Crowd

    # --- before it begins ----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Make the files live in the memory. Raises ProblemsFound, NotFound."""
        self.apply()
        names = self._names or tuple(sorted(self._campaigns))
        first = self.definition.lists[0].name if self.definition.lists else ""
        chosen = [self._campaigns[name] for name in names if name in self._campaigns]
        self.crowd = Crowd(self, self.setting.habits, doors_of(chosen, first))

    def invite(self) -> None:
        """Let the whole crowd come in at its times."""
        for number in range(1, self.setting.people + 1):
            one = person(self.dice, number)
            self.people[one.email] = one
            self.at(arrival(one, self.setting.start, self.setting.days), lambda one=one: self.crowd.come(one))  # type: ignore[misc]

    def recall(self, subscribers: Iterable[Subscriber]) -> None:
        """Let people of a copied database be on the stage: they answer the mails that they get."""
        with self.store.read() as work:
            self.watch.begin(work)
        for known in subscribers:
            one = recalled(self.dice, known, self.definition.timezone)
            self.people[one.email] = one
            self.by_id[known.id] = one

    def apply(self) -> None:
        """Make the files, as they are in this play now, live."""
        if self._read is None:
            apply(self.engine, self.files, self.clock.now(), names=self._names)
        else:
            apply_read(self.engine, self.files, self._read, self.clock.now())
        with self.store.read() as work:
            editions = self.engine.live.campaigns(work)
        self._campaigns = {each.campaign.name: each.campaign for each in editions if each.campaign is not None}
        self._dirty = True

    # --- the stage that people act on ------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The moment on the stage."""
        return self.clock.now()

    def at(self, moment: datetime, act: Callable[[], None]) -> None:
        """Do something at a moment."""
        heapq.heappush(self._agenda, (max(moment, self.clock.now()).astimezone(UTC), next(self._order), act))

    def campaign(self, name: str) -> Campaign | None:
        """A campaign as it is live now."""
        return self._campaigns.get(name)

    def happen(self, one: Person, deed: str, event: Event) -> None:
        """Let somebody act now. What the page would refuse is refused here too, and noted."""
        self._dirty = True
        now = self.clock.now()
        try:
            happened = self.engine.happen(event, now)
        except (SessionClosed, NotFound) as error:
            self.refused[f"{deed}: {error.message}"] += 1
            return
        self.deeds.append((now, one, deed))
        if happened.subscriber_id is not None and one.subscriber_id is None:
            one.subscriber_id = happened.subscriber_id
            self.by_id[happened.subscriber_id] = one
        if isinstance(event, Unsubscribed):
            one.said_no = True
        elif happened.what == "confirmed" and isinstance(event, ConfirmedSubscription):
            one.said_no = False
        elif isinstance(event, ConfirmedRegistration) and happened.what == "booked":
            # Who moves keeps their registration: the one they were asked about is gone.
            self._booked(one, happened.registration_id or event.registration_id)
        elif isinstance(event, MovedRegistration):
            one.seats.pop(event.registration_id, None)  # which session it is for now is looked up when it matters
        elif happened.what == "asked" and happened.registration_id is None and self._is_single(deed):
            one.said_no = False

    def _is_single(self, deed: str) -> bool:
        found = self.definition.list_named(deed.rpartition(" ")[2])
        return found is not None and found.opt_in is OptIn.SINGLE

    def _booked(self, one: Person, number: RegistrationId) -> None:
        with self.store.read() as work:
            registration = work.registration(number)
        assert registration is not None, "it was booked"
        one.seats[number] = registration.session
        campaign = self._campaigns.get(registration.campaign)
        if campaign is not None:
            one.closed |= ends_with(campaign, TriggerKind.REGISTERS)
        self.crowd.booked(one, registration.campaign, number)
        if is_series(campaign):
            with self.store.read() as work:
                theirs = [each for each in work.registrations_of(registration.subscriber_id) if each.id != number]
            for each in theirs:
                if each.campaign == registration.campaign and each.state is RegistrationState.BOOKED:
                    one.seats[each.id] = each.session
                    self.crowd.comes(one, each.campaign, each.id)

    # --- time --------------------------------------------------------------------------------------------------------

    def run(self, *, progress: Callable[[datetime], None] = lambda _: None) -> None:
        """Play to the end of the days, or until nothing can happen any more."""
        with asyncio.Runner() as self._runner:
            self._play_until(self.setting.start + timedelta(days=self.setting.days), progress)
        self._runner = None
        self.settle()

    def _play_until(self, end: datetime, progress: Callable[[datetime], None]) -> None:
        while True:
            act_at = self._agenda[0][0] if self._agenda else None
            tick_at = self._next_tick()
            if act_at is not None and act_at <= end and (tick_at is None or act_at <= tick_at):
                self.clock.set(act_at)
                heapq.heappop(self._agenda)[2]()
                continue
            if tick_at is None or tick_at > end:
                break
            self.clock.set(tick_at)
            self.tick()
            progress(self.clock.now())
        self.clock.set(end)

    def settle(self) -> None:
        """Hold the books against what was seen."""
        with self.store.read() as work:
            self.watch.settle(work, self.clock.now())

    def _next_tick(self) -> datetime | None:
        """When cron calls next with anything to do. After a deed something may be due at once."""
        if self._dirty:
            return self._on_grid(self.clock.now())
        return None if self._due is None else self._on_grid(max(self._due, self.clock.now()))

    def _on_grid(self, moment: datetime) -> datetime:
        every = self.setting.every.total_seconds()
        return datetime.fromtimestamp(math.ceil(moment.timestamp() / every) * every, UTC)

    def _in_loop(self, ticking: Coroutine[Any, Any, Ticked]) -> Ticked:
        """In one event loop for all ticks: making one costs more than most of them."""
        if self._runner is None:
            return asyncio.run(ticking)
        # Not `Runner.run`, which sets a signal handler each time.
        return self._runner.get_loop().run_until_complete(ticking)

    def tick(self) -> None:
        """One `drip run`."""
        self.ticks += 1
        now = self.clock.now()
        ahead: Upcoming | None = None
        try:
            ahead = self.engine.tick(now).ahead
        except RelayUnreachable:
            self.refused["the relay was away"] += 1
        self._dirty = False
        self._due = next_moment(self.engine) if ahead is None else ahead.moment
        if self._due is not None and self._due <= now:
            # What stays due after a tick (a relay that is away) waits for the next call of cron.
            self.clock.set(now + timedelta(seconds=1))
        unread, self._unread = self._unread, []
        for taken in unread:
            self.crowd.read(taken.person, taken.delivery)

    # --- mails -------------------------------------------------------------------------------------------------------

    def _take(self, wire: Wire, at: datetime) -> None:
        delivery = self.letters.deliveries[wire.message_id]
        one = self.by_id[delivery.subscriber_id]
        taken = Taken(at, one, delivery)
        self.taken.append(taken)
        self._unread.append(taken)
        edition = self.engine.live._editions.get(delivery.revision_id)
        campaign = edition.campaign if edition is not None else None
        self.watch.took(at, one, delivery, campaign)
        sequence, step = step_of(campaign, delivery)
        if sequence is not None and sequence.goal is not None and sequence.goal.kind is TriggerKind.REGISTERS:
            since = self._booked_since(one, delivery.campaign) if one.seats else None
            if since is not None and not sequence.start.knows_session:
                self.watch.was_reached(at, one, delivery, since)
        if step is not None and step.when.kind is WhenKind.BEFORE_SESSION:
            live = self._campaigns.get(delivery.campaign)
            webinar = live.webinar if live is not None else None
            session = webinar.session_named(self._seat(one, delivery.registration_id)) if webinar is not None else None
            self.watch.reminded(at, one, delivery, session.starts if session is not None else None)

    def _booked_since(self, one: Person, campaign: str) -> datetime | None:
        """Since when somebody holds a seat that they have now."""
        with self.store.read() as work:
            held = [work.registration(number) for number in one.seats]
        moments = [
            each.confirmed_at
            for each in held
            if each is not None and each.campaign == campaign and each.state is RegistrationState.BOOKED
        ]
        return min((each for each in moments if each is not None), default=None)

    def _seat(self, one: Person, number: RegistrationId | None) -> str:
        """The session of a registration; "" where there is none. Asked each time: a seat may have moved to another."""
        if number is None:
            return ""
        with self.store.read() as work:
            registration = work.registration(number)
        if registration is not None:
            one.seats[number] = registration.session
        return one.seats.get(number, "")

    # --- for those who look at it afterwards -------------------------------------------------------------------------

    def campaigns(self) -> Mapping[str, Campaign]:
        """What is rehearsed, as it is live now."""
        return {name: each for name, each in self._campaigns.items() if not self._names or name in self._names}

    def story_of(self, one: Person) -> list[LogEntry]:
        """What the journal says of one person, in order."""
        if one.subscriber_id is None:
            return []
        with self.store.read() as work:
            return list(work.entries(subscriber_id=one.subscriber_id, limit=STORY_MAX))
