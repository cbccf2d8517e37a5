"""What the shell offers after Tab: commands, and names from disk, also while a file is half-written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.main import COMPLETE_VARIABLE, cli

PROJECT = Path(__file__).parent / "projects" / "kitchen"


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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_variable_that_drip_listens_to(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert f"{COMPLETE_VARIABLE}={shell}_complete" in result.stdout


def test_an_unknown_shell_is_wrong_usage() -> None:
    assert CliRunner().invoke(cli, ["completion", "tcsh"]).exit_code == 2
