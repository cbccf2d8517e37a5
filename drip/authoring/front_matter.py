"""Splits a post into its front matter and its text.

Between `---` lines a plain one-line value is taken word for word, as in the head of a mail: YAML would cut
`The #1 mistake` at the ` #` and stumble over `Salary: what to say`. Quoted values, lists and blocks below a name
read as YAML, so that posts from Hugo, Jekyll and their kin load. `+++` fences hold TOML. Unknown names are judged
by `drip.authoring.read_post`, not here. Never raises on bad input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time

from drip.authoring.problems_catalogue import problem
from drip.authoring.source import Lines, Listing, Node, Scalar, Table, compose
from drip.core.problems import Place, Problem

MAX_HEAD_CHARACTERS = 64_000
# tomllib takes time with the square of a dotted key's length; no blog has a front matter of eight pages.
MAX_TOML_CHARACTERS = 8_000

_ENTRY = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)[ \t]*:(?:[ \t]+(.*))?")
_TOML_KEY = re.compile(r"[ \t]*[\"']?([A-Za-z_][A-Za-z0-9_-]*)[\"']?[ \t]*=[ \t]*(.*)")
_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
# A list in brackets is YAML, but not in prose: `[Reminder] We start in an hour` and `{{ first_name }}` are words.
_PROSE = frozenset({"subject", "preview", "title"})


@dataclass(frozen=True, slots=True)
class Head:
    """The front matter's values with the places of names and values, and the text that begins at `body_line`."""

    values: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Place] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    body: str = ""
    body_line: int = 1


def split_front_matter(text: str, path: str) -> tuple[Head, list[Problem]]:
    """The head and text of a post, and the faults of its front matter."""
    lines = Lines(text)
    fence = lines.line(1).lstrip("\ufeff").rstrip()
    if fence not in ("---", "+++"):
        advice = "begin with a line `---`, then `subject: …`, then a line `---`"
        return Head(body=text), [problem("no-front-matter", "this post has no front matter", Place(path), advice)]
    close = next((number for number in range(2, len(lines) + 1) if lines.line(number).rstrip() == fence), None)
    if close is None:
        advice = f"close it with a second line `{fence}`"
        message = "the front matter that begins here is never closed"
        return Head(body=text), [problem("open-front-matter", message, Place(path, 1, 1, 3), advice)]
    body_start = lines.start(close + 1) if close < len(lines) else len(text)
    head = Head({}, {}, {}, text[body_start:], close + 1)
    most = MAX_HEAD_CHARACTERS if fence == "---" else MAX_TOML_CHARACTERS
    if lines.start(close) > most:
        message = f"the front matter has more than {most} characters"
        return head, [problem("huge-file", message, Place(path, 1, 1, 3), "does text belong below it?")]
    reader = _Reader(lines, path, close, head)
    return reader.read_lines() if fence == "---" else reader.read_toml()


class _Reader:
    """Reads the lines 2 to `close` - 1 into the values and places of a head."""

    def __init__(self, lines: Lines, path: str, close: int, head: Head) -> None:
        self.lines = lines
        self.path = path
        self.close = close
        self.head = head
        self.values: dict[str, str] = {}
        self.names: dict[str, Place] = {}
        self.places: dict[str, Place] = {}
        self.problems: list[Problem] = []

    def result(self) -> tuple[Head, list[Problem]]:
        """The finished head."""
        head = Head(self.values, self.names, self.places, self.head.body, self.head.body_line)
        return head, self.problems

    def read_lines(self) -> tuple[Head, list[Problem]]:
        """`name: value` lines, each perhaps with a block below it."""
        number = 2
        while number < self.close:
            line = self.lines.line(number)
            last = number
            if match := _ENTRY.fullmatch(line):
                last = self.last_line(number)
                self.read_entry(match, number, last)
            elif line.strip() and not line.startswith("#"):
                place = Place(self.path, number, 1, max(1, len(line.rstrip())))
                message = "this line of the front matter is not `name: value`"
                self.problems.append(problem("bad-front-matter", message, place, "write `name: value` on one line"))
            number = last + 1
        return self.result()

    def last_line(self, number: int) -> int:
        """Where the entry in line `number` ends: indented lines and rows of a list below it belong to it."""
        last = number
        for below in range(number + 1, self.close):
            line = self.lines.line(below)
            if line.startswith((" ", "\t", "- ")) or line == "-":
                last = below if line.strip() else last
            elif line.strip():
                break
        return last

    def read_entry(self, match: re.Match[str], number: int, last: int) -> None:
        """One entry: word for word if it is one plain line, else as YAML."""
        name, value = match.group(1), (match.group(2) or "").rstrip()
        name_place = Place(self.path, number, 1, len(name))
        column = match.start(2) + 1 if value else len(name) + 2
        place = Place(self.path, number, column, max(1, len(value)))
        if not self.is_first(name, name_place):
            return
        if last > number or self.looks_like_yaml(name, value):
            start = self.lines.start(number)
            block = self.lines.text[start : self.lines.start(last + 1)]
            node, problems = compose(block, self.path, first_line=number)
            found = _value_of(node, name)
            # `"Own it" is all he said` begins like a quoted value and is not one: then it is meant word for word.
            if last > number or (found is not None and not problems):
                self.problems += problems
                value = _as_text(found) if found is not None else ""
                if isinstance(found, Scalar):
                    place = found.place
                    self.refuse_lost_text(found)
        self.values[name] = value
        self.places[name] = place

    def looks_like_yaml(self, name: str, value: str) -> bool:
        """Whether a one-line value is quoted or a list in brackets."""
        if value[:1] in ('"', "'"):
            return True
        return name not in _PROSE and value.startswith("[") and value.endswith("]")

    def is_first(self, name: str, place: Place) -> bool:
        """Remember a name, or report that it comes twice."""
        if name in self.names:
            message = f"`{name}` is given twice, first in line {self.names[name].line}"
            advice = "keep one of them; the second was not read"
            self.problems.append(problem("duplicate-key", message, place, advice))
            return False
        self.names[name] = place
        return True

    def refuse_lost_text(self, scalar: Scalar) -> None:
        """In a block that is read as YAML a ` #` cuts the text, too."""
        if scalar.lost:
            message = f"`{scalar.lost[:60]}` is read as a comment, not as part of the text"
            advice = "put the whole value on the line of its name, or in quotes"
            self.problems.append(problem("dropped-text", message, scalar.place, advice))

    def read_toml(self) -> tuple[Head, list[Problem]]:
        """TOML between `+++` lines, as Hugo writes it."""
        import tomllib

        start = self.lines.start(2)
        text = self.lines.text[start : self.lines.start(self.close)].replace("\r\n", "\n").replace("\r", "\n")
        try:
            table = {name: _toml_text(value) for name, value in tomllib.loads(text).items()}
        except (ValueError, RecursionError) as error:
            self.problems.append(self.bad_toml(error))
            return self.result()
        lines = [(number, self.lines.line(number)) for number in range(2, self.close)]
        found = [(number, match) for number, line in lines if (match := _TOML_KEY.fullmatch(line))]
        for name, value in table.items():
            number, match = next(((n, m) for n, m in found if m.group(1) == name), (2, None))
            column, end = match.span(2) if match else (0, 1)
            self.names[name] = Place(self.path, number, match.start(1) + 1 if match else 1, len(name) if match else 1)
            self.places[name] = Place(self.path, number, column + 1, max(1, end - column))
            self.values[name] = value
        return self.result()

    def bad_toml(self, error: ValueError | RecursionError) -> Problem:
        """Why it is not TOML, and where."""
        match = _TOML_PLACE.search(str(error))
        place = Place(self.path, 2)
        if match:
            line = min(int(match.group(1)) + 1, self.close)
            column = min(int(match.group(2)), len(self.lines.line(line)) + 1)
            place = Place(self.path, line, max(1, column))
        what = "nested too deeply" if isinstance(error, RecursionError) else _TOML_PLACE.sub("", str(error)).strip()
        advice = "quote the texts, or use `---` lines and `name: value`"
        return problem("bad-front-matter", f"this is not TOML: {what[:120].lower()}", place, advice)


def _value_of(node: Node | None, name: str) -> Node | None:
    """The value of the one entry that was composed."""
    if isinstance(node, Table):
        return next((entry.value for entry in node.entries if entry.key == name), None)
    return None


def _as_text(node: Node) -> str:
    """A value as one text: the items of lists are joined by commas, and so are the entries of tables."""
    if isinstance(node, Scalar):
        return " ".join(node.text.split("\n")).strip()
    if isinstance(node, Listing):
        return ", ".join(_as_text(item) for item in node.items)
    if isinstance(node, Table):
        return ", ".join(f"{entry.key}: {_as_text(entry.value)}" for entry in node.entries)
    return ""


def _toml_text(value: object) -> str:
    """A TOML value as one text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list):
        return ", ".join(_toml_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_toml_text(item)}" for key, item in value.items())
    # Python refuses to write whole numbers of thousands of digits in decimal.
    return hex(value) if isinstance(value, int) and abs(value) > 10**18 else str(value)
