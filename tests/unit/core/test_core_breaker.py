"""When a broadcast is stopped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drip.core.breaker import FIRST, REFUSED_MIN, trips


def test_more_than_a_tenth_of_the_first_trips() -> None:
    assert trips(88, 12, 99)
    assert not trips(90, 10, 99), "a tenth is not more than a tenth"
    assert not trips(0, REFUSED_MIN - 1, 0), "too few to judge by"
    assert trips(0, REFUSED_MIN, 0)
    assert not trips(1_000, 900, FIRST), "the beginning is over"
    assert trips(440, 70, FIRST - 10), "the group in which it ends still counts"


@given(st.integers(0, 600), st.integers(0, 600))
def test_more_refusals_never_make_it_safer(accepted: int, refused: int) -> None:
    assert not trips(accepted, refused, 0) or trips(accepted, refused + 1, 0)
