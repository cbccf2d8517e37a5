"""Reads the limits that an author sets: closed days, and whether a sequence may be gone through again.

Pure, like `drip.core.when`, whose words it uses. Called by the authoring room.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, time

from drip.core.model import NEVER_AGAIN, Again, AgainKind, Closing, Hours
from drip.core.phrases import nearest, tidy
from drip.core.problems import PhraseError

CLOSED_USAGE = "write a day like `2026-12-24`, or the first and the last like `2026-12-24..2026-12-26`"
AGAIN_USAGE = "write `never`, `after 90 days` or `always`"
# Holidays, not a pause: a longer one would look like a sequence that has stopped.
CLOSING_DAYS_MAX = 92
AGAIN_DAYS_MAX = 3_650

DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
AGAIN_AFTER = re.compile(r"after ([0-9]{1,5}) (days?|weeks?)")

ALL_DAY = Hours("daily", frozenset(range(7)), time.min, time.max)


def parse_closing(phrase: str) -> Closing:
    """Read `2026-12-24` or `2026-12-24..2026-12-26`. Raises PhraseError."""
    found = re.fullmatch(r"\s*(\S+?)\s*(?:\.\.+|…|–)\s*(\S+?)\s*|\s*(\S+)\s*", phrase[:200])
    if found is None or len(phrase) > 200:
        raise PhraseError("these are no closed days", width=len(phrase.strip()), help=CLOSED_USAGE)
    groups = (1, 2) if found[1] is not None else (3, 3)
    first, last = (_day(found[each], found.start(each)) for each in groups)
    if first > last:
        whole = found.end(2) - found.start(1)
        message = "this ends before it begins"
        raise PhraseError(message, column=found.start(1), width=whole, help=f"write `{last}..{first}`")
    closing = Closing(first, last)
    if closing.days > CLOSING_DAYS_MAX:
        message = f"this closes for {closing.days} days; {CLOSING_DAYS_MAX} are the most"
        raise PhraseError(message, width=len(phrase.strip()), help="pause the campaign instead")
    return closing


def _day(text: str, column: int) -> date:
    found = DAY.fullmatch(text)
    try:
        day = date(*map(int, found.groups())) if found else None
    except ValueError:
        day = None
    # Moments near the edges of the calendar cannot be moved between zones.
    if day is None or not 1970 <= day.year <= 9000:
        message = f"`{text}` is not a day of the calendar"
        raise PhraseError(message, column=column, width=len(text), help=CLOSED_USAGE)
    return day


def closed_hours(hours: Hours | None, closed: Iterable[Closing]) -> Hours | None:
    """The hours with these days taken out; without any, the hours as they are."""
    days = tuple(sorted(set(closed), key=lambda each: (each.first, each.last)))
    if not days:
        return hours
    hours = hours or ALL_DAY
    return replace(hours, phrase=f"{hours.phrase}, closed {', '.join(map(closing_text, days))}", closed=days)


def closing_text(closing: Closing) -> str:
    """A closing as it is best written."""
    return f"{closing.first}" if closing.first == closing.last else f"{closing.first}..{closing.last}"


def parse_again(phrase: str) -> Again:
    """Read `never`, `after 90 days` or `always`. Raises PhraseError."""
    text = tidy(phrase).lower()
    if text == AgainKind.NEVER:
        return NEVER_AGAIN
    if text == AgainKind.ALWAYS:
        return Again(text, AgainKind.ALWAYS)
    found = AGAIN_AFTER.fullmatch(text)
    days = int(found[1]) * (7 if found[2].startswith("week") else 1) if found else 0
    if found is None:
        near = nearest(text[:60], ("never", "always"))
        hint = f"write `{near}`" if near else AGAIN_USAGE
        raise PhraseError("this does not say when to go through it again", width=len(phrase.strip()) or 1, help=hint)
    if not 1 <= days <= AGAIN_DAYS_MAX:
        message = f"from 1 to {AGAIN_DAYS_MAX} days"
        raise PhraseError(f"this must be {message}", width=len(phrase.strip()), help=AGAIN_USAGE)
    return Again(text, AgainKind.AFTER, days)
