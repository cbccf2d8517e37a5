"""The ways to look at a mail's HTML: its own dark rules, no images, images from the message itself."""

from __future__ import annotations

from email.message import EmailMessage

from hypothesis import given, settings
from hypothesis import strategies as st

from drip.sandbox.lenses import framed, in_scheme, knows_dark, without_images

DARK = "<style>p { color: black } @media (prefers-color-scheme: dark) { p { color: white } }</style>"
LIGHT = "<style>@media (prefers-color-scheme: light) { p { color: black } }</style>"


def test_the_rules_for_the_dark_apply_always_in_the_dark_and_never_by_day() -> None:
    assert "@media all { p { color: white } }" in in_scheme(DARK, "dark")
    assert "@media not all { p { color: white } }" in in_scheme(DARK, "light")
    assert "@media not all {" in in_scheme(LIGHT, "dark")
    assert "@media all {" in in_scheme(LIGHT, "light")


def test_other_conditions_in_a_rule_keep_their_meaning() -> None:
    page = "<style>@media screen and (max-width: 520px) and (prefers-color-scheme:dark){a{b:c}}</style>"
    assert "@media screen and (max-width: 520px) and (min-width: 0) {a{b:c}}" in in_scheme(page, "dark")
    assert "@media screen and (max-width: 520px) and (max-width: 0) {a{b:c}}" in in_scheme(page, "light")
    phone = "<style>@media (max-width: 520px) {a{b:c}}</style>"
    assert in_scheme(phone, "dark") == phone


def test_the_declared_scheme_and_sources_follow() -> None:
    page = (
        '<meta name="color-scheme" content="light dark"><style>:root { color-scheme: light dark; }</style>'
        '<source media="(prefers-color-scheme: dark)" srcset="night.png">'
    )
    assert in_scheme(page, "dark") == (
        '<meta name="color-scheme" content="dark"><style>:root { color-scheme: dark; }</style>'
        '<source media="all" srcset="night.png">'
    )
    only_light = '<meta name="color-scheme" content="light only">'
    assert in_scheme(only_light, "dark") == only_light, "a mail that knows no dark stays as it is"


def test_text_about_the_dark_is_no_rule() -> None:
    page = "<p>Write @media (prefers-color-scheme: dark) { } and be happy</p>"
    assert in_scheme(page, "dark") == page
    assert not knows_dark(page)
    assert knows_dark(DARK)


def test_without_images_the_alt_text_stands_there() -> None:
    page = without_images(
        '<img src="https://example.com/a.png" alt="A r&eacute;sum&eacute; > &lt;b&gt;">'
        '<img src="b.png" alt=""><img src="c.png">'
    )
    assert "<img" not in page
    assert "A résumé &gt; &lt;b&gt;</span>" in page
    assert "image without alt text" in page
    assert page.count("<span") == 2, "an empty alt text leaves nothing"


def test_backgrounds_are_images_too() -> None:
    page = without_images(
        '<style>td { background: url("a.png") }</style><td background="b.png" style="background:#fff url(c.png)">x</td>'
    )
    assert "png" not in page
    assert "#fff none" in page


def test_images_that_lie_in_the_message_are_shown_and_links_leave_the_frame() -> None:
    message = EmailMessage()
    message.set_content("hello")
    message.add_related(b"\x89PNG", "image", "png", cid="<logo@example.org>")
    page = framed('<head></head><img src="cid:logo@example.org"><img src="cid:nobody">', message.as_bytes())
    assert 'src="data:image/png;base64,iVBORw=="' in page
    assert 'src="cid:nobody"' in page
    assert page.startswith('<head><base target="_blank">')
    assert framed("<p>x</p>") == '<base target="_blank"><p>x</p>'


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>\"'=/ @{}();:-abcimgstyle", max_size=80))
def test_no_text_upsets_a_lens(page: str) -> None:
    for scheme in ("dark", "light"):
        assert isinstance(in_scheme(page, scheme), str)
    assert "<img>" not in without_images(page + "<img>")
