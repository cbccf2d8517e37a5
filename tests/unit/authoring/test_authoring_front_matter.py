"""Front matter: one-line values word for word, the rest as YAML, and TOML between plus signs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.authoring.front_matter import Head, split_front_matter
from drip.authoring.read_post import draft_post, read_post
from drip.core.problems import Place


def head(lines: str, fence: str = "---") -> Head:
    found, problems = split_front_matter(f"{fence}\n{lines}\n{fence}\nHi\n", "a.md")
    assert problems == []
    return found


def names(text: str) -> list[str]:
    return [each.name for each in split_front_matter(text, "a.md")[1]]


@pytest.mark.parametrize(
    "value",
    [
        "The #1 resume mistake: a story",
        "The #1 resume mistake (and the 2-second fix)",
        "{{ first_name }}, one question",
        "*Own* it",
        "@home & away",
        '"Own it" is all he said',
        "[Reminder] We start in an hour",
        "[Reminder]",
        "9:30",
        "no",
        "'tis the season",
        "- a dash",
        "| a pipe",
        "%",
        '"unclosed',
    ],
)
def test_a_one_line_value_is_taken_word_for_word(value: str) -> None:
    found = head(f"subject: {value}   \t")
    assert found.values["subject"] == value
    assert found.places["subject"] == Place("a.md", 2, 10, len(value))


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ('tags: "a, b"', "a, b"),
        ("tags: 'it''s'", "it's"),
        ('tags: "tab\\u0041"', "tabA"),
        ("tags: [a, b]", "a, b"),
        ("tags:\n  - a\n  - b", "a, b"),
        ("tags:\n- a\n- b", "a, b"),
        ("tags: >\n  one\n  two\n", "one two"),
        ("tags: |-\n  one\n\n  two", "one  two"),
        ("tags: one\n  two", "one two"),
        ("tags:\n  x: 1\n  y: 2", "x: 1, y: 2"),
        ("tags:", ""),
    ],
)
def test_quotes_lists_and_blocks_read_as_yaml(lines: str, value: str) -> None:
    assert head(f"# a comment\n{lines}\n\nslug: s").values == {"tags": value, "slug": "s"}


def test_toml_is_read() -> None:
    text = 'subject = "Own it"  # no\ndate = 2020-06-17\ntags = ["a", "b"]\ndraft = true\n[source]\nurl = "x"'
    found = head(text, "+++")
    assert found.values == {
        "subject": "Own it",
        "date": "2020-06-17",
        "tags": "a, b",
        "draft": "true",
        "source": "url: x",
    }
    assert found.places["subject"].line == 2
    assert found.names["tags"] == Place("a.md", 4, 1, 4)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_text_begins_below_the_fence(end: str) -> None:
    text = end.join(["\ufeff--- ", "subject: x", "---  ", "", "Hi", "---", "there"])
    found, problems = split_front_matter(text, "a.md")
    assert problems == []
    assert (found.values, found.body_line) == ({"subject": "x"}, 4)
    assert found.body == end.join(["", "Hi", "---", "there"])


def test_faults_of_the_fences_and_lines() -> None:
    assert names("Hi") == ["no-front-matter"]
    assert names("") == ["no-front-matter"]
    assert names("---\nsubject: x\n") == ["open-front-matter"]
    assert names("+++\nsubject = 'x'\n---\n") == ["open-front-matter"]
    assert names("---\nsubject\n: y\n---\n") == ["bad-front-matter", "bad-front-matter"]
    assert names("---\nsubject: x\nsubject: y\n---\n") == ["duplicate-key"]
    assert names("+++\nsubject = x\n+++\n") == ["bad-front-matter"]
    assert names("---\ntags:\n  - a\n b: [\n---\n") == ["bad-yaml"]
    assert names("---\ntags: one\n  two #3 four\n---\n") == ["dropped-text"]
    assert names("+++\n" + "a = 1\n" * 2_000 + "+++\n") == ["huge-file"]
    assert names("---\n" + "a: b\n" * 20_000 + "---\n") == ["huge-file"]


def test_bad_yaml_in_a_block_has_the_line_of_the_file() -> None:
    _, problems = split_front_matter("---\nsubject: x\ntags:\n  - a: b: c\n---\n", "a.md")
    assert [(each.name, each.place.line) for each in problems] == [("bad-yaml", 4)]


@pytest.mark.parametrize(
    "text",
    [
        "+++\n" + "a=" + "[" * 7_000 + "\n+++\n",
        "+++\n" + "a." * 3_900 + "b=1\n+++\n",
        "+++\na=" + "9" * 7_000 + "\n+++\n",
        "+++\na=0x" + "f" * 7_000 + "\n+++\n",
        "---\na: " + "[" * 20_000 + "]" * 20_000 + "\n---\n",
        "---\na:\n" + "\n" * 60_000 + "---\n",
        "---\n" + "a:\n" * 20_000 + "---\n",
    ],
)
def test_hostile_heads_cost_little_and_never_raise(text: str) -> None:
    split_front_matter(text, "a.md")


@given(
    st.one_of(st.text(), st.text().map(lambda t: f"---\n{t}\n---\nHi"), st.text().map(lambda t: f"+++\n{t}\n+++\nHi"))
)
@settings(max_examples=200, deadline=None)
def test_no_text_makes_a_post_raise(text: str) -> None:
    post, problems = read_post({"a.md": text}, "a.md")
    assert post is not None or problems


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1))
@settings(max_examples=200, deadline=None)
def test_any_unquoted_line_survives_word_for_word(value: str) -> None:
    value = value.strip()
    if value and value[0] not in "\"'":
        found, _ = split_front_matter(f"---\nsubject: {value}\n---\n", "a.md")
        assert found.values["subject"] == value


def test_a_post_has_what_its_head_says() -> None:
    text = "---\nsubject: S\npreview: P\nlanguage: de\nlayout: plain\ntags: [a, b]\n---\n\nHi {{ first_name }}\n"
    post, problems = read_post({"campaigns/c/hello.md": text}, "campaigns/c/hello.md")
    assert problems == []
    assert post is not None
    assert (post.name, post.subject, post.preview, post.layout, post.language) == ("hello", "S", "P", "plain", "de")
    assert (post.body, post.body_line, post.head["tags"]) == ("\nHi {{ first_name }}\n", 8, "a, b")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("subject: S\ndraft: maybe", ["bad-value"]),
        ("subject: S\nlanguage: Englisch!", ["bad-value"]),
        ("subject: S\nlayout:", ["empty-value"]),
        ("subject:  ", ["empty-subject"]),
        ('subject: " "', ["empty-subject"]),
        ("title: T", ["missing-subject"]),
        ("sbuject: S", ["unknown-key"]),
        ("subject: S\npassword: x", ["secret-in-file"]),
        ("subject: S\ncategories: [a]\nauthor: b", ["unknown-key", "unknown-key"]),
    ],
)
def test_heads_are_judged(lines: str, expected: list[str]) -> None:
    post, problems = read_post({"a.md": f"---\n{lines}\n---\nHi\n"}, "a.md")
    assert post is None
    assert [each.name for each in problems] == expected


def test_a_head_that_cannot_be_read_is_told_once() -> None:
    draft = draft_post({"a.md": "+++\nsubject = no quotes\n+++\nHi\n"}, "a.md")
    assert [each.name for each in draft.problems] == ["bad-front-matter"]
