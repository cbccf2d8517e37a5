"""Escapers write what lxml writes; addresses lead nowhere unless their scheme is allowed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from markupsafe import escape

from drip.authoring.escaping import (
    Odd,
    Trust,
    address_escaper,
    address_part_escaper,
    attribute_escaper,
    clean,
    comment_escaper,
    guard_addresses,
    text_escaper,
)


def written(before: str, value: str, after: str) -> str:
    """What the parser and the writer make of a value that Jinja escaped."""
    html = f"<!DOCTYPE html><html><body>{before}{escape(value)}{after}</body></html>"
    tree = etree.fromstring(html, etree.HTMLParser()).getroottree()
    page = str(etree.tostring(tree, method="html", encoding="utf-8").decode())
    return page.split("<body>")[1].split("</body>")[0].removeprefix(before).removesuffix(after)


PLACES: tuple[tuple[Callable[[], Callable[[str], str]], str, str], ...] = (
    (text_escaper, "<p>a", "b</p>"),
    (attribute_escaper, '<p title="a', 'b">t</p>'),
    (address_part_escaper, '<p><a href="https://x.example/a', 'b">t</a></p>'),
    (lambda: comment_escaper, "<p>x<!--a", "b--></p>"),
)


@pytest.mark.parametrize(("escaper", "before", "after"), PLACES, ids=["text", "attribute", "address", "comment"])
@settings(max_examples=150, deadline=None)
@given(value=st.text(min_size=1, max_size=12) | st.text("&<>\"'{};#ax% \n\t", min_size=1, max_size=12))
def test_escaper_writes_what_lxml_writes(
    escaper: Callable[[], Callable[[str], str]], before: str, after: str, value: str
) -> None:
    value = clean(value)
    if not value.strip():
        return  # blanks are part of the shape
    try:
        quick = escaper()(value)
    except Odd:
        return  # judged with the page around it
    assert quick == written(before, value, after)


@pytest.mark.parametrize("value", [" x", "x ", "\nx", "x\t", "\u00a0x"])
def test_blank_at_an_edge_is_judged_with_the_page_around_it(value: str) -> None:
    for escaper in (text_escaper(), attribute_escaper(), address_part_escaper(), comment_escaper):
        with pytest.raises(Odd):
            escaper(value)


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("Ana", "Ana"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("caf\x92e\x00\x07\x7f", "cafe"),
        ("x\ud800y\ufffe", "xy"),
        ("tab\tand\u00a0nbsp \u200d", "tab\tand\u00a0nbsp \u200d"),
    ],
)
def test_clean_takes_control_characters_only(value: str, cleaned: str) -> None:
    assert clean(value) == cleaned


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)", "vbscript:x",
        "data:text/html,<script>", "file:///etc/passwd", "//evil.example", "/relative", "evil", "", "ftp://x.example",
    ],
)  # fmt: skip
def test_address_of_a_value_with_another_scheme_leads_nowhere(address: str) -> None:
    assert not Trust().allows(address)
    if address and address == address.strip():
        assert address_escaper(Trust())(address) == "#"


@pytest.mark.parametrize("address", ["http://x.example", "HTTPS://x.example", "mailto:a@x.example", "tel:+1"])
def test_four_schemes_are_allowed(address: str) -> None:
    assert address_escaper(Trust())(address) == address


def test_guard_replaces_addresses_wherever_a_tag_stands_and_nothing_else() -> None:
    html = (
        "<p title=\"a href='javascript:1'\">href='javascript:2'</p>"
        "<a title='x' href='javascript:3'>a</a><a href=java&#115;cript:4>b</a>"
        '<!--[if mso]><a href="javascript:5">c</a><![endif]--><img src="https://x.example/i.png">'
    )
    guarded = guard_addresses(html, Trust())
    assert "javascript:1" in guarded
    assert "javascript:2" in guarded
    assert not any(f"cript:{number}" in guarded for number in (3, 4, 5))
    assert guarded.count('href="#"') == 3
    assert "https://x.example/i.png" in guarded


def test_what_the_author_wrote_is_trusted_but_never_scripts() -> None:
    trust = Trust.of('<a href="sms:+1">x</a><img src="cid:logo"><a href="#top">t</a><a href="javascript:x">y</a>')
    assert trust.allows("sms:+1")
    assert trust.allows("cid:logo")
    assert trust.allows("#top")
    assert not trust.allows("javascript:y")
    assert not trust.allows("#other")


@pytest.mark.timeout(10)
def test_tags_that_never_end_cost_no_time() -> None:
    for hostile in ('<a title="' * 3000, "<a " * 20000, "<a x=" + "'" * 20001, "<a " + "x" * 100_000):
        assert guard_addresses(hostile, Trust()) == hostile
        assert guard_addresses(f"<p>{hostile}", Trust()) == f"<p>{hostile}"
