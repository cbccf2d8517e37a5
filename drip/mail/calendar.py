"""Calendar entries for webinar registrations: the object in the mail, the download, and links that add it.

Writes iCalendar (RFC 5545) with the scheduling rules of iTIP (RFC 5546). Never decides who is invited to what, and
keeps no sequence numbers. Called by the engine (invites) and the web pages (downloads, links). icalendar is
imported only when an entry is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode

from drip.core.message import Invite
from drip.core.model import Mailbox
from drip.mail.headers import ascii_address, clean

if TYPE_CHECKING:
    from icalendar import Event

Method = Literal["REQUEST", "PUBLISH", "CANCEL"]

PRODUCT = "-//drip//webinar registrations//EN"
ALARM = timedelta(minutes=-10)


@dataclass(frozen=True, slots=True)
class AddLinks:
    """Addresses that open somebody's web calendar with the entry filled in. Everybody else takes the .ics file."""

    google: str
    outlook: str
    office365: str
    yahoo: str


def registration_invite(
    *,
    method: Method,
    uid: str,
    sequence: int,
    stamp: datetime,
    starts: datetime,
    ends: datetime,
    title: str,
    description: str,
    join_url: str,
    organizer: Mailbox,
    attendee: Mailbox,
) -> Invite:
    """The calendar entry of one registration.

    `uid` stays for the life of a registration and `sequence` grows with each change and with the cancel, so that
    a move moves the entry and a cancel removes it. REQUEST goes by mail, PUBLISH is for downloads (no attendee may
    be named in it), CANCEL withdraws. All times are written in UTC.
    """
    from icalendar import Calendar, Event

    if ends <= starts:
        raise ValueError("a session ends after it starts")
    event = Event()
    event.add("UID", clean(uid))
    event.add("SEQUENCE", sequence)
    event.add("DTSTAMP", _utc(stamp))
    event.add("LAST-MODIFIED", _utc(stamp))
    event.add("DTSTART", _utc(starts))
    event.add("DTEND", _utc(ends))
    title = clean(title) or "Webinar"  # a property without a value is none
    event.add("SUMMARY", title)
    event.add("DESCRIPTION", _with_link(description, join_url))
    event.add("LOCATION", join_url)
    event.add("URL", join_url)
    event.add("STATUS", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    event.add("ORGANIZER", _organizer(organizer), encode=False)
    if method != "PUBLISH":  # RFC 5546 §3.2.1: PUBLISH names no attendee
        event.add("ATTENDEE", _attendee(attendee), encode=False)
    if method != "CANCEL":  # RFC 5546 §3.2.5: CANCEL carries no alarm
        _add_alarm(event, title)
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", PRODUCT)
    calendar.add("METHOD", method)
    calendar.add_component(event)
    return Invite(method, calendar.to_ical())


def add_links(*, title: str, description: str, join_url: str, starts: datetime, ends: datetime) -> AddLinks:
    """The four web calendars that can be filled by an address. Blanks are `%20`: Outlook shows a `+` as it is."""
    begin, finish = _utc(starts), _utc(ends)
    compact = (f"{begin:%Y%m%dT%H%M%SZ}", f"{finish:%Y%m%dT%H%M%SZ}")
    title, text = clean(title), _with_link(description, join_url)
    outlook = _query(
        path="/calendar/action/compose",
        rru="addevent",
        startdt=f"{begin:%Y-%m-%dT%H:%M:%SZ}",
        enddt=f"{finish:%Y-%m-%dT%H:%M:%SZ}",
        subject=title,
        body=text,
        location=join_url,
    )
    google = _query(action="TEMPLATE", text=title, dates="/".join(compact), details=text, location=join_url)
    yahoo = _query(v="60", TITLE=title, ST=compact[0], ET=compact[1], DESC=text, in_loc=join_url)
    return AddLinks(
        google=f"https://calendar.google.com/calendar/render?{google}",
        outlook=f"https://outlook.live.com/calendar/deeplink/compose?{outlook}",
        office365=f"https://outlook.office.com/calendar/deeplink/compose?{outlook}",
        yahoo=f"https://calendar.yahoo.com/?{yahoo}",
    )


def _query(**values: str) -> str:
    return urlencode(values, quote_via=quote, safe="")


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a calendar entry needs moments with their zone")
    return moment.astimezone(UTC).replace(microsecond=0)


def _with_link(description: str, join_url: str) -> str:
    """The description with the way in at its end, for calendars that show neither URL nor LOCATION."""
    lines = [clean(line) for line in description.splitlines()]
    text = "\n".join(lines).strip()
    if join_url in text:
        return text
    return f"{text}\n\n{join_url}" if text else join_url


def _organizer(mailbox: Mailbox) -> object:
    """The sender of the mail: Outlook shows the organizer as the one who wrote."""
    from icalendar import vCalAddress

    address = vCalAddress(f"mailto:{ascii_address(mailbox.address)}")
    if name := clean(mailbox.name):
        address.params["CN"] = name
    return address


def _attendee(mailbox: Mailbox) -> object:
    """The reader, already accepted: they registered. CUTYPE and X-NUM-GUESTS let Google move the entry later."""
    from icalendar import vCalAddress

    address = vCalAddress(f"mailto:{ascii_address(mailbox.address)}")
    address.params["CN"] = clean(mailbox.name) or mailbox.address
    address.params["CUTYPE"] = "INDIVIDUAL"
    address.params["ROLE"] = "REQ-PARTICIPANT"
    address.params["PARTSTAT"] = "ACCEPTED"
    address.params["RSVP"] = "FALSE"
    address.params["X-NUM-GUESTS"] = "0"
    return address


def _add_alarm(event: Event, title: str) -> None:
    """Harmless where it is ignored; drip sends its own reminders."""
    from icalendar import Alarm

    alarm = Alarm()
    alarm.add("ACTION", "DISPLAY")
    alarm.add("DESCRIPTION", title)
    alarm.add("TRIGGER", ALARM)
    event.add_component(alarm)
