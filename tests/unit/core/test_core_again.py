"""Who enters a sequence once more (rule 10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.core.again import occasion_of, occasion_of_seat
from drip.core.limits import parse_again
from drip.core.model import Again, AgainKind
from drip.core.records import Enrollment, EnrollmentId, EnrollmentState, RegistrationId, SubscriberId

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def passage(number: int, occasion: str, begins: datetime, ends: datetime | None) -> Enrollment:
    state = EnrollmentState.RUNNING if ends is None else EnrollmentState.DONE
    return Enrollment(EnrollmentId(number), "c", "s", SubscriberId(1), occasion, state, begins, ended_at=ends)


def passages(again: Again, moments: list[datetime], stays: list[timedelta]) -> list[Enrollment]:
    """What one person goes through if the event comes at these moments, as the unique key lets it be."""
    found: list[Enrollment] = []
    for now in moments:
        # Who is still inside at that moment has not ended yet.
        known = [
            each
            if each.ended_at is not None and each.ended_at <= now
            else passage(each.id, each.occasion, each.started_at, None)
            for each in found
        ]
        occasion = occasion_of(again, known, now)
        if occasion not in {each.occasion for each in found}:
            found.append(passage(len(found) + 1, occasion, now, now + stays[len(found) % len(stays)]))
    return found


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [("never", ["first"]), ("after 5 days", ["first", "again-2"]), ("always", ["first", "again-2", "again-3"])],
)
def test_rule_10_once_after_some_days_or_always(phrase: str, expected: list[str]) -> None:
    moments = [START, START + 2 * DAY, START + 6 * DAY]
    assert [each.occasion for each in passages(parse_again(phrase), moments, [DAY])] == expected


def test_rule_10_the_days_count_from_the_end_of_the_last_passage_to_the_moment() -> None:
    again, ended = parse_again("after 5 days"), START + 10 * DAY
    earlier = [passage(1, "first", START, ended)]
    assert occasion_of(again, earlier, ended + 5 * DAY - MINUTE) == "first"
    assert occasion_of(again, earlier, ended + 5 * DAY) == "again-2"


def test_rule_10_each_registration_is_an_occasion_of_its_own() -> None:
    assert len({occasion_of_seat(RegistrationId(each)) for each in range(5)} | {"first", "again-2"}) == 7


moments = st.lists(st.integers(0, 60 * 24 * 60), min_size=1, max_size=12).map(
    lambda found: [START + each * MINUTE for each in sorted(found)]
)
stays = st.lists(st.integers(0, 60 * 24 * 20).map(lambda each: each * MINUTE), min_size=1, max_size=4)
agains = st.sampled_from([parse_again("never"), parse_again("always")]) | st.integers(1, 30).map(
    lambda days: parse_again(f"after {days} days")
)


@given(agains, moments, stays)
def test_rule_10_nobody_is_inside_twice_and_nobody_comes_back_too_soon(
    again: Again, moments: list[datetime], stays: list[timedelta]
) -> None:
    found = passages(again, moments, stays)
    assert len({each.occasion for each in found}) == len(found)
    assert found[0].started_at == moments[0]
    for earlier, later in pairwise(found):
        assert earlier.ended_at is not None
        assert later.started_at >= earlier.ended_at + again.days * DAY
    # And who may enter does: every event finds somebody inside, or within the days, or lets them in.
    for now in moments:
        entered = any(each.started_at == now for each in found)
        last = [each for each in found if each.started_at < now]
        if again.kind is AgainKind.NEVER:
            assert entered == (now == moments[0])
        elif not entered:
            assert last[-1].ended_at is not None
            assert now < last[-1].ended_at + again.days * DAY
