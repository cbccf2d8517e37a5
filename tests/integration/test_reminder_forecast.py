"""`drip status` says beforehand when the pace cannot get a reminder to everybody in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drip.cli.telling import pace_lines
from drip.core.model import Campaign, Relay, RelayKind
from drip.core.rush import Rush
from drip.engine.telling import Change, News
from drip.reports.delivering import broadcasts_too_slow, relay_numbers, too_slow
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


def wanted(ground: Ground) -> Campaign:
    with ground.store.read() as work:
        live = ground.engine.live.campaign(work, "six-deadly-mistakes")
    assert live is not None
    assert live.campaign is not None
    return live.campaign


@pytest.mark.parametrize(
    ("readers", "per_minute", "said"),
    [
        (100, 1_200, []),
        (
            10_000,
            1_200,
            [
                "at the pace of your relays, 1,200 mails a minute, telling 10,000 people takes 9 minutes",
                "we-are-live then begins Tue 8 Dec 11:41, earlier than written, to reach 10,000 people in time",
            ],
        ),
        (
            10_000,
            300,
            [
                "at the pace of your relays, 300 mails a minute, telling 10,000 people takes 34 minutes",
                "starting-in-an-hour then begins Tue 8 Dec 10:59, earlier than written, to reach 10,000 people in time",
                "we-are-live then reaches only 7,200 of 10,000 people in time although it begins Tue 8 Dec 11:35:"
                " raise `pace:`, or share with another relay",
            ],
        ),
    ],
)
def test_a_move_says_beforehand_what_it_makes_too_slow(
    memory_store: Store, tmp_path: Path, readers: int, per_minute: int, said: list[str]
) -> None:
    ground = open_ground(tmp_path, memory_store)
    seats = tuple(f"r{number}@example.org" for number in range(readers))
    news = [News("tuesday-noon", Change.MOVED, "", seats)]
    relay = Relay(RelayKind.SMTP, host="smtp.example.net", pace_per_minute=per_minute)
    lines = pace_lines(news, wanted(ground), [relay], ground.clock.now())
    assert [each.removeprefix("  ! ") for each in lines] == said
    assert pace_lines(news, wanted(ground), [Relay(RelayKind.SMTP)], ground.clock.now()) == []


@pytest.mark.parametrize(
    ("terms", "days", "readers", "said"),
    [
        ("pace: 10 a minute", 0, 3_600, ""),
        ("pace: 10 a minute", 0, 3_601, "with 10 messages a minute only 3,600 of 3,601 readers get it within 6 hours"),
        ("quota: 100 a day", 0, 90, ""),
        ("quota: 100 a day", 0, 91, "with 90 left today only 90 of 91 readers"),
        ("quota: 100 a day", 1, 200, "with 90 a day only 90 of 200 readers"),
        ("lanes: 3", 0, 10**6, ""),
    ],
)
def test_a_broadcast_says_beforehand_who_would_be_skipped(
    memory_store: Store, tmp_path: Path, terms: str, days: int, readers: int, said: str
) -> None:
    ground = open_ground(tmp_path, memory_store)
    ground.edit("drip.yaml", "- folder: outbox", f"- folder: outbox\n    {terms}")
    project, now = reopened(ground), ground.clock.now()
    with ground.store.read() as work:
        numbers = relay_numbers(work, project, now)
    text = too_slow(project, numbers, readers, now, now + timedelta(days=days))
    assert bool(text) == bool(said)
    assert text.startswith(said)


def test_the_plan_looks_at_the_broadcasts_of_the_next_days(memory_store: Store, tmp_path: Path) -> None:
    ground = open_ground(tmp_path, memory_store)
    ground.edit("drip.yaml", "- folder: outbox", "- folder: outbox\n    quota: 10 a day")
    for number in range(20):
        ground.join(f"r{number}@example.org")
    with ground.store.read() as work:
        assert broadcasts_too_slow(reopened(ground), work, ground.clock.now()) == [], "it is more than a week ahead"
    ground.at("2026-11-28 15:00")
    with ground.store.read() as work:
        (told,) = broadcasts_too_slow(reopened(ground), work, ground.clock.now())
    assert told.startswith("six-deadly-mistakes/december-letter: with 9 a day only 9 of 20 readers get it")
