"""Plays every transcript of tests/cli/transcripts: `$ drip …` and, below it, what it says.

`[N]` is an exit code other than 0. Lines that begin with `%` set the stage: `% project NAME` copies one from
tests/cli/projects, `% now MOMENT` sets the clock (UTC), `% file PATH` writes the lines up to `%%`, and there are
`% change PATH: OLD -> NEW` and `% remove PATH`. Lines with `#` are for the reader.
DRIP_UPDATE_GOLDEN=1 writes what was said in place of what is there: read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.grammar import Call
from drip.cli.main import cli

TRANSCRIPTS = Path(__file__).parent / "transcripts"
PROJECTS = Path(__file__).parent / "projects"
BEGIN = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


class SetClock:
    """A clock that stands where the transcript puts it."""

    def __init__(self) -> None:
        self.moment = BEGIN

    def now(self) -> datetime:
        return self.moment


def blocks(text: str) -> Iterator[list[str]]:
    """The transcript in pieces: each begins with a line of its own and holds the lines below that belong to it."""
    piece: list[str] = []
    for line in text.splitlines():
        if line.startswith(("$ ", "%", "# ")) and not (line == "%%" and piece):
            if piece and piece[0].startswith("% file") and "%%" not in piece:
                piece.append(line)
                continue
            if piece:
                yield piece
            piece = []
        piece.append(line)
    if piece:
        yield piece


def stage(line: str, rest: list[str], clock: SetClock) -> None:
    """Do what a line with `%` asks for."""
    verb, _, what = line.removeprefix("% ").partition(" ")
    if verb == "now":
        clock.moment = datetime.fromisoformat(what).replace(tzinfo=UTC)
    elif verb == "project":
        shutil.copytree(PROJECTS / what, ".", dirs_exist_ok=True)
    elif verb == "file":
        Path(what).parent.mkdir(parents=True, exist_ok=True)
        Path(what).write_text("\n".join(rest[: rest.index("%%")]) + "\n", encoding="utf-8")
    elif verb == "change":
        path, _, change = what.partition(": ")
        old, _, new = change.partition(" -> ")
        text = Path(path).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        Path(path).write_text(text.replace(old, new, 1), encoding="utf-8")
    elif verb == "remove":
        Path(what).unlink()
    else:
        raise AssertionError(f"a transcript has no `% {verb}`")


def play(line: str, clock: SetClock, folder: Path) -> list[str]:
    """Run one command and return all that it said, as it stands in a transcript."""
    words = shlex.split(line.removeprefix("$ drip"))
    given = None
    if "<" in words:
        given = Path(words.pop(words.index("<") + 1)).read_bytes()
        words.remove("<")
    result = CliRunner().invoke(cli, words, obj=Call(clock=clock), input=given)
    said = result.output.replace(str(folder), "/home/lisa")
    said = re.sub(r"/tmp/drip-preview-\w+", "/tmp/drip-preview-x", said)
    # The example grows; how many files it has is not what a transcript is about.
    said = re.sub(r"wrote \d+ files", "wrote some files", said)
    lines = [each.rstrip() for each in said.splitlines()]
    # A blank line at the end would be lost in the file.
    while lines and not lines[-1]:
        lines.pop()
    return [*lines, *([f"[{result.exit_code}]"] if result.exit_code else [])]


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRIP_SECRET", "0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("DRIP_STORE", raising=False)
    clock = SetClock()
    text = path.read_text(encoding="utf-8")
    played: list[str] = []
    for piece in blocks(text):
        first, rest = piece[0], piece[1:]
        if first.startswith("$ drip"):
            gap = [""] if rest and not rest[-1] else []
            played += [first, *play(first, clock, tmp_path), *gap]
            continue
        if first.startswith("% "):
            stage(first, rest, clock)
        played += piece
    now = "\n".join(played).rstrip("\n") + "\n"
    assert "this is a bug in drip" not in now, now
    if os.environ.get("DRIP_UPDATE_GOLDEN") == "1":
        path.write_text(now, encoding="utf-8")
    assert now == text or os.environ.get("DRIP_UPDATE_GOLDEN") == "1", _difference(text, now)


def _difference(before: str, now: str) -> str:
    import difflib

    return "\n".join(difflib.unified_diff(before.splitlines(), now.splitlines(), "transcript", "now", lineterm=""))


def test_there_are_transcripts() -> None:
    assert len(list(TRANSCRIPTS.glob("*.txt"))) >= 8
