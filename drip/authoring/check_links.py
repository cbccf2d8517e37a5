"""Checks of links and pictures in posts: that each leads somewhere, and that its reader can follow it.

Markdown is read as `drip.authoring.markdown` reads it, with Jinja's tags blotted out so that columns stay true.
Part of the checks of `drip.authoring.check`. Never opens a connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from drip.authoring.blocks import add_blocks
from drip.authoring.check_posts import PERSONAL_LINKS, WEBINAR_LINKS, WEBINAR_VALUES, misfits, read_markup, tags_in
from drip.authoring.desk import Desk
from drip.authoring.enclosures import is_marked
from drip.authoring.problems_catalogue import problem
from drip.authoring.read_campaign import CampaignDraft
from drip.authoring.read_post import PostDraft
from drip.authoring.section import clip, similar
from drip.authoring.source import Lines
from drip.core.archive import is_archived
from drip.core.problems import Place, Problem

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

NAMED_LINKS = ("webinar", "session", "join", "calendar", "cancel", "unsubscribe", "preferences", "browser", "post")
OWN_LINKS = (*NAMED_LINKS, "confirm")
WITH_ARGUMENT = frozenset({"session", "post"})

BLOT = "\ue000"
"""Stands for each character of Jinja; of the private use area, so that no author writes it."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_INVALID_HOST = re.compile(r"https?://(?:[^/?#]*[.@])?(?:example\.)?invalid(?:[:/?#]|$)", re.IGNORECASE)
_HTML_ADDRESS = re.compile(r"<(a|img)\b[^<>]*?\b(?:href|src)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>\"']+)", re.IGNORECASE)
_VAGUE = frozenset(
    {
        "here",
        "right here",
        "click here",
        "click here now",
        "click",
        "click this",
        "click this link",
        "click me",
        "tap here",
    }
    | {
        "press here",
        "go here",
        "see here",
        "look here",
        "this",
        "this link",
        "this page",
        "that page",
        "link",
        "the link",
    }
    | {"more", "read more", "learn more", "find out more", "continue", "go", "url", "website"}
)
# What cameras, phones and screenshot programs call their files, and words that say only that there is a picture.
_USELESS_ALT = re.compile(
    r"(?:an? )?(?:image|picture|photo|photograph|img|pic|graphic|screenshot|screen shot|icon|logo|banner|untitled)"
    r"(?:[ _-]?\d*)?|(?:img|dsc[fn]?|pxl|mvimg|photo|image|pasted image|screen ?shot|bildschirmfoto)[ _-]?\d[\d _.:-]*"
    r"(?:at [\d.: apm]+)?|[\w%()+ .-]*\.(?:png|jpe?g|gif|webp|svg|heic|bmp|tiff?)",
    re.IGNORECASE,
)
SHORTENERS = frozenset(
    {"bit.ly", "bitly.com", "t.co", "goo.gl", "tinyurl.com", "ow.ly", "buff.ly", "is.gd", "v.gd", "cutt.ly", "rb.gy"}
    | {"rebrand.ly", "shorturl.at", "tiny.cc", "lnkd.in", "dlvr.it", "adf.ly", "bl.ink", "t.ly", "s.id", "shorte.st"}
)
_HOST = re.compile(r"https?://(?:[^/?#@]*@)?(?:www\.)?([^/?#:]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """One link or picture: where it leads, what it is called, and where the address stands."""

    address: str
    text: str
    place: Place
    is_picture: bool = False
    is_enclosed: bool = False


def check_links(desk: Desk) -> Iterator[Problem]:
    """Every link and picture of every post."""
    for campaign, draft in desk.posts():
        guarded = read_markup(draft.post.body).guarded & WEBINAR_VALUES
        for link in links_in(draft):
            if BLOT in link.address.partition(":")[0]:
                continue  # a value, judged as Jinja
            if link.is_picture:
                yield from _check_picture(desk, link)
                continue
            yield from _check_address(desk, campaign, draft, link, is_guarded=bool(guarded))
            if " ".join(link.text.lower().split()).strip(" .!") in _VAGUE:
                message = (
                    f"a link that is called `{clip(link.text)}` says nothing to people who cannot see what is around it"
                )
                yield problem("vague-link", message, link.place, "let the text of the link say where it leads")


def links_in(draft: PostDraft) -> Iterator[Link]:
    """The links and pictures of a post, in order."""
    body = draft.post.body
    text = blotted(body)
    finder = _Finder(Lines(text), draft)
    for token in parse(text):
        finder.begin_block(token)
        if token.type == "html_block":
            yield from _html_links(token.content, finder)
        children = token.children or []
        for index, child in enumerate(children):
            if child.type == "link_open":
                address = str(child.attrs.get("href", ""))
                yield Link(address, _text_from(children, index + 1), finder.find(address))
            elif child.type == "image":
                address = str(child.attrs.get("src", ""))
                is_enclosed = is_marked(children, index)
                yield Link(address, child.content, finder.find(address), is_picture=True, is_enclosed=is_enclosed)
            elif child.type == "html_inline":
                yield from _html_links(child.content, finder)


@lru_cache(maxsize=32)
def parse(text: str) -> list[Token]:
    """Blotted text as Markdown, to be looked at only; nothing of it where it is nested too deeply to be read."""
    try:
        return _parser().parse(text)
    except RecursionError:
        return []


def _text_from(children: list[Token], start: int) -> str:
    """The text of a link; a picture in it counts with its alternative text."""
    parts = []
    for child in children[start:]:
        if child.type == "link_close":
            break
        parts.append(child.content)
    return "".join(parts)


def _html_links(html: str, finder: _Finder) -> Iterator[Link]:
    """Addresses in raw HTML; their texts are not judged."""
    for match in _HTML_ADDRESS.finditer(html):
        address = match.group(2).strip("\"'")
        is_picture = match.group(1).lower() == "img"
        yield Link(address, "HTML", finder.find(address), is_picture=is_picture)


def blotted(text: str) -> str:
    """The text with Jinja's tags made unreadable, of the same length and with the same lines."""
    parts: list[str] = []
    at = 0
    for start, end in tags_in(text):
        parts += [text[at:start], re.sub(r"[^\r\n]", BLOT, text[start:end])]
        at = end
    return "".join([*parts, text[at:]])


@cache
def _parser() -> MarkdownIt:
    """A parser that leaves addresses as they are written."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.footnote import footnote_plugin

    class Verbatim(MarkdownIt):
        def normalizeLink(self, url: str) -> str:  # noqa: N802 - the library's name
            return url

        def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
            return True

    made = Verbatim("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return made.use(footnote_plugin).use(add_blocks)


class _Finder:
    """Finds addresses in the source: markdown-it tells blocks by line, and nothing of what stands in them."""

    def __init__(self, lines: Lines, draft: PostDraft) -> None:
        self.lines = lines
        self.draft = draft
        self.at = 0
        self.end = 0

    def begin_block(self, token: Token) -> None:
        """Note which lines the next links stand in."""
        if token.map:
            start = self.lines.start(token.map[0] + 1)
            self.end = self.lines.start(token.map[1] + 1) if token.map[1] < len(self.lines) else len(self.lines.text)
            self.at = max(self.at, start) if self.at < self.end else start

    def find(self, address: str) -> Place:
        """Where an address stands: in its block, else anywhere (link definitions), else its block's first line."""
        start = self.find_near(address) if address else -1
        if start >= 0:
            self.at = start + len(address)
        elif address:
            start = self.lines.text.find(address)
        if start < 0:
            start = self.lines.text.find("](", self.at, self.end)
            address = "]()"
        if start < 0:
            start, address = self.at, " "
        return self.place(start, address)

    def find_near(self, address: str) -> int:
        """Where an address stands in its block: as that of a link, else as plain text; -1 if it does not."""
        match = re.compile(rf"(?:\]\(\s*<?|[<=\"']){re.escape(address)}").search(self.lines.text, self.at, self.end)
        return match.end() - len(address) if match else self.lines.text.find(address, self.at, self.end)

    def place(self, start: int, address: str) -> Place:
        """The place in the file."""
        place = self.lines.place(self.draft.post.path, start, start + len(address))
        return Place(place.path, place.line + self.draft.post.body_line - 1, place.column, place.width)


def _check_picture(desk: Desk, link: Link) -> Iterator[Problem]:
    """A picture needs a complete address, a text, and a format that is shown."""
    match = _SCHEME.fullmatch(link.address)
    scheme = match.group(1).lower() if match else ""
    advice = "write what it shows: `![A resume with its first line marked](…)`"
    if not link.text.strip():
        yield problem("missing-alt", "this picture has no text for those who do not see it", link.place, advice)
    elif _USELESS_ALT.fullmatch(link.text.strip()[:120]):
        message = f"`{clip(link.text)}` does not say what this picture shows"
        yield problem("useless-alt", message, link.place, advice)
    if link.is_enclosed:
        return  # judged by drip.authoring.check_enclosures
    if scheme in ("http", "https") or match is None:
        yield from _check_web_address(desk, link, "picture")
    elif scheme == "data":
        yield _held_data(link)
    else:
        message = f"`{clip(scheme)}:` is not an address of a picture that mail programs show"
        yield problem("unknown-link", message, link.place, "put the picture on the web and write its https:// address")
    if re.search(r"\.svg(?:[?#]|$)", link.address, re.IGNORECASE):
        yield problem("svg-image", "Gmail and Outlook do not show SVG pictures", link.place, "use PNG or JPEG")


def _check_web_address(desk: Desk, link: Link, what: str) -> Iterator[Problem]:
    """A complete address that is not a mark left by an import."""
    address = link.address
    if not address or address == "#" or _INVALID_HOST.match(address):
        message = f"this {what} has no address yet"
        advice = "link to `webinar:`, or write the address" if what == "link" else "write its https:// address"
        yield problem("missing-link", message, link.place, advice)
    elif _SCHEME.fullmatch(address) is None:
        yield problem(
            "relative-link", f"`{clip(address)}` leads nowhere from a mail", link.place, _completed(desk, address)
        )
    elif address.lower().startswith("http:"):
        message = f"this {what} is not encrypted"
        yield problem("insecure-link", message, link.place, "write https:// if the site has it, as nearly all do")
    host = _HOST.match(address)
    if what == "link" and host is not None and host[1].lower() in SHORTENERS:
        message = f"`{clip(host[1])}` hides where this link leads"
        yield problem("link-shortener", message, link.place, "write the address that it leads to")


def _held_data(link: Link) -> Problem:
    """An address that is the file itself."""
    place = Place(link.place.path, link.place.line, link.place.column, len("data:"))
    message = "mail programs do not follow addresses that hold the file itself"
    return problem("data-uri", message, place, "put the file on the web and write its https:// address")


def _completed(desk: Desk, address: str) -> str:
    """How a relative address was probably meant."""
    if address.rstrip(":") in NAMED_LINKS:
        return f"a named link ends in a colon: `{address}:`"
    if re.fullmatch(r"[^@\s/]+@[^@\s/]+\.[^@\s/]+", address):
        return f"write `mailto:{clip(address)}`"
    if address.startswith("//"):
        return f"write `https:{clip(address)}`"
    if re.match(r"www\.|[a-z0-9-]+\.(?:com|org|net)\b", address):
        return f"write `https://{clip(address)}`"
    if address.startswith("#"):
        return "mail programs do not follow links within a mail; take it out"
    return "write the complete address, beginning with https://"


def _check_address(
    desk: Desk, campaign: CampaignDraft | None, draft: PostDraft, link: Link, *, is_guarded: bool
) -> Iterator[Problem]:
    """Where a link leads: the web, or one of the named addresses."""
    match = _SCHEME.fullmatch(link.address)
    scheme = match.group(1) if match else ""
    if match is None or scheme.lower() in ("http", "https"):
        yield from _check_web_address(desk, link, "link")
        return
    if scheme.lower() in ("mailto", "tel"):
        return
    if scheme.lower() == "data":
        yield _held_data(link)
        return
    known = OWN_LINKS if campaign is None else NAMED_LINKS
    argument = match.group(2)
    if scheme not in known:
        message = f"`{clip(scheme)}:` is not an address that a mail can link to"
        advice = (
            "`confirm:` is for drip's own posts"
            if scheme == "confirm"
            else similar(f"{scheme}:", [f"{each}:" for each in known], "a named link")
        )
        yield problem("unknown-link", message, link.place, advice)
    elif bool(argument) != (scheme in WITH_ARGUMENT):
        message = f"`{scheme}:` {'takes nothing behind its colon' if argument else 'needs a name behind its colon'}"
        advice = f"write `{scheme}:`" if argument else f"write `{scheme}:NAME`"
        yield problem("unknown-link", message, link.place, advice)
    else:
        if scheme in WEBINAR_LINKS and not is_guarded:
            yield from misfits(campaign, draft, f"{scheme}:", link.place, is_personal=scheme in PERSONAL_LINKS)
        if campaign is not None and argument and BLOT not in argument:
            yield from _check_argument(campaign, scheme, argument, link.place)


def _check_argument(campaign: CampaignDraft, scheme: str, name: str, place: Place) -> Iterator[Problem]:
    """`session:NAME` and `post:NAME` name something that is there."""
    if scheme == "post" and name not in campaign.posts:
        advice = similar(name, campaign.posts, "a post")
        yield problem("unknown-post", f"there is no post `{clip(name)}` in this campaign", place, advice)
    elif scheme == "post" and not is_archived(campaign.campaign, campaign.posts[name].post):
        # Better said now than found by readers as a page that is not there.
        message = f"`{clip(name)}` is not in the archive, so this link would lead nowhere"
        advice = f"add `archive: true` to {clip(name)}.md to show it to everybody"
        yield problem("not-in-archive", message, place, advice)
    known = campaign.session_names
    if scheme == "session" and campaign.has_webinar and known is not None and name not in known:
        message = f"the webinar has no session `{clip(name)}`"
        yield problem("unknown-session", message, place, similar(name, known, "a session"))
