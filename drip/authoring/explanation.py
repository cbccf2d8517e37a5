"""What `drip explain NAME` and docs/problems.md say about one kind of problem. Data only."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from drip.core.problems import Rank


@dataclass(frozen=True, slots=True)
class Explanation:
    """One entry of the catalogue: a stable name, its rank, why it matters, and how it looks when mended."""

    name: str
    rank: Rank
    text: str
    mended: str

    def __str__(self) -> str:
        """As `drip explain` prints it: the reason, and how it looks when mended."""
        example = "\n".join(f"  {line}".rstrip() for line in self.mended.splitlines())
        return f"{textwrap.fill(self.text, 100, break_on_hyphens=False)}\n\nmended, it looks like this:\n\n{example}"
