"""Foreign HTML becomes Markdown: what it says stays, what it could do goes, and the real press prints its braces."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from drip.authoring.front_matter import split_front_matter
from drip.authoring.importing.convert import convert
from drip.authoring.importing.dom import Losses
from drip.authoring.importing.foreign import ForeignPost, Markup
from drip.authoring.importing.html_post import html_to_markdown
from drip.authoring.importing.page import read_page
from drip.authoring.layout import Press
from drip.core.model import Mailbox, Post, ProjectDefinition
from drip.errors import DripError

LEXER = ImmutableSandboxedEnvironment().lexer
FILES = {
    "templates/letter.html": "<html><body>{{ body }}</body></html>",
    "templates/letter.txt": "{{ body }}",
    "templates/letter.css": "",
    "templates/letter-head.css": "",
}
PROJECT = ProjectDefinition(
    "Blog", "https://example.com", "1 Road", Mailbox("Ana", "a@example.com"), "b@example.com", "UTC"
)


def markdown(html: str, base: str = "https://blog.example/2020/post.html") -> str:
    return html_to_markdown(html, base=base, place_image=lambda _written, whole: whole, losses=Losses())[0]


def post(html: str, **more: object) -> ForeignPost:
    return ForeignPost(source="s:1", body=html, markup=Markup.HTML, **more)  # type: ignore[arg-type]


def runs_nothing(text: str) -> bool:
    return {token for _, token, _ in LEXER.tokeniter(text, None)} <= {"data", "raw_begin", "raw_end"}


def printed(draft: str) -> tuple[str, str, str, str]:
    """Subject, preview, page and text as our own press prints a draft."""
    head, problems = split_front_matter(draft, "draft.md")
    assert problems == []
    made = Press(FILES, PROJECT).compile(
        Post("p", "campaigns/c/p.md", head.values["subject"], head.values.get("preview", ""), head.body, head.body_line)
    )
    return made.fill_slowly({"project": PROJECT})


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("a<br><br>b", "a\n\nb"),
        ("<p>a<br>b<br></p>", "a\\\nb"),
        ("<ul><li>a<br></li><li>b</li></ul>", "- a\n- b"),
        ("<p>&lt;b&gt;x&lt;/b&gt; &amp;lt; &amp; 1 &lt; 2</p>", r"\<b>x\</b> \&lt; & 1 < 2"),
        ("<p># x</p><p>- y</p><p>1. z</p><p>+ w</p>", "\\# x\n\n\\- y\n\n1\\. z\n\n\\+ w"),
        ("<p>snake_case _x_ *y* `z` [a](b)</p>", r"snake_case \_x\_ \*y\* \`z\` \[a](b)"),
        ("<b>a </b><b>b</b> c", "**a b** c"),
        ('<span style="font-weight:bold">a</span><b style="font-weight:normal">b</b>', "**a**b"),
        ("<p>Wow!<a href='/x'>y</a></p>", r"Wow\![y](https://blog.example/x)"),
        ("<a href='/a b(c)'>x [y]</a>", r"[x \[y\]](https://blog.example/a%20b%28c%29)"),
        ("<a href='https://e.example/{{ 7*7 }}'>x</a>", "[x](https://e.example/%7B%7B%207*7%20%7D%7D)"),
        ("<a href='unsubscribe:'>x</a> <a href='JaVa\tscript:1'>y</a> <a href='#n'>z</a>", "x y z"),
        ('<img src="a.png" alt="](x) <script>">', r"![\](x) \<script>](https://blog.example/2020/a.png)"),
        ('<img src="data:image/png;base64,AA"><img data-src="/b.png" src="data:x">', "![](https://blog.example/b.png)"),
        ("<pre>a\n```\n&lt;b&gt; {{ x }}</pre>", "````\na\n```\n<b> {% raw %}{{{% endraw %} x }}\n````"),
        ("<a href='/x'><h2>Head</h2><p>words</p></a>", "[Head words](https://blog.example/x)"),
        ("<table><tr><td><p>lay</p></td><td>out</td></tr></table>", "lay\n\nout"),
        ("<table><tr><th>a</th></tr><tr><td>1|2</td></tr></table>", "| a |\n| --- |\n| 1\\|2 |"),
        ("<ol start='99999999999999999999'><li>x</li></ol>", "1. x"),
        ("<ol start=3><li>x<ol><li>y</li></ol></li><li><p>z</p><p>w</p></li></ol>", "3. x\n   1. y\n4. z\n\n   w"),
        ("<dl><dt>Salt</dt><dd>is cheap</dd></dl>", "**Salt**\n\nis cheap"),
        ("<p hidden>a</p><p style='display: none'>b</p><template>c</template>d", "d"),
        ("<p>\ue000a\x00b</p>", "ab"),
        ("", ""),
    ],
)
def test_html_becomes_this_markdown(html: str, expected: str) -> None:
    assert markdown(html) == expected


def test_what_goes_is_counted() -> None:
    losses = Losses()
    html = (
        "<script>1</script><form><input></form><iframe src='https://player.vimeo.com/video/5'></iframe>"
        "<video><source src='/a.mp4'></video><img src='t.gif' width=1><div class='sharedaddy'>Share</div>"
        "<object></object>"
    )
    text, _ = html_to_markdown(html, base="https://b.example/", place_image=lambda _, whole: whole, losses=losses)
    assert text == "[Watch this on vimeo.com](https://vimeo.com/5)\n\n[See this on b.example](https://b.example/a.mp4)"
    assert losses.counts == {"script": 1, "form": 1, "embed": 3, "tracking pixel": 1, "widget": 1}
    assert losses.notes == ["lost an embed that says no address"]


def test_an_image_without_a_whole_address_is_told() -> None:
    draft = convert(post("<p>Text.</p><img src='/a.png'>")).draft
    assert "![](/a.png)" in draft.markdown
    assert "cannot say where the image `/a.png` is: there is no address to count from" in draft.report


HOSTILE = (
    "{{ 7*7 }}",
    "{% for x in range(9) %}{% endfor %}",
    "{# gone? #}",
    "{% raw %}{{ 7*7 }}{% endraw %}",
    "{{{ 7*7 }}}",
    "&#123;&#123; 7*7 }}",
    "{<b>{</b> 7*7 }}",
    "{&#x200b;{ x }}",
    "<code>{{ 7*7 }}</code>",
    "<pre>{{ 7*7 }}\n{% if x %}</pre>",
    "{\\{ 7*7 }}",
    "{<span># </span> a #}",
    "{%- set x = 1 -%}",
)


@pytest.mark.parametrize("html", HOSTILE)
def test_the_press_prints_what_was_written_and_runs_nothing(html: str) -> None:
    from html import unescape

    words = unescape(re.sub("<[^>]*>", "", html))
    draft = convert(post(f"<p>begin {html} end</p>" if "<pre" not in html else html, title=words)).draft.markdown
    assert runs_nothing(draft)
    subject, _, page, text = printed(draft)
    # Zero-width space is text, too; blanks at the edges of tags are not what this is about.
    assert words.split() == [w for w in unescape(re.sub("<[^>]*>", "", page)).split() if w not in ("begin", "end")]
    # The plain text of a mail keeps the marks of bold and code.
    plain = re.sub(r"[*`]", "", text).split()
    assert [w for w in plain if w not in ("begin", "end")] == re.sub(r"[*`]", "", words).split()
    assert "49" not in page + text + subject
    assert subject.split() == words.split()


TAGS = "p /p b /b br pre /pre code /code li ul /ul table tr td /table h2 /h2 !-- script /script svg em /em blockquote"
PIECES = r"""{{ }} {% %} {# #} { &#123; &lt; * _ ` ``` [ ]( ) # | \ & ; ! é words <a~href='/x'> <img~src='a'~alt=' '>
 <div~class=' --> <![CDATA[ <iframe~src= <ol~start= {%~raw~%} {%~endraw~%} </a> </em>"""
MARKUP = st.sampled_from(
    [f"<{tag}>" for tag in TAGS.split()]
    + [each.replace("~", " ") for each in PIECES.split()]
    + [" ", "\n", "- ", "1. ", "---\n", "\x00", "\ud800"]
)


@given(st.lists(MARKUP, max_size=40).map("".join), st.text(max_size=20))
@example("<pre>```\n<a href='/x'>{{", "{{ t }}")
@example("<b><p>a</p><pre>b</pre></b>", "'quoted\"")
@example("<a href='/x'><a href='/y'>", "[a, b]")
@example("<div>" * 400 + "deep" + "{{ x }}", "")
@settings(max_examples=200, deadline=None)
def test_any_html_becomes_a_draft_that_loads_and_runs_nothing(html: str, title: str) -> None:
    found = read_page(html, url="https://e.example/", name="page")
    for each in (post(html, title=title, tags=(title,), url="https://e.example/"), found):
        try:
            draft = convert(each).draft
        except DripError:
            continue
        head, problems = split_front_matter(draft.markdown, "draft.md")
        assert problems == []
        assert head.values["subject"]
        assert head.values["source"] == each.source
        assert runs_nothing(draft.markdown)
        assert re.fullmatch("[a-z0-9-]+", draft.slug)


@given(st.lists(MARKUP, max_size=25).map("".join))
@settings(max_examples=60, deadline=None)
def test_the_press_takes_any_draft(html: str) -> None:
    page = printed(convert(post(html, title="T")).draft.markdown)[2]
    assert "<script" not in page.lower()
    assert "<iframe" not in page.lower()


@given(st.text(alphabet="ab*_`[]()<>&#+-=|~!\\{}%1. \n", max_size=50))
@example("a\n===")
@example("![x](y)")
@settings(max_examples=150, deadline=timedelta(seconds=20))
def test_text_in_html_is_printed_as_it_was(text: str) -> None:
    from html import escape, unescape

    page = printed(convert(post(f"<p>x {escape(text)} x</p>", title="T")).draft.markdown)[2]
    assert unescape(re.sub("<[^>]*>", "", page)).split() == ["x", *text.split(), "x"]


# --- pages ---------------------------------------------------------------------------------------------------

LONG = "<p>" + "Salt, pepper, and water make a soup that everybody likes, so they say. " * 5 + "</p>"


def test_the_article_is_found_without_marks() -> None:
    side = (
        "<ul>" + "<li><a href='/x'>A long title of another post that is linked here, and more</a></li>" * 20 + "</ul>"
    )
    page = read_page(f"<title>T</title><div>{side}</div><div id=x>{LONG}{LONG}</div><div>© all</div>", url="", name="n")
    assert "Salt, pepper" in page.body
    assert "another post" not in page.body
    assert any("guessed which part" in each for each in page.notes)
    assert page.source.startswith("page:")


def test_what_the_page_says_about_itself_is_taken() -> None:
    head = (
        '<title>Soup - Ana</title><meta property="og:site_name" content="Ana"><link rel="canonical" href="https://a.example/s">'
        '<script type="application/ld+json">{"@graph": [{"datePublished": "2021-02-03T04:05:06Z"}]}</script>'
    )
    page = read_page(
        f"<html><head>{head}</head><body><article>{LONG}</article></body></html>", url="https://x.example/", name="n"
    )
    assert (page.title, page.date, page.source) == ("Soup", "2021-02-03", "https://a.example/s")


@pytest.mark.timeout(120)  # what looks at everything again for each of them would take hours
@pytest.mark.parametrize(
    "html", ["<ol>" + "<li>x" * 5_000, "<p>x<br>" * 5_000, "<a class=btn href=/x>" * 5_000, "<div>" * 50_000]
)
def test_much_of_one_thing_costs_little(html: str) -> None:
    assert isinstance(markdown(html), str)
