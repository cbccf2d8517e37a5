"""What an evergreen webinar offers: the next start of its raster, and its regular starts. Pure.

The same rule, zone and moment offer the same sessions, and whatever is offered may be picked (`is_offered`). Clocks
follow rule 7: one that a change of clocks leaves out is the first instant after the gap, and one that comes twice is
the first of the two. A raster is counted by the clocks of the visitor. Called by the pages, the mails and the engine;
the phrases are read here, too, for the authoring room.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from drip.core.evergreen import Rule, Starts, start_of
from drip.core.hours import Closing
from drip.core.model import Session, Webinar
from drip.core.phrases import Words, tidy
from drip.core.problems import PhraseError
from drip.core.when import CLOCK, LONG_WEEKDAYS, in_hours, local_to_utc, local_wall, read_weekdays, take_readers_time

NOTICE = timedelta(minutes=2)
"""No start is offered that is nearer than this: the form has to be filled in, and the button in the mail be found."""
AHEAD_DAYS = 28
"""How far ahead regular starts are offered: of a weekly one four."""
OFFERED_MAX = 6
"""How many starts a page offers at the most; more are not read."""
QUARTER = timedelta(minutes=15)
"""Clocks differ by whole quarters of an hour everywhere, so each raster is among these moments."""
SOON = {
    "next quarter hour": QUARTER,
    "next half hour": timedelta(minutes=30),
    "next hour": timedelta(hours=1),
}
CLOCKS_MAX = 24

STARTS_USAGE = "write `tuesday 18:00`, `daily 10:00, 19:00` or `weekdays 11:00 reader's time`"


# --- reading -----------------------------------------------------------------------------------------------------


def parse_starts(phrase: str) -> Starts:
    """Read `every tuesday 18:00`, `daily 10:00, 19:00`, `mon-fri at 9:00 reader's time`. Raises PhraseError."""
    if len(phrase) > 200:
        raise PhraseError("this is longer than 200 characters", help=STARTS_USAGE)
    words = Words(phrase, re.compile(r"[0-9]+:[0-9]*|,|[^\s,]+"), STARTS_USAGE)
    words.take_if("every")
    first = words.take("the days")
    last = first
    while (word := words.peek()) is not None and ":" not in word.text and word.folded != "at":
        last = words.take("a day")
    days = phrase[first.column : last.column + last.width].rstrip(" ,")
    weekdays = read_weekdays(_plain_days(days), first.column, STARTS_USAGE)
    words.take_if("at")
    clocks = _read_clocks(words)
    readers_time = take_readers_time(words)
    words.end()
    return Starts(tidy(phrase), weekdays, clocks, readers_time)


def _plain_days(days: str) -> str:
    """`day` and `weekday` after `every` are what `daily` and `weekdays` are; lists may have spaces."""
    text = re.sub(r"\s*([,–-])\s*", r"\1", days.lower())
    text = re.sub(r"\s+and\s+", ",", text)
    text = re.sub(rf"({'|'.join(LONG_WEEKDAYS)})s\b", r"\1", text)
    return {"day": "daily", "weekday": "weekdays", "weekend": "weekends"}.get(text, text)


def _read_clocks(words: Words) -> tuple[time, ...]:
    clocks: list[time] = []
    while True:
        word = words.take("a time like `18:00`")
        found = CLOCK.fullmatch(word.text)
        if found is None or int(found[1]) > 23 or int(found[2]) > 59:
            raise words.fault(f"`{word.text}` is not a time of day", word)
        clock = time(int(found[1]), int(found[2]))
        if clock in clocks:
            raise words.fault(f"`{word.text}` stands here twice", word, suggestion="keep one of them")
        clocks.append(clock)
        if len(clocks) > CLOCKS_MAX:
            raise words.fault(f"these are more than {CLOCKS_MAX} times a day", word, suggestion="write `soon:` instead")
        if not (words.take_if(",") or words.take_if("and")):
            return tuple(sorted(clocks))
        words.take_if("and")


# --- offering ----------------------------------------------------------------------------------------------------


def offers(webinar: Webinar, zone: str, now: datetime) -> tuple[Session, ...]:
    """The sessions that somebody in that zone may pick now, soonest first; none of a webinar without a rule."""
    rule = webinar.rule
    if rule is None:
        return ()
    found = set(list(_regular(rule, zone, now))[:OFFERED_MAX])
    soon = _soon(rule, zone, now)
    if soon is not None:
        found.add(soon)
    return tuple(rule.session_at(each, webinar.length) for each in sorted(found)[:OFFERED_MAX])


@lru_cache(maxsize=1024)
def regular_offers(webinar: Webinar, zone: str, now: datetime) -> tuple[Session, ...]:
    """The same without the start that is near: a mail is read hours after it was written.

    Asked for every message of a run, and the same for all readers of one zone.
    """
    rule = webinar.rule
    return offers(replace(webinar, rule=replace(rule, soon=None)), zone, now) if rule is not None else ()


def held_by(webinar: Webinar, zone: str, now: datetime) -> tuple[Session, ...]:
    """The sessions that there are for somebody in that zone: of an evergreen webinar what it offers now."""
    return webinar.held if webinar.rule is None else offers(webinar, zone, now)


def has_sessions(webinar: Webinar) -> bool:
    """Whether the author says when it is held."""
    return webinar.rule is not None or bool(webinar.sessions)


def is_offered(webinar: Webinar, name: str, zone: str, now: datetime) -> bool:
    """Whether somebody in that zone could have been offered this session, and it has not begun yet.

    A page may stand open for a while, and shows the campaign's clocks until it knows the visitor's: so the notice is
    not asked for, and both zones are.
    """
    rule, starts = webinar.rule, start_of(name)
    if rule is None or starts is None or not now < starts <= now + timedelta(days=AHEAD_DAYS + 1):
        return False
    for each in (zone, rule.zone):
        if _is_regular(rule, each, starts):
            return True
        near = rule.soon is not None and starts <= now + rule.soon + NOTICE
        if near and _fits(rule, each, starts):
            return True
    return False


def _regular(rule: Rule, zone: str, now: datetime) -> Iterator[datetime]:
    """The regular starts that are ahead, in order. A start's day may begin earlier elsewhere, so a day is added."""
    moments: set[datetime] = set()
    for each in rule.starts:
        clocks_of = zone if each.readers_time else rule.zone
        today = local_wall(now, clocks_of).date()
        for distance in range(AHEAD_DAYS + 1):
            moments.update(_starts_on(each, today + timedelta(days=distance), clocks_of, rule.closed))
    latest = now + timedelta(days=AHEAD_DAYS)
    return (each for each in sorted(moments) if now + NOTICE <= each <= latest)


def _starts_on(starts: Starts, day: date, zone: str, closed: Iterable[Closing]) -> Iterator[datetime]:
    """The moments of one day. A day that a zone left out has none."""
    if day.weekday() not in starts.weekdays or _is_closed(day, closed):
        return
    for clock in starts.clocks:
        moment = local_to_utc(datetime.combine(day, clock), zone)
        if local_wall(moment, zone).date() == day:
            yield moment.replace(second=0, microsecond=0)


def _is_regular(rule: Rule, zone: str, starts: datetime) -> bool:
    for each in rule.starts:
        clocks_of = zone if each.readers_time else rule.zone
        day = local_wall(starts, clocks_of).date()
        if starts in _starts_on(each, day, clocks_of, rule.closed):
            return True
    return False


def _soon(rule: Rule, zone: str, now: datetime) -> datetime | None:
    """The next moment of the raster, if it is offered at all at that hour."""
    if rule.soon is None:
        return None
    earliest = now.astimezone(UTC) + NOTICE
    moment = earliest.replace(minute=earliest.minute // 15 * 15, second=0, microsecond=0)
    moment += QUARTER if moment < earliest else timedelta()
    while not _is_on_raster(moment, rule.soon, zone):
        moment += QUARTER
    return moment if _fits(rule, zone, moment) else None


def _is_on_raster(moment: datetime, raster: timedelta, zone: str) -> bool:
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    minutes = int((moment.timestamp() + offset.total_seconds()) // 60)
    return minutes % int(raster.total_seconds() // 60) == 0


def _fits(rule: Rule, zone: str, moment: datetime) -> bool:
    """Whether a start of the raster may be at that moment: hours and closed days are those of the campaign's clocks."""
    if rule.soon is None or not _is_on_raster(moment, rule.soon, zone):
        return False
    if _is_closed(local_wall(moment, rule.zone).date(), rule.closed):
        return False
    return rule.hours is None or in_hours(moment, rule.hours, rule.zone)


def _is_closed(day: date, closed: Iterable[Closing]) -> bool:
    return any(each.first <= day <= each.last for each in closed)


def rule_text(rule: Rule) -> str:
    """A rule in words, for the plan and for `drip webinar show`."""
    parts: Sequence[str] = [each.phrase for each in rule.starts]
    if rule.soon is not None:
        words = next(each for each, raster in SOON.items() if raster == rule.soon)
        parts = [*parts, f"{words}{f', {rule.hours.phrase}' if rule.hours else ''}"]
    days = ", ".join(f"{each.first}" + (f"..{each.last}" if each.days > 1 else "") for each in rule.closed)
    return "; ".join(parts) + (f"; closed {days}" if days else "")
