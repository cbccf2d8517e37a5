"""Weeks of bad weather, by seeds: no promise breaks, the same seed is the same story, and planted faults are found.

More of it by `make simulate`; a seed that breaks a promise goes into seeds.txt before the fault is mended.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from drip.core import decide, step_mail
from drip.core.model import Hours, Step
from drip.core.records import EnrollmentState
from drip.engine import advance, scene
from drip.store.work import Work
from tests.simulation.storm import Storm

HERE = Path(__file__).parent
KNOWN = [int(line.split()[0]) for line in (HERE / "seeds.txt").read_text().splitlines() if line[:1].isdigit()]
SEEDS = sorted({*KNOWN, *range(1, 17)})


@pytest.mark.parametrize("seed", SEEDS)
def test_no_promise_breaks(seed: int) -> None:
    storm = Storm(seed, 50, 90).play()
    storm.store.close()
    assert storm.watch.broken == []
    assert storm.died
    assert storm.edits
    assert storm.taken


def test_the_same_seed_is_the_same_story_on_every_machine() -> None:
    """Other hash seeds stand for other machines: nothing may depend on the order of a set."""
    digests = set()
    for hash_seed in ("0", "1"):
        said = subprocess.run(
            [sys.executable, "-m", "tests.simulation.storm", "5", "5", "8", "20"],
            cwd=HERE.parent.parent,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(said.stdout)
    assert len(digests) == 1
    assert "0 with broken promises" in digests.pop()


# --- planted ------------------------------------------------------------------------------------------------------


def forget_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a moment waits for nothing, and is lost."""
    right = Work.wait_until
    monkeypatch.setattr(Work, "wait_until", lambda self, number, moment, step=None: right(self, number, None, step))


def unsubscribe_in_words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Work, "end_subscription", lambda self, who, name, now: [])
    monkeypatch.setattr("drip.engine.subscribing.end", lambda *_: None)


def look_at_the_goal_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event of the goal ends nothing; only when the next step is decided is it seen."""
    right = scene.end
    assert advance.end is right, "what a run ends is ended all the same"  # type: ignore[attr-defined]

    def end(stage: object, enrollment: object, state: EnrollmentState, reason: str, detail: str) -> None:
        if state is not EnrollmentState.GOAL:
            right(stage, enrollment, state, reason, detail)  # type: ignore[arg-type]

    monkeypatch.setattr(scene, "end", end)


def look_at_the_goal_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the event of the goal ends anything: a goal that was reached before is not seen any more."""
    right = decide.why_over

    def why_over(*about: object) -> object:
        over = right(*about)  # type: ignore[arg-type]
        return None if over is not None and over[0] is EnrollmentState.GOAL else over

    monkeypatch.setattr(decide, "why_over", why_over)


def ignore_the_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (decide, step_mail):
        monkeypatch.setattr(room, "in_hours", lambda *_: True)


def ignore_closed_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hours, "opens_on", lambda hours, day: day.weekday() in hours.weekdays)


def resend_what_was_renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Step, "identities", property(lambda step: frozenset({step.identity})))


def tell_a_test_by_its_heaviest_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    def heaviest(step: Step) -> str:
        return max(step.variants, key=lambda each: each.weight).post if step.variants else step.target

    monkeypatch.setattr(Step, "identity", property(lambda step: f"{step.sequence}/{heaviest(step)}"))
    monkeypatch.setattr(Step, "identities", property(lambda step: frozenset({step.identity})))


@dataclass(frozen=True)
class Planted:
    """What tells of a fault, and storms that are known to tell it: whoever changes the weather may have to look again.

    In a dense one the author edits nearly every day.
    """

    told: str
    seeds: tuple[int, ...]
    is_dense: bool = False

    def storm(self, seed: int) -> Storm:
        return Storm(seed, 30, 14, edits=12) if self.is_dense else Storm(seed, 25, 45)


PLANTED = {
    forget_the_moment: Planted("waits for nothing", (1, 2, 8, 9)),
    unsubscribe_in_words_only: Planted("unsubscribed, and got", (1, 2, 8, 9)),
    look_at_the_goal_too_late: Planted("reached the goal of", (7, 5, 8, 9)),
    look_at_the_goal_too_early: Planted("planned after the goal was reached", (3, 5, 6, 7), is_dense=True),
    ignore_the_hours: Planted("outside ", (5, 2, 6, 7)),
    ignore_closed_days: Planted("outside ", (4, 5, 6, 7), is_dense=True),
    resend_what_was_renamed: Planted("which is the same step", (1, 3, 5, 6), is_dense=True),
    tell_a_test_by_its_heaviest_variant: Planted("which is the same step", (1, 3, 5, 6), is_dense=True),
}


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("plant", PLANTED, ids=lambda each: each.__name__)
def test_a_planted_fault_is_found(plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    for seed in PLANTED[plant].seeds:
        storm = PLANTED[plant].storm(seed).play()
        storm.store.close()
        if any(PLANTED[plant].told in line for line in storm.watch.broken):
            return
    pytest.fail("no seed noticed the fault")


def test_a_dense_storm_without_a_fault_breaks_nothing() -> None:
    storm = Storm(4, 30, 14, edits=12).play()
    storm.store.close()
    assert storm.watch.broken == []
    assert storm.edits > 5
