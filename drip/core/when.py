"""Reads the language of time, and turns it into moments: `2 days later at 9:30`, `weekdays 8:00-18:00`.

Pure: reads no clock; `zoneinfo` (standard library) knows the rules of the zones. Never returns a naive moment
but from `parse_wall`, and never a moment that does not exist. DESIGN §7 rules 1, 2 and 7 live here.
Called by the authoring room (phrases), by `decide` (moments), and by whoever shows a moment to people.

What `due` promises beyond the rules:
- `hours` hold for LATER and AFTER_SESSION. They do not hold for `at once` (rule 2), for reminders before a
  session (a reminder on Saturday for a session on Saturday is right) and for fixed moments.
- A clock that lies outside the span of `hours` is a contradiction in the file; the hours win.
- A day that a zone left out altogether (Apia, 30 December 2011) has no clock to keep: the next day has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from drip.core.model import Hours, Session, Unit, When, WhenKind
from drip.core.phrases import Words, mended, nearest, tidy
from drip.core.problems import PhraseError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LONG_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

# Nobody plans a drip campaign further ahead than five years; beyond lies overflow.
AMOUNT_MAX = timedelta(days=1830)
# A clock or an opening is found within a week; two more for zones that leave out a day or an hour on it.
DAYS_SEARCHED_MAX = 22
REMEMBERED = 16_384
"""How many walls and clocks are remembered with their moments: people who wait for the same morning share it."""

UNITS = {
    "minute": Unit.MINUTES,
    "minutes": Unit.MINUTES,
    "hour": Unit.HOURS,
    "hours": Unit.HOURS,
    "day": Unit.DAYS,
    "days": Unit.DAYS,
    "week": Unit.WEEKS,
    "weeks": Unit.WEEKS,
}
SPANS = {
    Unit.MINUTES: timedelta(minutes=1),
    Unit.HOURS: timedelta(hours=1),
    Unit.DAYS: timedelta(days=1),
    Unit.WEEKS: timedelta(weeks=1),
}
CALENDAR_UNITS = (Unit.DAYS, Unit.WEEKS)
DIRECTIONS = {"later": WhenKind.LATER, "before": WhenKind.BEFORE_SESSION, "after": WhenKind.AFTER_SESSION}
WHEN_WORDS = frozenset({*UNITS, *DIRECTIONS, "at", "once", "session", "reader's", "time"})

WHEN_USAGE = (
    "write `at once`, `2 days later at 9:30`, `1 hour before session`, `2 hours after session` "
    "or `2026-12-08 12:00 reader's time`"
)
HOURS_USAGE = "write `weekdays 8:00-18:00`, `daily 9:00-17:00`, `mon-sat 8:00-12:00` or `mon,wed 8:00-9:00`"
DURATION_USAGE = "write `60 minutes`, `6 hours`, `3 days` or `2 weeks`"
WALL_USAGE = "write day and time like `2026-12-08 12:00`"
SESSION_USAGE = f"{WALL_USAGE}, and `cancelled` after it where it does not take place"

# ASCII digits only: other digits look alike and read differently.
WHEN_WORD = re.compile(r"[0-9]+(?:-[0-9]+)+|[0-9]+:[0-9]*|[0-9]+|[^\W\d_]+(?:['’][^\W\d_]+)?|\S")
CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")
DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
HOURS_PHRASE = re.compile(r"\s*(?P<days>.*?)\s*(?P<opens>[0-9]+:[0-9]*)\s*[-–]\s*(?P<closes>[0-9]+:[0-9]*)\s*")


# --- reading ------------------------------------------------------------------------------------------------


def parse_when(phrase: str) -> When:
    """Read a `when` phrase. Raises PhraseError, with a suggestion where the phrase is nearly right."""
    words = Words(phrase, WHEN_WORD, WHEN_USAGE)
    try:
        return _read_when(words)
    except PhraseError as error:
        meant = mended(words.words, WHEN_WORDS, _proper_reading)
        if meant is None:
            raise
        raise PhraseError(error.message, column=error.column, width=error.width, help=f"write `{meant}`") from None


def _proper_reading(guess: str) -> str:
    return proper_when(_read_when(Words(guess, WHEN_WORD, WHEN_USAGE)))


def _read_when(words: Words) -> When:
    first = words.peek()
    assert first is not None
    if words.take_if("at"):
        words.take_one_of(("once",))
        words.end()
        return When(tidy(words.phrase), WhenKind.AT_ONCE)
    if "-" in first.text[1:]:
        return _read_moment(words)
    if first.text.isascii() and first.text.isdigit():
        return _read_offset(words)
    raise words.fault(f"cannot read `{first.text}` as a time", first, until=words.words[-1])


def _read_offset(words: Words) -> When:
    """`N minutes|hours|days|weeks later [at H:MM]`, or `… before|after session`."""
    phrase = tidy(words.phrase)
    amount, unit = _read_amount(words)
    kind = DIRECTIONS[words.take_one_of(("later", "before", "after"))]
    if kind is not WhenKind.LATER:
        words.take_one_of(("session",))
        at = words.peek()
        if at is not None and at.folded == "at":
            raise words.fault("a clock does not fit: this counts from the session", at, until=words.words[-1])
        words.end()
        return When(phrase, kind, amount, unit)
    at = words.peek()
    if not words.take_if("at"):
        words.end()
        return When(phrase, kind, amount, unit)
    clock = _read_clock(words)
    words.end()
    if unit not in CALENDAR_UNITS:
        assert at is not None
        rest = f"write `{amount} {unit.value} later`, or count in days"
        raise words.fault(
            f"{unit.value} are counted from moment to moment, so a clock does not fit",
            at,
            until=words.words[-1],
            suggestion=rest,
        )
    return When(phrase, kind, amount, unit, clock)


def _read_moment(words: Words) -> When:
    """`YYYY-MM-DD H:MM [reader's time]`."""
    day = _read_day(words)
    clock = _read_clock(words)
    readers_time = take_readers_time(words)
    words.end()
    return When(tidy(words.phrase), WhenKind.AT, clock=clock, day=day, readers_time=readers_time)


def take_readers_time(words: Words) -> bool:
    """Whether `reader's time` comes next; then it is taken. Raises PhraseError where the first word stands alone."""
    word = words.peek()
    if word is None or word.folded.replace("’", "'") not in ("reader's", "readers"):
        return False
    words.take("`reader's`")
    words.take_one_of(("time",))
    return True


def _read_amount(words: Words) -> tuple[int, Unit]:
    number = words.take("a number")
    if not (number.text.isascii() and number.text.isdigit()):
        raise words.fault(f"expected a number, found `{number.text}`", number)
    unit_word = words.take("a unit (`minutes`, `hours`, `days`, `weeks`)")
    if unit_word.folded not in UNITS:
        near = nearest(unit_word.text, UNITS)
        hint = f"write `{number.text} {near}`" if near else ""
        raise words.fault(f"`{unit_word.text}` is no unit of time", unit_word, suggestion=hint)
    unit = UNITS[unit_word.folded]
    # The length is checked before the value: int() of very many digits is slow, and refused by Python itself.
    amount = int(number.text) if len(number.text) <= 9 else AMOUNT_MAX // SPANS[Unit.MINUTES] + 1
    if amount == 0:
        raise words.fault("zero is no distance", number, suggestion="write `at once`, or a number from 1 on")
    if amount * (SPANS[unit] / SPANS[Unit.MINUTES]) > AMOUNT_MAX / SPANS[Unit.MINUTES]:
        raise words.fault(
            f"this is longer than {AMOUNT_MAX.days} days", number, until=unit_word, suggestion="write a shorter time"
        )
    return amount, unit


def _read_clock(words: Words) -> time:
    word = words.take("a time like `9:30`")
    clock = _clock_of(word.text)
    if clock is None:
        raise words.fault(f"`{word.text}` is not a time of day", word, suggestion="times of day run from 0:00 to 23:59")
    return clock


def _read_day(words: Words) -> date:
    word = words.take("a day like `2026-12-08`")
    found = DAY.fullmatch(word.text)
    try:
        # Moments near the edges of the calendar cannot be moved between zones.
        day = date(*map(int, found.groups())) if found else None
    except ValueError:
        day = None
    if day is None or not 1970 <= day.year <= 9000:
        raise words.fault(f"`{word.text}` is not a day of the calendar", word, suggestion=WALL_USAGE)
    return day


def _clock_of(text: str) -> time | None:
    found = CLOCK.fullmatch(text)
    if found is None:
        return None
    hour, minute = int(found[1]), int(found[2])
    return time(hour, minute) if hour < 24 and minute < 60 else None


def proper_when(when: When) -> str:
    """A `when` as it is best written, whatever the author's spaces and plurals."""
    if when.kind is WhenKind.AT_ONCE:
        return "at once"
    if when.kind is WhenKind.AT:
        tail = " reader's time" if when.readers_time else ""
        return f"{when.day} {_short(when.clock)}{tail}"
    unit = when.unit.value.removesuffix("s") if when.amount == 1 else when.unit.value
    tail = f" at {_short(when.clock)}" if when.clock else ""
    return f"{when.amount} {unit} {when.kind.value}{tail}"


def _short(clock: time | None) -> str:
    assert clock is not None
    return f"{clock.hour}:{clock.minute:02}"


def parse_duration(phrase: str) -> timedelta:
    """Read `60 minutes`, `6 hours`, `3 days`. A day here is 24 hours. Raises PhraseError."""
    words = Words(phrase, WHEN_WORD, DURATION_USAGE)
    amount, unit = _read_amount(words)
    words.end()
    return amount * SPANS[unit]


def parse_wall(phrase: str) -> datetime:
    """Read the wall clock `2026-12-08 12:00`, without a zone. Raises PhraseError."""
    words = Words(phrase, WHEN_WORD, WALL_USAGE)
    day = _read_day(words)
    clock = _read_clock(words)
    words.end()
    return datetime.combine(day, clock)


def parse_session(phrase: str) -> tuple[datetime, bool]:
    """Read the wall clock of a session, and whether `cancelled` stands after it. Raises PhraseError."""
    words = Words(phrase, WHEN_WORD, SESSION_USAGE)
    day = _read_day(words)
    clock = _read_clock(words)
    cancelled = words.take_if("cancelled")
    words.end()
    return datetime.combine(day, clock), cancelled


def parse_hours(phrase: str) -> Hours:
    """Read `weekdays 8:00-18:00`, `daily …`, `mon-sat …`, `mon,wed …`. Raises PhraseError.

    The opening belongs to the span, the closing does not; `24:00` closes with the day.
    """
    found = HOURS_PHRASE.fullmatch(phrase) if len(phrase) <= 200 else None
    if found is None:
        raise PhraseError("these are not hours", width=len(phrase.strip()), help=HOURS_USAGE)
    weekdays = read_weekdays(found["days"], found.start("days"), HOURS_USAGE)
    bounds = []
    for part in ("opens", "closes"):
        is_midnight = part == "closes" and found[part] == "24:00"
        clock = time.max if is_midnight else _clock_of(found[part])
        if clock is None:
            message = f"`{found[part]}` is not a time of day"
            raise PhraseError(message, column=found.start(part), width=len(found[part]), help=HOURS_USAGE)
        bounds.append(clock)
    opens, closes = bounds
    if opens >= closes:
        raise PhraseError(
            "the hours close before they open",
            column=found.start("opens"),
            width=found.end("closes") - found.start("opens"),
            help="write a span within one day, like `8:00-18:00`; midnight at the end is `24:00`",
        )
    return Hours(tidy(phrase), weekdays, opens, closes)


def read_weekdays(text: str, column: int, usage: str) -> frozenset[int]:
    """Read the days of a phrase: `weekdays`, `mon-sat`, `mon,wed`. Raises PhraseError with that usage."""
    folded = text.lower()
    named = {"weekdays": range(5), "daily": range(7), "weekends": range(5, 7)}.get(folded)
    if named is not None:
        return frozenset(named)
    days: set[int] = set()
    for part in re.finditer(r"[^,]+", folded):
        ends = [_weekday(each.strip()) for each in re.split(r"[-–]", part.group())]
        if None in ends or len(ends) > 2:
            shown = part.group().strip()
            near = nearest(shown, ("weekdays", "daily", "weekends", *WEEKDAYS, *LONG_WEEKDAYS))
            hint = f"`{near}` is a name of days" if near and " " not in shown else usage
            at = column + part.start() + len(part.group()) - len(part.group().lstrip())
            raise PhraseError(f"`{shown}` does not name days", column=at, width=len(shown), help=hint)
        first, last = ends[0], ends[-1]
        assert first is not None
        assert last is not None
        # `sat-mon` runs over the end of the week.
        days.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    if not days:
        raise PhraseError("the days are missing", column=column, help=usage)
    return frozenset(days)


def _weekday(name: str) -> int | None:
    for names in (WEEKDAYS, LONG_WEEKDAYS):
        if name in names:
            return names.index(name)
    return None


# --- walls and zones --------------------------------------------------------------------------------------------


def is_zone(name: str) -> bool:
    """Whether this is the name of a time zone that can be calculated with."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # OSError: a folder of the zone database ("America"); ValueError: a name that tries to leave it.
        return False
    return True


@lru_cache(maxsize=REMEMBERED)
def local_to_utc(wall: datetime, zone: str) -> datetime:
    """The moment when clocks in that zone show `wall` (naive).

    In a gap it is the first instant after the gap; in an overlap the first of the two (rule 7).
    """
    tz = ZoneInfo(zone)
    first = wall.replace(tzinfo=tz, fold=0).astimezone(UTC)
    if first.astimezone(tz).replace(tzinfo=None) == wall.replace(fold=0):
        return first
    # PEP 495: in a gap, fold=1 reads the wall by the offset after it, which gives a moment before the change, and
    # fold=0 one after it. Clocks change on whole seconds, so between the two the instant is found by halving.
    before = wall.replace(tzinfo=tz, fold=1, microsecond=0).astimezone(UTC)
    low, high = 0, int((first - before).total_seconds()) + 1
    while low < high:
        middle = (low + high) // 2
        shown = (before + timedelta(seconds=middle)).astimezone(tz).replace(tzinfo=None)
        low, high = (low, middle) if shown > wall else (middle + 1, high)
    return before + timedelta(seconds=low)


def wall_faults(wall: datetime, zone: str) -> str | None:
    """`gap` if no clock of that zone ever shows this wall, `overlap` if they show it twice, else None."""
    tz = ZoneInfo(zone)
    first = wall.replace(tzinfo=tz, fold=0)
    if first.astimezone(UTC).astimezone(tz).replace(tzinfo=None) != wall.replace(fold=0):
        return "gap"
    return "overlap" if first.utcoffset() != wall.replace(tzinfo=tz, fold=1).utcoffset() else None


def local_wall(moment: datetime, zone: str) -> datetime:
    """What the clocks of that zone show at a moment, as a naive wall clock."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def wall_clock(moment: datetime, zone: str) -> str:
    """A moment for people of that zone: `Tue 8 Dec 12:00`. Always in English, whatever the locale."""
    wall = local_wall(moment, zone)
    return f"{WEEKDAY_NAMES[wall.weekday()]} {wall.day} {MONTH_NAMES[wall.month - 1]} {wall:%H:%M}"


def place_of(zone: str) -> str:
    """The place that a zone is named after: `New York`. Never `IST`, which is a different hour for each reader."""
    return zone.rsplit("/", 1)[-1].replace("_", " ")


def moment_text(moment: datetime, zone: str) -> str:
    """A moment and the place whose clocks show it: `Tue 8 Dec 12:00 in New York`."""
    return f"{wall_clock(moment, zone)} {'' if zone in ('UTC', 'Etc/UTC') else 'in '}{place_of(zone)}"


# --- hours ------------------------------------------------------------------------------------------------------


def in_hours(moment: datetime, hours: Hours, zone: str) -> bool:
    """Whether the hours are open at that moment, by the clocks of that zone."""
    wall = local_wall(moment, zone)
    # The times of a wall compare without their fold.
    return hours.opens_on(wall.date()) and hours.opens <= wall.time() < hours.closes


def next_opening(moment: datetime, hours: Hours, zone: str) -> datetime:
    """The first moment from `moment` on at which the hours are open; `moment` itself if they are."""
    if in_hours(moment, hours, zone):
        return moment
    for day in _days_from(local_wall(moment, zone).date(), hours):
        if not hours.opens_on(day):
            continue
        for opening in _instants(datetime.combine(day, hours.opens), zone):
            # A gap may swallow the opening, or the whole span of that day.
            if opening >= moment and in_hours(opening, hours, zone):
                return opening
    raise AssertionError(f"`{hours.phrase}` never opens in {zone}")


def _instants(wall: datetime, zone: str) -> Iterator[datetime]:
    """Every moment at which clocks show this wall, or the first after the gap that it fell into."""
    yield local_to_utc(wall, zone)
    if wall_faults(wall, zone) == "overlap":
        yield wall.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC)


def _days_from(day: date, hours: Hours | None) -> Iterator[date]:
    # Each closed day may take away the one open day of its week.
    closed = sum(each.days for each in hours.closed) if hours is not None else 0
    return (day + timedelta(days=each) for each in range(DAYS_SEARCHED_MAX + 7 * closed))


# --- moments ----------------------------------------------------------------------------------------------------


def due(
    when: When, *, anchor: datetime, zone: str, hours: Hours | None, session: Session | None, campaign_zone: str
) -> datetime:
    """When this is due (UTC): counted from the anchor, the session, or the calendar, by the clocks of `zone`.

    A moment in the past means: due now. Raises ValueError if it counts from a session and there is none.
    """
    match when.kind:
        case WhenKind.AT_ONCE:
            return anchor.astimezone(UTC)
        case WhenKind.AT:
            assert when.day is not None
            assert when.clock is not None
            return local_to_utc(datetime.combine(when.day, when.clock), zone if when.readers_time else campaign_zone)
        case WhenKind.LATER:
            return settle(when, _later(when, anchor, zone), hours, zone)
    if session is None:
        raise ValueError(f"`{when.phrase}` needs a session")
    if when.kind is WhenKind.BEFORE_SESSION:
        return _moved(when, session.starts, zone, -1)
    return settle(when, _moved(when, session.ends, zone, 1), hours, zone)


def settle(when: When, moment: datetime, hours: Hours | None, zone: str) -> datetime:
    """The first moment from `moment` on that keeps the clock of `when` (rule 1) and the hours.

    Used for what is due by itself, and again after anything else has pushed it (spacing, a machine asleep).
    """
    clock = when.clock if when.kind is WhenKind.LATER else None
    if clock is not None and (hours is None or hours.opens <= clock < hours.closes):
        return _on_clock(clock, moment, hours, zone)
    return moment if hours is None else next_opening(moment, hours, zone)


def _later(when: When, anchor: datetime, zone: str) -> datetime:
    """The moment from which a LATER is looked for, before hours and clock are looked at."""
    if when.unit in CALENDAR_UNITS and when.clock is not None:
        day = local_wall(anchor, zone).date() + when.amount * SPANS[when.unit]
        return local_to_utc(datetime.combine(day, when.clock), zone)
    return _moved(when, anchor, zone, 1)


def _moved(when: When, start: datetime, zone: str, sign: int) -> datetime:
    """Minutes and hours are elapsed time; days and weeks keep the wall clock (rule 7)."""
    distance = sign * when.amount * SPANS[when.unit]
    if when.unit not in CALENDAR_UNITS:
        return start.astimezone(UTC) + distance
    wall = local_wall(start, zone) + distance
    if not _exists(wall.date(), zone):
        wall += timedelta(days=sign)
    moment = local_to_utc(wall, zone)
    # Across a change of clocks, or out of the second half of an overlap, a day is still at least not backwards.
    return max(moment, start.astimezone(UTC)) if sign > 0 else moment


@lru_cache(maxsize=REMEMBERED)
def _on_clock(clock: time, earliest: datetime, hours: Hours | None, zone: str) -> datetime:
    for day in _days_from(local_wall(earliest, zone).date(), hours):
        if (hours is not None and not hours.opens_on(day)) or not _exists(day, zone):
            continue
        moment = local_to_utc(datetime.combine(day, clock), zone)
        # Where a gap moved the clock out of the hours, the day has no such moment.
        if moment >= earliest and (hours is None or in_hours(moment, hours, zone)):
            return moment
    raise AssertionError(f"no day has {clock} in {zone}")


@lru_cache(maxsize=REMEMBERED)
def _exists(day: date, zone: str) -> bool:
    """Whether that day was ever on the calendars of that zone."""
    start = local_to_utc(datetime.combine(day, time.min), zone)
    return local_wall(start, zone).date() == day
