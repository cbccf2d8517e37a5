"""Who becomes due at once by an edit, as the plan says it and as it then happens, on every engine of the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from drip.engine.apply import CampaignPlan, plan, wanted_campaigns
from drip.project import read_tree
from drip.store.store import Store
from tests.stages import Ground, open_ground

PLOT = "campaigns/six-deadly-mistakes/campaign.yaml"
SECOND = "invite/two-second-resume-fix"


@pytest.fixture
def ground(tmp_path: Path, store: Store) -> Ground:
    return open_ground(tmp_path / "project", store)


def planned(ground: Ground) -> CampaignPlan:
    files, now = read_tree(ground.folder), ground.clock.now()
    campaigns, _ = wanted_campaigns(files, [], now)
    with ground.store.read() as work:
        return plan(work, ground.engine.live, files, campaigns, now, who=True)[0]


def test_a_shorter_delay_is_told_with_numbers_and_names_and_is_what_happens(ground: Ground) -> None:
    ground.join("ann@example.org", zone="America/New_York")
    ground.join("bob@example.org", zone="Asia/Kathmandu")  # where it is evening, outside the hours
    ground.join("cyd@example.org", zone="America/New_York")
    ground.tick()
    ground.at("2026-11-24 15:00")
    ground.join("dan@example.org")
    ground.tick()  # he had a mail just now, and the next one keeps its distance
    ground.edit(PLOT, "when: 2 days later at 9:30", "when: 1 hour later")
    found = planned(ground)
    assert found.plan.figures.at_once == {SECOND: 2}
    assert found.plan.figures.later[SECOND] == 2
    assert found.addresses == {SECOND: ("ann@example.org", "cyd@example.org")}
    line = next(each for each in found.plan.lines if each.subject == f"step {SECOND}")
    assert line.effect == "4 people waiting for it: 2 become due at once, 2 later"
    ground.apply()
    assert ground.tick().sent == 2
    assert ground.transport.posts("ann@example.org")[-1] == "two-second-resume-fix"
    assert ground.transport.posts("bob@example.org") == ["own-the-mistake"]


def test_a_broadcast_says_to_how_many_it_would_go(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.join("bob@example.org")
    ground.edit(PLOT, "when: 2026-12-01 09:00", "when: 2026-12-02 09:00")
    effects = {each.subject: each.effect for each in planned(ground).plan.lines}
    assert effects["broadcast december-letter"] == "unless it was sent already; 2 people as of now"
