"""Stops a broadcast of which too many messages were refused for good, in the transaction that records the refusals.

Counts only the first outcomes of each broadcast; time-critical mails and sequences are never touched. Called by the
ledger of a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.breaker import FIRST, trips
from drip.core.delivery import DeliveryState
from drip.core.records import Delivery, Kind, LogEntry

if TYPE_CHECKING:
    from drip.store.work import Work


class Breakers:
    """The broadcasts of one run that are still in their beginning."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._past: set[str] = set()

    def note(self, work: Work, ended: Iterable[tuple[Delivery, DeliveryState]]) -> int:
        """Count what ended; how many deliveries are held because a broadcast was stopped by it."""
        accepted: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        about: dict[str, Delivery] = {}
        deferred: set[str] = set()
        for delivery, state in ended:
            if delivery.kind is not Kind.BROADCAST:
                continue
            if state is DeliveryState.DUE:
                deferred.add(delivery.occasion)
            if delivery.occasion in self._past:
                continue
            if state is DeliveryState.SENT:
                accepted[delivery.occasion] += 1
            elif state is DeliveryState.FAILED:
                refused[delivery.occasion] += 1
            else:
                continue
            about[delivery.occasion] = delivery
        # In one order everywhere: rows are held until the commit.
        held = sum(self._judge(work, about[each], accepted[each], refused[each]) for each in sorted(about))
        # What was under way when its broadcast was stopped, and came back to be tried again, stands still as well.
        return held + sum(work.hold_stopped(each) for each in sorted(deferred))

    def _judge(self, work: Work, about: Delivery, accepted: int, refused: int) -> int:
        count = work.count_outcomes(about.occasion, accepted, refused)
        total = count.accepted + count.refused
        if total >= FIRST or count.released_at is not None:
            self._past.add(about.occasion)
        if count.tripped_at is not None or not trips(count.accepted, count.refused, total - accepted - refused):
            return 0
        held = work.trip(about.occasion, self._now)
        detail = f"{count.refused} of the first {total} were refused; {held} are held"
        entry = LogEntry(self._now, "broadcast-stopped", None, about.campaign, about.post, "too-many-refused", detail)
        work.log([entry])
        return held
