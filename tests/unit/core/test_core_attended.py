"""Attendance reports, trap by trap. The minutes in the comments are computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.attended import NeedsZone, Presence, UnreadableReport, decode, read_moment, read_report
from tests.stages import HERE

NEW_YORK = "America/New_York"

ZOOM = "\ufeff" + (HERE / "tests/golden/attendance/zoom-attendees.csv").read_text(encoding="utf-8").replace("␀", "\0")
"""The mark at the beginning and the NULs inside stand here: a file with them would not be text."""

# ann: 11:00–11:30 and 11:20–11:50 overlap: 50 minutes; and 11:55–12:00: 5. Together 55, not 65.
# ben: left before he joined: there for a moment, 0. dan: the other style of dates, 30. eve: half a minute, so 1.
HAND = {
    "ann@example.org": (True, 55),
    "ben@example.org": (True, 0),
    "cat@example.org": (False, None),
    "dan@example.org": (True, 30),
    "eve@example.org": (True, 1),
}


def minutes(people: tuple[Presence, ...]) -> dict[str, tuple[bool, int | None]]:
    return {each.email.casefold(): (each.came, each.minutes) for each in people}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_zooms_report_with_every_trap(encoding: str, ends: str) -> None:
    text = ZOOM if encoding == "utf-8" else ZOOM.lstrip("\ufeff").replace("\x00", "")
    sheet = read_report(text.replace("\n", ends).encode(encoding), NEW_YORK)
    assert sheet.kind == "zoom"
    assert minutes(sheet.people) == HAND
    assert sheet.nameless == ("+1 555 0100",)
    assert [each.partition(": ")[2] for each in sheet.faults] == ["`maybe` is neither yes nor no"]
    ann = sheet.people[0]
    # 11:00 in New York in August is 15:00 UTC; a zone half a world away would make her miss the session.
    assert ann.first_join == datetime(2026, 8, 30, 15, 0, tzinfo=UTC)
    assert ann.last_leave == datetime(2026, 8, 30, 16, 0, tzinfo=UTC)


def test_zooms_report_without_a_zone_asks_for_one() -> None:
    with pytest.raises(NeedsZone, match="in which zone"):
        read_report(ZOOM.encode())


def test_the_columns_of_hosts_and_panelists_are_not_those_of_attendees() -> None:
    assert not {"lisa@example.com", "paul@example.com"} & set(minutes(read_report(ZOOM.encode(), NEW_YORK).people))


def test_zooms_meeting_report() -> None:
    text = (
        "Meeting ID,Topic,Start Time\n812,Mistakes,08/30/2026 10:58:00 AM\n\n"
        "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest\n"
        "Ann,ann@example.org,08/30/2026 11:00:00 AM,08/30/2026 11:30:00 AM,30,Yes\n"
    )
    sheet = read_report(text.encode(), NEW_YORK)
    assert (sheet.kind, minutes(sheet.people)) == ("zoom", {"ann@example.org": (True, 30)})


def test_gotos_report_names_its_zone() -> None:
    text = (
        'Attendee Report\nGenerated,"May 16, 2012"\n\n'
        "Attended,Interest Rating,First Name,Last Name,Email,Registration Date,Join Time,Leave Time,"
        "In Session Duration* (minutes),Country,Unsubscribed\n"
        'Yes,72,Ann,A,ann@example.org,"May 1, 2012 9:00 AM EDT",'
        '"May 16, 2012 10:58 AM EDT","May 16, 2012 12:01 PM EDT",63,US,No\n'
        'No,--,Cat,C,cat@example.org,"May 1, 2012 9:00 AM EDT",--,--,--,US,No\n'
    )
    sheet = read_report(text.encode())
    assert sheet.kind == "goto"
    assert minutes(sheet.people) == {"ann@example.org": (True, 63), "cat@example.org": (False, None)}
    assert sheet.people[0].first_join == datetime(2012, 5, 16, 14, 58, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("email,attended\nann@example.org,yes\nben@example.org,no\n", {"ann": (True, None), "ben": (False, None)}),
        ("sep=;\nE-Mail;Duration\nann@example.org;42\nben@example.org;0\n", {"ann": (True, 42), "ben": (False, None)}),
        ("Email\tDuration\nann@example.org\t0:41:30\n", {"ann": (True, 42)}),
        ("email,joined at\nann@example.org,2026-12-08T17:01:00+00:00\nben@example.org,\n",
         {"ann": (True, 0), "ben": (False, None)}),
    ],
)  # fmt: skip
def test_any_csv_with_an_address_and_something_about_coming(text: str, expected: dict[str, object]) -> None:
    found = minutes(read_report(text.encode()).people)
    assert {each.partition("@")[0]: said for each, said in found.items()} == expected


@pytest.mark.parametrize("text", ["", "hello", "email\nann@example.org\n", "name,attended\nAnn,yes\n"])
def test_what_is_no_report_is_answered(text: str) -> None:
    with pytest.raises(UnreadableReport):
        read_report(text.encode(), NEW_YORK)


def test_times_in_two_styles_are_the_same_moment() -> None:
    expected = datetime(2025, 3, 22, 23, 13, 27, tzinfo=UTC)
    assert read_moment("Mar 22, 2025 19:13:27", NEW_YORK) == expected
    assert read_moment("03/22/2025 07:13:27 PM", NEW_YORK) == expected
    with pytest.raises(ValueError, match="is no time"):
        read_moment("yesterday", NEW_YORK)


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_read_or_answered(data: bytes) -> None:
    assert isinstance(decode(data), str)
    try:
        read_report(data, NEW_YORK)
    except UnreadableReport:
        return


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 60)), min_size=1, max_size=8))
def test_minutes_are_those_of_the_union(spans: list[tuple[int, int]]) -> None:
    head = "email,join time,leave time\n"
    base = datetime(2026, 8, 30, 12, 0, tzinfo=UTC).timestamp()
    lines = []
    for start, length in spans:
        begin, finish = (datetime.fromtimestamp(base + each * 60, UTC) for each in (start, start + length))
        lines.append(f"ann@example.org,{begin.isoformat()},{finish.isoformat()}\n")
    covered = {minute for start, length in spans for minute in range(start, start + length)}
    assert read_report((head + "".join(lines)).encode()).people[0].minutes == len(covered)
