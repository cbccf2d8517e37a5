"""Holds back drip mails that became due in unusual numbers, until the author has looked (rule 15).

They are held before anything is claimed, all in one statement, and `drip run --yes` lets them go. Confirmations, mails
about a registration and broadcasts go on. Called by `Engine.tick` where it is asked to be careful: by `drip run`, not
by rehearsals and simulations.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.burst import ALWAYS_ALLOWED, LOOKED_BACK, Burst, allowed, usual_of
from drip.core.reasons import ReasonName
from drip.core.records import LogEntry

if TYPE_CHECKING:
    from drip.engine.live import Live
    from drip.store.store import Store
    from drip.store.work import Work

BURST = ReasonName.BURST.value
COUNTED_MAX = 10_000_000


def hold_burst(store: Store, live: Live, now: datetime) -> Burst | None:
    """Hold what is due if it is far more than usual. Most runs ask one question, which stops counting early."""
    with store.read() as work:
        times = live.project(work).definition.burst
        if times is None or find_burst(work, times, now) is None:
            return None

    def hold(work: Work) -> Burst | None:
        burst = find_burst(work, times, now)  # again, in the transaction that acts on it
        if burst is None:
            return None
        held = work.hold_drips(now)
        work.log([LogEntry(now, "burst-held", reason=BURST, detail=f"{burst.text}; {held:,} are held")])
        return Burst(held, burst.usual)

    return store.transact(hold)


def find_burst(work: Work, times: int, now: datetime) -> Burst | None:
    """What is due at once, if that is far more than usual. Changes nothing."""
    if work.count_drips_due(now, ALWAYS_ALLOWED + 1) <= ALWAYS_ALLOWED:
        return None
    usual = usual_of(work.daily_drips(now - LOOKED_BACK))
    due = work.count_drips_due(now, COUNTED_MAX)
    return Burst(due, usual) if due > allowed(usual, times) else None


def release_burst(store: Store, now: datetime) -> int:
    """Let go what was held back, as the author says; how many."""

    def release(work: Work) -> int:
        number = work.release_drips()
        if number:
            detail = f"{number:,} drip mails that were held are due again"
            work.log([LogEntry(now, "burst-released", reason=ReasonName.BY_AUTHOR.value, detail=detail)])
        return number

    return store.transact(release)
