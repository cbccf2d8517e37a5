"""Answers to invitations: noted, or answered by one mail with one button; they never free a seat by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from drip.core.events import AnsweredInvite, MovedRegistration
from drip.core.records import RegistrationState
from drip.store.store import Store
from tests.integration.test_seats import entry, seat
from tests.stages import EVIDENCE, Ground
from tests.visitors import dump, open_applied


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return open_applied(tmp_path / "project", memory_store)


def test_a_decline_is_answered_once_and_the_seat_stays(ground: Ground) -> None:
    ann = ground.register("ann@example.org", "tuesday-noon")
    ground.register("eve@example.org", "tuesday-noon")
    ground.tick()
    uid = entry(next(each for each in ground.transport.sent if b"you-are-in" in each.data and b"ann@" in each.data))[1]

    def answer(uid: str, who: str, said: str = "declined", sequence: int = 0) -> str:
        return ground.engine.happen(AnsweredInvite(uid, who, said, sequence), ground.clock.now()).what

    before = dump(ground)
    assert answer(uid, "eve@example.org") == "stranger"
    assert answer(uid, "not an address") == "stranger"
    assert answer("registration-999999@example.com", "ann@example.org") == "unknown"
    assert answer(uid.partition("@")[0] + "@elsewhere.example", "ann@example.org") == "unknown"
    assert answer("registration-1 @example.com", "ann@example.org") == "unknown"
    assert dump(ground) == before
    assert answer(uid, "ANN@example.org", "accepted") == "noted"
    assert answer(uid, "ann@example.org") == "asked"
    assert answer(uid, "ann@example.org") == "known"
    ground.tick()
    assert answer(uid, "ann@example.org") == "known"
    ground.tick()
    assert ground.transport.posts("ann@example.org").count("seat-declined") == 1
    assert seat(ground, ann).state is RegistrationState.BOOKED
    ground.engine.happen(MovedRegistration(ann, "saturday-morning", EVIDENCE), ground.clock.now())
    assert answer(uid, "ann@example.org") == "stale"
    ground.at("2026-12-12 17:00")
    assert answer(uid, "ann@example.org", sequence=1) == "over"
    with ground.store.read() as work:
        noted = [each.detail for each in work.entries() if each.kind == "invite-answered"]
    assert noted[:2] == ["accepted", "declined"]
