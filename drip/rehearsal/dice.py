"""Chance that can be repeated: every throw is a hash of the seed and of what is thrown for.

No state and no order: the same question gets the same answer on every machine, however many others were asked before.
Called by the crowd and the relay of a rehearsal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta

MOST = 1 << 64


class Dice:
    """Answers by hash. `about` narrows it to one person or one relay."""

    def __init__(self, *words: object) -> None:
        self._words = "\x1f".join(map(str, words))

    def about(self, *words: object) -> Dice:
        """The dice of one subject."""
        return Dice(self._words, *words)

    def number(self, *words: object) -> int:
        """A whole number below 2^64."""
        said = "\x1f".join((self._words, *map(str, words)))
        return int.from_bytes(hashlib.blake2b(said.encode(), digest_size=8).digest(), "big")

    def share(self, *words: object) -> float:
        """A number from 0 up to 1."""
        return (self.number(*words) >> 11) / (MOST >> 11)

    def happens(self, chance: float, *words: object) -> bool:
        """Whether something of this chance happens."""
        return self.share(*words) < chance

    def below(self, limit: int, *words: object) -> int:
        """A whole number from 0 up to `limit`."""
        return self.number(*words) * limit // MOST

    def span(self, least: timedelta, most: timedelta, *words: object) -> timedelta:
        """A stretch of time between the two, in whole seconds."""
        seconds = int((most - least).total_seconds())
        return least + timedelta(seconds=self.below(max(1, seconds), *words))

    def pick(self, weights: Sequence[float], *words: object) -> int:
        """An index, the heavier ones more often."""
        point = self.share(*words) * sum(weights)
        for index, weight in enumerate(weights):
            point -= weight
            if point < 0:
                return index
        return len(weights) - 1
