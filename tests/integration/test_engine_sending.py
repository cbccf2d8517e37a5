"""What the relay says, and what a run does with it: refusals, silence, a "no" in between, two runs at once."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from drip.core.delivery import Blame, DeliveryState, Outcome, OutcomeKind
from drip.core.events import (
    AddedByAuthor,
    AskedToJoin,
    Unsubscribed,
)
from drip.core.records import EnrollmentState, Kind
from drip.errors import CannotRecord
from drip.store.store import Store
from tests.stages import EVIDENCE, Ground, open_ground


@pytest.fixture
def ground(tmp_path: Path, store: Store) -> Ground:
    return open_ground(tmp_path / "project", store)


def test_a_no_between_claim_and_mark_wins(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    compose = ground.engine.letters.wire

    def compose_then_no(*args: object, **more: object) -> object:
        made = compose(*args, **more)  # type: ignore[arg-type]
        ground.engine.happen(Unsubscribed(who, EVIDENCE), ground.clock.now())
        return made

    ground.engine.letters.wire = compose_then_no  # type: ignore[method-assign, assignment]
    ground.tick()
    assert ground.transport.sent == []
    assert ground.states(who)["own-the-mistake"] is DeliveryState.CANCELLED


def test_an_address_that_the_relay_refuses_is_suppressed(ground: Ground) -> None:
    who = ground.join("finn@example.org")
    refused = Outcome(OutcomeKind.PERMANENT, 550, "5.1.1", "no such mailbox", Blame.ADDRESS)
    ground.transport.answer = lambda _: refused
    ground.tick()
    assert ground.states(who)["own-the-mistake"] is DeliveryState.FAILED
    ground.transport.answer = lambda _: Outcome(OutcomeKind.ACCEPTED, 250)
    ground.at("2026-12-20 12:00")
    ground.tick()
    assert ground.transport.sent == []
    assert ground.enrollment(who, "invite") == (EnrollmentState.STOPPED, "suppressed")
    added = ground.engine.happen(
        AddedByAuthor("FINN@example.org", "job-seekers", EVIDENCE, attested=True), ground.clock.now()
    )
    assert added.what == "suppressed"


def test_a_temporary_refusal_is_tried_again_and_the_next_step_counts_from_the_real_sending(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    ground.transport.answer = lambda _: Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "later")
    ticked = ground.tick()
    assert (ticked.sent, ticked.deferred) == (0, 1)
    assert ground.states(who)["own-the-mistake"] is DeliveryState.DUE
    ground.transport.answer = lambda _: Outcome(OutcomeKind.ACCEPTED, 250)
    ground.at("2026-11-24 20:00")  # a day and some hours later
    assert ground.tick().sent == 1
    ground.at("2026-11-25 15:00")
    assert ground.tick().sent == 0, "two days later counts from Tuesday (rule 8)"
    ground.at("2026-11-26 14:30")
    assert ground.tick().sent == 1


def test_no_verdict_is_uncertain_and_never_resent(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    ground.transport.answer = lambda _: Outcome(OutcomeKind.UNCERTAIN, text="lost after the dot")
    assert ground.tick().uncertain == 1
    ground.transport.answer = lambda _: Outcome(OutcomeKind.ACCEPTED, 250)
    ground.at("2026-11-24 14:00")
    ground.tick()
    assert ground.states(who) == {"own-the-mistake": DeliveryState.UNCERTAIN}
    assert len(ground.transport.sent) == 1
    ground.counts_hold()


def test_an_uncertain_confirmation_alone_is_sent_again(ground: Ground) -> None:
    ground.engine.happen(AskedToJoin("ann@example.org", "job-seekers", EVIDENCE), ground.clock.now())
    ground.transport.answer = lambda _: Outcome(OutcomeKind.UNCERTAIN, text="lost after the dot")
    ground.tick()
    for minutes in (5, 11, 23, 60, 120):
        ground.clock.set(ground.at("2026-11-23 14:00") + timedelta(minutes=minutes))
        ground.tick()
    ids = {wire.message_id for wire in ground.transport.sent}
    assert len(ground.transport.sent) == 3, "at most twice again"
    assert len(ids) == 1, "a stable Message-ID"


def test_a_failed_commit_stops_the_run_before_anything_more_is_sent(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        ground.join(f"r{number}@example.org")
    from drip.store.work import Work

    mark = Work.mark
    calls = []

    def full_disk(self: Work, *args: object) -> object:
        calls.append(args)
        if len(calls) > 2:
            raise CannotRecord("the disk is full")
        return mark(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Work, "mark", full_disk)
    with pytest.raises(CannotRecord):
        ground.tick()
    stopped_at = len(ground.transport.sent)
    assert stopped_at <= 2 * ground.transport.lanes, "nothing is sent without a mark"
    monkeypatch.undo()
    ground.tick()
    with ground.store.read() as work:
        counts = work.delivery_counts()
    assert counts["planned"] == 20
    assert counts["sent"] + counts["uncertain"] == 20
    ids = [wire.message_id for wire in ground.transport.sent]
    assert len(ids) == len(set(ids)) == 20, "everybody has it once; what could not be recorded is uncertain"


def test_two_ticks_at_once_share_the_work_and_send_nothing_twice(tmp_path: Path, store_url: str) -> None:
    from drip.store.store import open_store

    store = open_store(store_url, root=tmp_path)
    store.create_or_check()
    ground = open_ground(tmp_path / "project", store)
    for number in range(60):
        ground.join(f"r{number}@example.org")
    now = ground.clock.now()
    errors: list[BaseException] = []

    def tick() -> None:
        try:
            ground.engine.tick(now)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=tick) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    store.close()
    assert errors == []
    ids = [wire.message_id for wire in ground.transport.sent]
    assert len(ids) == len(set(ids)) == 60


def test_a_post_whose_fast_page_differs_from_the_slow_one_goes_the_slow_way_and_says_so(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drip.authoring.layout import CompiledPost

    slow = CompiledPost.fill_slowly

    def otherwise(self: CompiledPost, values: dict[str, object]) -> tuple[str, str, str, str]:
        subject, preview, html, text = slow(self, values)
        return subject, preview, html, text.replace("Hi there", "Hello there")

    monkeypatch.setattr(CompiledPost, "fill_slowly", otherwise)
    ground.join("ann@example.org")
    ground.tick()
    with ground.store.read() as work:
        warned = [each for each in work.entries() if each.kind == "render-differs"]
        edition = ground.engine.live.campaign(work, "six-deadly-mistakes")
    assert [each.subject for each in warned] == ["six-deadly-mistakes/own-the-mistake"]
    assert edition is not None
    assert edition.campaign is not None
    compiled = edition.press.compile(edition.campaign.posts["own-the-mistake"])
    assert compiled.slow_because
    assert compiled.slow_fills >= 1


def test_a_tick_for_one_kind_ends_while_others_are_due(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.engine.happen(AskedToJoin("ben@example.org", "job-seekers", EVIDENCE), ground.clock.now())
    ticked = ground.engine.tick(ground.clock.now(), only=Kind.CONFIRMATION)
    assert ticked.sent == 1
    assert ground.transport.posts("ben@example.org") == ["confirm-subscription"]
    assert ground.transport.posts("ann@example.org") == []
    assert ground.tick().sent == 1
