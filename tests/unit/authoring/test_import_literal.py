"""What was text stays text, whichever of Markdown and Jinja reads it first."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin

from drip.authoring.importing.literal import (
    as_address,
    as_link_words,
    as_markdown,
    count_jinja,
    unwrap_jinja,
    without_jinja,
)

ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)


@cache
def parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).use(footnote_plugin)


class Page(HTMLParser):
    """The text of a page, and the tags that are not paragraphs."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.add("comment")

    def handle_data(self, data: str) -> None:
        self.text += data


def words(text: str) -> list[str]:
    return text.split()


def both_orders(markdown: str) -> tuple[Page, Page]:
    jinja_first = parser().render(ENVIRONMENT.from_string(markdown).render())
    markdown_first = ENVIRONMENT.from_string(parser().render(markdown)).render()
    return Page(jinja_first), Page(markdown_first)


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("#1 mistake", r"\#1 mistake"),
        ("# one", r"\# one"),
        ("1. First", r"1\. First"),
        ("2020) was a year", r"2020\) was a year"),
        ("- dash", r"\- dash"),
        ("-5 degrees", "-5 degrees"),
        ("+ plus", r"\+ plus"),
        ("> said he", r"\> said he"),
        ("---", r"\---"),
        ("===", r"\==="),
        (":::", r"\:::"),
        ("a *star* and _line_ but snake_case", r"a \*star\* and \_line\_ but snake_case"),
        ("1 < 2 but <b>bold</b>", r"1 < 2 but \<b>bold\</b>"),
        ("AT&T, &amp; and &#123;", r"AT&T, \&amp; and \&#123;"),
        ("[x](http://evil.example) [sic]", r"[x\](http://evil.example) [sic]"),
        ("[x]: http://evil.example", r"\[x]: http://evil.example"),
        ("C:\\dir and \\* and end\\", r"C:\dir and \\\* and end\\"),
        ("a\n- b\n    code", "a\n\\- b\ncode"),
        ("Hi {{ name }}", "Hi {% raw %}{{{% endraw %} name }}"),
    ],
)
def test_markup_is_escaped_where_it_means_something(text: str, markdown: str) -> None:
    assert as_markdown(text) == markdown


NASTY = "".join(("{", "}", "%", "#", "*", "_", "`", "<", ">", "&", "[", "]", "(", ")", "!", "~", "^", "|", "\\", "-"))


@given(st.text(alphabet=NASTY + "+=:.;1a \n\"'", max_size=40))
@example("{{{%{#{{{{ {%- raw -%}{{ 7*7 }}{% endraw %}")
@example("{\\{ 7*7 }}")
@example("&#123;&#123; 7*7 }}")
@example("a|b\n-|-\n1|2")
@example("x[^1]\n\n[^1]: note ^[inline]")
@example("~~gone~~ <!-- no --> <?php ?> ![i](u)")
@settings(max_examples=200, deadline=None)
def test_nothing_is_markup_and_nothing_runs(text: str) -> None:
    for page in both_orders(as_markdown(text)):
        assert words(page.text) == words(text)
        assert page.tags <= {"p"}


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_text_is_printed_as_it_was(text: str) -> None:
    visible = re.sub(r"[\x00\ufffd]", "", text)
    for page in both_orders(as_markdown(visible)):
        assert words(page.text) == words(visible)


@given(st.text(alphabet="{%#} raw end", max_size=40))
@settings(max_examples=100, deadline=None)
def test_wrapping_is_taken_off_again(text: str) -> None:
    wrapped = without_jinja(text)
    assert ENVIRONMENT.from_string(wrapped).render() == text
    if "{%" not in text:
        assert unwrap_jinja(wrapped) == text
    assert count_jinja(text) == wrapped.count("{% raw %}")


@given(st.text(alphabet=NASTY + "a:/?=& é", max_size=30))
@settings(max_examples=100, deadline=None)
def test_an_address_stays_between_its_parentheses(url: str) -> None:
    html = parser().render(f"**[go]({as_address('https://example.com/' + url)})**")
    assert html.count("<a href=") == 1
    assert html.endswith(">go</a></strong></p>\n")
    assert count_jinja(as_address(url)) == 0


@given(st.text(alphabet=NASTY + "a b", min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_the_words_of_a_link_stay_between_its_brackets(text: str) -> None:
    markdown = f"**[a {as_link_words(text)} z](https://example.com/)**"
    for page in both_orders(markdown):
        assert words(page.text) == ["a", *words(text), "z"]
        assert page.tags == {"p", "strong", "a"}
