"""The words of posts and their subjects: what is told, and what is left in peace."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.authoring.check import check, check_post
from tests.problems.folders import NOW, SOUND, project_files

SUBJECT = "How to own a mistake"


def names(body: str = "Hi", subject: str = SUBJECT, more: str = "") -> list[str]:
    text = f"---\nsubject: {subject}\npreview: One call.\n{more}---\n{body}\n"
    return [each.name for each in check_post({"a.md": text}, "a.md", now=NOW)]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Last call", []),
        ("NASA calls", []),
        ("IBM AND SAP", ["shouting-subject"]),
        ("{{ first_name }}, JOIN US TODAY", []),
        ("JOIN US TODAY", ["shouting-subject"]),
        ("Really?!", []),
        ("Really?!?", ["noisy-subject"]),
        ("Make $$ at home", ["noisy-subject"]),
        ("Save $5 and $10", []),
        ("RE: your mail", ["false-reply"]),
        ("Regarding your mail", []),
        ("Fwd: [2] see below", ["false-reply"]),
        ("Report: the week", []),
        ("12345678", []),
        ("News", ["short-subject"]),
        ("本日のお知らせ", []),
        ("🎉", ["wordless-subject"]),
        ("!!!", ["noisy-subject", "wordless-subject"]),
        ("{{ post.name }}", ["unknown-field"]),
        ("TK", ["placeholder", "short-subject"]),
        ("Hi *|FNAME|*, come in", ["leftover-field"]),
        ('"One line\\nand another"', ["broken-subject"]),
        ("|\n  One line\n  and another", ["broken-subject"]),
        (">\n  One long line\n  that is folded", []),
        ("|\n  One line only", []),
    ],
)
def test_subjects(subject: str, expected: list[str]) -> None:
    assert sorted(names(subject=subject)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("All is done.", []),
        ("TK", ["placeholder"]),
        ("Write TODO here and XXXX there.", ["placeholder", "placeholder"]),
        ("`TODO` in code, https://e.com/TODO and [TK](https://e.com/TK)", ["placeholder"]),
        ("    TODO\n\n~~~\nTODO\n~~~\n\n<!-- TODO -->", ["placeholder"]),
        ("the TKs of this world, todo lists, size xxx", []),
        ("[insert name]", ["placeholder"]),
        ("[your own link](https://e.com)", []),
        ("Dear %FIRSTNAME%, 50% off, 100%!", ["leftover-field"]),
        ("Dear [FIRST_NAME],", ["leftover-field"]),
        ("See attached.", ["missing-attachment"]),
        ("I am attached to it.", []),
        ("He is attached to his job.", []),
        ("The checklist is attached to this mail.", ["missing-attachment"]),
        ("The invite is attached.", []),
        ("Copyright 2024 me", ["stale-year"]),
        ("In 2024 I hired him.", []),
        ("# One\n\n## Two\n\n### Three\n\n## Two", []),
        ("## Two\n\n#### Four", ["skipped-heading"]),
        ("### Three", ["skipped-heading"]),
        ("![Screenshot 2024-01-02](https://e.com/a.png)", ["useless-alt"]),
        ("![DSC_0042](https://e.com/a.png)", ["useless-alt"]),
        ("![image](https://e.com/a.png)", ["useless-alt"]),
        ("![The image of my office](https://e.com/a.png)", []),
        ("[the story](https://bit.ly/x)", ["link-shortener"]),
        ("[the story](https://www.bit.ly:443/x)", ["link-shortener"]),
        ("[the story](https://habit.ly/x)", []),
        ("[Read more](https://e.com)", ["vague-link"]),
        ("[Read more about owning it](https://e.com)", []),
        ("[a b](data:text/plain,x)", ["data-uri"]),
        ('<img src="https://e.com/a.png" width="9">', ["missing-alt"]),
        ("<video></video> and <video></video>", ["unsupported-html"]),
        ("2 <3 and `<video>`", []),
    ],
)
def test_words(body: str, expected: list[str]) -> None:
    assert names(body) == expected


def test_a_subject_that_an_import_left_with_braces() -> None:
    subject = "Hello {% raw %}{{{% endraw %} name }}"
    assert "leftover-field" in names(subject=subject, more="source: https://e.com/1\n")
    assert "leftover-field" not in names(subject=subject)


def test_more_of_the_same_is_not_told() -> None:
    assert names("TODO\n\n" * 50) == ["placeholder"] * 5


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text(st.sampled_from("{}%#[]()<>!`~*_|-=:$&;\\\n TKimgdata:http/©2020'\"")))
def test_no_post_makes_a_check_raise(subject: str, body: str) -> None:
    files = project_files(SOUND)
    path = "campaigns/webinar/own-the-mistake.md"
    files[path] = f"---\nsubject: {subject}\npreview: {subject}\n---\n{body}{subject}"
    for problem in (*check(files, now=NOW, is_strict=True), *check_post(files, path, now=NOW)):
        assert problem.place.line >= 1
        assert problem.place.column >= 1


@pytest.mark.parametrize(
    "piece", ["`", "``", "<", "<!--", "[", "](", "{{", "{%", "*|", "<img ", "![", "© ", "TK\t", "~~~\n", "> " * 50]
)
def test_hostile_repetition_takes_no_time(piece: str) -> None:
    names(piece * (40_000 // len(piece)))
