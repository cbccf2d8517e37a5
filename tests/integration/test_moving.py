"""A reader moves to another address: nothing moves before the button in the mail to the new one is pressed."""

from __future__ import annotations

from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState
from drip.core.links import Purpose
from drip.core.records import SubscriberId
from drip.store.store import Store
from tests.stages import Ground, open_ground
from tests.visitors import Visitor, dump, open_applied, words

ANN, NEW, BEN = "ann@example.org", "ann@example.net", "ben@example.org"


@pytest.fixture
def visitor(tmp_path: Path, memory_store: Store) -> Visitor:
    return Visitor(open_applied(tmp_path / "project", memory_store))


@pytest.fixture
def disk_visitor(tmp_path: Path, disk_store: Store) -> Visitor:
    """On SQLite and on PostgreSQL."""
    return Visitor(open_ground(tmp_path / "project", disk_store))


def door(visitor: Visitor, who: SubscriberId) -> str:
    return visitor.path("p", Purpose.PREFERENCES, who)


def email_of(ground: Ground, who: SubscriberId) -> str:
    with ground.store.read() as work:
        person = work.subscriber(who)
    assert person is not None
    return person.email


def question(visitor: Visitor, address: str = NEW) -> str:
    """The path of the button in the mail to the new address."""
    return visitor.link(visitor.last_mail(address), "/e/")


def test_everything_goes_along_after_one_press(disk_visitor: Visitor) -> None:
    visitor, ground = disk_visitor, disk_visitor.ground
    who = ground.join(ANN)
    ground.tick()
    visitor.register(ANN)  # its question is not sent yet
    answer = visitor.post(door(visitor, who), {"email": NEW})
    assert f"We are sending a mail with one button to {NEW}" in words(answer.text)
    ground.tick()
    assert ground.transport.posts(ANN)[-1] == "confirm-registration"
    path = question(visitor)
    before = dump(ground)
    assert "One press" in words(visitor.get(path).text)
    assert dump(ground) == before
    assert email_of(ground, who) == ANN
    assert "Our mails go to ann@example.net now." in words(visitor.post(path).text)
    assert email_of(ground, who) == NEW
    # The old address is told, once; twice pressed is as good as once.
    visitor.post(path)
    assert "Your address has changed" in visitor.get(path).text
    ground.tick()
    assert ground.transport.posts(ANN)[-1] == "address-moved"
    assert ground.transport.posts(ANN).count("address-moved") == 1
    # The pending seat is booked by the link in the old mail, and its mails go to the new address.
    asked = [each for each in ground.transport.sent if each.recipient == ANN][-2]
    visitor.post(visitor.link(asked, "/b/"))
    ground.at("2026-11-25 14:31")
    ground.tick()
    assert ground.transport.posts(NEW) == ["confirm-address", "you-are-in"]
    ground.counts_hold()


def test_what_was_planned_and_never_tried_goes_to_the_new_address(visitor: Visitor) -> None:
    from drip.engine.advance import advance_due

    ground = visitor.ground
    who = ground.join(ANN)
    visitor.post(door(visitor, who), {"email": NEW})
    path = question(visitor)  # this run has sent the first mail of the sequence, too
    ground.at("2026-11-25 14:31")
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    with ground.store.write() as work:
        work.claim("a run", ground.clock.now(), 5)
    visitor.post(path)
    with ground.store.write() as work:
        mine = [each for each in work.deliveries(who) if each.post == "two-second-resume-fix"]
        # What the run composed for the old address is not granted any more.
        assert not work.mark([each.id for each in mine], "a run", ground.clock.now())
    ground.tick()
    assert ground.transport.posts(NEW) == ["confirm-address", "two-second-resume-fix"]
    assert "two-second-resume-fix" not in ground.transport.posts(ANN)


def test_the_answer_is_the_same_for_every_address(visitor: Visitor) -> None:
    ground = visitor.ground
    who = ground.join(ANN)
    ground.join(BEN)
    with ground.store.write() as work:
        work.suppress(ground.project.keys.mailbox_of("gone@example.org"), "complaint", ground.clock.now())
    ground.tick()
    answers = {
        visitor.post(door(visitor, who), {"email": each}).text.replace(each, "ADDRESS")
        for each in ("new1@example.org", BEN, "gone@example.org", ANN)
    }
    assert len(answers) == 1
    ground.tick()
    # The mail tells the truth, and only to whoever has the address.
    assert ground.transport.posts("new1@example.org") == ["confirm-address"]
    assert ground.transport.posts(BEN)[-1] == "address-taken"
    assert ground.transport.posts("gone@example.org") == []


def test_one_address_is_asked_once_in_a_quarter_and_three_times_a_day(visitor: Visitor) -> None:
    ground = visitor.ground
    people = [ground.join(f"p{number}@example.org") for number in range(5)]
    for who in people:
        visitor.post(door(visitor, who), {"email": NEW})
        visitor.post(door(visitor, who), {"email": NEW})
    ground.tick()
    assert ground.transport.posts(NEW) == ["confirm-address"] * 3


def test_who_was_first_has_it_and_the_other_is_told(visitor: Visitor) -> None:
    ground = visitor.ground
    ann, ben = ground.join(ANN), ground.join(BEN)
    visitor.post(door(visitor, ann), {"email": NEW})
    first = question(visitor)
    visitor.post(door(visitor, ben), {"email": NEW})
    second = question(visitor)
    assert first != second
    visitor.post(second)
    assert email_of(ground, ben) == NEW
    assert visitor.post(first).status_code == 410
    assert email_of(ground, ann) == ANN


def test_an_older_question_is_off_after_a_move(visitor: Visitor) -> None:
    ground = visitor.ground
    who = ground.join(ANN)
    visitor.post(door(visitor, who), {"email": NEW})
    path = question(visitor)
    visitor.post(door(visitor, who), {"email": "third@example.org"})
    visitor.post(question(visitor, "third@example.org"))
    assert visitor.post(path).status_code == 410
    assert email_of(ground, who) == "third@example.org"


def test_a_question_is_good_for_seven_days(visitor: Visitor) -> None:
    who = visitor.ground.join(ANN)
    visitor.post(door(visitor, who), {"email": NEW})
    path = question(visitor)
    visitor.ground.at("2026-12-01 16:00")
    assert "too old" in visitor.post(path).text
    assert email_of(visitor.ground, who) == ANN


def test_a_no_of_the_person_is_undone_by_no_move_but_a_dead_address_may_be_left(visitor: Visitor) -> None:
    ground = visitor.ground
    ann, ben = ground.join(ANN), ground.join(BEN)
    ground.tick()
    with ground.store.write() as work:
        work.suppress(ground.project.keys.mailbox_of(ANN), "complaint", ground.clock.now())
        work.suppress(ground.project.keys.mailbox_of(BEN), "address-refused", ground.clock.now())
    visitor.post(door(visitor, ann), {"email": NEW})
    visitor.post(door(visitor, ben), {"email": "ben@example.net"})
    ground.tick()
    assert ground.transport.posts(NEW) == []
    visitor.post(question(visitor, "ben@example.net"))
    ground.at("2026-11-25 14:31")
    ground.tick()
    assert ground.transport.posts("ben@example.net") == ["confirm-address", "two-second-resume-fix"]
    # The dead address stays dead, so nobody tells it.
    assert "address-moved" not in ground.transport.posts(BEN)


def test_a_new_address_that_is_suppressed_meanwhile_is_left_alone(visitor: Visitor) -> None:
    ground = visitor.ground
    who = ground.join(ANN)
    visitor.post(door(visitor, who), {"email": NEW})
    path = question(visitor)
    with ground.store.write() as work:
        work.suppress(ground.project.keys.mailbox_of(NEW), "complaint", ground.clock.now())
    assert visitor.post(path).status_code == 410
    assert email_of(ground, who) == ANN


def test_a_mail_that_was_tried_stays_with_the_old_mailbox(visitor: Visitor) -> None:
    """Its retry is the same message, and the send journal knows it by that mailbox."""
    from drip.core.delivery import Outcome, OutcomeKind

    ground = visitor.ground
    who = ground.join(ANN)
    good = ground.transport.answer
    ground.transport.answer = lambda _: Outcome(OutcomeKind.TEMPORARY, 452, "", "mailbox full")
    ground.tick()
    ground.transport.answer = good
    visitor.post(door(visitor, who), {"email": NEW})
    visitor.post(question(visitor))
    with ground.store.read() as work:
        first = next(each for each in work.deliveries(who) if each.post == "own-the-mistake")
    assert first.state in (DeliveryState.DUE, DeliveryState.SENT)
    assert first.mailbox == ground.project.keys.mailbox_of(ANN)
    ground.at("2026-11-23 17:00")
    ground.tick()
    assert "own-the-mistake" in ground.transport.posts(ANN)


def test_erasing_forgets_both_addresses(visitor: Visitor) -> None:
    who = visitor.ground.join(ANN)
    visitor.post(door(visitor, who), {"email": NEW})
    visitor.post(question(visitor))
    visitor.post(door(visitor, who), {"erase": "everything"})
    kept = "\n".join(map(str, dump(visitor.ground)))
    assert ANN not in kept
    assert NEW not in kept
