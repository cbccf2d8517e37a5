"""A Problem is a fault in the author's files: data, collected and shown together, never raised.

The form is rustc's: a name, a place, the line with carets, and one line of help. `drip explain NAME` and
`docs/problems.md` tell more about each name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rank(StrEnum):
    """How much a problem weighs: an error blocks `drip apply`; a warning and a note do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in the author's files. Lines and columns count from 1; `width` is in characters."""

    path: str
    line: int = 1
    column: int = 1
    width: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: `name` is stable and documented, `message` one sentence in lower case, `help` how to mend it."""

    name: str
    message: str
    place: Place
    help: str = ""
    rank: Rank = Rank.ERROR


class PhraseError(ValueError):
    """A phrase of the little languages (`when`, triggers, conditions) that cannot be read.

    `column` (from 0) and `width` point into the phrase; `help` says what would have been understood.
    """

    def __init__(self, message: str, *, column: int = 0, width: int = 1, help: str = "") -> None:  # noqa: A002 - the word users see
        super().__init__(message)
        self.message = message
        self.column = column
        self.width = max(1, width)
        self.help = help
