"""Readers that a preview is shown to: invented ones that posts stumble over, and what a reader looks like in words.

Pure: nobody here is in any database, and no mail goes to them. Called by `drip.sandbox.live`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from drip.core.model import Campaign, ProjectDefinition, Session
from drip.core.offers import held_by
from drip.core.records import Registration, RegistrationId, RegistrationState, Subscriber, SubscriberId

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Persona:
    """An invented reader. `fields` are given only where drip.yaml knows a field of that name."""

    name: str
    label: str
    address: str
    fields: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    zone: str | None = None
    is_registered: bool = False
    has_left: bool = False
    note: str = ""


def _named(first: str, last: str) -> Mapping[str, str]:
    return MappingProxyType({"first_name": first, "last_name": last, "name": f"{first} {last}"})


PERSONAS: tuple[Persona, ...] = (
    Persona("known", "first name known", "mia@example.org", _named("Mia", "Moreno")),
    Persona(
        "nobody",
        "nothing known",
        "reader@example.org",
        note="Only the address is known: what the post prints comes from `fields:` of drip.yaml.",
    ),
    Persona(
        "long-name",
        "very long name",
        "maximiliane.konstantinopolous@example.org",
        _named("Maximiliane-Alexandra Wilhelmine Theodora Konstanze", "von Hohenlohe-Waldenburg-Schillingsfürst"),
        note="Look at the greeting and the subject: a long name must not break a line or the layout.",
    ),
    Persona(
        "right-to-left",
        "right-to-left name",
        "maryam@example.org",
        _named("مريم", "الفارسي"),
        zone="Asia/Riyadh",
        note="The name runs from right to left; the punctuation behind it must stay where it is.",
    ),
    Persona(
        "international", "international name", "tuyet@example.org", _named("Ánh-Tuyết 雪", "Nguyễn"), "Asia/Ho_Chi_Minh"
    ),
    Persona(
        "odd-characters",
        "name with markup",
        "bob@example.org",
        _named('<b>Bob</b> & "Co" {{ 7*7 }}', "O'Neil"),
        note="People type such things into forms. It must come out as it was typed.",
    ),
    Persona(
        "registered",
        "registered for the webinar",
        "rosa@example.org",
        _named("Rosa", "Ortiz"),
        is_registered=True,
    ),
    Persona(
        "far-away",
        "in a far time zone",
        "aroha@example.org",
        _named("Aroha", "Ngata"),
        zone="Pacific/Auckland",
        note="Sessions are told in this reader's own time.",
    ),
    Persona(
        "unsubscribed",
        "unsubscribed",
        "udo@example.org",
        _named("Udo", "Unger"),
        has_left=True,
        note="drip sends nothing to somebody who unsubscribed from everything. This is the mail that they do not get.",
    ),
)
PERSONA_BY_NAME: Mapping[str, Persona] = MappingProxyType({each.name: each for each in PERSONAS})
DEFAULT = PERSONAS[0]


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody to show a post to; `said` tells who in one line, `note` what to look at."""

    subscriber: Subscriber
    registration: Registration | None
    said: str
    note: str = ""


def invent(
    persona: Persona, definition: ProjectDefinition, campaign: Campaign | None, *, needs_seat: bool, now: datetime
) -> Reader:
    """The persona as a reader of one campaign's posts; with a seat if it has one or the post is about one."""
    known = {name: value for name, value in persona.fields.items() if name in definition.fields}
    left_at = now if persona.has_left else None
    subscriber = Subscriber(SubscriberId(0), persona.address, "preview", now, persona.zone, known, left_at=left_at)
    registration = None
    if persona.is_registered or needs_seat:
        registration = seat(campaign, now)
    note = persona.note
    if needs_seat and registration is not None and not persona.is_registered:
        note = f"{note} This post is about a registration, so the reader has one.".strip()
    if persona.is_registered and registration is None and campaign is not None:
        note = "This campaign has no session to be registered for."
    return Reader(subscriber, registration, describe(subscriber, registration, definition), note)


def seat(campaign: Campaign | None, now: datetime) -> Registration | None:
    """A booked registration for the next session, or for the last one when all have begun."""
    webinar = campaign.webinar if campaign is not None else None
    held = held_by(webinar, campaign.timezone, now) if campaign is not None and webinar is not None else ()
    if campaign is None or not held:
        return None
    session = next_session(held, now)
    return Registration(RegistrationId(0), SubscriberId(0), campaign.name, session.name, RegistrationState.BOOKED, now)


def next_session(sessions: tuple[Session, ...], now: datetime) -> Session:
    """The next session to begin, or the last of all."""
    in_order = sorted(sessions, key=lambda each: each.starts)
    return next((each for each in in_order if each.starts > now), in_order[-1])


def describe(subscriber: Subscriber, registration: Registration | None, definition: ProjectDefinition) -> str:
    """`mia@example.org · America/New_York · registered for tuesday-noon`."""
    zone = (registration.zone if registration else None) or subscriber.zone or definition.timezone
    parts = [subscriber.email, zone]
    if registration is not None:
        parts.append(f"registered for {registration.session}")
    if subscriber.left_at is not None:
        parts.append("unsubscribed from everything")
    return " · ".join(parts)
