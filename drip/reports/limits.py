"""What the author's limits hold back, for `drip status`: how much waits for room under `at-most:`.

Changes nothing. Called by `drip.reports.status`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drip.project import Project
    from drip.store.work import Work

LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class CapNumbers:
    """How many deliveries wait for room under `at-most:`, and how many were lately skipped for want of it."""

    at_most: str
    waiting: int
    skipped: int

    @property
    def line(self) -> str:
        """For people."""
        skipped = f", {self.skipped:,} were skipped in the last {LATELY.days} days" if self.skipped else ""
        return f"{self.at_most}: {self.waiting:,} wait for room{skipped}"

    def as_document(self) -> dict[str, object]:
        """For machines."""
        return {"limit": self.at_most, "waiting": self.waiting, "skipped": self.skipped}


def cap_numbers(work: Work, project: Project, now: datetime) -> CapNumbers | None:
    """Those of the cap that is live; None without one."""
    live = project.engine.live.campaign(work, "")
    at_most = live.definition.at_most if live else None
    return None if at_most is None else CapNumbers(at_most.phrase, *work.count_capped(now - LATELY))
