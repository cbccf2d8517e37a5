"""Files that are edited while readers are inside, on the real engine: rules 9 and 10, on both engines of the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from drip.core.events import Unsubscribed
from drip.core.records import SubscriberId
from drip.store.store import Store
from tests.stages import EVIDENCE, Ground, open_ground

PLOT = "campaigns/six-deadly-mistakes/campaign.yaml"
POSTS = "campaigns/six-deadly-mistakes"


@pytest.fixture
def ground(tmp_path: Path, store: Store) -> Ground:
    return open_ground(tmp_path / "project", store)


def test_rule_09_a_rename_resends_nothing_and_the_next_step_comes_at_its_time(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.tick()
    (ground.folder / POSTS / "own-the-mistake.md").rename(ground.folder / POSTS / "own-it.md")
    ground.edit(PLOT, "- send: own-the-mistake", "- was: own-the-mistake\n        send: own-it")
    ground.apply()
    assert ground.tick().sent == 0
    ground.at("2026-11-25 14:30")
    ground.tick()
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake", "two-second-resume-fix"]


def test_rule_09_a_step_that_reopens_is_made_up_for_by_whoever_is_inside(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.tick()
    (ground.folder / POSTS / "one-more-thing.md").write_text("---\nsubject: One more thing\n---\n\nIt is this.\n")
    new = "- send: one-more-thing\n        when: 1 minute later\n        reopen: yes\n      - send: own-the-mistake"
    ground.edit(PLOT, "- send: own-the-mistake", new)
    ground.apply()
    ground.at("2026-11-25 14:30")
    ground.tick()
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake", "one-more-thing"]
    ground.at("2026-11-27 14:30")
    ground.tick()
    ground.tick()
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake", "one-more-thing", "two-second-resume-fix"]


def enter_again(ground: Ground, who: SubscriberId, moment: str) -> int:
    """How often the first post has come after the reader left and came back at that moment."""
    now = ground.at(moment)
    ground.engine.happen(Unsubscribed(who, EVIDENCE, list="job-seekers"), now)
    ground.join("ann@example.org")
    ground.tick()
    return ground.transport.posts("ann@example.org").count("own-the-mistake")


def test_rule_10_a_sequence_is_entered_again_after_so_many_days(ground: Ground) -> None:
    ground.edit(PLOT, "stop: last session starts", "again: after 5 days")
    ground.apply()
    who = ground.join("ann@example.org")
    ground.tick()
    # Leaving on the 24th ends the first passage; five days later it is long enough ago, a minute before it is not.
    assert enter_again(ground, who, "2026-11-24 15:00") == 1
    assert enter_again(ground, who, "2026-11-29 14:59") == 1
    assert enter_again(ground, who, "2026-11-29 15:00") == 2


def test_rule_01_closed_days_of_the_project_hold_back_the_sequences(ground: Ground) -> None:
    ground.edit("drip.yaml", "timezone:", "closed: 2026-11-25..2026-11-26\ntimezone:")
    ground.apply()
    ground.join("ann@example.org")
    ground.tick()
    ground.at("2026-11-27 14:29")  # 9:29 in New York, on the first open day
    assert ground.tick().sent == 0
    ground.at("2026-11-27 14:30")
    assert ground.tick().sent == 1
