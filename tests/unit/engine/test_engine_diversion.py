"""The notice on top of a redirected mail: where it goes in any page, and that a reader's address cannot break it."""

from __future__ import annotations

import pytest

from drip.core.message import Filled, FilledPost, Headers, Shape
from drip.core.model import Mailbox
from drip.engine.diversion import Diversion, to_author
from tests.stages import START

NOTICE = to_author("me@example.com")


def marked(page: Filled, reader: str = "ann@example.org", diversion: Diversion = NOTICE) -> tuple[Headers, FilledPost]:
    text = Filled(Shape(("Hi ", ",\n")), ("Ann",))
    headers = Headers(Mailbox("", "b@example.com"), Mailbox("Ann", reader), "Hello", START, "<1@example.com>")
    return diversion.mark(headers, FilledPost("Hello", "", page, text))


@pytest.mark.parametrize(
    ("chunks", "values", "before", "after"),
    [
        (
            ("<html><body style='a:b'><p>Hi ", "</p></body>"),
            ("Ann",),
            "<html><body style='a:b'>",
            "<p>Hi Ann</p></body>",
        ),
        (("<BODY>x",), (), "<BODY>", "x"),
        (('<body dir="', '" lang="', '"><p>x</p>'), ("ltr", "en"), '<body dir="ltr" lang="en">', "<p>x</p>"),
        (('<body title="a > b">x',), (), '<body title="a > b">', "x"),
        (("<!doctype html><p>x</p>",), (), "<!doctype html>", "<p>x</p>"),
        (("<p>", "</p>"), ("x",), "", "<p>x</p>"),
    ],
)
def test_the_banner_stands_first_in_the_page(
    chunks: tuple[str, ...], values: tuple[str, ...], before: str, after: str
) -> None:
    _, post = marked(Filled(Shape(chunks), values))
    page = post.html.text()
    assert page.startswith(f"{before}<div ")
    assert page.endswith(f"</div>{after}")
    assert "ann@example.org" in page


def test_an_address_is_text_in_the_page_and_plain_in_the_text_part() -> None:
    _, post = marked(Filled(Shape(("<body>x",)), ()), reader='"<b>&"@example.org')
    assert "&quot;&lt;b&gt;&amp;&quot;@example.org" in post.html.text()
    assert post.text.text().startswith('*** Test mode: this mail is for "<b>&"@example.org and went to you alone.')
    assert post.text.text().endswith(" ***\n\nHi Ann,\n")


def test_the_headers_name_the_author_and_offer_no_button() -> None:
    headers, _ = marked(Filled(Shape(("x",)), ()))
    assert (headers.to, headers.subject, headers.date) == (Mailbox("", "me@example.com"), "[test] Hello", START)
    assert not headers.unsubscribe_url
    assert not headers.unsubscribe_mailto


def test_one_shape_stays_one_shape() -> None:
    # The composer encodes a shape once and knows it by identity.
    page = Shape(("<body>", "</body>"))
    _, first = marked(Filled(page, ("a",)))
    _, second = marked(Filled(page, ("b",)), reader="bob@example.org")
    assert first.html.shape is second.html.shape
    assert first.html.values != second.html.values
