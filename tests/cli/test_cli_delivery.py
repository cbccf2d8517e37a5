"""`drip delivery`: what the author decides about single deliveries takes effect, all of it or nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.core.delivery import DeliveryState, Outcome, OutcomeKind
from drip.core.records import SubscriberId
from drip.store.store import open_store
from tests.stages import ACCEPTED, Ground, open_ground

LOST = Outcome(OutcomeKind.UNCERTAIN, 0, "", "lost after the dot")


@dataclass
class Desk:
    """A ground whose command line looks at the same database."""

    ground: Ground
    who: list[SubscriberId]

    def drip(self, *words: str) -> Result:
        self.ground.project._store = None  # the command opens and closes its own
        return CliRunner().invoke(cli, ["-C", str(self.ground.folder), *words], obj=Call(clock=self.ground.clock))

    def ok(self, *words: str) -> str:
        result = self.drip(*words)
        assert result.exit_code == 0, result.output
        return result.output

    def state(self, number: int) -> DeliveryState:
        return self.ground.states(self.who[number])["own-the-mistake"]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DRIP_SECRET", "x" * 32)
    (tmp_path / "letter").mkdir()
    store = open_store(f"sqlite:///{tmp_path / 'letter' / 'drip.db'}", root=tmp_path)
    store.create_or_check()
    ground = open_ground(tmp_path / "letter", store)
    who = [ground.join(f"r{number}@example.org") for number in range(3)]
    return Desk(ground, who)


def uncertain(desk: Desk) -> list[int]:
    """All three are handed over and nothing is heard; their ids."""
    desk.ground.transport.answer = lambda _: LOST
    desk.ground.tick()
    desk.ground.transport.answer = lambda _: ACCEPTED
    listed = [json.loads(line) for line in desk.ok("delivery", "list", "--json").splitlines()]
    assert {each["state"] for each in listed} == {"uncertain"}
    return [each["id"] for each in listed]


def test_an_uncertain_one_counts_as_sent_when_the_author_says_so(desk: Desk) -> None:
    first, *_ = uncertain(desk)
    assert "lost after the dot" in desk.ok("delivery", "show", str(first))
    assert desk.ok("delivery", "resolve", str(first), "--assume-sent", "-n") == "would call sent 1 delivery\n"
    assert desk.state(0) is DeliveryState.UNCERTAIN, "a dry run changes nothing"
    desk.ok("delivery", "resolve", str(first), "--assume-sent")
    before = len(desk.ground.transport.sent)
    desk.ground.tick()
    assert desk.state(0) is DeliveryState.SENT
    assert len(desk.ground.transport.sent) == before, "nobody gets it a second time"
    desk.ground.counts_hold()


def test_a_resent_one_goes_out_once_more_with_the_same_message_id(desk: Desk) -> None:
    first, *_ = uncertain(desk)
    desk.ok("delivery", "resolve", str(first), "--resend")
    desk.ground.tick()
    copies = [each for each in desk.ground.transport.sent if each.recipient == "r0@example.org"]
    assert len(copies) == 2
    assert copies[0].message_id == copies[1].message_id
    assert desk.state(0) is DeliveryState.SENT
    assert desk.state(1) is DeliveryState.UNCERTAIN


def test_all_that_were_named_are_settled_or_none(desk: Desk) -> None:
    first, second, third = uncertain(desk)
    desk.ok("delivery", "resolve", str(third), "--assume-sent")
    result = desk.drip("delivery", "resolve", str(first), str(second), str(third), "--resend")
    assert result.exit_code == 2
    assert f"delivery {third} is sent, not uncertain" in result.output
    assert desk.state(0) is desk.state(1) is DeliveryState.UNCERTAIN


def test_a_cancelled_one_is_not_sent_and_its_sequence_goes_on(desk: Desk) -> None:
    from drip.engine.advance import advance_due

    advance_due(desk.ground.store, desk.ground.engine.scene, desk.ground.clock.now())
    with desk.ground.store.read() as work:
        (due,) = work.deliveries(desk.who[0])
    desk.ok("delivery", "cancel", str(due.id))
    desk.ground.tick()
    assert desk.state(0) is DeliveryState.CANCELLED
    assert len(desk.ground.transport.sent) == 2
    desk.ground.at("2026-11-25 14:30")
    desk.ground.tick()
    assert "two-second-resume-fix" in desk.ground.states(desk.who[0])
    desk.ground.counts_hold()


def test_a_sent_one_can_be_neither_cancelled_nor_retried(desk: Desk) -> None:
    desk.ground.tick()
    listed = desk.ok("delivery", "list", "--state", "sent", "--json").splitlines()
    number = str(json.loads(listed[0])["id"])
    for words in (("cancel", number), ("retry", number), ("resolve", number, "--resend")):
        assert desk.drip("delivery", *words).exit_code == 2
    assert desk.drip("delivery", "show", "999").exit_code == 2
    assert desk.drip("delivery", "resolve", "--all").exit_code == 2, "one must say what became of them"
    assert desk.ok("delivery", "list") == "no delivery waits for your decision\n"
