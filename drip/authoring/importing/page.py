"""Finds the article in a saved or fetched web page, and what the page says about itself: title, day, address, tags.

A page is mostly not the article. Where the page marks it (`<article>`, a class that every blog uses) that is believed,
else the part with the most sentences and the fewest links is taken, and the report says so. Pure. Called by
`drip.cli.sources`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING

from drip.authoring.importing.blocks import count_words
from drip.authoring.importing.dom import parse
from drip.authoring.importing.foreign import ForeignPost, Markup, as_line, day_of

if TYPE_CHECKING:
    from lxml.html import HtmlElement

MIN_WORDS = 25
"""A part with fewer words is no article, unless there is no other."""
MARKED = (
    "//*[contains(concat(' ', normalize-space(@itemprop), ' '), ' articleBody ')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' post-body ')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' entry-content ')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' post-content ')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' gh-content ')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' available-content ')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' article-content ')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' e-content ')]",
    "//article",
    "//main",
    "//*[@role='main']",
)
"""Where blogs put their articles: the surest first (Blogger, WordPress, Ghost, Substack, microformats, HTML itself)."""
_AROUND = ("nav", "aside", "footer", "script", "style", "noscript", "form", "template")
_NOISE = re.compile(
    r"comment|sidebar|related|share|social|footer|navigation|breadcrumb|byline|post-meta|cookie|popup", re.I
)
_SAVED_FROM = re.compile(r"<!--\s*saved from url=\(\d+\)(https?://\S+?)\s*-->")


def read_page(html: str, *, url: str, name: str) -> ForeignPost:
    """The article of a page. `url` is where the page was fetched from, or nothing; `name` serves without a title."""
    root = parse(html)
    about = _About(root)
    saved = _SAVED_FROM.search(html[:4_000])
    address = about.address() or url or (saved[1] if saved else "")
    title, day, tags, preview = about.title(), about.day(), about.tags(), about.preview()
    article, how = _pick(root)
    for each in list(article.iter(*_AROUND)):
        if each is not article and each.getparent() is not None:
            each.drop_tree()
    _drop_noise(article)
    heading = next(article.iter("h1"), None)
    if heading is not None and not title:
        title = as_line(heading.text_content())
    from lxml import etree

    notes = [how] if how else []
    if not address:
        notes.append("the page does not say its address: relative links cannot be made whole")
    return ForeignPost(
        source=address or f"page:{sha256(html.encode('utf-8', 'replace')).hexdigest()[:32]}",
        body=etree.tostring(article, encoding="unicode", method="html", with_tail=False),
        markup=Markup.HTML,
        title=title or name.replace("-", " ").replace("_", " ").strip(),
        date=day,
        preview=preview,
        tags=tags,
        url=_base(root, address),
        notes=tuple(notes),
    )


def _base(root: HtmlElement, address: str) -> str:
    base = next((each.get("href", "") for each in root.iter("base")), "")
    return base if base.startswith(("http://", "https://")) else address


def _drop_noise(article: HtmlElement) -> None:
    """Shares, bylines and comments that stand inside what is marked as the article."""
    for each in list(article.iterdescendants("div", "section", "ul", "header", "p", "span", "h1")):
        if each.getparent() is None:
            continue
        named = f"{each.get('class', '')} {each.get('id', '')}"
        words = count_words(each.text_content())
        if _NOISE.search(named) and words < max(MIN_WORDS, count_words(article.text_content()) // 2):
            each.drop_tree()


def _pick(root: HtmlElement) -> tuple[HtmlElement, str]:
    """The article, and a line for the report if it had to be guessed."""
    for path in MARKED:
        found: list[HtmlElement] = [each for each in root.xpath(path) if count_words(each.text_content()) >= MIN_WORDS]
        if found:
            best = max(found, key=lambda each: len(each.text_content()))
            return best, ""
    scored = _scores(root)
    body = root.find(".//body")
    whole = root if body is None else body
    if not scored:
        return whole, ""
    best, _ = max(scored.items(), key=lambda pair: pair[1])
    if best is whole or best.tag in ("html", "body"):
        return whole, ""
    return best, "guessed which part of the page is the article: the one with the most sentences"


def _scores(root: HtmlElement) -> dict[HtmlElement, float]:
    """A point for each paragraph and each of its commas to what holds it, half of that one level up; links cost."""
    scores: dict[HtmlElement, float] = {}
    for paragraph in root.iter("p", "pre", "blockquote", "li"):
        text = paragraph.text_content()
        if len(text) < 25 or any(each.tag in _AROUND for each in paragraph.iterancestors()):
            continue
        worth = 1 + text.count(",") + min(3.0, len(text) / 100)
        for level, holder in enumerate(_holders(paragraph)):
            scores[holder] = scores.get(holder, 0.0) + worth / (level + 1)
    return {holder: score * (1 - _link_share(holder)) for holder, score in scores.items()}


def _holders(element: HtmlElement) -> Iterator[HtmlElement]:
    holder = element.getparent()
    for _ in range(2):
        if holder is None:
            return
        yield holder
        holder = holder.getparent()


def _link_share(element: HtmlElement) -> float:
    length = len(element.text_content()) or 1
    return sum(len(link.text_content()) for link in element.iter("a")) / length


class _About:
    """What the head of a page says."""

    def __init__(self, root: HtmlElement) -> None:
        self.root = root
        self.metas: dict[str, str] = {}
        self.keywords: list[str] = []
        for meta in root.iter("meta"):
            name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").lower()
            content = meta.get("content", "")
            if name == "article:tag":
                self.keywords.append(as_line(content))
            self.metas.setdefault(name, content)
        self.data = _linked_data(root)

    def title(self) -> str:
        """The article's own title before the page's, which mostly ends in the name of the blog."""
        site = as_line(self.metas.get("og:site_name", ""))
        page = next((as_line(each.text_content()) for each in self.root.iter("title")), "")
        title = as_line(self.metas.get("og:title", "")) or page
        if site:
            title = re.sub(rf"^{re.escape(site)}\s*[:|–—-]\s+|\s+[:|–—-]\s*{re.escape(site)}$", "", title)
        return title

    def day(self) -> str:
        """When it was published."""
        said = [
            self.metas.get("article:published_time", ""),
            str(self.data.get("datePublished", "")),
            self.metas.get("datepublished", ""),
            self.metas.get("date", ""),
            *(each.get("datetime", "") for each in self.root.iter("time")),
            *(each.get("title", "") for each in self.root.iter("abbr")),
        ]
        return next((day for each in said if each and (day := day_of(each))), "")

    def address(self) -> str:
        """The one address among several that the page wants to be known by."""
        links = [each.get("href", "") for each in self.root.iter("link") if each.get("rel", "").lower() == "canonical"]
        said = [*links, self.metas.get("og:url", "")]
        return next((each.strip() for each in said if each.strip().startswith(("http://", "https://"))), "")

    def tags(self) -> tuple[str, ...]:
        """Its tags."""
        return tuple(dict.fromkeys(each for each in self.keywords if each))

    def preview(self) -> str:
        """What it says of itself to search engines."""
        return as_line(self.metas.get("og:description", "") or self.metas.get("description", ""))


def _linked_data(root: HtmlElement) -> dict[str, object]:
    for script in root.iter("script"):
        if script.get("type") != "application/ld+json":
            continue
        try:
            found = json.loads(script.text_content())
        except (ValueError, RecursionError):
            continue
        graph = found.get("@graph", [found]) if isinstance(found, dict) else found
        for each in graph if isinstance(graph, list) else []:
            if isinstance(each, dict) and "datePublished" in each:
                return each
    return {}
