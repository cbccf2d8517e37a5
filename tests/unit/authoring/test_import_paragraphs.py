"""Shape comes back by shape: lists, buttons, signatures, paragraphs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.authoring.importing.blocks import Button, Items, Prose, count_words
from drip.authoring.importing.closing import find_button, find_signature
from drip.authoring.importing.paragraphs import group, shape
from drip.authoring.importing.sentences import split_sentences


def test_questions_after_dots_are_a_list() -> None:
    shaped = shape([["When the phone rings, do you... Hide? Pick it up... but say nothing? Or laugh? I do not know."]])
    assert shaped.blocks == [
        Prose(("When the phone rings, do you...",)),
        Items(("Hide?", "Pick it up... but say nothing?", "Or laugh?")),
        Prose(("I do not know.",)),
    ]
    assert shaped.report() == ["guessed 1 list of 3 items"]


def test_statements_after_a_promise_are_a_list_that_ends_where_the_story_goes_on() -> None:
    text = "Here are my tips: Get up early. Eat an apple. Walk to work. I did all of that for a year. It helped."
    assert shape([[text]]).blocks == [
        Prose(("Here are my tips:",)),
        Items(("Get up early.", "Eat an apple.", "Walk to work.")),
        Prose(("I did all of that for a year. It helped.",)),
    ]


@pytest.mark.parametrize(
    "story",
    [
        "Day two... I was eager to hear from him. I was booked up. No night call. Nothing else.",
        "He said one word: No. We left. It was cold.",
        "There was a rule: Never call. Never write.",
        "Is it you? Is it me? Is it them? Nobody knows.",
    ],
)
def test_a_story_is_no_list(story: str) -> None:
    assert shape([[story]]).blocks == [Prose((story,))]


def test_lines_with_bullets_are_a_list() -> None:
    assert shape([["My plan:", "• one", "• two"], ["1. first", "2) second"], ["- alone"]]).blocks == [
        Prose(("My plan:",)),
        Items(("one", "two")),
        Items(("first", "second"), numbered=True),
        Prose(("- alone",)),
    ]


def test_short_lines_below_a_colon_are_a_list() -> None:
    assert shape([["You will learn:", "this", "that", "more"]]).blocks == [
        Prose(("You will learn:",)),
        Items(("this", "that", "more")),
    ]


def test_line_breaks() -> None:
    wrapped = ["a line that ends where the column of the mail ended, at", "about sixty characters, and goes on", "here"]
    assert shape([[wrapped[0], wrapped[1]]]).blocks == [Prose((f"{wrapped[0]} {wrapped[1]}",))]
    assert shape([["Be well,", "Lisa"]]).blocks == [Prose(("Be well,", "Lisa"))]
    long = "word " * 25 + "end."
    assert shape([[long, long]]).blocks == [Prose((long,)), Prose((long,))]


@pytest.mark.parametrize(
    ("sentence", "words", "url", "rest"),
    [
        ("Register for the session here - Let’s do this!", "Register for the session here", None, "Let’s do this!"),
        ("So, go ahead and sign up here!", "So, go ahead and sign up here", None, ""),
        ("Save your seat here.", "Save your seat here", None, ""),
        ("join us here", "Join us here", None, ""),
        ("Click here to download the guide.", "Click here to download the guide", None, ""),
        ("Sign up here: https://example.com/a?b=1.", "Sign up here", "https://example.com/a?b=1", ""),
        ("Sign up here (https://example.com/a).", "Sign up here", "https://example.com/a", ""),
    ],
)
def test_calls_to_action(sentence: str, words: str, url: str | None, rest: str) -> None:
    assert find_button(sentence) == (Button(words, url), rest)


@pytest.mark.parametrize(
    "sentence",
    [
        "I came here to register for a class.",
        "He told me to sign up here.",
        "Join me on my webinar as I show you how.",
        "Get over here and there and everywhere.",
        "Register " + "very " * 20 + "soon here.",
        "Here you can register.",
    ],
)
def test_no_calls_to_action(sentence: str) -> None:
    assert find_button(sentence) is None


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("One. Be well... Lisa MyBlogLisaRangel", ("Be well...", "Lisa", "My Blog Lisa Rangel")),
        ("One. Best regards, Ann Lee", ("Best regards,", "Ann Lee")),
        ("One. Cheers! Bob", ("Cheers!", "Bob")),
        ("One. Love, Ann & Bob", ("Love,", "Ann & Bob")),
        ("One. Cheers, McArthur", ("Cheers,", "McArthur")),
    ],
)
def test_signatures(text: str, lines: tuple[str, ...]) -> None:
    assert find_signature(split_sentences(text)) == (["One."], Prose(lines))


@pytest.mark.parametrize("text", ["One. Love is all you need.", "One. Thanks to all of you.", "One. Best", "Lisa"])
def test_no_signatures(text: str) -> None:
    sentences = split_sentences(text)
    assert find_signature(sentences) == (sentences, None)


def test_paragraphs_come_near_the_target_and_keep_every_sentence() -> None:
    sentences = [
        f"{chr(97 + number % 26).upper()}{number} is the sentence number {number} of a long and even story."
        for number in range(60)
    ]
    paragraphs = group(sentences)
    assert " ".join(paragraphs) == " ".join(sentences)
    assert all(40 <= count_words(each) <= 75 for each in paragraphs)


def test_the_authors_own_paragraphs_are_left_alone() -> None:
    own = ["word " * 119 + "end.", "Short one.", "Another. And one more."]
    assert [block.lines[0] for block in shape([[each] for each in own]).blocks if isinstance(block, Prose)] == own


def test_a_break_comes_before_a_quotation_and_not_after_a_question() -> None:
    filler = "The road went on and on and nobody said a word about the call that morning in May."
    paragraphs = group([filler] * 3 + ["“" + "Sorry. " * 40 + "”"] + [filler] * 3 + ["Why?", "Because."])
    assert [each[0] for each in paragraphs] == ["T", "“", "T"]
    assert paragraphs[-1].endswith("Why? Because.")


@given(st.lists(st.lists(st.text(alphabet='Ab1 .?:…-•*"“”', min_size=1), min_size=1, max_size=5), max_size=4))
@settings(max_examples=150, deadline=None)
def test_shaping_never_raises(paragraphs: list[list[str]]) -> None:
    stripped = [[each.strip() for each in lines if each.strip()] for lines in paragraphs]
    shape(lines for lines in stripped if lines).report()


@pytest.mark.parametrize(
    "text", ["Why? " * 10_000, "Here is what you learn: " * 5_000, "A... " * 10_000, "a " * 30_000]
)
def test_hostile_text_is_not_slow_to_shape(text: str) -> None:
    assert shape([[text.strip()]]).blocks
