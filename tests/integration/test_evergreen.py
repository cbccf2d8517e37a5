"""An evergreen webinar by its pages and its mails: a start of the rule is picked, and is a session from then on."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drip.authoring.check import check
from drip.core.events import AskedToRegister, ConfirmedRegistration, MovedRegistration
from drip.core.links import Purpose
from drip.core.records import Attendance, EnrollmentState, RegistrationId, RegistrationState
from drip.engine.apply import plan, wanted_campaigns
from drip.engine.preview import choose
from drip.engine.registering import SessionClosed
from drip.errors import NotFound
from drip.project import read_tree
from drip.store.store import Store
from tests.stages import EVERGREEN, EVIDENCE, Ground, open_ground, replace_sessions
from tests.visitors import Visitor, body_of, dump, open_applied, words

NAME = "six-deadly-mistakes"
CAMPAIGN = f"campaigns/{NAME}/campaign.yaml"
PAGE = f"/w/{NAME}"


def evergreen(ground: Ground) -> None:
    """A recording, which the rule offers. It is Monday 23 November 2026, 9:00 in New York."""
    replace_sessions(ground.folder, EVERGREEN)


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return open_applied(tmp_path / "project", memory_store, evergreen)


@pytest.fixture
def visitor(ground: Ground) -> Visitor:
    return Visitor(ground)


def radios(text: str) -> list[str]:
    return re.findall(r'<input type="radio" name="session" value="([^"]+)"', text)


def booked(visitor: Visitor, address: str, session: str) -> RegistrationId:
    """Somebody with a seat, by the pages alone."""
    answer = visitor.register(address, session)
    assert answer.status_code == 200, words(answer.text)
    visitor.ground.tick()
    visitor.post(visitor.link(visitor.last_mail(address), "/b/"))
    ground = visitor.ground
    with ground.store.read() as work:
        person = work.subscriber_by_mailbox(ground.project.keys.mailbox_of(address))
        assert person is not None
        found = work.open_registration(person.id, NAME)
    assert found is not None
    assert found.state is RegistrationState.BOOKED
    return found.id


def sessions(ground: Ground) -> list[str]:
    with ground.store.read() as work:
        return [each.name for each in work.sessions(NAME)]


# --- the page -----------------------------------------------------------------------------------------------------


def test_the_page_offers_the_next_quarter_hour_and_the_regular_starts(visitor: Visitor) -> None:
    visitor.ground.at("2026-11-25 17:12")  # Wednesday, 12:12 in New York
    before = dump(visitor.ground)
    page = visitor.get(PAGE).text
    assert radios(page) == [
        "2026-11-25-1715z", "2026-11-25-1900z", "2026-11-30-1600z", "2026-11-30-1900z", "2026-12-01-1600z",
        "2026-12-01-1900z",
    ]  # fmt: skip
    text = words(page)
    assert "Wednesday, November 25, 2026 12:15 pm, New York time (UTC−5) Recorded session" in text
    assert text.count("Recorded session") == 6
    assert "seat left" not in text
    assert "seats left" not in text
    assert "calendar.ics" not in page
    assert dump(visitor.ground) == before


def test_the_page_is_in_the_zone_of_the_visitor(visitor: Visitor) -> None:
    visitor.ground.at("2026-11-25 17:12")
    page = visitor.get(f"{PAGE}?tz=Asia/Kathmandu").text
    assert "Wednesday, November 25, 2026 11:00 pm, Kathmandu time (UTC+5:45) Recorded session" in words(page)


def test_what_was_picked_and_is_over_meanwhile_is_asked_again(visitor: Visitor) -> None:
    visitor.ground.at("2026-11-25 17:12")
    name = radios(visitor.get(PAGE).text)[0]
    visitor.ground.at("2026-11-25 17:14")
    assert name not in radios(visitor.get(PAGE).text)  # too near to be offered, and still to be had
    assert visitor.register("ann@example.org", name).status_code == 200
    visitor.ground.at("2026-11-25 17:15")
    answer = visitor.register("bea@example.org", name)
    assert answer.status_code == 422
    assert "That session is over. Please choose another one." in words(answer.text)
    assert radios(answer.text)[0] == "2026-11-25-1730z"


@pytest.mark.parametrize("name", ["2026-11-25-1721z", "2026-11-26-1600z", "2027-11-25-1900z", "tuesday-noon", "x" * 99])
def test_no_start_is_made_up(visitor: Visitor, name: str) -> None:
    visitor.ground.at("2026-11-25 17:12")
    before = sessions(visitor.ground)
    assert visitor.register("ann@example.org", name).status_code == 422
    assert sessions(visitor.ground) == before == []


def test_there_is_no_feed_of_what_a_rule_may_offer(visitor: Visitor) -> None:
    assert visitor.get(f"{PAGE}/calendar.ics").status_code == 404


def test_the_front_page_names_the_next_regular_start(visitor: Visitor) -> None:
    visitor.ground.at("2026-11-25 17:12")
    assert "Wednesday, November 25 at 2:00 pm, New York time (UTC−5), recorded session" in words(visitor.get("/").text)


# --- from picking to the follow-up --------------------------------------------------------------------------------


def test_with_a_lead_of_three_minutes_nothing_comes_but_the_greeting(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.at("2026-11-25 17:12")
    registration = booked(visitor, "ann@example.org", "2026-11-25-1715z")
    assert sessions(ground) == ["2026-11-25-1715z"]
    page = visitor.get(visitor.path("b", Purpose.BOOK, registration)).text
    assert "Go to the door" in words(page)
    assert "recorded session" in words(page)
    for minute in range(12, 20):
        ground.at(f"2026-11-25 17:{minute}")
        ground.tick()
    assert ground.transport.posts("ann@example.org") == ["confirm-registration", "you-are-in"]
    wire = visitor.last_mail("ann@example.org")
    assert "recorded session" in body_of(wire, "plain")
    assert "recorded session" in body_of(wire, "html")
    assert b"A recorded session." in wire.data
    ground.counts_hold()


def test_reminders_come_by_the_lead_that_is_left(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.at("2026-11-25 15:30")
    booked(visitor, "ann@example.org", "2026-11-25-1900z")
    moment = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)
    while moment < datetime(2026, 11, 25, 19, 10, tzinfo=UTC):
        ground.clock.set(moment)
        ground.tick()
        moment += timedelta(minutes=5)
    assert ground.transport.posts("ann@example.org")[1:] == ["you-are-in", "starting-in-an-hour", "we-are-live"]


def test_who_came_and_who_did_not_are_followed_up(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.at("2026-11-25 17:12")
    came = booked(visitor, "ann@example.org", "2026-11-25-1715z")
    missed = booked(visitor, "bea@example.org", "2026-11-25-1900z")
    ground.at("2026-11-25 17:16")
    answer = visitor.post(visitor.path("j", Purpose.JOIN, came))
    assert answer.status_code == 303
    assert answer.headers["location"] == "https://meet.example.com/2026-11-25-1715z"
    for hour in range(18, 24):
        ground.at(f"2026-11-25 {hour}:20")
        ground.tick()
    assert "recording-and-next-step" in ground.transport.posts("ann@example.org")
    # Nobody was seen in that session at all. Our page is the only door, so it is known that she did not come.
    assert "we-missed-you" in ground.transport.posts("bea@example.org")
    with ground.store.read() as work:
        assert work.attendance(missed) is Attendance.MISSED
    offered = body_of(visitor.last_mail("bea@example.org"), "plain")
    assert "Monday, November 30" in offered
    assert "5:00 pm, Berlin time (UTC+1), recorded session" in offered
    ground.counts_hold()


def test_a_seat_moves_to_another_start_and_the_sales_mails_end(visitor: Visitor) -> None:
    ground = visitor.ground
    who = ground.join("ann@example.org")
    for moment in ("2026-11-23 14:00", "2026-11-25 17:12"):  # two of the sales mails
        ground.at(moment)
        ground.tick()
    registration = booked(visitor, "ann@example.org", "2026-11-25-1900z")
    assert ground.enrollment(who, "invite")[0] is EnrollmentState.GOAL
    path = visitor.path("m", Purpose.MANAGE, registration)
    page = visitor.get(path).text
    others = re.findall(r'name="session" value="([^"]+)"', page)
    assert others[:2] == ["2026-11-25-1715z", "2026-11-30-1600z"]
    assert "2026-11-25-1900z" not in others
    assert "Your seat has moved" in words(visitor.post(path, {"session": "2026-11-30-1600z"}).text)
    assert visitor.post(path, {"session": "2026-11-30-1601z"}).status_code == 409
    ground.tick()
    assert ground.transport.posts("ann@example.org").count("registration-moved") == 0  # the greeting had not gone yet
    assert "Monday, November 30 at 5:00 pm" in body_of(visitor.last_mail("ann@example.org"), "plain")
    assert sessions(ground) == ["2026-11-25-1900z", "2026-11-30-1600z"]


def test_a_rule_in_the_readers_time_is_picked_in_the_readers_zone(tmp_path: Path, memory_store: Store) -> None:
    ground = open_applied(tmp_path / "project", memory_store)
    replace_sessions(ground.folder, "  evergreen:\n    starts: daily 10:00 reader's time\n")
    ground.apply()
    visitor = Visitor(ground)
    visitor.ground.at("2026-11-25 17:12")
    berlin = radios(visitor.get(f"{PAGE}?tz=Europe/Berlin").text)
    assert berlin[0] == "2026-11-26-0900z"
    assert visitor.register("ann@example.org", berlin[0], tz="America/New_York").status_code == 422
    assert visitor.register("ann@example.org", berlin[0], tz="Europe/Berlin").status_code == 200
    assert "Thursday, November 26 at 10:00 am, Berlin time (UTC+1)" in words(
        visitor.register("bea@example.org", berlin[0], tz="Europe/Berlin").text
    )


# --- edits of the rule --------------------------------------------------------------------------------------------


def test_whoever_picked_a_start_keeps_it_when_the_rule_changes(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.at("2026-11-25 17:12")
    registration = booked(visitor, "ann@example.org", "2026-11-30-1600z")
    ground.tick()
    ground.edit(CAMPAIGN, "starts: weekdays 11:00, 14:00", "starts: saturday 10:00")
    wanted, _ = wanted_campaigns(read_tree(ground.folder), [], ground.clock.now())
    with ground.store.read() as work:
        (planned,) = plan(work, ground.engine.live, read_tree(ground.folder), wanted, ground.clock.now())
    assert planned.news == ()
    told = [f"{each.sign} {each.subject}: {each.what} ({each.effect})" for each in planned.plan.lines]
    assert told == [
        "~ evergreen: weekdays 11:00, 14:00; next quarter hour, weekdays 9:00-21:00; closed 2026-11-26..2026-11-27 → "
        "saturday 10:00; next quarter hour, weekdays 9:00-21:00; closed 2026-11-26..2026-11-27 "
        "(who picked a start keeps it)"
    ]
    ground.apply()
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "you-are-in"
    assert "Monday, November 30" in words(visitor.get(visitor.path("j", Purpose.JOIN, registration)).text)
    ground.at("2026-11-30 15:50")
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "we-are-live"


def test_another_length_moves_the_end_of_what_was_picked(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.at("2026-11-25 17:12")
    booked(visitor, "ann@example.org", "2026-11-30-1600z")
    ground.tick()
    ground.edit(CAMPAIGN, "length: 60 minutes", "length: 90 minutes")
    ground.apply()
    with ground.store.read() as work:
        (session,) = work.sessions(NAME)
    assert session.ends - session.starts == timedelta(minutes=90)
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "session-moved"


def test_a_choice_of_sessions_becomes_evergreen_and_again_a_choice(tmp_path: Path, disk_store: Store) -> None:
    """On SQLite and on PostgreSQL: what was picked stays, is withdrawn, and is there again."""
    ground = open_ground(tmp_path / "project", disk_store)
    before = (ground.folder / CAMPAIGN).read_text(encoding="utf-8")
    fixed = ground.register("ann@example.org", "tuesday-noon")
    evergreen(ground)
    ground.apply()
    with ground.store.read() as work:
        held = work.registration(fixed)
    assert held is not None
    assert held.state is RegistrationState.BOOKED
    assert sessions(ground) == []
    ground.at("2026-11-25 17:12")
    picked = ground.register("bea@example.org", "2026-11-25-1900z")
    ground.register("cleo@example.org", "2026-11-25-1900z")
    assert sessions(ground) == ["2026-11-25-1900z"]
    rule = (ground.folder / CAMPAIGN).read_text(encoding="utf-8")
    (ground.folder / CAMPAIGN).write_text(before, encoding="utf-8")
    ground.apply()
    assert sessions(ground) == ["tuesday-noon", "wednesday-evening", "saturday-morning"]
    (ground.folder / CAMPAIGN).write_text(rule, encoding="utf-8")
    ground.apply()
    assert sessions(ground) == []
    ground.register("dora@example.org", "2026-11-25-1900z")
    assert sessions(ground) == ["2026-11-25-1900z"]
    ground.at("2026-11-25 20:05")
    ground.tick()
    ground.apply()
    assert sessions(ground) == ["2026-11-25-1900z"]  # over and closed, and still known
    with ground.store.read() as work:
        assert work.sessions(NAME, is_open=True) == []
        assert work.attendance(picked) is Attendance.MISSED


def test_the_engine_takes_no_start_that_is_not_offered(ground: Ground) -> None:
    ground.at("2026-11-25 17:12")
    ask = AskedToRegister("ann@example.org", NAME, "2026-11-25-1721z", EVIDENCE)
    with pytest.raises(SessionClosed):
        ground.engine.happen(ask, ground.clock.now())
    with pytest.raises(NotFound):
        ground.engine.happen(AskedToRegister("ann@example.org", NAME, "noon", EVIDENCE), ground.clock.now())
    asked = ground.engine.happen(
        AskedToRegister("ann@example.org", NAME, "2026-11-25-1715z", EVIDENCE), ground.clock.now()
    )
    assert asked.registration_id is not None
    # The mail was read late. Who comes late still sees the rest.
    ground.at("2026-11-25 17:20")
    confirmed = ground.engine.happen(ConfirmedRegistration(asked.registration_id, EVIDENCE), ground.clock.now())
    assert confirmed.what == "booked"
    moved = MovedRegistration(asked.registration_id, "2026-11-25-1745z", EVIDENCE)
    assert ground.engine.happen(moved, ground.clock.now()).what == "unknown"
    same = MovedRegistration(asked.registration_id, "2026-11-25-1715z", EVIDENCE)
    assert ground.engine.happen(same, ground.clock.now()).what == "same"


# --- for the author -----------------------------------------------------------------------------------------------


def test_posts_are_checked_and_previewed_with_recorded_sessions(ground: Ground) -> None:
    files = read_tree(ground.folder)
    problems = check(files, now=ground.clock.now())
    # The drip tests of the example name its sessions.
    assert {each.name for each in problems if not each.place.path.startswith(f"campaigns/{NAME}/tests/")} == set()
    assert choose(files, "see-you-tomorrow", ground.clock.now()).registration is not None
