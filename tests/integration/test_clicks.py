"""Clicks in the engine: what is noted of whom, who is taken for a machine, and what a reader's own click acts on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from drip.core.clicks import BURST, EARLY, MACHINES_MAX, OUR_PAGES, SETTLES, Click
from drip.core.events import ChoseClicks, Erased, LinkClicked, LinkFetched, Scope, Unsubscribed
from drip.core.records import Consent, ConsentKind, DeliveryId, EnrollmentState, SubscriberId
from drip.engine.clicking import is_worth_noting
from drip.simulate import next_moment
from drip.store.store import Store
from tests.stages import EVIDENCE, Ground, open_ground
from tests.visitors import dump

PLOT = "campaigns/six-deadly-mistakes/campaign.yaml"
POST = "own-the-mistake"
LINK, OTHER = "https://example.com/guide", "https://example.com/other"
NUDGE = f"""  nudge:
    start: clicks {POST}
    again: always
    steps:
      - tag: curious
        when: at once
  remind:"""


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return clicked_ground(tmp_path, memory_store)


def clicked_ground(folder: Path, store: Store) -> Ground:
    """The example with a sequence that a click begins."""
    ground = open_ground(folder / "project", store)
    ground.edit(PLOT, "  remind:", NUDGE)
    ground.apply()
    return ground


def reader(ground: Ground, *, agrees: bool = True) -> tuple[SubscriberId, DeliveryId]:
    """Somebody with the first mail, five minutes ago."""
    who = ground.join("ann@example.org")
    if agrees:
        assert ground.engine.happen(ChoseClicks(who, noted=True, evidence=EVIDENCE), ground.clock.now()).what
    ground.tick()
    with ground.store.read() as work:
        mail = next(each.id for each in work.deliveries(who) if each.post == POST)
    wait(ground, timedelta(minutes=5))
    return who, mail


def wait(ground: Ground, span: timedelta) -> None:
    ground.clock.set(ground.clock.now() + span)


def fetch(ground: Ground, mail: DeliveryId, link: str = LINK, machine: str = "") -> str:
    return ground.engine.happen(LinkFetched(mail, link, machine), ground.clock.now()).what


def settle(ground: Ground) -> None:
    wait(ground, SETTLES)
    ground.tick()


def clicks(ground: Ground, mail: DeliveryId) -> dict[str, Click]:
    with ground.store.read() as work:
        return {each.link: each for each in work.clicks_in(mail)}


def tags(ground: Ground, who: SubscriberId) -> frozenset[str]:
    with ground.store.read() as work:
        known = work.subscriber(who)
    assert known is not None
    return known.tags


def test_a_click_waits_a_minute_and_then_begins_a_sequence(ground: Ground) -> None:
    who, mail = reader(ground)
    clicked_at = ground.clock.now()
    assert fetch(ground, mail) == "maybe"
    assert next_moment(ground.engine) == clicked_at + SETTLES
    wait(ground, SETTLES - timedelta(seconds=1))
    ground.tick()
    assert clicks(ground, mail)[LINK].clicked_at is None
    wait(ground, timedelta(seconds=1))
    assert not ground.engine.is_idle(ground.clock.now())
    ground.tick()
    one = clicks(ground, mail)[LINK]
    assert (one.clicked_at, one.settles_at, one.machines) == (clicked_at, None, 0)
    assert tags(ground, who) == {"curious"}
    assert ground.enrollment(who, "nudge") == (EnrollmentState.DONE, "all-steps-done")
    with ground.store.read() as work:
        (nudged,) = (each for each in work.enrollments(who) if each.sequence == "nudge")
        assert nudged.started_at == clicked_at
        assert [(each.people, each.links, each.machines) for each in work.click_counts()] == [(1, 1, 0)]
        assert [each.subject for each in work.entries(subscriber_id=who) if each.kind == "clicked"] == [POST]
    # A second link of the mail, and the same once more, are noted and begin nothing.
    for link in (OTHER, LINK):
        wait(ground, timedelta(minutes=10))
        fetch(ground, mail, link)
        settle(ground)
    with ground.store.read() as work:
        assert [(each.people, each.links) for each in work.click_counts()] == [(1, 2)]
        assert sum(each.sequence == "nudge" for each in work.enrollments(who)) == 1


@pytest.mark.parametrize(
    ("machine", "after"), [("head", timedelta()), ("agent", timedelta(seconds=40)), ("prefetch", timedelta(seconds=59))]
)
def test_a_machine_within_the_minute_takes_the_click_back(ground: Ground, machine: str, after: timedelta) -> None:
    who, mail = reader(ground)
    assert fetch(ground, mail) == "maybe"
    wait(ground, after)
    assert fetch(ground, mail, OTHER, machine) == "machine"
    settle(ground)
    assert tags(ground, who) == frozenset()
    assert {link: (each.machines, each.clicked_at) for link, each in clicks(ground, mail).items()} == {
        LINK: (1, None),
        OTHER: (1, None),
    }


def test_all_links_at_once_are_no_reader(ground: Ground) -> None:
    who, mail = reader(ground)
    found = [fetch(ground, mail, f"{LINK}/{n}") for n in range(5)]
    assert found == ["maybe", *["machine"] * 4]
    settle(ground)
    assert tags(ground, who) == frozenset()
    assert all(each.machines == 1 and each.seen_at is None for each in clicks(ground, mail).values())


def test_a_gateway_is_known_by_what_it_opens_besides(ground: Ground) -> None:
    """A mail with one link: the gateway opens its unsubscribe page as well, before or after."""
    who, mail = reader(ground)
    assert fetch(ground, mail) == "maybe"
    wait(ground, timedelta(seconds=2))
    fetch(ground, mail, OUR_PAGES)
    assert clicks(ground, mail)[LINK].settles_at is None
    wait(ground, timedelta(minutes=5))
    fetch(ground, mail, OUR_PAGES)
    wait(ground, timedelta(seconds=2))
    assert fetch(ground, mail) == "machine"
    # A reader who looks at the page of the mail and comes back later is one.
    wait(ground, BURST)
    assert fetch(ground, mail) == "maybe"
    wait(ground, timedelta(seconds=30))
    fetch(ground, mail, OUR_PAGES)
    settle(ground)
    assert tags(ground, who) == {"curious"}
    with ground.store.read() as work:
        assert [(each.people, each.machines) for each in work.click_counts()] == [(1, 2)]


def test_nobody_reads_a_mail_that_has_just_left(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    ground.engine.happen(ChoseClicks(who, noted=True, evidence=EVIDENCE), ground.clock.now())
    ground.tick()
    with ground.store.read() as work:
        mail = next(each.id for each in work.deliveries(who) if each.post == POST)
    wait(ground, EARLY - timedelta(seconds=1))
    assert fetch(ground, mail) == "machine"
    settle(ground)
    assert tags(ground, who) == frozenset()


def test_a_double_press_is_one_click(ground: Ground) -> None:
    who, mail = reader(ground)
    for _ in range(4):
        assert fetch(ground, mail) == "maybe"
        wait(ground, timedelta(seconds=1))
    settle(ground)
    assert tags(ground, who) == {"curious"}
    assert clicks(ground, mail)[LINK].machines == 0


def test_without_a_yes_nothing_is_written_at_all(ground: Ground) -> None:
    who, mail = reader(ground, agrees=False)
    before = dump(ground)
    with ground.store.read() as work:
        assert not is_worth_noting(work, ground.engine.live, mail, LINK)
    assert fetch(ground, mail) == "not-noted"
    assert fetch(ground, mail, LINK, "head") == "not-noted"
    assert ground.engine.happen(LinkClicked(mail, LINK), ground.clock.now()).what == "already"
    assert ground.engine.happen(LinkFetched(DeliveryId(999), LINK), ground.clock.now()).what == "unknown"
    assert dump(ground) == before
    assert tags(ground, who) == frozenset()


def test_a_no_forgets_what_was_noted(ground: Ground) -> None:
    who, mail = reader(ground)
    fetch(ground, mail)
    settle(ground)
    fetch(ground, mail, OTHER)
    no = ChoseClicks(who, noted=False, evidence=EVIDENCE)
    assert [ground.engine.happen(no, ground.clock.now()).what for _ in range(2)] == ["changed", "same"]
    assert clicks(ground, mail) == {}
    with ground.store.read() as work:
        noted: list[Consent] = [each for each in work.consents(who) if each.list == "clicks:"]
        assert [each.kind for each in noted] == [ConsentKind.CONFIRMED, ConsentKind.WITHDRAWN]
    assert fetch(ground, mail) == "not-noted"
    settle(ground)
    assert clicks(ground, mail) == {}


def test_whoever_leaves_altogether_is_not_watched_either(ground: Ground) -> None:
    who, mail = reader(ground)
    fetch(ground, mail)
    ground.engine.happen(Unsubscribed(who, EVIDENCE, Scope.EVERYTHING), ground.clock.now())
    settle(ground)
    assert clicks(ground, mail) == {}
    assert fetch(ground, mail) == "not-noted"


def test_erasing_takes_the_clicks_along(ground: Ground) -> None:
    who, mail = reader(ground)
    fetch(ground, mail)
    settle(ground)
    ground.engine.happen(Erased(who, "/p"), ground.clock.now())
    assert LINK not in repr(dump(ground))
    assert fetch(ground, mail) == "not-noted"


def test_a_goal_and_a_branch_see_the_click(ground: Ground) -> None:
    ground.edit(PLOT, "    goal: registers", f"    goal: clicks {POST}")
    ground.edit(PLOT, "      - tag: curious\n", "      - tag: curious\n        if: clicked two-second-resume-fix\n")
    ground.apply()
    who, mail = reader(ground)
    fetch(ground, mail)
    settle(ground)
    assert ground.enrollment(who, "invite") == (EnrollmentState.GOAL, "goal-reached")
    assert tags(ground, who) == frozenset()
    with ground.store.read() as work:
        (facts,) = work.facts_of([who], "six-deadly-mistakes", "UTC")
    assert facts.clicked == {POST}


def test_a_renamed_post_keeps_its_clicks_and_gets_the_late_ones(ground: Ground) -> None:
    who, mail = reader(ground)
    fetch(ground, mail)
    settle(ground)
    folder = ground.folder / "campaigns/six-deadly-mistakes"
    (folder / "own-it.md").write_text(
        (folder / f"{POST}.md").read_text(encoding="utf-8").replace("---\n", f"---\nwas: {POST}\n", 1), encoding="utf-8"
    )
    (folder / f"{POST}.md").unlink()
    for test in (folder / "tests").glob("*.yaml"):
        test.unlink()
    ground.edit(PLOT, f"start: clicks {POST}", "start: clicks own-it")
    ground.edit(PLOT, f"      - send: {POST}\n", f"      - send: own-it\n        was: {POST}\n")
    ground.apply()
    fetch(ground, mail, OTHER)
    assert {each.post for each in clicks(ground, mail).values()} == {"own-it"}
    with ground.store.read() as work:
        (facts,) = work.facts_of([who], "six-deadly-mistakes", "UTC")
    assert facts.clicked == {"own-it"}


def test_a_flood_on_one_link_wears_no_disk(ground: Ground) -> None:
    _, mail = reader(ground)
    with ground.store.write() as work:
        one = work.delivery(mail)
        assert one is not None
        full = Click(mail, LINK, one.subscriber_id, one.campaign, one.post, ground.clock.now(), machines=MACHINES_MAX)
        work.keep_click(full)
    with ground.store.read() as work:
        assert not is_worth_noting(work, ground.engine.live, mail, LINK)
        assert is_worth_noting(work, ground.engine.live, mail, OTHER)


def test_the_same_on_either_database(tmp_path: Path, disk_store: Store) -> None:
    ground = clicked_ground(tmp_path, disk_store)
    who, mail = reader(ground)
    fetch(ground, mail, LINK + "/" + "x" * 4000)
    settle(ground)
    assert tags(ground, who) == {"curious"}
    fetch(ground, mail, LINK, "head")
    with ground.store.read() as work:
        assert [(each.people, each.links, each.machines) for each in work.click_counts()] == [(1, 1, 1)]
        assert len(work.clicks_by(who)) == 2
        assert work.count_clicks_noted() == 1
    with ground.store.write() as work:
        work.rename_clicks("six-deadly-mistakes", {POST: "other"})
        assert {each.post for each in work.clicks_by(who)} == {"other"}
        assert work.forget_clicks(who) == 2
