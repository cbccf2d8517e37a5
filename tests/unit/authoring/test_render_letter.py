"""The layout that comes with drip: what mail programs and readers need of it, with the posts of the worked example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import css_inline
import pytest
from lxml import etree

from drip.authoring.brand import settled
from drip.authoring.layout import Press
from drip.core.message import FilledPost
from drip.core.model import Brand, Mailbox, Post, ProjectDefinition

ROOT = Path(__file__).resolve().parents[3]
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("templates", "campaigns")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file()
}
POSTS = [path for path in FILES if path.endswith(".md")]
SEED = "campaigns/six-deadly-mistakes/own-the-mistake.md"
PROJECT = ProjectDefinition(
    name="Chameleon Resumes",
    url="https://mail.example.com",
    address="Chameleon Resumes LLC, 1 Example Street, New York, NY 10001, USA",
    sender=Mailbox("Lisa Rangel", "lisa@example.com"),
    bounces="bounces@mail.example.com",
    timezone="America/New_York",
)
LIST = {"name": "job-seekers", "title": "The job seekers' letter", "promise": "One letter a week."}


class Links:
    def __init__(self, number: int) -> None:
        for name in ("webinar", "join", "calendar", "cancel", "unsubscribe", "preferences", "browser", "confirm"):
            setattr(self, name, f"https://mail.example.com/{name}/t{number}?a=1&b=2")

    def session(self, name: str) -> str:
        return f"https://mail.example.com/w/six?s={name}&for=t"

    def post(self, name: str) -> str:
        return f"https://mail.example.com/a/six/{name}"


def session(name: str, seats: int | None = None) -> SimpleNamespace:
    return SimpleNamespace(
        name=name,
        date="December 8, 2026",
        day="Tuesday, December 8",
        time="12:00 pm",
        zone="New York time (UTC−5)",
        city="New York",
        starts_in="37 minutes",
        link=f"https://mail.example.com/w/six?s={name}&for=t",
        seats_left=seats,
    )


def values(number: int = 1, **more: object) -> dict[str, object]:
    return {
        "first_name": f"Ana & {number}",
        "email": "ana@example.org",
        "links": Links(number),
        "webinar": {"title": "6 Deadly Job Search Mistakes", "length": "60 minutes", "parts": number % 3},
        "session": session("a"),
        "sessions": (session("a", 12), session("b", 1), session("c", 0), session("d")),
        "list": LIST,
        **more,
    }


def post_at(path: str) -> Post:
    _, head, body = FILES[path].split("---\n", 2)
    facts = dict(line.split(": ", 1) for line in head.strip().splitlines())
    return Post(Path(path).stem, path, facts["subject"], facts["preview"], body, head.count("\n") + 3)


def filled(path: str = SEED, **more: object) -> FilledPost:
    return Press(FILES, PROJECT).compile(post_at(path)).fill(values(**more))


def tree_of(html: str) -> etree._Element:
    return etree.fromstring(html, etree.HTMLParser())


# --- the posts


@pytest.mark.parametrize("path", POSTS)
def test_every_post_of_the_worked_example_is_the_same_both_ways_and_fast(path: str) -> None:
    post = Press(FILES, PROJECT).compile(post_at(path))
    readers = [values(1), values(2), values(3, sessions=()), values(5, first_name="<b>'\"")]
    if path.startswith("campaigns/"):
        readers.append(values(4, list=None))
    for given in readers:
        quick = post.fill(given)
        assert (quick.subject, quick.preview, quick.html.text(), quick.text.text()) == post.fill_slowly(given)
    assert post.slow_because == ""
    assert post.premailer_calls == post.shapes
    assert "{{" not in quick.html.text() + quick.text.text()


def test_readers_of_one_zone_share_a_page_and_zones_do_not_multiply_it_for_ever() -> None:
    post = Press(FILES, PROJECT).compile(post_at(SEED))
    for number in range(200):
        there = session("a")
        there.zone = f"zone {number % 100}"
        given = values(number, sessions=(there,))
        assert there.zone in post.fill(given).html.text()
    # 24 zones have their words printed into a shape; all others share one where they are values.
    assert post.premailer_calls == post.shapes == 25


def test_seats_are_told_when_they_are_few() -> None:
    html = filled().html.text()
    assert "12 seats left" in html
    assert "one seat left" in html
    assert "fully booked" in html
    assert html.count("seats left") == 1


# --- the frame


def test_language_and_direction_are_on_the_page_and_within_the_body() -> None:
    html = Press(FILES, PROJECT).compile(replace(post_at(SEED), language="he")).fill(values()).html.text()
    assert html.startswith("<!DOCTYPE html>")
    for element in tree_of(html).xpath("//html | //div[@role='article']"):
        assert (element.get("lang"), element.get("dir")) == ("he", "rtl")
    assert "border-right:3px solid" in html
    assert "padding:0 24px 0 0" in html


def test_preview_is_hidden_and_padded_so_that_the_letter_does_not_bleed_in() -> None:
    html = filled().html.text()
    (hidden,) = tree_of(html).xpath("//div[contains(@class, 'preheader')]")
    assert "display:none" in hidden.get("style")
    assert hidden.text.startswith(post_at(SEED).preview)
    assert len(hidden.text.replace("\u034f", "")) >= 200
    assert hidden.text.removeprefix(post_at(SEED).preview).strip("\u2007\u034f") == ""


def test_footer_tells_address_and_reason_and_the_ways_out() -> None:
    quick = filled()
    html, text = quick.html.text(), quick.text.text()
    for said in (PROJECT.address, "https://mail.example.com/unsubscribe/t1?a=1", LIST["title"]):
        assert said in html
        assert said in text
    for link in ("preferences", "browser"):
        assert f'href="https://mail.example.com/{link}/t1?a=1&amp;b=2"' in html
        assert f"https://mail.example.com/{link}/t1?a=1&b=2" in text


def test_footer_of_a_service_mail_speaks_of_the_registration() -> None:
    quick = filled("campaigns/six-deadly-mistakes/you-are-in.md", list=None)
    for part in (quick.html.text(), quick.text.text()):
        assert "because you registered" in part
        assert "/unsubscribe/t1" in part
        assert "asked for" not in part


def test_footer_of_a_mail_that_drip_sends_itself_offers_nothing_to_end() -> None:
    quick = filled("templates/mails/confirm-subscription.md")
    for part in (quick.html.text(), quick.text.text()):
        assert "this address was entered at Chameleon Resumes" in part
        assert "/unsubscribe/" not in part
        assert PROJECT.address in part


def test_headline_is_the_subject_unless_the_post_has_one() -> None:
    assert tree_of(filled().html.text()).xpath("string(//h1)") == post_at(SEED).subject
    own = Press(FILES, PROJECT).compile(replace(post_at(SEED), body="# Mine\n\nx")).fill(values()).html.text()
    assert [each.text for each in tree_of(own).iter("h1")] == ["Mine"]


def test_tables_of_the_layout_are_for_looks_only_and_images_are_described() -> None:
    body = "![A hand](https://x.example/i.png)\n\n**[Go](webinar:)**\n\n{{ sessions }}"
    html = Press(FILES, PROJECT).compile(replace(post_at(SEED), body=body)).fill(values()).html.text()
    tree = tree_of(html)
    assert all(table.get("role") == "presentation" for table in tree.iter("table"))
    assert all(image.get("alt") for image in tree.iter("img"))


def test_page_is_far_below_the_size_where_gmail_clips() -> None:
    assert len(filled().html.text().encode()) < 40_000
    styles = "".join(re.findall(r"<style>(.*?)</style>", filled().html.text(), re.DOTALL))
    assert len(styles) < 8_000  # Gmail drops what is beyond 16 kB of styles


# --- the sheets


def test_sheet_to_inline_has_plain_rules_only() -> None:
    css = re.sub(r"/\*.*?\*/", "", settled(FILES["templates/letter.css"], Brand()), flags=re.DOTALL)
    assert not re.search(r"@|!important|var\(|rgba?\(|\*", css)
    for selectors, rules in re.findall(r"([^{}]+)\{([^{}]*)\}", css):
        assert ":" not in selectors, selectors
        names = [rule.split(":")[0].strip() for rule in rules.split(";") if rule.strip()]
        assert len(names) == len(set(names)), selectors
    assert all(len(color) == 7 for color in re.findall(r"#[0-9a-fA-F]+\b", css))


def test_head_sheet_reaches_the_reader_in_sections() -> None:
    sections = re.findall(r"<style>\n(.*?)\n</style>", filled().html.text(), re.DOTALL)
    assert len(sections) >= 5
    assert sum("@media" in section for section in sections) == 2
    assert any("[data-ogsc]" in section and "!important" in section for section in sections)
    assert any("[data-ogsb]" in section for section in sections)
    # Gmail drops a whole element for an `@` within an `@`.
    assert all(section.count("@") <= 1 for section in sections)


def test_inlined_styles_are_those_of_a_second_inliner() -> None:
    press = Press(FILES, PROJECT)
    post = press.compile(post_at(SEED))
    raw = post._page.template.print(post._everything(values())[0])
    raw = re.sub(r'<style data-premailer="ignore">.*?</style>', "", raw, flags=re.DOTALL)
    mine = [_declarations(each) for each in tree_of(post.fill_slowly(values())[2]).iter() if _is_styled(each)]
    other = [_declarations(each) for each in tree_of(css_inline.CSSInliner().inline(raw)).iter() if _is_styled(each)]
    assert len(mine) > 50
    assert mine == other


def _is_styled(element: etree._Element) -> bool:
    return isinstance(element.tag, str) and element.tag != "tbody" and bool(element.get("style"))


def _declarations(element: etree._Element) -> tuple[str, dict[str, str]]:
    pairs = (rule.split(":", 1) for rule in (element.get("style") or "").split(";") if ":" in rule)
    plain = {name.strip(): re.sub(r"[\s\"']+", "", value).lower() for name, value in pairs}
    # premailer's cssutils writes `#ffffff` as `#fff`.
    return str(element.tag), {
        name: re.sub(r"#(\w)(\w)(\w)\b", r"#\1\1\2\2\3\3", value) for name, value in plain.items()
    }


# --- to be read


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _texts(element: etree._Element, color: str, ground: str, size: float) -> Iterator[tuple[str, str, str, float]]:
    """Every text of the page with its color, its ground and its size."""
    style = _declarations(element)[1]
    if style.get("display") == "none" or element.tag in ("style", "title", "head"):
        return
    color, ground = style.get("color", color), style.get("background-color", ground)
    size = float(style.get("font-size", f"{size}px").removesuffix("px"))
    if (element.text or "").strip():
        yield str(element.text).strip(), color, ground, size
    for child in element:
        if isinstance(child.tag, str):
            yield from _texts(child, color, ground, size)
        if (child.tail or "").strip():
            yield str(child.tail).strip(), color, ground, size


@pytest.mark.parametrize("path", POSTS)
def test_every_text_has_contrast_and_size(path: str) -> None:
    texts = list(_texts(tree_of(filled(path).html.text()), "#000000", "#ffffff", 16))
    assert len(texts) > 5
    for text, color, ground, size in texts:
        assert contrast(color, ground) >= 4.5, (text, color, ground)
        assert size >= 14, (text, size)


def test_dark_colors_have_contrast() -> None:
    (dark,) = re.findall(
        r"@media \(prefers-color-scheme: dark\) \{(.*?)\n\}", FILES["templates/letter-head.css"], re.DOTALL
    )
    rules = dict(re.findall(r"^\s*(\S[^{]*?) \{ (.*?) \}", dark, re.MULTILINE))
    for selector, rule in rules.items():
        color = re.search(r"(?<![-\w])color: (#\w+)", rule)
        if color is None or selector == ".preheader":
            continue
        button = "button" in selector or "monogram" in selector
        ground = re.search(r"background-color: (#\w+)", rule)
        grounds = [ground[1]] if ground else ["#5cc0ad"] if button else ["#1e2428", "#15191c"]
        assert all(contrast(color[1], each) >= 4.5 for each in grounds), selector
