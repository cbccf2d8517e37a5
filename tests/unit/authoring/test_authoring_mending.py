"""Mending: what is safe, only what is safe, and the same when it is done twice."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drip.authoring.check import check_post
from drip.authoring.mending import is_better, mend_text, rename, renames
from tests.problems.folders import NOW

HEAD = "---\nsubject: A subject\n---\n"


@pytest.mark.parametrize(
    ("path", "text", "whole", "report"),
    [
        ("a.md", f"{HEAD}busyâ€”like\n", f"{HEAD}busy—like\n", ["repaired damaged characters in line 4"]),
        (
            "a.md",
            f"{HEAD}donâ€™t\nbe\nlate\x92s\n",
            f"{HEAD}don’t\nbe\nlate’s\n",
            ["repaired damaged characters in lines 4, 6"],
        ),
        ("a.md", HEAD.replace("\n", "\r\n") + "Hi\r\n", f"{HEAD}Hi\n", ["made all line ends LF"]),
        ("a.md", f"{HEAD}Hi", f"{HEAD}Hi\n", ["ended the last line"]),
        ("a.md", f"\ufeff{HEAD}Hi\n", f"{HEAD}Hi\n", ["took the byte order mark off"]),
        (
            "a.md",
            "---  \nsubject: A subject \t\n---\nline break  \nHi\n",
            f"{HEAD}line break  \nHi\n",
            ["took blanks off the ends of lines in the front matter"],
        ),
        ("campaign.yaml", "a:\n\tb: c\n", "a:\n  b: c\n", ["indented with blanks for tabs"]),
        # Nothing to mend: blanks below the head are Markdown, TOML may mean its blanks, a tab in a text is a text.
        ("a.md", f"{HEAD}two  \nHi\n", f"{HEAD}two  \nHi\n", []),
        ("a.md", "+++\nsubject = '''a  \nb'''\n+++\nHi\n", "+++\nsubject = '''a  \nb'''\n+++\nHi\n", []),
        ("campaign.yaml", 'a: "b\tc"\n', 'a: "b\tc"\n', []),
        ("campaign.yaml", "a: [\n\tb: {\n", "a: [\n\tb: {\n", []),
        ("a.md", f"{HEAD}Ça va ? Não “é” — ×…\n", f"{HEAD}Ça va ? Não “é” — ×…\n", []),
        ("a.md", f"{HEAD}lost \ufffd\n", f"{HEAD}lost \ufffd\n", []),
        ("a.md", "", "", []),
    ],
)
def test_what_is_mended(path: str, text: str, whole: str, report: list[str]) -> None:
    mended = mend_text(text, path)
    assert mended.text == whole
    assert list(mended.report) == report


@settings(max_examples=200, deadline=None)
@example("---\r\n \ta\r", "a.md")
@example("\ufeff\ufeff", "a.md")
@example("a:\n\t- \tb\n\tc: d", "campaign.yaml")
@given(
    st.text(st.sampled_from("ab:-—â€™”\x92\x85\u2028\ufeff \t\r\n#'\"|>{}[]Ã©")) | st.text(),
    st.sampled_from(["a.md", "campaign.yaml", "letter.html"]),
)
def test_mending_twice_is_mending_once(text: str, path: str) -> None:
    once = mend_text(text, path)
    twice = mend_text(once.text, path)
    assert twice.text == once.text
    assert bool(once.report) == (once.text != text)


def test_a_misspelt_key_is_renamed_only_if_one_key_is_near() -> None:
    text = "---\nsubjet: A subject line\npreveiw: P\nfoo: bar\n---\nHi\n"
    files = {"a.md": text}
    found = renames(files, check_post(files, "a.md", now=NOW))
    assert [(each.old, each.new) for each in found] == [("subjet", "subject"), ("preveiw", "preview")]
    for each in reversed(found):
        text = rename(text, each)
    assert text == "---\nsubject: A subject line\npreview: P\nfoo: bar\n---\nHi\n"
    assert is_better(check_post(files, "a.md", now=NOW), check_post({"a.md": text}, "a.md", now=NOW))


def test_a_rename_that_makes_a_key_twice_is_no_improvement() -> None:
    files = {"a.md": "---\nsubject: A subject line\npreview: P\npreveiw: Q\n---\nHi\n"}
    before = check_post(files, "a.md", now=NOW)
    [change] = renames(files, before)
    after = check_post({"a.md": rename(files["a.md"], change)}, "a.md", now=NOW)
    assert not is_better(before, after)
