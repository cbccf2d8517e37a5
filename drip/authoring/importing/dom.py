"""Takes out of a post's HTML what a mail cannot have, scripts, forms, embeds, widgets, and makes the rest plain.

Whatever is taken out is counted. Images get the address that the caller says. Works on a tree that `lxml` parsed, with
its limits on depth; opens nothing. Called by `html_post.py`, which turns the result into Markdown.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from drip.authoring.importing.addresses import LINKED, host_of, is_absolute, resolve, scheme_of
from drip.authoring.importing.blocks import word_set

if TYPE_CHECKING:
    from lxml.html import HtmlElement

PlaceImage = Callable[[str, str], str]
"""Takes the address of an image as written and as a whole, and says which to write; images are copied behind it."""

_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ue000\ufffe\uffff\ud800-\udfff]")
_NEVER = (
    "style",
    "template",
    "link",
    "meta",
    "base",
    "title",
    "head",
    "noscript",
    "svg",
    "canvas",
    "map",
    "math",
    "dialog",
)
_FORMS = ("form", "input", "button", "select", "textarea", "fieldset")
_EMBEDS = ("iframe", "embed", "object", "applet", "video", "audio", "frame")
_WIDGETS = re.compile(
    r"\b(?:subscription-widget|subscribe-widget|subscription-form|captioned-button-wrap|install-substack|sharedaddy"
    r"|jp-relatedposts|sd-block|share-buttons?|social-share|post-share|addtoany|comment-respond|comments-area"
    r"|comment-form|comment-list|post-ratings|kg-signup-card|kg-header-card-subscribe|newsletter-signup|post-footer"
    r"|post-navigation|nav-links|related-posts|blog-pager|wp-block-jetpack-subscriptions|screen-reader-text|sr-only"
    r"|footnote-back)(?!\w)",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE)
_BOLD = re.compile(r"font-weight\s*:\s*(?:bold|bolder|[6-9]00)\b", re.IGNORECASE)
_NOT_BOLD = re.compile(r"font-weight\s*:\s*(?:normal|[1-4]00)\b", re.IGNORECASE)
_ITALIC = re.compile(r"font-style\s*:\s*(?:italic|oblique)\b", re.IGNORECASE)
_BUTTON = re.compile(r"(?<![\w-])(?:button|btn|kg-btn|wp-block-button__link|wp-element-button)(?![\w])")
_BARE_ADDRESS = re.compile(r"\s*(https?://[^\s<>\"]+)\s*")
_IMAGE_END = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|svg)(?:[?#].*)?$", re.IGNORECASE)
_LAZY = ("data-src", "data-lazy-src", "data-original", "data-orig-file", "data-orig-src")
_INLINE = (
    "a",
    "b",
    "strong",
    "i",
    "em",
    "u",
    "s",
    "del",
    "code",
    "span",
    "font",
    "sub",
    "sup",
    "mark",
    "small",
    "label",
)
_BLOCKS = word_set(
    "p div ul ol li blockquote pre table figure figcaption hr article section h1 h2 h3 h4 h5 h6 dl dt dd main aside"
    " header footer nav address"
)


@dataclass(slots=True)
class Losses:
    """What was taken out or could not be kept, by what it is; and lines for the report."""

    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        """A line for the report, once."""
        if line not in self.notes:
            self.notes.append(line)


def parse(html: str) -> HtmlElement:
    """The tree of a page or of a piece of one. Never raises: what cannot be parsed is an empty page."""
    from lxml import etree
    from lxml.html import HTMLParser, document_fromstring

    text = _INVISIBLE.sub("", html)
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return document_fromstring(text.encode("utf-8") or b"<p></p>", parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError):
        return document_fromstring(b"<html><body><p></p></body></html>")


def clean(root: HtmlElement, *, base: str, place_image: PlaceImage, losses: Losses) -> None:
    """Change the tree in place until only text, links, lists, tables, quotes, code and images are left."""
    _drop_machinery(root, losses)
    _make_links_of_embeds(root, base, losses)
    _settle_images(root, base, place_image, losses)
    _settle_links(root, base, losses)
    _flatten_tables(root)
    _make_plain_blocks(root)
    _make_plain_inlines(root)
    _settle_text(root)


# --- out ---------------------------------------------------------------------------------------------------


def _drop_machinery(root: HtmlElement, losses: Losses) -> None:
    for element in list(root.iter("script")):
        losses.counts["script"] += element.get("type", "") not in ("application/ld+json", "application/json")
        element.drop_tree()
    for element in list(root.iter(*_NEVER)):
        _drop(element)
    for element in list(root.iter(*_FORMS)):
        if element.tag == "form":
            losses.counts["form"] += 1
        _drop(element)
    for element in [each for each in root.iter() if isinstance(each.tag, str)]:
        if element.tag in ("html", "body") or element.getparent() is None:
            continue
        if _HIDDEN.search(element.get("style", "")) or "hidden" in element.attrib:
            losses.counts["hidden part"] += 1
            _drop(element)
        elif _WIDGETS.search(element.get("class", "")):
            losses.counts["widget"] += 1
            _drop(element)


def _drop(element: HtmlElement) -> None:
    if element.getparent() is not None:
        element.drop_tree()


# --- embeds ------------------------------------------------------------------------------------------------


def _make_links_of_embeds(root: HtmlElement, base: str, losses: Losses) -> None:
    from lxml.html import Element

    for element in list(root.iter(*_EMBEDS)):
        if element.getparent() is None:
            continue
        inside = element.find(".//source")
        inside = element.find(".//embed") if inside is None else inside
        address = element.get("src") or element.get("data-src") or element.get("data") or ""
        if not address and inside is not None:
            address = inside.get("src", "")
        _replace_by_link(
            element, _watchable(resolve(address, base) if address else ""), element.get("title", ""), losses
        )
    for element in list(root.iter("p", "div")):
        # An address alone in its paragraph was a film or a card in WordPress; here it is a link at least.
        match = _BARE_ADDRESS.fullmatch(element.text or "") if not len(element) else None
        if match:
            losses.counts["embed"] += "wp-block-embed" in element.get("class", "")
            link = Element("a", href=_watchable(match[1]))
            link.text, element.text = match[1], None
            element.append(link)
    # Substack keeps what a card leads to in JSON beside it.
    for element in list(root.iter("div")):
        if element.get("data-attrs") and not element.text_content().strip() and element.find(".//img") is None:
            _replace_by_link(element, _address_in(element.get("data-attrs", "")), "", losses)


def _replace_by_link(element: HtmlElement, address: str, title: str, losses: Losses) -> None:
    from lxml.html import Element

    losses.counts["embed"] += 1
    if is_absolute(address):
        link = Element("a", href=address)
        link.text = (
            " ".join(title.split())[:120] or f"{'Watch' if _is_film(address) else 'See'} this on {host_of(address)}"
        )
        paragraph = Element("p")
        paragraph.append(link)
        element.addprevious(paragraph)
    else:
        losses.note("lost an embed that says no address")
    element.drop_tree()


def _watchable(address: str) -> str:
    """The page of a film for the address of its player."""
    host = host_of(address)
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    last = parts.path.rstrip("/").rpartition("/")[2]
    if host in ("youtube.com", "youtube-nocookie.com") and "/embed/" in parts.path:
        listed = parse_qs(parts.query).get("list")
        return (
            f"https://www.youtube.com/playlist?list={listed[0]}"
            if last == "videoseries" and listed
            else f"https://www.youtube.com/watch?v={last}"
        )
    return f"https://vimeo.com/{last}" if host == "player.vimeo.com" else address


def _is_film(address: str) -> bool:
    return host_of(address) in ("youtube.com", "youtu.be", "vimeo.com", "dailymotion.com", "loom.com")


def _address_in(attributes: str) -> str:
    try:
        found = json.loads(attributes)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    if isinstance(found.get("videoId"), str):
        return f"https://www.youtube.com/watch?v={found['videoId']}"
    return next((str(found[name]) for name in ("url", "canonical_url", "href") if isinstance(found.get(name), str)), "")


# --- images and links --------------------------------------------------------------------------------------


def _settle_images(root: HtmlElement, base: str, place_image: PlaceImage, losses: Losses) -> None:
    for image in list(root.iter("img")):
        address = _address_of(image)
        if image.get("width") == "1" or image.get("height") == "1":
            losses.counts["tracking pixel"] += 1
            image.drop_tree()
        elif not address or scheme_of(address) not in ("", "http", "https"):
            losses.counts["image without an address"] += 1
            image.drop_tree()
        else:
            losses.counts["image"] += 1
            image.set("src", placed(address, base, place_image, losses))
            _unlink_image(image)
    for figure in list(root.iter("figure")):
        for caption in list(figure.iter("figcaption")):
            caption.tag = "p"
            _wrap_inside(caption, "em")


def placed(address: str, base: str, place_image: PlaceImage, losses: Losses) -> str:
    """The address to write for an image; one that nothing can be counted from is told."""
    written = place_image(address, resolve(address, base))
    if written == address and not is_absolute(address):
        losses.counts["image that has no whole address"] += 1
        losses.note(f"cannot say where the image `{address[:80]}` is: there is no address to count from")
    return written


def _address_of(image: HtmlElement) -> str:
    """The image itself: lazy pages have a blank one in `src` and name the true one elsewhere."""
    address = image.get("src", "").strip()
    if address and not address.startswith("data:"):
        lazy = next((image.get(name, "").strip() for name in _LAZY[:2] if image.get(name)), "")
        return lazy if lazy and is_absolute(lazy) else address
    named = next((image.get(name, "").strip() for name in _LAZY if image.get(name)), "")
    return named or image.get("srcset", "").strip().split(" ")[0].rstrip(",") or address


def _unlink_image(image: HtmlElement) -> None:
    """An image that links to its own large form links no more: a mail has no magnifying glass."""
    link = next(image.iterancestors("a"), None)
    if link is not None and len(list(link.iter("img"))) == 1 and not link.text_content().strip():
        href = link.get("href", "")
        if _IMAGE_END.search(href) or "image-link" in link.get("class", "") or not href:
            link.drop_tag()


def _settle_links(root: HtmlElement, base: str, losses: Losses) -> None:
    for link in list(root.iter("a")):
        href = link.get("href", "").strip()
        if not href:
            link.drop_tag()
        elif href.startswith("#") or (base and href.startswith(f"{base}#")):
            losses.counts["link within the page"] += 1
            _unlink(link)
        elif scheme_of(href) not in LINKED | {""}:
            losses.counts["link that no mail may have"] += 1
            link.drop_tag()
        else:
            whole = resolve(href, base)
            if not scheme_of(whole):
                losses.note(f"cannot say where `{whole[:80]}` leads: there is no address to count from")
            link.set("href", whole)
            _mark_button(link, losses)


def _unlink(link: HtmlElement) -> None:
    """A link within the page, of which a mail program would make nothing; the number of a footnote stays readable."""
    number = link.text_content().strip()
    if "footnote" not in link.get("class", "") or not number.isdigit():
        link.drop_tag()
        return
    parent = link.getparent()
    first = parent.find(".//p") if "footnote-number" in link.get("class", "") and parent is not None else None
    if first is not None:
        first.text = f"[{number}] {first.text or ''}"
        link.drop_tree()
    else:
        link.text = f"[{number}]"
        link.drop_tag()


def _mark_button(link: HtmlElement, losses: Losses) -> None:
    """A link that looked like a button and stands alone is bold: that makes a button in a mail of ours."""
    parent = link.getparent()
    if parent is None or not _BUTTON.search(link.get("class", "")):
        return
    alone = parent.text_content().strip() == link.text_content().strip() != ""
    if alone and not any(True for _ in link.iterancestors("strong", "b")):
        losses.note(f"made a button of “{' '.join(link.text_content().split())[:60]}”")
        _wrap(link, "strong")


def _wrap(element: HtmlElement, tag: str) -> None:
    from lxml.html import Element

    outer = Element(tag)
    element.addprevious(outer)
    outer.tail, element.tail = element.tail, None
    outer.append(element)


# --- plain blocks ------------------------------------------------------------------------------------------


def _flatten_tables(root: HtmlElement) -> None:
    """Tables that only place things become blocks: with one cell, with blocks in a cell, with tables inside."""
    for table in list(root.iter("table")):
        cells = list(table.iter("td", "th"))
        is_layout = (
            len(cells) <= 1
            or "tr-caption-container" in table.get("class", "")
            or table.get("role") == "presentation"
            or any(
                True
                for _ in table.iterdescendants("table", "p", "div", "ul", "ol", "img", "blockquote", "pre", "h1", "h2")
            )
        )
        if is_layout:
            for each in [table, *table.iterdescendants("tbody", "thead", "tfoot", "tr", "td", "th", "caption")]:
                if "tr-caption" in each.get("class", "").split():
                    _wrap_inside(each, "em")
                each.tag = "div"


def _make_plain_blocks(root: HtmlElement) -> None:
    for element in list(root.iter("dt")):
        _wrap_inside(element, "strong")
    for element in list(root.iter("dt", "dd", "figcaption", "address", "summary", "center", "legend")):
        element.tag = "p" if not any(each.tag in _BLOCKS for each in element.iterdescendants()) else "div"
    for pre in list(root.iter("pre")):
        for line_end in list(pre.iter("br")):
            line_end.tail = "\n" + (line_end.tail or "")
            line_end.drop_tag()


def _wrap_inside(element: HtmlElement, tag: str) -> None:
    """Put all that an element holds into one inline element."""
    from lxml.html import Element

    if not element.text_content().strip() or any(each.tag in _BLOCKS for each in element.iterdescendants()):
        return
    inner = Element(tag)
    inner.text, element.text = element.text, None
    for child in list(element):
        inner.append(child)
    element.append(inner)


def _make_plain_inlines(root: HtmlElement) -> None:
    for element in list(root.iter("span", "font", "b", "strong", "i", "em")):
        style = element.get("style", "")
        if element.tag in ("span", "font"):
            element.tag = "strong" if _BOLD.search(style) else "em" if _ITALIC.search(style) else "span"
        elif element.tag in ("b", "strong") and _NOT_BOLD.search(style):
            element.tag = "span"
        if element.tag in ("b", "i"):
            element.tag = "strong" if element.tag == "b" else "em"
    for element in list(root.iter(*_INLINE)):
        inner = [each for each in element.iterdescendants() if each.tag in _BLOCKS]
        nested = any(each.tag == element.tag for each in element.iterancestors())
        if inner and element.tag == "a":
            for each in inner:
                each.tag, each.tail = "span", f" {each.tail or ''}"
        elif (inner and element.tag != "code") or nested or element.tag in ("span", "font", "label"):
            _unwrap(element)
    for element in list(root.iter("strong", "em")):
        _join_next(element)


def _unwrap(element: HtmlElement) -> None:
    if element.getparent() is not None:
        element.drop_tag()


def _join_next(element: HtmlElement) -> None:
    """`<b>a</b><b>b</b>` is one bold stretch; written apart, its marks would run together."""
    following = element.getnext()
    while (
        following is not None and following.tag == element.tag and not element.tail and element.getparent() is not None
    ):
        children, text = list(following), following.text or ""
        if len(element):
            element[-1].tail = (element[-1].tail or "") + text
        else:
            element.text = (element.text or "") + text
        for child in children:
            element.append(child)
        element.tail = following.tail
        following.tail = None
        element.getparent().remove(following)
        following = element.getnext()


def _settle_text(root: HtmlElement) -> None:
    """Line ends within text are blanks in HTML; in Markdown a line could begin with something that means something."""
    for element in root.iter():
        is_code = element.tag == "pre" or any(each.tag == "pre" for each in element.iterancestors("pre"))
        if element.text and not is_code:
            element.text = re.sub(r"[ \t\r\n]+", " ", element.text)
        if element.tail and not any(True for _ in element.iterancestors("pre")):
            element.tail = re.sub(r"[ \t\r\n]+", " ", element.tail)
            if element.tag == "br":
                element.tail = element.tail.lstrip(" ")
