"""`drip rehearse`: the same seed tells the same story, nothing real is touched, and a broken promise ends with 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.main import cli
from drip.store.work import Work
from tests.stages import copy_example

START = ("--start", "2026-11-16 08:00")
TEST_OF_TWO = (
    (6, "- test: first-words"),
    (8, "variants:"),
    (10, "own-the-mistake: 50"),
    (10, "linkedin-is-not-a-hangout: 50"),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return copy_example(tmp_path)


def run(root: Path, *words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["-C", str(root), "rehearse", *words])
    return result.exit_code, result.stdout, result.stderr


def test_one_reader_is_a_timeline(root: Path) -> None:
    code, out, _ = run(root, "six-deadly-mistakes", *START)
    assert code == 0
    lines = [line.strip() for line in out.splitlines()]
    assert any("delivery sent invite/own-the-mistake" in line for line in lines)
    at = next(line for line in lines if "delivery sent invite/two-second-resume-fix" in line)
    assert at.startswith("Wed 18 Nov 2026 09:30")
    assert lines[-1].endswith("the rehearsal ends")


def test_many_are_a_summary_that_can_be_repeated(root: Path) -> None:
    words = ("--people", "12", "--days", "40", "--seed", "3", *START, "--json")
    first, again = run(root, *words), run(root, *words)
    assert first[0] == 0, first[2]
    assert first[1] == again[1]
    told = json.loads(first[1])
    assert told["planned"] == sum(told["states"].values()) > 30
    assert told["broken"] == []
    assert {each["step"] for each in told["steps"]} >= {"invite/last-seats", "remind/you-are-in"}
    assert sum(each["mails"] for each in told["hours"]) >= told["states"]["sent"]


def test_the_variants_of_a_test_are_counted_one_by_one(root: Path) -> None:
    plot = root / "campaigns" / "six-deadly-mistakes" / "campaign.yaml"
    test = "".join(f"{' ' * depth}{line}\n" for depth, line in TEST_OF_TWO)
    text = plot.read_text(encoding="utf-8")
    for line in ("own-the-mistake", "linkedin-is-not-a-hangout"):
        assert text.count(f"      - send: {line}\n") == 1
    head, _, rest = text.partition("      - send: linkedin-is-not-a-hangout\n")
    rest = rest.partition("\n")[2]  # the `when` of the step that goes
    plot.write_text((head + rest).replace("      - send: own-the-mistake\n", test), encoding="utf-8")
    words = ("six-deadly-mistakes", "--people", "30", "--days", "20", "--seed", "5", *START)
    code, out, err = run(root, *words, "--json")
    assert code == 0, err
    told = json.loads(out)
    (step,) = [each for each in told["steps"] if each["step"] == "invite/first-words"]
    variants = [each for each in told["variants"] if each["test"] == "invite/first-words"]
    assert {each["post"] for each in variants} == {"own-the-mistake", "linkedin-is-not-a-hangout"}
    assert sum(each["sent"] for each in variants) == step["sent"] > 10
    assert all(each["sent"] for each in variants)
    assert any(line.split()[:2] == ["six-deadly-mistakes/invite/first-words:", "own-the-mistake"]
               for line in run(root, *words)[1].splitlines())  # fmt: skip


def test_nothing_is_written(root: Path) -> None:
    before = sorted(each.name for each in root.iterdir())
    assert run(root, "--people", "3", "--days", "10", *START)[0] == 0
    assert sorted(each.name for each in root.iterdir()) == before


def test_the_people_as_they_stand_are_copied(root: Path) -> None:
    def drip(*words: str) -> str:
        result = CliRunner().invoke(cli, ["-C", str(root), *words])
        assert result.exit_code == 0, result.stderr
        return result.stdout

    assert run(root, "--from-db")[0] == 2
    drip("apply", "--yes")
    drip("subscriber", "add", "mia@example.org", "--list", "job-seekers", "--consent", "asked at the fair")
    before = drip("--json", "subscriber", "list")
    code, out, err = run(root, "--from-db", "--days", "10", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["people"] == 1
    assert told["states"]["sent"] >= 2
    forecast = told["forecast"]
    assert forecast["people"] == 1
    assert forecast["foreseen"] >= 2
    assert all(each["because"] for each in forecast["differences"])
    code, out, _ = run(root, "--from-db", "--days", "10", "--calm")
    assert code == 0
    assert "mails if nobody acts" in out
    assert drip("--json", "subscriber", "list") == before
    assert not (root / "outbox").exists()


def test_a_broken_promise_is_told_with_what_repeats_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Work, "stranded", lambda self: [(7, "waits for nothing")])
    code, out, err = run(root, "six-deadly-mistakes", "--people", "2", "--days", "3", "--seed", "9", *START)
    assert code == 1
    assert "BROKEN: " in out
    assert "enrollment 7 waits for nothing" in out
    assert "drip rehearse six-deadly-mistakes --people 2 --days 3 --seed 9 --start 2026-11-16T13:00:00Z" in err
