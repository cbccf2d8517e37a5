"""Ways to look at the HTML of a mail: light, dark, without images. And the few changes that a frame needs.

Pure, text to text. What a lens cannot know (mail programs that invert colors by themselves) it does not pretend; the
page beside the frame says so. Called by `drip.sandbox.live_pages`.
"""

from __future__ import annotations

import base64
import email
import email.policy
import html
import re
from collections.abc import Mapping
from html.parser import HTMLParser

_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style\s*>)", re.IGNORECASE | re.DOTALL)
_MEDIA_RULE = re.compile(r"@media([^{};]*)(?=\{)", re.IGNORECASE)
_MEDIA_ATTRIBUTE = re.compile(r"(<(?:source|style|link)\b[^>]*?\smedia\s*=\s*)(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_SCHEME_FEATURE = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_SCHEME_META = re.compile(
    r"(<meta\b[^>]*?\bname\s*=\s*[\"']?(?:supported-)?color-schemes?[\"']?[^>]*?\bcontent\s*=\s*)(\"[^\"]*\"|'[^']*')",
    re.IGNORECASE,
)
_SCHEME_RULE = re.compile(r"((?<![-\w])color-scheme\s*:\s*)([^;}]*)", re.IGNORECASE)
_TAG_REST = r"(?:[^>\"']|\"[^\"]*\"|'[^']*')*"
_IMAGE = re.compile(rf"<img\b{_TAG_REST}>", re.IGNORECASE)
_BACKGROUND = re.compile(r"(<[a-z]+\b[^>]*?)\sbackground\s*=\s*(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_URL = re.compile(r"url\(\s*(?:\"[^\"]*\"|'[^']*'|&quot;.*?&quot;|[^)]*)\s*\)", re.IGNORECASE)
_STYLE_ATTRIBUTE = re.compile(r"(\sstyle\s*=\s*)(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_CID = re.compile(r"cid:([^\s\"'<>()]+)", re.IGNORECASE)

ALT_BOX = (
    "display:inline-block;box-sizing:border-box;max-width:100%;padding:6px 10px;border:1px dashed #8a949e;"
    "color:inherit;font:14px/1.4 sans-serif"
)


def in_scheme(page: str, scheme: str) -> str:
    """The page as in a mail program of this color scheme (`dark` or `light`), whatever the browser prefers.

    The mail's own rules do it: their condition is replaced by one that always, or never, holds.
    """

    def judged(condition: str) -> str:
        alone = _SCHEME_FEATURE.fullmatch(condition.strip())
        if alone is not None:
            return "all" if alone[1].lower() == scheme else "not all"
        # In company, a feature takes the place of the feature: `not`, `and` and commas keep their meaning.
        return _SCHEME_FEATURE.sub(
            lambda found: "(min-width: 0)" if found[1].lower() == scheme else "(max-width: 0)", condition
        )

    def rules(match: re.Match[str]) -> str:
        text = _MEDIA_RULE.sub(
            lambda found: f"@media {judged(found[1]).strip()} " if _SCHEME_FEATURE.search(found[1]) else found[0],
            match[2],
        )
        text = _SCHEME_RULE.sub(lambda found: found[1] + _chosen(found[2], scheme), text)
        return match[1] + text + match[3]

    page = _STYLE.sub(rules, page)
    page = _MEDIA_ATTRIBUTE.sub(lambda found: f'{found[1]}"{judged(found[2][1:-1])}"', page)
    return _SCHEME_META.sub(lambda found: f'{found[1]}"{_chosen(found[2][1:-1], scheme)}"', page)


def _chosen(declared: str, scheme: str) -> str:
    """The scheme, if the mail says that it can have it; else what it says."""
    return scheme if scheme in declared.lower().split() else declared


def knows_dark(page: str) -> bool:
    """Whether the mail has anything to say about the dark."""
    return any(
        _SCHEME_FEATURE.search(found[0]) for style in _STYLE.finditer(page) for found in _MEDIA_RULE.finditer(style[2])
    )


def without_images(page: str) -> str:
    """The page with its images switched off, as many mail programs show it at first: their alt text stands there."""
    page = _IMAGE.sub(lambda found: _alt_box(found[0]), page)
    page = _BACKGROUND.sub(lambda found: found[1], page)
    page = _STYLE_ATTRIBUTE.sub(lambda found: found[1] + _URL.sub("none", found[2]), page)
    return _STYLE.sub(lambda found: found[1] + _URL.sub("none", found[2]) + found[3], page)


def _alt_box(tag: str) -> str:
    alt = _attributes(tag).get("alt")
    if alt is None:
        return f'<span style="{ALT_BOX};font-style:italic">image without alt text</span>'
    # An empty alt text says that the image is decoration: then nothing stands there.
    return f'<span style="{ALT_BOX}">{html.escape(alt)}</span>' if alt.strip() else ""


def _attributes(tag: str) -> Mapping[str, str]:
    found: dict[str, str] = {}

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.update({name: value or "" for name, value in attrs})

    Reader().feed(tag)
    return found


def framed(page: str, raw: bytes = b"") -> str:
    """The page for a frame: links leave the frame, and images that lie in the message itself are shown."""
    if _CID.search(page) and raw:
        images = _images_of(raw)
        page = _CID.sub(lambda found: images.get(found[1], found[0]), page)
    # The pages that links lead to refuse to be framed.
    base = '<base target="_blank">'
    return _HEAD.sub(lambda found: found[0] + base, page, count=1) if _HEAD.search(page) else base + page


def _images_of(raw: bytes) -> dict[str, str]:
    """The images of a message as data addresses, by their Content-ID."""
    images: dict[str, str] = {}
    for part in email.message_from_bytes(raw, policy=email.policy.compat32).walk():
        name = (part.get("Content-ID") or "").strip().strip("<>")
        data = part.get_payload(decode=True)
        if name and part.get_content_maintype() == "image" and isinstance(data, bytes):
            images[name] = f"data:{part.get_content_type()};base64,{base64.b64encode(data).decode()}"
    return images
