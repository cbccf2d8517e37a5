"""Templates that loop or grow without end are stopped at their line; escapes are refused; values are only text."""

from __future__ import annotations

import threading
import time
import tracemalloc
from html import escape
from types import SimpleNamespace

import pytest

from drip.authoring.layout import Press
from drip.core.model import Mailbox, Post, ProjectDefinition
from drip.errors import TemplateFault

PROJECT = ProjectDefinition("P", "https://p.example", "1 Street", Mailbox("L", "l@p.example"), "l@p.example", "UTC")
FILES = {
    "templates/letter.html": "<!DOCTYPE html>\n<html><body>{{ body }}</body></html>",
    "templates/letter.txt": "{{ body }}",
    "templates/self.html": "x\n{% include 'self.html' %}",
    **{f"templates/deep{n}.html": f"{{% include 'deep{n + 1}.html' %}}" * 9 for n in range(12)},
    "templates/deep12.html": "x",
}
SECRET = "a secret of the engine"


class Links:
    _key = SECRET

    def session(self, name: str) -> str:
        return f"https://p.example/s/{name}"


def values(**more: object) -> dict[str, object]:
    return {"first_name": "Ana", "links": Links(), "session": SimpleNamespace(day="Monday"), **more}


def post(body: str) -> Post:
    return Post("p", "campaigns/c/p.md", "S", "P", f"One\n\n{body}\n", body_line=5)


ENDLESS = {
    "nested loops": "{% for a in range(3000) %}{% for b in range(3000) %}{% endfor %}{% endfor %}",
    "nested loops that print": "{% for a in range(3000) %}{% for b in range(3000) %}x{% endfor %}{% endfor %}",
    "loop in a set": (
        "{% set a %}{% for a in range(3000) %}{% for b in range(3000) %}x{% endfor %}{% endfor %}{% endset %}"
    ),
    "condition of a loop": "{% for a in range(9999) %}{% for b in range(9999) if false %}{% endfor %}{% endfor %}",
    "product of a text": "{{ 'a' * 10**9 }}",
    "product of a list": "{{ ([0] * 10**9)|length }}",
    "product of products": "{{ ('a' * 1000000) * 1000000 }}",
    "percent": "{{ '%9999999d' % 1 }}",
    "percent filter": "{{ '%9999999d'|format(1) }}",
    "percent star": "{{ '%*d'|format(99999999, 1) }}",
    "percent precision": "{{ '%.99999999f'|format(1) }}",
    "percent key": "{{ '%(a)99999999d'|format(a=1) }}",
    "percent in a test": "{{ '%999999999d' is odd }}",
    "percent divisible": "{{ '%999999999d' is divisibleby 3 }}",
    "method format": "{{ '{:>999999999}'.format(1) }}",
    "method format nested": "{{ '{:>{}}'.format(1, 999999999) }}",
    "method ljust": "{{ 'a'.ljust(10**9) }}",
    "method zfill": "{{ 'a'.zfill(10**9) }}",
    "method expandtabs": "{{ ('\\t' * 9).expandtabs(10**9) }}",
    "method join": "{{ ('a' * 100000).join('b' * 100000) }}",
    "method join of a generator": "{{ ('a' * 100000).join(range(9999)|map('string')) }}",
    "method replace": "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
    "method to_bytes": "{{ (1).to_bytes(10**9, 'big') }}",
    "filter join": "{{ range(9999)|join('b' * 100000) }}",
    "filter replace": "{{ ('a' * 100000)|replace('a', 'b' * 100000) }}",
    "filter center": "{{ 'a'|center(10**9) }}",
    "filter indent": "{{ ('\\n' * 100000)|indent(100000) }}",
    "filter batch": "{{ [1]|batch(10**9, 'x')|list }}",
    "filter slice": "{{ [1]|slice(10**9)|list }}",
    "filter wordwrap": "{{ ('a' * 900000)|wordwrap(1) }}",
    "filter round": "{{ 1.5|round(10**9, 'ceil') }}",
    "filter round of a text": "{{ ('a' * 1000000)|round(9, 'floor') }}",
    "filter tojson": "{{ [[[1]]]|tojson(10**9) }}",
    "filter sum": "{{ ([[1] * 500] * 5000)|sum(start=[]) }}",
    "filter map": "{% for a in range(9999) %}{{ range(9999)|map('upper')|last }}{% endfor %}",
    "power": "{{ 10 ** (10 ** 9) }}",
    "tower of powers": "{% set n = namespace(x=9) %}{% for i in range(99) %}{% set n.x = n.x ** 64 %}{% endfor %}",
    "squares": "{% set n = namespace(x=9) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "doubled by tilde": "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "doubled by plus": "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "doubled list": "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "doubled block": (
        "{% set n = namespace(x='ab') %}{% for i in range(99) %}"
        "{% set x %}{{ n.x }}{{ n.x }}{% endset %}{% set n.x = x %}{% endfor %}"
    ),
    "laughs printed": (
        "{% set n = namespace(x=['ha']) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}"
    ),
    "laughs compared": (
        "{% set n = namespace(x=['ha'], y=['ha']) %}{% for i in range(99) %}"
        "{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}"
    ),
    "laughs in a namespace": (
        "{% set n = namespace(x=['ha']) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n }}"
    ),
    "copies kept": (
        "{% set t = 'a' * 900000 %}{% set n = namespace(x=[]) %}"
        "{% for i in range(9999) %}{% set n.x = n.x + [t[1:]] %}{% endfor %}"
    ),
    "search in a list": (
        "{% set l = range(9999)|list %}{% for i in range(9999) %}{% if -1 in l %}{% endif %}{% endfor %}"
    ),
    "huge range": "{% for a in range(10**9) %}x{% endfor %}",
    "macro calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "macro calls itself twice": (
        "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}"
    ),
    "recursive loop": "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "include of itself": "{% include 'self.html' %}",
    "deep includes": "{% include 'deep0.html' %}",
    "long text in a loop": "{% set t = 'a' * 900000 %}{% for i in range(9999) %}{{ t }}{% endfor %}",
    "long value in a loop": "{% for i in range(9999) %}{{ long }}{% endfor %}",
    "deep brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "deep blocks": "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
    "huge number": "{{ " + "9" * 9000 + " }}",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_template_without_end_is_stopped_in_time(name: str) -> None:
    faults: list[TemplateFault] = []

    def run() -> None:
        try:
            compiled = Press(FILES, PROJECT).compile(post(ENDLESS[name]))
            compiled.fill(values(long="x" * 50_000))
        except TemplateFault as fault:
            faults.append(fault)

    took: list[float] = []

    def timed() -> None:
        run()
        took.append(time.thread_time())

    thread = threading.Thread(target=timed)
    thread.start()
    thread.join()
    assert took[0] < 2
    assert len(faults) == 1
    place = str(faults[0]).split(": ")[0]
    assert place.startswith(("campaigns/c/p.md:", "templates/self.html:", "templates/deep"))
    assert int(place.rpartition(":")[2]) >= 1


@pytest.mark.parametrize("name", ["copies kept", "doubled by tilde", "long text in a loop", "doubled block"])
def test_template_without_end_stays_small(name: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TemplateFault):
            Press(FILES, PROJECT).compile(post(ENDLESS[name])).fill(values(long="x" * 50_000))
        assert tracemalloc.get_traced_memory()[1] < 256_000_000
    finally:
        tracemalloc.stop()


def test_ordinary_templates_have_steps_to_spare() -> None:
    body = (
        "{% for a in range(500) %}{{ a }} {{ '%05.1f'|format(a) }} {{ 'x'.ljust(20) }}{% if a in [1, 2] %}!{% endif %}"
        "{% endfor %} {{ ['a', 'b']|join(', ') }} {{ '{:,}'.format(1234567) }} {{ first_name|replace('A', 'a') }}"
    )
    filled = Press(FILES, PROJECT).compile(post(body)).fill(values())
    assert "1,234,567 ana" in filled.html.text()
    assert "000.0" in filled.text.text()


def test_each_reader_has_all_steps() -> None:
    compiled = Press(FILES, PROJECT).compile(post("{% for a in range(5000) %}{{ loop.index }}{% endfor %}"))
    for _ in range(30):
        compiled.fill_slowly(values())


# --- escapes -----------------------------------------------------------------------------------------------

ESCAPES = (
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''|attr('__cla' ~ 'ss__') }}",
    "{{ [].__class__.__base__ }}",
    "{{ ().__class__.__bases__[0] }}",
    "{{ {}.__class__ }}",
    "{{ links._key }}",
    "{{ links['_key'] }}",
    "{{ links|attr('_key') }}",
    "{{ links.__dict__ }}",
    "{{ links.session.__globals__ }}",
    "{{ links.session.__func__.__code__ }}",
    "{{ links.session.__self__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ range.__globals__ }}",
    "{{ range.__wrapped__.__globals__ }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ '{0.__class__}'.format(links) }}",
    "{{ '{0._key}'.format(links) }}",
    "{{ '{a.__class__}'.format_map({'a': links}) }}",
    "{{ '%s'|attr('__mod__') }}",
    "{{ [links]|map(attribute='_key')|first }}",
    "{{ [links]|map('attr', '_key')|first }}",
    "{{ [links]|groupby('_key')|first|first }}",
    "{{ [links]|sort(attribute='__class__')|first|attr('_key') }}",
    "{{ dict.mro() }}",
    "{{ dict.__subclasses__() }}",
    "{% include '../drip.yaml' %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os.getcwd() }}",
    "{% macro m() %}{% endmacro %}{{ m.__init__.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
    "{% macro m() %}{{ caller._environment }}{% endmacro %}{% call m() %}{% endcall %}",
    "{% for a in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{{ [1].append(2) }}",
    "{{ {'a': 1}.update({'b': 2}) }}",
    "{{ (1).from_bytes([1], 'big') }}",
    "{{ config.items() }}",
    "{{ request.application }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ url_for.__globals__ }}",
    "{% do [1].append(2) %}",
    "{{ first_name.__class__.__init__.__globals__ }}",
)


@pytest.mark.parametrize("body", ESCAPES)
def test_sandbox_escape_is_refused(body: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        Press(FILES, PROJECT).compile(post(body)).fill(values())
    assert SECRET not in str(caught.value)
    assert str(caught.value).startswith("campaigns/c/p.md:7")


# --- injections --------------------------------------------------------------------------------------------

_PROBES = (
    "{{ 7*7 }}", "{{7*'7'}}", "{%print(7*7)%}", "{% if 1 %}x{% endif %}", "{# gone #}", "{{", "}}", "{%", "%}", "#}",
    "${7*7}", "$ {{7*7}}", "#{7*7}", "*{7*7}", "<%= 7*7 %>", "@(7*7)", "{{{7*7}}}", "{{= 7*7 }}", "[[7*7]]", "%{7*7}",
    "{{ links._key }}", "{{ ''.__class__ }}", "{{ config }}", "{{ self }}", "{% raw %}", "{% endraw %}",
    "{% endfor %}", "{% endif %}", "{% include 'self.html' %}", "{{ first_name }}", "{{ body }}", "{{ css }}",
    "{{ links.unsubscribe }}", "{{ cycler.__init__.__globals__ }}", "{{ range(10**9)|list }}", "{{ 'a'*10**9 }}",
    "%s", "%(a)s", "%9999999d", "{0}", "{0.__class__}", "{a}", "%%", "$name", "\\{{ x }}",
    "qdv0x0z", "qtag0x0z", "<!--qtag0x0z-->", "<!--the-sessions-->", "[x](http://evil.example)", "# heading",
    "![x](http://evil.example/a.png)", "**bold**", "`code`", "<b>bold</b>", "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>", "' onmouseover='x", "<!-- x", "--> <b>", "]]>", "&amp;", "&lt;b&gt;", "&#x41;",
    "</td></table>", "</style><style>*{display:none}", "<![if mso]>x<![endif]>", "::: note", "{.button}",
    "webinar:", "javascript:alert(1)",
)  # fmt: skip


@pytest.mark.parametrize("probe", _PROBES)
def test_value_that_looks_like_a_template_comes_out_literally(probe: str) -> None:
    compiled = Press(FILES, PROJECT).compile(post("A[{{ first_name }}]Z"))
    for _ in range(2):
        filled = compiled.fill(values(first_name=probe))
        assert f"A[{probe}]Z" in filled.text.text()
        page = filled.html.text()
        assert f"A[{escape(probe, quote=False)}]Z" in page or f"A[{escape(probe)}]Z" in page
        assert compiled.fill_slowly(values(first_name=probe)) == (
            filled.subject,
            filled.preview,
            page,
            filled.text.text(),
        )
