"""The commands about webinars, sessions, registrations and attendance, and what they write into campaign.yaml."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.authoring.read_campaign import draft_campaign
from drip.authoring.read_project import draft_project
from drip.authoring.sessions_file import session_line
from drip.cli.sheets import csv_text, is_formula, safe_cell
from drip.cli.telling import pace_lines
from drip.core.model import Campaign, Relay, RelayKind
from drip.engine.telling import Change, News
from tests.cli.test_cli_people import CAMPAIGN, Letter
from tests.stages import SERIES, replace_sessions

PLOT = f"campaigns/{CAMPAIGN}/campaign.yaml"


@pytest.fixture
def letter(tmp_path: Path) -> Letter:
    return Letter(tmp_path)


def test_a_session_is_moved_in_the_file_and_everybody_is_named_before(letter: Letter) -> None:
    letter.register("mia@example.com")
    plot = letter.folder / PLOT
    before = plot.read_bytes()
    told = letter.ok("session", "move", CAMPAIGN, "tuesday-noon", "2026-12-08 15:00", "--dry-run")
    assert "mia@example.com" in told
    assert "1 person with a seat is told by mail" in told
    assert plot.read_bytes() == before
    letter.ok("session", "move", CAMPAIGN, "tuesday-noon", "2026-12-08 15:00")
    after = plot.read_bytes()
    assert after == before.replace(b"2026-12-08 12:00", b"2026-12-08 15:00")
    # Nothing is live before it is applied; then the plan says the same, and afterwards there is nothing left to say.
    assert json.loads(letter.ok("session", "show", CAMPAIGN, "tuesday-noon", "--json"))["starts"][11:16] == "17:00"
    assert "! session tuesday-noon   moves" in letter.ok("plan")
    assert "mia@example.com" not in letter.ok("plan")
    assert "mia@example.com" in letter.ok("plan", "--who")
    (news,) = json.loads(letter.ok("apply", "--yes", "--json"))["campaigns"][0]["news"]
    assert (news["change"], news["told"]) == ("moved", ["mia@example.com"])
    assert "says so already" in letter.ok("session", "move", CAMPAIGN, "tuesday-noon", "2026-12-08 15:00")


def test_a_session_is_cancelled_in_the_file(letter: Letter) -> None:
    letter.register("mia@example.com")
    plot = letter.folder / PLOT
    plot.write_bytes(plot.read_bytes().replace(b"\n", b"\r\n"))
    before = plot.read_bytes()
    assert "is cancelled" in letter.ok("session", "cancel", CAMPAIGN, "tuesday-noon")
    assert plot.read_bytes() == before.replace(b"2026-12-08 12:00", b"2026-12-08 12:00 cancelled")
    assert "says so already" in letter.ok("session", "cancel", CAMPAIGN, "tuesday-noon")
    letter.ok("apply", "--yes")
    assert "cancelled" in letter.ok("session", "list")
    assert json.loads(letter.ok("registration", "list", "--json"))["state"] == "cancelled"


def test_an_evergreen_webinar_shows_its_rule_and_what_was_picked(letter: Letter) -> None:
    evergreen(letter)
    planned = letter.ok("plan")
    assert "+ evergreen" in planned
    assert "weekdays 11:00; next quarter hour" in planned
    letter.ok("apply", "--yes")
    assert "nobody has picked a start yet" in letter.ok("webinar", "show", CAMPAIGN)
    letter.register("mia@example.com", "2026-11-30-1600z")
    shown = letter.ok("webinar", "show", CAMPAIGN)
    assert "evergreen: weekdays 11:00; next quarter hour" in shown
    assert re.search(r"2026-11-30-1600z +Mon 30 Nov 11:00 +America/New_York +open +1 +no limit", shown)
    assert json.loads(letter.ok("webinar", "show", CAMPAIGN, "--json"))["evergreen"].startswith("weekdays 11:00")
    assert json.loads(letter.ok("session", "list", "--json"))["session"] == "2026-11-30-1600z"
    assert "1 booked" in letter.ok("session", "show", CAMPAIGN, "2026-11-30-1600z")
    assert json.loads(letter.ok("status", "--json"))["sessions"][0]["seats"] is None
    letter.ok("registration", "add", "ben@example.com", CAMPAIGN, "2026-12-01-1600z", "--consent", "by phone")
    letter.ok("registration", "move", "ben@example.com", "2026-12-02-1600z")
    for words, wanted in (
        (("session", "cancel", CAMPAIGN, "2026-11-30-1600z"), "its sessions come from a rule"),
        (("session", "show", CAMPAIGN, "noon"), "such as `2026-12-08-1700z`"),
        (("session", "show", CAMPAIGN, "2026-12-03-1600z"), "nobody has picked"),
        (("registration", "add", "cleo@example.com", CAMPAIGN, "2026-12-05-1600z"), "not offered any more"),
        (("webinar", "export", CAMPAIGN, "--zoom"), "one session at a time"),
    ):
        result = letter.drip(*words)
        assert result.exit_code == 2, result.output
        assert wanted in result.stderr


def evergreen(letter: Letter) -> None:
    rule = "  evergreen:\n    starts: weekdays 11:00\n    soon: next quarter hour\n"
    replace_sessions(letter.folder, rule)
    for each in (letter.folder / PLOT).parent.glob("tests/*.yaml"):
        each.unlink()


def test_drip_tests_and_rehearsals_pick_what_is_offered(letter: Letter) -> None:
    evergreen(letter)
    story = letter.folder / f"campaigns/{CAMPAIGN}/tests/picking.yaml"
    story.write_text(
        """title: Who picks the next quarter hour is greeted, and followed up
begins: 2026-12-01 12:00
people:
  Ann:
    does:
      - Wed 10:05 registers for next
      - Wed 10:16 attends
    gets:
      - Wed 10:05 you-are-in
      - Wed 13:15 recording-and-next-step
    not: [starting-in-an-hour, we-missed-you]
  Bea:
    does: Wed 10:05 registers for 2026-12-03-1600z
    gets:
      - Wed 10:05 you-are-in
      - Wed 11:00 see-you-tomorrow
      - Thu 10:00 starting-in-an-hour
      - Thu 10:50 we-are-live
      - Thu 14:00 we-missed-you
"""
    )
    assert letter.drip("test").exit_code == 0
    rehearsed = json.loads(letter.ok("rehearse", CAMPAIGN, "--people", "20", "--days", "25", "--json"))
    steps = {each["step"]: each["sent"] for each in rehearsed["steps"] if "sent" in each}
    seats = steps["remind/you-are-in"]
    assert seats > 0
    assert steps["follow-up/recording-and-next-step"] + steps["follow-up/we-missed-you"] == seats
    story.write_text(story.read_text().replace("for next", "for noon"))
    assert "unknown-session" in letter.drip("check").output


def test_a_series_is_shown_planned_told_and_rehearsed(letter: Letter) -> None:
    replace_sessions(letter.folder, SERIES)
    for each in (letter.folder / PLOT).parent.glob("tests/*.yaml"):
        each.unlink()
    assert "sessions to choose from" in letter.ok("plan")
    letter.ok("apply", "--yes")
    letter.register("mia@example.com", "part-two")
    assert "a series: readers register once for all parts" in letter.ok("webinar", "show", CAMPAIGN)
    rows = [json.loads(line) for line in letter.ok("registration", "list", "--json").splitlines()]
    assert {(row["session"], row["state"]) for row in rows} == {
        (part, "booked") for part in ("part-one", "part-two", "part-three")
    }
    refused = letter.drip("registration", "move", "mia@example.com", "part-three")
    assert refused.exit_code == 2
    plot = letter.folder / PLOT
    text = plot.read_text()
    plot.write_text(text.replace("    part-three:", "    part-extra: 2026-12-17 12:00\n    part-three:"))
    assert "for those who register from now on" in letter.ok("plan")
    assert "mia@example.com" in letter.ok("session", "move", CAMPAIGN, "part-one", "2026-12-07 12:00", "-n")
    plot.write_text(text)
    letter.ok("registration", "cancel", "mia@example.com")
    rows = [json.loads(line) for line in letter.ok("registration", "list", "--json").splitlines()]
    assert {row["state"] for row in rows} == {"cancelled"}
    story = plot.parent / "tests" / "parts.yaml"
    story.write_text(
        """title: Each part has its reminders, and its follow-up by who was there
begins: 2026-12-01 12:00
people:
  Ann:
    does:
      - Wed 10:05 registers for part-two
      - Tue 12:01 attends
      - Thu 09:00 is reported attended
      - 2026-12-17 09:00 cancels
    gets:
      - Wed 10:05 you-are-in
      - Mon 12:00 see-you-tomorrow
      - Tue 11:00 starting-in-an-hour
      - Tue 11:50 we-are-live
      - Tue 15:00 recording-and-next-step
      - 2026-12-14 12:00 see-you-tomorrow
      - ...
      - 2026-12-17 09:00 registration-cancelled
    not: last-seats
"""
    )
    told = letter.drip("test")
    assert told.exit_code == 0, told.output
    rehearsed = json.loads(letter.ok("rehearse", CAMPAIGN, "--people", "30", "--days", "40", "--json"))
    steps = {each["step"]: each for each in rehearsed["steps"]}
    seats = steps["remind/you-are-in"]["sent"]
    assert seats > 0
    assert steps["remind/you-are-in"]["why_skipped"]["once-for-series"] >= seats
    assert steps["remind/we-are-live"]["sent"] > seats


def test_what_cannot_be_a_session_changes_no_file(letter: Letter) -> None:
    before = (letter.folder / PLOT).read_bytes()
    for name, moment, code, wanted in (
        ("tuesday-nown", "2026-12-08 15:00", 2, "no line for the session"),
        ("tuesday-noon", "tomorrow", 2, "no time of a session"),
        ("tuesday-noon", "2027-03-14 02:30", 4, "problem"),  # the clocks go forward over it
    ):
        result = letter.drip("session", "move", CAMPAIGN, name, moment)
        assert result.exit_code == code
        assert wanted in result.stderr
        assert (letter.folder / PLOT).read_bytes() == before


@given(
    quote=st.sampled_from(["", '"', "'"]),
    blanks=st.sampled_from([" ", "   "]),
    tail=st.sampled_from(["", "   # the big one", "\n    other: 2026-12-09 19:00"]),
    was=st.sampled_from(["2026-12-08 12:00", "2026-12-08 9:00", "2026-12-08 12:00 cancelled"]),
    wall=st.sampled_from([None, "2027-01-05 18:30"]),
)
def test_only_the_value_of_the_session_changes(quote: str, blanks: str, tail: str, was: str, wall: str | None) -> None:
    head = "title: T\nwebinar:\n  title: W\n  length: 60 minutes\n  join: https://meet.example.com/x\n  sessions:\n"
    text = f"{head}    one:{blanks}{quote}{was}{quote}{tail}\n"
    files = {"drip.yaml": "timezone: Europe/Lisbon\n", "campaigns/c/campaign.yaml": text}
    edited = session_line(files, "c", "one", wall)
    assert edited is not None
    path, new = edited
    draft = draft_campaign({**files, path: new}, "c", draft_project(files))
    session = next(each.value for each in draft.sessions if each.value.name == "one")
    assert session.cancelled is (wall is None)
    if wall is not None:
        assert session.wall == wall
    start, end = f"{head}    one:{blanks}{quote}", f"{quote}{tail}\n"
    assert new.startswith(start)
    assert new.endswith(end)


def test_a_seat_is_added_by_asking_or_with_evidence(letter: Letter) -> None:
    assert "would ask" in letter.ok("registration", "add", "mia@example.com", CAMPAIGN, "tuesday-noon", "-n")
    assert letter.ok("registration", "list") == "no registrations\n"
    letter.ok("registration", "add", "mia@example.com", CAMPAIGN, "tuesday-noon")
    letter.ok("registration", "add", "ben@example.com", CAMPAIGN, "tuesday-noon", "--consent", "on the phone")
    rows = [json.loads(line) for line in letter.ok("registration", "list", "--json").splitlines()]
    assert [(each["email"], each["state"]) for each in rows] == [
        ("mia@example.com", "pending"),
        ("ben@example.com", "booked"),
    ]
    letter.ok("run", "-q")
    mails = sorted(path.read_bytes() for path in (letter.folder / "outbox").rglob("*.eml"))
    subjects = [next(line for line in mail.splitlines() if line.startswith(b"Subject:")) for mail in mails]
    assert sum(b"Please confirm" in each for each in subjects) == 1  # Ben is not asked what you attest
    shown = json.loads(letter.ok("registration", "show", "ben@example.com", "--json"))["registrations"]
    assert [each["state"] for each in shown] == ["booked"]
    assert "booked" in letter.ok("registration", "show", "ben@example.com")
    assert letter.drip("registration", "add", "x@example.com", CAMPAIGN, "sunday").exit_code == 2


def test_lists_and_exports_agree_with_one_another(letter: Letter) -> None:
    letter.register("mia@example.com")
    letter.register("ben@example.com", "saturday-morning")
    letter.at("2026-12-08 17:05")
    letter.ok("attendance", "mark", "mia@example.com", "attended")
    sessions = [json.loads(line) for line in letter.ok("session", "list", "--json").splitlines()]
    assert {each["session"]: each["booked"] for each in sessions} == {
        "tuesday-noon": 1,
        "wednesday-evening": 0,
        "saturday-morning": 1,
    }
    shown = json.loads(letter.ok("webinar", "show", CAMPAIGN, "--json"))
    assert shown["sessions"] == sessions
    assert json.loads(letter.ok("webinar", "list", "--json"))["booked"] == 2
    for words in (("webinar", "export", CAMPAIGN), ("registration", "export")):
        rows = list(csv.DictReader(io.StringIO(letter.ok(*words))))
        assert [(each["email"], each["session"], each["attendance"]) for each in rows] == [
            ("mia@example.com", "tuesday-noon", "attended"),
            ("ben@example.com", "saturday-morning", "unknown"),
        ]
    came = list(csv.DictReader(io.StringIO(letter.ok("attendance", "export", "--session", "tuesday-noon"))))
    assert [(each["email"], each["attendance"], each["source"]) for each in came] == [
        ("mia@example.com", "attended", "command line")
    ]
    assert "mia@example.com" not in letter.ok("attendance", "list", "--came", "unknown")
    for words in (("webinar", "list"), ("webinar", "show", CAMPAIGN), ("session", "show", CAMPAIGN, "tuesday-noon")):
        assert letter.ok(*words)


def test_zoom_gets_three_columns_and_no_formula(letter: Letter) -> None:
    letter.ok("registration", "add", "mia@example.com", CAMPAIGN, "tuesday-noon", "--consent", "by phone")
    letter.ok("subscriber", "add", "mia@example.com", "--field", "first_name==HYPERLINK(1) Mia")
    letter.ok("registration", "add", "+cmd@example.com", CAMPAIGN, "tuesday-noon", "--consent", "by phone")
    letter.ok("registration", "add", "ben@example.com", CAMPAIGN, "tuesday-noon")  # has not confirmed
    assert letter.drip("webinar", "export", CAMPAIGN, "--zoom").exit_code == 2  # which session?
    result = letter.drip("webinar", "export", CAMPAIGN, "--zoom", "--session", "tuesday-noon")
    assert result.stdout_bytes == b"email,first name,last name\r\nmia@example.com,HYPERLINK(1) Mia,.\r\n"
    assert "+cmd@example.com" in result.stderr
    assert "switch Zoom's own mails off" in result.stderr


@given(st.text(max_size=40))
def test_no_cell_is_a_formula_and_every_word_is_kept(cell: str) -> None:
    safe = safe_cell(cell)
    assert not is_formula(safe)
    assert safe.removeprefix("'") == cell.replace("\0", "").removeprefix("'")


def test_a_row_that_would_be_a_formula_is_shown_as_it_is() -> None:
    assert csv_text(("a", "b"), [("=1+1", "fine"), ("@x", 'say "hi", please')]) == (
        'a,b\r\n\'=1+1,fine\r\n\'@x,"say ""hi"", please"\r\n'
    )


@pytest.mark.parametrize(
    ("told", "paces", "minutes"),
    [
        (10_000, [1200], "9 minutes"),
        (10_000, [1200, 300], ""),  # 7 minutes: in time
        (8_401, [1200], "8 minutes"),
        (8_400, [1200], ""),
        (10_000, [1200, None], ""),  # a relay without a pace
        (0, [1], ""),
    ],
)
def test_a_pace_that_cannot_make_it_is_told_before(told: int, paces: list[int | None], minutes: str) -> None:
    news = News("s", Change.MOVED, "a → b", tuple(f"r{number}@example.org" for number in range(told)))
    relays = [Relay(RelayKind.SMTP, host="smtp.example.net", pace_per_minute=each, weight=1) for each in paces]
    lines = pace_lines([news], Campaign("c", "C", "UTC"), relays, datetime(2026, 12, 1, tzinfo=UTC))
    assert len(lines) == (1 if minutes else 0)
    assert all(minutes in each for each in lines)
