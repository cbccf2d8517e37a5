"""What can never happen: conditions that are never true, and steps that nobody gets to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drip.authoring.check import check
from tests.problems.folders import NOW, SOUND, project_files

PATH = "campaigns/webinar/campaign.yaml"
AT_ONCE = "        when: at once\n  remind"
ON_THE_DAY = "        when: 1 day before session\n"


def found(old: str, new: str, *more: tuple[str, str], now: datetime = NOW) -> list[str]:
    files = project_files(SOUND)
    for before, after in ((old, new), *more):
        assert before in files[PATH]
        files[PATH] = files[PATH].replace(before, after, 1)
    return [each.name for each in check(files, now=now)]


@pytest.mark.parametrize(
    ("condition", "is_reachable"),
    [
        ("tag a and not tag b", True),
        ("tag a and not tag a", False),
        ("tag a or not tag a", True),
        ("field first_name is Ann and field first_name is Bea", False),
        ("field first_name is Ann and field first_name is ANN", True),
        ("joined within 7 days and not joined within 30 days", False),
        ("joined within 30 days and not joined within 7 days", True),
        ("not on job-seekers", False),
        ("registered", False),
        ("not registered", True),
        ("(tag a or tag b) and not (tag a or tag b)", False),
        (" or ".join(f"tag t{number}" for number in range(12)), True),
    ],
)
def test_conditions_of_a_sequence_that_invites(condition: str, *, is_reachable: bool) -> None:
    names = found(AT_ONCE, AT_ONCE.replace("  remind", f"        if: {condition}\n  remind"))
    assert names == ([] if is_reachable else ["unreachable-condition"])


@pytest.mark.parametrize(
    ("when", "condition", "is_reachable"),
    [
        ("1 day before session", "attended", False),
        ("1 day before session", "not missed", False),
        ("1 day before session", "tag a or attended", True),
        ("1 day after session", "attended", True),
        ("1 day after session", "attended and missed", False),
        ("1 day after session", "not registered", False),
    ],
)
def test_conditions_of_a_sequence_that_reminds(when: str, condition: str, *, is_reachable: bool) -> None:
    names = found(ON_THE_DAY, f"        when: {when}\n        if: {condition}\n")
    assert names == ([] if is_reachable else ["unreachable-condition"])


@pytest.mark.parametrize(
    ("where", "expected"), [("attended", True), ("missed or attended", True), ("not tag a", False)]
)
def test_a_broadcast_knows_no_session(where: str, *, expected: bool) -> None:
    row = (
        f"broadcasts:\n  - send: own-the-mistake\n    to: job-seekers\n    when: 2026-12-01 09:00\n    where: {where}\n"
    )
    assert found("sequences:\n", row + "sequences:\n") == (["unreachable-condition"] if expected else [])


def test_steps_below_the_one_that_ends_the_sequence() -> None:
    tagged = "    steps:\n      - tag: vip\n        when: at once\n"
    assert found("    goal: registers\n", "    goal: gets tag vip\n", ("    steps:\n", tagged)) == ["unreachable-step"]
    if_so = tagged + "        if: tag a\n"
    assert found("    goal: registers\n", "    goal: gets tag vip\n", ("    steps:\n", if_so)) == []


def test_a_stop_that_comes_before_every_step_after_the_session() -> None:
    after = "        when: 1 day after session\n"
    for stop in ("session ends", "last session starts"):
        assert found("    stop: cancels\n", f"    stop: {stop}\n", (ON_THE_DAY, after)) == ["unreachable-step"]
    two = ("    tuesday-noon:", "    monday-noon: 2026-12-07 12:00\n    tuesday-noon:")
    assert found("    stop: cancels\n", "    stop: last session starts\n", (ON_THE_DAY, after), two) == []


def test_a_sequence_that_outlives_its_webinar() -> None:
    assert found("    stop: last session starts\n", "") == ["outlives-webinar"]
    assert found("    stop: last session starts\n", "    stop: gets tag bought\n") == ["outlives-webinar"]


def test_a_step_that_comes_after_the_last_session() -> None:
    later = AT_ONCE.replace("at once", "30 weeks later")
    assert found(AT_ONCE, later) == ["step-after-webinar"]
    assert found(AT_ONCE, later, now=datetime(2026, 1, 1, tzinfo=UTC)) == []
    assert found(AT_ONCE, later, now=datetime(2027, 1, 1, tzinfo=UTC)) == ["past-session"]
