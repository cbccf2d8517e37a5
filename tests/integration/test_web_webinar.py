"""The webinar page, the seat, and the way into the meeting, as a browser sees them."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState
from drip.core.links import Purpose
from drip.core.records import (
    Attendance,
    EnrollmentState,
    RegistrationId,
    RegistrationState,
    SubscriberId,
)
from drip.store.store import Store, open_store
from tests.stages import Ground, open_ground
from tests.visitors import Visitor, dump, open_applied, words

PAGE = "/w/six-deadly-mistakes"
CAMPAIGN = "campaigns/six-deadly-mistakes/campaign.yaml"


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """One visitor for all tests here that leave everything as it is."""
    with contextlib.closing(open_store("sqlite:///:memory:", root=Path("/"))) as opened:
        opened.create_or_check()
        yield Visitor(open_applied(tmp_path_factory.mktemp("still") / "project", opened))


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return open_applied(tmp_path / "project", memory_store)


@pytest.fixture
def visitor(ground: Ground) -> Visitor:
    return Visitor(ground)


@pytest.fixture
def disk_visitor(tmp_path: Path, disk_store: Store) -> Visitor:
    """On SQLite and on PostgreSQL."""
    return Visitor(open_ground(tmp_path / "project", disk_store))


def radios(text: str) -> dict[str, str]:
    """Each session's radio button with its attributes."""
    return {
        each[0]: each[1] for each in re.findall(r'<input type="radio" name="session" value="([^"]+)"([^>]*)>', text)
    }


def booked(visitor: Visitor, address: str = "ann@example.org", session: str = "tuesday-noon") -> RegistrationId:
    """Somebody with a seat, by the pages alone."""
    visitor.register(address, session)
    book = visitor.link(visitor.last_mail(address), "/b/")
    visitor.post(book)
    visitor.ground.tick()
    who = reader(visitor.ground, address)
    with visitor.ground.store.read() as work:
        found = work.open_registration(who, "six-deadly-mistakes")
    assert found is not None
    assert found.state is RegistrationState.BOOKED
    return found.id


def reader(ground: Ground, address: str) -> SubscriberId:
    with ground.store.read() as work:
        found = work.subscriber_by_mailbox(ground.project.keys.mailbox_of(address))
    assert found is not None
    return found.id


# --- the page --------------------------------------------------------------------------------------------------


def test_every_session_with_date_time_city_and_offset(still: Visitor) -> None:
    text = still.get(PAGE).text
    assert "<fieldset" in text
    assert "<legend>" in text
    assert list(radios(text)) == ["tuesday-noon", "wednesday-evening", "saturday-morning"]
    read = words(text)
    assert "6 Deadly Job Search Mistakes Preventing You from Landing a Job" in read
    assert "60 minutes" in read
    assert "Tuesday, December 8, 2026 12:00 pm, New York time (UTC−5)" in read
    assert "Wednesday, December 9, 2026 7:00 pm, New York time (UTC−5)" in read


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Europe/Berlin", "Thursday, December 10, 2026 1:00 am, Berlin time (UTC+1)"),
        ("Asia/Kolkata", "Thursday, December 10, 2026 5:30 am, Kolkata time (UTC+5:30)"),
        ("Asia/Kathmandu", "Thursday, December 10, 2026 5:45 am, Kathmandu time (UTC+5:45)"),
        ("Pacific/Kiritimati", "Thursday, December 10, 2026 2:00 pm, Kiritimati time (UTC+14)"),
        ("America/Los_Angeles", "Wednesday, December 9, 2026 4:00 pm, Los Angeles time (UTC−8)"),
        ("UTC", "Thursday, December 10, 2026 12:00 am, UTC"),
        ("EST5EDT", "Wednesday, December 9, 2026 7:00 pm"),
        ("Mars/Olympus", "Wednesday, December 9, 2026 7:00 pm, New York time (UTC−5)"),
        ("/etc/passwd", "Wednesday, December 9, 2026 7:00 pm, New York time (UTC−5)"),
    ],
)
def test_the_date_moves_with_the_zone(still: Visitor, zone: str, said: str) -> None:
    text = still.get(PAGE, params={"tz": zone}).text
    assert said in words(text)
    assert text.count(" selected>") == 1


def test_the_link_in_a_mail_fills_in_address_zone_and_session(visitor: Visitor) -> None:
    visitor.ground.join("ann@example.org", zone="Europe/Berlin", fields={"first_name": "Ann"})
    link = visitor.link(visitor.last_mail("ann@example.org"), PAGE)
    text = visitor.get(f"{link}&s=saturday-morning").text
    assert 'value="ann@example.org"' in text
    assert 'value="Ann"' in text
    assert "Berlin time" in words(text)
    assert "checked" in radios(text)["saturday-morning"]
    assert "checked" not in radios(text)["tuesday-noon"]
    # Another zone is chosen: who it is and which session stay.
    token = re.search(r'name="for" value="([^"]+)"', text)
    assert token is not None
    assert re.search(r'type="hidden" name="s" value="saturday-morning"', text)
    again = visitor.get(PAGE, params={"tz": "Asia/Tokyo", "for": token[1]}).text
    assert "Tokyo time" in words(again)
    assert 'value="ann@example.org"' in again


def test_a_forged_prefill_fills_in_nothing(visitor: Visitor) -> None:
    who = visitor.ground.join("ann@example.org")
    token = visitor.ground.project.keys.sign(Purpose.PREFERENCES, who)
    for wrong in (token, str(who), "", "x" * 500):
        assert "ann@" not in visitor.get(PAGE, params={"for": wrong}).text


def test_sessions_that_cannot_be_had_say_why(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.edit(CAMPAIGN, "seats: 100", "seats: 2")
    ground.apply()
    for name in ("bob", "cem"):
        ground.register(f"{name}@example.org", "wednesday-evening")
    ground.register("dan@example.org", "saturday-morning")
    ground.at("2026-12-08 19:00")
    text = visitor.get(f"{PAGE}?s=wednesday-evening").text
    assert "disabled" in radios(text)["tuesday-noon"]
    assert "disabled" not in radios(text)["wednesday-evening"]  # one can stand in line
    assert "checked" in radios(text)["wednesday-evening"]  # as the link asks for
    assert "disabled" not in radios(text)["saturday-morning"]
    assert "checked" in radios(visitor.get(PAGE).text)["saturday-morning"]  # the only one that has a seat
    read = words(text)
    assert "Full: no seat is left; you can stand in line for one" in read
    assert "Over" in read
    assert "1 seat left" in read
    ground.at("2026-12-09 23:50")  # too late to be offered a seat of the evening
    assert "disabled" in radios(visitor.get(PAGE).text)["wednesday-evening"]
    for session, said in (("tuesday-noon", "is over"), ("wednesday-evening", "is full"), ("nonsense", "one of these")):
        answer = visitor.register("ann@example.org", session)
        assert answer.status_code == 422
        assert said in words(answer.text)


def test_seats_are_counted_only_when_few_are_left(visitor: Visitor) -> None:
    assert "left" not in words(visitor.get(PAGE).text).partition("Which session?")[2].partition("E-mail")[0]
    visitor.ground.edit(CAMPAIGN, "seats: 100", "seats: 10")
    visitor.ground.apply()
    assert "10 seats left" in words(visitor.get(PAGE).text)


def test_one_can_still_come_late(visitor: Visitor) -> None:
    visitor.ground.at("2026-12-08 17:30")
    assert "Has begun; you can still come in until 1:00 pm" in words(visitor.get(PAGE).text)
    booked(visitor)


def test_when_all_is_over_the_page_leads_to_the_lists(visitor: Visitor) -> None:
    visitor.ground.at("2027-01-01 12:00")
    answer = visitor.get(PAGE)
    assert answer.status_code == 200
    assert radios(answer.text) == {}
    assert "/s/job-seekers" in answer.text
    assert visitor.register("ann@example.org").status_code == 422


def test_a_campaign_without_a_webinar_has_no_page(still: Visitor) -> None:
    assert still.get("/w/none").status_code == 404
    assert still.post("/w/none", {"email": "ann@example.org"}).status_code == 404


def test_what_is_wrong_is_said_at_its_field(still: Visitor) -> None:
    before = dump(still.ground)
    answer = still.post(PAGE, {"email": "ann@", "first_name": "Ann", "tz": "Asia/Tokyo"})
    assert answer.status_code == 422
    assert '<a href="#session">Please choose a session.</a>' in answer.text
    assert '<a href="#email">' in answer.text
    assert re.search(r'<fieldset id="session"[^>]*aria-describedby="session-fault"', answer.text)
    assert 'value="ann@"' in answer.text
    assert "Tokyo time" in words(answer.text)
    assert dump(still.ground) == before


# --- the seat --------------------------------------------------------------------------------------------------


def test_registering_ends_the_invitations_in_the_same_transaction(disk_visitor: Visitor) -> None:
    visitor = disk_visitor
    ground = visitor.ground
    who = ground.join("ann@example.org")
    ground.tick()
    ground.at("2026-11-25 14:30")
    # The second invitation is planned and due in this very minute.
    from drip.engine.advance import advance_due

    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    assert ground.states(who)["two-second-resume-fix"] is DeliveryState.DUE
    visitor.register("ann@example.org")
    assert ground.states(who)["two-second-resume-fix"] is DeliveryState.DUE  # asked is not yet registered
    ground.engine.tick(ground.clock.now(), limit=1)  # confirmations leave first
    wire = next(each for each in reversed(ground.transport.sent) if each.recipient == "ann@example.org")
    visitor.post(visitor.link(wire, "/b/"))
    assert ground.enrollment(who, "invite") == (EnrollmentState.GOAL, "goal-reached")
    assert ground.enrollment(who, "remind")[0] is EnrollmentState.RUNNING
    assert ground.states(who)["two-second-resume-fix"] is DeliveryState.CANCELLED
    ground.tick()
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake", "confirm-registration", "you-are-in"]
    ground.counts_hold()


def test_nothing_is_booked_before_the_button(visitor: Visitor) -> None:
    visitor.register("ann@example.org")
    book = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    page = visitor.get(book)
    assert page.text.count("<button") == 1
    assert "6:00 pm, Berlin time (UTC+1)" in words(page.text)
    with visitor.ground.store.read() as work:
        assert work.booked_count("six-deadly-mistakes", "tuesday-noon") == 0
    visitor.ground.tick()
    assert visitor.ground.transport.posts("ann@example.org") == ["confirm-registration"]
    done = visitor.post(book)
    assert "Your seat is booked" in words(done.text)
    before = dump(visitor.ground)
    assert "Your seat is booked" in words(visitor.post(book).text)
    assert "Your seat is booked" in words(visitor.get(book).text)
    assert dump(visitor.ground) == before


def test_the_consent_of_a_registration_is_the_sentence_on_the_page(visitor: Visitor) -> None:
    shown = words(visitor.get(PAGE).text)
    booked(visitor)
    who = reader(visitor.ground, "ann@example.org")
    with visitor.ground.store.read() as work:
        asked, confirmed = work.consents(who)
    assert asked.evidence.text in shown
    assert (asked.evidence.where, confirmed.evidence.where) == (PAGE, "/b")


def test_the_mails_speak_the_zone_of_the_page(visitor: Visitor) -> None:
    visitor.register("ann@example.org", tz="Asia/Kolkata")
    book = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    assert "10:30 pm, Kolkata time (UTC+5:30)" in words(visitor.get(book).text)


def test_the_last_seat_goes_to_one_of_many(disk_visitor: Visitor) -> None:
    visitor = disk_visitor
    visitor.ground.edit(CAMPAIGN, "seats: 100", "seats: 3")
    visitor.ground.apply()
    people = [f"reader{number}@example.org" for number in range(12)]
    for each in people:
        visitor.register(each)
    visitor.ground.tick()
    sent = {wire.recipient: wire for wire in visitor.ground.transport.sent}
    books = [visitor.link(sent[each], "/b/") for each in people]
    statuses: list[int] = []
    crowd = [
        threading.Thread(target=lambda book=each: statuses.append(visitor.post(book).status_code)) for each in books
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert sorted(statuses) == [200] * 3 + [409] * 9
    with visitor.ground.store.read() as work:
        assert work.booked_count("six-deadly-mistakes", "tuesday-noon") == 3


def test_a_full_session_leads_to_the_others(visitor: Visitor) -> None:
    visitor.register("ann@example.org")
    book = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    visitor.ground.edit(CAMPAIGN, "seats: 100", "seats: 1")
    visitor.ground.apply()
    visitor.ground.register("bob@example.org", "tuesday-noon")
    answer = visitor.post(book)
    assert answer.status_code == 409
    assert "Put me in line" in answer.text
    found = re.findall(r"\?s=([a-z-]+)&", answer.text)
    assert found == ["wednesday-evening", "saturday-morning"]


def test_a_link_to_a_session_that_is_over_or_gone_says_so(visitor: Visitor) -> None:
    visitor.register("ann@example.org")
    book = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    visitor.register("bob@example.org", "saturday-morning")
    other = visitor.link(visitor.last_mail("bob@example.org"), "/b/")
    visitor.ground.edit(CAMPAIGN, "    saturday-morning:   2026-12-12 10:00\n", "")
    visitor.ground.apply()
    for method in (visitor.get, visitor.post):
        assert method(other).status_code == 410
    visitor.ground.at("2026-12-08 18:00")
    for method in (visitor.get, visitor.post):
        answer = method(book)
        assert answer.status_code == 410
        assert f'href="{PAGE}"' in answer.text


# --- the way in ------------------------------------------------------------------------------------------------


def test_the_door_opens_a_quarter_of_an_hour_before_and_closes_at_the_end(visitor: Visitor) -> None:
    registration = booked(visitor)
    door = visitor.path("j", Purpose.JOIN, registration)
    ground = visitor.ground

    def attendance() -> Attendance:
        with ground.store.read() as work:
            return work.attendance(registration)

    ground.at("2026-12-08 16:44")
    page = visitor.get(door)
    assert "<button" not in page.text
    assert "The door opens at 5:45 pm" in words(page.text)
    assert visitor.post(door).status_code == 409
    assert attendance() is Attendance.UNKNOWN
    ground.at("2026-12-08 16:45")
    page = visitor.get(door)
    assert page.text.count("<button") == 1
    assert "meet.example.com" not in page.text + str(page.headers)
    assert attendance() is Attendance.UNKNOWN
    answer = visitor.post(door)
    assert answer.status_code == 303
    assert answer.headers["location"] == "https://meet.example.com/tuesday-noon"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert attendance() is Attendance.ATTENDED
    ground.at("2026-12-08 17:59")
    assert visitor.post(door).status_code == 303
    ground.at("2026-12-08 18:00")
    assert "This session is over" in words(visitor.get(door).text)
    assert visitor.post(door).status_code == 409


def test_after_the_session_the_recording_can_be_watched_for_a_while(visitor: Visitor) -> None:
    ground = visitor.ground
    replay = "  replay: https://video.example.com/{session}?hd=1\n  replay-for: 3 days\n  sessions:"
    ground.edit(CAMPAIGN, "  sessions:", replay)
    ground.apply()
    seat = booked(visitor)
    path = visitor.path("j", Purpose.JOIN, seat)
    ground.at("2026-12-08 17:30")  # it is on: the button leads to the meeting
    assert "recording" not in words(visitor.get(path).text)
    ground.at("2026-12-08 18:00")
    ground.tick()
    before = dump(ground)
    page = visitor.get(path)
    assert "You can watch the recording until Friday, December 11." in words(page.text)
    assert "You are welcome at another one." in words(page.text)
    assert "video.example.com" not in page.text
    answer = visitor.post(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "https://video.example.com/tuesday-noon?hd=1")
    # To watch it is not to have been there.
    assert dump(ground) == before
    ground.at("2026-12-11 18:00")
    over = words(visitor.get(path).text)
    assert "Its recording could be watched for a while, and is no longer here." in over
    assert visitor.post(path).status_code == 409


def test_a_recording_is_for_who_had_a_seat(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.edit(CAMPAIGN, "  sessions:", "  replay: https://video.example.com/one\n  sessions:")
    ground.apply()
    visitor.register("ann@example.org")
    with ground.store.read() as work:
        pending = max(each.id for each in work.registrations("six-deadly-mistakes"))
    ground.at("2026-12-08 18:00")
    path = visitor.path("j", Purpose.JOIN, pending)
    assert "recording" not in words(visitor.get(path).text)
    assert visitor.post(path).status_code == 409


def test_a_browser_may_follow_the_form_into_the_meeting(visitor: Visitor) -> None:
    """`form-action` is held against the redirect too; the meeting's host is not named before the press."""
    registration = booked(visitor)
    visitor.ground.at("2026-12-08 16:50")
    policy = visitor.get(visitor.path("j", Purpose.JOIN, registration)).headers["content-security-policy"]
    assert "form-action 'self' https:" in policy
    assert "meet" not in policy


def test_a_seat_that_is_not_booked_opens_no_door(visitor: Visitor) -> None:
    visitor.register("ann@example.org")
    visitor.ground.at("2026-12-08 16:50")
    door = visitor.path("j", Purpose.JOIN, 1)
    assert "not booked yet" in words(visitor.get(door).text)
    answer = visitor.post(door)
    assert answer.status_code == 409
    assert "location" not in answer.headers


def test_late_bookers_get_the_way_in_on_the_page(visitor: Visitor) -> None:
    visitor.register("ann@example.org")
    book = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    visitor.ground.at("2026-12-08 16:01")
    text = visitor.post(book).text
    assert "This is your way in" in words(text)
    assert "meet.example.com" not in text
    door = re.search(r'href="(/j/[^"/]+)"', text)
    assert door is not None
    assert visitor.get(door[1]).status_code == 200


def test_the_calendar_file(visitor: Visitor) -> None:
    from icalendar import Calendar

    registration = booked(visitor)
    path = visitor.path("j", Purpose.JOIN, registration) + "/calendar.ics"
    answer = visitor.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/calendar")
    assert "attachment" in answer.headers["content-disposition"]
    event = Calendar.from_ical(answer.content).walk("VEVENT")[0]
    assert b"METHOD:PUBLISH" in answer.content
    assert b"ATTENDEE" not in answer.content
    assert b"meet.example.com" not in answer.content
    assert event["DTSTART"].dt.isoformat() == "2026-12-08T17:00:00+00:00"
    # The mail's invite is the same entry: a calendar that has one does not get a second.
    uid = str(event["UID"]).encode()
    sent = next(each for each in visitor.ground.transport.sent if b"you-are-in" in each.data)
    assert uid in sent.data.replace(b"=\r\n", b"")
    visitor.ground.at("2026-12-01 12:00")
    assert visitor.get(path).content == answer.content
    visitor.post(visitor.path("m", Purpose.MANAGE, registration))
    assert visitor.get(path).status_code == 410


def test_giving_the_seat_back(visitor: Visitor) -> None:
    registration = booked(visitor)
    ground = visitor.ground
    manage = visitor.path("m", Purpose.MANAGE, registration)
    text = visitor.get(manage).text
    assert text.count("<button") == 3  # two other sessions to move to, and the one that gives it back
    assert "Give my seat back" in text
    answer = visitor.post(manage)
    assert "Your registration is cancelled" in words(answer.text)
    before = dump(ground)
    assert visitor.post(manage).text == answer.text
    assert visitor.get(manage).text == answer.text
    assert dump(ground) == before
    with ground.store.read() as work:
        assert work.booked_count("six-deadly-mistakes", "tuesday-noon") == 0
    ground.at("2026-12-08 16:55")
    ground.tick()
    assert ground.transport.posts("ann@example.org") == ["confirm-registration", "you-are-in", "registration-cancelled"]
    for door in (visitor.path("j", Purpose.JOIN, registration), visitor.path("b", Purpose.BOOK, registration)):
        assert visitor.get(door).status_code == 410
        assert visitor.post(door).status_code == 410


def test_a_seat_is_not_given_back_after_the_session(visitor: Visitor) -> None:
    registration = booked(visitor)
    visitor.ground.at("2026-12-09 12:00")
    answer = visitor.post(visitor.path("m", Purpose.MANAGE, registration))
    assert "nothing to change" in words(answer.text)
    with visitor.ground.store.read() as work:
        found = work.registration(registration)
    assert found is not None
    assert found.state is RegistrationState.BOOKED


def test_choosing_another_session_moves_the_seat(visitor: Visitor) -> None:
    first = booked(visitor)
    second = booked(visitor, session="saturday-morning")
    # The seat that they had has moved: every link that they have leads to it.
    assert first == second
    with visitor.ground.store.read() as work:
        assert work.booked_count("six-deadly-mistakes", "tuesday-noon") == 0
        assert work.booked_count("six-deadly-mistakes", "saturday-morning") == 1
        moved = work.registration(first)
    assert moved is not None
    assert (moved.session, moved.calendar_sequence) == ("saturday-morning", 1)
    assert "December 12" in words(visitor.get(visitor.path("j", Purpose.JOIN, first)).text)


@pytest.mark.parametrize("join", ["https://meet.example.com/a%20b/{session}?x=1&y=2#z", "http://127.0.0.1:9/{session}"])
def test_the_meeting_address_is_what_the_author_wrote(visitor: Visitor, join: str) -> None:
    visitor.ground.edit(CAMPAIGN, "https://meet.example.com/{session}", join)
    visitor.ground.apply()
    registration = booked(visitor)
    visitor.ground.at("2026-12-08 17:00")
    location = visitor.post(visitor.path("j", Purpose.JOIN, registration)).headers["location"]
    assert location == join.replace("{session}", "tuesday-noon")
