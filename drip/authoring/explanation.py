"""What `drip explain NAME` and docs/problems.md say about one kind of problem. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from drip.core.problems import Rank


@dataclass(frozen=True, slots=True)
class Explanation:
    """One entry of the catalogue: a stable name, its rank, why it matters, and how it looks when mended."""

    name: str
    rank: Rank
    text: str
    mended: str
