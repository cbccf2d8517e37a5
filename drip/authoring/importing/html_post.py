"""Turns the HTML of a post into Markdown in which nothing runs, with markdownify behind nh3; both stand behind this.

    lxml: take out and make plain → nh3: only known tags are left → markdownify → Jinja's tags print as text

Strings in, strings out; whatever is lost is counted. Called by `convert.py`.
"""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from typing import TYPE_CHECKING, Any

from drip.authoring.importing.addresses import LINKED
from drip.authoring.importing.blocks import word_set
from drip.authoring.importing.dom import Losses, PlaceImage, clean, parse
from drip.authoring.importing.extras import load
from drip.authoring.importing.literal import as_address, as_link_words, without_jinja

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_TAGS = word_set(
    "p div br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code a img strong em del sub sup table thead tbody tfoot"
    " tr td th"
)
_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt"}, "ol": {"start"}, "code": {"class"}, "pre": {"class"}}
_RENAMED = {
    "s": "del",
    "strike": "del",
    "kbd": "code",
    "samp": "code",
    "tt": "code",
    "section": "div",
    "article": "div",
}
_BREAKS = re.compile(r"(?:<br>(?:\s|&nbsp;|\xa0)*){2,}")
_LANGUAGE = re.compile(r"\b(?:language|lang|brush:?)[-_ :]\s*([A-Za-z0-9+#]{1,20})")
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_ENTITY = re.compile(r"#?[A-Za-z0-9]+;")
_HASH_TAG = re.compile(r"\{\\#")
_LINE_BREAK = "\ue000"
"""Stands for a line break until all is put together; `parse` takes it out of every text before."""
MAX_HTML = 10_000_000
"""No post is longer; a page of this size is a program."""


def html_to_markdown(html: str, *, base: str, place_image: PlaceImage, losses: Losses) -> tuple[str, str]:
    """The Markdown, and the beginning of the text for a preview."""
    if len(html) > MAX_HTML:
        losses.note("the text is longer than 10 million characters and was cut")
        html = html[:MAX_HTML]
    return tree_to_markdown(parse(html), base=base, place_image=place_image, losses=losses)


def tree_to_markdown(root: HtmlElement, *, base: str, place_image: PlaceImage, losses: Losses) -> tuple[str, str]:
    """The same for a tree that is parsed already."""
    from lxml import etree

    clean(root, base=base, place_image=place_image, losses=losses)
    for old, new in _RENAMED.items():
        for element in list(root.iter(old)):
            element.tag = new
    first = _first_words(root)
    html = etree.tostring(root, encoding="unicode", method="html")
    sanitized = load("nh3").clean(
        _BREAKS.sub("</p><p>", html),
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        attribute_filter=_filter,
        url_schemes=set(LINKED),
        link_rel=None,
    )
    try:
        markdown = _write(sanitized)
    except RecursionError:
        losses.note("the page is nested too deeply: its text alone was kept")
        markdown = as_link_words(" ".join(root.text_content().split()))
    return without_jinja(_HASH_TAG.sub("{#", markdown)), first


def _filter(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "start":
        return value if re.fullmatch("[0-9]{1,6}", value) else None
    return value


def _first_words(root: HtmlElement) -> str:
    """The first paragraph that says something."""
    from lxml import etree

    for paragraph in root.iter("p", "div", "li"):
        if len(paragraph.text_content().strip()) >= 20 and not any(True for _ in paragraph.iterdescendants("p", "div")):
            html = etree.tostring(paragraph, encoding="unicode", method="html", with_tail=False)
            return " ".join(unescape(re.sub("<[^>]*>", "", html.replace("<br>", " "))).split())
    return ""


def _write(html: str) -> str:
    from warnings import catch_warnings, simplefilter

    with catch_warnings():
        # Text that looks like a file's name makes its parser warn.
        simplefilter("ignore")
        # A break that closes itself costs its parser less: it remembers all others, to look for their ends.
        soup = load("bs4").BeautifulSoup(f"<div>{html.replace('<br>', '<br/>')}</div>", "html.parser")
    for numbered in soup.find_all("ol"):
        start = int(numbered.get("start") or 1)
        for number, item in enumerate(numbered.find_all("li", recursive=False), start):
            item["value"] = str(number)
    markdown = str(_converter().convert_soup(soup))
    markdown = re.sub(rf" ?{_LINE_BREAK}\n(?=[^\n])", r"\\" + "\n", markdown).replace(_LINE_BREAK, "")
    return _settle_lines(markdown)


def _settle_lines(markdown: str) -> str:
    """No blanks at line ends and no gaps of more than a line, but for code."""
    out: list[str] = []
    fence = ""
    for line in markdown.split("\n"):
        mark = re.match(r"[\s>]*(?:- |\d+\. )*(`{3,})", line)
        if fence:
            fence = "" if line.strip(" >") == fence else fence
            out.append(line)
        elif mark:
            fence = mark[1]
            out.append(line)
        elif line.strip() or (out and out[-1].strip()):
            out.append(line.rstrip())
    return "\n".join(out).strip("\n")


@cache
def _converter() -> Any:
    """Our dialect of markdownify's converter."""
    base: Any = load("markdownify").MarkdownConverter

    class Converter(base):  # type: ignore[misc]  # the library has no types
        """What it writes without escaping, we escape."""

        def escape(self, text: str, parent_tags: set[str]) -> str:
            return _lighten(super().escape(text, parent_tags), in_link="a" in parent_tags)

        def convert_a(self, el: Any, text: str, parent_tags: set[str]) -> str:
            href = str(el.get("href") or "")
            words = text.strip()
            if not words or not href or "_noformat" in parent_tags:
                return text
            before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
            words = re.sub(rf"{_LINE_BREAK}?\s*\n\s*", " ", words)
            return f"{before and ' '}[{words}]({as_address(href)}){after and ' '}"

        def convert_img(self, el: Any, text: str, parent_tags: set[str]) -> str:
            return f"![{as_link_words(str(el.get('alt') or ''))}]({as_address(str(el.get('src') or ''))})"

        def convert_br(self, el: Any, text: str, parent_tags: set[str]) -> str:
            if "_inline" in parent_tags:
                return " "
            return "" if _ends_its_block(el) else f"{_LINE_BREAK}\n"

        def convert_li(self, el: Any, text: str, parent_tags: set[str]) -> str:
            words = text.strip()
            if not words:
                return "\n"
            # The library counts the items before each one, which costs the square of their number.
            mark = f"{el['value']}. " if el.get("value") else "- "
            return mark + re.sub(r"\n(?=[^\n])", "\n" + " " * len(mark), words) + "\n"

        def convert_pre(self, el: Any, text: str, parent_tags: set[str]) -> str:
            inside = text.strip("\n").rstrip()
            if not inside.strip():
                return ""
            # CommonMark §4.5: a fence is closed only by one at least as long.
            longest = max((len(run) for run in re.findall("`+", inside)), default=0)
            fence = "`" * max(3, longest + 1)
            return f"\n\n{fence}{_language(el)}\n{inside}\n{fence}\n\n"

    return Converter(escape_misc=True, heading_style="ATX", bullets="-", table_infer_header=True)


def _language(pre: Any) -> str:
    for element in (pre, pre.find("code")):
        for name in (element.get("class") or []) if element is not None else []:
            if match := _LANGUAGE.match(name):
                return match[1]
    return ""


def _ends_its_block(element: Any) -> bool:
    """Whether nothing comes after a line break in its block: then it breaks nothing."""
    node = element
    while node is not None and node.name not in ("p", "div", "li", "td", "th", "blockquote", "[document]"):
        for sibling in node.next_siblings:
            if sibling.name in ("p", "div", "ul", "ol", "pre", "table", "blockquote", "hr"):
                return True
            if sibling.name is not None or str(sibling).strip():
                return False
        node = node.parent
    return True


def _lighten(text: str, *, in_link: bool) -> str:
    """Take the backslashes off again that Markdown does not need, so that the draft reads well.

    Every backslash here was put by the escaping: they come in pairs with the character behind them.
    """

    begins = len(text) - len(text.lstrip())

    def judge(match: re.Match[str]) -> str:
        mark, start, end = match[1], match.start(), match.end()
        after = text[end : end + 40]
        if mark in "=+>":
            needs = start <= begins
        elif mark == "&":
            needs = bool(_ENTITY.match(after)) or not after
        elif mark == "_":
            needs = not (text[start - 1 : start].isalnum() and after[:1].isalnum())
        elif mark == "]":
            needs = in_link
        elif mark == "<":
            needs = not after or bool(re.match(r"[A-Za-z/!?\\]", after))
        else:
            needs = True
        return match[0] if needs else mark

    # Right before a link an exclamation mark would make an image of it.
    return re.sub(r"!\Z", r"\!", _PAIR.sub(judge, text))
