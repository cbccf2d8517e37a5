"""All printing: answers on stdout, talk on stderr, questions, tables, JSON. The only module that prints.

Never decides anything about the project. What subscribers typed passes through `clean` on its way to the
terminal, so no command can forget it (DESIGN §2, promise 8: subscriber data is data).
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import click

from drip.errors import WrongUsage

# Control characters could move the cursor, retitle the window or type into the shell; direction marks could make
# `moc.live@` read as `evil.com`. Tab and line feed are the only ones with a plain meaning.
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
HEADING = re.compile(r"^(error|warning|note)(\[[a-z0-9-]+\])?(?=:)", re.MULTILINE)
LABEL = re.compile(r"^(\s*=?\s*)(help|hint)(?=:)", re.MULTILINE)
COLORS = {"error": "red", "warning": "yellow", "note": "cyan"}
WIDTH_OFF_TERMINAL = 200


def _shown(match: re.Match[str]) -> str:
    number = ord(match.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def clean(text: str) -> str:
    """The text with every dangerous character written out (`\\x1b`); lines and tabs stay."""
    return UNSAFE.sub(_shown, text)


def one_line(text: str) -> str:
    """The text cleaned and on one line: for a value inside a sentence or a table."""
    return clean(text).replace("\n", "\\n").replace("\t", "\\t")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: `1 message`, `2 messages`, `3 people`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def span_words(span: timedelta) -> str:
    """A span in its largest fitting unit: `40 seconds`, `3 hours`."""
    seconds = int(span.total_seconds())
    for size, noun in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (seconds >= size and noun == "minute"):
            return count(seconds // size, noun)
    return count(seconds, "second")


def mask(address: str) -> str:
    """An address that its owner recognizes and nobody else can use: `m…@example.com`."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…{at}{domain}" if at else "…"


def rfc3339(moment: datetime | None) -> str | None:
    """A moment for machines: `2026-11-24T14:30:00Z`."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_json(document: Mapping[str, object], *, indent: int | None = None) -> str:
    """One JSON document. Characters that could harm a terminal are escaped as JSON escapes them."""
    text = json.dumps(document, ensure_ascii=False, indent=indent, default=_plain)
    return re.sub(
        r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", lambda m: f"\\u{ord(m.group()):04x}", text
    )


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, frozenset | set | tuple):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


class Output:
    """Where one call of drip speaks. Global options fill the switches in."""

    def __init__(self) -> None:
        self.json = False
        self.quiet = False
        self.verbose = 0
        self.no_color = False

    def _color(self, stream: object) -> bool:
        if self.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            return False
        isatty = getattr(stream, "isatty", None)
        return bool(isatty and isatty())

    def _paint(self, text: str, stream: object) -> str:
        if not self._color(stream):
            return text
        text = HEADING.sub(lambda m: click.style(m.group(), fg=COLORS[m.group(1)], bold=True), text)
        return LABEL.sub(lambda m: m.group(1) + click.style(m.group(2), fg="cyan"), text)

    def answer(self, text: str = "") -> None:
        """A line, or lines, of the answer, on stdout."""
        click.echo(self._paint(clean(text), sys.stdout), color=True)

    def raw(self, text: str) -> None:
        """A file as the answer, byte for byte and without a line end of our own, on stdout."""
        click.echo(text, nl=False, color=True)

    def document(self, document: Mapping[str, object]) -> None:
        """One JSON document as the whole answer."""
        click.echo(to_json(document, indent=2), color=True)

    def record(self, document: Mapping[str, object]) -> None:
        """One line of JSON Lines."""
        click.echo(to_json(document), color=True)

    def talk(self, text: str) -> None:
        """What happens meanwhile, on stderr; `--quiet` silences it."""
        if not self.quiet:
            click.echo(self._paint(clean(text), sys.stderr), err=True, color=True)

    def progress(self, text: str) -> None:
        """How far something long has come, over the line before, on stderr; only where somebody watches."""
        if not self.quiet and not self.json and sys.stderr.isatty():
            # Erase to the end of the line: the line before may have been longer.
            click.echo(f"\r{one_line(text)}\x1b[K" if text else "\r\x1b[K", err=True, nl=False, color=True)

    def complain(self, text: str) -> None:
        """An error, on stderr, whatever `--quiet` says."""
        click.echo(self._paint(clean(text), sys.stderr), err=True, color=True)

    def complain_json(self, document: Mapping[str, object]) -> None:
        """An error as an object, on stderr."""
        click.echo(to_json(document), err=True, color=True)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> None:
        """Rows in columns, with headings; `right` are the columns of numbers. Wide letters count as wide."""
        # Imported here: an idle `drip run` must not pay for it.
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        on_terminal = self._color(sys.stdout)
        table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        numbers = frozenset(right)
        for index, heading in enumerate(headings):
            table.add_column(heading, justify="right" if index in numbers else "left", overflow="fold")
        for row in rows:
            # Text, not str: square brackets in a name are no markup.
            table.add_row(*(Text(one_line(cell)) for cell in row))
        buffer = io.StringIO()
        width = None if on_terminal else WIDTH_OFF_TERMINAL
        Console(file=buffer, width=width, force_terminal=on_terminal, no_color=not on_terminal).print(table)
        lines = (line.rstrip() for line in buffer.getvalue().splitlines())
        click.echo("\n".join(lines), color=True)

    def is_terminal(self) -> bool:
        """Whether somebody sits in front of this."""
        return sys.stdin.isatty() and sys.stdout.isatty()

    def ask(self, question: str, *, flag: str = "--yes") -> bool:
        """Ask on the terminal. Without one the question is an error that names the flag (exit 2)."""
        if not sys.stdin.isatty():
            raise WrongUsage(f"`{question}` needs an answer, and there is no terminal to ask on", hint=f"add `{flag}`")
        return click.confirm(clean(question), default=False, err=True)
