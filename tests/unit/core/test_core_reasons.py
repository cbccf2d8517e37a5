"""Every reason has a stable name and an explanation that `drip explain` can print."""

from __future__ import annotations

import re

import pytest

from drip.core.delivery import REASON_OF_BLAME, Blame
from drip.core.reasons import EXPLANATIONS, Reason, ReasonName


@pytest.mark.parametrize("name", ReasonName)
def test_every_reason_is_explained_in_sentences(name: ReasonName) -> None:
    text = EXPLANATIONS[name]
    assert text[0].isupper() or text.startswith("drip ")
    assert text.endswith((".", "`."))
    assert len(text) > 40
    assert "  " not in text
    assert "\n" not in text


def test_names_are_kebab_case_and_told_apart() -> None:
    for name in ReasonName:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name.value)
        assert name.name == name.value.upper().replace("-", "_")
    assert len(set(EXPLANATIONS.values())) == len(ReasonName) == len(EXPLANATIONS)


def test_every_blame_has_its_own_reason() -> None:
    assert set(REASON_OF_BLAME) == set(Blame)
    assert len(set(REASON_OF_BLAME.values())) == len(Blame)


def test_a_sentence_is_made_when_it_is_read() -> None:
    made: list[str] = []

    def sentence() -> str:
        made.append("once more")
        return "in a while"

    reason = Reason(ReasonName.NOT_DUE, sentence)
    assert reason.name is ReasonName.NOT_DUE
    assert not made
    assert reason == Reason(ReasonName.NOT_DUE, "in a while")
    assert reason != Reason(ReasonName.DUE, "in a while")
    assert reason.text == "in a while"
    assert hash(reason) == hash(Reason(ReasonName.NOT_DUE, "in a while"))
