"""Commands about people where a transcript cannot reach: registrations, questions on a terminal, hostile names."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.cli.output import Output
from drip.core.events import AskedToRegister, ConfirmedRegistration, JoinedSession
from drip.core.records import Evidence
from drip.project import open_project
from drip.simulate import FastClock
from tests.stages import copy_example

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
CAMPAIGN = "six-deadly-mistakes"
EVIDENCE = Evidence(where="a test")


class Letter:
    """The worked example, applied, and `drip` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = copy_example(folder)
        self.clock = FastClock(START)
        self.ok("apply", "--yes")

    def drip(self, *words: str) -> Result:
        return CliRunner().invoke(cli, list(words), obj=Call(clock=self.clock, folder=self.folder))

    def ok(self, *words: str) -> str:
        result = self.drip(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def register(self, email: str, session: str = "tuesday-noon") -> None:
        with open_project(self.folder, clock=self.clock) as project:
            now = self.clock.now()
            asked = project.engine.happen(AskedToRegister(email, CAMPAIGN, session, EVIDENCE), now)
            assert asked.registration_id is not None
            project.engine.happen(ConfirmedRegistration(asked.registration_id, EVIDENCE), now)

    def at(self, moment: str) -> None:
        self.clock.set(datetime.fromisoformat(moment).replace(tzinfo=UTC))


@pytest.fixture
def letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Letter:
    monkeypatch.setenv("DRIP_SECRET", "0123456789abcdef0123456789abcdef")
    return Letter(tmp_path / "letter")


# --- webinars ----------------------------------------------------------------------------------------------


def test_registrations_are_listed_and_narrowed(letter: Letter) -> None:
    letter.register("mia@example.com")
    letter.register("ben@example.com", "saturday-morning")
    told = letter.ok("registration", "list")
    assert told.splitlines()[0].split() == ["campaign", "session", "subscriber", "state", "attendance"]
    assert f"{CAMPAIGN}  tuesday-noon" in told
    assert "ben@example.com" not in letter.ok("registration", "list", CAMPAIGN, "--session", "tuesday-noon")
    rows = [json.loads(line) for line in letter.ok("registration", "list", "--json").splitlines()]
    assert {(row["email"], row["state"], row["attendance"]) for row in rows} == {
        ("mia@example.com", "booked", "unknown"),
        ("ben@example.com", "booked", "unknown"),
    }


def test_an_unknown_campaign_is_answered(letter: Letter) -> None:
    result = letter.drip("registration", "list", "six-deadly-mistake")
    assert result.exit_code == 2
    assert f"did you mean `{CAMPAIGN}`?" in result.stderr


def test_status_counts_the_seats(letter: Letter) -> None:
    letter.register("mia@example.com")
    status = json.loads(letter.ok("status", "--json"))
    seats = {each["session"]: (each["booked"], each["seats"]) for each in status["sessions"]}
    assert seats["tuesday-noon"] == (1, 100)
    assert seats["saturday-morning"] == (0, 100)


def test_marking_attendance_decides_the_follow_up(letter: Letter) -> None:
    letter.register("mia@example.com")
    letter.register("ben@example.com")
    letter.at("2026-12-08 18:30")
    letter.ok("run")
    assert "marked mia@example.com as attended for six-deadly-mistakes, tuesday-noon" in letter.ok(
        "attendance", "mark", "mia@example.com", "attended"
    )
    letter.ok("attendance", "mark", "ben@example.com", "missed")
    letter.at("2026-12-08 20:30")
    letter.ok("run")
    assert "sent  follow-up/recording-and-next-step" in letter.ok("why", "mia@example.com", "recording-and-next-step")
    assert "sent  follow-up/we-missed-you" in letter.ok("why", "ben@example.com", "we-missed-you")


def test_what_the_author_says_beats_the_join_page(letter: Letter) -> None:
    letter.register("mia@example.com")
    letter.at("2026-12-08 17:05")
    with open_project(letter.folder, clock=letter.clock) as project:
        with project.store.read() as work:
            number = work.registrations(CAMPAIGN)[0].id
        project.engine.happen(JoinedSession(number), letter.clock.now())
    assert "attended" in letter.ok("registration", "list")
    letter.ok("attendance", "mark", "mia@example.com", "missed")
    assert "missed" in letter.ok("registration", "list")


def test_why_tells_what_begins_a_sequence_somebody_is_not_in(letter: Letter) -> None:
    letter.ok("subscriber", "add", "mia@example.com", "--list", "job-seekers", "--consent", "asked me")
    told = letter.ok("why", "mia@example.com", "you-are-in")
    assert "six-deadly-mistakes/remind  not-started: it begins when: registers; that has not happened for them" in told


def test_why_tells_how_registering_ended_the_invitation(letter: Letter) -> None:
    letter.ok("subscriber", "add", "mia@example.com", "--list", "job-seekers", "--consent", "asked me")
    letter.ok("run")
    letter.register("mia@example.com")
    told = letter.ok("why", "mia@example.com")
    assert "six-deadly-mistakes/invite: goal" in told
    assert "goal-reached" in told
    assert "will" in told.partition("six-deadly-mistakes/remind")[2]


# --- questions ---------------------------------------------------------------------------------------------


def answer_with(monkeypatch: pytest.MonkeyPatch, said: bool) -> list[str]:
    asked: list[str] = []

    def ask(self: Output, question: str, *, flag: str = "--yes") -> bool:
        asked.append(question)
        return said

    monkeypatch.setattr(Output, "ask", ask)
    return asked


def test_apply_asks_and_a_no_changes_nothing(letter: Letter, monkeypatch: pytest.MonkeyPatch) -> None:
    path = letter.folder / "campaigns" / CAMPAIGN / "last-seats.md"
    path.write_text(path.read_text(encoding="utf-8").replace("subject: ", "subject: Really: "), encoding="utf-8")
    asked = answer_with(monkeypatch, False)
    result = letter.drip("apply")
    assert result.exit_code == 130
    assert asked == ["make it live?"]
    assert "nothing was applied" in result.stderr
    assert letter.drip("plan", "--exit-code").exit_code == 5
    answer_with(monkeypatch, True)
    assert f"applied {CAMPAIGN} revision 2" in letter.ok("apply")
    assert letter.drip("plan", "--exit-code").exit_code == 0


def many(letter: Letter, number: int) -> None:
    from drip.core.events import AddedByAuthor

    with open_project(letter.folder, clock=letter.clock) as project:
        for each in range(number):
            event = AddedByAuthor(f"r{each}@example.com", "job-seekers", EVIDENCE, attested=True)
            project.engine.happen(event, letter.clock.now())


def test_a_broadcast_to_many_is_asked_about(letter: Letter, monkeypatch: pytest.MonkeyPatch) -> None:
    many(letter, 50)
    asked = answer_with(monkeypatch, False)
    letter.ok("send", "we-missed-you", "--to", "job-seekers")
    assert asked == []
    many(letter, 51)
    assert "nothing was planned" in letter.ok("send", "you-are-in", "--to", "job-seekers")
    assert asked == ["send six-deadly-mistakes/you-are-in to 51 readers of job-seekers?"]
    assert "planned" in letter.ok("send", "you-are-in", "--to", "job-seekers", "--yes")
    assert len(asked) == 1


def test_without_a_terminal_a_big_broadcast_is_refused(letter: Letter) -> None:
    many(letter, 51)
    result = letter.drip("send", "we-missed-you", "--to", "job-seekers")
    assert result.exit_code == 2
    assert "add `--yes`" in result.stderr


@pytest.mark.parametrize(("typed", "code"), [(b"y\n", 0), (b"n\n", 130), (b"\n", 130), (b"\x03", 130)])
def test_on_a_terminal_the_question_is_asked_on_stderr(letter: Letter, typed: bytes, code: int) -> None:
    (letter.folder / "campaigns" / CAMPAIGN / "extra.md").write_text(
        "---\nsubject: Extra\npreview: More of it.\n---\n\nHello.\n", encoding="utf-8"
    )
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
        # A test run in the background has Ctrl-C switched off, and children inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        [sys.executable, "-m", "drip", "apply"],
        cwd=letter.folder,
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=take_terminal,
    ) as process:
        os.close(theirs)
        said = b""
        while b"make it live?" not in said:
            said += os.read(ours, 1000)
        assert process.stdout is not None
        # A Ctrl-C in the very moment between the question and the wait for its answer is lost in Python: press again.
        for _ in range(20):
            os.write(ours, typed)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)
                break
        answer = process.stdout.read().decode()
        assert process.wait(60) == code
    os.close(ours)
    assert "make it live?" not in answer
    assert ("applied" in answer) is (code == 0)


# --- hostile values ----------------------------------------------------------------------------------------

HOSTILE = "Eve\x1b[2J\x1b]0;owned\x07\u202e\n[bold]x"


def test_no_command_lets_a_name_reach_the_terminal_raw(letter: Letter) -> None:
    letter.ok("subscriber", "add", "eve@example.com", "--list", "job-seekers", "--field", f"first_name={HOSTILE}",
              "--consent", HOSTILE, "--tag", HOSTILE)  # fmt: skip
    for words in (
        ("subscriber", "show", "eve@example.com"),
        ("subscriber", "list"),
        ("subscriber", "list", "--json"),
        ("why", "eve@example.com"),
        ("why", "eve@example.com", "--json"),
        ("log", "-v"),
        ("log", "--json"),
        ("run", "-n", "-v"),
        ("subscriber", "tag", "eve@example.com", HOSTILE),
    ):
        said = letter.drip(*words).output
        assert "\x1b" not in said, words
        assert "\x07" not in said, words
        assert "\u202e" not in said, words
    shown = letter.ok("subscriber", "show", "eve@example.com")
    assert "first_name: Eve\\x1b[2J\\x1b]0;owned\\x07\\u202e\\n[bold]x" in shown


def test_a_tag_may_hold_no_line_break_in_a_list(letter: Letter) -> None:
    letter.ok("subscriber", "add", "eve@example.com", "--tag", "a\nb")
    assert len(letter.ok("subscriber", "list").splitlines()) == 2


# --- listing -----------------------------------------------------------------------------------------------


def test_a_long_list_says_that_it_is_cut(letter: Letter) -> None:
    many(letter, 103)
    result = letter.drip("subscriber", "list")
    assert len(result.stdout.splitlines()) == 101
    assert "the first 100 subscribers; see all with `--limit 0`" in result.stderr
    assert len(letter.ok("subscriber", "list", "--limit", "0").splitlines()) == 104
    assert len(letter.ok("subscriber", "list", "--json").splitlines()) == 103


def test_a_list_goes_over_pages(letter: Letter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drip.cli.people.PAGE", 7)
    many(letter, 20)
    emails = [json.loads(line)["email"] for line in letter.ok("subscriber", "list", "--json").splitlines()]
    assert emails == [f"r{each}@example.com" for each in range(20)]


# --- suppression -------------------------------------------------------------------------------------------


def test_a_suppressed_address_is_not_added_to_a_list(letter: Letter) -> None:
    with open_project(letter.folder, clock=letter.clock) as project, project.store.write() as work:
        work.suppress(project.keys.mailbox_of("eve@example.com"), "complaint", letter.clock.now(), "by feedback loop")
    result = letter.drip("subscriber", "add", "EVE@example.com", "--list", "job-seekers", "--consent", "she says so")
    assert result.exit_code == 2
    assert "is suppressed and is never mailed again" in result.stderr
    told = letter.ok("why", "eve@example.com")
    assert "complaint (by feedback loop); never mailed" in told
    assert "nothing is sent to a suppressed address" in told


def test_a_seat_is_moved_and_given_back_for_a_reader(letter: Letter) -> None:
    letter.register("mia@example.com", "tuesday-noon")
    assert "would move mia@example.com from tuesday-noon to saturday-morning" in letter.ok(
        "registration", "move", "mia@example.com", "saturday-morning", "-n"
    )
    assert "tuesday-noon" in letter.ok("registration", "list")
    told = json.loads(letter.ok("registration", "move", "mia@example.com", "saturday-morning", "--json"))
    assert (told["from"], told["session"], told["told"]) == ("tuesday-noon", "saturday-morning", ["mia@example.com"])
    refused = letter.drip("registration", "move", "mia@example.com", "saturday-morning")
    assert (refused.exit_code, "there already" in refused.stderr) == (2, True)
    unknown = letter.drip("registration", "move", "mia@example.com", "saturday-evening")
    assert (unknown.exit_code, "saturday-morning" in unknown.stderr) == (2, True)
    assert "would cancel" in letter.ok("registration", "cancel", "mia@example.com", "-n")
    assert "cancelled the seat of mia@example.com" in letter.ok("registration", "cancel", "mia@example.com")
    assert "cancelled" in letter.ok("registration", "list")


def test_a_report_of_attendance_is_imported_twice_and_counts_once(letter: Letter) -> None:
    letter.register("mia@example.com")
    letter.register("ben@example.com")
    letter.at("2026-12-08 18:30")
    report = letter.folder / "came.csv"
    report.write_text(
        "email,join time,leave time\nMia@Example.com,12/08/2026 12:01 PM,12/08/2026 12:43 PM\nx@y.org,,\n"
    )
    words = ("attendance", "import", str(report), CAMPAIGN, "--session", "tuesday-noon", "--others-missed")
    refused = letter.drip(*words)
    assert (refused.exit_code, "--tz" in refused.stderr) == (2, True)
    assert "would record" in letter.ok(*words, "--tz", "America/New_York", "-n")
    assert "unknown" in letter.ok("registration", "list")
    told = json.loads(letter.ok(*words, "--tz", "America/New_York", "--json"))
    assert (told["attended"], told["missed"], told["unknown"]) == (1, 1, ["x@y.org"])
    assert told["done"] == {"recorded": 2}
    assert "2 of them known before" in letter.ok(*words, "--tz", "America/New_York")
    assert letter.drip("attendance", "import", str(report), CAMPAIGN, "--session", "tuesday").exit_code == 2
    assert letter.drip("attendance", "import", "nowhere.csv", CAMPAIGN, "--tz", "UTC").exit_code == 2


# --- a break, another address, a slide -------------------------------------------------------------------------


def test_a_break_by_command_is_told_by_why_and_show(letter: Letter) -> None:
    letter.ok("subscriber", "add", "mia@example.com", "--list", "job-seekers", "--consent", "at the fair")
    would = letter.ok("subscriber", "pause", "mia@example.com", "-n")
    assert would == "mia@example.com would be on a break of 4 weeks, until Mon 21 Dec 09:00\n"
    assert "break" not in letter.ok("subscriber", "show", "mia@example.com")
    assert letter.ok("subscriber", "pause", "mia@example.com", "--weeks", "2") == (
        "mia@example.com is on a break of 2 weeks, until Mon 7 Dec 09:00\n"
    )
    assert "on a break until Mon 7 Dec 09:00" in letter.ok("subscriber", "show", "mia@example.com")
    why = letter.ok("why", "mia@example.com")
    assert "on a break until Mon 7 Dec 09:00" in why
    assert "on-break: until Mon 7 Dec 09:00 in New York" in why
    assert "on-break: until Mon 7 Dec 09:00 in New York, so it is skipped for them" in why
    assert "`drip subscriber resume`" in why
    told = json.loads(letter.ok("why", "mia@example.com", "--json"))
    assert told["break_until"] == "2026-12-07T14:00:00Z"
    assert letter.ok("subscriber", "resume", "mia@example.com") == "the break of mia@example.com is over\n"
    assert letter.ok("subscriber", "resume", "mia@example.com") == "mia@example.com is on no break; nothing changed\n"
    assert "on-break" not in letter.ok("why", "mia@example.com")


def test_an_address_moves_by_command(letter: Letter) -> None:
    for name in ("mia", "leo"):
        letter.ok("subscriber", "add", f"{name}@example.com", "--list", "job-seekers", "--consent", "at the fair")
    asked = letter.ok("subscriber", "move", "mia@example.com", "mia@example.net")
    assert asked.startswith("asked mia@example.net to confirm; the question goes out with the next `drip run`")
    assert "mia@example.com" in letter.ok("subscriber", "show", "mia@example.com")
    taken = letter.drip("subscriber", "move", "mia@example.com", "leo@example.com")
    assert taken.exit_code == 2
    assert "somebody else is known by leo@example.com already" in taken.output
    moved = letter.ok("subscriber", "move", "mia@example.com", "mia@example.net", "--consent", "by phone, 3 May")
    assert moved == "moved mia@example.com to mia@example.net; the old address is told\n"
    assert "attested address (command line): by phone, 3 May" in letter.ok("subscriber", "show", "mia@example.net")
    assert letter.drip("subscriber", "show", "mia@example.com").exit_code == 2


def test_a_qr_code_goes_to_standard_output_or_into_a_file(letter: Letter) -> None:
    text = letter.ok("webinar", "qr", CAMPAIGN)
    assert text.startswith("<svg ")
    assert f"/w/{CAMPAIGN}</title>" in text
    said = letter.ok("webinar", "qr", CAMPAIGN, "--session", "tuesday-noon", "-o", "noon.png")
    assert said.startswith("wrote noon.png: it leads to ")
    assert said.endswith(f"/w/{CAMPAIGN}?s=tuesday-noon\n")
    assert (letter.folder / "noon.png").read_bytes().startswith(b"\x89PNG")
    wrong = letter.drip("webinar", "qr", CAMPAIGN, "-o", "noon.gif")
    assert wrong.exit_code == 2
    assert "neither .svg nor .png" in wrong.output


# --- at the door ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("subscriber", "add"), ("proof", "own-the-mistake")])
def test_an_address_that_no_mail_gets_to_is_refused_at_the_door(letter: Letter, words: tuple[str, ...]) -> None:
    more = ("--list", "job-seekers", "--consent", "at the fair") if words[0] == "subscriber" else ()
    told = letter.drip(*words, "jörg@bücher.example", *more)
    assert told.exit_code == 2
    assert told.stderr == "error: `ö` before the @ is not ASCII, and no mail of drip gets there\n"
    assert "bücher" not in letter.ok("subscriber", "list", "-v")
    letter.ok(*words, "joerg@bücher.example", *more)


@pytest.mark.parametrize("is_report", [False, True])
def test_nobody_came_or_missed_what_is_still_to_come(letter: Letter, is_report: bool) -> None:
    letter.register("mia@example.com")
    report = letter.folder / "report.csv"
    report.write_text("Email,Join Time,Duration\nben@example.com,2026-12-08 12:01,50\n", encoding="utf-8")
    more = (CAMPAIGN, "--session", "tuesday-noon", "--tz", "America/New_York", "--others-missed")
    words = ("import", str(report), *more) if is_report else ("mark", "mia@example.com", "missed")
    letter.at("2026-12-08 16:59")
    told = letter.drip("attendance", *words)
    assert told.exit_code == 2
    assert "begins Tue 8 Dec 12:00 in New York: nobody came or missed it yet" in told.stderr
    assert "missed" not in letter.ok("registration", "list")
    letter.at("2026-12-08 17:00")
    letter.ok("attendance", *words)
    assert "missed" in letter.ok("registration", "list")
