"""Sequences and posts with another name, on the real engine: nobody gets anything twice, or drops out."""

from __future__ import annotations

from pathlib import Path

import pytest

from drip.store.store import Store
from tests.stages import Ground, open_ground

PLOT = "campaigns/six-deadly-mistakes/campaign.yaml"
POSTS = "campaigns/six-deadly-mistakes"
ANN = "ann@example.org"


@pytest.fixture
def ground(tmp_path: Path, store: Store) -> Ground:
    return open_ground(tmp_path / "project", store)


def rename_post(ground: Ground, old: str, new: str, *, told: bool = True) -> None:
    before, after = (ground.folder / POSTS / f"{each}.md" for each in (old, new))
    text = before.read_text(encoding="utf-8").replace("was: december-letter\n", "")
    after.write_text(text.replace("---\n", f"---\nwas: {old}\n", 1) if told else text, encoding="utf-8")
    before.unlink()


def test_who_is_in_a_renamed_sequence_stays_in_it(ground: Ground) -> None:
    who = ground.join(ANN)
    ground.tick()
    ground.edit(PLOT, "  invite:", "  invitation:\n    was: invite")
    ground.apply()
    assert ground.tick().sent == 0
    with ground.store.read() as work:
        found = [(each.sequence, each.state.value) for each in work.enrollments(who)]
    assert found == [("invitation", "running")]
    ground.at("2026-11-25 14:30")
    ground.tick()
    assert ground.transport.posts(ANN) == ["own-the-mistake", "two-second-resume-fix"]


def test_who_went_through_it_does_not_enter_it_anew(ground: Ground) -> None:
    ground.edit(PLOT, "      - send: two-second-resume-fix\n        when: 2 days later at 9:30\n", "")
    ground.apply()
    ground.join(ANN)
    for moment in ("2026-11-23 15:00", "2026-11-26 14:30", "2026-11-30 14:30"):
        ground.at(moment)
        ground.tick()
    ground.edit(PLOT, "  invite:", "  invitation:\n    was: invite")
    ground.apply()
    ground.join(ANN)
    ground.tick()
    assert ground.transport.posts(ANN).count("own-the-mistake") == 1


def test_without_was_it_is_another_sequence_and_people_in_the_old_one_are_out(ground: Ground) -> None:
    who = ground.join(ANN)
    ground.tick()
    ground.edit(PLOT, "  invite:", "  invitation:")
    ground.apply()
    with ground.store.read() as work:
        assert [(each.sequence, each.end_reason) for each in work.enrollments(who)] == [("invite", "sequence-removed")]


def test_a_renamed_post_is_the_same_step_and_is_not_sent_twice(ground: Ground) -> None:
    ground.join(ANN)
    ground.tick()
    rename_post(ground, "own-the-mistake", "own-it")
    ground.edit(PLOT, "- send: own-the-mistake", "- send: own-it")
    ground.apply()
    assert ground.tick().sent == 0
    ground.join("bob@example.org")
    ground.at("2026-11-25 14:30")
    ground.tick()
    assert ground.transport.posts(ANN) == ["own-the-mistake", "two-second-resume-fix"]
    assert "own-it" in ground.transport.posts("bob@example.org")


def test_a_renamed_broadcast_is_the_same_before_and_after_it_was_sent(ground: Ground) -> None:
    ground.join(ANN)
    ground.tick()
    rename_post(ground, "december-letter", "advent-letter")
    ground.edit(PLOT, "- send: december-letter", "- send: advent-letter")
    ground.apply()
    ground.at("2026-12-01 14:05")
    ground.tick()
    assert [each for each in ground.transport.posts(ANN) if each.endswith("letter")] == ["advent-letter"]
    # Sent an hour ago, and still within the six hours in which a broadcast may be late.
    rename_post(ground, "advent-letter", "winter-letter")
    ground.edit(PLOT, "- send: advent-letter", "- send: winter-letter")
    ground.at("2026-12-01 15:00")
    ground.apply()
    ground.tick()
    assert [each for each in ground.transport.posts(ANN) if each.endswith("letter")] == ["advent-letter"]


def test_a_post_that_is_renamed_without_was_is_another_post(ground: Ground) -> None:
    """The other side of it: this is what `plan` asks about."""
    ground.join(ANN)
    ground.tick()
    rename_post(ground, "december-letter", "advent-letter", told=False)
    ground.edit(PLOT, "- send: december-letter", "- send: advent-letter")
    ground.apply()
    ground.at("2026-12-01 14:05")
    ground.tick()
    with ground.store.read() as work:
        states = {each.post: each.state.value for each in work.broadcasts()}
    assert states == {"december-letter": "cancelled", "advent-letter": "frozen"}


def test_who_keeps_an_older_revision_goes_through_the_sequence_under_its_old_name(ground: Ground) -> None:
    ground.edit(PLOT, "  invite:", "  invite:\n    pin: enrollment")
    ground.apply()
    who = ground.join(ANN)
    ground.tick()
    ground.edit(PLOT, "  invite:", "  invitation:\n    was: invite")
    ground.apply()
    ground.at("2026-11-25 14:30")
    ground.tick()
    with ground.store.read() as work:
        assert [(each.sequence, each.state.value) for each in work.enrollments(who)] == [("invite", "running")]
    assert ground.transport.posts(ANN) == ["own-the-mistake", "two-second-resume-fix"]
