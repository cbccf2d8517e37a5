"""Registrants at random moments, runs at random gaps: each reminder goes once, inside its window, or is accounted for.

DRIP_REMINDED=1000 plays as many people as that.
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from drip.core.records import Did, RegistrationId
from drip.store.store import open_store
from tests.stages import Ground, open_ground

PEOPLE = int(os.environ.get("DRIP_REMINDED", "40"))
STARTS = datetime(2026, 12, 8, 17, 0, tzinfo=UTC)
WINDOWS = {
    "see-you-tomorrow": (timedelta(days=1), timedelta(hours=6)),
    "starting-in-an-hour": (timedelta(hours=1), timedelta(minutes=20)),
    "we-are-live": (timedelta(minutes=10), timedelta(0)),
}
GAPS = (1, 1, 2, 5, 5, 15, 60, 300)


def play(ground: Ground, chance: random.Random) -> dict[str, datetime]:
    """Let people register and runs happen; whom it was when."""
    moments = sorted(STARTS - timedelta(minutes=chance.choice((3, 12, 40, 70, 400, 1500, 4000))) for _ in range(PEOPLE))
    booked: dict[str, datetime] = {}
    now = moments[0] - timedelta(minutes=1)
    # Whoever registers between two runs does so, however long the gap and whether it leads beyond the start.
    while moments or now < STARTS + timedelta(minutes=30):
        while moments and moments[0] <= now:
            ground.clock.set(moments.pop(0))
            who = f"reader{len(booked)}@example.org"
            ground.register(who, "tuesday-noon")
            booked[who] = ground.clock.now()
        ground.clock.set(now)
        ground.tick()
        now += timedelta(minutes=chance.choice(GAPS))
    return booked


@pytest.mark.parametrize("seed", [1, 2])
def test_each_reminder_goes_once_inside_its_window_or_says_why_not(tmp_path: Path, seed: int) -> None:
    store = open_store("sqlite:///:memory:", root=tmp_path)
    store.create_or_check()
    ground = open_ground(tmp_path / "project", store)
    ground.edit("campaigns/six-deadly-mistakes/campaign.yaml", "seats: 100", f"seats: {PEOPLE}")
    ground.apply()
    booked = play(ground, random.Random(seed))
    assert len(booked) == PEOPLE
    sent = 0
    for who, registered in booked.items():
        posts = ground.transport.posts(who)
        assert len(posts) == len(set(posts)), f"{who} got a post twice"
        for wire in (each for each in ground.transport.sent if each.recipient == who):
            post = next((each for each in WINDOWS if f":{each}:".encode() in wire.data), None)
            if post is None:
                continue
            at = parsedate_to_datetime(
                next(line for line in wire.data.decode("ascii").split("\r\n") if line.startswith("Date: "))[6:]
            )
            opens, ends = (STARTS - each for each in WINDOWS[post])
            assert opens <= at <= ends, f"{post} for {who} outside of its window"
            assert at >= registered + timedelta(minutes=15), f"{post} for {who} right after the confirmation"
            sent += 1
    with store.read() as work:
        reminded = [
            each
            for registration in work.registrations("six-deadly-mistakes")
            for each in work.enrollments(registration.subscriber_id)
            if each.sequence == "remind" and each.registration_id == RegistrationId(registration.id)
        ]
    done = [each for one in reminded for each in one.done if each.step.partition("/")[2] in WINDOWS]
    assert len(done) == len(WINDOWS) * PEOPLE, "sent and skipped are all that was planned"
    assert sum(each.did is Did.SENT for each in done) == sent > 0
    assert all(each.reason for each in done if each.did is Did.SKIPPED)
    assert {each.did for each in done} == {Did.SENT, Did.SKIPPED}
    ground.counts_hold()
    store.close()
