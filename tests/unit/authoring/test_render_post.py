"""A post in its layout: links, buttons, lists, text part, faults at the author's own line."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from drip.authoring.layout import Press
from drip.core.model import Mailbox, Post, ProjectDefinition
from drip.errors import DripError, TemplateFault

PROJECT = ProjectDefinition(
    name="Chameleon Resumes",
    url="https://mail.example.com",
    address="1 Example Street, New York",
    sender=Mailbox("Lisa Rangel", "lisa@example.com"),
    bounces="bounces@mail.example.com",
    timezone="America/New_York",
)
FILES = {
    "templates/letter.html": "<!DOCTYPE html>\n<html lang='{{ lang }}' dir='{{ dir }}'><body>{{ body }}</body></html>",
    "templates/letter.txt": "{{ body }}",
    "templates/parts/sessions.html": "<ul>{% for each in sessions %}<li>{{ each.day }}</li>{% endfor %}</ul>",
    "templates/parts/sessions.txt": "{% for each in sessions %}- {{ each.day }}\n{% endfor %}",
}
POST = Post("p", "campaigns/c/p.md", "Hello {{ first_name }}", "For {{ first_name }}", "", body_line=5)


class Links:
    _secret = "key"
    webinar = "https://x.example/w?a=1&b=2"
    join = "https://x.example/j"

    def session(self, name: str) -> str:
        return f"https://x.example/s/{name}"

    def post(self, name: str) -> str:
        return f"https://x.example/a/{name}"


def filled(body: str, files: dict[str, str] | None = None, **values: object) -> tuple[str, str]:
    """The body of the page and the text; both ways are compared on the way."""
    post = Press({**FILES, **(files or {})}, PROJECT).compile(replace(POST, body=body))
    sessions = [SimpleNamespace(day=day, name=day.lower()) for day in ("Tue", "Wed")]
    given = {"first_name": "Ana", "links": Links(), "sessions": sessions, **values}
    quick = post.fill(given)
    assert (quick.subject, quick.preview, quick.html.text(), quick.text.text()) == post.fill_slowly(given)
    return quick.html.text().split("<body>")[1].split("</body>")[0].strip(), quick.text.text()


# --- Markdown, then Jinja


@pytest.mark.parametrize(
    "name", ["[x](http://evil)", "**b**", "# h", "<b>", "{{ 7*7 }}", "{% raw %}", "`c`", "![i](u)"]
)
def test_value_is_never_markdown_markup_or_template(name: str) -> None:
    html, text = filled("Hi {{ first_name }},", first_name=name)
    assert html == f"<p>Hi {name.replace('<', '&lt;').replace('>', '&gt;')},</p>"
    assert text == f"Hi {name},"


def test_tags_work_in_every_place_of_markdown() -> None:
    html, text = filled(
        "# {{ first_name }}\n\n`{{ first_name }}` **{{ first_name }}** "
        "[{{ first_name }}](https://x.example/{{ first_name }})"
        "\n\n```\n{{ first_name }}\n```\n\n![{{ first_name }}](https://x.example/i.png '{{ first_name }}')"
    )
    assert html.count("Ana") == 8
    assert "<h1>Ana</h1>" in html
    assert "<code>Ana</code> <strong>Ana</strong>" in html
    assert text.startswith("Ana\n---")
    assert "{{" not in html + text


def test_raw_and_comments_and_single_braces_mean_what_jinja_means() -> None:
    html, text = filled(
        "{% raw %}{{ first_name }} {% if %}{% endraw %} {# gone #}{ x } {{ '{{' }} { {{ first_name }} }"
    )
    assert html == "<p>{{ first_name }} {% if %} { x } {{ { Ana }</p>"
    assert text == "{{ first_name }} {% if %} { x } {{ { Ana }"


def test_statement_alone_on_a_line_is_a_block_and_inline_it_is_not() -> None:
    body = "One\n{% if first_name == 'Ana' %}\ntwo\n{% else %}\nthree\n{% endif %}\n"
    body += "four {% if first_name %}five{% endif %}."
    html, text = filled(body)
    assert [line for line in html.split("\n") if line] == ["<p>One</p>", "<p>two</p>", "<p>four five.</p>"]
    assert text == "One\n\ntwo\n\nfour five."


def test_curly_quotes_and_dashes_stay_as_the_author_wrote_them() -> None:
    said = "“Don’t”—she said... -- \"plain\" 'quotes' – …"
    html, text = filled(said)
    assert html == f"<p>{said}</p>"
    assert text == said


# --- links and blocks


def test_named_links_are_the_readers_own() -> None:
    html, text = filled("[a](webinar:) [b](session:tuesday-noon) [c](post:last-seats) [d](join:)")
    assert 'href="https://x.example/w?a=1&amp;b=2"' in html
    assert 'href="https://x.example/s/tuesday-noon"' in html
    assert 'href="https://x.example/a/last-seats"' in html
    assert "a <https://x.example/w?a=1&b=2> b <https://x.example/s/tuesday-noon>" in text


def test_named_link_takes_a_name_from_a_loop() -> None:
    html, _ = filled("{% for each in sessions %}\n- [go](session:{{ each.name }})\n{% endfor %}")
    assert html.count("<ul>") == 1
    assert 'href="https://x.example/s/tue"' in html
    assert 'href="https://x.example/s/wed"' in html


def test_named_link_in_raw_html_and_unknown_names() -> None:
    html, _ = filled('<a href="webinar:">a</a>\n\n[b](nowhere:)')
    assert 'href="https://x.example/w?a=1&amp;b=2"' in html
    assert 'href="nowhere:"' in html


@pytest.mark.parametrize(
    "body", ["**[Go *now*](webinar:)**", "[Go *now*](webinar:){.button}", "**[Go *now*](webinar:)** "]
)
def test_button_is_a_table_and_two_lines(body: str) -> None:
    html, text = filled(body)
    assert (
        '<td class="button-ground"><a class="button-link" href="https://x.example/w?a=1&amp;b=2">Go <em>now</em></a>'
        in html
    )
    assert html.startswith('<table class="button" role="presentation"')
    assert text == "Go _now_:\nhttps://x.example/w?a=1&b=2"


@pytest.mark.parametrize(
    "body", ["**[a](webinar:) b**", "x **[a](webinar:)**", "[a](webinar:)", "**[a](webinar:)[b](join:)**"]
)
def test_other_paragraphs_are_no_buttons(body: str) -> None:
    assert "button" not in filled(body)[0]


def test_sessions_block() -> None:
    html, text = filled("Before\n\n{{ sessions }}\n\nafter")
    assert html == "<p>Before</p>\n<ul><li>Tue</li><li>Wed</li></ul><p>after</p>"
    assert text == "Before\n\n- Tue\n- Wed\n\nafter"


@pytest.mark.parametrize(
    ("body", "items", "text"),
    [
        ("{% for s in sessions %}\n- {{ s.day }}\n{% endfor %}", ["Tue", "Wed"], "- Tue\n- Wed"),
        ("- a\n{% if first_name == 'Ana' %}\n- b\n{% endif %}\n- c", ["a", "b", "c"], "- a\n- b\n- c"),
        ("{% if first_name != 'Ana' %}\n- a\n{% else %}\n- b\n{% endif %}", ["b"], "- b"),
        ("- a\n{% for s in sessions %}\n- {{ s.day }}\n{% endfor %}", ["a", "Tue", "Wed"], "- a\n- Tue\n- Wed"),
        ("1. a\n{% if first_name %}\n2. b\n{% endif %}", ["a", "b"], "- a\n- b"),
    ],
)
def test_statements_between_items_leave_one_list(body: str, items: list[str], text: str) -> None:
    html, said = filled(body)
    assert html.count("<ul>") + html.count("<ol>") == 1
    assert [part.split("<")[0].strip() for part in html.split("<li>")[1:]] == items
    assert said.rstrip("\n") == text


def test_text_part_says_what_the_page_says() -> None:
    _, text = filled(
        "> Quoted *words*\n>\n> - one\n\n1. first\n2. second\n   - inner\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n\n"
        "~~no~~ <https://x.example> [https://x.example](https://x.example) ![A hand](https://x.example/i.png)[^n]\n\n"
        "<div>raw <b>html</b><br>here</div>\n\nline  \nbreak\n\n[^n]: A note."
    )
    assert text == (
        "> Quoted _words_\n>\n> - one\n\n1. first\n2. second\n   - inner\n\na | b\n-----\n1 | 2\n\n* * *\n\n"
        "~no~ https://x.example https://x.example [A hand][1]\n\nraw html\nhere\n\nline\nbreak\n\n[1] A note."
    )


def test_footnotes_are_plain_and_not_links() -> None:
    html, _ = filled("x[^1]\n\n[^1]: Note.")
    assert "<sup>[1]</sup>" in html
    assert '<div class="note">[1] <p>Note.</p>' in html.replace("\n", "")
    assert "href" not in html


# --- subject, preview, language, layouts


def test_subject_and_preview_are_one_line_without_control_characters() -> None:
    post = Press(FILES, PROJECT).compile(POST)
    quick = post.fill({"first_name": "A\r\nBcc: x\x00 & <b>"})
    assert quick.subject == "Hello A Bcc: x & <b>"
    assert quick.preview == "For A Bcc: x & <b>"


def test_language_decides_the_direction() -> None:
    for language, direction in (("en", "ltr"), ("pt-BR", "ltr"), ("he", "rtl"), ("AR-eg", "rtl")):
        post = Press(FILES, PROJECT).compile(replace(POST, language=language))
        assert f'lang="{language}" dir="{direction}"' in post.fill({"first_name": "x"}).html.text()
    with pytest.raises(TemplateFault, match="language tag"):
        Press(FILES, PROJECT).compile(replace(POST, language='en" onload="x'))


def test_post_may_name_its_layout_and_project_values_are_escaped() -> None:
    files = {
        **FILES,
        "templates/plain.html": "<!DOCTYPE html><html><body title='{{ project.name }}'>"
        "{{ body }} {{ sender.initials }}</body></html>",
        "templates/plain.txt": "{{ project.name }}: {{ body }}",
    }
    press = Press(files, replace(PROJECT, name='A "B" & <C>'))
    quick = press.compile(replace(POST, layout="plain", body="x")).fill({"first_name": "Ana"})
    assert 'A "B" &amp; &lt;C&gt;' in quick.html.text()
    assert "LR" in quick.html.text()
    assert quick.text.text().startswith('A "B" & <C>: x')


def test_name_that_a_layout_takes_for_itself_is_left_to_it() -> None:
    layout = (
        "<!DOCTYPE html><html><body>{% for project in ['a', 'b'] %}{{ project }}{% endfor %}{{ body }}</body></html>"
    )
    html, _ = filled("x", {"templates/letter.html": layout})
    assert html == "ab<p>x</p>"


def test_compiled_post_is_kept_until_it_changes() -> None:
    press = Press(FILES, PROJECT)
    first = press.compile(POST)
    assert press.compile(replace(POST)) is first
    assert press.compile(replace(POST, body="new")) is not first
    other = press.compile(replace(POST, path="campaigns/d/p.md"))
    assert other is not press.compile(replace(POST, body="new"))


# --- faults


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        ("Hi\n\n{{ frist_name }}", "campaigns/c/p.md:7", "'frist_name' is undefined"),
        ("Hi\n{{ first_name", "campaigns/c/p.md:6", "end of template"),
        ("Hi\n\n{% if first_name %}", "campaigns/c/p.md:7", "end of template"),
        ("Hi {{ first_name|shout }}", "campaigns/c/p.md:5", "shout"),
        ("a\n\n- x\n- {{ links.nothing }}", "campaigns/c/p.md:8", "nothing"),
        ("{{ 1 // 0 }}", "campaigns/c/p.md:5", "ZeroDivisionError"),
        ("{{ first_name.__class__ }}", "campaigns/c/p.md:5", "unsafe"),
        ("{{ links.__init__.__globals__ }}", "campaigns/c/p.md:5", "unsafe"),
        ("{{ links._secret }}", "campaigns/c/p.md:5", "unsafe"),
        ("{{ links.webinar }}{{ links._secret }}", "campaigns/c/p.md:5", "unsafe"),
        ("{{ sessions.append(1) }}", "campaigns/c/p.md:5", "unsafe"),
        ("{{ 'x' * 100000000 }}", "campaigns/c/p.md:5", "too long"),
        ("{{ 9 ** 99999999 }}", "campaigns/c/p.md:5", "too large"),
        ("{% for a in range(100000) %}x{% endfor %}", "campaigns/c/p.md:5", "too long"),
        ("{% include '../drip.yaml' %}", "campaigns/c/p.md:5", "drip.yaml"),
        ("{% include 'mails/../../drip.yaml' %}", "campaigns/c/p.md:5", "drip.yaml"),
    ],
)
def test_fault_names_file_and_line(body: str, place: str, message: str) -> None:
    with pytest.raises(TemplateFault) as fault:
        filled(body, {"drip.yaml": "secret"})
    assert str(fault.value).startswith(f"{place}: ")
    assert message in str(fault.value)
    assert isinstance(fault.value, DripError)
    assert fault.value.exit_code == 4


def test_page_without_end_is_stopped() -> None:
    body = "{% for a in range(9000) %}" + "xxxxxxxxxx" * 50 + "{% endfor %}"
    with pytest.raises(TemplateFault, match=r"p\.md:5: the page grows beyond 2 MB"):
        filled(body)


def test_fault_in_a_layout_or_a_part_is_shown_there() -> None:
    layout = "<!DOCTYPE html>\n<html><body>\n{{ body }}\n{{ nothing }}</body></html>"
    with pytest.raises(TemplateFault, match=r"^templates/letter\.html:4: 'nothing' is undefined"):
        filled("x\n\ny", {"templates/letter.html": layout})
    with pytest.raises(TemplateFault, match=r"^templates/letter\.html:2: "):
        filled("x", {"templates/letter.html": "{{ body }}\n{% if %}"})
    with pytest.raises(TemplateFault, match=r"^templates/parts/sessions\.html:2: "):
        filled("{{ sessions }}", {"templates/parts/sessions.html": "x\n{{ nope }}"})
    with pytest.raises(TemplateFault, match=r"^templates/inc\.html:2: "):
        filled("{% include 'inc.html' %}", {"templates/inc.html": "x\n{{ nope }}"})
    with pytest.raises(TemplateFault, match=r"^templates/inc\.html:3: "):
        filled("{% include 'inc.html' %}", {"templates/inc.html": "x\n\n{% nope %}"})


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"templates/letter.html": "no slot"}, "templates/letter.html: a layout needs"),
        ({"templates/letter.html": "{{ body }}{{ body }}"}, "exactly once"),
    ],
)
def test_layout_that_cannot_hold_a_post(files: dict[str, str], message: str) -> None:
    with pytest.raises(TemplateFault, match=message):
        filled("x", files)


def test_missing_layout_and_missing_part_are_named() -> None:
    with pytest.raises(TemplateFault, match=r"templates/gone\.html: there is no layout `gone`"):
        Press(FILES, PROJECT).compile(replace(POST, layout="gone"))
    files = {path: text for path, text in FILES.items() if "parts" not in path}
    with pytest.raises(TemplateFault, match=r"templates/parts/sessions\.html"):
        Press(files, PROJECT).compile(replace(POST, body="{{ sessions }}"))


def test_fault_in_the_subject_shows_the_subject() -> None:
    with pytest.raises(TemplateFault, match=r"in `Hello \{\{`"):
        Press(FILES, PROJECT).compile(replace(POST, subject="Hello {{"))


def test_styles_that_cannot_be_inlined_are_a_fault_of_the_sheet() -> None:
    layout = "<!DOCTYPE html><html><head><style>{{ css }}</style></head><body>{{ body }}</body></html>"
    nested = "@media print { @media screen { p { color: #111111; } } }"
    with pytest.raises(TemplateFault, match=r"templates/letter\.css: these styles cannot be inlined"):
        filled("x", {"templates/letter.html": layout, "templates/letter.css": nested})
