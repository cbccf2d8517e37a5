"""The token bucket, on a clock that stands still until it is pushed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.mail.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_slow_pace_lets_one_go_and_spaces_the_rest() -> None:
    clock = Clock()
    pace = Pace(30, clock)
    assert pace.at_hand() == 1
    assert [round(pace.take(), 6) for _ in range(4)] == [0, 2, 4, 6]
    assert pace.at_hand() == 0
    clock.now += 8
    assert (pace.at_hand(), pace.seconds_to_next()) == (1, 0)


def test_a_long_rest_saves_up_one_second_at_the_most() -> None:
    clock = Clock()
    pace = Pace(600, clock)
    clock.now += 86_400
    assert pace.at_hand() == 10
    assert [pace.take() for _ in range(10)] == [0.0] * 10
    assert pace.take() == pytest.approx(0.1)


def test_a_clock_that_goes_back_gives_nothing_and_breaks_nothing() -> None:
    clock = Clock()
    pace = Pace(60, clock)
    pace.take()
    clock.now -= 500
    assert pace.seconds_to_next() == pytest.approx(1)


def test_a_pace_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 a minute"):
        Pace(0, Clock())


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6000), st.lists(st.floats(0, 3), min_size=1, max_size=80))
def test_never_more_than_the_pace_and_one_second_of_it(per_minute: int, rests: list[float]) -> None:
    clock = Clock()
    pace = Pace(per_minute, clock)
    moments = []
    for rest in rests:
        clock.now += rest
        moments.append(clock.now + pace.take())
    most = max(1.0, per_minute / 60)
    for first, begin in enumerate(moments):
        for last in range(first, len(moments)):
            assert last - first + 1 <= most + (moments[last] - begin) * per_minute / 60 + 1e-6
