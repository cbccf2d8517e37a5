"""`brand:` of drip.yaml: read, judged, and settled into the styles of the three layouts."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.authoring.brand import DARK_CARD, LEAST, settled, shortfalls, words_of
from drip.authoring.layout import Press
from drip.authoring.read_project import draft_project
from drip.authoring.stylesheet import color_of, contrast
from drip.core.model import Brand, Mailbox, Post, ProjectDefinition

ROOT = Path(__file__).resolve().parents[3]
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "templates").rglob("*")
    if path.is_file()
}
LAYOUTS = ("letter", "plain", "announcement")
COLORS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
BODY = "Hello [there](https://p.example)\n\n[Choose](https://p.example/w){.button}\n\n> a\n>\n> — b\n"


def page(layout: str, brand: Brand) -> str:
    sender = Mailbox("Lisa Rangel", "l@p.example")
    project = ProjectDefinition("P", "https://p.example", "1 Street", sender, "l@p.example", "UTC", brand=brand)
    post = Press(FILES, project).compile(Post("p", "campaigns/c/p.md", "Subject", "Preview", BODY, 1, layout))
    links = SimpleNamespace(unsubscribe="https://p.example/u", preferences="", browser="")
    return post.fill({"links": links, "list": None}).html.text()


def problems(brand: str) -> list[str]:
    text = FILES.get("drip.yaml") or (ROOT / "drip.yaml").read_text(encoding="utf-8")
    return [each.name for each in draft_project({"drip.yaml": f"{text}\nbrand:\n{brand}"}).problems]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("brand", [Brand(), Brand(color="#7a1fa2", font="Verdana, sans-serif")], ids=["none", "some"])
def test_no_variable_reaches_a_mail(layout: str, brand: Brand) -> None:
    assert "var(" not in page(layout, brand)
    assert "--brand" not in page(layout, brand)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_brand_is_in_every_layout(layout: str) -> None:
    brand = Brand(
        color="#7a1fa2",
        dark_color="#d9a7f0",
        ground="#eef3ff",
        logo="https://p.example/logo.png",
        logo_width=120,
        font="Verdana, sans-serif",
    )
    html = page(layout, brand)
    assert re.search(r"<a [^>]*color:#7a1fa2", html)
    assert "#d9a7f0" in html[: html.index("<body")]
    assert '<img class="logo-image" src="https://p.example/logo.png" width="120" alt="P"' in html
    assert "font-family:Verdana, sans-serif" in html
    assert "#0b5f54" not in html
    assert "#0b57d0" not in html
    if layout != "plain":
        assert "background-color:#eef3ff" in html


def test_letter_has_initials_where_there_is_no_logo() -> None:
    assert ">LR</td>" in page("letter", Brand())
    assert ">LR</td>" not in page("letter", Brand(logo="https://p.example/logo.png"))


def test_sheet_stands_by_itself() -> None:
    assert settled("a { color: var(--brand-color, #0b5f54); }", Brand()) == "a { color: #0b5f54; }"
    assert settled("a { color: var(--other, #0b5f54); }", Brand()) == "a { color: var(--other, #0b5f54); }"


@given(COLORS)
def test_what_is_derived_can_be_read(color: str) -> None:
    words = words_of(Brand(color=color))
    for text, ground in (("on-color", "color"), ("on-dark", "dark")):
        one, two = color_of(words[text]), color_of(words[ground])
        assert one is not None
        assert two is not None
        assert contrast(one, two) >= LEAST
    dark, card = color_of(words["dark"]), color_of(DARK_CARD)
    assert dark is not None
    assert card is not None
    assert contrast(dark, card) >= LEAST


@given(COLORS)
def test_color_that_passes_can_be_read_on_white_and_under_white(color: str) -> None:
    if not shortfalls(Brand(color=color)):
        assert words_of(Brand(color=color))["on-color"] == "#ffffff"


@given(COLORS)
def test_every_text_of_the_pages_is_read_on_the_shade_of_what_was_chosen(color: str) -> None:
    """The texts are those of templates/pages/site.css: soft, ink, note, and what is pressed quietly."""
    if shortfalls(Brand(color=color)):
        return
    words = words_of(Brand(color=color))
    for ground, texts in (
        ("tint", ("#5b6470", "#2b333d", "#8a4b08", words["hover"])),
        ("dark-tint", ("#a7afb6", "#dcdfe1", "#e8b25f", words["dark-hover"])),
    ):
        for text in texts:
            one, two = color_of(text), color_of(words[ground])
            assert one is not None
            assert two is not None
            assert contrast(one, two) >= LEAST, (ground, text)


def test_hash_may_be_left_out() -> None:
    assert problems("  color: 0b5f54\n  ground: '#F3F1EC'\n") == []
    assert problems("  color: 000000\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "color: red",
        "color: 0b5",
        "logo: http://p.example/a.png",
        "logo: logo.png",
        "logo: https://p.example/a.svg?x=1",
        "logo: 'https://p.example/\"onload=x'",
        "font: Verdana",
        "font: 'Verdana; color: red, serif'",
        "title-font: '</style><script>, serif'",
        "logo-width: 5000",
    ],
)
def test_value_that_no_mail_should_have_is_a_problem(line: str) -> None:
    assert problems(f"  {line}\n") == ["bad-brand"]


def test_contrast_is_a_problem_of_its_own() -> None:
    assert problems("  color: ffcc00\n") == ["brand-contrast"]
    assert problems("  color: 0b5f54\n  dark-color: '000000'\n  ground: '5b6470'\n") == ["brand-contrast"] * 2
