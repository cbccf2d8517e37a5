"""Stories: drip tests as data, and the two little phrases that they are written in.

A story is what some people do and what they get: `Thu 10:00 joins job-seekers`, `Mon 9:30 last-seats`. Pure: it reads
phrases and resolves moments on a person's clock; nothing is played here. Called by `drip.authoring.read_story`
(phrases) and by `drip.rehearsal.story` (the data).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from difflib import SequenceMatcher
from enum import StrEnum

from drip.core.model import NOTHING, Unit
from drip.core.phrases import LIKENESS_MIN, Word, Words, nearest, tidy
from drip.core.problems import PhraseError
from drip.core.when import (
    CALENDAR_UNITS,
    CLOCK,
    DAY,
    LONG_WEEKDAYS,
    SPANS,
    UNITS,
    WEEKDAYS,
    local_to_utc,
    local_wall,
    wall_clock,
)

TIME_USAGE = "begin with a moment: `Thu 10:00`, `10:00`, `+2 days 9:30`, `+90 minutes` or `2026-11-19 10:00`"
AMOUNT_DIGITS_MAX = 4  # a story of more than 9,999 hours is told with dates
GAPS = ("...", "…")
NOTHING_COMES = "nothing"
STORY_WORD = re.compile(r"\S+")
_PLUS = re.compile(r"\+([0-9]+)")


# --- moments -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoryTime:
    """When something happens in a story: on a weekday, a day, some time after the line above, or at the next clock."""

    clock: time | None = None
    weekday: int | None = None
    day: date | None = None
    amount: int = 0
    unit: Unit = Unit.DAYS

    def after(self, above: datetime, zone: str) -> datetime:
        """The moment that is meant, where the line above stands at `above`. By the clocks of `zone`."""
        wall = local_wall(above, zone)
        if self.day is not None:
            assert self.clock is not None
            return local_to_utc(datetime.combine(self.day, self.clock), zone)
        if self.amount and self.unit not in CALENDAR_UNITS:
            return above + self.amount * SPANS[self.unit]
        if self.amount:
            later = wall + self.amount * SPANS[self.unit]
            return local_to_utc(later if self.clock is None else datetime.combine(later.date(), self.clock), zone)
        assert self.clock is not None
        ahead = 0 if self.weekday is None else (self.weekday - wall.weekday()) % 7
        step = 1 if self.weekday is None else 7
        while True:
            moment = local_to_utc(datetime.combine(wall.date() + timedelta(days=ahead), self.clock), zone)
            if moment >= above:
                return moment
            ahead += step


def _read_time(words: Words) -> StoryTime:
    first = words.take("a moment")
    plus = _PLUS.fullmatch(first.text)
    if plus is not None:
        return _read_distance(words, first, plus[1])
    if (weekday := _weekday(first)) is not None:
        return StoryTime(_read_clock(words), weekday=weekday)
    if "-" in first.text:
        return StoryTime(day=_read_day(words, first), clock=_read_clock(words))
    if first.text[:1].isdigit():
        return StoryTime(_clock_of(words, first))
    near = nearest(first.text, (*WEEKDAYS, *LONG_WEEKDAYS))
    hint = f"did you mean `{near.capitalize()}`? {TIME_USAGE}" if near else ""
    raise words.fault(f"`{first.text}` is no moment of a story", first, suggestion=hint)


def _weekday(word: Word) -> int | None:
    name = word.folded.rstrip(",")
    for names in (WEEKDAYS, LONG_WEEKDAYS):
        if name in names:
            return names.index(name)
    return None


def _read_distance(words: Words, first: Word, digits: str) -> StoryTime:
    """`+2 days 9:30`, `+2 days`, `+90 minutes`."""
    if len(digits) > AMOUNT_DIGITS_MAX or int(digits) == 0:
        raise words.fault(f"`{first.text}` is no distance", first, suggestion="write a number from 1 on, or a date")
    unit_word = words.take("a unit (`minutes`, `hours`, `days`, `weeks`)")
    unit = UNITS.get(unit_word.folded)
    if unit is None:
        raise words.fault(f"`{unit_word.text}` is no unit of time", unit_word, suggestion="write `+2 days 9:30`")
    clock_word = words.peek()
    if clock_word is None or ":" not in clock_word.text or not clock_word.text[:1].isdigit():
        return StoryTime(amount=int(digits), unit=unit)
    if unit not in CALENDAR_UNITS:
        message = f"{unit.value} are counted from moment to moment, so a clock does not fit"
        raise words.fault(message, clock_word, suggestion=f"write `+{digits} {unit.value}`, or count in days")
    return StoryTime(_read_clock(words), amount=int(digits), unit=unit)


def _read_clock(words: Words) -> time:
    return _clock_of(words, words.take("a time like `9:30`"))


def _clock_of(words: Words, word: Word) -> time:
    found = CLOCK.fullmatch(word.text)
    hour, minute = (int(found[1]), int(found[2])) if found else (24, 0)
    if hour > 23 or minute > 59:
        raise words.fault(f"`{word.text}` is not a time of day", word, suggestion="write it like `9:30`")
    return time(hour, minute)


def _read_day(words: Words, word: Word) -> date:
    found = DAY.fullmatch(word.text)
    try:
        day = date(*map(int, found.groups())) if found else None
    except ValueError:
        day = None
    if day is None or not 1970 <= day.year <= 9000:
        raise words.fault(f"`{word.text}` is not a day of the calendar", word, suggestion="write it like `2026-11-19`")
    return day


def parse_begin(phrase: str) -> datetime:
    """Read `begins`: `2026-11-19`, or `2026-11-19 8:00`, without a zone. Raises PhraseError."""
    words = Words(phrase, STORY_WORD, "write a day like `2026-11-19`, perhaps with a time")
    day = _read_day(words, words.take("a day like `2026-11-19`"))
    clock = _read_clock(words) if words.peek() is not None else time.min
    words.end()
    return datetime.combine(day, clock)


# --- deeds -------------------------------------------------------------------------------------------------------


class DeedKind(StrEnum):
    """What somebody can do, or have done to them, in a story: the words that say it."""

    JOINS = "joins"
    ASKS_TO_JOIN = "asks to join"
    IS_ADDED = "is added to"
    CONFIRMS = "confirms"
    REGISTERS = "registers for"
    ASKS_FOR = "asks for"
    MOVES = "moves to"
    CANCELS = "cancels"
    ATTENDS = "attends"
    IS_REPORTED = "is reported"
    LEAVES_ALL = "unsubscribes from everything"
    LEAVES = "unsubscribes from"
    UNSUBSCRIBES = "unsubscribes"
    GETS_TAG = "gets tag"
    LOSES_TAG = "loses tag"
    LIVES_IN = "lives in"
    CLICKS = "clicks"


LIST, SESSION, TAG, ZONE, POST, REPORT = "list", "session", "tag", "zone", "post", "attended or missed"
NEXT = "next"
"""The session of an evergreen webinar that is offered first at that moment."""
ARGUMENTS: Mapping[DeedKind, str] = {
    DeedKind.JOINS: LIST,
    DeedKind.ASKS_TO_JOIN: LIST,
    DeedKind.IS_ADDED: LIST,
    DeedKind.REGISTERS: SESSION,
    DeedKind.ASKS_FOR: SESSION,
    DeedKind.MOVES: SESSION,
    DeedKind.IS_REPORTED: REPORT,
    DeedKind.LEAVES: LIST,
    DeedKind.GETS_TAG: TAG,
    DeedKind.LOSES_TAG: TAG,
    DeedKind.LIVES_IN: ZONE,
    DeedKind.CLICKS: POST,
}
"""What the word behind a deed names, for those that have one."""

WEBINAR_DEEDS = frozenset(
    {DeedKind.REGISTERS, DeedKind.ASKS_FOR, DeedKind.MOVES, DeedKind.CANCELS, DeedKind.ATTENDS, DeedKind.IS_REPORTED}
)
# The longest words first: `unsubscribes from everything` is not `unsubscribes`.
_BY_LENGTH = sorted(DeedKind, key=lambda kind: -len(kind.value.split()))
_SHOWN = {REPORT: "attended"}
DEED_USAGE = "a deed is one of " + ", ".join(
    f"`{kind.value} {_SHOWN.get(ARGUMENTS[kind], ARGUMENTS[kind].upper())}`" if kind in ARGUMENTS else f"`{kind.value}`"
    for kind in DeedKind
)
_NAME = re.compile(r"[^\W_][\w./+-]*")


@dataclass(frozen=True, slots=True)
class DeedPhrase:
    """A line of `does` as it was written: when, what, and to what."""

    time: StoryTime
    kind: DeedKind
    argument: str


def parse_deed(phrase: str) -> DeedPhrase:
    """Read `Thu 10:00 joins job-seekers`. Raises PhraseError, with a suggestion where the phrase is nearly right."""
    words = Words(phrase, STORY_WORD, TIME_USAGE)
    moment = _read_time(words)
    words.usage = DEED_USAGE
    rest = words.words[words.index :]
    if not rest:
        raise words.fault("what happens then is missing")
    folded = [word.folded for word in rest]
    kind = next((each for each in _BY_LENGTH if folded[: len(each.value.split())] == each.value.split()), None)
    if kind is None:
        meant = _meant_deed(folded)
        hint = f"did you mean `{meant.value}`?" if meant else ""
        raise words.fault(f"`{tidy(' '.join(each.text for each in rest))}` is no deed", rest[0], until=rest[-1],
                          suggestion=hint)  # fmt: skip
    words.index += len(kind.value.split())
    argument = ""
    if kind in ARGUMENTS:
        word = words.take(f"the name of a {ARGUMENTS[kind]}" if kind is not DeedKind.IS_REPORTED else f"`{REPORT}`")
        argument = word.text
        _judge_argument(words, kind, word)
    words.end()
    return DeedPhrase(moment, kind, argument)


def _judge_argument(words: Words, kind: DeedKind, word: Word) -> None:
    if kind is DeedKind.IS_REPORTED and word.text not in ("attended", "missed"):
        raise words.fault(f"`{word.text}` cannot be reported", word, suggestion="write `attended` or `missed`")
    if not _NAME.fullmatch(word.text):
        raise words.fault(f"`{word.text}` is not a name", word)


def _meant_deed(folded: Collection[str]) -> DeedKind | None:
    words = list(folded)
    best, likeness = None, LIKENESS_MIN
    for kind in DeedKind:
        head = " ".join(words[: len(kind.value.split())])
        score = SequenceMatcher(None, head, kind.value).ratio()
        if score > likeness:
            best, likeness = kind, score
    return best


# --- what is awaited ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AwaitedPhrase:
    """A line of `gets` as it was written. Without a time it is `...`: other posts may come here."""

    time: StoryTime | None
    post: str = ""


def parse_awaited(phrase: str) -> AwaitedPhrase:
    """Read `Thu 10:00 own-the-mistake`, or `...`. Raises PhraseError."""
    if phrase.strip() in GAPS:
        return AwaitedPhrase(None)
    words = Words(phrase, STORY_WORD, TIME_USAGE)
    moment = _read_time(words)
    words.usage = "behind the moment stands the post that comes then"
    post = words.take("the post that comes then")
    words.end()
    return AwaitedPhrase(moment, post.text)


END_WORDS = ("done", "goal", "stopped", "running", "never")
"""How a sequence can stand with somebody at the end of a story; the names of reasons are understood, too."""


def parse_end(phrase: str, reasons: Collection[str]) -> str:
    """Read the end of a sequence: one of END_WORDS, or the name of a reason. Raises PhraseError."""
    usage = "write " + ", ".join(f"`{each}`" for each in END_WORDS) + " or the name of a reason, such as `goal-reached`"
    words = Words(phrase, STORY_WORD, usage)
    word = words.take("an end")
    words.end()
    if word.text not in END_WORDS and word.text not in reasons:
        raise PhraseError(f"`{word.text}` is no end of a sequence", column=word.column, width=word.width, help=usage)
    return word.text


# --- the story ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deed:
    """Somebody does something at a moment (UTC). `line` is where it stands."""

    at: datetime
    kind: DeedKind
    argument: str
    line: int

    @property
    def text(self) -> str:
        """The deed in its own words."""
        return f"{self.kind.value} {self.argument}".strip()


@dataclass(frozen=True, slots=True)
class Awaited:
    """A post that is to come at a moment (UTC); None as moment: any others may come here."""

    at: datetime | None
    post: str
    line: int


@dataclass(frozen=True, slots=True)
class StoryPerson:
    """One person of a story. `gets` None: what they get is not told, but for `never`."""

    name: str
    line: int
    zone: str
    has_own_zone: bool = False
    fields: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    deeds: tuple[Deed, ...] = ()
    gets: tuple[Awaited, ...] | None = None
    never: tuple[str, ...] = ()
    ends: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    @property
    def email(self) -> str:
        """The address that they have on the stage."""
        return f"{self.name.lower()}@example.org"


@dataclass(frozen=True, slots=True)
class Story:
    """One file of a campaign's tests/ folder."""

    name: str
    path: str
    campaign: str
    title: str
    begins: datetime
    people: tuple[StoryPerson, ...]

    @property
    def address(self) -> str:
        """What it is called on the command line."""
        return f"{self.campaign}/{self.name}"


def clock_text(moment: datetime, zone: str) -> str:
    """A moment in a column: `Thu 19 Nov 10:00`, days of one digit set to the right."""
    weekday, day, rest = wall_clock(moment, zone).split(" ", 2)
    return f"{weekday} {day:>2} {rest}"
