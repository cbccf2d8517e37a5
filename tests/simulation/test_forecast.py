"""The forecast of 30 days is what the real engine then sends, day by day and person by person, if nobody acts."""

from __future__ import annotations

import pytest

from tests.simulation.futures import future


@pytest.mark.parametrize("seed", range(1, 5))
def test_what_is_foreseen_is_what_happens(seed: int) -> None:
    found = future(seed)
    assert found.differences() == []
    assert sum(found.played.values()) == sum(found.outlook.numbers.values()) > 0


@pytest.mark.parametrize("seed", range(11, 15))
def test_what_is_foreseen_of_an_edit_is_what_happens_after_it(seed: int) -> None:
    found = future(seed, edited=True)
    assert found.wanted is not None
    played = {(at, step or post) for _, at, post, step in found.played}
    assert {(each.at, each.step or each.post) for each in found.wanted.numbers} == played
    assert sum(found.wanted.numbers.values()) == sum(found.played.values()) > 0
    assert found.differences() == []
