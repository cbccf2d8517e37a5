"""`drip plan --against REV`: the files of a revision of git and those on disk, without a database."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.simulate import FastClock
from tests.stages import START, copy_example

PLOT = "campaigns/six-deadly-mistakes/campaign.yaml"
AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ann"), ("EMAIL", "ann@example.org"), ("DATE", "2026-11-20T10:00:00Z"))
}


def git(root: Path, *words: str) -> None:
    given = {"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1", **AUTHOR}
    subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, env=given)


def drip(root: Path, *words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["-C", str(root), "plan", *words], obj=Call(clock=FastClock(START)))
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project below the top of its repository, with one commit."""
    repository = tmp_path / "blog"
    root = copy_example(repository / "mail")
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "The first state")
    return root


def change(root: Path, old: str, new: str) -> None:
    text = (root / PLOT).read_text(encoding="utf-8")
    assert old in text
    (root / PLOT).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_files_as_they_were_committed_are_the_same(root: Path) -> None:
    assert drip(root, "--against", "HEAD", "--exit-code") == (0, "six-deadly-mistakes   the same as at HEAD\n", "")
    assert not (root / "drip.db").exists()


def test_an_edit_is_told_without_numbers_of_people(root: Path) -> None:
    change(root, "send: last-seats", "send: december-letter")
    change(root, "when: 2 days later at 9:30", "when: 1 day later at 9:30")
    code, out, err = drip(root, "--against", "HEAD", "--exit-code")
    assert (code, [line.rstrip() for line in out.splitlines()]) == (
        5,
        [
            "six-deadly-mistakes   HEAD → your files",
            "",
            "  ~ step invite/two-second-resume-fix   send 2 days later at 9:30 → send 1 day later at 9:30",
            "  + step invite/december-letter         send 3 days later at 9:30",
            "    hint: `last-seats` is gone and `december-letter` is new at the same place: if it is the same, say"
            " `was: last-seats`",
            "  - step invite/last-seats              send 3 days later at 9:30",
            "",
        ],
    ), err
    assert not (root / "drip.db").exists()
    document = json.loads(drip(root, "--against", "HEAD", "--json")[1])
    assert (document["changes"], document["against"], document["gone"]) == (True, "HEAD", [])
    assert document["campaigns"][0]["lines"][1]["hint"].startswith("`last-seats` is gone")


def test_two_commits_and_a_campaign_that_is_gone(root: Path) -> None:
    folder = root / "campaigns" / "extra"
    folder.mkdir()
    (folder / "campaign.yaml").write_text(
        "title: Extra\nsequences:\n  a:\n    start: joins job-seekers\n    steps: [{send: hello, when: at once}]\n"
    )
    (folder / "hello.md").write_text("---\nsubject: Hello\npreview: It is me\n---\n\nHello.\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "One more")
    assert "extra   HEAD~1 → your files" in drip(root, "--against", "HEAD~1")[1]
    assert "extra   the same as at HEAD" in drip(root, "--against", "HEAD")[1]
    for path in folder.iterdir():
        path.unlink()
    code, out, _ = drip(root, "--against", "HEAD", "--exit-code")
    assert code == 5
    assert "extra   its folder is gone; what is live of it stays live" in out


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("nowhere", "git knows no revision `nowhere`"),
        ("--output=x", "`--output=x` is no revision"),
        ("", "`` is no revision"),
        ("HEAD:mail", "git knows no revision `HEAD:mail`"),
        ("HEAD~7", "git knows no revision `HEAD~7`"),
        ("$(touch x)", "git knows no revision `$(touch x)`"),
    ],
)
def test_a_revision_that_is_not_there(root: Path, revision: str, message: str) -> None:
    code, out, err = drip(root, "--against", revision)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert not (root / "x").exists()


def test_a_project_in_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    code, _, err = drip(copy_example(tmp_path / "mail"), "--against", "HEAD")
    assert (code, err.splitlines()[0]) == (2, "error: this project is in no git repository")


def test_without_git(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = drip(root, "--against", "HEAD")
    assert (code, err.splitlines()[0]) == (2, "error: git is not installed here")


def test_a_revision_before_the_project(root: Path) -> None:
    git(root, "checkout", "-q", "--orphan", "empty")
    git(root, "rm", "-rfq", "--cached", ".")
    git(root, "commit", "-q", "--allow-empty", "-m", "Nothing yet")
    code, _, err = drip(root, "--against", "empty")
    assert (code, err.splitlines()[0]) == (2, "error: there was no drip.yaml here at `empty`")


def test_an_earlier_state_with_errors(root: Path) -> None:
    change(root, "start: joins job-seekers", "start: jions job-seekers")
    git(root, "commit", "-aqm", "A slip")
    change(root, "start: jions job-seekers", "start: joins job-seekers")
    code, _, err = drip(root, "--against", "HEAD")
    assert code == 4
    assert err.startswith("error: campaign `six-deadly-mistakes` had errors at that time: ")


def test_it_looks_at_files_alone(root: Path) -> None:
    assert drip(root, "--against", "HEAD", "--days", "3")[0] == 2
