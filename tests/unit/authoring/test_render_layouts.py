"""The layouts that come with drip: each frames a post with its footer, in both directions, in page and text."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from drip.authoring.layout import Press
from drip.core.message import FilledPost
from drip.core.model import Mailbox, Post, ProjectDefinition

ROOT = Path(__file__).resolve().parents[3]
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "templates").rglob("*")
    if path.is_file()
}
PROJECT = ProjectDefinition("P", "https://p.example", "1 Street", Mailbox("Lisa", "l@p.example"), "l@p.example", "UTC")
LAYOUTS = ("letter", "plain", "announcement")
BODY = "Hello {{ first_name }}\n\n- one\n\n> said\n\n[Choose](https://p.example/w){.button}\n"
LINKS = SimpleNamespace(unsubscribe="https://p.example/u", preferences="https://p.example/p", browser="")


def filled(layout: str, language: str | None = None, **head: str) -> FilledPost:
    post = Post("p", "campaigns/c/p.md", "Subject", "Preview", BODY, 1, layout, language, head)
    values = {"first_name": "Ana", "links": LINKS, "list": {"name": "l", "title": "The list", "promise": "x"}}
    compiled = Press(FILES, PROJECT).compile(post)
    page = compiled.fill(values)
    assert compiled.fill_slowly(values) == (page.subject, page.preview, page.html.text(), page.text.text())
    assert compiled.premailer_calls == compiled.shapes == 1
    return page


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_has_a_footer_in_page_and_text(layout: str) -> None:
    page = filled(layout)
    for part in (page.html.text(), page.text.text()):
        assert "Hello Ana" in part
        assert "1 Street" in part
        assert "https://p.example/u" in part
        assert "The list" in part


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_knows_the_dark(layout: str) -> None:
    html = filled(layout).html.text()
    assert "prefers-color-scheme: dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html


@pytest.mark.parametrize("layout", LAYOUTS)
def test_language_written_from_the_right_flips_the_sides(layout: str) -> None:
    html = filled(layout, "ar").html.text()
    quote = html[html.index("<blockquote") : html.index("said")]
    listing = html[html.index("<ul") : html.index("<li")]
    assert '<html lang="ar" dir="rtl"' in html
    assert "border-right:" in quote
    assert "border-left:0" in quote.replace(" ", "")
    assert "padding:0 24px 0 0" in listing
    # The words of the footer are English, and would have their full stops on the wrong side.
    assert 'lang="en" dir="ltr"' in html[html.index('class="footer"') :][:60]


def test_plain_has_no_table_and_no_color_of_its_own() -> None:
    html = filled("plain").html.text()
    body = html[html.index("<body") :].replace('<table class="button"', "")
    assert body.count("<table") == 0
    assert "<h1" not in body


def test_announcement_begins_with_its_picture() -> None:
    page = filled("announcement", image="https://p.example/a.png", **{"image-alt": "A desk"})
    assert 'src="https://p.example/a.png"' in page.html.text()
    assert 'alt="A desk"' in page.html.text()
    assert "[A desk]" in page.text.text()
    assert "<img" not in filled("announcement").html.text()
