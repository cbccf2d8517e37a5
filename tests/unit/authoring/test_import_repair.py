"""Damage is repaired, good text is left alone, and every repair is told."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.authoring.importing.repair import repair_text


@pytest.mark.parametrize(
    ("damaged", "whole", "line"),
    [
        ('busyâ€"like really busyâ€"the last', "busy—like really busy—the last", "repaired 2 damaged dashes"),
        ('a 3â€"4 day wait', "a 3–4 day wait", "repaired 1 damaged dash"),
        ('2 â€" two', "2 — two", "repaired 1 damaged dash"),
        ("busyâ€”like", "busy—like", "repaired 1 damaged dash"),
        ("10â€“12", "10–12", "repaired 1 damaged dash"),
        ("â€œHello,â€\x9d he said", "“Hello,” he said", "repaired 2 damaged quotes"),
        ("â€œHello,â€ he said. â€œBye.â€", "“Hello,” he said. “Bye.”", "repaired 4 damaged quotes"),
        ("itâ€™s, itâ€TMs, â€˜oneâ€™", "it’s, it’s, ‘one’", "repaired 4 damaged quotes"),
        ("well thenâ€¦ wellâ€|", "well then… well…", "repaired 2 damaged ellipses"),
        ("selfâ€'employed", "self-employed", "repaired 1 damaged dash"),
        ("cafÃ© rÃ©sumÃ©", "café résumé", "repaired 2 words with damaged characters"),
        ("it\x92s", "it’s", "repaired 1 word with damaged characters"),
    ],
)
def test_damage_is_repaired_and_counted(damaged: str, whole: str, line: str) -> None:
    repaired = repair_text(damaged)
    assert repaired.text == whole
    assert repaired.report == (line,)


@pytest.mark.parametrize(
    "good",
    [
        "“Think things through,” he said. It’s ‘fine’ – really — fine…",
        "ﬁne ligatures, ｆｕｌｌ width, naïve café, Â is a letter, 5 €",
        'a straight "quote" and it\'s apostrophe',
        "Q&amp;A about &lt;b&gt; – &#123;&#123;",
        "日本語のテキスト",
    ],
)
def test_good_text_is_left_alone(good: str) -> None:
    assert repair_text(good).text == good
    assert repair_text(good).report == ()


def test_line_ends_and_invisible_characters() -> None:
    repaired = repair_text("\ufeffone\r\ntwo\rthree\u2028four\x00\x07 five")
    assert repaired.text == "one\ntwo\nthree\nfour five"
    assert repaired.report == ("dropped 2 invisible control characters",)


def test_without_ftfy_the_own_rules_go_on_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ftfy", None)
    repaired = repair_text('busyâ€"like, itâ€™s a cafÃ©, \x93so\x94')
    assert repaired.text == "busy—like, it’s a cafÃ©, “so”"
    assert repaired.report == (
        "repaired 1 damaged dash",
        "repaired 1 damaged quote",
        "repaired 2 damaged characters",
        "only the commonest damage was looked for: the extra `import` (ftfy) is not installed",
    )
    assert repair_text("plain ASCII needs no ftfy").report == ()


@given(st.text(st.characters()))
@settings(max_examples=150, deadline=None)
def test_any_text_ends_clean(text: str) -> None:
    once = repair_text(text).text
    assert not any((ord(each) < 32 and each not in "\n\t") or 0x7F <= ord(each) < 0xA0 for each in once)
    assert "\u2028" not in once


@given(st.text(alphabet='â€"œ™˜¦“”’‘\x9d| ab1\n~TM', max_size=30))
@settings(max_examples=150, deadline=None)
def test_what_looks_damaged_never_raises(text: str) -> None:
    repair_text(text)
