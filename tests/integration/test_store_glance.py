"""The glance of an idle run says what a proper look says, at every moment of a campaign's life."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from drip.core.clicks import SETTLES
from drip.core.delivery import Outcome, OutcomeKind
from drip.core.events import AskedToJoin, LinkFetched
from drip.simulate import next_moment
from drip.store.glance import EPOCH, MICROSECOND, PRUNED_EVERY, Glance, glance
from drip.store.store import open_store
from tests.integration.test_clicks import NUDGE, PLOT, reader, wait
from tests.stages import EVIDENCE, Ground, open_ground


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    store = open_store("sqlite:///drip.db", root=tmp_path)
    store.create_or_check()
    return open_ground(tmp_path / "project", store)


def look(ground: Ground) -> Glance | None:
    return glance("sqlite:///drip.db", ground.folder.parent, "somebody", ground.clock.now())


def agree(ground: Ground) -> None:
    """Whoever glances knows as much as whoever looks: idle or not, and the next moment."""
    seen = look(ground)
    if seen is not None:
        assert ground.engine.is_idle(ground.clock.now())
        assert seen.next_at == next_moment(ground.engine)


def test_a_glance_agrees_with_a_look_through_a_campaign(ground: Ground) -> None:
    agree(ground)
    ground.join("ann@example.org")
    assert look(ground) is None, "somebody is due at once"
    ground.tick()
    ground.register("ann@example.org", "tuesday-noon")
    idle = 0
    for hours in range(0, 24 * 22, 5):
        ground.clock.set(ground.at("2026-11-23 15:00") + timedelta(hours=hours))
        agree(ground)
        ground.tick()
        agree(ground)
        idle += look(ground) is not None
    assert idle > 50, "most moments are idle, and a glance is enough"


def test_a_click_that_waits_is_seen_by_both(ground: Ground) -> None:
    ground.edit(PLOT, "  remind:", NUDGE)
    ground.apply()
    _, mail = reader(ground)
    ground.engine.happen(LinkFetched(mail, "https://example.com/"), ground.clock.now())
    seen = look(ground)
    assert seen is not None
    assert seen.next_at == ground.clock.now() + SETTLES
    agree(ground)
    wait(ground, SETTLES)
    assert look(ground) is None


def test_a_glance_does_not_overlook_what_is_unusual(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.tick()
    assert look(ground) is not None
    path = ground.folder.parent / "drip.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE delivery SET state = 'sending', owner = 'dead'")
    assert look(ground) is None, "a run is at work, or dead"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE delivery SET state = 'sent', owner = NULL")
        connection.execute("UPDATE schema_version SET version_num = '9999'")
    assert look(ground) is None, "another schema"
    assert glance("postgresql://x", Path(), "o", ground.clock.now()) is None
    assert glance("sqlite:///nowhere.db", ground.folder, "o", ground.clock.now()) is None
    assert not (ground.folder / "nowhere.db").exists()


def test_a_lost_confirmation_is_looked_at_properly(ground: Ground) -> None:
    ground.engine.happen(AskedToJoin("ann@example.org", "job-seekers", EVIDENCE), ground.clock.now())
    ground.transport.answer = lambda _: Outcome(OutcomeKind.UNCERTAIN)
    ground.tick()
    assert look(ground) is None


def test_nothing_applied_is_looked_at_properly(tmp_path: Path) -> None:
    store = open_store("sqlite:///drip.db", root=tmp_path)
    store.create_or_check()
    ground = Ground(tmp_path / "project", store)
    assert look(ground) is None


def test_old_idle_runs_go_and_the_others_stay(ground: Ground) -> None:
    path = ground.folder.parent / "drip.db"
    with sqlite3.connect(path) as connection:
        now = (ground.clock.now() - EPOCH) // MICROSECOND
        rows = [
            (1, 1, "a", 0, ""),
            (2, 1, "b", 7, ""),
            (3, 1, "c", 0, "relay down"),
            (PRUNED_EVERY - 1, now, "d", 0, ""),
        ]
        connection.executemany("INSERT INTO run (id, started_at, owner, sent, note) VALUES (?, ?, ?, ?, ?)", rows)
    assert look(ground) is not None
    with sqlite3.connect(path) as connection:
        owners = [row[0] for row in connection.execute("SELECT owner FROM run ORDER BY id")]
    assert owners == ["b", "c", "d", "somebody"]
