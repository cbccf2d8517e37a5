"""Torn and shuffled phrases: no input breaks a reader of the little languages, and every refusal has a place and help.

The number of inputs is small here; `make fuzz` tries 100,000.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from functools import partial

import pytest

from drip.core.limits import parse_again, parse_closing
from drip.core.problems import PhraseError
from drip.core.segments import parse_condition
from drip.core.triggers import ROLES, parse_trigger
from drip.core.when import parse_duration, parse_hours, parse_wall, parse_when

INPUTS = int(os.environ.get("DRIP_FUZZ_INPUTS", "4000"))

READERS: tuple[Callable[[str], object], ...] = (
    parse_when,
    parse_condition,
    parse_condition,
    parse_hours,
    parse_duration,
    parse_wall,
    parse_closing,
    parse_again,
    *(partial(parse_trigger, role=each) for each in ROLES),
)
SEEDS = (
    "at once",
    "2 days later at 9:30",
    "10 minutes before session",
    "2026-12-01 09:00 reader's time",
    'attended and not (tag vip or field city is "New York")',
    "joined within 30 days or clicked last-seats",
    "on job-seekers and registered",
    "weekdays 8:00-18:00",
    "mon,wed-sat 0:00-24:00",
    "60 minutes",
    "2026-12-24..2026-12-26",
    "after 90 days",
    "joins job-seekers",
    "last session starts",
    "gets tag customer",
)
SCRAPS = (
    *"()\"'-–:.,…  \t\n\0\ud800\u202e²٣İßﬀ",
    "not ", "and", " or ", "is", "99999999999999999999", "0", "24:00", "2026-02-30", "((((((((((",
    "not " * 30, "e\u0301",
)  # fmt: skip


def torn(dice: random.Random) -> str:
    """A phrase, or two of them, after a few accidents."""
    text = dice.choice(SEEDS) if dice.random() < 0.7 else " ".join(dice.sample(SEEDS, 2))
    for _ in range(dice.randint(0, 4)):
        at, to = sorted((dice.randint(0, len(text)), dice.randint(0, len(text))))
        match dice.randrange(5):
            case 0:
                text = text[:at] + text[to:]
            case 1:
                text = text[:at] + dice.choice(SCRAPS) + text[at:]
            case 2:
                words = text.split(" ")
                dice.shuffle(words)
                text = " ".join(words)
            case 3:
                text = text[:at] + text[at:to] * dice.randint(2, 5) + text[to:]
            case _:
                text = text[:at] + text[at:to].swapcase() + text[to:]
    return text


def read(reader: Callable[[str], object], text: str) -> bool:
    """Whether a phrase was read. A refusal must say what, where, and what to write instead."""
    refused = None
    try:
        reader(text)
    except PhraseError as error:
        refused = error
    if refused is None:
        return True
    assert refused.message, text
    assert refused.help, text
    assert 0 <= refused.column <= len(text), text
    assert refused.width >= 1 or not text.strip(), text
    return False


@pytest.mark.parametrize("part", range(4))
def test_no_phrase_breaks_a_reader_and_every_refusal_has_a_place_and_help(part: int) -> None:
    dice = random.Random(f"phrases {part}")
    answers = [read(dice.choice(READERS), torn(dice)) for _ in range(INPUTS // 4)]
    # Some are whole by luck: the fuzz does not only knock at the door.
    assert any(answers)
    assert not all(answers)
