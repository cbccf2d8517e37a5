"""Random documents, hostile names and hostile addresses: the fast path must equal the slow one to the byte."""

from __future__ import annotations

import os
import random
from types import SimpleNamespace

import pytest

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

NAMES = (
    "Ana",
    "there",
    "",
    " ",
    "  Ann",
    "Ann ",
    "O'Neil",
    'Anna "Nan" Lee',
    "<b>x</b>",
    "a < b > c",
    "AT&T",
    "AT&",
    "&amp;",
    "&lt;script&gt;",
    "&{x}",
    "{{ 7*7 }}",
    "{% if %}",
    "{#",
    "[x](http://evil)",
    "**bold**",
    "José 🎉",
    "李雷",
    "\u202eabc",
    "a\u00a0b",
    "\u00a0",
    "x\ny",
    "x\r\ny",
    "a\tb",
    "\x00\x07bad\x92",
    "\ud800",
    "--",
    "-->",
    "]]>",
    "%41%zz",
    "qdv0x0z",
    "qdv0x1z",
    "qtag0x0z",
    "lt;",
    "amp;lt;",
    "#60;",
    "javascript:alert(1)",
    "a" * 300,
    "'",
    '"',
    "\\",
    "=",
    "`",
    "/",
    "!--",
    "0",
    "\u200d",
    "👩‍👩‍👧",
    "\ufeffx",
    "\u2028y",
)

URLS = (
    "https://x.example/a?b=c&d=e",
    "http://x.example",
    "mailto:a@x.example",
    "tel:+1234",
    "javascript:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "JAVASCRIPT:x",
    "data:text/html,x",
    "vbscript:x",
    "",
    " ",
    "//evil.example",
    "/path",
    "x",
    "https://x.example/é?q=ü ö",
    'https://x.example/"onload="x',
    "https://x.example/'",
    " https://x.example/ ",
    "https://x.example/a b<c>",
    "https://x.example/[1]{2}|3^4`5\\6",
    "https://x.example/%41%zz",
    "https://x.example/&",
    "https://x.example/&{a}",
    "https://x.example/\n?x",
    "HTTPS://X.EXAMPLE",
    "ftp://x.example",
)

FRAGMENTS = (
    "Hi {{ name }},",
    "# Hello {{ name }}",
    "## {{ name }}",
    "**{{ name }}** and *{{ name }}*",
    "`{{ name }}`",
    "> {{ name }} said so",
    "- {{ name }}\n- two",
    "1. {{ name }}\n2. two",
    "[{{ name }}]({{ url }})",
    "[go]({{ url }}?x={{ name }})",
    "[go](https://x.example/{{ name }}?a=1&b={{ name }})",
    "[t](https://x.example '{{ name }}')",
    "![{{ name }}](https://x.example/i.png)",
    "![pic]({{ url }})",
    "**[{{ name }}]({{ url }})**",
    "<{{ url }}>",
    "[{{ name }}](webinar:){.button}",
    "{{ name }}{{ name }}",
    "a{{ name }}b",
    "x&{{ name }}",
    "x &amp;{{ name }};",
    "{% if name == 'Ana' %}\nfor Ana\n{% else %}\nfor others, {{ name }}\n{% endif %}",
    "{% for n in names %}\n- {{ n }}\n{% endfor %}",
    "{% for n in names %}{{ loop.index }} {{ n }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "| a | b |\n|---|--:|\n| {{ name }} | {{ url }} |",
    "~~{{ name }}~~",
    "note[^1]\n\n[^1]: {{ name }}\n",
    "```\n{{ name }}\n```",
    "    {{ name }}",
    '<div class="{{ name }}">x</div>',
    '<p style="color: {{ name }}">{{ name }}</p>',
    '<p title="{{ name }}">t</p>',
    "<p title='{{ name }}'>t</p>",
    "<p title='\"{{ name }}'>t</p>",
    "<p title=a{{ name }}>t</p>",
    '<p data-x="{{ name }}" title="a &amp; {{ name }} {{ name }}">t</p>',
    "<a href={{ url }}>q</a>",
    '<a href="{{ url }}">q</a>',
    '<a href=" {{ url }}">q</a>',
    '<a href="x{{ url }}">q</a>',
    '<a href="{{ url }}{{ url }}">q</a>',
    '<a name="{{ name }}">q</a>',
    '<table width="{{ name }}"><tr><td>{{ name }}</td></tr></table>',
    "<table><tr>{{ name }}<td>x</td></tr></table>",
    "<!-- {{ name }} -->",
    '<!--[if mso]><a href="{{ url }}">{{ name }}</a><![endif]-->',
    "<!--{{ name }}-->",
    '<!--[if mso]><a href="{{ url }}?x={{ name }}">x</a><![endif]-->',
    "<![if !mso]>{{ name }}<![endif]>",
    "<p>a<div>{{ name }}</div>",
    "<p>{% if name %}<div>{{ name }}</div>{% endif %}</p>",
    "<{{ name }}>",
    "<p {{ name }}>x</p>",
    "<textarea>{{ name }}</textarea>",
    "<script>{{ name }}</script>",
    "<pre>{{ name }}</pre>",
    "<pre>\n{{ name }}\n</pre>",
    '<select><option value="{{ name }}">{{ name }}</select>',
    "<style>.x { color: {{ name }} }</style>",
    '<img src="{{ url }}" alt="{{ name }}">',
    "{{ name|upper }} {{ name|length }}",
    "{{ name|e }}",
    "{{ name|safe }}",
    "{{ ('<b class=k>' ~ name|e ~ '</b>')|safe }}",
    "{{ 5 }} {{ 1.5 }} {{ none }} {{ true }}",
    "{% set x %}{{ name }}{% endset %}{% if x == 'Ana' %}yes{% else %}no{% endif %}",
    "{% filter upper %}{{ name }}{% endfilter %}",
    "{% macro box(x) %}[{{ x }}]{% endmacro %}{{ box(name) }}",
    "{% macro box2(x) %}[{{ x }}]{% endmacro %}{% if box2(name) == '[Ana]' %}yes{% endif %}",
    "{% autoescape false %}{{ name }}{% endautoescape %}",
    "{% raw %}{{ name }}{% endraw %}",
    "{# {{ name }} #}",
    "{ {{ name }} }",
    "{{ '{{' }}{{ name }}",
    "x {%- if name %} {{ name }} {%- endif %} y",
    "{{ name ~ '<' }}",
    "{{ names|join(', ') }}",
    "{{ names }}",
    "{{ sessions }}",
    "{% include 'inc.html' %}",
    '<p id="{{ name }}">i</p>',
    '<div align="{{ name }}" title="&quot;{{ name }}">i</div>',
    '<p title="{{ name }}{">x</p>',
    "&#{{ name }} &a{{ name }}",
    "<br>{{ name }}",
    "<b>{{ name }}</b>{{ name }}",
    "{% macro outer() %}<i>{{ caller(name) }}</i>{% endmacro %}{% call(x) outer() %}{{ x }}{% endcall %}",
    '<svg><text x="{{ name }}">{{ name }}</text></svg>',
    '<blockquote cite="{{ url }}">{{ name }}</blockquote>',
    '<td background="{{ url }}">{{ name }}</td>',
    "::: callout {{ name }}\n{{ name }}\n:::",
    "::: columns\n{{ name }}\n\n***\n\n[x]({{ url }})\n:::",
    ":::: columns\n{% for n in names %}\n- {{ n }}\n{% endfor %}\n\n***\n\n::: callout\n{{ name }}\n:::\n::::",
    '![{{ name }}]({{ url }} "{{ name }}")',
    "> {{ name }}\n>\n> — {{ name }}",
    '<form action="{{ url }}"><input value="{{ name }}" name="{{ name }}"></form>',
)

LAYOUTS = (
    '<!DOCTYPE html>\n<html lang="{{ lang }}"><head><title>{{ post.subject }}</title><style>{{ css }}</style>'
    "{{ head_styles }}</head>"
    '<body><div class="card">{{ body }}</div><p>{{ name }}</p></body></html>\n',
    "<!DOCTYPE html>\n<html><head><style>{{ css }}</style></head><body>{{ name }} {{ body }} {{ name }}</body></html>",
    "<!DOCTYPE html>\n<html><head><style>{{ css }}</style></head>"
    "<body>{{ body }}{% block b %}{{ name }}{% endblock %}</body></html>",
)

SHEETS = (
    ".card { color: #111111; } .card p { margin: 0 0 1px; } a { color: #222222; }",
    "p { font-size: 15px; } p + p { color: #333333; } [title] { color: #444444; } td { text-align: right; width: 9px }",
    "p:first-child { color: #555555; } .Ana { color: #666666; } #Ana { margin: 0; } [data-x='Ana'] { top: 0; } "
    "li { color: #777777 !important; }",
)

POST = Post("p", "campaigns/c/p.md", "About {{ name }}", "{{ name }}!", "")


def document(dice: random.Random) -> CompiledPost:
    body = "\n\n".join(dice.choice(FRAGMENTS) for _ in range(dice.randint(1, 6)))
    files = {
        "templates/letter.html": dice.choice(LAYOUTS),
        "templates/letter.txt": "{{ body }}\n-- \n{{ name }}",
        "templates/letter.css": dice.choice(SHEETS),
        "templates/letter-head.css": "@media (max-width: 1px) { a { color: red !important } }",
        "templates/inc.html": "<p>inc {{ name }}</p>",
        "templates/parts/sessions.html": "{% for n in names %}<p>{{ n }}</p>{% endfor %}",
        "templates/parts/sessions.txt": "{% for n in names %}- {{ n }}\n{% endfor %}",
    }
    return Press(files, PROJECT).compile(Post("p", "campaigns/c/p.md", POST.subject, POST.preview, body))


def reader(dice: random.Random) -> dict[str, object]:
    name = dice.choice(NAMES)
    return {
        "name": name,
        "url": dice.choice(URLS),
        "names": dice.sample(NAMES, dice.randint(0, 2)),
        "sessions": [],
        "links": SimpleNamespace(webinar=dice.choice(URLS)),
    }


SEEDS = int(os.environ.get("DRIP_FUZZ_SEEDS", "12"))
"""Each is 84 pages. `make fuzz` runs through 20,000."""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_fast_and_slow_agree_for_anybody(seed: int) -> None:
    dice = random.Random(seed)
    fast = 0
    for _ in range(28):
        post = document(dice)
        for _ in range(3):
            values = reader(dice)
            slowly = post.fill_slowly(values)
            filled = post.fill(values)
            quickly = (filled.subject, filled.preview, filled.html.text(), filled.text.text())
            assert quickly == slowly, (post.post.body, values, post.slow_because)
        fast += post.slow_because == ""
    assert fast > 10  # or it is only the slow way that agrees with itself
