"""CommonMark's own examples through our Markdown set-up, with all that we add to it switched off: every one of them.

The examples come with Debian's `golang-github-yuin-goldmark-dev`. Without it the test is skipped, but where CI=true
that is a failure.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from drip.authoring.markdown import OURS, parser

EXAMPLES = Path("/usr/share/gocode/src/github.com/yuin/goldmark/_test/spec.json")
COUNT = 652

# What an HTML comment is has changed from 0.30 to 0.31 of CommonMark: to what HTML says. Debian's is 0.30 in places.
CHANGED = ("<!-- not a comment -- two hyphens -->", "<!--> foo -->")


@pytest.fixture(scope="module")
def examples() -> list[dict[str, str]]:
    if not EXAMPLES.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("Debian's golang-github-yuin-goldmark-dev is not installed, and in CI it must be")
        pytest.skip("needs Debian's package golang-github-yuin-goldmark-dev")
    found: list[dict[str, str]] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def plain() -> MarkdownIt:
    return parser().disable(list(OURS))


def same(html: str) -> str:
    """An empty quotation may have a line end in it: browsers do not see it."""
    return html.replace("<blockquote></blockquote>", "<blockquote>\n</blockquote>")


def test_every_example_of_commonmark_holds(examples: list[dict[str, str]], plain: MarkdownIt) -> None:
    assert len(examples) == COUNT
    older = [each for each in examples if any(text in each["markdown"] for text in CHANGED)]
    wrong = [each for each in examples if same(plain.render(each["markdown"])) != same(each["html"])]
    assert [each for each in wrong if each not in older] == []
    assert len(older) <= len(CHANGED)


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("a <!-- two -- hyphens --> b", "<p>a <!-- two -- hyphens --> b</p>\n"),
        ("a <!-- over\nlines -- too --> b", "<p>a <!-- over\nlines -- too --> b</p>\n"),
        ("a <!--> b -->", "<p>a <!--> b --&gt;</p>\n"),
        ("a <!---> b -->", "<p>a <!---> b --&gt;</p>\n"),
    ],
)
def test_comments_are_what_html_says(plain: MarkdownIt, markdown: str, html: str) -> None:
    assert plain.render(markdown) == html
