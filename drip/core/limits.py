"""Reads the limits that an author sets: closed days, going through a sequence again, how much one
person gets, how late is too late.

Pure, like `drip.core.when`, whose words it uses. Called by the authoring room.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, time, timedelta

from drip.core.caps import HIGH, LOW, NORMAL, PRIORITY_MAX, AtMost
from drip.core.model import NEVER_AGAIN, Again, AgainKind, Closing, Hours, LatePolicy
from drip.core.phrases import nearest, tidy
from drip.core.problems import PhraseError
from drip.core.when import parse_duration

CLOSED_USAGE = "write a day like `2026-12-24`, or the first and the last like `2026-12-24..2026-12-26`"
AGAIN_USAGE = "write `never`, `after 90 days` or `always`"
AT_MOST_USAGE = "write `1 a day`, `3 a week`, or `1 a day, 3 a week`"
BURST_USAGE = "write a number of times, such as `5`, or `off`"
LATE_USAGE = "write `3 days`, `3 days, then send`, `3 days, then ask` or `3 days, then skip`"
PRIORITY_USAGE = f"write `high`, `normal`, `low`, or a number from 0 to {PRIORITY_MAX} (high is {HIGH}, low is {LOW})"
# Holidays, not a pause: a longer one would look like a sequence that has stopped.
CLOSING_DAYS_MAX = 92
AGAIN_DAYS_MAX = 3_650
# More than anybody wants; and every count stays small.
AT_MOST_MAX = 1_000
BURST_MIN, BURST_MAX = 2, 1_000

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


def parse_at_most(phrase: str) -> AtMost:
    """Read `1 a day`, `3 a week`, or both with a comma between them. Raises PhraseError."""
    if len(phrase) > 200 or not phrase.strip():
        raise PhraseError("this does not say how many mails", width=len(phrase.strip()) or 1, help=AT_MOST_USAGE)
    found: dict[str, int] = {}
    column = 0
    for part in phrase.split(","):
        number, unit = _mails(part, column)
        if unit in found:
            raise PhraseError(f"this says twice how many a {unit}", column=column, width=len(part), help=AT_MOST_USAGE)
        found[unit] = number
        column += len(part) + 1
    day, week = found.get("day"), found.get("week")
    if day is not None and week is not None and week < day:
        message = f"{week} a week are fewer than {day} a day"
        raise PhraseError(message, width=len(phrase.strip()), help=f"write `{week} a day, {week} a week`")
    parts = ((day, "day"), (week, "week"))
    return AtMost(", ".join(f"{number} a {unit}" for number, unit in parts if number is not None), day, week)


def _mails(part: str, column: int) -> tuple[int, str]:
    """The number and the unit of one part, which begins at that column."""
    width = max(1, len(part.strip()))
    column += len(part) - len(part.lstrip())
    words = part.lower().replace("/", " a ").split()
    words = words[1:] if words[:1] == ["and"] else words
    if len(words) != 3 or words[1] not in ("a", "per"):
        raise PhraseError("this is no number of mails", column=column, width=width, help=AT_MOST_USAGE)
    amount, _, unit = words
    if unit not in ("day", "week"):
        near = nearest(unit, ("day", "week"))
        hint = f"write `{amount} a {near}`" if near else AT_MOST_USAGE
        raise PhraseError(f"`{unit}` is neither a day nor a week", column=column, width=width, help=hint)
    if not re.fullmatch("[0-9]{1,4}", amount) or not 1 <= int(amount) <= AT_MOST_MAX:
        message = f"this must be a whole number from 1 to {AT_MOST_MAX:,}"
        raise PhraseError(message, column=column, width=width, help=AT_MOST_USAGE)
    return int(amount), unit


PRIORITIES = {"high": HIGH, "normal": NORMAL, "low": LOW}


def parse_priority(phrase: str) -> int:
    """Read `high`, `normal`, `low` or a number; the higher goes first. Raises PhraseError."""
    text = tidy(phrase).lower()
    if text in PRIORITIES:
        return PRIORITIES[text]
    if re.fullmatch("[0-9]{1,3}", text) and int(text) <= PRIORITY_MAX:
        return int(text)
    near = nearest(text[:60], tuple(PRIORITIES))
    hint = f"write `{near}`" if near else PRIORITY_USAGE
    raise PhraseError("this is no priority", width=len(phrase.strip()) or 1, help=hint)


def priority_text(priority: int) -> str:
    """A priority as it is best written."""
    return next((word for word, number in PRIORITIES.items() if number == priority), str(priority))


def parse_burst(phrase: str) -> int | None:
    """Read `5`, `5 times` or `off`; None: off. Raises PhraseError."""
    text = tidy(phrase).lower().removesuffix(" times")
    if text == "off":
        return None
    if re.fullmatch("[0-9]{1,4}", text) and BURST_MIN <= int(text) <= BURST_MAX:
        return int(text)
    message = f"this must be `off` or a whole number from {BURST_MIN} to {BURST_MAX:,}"
    raise PhraseError(message, width=len(phrase.strip()) or 1, help=BURST_USAGE)


def parse_late(phrase: str) -> tuple[timedelta, LatePolicy]:
    """Read `3 days`, `3 days, then send`, `… then ask` or `… then skip`. Raises PhraseError."""
    span, comma, rest = phrase.partition(",")
    if not comma:
        # The comma may be left out; then the word is where the span ends.
        found = re.search(r"\s(then\s.*)", phrase, re.IGNORECASE | re.DOTALL)
        span, rest = (phrase[: found.start()], found[1]) if found else (phrase, "")
    try:
        after = parse_duration(span)
    except PhraseError as error:
        raise PhraseError(error.message, column=error.column, width=error.width, help=LATE_USAGE) from None
    if not comma and not rest:
        return after, LatePolicy.SKIP
    column = len(phrase) - len(rest.lstrip())
    words = rest.lower().split()
    policies = [each.value for each in LatePolicy]
    if len(words) == 2 and words[0] == "then" and words[1] in policies:
        return after, LatePolicy(words[1])
    near = nearest(words[-1][:60], policies) if words else None
    hint = f"write `{tidy(span)}, then {near}`" if near else LATE_USAGE
    message = "this does not say what happens then"
    raise PhraseError(message, column=min(column, len(phrase)), width=len(rest.strip()) or 1, help=hint)


def late_text(after: timedelta, then: LatePolicy) -> str:
    """A `late` as it is best written."""
    sizes = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))
    size, unit = next((each for each in sizes if not after % each[0]), sizes[-1])
    number = after // size
    span = f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return span if then is LatePolicy.SKIP else f"{span}, then {then.value}"
