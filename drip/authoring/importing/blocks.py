"""The pieces that an imported text is cut into, before they become Markdown.

Plain data with plain text inside: nothing here is escaped yet, that is `literal.py`'s work at the very end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prose:
    """One paragraph. More than one line means that the line breaks are part of it, as in a signature."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list; `numbered` keeps the numbers that the text had."""

    items: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    """A call to action: its words, and the address that stood beside them, if the text still had one."""

    words: str
    url: str | None = None


Block = Prose | Items | Button

_BLANK = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")


def split_blocks(text: str) -> list[list[str]]:
    """The lines of each run of lines between blank ones, stripped. Empty blocks do not occur."""
    chunks = ([line.strip() for line in chunk.split("\n")] for chunk in _BLANK.split(text))
    blocks = ([line for line in chunk if line] for chunk in chunks)
    return [block for block in blocks if block]


def count_words(text: str) -> int:
    """Words as a reader counts them: what blanks separate."""
    return len(text.split())


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 dash`, `2 dashes`: for the report."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


def shorten(text: str, limit: int = 60) -> str:
    """The beginning of a text as the report quotes it, cut at a word."""
    flat = " ".join(text.split())
    if len(flat) <= limit:
        return flat
    cut = flat[:limit].rsplit(" ", 1)[0].rstrip(" ,;:-–—")
    return f"{cut or flat[:limit]}…"


def word_set(words: str) -> frozenset[str]:
    """A set of words written as one line, for the tables of this room."""
    return frozenset(words.split())
