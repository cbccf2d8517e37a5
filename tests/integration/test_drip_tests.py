"""Drip tests: the worked example's own hold, a plot that is changed makes them fail with the reason, and none of them
is ever part of what is applied.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from drip.authoring.read_story import story_paths
from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.engine.apply import files_of
from drip.project import read_tree
from drip.rehearsal.story import DOORS_OPEN
from drip.simulate import FastClock
from drip.web.joining import DOOR_OPENS
from tests.stages import HERE, copy_example

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
FOLDER = "campaigns/six-deadly-mistakes"


def drip(root: Path, *words: str, now: datetime = NOW) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["-C", str(root), *words], obj=Call(clock=FastClock(now)))
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return copy_example(tmp_path)


def story(root: Path, text: str, name: str = "own") -> str:
    """Write the one test of the project."""
    for path in (root / FOLDER / "tests").iterdir():
        path.unlink()
    path = root / FOLDER / "tests" / f"{name}.yaml"
    path.write_text(f"title: A test\nbegins: 2026-11-19\npeople:\n{text}", encoding="utf-8")
    return path.relative_to(root).as_posix()


def change(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text(encoding="utf-8")
    assert old in text
    (root / path).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_worked_example_does_what_its_tests_say() -> None:
    code, out, err = drip(HERE, "test")
    assert code == 0, out + err
    assert len(story_paths(read_tree(HERE), "six-deadly-mistakes")) == out.count("ok      ") >= 3


def test_a_project_of_init_passes_its_tests_whenever_it_is_made(tmp_path: Path) -> None:
    # Its days are moved by whole weeks, over both changes of the clocks.
    for number, now in enumerate((datetime(2027, 2, 20, 9, 0, tzinfo=UTC), datetime(2031, 10, 7, 9, 0, tzinfo=UTC))):
        folder = tmp_path / str(number)
        assert drip(tmp_path, "init", str(folder), now=now)[0] == 0
        code, out, err = drip(folder, "test", now=now)
        assert code == 0, out + err
        assert "3 passed" in out


def test_a_goal_that_is_taken_out_is_shown_as_a_diff(root: Path) -> None:
    change(root, f"{FOLDER}/campaign.yaml", "    goal: registers\n", "")
    code, out, err = drip(root, "test", "six-deadly-mistakes")
    assert code == 4
    assert err.startswith("error: 1 test failed")
    assert out.splitlines()[2:] == [
        "FAILED  six-deadly-mistakes/registering: Whoever registers is invited no more, and reminded of the session",
        f"  Ann (America/New_York)   {FOLDER}/tests/registering.yaml:5",
        "      Thu 19 Nov 10:00  own-the-mistake",
        "      Mon 23 Nov 09:30  two-second-resume-fix",
        "      Tue 24 Nov 09:42  you-are-in",
        "    + Thu 26 Nov 09:30  linkedin-is-not-a-hangout   invite: 3 days later at 9:30",
        "    + Mon 30 Nov 09:30  last-seats                  invite: 3 days later at 9:30",
        "      Tue  1 Dec 09:00  december-letter",
        "      Mon  7 Dec 12:00  see-you-tomorrow",
        "      Tue  8 Dec 11:00  starting-in-an-hour",
        "      Tue  8 Dec 11:50  we-are-live",
        "    ! `invite` was to end `goal`, and is `done` (all-steps-done)",
        "3 tests: 2 passed, 1 failed",
    ]


LINES: list[tuple[str, str, str]] = [
    (
        "    does: [Thu 10:00 joins job-seekers, Tue 9:42 registers for tuesday-noon]\n    gets: [Thu 10:00 own-the-"
        "mistake, ..., Mon 9:30 last-seats, ...]\n",
        "- Mon 23 Nov 09:30  last-seats   invite ended Tue 24 Nov 09:42, goal-reached (registers)",
        "of a passage that ended",
    ),
    (
        "    does: Thu 10:00 registers for tuesday-noon\n    gets: [..., Mon 9:30 last-seats]\n",
        "- Mon 23 Nov 09:30  last-seats   invite never began: it starts when somebody joins job-seekers",
        "of a sequence that never began",
    ),
    (
        "    does: [2026-12-08 11:30 registers for tuesday-noon, 12:01 attends]\n    gets: [..., Tue 11:31 starting-in-"
        "an-hour, ...]\n",
        "- Tue  8 Dec 11:31  starting-in-an-hour   remind: skipped Tue 8 Dec 11:30, registered-late",
        "of a step that was skipped",
    ),
    (
        "    does: Thu 10:00 is added to job-seekers\n    not: december-letter\n",
        "+ Tue  1 Dec 09:00  december-letter   broadcast to job-seekers: 2026-12-01 09:00 reader's time",
        "of a post that must not come",
    ),
    (
        "    does: [Thu 10:00 joins job-seekers, Thu 12:00 attends]\n    gets: [...]\n",
        "! line 5: `attends` cannot be: Ann has no seat then",
        "of a deed that cannot be",
    ),
    (
        "    does: [2026-12-09 10:00 registers for tuesday-noon]\n    gets: nothing\n",
        "! line 5: `registers for tuesday-noon` was refused: this session is over",
        "of a deed that is refused",
    ),
]


@pytest.mark.parametrize(("lines", "told", "what"), LINES, ids=[each[2] for each in LINES])
def test_the_reason_is_told(root: Path, lines: str, told: str, what: str) -> None:
    story(root, f"  Ann:\n{lines}")
    code, out, _ = drip(root, "test")
    assert code == 4
    assert told in out


def test_people_meet_their_lists_tags_zones_and_seats(root: Path) -> None:
    change(root, f"{FOLDER}/campaign.yaml", "broadcasts:\n", TAGGED)
    story(
        root,
        """\
  Ann:
    fields: {first_name: Ann}
    does:
      - Thu 10:00 asks to join job-seekers
      - Thu 11:00 confirms
      - Thu 12:00 gets tag vip
      - Fri 12:00 loses tag vip
      - Fri 13:00 lives in Asia/Kathmandu
      - Fri 14:00 unsubscribes from job-seekers
    gets:
      - Thu 10:00 confirm-subscription
      - Thu 11:00 own-the-mistake
      - Thu 12:00 last-seats
    ends: {invite: unsubscribed, for-tagged: done}
  Ben:
    does:
      - Thu 10:00 asks for tuesday-noon
      - Thu 10:05 confirms
      - Fri 10:00 moves to saturday-morning
      - Fri 11:00 unsubscribes from everything
    gets: [Thu 10:05 you-are-in, Fri 10:00 registration-moved]
    ends: {remind: stopped}
""",
    )
    code, out, err = drip(root, "test")
    assert code == 0, out + err


TAGGED = """\
  for-tagged:
    start: gets tag vip
    steps:
      - send: last-seats
        when: at once
broadcasts:
"""


def test_a_machine_can_read_it(root: Path, tmp_path: Path) -> None:
    change(root, f"{FOLDER}/campaign.yaml", "    goal: registers\n", "")
    code, out, err = drip(root, "test", "--json", "--junit", str(tmp_path / "report.xml"))
    document = json.loads(out)
    assert (code, document["passed"], document["failed"]) == (4, 2, 1)
    assert json.loads(err)["name"] == "tests-failed"
    failed = next(each for each in document["tests"] if not each["passed"])
    off = [mail for mail in failed["people"][0]["mails"] if mail["what"] == "unexpected"]
    assert [each["post"] for each in off] == ["linkedin-is-not-a-hangout", "last-seats"]
    report = ElementTree.fromstring((tmp_path / "report.xml").read_text(encoding="utf-8"))
    assert (report.get("tests"), report.get("failures")) == ("3", "1")
    case = next(each for each in report.iter("testcase") if each.find("failure") is not None)
    assert case.get("name") == "registering"
    assert "+ Mon 30 Nov 09:30  last-seats" in str(case.findtext("failure"))


def test_one_file_or_one_campaign(root: Path) -> None:
    assert "1 test: 1 passed" in drip(root, "test", f"{root}/{FOLDER}/tests/reading-on.yaml")[1]
    assert "3 tests" in drip(root, "test", "six-deadly-mistakes")[1]
    code, _, err = drip(root, "test", "six-deadly-mistake")
    assert (code, "did you mean `six-deadly-mistakes`?" in err) == (2, True)


def test_without_tests_it_says_where_they_go(root: Path) -> None:
    for path in (root / FOLDER / "tests").iterdir():
        path.unlink()
    assert drip(root, "test")[:2] == (0, "there are no tests; write one in campaigns/NAME/tests/\n")


def test_a_broken_test_is_a_problem_and_keeps_nothing_from_being_applied(root: Path) -> None:
    path = story(root, "  Ann:\n    does: Thu 10:00 jions job-seekers\n    gets: Thu 10:00 own-the-mistak\n")
    code, out, _ = drip(root, "check")
    assert code == 4
    assert f"--> {path}:5:21" in out
    assert "did you mean `joins`?" in out
    assert "a post with a similar name exists: `own-the-mistake`" in out
    code, out, err = drip(root, "test")
    assert (code, out) == (4, "")
    assert "error: 2 problems in your files; nothing was tested" in err
    code, out, err = drip(root, "apply", "--yes")
    assert code == 0, err
    assert drip(root, "plan", "--exit-code")[0] == 0
    # Tests are not mailed: to change one changes no revision.
    story(root, "  Ann:\n    does: Thu 10:00 joins job-seekers\n")
    assert drip(root, "plan", "--exit-code")[0] == 0


def test_tests_are_no_part_of_a_revision(root: Path) -> None:
    files = read_tree(root)
    assert story_paths(files, "six-deadly-mistakes")
    assert not [each for each in files_of(files, "six-deadly-mistakes") if "/tests/" in each]


def test_the_authors_own_database_is_not_touched(root: Path) -> None:
    before = sorted(path.relative_to(root) for path in root.rglob("*"))
    assert drip(root, "test")[0] == 0
    assert sorted(path.relative_to(root) for path in root.rglob("*")) == before


def test_the_door_opens_as_on_the_real_page() -> None:
    assert DOORS_OPEN == DOOR_OPENS


MUTANTS: list[tuple[str, str]] = [
    ("    hours: weekdays 8:00-18:00\n", ""),
    ("        when: 2 days later at 9:30\n", "        when: 2 days later at 9:35\n"),
    ("        when: 1 day before session\n", "        when: 2 days before session\n"),
    ("        if: missed\n", "        if: attended\n"),
    ("    stop: last session starts\n", ""),
    ("    where: not tag webinar-graduate\n", "    where: tag webinar-graduate\n"),
]


@pytest.mark.parametrize(("old", "new"), MUTANTS)
def test_the_tests_of_the_example_notice_an_edit(root: Path, old: str, new: str) -> None:
    """They are an example of what tests are good for."""
    change(root, f"{FOLDER}/campaign.yaml", old, new)
    assert drip(root, "test")[0] == 4
