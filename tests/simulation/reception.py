"""What the model does with a person who does something: sign-ups, seats, tags, and every kind of "no".

It is what the engine's events do (`drip.engine.happen`), on people in memory. Called by world.py.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from drip.core.course import (
    change_tag,
    end,
    join,
    signal,
)
from drip.core.model import TriggerKind
from drip.core.reasons import ReasonName
from drip.core.records import (
    Attendance,
    EnrollmentState,
    Kind,
    Registration,
    RegistrationId,
    RegistrationState,
    Subscriber,
    SubscriberId,
)
from drip.core.standing import Mail, Plots, Seat, Standing
from drip.engine.subscribing import ASK_EVERY, ASKS_A_DAY
from tests.simulation.drama import Deed, Drama, Soul
from tests.simulation.plots import CAMPAIGN

SINGLE = frozenset({"news"})


@dataclass(slots=True)
class Someone:
    """A soul as drip knows it. `states` are the subscriptions that are not active: pending or ended."""

    soul: Soul
    standing: Standing
    states: dict[str, str] = field(default_factory=dict)
    had: set[str] = field(default_factory=set)
    mails: list[Mail] = field(default_factory=list)
    noted: list[datetime] = field(default_factory=list)
    asked: list[datetime] = field(default_factory=list)
    """When they asked for something, and when a question was mailed: both are held against the ceiling of a day."""
    wake: datetime | None = None
    refused: dict[str, bool] = field(default_factory=dict)
    """Lists that this person said no to, as they themselves remember it."""


class Reception(Drama):
    """Where people come in; what is planned and when it is due is for the world to know."""

    known: dict[int, Someone]
    plots_live: Plots
    _numbers: Iterator[int]
    _seats: Iterator[int]

    @abstractmethod
    def _plan(self, someone: Someone, mail: Mail) -> bool:
        """Whether this is the first mail of its occasion."""

    @abstractmethod
    def _wake(self, someone: Someone) -> None:
        """One entry in the heap: when somebody has something due next."""

    def act(self, soul: Soul, deed: Deed) -> str:
        someone = self._meet(soul)
        what = getattr(self, f"do_{deed.what}")(someone, deed.about)
        self._wake(someone)
        return str(what)

    def _meet(self, soul: Soul) -> Someone:
        someone = self.known.get(soul.number)
        if someone is None:
            number = SubscriberId(len(self.known) + 1)
            fields = {"city": soul.city}
            subscriber = Subscriber(number, soul.email, soul.email, self.now, soul.zone, fields)
            someone = self.known[soul.number] = Someone(soul, Standing(subscriber, soul.zone))
            someone.standing.numbers = self._numbers
        return someone

    def do_ask(self, someone: Someone, name: str) -> str:
        if someone.standing.suppressed is not None:
            return "asked"
        if name in someone.standing.lists:
            self._house(someone, "already-subscribed", name)
            return "asked"
        someone.states[name] = "pending"
        someone.noted.append(self.now)
        if name in SINGLE:
            self._activate(someone, name)
        else:
            self._house(someone, "confirm-subscription", name)
        return "asked"

    def _house(self, someone: Someone, post: str, about: str, registration_id: RegistrationId | None = None) -> None:
        """One of drip's own mails, held back by the ceilings of a quarter of an hour and of a day."""
        since = self.now - timedelta(days=1)
        noted, asked = (sum(each >= since for each in moments) for moments in (someone.noted, someone.asked))
        if noted > ASKS_A_DAY or asked >= ASKS_A_DAY:
            return
        quarter = int(self.now.timestamp() // ASK_EVERY.total_seconds())
        mail = Mail(CAMPAIGN if registration_id else "", post, Kind.CONFIRMATION, self.now,
                    f"house/{post}/{about}/{quarter}", registration_id=registration_id)  # fmt: skip
        if self._plan(someone, mail):
            someone.asked.append(self.now)
            someone.standing.mails.append(mail)

    def _activate(self, someone: Someone, name: str) -> None:
        someone.states.pop(name, None)
        someone.refused.pop(name, None)
        join(someone.standing, name, self.plots_live, self.now)

    def do_confirm(self, someone: Someone, name: str) -> str:
        if someone.states.get(name) != "pending":
            return "already"
        self._activate(someone, name)
        return "confirmed"

    def do_register(self, someone: Someone, name: str) -> str:
        session = self.sessions[name]
        if session.ends <= self.now or someone.standing.suppressed is not None:
            return "over"
        seats = someone.standing.seats
        held = next((each.registration for each in seats.values() if each.session.name == name
                     and each.registration.state is not RegistrationState.CANCELLED), None)  # fmt: skip
        if held is None:
            number = RegistrationId(next(self._seats))
            held = Registration(number, someone.standing.subscriber.id, CAMPAIGN, session.name,
                                RegistrationState.PENDING, self.now, zone=someone.soul.zone)  # fmt: skip
            seats[number] = Seat(held, session)
        someone.noted.append(self.now)
        self._house(someone, "confirm-registration", f"{CAMPAIGN}/{session.name}", held.id)
        return "asked"

    def do_book(self, someone: Someone, name: str) -> str:
        seat = self._seat(someone, name, RegistrationState.PENDING)
        if seat is None or seat.session.ends <= self.now:
            return "over"
        seat.registration = replace(seat.registration, state=RegistrationState.BOOKED, confirmed_at=self.now)
        someone.standing.subscriber = replace(someone.standing.subscriber, left_at=None)
        signal(someone.standing, TriggerKind.REGISTERS, None, self.plots_live, self.now, campaign=CAMPAIGN,
               registration_id=seat.registration.id)  # fmt: skip
        return "booked"

    def _seat(self, someone: Someone, name: str, state: RegistrationState) -> Seat | None:
        seats = someone.standing.seats.values()
        return next((each for each in seats if each.session.name == name and each.registration.state is state), None)

    def do_cancel(self, someone: Someone, name: str) -> str:
        seat = self._seat(someone, name, RegistrationState.BOOKED)
        if seat is None:
            return "already"
        held = seat.registration
        seat.registration = held = replace(
            held, state=RegistrationState.CANCELLED, cancelled_at=self.now, calendar_sequence=held.calendar_sequence + 1
        )
        standing = someone.standing
        theirs = [each for each in standing.passages if each.registration_id == held.id]
        if not any(each.end_reason in ("unsubscribed", "left", "suppressed") for each in theirs):
            occasion = f"house/registration-cancelled/{held.id}/{held.calendar_sequence}"
            mail = Mail(CAMPAIGN, "registration-cancelled", Kind.REMINDER, self.now, occasion, registration_id=held.id,
                        expires_at=seat.session.ends)  # fmt: skip
            if self._plan(someone, mail):
                standing.mails.append(mail)
        signal(standing, TriggerKind.CANCELS, None, self.plots_live, self.now, campaign=CAMPAIGN,
               registration_id=held.id)  # fmt: skip
        for passage in list(standing.running(CAMPAIGN)):
            if passage.registration_id == held.id:
                end(standing, passage, EnrollmentState.STOPPED, "registration-cancelled", self.now)
        return "cancelled"

    def do_attend(self, someone: Someone, name: str) -> str:
        seat = self._seat(someone, name, RegistrationState.BOOKED)
        if seat is not None:
            seat.attendance = Attendance.ATTENDED
        return "joined"

    def do_tag(self, someone: Someone, name: str) -> str:
        change_tag(someone.standing, name, self.plots_live, self.now, present=True)
        return "changed"

    def do_untag(self, someone: Someone, name: str) -> str:
        change_tag(someone.standing, name, self.plots_live, self.now, present=False)
        return "changed"

    def do_leave(self, someone: Someone, name: str) -> str:
        self._unsubscribe(someone, name, None)
        return "unsubscribed"

    def do_no(self, someone: Someone, occasion: str) -> str:
        mail = next((each for each in someone.mails if each.occasion == occasion), None)
        self._unsubscribe(someone, None, mail.registration_id if mail is not None else None)
        return "unsubscribed"

    def _unsubscribe(self, someone: Someone, name: str | None, answered: RegistrationId | None) -> None:
        standing, plots = someone.standing, self.plots_live
        pending = {each for each, state in someone.states.items() if state == "pending"}
        ended = sorted(each for each in {*standing.lists, *pending} if name in (None, each))
        for each in ended:
            standing.lists.pop(each, None)
            someone.states[each] = "ended"
        for each in ended:
            signal(standing, TriggerKind.LEAVES, each, plots, self.now)
        for each in ("letter", "news") if name is None else (name,):
            someone.refused[each] = True
        for passage in list(standing.running()):
            sequence = plots.sequence_of(passage)
            of_list = sequence.list if sequence is not None else None
            marketing = of_list is not None or not (sequence is not None and sequence.is_service)
            if (marketing and (name is None or of_list == name)) or (answered and passage.registration_id == answered):
                end(standing, passage, EnrollmentState.STOPPED, ReasonName.UNSUBSCRIBED.value, self.now)
