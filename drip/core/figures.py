"""The lines of a plan, and the numbers of people that they speak of. Data only.

What is not known is left out of a line: without a database nothing is known of people. Called by `drip.core.plan`,
which makes the lines, and by `drip.engine.planning`, which finds the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NEW, REMOVED, CHANGED, MOVED = "+", "-", "~", ">"

Numbers = Mapping[str, int]
NO_NUMBERS: Numbers = MappingProxyType({})


Kept = Mapping[str, Mapping[int, int]]
"""For each sequence, how many people keep which revision of it, by its number."""
NOBODY: Kept = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One change: its sign, what it is about (`step invite/last-seats`), what changes, and for whom.

    `hint` says what to write if something else was meant.
    """

    sign: str
    subject: str
    what: str
    effect: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """How many people changes concern.

    By the identity of a wanted step: for how many the next run does it (`at_once`), and who waits for it after that
    run (`later`), for the sequences that are `known`. `readers` are those to whom a broadcast (post, list,
    moment) would go now.
    """

    at_once: Numbers = field(default_factory=lambda: NO_NUMBERS)
    later: Numbers = field(default_factory=lambda: NO_NUMBERS)
    readers: Mapping[tuple[str, str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    known: frozenset[str] = frozenset()


UNKNOWN = Figures()


def people(count: int) -> str:
    """A number with its noun: `1 person`, `12 people`, `nobody`."""
    if count == 0:
        return "nobody"
    return "1 person" if count == 1 else f"{count:,} people"
