"""A series: somebody registers once and comes to every part. By the pages, the mails and the engine."""

from __future__ import annotations

import email
import email.policy
import re
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drip.authoring.check import check
from drip.core.events import (
    AskedToRegister,
    AttendanceReported,
    CancelledRegistration,
    ConfirmedRegistration,
    JoinedWaitingList,
    MovedRegistration,
    Unsubscribed,
)
from drip.core.links import Purpose
from drip.core.message import Wire
from drip.core.reasons import ReasonName
from drip.core.records import Attendance, EnrollmentState, RegistrationId, RegistrationState, SubscriberId
from drip.project import read_tree
from drip.store.store import Store
from tests.stages import EVIDENCE, SERIES, Ground, open_ground, replace_sessions
from tests.visitors import Visitor, body_of, dump, open_applied, words

NAME = "six-deadly-mistakes"
CAMPAIGN = f"campaigns/{NAME}/campaign.yaml"
PAGE = f"/w/{NAME}"
PARTS = ["part-one", "part-two", "part-three"]


def series(ground: Ground) -> None:
    """Three parts, each on a Tuesday at 12:00 in New York. It is Monday 23 November 2026, 9:00 there."""
    replace_sessions(ground.folder, SERIES)


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return open_applied(tmp_path / "project", memory_store, series)


@pytest.fixture
def visitor(ground: Ground) -> Visitor:
    return Visitor(ground)


def held(ground: Ground, address: str = "ann@example.org") -> dict[str, RegistrationState]:
    """What somebody has of the series."""
    who = reader(ground, address)
    with ground.store.read() as work:
        return {each.session: each.state for each in work.registrations_of(who)}


def numbers(ground: Ground, address: str = "ann@example.org") -> dict[str, RegistrationId]:
    who = reader(ground, address)
    with ground.store.read() as work:
        return {each.session: each.id for each in work.registrations_of(who)}


def reader(ground: Ground, address: str) -> SubscriberId:
    with ground.store.read() as work:
        found = work.subscriber_by_mailbox(ground.project.keys.mailbox_of(address))
    assert found is not None
    return found.id


def entries(wire: Wire) -> list[dict[str, str]]:
    """Every calendar object of a message, that of the body first: what its lines say."""
    message = email.message_from_bytes(wire.data, policy=email.policy.default)
    found = []
    for part in message.walk():
        if part.get_content_type() in ("text/calendar", "application/ics"):
            text = part.get_payload(decode=True).decode().replace("\r\n ", "")
            found.append(dict(re.findall(r"(?m)^(METHOD|UID|SEQUENCE|DTSTART|STATUS)[^:\r\n]*:([^\r\n]*)", text)))
    return found


def play(ground: Ground, start: datetime, end: datetime, every: timedelta = timedelta(minutes=30)) -> None:
    """Cron, until then."""
    while start < end:
        ground.clock.set(start)
        ground.tick()
        start += every


# --- registering --------------------------------------------------------------------------------------------------


def test_one_press_takes_every_part_with_one_mail_and_an_invite_for_each(visitor: Visitor) -> None:
    ground = visitor.ground
    who = ground.join("ann@example.org")
    ground.tick()
    page = visitor.get(PAGE).text
    assert 'type="radio"' not in page
    assert "Tuesday, December 8, 2026 12:00 pm, New York time (UTC−5) Tuesday, December 15, 2026" in words(page)
    hidden = re.findall(r'<input type="hidden" name="session" value="([^"]+)"', page)
    assert hidden == ["part-one"]
    answer = visitor.register("ann@example.org", "part-one", tz="America/New_York")
    assert "Your seat in 3 parts, the first on Tuesday, December 8 at 12:00 pm" in words(answer.text)
    assert held(ground) == {"part-three": RegistrationState.PENDING}
    wire = visitor.last_mail("ann@example.org")
    assert "Tuesday, December 8 at 12:00 pm" in body_of(wire, "plain")
    assert "3 parts are still to come" in body_of(wire, "plain")
    book = visitor.link(wire, "/b/")
    before = dump(ground)
    assert words(visitor.get(book).text).count("Tuesday, December") == 4  # the next part, and all of them
    assert dump(ground) == before
    booked = words(visitor.post(book).text)
    assert "Your seat is booked 6 Deadly" in booked
    assert "a calendar entry for every part is on its way" in booked
    assert held(ground) == dict.fromkeys(PARTS, RegistrationState.BOOKED)
    assert ground.enrollment(who, "invite")[0] is EnrollmentState.GOAL
    ground.tick()
    ground.tick()
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake", "confirm-registration", "you-are-in"]
    body, *attached = entries(visitor.last_mail("ann@example.org"))
    assert body == attached[0]
    ids = numbers(ground)
    assert [each["UID"].partition("@")[0] for each in attached] == [f"registration-{ids[part]}" for part in PARTS]
    assert [each["DTSTART"] for each in attached] == ["20261208T170000Z", "20261215T170000Z", "20261222T170000Z"]
    assert {each["METHOD"] for each in attached} == {"REQUEST"}
    # Pressed once more it is the same seat.
    assert "Your seat is booked" in words(visitor.post(book).text)
    ground.tick()
    assert len(ground.transport.posts("ann@example.org")) == 3
    ground.counts_hold()


def test_reminders_and_follow_up_come_for_every_part_and_the_greeting_once(ground: Ground) -> None:
    ground.register("ann@example.org", "part-one")
    ids = numbers(ground)
    start = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    play(ground, start, start + timedelta(minutes=30))
    for day, part in ((8, "part-one"), (15, "part-two"), (22, "part-three")):
        noon = datetime(2026, 12, day, 17, 0, tzinfo=UTC)
        play(ground, noon - timedelta(hours=24), noon - timedelta(hours=23))
        play(ground, noon - timedelta(minutes=60), noon, timedelta(minutes=10))
        if part != "part-two":
            report = AttendanceReported(ids[part], Attendance.ATTENDED, "a test")
            ground.clock.set(noon + timedelta(minutes=5))
            ground.engine.happen(report, ground.clock.now())
        else:
            report = AttendanceReported(ids[part], Attendance.MISSED, "a test")
            ground.clock.set(noon + timedelta(minutes=5))
            ground.engine.happen(report, ground.clock.now())
        play(ground, noon + timedelta(hours=1), noon + timedelta(hours=4))
    reminders = ["see-you-tomorrow", "starting-in-an-hour", "we-are-live"]
    assert ground.transport.posts("ann@example.org") == [
        "confirm-registration", "you-are-in",
        *reminders, "recording-and-next-step",
        *reminders, "we-missed-you",
        *reminders, "recording-and-next-step",
    ]  # fmt: skip
    who = reader(ground, "ann@example.org")
    with ground.store.read() as work:
        mine = [each for each in work.enrollments(who) if each.sequence == "remind"]
        reasons = [{done.step: done.reason for done in each.done} for each in mine]
    assert [each["remind/you-are-in"] for each in reasons] == [
        "accepted", ReasonName.ONCE_FOR_SERIES, ReasonName.ONCE_FOR_SERIES,
    ]  # fmt: skip
    ground.counts_hold()


def test_whoever_comes_late_gets_the_parts_that_are_left(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.at("2026-12-10 12:00")
    assert words(visitor.get(PAGE).text).count("Over") == 1
    visitor.register("ann@example.org", "part-one")
    wire = visitor.last_mail("ann@example.org")
    assert "Tuesday, December 15" in body_of(wire, "plain")
    # The mail is read only after the next part, too.
    ground.at("2026-12-16 12:00")
    visitor.post(visitor.link(wire, "/b/"))
    assert held(ground) == {"part-three": RegistrationState.BOOKED}
    ground.at("2026-12-22 18:00")
    assert visitor.register("bea@example.org", "part-three").status_code == 422


def test_a_part_that_was_added_is_taken_by_registering_again(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.register("ann@example.org", "part-one")
    ground.tick()
    ground.edit(CAMPAIGN, "    part-two:", "    part-extra: 2026-12-10 12:00\n    part-two:")
    ground.apply()
    assert set(held(ground)) == set(PARTS)
    ground.at("2026-11-24 12:00")
    visitor.register("ann@example.org", "part-one")
    book = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    assert "Yes, book my seat" in visitor.get(book).text
    visitor.post(book)
    assert held(ground) == dict.fromkeys([*PARTS, "part-extra"], RegistrationState.BOOKED)
    ground.tick()
    (body, attached) = entries(visitor.last_mail("ann@example.org"))
    assert body == attached
    assert body["DTSTART"] == "20261210T170000Z"


# --- coming -------------------------------------------------------------------------------------------------------


def test_each_part_has_its_own_door_and_its_own_attendance(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.register("ann@example.org", "part-one")
    ids = numbers(ground)
    doors = {part: visitor.path("j", Purpose.JOIN, ids[part]) for part in PARTS}
    ground.at("2026-12-08 17:02")
    answer = visitor.post(doors["part-one"])
    assert (answer.status_code, answer.headers["location"]) == (303, "https://meet.example.com/part-one")
    assert visitor.post(doors["part-two"]).status_code == 409
    ground.at("2026-12-09 17:02")
    ground.tick()
    over = visitor.get(doors["part-one"]).text
    assert "This session is over" in words(over)
    assert f'href="{doors["part-two"]}"' in over
    with ground.store.read() as work:
        assert work.attendance(ids["part-one"]) is Attendance.ATTENDED
        assert work.attendance(ids["part-two"]) is Attendance.UNKNOWN
    # Whichever link of theirs it is, the page is about the part that is next.
    manage = words(visitor.get(visitor.path("m", Purpose.MANAGE, ids["part-one"])).text)
    assert "Your seat 6 Deadly" in manage
    assert "Tuesday, December 15" in manage
    assert "Move here" not in manage


def test_there_is_no_other_part_to_move_to(ground: Ground) -> None:
    number = ground.register("ann@example.org", "part-one")
    moved = MovedRegistration(number, "part-two", EVIDENCE)
    assert ground.engine.happen(moved, ground.clock.now()).what == "unknown"
    assert held(ground) == dict.fromkeys(PARTS, RegistrationState.BOOKED)


# --- giving it back -----------------------------------------------------------------------------------------------


def test_one_press_gives_every_part_back_with_one_mail(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.register("ann@example.org", "part-one")
    ids = numbers(ground)
    ground.tick()
    ground.at("2026-12-08 17:02")
    visitor.post(visitor.path("j", Purpose.JOIN, ids["part-one"]))
    ground.at("2026-12-09 12:00")
    ground.tick()
    page = visitor.post(visitor.path("m", Purpose.MANAGE, ids["part-two"]))
    assert "Your registration is cancelled" in words(page.text)
    states = held(ground)
    assert states.pop("part-one") is RegistrationState.BOOKED  # she was there
    assert set(states.values()) == {RegistrationState.CANCELLED}
    play(ground, ground.clock.now(), datetime(2026, 12, 23, tzinfo=UTC), timedelta(hours=6))
    posts = ground.transport.posts("ann@example.org")
    assert posts.count("registration-cancelled") == 1
    wire = next(each for each in ground.transport.sent if b":registration-cancelled:" in each.data)
    _, *attached = entries(wire)
    assert [(each["METHOD"], each["SEQUENCE"], each["STATUS"]) for each in attached] == [
        ("CANCEL", "1", "CANCELLED")
    ] * 2
    assert [each["UID"].partition("@")[0] for each in attached] == [
        f"registration-{ids[part]}" for part in ("part-two", "part-three")
    ]
    assert "see-you-tomorrow" not in posts[posts.index("registration-cancelled") :]
    ground.counts_hold()


def test_a_no_to_one_mail_of_the_series_stops_the_mails_of_all_parts(ground: Ground) -> None:
    ground.register("ann@example.org", "part-one")
    ground.tick()
    who = reader(ground, "ann@example.org")
    with ground.store.read() as work:
        (greeting,) = [each for each in work.deliveries(who) if each.post == "you-are-in"]
    ground.engine.happen(Unsubscribed(who, EVIDENCE, delivery_id=greeting.id), ground.clock.now())
    with ground.store.read() as work:
        ends = [each.end_reason for each in work.enrollments(who) if each.sequence == "remind"]
    assert ends == ["unsubscribed"] * 3


# --- seats --------------------------------------------------------------------------------------------------------


def test_seats_are_those_of_the_series_and_the_line_is_one(tmp_path: Path, memory_store: Store) -> None:
    ground = open_applied(tmp_path / "project", memory_store, series)
    ground.edit(CAMPAIGN, "  length: 60 minutes\n", "  length: 60 minutes\n  seats: 2\n")
    ground.apply()
    visitor = Visitor(ground)
    ground.register("ann@example.org", "part-one")
    ground.at("2026-12-10 12:00")
    ground.register("bea@example.org", "part-one")
    # In the first part one seat stayed empty, but the series is full.
    page = words(visitor.get(PAGE).text)
    assert "Every seat is taken, but seats do come free: register, and the mail" in page
    visitor.register("cleo@example.org", "part-two")
    book = visitor.link(visitor.last_mail("cleo@example.org"), "/b/")
    assert "You are in line" in words(visitor.post(book, {"wait": "yes"}).text)
    assert held(ground, "cleo@example.org") == {"part-three": RegistrationState.PENDING}
    (first, *_) = numbers(ground).values()
    ground.engine.happen(CancelledRegistration(first, EVIDENCE), ground.clock.now())
    ground.tick()
    assert ground.transport.posts("cleo@example.org")[-1] == "seat-offered"
    assert "Your seat is booked" in words(visitor.post(book).text)
    assert held(ground, "cleo@example.org") == dict.fromkeys(["part-two", "part-three"], RegistrationState.BOOKED)


def test_of_many_at_once_no_more_than_the_seats_get_the_series(tmp_path: Path, disk_store: Store) -> None:
    """On SQLite and on PostgreSQL: whoever gets a seat gets all parts, and the others none."""
    ground = open_ground(tmp_path / "project", disk_store)
    series(ground)
    ground.edit(CAMPAIGN, "  length: 60 minutes\n", "  length: 60 minutes\n  seats: 5\n")
    ground.apply()
    now = ground.clock.now()
    asked: list[RegistrationId] = []
    for number in range(16):
        event = AskedToRegister(f"reader-{number}@example.org", NAME, PARTS[number % 3], EVIDENCE)
        found = ground.engine.happen(event, now).registration_id
        assert found is not None
        asked.append(found)
    answers: dict[RegistrationId, str] = {}

    def press(mine: list[RegistrationId]) -> None:
        for each in mine:
            answers[each] = ground.engine.happen(ConfirmedRegistration(each, EVIDENCE), now).what

    threads = [threading.Thread(target=press, args=(asked[part::4],)) for part in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert Counter(answers.values()) == {"booked": 5, "full": 11}
    with ground.store.read() as work:
        assert [work.booked_count(NAME, part) for part in PARTS] == [5, 5, 5]
    waits = next(each for each, what in answers.items() if what == "full")
    assert ground.engine.happen(JoinedWaitingList(waits, EVIDENCE), now).what == "waitlisted"


# --- by the host --------------------------------------------------------------------------------------------------


def test_the_host_moves_one_part_and_cancels_another(ground: Ground) -> None:
    ground.register("ann@example.org", "part-one")
    ground.tick()
    ids = numbers(ground)
    ground.edit(CAMPAIGN, "part-two:   2026-12-15 12:00", "part-two:   2026-12-16 12:00")
    ground.edit(CAMPAIGN, "part-three: 2026-12-22 12:00", "part-three: 2026-12-22 12:00 cancelled")
    ground.apply()
    ground.tick()
    moved, gone = ground.transport.sent[-2:]
    if b":session-moved:" not in moved.data:
        moved, gone = gone, moved
    (entry, again), (off, again_off) = entries(moved), entries(gone)
    assert (entry, off) == (again, again_off)
    assert (entry["METHOD"], entry["DTSTART"], entry["SEQUENCE"]) == ("REQUEST", "20261216T170000Z", "1")
    assert entry["UID"].startswith(f"registration-{ids['part-two']}@")
    assert (off["METHOD"], off["UID"].partition("@")[0]) == ("CANCEL", f"registration-{ids['part-three']}")
    assert held(ground) == {
        "part-one": RegistrationState.BOOKED,
        "part-two": RegistrationState.BOOKED,
        "part-three": RegistrationState.CANCELLED,
    }
    # Whoever comes now gets what takes place; the seats are counted at the last of it.
    ground.register("bea@example.org", "part-three")
    assert held(ground, "bea@example.org") == dict.fromkeys(["part-one", "part-two"], RegistrationState.BOOKED)


def test_the_files_of_a_series_have_no_problem(ground: Ground) -> None:
    files = read_tree(ground.folder)
    problems = check(files, now=ground.clock.now())
    named = {each.name for each in problems if not each.place.path.startswith(f"campaigns/{NAME}/tests/")}
    # The example's posts invite until the last session starts, and this line was taken out.
    assert named <= {"sessions-may-be-over", "outlives-webinar"}
