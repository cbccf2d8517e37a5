"""Every example that comes with drip is sound, goes live, greets who signs up, and comes along with a built wheel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.examples import EMPTY, EXAMPLES
from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.core.events import AskedToJoin, ConfirmedSubscription
from drip.core.records import Evidence, SubscriptionId
from drip.project import open_project
from drip.simulate import FastClock
from tests.stages import HERE

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
FAR = datetime(2031, 3, 5, 14, 0, tzinfo=UTC)
EVIDENCE = Evidence(where="a test")
FIRST_POST = {"job-search": "own-the-mistake", "newsletter": "welcome", "course": "four-ingredients"}


class Author:
    """`drip` in one folder, at a moment that can be set."""

    def __init__(self, folder: Path, moment: datetime = START) -> None:
        self.folder = folder
        self.clock = FastClock(moment)

    def drip(self, *words: str) -> str:
        result = CliRunner().invoke(cli, list(words), obj=Call(clock=self.clock, folder=self.folder))
        assert result.exit_code == 0, result.output
        return result.output


def begin(folder: Path, example: str, moment: datetime = START) -> Author:
    folder.mkdir()
    author = Author(folder, moment)
    author.drip("init", "--example", example)
    return author


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIP_SECRET", "0123456789abcdef0123456789abcdef")
    monkeypatch.delenv("DRIP_STORE", raising=False)


@pytest.mark.parametrize("moment", [START, FAR], ids=["now", "years later"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_no_example_has_a_problem(example: str, moment: datetime, tmp_path: Path) -> None:
    author = begin(tmp_path / "letter", example, moment)
    assert json.loads(author.drip("check", "--json", "--strict"))["problems"] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_editors_find_the_schemas(example: str, tmp_path: Path) -> None:
    begin(tmp_path / "letter", example)
    plots = sorted((tmp_path / "letter").glob("campaigns/*/campaign.yaml"))
    for path in (tmp_path / "letter" / "drip.yaml", *plots):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        schema = path.parent / first.removeprefix("# yaml-language-server: $schema=")
        title = json.loads(schema.read_text(encoding="utf-8"))["title"]
        assert title == path.name
    assert (tmp_path / "letter" / ".drip").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_goes_live_and_greets_who_signs_up(example: str, tmp_path: Path) -> None:
    author = begin(tmp_path / "letter", example)
    author.drip("apply", "--yes")
    with open_project(author.folder, clock=author.clock) as project:
        [mailing_list] = project.definition.lists
        asked = project.engine.happen(AskedToJoin("ann@example.org", mailing_list.name, EVIDENCE), author.clock.now())
        assert asked.what == "asked"
    assert "sent 1 message" in author.drip("run")
    with open_project(author.folder, clock=author.clock) as project:
        confirmed = project.engine.happen(ConfirmedSubscription(SubscriptionId(1), EVIDENCE), author.clock.now())
        assert confirmed.what == "confirmed"
    said = author.drip("run")
    mails = [each.read_text(encoding="ascii") for each in (author.folder / "outbox").glob("*.eml")]
    posts = {found[1] for each in mails if (found := re.search(r"(?m)^Feedback-ID: [^:]*:([^:]*):", each))}
    assert posts == {"confirm-subscription", *([FIRST_POST[example]] if example != EMPTY else [])}
    assert said.startswith("sent 1 message" if example != EMPTY else "nothing is due")


def test_the_course_is_five_lessons_in_five_days_and_then_nothing(tmp_path: Path) -> None:
    author = begin(tmp_path / "letter", "course")
    author.drip("apply", "--yes")
    author.drip("subscriber", "add", "ann@example.org", "--list", "bread-course", "--consent", "asked me")
    counts = []
    for day in range(8):
        author.clock.set(START + timedelta(days=day))
        author.drip("run")
        counts.append(len(list((author.folder / "outbox").glob("*.eml"))))
    assert counts == [1, 2, 3, 4, 5, 5, 5, 5]
    assert "all-steps-done" in author.drip("why", "ann@example.org")


def test_the_letter_of_the_newsletter_goes_to_its_list(tmp_path: Path) -> None:
    author = begin(tmp_path / "letter", "newsletter")
    author.drip("apply", "--yes")
    author.drip("subscriber", "add", "ann@example.org", "--list", "readers", "--consent", "asked me")
    author.drip("run")
    author.clock.set(datetime(2026, 12, 20, tzinfo=UTC))
    author.drip("run")  # cron calls, if not every minute here: after 35 days without, it would doubt the clock
    author.clock.set(datetime(2027, 1, 13, 3, 0, tzinfo=UTC))  # 19:00 on the 12th, in Los Angeles
    assert "sent 1 message" in author.drip("run")


# --- new ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("webinar", [False, True], ids=["plain", "webinar"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_new_campaign_lacks_only_what_the_author_must_write(example: str, webinar: bool, tmp_path: Path) -> None:
    author = begin(tmp_path / "letter", example)
    author.drip("new", "campaign", "spring-letters", *(["--webinar"] if webinar else []))
    author.drip("new", "post", "spring-letters/one-more")
    problems = json.loads(author.drip("check", "--json"))["problems"]
    assert {each["name"] for each in problems} == {"placeholder", "unused-post"}
    assert [each["path"] for each in problems if each["name"] == "unused-post"] == [
        "campaigns/spring-letters/one-more.md"
    ]
    # Filled in, nothing is left to say.
    for path in (author.folder / "campaigns/spring-letters").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"\bTK\b", "Something worth a letter, and", text), encoding="utf-8")
    (author.folder / "campaigns/spring-letters/one-more.md").unlink()
    assert json.loads(author.drip("check", "--json"))["problems"] == []
    author.drip("apply", "--yes")


@pytest.mark.parametrize("words", [("campaign", "course"), ("post", "course/welcome")])
def test_new_never_overwrites(words: tuple[str, str], tmp_path: Path) -> None:
    author = begin(tmp_path / "letter", "empty")
    author.drip("new", "campaign", "course")
    mine = author.folder / "campaigns/course/welcome.md"
    mine.write_text("mine", encoding="utf-8")
    result = CliRunner().invoke(cli, ["new", *words], obj=Call(clock=author.clock, folder=author.folder))
    assert result.exit_code == 2
    assert "nothing was written" in result.output
    assert mine.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["../up", "Big", "a b", ".hidden", "a.md", "", "x" * 61, "é", "-dash", "a\n"])
def test_new_takes_the_names_that_the_reader_takes(name: str, tmp_path: Path) -> None:
    author = begin(tmp_path / "letter", "course")
    before = sorted(author.folder.rglob("*"))
    for kind in ("campaign", "post"):
        result = CliRunner().invoke(cli, ["new", kind, "--", name], obj=Call(clock=author.clock, folder=author.folder))
        assert result.exit_code == 2, result.output
    assert sorted(author.folder.rglob("*")) == before


# --- the wheel ---------------------------------------------------------------------------------------------


def test_the_examples_come_with_an_installed_package(tmp_path: Path) -> None:
    target = tmp_path / "installed"
    quiet = ["--quiet", "--disable-pip-version-check", "--no-warn-conflicts", "--root-user-action", "ignore"]
    alone = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *quiet, *alone, str(HERE), "--target", str(target)],
        check=True,
        cwd=tmp_path,
        timeout=300,
    )
    # In front of the path, so that neither the checkout nor an editable install is what runs.
    environment = {**os.environ, "PYTHONPATH": str(target)}
    for example in EXAMPLES:
        for words in (("init", example, "--example", example), ("-C", example, "check", "--strict")):
            done = subprocess.run(
                [sys.executable, "-m", "drip", *words],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 0, done.stderr
        assert "no problems" in done.stdout
    code = "import drip; print(drip.__file__)"
    where = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert Path(where.stdout.strip()).is_relative_to(target)
