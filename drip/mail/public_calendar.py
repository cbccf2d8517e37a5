"""A webinar's sessions as a calendar that anybody may subscribe to: no names, no tokens, the public page as its place.

Called by `drip.web.webinar`. What one reader gets is `drip.mail.calendar`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from drip.core.model import Mailbox
from drip.mail.headers import ascii_address, clean

PRODUCT = "-//drip//webinar sessions//EN"
REFRESH = "PT6H"
"""How often a calendar should look again. A moved session is told by mail at once; this is for onlookers."""


@dataclass(frozen=True, slots=True)
class PublicSession:
    """One holding of the webinar. `uid` stays when the session moves."""

    uid: str
    starts: datetime
    ends: datetime


def public_calendar(
    *, title: str, url: str, organizer: Mailbox, sessions: Iterable[PublicSession], stamp: datetime
) -> bytes:
    """The feed (RFC 5545), with METHOD:PUBLISH: it informs, and nobody is asked to answer. Times are in UTC.

    `stamp` is when the sessions were last changed, not when somebody looked: the same sessions are the same bytes.
    """
    from icalendar import Calendar, Event, vCalAddress

    title = clean(title) or "Webinar"
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", PRODUCT)
    calendar.add("METHOD", "PUBLISH")
    calendar.add("X-WR-CALNAME", title)
    calendar.add("X-PUBLISHED-TTL", REFRESH)
    owner = vCalAddress(f"mailto:{ascii_address(organizer.address)}")
    if name := clean(organizer.name):
        owner.params["CN"] = name
    for session in sessions:
        event = Event()
        event.add("UID", clean(session.uid))
        event.add("DTSTAMP", _utc(stamp))
        event.add("LAST-MODIFIED", _utc(stamp))
        event.add("DTSTART", _utc(session.starts))
        event.add("DTEND", _utc(session.ends))
        event.add("SUMMARY", title)
        event.add("DESCRIPTION", f"Take a seat: {url}")
        event.add("LOCATION", url)
        event.add("URL", url)
        event.add("STATUS", "CONFIRMED")
        event.add("ORGANIZER", owner, encode=False)
        calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
