"""Erasing somebody: no table says who they were, nothing is sent any more, and nothing brings them back by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState, Outcome, OutcomeKind
from drip.core.events import AddedByAuthor, AskedToJoin, AskedToRegister, Erased, JoinedWaitingList, TagChanged
from drip.core.links import Purpose
from drip.core.records import Evidence, RegistrationState
from drip.store.store import Store
from tests.integration.test_seats import CAMPAIGN, PLOT, ask, confirm, seat
from tests.stages import EVIDENCE, Ground, open_ground
from tests.visitors import Visitor, dump, open_applied, paths_in, words

TRACES = (
    "zelda",
    "Zwilling",
    "203.0.113.77",
    "Gecko/zzz",
    "Asia/Kathmandu",
    "z-tag",
    "they signed",
    "mailbox of zelda",
)


@pytest.fixture
def ground(tmp_path: Path, disk_store: Store) -> Ground:
    return open_ground(tmp_path / "project", disk_store)


def traces(ground: Ground) -> list[str]:
    rows = "\n".join(repr(row) for rows in dump(ground).values() for row in rows)
    return [each for each in TRACES if each in rows]


def test_no_table_says_who_it_was_and_the_next_in_line_gets_the_seat(ground: Ground) -> None:
    ground.edit(PLOT, "seats: 100", "seats: 1")
    ground.apply()
    now = ground.clock.now()
    evidence = Evidence("form", "they signed", "203.0.113.77", "Gecko/zzz")
    joined = AddedByAuthor(
        "zelda@example.org", "job-seekers", evidence, attested=True, zone="Asia/Kathmandu",
        fields={"first_name": "Zwilling"},
    )  # fmt: skip
    who = ground.engine.happen(joined, now).subscriber_id
    assert who is not None
    ground.engine.happen(TagChanged(who, "z-tag", present=True), now)
    ground.transport.answer = lambda wire: Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", f"mailbox of {wire.recipient}")
    mine = ground.engine.happen(
        AskedToRegister("zelda@example.org", CAMPAIGN, "tuesday-noon", evidence, "Asia/Kathmandu"), now
    ).registration_id
    assert mine is not None
    assert confirm(ground, mine) == "booked"
    ben = ask(ground, "ben@example.org")
    assert confirm(ground, ben) == "full"
    ground.engine.happen(JoinedWaitingList(ben, EVIDENCE), now)
    ground.tick()
    assert sorted(traces(ground)) == sorted(TRACES)
    with ground.store.read() as work:
        before = work.subscriber(who)
    assert before is not None
    assert ground.engine.happen(Erased(who, "/p"), now).what == "erased"
    assert traces(ground) == []
    assert ground.engine.happen(Erased(who, "/p"), now).what == "unknown"
    with ground.store.read() as work:
        suppressed = work.suppression(before.mailbox)
        assert suppressed is not None
        assert suppressed.reason == "erased"
        assert all(each.id != who for each in work.subscribers())
    assert seat(ground, mine).state is RegistrationState.CANCELLED
    # Nothing brings them back, and what is tried leaves no trace either.
    ground.engine.happen(
        AskedToJoin("ZELDA@example.org", "job-seekers", evidence, fields={"first_name": "Zwilling"}), now
    )
    assert ground.engine.happen(joined, now).what == "suppressed"
    ground.engine.happen(AskedToRegister("zelda@example.org", CAMPAIGN, "saturday-morning", evidence), now)
    assert traces(ground) == []
    sent = len(ground.transport.sent)
    for moment in ("2026-11-23 14:05", "2026-11-25 15:00", "2026-12-01 20:00", "2026-12-08 16:50", "2026-12-12 20:00"):
        ground.at(moment)
        ground.tick()
    assert "seat-offered" in ground.transport.posts("ben@example.org")
    assert all(each.recipient == "ben@example.org" for each in ground.transport.sent[sent:])
    assert DeliveryState.DUE not in ground.states(who).values()
    ground.counts_hold()


def test_whoever_comes_back_after_the_suppression_was_lifted_begins_anew(ground: Ground) -> None:
    who = ground.join("zelda@example.org", fields={"first_name": "Zwilling"})
    now = ground.clock.now()
    with ground.store.read() as work:
        known = work.subscriber(who)
    assert known is not None
    ground.engine.happen(Erased(who, "/p"), now)
    with ground.store.write() as work:
        assert work.lift_suppression(known.mailbox)
    assert ground.join("zelda@example.org") == who
    with ground.store.read() as work:
        again = work.subscriber(who)
    assert again is not None
    assert (again.email, dict(again.fields), again.left_at) == ("zelda@example.org", {}, None)


def test_two_presses_erase_and_every_old_link_leads_nowhere(tmp_path: Path, memory_store: Store) -> None:
    visitor = Visitor(open_applied(tmp_path / "project", memory_store))
    ground = visitor.ground
    who = ground.join("zelda@example.org", fields={"first_name": "Zwilling"})
    ground.register("zelda@example.org", "tuesday-noon")
    ground.tick()
    page = visitor.path("p", Purpose.PREFERENCES, who)
    links = {path for wire in ground.transport.sent for path in paths_in(wire)}
    before = dump(ground)
    assert "Erase all of it" in words(visitor.get(page).text)
    assert "cannot be undone" in words(visitor.post(page, {"erase": "ask"}).text)
    visitor.get(f"{page}?erase=everything")
    assert dump(ground) == before
    assert "Everything is erased" in words(visitor.post(page, {"erase": "everything"}).text)
    assert traces(ground) == []
    assert visitor.post(page, {"erase": "everything"}).status_code == 404
    assert visitor.get(f"{page}/data.json").status_code == 404
    for link in sorted(links):
        answer = visitor.get(link)
        assert answer.status_code < 500, link
        assert not any(each in answer.text for each in TRACES[:2]), link
