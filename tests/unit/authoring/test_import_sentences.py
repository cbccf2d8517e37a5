"""Sentences end where they end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.authoring.importing.sentences import split_sentences


@pytest.mark.parametrize(
    "text",
    [
        "I hired him anyway.|Why?|He owned it!",
        "Dr. J. K. Rowling met Mr. Smith vs. Jones Inc. Tuesday.|They left.",
        "It was 3.5 percent.|Then 2 p.m. came.",
        "He said no.|See No. 5 for more.",
        "She works in the U.S. Army.|She likes it.",
        "He said, “Think. Wait. Call me?”|John agreed.|He went.",
        "“Stop. Now.”|She did (as told. Really.) at once.|Fine.",
        'He said "Wait. Stop." and left.|Then I left.',
        'A 6" pipe.|And a "half" one.',  # an odd number of straight quotes cannot be paired
        "He wanted him to... I wanted it.|So what.",
        "I get a call from John...|“I am sorry. Really.”|You know.",
        "take home what you want.|... and MORE!|Register.",
        "Where is Plan? in the drawer.|Yes.",
        "He (I am disguising his name) came.|I saw him.",
        "An open “quote that never ends.|It goes on.",
        "At the end of 2019. nothing.|But in 2020.|We moved.",
        "What?!|No way…",
    ],
)
def test_boundaries(text: str) -> None:
    assert split_sentences(text.replace("|", " ")) == text.split("|")


@given(st.text(alphabet="Aa1 .!?…“”()\"'\n:;[]«»", max_size=60))
@settings(max_examples=200, deadline=None)
def test_nothing_is_lost(text: str) -> None:
    assert " ".join(split_sentences(text)).split() == text.split()


def test_no_sentence_ends_within_a_quotation_of_many() -> None:
    speech = "“" + " ".join(f"Sentence number {number}." for number in range(100)) + "”"
    assert split_sentences(f"He said this. {speech} Then he left.") == ["He said this.", speech, "Then he left."]


def test_a_quote_that_was_never_closed_does_not_swallow_the_post() -> None:
    text = "“Open. " + "More of it. " * 600 + "End.” Done."
    assert len(split_sentences(text)) > 600


@pytest.mark.parametrize(
    "text", ["(" * 20_000 + ")" * 20_000, "“" * 30_000, ". " * 30_000, '"' * 30_000, "A. " * 20_000]
)
def test_hostile_text_is_not_slow(text: str) -> None:
    assert split_sentences(text)
