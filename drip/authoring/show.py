"""Shows a problem the way rustc does: name, place, the line with carets, and help. Plain text, safe on a terminal.

What authors and imports write may hold escapes, bidirectional marks or a secret: control and format characters are
made visible, secrets are cut off, long lines are cut around the carets. Called by the command line, the preview and
docs/make_problems.py. Never reads files: the texts come as an argument.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from drip.authoring.source import Lines
from drip.core.problems import Problem

MAX_LINE_COLUMNS = 120
MAX_MESSAGE_CHARACTERS = 400
TAB_COLUMNS = 4

# What stands behind the carets of these is secret.
_SECRET_PROBLEMS = frozenset({"secret-in-file", "password-in-url"})
# Joiners that emoji and some scripts need; they take no room and do no harm.
_JOINERS = frozenset("\u200c\u200d")


def render_problem(problem: Problem, files: Mapping[str, str]) -> str:
    """The problem as text, without a line end at its end."""
    place = problem.place
    text = files.get(place.path)
    line = Lines(text).line(place.line) if text is not None else ""
    gutter = " " * len(str(place.line))
    shown = [
        f"{problem.rank.value}[{problem.name}]: {visible(problem.message)[:MAX_MESSAGE_CHARACTERS]}",
        f"{gutter}--> {visible(place.path)}:{place.line}:{place.column}",
    ]
    if text is not None:
        is_secret = problem.name in _SECRET_PROBLEMS
        code, indent, width = _window(line, place.column - 1, place.width, is_secret=is_secret)
        shown += [
            f"{gutter} |",
            f"{place.line} | {code}".rstrip(),
            f"{gutter} | {' ' * indent}{'^' * width}",
        ]
    if problem.help:
        shown += [f"{gutter} |"] if text is not None else []
        shown += [f"help: {visible(problem.help)[:MAX_MESSAGE_CHARACTERS]}"]
    return "\n".join(shown)


def visible(text: str) -> str:
    """The text on one line, with everything that could steer a terminal or the eye written out."""
    return "".join(cell for cell, _ in map(_cell, text))


def _cell(character: str) -> tuple[str, int]:
    """A character as it is shown, and how many columns that takes."""
    if character == "\t":
        return " " * TAB_COLUMNS, TAB_COLUMNS
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp", "Cs") or (category == "Cf" and character not in _JOINERS):
        shown = f"<U+{ord(character):04X}>"
        return shown, len(shown)
    if category in ("Mn", "Me") or character in _JOINERS:
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _window(line: str, column: int, width: int, *, is_secret: bool) -> tuple[str, int, int]:
    """The part of a line to show, and where in it the carets stand, in display columns."""
    column = max(0, min(column, len(line)))
    end = min(len(line), column + max(1, width))
    # Only what can be seen is measured: a line may have a million characters.
    start = max(0, column - MAX_LINE_COLUMNS)
    before = [_cell(each) for each in line[start:column]]
    marked = [_cell(each) for each in line[column : min(end, column + MAX_LINE_COLUMNS)]]
    after = [] if is_secret else [_cell(each) for each in line[end : end + MAX_LINE_COLUMNS]]
    is_cut_before, is_cut_after = start > 0, end + MAX_LINE_COLUMNS < len(line)
    while _columns(marked) > MAX_LINE_COLUMNS - 2:
        marked.pop()
        after, is_cut_after = [], True
    # Half of what is left goes to each side; what one side does not need, the other gets.
    room = MAX_LINE_COLUMNS - _columns(marked)
    keep_before = min(_columns(before), max(room // 2, room - _columns(after)))
    while _columns(before) > keep_before:
        before.pop(0)
        is_cut_before = True
    while _columns(after) > room - _columns(before):
        after.pop()
        is_cut_after = True
    if is_secret:
        is_cut_after = end < len(line)
    front = "…" if is_cut_before else ""
    code = front + "".join(cell for cell, _ in (*before, *marked, *after)) + ("…" if is_cut_after else "")
    return code, len(front) + _columns(before), max(1, _columns(marked))


def _columns(cells: list[tuple[str, int]]) -> int:
    """The room that cells take up."""
    return sum(columns for _, columns in cells)
