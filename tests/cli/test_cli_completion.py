"""What the shell offers after Tab: commands, and names from disk, also while a file is half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.main import COMPLETE_VARIABLE, cli

ROOT = Path(__file__).parents[2]
PROJECT = Path(__file__).parent / "projects" / "kitchen"
QUICK_SECONDS = 0.3
"""The promise on an idle machine. One with other tests on every core gets twice that."""


def offered(typed: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words that bash would offer at the end of what was typed."""
    words = typed.split(" ")
    monkeypatch.setenv(COMPLETE_VARIABLE, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    said = CliRunner().invoke(cli, []).output
    return [line.partition(",")[2] for line in said.splitlines() if line]


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(PROJECT, tmp_path / "kitchen")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "kitchen"


def test_commands_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered("drip su", monkeypatch) == ["subscriber"]
    assert offered("drip subscriber un", monkeypatch) == ["unsubscribe", "untag"]
    assert offered("drip check --str", monkeypatch) == ["--strict"]


def test_names_from_disk(kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kitchen)
    (kitchen / "campaigns/welcome/campaign.yaml").write_text("steps: [half", encoding="utf-8")
    assert offered("drip apply w", monkeypatch) == ["welcome"]
    assert offered("drip preview welcome/h", monkeypatch) == ["welcome/hello"]
    assert offered("drip check ", monkeypatch) == ["welcome", "welcome/hello", "welcome/news", "welcome/salt"]
    assert offered("drip send welcome/news --to c", monkeypatch) == ["cooks"]
    assert offered("drip subscriber list --list ", monkeypatch) == ["cooks"]


def test_names_of_another_folder(kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered("drip -C kitchen apply ", monkeypatch) == ["welcome"]
    assert offered("drip apply ", monkeypatch) == []


def test_the_other_commands_that_take_names(kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kitchen)
    assert offered("drip proof welcome/s", monkeypatch) == ["welcome/salt"]
    assert offered("drip new post more --campaign ", monkeypatch) == ["welcome"]
    assert offered("drip init x --example ", monkeypatch) == ["job-search", "newsletter", "course", "empty"]
    assert offered("drip explain test-", monkeypatch) == ["test-mode-on"]
    assert offered("drip explain unknown-p", monkeypatch) == ["unknown-post"]


def test_sessions_of_one_campaign_or_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["init"], ["new", "campaign", "open-house", "--webinar"]):
        assert CliRunner().invoke(cli, words).exit_code == 0
    assert offered("drip registration list open-house --session ", monkeypatch) == ["evening", "noon"]
    assert offered("drip registration list six-deadly-mistakes --session s", monkeypatch) == ["saturday-morning"]
    everywhere = ["evening", "noon", "saturday-morning", "tuesday-noon", "wednesday-evening"]
    assert offered("drip registration list --session ", monkeypatch) == everywhere
    (tmp_path / "campaigns/open-house/campaign.yaml").write_bytes(b"\xff\x00: [&x *y")
    assert offered("drip registration list open-house --session ", monkeypatch) == []


@pytest.mark.parametrize(
    "typed",
    [
        "check ",
        "apply ",
        "preview w",
        "proof w",
        "send x --to ",
        "registration list --session ",
        "new post x --campaign ",
    ],
)
def test_outside_a_project_nothing_is_offered_and_nothing_breaks(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered(f"drip {typed}", monkeypatch) == []
    assert offered(f"drip -C nowhere {typed}", monkeypatch) == []


def test_a_broken_drip_yaml_costs_words_and_no_traceback(kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kitchen)
    (kitchen / "drip.yaml").write_bytes(b"lists: [\xff")
    assert offered("drip send welcome/news --to ", monkeypatch) == []
    assert offered("drip send welcome/n", monkeypatch) == ["welcome/news"]


def test_completion_is_quick_and_loads_nothing_heavy(kitchen: Path) -> None:
    # 0.3 s is what a person bears after Tab. The time of this process alone counts, and the best of three.
    variables = {**os.environ, "PYTHONPATH": str(ROOT), COMPLETE_VARIABLE: "bash_complete", "COMP_CWORD": "4"}
    seconds = []
    for typed in ("drip send welcome/news --to ", "drip registration list --session ", "drip send welcome/news --to "):
        code = "import sys\nfrom drip.cli.main import cli\ntry: cli()\nfinally: print(*sys.modules, file=sys.stderr)"
        with subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=kitchen,
            env={**variables, "COMP_WORDS": typed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            assert process.stdout is not None
            modules = {each.partition(".")[0] for each in process.stderr.read().split()}
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert not modules & {"sqlalchemy", "jinja2", "premailer", "lxml", "markdown_it", "starlette", "rich"}
        seconds.append(used.ru_utime + used.ru_stime)
    assert min(seconds) < 2 * QUICK_SECONDS, f"the best took {min(seconds):.2f} s"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_variable_that_drip_listens_to(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert f"{COMPLETE_VARIABLE}={shell}_complete" in result.stdout


def test_an_unknown_shell_is_wrong_usage() -> None:
    assert CliRunner().invoke(cli, ["completion", "tcsh"]).exit_code == 2
