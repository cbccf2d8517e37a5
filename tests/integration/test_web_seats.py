"""Moving a seat and standing in line for one, by the pages alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drip.core.links import Purpose
from drip.core.records import RegistrationState
from drip.core.seats import WaitingState
from drip.store.store import Store
from tests.stages import Ground
from tests.visitors import Visitor, dump, open_applied, words

CAMPAIGN = "campaigns/six-deadly-mistakes/campaign.yaml"


@pytest.fixture
def visitor(tmp_path: Path, memory_store: Store) -> Visitor:
    return Visitor(open_applied(tmp_path / "project", memory_store))


def few(ground: Ground, seats: int) -> None:
    ground.edit(CAMPAIGN, "seats: 100", f"seats: {seats}")
    ground.apply()


def test_a_seat_moves_with_one_press_and_every_link_stays(visitor: Visitor) -> None:
    ground = visitor.ground
    registration = ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    path = visitor.path("m", Purpose.MANAGE, registration)
    page = visitor.get(path).text
    assert re.findall(r'name="session" value="([^"]+)"', page) == ["wednesday-evening", "saturday-morning"]
    before = dump(ground)
    visitor.get(f"{path}?session=saturday-morning")
    assert dump(ground) == before
    answer = visitor.post(path, {"session": "saturday-morning"})
    assert answer.status_code == 200
    assert "Your seat has moved" in words(answer.text)
    assert "Saturday, December 12" in words(visitor.get(visitor.path("j", Purpose.JOIN, registration)).text)
    ground.tick()
    assert ground.transport.posts("ann@example.org").count("registration-moved") == 1
    # Pressed once more, it is the same seat and no second mail.
    assert visitor.post(path, {"session": "saturday-morning"}).status_code == 200
    ground.tick()
    assert ground.transport.posts("ann@example.org").count("registration-moved") == 1


@pytest.mark.parametrize("name", ["none", "", "tuesday-noon'--", "\x00"])
def test_a_move_to_nowhere_leaves_the_seat(visitor: Visitor, name: str) -> None:
    registration = visitor.ground.register("ann@example.org", "tuesday-noon")
    answer = visitor.post(visitor.path("m", Purpose.MANAGE, registration), {"session": name})
    assert answer.status_code == 409
    assert "Your seat stays where it is" in words(answer.text)
    with visitor.ground.store.read() as work:
        held = work.registration(registration)
    assert held is not None
    assert (held.session, held.state) == ("tuesday-noon", RegistrationState.BOOKED)


def test_a_move_to_a_full_session_leaves_the_seat(visitor: Visitor) -> None:
    few(visitor.ground, 1)
    visitor.ground.register("bob@example.org", "saturday-morning")
    registration = visitor.ground.register("ann@example.org", "tuesday-noon")
    answer = visitor.post(visitor.path("m", Purpose.MANAGE, registration), {"session": "saturday-morning"})
    assert answer.status_code == 409
    assert "full by now" in words(answer.text)


def test_who_comes_too_late_may_stand_in_line_and_gets_the_seat(visitor: Visitor) -> None:
    ground = visitor.ground
    few(ground, 1)
    visitor.register("ann@example.org")
    book = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    bob = ground.register("bob@example.org", "tuesday-noon")
    full = visitor.post(book)
    assert full.status_code == 409
    assert "Put me in line" in full.text
    waiting = visitor.post(book, {"wait": "yes"})
    assert waiting.status_code == 200
    assert "You are in line" in words(waiting.text)
    # Pressing the first button again is told the same, and nobody loses a place.
    assert "You are in line" in words(visitor.post(book).text)
    visitor.post(visitor.path("m", Purpose.MANAGE, bob))
    ground.tick()
    with ground.store.read() as work:
        who = work.subscriber_by_mailbox(ground.project.keys.mailbox_of("ann@example.org"))
        assert who is not None
        hers = work.registrations_of(who.id)[0]
        assert work.waiting_state(hers.id) is WaitingState.OFFERED
    offer = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    assert "Your seat is booked" in words(visitor.post(offer).text)


def test_who_lost_a_session_takes_another_with_one_press(visitor: Visitor) -> None:
    ground = visitor.ground
    ann = ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    ground.edit(CAMPAIGN, "2026-12-08 12:00", "2026-12-08 12:00 cancelled")
    ground.apply()
    told = visitor.last_mail("ann@example.org")
    manage = visitor.link(told, "/m/")
    before = dump(ground)
    page = visitor.get(manage)
    assert page.status_code == 200
    assert "does not take place" in words(page.text)
    assert "gave back" not in page.text
    assert 'value="tuesday-noon"' not in page.text
    assert dump(ground) == before
    assert "Cancelled" in words(visitor.get("/w/six-deadly-mistakes").text)
    refused = visitor.post(
        "/w/six-deadly-mistakes", {"email": "b@example.org", "session": "tuesday-noon", "website": ""}
    )
    assert refused.status_code == 422
    assert "was cancelled" in words(refused.text)
    assert visitor.post(manage, {"session": "tuesday-noon"}).status_code == 409
    taken = visitor.post(manage, {"session": "saturday-morning"})
    assert taken.status_code == 200
    assert "The seat is yours" in words(taken.text)
    with ground.store.read() as work:
        held = work.registration(ann)
    assert held is not None
    assert (held.state, held.session) == (RegistrationState.BOOKED, "saturday-morning")
    assert "Give my seat back" in visitor.get(manage).text


def test_a_key_to_a_seat_never_confirmed_takes_none(visitor: Visitor) -> None:
    ground = visitor.ground
    asked = visitor.register("ann@example.org")
    assert asked.status_code == 200
    with ground.store.read() as work:
        (mine,) = work.registrations("six-deadly-mistakes")
    manage = visitor.path("m", Purpose.MANAGE, mine.id)
    assert visitor.post(manage).status_code == 200  # withdrawn before it was ever confirmed
    assert "Take this seat" not in visitor.post(manage, {"session": "saturday-morning"}).text
    with ground.store.read() as work:
        assert [each.state for each in work.registrations("six-deadly-mistakes")] == [RegistrationState.CANCELLED]


def test_the_line_is_reached_from_the_page_of_a_full_webinar(visitor: Visitor) -> None:
    ground = visitor.ground
    few(ground, 1)
    held = {each: ground.register(f"{each}@example.org", each) for each in
            ("tuesday-noon", "wednesday-evening", "saturday-morning")}  # fmt: skip
    page = words(visitor.get("/w/six-deadly-mistakes").text)
    assert "Every seat is taken" in page
    assert "Stand in line" in page
    before = {each.recipient for each in ground.transport.sent}
    asked = visitor.register("ann@example.org")
    assert "leads to the line" in words(asked.text)
    book = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    assert "ann@example.org" not in before
    opened = visitor.get(book)
    assert opened.status_code == 200
    assert "Put me in line" in opened.text
    assert "Yes, book my seat" not in opened.text
    assert "You are in line" in words(visitor.post(book, {"wait": "yes"}).text)
    visitor.post(visitor.path("m", Purpose.MANAGE, held["tuesday-noon"]))
    offer = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    assert "Yes, book my seat" in visitor.get(offer).text
    assert "Your seat is booked" in words(visitor.post(offer).text)
