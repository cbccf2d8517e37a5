"""The people of a rehearsal: when they come, what they do with a mail, all by dice.

They act as real ones do, by events alone, and know nothing but the mails that they got. Nothing here looks into the
database. `drip.rehearsal.play` asks what each of them does next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from drip.core.clicks import counted_posts
from drip.core.events import (
    AskedToJoin,
    AskedToRegister,
    CancelledRegistration,
    ChoseClicks,
    ConfirmedRegistration,
    ConfirmedSubscription,
    Event,
    JoinedSession,
    LinkFetched,
    TagChanged,
    Unsubscribed,
)
from drip.core.model import Campaign, Session, TriggerKind, Webinar
from drip.core.offers import held_by
from drip.core.parts import is_series
from drip.core.records import Delivery, Evidence, Kind, RegistrationId, Subscriber, SubscriberId
from drip.core.when import local_to_utc, local_wall
from drip.engine.values import WEBINAR_LINK
from drip.rehearsal.dice import Dice

EVIDENCE = Evidence(where="a rehearsal")
ZONES = (
    ("America/New_York", 8.0), ("America/Los_Angeles", 4.0), ("Europe/Berlin", 2.0), ("Europe/London", 2.0),
    ("Asia/Kolkata", 1.0), ("Asia/Kathmandu", 0.5), ("Australia/Lord_Howe", 0.5), ("America/Sao_Paulo", 1.0),
)  # fmt: skip
"""Where people live, with weights: whole and broken offsets, both hemispheres, with summer time and without."""

# How much happens in each hour of somebody's day.
AWAKE = (1, 1, 0, 0, 0, 1, 3, 6, 8, 9, 9, 9, 9, 8, 8, 8, 8, 8, 8, 9, 9, 7, 5, 3)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Habits:
    """How many of a hundred do what, as shares. They are guesses; a rehearsal is about the plot, not a forecast."""

    confirms: float = 0.85
    registers: float = 0.12
    books: float = 0.9
    cancels: float = 0.06
    moves: float = 0.05
    attends: float = 0.5
    unsubscribes: float = 0.015
    comes_back: float = 0.05
    clicks: float = 0.2


ONLY_READS = Habits(
    confirms=1, registers=0, books=1, cancels=0, moves=0, attends=0, unsubscribes=0, comes_back=0, clicks=0
)
"""Somebody who says yes and then only reads."""


@dataclass(frozen=True, slots=True)
class Door:
    """A way into the campaign: a list to join, a tag to get, or a seat to ask for."""

    kind: TriggerKind
    argument: str = ""


def doors_of(campaigns: Sequence[Campaign], first_list: str) -> list[Door]:
    """The ways in, in the order of the files. A campaign of broadcasts alone has its lists."""
    doors = []
    for campaign in campaigns:
        for sequence in campaign.sequences:
            kind = sequence.start.kind
            if kind in (TriggerKind.JOINS, TriggerKind.GETS_TAG):
                doors.append(Door(kind, sequence.start.argument or first_list))
            elif kind is TriggerKind.LEAVES:
                doors.append(Door(TriggerKind.JOINS, sequence.start.argument or first_list))
        doors += [Door(TriggerKind.JOINS, each.list) for each in campaign.broadcasts]
        if not doors and campaign.webinar is not None:
            doors.append(Door(TriggerKind.REGISTERS, campaign.name))
    return list(dict.fromkeys(doors)) or [Door(TriggerKind.JOINS, first_list)]


@dataclass(slots=True)
class Person:
    """One of the crowd, and what they have done so far."""

    number: int
    email: str
    zone: str
    dice: Dice
    subscriber_id: SubscriberId | None = None
    mails: int = 0
    asked: bool = False
    said_no: bool = False
    seats: dict[RegistrationId, str] = field(default_factory=dict)
    closed: set[tuple[str, str]] = field(default_factory=set)
    """Sequences (campaign, name) whose goal this person reached."""


class Stage(Protocol):
    """What a person can do on the stage of a rehearsal."""

    def at(self, moment: datetime, act: Callable[[], None]) -> None:
        """Do something later."""
        ...

    def happen(self, person: Person, deed: str, event: Event) -> None:
        """Let an event of this person happen now."""
        ...

    def now(self) -> datetime:
        """The moment on the stage."""
        ...

    def campaign(self, name: str) -> Campaign | None:
        """A campaign as it is live now."""
        ...


def person(dice: Dice, number: int) -> Person:
    """The person of that number."""
    own = dice.about("person", number)
    zone = ZONES[own.pick([weight for _, weight in ZONES], "zone")][0]
    return Person(number, f"reader-{number}@example.org", zone, own)


def recalled(dice: Dice, known: Subscriber, zone: str) -> Person:
    """A subscriber of a copied database, who may act from now on."""
    own = dice.about("subscriber", known.id)
    one = Person(known.id, known.email, known.zone or zone, own, subscriber_id=known.id)
    one.said_no = known.left_at is not None
    return one


def arrival(one: Person, start: datetime, days: int) -> datetime:
    """When somebody comes: on any day of the first two thirds, at an hour of their own day."""
    day = local_wall(start, one.zone) + one.dice.below(max(1, days * 2 // 3), "day") * DAY
    hour = one.dice.pick(AWAKE, "hour")
    wall = day.replace(hour=hour, minute=one.dice.below(60, "minute"), second=0, microsecond=0)
    return max(start, local_to_utc(wall, one.zone))


class Crowd:
    """Lets people come in by the doors, and answer their mails."""

    def __init__(self, stage: Stage, habits: Habits, doors: Sequence[Door]) -> None:
        self._stage = stage
        self._habits = habits
        self._doors = doors
        self._counted: dict[str, tuple[Campaign, frozenset[str]]] = {}

    def come(self, one: Person) -> None:
        """Somebody finds the form."""
        door = self._doors[one.number % len(self._doors)]
        fields = {"first_name": f"Reader {one.number}"} if one.number % 3 else {}
        if door.kind is TriggerKind.REGISTERS:
            self._ask_for_seat(one, door.argument)
            return
        name = door.argument if door.kind is TriggerKind.JOINS else self._list()
        self._stage.happen(one, f"asks for {name}", AskedToJoin(one.email, name, EVIDENCE, one.zone, fields))
        if door.kind is TriggerKind.GETS_TAG and one.subscriber_id is not None:
            tagged = TagChanged(one.subscriber_id, door.argument, present=True)
            self._stage.at(self._stage.now() + DAY, lambda: self._stage.happen(one, f"gets {door.argument}", tagged))

    def _list(self) -> str:
        return next((each.argument for each in self._doors if each.kind is TriggerKind.JOINS), "")

    def read(self, one: Person, delivery: Delivery) -> None:
        """Somebody got a mail."""
        if delivery.kind is Kind.CONFIRMATION:
            self._answer_question(one, delivery)
        elif delivery.kind is not Kind.REMINDER:
            one.mails += 1
            self._answer(one, delivery)

    def _soon(self, one: Person, *words: object) -> datetime:
        return self._stage.now() + one.dice.span(MINUTE, 6 * HOUR, "soon", *words)

    def _answer_question(self, one: Person, delivery: Delivery) -> None:
        habits, stage = self._habits, self._stage
        if delivery.registration_id is not None:
            number = delivery.registration_id
            if one.dice.happens(habits.books, "books", number):
                booked = ConfirmedRegistration(number, EVIDENCE)
                stage.at(self._soon(one, "book", number), lambda: stage.happen(one, "takes the seat", booked))
        elif delivery.subscription_id is not None and delivery.post == "confirm-subscription":
            if not one.dice.happens(habits.confirms, "confirms", delivery.id):
                return
            yes = ConfirmedSubscription(delivery.subscription_id, EVIDENCE)
            stage.at(self._soon(one, "yes", delivery.id), lambda: stage.happen(one, "confirms", yes))

    def _answer(self, one: Person, delivery: Delivery) -> None:
        habits = self._habits
        if self._counts(delivery) and one.dice.happens(habits.clicks, "clicks", delivery.id):
            self._stage.at(self._soon(one, "click", delivery.id), lambda: self._follow(one, delivery))
        if one.dice.happens(habits.unsubscribes, "no", one.mails):
            self._stage.at(self._soon(one, "no", one.mails), lambda: self._leave(one, delivery))
        elif not one.asked and one.dice.happens(habits.registers, "asks", one.mails):
            one.asked = True
            self._stage.at(self._soon(one, "ask"), lambda: self._ask_for_seat(one, delivery.campaign))

    def _counts(self, delivery: Delivery) -> bool:
        """Whether anything of the campaign asks who followed a link of this mail."""
        campaign = self._stage.campaign(delivery.campaign)
        if campaign is None:
            return False
        known, counted = self._counted.get(campaign.name, (None, frozenset()))
        if known is not campaign:
            counted = counted_posts(campaign)
            self._counted[campaign.name] = (campaign, counted)
        return delivery.post in counted

    def _follow(self, one: Person, delivery: Delivery) -> None:
        """Whoever follows a link here agreed to its being noted; those who did not are as if they had not clicked."""
        self._stage.happen(one, "lets clicks be noted", ChoseClicks(delivery.subscriber_id, True, EVIDENCE))
        self._stage.happen(one, f"follows a link of {delivery.post}", LinkFetched(delivery.id, WEBINAR_LINK))

    def _leave(self, one: Person, delivery: Delivery) -> None:
        no = Unsubscribed(delivery.subscriber_id, EVIDENCE, delivery_id=delivery.id)
        self._stage.happen(one, "unsubscribes", no)
        if delivery.list is not None and one.dice.happens(self._habits.comes_back, "back"):
            again = AskedToJoin(one.email, delivery.list, EVIDENCE)
            back = self._stage.now() + one.dice.span(DAY, 20 * DAY, "back")
            self._stage.at(back, lambda: self._stage.happen(one, f"asks again for {delivery.list}", again))

    def _ask_for_seat(self, one: Person, name: str, besides: str = "") -> None:
        now = self._stage.now()
        webinar = self._webinar(name)
        held = held_by(webinar, one.zone, now) if webinar is not None else ()
        ahead = [each for each in held if each.starts > now and each.name != besides]
        if ahead:
            session = ahead[one.dice.below(len(ahead), "session", besides)]
            asked = AskedToRegister(one.email, name, session.name, EVIDENCE, one.zone)
            self._stage.happen(one, f"asks for a seat: {session.name}", asked)

    def _webinar(self, name: str) -> Webinar | None:
        campaign = self._stage.campaign(name)
        return campaign.webinar if campaign is not None else None

    def booked(self, one: Person, campaign: str, number: RegistrationId) -> None:
        """Somebody has a seat: they keep it and perhaps come, give it back, or want another session."""
        habits, stage, dice = self._habits, self._stage, one.dice
        webinar = self._webinar(campaign)
        session = webinar.session_named(one.seats[number]) if webinar is not None else None
        if session is None or session.cancelled:
            return
        wait = max(MINUTE, session.starts - stage.now())
        later = stage.now() + dice.span(MINUTE, wait + MINUTE, "later", number)
        if dice.happens(habits.cancels, "cancels", number):
            back = CancelledRegistration(number, EVIDENCE)
            stage.at(later, lambda: stage.happen(one, "gives the seat back", back))
        elif not is_series(stage.campaign(campaign)) and dice.happens(habits.moves, "moves", number, session.name):
            stage.at(later, lambda: self._ask_for_seat(one, campaign, besides=session.name))
        self.comes(one, campaign, number)

    def comes(self, one: Person, campaign: str, number: RegistrationId) -> None:
        """Somebody may come to the session of a seat that they have."""
        webinar = self._webinar(campaign)
        session = webinar.session_named(one.seats[number]) if webinar is not None else None
        if session is not None and self._habits.attends and one.dice.happens(self._habits.attends, "attends", number):
            self._stage.at(session.starts + 3 * MINUTE, lambda: self._join(one, number, session))

    def _join(self, one: Person, number: RegistrationId, session: Session) -> None:
        if one.seats.get(number) == session.name:  # who moved comes to the other one
            self._stage.happen(one, "joins the session", JoinedSession(number))
