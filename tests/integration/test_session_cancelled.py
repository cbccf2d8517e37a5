"""A host cancels a session: everybody in it is told once, nothing more is said of it, and another one can be chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState
from drip.core.events import CancelledRegistration, JoinedWaitingList, MovedRegistration, Scope, Unsubscribed
from drip.core.records import EnrollmentState, RegistrationState
from drip.engine.apply import plan as plan_campaigns
from drip.engine.apply import wanted_campaigns
from drip.engine.registering import SessionClosed
from drip.engine.telling import Change, News
from drip.project import read_tree
from drip.store.store import Store
from tests.integration.test_seats import CAMPAIGN, PLOT, ask, confirm, entry, seat
from tests.stages import EVIDENCE, Ground, open_ground
from tests.visitors import open_applied

NOON = "2026-12-08 12:00"
OFF = f"{NOON} cancelled"


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return open_applied(tmp_path / "project", memory_store)


@pytest.fixture
def anywhere(tmp_path: Path, disk_store: Store) -> Ground:
    """The same on disk, on either engine."""
    return open_ground(tmp_path / "project", disk_store)


def news(ground: Ground) -> tuple[News, ...]:
    """What applying the files would tell people."""
    files = read_tree(ground.folder)
    campaigns, _ = wanted_campaigns(files, [CAMPAIGN], ground.clock.now())
    with ground.store.read() as work:
        (found,) = plan_campaigns(work, ground.engine.live, files, campaigns, ground.clock.now())
    return found.news


def call_off(ground: Ground) -> None:
    ground.edit(PLOT, NOON, OFF)
    ground.apply()


def test_everybody_with_a_seat_or_in_line_is_told_once_and_never_reminded_again(anywhere: Ground) -> None:
    ground = anywhere
    ground.edit(PLOT, "seats: 100", "seats: 1")
    ground.apply()
    ann = ground.register("ann@example.org", "tuesday-noon")
    ben = ask(ground, "ben@example.org")
    assert confirm(ground, ben) == "full"
    assert ground.engine.happen(JoinedWaitingList(ben, EVIDENCE), ground.clock.now()).what == "waitlisted"
    cora = ask(ground, "cora@example.org")  # has not pressed the button: nothing of hers is cancelled by mail
    ground.tick()
    greeting = entry(next(each for each in ground.transport.sent if b"you-are-in" in each.data))
    call_off(ground)
    ground.apply()
    ground.tick()
    ground.apply()
    ground.tick()
    for who in ("ann@example.org", "ben@example.org"):
        assert ground.transport.posts(who)[-1] == "session-cancelled"
        assert ground.transport.posts(who).count("session-cancelled") == 1
    assert "session-cancelled" not in ground.transport.posts("cora@example.org")
    assert {seat(ground, each).state for each in (ann, ben, cora)} == {RegistrationState.CANCELLED}
    told = next(each for each in ground.transport.sent if b"session-cancelled" in each.data and b"ann@" in each.data)
    assert entry(told) == ("CANCEL", greeting[1], greeting[2] + 1, "2026-12-08 17:00", "CANCELLED")
    who = seat(ground, ann).subscriber_id
    assert ground.enrollment(who, "remind") == (EnrollmentState.STOPPED, "session-cancelled")
    before = len(ground.transport.sent)
    for moment in ("2026-12-07 17:00", "2026-12-08 16:00", "2026-12-08 16:50", "2026-12-08 18:00", "2026-12-08 21:00"):
        ground.at(moment)
        ground.tick()
    assert len(ground.transport.sent) == before
    ground.counts_hold()


def test_who_chooses_another_session_keeps_the_calendar_entry_on_either_way(ground: Ground) -> None:
    ann = ground.register("ann@example.org", "tuesday-noon")
    ben = ground.register("ben@example.org", "tuesday-noon")
    ground.tick()
    first = {each.recipient: entry(each) for each in ground.transport.sent if b"you-are-in" in each.data}
    call_off(ground)
    ground.tick()
    moved = ground.engine.happen(MovedRegistration(ann, "saturday-morning", EVIDENCE), ground.clock.now())
    assert moved.what == "moved"
    assert confirm(ground, ask(ground, "ben@example.org", "wednesday-evening")) == "booked"
    ground.tick()
    for number, session in ((ann, "saturday-morning"), (ben, "wednesday-evening")):
        held = seat(ground, number)
        assert (held.state, held.session) == (RegistrationState.BOOKED, session)
    for who in ("ann@example.org", "ben@example.org"):
        assert ground.transport.posts(who)[-1] == "you-are-in"
        last = entry([each for each in ground.transport.sent if each.recipient == who][-1])
        assert (last[0], last[1], last[2]) == ("REQUEST", first[who][1], 2)


def test_a_cancelled_session_takes_nobody(anywhere: Ground) -> None:
    ground = anywhere
    asked = ask(ground, "ann@example.org")
    seated = ground.register("ben@example.org", "saturday-morning")
    call_off(ground)
    assert confirm(ground, asked) in ("over", "cancelled")
    with pytest.raises(SessionClosed, match="does not take place"):
        ask(ground, "dan@example.org")
    assert ground.engine.happen(MovedRegistration(seated, "tuesday-noon", EVIDENCE), ground.clock.now()).what == "over"
    with ground.store.write() as work:
        # The row itself refuses too, for whoever looked a moment before.
        held = work.registration(seated)
        assert held is not None
        assert work.move_registration(held, "tuesday-noon", ground.clock.now(), None) == "over"
        late = work.add_registration(held.subscriber_id, CAMPAIGN, "tuesday-noon", None, ground.clock.now())
        assert work.book(late.id, ground.clock.now(), None) == "over"


def test_the_plan_names_everybody_who_will_be_told_and_no_one_else(ground: Ground) -> None:
    for name in ("ann", "ben", "cora"):
        ground.register(f"{name}@example.org", "tuesday-noon")
    eve = ground.register("eve@example.org", "tuesday-noon")
    ground.tick()
    who = seat(ground, eve).subscriber_id
    ground.engine.happen(Unsubscribed(who, EVIDENCE, Scope.EVERYTHING), ground.clock.now())
    assert news(ground) == ()
    ground.edit(PLOT, NOON, "2026-12-08 15:00")
    (moved,) = news(ground)
    assert moved.change is Change.MOVED
    ground.edit(PLOT, "2026-12-08 15:00", OFF)
    (off,) = news(ground)
    for each in (moved, off):
        assert each.told == ("ann@example.org", "ben@example.org", "cora@example.org")
        assert each.silent == ("eve@example.org",)
    ground.apply()
    ground.tick()
    told = {each.recipient for each in ground.transport.sent if b"session-cancelled" in each.data}
    assert told == set(off.told)
    assert news(ground) == ()


def test_the_plan_says_that_a_session_taken_out_leaves_its_people_untold(ground: Ground) -> None:
    ground.register("ann@example.org", "tuesday-noon")
    ground.edit(PLOT, f"    tuesday-noon:       {NOON}\n", "")
    (gone,) = news(ground)
    assert (gone.change, gone.seats, gone.told) == (Change.REMOVED, ("ann@example.org",), ())


def test_the_invite_sequence_ends_when_no_session_is_left(anywhere: Ground) -> None:
    ground = anywhere
    who = ground.join("ann@example.org")
    ground.tick()
    for time in (NOON, "2026-12-09 19:00", "2026-12-12 10:00"):
        ground.edit(PLOT, time, f"{time} cancelled")
    ground.apply()
    ground.at("2026-11-25 14:30")
    ground.tick()
    assert ground.enrollment(who, "invite") == (EnrollmentState.STOPPED, "stop-reached")
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake"]


def test_a_session_that_is_held_again_takes_new_seats_and_calls_nobody_back(ground: Ground) -> None:
    ann = ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    call_off(ground)
    ground.tick()
    ground.edit(PLOT, OFF, NOON)
    ground.apply()
    ground.tick()
    assert seat(ground, ann).state is RegistrationState.CANCELLED
    assert ground.transport.posts("ann@example.org")[-1] == "session-cancelled"
    ground.register("ben@example.org", "tuesday-noon")
    ground.engine.happen(MovedRegistration(ann, "tuesday-noon", EVIDENCE), ground.clock.now())
    assert seat(ground, ann).state is RegistrationState.BOOKED


def test_what_is_over_cannot_be_cancelled_any_more(ground: Ground) -> None:
    ann = ground.register("ann@example.org", "tuesday-noon")
    ground.at("2026-12-08 18:00")
    call_off(ground)
    assert seat(ground, ann).state is RegistrationState.BOOKED
    ground.tick()
    assert ground.enrollment(seat(ground, ann).subscriber_id, "follow-up")[0] is EnrollmentState.RUNNING


def test_a_seat_taken_again_before_the_run_is_not_taken_out_of_the_calendar(ground: Ground) -> None:
    ann = ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    ground.engine.happen(CancelledRegistration(ann, EVIDENCE), ground.clock.now())
    ground.engine.happen(MovedRegistration(ann, "saturday-morning", EVIDENCE), ground.clock.now())
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "you-are-in"
    assert "registration-cancelled" not in ground.transport.posts("ann@example.org")
    assert ground.states(seat(ground, ann).subscriber_id)["registration-cancelled"] is DeliveryState.CANCELLED
