"""The diff of two rows of mails: those that a story tells of, and those that came.

Pure. Two mails are the same if post and minute are; `...` in the story takes up any number of them. The fewest lines
that differ are shown. Called by `drip.rehearsal.story`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from drip.core.story import Awaited

Mail = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the diff: ` ` came as told, `-` was told and did not come, `+` came and was not told, `.` may."""

    sign: str
    at: datetime
    post: str
    why: str = ""

    @property
    def is_off(self) -> bool:
        """Whether story and mails differ here."""
        return self.sign in "+-"


def compare_mails(awaited: Sequence[Awaited], got: Sequence[Mail]) -> tuple[Line, ...]:
    """The lines of the diff, in the order of the mails."""
    costs = _costs(awaited, got)
    lines: list[Line] = []
    row, column = 0, 0
    while row < len(awaited) or column < len(got):
        each = awaited[row] if row < len(awaited) else None
        mail = got[column] if column < len(got) else None
        here = costs[row][column]
        if each is not None and each.at is None:
            if mail is not None and here == costs[row][column + 1]:
                lines.append(Line(".", *mail))
                column += 1
            else:
                row += 1
        elif each is not None and mail is not None and _is_same(each, mail) and here == costs[row + 1][column + 1]:
            lines.append(Line(" ", *mail))
            row, column = row + 1, column + 1
        elif each is not None and each.at is not None and here == costs[row + 1][column] + 1:
            lines.append(Line("-", each.at, each.post))
            row += 1
        else:
            assert mail is not None, "something is left to show"
            lines.append(Line("+", *mail))
            column += 1
    return tuple(_beside(lines))


def _costs(awaited: Sequence[Awaited], got: Sequence[Mail]) -> list[list[int]]:
    """How many lines differ at least, from each pair of places on."""
    width = len(got)
    below = list(range(width, -1, -1))
    rows = [below]
    for each in reversed(awaited):
        current = [0] * (width + 1)
        current[width] = below[width] + (each.at is not None)
        for column in range(width - 1, -1, -1):
            if each.at is None:
                current[column] = min(below[column], current[column + 1])
                continue
            current[column] = 1 + min(below[column], current[column + 1])
            if _is_same(each, got[column]):
                current[column] = min(current[column], below[column + 1])
        rows.append(current)
        below = current
    return rows[::-1]


def _is_same(each: Awaited, mail: Mail) -> bool:
    minute = mail[0].replace(second=0, microsecond=0)
    return each.at == minute and each.post == mail[1]


def _beside(lines: list[Line]) -> list[Line]:
    """Within a run of lines that differ, the order of their moments; `-` stands before `+` of the same post."""
    ordered: list[Line] = []
    run: list[Line] = []
    for line in [*lines, None]:
        if line is not None and line.is_off:
            run.append(line)
            continue
        ordered += sorted(run, key=lambda each: (each.at, each.sign == "+"))
        run = []
        if line is not None:
            ordered.append(line)
    return ordered
