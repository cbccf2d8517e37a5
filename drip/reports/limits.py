"""What the author's limits hold back, for `drip status`: what waits for room under `at-most:`, and what is held why.

Changes nothing. Called by `drip.reports.status`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from drip.core.reasons import ReasonName

if TYPE_CHECKING:
    from drip.project import Project
    from drip.store.work import Work

LATELY = timedelta(days=7)

ASKS_FOR_HELD: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "": (
            "held: their post cannot be filled in",
            "mend the post, `drip apply`, `drip delivery retry --all`; `drip log` tells what is wrong",
        ),
        ReasonName.LATE_ASK.value: (
            "held: too late to go unasked",
            "`drip delivery list` shows them; `drip delivery retry ID` sends one, `drip delivery cancel ID` does not",
        ),
        ReasonName.BURST.value: (
            "held: far more drip mails were due at once than usual",
            "look at them with `drip delivery list`; then `drip run --yes` sends them",
        ),
    }
)
"""Why a delivery may be held, and what the author can do about it; "" for every reason without a line of its own."""


def held_for(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    """The numbers of the held by the reasons that have a line, the plain ones first."""
    numbers: Counter[str] = Counter()
    for reason, number in reasons.items():
        numbers[reason if reason in ASKS_FOR_HELD else ""] += number
    return sorted(numbers.items())


@dataclass(frozen=True, slots=True)
class CapNumbers:
    """How many deliveries wait for room under `at-most:`, and how many were lately skipped for want of it."""

    at_most: str
    waiting: int
    skipped: int

    @property
    def line(self) -> str:
        """For people."""
        were = "was" if self.skipped == 1 else "were"
        skipped = f", {self.skipped:,} {were} skipped in the last {LATELY.days} days" if self.skipped else ""
        return f"{self.at_most}: {self.waiting:,} {'waits' if self.waiting == 1 else 'wait'} for room{skipped}"

    def as_document(self) -> dict[str, object]:
        """For machines."""
        return {"limit": self.at_most, "waiting": self.waiting, "skipped": self.skipped}


def cap_numbers(work: Work, project: Project, now: datetime) -> CapNumbers | None:
    """Those of the cap that is live; None without one."""
    live = project.engine.live.campaign(work, "")
    at_most = live.definition.at_most if live else None
    return None if at_most is None else CapNumbers(at_most.phrase, *work.count_capped(now - LATELY))
