"""`drip status` says beforehand when the pace cannot get a reminder to everybody in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drip.core.rush import Rush
from drip.reports.status import gather
from drip.store.store import Store
from tests.stages import Ground, open_ground

NOON = datetime(2026, 12, 8, 12, tzinfo=UTC)


def test_the_window_times_the_pace_or_the_quota() -> None:
    rush = Rush("c", "starting-in-an-hour", "noon", NOON, NOON + timedelta(minutes=40), 12_000)
    assert rush.in_time(60, None) == 2_400
    assert rush.in_time(1_000, None) == 12_000
    assert rush.in_time(None, 500) == 500
    assert rush.in_time(60, 500) == 500
    assert rush.in_time(None, None) == 12_000


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (
            "pace: 1 a minute",
            "we-are-live before tuesday-noon, Tue 8 Dec 11:35: 50 readers at 1 a minute;"
            " 26 of them would be too late (Tue 8 Dec 11:59)",
        ),
        (
            "quota: 20 a day",
            "starting-in-an-hour before tuesday-noon, Tue 8 Dec 11:00: 50 readers at 20 today; 30 of them would be too",
        ),
        ("pace: 10 a minute", ""),
        ("lanes: 3", ""),
    ],
)
def test_status_foresees_it(store: Store, tmp_path: Path, terms: str, said: str) -> None:
    ground = open_ground(tmp_path, store)
    ground.edit("drip.yaml", "- folder: outbox", f"- folder: outbox\n    {terms}")
    ground.at("2026-12-06 15:00")
    for number in range(50):
        ground.register(f"r{number}@example.org", "tuesday-noon")
    told = [each.text for each in gather(reopened(ground), ground.clock.now()).needs if each.name == "too-slow"]
    assert bool(told) == bool(said)
    assert not said or any(said in each for each in told)


def reopened(ground: Ground):  # type: ignore[no-untyped-def]
    """The project with its files read anew, over the same store."""
    from drip.project import open_project

    project = open_project(ground.folder, clock=ground.clock)
    project._store, project._engine, project._keys = ground.store, ground.engine, ground.engine.keys
    return project
