"""The same drama as world.py, played by the real engine on the real store in memory: what the model is held against.

Slow: a few dozen people for a month. Only the clock, the relay and the moment of death are ours, and what the distance
of the next try hangs on: the number of a row depends on the order of writing, so a hash stands in its place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from unittest import mock

from drip.authoring import check
from drip.authoring.read_project import draft_project
from drip.core.delivery import Outcome, Verdict, verdict
from drip.core.events import (
    AskedToJoin,
    AskedToRegister,
    CancelledRegistration,
    ConfirmedRegistration,
    ConfirmedSubscription,
    Event,
    JoinedSession,
    TagChanged,
    Unsubscribed,
)
from drip.core.message import Wire
from drip.core.records import Delivery, Evidence, RegistrationState, SubscriberId
from drip.engine import sending
from drip.engine.apply import apply
from drip.engine.engine import Engine
from drip.engine.keys import Keys
from drip.engine.registering import SessionClosed
from drip.engine.sending import Sending
from drip.errors import NotFound, RelayUnreachable
from drip.mail.transport import Grant, NotGranted
from drip.project import read_tree
from drip.rehearsal.letters import Envelopes
from drip.rehearsal.play import SECRET, memory_store
from tests.simulation.drama import FAIR, Deed, Drama, Letter, Soul, Storminess, Weather
from tests.simulation.plots import CAMPAIGN, PROJECT, files_of
from tests.simulation.world import key_of

ROOT = Path(__file__).resolve().parent.parent.parent
EVIDENCE = Evidence(where="a simulation")


class Killed(BaseException):
    """kill -9."""


class TwinRelay:
    """A `Transport` with one lane that does what the drama says."""

    name = "twin"
    lanes = 1

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self.sends = 0

    async def open(self) -> None:
        twin = self._twin
        if twin.weather_now.dies == "between":
            raise Killed
        if twin.is_away(twin.clock):
            raise RelayUnreachable("the relay is away for this hour")

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        return wanted

    async def close(self) -> None:
        """Nothing to close."""

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        twin = self._twin
        if grant is not None and not await grant():
            raise NotGranted
        delivery = twin.letters.deliveries[wire.message_id]
        self.sends += 1
        with_death = twin.weather_now.dies == "sending" and twin.weather_now.number == self.sends
        outcome, arrived = twin.fate(twin.owner_of(delivery), delivery.occasion, delivery.attempt + 1)
        if with_death:
            if twin.weather_now.is_taken and arrived:
                twin.take(delivery)
            raise Killed
        if arrived:
            twin.take(delivery)
        return outcome


class Twin(Drama):
    """One seed of the real thing."""

    def __init__(
        self, seed: int, people: int, days: int, *, storminess: Storminess | None = None, edits: int = 5
    ) -> None:
        super().__init__(seed, people, days, storminess=storminess, edits=edits)
        templates = {path: text for path, text in read_tree(ROOT).items() if path.startswith("templates/")}
        self._base = {**templates, "drip.yaml": PROJECT}
        self.store = memory_store()
        self.relay = TwinRelay(self)
        owners = count(1)
        files = files_of(self._base, self.plots[0])
        self.engine = Engine(
            self.store,
            draft_project(files).definition,
            Keys.from_secret(SECRET),
            lambda: self.relay,
            lambda: f"twin-{next(owners)}",
        )
        self.letters = Envelopes(self.engine.keys, composed_first=0)
        self.engine._letters = self.letters
        self.weather_now: Weather = FAIR
        self.clock = self.now
        self._taken: list[Letter] = []
        self._souls: dict[SubscriberId, Soul] = {}
        self._ids: dict[int, SubscriberId] = {}

    def apply(self, number: int) -> None:
        apply(self.engine, files_of(self._base, self.plots[number]), self.now)

    # --- deeds -------------------------------------------------------------------------------------------------------

    def act(self, soul: Soul, deed: Deed) -> str:
        event = getattr(self, f"on_{deed.what}")(soul, deed.about)
        if event is None:
            return "nothing"
        try:
            happened = self.engine.happen(event, self.now)
        except (SessionClosed, NotFound):
            return "refused"
        if happened.subscriber_id is not None:
            self._souls[happened.subscriber_id] = soul
            self._ids[soul.number] = happened.subscriber_id
        return happened.what

    def on_ask(self, soul: Soul, name: str) -> Event:
        return AskedToJoin(soul.email, name, EVIDENCE, soul.zone, {"city": soul.city})

    def on_confirm(self, soul: Soul, name: str) -> Event | None:
        with self.store.read() as work:
            found = {each.list: each.id for each in work.subscriptions(self._ids[soul.number])}
        return ConfirmedSubscription(found[name], EVIDENCE)

    def on_register(self, soul: Soul, name: str) -> Event:
        return AskedToRegister(soul.email, CAMPAIGN, name, EVIDENCE, soul.zone, {"city": soul.city})

    def _seat(self, soul: Soul, name: str, state: RegistrationState) -> int | None:
        with self.store.read() as work:
            seats = work.registrations_of(self._ids[soul.number])
        return next((each.id for each in seats if each.session == name and each.state is state), None)

    def on_book(self, soul: Soul, name: str) -> Event | None:
        number = self._seat(soul, name, RegistrationState.PENDING)
        return None if number is None else ConfirmedRegistration(number, EVIDENCE)  # type: ignore[arg-type]

    def on_cancel(self, soul: Soul, name: str) -> Event | None:
        number = self._seat(soul, name, RegistrationState.BOOKED)
        return None if number is None else CancelledRegistration(number, EVIDENCE)  # type: ignore[arg-type]

    def on_attend(self, soul: Soul, name: str) -> Event | None:
        number = self._seat(soul, name, RegistrationState.BOOKED)
        return None if number is None else JoinedSession(number)  # type: ignore[arg-type]

    def on_tag(self, soul: Soul, name: str) -> Event:
        return TagChanged(self._ids[soul.number], name, present=True)

    def on_untag(self, soul: Soul, name: str) -> Event:
        return TagChanged(self._ids[soul.number], name, present=False)

    def on_leave(self, soul: Soul, name: str) -> Event:
        return Unsubscribed(self._ids[soul.number], EVIDENCE, list=name)

    def on_no(self, soul: Soul, occasion: str) -> Event:
        with self.store.read() as work:
            mails = work.deliveries(self._ids[soul.number])
        answered = next(each.id for each in mails if each.occasion == occasion)
        return Unsubscribed(self._ids[soul.number], EVIDENCE, delivery_id=answered)

    # --- cron --------------------------------------------------------------------------------------------------------

    def cron(self, moment: datetime, weather: Weather) -> list[Letter]:
        self.clock, self.weather_now = moment + weather.step, weather
        self._taken, self.relay.sends = [], 0
        if weather.dies == "before" or self.engine.is_idle(self.clock):
            return []
        with contextlib.suppress(Killed, RelayUnreachable):
            self.engine.tick(self.clock)
        return self._taken

    def owner_of(self, delivery: Delivery) -> Soul:
        return self._souls[delivery.subscriber_id]

    def take(self, delivery: Delivery) -> None:
        soul = self.owner_of(delivery)
        self.story.taken.append((self.clock, soul.email, delivery.occasion))
        self._taken.append(Letter(soul, delivery.occasion, delivery.post, delivery.kind, delivery.list))

    @contextlib.contextmanager
    def stage(self) -> Iterator[None]:
        """What is ours while it plays."""

        def judged(outcome: Outcome, *, attempt: int, delivery_key: int, **rest: datetime) -> Verdict:
            with_hash = self._keys.get(delivery_key)
            if with_hash is None:
                with self.store.read() as work:
                    delivery = work.delivery(delivery_key)  # type: ignore[arg-type]
                assert delivery is not None
                with_hash = self._keys[delivery_key] = key_of(self.owner_of(delivery).email, delivery.occasion)
            return verdict(outcome, attempt=attempt, delivery_key=with_hash, **rest)

        self._keys: dict[int, int] = {}
        with (
            mock.patch.object(sending, "verdict", judged),
            # A process that was killed gives nothing back; one that ends by itself has nothing left to give.
            mock.patch.object(Sending, "_give_back", return_value=None),
            mock.patch.object(check, "check_mails", return_value=()),
            mock.patch.object(check, "CHECKS", ()),
        ):
            yield

    def ends(self) -> list[str]:
        lines = []
        with self.store.read() as work:
            for number, who in sorted(self._ids.items()):
                email = self.souls[number].email
                mails = work.deliveries(who)
                lines += [f"{email} {each.occasion} {each.state.value} {each.reason}"
                          for each in sorted(mails, key=lambda each: each.occasion)]  # fmt: skip
                passages = sorted(work.enrollments(who), key=lambda each: (each.sequence, each.occasion))
                lines += [
                    f"{email} {each.sequence} {each.occasion} {each.state.value} {each.end_reason} "
                    + ",".join(sorted(f"{one.step}:{one.did.value}:{one.reason}" for one in each.done))
                    for each in passages
                ]
        return lines
