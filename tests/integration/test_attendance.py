"""Who came, by a report: matching, precedence, and a follow-up that is corrected before it leaves and never after."""

from __future__ import annotations

from pathlib import Path

import pytest

from drip.core.attended import read_report
from drip.core.events import AttendanceReported, JoinedSession
from drip.core.records import Attendance, RegistrationId
from drip.engine.attending import match
from drip.store.store import Store
from tests.stages import HERE, Ground, open_ground

CAMPAIGN = "six-deadly-mistakes"


@pytest.fixture
def ground(tmp_path: Path, store: Store) -> Ground:
    ground = open_ground(tmp_path / "project", store)
    for name in ("ann", "ben"):
        ground.join(f"{name}@example.org")
    return ground


def held(ground: Ground) -> tuple[RegistrationId, RegistrationId]:
    """Ann came through the join page, Ben did not; the session is over and closed."""
    ann, ben = (ground.register(f"{name}@example.org", "tuesday-noon") for name in ("ann", "ben"))
    ground.tick()
    ground.at("2026-12-08 17:05")
    ground.engine.happen(JoinedSession(ann), ground.clock.now())
    ground.at("2026-12-08 18:30")
    ground.tick()
    return ann, ben


def report(ground: Ground, number: RegistrationId, came: Attendance, minutes: int | None = None) -> str:
    event = AttendanceReported(number, came, "report:zoom", minutes)
    return ground.engine.happen(event, ground.clock.now()).what


def follow_ups(ground: Ground, who: str) -> list[str]:
    branches = {"recording-and-next-step", "we-missed-you"}
    return [each for each in ground.transport.posts(who) if each in branches]


def test_a_report_corrects_a_branch_that_has_not_left_both_ways(ground: Ground) -> None:
    ann, ben = held(ground)
    assert report(ground, ann, Attendance.MISSED) == "recorded"
    assert report(ground, ben, Attendance.ATTENDED, 41) == "recorded"
    ground.at("2026-12-08 20:30")
    ground.tick()
    assert follow_ups(ground, "ann@example.org") == ["we-missed-you"]
    assert follow_ups(ground, "ben@example.org") == ["recording-and-next-step"]
    with ground.store.read() as work:
        assert work.minutes_there(ben) == 41
    ground.counts_hold()


def test_a_report_changes_nothing_once_a_branch_has_left(ground: Ground) -> None:
    ann, ben = held(ground)
    ground.at("2026-12-08 20:30")
    ground.tick()
    assert report(ground, ann, Attendance.MISSED) == "too-late"
    assert report(ground, ben, Attendance.ATTENDED) == "too-late"
    for moment in ("2026-12-08 20:31", "2026-12-10 12:00"):
        ground.at(moment)
        ground.tick()
    assert follow_ups(ground, "ann@example.org") == ["recording-and-next-step"]
    assert follow_ups(ground, "ben@example.org") == ["we-missed-you"]


def test_a_branch_that_is_claimed_and_not_marked_is_taken_back(ground: Ground) -> None:
    from drip.engine.advance import advance_due

    _, ben = held(ground)
    ground.at("2026-12-08 20:30")
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    with ground.store.write() as work:
        claimed = work.claim("somebody", ground.clock.now(), 10).deliveries
    assert "we-missed-you" in {each.post for each in claimed}
    assert report(ground, ben, Attendance.ATTENDED) == "recorded"
    with ground.store.write() as work:
        marked = work.mark([each.id for each in claimed], "somebody", ground.clock.now())
    assert not marked & {each.id for each in claimed if each.post == "we-missed-you"}
    ground.tick()
    assert follow_ups(ground, "ben@example.org") == ["recording-and-next-step"]


def test_the_same_report_twice_changes_nothing(ground: Ground) -> None:
    ann, ben = held(ground)
    assert [report(ground, each, Attendance.ATTENDED, 30) for each in (ann, ben)] == ["same", "recorded"]
    assert [report(ground, each, Attendance.ATTENDED, 30) for each in (ann, ben)] == ["same", "same"]
    ground.at("2026-12-08 20:30")
    ground.tick()
    assert follow_ups(ground, "ann@example.org") == ["recording-and-next-step"]
    assert follow_ups(ground, "ben@example.org") == ["recording-and-next-step"]


def test_rows_find_their_seats_and_strangers_are_listed(ground: Ground) -> None:
    held(ground)
    path = HERE / "tests/golden/attendance/zoom-attendees.csv"
    sheet = read_report(path.read_text(encoding="utf-8").replace("␀", "").encode(), "America/New_York")
    with ground.store.read() as work:
        matched = match(work, ground.engine.keys, sheet, CAMPAIGN, "tuesday-noon")
        other = match(work, ground.engine.keys, sheet, CAMPAIGN, "saturday-morning")
    assert {said.email for _, said in matched.found} == {"ann@example.org", "ben@example.org"}
    assert matched.unknown == ("cat@example.org", "dan@example.org", "eve@example.org")
    assert (matched.absent, other.found) == ((), ())
