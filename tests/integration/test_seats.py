"""Moving, cancelling, and standing in line: seats, reminders, calendar entries and mails, on both engines."""

from __future__ import annotations

import email
import email.policy
import os
import threading
from collections import Counter
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from icalendar import Calendar

from drip.core.delivery import DeliveryState
from drip.core.events import (
    AskedToRegister,
    CancelledRegistration,
    ConfirmedRegistration,
    JoinedWaitingList,
    MovedRegistration,
)
from drip.core.message import Wire
from drip.core.records import Registration, RegistrationId, RegistrationState
from drip.core.seats import SEATS, SeatAct, SeatState, WaitingState, after, may_offer, offer_expiry
from drip.store.store import Store
from tests.stages import EVIDENCE, START, Ground, open_ground

CAMPAIGN = "six-deadly-mistakes"
CROWD = int(os.environ.get("DRIP_SEATED", "24"))
"""How many press at once; there is a seat for every eighth: 400 for 50 seats."""
PLOT = f"campaigns/{CAMPAIGN}/campaign.yaml"


@pytest.fixture
def ground(tmp_path: Path, store: Store) -> Ground:
    return open_ground(tmp_path / "project", store)


def seat(ground: Ground, number: RegistrationId) -> Registration:
    with ground.store.read() as work:
        found = work.registration(number)
    assert found is not None
    return found


def entry(wire: Wire) -> tuple[str, str, int, str, str]:
    """Method, UID, SEQUENCE, start and status of a mail's calendar entry; both parts have the same bytes."""
    message = email.message_from_bytes(wire.data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    parts = [each for each in message.walk() if each.get_content_type() in ("text/calendar", "application/ics")]
    assert len(parts) == 2
    assert parts[0].get_payload(decode=True) == parts[1].get_payload(decode=True)
    calendar = Calendar.from_ical(parts[0].get_payload(decode=True))
    (event,) = calendar.walk("VEVENT")
    assert parts[0].get_param("method") == calendar["METHOD"]
    return (
        str(calendar["METHOD"]),
        str(event["UID"]),
        int(event["SEQUENCE"]),
        f"{event['DTSTART'].dt:%Y-%m-%d %H:%M}",
        str(event["STATUS"]),
    )


def ask(ground: Ground, who: str, session: str = "tuesday-noon") -> RegistrationId:
    asked = ground.engine.happen(AskedToRegister(who, CAMPAIGN, session, EVIDENCE), ground.clock.now())
    assert asked.registration_id is not None
    return asked.registration_id


def confirm(ground: Ground, number: RegistrationId) -> str:
    return ground.engine.happen(ConfirmedRegistration(number, EVIDENCE), ground.clock.now()).what


def test_the_table_of_seats_leads_nowhere_else() -> None:
    assert {each for each, _ in SEATS} == set(SeatState)
    assert after(SeatState.CANCELLED, SeatAct.CONFIRM) is None
    assert after(SeatState.BOOKED, SeatAct.WAIT) is None
    assert after(SeatState.WAITLISTED, SeatAct.CONFIRM) is None


@pytest.mark.parametrize("ahead", [timedelta(minutes=15), timedelta(hours=1), timedelta(hours=20), timedelta(days=9)])
def test_an_offer_lasts_a_while_and_never_beyond_the_start(ahead: timedelta) -> None:
    assert may_offer(START, START + ahead)
    lasts = offer_expiry(START, START + ahead) - START
    assert timedelta(minutes=15) <= lasts <= min(ahead, timedelta(hours=12))
    assert not may_offer(START, START + timedelta(minutes=14, seconds=59))


def test_a_reader_who_moves_keeps_the_entry_and_gets_the_reminders_of_the_new_session(ground: Ground) -> None:
    number = ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    greeting = entry(ground.transport.sent[-1])
    assert greeting[0] == "REQUEST"
    ground.at("2026-12-07 17:00")  # the day before tuesday-noon
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "see-you-tomorrow"
    moved = ground.engine.happen(MovedRegistration(number, "saturday-morning", EVIDENCE), ground.clock.now())
    assert moved.what == "moved"
    assert (
        ground.engine.happen(MovedRegistration(number, "saturday-morning", EVIDENCE), ground.clock.now()).what == "same"
    )
    ground.tick()
    told = entry(ground.transport.sent[-1])
    assert told == ("REQUEST", greeting[1], greeting[2] + 1, "2026-12-12 15:00", "CONFIRMED")
    ground.at("2026-12-08 16:50")  # nothing reminds of the old session
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "registration-moved"
    for moment in ("2026-12-11 15:00", "2026-12-12 14:00", "2026-12-12 14:50"):
        ground.at(moment)
        ground.tick()
    assert ground.transport.posts("ann@example.org")[-4:] == [
        "registration-moved",
        "see-you-tomorrow",
        "starting-in-an-hour",
        "we-are-live",
    ]
    assert ground.transport.posts("ann@example.org").count("you-are-in") == 1
    ground.counts_hold()


def test_choosing_another_session_on_the_page_moves_the_seat_and_its_entry(ground: Ground) -> None:
    number = ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    asked = ask(ground, "ann@example.org", "wednesday-evening")
    assert confirm(ground, asked) == "booked"
    ground.tick()
    assert seat(ground, number).session == "wednesday-evening"
    assert seat(ground, asked).state is RegistrationState.CANCELLED
    done_with = seat(ground, asked)
    with ground.store.read() as work:
        assert work.held_in_place_of(done_with).id == number
        assert work.booked_count(CAMPAIGN, "tuesday-noon") == 0
    assert entry(ground.transport.sent[-1])[2] == 1


def test_a_host_who_moves_a_session_tells_each_once_however_often_it_is_applied(ground: Ground) -> None:
    ann, ben = (ground.register(f"{name}@example.org", "tuesday-noon") for name in ("ann", "ben"))
    ground.tick()
    before = {
        each.recipient: entry(each)
        for each in ground.transport.sent
        if b"method=REQUEST" in each.data.replace(b"\r\n ", b" ")
    }
    ground.edit(PLOT, "2026-12-08 12:00", "2026-12-08 15:00")
    ground.apply()
    ground.apply()
    ground.tick()
    ground.tick()
    told = [each for each in ground.transport.sent if "session-moved" in each.data.decode("ascii")]
    assert sorted(each.recipient for each in told) == ["ann@example.org", "ben@example.org"]
    for wire in told:
        method, uid, sequence, starts, _ = entry(wire)
        assert (method, sequence, starts) == ("REQUEST", 1, "2026-12-08 20:00")
        assert uid == before[wire.recipient][1]
    assert {seat(ground, ann).calendar_sequence, seat(ground, ben).calendar_sequence} == {1}
    ground.at("2026-12-08 16:50")  # ten minutes before the old time
    ground.tick()
    assert "we-are-live" not in ground.transport.posts("ann@example.org")
    ground.at("2026-12-08 19:50")
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "we-are-live"


def test_two_moves_before_a_run_are_one_mail_with_the_last_time(ground: Ground) -> None:
    ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    ground.edit(PLOT, "2026-12-08 12:00", "2026-12-08 15:00")
    ground.apply()
    ground.edit(PLOT, "2026-12-08 15:00", "2026-12-08 16:00")
    ground.apply()
    ground.tick()
    assert ground.transport.posts("ann@example.org").count("session-moved") == 1
    assert entry(ground.transport.sent[-1])[2:4] == (2, "2026-12-08 21:00")


def test_who_moved_before_the_greeting_left_is_greeted_with_the_new_time_alone(ground: Ground) -> None:
    number = ground.register("ann@example.org", "tuesday-noon")
    ground.engine.happen(MovedRegistration(number, "saturday-morning", EVIDENCE), ground.clock.now())
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1:] == ["you-are-in"]
    assert "registration-moved" not in ground.transport.posts("ann@example.org")
    assert entry(ground.transport.sent[-1])[3] == "2026-12-12 15:00"


def test_a_seat_given_back_leaves_the_calendar_and_may_be_taken_up_again(ground: Ground) -> None:
    number = ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    uid = entry(ground.transport.sent[-1])[1]
    for _ in range(2):
        ground.engine.happen(CancelledRegistration(number, EVIDENCE), ground.clock.now())
    ground.tick()
    assert entry(ground.transport.sent[-1]) == ("CANCEL", uid, 1, "2026-12-08 17:00", "CANCELLED")
    assert ground.transport.posts("ann@example.org").count("registration-cancelled") == 1
    ground.clock.set(ground.clock.now() + timedelta(hours=1))
    again = ground.engine.happen(MovedRegistration(number, "saturday-morning", EVIDENCE), ground.clock.now())
    assert again.what == "moved"
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "you-are-in"
    assert entry(ground.transport.sent[-1])[:4] == ("REQUEST", uid, 2, "2026-12-12 15:00")


def test_the_line_is_first_in_first_out_and_a_lapsed_offer_passes_on(ground: Ground) -> None:
    ground.edit(PLOT, "seats: 100", "seats: 1")
    ground.apply()
    holder = ground.register("holder@example.org", "tuesday-noon")
    line = {name: ask(ground, f"{name}@example.org") for name in ("ann", "ben", "cat")}
    for number in line.values():
        assert confirm(ground, number) == "full"
        happened = ground.engine.happen(JoinedWaitingList(number, EVIDENCE), ground.clock.now())
        assert happened.what == "waitlisted"
        assert confirm(ground, number) == "full"
    ground.tick()
    ground.engine.happen(CancelledRegistration(holder, EVIDENCE), ground.clock.now())
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "seat-offered"
    assert "seat-offered" not in ground.transport.posts("ben@example.org")
    # The seat on offer is nobody else's.
    stranger = ask(ground, "dan@example.org")
    assert confirm(ground, stranger) == "full"
    ground.clock.set(ground.clock.now() + timedelta(hours=12))
    assert not ground.engine.is_idle(ground.clock.now())
    ground.tick()
    assert ground.transport.posts("ben@example.org")[-1] == "seat-offered"
    assert confirm(ground, line["ann"]) == "full"
    assert confirm(ground, line["ben"]) == "booked"
    assert confirm(ground, line["cat"]) == "full"
    ground.counts_hold()


def test_no_seat_is_offered_in_the_last_quarter_of_an_hour(ground: Ground) -> None:
    ground.edit(PLOT, "seats: 100", "seats: 1")
    ground.apply()
    holder = ground.register("holder@example.org", "tuesday-noon")
    number = ask(ground, "ann@example.org")
    ground.engine.happen(JoinedWaitingList(number, EVIDENCE), ground.clock.now())
    ground.at("2026-12-08 16:46")
    ground.engine.happen(CancelledRegistration(holder, EVIDENCE), ground.clock.now())
    ground.tick()
    assert "seat-offered" not in ground.transport.posts("ann@example.org")


def test_many_at_once_get_exactly_the_seats_that_there_are_and_the_rest_their_place_in_line(ground: Ground) -> None:
    ground.edit(PLOT, "seats: 100", f"seats: {CROWD // 8}")
    ground.apply()
    numbers = [ask(ground, f"reader{each}@example.org") for each in range(CROWD)]
    answers: dict[RegistrationId, str] = {}

    def press(part: list[RegistrationId]) -> None:
        for each in part:
            answers[each] = confirm(ground, each)
            if answers[each] == "full":
                ground.engine.happen(JoinedWaitingList(each, EVIDENCE), ground.clock.now())

    threads = [threading.Thread(target=press, args=(numbers[n::4],)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert Counter(answers.values()) == {"booked": CROWD // 8, "full": CROWD - CROWD // 8}
    with ground.store.read() as work:
        assert work.booked_count(CAMPAIGN, "tuesday-noon") == CROWD // 8
        line = list(work.line(CAMPAIGN, "tuesday-noon"))
    assert sorted(line) == sorted(each for each, what in answers.items() if what == "full")
    # Seats come free one by one; each goes to the first in line, and to nobody else.
    held = [each for each, what in answers.items() if what == "booked"]
    for gone, wanted in zip(held[:8], line, strict=False):
        ground.engine.happen(CancelledRegistration(gone, EVIDENCE), ground.clock.now())
        with ground.store.read() as work:
            assert work.waiting_state(wanted) is WaitingState.OFFERED
            assert list(work.line(CAMPAIGN, "tuesday-noon")) == line[line.index(wanted) + 1 :]
        assert confirm(ground, wanted) == "booked"
    with ground.store.read() as work:
        assert work.booked_count(CAMPAIGN, "tuesday-noon") == CROWD // 8


def test_who_stopped_the_mails_about_a_seat_is_told_nothing_more(ground: Ground) -> None:
    from drip.core.events import Unsubscribed

    number = ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    who = seat(ground, number).subscriber_id
    with ground.store.read() as work:
        greeting = next(each for each in work.deliveries(who) if each.post == "you-are-in")
    assert greeting.state is DeliveryState.SENT
    ground.engine.happen(Unsubscribed(greeting.subscriber_id, EVIDENCE, delivery_id=greeting.id), ground.clock.now())
    ground.edit(PLOT, "2026-12-08 12:00", "2026-12-08 15:00")
    ground.apply()
    ground.at("2026-12-08 19:50")
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "you-are-in"
