"""The preferences page: a time zone of one's own, and a file with everything that is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from drip.core.links import Purpose
from drip.store.store import Store
from tests.stages import Ground, open_ground
from tests.visitors import Visitor, dump, open_applied, words


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


def test_the_first_control_stops_everything(visitor: Visitor) -> None:
    who = visitor.ground.join("ann@example.org")
    text = visitor.get(visitor.path("p", Purpose.PREFERENCES, who)).text
    assert text.index('value="everything"') < text.index("<select")
    assert text.index("<form") < text.index('value="everything"') < text.index("</form>")


def test_a_chosen_zone_moves_what_is_still_to_come(disk_visitor: Visitor) -> None:
    visitor, ground = disk_visitor, disk_visitor.ground
    who = ground.join("ann@example.org")
    ground.tick()
    ground.register("bob@example.org", "tuesday-noon")
    path = visitor.path("p", Purpose.PREFERENCES, who)
    answer = visitor.post(path, {"tz": "Europe/Berlin"})
    assert answer.status_code == 200
    assert "we write and tell times for Berlin" in words(answer.text)
    ground.tick()
    with ground.store.read() as work:
        known = work.subscriber(who)
        waits = [each.next_due for each in work.running(who)]
    assert known is not None
    assert known.zone == "Europe/Berlin"
    # Two days later at 9:30, on the clock of Berlin.
    assert waits == [datetime(2026, 11, 25, 8, 30, tzinfo=UTC)]


def test_a_seat_is_told_in_the_chosen_zone(visitor: Visitor) -> None:
    visitor.register("ann@example.org", tz="Asia/Tokyo")
    visitor.post(visitor.link(visitor.last_mail("ann@example.org"), "/b/"))
    ground = visitor.ground
    with ground.store.read() as work:
        who = work.subscriber_by_mailbox(ground.project.keys.mailbox_of("ann@example.org"))
    assert who is not None
    path = visitor.path("p", Purpose.PREFERENCES, who.id)
    assert "Tokyo time" in words(visitor.get(path).text)
    after = words(visitor.post(path, {"tz": "Europe/Berlin"}).text)
    assert "Tokyo time" not in after
    assert "6:00 pm, Berlin time (UTC+1)" in after


def test_choosing_twice_and_choosing_nonsense_change_nothing(visitor: Visitor) -> None:
    who = visitor.ground.join("ann@example.org")
    path = visitor.path("p", Purpose.PREFERENCES, who)
    visitor.post(path, {"tz": "Europe/Berlin"})
    visitor.ground.tick()
    before = dump(visitor.ground)
    assert visitor.post(path, {"tz": "Europe/Berlin"}).status_code == 200
    assert visitor.post(path, {"tz": "Mars/Olympus"}).status_code == 400
    assert dump(visitor.ground) == before


def test_an_unsubscribe_is_never_taken_for_a_zone(visitor: Visitor) -> None:
    who = visitor.ground.join("ann@example.org")
    path = visitor.path("p", Purpose.PREFERENCES, who)
    assert "unsubscribed" in words(visitor.post(path, {"scope": "everything", "tz": "Europe/Berlin"}).text)
    with visitor.ground.store.read() as work:
        known = work.subscriber(who)
    assert known is not None
    assert known.left_at is not None
    assert known.zone is None


def test_the_file_has_everything_and_no_key(visitor: Visitor) -> None:
    ground = visitor.ground
    visitor.sign_up("ann@example.org", first_name="Ann", tz="Europe/Berlin")
    visitor.post(visitor.link(visitor.last_mail("ann@example.org"), "/confirm/"))
    ground.tick()
    visitor.register("ann@example.org")
    visitor.post(visitor.link(visitor.last_mail("ann@example.org"), "/b/"))
    ground.join("bob@example.org")
    ground.tick()
    with ground.store.read() as work:
        who = work.subscriber_by_mailbox(ground.project.keys.mailbox_of("ann@example.org"))
    assert who is not None
    path = visitor.path("p", Purpose.PREFERENCES, who.id)
    assert f'href="{path}/data.json"' in visitor.get(path).text
    before = dump(ground)
    answer = visitor.get(f"{path}/data.json")
    assert dump(ground) == before
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith("attachment")
    found = answer.json()
    assert (found["email"], found["fields"], found["time_zone"]) == (
        "ann@example.org",
        {"first_name": "Ann"},
        "Europe/Berlin",
    )
    assert [(each["list"], each["state"]) for each in found["lists"]] == [("job-seekers", "active")]
    assert [each["what"] for each in found["consents"]] == ["asked", "confirmed", "asked", "confirmed"]
    assert all(each["words"].startswith("Yes, ") for each in found["consents"])
    assert [(each["session"], each["state"]) for each in found["seats"]] == [("tuesday-noon", "booked")]
    assert {each["sequence"]: each["state"] for each in found["sequences"]} == {"invite": "goal", "remind": "running"}
    with ground.store.read() as work:
        assert len(found["mails"]) == len(work.deliveries(who.id))
    assert who.mailbox not in answer.text
    assert "bob@" not in answer.text


def test_a_forged_key_opens_no_file(visitor: Visitor) -> None:
    who = visitor.ground.join("ann@example.org")
    assert visitor.get(f"{visitor.path('p', Purpose.MANAGE, who)}/data.json").status_code == 404
    assert visitor.get("/p/xx/data.json").status_code == 404


def test_a_break_is_taken_and_ended(visitor: Visitor) -> None:
    who = visitor.ground.join("ann@example.org")
    path = visitor.path("p", Purpose.PREFERENCES, who)
    text = visitor.get(path).text
    # To leave comes first, then the break.
    assert text.index('value="everything"') < text.index('name="rest"')
    before = dump(visitor.ground)
    assert "Take a break for 4 weeks" in text
    assert dump(visitor.ground) == before
    after = words(visitor.post(path, {"rest": "4"}).text)
    assert "go on after Monday, December 21" in after
    assert "You are on a break" in words(visitor.get(path).text)
    assert "Welcome back" in words(visitor.post(path, {"rest": "over"}).text)
    assert "You are on a break" not in words(visitor.get(path).text)
    assert visitor.post(path, {"rest": "3"}).status_code == 400


def second_list(ground: Ground) -> None:
    ground.edit(
        "drip.yaml",
        "\nfields:",
        "\n  offers:\n    title: Offers\n    promise: A course now and then.\n    opt-in: confirmed\n\nfields:",
    )
    ground.apply()


def test_a_list_is_switched_on_with_its_words_by_who_confirmed_the_address(visitor: Visitor) -> None:
    ground = visitor.ground
    second_list(ground)
    visitor.sign_up("ann@example.org")
    visitor.post(visitor.link(visitor.last_mail("ann@example.org"), "/confirm/"))
    with ground.store.read() as work:
        known = work.subscriber_by_mailbox(ground.project.keys.mailbox_of("ann@example.org"))
    assert known is not None
    path = visitor.path("p", Purpose.PREFERENCES, known.id)
    assert "Yes, send me “Offers” by e-mail: A course now and then." in words(visitor.get(path).text)
    assert "You are on the list of Offers" in words(visitor.post(path, {"on": "offers"}).text)
    visitor.post(path, {"on": "offers"})
    with ground.store.read() as work:
        states = {each.list: each.state.value for each in work.subscriptions(known.id)}
        said = [each for each in work.consents(known.id) if each.list == "offers"]
    assert states == {"job-seekers": "active", "offers": "active"}
    assert [(each.kind.value, each.evidence.where) for each in said] == [("confirmed", "/p")]
    assert said[0].evidence.text.startswith("Yes, send me “Offers” by e-mail")
    # Off, and on again.
    visitor.post(path, {"list": "offers"})
    assert "You are on the list of Offers" in words(visitor.post(path, {"on": "offers"}).text)
    assert visitor.post(path, {"on": "nothing"}).status_code == 400


def test_who_never_confirmed_the_address_is_asked_by_mail(visitor: Visitor) -> None:
    """An imported reader: that a mail went there is no proof that it is theirs."""
    ground = visitor.ground
    second_list(ground)
    who = ground.join("ann@example.org")
    ground.tick()
    path = visitor.path("p", Purpose.PREFERENCES, who)
    assert "We are sending you a mail with one button" in words(visitor.post(path, {"on": "offers"}).text)
    visitor.post(visitor.link(visitor.last_mail("ann@example.org"), "/confirm/"))
    with ground.store.read() as work:
        states = {each.list: each.state.value for each in work.subscriptions(who)}
    assert states["offers"] == "active"


def test_a_damaged_address_is_shown_again_with_what_is_wrong(visitor: Visitor) -> None:
    who = visitor.ground.join("ann@example.org")
    path = visitor.path("p", Purpose.PREFERENCES, who)
    before = dump(visitor.ground)
    for typed in ("", "ann", "<script>@x"):
        answer = visitor.post(path, {"email": typed})
        assert answer.status_code == 422
        assert 'href="#email"' in answer.text
        assert "<script>@x" not in answer.text
    assert dump(visitor.ground) == before
