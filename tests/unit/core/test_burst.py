"""Rule 15: what is usual, and what is far more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.core.burst import ALWAYS_ALLOWED, Burst, allowed, usual_of
from drip.core.limits import parse_burst
from drip.core.problems import PhraseError

DAYS = st.lists(st.integers(0, 5_000), max_size=28)


def test_rule_15_neither_the_quiet_days_nor_one_flood_say_what_is_usual() -> None:
    assert usual_of([40, 0, 0, 30, 50, 45, 0, 0]) == 45
    assert usual_of([40, 30, 50, 45, 20_000]) == 50
    assert usual_of([70]) == 70
    assert usual_of([]) == usual_of([0, 0]) == 0


@given(DAYS, st.integers(2, 20))
def test_rule_15_a_day_like_most_others_is_never_a_burst(days: list[int], times: int) -> None:
    usual = usual_of(days)
    sent = [each for each in days if each]
    assert not sent or min(sent) <= usual <= max(sent)
    assert sum(each > usual for each in sent) <= len(sent) / 4
    assert allowed(usual, times) >= max(usual, ALWAYS_ALLOWED)


@given(DAYS, st.integers(1, 50_000))
def test_rule_15_one_flood_does_not_open_the_gate_for_the_next(days: list[int], flood: int) -> None:
    sent = sorted(each for each in days if each)
    if len(sent) >= 4:
        assert usual_of([*days, flood]) <= sent[-1]


def test_the_sentence_has_the_numbers() -> None:
    assert Burst(1_240, 40).text == "1,240 drip mails were due at once, and a usual day has 40"
    assert Burst(300, 0).text == "300 drip mails were due at once, and none was sent in the last four weeks"


def test_burst_is_read() -> None:
    assert [parse_burst(each) for each in ("5", "12 times", " OFF ")] == [5, 12, None]
    for wrong in ("1", "0", "1001", "of", "five", ""):
        with pytest.raises(PhraseError) as raised:
            parse_burst(wrong)
        assert raised.value.help == "write a number of times, such as `5`, or `off`"
