"""An event loop in which time passes only while everybody waits: eight minutes at a pace take no longer than the work.

Used by tests of paces, with a clock that reads it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class _Patient(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Never waits: it says how long it would have."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        assert found or timeout is not None, "everybody waits, and nothing will ever happen"
        if not found and timeout:
            self.waited += timeout
        return found


class FastLoop(asyncio.SelectorEventLoop):
    """The loop; `now` is its clock."""

    def __init__(self, start: datetime) -> None:
        self._patient = _Patient()
        self._start = start
        super().__init__(self._patient)

    def time(self) -> float:
        return self._patient.waited

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._patient.waited)


def run_fast(start: datetime, story: Any) -> None:
    """Run `story(loop)` in a loop whose time begins at `start`."""
    loop = FastLoop(start)
    try:
        work: Coroutine[Any, Any, None] = story(loop)
        loop.run_until_complete(work)
    finally:
        loop.close()
