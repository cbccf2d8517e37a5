"""The shape cache, row by row of what breaks: the fast page must be the slow page, byte for byte."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from drip.authoring import inline
from drip.authoring.layout import CompiledPost, Press
from drip.core.model import Mailbox, Post, ProjectDefinition

PROJECT = ProjectDefinition(
    name="Chameleon Resumes",
    url="https://mail.example.com",
    address="1 Example Street, New York",
    sender=Mailbox("Lisa Rangel", "lisa@example.com"),
    bounces="bounces@mail.example.com",
    timezone="America/New_York",
)
LAYOUT = """<!DOCTYPE html>
<html><head><title>{{ post.subject }}</title><style>{{ css }}</style>{{ head_styles }}</head>
<body><div class="card">{{ body }}</div></body></html>"""
CSS = """.card { color: #111111; } .vip { color: #ff0000; } p { margin: 0 0 8px; } p + p { color: #222222; }
#Ann { top: 0; } [data-k] { left: 0; } td { width: 10px; } p:first-child { color: #333333; }
p:nth-child(2) { top: 1px; } p ~ i { top: 2px; } p:empty { top: 3px; } i:last-child { left: 4px; }"""
HEAD = """@media (max-width: 1px) { .vip { color: red !important } }
/* --- outlook */
[data-ogsc] .vip { color: blue !important }"""


def compiled(body: str, *, layout: str = LAYOUT, css: str = CSS, **files: str) -> CompiledPost:
    texts = {
        "templates/letter.html": layout,
        "templates/letter.txt": "{{ body }}",
        "templates/letter.css": css,
        "templates/letter-head.css": HEAD,
        **{f"templates/{name.replace('__', '/').replace('_', '.')}": text for name, text in files.items()},
    }
    return Press(texts, PROJECT).compile(Post("p", "campaigns/c/p.md", "About it", "", body))


def values(name: str = "Ana", url: str = "https://x.example/", **more: object) -> dict[str, object]:
    return {"name": name, "url": url, "rows": ["a", "b"], "links": SimpleNamespace(webinar=url), **more}


def page(post: CompiledPost, given: dict[str, object]) -> str:
    """The fast page, after comparing all of it with the slow one."""
    filled = post.fill(given)
    assert (filled.subject, filled.preview, filled.html.text(), filled.text.text()) == post.fill_slowly(given)
    return filled.html.text()


READERS = (
    values(),
    values("Bob"),
    values("<b>&\"'", 'https://x.example/?a=1&b="2"'),
    values("", ""),
    values("  spaced  ", " https://x.example/ "),
    values("José 李雷 🎉", "https://x.example/é"),
    values("a\x92b\x00c\r\nd", "javascript:alert(1)"),
    values("red", "tel:+123", rows=[]),
    values("O'Neil"),
    values("lt"),
    values("60"),
    values("mp;b"),
    values("&{x}", "https://x.example/&{x}"),
    values("AT&", "https://x.example/&"),
)

FAST = {
    "address": "[x]({{ url }}) [y]({{ url }}?a={{ name }}) ![z]({{ url }})",
    "if between rows": "<table>{% if name == 'Bob' %}<tr><td>Bob</td></tr>{% endif %}"
    "<tr><td>{{ name }}</td></tr></table>",
    "if inside a tag": "<p {% if name == 'Bob' %}class=\"vip\"{% endif %}>x {{ name }}</p>",
    "if inside a class": "<p class=\"a{% if name == 'Bob' %} vip{% endif %}\">x {{ name }}</p>",
    "if inside a style": "<p style=\"{% if name == 'Bob' %}color: #ff0000; {% endif %}top: 0\">x {{ name }}</p>",
    "if inside a style sheet": "<style>.vip { {% if name == 'Bob' %}top: 1px;{% endif %} left: 0 }</style>"
    '<p class="vip">{{ name }}</p>',
    "every structural selector": "<div>{% if name %}<p>a</p>{% endif %}<p>{{ name }}</p><p></p>"
    "{% for each in rows %}<p>{{ each }}</p>{% endfor %}<i>{{ name }}</i></div>",
    "comment that shows downlevel": "<![if !mso]>{{ name }}<![endif]>",
    "entities that come back as characters": "<div>&zwnj;&#847;&nbsp;{{ name }}&#8199;</div>",
    "structural selectors with branches": "{% if name == 'Bob' %}\none\n{% endif %}\ntwo {{ name }}",
    "block in a paragraph": "<p>a{% if name == 'Bob' %}<div>{{ name }}</div>{% endif %}</p>",
    "markup value": "{{ ('<i class=\"vip\">' ~ name|e ~ '</i>')|safe }}",
    "blank value": "a {{ name }} b [x]({{ url }})",
    "comment of Outlook": '<!--[if mso]><a href="{{ url }}">{{ name }}</a><![endif]-->',
    "escaped by habit": "{{ name|e }} {{ name|upper }}",
    "value in an attribute": '<p title="{{ name }}">t</p> <p title=\'"{{ name }}\'>t</p>',
    "macro": "{% macro box(x) %}[{{ x }}]{% endmacro %}{{ box(name) }}",
    "loop": "{% for each in rows %}\n- {{ each }} {{ name }}\n{% endfor %}",
    "numbers": "{{ 5 }} {{ rows|length }} {{ none }} {{ 1.5 }}",
    "half an entity": "<div>&{{ name }}; &#{{ name }}; &a{{ name }};</div>",
    "quotes around quotes": "<p title='\"{{ name }}'>t</p>",
    "unquoted attribute": "<p title={{ name }}>t</p>",
    "title": "x",
}

BY_VALUE = {
    "class": '<p class="{{ name }}">t</p>',
    "id": '<p id="{{ name }}">t</p>',
    "style": '<p style="color: {{ name }}">t</p>',
    "style sheet": "<style>.x { color: {{ name }} }</style>",
    "width": '<table width="{{ name }}"><tr><td>t</td></tr></table>',
    "height": '<table height="{{ name }}"><tr><td>t</td></tr></table>',
    "align": '<p align="{{ name }}">t</p>',
    "valign": '<table><tr><td valign="{{ name }}">t</td></tr></table>',
    "ground": '<table bgcolor="{{ name }}"><tr><td>t</td></tr></table>',
    "attribute in a selector": '<p data-k="{{ name }}">t</p>',
}

SLOW = {
    "captured text in a condition": "{% set x %}{{ name }}{% endset %}{% if x == 'Ana' %}yes{% else %}no{% endif %}",
    "filtered text": "{% filter upper %}{{ name }}{% endfilter %}",
    "macro in a condition": "{% macro m(x) %}{{ x }}{% endmacro %}{% if m(name) == 'Ana' %}yes{% else %}no{% endif %}",
    "macro as a value": "{% macro m(x) %}{{ x }}{% endmacro %}{% set f = m %}{{ f(name)|length }}",
    "autoescape": "{% autoescape false %}{{ name }}{% endautoescape %}",
    "name of a tag": "<p {{ name }}>x</p>",
    "included by a computed name": "{% include 'inc' ~ '.html' %}",
}


@pytest.mark.parametrize("body", FAST.values(), ids=FAST)
def test_fast_way_is_exact(body: str) -> None:
    post = compiled(body)
    for given in READERS:
        page(post, given)
    assert post.slow_because == ""


@pytest.mark.parametrize("body", BY_VALUE.values(), ids=BY_VALUE)
def test_value_that_shapes_the_page_is_part_of_its_key(body: str) -> None:
    post = compiled(body)
    for given in READERS:
        page(post, given)
    before = post.shapes
    page(post, values("yet another"))
    page(post, values("yet another"))
    assert post.slow_because == ""
    assert post.shapes == before + 1


@pytest.mark.parametrize("body", SLOW.values(), ids=SLOW)
def test_template_that_the_cache_would_get_wrong_goes_slow(body: str) -> None:
    post = compiled(body, inc_html="<p>{{ name }}</p>")
    for given in READERS[:3]:
        page(post, given)
    assert post.slow_because


def test_captured_text_decides_by_the_name_and_not_by_a_token() -> None:
    post = compiled(SLOW["captured text in a condition"])
    assert "yes" in page(post, values("Ana"))
    assert "no" in page(post, values("Bob"))


def test_value_that_looks_like_a_token_makes_only_its_reader_slow() -> None:
    body = "{{ name }} {{ name|safe }} {{ url }}"
    post = compiled(body)
    prefix = post._page._mark.prefix
    for name in (f"{prefix}0z", f"{prefix}1z", f"{prefix}99z", f"{prefix}0z{prefix}1z"):
        page(post, values(name))
    assert post.slow_because == ""
    page(post, values("Ana"))
    assert post.slow_fills < post._page.shapes.filled


def test_value_that_breaks_the_page_makes_only_its_reader_slow() -> None:
    # premailer drops the text behind a style element together with the element.
    post = compiled("<style>.x { color: {{ name }} }</style>{{ url }}")
    for name in ("red", "blue"):
        page(post, values(name))
    assert post.slow_because == ""
    assert post.slow_fills == 2


def test_ten_thousand_readers_cost_one_inlined_page_per_shape() -> None:
    post = compiled("Hi {{ name }},\n\n{% if name[0] == 'A' %}\nAll\n{% endif %}\n[x]({{ url }})")
    for number in range(10_000):
        post.fill(values(f"{'AB'[number % 2]}nna & {number}", f"https://x.example/{number}?a=1&b={number}"))
    assert post.premailer_calls == post.shapes == 2


def test_same_shape_is_the_same_object() -> None:
    post = compiled("Hi {{ name }}, {% if name == 'Bob' %}old{% endif %} friend")
    one, other, bob = (post.fill(values(name)) for name in ("Ana", "Eve", "Bob"))
    assert one.html.shape is other.html.shape
    assert one.text.shape is other.text.shape
    assert bob.html.shape is not one.html.shape
    assert one.html.values == ("Ana",)


def test_shapes_are_forgotten_before_they_fill_the_memory() -> None:
    post = compiled('<p class="{{ name }}">t</p>')
    post._page.shapes._kept = 20
    for number in range(60):
        page(post, values(f"k{number}"))
    assert len(post._page.shapes._plans) <= 20
    assert post.shapes == 60


def test_wasteful_post_is_told() -> None:
    wasteful, good = compiled('<p class="{{ name }}">t</p>'), compiled("{{ name }}")
    for number in range(101):
        wasteful.fill(values(f"k{number}"))
        good.fill(values(f"k{number}"))
    assert wasteful.is_wasteful
    assert not good.is_wasteful


def test_two_threads_do_not_mix_their_readers() -> None:
    press_files = {"templates/letter.html": LAYOUT, "templates/letter.txt": "{{ body }}", "templates/letter.css": CSS}
    press = Press(press_files, PROJECT)
    posts = [Post(f"p{n}", f"campaigns/c/p{n}.md", "{{ name }}", "", "{{ name }} of {{ url }}") for n in range(2)]
    wrong: list[str] = []

    def work(mine: int) -> None:
        post = press.compile(posts[mine])
        for number in range(300):
            filled = post.fill(values(f"T{mine}N{number}", f"https://x.example/{mine}"))
            if f"T{mine}N{number} of https://x.example/{mine}" not in filled.html.text():
                wrong.append(filled.html.text())

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_verify_agrees_and_would_go_slow_on_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    post = compiled("Hi {{ name }}")
    assert post.verify(values())
    monkeypatch.setattr(CompiledPost, "fill_slowly", lambda *_: ("", "", "other", ""))
    assert not post.verify(values())
    assert post.slow_because


def test_head_styles_survive_word_for_word_each_in_its_own_element() -> None:
    html = page(compiled("x"), values())
    assert "<style>\n@media (max-width: 1px) { .vip { color: red !important } }\n</style>" in html
    assert "<style>\n[data-ogsc] .vip { color: blue !important }\n</style>" in html
    assert "data-premailer" not in html


def test_css_text_is_not_a_template() -> None:
    post = compiled("x", css="@media all {#a{color:#111111}} .card { color: #123456; }")
    assert 'style="color:#123456"' in page(post, values())


def test_inliner_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    html = (
        '<!DOCTYPE html><html><head><link rel="stylesheet" href="http://127.0.0.1:9/a.css"></head><body>x</body></html>'
    )
    assert "a.css" in inline.inline(html)
    assert set(inline.INLINERS) == {"premailer"}


def test_rules_that_are_kept_for_the_next_page_are_those_of_its_own_sheets() -> None:
    sheets = ("p { color: #111111; } p:hover { top: 1px; }", "p { color: #222222; top: 0; }", "")
    styles = [f"<style>{each}</style>" for each in sheets]
    screen = "<style>@media screen { p { left: 1px; } }</style>"
    pages = [
        f"<!DOCTYPE html><html><head>{first}{second}{screen}</head><body><p>Hi</p></body></html>"
        for first in styles
        for second in styles
    ]

    def told(page: str) -> str:
        """By a premailer that has read nothing before."""
        inline._premailer_class.cache_clear()
        return inline.inline(page)

    alone = [told(page) for page in pages]
    assert len(set(alone)) == 6
    assert [inline.inline(page) for page in (*pages, *pages)] == [*alone, *alone]
