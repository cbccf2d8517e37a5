"""`drip why` over the whole: what would change it, and why people got nothing, by the program itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.core.events import AskedToJoin, SessionEnded
from drip.project import open_project
from tests.stages import EVIDENCE, START, Ground, copy_example

SIX = "six-deadly-mistakes"
PLOT = f"campaigns/{SIX}/campaign.yaml"


class Stage(Ground):
    """The example in a folder of its own, on its own database, so that the program can be called on it."""

    def __init__(self, folder: Path) -> None:
        project = open_project(copy_example(folder))
        super().__init__(folder, project.store)
        self.project._keys = project.keys
        self.engine.keys = project.keys

    def why(self, *words: str) -> dict[str, Any]:
        """The document."""
        call = Call(clock=self.clock, folder=self.folder)
        found = CliRunner().invoke(cli, ["why", *words, "--json"], obj=call)
        assert found.exit_code == 0, found.output
        document: dict[str, Any] = json.loads(found.stdout)
        return document

    def reasons(self, email: str, *post: str) -> dict[str, str]:
        """What somebody has no part in, with the reason."""
        return {each["about"].partition("/")[2]: each["reason"] for each in self.why(email, *post)["absent"]}

    def levers(self, email: str, sequence: str) -> dict[str, str]:
        """What would change what comes in a sequence."""
        found = self.why(email)["enrollments"]
        (mine,) = [each for each in found if each["sequence"] == sequence]
        return {each["name"]: each["text"] for each in mine["would_change_it"]}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path / "project")
    stage.apply()
    return stage


def test_everybody_who_got_nothing_is_told_why(stage: Stage) -> None:
    stage.engine.happen(AskedToJoin("pending@example.org", "job-seekers", EVIDENCE), stage.clock.now())
    assert stage.reasons("pending@example.org")["invite"] == "not-confirmed"
    who = stage.join("gone@example.org")
    with stage.store.write() as work:
        person = work.subscriber(who)
        assert person is not None
        work.suppress(person.mailbox, "complaint", stage.clock.now())
    assert stage.reasons("gone@example.org")["december-letter"] == "suppressed"
    stage.join("ann@example.org")
    assert stage.reasons("ann@example.org") == {
        "remind": "not-started",
        "follow-up": "not-started",
        "december-letter": "not-due",
    }
    stage.at("2026-12-02 12:00")
    stage.tick()
    stage.join("late@example.org")
    assert stage.reasons("late@example.org", "december-letter") == {"december-letter": "joined-after"}
    more = "  extra:\n    start: joins job-seekers\n    steps:\n      - send: own-the-mistake\n        when: at once\n"
    stage.edit(PLOT, "broadcasts:", f"{more}broadcasts:")
    stage.apply()
    assert stage.reasons("late@example.org")["extra"] == "before-sequence"


def test_an_address_that_nobody_has_is_answered(stage: Stage) -> None:
    found = stage.why("nobody@example.org")
    assert (found["known"], found["reason"]) == (False, "unknown-address")


def test_what_would_change_it_is_told_with_every_passage(stage: Stage) -> None:
    stage.join("ann@example.org")
    stage.tick()
    found = stage.levers("ann@example.org", "invite")
    assert found["goal"] == "registering for a session would complete this sequence (goal)"
    assert found["stop"].startswith("the start of the last session stops this sequence (stop), Sat 12 Dec 10:00")
    paused = CliRunner().invoke(cli, ["pause", SIX, "-q"], obj=Call(clock=stage.clock, folder=stage.folder))
    assert paused.exit_code == 0
    assert stage.levers("ann@example.org", "invite")["resume"] == f"`drip resume {SIX}/invite` lets it go on"
    assert stage.reasons("ann@example.org")["december-letter"] == "paused"
    (step,) = [each for each in stage.why("ann@example.org")["enrollments"][0]["steps"] if each["what"] == "waits"]
    assert (step["reason"], step["rule"], step["at"]) == ("paused", 13, None)


def test_an_attendance_that_nobody_reported_tells_both_ways(stage: Stage) -> None:
    stage.join("ann@example.org")
    stage.register("ann@example.org", "tuesday-noon")
    stage.tick()
    now = stage.at("2026-12-08 20:30")
    with stage.store.read() as work:
        session = next(each for each in work.sessions(SIX) if each.name == "tuesday-noon")
    stage.engine.happen(SessionEnded(SIX, "tuesday-noon", session.ends), now)
    stage.tick()
    found = stage.levers("ann@example.org", "follow-up")
    assert "if they attended, then follow-up/recording-and-next-step" in found["attended"]
    assert "if they missed, then follow-up/we-missed-you" in found["missed"]
    assert stage.clock.now() > START
