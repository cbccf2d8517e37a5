"""Pauses and resumes of all kinds in the weeks of bad weather: rule 13 beside crashes, edits and sleeps.

`python -m tests.simulation.test_pauses_in_storms 1 50` plays many seeds and prints what broke.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from drip.core.message import Wire
from drip.core.records import Enrollment, EnrollmentId, Facts, Kind, ResumeMode
from drip.engine.pausing import Target, pause, resume
from drip.store import deliveries as sql
from drip.store.work import Work
from tests.simulation.storm import START, Storm

PAUSES = 6


class StillStorm(Storm):
    """A storm in which the author lets things stand still, and go on, at random moments."""

    def __init__(self, seed: int, people: int = 25, days: int = 45) -> None:
        super().__init__(seed, people, days)
        self.still: set[tuple[str, str]] = set()
        self.paused = self.resumed = 0

    def open(self) -> None:
        """As ever, with the moments of the pauses."""
        super().open()
        for number in range(PAUSES):
            span = self.weather.span(timedelta(hours=5), timedelta(days=self.setting.days), "pause", number)
            length = self.weather.span(timedelta(minutes=10), timedelta(days=9), "length", number)
            self.at(START + span, lambda number=number: self.stop(number))  # type: ignore[misc]
            self.at(START + span + length, lambda number=number: self.go_on(number))  # type: ignore[misc]

    def _target(self, number: int) -> Target:
        whole = self.weather.happens(0.5, "whole", number)
        names = [each.name for each in self._campaigns["storm"].sequences]
        return Target("storm", "" if whole else names[number % len(names)])

    def stop(self, number: int) -> None:
        """The author pauses the campaign or one of its sequences."""
        everything = self.weather.happens(0.3, "everything", number)
        found = pause(self.engine, self._target(number), self.clock.now(), everything=everything)
        self.paused += any(each.is_new for each in found.stilled)
        self._look()

    def go_on(self, number: int) -> None:
        """And resumes whatever is paused by then."""
        mode = list(ResumeMode)[number % len(ResumeMode)]
        self.resumed += bool(resume(self.engine, Target(), mode, self.clock.now()))
        self._look()
        self._dirty = True

    def edit(self, number: int) -> None:
        """As ever; what comes into a paused campaign is paused."""
        super().edit(number)
        self._look()

    def _look(self) -> None:
        with self.store.read() as work:
            self.still = {(each.campaign, each.sequence) for each in work.open_pauses()}

    def _take(self, wire: Wire, at: datetime) -> None:
        delivery = self.letters.deliveries[wire.message_id]
        place = (delivery.step or "").partition("/")[0]
        is_still = bool(place) and (delivery.campaign, place) in self.still
        if is_still or (delivery.kind is Kind.BROADCAST and (delivery.campaign, "") in self.still):
            self.watch.note(
                self.clock.now(), self.by_id[delivery.subscriber_id], f"`{delivery.post}` went while paused"
            )
        super()._take(wire, at)


@pytest.mark.parametrize("seed", [1, 4])
def test_rule_13_no_promise_breaks_whatever_is_paused_and_resumed(seed: int) -> None:
    storm = StillStorm(seed).play()
    storm.store.close()
    assert storm.watch.broken == []
    assert storm.paused
    assert storm.resumed
    assert storm.taken


def test_a_pause_that_only_writes_its_row_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is taken out of a queue, no decision knows of the pause, and the mark does not ask for it."""
    right = Work.facts_for

    def not_paused(self: Work, enrollments: Sequence[Enrollment], zone: str) -> dict[EnrollmentId, Facts]:
        return {number: replace(each, paused_at=None) for number, each in right(self, enrollments, zone).items()}

    monkeypatch.setattr(Work, "freeze", lambda self, begun: self.inside(begun))
    monkeypatch.setattr(Work, "facts_for", not_paused)
    # The condition of the mark is put together when its module is loaded: the whole of it has to go.
    monkeypatch.setattr(sql, "MAY_GO_NOW", ~sql.IS_SUPPRESSED)
    sql.mark_statement.cache_clear()
    try:
        for seed in (1, 4):
            storm = StillStorm(seed).play()
            storm.store.close()
            if any("went while paused" in line for line in storm.watch.broken):
                return
        pytest.fail("no seed noticed the fault")
    finally:
        sql.mark_statement.cache_clear()
        sql.refuse_statement.cache_clear()


def main(first: int, last: int) -> int:
    """Play many seeds and print the broken ones."""
    bad = 0
    for seed in range(first, last + 1):
        storm = StillStorm(seed).play()
        storm.store.close()
        print(seed, f"{storm.paused} pauses, {storm.resumed} resumes, {len(storm.taken)} mails", flush=True)
        for line in storm.watch.broken[:20]:
            print(f"  BROKEN: {line}", flush=True)
        bad += bool(storm.watch.number)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
