"""Reads the attendance reports of webinar platforms: who came, and for how many minutes. Pure: bytes in, a sheet out.

Knows Zoom's attendee report (three sections with columns of their own; one row for each join), GoTo's, and any CSV
with an address and one of attended, join time and duration. Times stand in a zone that Zoom's file does not name: the
caller says it. Never matches people with registrations: `drip.engine.attending` does.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from drip.errors import DripError

ROWS_MAX = 200_000
"""Far above the largest webinar; a file beyond it is no attendance report."""


class UnreadableReport(DripError):
    """This is no attendance report that drip can read."""

    name = "unreadable-report"
    exit_code = 2
    default_hint = (
        "give Zoom's attendee report, GoTo's, or a CSV with an e-mail column and one of attended, join time, duration"
    )


class NeedsZone(DripError):
    """The times of this report are in a zone that the file does not name."""

    name = "needs-zone"
    exit_code = 2
    default_hint = "say it with `--tz`, as in `--tz America/New_York`: it is the zone of your account with the platform"


@dataclass(frozen=True, slots=True)
class Presence:
    """What a report says of one address: whether they came, and how long they were there; None if it does not say."""

    email: str
    came: bool
    minutes: int | None = None
    first_join: datetime | None = None
    last_leave: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A report as read. `nameless` are the rows without an address, by their names; `faults` are `line: what`."""

    kind: str
    people: tuple[Presence, ...]
    nameless: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


# What the columns are called, by what they mean. Compared without case, and without what stands in parentheses.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "email": ("email", "user email", "e-mail", "email address", "e-mail address", "attendee email"),
    "attended": ("attended", "came", "attendance"),
    "join": ("join time", "joined", "joined at", "first join time"),
    "leave": ("leave time", "left", "left at", "last leave time"),
    "minutes": ("time in session", "duration", "in session duration", "minutes", "total duration"),
    "name": ("user name", "name", "first name"),
}
YES = frozenset({"yes", "y", "true", "1", "attended", "x", "present"})
NO = frozenset({"no", "n", "false", "0", "missed", "absent", "no-show", "noshow", "did not attend"})
MISSING = frozenset({"", "--", "-", "n/a"})
SECTION = re.compile(r"(?:attendee|panelist|host|other attended)[\w ]*", re.IGNORECASE)
ATTENDEES = "attendee details"
# GoTo writes the zone as letters. They are those of its own examples; elsewhere letters mean several zones.
LETTERS: Mapping[str, int] = {
    "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "CET": 1, "CEST": 2, "BST": 1,
}  # fmt: skip
STYLES = (
    "%b %d, %Y %H:%M:%S",
    "%b %d, %Y %I:%M:%S %p",
    "%b %d, %Y %I:%M %p",
    "%b %d, %Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
)


def read_report(data: bytes, zone: str | None = None) -> Sheet:
    """Read a report. Raises UnreadableReport, and NeedsZone where times need a zone and none was given."""
    rows = _rows(decode(data))
    kind, start = _header(rows)
    columns = _columns(rows[start][1])
    found: dict[str, list[_Row]] = {}
    nameless, faults = [], []
    for line, cells in _body(rows, start, kind):
        try:
            row = _read_row(columns, cells, zone)
        except ValueError as error:
            faults.append(f"line {line}: {error}")
            continue
        if "@" in row.email:
            found.setdefault(row.email.casefold(), []).append(row)
        elif row.came:
            nameless.append(row.name or f"line {line}")
    people = tuple(_presence(each) for each in found.values())
    return Sheet(kind, people, tuple(dict.fromkeys(nameless)), tuple(faults))


def decode(data: bytes) -> str:
    """The text of a report: UTF-8 with or without a mark, UTF-16, else Windows-1252; NULs inside are dropped."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").replace("\0", "")
    if data[:400].count(0) > len(data[:400]) // 3:
        # UTF-16 without its mark: every other byte of Latin text is a NUL.
        order = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
        return data.decode(order, "replace").replace("\0", "")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    return text.replace("\0", "")


@dataclass(frozen=True, slots=True)
class _Row:
    email: str
    name: str
    came: bool
    join: datetime | None
    leave: datetime | None
    minutes: int | None


_Rows = list[tuple[int, list[str]]]


def _rows(text: str) -> _Rows:
    lines = text.lstrip("\ufeff").splitlines()
    if lines and re.fullmatch(r"sep=.", lines[0].strip()):
        text = "\n".join(lines[1:])
    sample = "\n".join(lines[:30])
    delimiter = max(",;\t", key=sample.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows: _Rows = []
        for cells in reader:
            if len(rows) >= ROWS_MAX:
                raise UnreadableReport(f"it has more than {ROWS_MAX:,} rows")
            rows.append((reader.line_num, [each.strip() for each in cells]))
    except csv.Error as error:
        raise UnreadableReport(f"it is no CSV: {error}") from None
    return rows


def _title(cells: Sequence[str]) -> str:
    """The title of a section: a row with words in its first cell alone."""
    filled = [each for each in cells if each]
    return filled[0].casefold() if len(filled) == 1 and cells[0] else ""


def _header(rows: _Rows) -> tuple[str, int]:
    """What kind of report it is, and where the row with the names of the columns stands."""
    for index, (_, cells) in enumerate(rows[:-1]):
        if _title(cells) == ATTENDEES and "email" in _columns(rows[index + 1][1]):
            return "zoom", index + 1
    for index, (_, cells) in enumerate(rows):
        columns = _columns(cells)
        if "email" in columns and len(columns) > 1 and columns.keys() & {"attended", "join", "minutes"}:
            folded = {_plain(each) for each in cells}
            if "interest rating" in folded or "in session duration" in folded:
                return "goto", index
            return ("zoom" if "user email" in folded else "csv"), index
    raise UnreadableReport("there is no row with an e-mail column and one of attended, join time, duration")


def _plain(name: str) -> str:
    return re.sub(r"\([^)]*\)|\*", "", name).strip().strip('"').casefold()


def _columns(cells: Sequence[str]) -> dict[str, int]:
    """Where each meaning stands; the first of several columns of one name is the platform's own."""
    names = [_plain(each) for each in cells]
    return {
        meaning: min(names.index(each) for each in known if each in names)
        for meaning, known in COLUMNS.items()
        if any(each in names for each in known)
    }


def _body(rows: _Rows, start: int, kind: str) -> Iterator[tuple[int, list[str]]]:
    for line, cells in rows[start + 1 :]:
        title = _title(cells)
        if kind == "zoom" and title and SECTION.fullmatch(title):
            return
        if any(cells):
            yield line, cells


def _read_row(columns: Mapping[str, int], cells: Sequence[str], zone: str | None) -> _Row:
    def cell(meaning: str) -> str:
        index = columns.get(meaning, len(cells))
        value = cells[index] if index < len(cells) else ""
        return "" if value.casefold() in MISSING else value

    said = cell("attended").casefold()
    if said and said not in YES | NO:
        raise ValueError(f"`{said[:40]}` is neither yes nor no")
    join, leave = read_moment(cell("join"), zone), read_moment(cell("leave"), zone)
    minutes = _read_minutes(cell("minutes"))
    came = said in YES if said else join is not None or bool(minutes)
    return _Row(cell("email").removeprefix("mailto:"), cell("name"), came, join, leave, minutes)


def _read_minutes(text: str) -> int | None:
    if not text:
        return None
    clock = re.fullmatch(r"(\d{1,3}):(\d\d):(\d\d)", text)
    if clock:
        return int(clock[1]) * 60 + int(clock[2]) + (int(clock[3]) >= 30)
    match = re.match(r"-?\d{1,6}(?:\.\d+)?", text)
    if match is None:
        raise ValueError(f"`{text[:40]}` is no number of minutes")
    # Negative ones stand in real files, where the clocks of two machines differ: they say nothing.
    return max(0, int(float(match[0]) + 0.5))


def read_moment(text: str, zone: str | None) -> datetime | None:
    """A time as reports write it: `Mar 22, 2025 19:13:27`, `08/30/2026 11:05:00 AM`, ISO 8601, with letters at its end.

    Raises ValueError for what is no time, NeedsZone for a time that stands in nobody's zone.
    """
    if not text:
        return None
    text, offset = _zone_of(text)
    moment = _naive(text)
    if moment.tzinfo is not None:
        return moment
    if offset is not None:
        return moment.replace(tzinfo=timezone(timedelta(hours=offset)))
    if zone is None:
        raise NeedsZone(f"in which zone is `{text[:40]}`? the report does not say")
    return moment.replace(tzinfo=ZoneInfo(zone))


def _zone_of(text: str) -> tuple[str, int | None]:
    head, _, last = text.rpartition(" ")
    return (head, LETTERS[last.upper()]) if head and last.upper() in LETTERS else (text, None)


def _naive(text: str) -> datetime:
    for style in STYLES:
        try:
            return datetime.strptime(text, style)  # noqa: DTZ007 - `read_moment` knows the zone
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{text[:40]}` is no time") from None


def _presence(rows: Sequence[_Row]) -> Presence:
    """One person of all their rows: intervals that overlap are merged, not added."""
    came = [each for each in rows if each.came]
    if not came:
        return Presence(rows[0].email, False)
    spans = sorted(span for each in came if (span := _span(each)) is not None)
    if not spans:
        counted = [each.minutes for each in came if each.minutes is not None]
        return Presence(came[0].email, True, max(counted) if counted else None)
    total, (begin, finish) = timedelta(), spans[0]
    for start, stop in spans[1:]:
        if start > finish:
            total += finish - begin
            begin, finish = start, stop
        else:
            finish = max(finish, stop)
    total += finish - begin
    minutes = int(total.total_seconds() + 30) // 60
    return Presence(came[0].email, True, minutes, spans[0][0], max(stop for _, stop in spans))


def _span(row: _Row) -> tuple[datetime, datetime] | None:
    """From when to when a row had somebody there. Who left before they joined was there for a moment."""
    if row.join is None:
        return None
    if row.leave is not None:
        return row.join, max(row.join, row.leave)
    return row.join, row.join + timedelta(minutes=row.minutes or 0)
