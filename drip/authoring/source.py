"""Reads the author's YAML as text: a tree in which every scalar is a string and knows its place.

PyYAML's usual loaders turn `9:30` into 570 and `no` into False, so only its events are used; meaning is given
by the schema of `drip.authoring.keys`. Faults become Problems, all that can be found in one reading. Never
raises on bad input, never reads files. Called by the readers of drip.yaml, campaign.yaml and posts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from drip.authoring.problems_catalogue import problem
from drip.core.problems import Place, Problem

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 20  # campaign.yaml needs 6; the bound keeps hostile nesting from costing anything

_LINE_END = re.compile(r"\r\n|\r|\n")
# What YAML refuses in a stream (YAML 1.1 §5.1), and NEL, which it would take for the end of a line.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# UTF-8 that was read as Windows-1252 or Latin-1 leaves these behind, and U+FFFD marks bytes that were no text.
_DAMAGE = re.compile("â€.?|Ã[\u0080-\u00bf]|Â[\u00a0©®°]|ï»¿|[\u0080-\u009f]+|\ufffd+")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+")
_CUT_PROSE = re.compile(r" #\S.*")


class Lines:
    """The lines of a text, to turn offsets into places. A line ends at LF, CR LF or CR, as in YAML."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def __len__(self) -> int:
        return len(self._starts)

    def line(self, number: int) -> str:
        """The text of a line (from 1) without its end; empty beyond the text."""
        if not 1 <= number <= len(self._starts):
            return ""
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[self._starts[number - 1] : end].rstrip("\r\n")

    def start(self, number: int) -> int:
        """The offset at which a line (from 1) begins."""
        return self._starts[min(max(number, 1), len(self._starts)) - 1]

    def place(self, path: str, start: int, end: int) -> Place:
        """The place of `text[start:end]`, cut at the end of its first line."""
        number = bisect_right(self._starts, start)
        column = start - self._starts[number - 1]
        width = min(end - start, len(self.line(number)) - column)
        return Place(path, number, column + 1, max(1, width))


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text value. `lost` is what YAML took for a comment although it looks like prose: ` #1 mistake`."""

    text: str
    place: Place
    is_plain: bool = True
    is_block: bool = False
    lost: str = ""

    def within(self, column: int, width: int) -> Place:
        """The place of a part of the text, `column` from 0; the whole value where that cannot be told."""
        shift = column if self.is_plain else column + 1
        # One column past the end is where something is missing.
        if self.is_block or column < 0 or shift > self.place.width:
            return self.place
        width = min(width, self.place.width - shift)
        return Place(self.place.path, self.place.line, self.place.column + shift, max(1, width))

    def place_of(self, part: str) -> Place:
        """The place of the last occurrence of `part` in the text, or of the whole value."""
        column = self.text.rfind(part) if part else -1
        return self.within(column, len(part)) if column >= 0 else self.place


@dataclass(frozen=True, slots=True)
class Listing:
    """A YAML sequence."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a table."""

    key: str
    place: Place
    value: Node


@dataclass(frozen=True, slots=True)
class Table:
    """A YAML mapping; duplicate keys have been reported and dropped."""

    entries: tuple[Entry, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Broken:
    """A value that was already reported, such as an alias: nothing more is to be said about it."""

    place: Place


Node = Scalar | Listing | Table | Broken


@dataclass(slots=True)
class _Frame:
    """A collection whose end has not been read yet."""

    event: yaml.CollectionStartEvent
    nodes: list[Node] = field(default_factory=list)


def compose(text: str, path: str, *, first_line: int = 1) -> tuple[Node | None, list[Problem]]:
    """The tree of a YAML text, and its faults. None if the text cannot be read as YAML at all.

    `first_line` is the number of the text's first line in its file (for blocks in front matter).
    """
    return _Composer(text, path, first_line).compose()


def text_faults(text: str, path: str) -> Iterator[Problem]:
    """Damaged encoding and control characters, one problem of each kind for a line, ten for a file."""
    lines = Lines(text)
    found: dict[tuple[str, int], Problem] = {}
    for name, pattern in (("damaged-text", _DAMAGE), ("control-character", _CONTROL)):
        for match in pattern.finditer(text):
            place = lines.place(path, match.start(), match.end())
            if name == "damaged-text":
                message = f"`{match.group()}` looks like text that was read in the wrong encoding"
                advice = "write the character that was meant, such as — or ’ or é, and save the file as UTF-8"
            else:
                message = f"the character U+{ord(match.group()[0]):04X} cannot be printed"
                advice = "delete it; it may be invisible in your editor"
            found.setdefault((name, place.line), problem(name, message, place, advice))
            if len(found) >= 10:
                return iter(found.values())
    return iter(found.values())


class _Composer:
    """Builds the tree from PyYAML's events, without recursion."""

    def __init__(self, text: str, path: str, first_line: int) -> None:
        self.text = _UNPRINTABLE.sub("\ufffd", text)
        self.path = path
        self.shift = first_line - 1
        self.lines = Lines(self.text)
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.frames: list[_Frame] = []
        self.is_broken = False

    def compose(self) -> tuple[Node | None, list[Problem]]:
        """Read all events; stop at what makes the rest meaningless."""
        try:
            for event in yaml.parse(self.text, Loader=yaml.BaseLoader):
                if not self.take(event):
                    break
        except yaml.MarkedYAMLError as error:
            self.report_bad_yaml(error)
            return None, self.problems
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # PyYAML lets a few lower errors through, such as chr() of a huge \U escape.
            self.note("bad-yaml", f"this is not YAML: {error}", Place(self.path, 1 + self.shift))
            return None, self.problems
        if self.is_broken:
            return None, self.problems
        if self.root is None:
            self.root = Table((), Place(self.path, 1 + self.shift))
        return self.root, self.problems

    def take(self, event: yaml.Event) -> bool:
        """Take in one event; False ends the reading."""
        if isinstance(event, yaml.DocumentStartEvent):
            return self.take_document(event)
        if isinstance(event, yaml.NodeEvent):
            self.refuse_decoration(event)
        if isinstance(event, yaml.CollectionStartEvent):
            self.frames.append(_Frame(event))
            if len(self.frames) > MAX_DEPTH:
                self.is_broken = True
                message = f"this is nested more than {MAX_DEPTH} levels deep"
                self.note("deep-nesting", message, self.place_of(event), "was a bracket left open?")
                return False
        elif isinstance(event, yaml.ScalarEvent):
            self.add(self.scalar(event))
        elif isinstance(event, yaml.AliasEvent):
            self.add(Broken(self.place_of(event)))
        elif isinstance(event, yaml.CollectionEndEvent):
            frame = self.frames.pop()
            is_table = isinstance(frame.event, yaml.MappingStartEvent)
            self.add(self.table(frame) if is_table else Listing(tuple(frame.nodes), self.place_of(frame.event)))
        return True

    def take_document(self, event: yaml.DocumentStartEvent) -> bool:
        """Only one document, and no directives."""
        place = self.place_of(event)
        if self.root is not None:
            self.note(
                "several-documents", "a second document begins here", place, "remove this line; a file is one document"
            )
            return False
        if event.version or event.tags:
            self.note("bad-yaml", "lines that begin with `%` mean nothing here", place, "remove the directive above")
        return True

    def refuse_decoration(self, event: yaml.NodeEvent) -> None:
        """Anchors, aliases and tags make a file mean something else than it shows."""
        if isinstance(event, yaml.AliasEvent):
            advice = "write the value out; nothing in a campaign is long enough to need an alias"
            self.note(
                "anchor", f"`*{event.anchor}` is a YAML alias, which drip does not follow", self.place_of(event), advice
            )
        elif event.anchor:
            place = self.place_at(event, len(event.anchor) + 1)
            self.note("anchor", f"`&{event.anchor}` is a YAML anchor, which drip does not use", place, "remove it")
        tag = getattr(event, "tag", None)
        if tag is not None:
            advice = "remove it, or put the value in quotes if the `!` belongs to the text"
            self.note("tag", "this YAML tag has no meaning here: every value is text", self.place_at(event, 1), advice)

    def scalar(self, event: yaml.ScalarEvent) -> Scalar:
        """A text value with its place, and what was cut off behind it."""
        is_plain = event.style is None
        end = _index(event.end_mark)
        lost = ""
        if is_plain and event.value:
            line_end = _LINE_END.search(self.text, end)
            rest = self.text[end : line_end.start() if line_end else len(self.text)]
            # Two or more spaces before `#` set off a comment; one space and no space behind it is prose.
            match = _CUT_PROSE.fullmatch(rest)
            lost = match.group().strip() if match else ""
        return Scalar(event.value, self.place_of(event), is_plain, event.style in ("|", ">"), lost)

    def table(self, frame: _Frame) -> Table:
        """Pair keys and values; report keys that are not text or come twice."""
        entries: dict[str, Entry] = {}
        for key, value in zip(frame.nodes[::2], frame.nodes[1::2], strict=False):
            if not isinstance(key, Scalar):
                self.note("bad-yaml", "a key must be a plain word", key.place, "write `key: value`")
            elif key.text in entries:
                first = entries[key.text].place.line
                message = f"`{_clip(key.text)}` is given twice, first in line {first}"
                self.note("duplicate-key", message, key.place, "keep one of them; the second was not read")
            else:
                entries[key.text] = Entry(key.text, key.place, value)
        return Table(tuple(entries.values()), self.place_of(frame.event))

    def add(self, node: Node) -> None:
        """Put a finished node into its collection."""
        if self.frames:
            self.frames[-1].nodes.append(node)
        else:
            self.root = node

    def report_bad_yaml(self, error: yaml.MarkedYAMLError) -> None:
        """Say what PyYAML could not read, in words an author knows."""
        mark = error.problem_mark or error.context_mark
        index = min(mark.index, len(self.text)) if mark else 0
        what = " ".join(filter(None, (error.context, error.problem))).replace("\\t", "tab")
        message, advice = next((known[1:] for known in _KNOWN_FAULTS if known[0] in what), ("", ""))
        place = self.shifted(self.lines.place(self.path, index, index + 1))
        self.note("bad-yaml", message or f"this is not YAML: {_clip(what, 200)}", place, advice)

    def note(self, name: str, message: str, place: Place, advice: str = "") -> None:
        """Collect one problem."""
        self.problems.append(problem(name, message, place, advice))

    def place_of(self, event: yaml.Event) -> Place:
        """Where an event's text stands."""
        return self.shifted(self.lines.place(self.path, _index(event.start_mark), _index(event.end_mark)))

    def place_at(self, event: yaml.Event, width: int) -> Place:
        """The first characters of an event's text."""
        start = _index(event.start_mark)
        return self.shifted(self.lines.place(self.path, start, start + width))

    def shifted(self, place: Place) -> Place:
        """The place in the file that this text is a part of."""
        if not self.shift:
            return place
        return Place(place.path, place.line + self.shift, place.column, place.width)


# What PyYAML says, what we say, and how to mend it. The first that matches counts.
_KNOWN_FAULTS = (
    ("'tab' that cannot start", "a tab cannot indent a line here", "indent with spaces"),
    ("'\t' that cannot start", "a tab cannot indent a line here", "indent with spaces"),
    (
        "mapping values are not allowed here",
        "a `:` is not expected here",
        "put the value in quotes if it has `: ` in it; else check the indentation of this line",
    ),
    ("'%' that cannot start", "a value cannot begin with `%`", "put the value in quotes"),
    ("'@' that cannot start", "a value cannot begin with `@`", "put the value in quotes"),
    ("'`' that cannot start", "a value cannot begin with a backtick", "put the value in quotes"),
    (
        "could not find expected ':'",
        "a `key: value` was expected up to here",
        "check the line above: is a `:` missing, or is its indentation wrong?",
    ),
    ("expected <block end>", "this line does not fit the lines above it", "check its indentation"),
    ("found unexpected end of stream", "a quote or bracket that was opened is never closed", "close it"),
    (
        "unknown escape character",
        "this `\\` escape is not known in double quotes",
        "use single quotes, or write `\\\\`",
    ),
    ("while scanning an alias", "a value cannot begin with `*`", "put the value in quotes"),
    ("while scanning an anchor", "a value cannot begin with `&`", "put the value in quotes"),
)


def _index(mark: object) -> int:
    """The offset of a mark; PyYAML gives one to every event, though its types do not say so."""
    return int(getattr(mark, "index", 0))


def _clip(text: str, width: int = 60) -> str:
    """Short enough to quote in a message."""
    return text if len(text) <= width else f"{text[: width - 1]}…"
