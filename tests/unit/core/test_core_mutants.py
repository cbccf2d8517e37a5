"""The classic faults of drip engines, planted one by one: the rules' own tests find each of them.

A suite that stays green with one of these would not guard its rule. Each mutant names the tests that must fail.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Rows
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from drip.core import decide, segments, when
from drip.core.model import Again, Hours, Sequence, Step, When
from drip.core.records import Attendance, Did, Enrollment, Facts
from drip.core.variants import Choice, Variant, choose
from tests.unit.core import test_core_again as entries
from tests.unit.core import test_core_decide as examples
from tests.unit.core import test_core_decide_laws as laws
from tests.unit.core import test_core_gaps as gaps
from tests.unit.core import test_core_live_edits as edits
from tests.unit.core import test_core_variants as variants
from tests.unit.core import test_core_when as moments
from tests.unit.core import test_core_zones as zones


def is_found(test: Callable[..., Any], *arguments: Any) -> bool:
    """Whether the test fails, by an assertion of its own."""
    try:
        test(*arguments)
    except AssertionError:
        return True
    except BaseExceptionGroup as several:
        # hypothesis tells of several ways to fail at once.
        return several.subgroup(AssertionError) is not None
    return False


def test_without_a_mutant_nothing_is_found() -> None:
    assert not is_found(examples.test_rule_01_the_invite_keeps_its_clock_over_the_weekend)
    assert not is_found(edits.test_rule_09_a_renamed_step_is_not_sent_again)


def test_a_weekend_that_loses_the_clock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def settle(_: When, moment: datetime, hours: Hours | None, zone: str) -> datetime:
        return moment if hours is None else when.next_opening(moment, hours, zone)

    monkeypatch.setattr(when, "settle", settle)
    monkeypatch.setattr(decide, "settle", settle)
    assert is_found(examples.test_rule_01_the_invite_keeps_its_clock_over_the_weekend)
    assert is_found(moments.test_rule_01_every_moved_clock_is_kept)


def test_a_skipped_step_that_moves_the_anchor_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Did, "moves_anchor", property(lambda did: did is not Did.FAILED))
    assert is_found(examples.test_rule_03_a_skip_when_due_does_not_delay_the_next_step_either)
    assert is_found(laws.test_rule_03_skipped_steps_in_between_change_nothing_for_the_next)


def test_unknown_attendance_taken_as_missed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def guessed(facts: Facts, wanted: Attendance) -> bool:
        came = Attendance.MISSED if facts.attendance is Attendance.UNKNOWN else facts.attendance
        return came is wanted

    monkeypatch.setattr(segments, "_attendance", guessed)
    assert is_found(examples.test_rule_04_unknown_attendance_waits_a_day_then_skips_both_and_the_tag)
    assert is_found(laws.test_rule_04_who_is_not_known_to_have_come_is_neither_here_nor_there)


def test_an_edit_that_bombards_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_not_done(sequence: Sequence, facts: Facts) -> Step | None:
        done = {each.step for each in facts.enrollment.done}
        return next((each for each in sequence.steps if done.isdisjoint(each.identities)), None)

    monkeypatch.setattr(decide, "next_step", first_not_done)
    assert is_found(edits.test_rule_09_a_step_behind_runs_only_if_it_reopens)
    assert is_found(edits.test_rule_09_no_edit_sends_anything_twice_or_behind_the_reader)


def test_a_rename_that_resends_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Step, "identities", property(lambda step: frozenset({step.identity})))
    assert is_found(edits.test_rule_09_a_renamed_step_is_not_sent_again)
    assert is_found(edits.test_rule_09_no_edit_sends_anything_twice_or_behind_the_reader)


def test_a_goal_that_is_looked_at_too_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # Looked at when the step before was done, and not again in the moment of sending.
    monkeypatch.setattr(decide, "why_over", lambda sequence, facts, now: None)
    assert is_found(examples.test_rule_11_goal_and_stop_are_told_apart)
    assert is_found(laws.test_rule_11_a_goal_completes_wherever_the_person_stands)


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Europe/Berlin"])
def test_a_change_of_clocks_that_sends_twice_is_found(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    # A day as 24 hours: on the day of 25 hours the same clock comes once more.
    monkeypatch.setattr(when, "_later", lambda asked, anchor, _: anchor + asked.amount * timedelta(days=1))
    assert is_found(zones.test_rule_07_exactly_one_mail_on_every_local_date, zone, "0:00")


@pytest.mark.usefixtures("forgetful")
def test_a_gap_that_sends_an_hour_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # What Python does by itself: 2:15 of the night of the change is read by the offset before it, as 3:15.
    monkeypatch.setattr(when, "local_to_utc", lambda wall, zone: wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))
    assert is_found(gaps.test_rule_07_a_gap_leads_every_kind_of_when_to_its_end)


def test_a_passage_that_counts_from_its_beginning_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def from_the_start(again: Again, earlier: Rows[Enrollment], now: datetime) -> str:
        too_soon = earlier and now < earlier[-1].started_at + timedelta(days=again.days)
        return earlier[-1].occasion if too_soon else f"again-{len(earlier) + 1}"

    monkeypatch.setattr(entries, "occasion_of", from_the_start)
    assert is_found(entries.test_rule_10_nobody_is_inside_twice_and_nobody_comes_back_too_soon)


def test_weights_that_touch_who_has_a_variant_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def anew(test: str, posts: Rows[Variant], number: int, _: str | None) -> Choice:
        return choose(test, posts, number, None)

    monkeypatch.setattr(decide, "choose", anew)
    monkeypatch.setattr(variants, "choose", anew)
    assert is_found(variants.test_rule_14_a_test_that_is_renamed_knows_what_it_gave)
    assert is_found(variants.test_rule_14_later_weights_touch_only_who_has_no_variant)


def test_a_step_told_by_its_variant_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # Then a change of weights makes it another step, and sends the other variant, too.
    def heaviest(step: Step) -> str:
        return max(step.variants, key=lambda each: each.weight).post if step.variants else step.target

    monkeypatch.setattr(Step, "identity", property(lambda step: f"{step.sequence}/{heaviest(step)}"))
    monkeypatch.setattr(Step, "identities", property(lambda step: frozenset({step.identity})))
    assert is_found(variants.test_rule_14_whatever_is_edited_nobody_gets_two_variants)
