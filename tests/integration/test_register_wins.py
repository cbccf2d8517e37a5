"""Registering raced against a step of the invitation that is due: nothing is marked after the seat was committed.

Two threads on one database, on either engine, started together for each reader. DRIP_REGISTERING sets how many.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic_ns

import pytest

from drip.core.events import AskedToRegister, ConfirmedRegistration
from drip.core.records import Delivery, EnrollmentState, RegistrationId
from drip.engine import registering
from drip.engine.advance import advance_due
from drip.store.store import Store
from tests.stages import EVIDENCE, Ground, open_ground

RACES = int(os.environ.get("DRIP_REGISTERING", "24"))
CAMPAIGN = "six-deadly-mistakes"
THIRD = "linkedin-is-not-a-hangout"
OWNER = "racer"


def third_step(ground: Ground) -> list[tuple[Delivery, RegistrationId]]:
    """For each reader the third step of the invitation, claimed, and a seat that was asked for."""
    ground.edit(f"campaigns/{CAMPAIGN}/campaign.yaml", "seats: 100", f"seats: {RACES}")
    ground.apply()
    people = [ground.join(f"r{number}@example.org") for number in range(RACES)]
    for moment in ("2026-11-23 14:00", "2026-11-25 14:31"):
        ground.at(moment)
        ground.tick()
    now = ground.at("2026-11-30 14:31")
    advance_due(ground.store, ground.engine.scene, now)
    with ground.store.write() as work:
        claimed = work.claim(OWNER, now, RACES).deliveries
    assert [each.post for each in claimed] == [THIRD] * RACES
    asked = {}
    for number, who in enumerate(people):
        event = AskedToRegister(f"r{number}@example.org", CAMPAIGN, "tuesday-noon", EVIDENCE)
        seat = ground.engine.happen(event, now).registration_id
        assert seat is not None
        asked[who] = seat
    return [(each, asked[each.subscriber_id]) for each in claimed]


def race(ground: Ground) -> tuple[int, int, int]:
    """How often the step was marked after the seat had been committed, how often it was marked, and refused."""
    wrong = granted = refused = 0
    start = threading.Barrier(2)
    pairs = third_step(ground)
    now = ground.clock.now()

    def register(seat: RegistrationId) -> int:
        start.wait()
        assert ground.engine.happen(ConfirmedRegistration(seat, EVIDENCE), now).what == "booked"
        return monotonic_ns()

    with ThreadPoolExecutor(1) as pool:
        for number, (delivery, seat) in enumerate(pairs):
            booked = pool.submit(register, seat)
            start.wait()
            if number % 3 == 0:
                booked.result()  # every third seat is certainly first; the others are as it falls
            began = monotonic_ns()
            with ground.store.write() as work:
                is_marked = delivery.id in work.mark([delivery.id], OWNER, now)
            granted, refused = granted + is_marked, refused + (not is_marked)
            wrong += is_marked and booked.result() < began
    return wrong, granted, refused


def test_no_step_is_marked_after_a_committed_seat(tmp_path: Path, disk_store: Store) -> None:
    ground = open_ground(tmp_path / "letter", disk_store)
    wrong, granted, refused = race(ground)
    assert wrong == 0
    assert granted + refused == RACES
    assert refused >= RACES // 3
    with ground.store.read() as work:
        ends = {
            (each.state, each.end_reason)
            for number in range(RACES)
            if (one := work.subscriber_by_mailbox(ground.engine.keys.mailbox_of(f"r{number}@example.org")))
            for each in work.enrollments(one.id)
            if each.sequence == "invite"
        }
    assert ends == {(EnrollmentState.GOAL, "goal-reached")}
    ground.counts_hold()


def test_a_seat_that_ends_nothing_is_found_out(
    tmp_path: Path, memory_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registering, "signal", lambda *_, **__: None)
    monkeypatch.setattr("tests.integration.test_register_wins.RACES", 3)
    ground = open_ground(tmp_path / "letter", memory_store)
    wrong, _, _ = race(ground)
    assert wrong > 0
