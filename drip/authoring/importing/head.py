"""Finds the title and the date that a scraped post begins with. Pure functions on strings. Called by `draft.py`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from drip.authoring.importing.blocks import count_words, shorten

MAX_TITLE_CHARACTERS = 140
MAX_TITLE_WORDS = 22
MAX_NAME_CHARACTERS = 60

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? )?"
_BEFORE = r"(?:(?:date|posted|published|updated)(?: on)?:? )?"
_DATES = tuple(
    re.compile(_BEFORE + _WEEKDAY + form, re.IGNORECASE)
    for form in (
        rf"{_MONTH} {_DAY},? (?P<year>\d{{4}})",
        rf"{_DAY}\.? {_MONTH},? (?P<year>\d{{4}})",
        r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})",
    )
)


@dataclass(frozen=True, slots=True)
class Top:
    """What stood above the text, the paragraphs without it, and the report."""

    title: str
    date: str
    paragraphs: list[list[str]]
    report: tuple[str, ...]


def take_top(paragraphs: list[list[str]]) -> Top:
    """Take a date line and a title, each a paragraph of one line, off the top, in whichever order they come."""
    title, day = "", ""
    report: list[str] = []
    rest = list(paragraphs)
    while rest and len(rest[0]) == 1 and not (title and day):
        line = rest[0][0]
        if not day and (found := read_date(line)):
            day = found
            report.append(f"took the date {day} from the line “{shorten(line)}”")
        elif not title and len(rest) > 1 and _looks_like_title(line):
            title = line
            report.append(f"took the title from the line “{shorten(line)}”")
        else:
            break
        rest = rest[1:]
    return Top(title, day, rest, tuple(report))


def read_date(line: str) -> str:
    """`2020-06-17` for a line that is a date and nothing else, or nothing.

    06/07/2020 is two days, one on each side of an ocean, and so it is none here.
    """
    flat = " ".join(line.split())
    for pattern in _DATES:
        if match := pattern.fullmatch(flat):
            month = match["month"].lower()[:3]
            number = int(month) if month.isdigit() else _MONTHS.index(month) + 1
            try:
                return date(int(match["year"]), number, int(match["day"])).isoformat()
            except ValueError:
                return ""
    return ""


def _looks_like_title(line: str) -> bool:
    """Short, with words in it, and without the end of a sentence."""
    short = len(line) <= MAX_TITLE_CHARACTERS and count_words(line) <= MAX_TITLE_WORDS
    return short and any(map(str.isalnum, line)) and not re.search(r"(?:(?<!\.)\.|[:;,])[”’\"')]*$", line)


def drop_repeated_title(paragraphs: list[list[str]], title: str) -> tuple[list[list[str]], bool]:
    """The paragraphs without the title's repetition at the start of the first; scraping often takes both."""
    if not title or not paragraphs:
        return paragraphs, False
    first = paragraphs[0][0]
    words = r"\s+".join(map(re.escape, title.split()))
    match = re.match(rf"{words}(?:\s+|$)", first, re.IGNORECASE)
    if match is None:
        return paragraphs, False
    left = [line for line in (first[match.end() :], *paragraphs[0][1:]) if line]
    return ([left] if left else []) + paragraphs[1:], True


def name_of(title: str) -> str:
    """A file name for a title: small letters, digits and hyphens, as the names of posts are."""
    ascii_only = unicodedata.normalize("NFKD", re.sub("[’'‘]", "", title)).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_only.lower())
    name = "-".join(words)
    if len(name) > MAX_NAME_CHARACTERS:
        name = name[: MAX_NAME_CHARACTERS + 1].rpartition("-")[0] or name[:MAX_NAME_CHARACTERS]
    return name
