"""Every foreseen trouble has its message and its exit code, and leaves nothing half-done."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.core.delivery import Blame, Outcome, OutcomeKind
from drip.core.message import Wire
from drip.mail.transport import Grant, NotGranted
from drip.simulate import FastClock

PROJECT = Path(__file__).parent / "projects" / "kitchen"
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@dataclass
class Kitchen:
    """The small project in a folder of its own, and `drip` in it."""

    folder: Path
    clock: FastClock
    naps: list[float] = field(default_factory=list)

    def drip(self, *words: str, pause: Callable[[float], None] | None = None) -> Result:
        call = Call(clock=self.clock, folder=self.folder, pause=pause or self.naps.append)
        return CliRunner().invoke(cli, list(words), obj=call)

    def ok(self, *words: str) -> Result:
        result = self.drip(*words)
        assert result.exit_code == 0, result.output
        return result

    def deliveries(self) -> dict[str, int]:
        counts: dict[str, int] = json.loads(self.ok("status", "--json").stdout)["deliveries"]
        return counts

    def dump(self) -> list[str]:
        """All that is in the database, as SQL."""
        with sqlite3.connect(self.folder / "drip.db") as database:
            lines = list(database.iterdump())
        database.close()
        return lines

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text(encoding="utf-8")
        assert old in text
        (self.folder / path).write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kitchen:
    folder = tmp_path / "kitchen"
    shutil.copytree(PROJECT, folder)
    monkeypatch.setenv("DRIP_SECRET", "0123456789abcdef0123456789abcdef")
    monkeypatch.delenv("DRIP_STORE", raising=False)
    return Kitchen(folder, FastClock(START))


@pytest.fixture
def live(kitchen: Kitchen) -> Kitchen:
    """Applied, with one reader whose first post is due."""
    kitchen.ok("apply", "--yes")
    kitchen.ok("subscriber", "add", "mia@example.com", "--list", "cooks", "--consent", "asked me")
    return kitchen


# --- files -------------------------------------------------------------------------------------------------


def test_no_project_is_10(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["-C", str(tmp_path), "run"])
    assert result.exit_code == 10
    assert result.stdout == ""
    assert "hint: make a project with `drip init`" in result.stderr


def test_a_half_written_campaign_is_4_at_its_line_and_what_is_live_goes_on(live: Kitchen) -> None:
    path = live.folder / "campaigns/welcome/campaign.yaml"
    path.write_text(path.read_text(encoding="utf-8")[:150] + "\n      - send", encoding="utf-8")
    result = live.drip("check")
    assert result.exit_code == 4
    lines = path.read_text(encoding="utf-8").splitlines()
    assert f"campaigns/welcome/campaign.yaml:{len(lines)}:" in result.stdout
    before = live.dump()
    assert live.drip("apply", "--yes").exit_code == 4
    assert live.dump() == before
    assert "sent 1 message" in live.ok("run").stdout


@pytest.mark.parametrize("verb", ["run", "status", "apply", "plan"])
def test_a_missing_address_in_drip_yaml_is_4_and_named(kitchen: Kitchen, verb: str) -> None:
    kitchen.edit("drip.yaml", "address:", "# address:")
    result = kitchen.drip(verb)
    assert result.exit_code == 4
    assert "postal address" in result.stderr
    assert not (kitchen.folder / "drip.db").exists()


def test_an_unknown_post_is_4_with_a_suggestion(kitchen: Kitchen) -> None:
    kitchen.edit("campaigns/welcome/campaign.yaml", "send: salt", "send: slat")
    result = kitchen.drip("apply", "--yes")
    assert result.exit_code == 4
    assert "error[unknown-post]" in result.stderr
    assert "`salt`" in result.stderr
    assert "nothing was applied" in result.stderr
    assert not (kitchen.folder / "drip.db").exists()


def test_an_unknown_post_on_the_command_line_is_2(live: Kitchen) -> None:
    for words in (("preview", "slat"), ("send", "slat", "--to", "cooks"), ("why", "mia@example.com", "slat")):
        result = live.drip(*words)
        assert result.exit_code == 2, result.output
        assert "there is no" in result.stderr


def test_a_clash_of_names_is_4(kitchen: Kitchen) -> None:
    kitchen.edit("campaigns/welcome/campaign.yaml", "- send: salt", "- send: hello")
    result = kitchen.drip("check")
    assert result.exit_code == 4
    assert "campaigns/welcome/campaign.yaml:10:" in result.stdout


def test_strict_makes_a_warning_count(kitchen: Kitchen) -> None:
    assert kitchen.drip("check").exit_code == 0
    assert kitchen.drip("check", "--strict").exit_code == 4
    assert kitchen.drip("check", "--strict", "welcome/salt").exit_code == 0


def test_changes_are_5_only_when_asked(kitchen: Kitchen) -> None:
    assert kitchen.drip("plan").exit_code == 0
    assert kitchen.drip("plan", "--exit-code").exit_code == 5
    kitchen.ok("apply", "--yes")
    assert kitchen.drip("plan", "--exit-code").exit_code == 0


# --- database ----------------------------------------------------------------------------------------------


def test_a_database_from_the_future_is_12_and_untouched(live: Kitchen) -> None:
    with sqlite3.connect(live.folder / "drip.db") as database:
        database.execute("UPDATE schema_version SET version_num = '9999'")
    database.close()
    before = live.dump()
    for words in (("run",), ("status",), ("db", "upgrade"), ("db", "check")):
        result = live.drip(*words)
        assert result.exit_code == 12, result.output
        assert "9999" in result.stderr
    assert live.dump() == before


def test_somebody_elses_database_is_12(kitchen: Kitchen) -> None:
    with sqlite3.connect(kitchen.folder / "drip.db") as database:
        database.execute("CREATE TABLE wp_posts (id INTEGER)")
    database.close()
    result = kitchen.drip("status")
    assert result.exit_code == 12
    assert "another program" in result.stderr


def test_a_file_that_is_no_database_is_12(kitchen: Kitchen) -> None:
    (kitchen.folder / "drip.db").write_text("these are my notes, not a database\n" * 100, encoding="utf-8")
    assert kitchen.drip("status").exit_code == 12
    assert "these are my notes" in (kitchen.folder / "drip.db").read_text(encoding="utf-8")


def test_what_cannot_be_recorded_is_75_and_nothing_is_sent(live: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    from drip.store.work import Work

    def full(self: object, *_: object) -> None:
        raise OperationalError("UPDATE", {}, sqlite3.OperationalError("database or disk is full"))

    before = live.deliveries()
    with monkeypatch.context() as patch:
        patch.setattr(Work, "mark", full)
        result = live.drip("run")
    assert result.exit_code == 75
    assert "could not record: database or disk is full" in result.stderr
    assert not list((live.folder / "outbox").glob("*.eml")) if (live.folder / "outbox").exists() else True
    after = live.deliveries()
    assert (before["sent"], after["sent"], after["uncertain"]) == (0, 0, 0)
    assert "sent 1 message" in live.ok("run").stdout


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    if not done or done.returncode:
        if os.environ.get("CI"):
            pytest.fail("a small disk cannot be mounted here, and in CI it must be")
        pytest.skip("only root can mount a small disk; the patched test above stands in")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_75_and_nobody_is_lost(live: Kitchen, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The database alone on the small disk, the outbox elsewhere: what is there after the run was really handed over.
    shutil.copy(live.folder / "drip.db", small_disk / "drip.db")
    monkeypatch.setenv("DRIP_STORE", f"sqlite:///{small_disk}/drip.db")
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 512):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    result = live.drip("run")
    assert result.exit_code == 75, result.output
    assert "hint: mend the database or its disk" in result.stderr
    assert not (live.folder / "outbox").exists() or not list((live.folder / "outbox").iterdir())
    ballast.unlink()
    assert "sent 1 message" in live.ok("run").stdout
    counts = live.deliveries()
    assert (counts["planned"], counts["sent"]) == (1, 1)


# --- relay -------------------------------------------------------------------------------------------------


def closed_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


def test_a_dead_relay_is_13_and_nothing_is_half_done(live: Kitchen) -> None:
    live.ok("subscriber", "add", "ben@example.com", "--list", "cooks")  # its question is due at once
    live.edit("drip.yaml", "folder: outbox", f"server: 127.0.0.1:{closed_port()}\n    tls: off")
    assert live.drip("run").exit_code == 13
    before = live.deliveries()
    result = live.drip("run")
    assert result.exit_code == 13
    assert "what is due stays due" in result.stderr
    assert live.deliveries() == before
    assert before["due"] == before["planned"] == 2
    status = json.loads(live.ok("status", "--json").stdout)
    assert status["last_run"]["sent"] == 0
    assert status["last_run"]["note"]
    # The relay is back: both go, once.
    live.edit("drip.yaml", "server: 127.0.0.1", "folder: outbox\n  - server: 127.0.0.1")
    assert "sent 2 messages" in live.ok("run").stdout


class Script:
    """A transport that answers as it is told, one answer a message."""

    name = "script"
    lanes = 1

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)

    async def open(self) -> None:
        pass

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        return wanted

    async def close(self) -> None:
        pass

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        if grant is not None and not await grant():
            raise NotGranted
        return self.outcomes.pop(0)


ANSWERS = {
    "deferred": Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "try later"),
    "failed": Outcome(OutcomeKind.PERMANENT, 554, "5.6.0", "no", Blame.CONTENT),
    "uncertain": Outcome(OutcomeKind.UNCERTAIN, 0, "", "lost after the dot"),
}


@pytest.mark.parametrize("word", sorted(ANSWERS))
def test_done_in_part_is_3_and_says_what(live: Kitchen, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    live.ok("subscriber", "add", "ben@example.com", "--list", "cooks", "--consent", "asked me")
    accepted = Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", "ok")
    monkeypatch.setattr("drip.project.make_transport", lambda *_: Script(ANSWERS[word], accepted))
    result = live.drip("run")
    assert result.exit_code == 3, result.output
    assert f"sent 1 message, 1 {word}" in result.stdout
    assert "`drip status`" in result.stderr


# --- usage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--limit", "0"),
        ("run", "--watch", "-n"),
        ("send", "news"),
        ("subscriber", "add", "not an address"),
        ("subscriber", "unsubscribe", "mia@example.com", "--everything", "--list", "cooks"),
        ("log", "--since", "yesterday"),
        ("explain", "nonsense"),
        ("import", "no-such-file"),
        ("nonsense",),
        ("status", "--nonsense"),
    ],
)
def test_wrong_usage_is_2_and_changes_nothing(live: Kitchen, words: tuple[str, ...]) -> None:
    before = live.dump()
    result = live.drip(*words)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert live.dump() == before


def test_a_stopped_cron_is_6(live: Kitchen) -> None:
    assert live.drip("status", "--max-age", "1h").exit_code == 6
    live.ok("run")
    assert live.drip("status", "--max-age", "1h").exit_code == 0
    live.clock.set(START + timedelta(hours=3))
    assert live.drip("status", "--max-age", "1h").exit_code == 6
    live.ok("run")  # also an idle run says that cron is alive
    assert live.drip("status", "--max-age", "1h").exit_code == 0


def test_whoever_stops_reading_is_no_error(kitchen: Kitchen) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "drip", "explain", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=kitchen.folder,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 141
    assert said == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's own")
@pytest.mark.parametrize("words", [("explain", "--json"), ("--version",), ("--help",)])
def test_an_answer_that_cannot_be_written_is_141_and_no_bug(kitchen: Kitchen, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            [sys.executable, "-m", "drip", *words], stdout=full, stderr=subprocess.PIPE, cwd=kitchen.folder, text=True
        )
    assert told.returncode == 141, told.stderr
    assert "the answer could not be written: No space left on device" in told.stderr
    assert "Traceback" not in told.stderr
    with Path("/dev/full").open("w") as full:
        mute = subprocess.run(
            [sys.executable, "-m", "drip", *words], stdout=full, stderr=full, cwd=kitchen.folder, check=False
        )
    assert mute.returncode == 141


def test_closed_streams_are_silence_and_nothing_is_written_into_the_database(live: Kitchen) -> None:
    command = f"exec {sys.executable} -m drip run <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=live.folder, check=False).returncode == 0
    checked = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m drip db check >&-"], cwd=live.folder, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    live.ok("db", "check")


# --- dry runs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("run", "-n"),
        ("apply", "-n", "-y"),
        ("send", "news", "--to", "cooks", "-n"),
        ("subscriber", "add", "ben@example.com", "--list", "cooks", "-n"),
        ("subscriber", "unsubscribe", "mia@example.com", "-n"),
        ("subscriber", "tag", "mia@example.com", "client", "-n"),
        ("subscriber", "untag", "mia@example.com", "client", "-n"),
        ("plan",),
        ("status",),
        ("why", "mia@example.com"),
        ("log",),
        ("subscriber", "list"),
        ("subscriber", "show", "mia@example.com"),
        ("preview", "hello", "--text"),
        ("check",),
    ],
    ids=" ".join,
)
def test_what_only_looks_writes_nothing(live: Kitchen, words: tuple[str, ...]) -> None:
    live.ok("subscriber", "add", "eve@example.com", "--list", "cooks")
    live.edit("campaigns/welcome/salt.md", "subject: How", "subject: When")
    before = live.dump()
    live.ok(*words)
    assert live.dump() == before
    assert not (live.folder / "outbox").exists()


def test_a_dry_run_says_what_the_run_then_does(live: Kitchen) -> None:
    live.ok("subscriber", "add", "ben@example.com", "--list", "cooks")
    live.ok("send", "news", "--to", "cooks")
    told = live.ok("run", "-n").stdout
    assert told.startswith("would send 3 messages")
    assert "sent 3 messages" in live.ok("run").stdout


# --- watching ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", [START - timedelta(hours=2), START + timedelta(days=36)])
def test_a_clock_that_jumped_is_2_until_it_is_said_to_be_right(live: Kitchen, moment: datetime) -> None:
    live.ok("run")
    live.clock = FastClock(moment)  # one that is set only ever goes forward
    before = live.dump()
    refused = live.drip("run")
    assert refused.exit_code == 2, refused.output
    assert "the clock shows" in refused.output
    assert "drip run --clock-ok" in refused.output
    assert live.dump() == before
    live.ok("run", "--clock-ok")
    live.ok("run")


def test_watch_sends_when_the_time_comes_and_ends_with_control_c(live: Kitchen) -> None:
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 1:
            live.clock.set(datetime(2026, 11, 25, 14, 30, tzinfo=UTC))
        else:
            raise KeyboardInterrupt

    result = live.drip("run", "--watch", pause=nap)
    assert result.exit_code == 130
    assert result.stdout.count("sent 1 message") == 2
    assert all(1 <= each <= 60 for each in naps)


def test_watch_outlives_a_dead_relay(live: Kitchen) -> None:
    live.edit("drip.yaml", "folder: outbox", f"server: 127.0.0.1:{closed_port()}\n    tls: off")
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            raise KeyboardInterrupt

    result = live.drip("run", "--watch", pause=nap)
    assert result.exit_code == 130
    assert naps == [60.0, 60.0]
    assert result.stderr.count("trying again in a minute") == 2


# --- 3: far more than usual ------------------------------------------------------------------------------------


def test_a_burst_is_3_once_even_for_a_quiet_cron_and_yes_sends_it(
    live: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drip.core.burst.ALWAYS_ALLOWED", 2)
    monkeypatch.setattr("drip.engine.bursting.ALWAYS_ALLOWED", 2)
    for number in range(4):
        live.ok("subscriber", "add", f"r{number}@example.com", "--list", "cooks", "--consent", "asked me")
    told = live.ok("run", "--dry-run").stderr
    assert "`drip run` would hold them and ask for `--yes`" in told
    held = live.drip("run", "-q")
    assert held.exit_code == 3
    assert "held: 5 drip mails were due at once, and none was sent in the last four weeks\nhint: look at" in held.stderr
    assert live.deliveries()["held"] == 5
    assert "`drip run --yes` sends them all" in live.ok("delivery", "show", "1").stdout
    assert live.ok("run", "-q").output == ""
    assert "sent 5 messages" in live.ok("run", "--yes").stdout
    assert live.drip("run", "--yes", "--watch").exit_code == 2
