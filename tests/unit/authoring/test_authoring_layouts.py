"""Layouts, styles and finished mails: what the checks say of them, and that they are quiet about known idioms."""

from __future__ import annotations

import json
from importlib.resources import files as package_files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.authoring.check import check
from drip.authoring.clients import KNOWN_IDIOMS, support
from drip.authoring.stylesheet import color_of, contrast, read_sheet
from drip.core.problems import Problem
from tests.problems.folders import NOW, SOUND, project_files

POST = "campaigns/webinar/own-the-mistake.md"


def problems(**changes: str) -> list[Problem]:
    """The sound project with texts added to its layout (`html`, `css`, `head`) or to one post (`post`)."""
    files = project_files(SOUND)
    paths = {"html": "templates/letter.html", "css": "templates/letter.css", "head": "templates/letter-head.css"}
    for kind, text in changes.items():
        files[paths.get(kind, POST)] += text
    return check(files, now=NOW)


def names(**changes: str) -> list[str]:
    return [each.name for each in problems(**changes)]


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        (".a { color: #2b333d; }", []),
        (".a, .b > .c { margin: 0 auto; }", []),
        ("/* a:hover { } * { } */", []),
        ('.a { font-family: "a;b}", serif; }', []),
        (".a[href*='x'] { margin: 0; }", []),
        ("@import url(a.css);", ["uninlinable-css"]),
        (".a::before { margin: 0; }", ["uninlinable-css"]),
        (".a { --ink: #000000; }", ["uninlinable-css"]),
        (".a { margin: 0 ! important; }", ["uninlinable-css"]),
        (".a { color: #fff; background: #ffffff; }", ["low-contrast"]),
        (".a { color: #949494; background: #ffffff; font-size: 24px; }", []),
        (".a { color: #949494; background: #ffffff; font-size: 19px; font-weight: bold; }", []),
        (".a { color: #949494; background: #ffffff; font-size: 18px; }", ["low-contrast"]),
        (".a { color: rgb(1, 2, 3); background: url(a.png); }", []),
        (".a { position: absolute; }", ["unsupported-css"]),
        (".a { color", []),
        ("} } .a { margin: 0; } {", []),
    ],
)
def test_styles_that_are_inlined(css: str, expected: list[str]) -> None:
    assert names(css=css) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<!--[if mso]><table width=700><tr><td><![endif]-->", []),
        ("<!--[if !mso]><!--><p>x</p><!--<![endif]-->", []),
        ("<![if !mso]>", ["revealed-comment"]),
        ('<img src="https://e.com/a.png" alt="" width="600">', []),
        ('<img src="https://e.com/a.png" width="50%" alt="x">', []),
        ('<img src="https://e.com/a.png" width="601">', ["missing-alt", "wide-image"]),
        ('<img src="data:image/gif;base64,R0" width="1" alt="">', ["data-uri"]),
        ('<p style="display: flex">x</p>', ["unsupported-css"]),
        ("<svg></svg>", ["unsupported-html"]),
        ("<p>© 2020</p>", ["stale-year"]),
        ("<p>© 2020-2026</p>", []),
        ("{{ nobody }}", ["template-fault"]),
        ("{% if %}", ["template-fault"]),
        ("{{ 1 | nothing }}", ["template-fault"]),
        ("{{ body }}", ["template-fault"]),
        ("{% include 'parts/none.html' %}", ["template-fault"]),
        ("{% macro m() %}x{% endmacro %}{% set y = m() %}{{ y }}", ["slow-template"]),
    ],
)
def test_layouts(html: str, expected: list[str]) -> None:
    assert names(html=html) == expected


def test_a_fault_of_a_layout_is_told_once_with_its_line() -> None:
    [fault] = problems(html="\n\n{{ 1 + 'a' }}")
    assert fault.place.path == "templates/letter.html"
    assert fault.place.line == project_files(SOUND)["templates/letter.html"].count("\n") + 3


def test_a_layout_that_no_post_uses_is_tried_as_well() -> None:
    files = project_files(SOUND)
    for kind in ("html", "txt"):
        files[f"templates/other.{kind}"] = files[f"templates/letter.{kind}"] + "\n{{ 1 + 'a' }}"
    assert [each.place.path for each in check(files, now=NOW)] == ["templates/other.html"]


def test_templates_that_no_mail_uses_are_read_as_well() -> None:
    files = project_files(SOUND)
    files["templates/pages/site.html"] = "<p>\n{% if %}"
    files["templates/parts/unused.txt"] = "{{ " + "(" * 5000
    faults = [(each.name, each.place.path) for each in check(files, now=NOW)]
    assert faults == [("template-fault", "templates/pages/site.html"), ("template-fault", "templates/parts/unused.txt")]
    # In mails a loop does not run without end, and neither does checking them.
    files = project_files(SOUND)
    endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"
    files["templates/letter.html"] += f"\n{endless}"
    [fault] = check(files, now=NOW)
    assert fault.name == "template-fault"
    assert fault.place.path == "templates/letter.html"


def test_a_part_can_hold_the_footer() -> None:
    files = project_files(SOUND)
    files["templates/parts/footer.html"] = "<p>{{ project.address }} {{ links.unsubscribe }}</p>"
    html = files["templates/letter.html"]
    start = html.index('<p class="footer">')
    files["templates/letter.html"] = html[:start] + "{% include 'parts/footer.html' %}</body></html>"
    assert check(files, now=NOW) == []


@pytest.mark.parametrize(("count", "expected"), [(1100, []), (1650, ["heavy-mail"]), (2100, ["clipped-mail"])])
def test_the_weight_is_that_of_the_inlined_page(count: int, expected: list[str]) -> None:
    text = "\n\n" + "*Own it.*\n" * count
    # The text has a tenth of what its page weighs.
    assert names(post=text, css="em { color: #2b333d; font-style: italic; }\n") == expected


def test_strict_also_tells_what_is_supported_in_part() -> None:
    files = project_files(SOUND)
    files["templates/letter.css"] += ".a { text-indent: 4px; }"
    assert check(files, now=NOW) == []
    assert [each.name for each in check(files, now=NOW, is_strict=True)] == ["unsupported-css"]


def test_the_data_say_where_they_come_from() -> None:
    text = package_files("drip.authoring").joinpath("caniemail.json").read_text(encoding="utf-8")
    data = json.loads(text)
    assert len(text) < 60_000
    assert "MIT" in data["notice"]
    assert data["date"] == "2026-05-13"
    assert len(data["clients"]) == 13
    assert {len(letters) for kind in ("css", "html") for letters in data[kind].values()} == {13}


def test_known_idioms_have_reasons_and_are_not_reported() -> None:
    assert len({name for name, _ in KNOWN_IDIOMS}) == len(KNOWN_IDIOMS)
    for name, reason in KNOWN_IDIOMS:
        assert len(reason) > 20
        assert support("css", name) is None
        assert support("html", name) is None


def test_contrast_is_that_of_the_standard() -> None:
    black, white, gray = color_of("#000"), color_of("white"), color_of("#767676 !important")
    assert black is not None
    assert white is not None
    assert gray is not None
    assert contrast(black, white) == pytest.approx(21)
    assert contrast(gray, white) == pytest.approx(4.54, abs=0.01)
    assert color_of("rgba(0, 0, 0, 0.5)") is None


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("{}@;:*/'\"() \n!a-url#f0")) | st.text())
def test_any_style_sheet_is_read_and_places_are_in_it(text: str) -> None:
    sheet = read_sheet(text)
    for rule in sheet.rules:
        assert 0 <= rule.start <= rule.end <= len(text)
        for each in rule.declarations:
            assert 0 <= each.start <= each.end <= len(text)
    files = project_files(SOUND)
    files["templates/letter.css"] = files["templates/letter-head.css"] = text
    for problem in check(files, now=NOW):
        assert problem.place.line >= 1
