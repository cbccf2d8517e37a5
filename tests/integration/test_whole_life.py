"""A whole campaign with everything that can happen to a seat: every link of every mail only shows, every entry is one
that a foreign library takes for right, and what was said to each reader is what happened."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest

from drip.core.message import Wire
from drip.core.records import Attendance, RegistrationState
from drip.store.store import Store
from tests.integration.test_mail_calendar import Judge
from tests.integration.test_mail_calendar import judge as judge
from tests.integration.test_seats import PLOT, entry
from tests.visitors import Visitor, dump, open_applied, paths_in

NOON, EVENING = "2026-12-08 12:00", "2026-12-09 19:00"


@pytest.fixture
def visitor(tmp_path: Path, memory_store: Store) -> Visitor:
    ground = open_applied(tmp_path / "project", memory_store)
    ground.edit(PLOT, "seats: 100", "seats: 1")
    ground.apply()
    return Visitor(ground)


def seated(visitor: Visitor, who: str, session: str) -> Wire:
    """Sign up for a seat by the pages; the mail after the button."""
    visitor.register(who, session)
    visitor.post(visitor.link(visitor.last_mail(who), "/b/"))
    return visitor.last_mail(who)


def live(visitor: Visitor) -> None:
    """Ann moves by herself, the host moves her session, then cancels it; she takes another and comes. Ben stands in
    line and is offered a seat; cora gives hers back; dora stays away."""
    ground = visitor.ground
    visitor.sign_up("ann@example.org")
    visitor.post(visitor.link(visitor.last_mail("ann@example.org"), "/confirm/"))
    ground.tick()
    visitor.register("ben@example.org", "tuesday-noon")
    book = visitor.link(visitor.last_mail("ben@example.org"), "/b/")
    greeting = seated(visitor, "ann@example.org", "tuesday-noon")
    manage = visitor.link(greeting, "/m/")
    assert visitor.post(book).status_code == 409
    visitor.post(book, {"wait": "yes"})
    visitor.post(manage, {"session": "wednesday-evening"})
    assert visitor.last_mail("ben@example.org").data.count(b"seat-offered")
    visitor.post(visitor.link(visitor.last_mail("ben@example.org"), "/b/"))
    cora = visitor.link(seated(visitor, "cora@example.org", "saturday-morning"), "/m/")
    visitor.post(cora)
    seated(visitor, "dora@example.org", "saturday-morning")
    ground.edit(PLOT, EVENING, "2026-12-09 18:00")
    ground.apply()
    ground.tick()
    ground.edit(PLOT, "2026-12-09 18:00", "2026-12-09 18:00 cancelled")
    ground.apply()
    ground.tick()
    ground.edit(PLOT, "seats: 1", "seats: 2")
    ground.apply()
    visitor.post(visitor.link(visitor.last_mail("ann@example.org"), "/m/"), {"session": "saturday-morning"})
    ground.tick()
    for moment in ("2026-12-11 15:00", "2026-12-12 14:00", "2026-12-12 14:50"):
        ground.at(moment)
        ground.tick()
    ground.at("2026-12-12 15:01")
    assert visitor.post(visitor.link(greeting, "/j/").removesuffix("/calendar.ics")).status_code == 303
    for moment in ("2026-12-12 16:01", "2026-12-12 18:30"):
        ground.at(moment)
        ground.tick()


def test_a_whole_life_and_nothing_acts_but_a_press(visitor: Visitor, judge: Judge) -> None:
    live(visitor)
    ground = visitor.ground
    with ground.store.read() as work:
        seats = work.registrations("six-deadly-mistakes")
        came = {each.email: each.attendance for each in work.roster("six-deadly-mistakes", session="saturday-morning")}
    assert sum(each.state is RegistrationState.BOOKED for each in seats) == 3
    assert came["ann@example.org"] is Attendance.ATTENDED
    assert came["dora@example.org"] is Attendance.MISSED
    ann = ground.transport.posts("ann@example.org")
    for post in ("registration-moved", "session-moved", "session-cancelled", "we-are-live", "recording-and-next-step"):
        assert ann.count(post) == 1, post
    assert "we-missed-you" not in ann
    assert ground.transport.posts("dora@example.org")[-1] == "we-missed-you"
    # Every link of every mail, twice, by what a scanner uses. Not even who came is changed.
    links = sorted({path for wire in ground.transport.sent for path in paths_in(wire)})
    assert len(links) > 40
    before = dump(ground)
    for method in ("GET", "HEAD") * 2:
        for link in links:
            assert visitor.ask(method, link).status_code < 500, (method, link)
    assert dump(ground) == before
    # One entry for ann from the first mail to the last, each news with the next number.
    entries = []
    for wire in ground.transport.sent:
        message = email.message_from_bytes(wire.data, policy=email.policy.default)
        part = next((each for each in message.walk() if each.get_content_type() == "text/calendar"), None)
        if part is None:
            continue
        ics = part.get_payload(decode=True)
        assert isinstance(ics, bytes)
        assert judge.faults(ics.decode()) == []
        if wire.recipient == "ann@example.org":
            entries.append(entry(wire))
    assert len({each[1] for each in entries}) == 1
    assert [(each[0], each[2]) for each in entries] == [
        ("REQUEST", 0),  # the greeting
        ("REQUEST", 1),  # she moved
        ("REQUEST", 2),  # the host moved
        ("CANCEL", 3),  # the host cancelled
        ("REQUEST", 4),  # she took another seat
    ]
    ground.counts_hold()
