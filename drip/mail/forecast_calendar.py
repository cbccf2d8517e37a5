"""The mails ahead as a calendar for the author: an entry for each post on each day, with how many get it.

Called by `drip plan --calendar`. It names no reader. What readers get is `drip.mail.calendar`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from drip.mail.headers import clean

PRODUCT = "-//drip//forecast//EN"
SHOWN_MIN = timedelta(minutes=15)
"""Anything shorter is a line without words in most calendars."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A post on one day: from when to when it goes, and to how many."""

    campaign: str
    what: str
    day: date
    first: datetime
    last: datetime
    mails: int


def forecast_calendar(batches: Iterable[Batch], *, title: str, host: str, stamp: datetime) -> bytes:
    """The calendar (RFC 5545), with METHOD:PUBLISH. Times are in UTC; the entries block nobody's time.

    The same post on the same day has the same UID, so that importing a later forecast moves entries.
    """
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", PRODUCT)
    calendar.add("METHOD", "PUBLISH")
    calendar.add("X-WR-CALNAME", clean(title))
    for batch in batches:
        event = Event()
        name = hashlib.sha256(f"{batch.campaign}\0{batch.what}\0{batch.day}".encode()).hexdigest()[:32]
        event.add("UID", f"{name}@{host}")
        event.add("DTSTAMP", stamp.astimezone(UTC).replace(microsecond=0))
        event.add("DTSTART", _utc(batch.first))
        event.add("DTEND", _utc(max(batch.last, batch.first + SHOWN_MIN)))
        mails = f"{batch.mails:,} mail{'' if batch.mails == 1 else 's'}"
        event.add("SUMMARY", clean(f"{mails}: {batch.what}"))
        event.add("DESCRIPTION", clean(f"campaign {batch.campaign}" if batch.campaign else "drip's own posts"))
        event.add("TRANSP", "TRANSPARENT")
        calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
