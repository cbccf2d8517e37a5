"""A "no" raced against the mark (promise 2): nothing is marked after an unsubscribe that was committed before.

Two threads on one database, on either engine, started together for each reader. DRIP_RACES sets how many.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic_ns

import pytest

from drip.core.delivery import DeliveryState
from drip.core.events import Unsubscribed
from drip.core.records import Delivery
from drip.engine.advance import advance_due
from drip.store.store import Store
from drip.store.work import Work
from tests.stages import EVIDENCE, Ground, open_ground

RACES = int(os.environ.get("DRIP_RACES", "150"))
OWNER = "racer"


def claimed(ground: Ground) -> list[Delivery]:
    """A delivery for each reader, claimed by one owner."""
    from drip.core.events import AddedByAuthor
    from drip.engine.happen import perform

    now = ground.clock.now()
    with ground.store.write() as work:
        scene = ground.engine.scene(work, now)
        for number in range(RACES):
            perform(scene, AddedByAuthor(f"r{number}@example.org", "job-seekers", EVIDENCE, attested=True))
    advance_due(ground.store, ground.engine.scene, now)
    with ground.store.write() as work:
        return list(work.claim(OWNER, now, RACES).deliveries)


def race(ground: Ground) -> tuple[int, int, int]:
    """How often the mark was granted after the "no" had been committed, how often it was granted, and refused."""
    now = ground.clock.now()
    wrong = granted = refused = 0
    start = threading.Barrier(2)

    def say_no(each: Delivery) -> int:
        start.wait()
        ground.engine.happen(Unsubscribed(each.subscriber_id, EVIDENCE), now)
        return monotonic_ns()

    with ThreadPoolExecutor(1) as pool:
        for number, each in enumerate(claimed(ground)):
            no = pool.submit(say_no, each)
            start.wait()
            if number % 3 == 0:
                no.result()  # every third "no" is certainly first; the others are as it falls
            began = monotonic_ns()
            with ground.store.write() as work:
                is_marked = each.id in work.mark([each.id], OWNER, now)
            granted, refused = granted + is_marked, refused + (not is_marked)
            wrong += is_marked and no.result() < began
            no.result()
    return wrong, granted, refused


def test_no_mark_is_granted_after_a_committed_no(tmp_path: Path, disk_store: Store) -> None:
    ground = open_ground(tmp_path / "letter", disk_store)
    wrong, granted, refused = race(ground)
    assert wrong == 0
    assert granted + refused == RACES
    assert refused >= RACES // 3
    with disk_store.read() as work:
        counts = work.delivery_counts()
    assert counts["sending"] == granted
    assert counts["planned"] == sum(counts[state] for state in DeliveryState)


def test_a_mark_that_does_not_ask_is_found_out(
    tmp_path: Path, memory_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: marked by looking at nothing."""
    monkeypatch.setattr(Work, "mark", lambda self, ids, owner, now: set(ids))
    wrong, _, _ = race(open_ground(tmp_path / "letter", memory_store))
    assert wrong >= RACES // 3
