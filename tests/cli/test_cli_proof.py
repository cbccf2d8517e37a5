"""`drip proof` from outside: one message over SMTP to one address, and not a byte changed in the project."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.core.delivery import Blame, Outcome, OutcomeKind
from drip.core.message import Wire
from drip.project import Project
from drip.simulate import FastClock
from tests.stages import ScriptedTransport, copy_example

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ME = "me@example.com"


class Letter:
    """The worked example and `drip` in it, with a transport that keeps what it is given."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = copy_example(folder)
        self.clock = FastClock(START)
        self.transport = ScriptedTransport()
        relay = Project.relay

        def scripted(project: Project) -> object:
            project._transport = lambda: self.transport
            return relay(project)

        monkeypatch.setattr(Project, "relay", scripted)

    def drip(self, *words: str) -> Result:
        return CliRunner().invoke(cli, list(words), obj=Call(clock=self.clock, folder=self.folder))

    def prints(self) -> dict[str, str]:
        """Every file of the project with its digest."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Letter:
    monkeypatch.delenv("DRIP_SECRET", raising=False)
    monkeypatch.delenv("DRIP_STORE", raising=False)
    return Letter(tmp_path / "letter", monkeypatch)


@pytest.mark.parametrize("post", ["own-the-mistake", "you-are-in", "confirm-subscription", "confirm-registration"])
def test_a_proof_before_anything_is_applied_leaves_no_trace(letter: Letter, post: str) -> None:
    before = letter.prints()
    result = letter.drip("proof", post, ME)
    assert result.exit_code == 0, result.output
    assert [each.recipient for each in letter.transport.sent] == [ME]
    assert letter.prints() == before


def test_a_proof_as_a_subscriber_changes_not_a_byte(letter: Letter) -> None:
    assert letter.drip("apply", "--yes").exit_code == 0
    words = ("--list", "job-seekers", "--field", "first_name=Mia", "--consent", "asked me")
    assert letter.drip("subscriber", "add", "mia@example.org", *words).exit_code == 0
    before = letter.prints()
    result = letter.drip("proof", "own-the-mistake", ME, "--as", "mia@example.org", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["as"] == "mia@example.org"
    [wire] = letter.transport.sent
    assert wire.recipient == ME
    assert b"Mia" in wire.data
    assert letter.prints() == before
    assert letter.drip("proof", "own-the-mistake", ME, "--as", "nobody@example.org").exit_code == 2


def test_as_somebody_without_a_database_makes_none(letter: Letter) -> None:
    before = letter.prints()
    result = letter.drip("proof", "own-the-mistake", ME, "--as", "mia@example.org")
    assert result.exit_code == 2
    assert "no database yet" in result.output
    assert letter.prints() == before
    assert letter.transport.sent == []


def test_a_dry_run_sends_nothing(letter: Letter) -> None:
    result = letter.drip("proof", "you-are-in", ME, "-n")
    assert result.exit_code == 0
    assert "would send six-deadly-mistakes/you-are-in" in result.stdout
    assert "calendar invite" in result.stdout
    assert letter.transport.sent == []


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (
            Outcome(OutcomeKind.TEMPORARY, 421, "4.3.2", "closing", Blame.RELAY, relay_down=True),
            13,
            "the relay is down",
        ),
        (Outcome(OutcomeKind.TEMPORARY, 451, "4.7.1", "greylisted"), 3, "did not take the proof"),
        (Outcome(OutcomeKind.PERMANENT, 550, "5.1.1", "who?", Blame.ADDRESS), 3, "did not take the proof: who?"),
        (Outcome(OutcomeKind.UNCERTAIN, 0, "", "connection lost"), 3, "before it answered"),
    ],
)
def test_what_the_relay_says_becomes_the_exit_code(letter: Letter, outcome: Outcome, code: int, said: str) -> None:
    def answer(_: Wire) -> Outcome:
        return outcome

    letter.transport.answer = answer
    result = letter.drip("proof", "own-the-mistake", ME)
    assert result.exit_code == code
    assert said in result.output


def test_an_invalid_post_is_named_and_nothing_is_sent(letter: Letter) -> None:
    path = letter.folder / "campaigns/six-deadly-mistakes/last-seats.md"
    path.write_text(path.read_text(encoding="utf-8") + "\n{{ nonsense }}\n", encoding="utf-8")
    result = letter.drip("proof", "last-seats", ME)
    assert result.exit_code == 4
    assert "last-seats.md" in result.output
    assert letter.transport.sent == []


def test_in_test_mode_only_its_address_gets_a_proof(letter: Letter) -> None:
    with (letter.folder / "drip.yaml").open("a", encoding="utf-8") as file:
        file.write(f"test-mode: {ME}\n")
    assert letter.drip("proof", "own-the-mistake", "somebody@example.com").exit_code == 2
    assert letter.transport.sent == []
    assert letter.drip("proof", "own-the-mistake", "ME@Example.com").exit_code == 0
    assert [each.recipient for each in letter.transport.sent] == [ME]


def test_a_faulty_test_mode_sends_nothing_at_all(letter: Letter) -> None:
    assert letter.drip("apply", "--yes").exit_code == 0
    words = ("--list", "job-seekers", "--consent", "asked me")
    assert letter.drip("subscriber", "add", "mia@example.org", *words).exit_code == 0
    whole = (letter.folder / "drip.yaml").read_text(encoding="utf-8")
    for line in (
        "test-mode: me@",
        "test-mode:",
        "test-mode: [me@example.com]",
        "test-mode: Me <me@example.com>",
        "testmode: x",
    ):
        (letter.folder / "drip.yaml").write_text(f"{whole}{line}\n", encoding="utf-8")
        assert letter.drip("run").exit_code == 4, line
        assert letter.drip("proof", "own-the-mistake", ME).exit_code == 4, line
    assert letter.transport.sent == []
    assert not (letter.folder / "outbox").exists()
