"""What the author is told of clicks, by the program itself; and clicks in stories and in rehearsals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.core.clicks import SETTLES
from drip.core.events import ChoseClicks, LinkFetched
from drip.project import open_project, read_tree
from drip.rehearsal.crowd import Habits
from drip.rehearsal.play import Play, Setting
from tests.integration.test_clicks import LINK, NUDGE, OTHER, PLOT, POST
from tests.integration.test_drip_tests import change, drip, story
from tests.integration.test_why import Stage
from tests.stages import EVIDENCE, copy_example

LURED = f"""  lured:
    start: clicks {POST}
    steps:
      - send: last-seats
        when: at once
  remind:"""


def told(stage: Stage, *words: str) -> str:
    found = CliRunner().invoke(cli, [*words], obj=Call(clock=stage.clock, folder=stage.folder))
    assert found.exit_code == 0, found.output
    return found.stdout


def test_the_author_is_told_of_people_and_of_machines(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "project")
    stage.edit(PLOT, "  remind:", NUDGE)
    stage.apply()
    who = stage.join("ann@example.org")
    assert "following a link of own-the-mistake" not in str(stage.why("ann@example.org"))
    stage.engine.happen(ChoseClicks(who, noted=True, evidence=EVIDENCE), stage.clock.now())
    stage.tick()
    assert "  none so far" in told(stage, "why", "ann@example.org")
    with stage.store.read() as work:
        (mail,) = (each.id for each in work.deliveries(who) if each.post == POST)
    stage.clock.set(stage.clock.now() + timedelta(minutes=5))
    stage.engine.happen(LinkFetched(mail, LINK), stage.clock.now())
    assert "perhaps just followed" in told(stage, "delivery", "show", str(mail))
    stage.clock.set(stage.clock.now() + SETTLES)
    stage.tick()
    stage.engine.happen(LinkFetched(mail, OTHER, "head"), stage.clock.now())
    lines = told(stage, "delivery", "show", str(mail)).splitlines()
    assert lines[-3:] == [
        "links",
        f"  {LINK}  followed Mon 23 Nov 09:05",
        f"  {OTHER}  not followed; machines fetched it 1 time",
    ]
    document = json.loads(told(stage, "delivery", "show", str(mail), "--json"))
    assert [each["machines"] for each in document["clicks"]] == [0, 1]
    status = told(stage, "status")
    assert "links followed                        people   links   machines" in status
    assert f"six-deadly-mistakes/{POST}        1       1          1" in status
    assert json.loads(told(stage, "status", "--json"))["clicks"] == [
        {"campaign": "six-deadly-mistakes", "post": POST, "people": 1, "links": 1, "machines": 1}
    ]
    why = told(stage, "why", "ann@example.org")
    assert f"  six-deadly-mistakes/{POST}  {LINK}  followed Mon 23 Nov 09:05" in why
    assert "confirmed clicks: (a test)" in why
    assert len(stage.why("ann@example.org")["clicks"]) == 2
    assert "clicked" in told(stage, "log")


def test_a_goal_that_cannot_be_reached_without_a_yes_says_so(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "project")
    stage.edit(PLOT, "    goal: registers", f"    goal: clicks {POST}")
    stage.apply()
    who = stage.join("ann@example.org")
    stage.tick()
    assert "once they agree to it" in stage.levers("ann@example.org", "invite")["goal"]
    stage.engine.happen(ChoseClicks(who, noted=True, evidence=EVIDENCE), stage.clock.now())
    goal = stage.levers("ann@example.org", "invite")["goal"]
    assert goal == f"following a link of {POST} would complete this sequence (goal)"


# --- stories ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    copied = copy_example(tmp_path)
    change(copied, PLOT, "  remind:", LURED)
    return copied


def test_a_story_tells_of_clicks(root: Path) -> None:
    story(
        root,
        "  Ann:\n    does: [Thu 10:00 joins job-seekers, Thu 18:03 clicks own-the-mistake]\n"
        "    gets: [Thu 10:00 own-the-mistake, Thu 18:03 last-seats, ...]\n    ends: {lured: done}\n"
        "  Ben:\n    does: Thu 10:00 joins job-seekers\n    ends: {lured: never}\n",
    )
    code, out, err = drip(root, "test")
    assert code == 0, out + err


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("Thu 9:00 clicks own-the-mistake", "Ann did not get `own-the-mistake` before"),
        ("Thu 18:00 clicks last-seats", "nothing asks about clicks in `last-seats`, so none are counted"),
        ("Thu 18:00 clicks own-the-mistak", "there is no post `own-the-mistak` in this campaign"),
    ],
)
def test_a_click_that_cannot_be(root: Path, does: str, why: str) -> None:
    joins = "" if does.startswith("Thu 9") else "Thu 10:00 joins job-seekers, "
    story(root, f"  Ann:\n    does: [{joins}{does}]\n    gets: [...]\n")
    code, out, err = drip(root, "test")
    assert code == 4
    assert why in out + err


# --- the crowd -------------------------------------------------------------------------------------------------------


def test_the_crowd_follows_links_where_the_plot_asks_about_them(root: Path) -> None:
    def played(habits: Habits) -> Play:
        with open_project(root) as project:
            setting = Setting(datetime(2026, 11, 25, 12, 0, tzinfo=UTC), 12, 1, 12, habits=habits)
            play = Play(read_tree(root), project.definition, setting, names=("six-deadly-mistakes",))
            play.open()
            play.invite()
            play.run()
        assert play.watch.broken == []
        return play

    play = played(Habits(confirms=1, registers=0, unsubscribes=0, clicks=1))
    followed = {one.number for _, one, deed in play.deeds if deed == f"follows a link of {POST}"}
    lured = {each.person.number for each in play.taken if (each.delivery.step or "").startswith("lured/")}
    assert len(followed) > 3
    assert lured == followed
    assert not any("follows" in deed for _, _, deed in played(Habits(clicks=0)).deeds)
