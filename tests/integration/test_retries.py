"""A retry is the same message: byte for byte, with and without a signature (promise 1, R-f)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

from drip.core.delivery import Outcome, OutcomeKind
from drip.core.message import Wire
from drip.store.store import Store
from tests.stages import ACCEPTED, open_ground

READERS = 500
TRIES = 3


def test_a_thousand_retries_are_the_same_bytes(memory_store: Store, tmp_path: Path) -> None:
    ground = open_ground(tmp_path, memory_store)
    for number in range(READERS):
        ground.join(f"r{number}@example.org", fields={"first_name": f"Zoë {number}"})
    seen: dict[str, list[str]] = defaultdict(list)

    def later(wire: Wire) -> Outcome:
        seen[wire.message_id].append(hashlib.sha256(wire.data + wire.recipient.encode()).hexdigest())
        return (
            ACCEPTED if len(seen[wire.message_id]) >= TRIES else Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "later")
        )

    ground.transport.answer = later
    for hours in range(TRIES):
        ground.engine._letters = None  # a new run: nothing is remembered
        ground.clock.set(ground.clock.now() + timedelta(hours=hours))
        ground.tick()
    assert len(seen) == READERS
    assert {len(each) for each in seen.values()} == {TRIES}, "a thousand retries"
    assert all(len(set(each)) == 1 for each in seen.values())
    assert len({each[0] for each in seen.values()}) == READERS, "and every reader has a message of their own"


def test_a_retry_speaks_of_the_moment_of_its_first_try(memory_store: Store, tmp_path: Path) -> None:
    """A reminder that waits for the relay between its making and its mark says the same minutes ever after."""
    ground = open_ground(tmp_path, memory_store)
    ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    ground.at("2026-12-08 15:58")
    ground.tick()
    ground.engine._clock = ground.clock.now
    seen: list[bytes] = []

    def later(wire: Wire) -> Outcome:
        seen.append(wire.data)
        return ACCEPTED if len(seen) == TRIES else Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "later")

    async def wait(wanted: int, *, urgent: bool = False) -> int:
        ground.clock.set(ground.clock.now() + timedelta(seconds=40))
        return wanted

    ground.transport.answer = later
    ground.transport.ready = wait  # type: ignore[method-assign]
    for _ in range(TRIES):
        ground.engine._letters = None
        ground.clock.set(ground.clock.now() + timedelta(minutes=3))
        ground.tick()
    assert len(seen) == TRIES
    assert len(set(seen)) == 1
