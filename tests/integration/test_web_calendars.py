"""Calendars on the pages: the public feed, the file of a seat, and the links into web calendars."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import icalendar
import pytest

from drip.core.links import Purpose
from drip.store.store import Store
from tests.stages import Ground
from tests.visitors import BASE, Visitor, open_applied

FEED = "/w/six-deadly-mistakes/calendar.ics"


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return open_applied(tmp_path / "project", memory_store)


@pytest.fixture
def visitor(ground: Ground) -> Visitor:
    return Visitor(ground)


def test_the_feed_has_every_session_to_come_and_nobody_in_it(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.register("ann@example.org", "tuesday-noon")
    answer = visitor.get(FEED)
    assert answer.headers["content-type"] == "text/calendar; method=PUBLISH; charset=utf-8"
    calendar = icalendar.Calendar.from_ical(answer.content)
    events = calendar.walk("VEVENT")
    assert [each["UID"] for each in events] == [
        f"session-six-deadly-mistakes-{name}@example.com"
        for name in ("tuesday-noon", "wednesday-evening", "saturday-morning")
    ]
    assert events[0]["DTSTART"].dt == datetime(2026, 12, 8, 17, 0, tzinfo=UTC)
    assert events[0]["DTEND"].dt == datetime(2026, 12, 8, 18, 0, tzinfo=UTC)
    assert {str(each["URL"]) for each in events} == {f"{BASE}/w/six-deadly-mistakes"}
    assert b"ATTENDEE" not in answer.content
    assert b"meet.example.com" not in answer.content
    assert b"ann@" not in answer.content
    assert max(len(line) for line in answer.content.split(b"\r\n")) <= 75
    assert visitor.get(FEED).content == answer.content
    ground.at("2026-12-08 18:00")
    assert visitor.get(FEED).text.count("BEGIN:VEVENT") == 2


def test_a_moved_session_keeps_its_place_in_the_feed(visitor: Visitor) -> None:
    before = visitor.get(FEED).text
    visitor.ground.edit("campaigns/six-deadly-mistakes/campaign.yaml", "2026-12-08 12:00", "2026-12-08 13:30")
    visitor.ground.apply()
    after = visitor.get(FEED).text
    assert re.findall("UID:.*", after) == re.findall("UID:.*", before)
    assert "DTSTART:20261208T183000Z" in after


def test_no_webinar_no_feed(visitor: Visitor) -> None:
    assert visitor.get("/w/none/calendar.ics").status_code == 404


def test_a_seat_can_be_added_to_calendars_on_the_web(visitor: Visitor) -> None:
    registration = visitor.ground.register("ann@example.org", "tuesday-noon")
    path = visitor.path("j", Purpose.JOIN, registration)
    text = visitor.get(path).text
    found = [urlsplit(html.unescape(each)) for each in re.findall(r'href="(https://[^"]+)"', text)]
    assert [each.netloc for each in found] == [
        "calendar.google.com", "outlook.live.com", "outlook.office.com", "calendar.yahoo.com",
    ]  # fmt: skip
    asked = parse_qs(found[0].query)
    assert asked["dates"] == ["20261208T170000Z/20261208T180000Z"]
    assert asked["location"] == [f"{BASE}{path}"]
    assert parse_qs(found[1].query)["startdt"] == ["2026-12-08T17:00:00Z"]
    file = visitor.get(f"{path}/calendar.ics")
    assert icalendar.Calendar.from_ical(file.content).walk("VEVENT")[0]["DTSTART"].dt.hour == 17


def test_after_the_session_the_next_dates_are_offered(visitor: Visitor) -> None:
    registration = visitor.ground.register("ann@example.org", "tuesday-noon")
    visitor.ground.at("2026-12-08 18:01")
    text = visitor.get(visitor.path("j", Purpose.JOIN, registration)).text
    assert "This session is over" in text
    assert re.findall(r"\?s=([a-z-]+)&", html.unescape(text)) == ["wednesday-evening", "saturday-morning"]
