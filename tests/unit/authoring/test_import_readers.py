"""The readers of exports: what is recognized, what hostile and damaged files do, and what WordPress and Hugo leave."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drip.authoring.front_matter import split_front_matter
from drip.authoring.importing.blogger import blogger_posts
from drip.authoring.importing.convert import convert
from drip.authoring.importing.dom import Losses
from drip.authoring.importing.feed import feed_posts
from drip.authoring.importing.foreign import ForeignPost, LeftOut, Markup, as_line, day_of, decode
from drip.authoring.importing.ghost import ghost_posts
from drip.authoring.importing.recognize import Kind, recognize
from drip.authoring.importing.shortcodes import settle_addresses, settle_markup
from drip.authoring.importing.sites import site_address, site_post
from drip.authoring.importing.tables import buttondown_posts, substack_posts
from drip.authoring.importing.wordpress import settle, wordpress_posts
from drip.errors import DripError, Unreadable

WXR = (
    '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:wp="http://wordpress.org/export/1.2/"><channel>'
)
ITEM = (
    "<item><title>{title}</title><guid>g{title}</guid><wp:post_type>post</wp:post_type><wp:status>publish</wp:status>"
    "<content:encoded><![CDATA[{body}]]></content:encoded></item>"
)


def posts(found: Iterator[ForeignPost | LeftOut]) -> list[ForeignPost]:
    return [each for each in found if isinstance(each, ForeignPost)]


def wxr(*bodies: str) -> bytes:
    items = "".join(ITEM.format(title=number, body=body) for number, body in enumerate(bodies))
    return f'<?xml version="1.0"?>{WXR}{items}</channel></rss>'.encode()


# --- what it is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"PK\x03\x04...", "x.txt", Kind.ZIP),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>", "x", Kind.PAGE),
        (b"<!-- saved --><html lang='en'>", "x.txt", Kind.PAGE),
        ("<html>é".encode("utf-16"), "x", Kind.PAGE),
        (b"<p>words</p>", "x", Kind.PAGE),
        (b"<p>words</p>", "x.md", Kind.TEXT),
        (b"just words", "x.html", Kind.PAGE),
        (b"just words", "x", Kind.TEXT),
        (b"---\ntitle: x\n---\n", "x.md", Kind.TEXT),
        (wxr("x"), "x.txt", Kind.WORDPRESS),
        (b"<?xml version='1.0'?><!-- " + b"long " * 500 + b"-->" + WXR.encode(), "x", Kind.WORDPRESS),
        (b"<rss version='2.0'><channel>", "x.html", Kind.FEED),
        (b"<?xml version='1.0'?><rdf:RDF xmlns:rdf='x'>", "x", Kind.FEED),
        (b"<feed xmlns='http://www.w3.org/2005/Atom'><id>x</id>", "x", Kind.FEED),
        (b"<feed xmlns='http://www.w3.org/2005/Atom'><id>tag:blogger.com,1999:blog-1</id>", "x", Kind.BLOGGER),
        (b"<?xml version='1.0'?><svg/>", "x", Kind.UNKNOWN),
        (b'{"db": [{"meta": {}, "data": {}}]}', "x", Kind.GHOST),
        (b'{"a": 1}', "x.json", Kind.UNKNOWN),
        (b"[draft] words", "x", Kind.TEXT),
        (b"\x89PNG\r\n\x1a\n\0\0", "x.png", Kind.UNKNOWN),
        (b"", "x", Kind.TEXT),
    ],
)
def test_what_a_file_is(head: bytes, name: str, kind: Kind) -> None:
    assert recognize(head, name) is kind


@given(st.binary(max_size=200), st.sampled_from(("", "x.md", "x.html", "x.json", "x.xml")))
@example(b"<!DOCTYPE x [", "")
@settings(max_examples=150, deadline=None)
def test_any_file_is_something(head: bytes, name: str) -> None:
    assert recognize(head, name) in Kind


# --- hostile and damaged XML -----------------------------------------------------------------------------------

LAUGHS = "<!DOCTYPE rss [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY a{n} '{f'&a{n - 1 or str()};' * 10}'>" for n in range(1, 10)
)
OUTSIDE = "<!DOCTYPE rss [<!ENTITY a SYSTEM 'file:///etc/passwd'>"


@pytest.mark.parametrize("subset", [LAUGHS, OUTSIDE], ids=["laughs", "outside"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(subset: str, encoding: str) -> None:
    text = (
        f"<?xml version='1.0' encoding='{encoding}'?>{subset}]>{WXR}<item><title>&a9;&a;</title></item></channel></rss>"
    )
    data = text.encode(encoding)
    with pytest.raises(Unreadable, match="entities"):
        list(wordpress_posts(io.BytesIO(data), []))
    with pytest.raises(Unreadable, match="entities"):
        list(blogger_posts(io.BytesIO(data), []))
    with pytest.raises(Unreadable, match="entities"):
        list(feed_posts(data, "", []))


def test_a_file_that_breaks_off_gives_what_it_has() -> None:
    notes: list[str] = []
    data = wxr("one", "two", "three")
    assert [each.title for each in posts(wordpress_posts(io.BytesIO(data[: data.rindex(b"three")]), notes))][:2] == [
        "0",
        "1",
    ]
    assert notes
    assert notes[0].startswith("the file is damaged")


def test_control_characters_and_bad_bytes_do_not_stop_it() -> None:
    data = wxr("o\x08ne \x0b", "two \ud800 é".encode("utf-8", "ignore").decode(), "three").replace(b"\xc3\xa9", b"\xe9")
    assert [each.title for each in posts(wordpress_posts(io.BytesIO(data), []))] == ["0", "1", "2"]


def test_no_xml_is_refused() -> None:
    with pytest.raises(Unreadable):
        list(wordpress_posts(io.BytesIO(b""), []))
    with pytest.raises(Unreadable):
        list(feed_posts(b"no feed at all", "", []))


@given(st.binary(max_size=300))
@example(wxr("x")[:-30])
@example(b"<rss><item><item/></item>")
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for reader in (
        lambda: list(wordpress_posts(io.BytesIO(data), [])),
        lambda: list(blogger_posts(io.BytesIO(data), [])),
        lambda: list(feed_posts(data, "", [])),
        lambda: list(ghost_posts(data, "", [])),
    ):
        try:
            reader()
        except DripError:
            continue


class Endless:
    """A stream of a WordPress export of many posts, made while it is read."""

    def __init__(self, size: int) -> None:
        body = "<p>" + "Salt is cheap. " * 600 + "</p>"
        self._item = ITEM.format(title="t", body=body).encode()
        self._left = size // len(self._item)
        self._buffer = bytearray(f"<?xml version='1.0'?>{WXR}".encode())

    def read(self, size: int = -1) -> bytes:
        while len(self._buffer) < size and self._left >= 0:
            self._buffer += self._item if self._left else b"</channel></rss>"
            self._left -= 1
        out = bytes(self._buffer[:size])
        del self._buffer[:size]
        return out


@pytest.mark.slow
def test_an_export_of_100_mb_is_never_held_as_a_whole() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    number = sum(1 for _ in wordpress_posts(Endless(100_000_000), []))  # type: ignore[arg-type]
    assert number > 10_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # kilobytes


# --- WordPress -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "html", "lost"),
    [
        ("one\ntwo\n\nthree", "<p>one<br>\ntwo</p>\n\n<p>three</p>", {}),
        ("a [sic] [1] b", "<p>a [sic] [1] b</p>", {}),
        ("a [gallery] b", "<p>a  b</p>", {"shortcode": 1}),
        ('[box color="x"]kept[/box]', "<p>kept</p>", {"shortcode": 1}),
        ("[note]kept[/note]", "<p>kept</p>", {"shortcode": 1}),
        ("[[gallery]]", "<p>[gallery]</p>", {}),
        ("<pre>[gallery]\n\n\nx</pre>", "<pre>[gallery]\n\n\nx</pre>", {}),
        ("use <code>[gallery]</code> so", "<p>use <code>[gallery]</code> so</p>", {}),
        (
            "[embed]https://e.example/x[/embed]",
            '<p><a href="https://e.example/x">https://e.example/x</a></p>',
            {"embed": 1},
        ),
        ("<!-- wp:paragraph -->\n<p>a</p>\n<!-- /wp:paragraph -->", "\n<p>a</p>\n", {}),
        ("<h2>a</h2>\n\nb", "<h2>a</h2>\n\n<p>b</p>", {}),
    ],
)
def test_the_marks_of_wordpress(text: str, html: str, lost: dict[str, int]) -> None:
    settled, losses = settle(text)
    assert settled == html
    assert {what: number for what, number in losses.items() if number} == lost


# --- Hugo and Jekyll -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{{< figure src="/a.png" alt="A" >}}', "![A](/a.png)"),
        ("{{< youtube abc >}}", "[https://www.youtube.com/watch?v=abc](https://www.youtube.com/watch?v=abc)"),
        ("{{% box %}}in{{% /box %}}", "in"),
        ("{{</* shown */>}}", ""),
        ("`{{< x >}}` and `` {% y %} ``", "`{{< x >}}` and `` {% y %} ``"),
        ("```\n{% y %}\n```", "```\n{% y %}\n```"),
        ("{% highlight rb %}\n{{ x }}\n{% endhighlight %}", "\n```rb\n{{ x }}\n```\n"),
        ("a {% comment %}b{% endcomment %}c", "a c"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("a{: .note }", "a"),
        ("<script>x</script>a<style>y</style>", "a"),
        ('<iframe width="1" src="https://e.example/x"></iframe>', "[https://e.example/x](https://e.example/x)"),
        ("<img src='a' onerror='x()' onload=y>", "<img src='a'>"),
        ("[a](javascript:x) <a href='JavaScript:y'>b</a>", "[a](#) <a href='#'>b</a>"),
    ],
)
def test_tags_of_sites(text: str, expected: str) -> None:
    assert settle_markup(text, Losses()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("![a](/x.png)", "![a](https://e.example/x.png)"),
        ('[![a](x.png)](/y "t")', '[![a](https://e.example/p/x.png)](https://e.example/y "t")'),
        ("[a](webinar:) [b](#c) [d](e.md)", "[a](webinar:) [b](#c) [d](e.md)"),
        ("`![a](x.png)` ![b](<c d.png>)", "`![a](x.png)` ![b](https://e.example/p/c%20d.png)"),
        ('<img alt="a" src="x.png">', '<img alt="a" src="https://e.example/p/x.png">'),
    ],
)
def test_addresses_of_markdown_become_whole(text: str, expected: str) -> None:
    assert settle_addresses(text, "https://e.example/p/", lambda _, whole: whole, Losses()) == expected


def test_both_forms_of_front_matter_and_the_names_of_files() -> None:
    toml = site_post(
        "content/a/b.md", '+++\ntitle = "T"\ndate = 2021-04-05\ndraft = true\n+++\nx', site="https://e.example"
    )
    assert isinstance(toml, ForeignPost)
    assert (toml.title, toml.date, toml.is_draft, toml.url) == ("T", "2021-04-05", True, "https://e.example/a/b/")
    dated = site_post("_posts/2020-01-02-x-y.md", "\ufeff---\r\ntitle: 'T: x'\r\ntags: [a, b]\r\n---\r\nx\r\n", site="")
    assert isinstance(dated, ForeignPost)
    assert (dated.title, dated.date, dated.tags, dated.slug) == ("T: x", "2020-01-02", ("a", "b"), "x-y")
    assert site_post("README.md", "# Hi", site="") == LeftOut("page")


@pytest.mark.parametrize(
    ("name", "text", "address"),
    [
        ("hugo.toml", 'baseURL = "https://e.example/"', "https://e.example/"),
        ("hugo.toml", "no toml [", ""),
        ("_config.yml", "title: x\nurl: 'https://e.example' # here", "https://e.example"),
        ("_config.yml", "url: ''", ""),
    ],
)
def test_where_a_site_is(name: str, text: str, address: str) -> None:
    assert site_address(name, text) == address


@given(st.text(alphabet="{}%<>#/*[]()!`~\n ab.x\"'=:-+\\", max_size=80))
@example("{{<{{%{%{{")
@example("+++\n+++\n{{ x }}")
@settings(max_examples=200, deadline=None)
def test_any_markdown_of_a_site_becomes_a_draft_that_runs_nothing(text: str) -> None:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    lexer = ImmutableSandboxedEnvironment().lexer
    for found in (
        site_post("_posts/x.md", f"---\ntitle: {text[:9].split(chr(10))[0]}\n---\n{text}", site="https://e.example"),
        ForeignPost(source="buttondown:1", body=text, markup=Markup.MARKDOWN, title=text),
        ForeignPost(source="ghost:1", body=text, markup=Markup.TEXT),
    ):
        assert isinstance(found, ForeignPost)
        draft = convert(found).draft.markdown
        assert split_front_matter(draft, "x.md")[1] == []
        assert {token for _, token, _ in lexer.tokeniter(draft, None)} <= {"data", "raw_begin", "raw_end"}


@pytest.mark.timeout(120)  # what reads on to the end at each opening would take hours
@pytest.mark.parametrize("piece", ["{{< x ", "{% x ", "<iframe ", "<script ", "![", "[a](", "`` ", "{{< x" + " " * 50])
def test_openings_without_an_end_cost_little(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    settled = settle_addresses(settle_markup(text, Losses()), "", lambda _, whole: whole, Losses())
    assert len(settled) >= len(text) // 2


# --- tables, Ghost, bytes --------------------------------------------------------------------------------------


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(Unreadable, match="no column `title`"):
        list(substack_posts("post_id\n1.x\n", [], lambda _: None, ""))
    with pytest.raises(Unreadable, match="damaged"):
        list(buttondown_posts('subject,slug\n"' + "x" * 200_000 + '",y\n', lambda _: None, ""))
    assert (
        list(buttondown_posts("subject,slug\nA,../x\nB\n", lambda name: None, ""))
        == [LeftOut("post without its file")] * 2
    )


def test_ghost_may_be_wrapped_or_not() -> None:
    for text in (
        '{"data": {"posts": [{"id": 1, "title": "T", "html": "x"}]}}',
        '{"db": [{"data": {"posts": [{"id": 1}]}}]}',
    ):
        assert posts(ghost_posts(text.encode(), "", []))[0].source == "ghost:1"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é".encode(), "é"),
        (b"\xef\xbb\xbf\xc3\xa9", "é"),
        ("é".encode("utf-16"), "é"),
        (b"<meta charset=iso-8859-2>\xe8", "<meta charset=iso-8859-2>č"),
        (b"<meta charset=utf-16>x", "<meta charset=utf-16>x"),
        (b"<meta charset=zip>x", "<meta charset=zip>x"),
        (b"<meta charset=base64>x", "<meta charset=base64>x"),
        (b"\x93x\x94", "“x”"),
    ],
)
def test_bytes_become_text(data: bytes, text: str) -> None:
    assert decode(data)[0] == text


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2020-06-17T23:30:00-07:00", "2020-06-17"),
        ("Wed, 17 Jun 2020 08:00:00 +0200", "2020-06-17"),
        ("2020-06-17 10:00:00 UTC", "2020-06-17"),
        ("June 17, 2020", "2020-06-17"),
        ("2020-13-01", ""),
        ("Wed, 99 Jun 2020 08:00:00", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_moments_become_days(text: str, day: str) -> None:
    assert day_of(text) == day


def test_titles_lose_their_tags() -> None:
    assert as_line("A <i>b</i> &amp;\n c") == "A b & c"
