"""Callouts, columns, captions and quotations with their author, in the page and in the text."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from drip.authoring.layout import Press
from drip.core.model import Mailbox, Post, ProjectDefinition

PROJECT = ProjectDefinition("P", "https://p.example", "1 Street", Mailbox("Lisa", "l@p.example"), "l@p.example", "UTC")
FILES = {
    "templates/letter.html": "<!DOCTYPE html><html><head><title>t</title></head>"
    '<body>{{ body }}<i title="end"></i></body></html>',
    "templates/letter.txt": "{{ body }}",
}
VALUES = {"name": "Ana <b>", "rows": ["one", "two"], "links": SimpleNamespace(webinar="https://p.example/w?for=1")}


def both(body: str) -> tuple[str, str]:
    """What stands in the page and in the text, after comparing the fast way with the slow one."""
    post = Press(FILES, PROJECT).compile(Post("p", "campaigns/c/p.md", "S", "", body))
    filled = post.fill(VALUES)
    assert post.slow_because == ""
    assert post.fill_slowly(VALUES) == ("S", "", filled.html.text(), filled.text.text())
    html = filled.html.text()
    plain = re.sub(r' (?:role|width|border|cellpadding|cellspacing)="[^"]*"', "", html)
    return plain[plain.index("<body>") + 6 : plain.index("<i ")], filled.text.text().rstrip("\n") + "\n"


def test_callout_is_a_cell_with_a_title() -> None:
    html, text = both("::: callout Mind the date, {{ name }}\nIt ends on **Friday**.\n\n- one\n:::\n\nAfter.")
    assert html.startswith(
        '<table class="callout"><tr><td class="callout-ground">\n<p class="callout-title">Mind the date'
    )
    assert "Mind the date, Ana &lt;b&gt;</p>\n<p>It ends on <strong>Friday</strong>.</p>\n<ul>" in html
    assert html.rstrip().endswith("</td></tr></table>\n<p>After.</p>")
    assert text == "| *Mind the date, Ana <b>*\n| It ends on *Friday*.\n|\n| - one\n\nAfter.\n"


def test_callout_needs_no_title() -> None:
    html, text = both("::: callout\nIt ends.\n:::")
    assert "callout-title" not in html
    assert text == "| It ends.\n"


@pytest.mark.parametrize("count", [2, 3])
def test_columns_have_a_table_for_outlook_alone(count: int) -> None:
    html, text = both("::: columns\n" + "\n\n***\n\n".join(f"Side {n}" for n in range(count)) + "\n:::")
    assert html.count(f'<div class="part part-of-{count}"><div class="part-body">') == count
    outlook = re.findall(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", html)
    assert len(outlook) == count + 1
    assert "".join(outlook).count("<td") == "".join(outlook).count("</td>") == count
    # A blank between two parts would be as wide as a letter, and push the last one down.
    assert not re.search(r"</div>\s+(?:<!--\[if mso\]>[^!]*<!\[endif\]-->\s*)?<div", html)
    assert text == "\n\n".join(f"Side {n}" for n in range(count)) + "\n"


def test_rules_beyond_the_third_column_stay_rules() -> None:
    html, text = both("::: columns\n" + "\n\n***\n\n".join("abcd") + "\n:::")
    assert html.count("part-of-3") == 3
    assert html.count("<hr") == 1
    assert text == "a\n\nb\n\nc\n\n* * *\n\nd\n"


def test_loops_and_callouts_stand_in_columns() -> None:
    html, text = both(
        ":::: columns\n{% for each in rows %}\n- {{ each }}\n{% endfor %}\n\n***\n\n::: callout\nIn it\n:::\n::::"
    )
    assert len(re.findall(r"<li>(?:one|two)</li>", html)) == 2
    assert html.count("<ul>") == html.count('class="callout"') == 1
    assert text == "- one\n- two\n\n| In it\n"


def test_picture_with_a_title_alone_in_its_paragraph_has_a_caption() -> None:
    html, text = both('![A desk]({{ links.webinar }} "By the window, {{ name }}")')
    assert html == (
        '<div class="figure"><img src="https://p.example/w?for=1" alt="A desk">\n'
        '<p class="caption">By the window, Ana &lt;b&gt;</p></div>\n'
    )
    assert text == "[A desk]\nBy the window, Ana <b>\n"


def test_picture_with_a_caption_may_be_a_link() -> None:
    html, text = both('[![A desk](https://p.example/a.png "Mine")](https://p.example/)')
    assert html.startswith('<div class="figure"><a href="https://p.example/"><img src="https://p.example/a.png"')
    assert text == "[A desk] <https://p.example/>\nMine\n"


@pytest.mark.parametrize("body", ["![A desk](https://p.example/a.png)", 'See ![a](https://p.example/a.png "t") here'])
def test_other_pictures_are_as_they_were(body: str) -> None:
    assert "figure" not in both(body)[0]


@pytest.mark.parametrize("dash", ["—", "--", "―", "–"])
def test_last_paragraph_of_a_quotation_is_its_author(dash: str) -> None:
    html, text = both(f"> Own it.\n>\n> {dash} Lisa *R.*, {{{{ name }}}}")
    assert html == (
        '<table class="quote"><tr><td class="quote-ground">\n<blockquote>\n<p>Own it.</p>\n</blockquote>\n'
        '<p class="author">— Lisa <em>R.</em>, Ana &lt;b&gt;</p>\n</td></tr></table>\n'
    )
    assert text == "> Own it.\n>\n> — Lisa _R._, Ana <b>\n"


@pytest.mark.parametrize("body", ["> — Lisa", "> Own it.\n>\n> -Lisa", "> Own it.\n>\n> {{ name }}", ">"])
def test_other_quotations_are_as_they_were(body: str) -> None:
    assert "author" not in both(body)[0]


def test_what_is_no_block_is_text() -> None:
    html, text = both("::: other\nx\n:::")
    assert html == "<p>::: other\nx\n:::</p>\n"
    assert text == "::: other x :::\n"
