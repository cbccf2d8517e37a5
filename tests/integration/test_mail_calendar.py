"""Invites judged by libical, a library that did not write them, and by RFC 5545's rules for lines."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import ics as ics_library
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from drip.core.model import Mailbox
from drip.mail.calendar import Method, add_links, registration_invite
from drip.mail.headers import clean

STARTS = datetime(2026, 12, 8, 12, 0, tzinfo=timezone(timedelta(hours=-5)))
SECOND_HALF_PAST_ONE = datetime(2026, 11, 1, 1, 30, tzinfo=timezone(timedelta(hours=-5)))
"""In the night in which New York has that hour twice."""
NASTY = 'A; B, "C"\r\nATTACH:x — ü'
JOIN = "https://mail.example.com/j/AbC-_123"
ICAL_JS = Path(__file__).parents[1] / "ical_js"


def make(method: Method = "REQUEST", **more: object) -> str:
    values: dict[str, object] = {
        "method": method,
        "uid": "reg-42@mail.example.com",
        "sequence": 3,
        "stamp": datetime(2026, 12, 1, 14, 0, 30, 999, tzinfo=UTC),
        "starts": STARTS,
        "ends": STARTS + timedelta(hours=1),
        "title": "6 Deadly Job Search Mistakes",
        "description": "See you there.\nBring your résumé.",
        "join_url": JOIN,
        "organizer": Mailbox("Lisa Rangel", "lisa@example.com"),
        "attendee": Mailbox("Ann Reader", "ann@example.com"),
    }
    invite = registration_invite(**{**values, **more})  # type: ignore[arg-type]
    assert invite.method == method
    return invite.ics.decode("utf-8")


def unfolded(ics: str) -> list[str]:
    return ics.replace("\r\n ", "").split("\r\n")


# --- the judge -------------------------------------------------------------------------------------------------------


class IcalTime(ctypes.Structure):
    """A moment as libical 3 has it."""

    _fields_ = [
        (each, ctypes.c_int) for each in ("year", "month", "day", "hour", "minute", "second", "date", "dst")
    ] + [("zone", ctypes.c_void_p)]


@dataclass(frozen=True)
class Read:
    """What another program reads in an invite."""

    uid: str
    sequence: int
    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class Judge:
    """libical through ctypes: parses, checks the iTIP rules, and reads values."""

    library: ctypes.CDLL

    def faults(self, ics: str) -> list[str]:
        """What libical objects to; it writes its objections into the component as X-LIC-ERROR."""
        component = self.library.icalparser_parse_string(ics.encode("utf-8"))
        if not component:
            return ["not iCalendar at all"]
        try:
            valid = self.library.icalrestriction_check(component)
            text = self.library.icalcomponent_as_ical_string(component).decode("utf-8")
            found = re.findall(r"X-LIC-ERROR[^:]*:(.*)", text.replace("\r\n ", ""))
            return found or ([] if valid else ["icalrestriction_check says no"])
        finally:
            self.library.icalcomponent_free(component)

    def summary(self, ics: str) -> str:
        """The title of the first event."""
        component = self.library.icalparser_parse_string(ics.encode("utf-8"))
        try:
            return self.library.icalcomponent_get_summary(component).decode("utf-8")
        finally:
            self.library.icalcomponent_free(component)

    def read(self, ics: str) -> Read:
        """The event as libical understands it."""
        library = self.library
        component = library.icalparser_parse_string(ics.encode("utf-8"))

        def moment(ask: object) -> datetime:
            found = ask(component)  # type: ignore[operator]
            return datetime.fromtimestamp(library.icaltime_as_timet_with_zone(found, found.zone), UTC)

        try:
            return Read(
                library.icalcomponent_get_uid(component).decode("ascii"),
                library.icalcomponent_get_sequence(component),
                moment(library.icalcomponent_get_dtstart),
                moment(library.icalcomponent_get_dtend),
            )
        finally:
            library.icalcomponent_free(component)


@pytest.fixture(scope="module")
def judge() -> Judge:
    name = ctypes.util.find_library("ical") or "libical.so.3"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        if os.environ.get("CI") == "true":
            pytest.fail("libical is missing: install Debian's libical3")
        pytest.skip("libical is not installed (Debian: libical3), so nobody else judges the invites")
    library.icalparser_parse_string.restype = ctypes.c_void_p
    library.icalparser_parse_string.argtypes = [ctypes.c_char_p]
    library.icalrestriction_check.restype = ctypes.c_int
    library.icalrestriction_check.argtypes = [ctypes.c_void_p]
    for reader in (library.icalcomponent_as_ical_string, library.icalcomponent_get_summary):
        reader.restype = ctypes.c_char_p
        reader.argtypes = [ctypes.c_void_p]
    for ask in (library.icalcomponent_get_dtstart, library.icalcomponent_get_dtend):
        ask.restype = IcalTime
        ask.argtypes = [ctypes.c_void_p]
    library.icaltime_as_timet_with_zone.restype = ctypes.c_long
    library.icaltime_as_timet_with_zone.argtypes = [IcalTime, ctypes.c_void_p]
    library.icalcomponent_get_uid.restype = ctypes.c_char_p
    library.icalcomponent_get_uid.argtypes = [ctypes.c_void_p]
    library.icalcomponent_get_sequence.restype = ctypes.c_int
    library.icalcomponent_get_sequence.argtypes = [ctypes.c_void_p]
    library.icalcomponent_free.argtypes = [ctypes.c_void_p]
    library.icalcomponent_free.restype = None
    return Judge(library)


@pytest.mark.parametrize("method", ["REQUEST", "PUBLISH", "CANCEL"])
def test_libical_has_nothing_to_say(judge: Judge, method: Method) -> None:
    assert judge.faults(make(method)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [("ATTENDEE", "X-ATTENDEE"), ("ORGANIZER", "X-ORGANIZER"), ("DTSTAMP", "X-DTSTAMP"), ("UID", "X-UID")],
)
def test_the_judge_is_awake(judge: Judge, before: str, after: str) -> None:
    spoiled = make().replace(f"\r\n{before}", f"\r\n{after}")
    assert judge.faults(spoiled) != []


@pytest.mark.parametrize("method", ["REQUEST", "PUBLISH", "CANCEL"])
def test_a_nasty_title_stays_one_summary(judge: Judge, method: Method) -> None:
    ics = make(method, title=NASTY, description=NASTY, attendee=Mailbox(NASTY, "ann@example.com"))
    assert judge.faults(ics) == []
    assert judge.summary(ics) == 'A; B, "C" ATTACH:x — ü'
    assert not [line for line in unfolded(ics) if line.startswith("ATTACH")]
    assert len([line for line in unfolded(ics) if line.startswith("SUMMARY")]) == 1


@settings(max_examples=100, deadline=None)
@given(title=st.text(max_size=120), name=st.text(max_size=60), description=st.text(max_size=200))
def test_any_text_is_taken(judge: Judge, title: str, name: str, description: str) -> None:
    ics = make(title=title, description=description, attendee=Mailbox(name, "ann@example.com"))
    assert judge.faults(ics) == []
    assert_lines(ics)
    names, usual = (sorted(re.split("[:;]", line)[0] for line in unfolded(each)) for each in (ics, make()))
    assert names == usual


def assert_lines(ics: str) -> None:
    """RFC 5545 §3.1: CRLF, at most 75 octets, no other controls."""
    assert ics.endswith("\r\n")
    assert not re.search(r"(?<!\r)\n|\r(?!\n)", ics)
    assert max(len(line.encode("utf-8")) for line in ics.split("\r\n")) <= 75


# --- to the letter ---------------------------------------------------------------------------------------------------


def test_a_request_says_what_it_must() -> None:
    ics = make()
    assert_lines(ics)
    lines = unfolded(ics)
    for line in [
        "METHOD:REQUEST",
        "UID:reg-42@mail.example.com",
        "SEQUENCE:3",
        "DTSTAMP:20261201T140030Z",
        "LAST-MODIFIED:20261201T140030Z",
        "DTSTART:20261208T170000Z",
        "DTEND:20261208T180000Z",
        "STATUS:CONFIRMED",
        f"LOCATION:{JOIN}",
        f"URL:{JOIN}",
        "TRIGGER:-PT10M",
        'ORGANIZER;CN="Lisa Rangel":mailto:lisa@example.com',
    ]:
        assert line in lines or line.replace('"', "") in lines, line
    (attendee,) = [line for line in lines if line.startswith("ATTENDEE")]
    head, _, address = attendee.partition(":")
    assert address == "mailto:ann@example.com"
    parameters = dict(each.split("=", 1) for each in head.split(";")[1:])
    assert parameters.pop("CN").strip('"') == "Ann Reader"
    assert parameters == {
        "CUTYPE": "INDIVIDUAL",
        "ROLE": "REQ-PARTICIPANT",
        "PARTSTAT": "ACCEPTED",
        "RSVP": "FALSE",
        "X-NUM-GUESTS": "0",
    }
    (description,) = [line for line in lines if line.startswith("DESCRIPTION:See")]
    assert description == f"DESCRIPTION:See you there.\\nBring your résumé.\\n\\n{JOIN}"
    assert "VTIMEZONE" not in ics


def test_a_download_names_nobody_and_a_cancel_cancels() -> None:
    published = make("PUBLISH")
    assert "ATTENDEE" not in published
    assert "ann@example.com" not in published
    assert "ORGANIZER" in published
    cancelled = unfolded(make("CANCEL"))
    assert {"STATUS:CANCELLED", "SEQUENCE:3", "UID:reg-42@mail.example.com"} <= set(cancelled)
    assert "BEGIN:VALARM" not in cancelled


def by_icalendar(ics: str) -> Read:
    """The event as `icalendar` understands it."""
    (event,) = Calendar.from_ical(ics).walk("VEVENT")
    starts, ends = (event[each].dt.astimezone(UTC) for each in ("DTSTART", "DTEND"))
    return Read(str(event["UID"]), int(event["SEQUENCE"]), starts, ends)


def by_ics(ics: str) -> Read:
    """The event as `ics` understands it; what it has no word for it keeps as lines."""
    (event,) = ics_library.Calendar(ics).events
    (sequence,) = (each.value for each in event.extra if each.name == "SEQUENCE")
    return Read(event.uid, int(sequence), event.begin.astimezone(UTC), event.end.astimezone(UTC))


@pytest.fixture(scope="module")
def by_ical_js() -> Callable[[str], Read]:
    """The event as `ical.js` understands it, which mail programs use in the browser."""
    node = shutil.which("node")
    if node is None or not (ICAL_JS / "node_modules").is_dir():
        how = f"npm ci --prefix {ICAL_JS.relative_to(Path(__file__).parents[2])}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"ical.js is missing: `{how}`")
        pytest.skip(f"ical.js is not installed (`{how}`), so no program in JavaScript reads the invites")

    def read(ics: str) -> Read:
        done = subprocess.run([node, ICAL_JS / "read.mjs"], input=ics.encode("utf-8"), capture_output=True, check=True)
        said = json.loads(done.stdout)
        return Read(said["uid"], said["sequence"], *(datetime.fromisoformat(said[each]) for each in ("starts", "ends")))

    return read


CASES = pytest.mark.parametrize(
    ("method", "sequence", "starts"),
    [
        ("REQUEST", 0, STARTS),
        ("REQUEST", 1, STARTS + timedelta(hours=3)),  # moved
        ("REQUEST", 2, SECOND_HALF_PAST_ONE),
        ("CANCEL", 3, STARTS + timedelta(hours=3)),
    ],
)


@CASES
def test_others_read_the_same_instants_in_an_invite_its_move_and_its_end(
    judge: Judge, method: Method, sequence: int, starts: datetime
) -> None:
    ics = make(method, sequence=sequence, starts=starts, ends=starts + timedelta(hours=1))
    ends = starts + timedelta(hours=1)
    meant = Read("reg-42@mail.example.com", sequence, starts.astimezone(UTC), ends.astimezone(UTC))
    assert judge.faults(ics) == []
    assert judge.read(ics) == by_icalendar(ics) == by_ics(ics) == meant


@CASES
def test_a_program_in_javascript_reads_the_same_instants(
    by_ical_js: Callable[[str], Read], method: Method, sequence: int, starts: datetime
) -> None:
    ics = make(method, sequence=sequence, starts=starts, ends=starts + timedelta(hours=1), title=NASTY)
    assert by_ical_js(ics) == by_icalendar(ics)


def test_the_same_registration_gives_the_same_bytes() -> None:
    assert make() == make()


def test_moments_need_their_zone_and_the_right_order() -> None:
    with pytest.raises(ValueError, match="zone"):
        make(stamp=datetime(2026, 12, 1))
    with pytest.raises(ValueError, match="ends after"):
        make(ends=STARTS)


def test_the_link_is_not_said_twice() -> None:
    assert make(description=f"Join: {JOIN}").count("/j/AbC-_123") == make(description="").count("/j/AbC-_123")


def test_links_to_web_calendars() -> None:
    title = 'Résumé & "more" + 100%'
    links = add_links(
        title=title, description="See you", join_url=JOIN, starts=STARTS, ends=STARTS + timedelta(hours=1)
    )
    for url in (links.google, links.outlook, links.office365, links.yahoo):
        assert url.isascii()
        assert "+" not in url
        assert not re.search(r"[\s\"<>]", url)
    google, outlook, office, yahoo = (
        {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}
        for url in (links.google, links.outlook, links.office365, links.yahoo)
    )
    assert (google["text"], google["dates"]) == (title, "20261208T170000Z/20261208T180000Z")
    assert google["details"] == f"See you\n\n{JOIN}"
    assert (outlook["subject"], outlook["startdt"], outlook["enddt"]) == (
        title,
        "2026-12-08T17:00:00Z",
        "2026-12-08T18:00:00Z",
    )
    assert outlook == office
    assert (yahoo["TITLE"], yahoo["ST"], yahoo["ET"], yahoo["in_loc"]) == (
        clean(title),
        "20261208T170000Z",
        "20261208T180000Z",
        JOIN,
    )
    assert urlsplit(links.office365).netloc == "outlook.office.com"
