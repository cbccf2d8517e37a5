"""A reader's break: nothing marketing comes while it lasts, and what stood still goes on with its gaps kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState
from drip.core.events import CameBack, ConfirmedSubscription, TookBreak
from drip.core.records import Kind, SubscriberId, SubscriptionState
from drip.engine.forecast import live_outlook
from drip.store import deliveries as sql
from drip.store.glance import glance
from drip.store.store import Store, open_store
from tests.stages import EVIDENCE, Ground, open_ground
from tests.visitors import open_applied

SIX = "six-deadly-mistakes"
PLOT = f"campaigns/{SIX}/campaign.yaml"
ANN, BEN = "ann@example.org", "ben@example.org"


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return open_applied(tmp_path / "project", memory_store)


@pytest.fixture
def disk_ground(tmp_path: Path, disk_store: Store) -> Ground:
    """On SQLite and on PostgreSQL."""
    return open_ground(tmp_path / "project", disk_store)


def rest(ground: Ground, who: SubscriberId, weeks: int = 2) -> str:
    return ground.engine.happen(TookBreak(who, weeks, EVIDENCE), ground.clock.now()).what


def come_back(ground: Ground, who: SubscriberId) -> str:
    return ground.engine.happen(CameBack(who, EVIDENCE), ground.clock.now()).what


def next_due(ground: Ground, who: SubscriberId) -> datetime | None:
    with ground.store.read() as work:
        return work.running(who)[0].next_due


def test_nothing_comes_and_the_gaps_are_kept(disk_ground: Ground) -> None:
    ground = disk_ground
    # No broadcast and no last session within the weeks that this is about.
    ground.edit(PLOT, "stop: last session starts", "stop: leaves job-seekers")
    ground.apply()
    who, other = ground.join(ANN), ground.join(BEN)
    ground.tick()
    ground.at("2026-11-24 14:00")  # both wait for the 25th at 14:30
    assert rest(ground, who) == "resting"
    for day in range(25, 31):
        ground.at(f"2026-11-{day} 15:00")
        ground.tick()
    ground.at("2026-12-08 13:59")  # two weeks less a minute
    ground.tick()
    assert ground.transport.posts(ANN) == ["own-the-mistake"]
    assert ground.transport.posts(BEN)[:2] == ["own-the-mistake", "two-second-resume-fix"]
    ground.at("2026-12-08 14:01")
    ground.tick()
    # Of the two days one was over when the break began; 9:30 in New York.
    assert next_due(ground, who) == datetime(2026, 12, 9, 14, 30, tzinfo=UTC)
    ground.at("2026-12-09 14:31")
    ground.tick()
    assert ground.transport.posts(ANN) == ["own-the-mistake", "two-second-resume-fix"]
    assert other
    ground.counts_hold()


def test_a_mail_that_was_planned_waits_and_stays_good(disk_ground: Ground) -> None:
    ground = disk_ground
    ground.edit(PLOT, "stop: last session starts", "stop: leaves job-seekers")
    ground.apply()
    who = ground.join(ANN)
    # Planned, claimed by a run that is at work, and not marked.
    from drip.engine.advance import advance_due

    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    with ground.store.write() as work:
        claimed = work.claim("a run", ground.clock.now(), 5)
    rest(ground, who, 4)
    with ground.store.write() as work:
        mine = work.deliveries(who)[-1]
        assert not work.mark([mine.id], "a run", ground.clock.now())
    assert [each.id for each in claimed.deliveries] == [mine.id]
    assert mine.state is DeliveryState.DUE
    assert mine.due_at == ground.clock.now() + timedelta(weeks=4)
    ground.tick()
    assert ground.transport.posts(ANN) == []
    ground.at("2026-12-21 15:31")
    ground.tick()
    assert ground.transport.posts(ANN) == ["own-the-mistake"]


def test_coming_back_early_lets_all_go_on_at_once(ground: Ground) -> None:
    who = ground.join(ANN)
    rest(ground, who, 8)
    ground.tick()
    assert ground.transport.posts(ANN) == []
    ground.at("2026-11-24 15:00")
    assert come_back(ground, who) == "back"
    ground.tick()
    assert ground.transport.posts(ANN) == ["own-the-mistake"]
    assert come_back(ground, who) == "same"


def test_a_break_said_again_is_that_long_from_now(ground: Ground) -> None:
    who = ground.join(ANN)
    rest(ground, who, 8)
    began = ground.clock.now()
    ground.at("2026-11-24 15:00")
    rest(ground, who, 2)
    with ground.store.read() as work:
        person = work.subscriber(who)
    assert person is not None
    assert [(each.began_at, each.ends_at) for each in person.breaks] == [
        (began, ground.clock.now() + timedelta(weeks=2)),
    ]


def test_a_broadcast_is_skipped_with_its_reason(disk_ground: Ground) -> None:
    """Also one whose mail was planned before the break: the mark asks, so the reader's word wins."""
    ground = disk_ground
    who, other = ground.join(ANN), ground.join(BEN)
    ground.tick()
    rest(ground, who)
    ground.at("2026-12-01 14:01")
    ground.tick()
    assert "december-letter" in ground.transport.posts(BEN)
    assert "december-letter" not in ground.transport.posts(ANN)
    with ground.store.read() as work:
        letters = [each for each in work.deliveries(who) if each.kind is Kind.BROADCAST]
    assert [(each.state, each.reason) for each in letters] == [(DeliveryState.SKIPPED, "on-break")]
    assert other
    ground.counts_hold()


def test_mutant_a_mark_that_does_not_ask_for_breaks_is_seen(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plants the fault that the promise is about: the broadcast then reaches a reader who is on a break."""
    from sqlalchemy import true

    who = ground.join(ANN)
    ground.tick()
    rest(ground, who)
    ground.at("2026-12-01 14:01")
    monkeypatch.setattr(sql, "MAY_GO_NOW", true())
    sql.mark_statement.cache_clear()
    try:
        ground.tick()
    finally:
        monkeypatch.undo()
        sql.mark_statement.cache_clear()
    assert "december-letter" in ground.transport.posts(ANN)


def test_a_seat_is_answered_and_reminded_of(ground: Ground) -> None:
    who = ground.join(ANN)
    ground.tick()
    rest(ground, who, 8)
    ground.register(ANN, "tuesday-noon")
    ground.tick()
    ground.at("2026-12-07 17:01")
    ground.tick()
    assert ground.transport.posts(ANN)[1:] == ["confirm-registration", "you-are-in", "see-you-tomorrow"]


def test_signing_up_and_confirming_ends_the_break(ground: Ground) -> None:
    who = ground.join(ANN)
    ground.tick()
    with ground.store.write() as work:
        work.end_subscription(who, "job-seekers", ground.clock.now())
        asked = work.subscribe(who, "job-seekers", SubscriptionState.PENDING, ground.clock.now())
    rest(ground, who)
    ground.at("2026-11-24 15:00")
    ground.engine.happen(ConfirmedSubscription(asked.id, EVIDENCE), ground.clock.now())
    with ground.store.read() as work:
        person = work.subscriber(who)
    assert person is not None
    assert person.break_at(ground.clock.now()) is None


def test_the_outlook_knows_it(ground: Ground) -> None:
    ground.edit(PLOT, "stop: last session starts", "stop: leaves job-seekers")
    ground.apply()
    who = ground.join(ANN)
    ground.tick()
    ground.at("2026-11-24 14:00")
    rest(ground, who)
    for _ in range(2):  # before and after a run has looked at them
        now = ground.clock.now()
        with ground.store.read() as work:
            found = live_outlook(work, ground.engine.live, now, now + timedelta(days=20))
        foreseen = sorted((each.at, each.post) for each in found.numbers)
        assert foreseen[0] == (datetime(2026, 12, 9, 14, 30, tzinfo=UTC), "two-second-resume-fix")
        assert "december-letter" not in {post for _, post in foreseen}
        ground.tick()


def test_a_glance_sees_that_nothing_is_due(tmp_path: Path) -> None:
    store = open_store("sqlite:///drip.db", root=tmp_path)
    store.create_or_check()
    ground = open_ground(tmp_path / "project", store)
    who = ground.join(ANN)
    rest(ground, who)
    ground.tick()
    seen = glance("sqlite:///drip.db", tmp_path, "me", ground.clock.now())
    store.close()
    assert seen is not None
    assert seen.next_at is not None
    assert seen.next_at > ground.clock.now()
