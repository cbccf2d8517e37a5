"""Mends what can be mended without touching the meaning: damaged characters, line ends, stray blanks, misspelt keys.

Strings in, strings out, with a report of each thing done; nothing is written here. Mending twice is mending once.
Called by `drip check --fix`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from drip.authoring.importing.repair import repair_text
from drip.authoring.keys import CAMPAIGN_KEYS, POST_KEYS, PROJECT_KEYS, Key
from drip.authoring.read_project import PROJECT_FILE
from drip.authoring.source import MAX_CHARACTERS, Lines, compose, text_faults
from drip.core.problems import Problem

TAB = "  "
"""What a tab in the indentation of YAML becomes; YAML itself knows no tab there."""

_LINE_END = re.compile(r"\r\n|\r")
_LEADING_TABS = re.compile(r"^[ ]*\t[ \t]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mended:
    """A text as it should be, and what was done to it."""

    text: str
    report: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rename:
    """A key that is not known and has one near neighbor."""

    problem: Problem
    old: str
    new: str


def mend_text(text: str, path: str) -> Mended:
    """One file, mended. A text that is too large to be read is left alone."""
    if len(text) > MAX_CHARACTERS:
        return Mended(text)
    mended = Mended(text)
    for mend in _MENDS:
        mended = mend(mended, path)
    return mended


def _done(before: Mended, text: str, what: str) -> Mended:
    return Mended(text, (*before.report, what)) if text != before.text else before


def _mend_mark(mended: Mended, _path: str) -> Mended:
    return _done(mended, mended.text.lstrip("\ufeff"), "took the byte order mark off")


def _mend_line_ends(mended: Mended, _path: str) -> Mended:
    return _done(mended, _LINE_END.sub("\n", mended.text), "made all line ends LF")


def _mend_characters(mended: Mended, path: str) -> Mended:
    """Repair the damaged lines, by the rules of the import, and no other."""
    lines = mended.text.split("\n")
    numbers = []
    for index, line in enumerate(lines):
        if next(text_faults(line, path), None) is None:
            continue
        whole = repair_text(line).text
        if whole != line and "\n" not in whole:
            lines[index] = whole
            numbers.append(index + 1)
    shown = ", ".join(map(str, numbers[:8])) + (", …" if len(numbers) > 8 else "")
    where = f"line {shown}" if len(numbers) == 1 else f"lines {shown}"
    return _done(mended, "\n".join(lines), f"repaired damaged characters in {where}")


def _mend_tabs(mended: Mended, path: str) -> Mended:
    """Tabs that indent YAML become blanks, if it can be read then and could not before."""
    if not path.endswith((".yaml", ".yml")) or "\t" not in mended.text or compose(mended.text, path)[0] is not None:
        return mended
    text = _LEADING_TABS.sub(lambda match: match.group().replace("\t", TAB), mended.text)
    return _done(mended, text, "indented with blanks for tabs") if compose(text, path)[0] is not None else mended


def _mend_front_matter(mended: Mended, path: str) -> Mended:
    """Blanks at the ends of lines between `---` lines. In the text below, two of them are a line break."""
    lines = mended.text.split("\n")
    if not path.endswith(".md") or lines[0].rstrip() != "---":
        return mended
    close = next((index for index, line in enumerate(lines) if index and line.rstrip() == "---"), 0)
    head = [line.rstrip(" \t") for line in lines[: close + 1]] if close else []
    text = "\n".join([*head, *lines[len(head) :]])
    return _done(mended, text, "took blanks off the ends of lines in the front matter")


def _mend_last_line(mended: Mended, _path: str) -> Mended:
    text = mended.text if not mended.text or mended.text.endswith("\n") else f"{mended.text}\n"
    return _done(mended, text, "ended the last line")


_MENDS: tuple[Callable[[Mended, str], Mended], ...] = (
    _mend_mark,
    _mend_line_ends,
    _mend_characters,
    _mend_tabs,
    _mend_front_matter,
    _mend_last_line,
)


# --- keys --------------------------------------------------------------------------------------------------


def renames(files: Mapping[str, str], problems: Iterable[Problem]) -> list[Rename]:
    """The unknown keys that can only mean one thing: there is one near key, and the check suggests it."""
    found = []
    for each in problems:
        if each.name != "unknown-key":
            continue
        place = each.place
        old = Lines(files.get(place.path, "")).line(place.line)[place.column - 1 :][: place.width]
        near = get_close_matches(old[:60], _names(place.path), n=2, cutoff=0.6)
        if len(near) == 1 and each.help.endswith(f"exists: `{near[0]}`"):
            found.append(Rename(each, old, near[0]))
    return found


def _names(path: str) -> list[str]:
    """All keys that a file can have, at any depth."""
    keys = PROJECT_KEYS if path == PROJECT_FILE else POST_KEYS if path.endswith(".md") else CAMPAIGN_KEYS
    return sorted(set(_flat(keys)))


def _flat(keys: Iterable[Key]) -> Iterator[str]:
    for key in keys:
        yield key.name
        yield from _flat(key.keys)


def rename(text: str, change: Rename) -> str:
    """The text with one key renamed."""
    place = change.problem.place
    start = Lines(text).start(place.line) + place.column - 1
    if text[start : start + len(change.old)] != change.old:
        return text
    return text[:start] + change.new + text[start + len(change.old) :]


def is_better(before: Iterable[Problem], after: Iterable[Problem]) -> bool:
    """Whether fewer problems are left, and none is there that was not there before; columns may have moved."""
    old, new = (
        [replace(each, place=replace(each.place, column=1, width=1)) for each in some] for some in (before, after)
    )
    return len(new) < len(old) and set(new) <= set(old)
