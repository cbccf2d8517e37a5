"""Settles what Hugo's shortcodes and Jekyll's Liquid tags leave in a Markdown post; what no mail can show is counted.

Images, films and code become Markdown; other tags go, but what stands between their halves stays. Code is never
touched: there a tag is the subject. `{{ … }}` that is left prints as text, which is `markdown_post.disarm`'s work.
Pure. Called by `sites.py` and `convert.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from drip.authoring.importing.addresses import is_absolute, resolve, scheme_of
from drip.authoring.importing.dom import Losses, PlaceImage, placed
from drip.authoring.importing.literal import as_address, as_link_words

_FENCE = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)",
    re.DOTALL | re.MULTILINE,
)
_HIGHLIGHT = re.compile(
    r"\{(?:\{[<%]|%-?)\s*highlight\s+(?P<language>[\w+#-]*)[^}]*?(?:[>%]\}|-?%)\}\n?(?P<code>.*?)\n?"
    r"\{(?:\{[<%]\s*/\s*highlight\s*[>%]\}|%-?\s*endhighlight\s*-?%)\}",
    re.DOTALL,
)
# Every stretch is bounded: a file of nothing but openings must not cost the square of its size.
_HUGO = re.compile(
    r"\{\{[<%](?P<slash>/?)\s{0,99}(?P<close>/?)\s{0,99}(?P<name>[\w./-]+)(?P<rest>[^{}]{0,4000}?)[>%]\}\}"
)
_HUGO_COMMENT = re.compile(r"\{\{([<%])/\*(.*?)\*/([>%])\}\}", re.DOTALL)
_LIQUID = re.compile(r"\{%-?\s*(?P<name>\w+)(?P<rest>.{0,2000}?)-?%\}", re.DOTALL)
_LIQUID_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}(.*?)\{%-?\s*endraw\s*-?%\}", re.DOTALL)
_LIQUID_COMMENT = re.compile(r"\{%-?\s*comment\s*-?%\}.*?\{%-?\s*endcomment\s*-?%\}", re.DOTALL)
_SITE_URL = re.compile(r"\{\{-?\s*site\.(?:base)?url\s*-?\}\}(?:\{\{-?\s*site\.baseurl\s*-?\}\})?")
_FILTERED = re.compile(r"\{\{-?\s*[\"']([^\"']*)[\"']\s*\|\s*(?:relative_url|absolute_url)\s*-?\}\}")
_KRAMDOWN = re.compile(r"[ \t]*\{:[^{}\n]*\}")
_VALUE = re.compile(r"(?:([\w-]+)\s*=\s*)?(?:\"([^\"]*)\"|'([^']*)'|`([^`]*)`|([^\s\"'=]+))")
_FILMS = {
    "youtube": "https://www.youtube.com/watch?v={}",
    "vimeo": "https://vimeo.com/{}",
    "gist": "https://gist.github.com/{}",
}

_SCRIPT = re.compile(r"<(script|style)\b[^>]{0,5000}>.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_FRAME = re.compile(
    r"<(iframe|embed|object|video|audio)\b([^>]{0,5000})>(?:.{0,5000}?</\1\s*>)?", re.DOTALL | re.IGNORECASE
)
_SOURCE = re.compile(r"(?:^|\s)(?:src|data)\s*=\s*[\"']?([^\s\"'>]+)", re.IGNORECASE)
_HTML_TAG = re.compile(r"<[a-z][^<>]{0,20000}>", re.IGNORECASE)
_HANDLER = re.compile(r"[\s/]on[a-z]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+)", re.IGNORECASE)
_SCRIPT_LINK = re.compile(
    r"(\]\(\s*<?|(?:href|src)\s*=\s*[\"']?\s*)(?:javascript|vbscript|data):[^\s)\"'>]*", re.IGNORECASE
)
_WORDS = r"\[(?:[^\[\]\\]|\\.|\[[^\[\]]*\])*\]\(\s{0,9}"
_TARGET = r"(<[^<>\n]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)"
_IMAGE = re.compile(rf"((?<!\\)!{_WORDS}){_TARGET}")
_LINK = re.compile(rf"((?<![\\!]){_WORDS}){_TARGET}")
_IMAGE_TAG = re.compile(r"(<img\b[^>]*?\ssrc\s*=\s*)([\"'])(.*?)\2", re.IGNORECASE | re.DOTALL)


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """The text with everything changed that is no code."""
    out: list[str] = []
    at = 0
    for match in _FENCE.finditer(markdown):
        out += [change(markdown[at : match.start()]), match[0]]
        at = match.end()
    return "".join((*out, change(markdown[at:])))


def settle_markup(markdown: str, losses: Losses) -> str:
    """Markdown without shortcodes, Liquid tags, scripts and embeds."""

    def code(match: re.Match[str]) -> str:
        return f"\n```{match['language']}\n{match['code']}\n```\n"

    return outside_code(
        outside_code(markdown, lambda text: _HIGHLIGHT.sub(code, text)), lambda text: _settle(text, losses)
    )


def _settle(text: str, losses: Losses) -> str:
    text = _HUGO_COMMENT.sub(r"{{\1\2\3}}", text) if "/*" in text else text
    text = _FILTERED.sub(r"\1", _SITE_URL.sub("", _LIQUID_COMMENT.sub("", text)))
    text = _LIQUID_RAW.sub(r"\1", text)
    text = _HUGO.sub(lambda match: _shortcode(match, losses), text)
    text = _LIQUID.sub(lambda match: _shortcode(match, losses), text)
    text = _KRAMDOWN.sub("", text)
    text, scripts = _SCRIPT.subn("", text)
    losses.counts["script"] += scripts
    text = _FRAME.sub(lambda match: _embed(_source_in(match[2]), losses), text)
    text = _HTML_TAG.sub(lambda match: _without_handlers(match[0], losses), text)
    text, links = _SCRIPT_LINK.subn(r"\1#", text)
    losses.counts["script"] += links
    return text


def _source_in(attributes: str) -> str:
    match = _SOURCE.search(attributes)
    return match[1] if match else ""


def _without_handlers(tag: str, losses: Losses) -> str:
    tag, number = _HANDLER.subn("", tag)
    losses.counts["script"] += number
    return tag


def _shortcode(match: re.Match[str], losses: Losses) -> str:
    groups = match.groupdict()
    name = groups["name"].lower()
    if groups.get("close") or groups.get("slash") or name.startswith("end"):
        return ""
    values, words = _values(groups["rest"])
    if name in ("figure", "img", "image") and values.get("src"):
        return _figure(values)
    if name in _FILMS and (words or values.get("id")):
        return _embed(_FILMS[name].format("/".join(words) if name == "gist" else values.get("id") or words[0]), losses)
    if name in ("ref", "relref", "post_url", "link") and words:
        # Stands in the parentheses of a link: its address is the site's to know.
        losses.note(f"cannot say where `{words[0][:60]}` leads: the site would have known")
        return as_address(words[0])
    losses.counts["shortcode"] += 1
    losses.note(f"dropped the tag `{name[:40]}`")
    return ""


def _values(rest: str) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    words: list[str] = []
    for match in _VALUE.finditer(rest[:4_000]):
        value = next((each for each in match.groups()[1:] if each is not None), "")
        if match[1]:
            values[match[1].lower()] = value
        else:
            words.append(value)
    return values, words


def _figure(values: dict[str, str]) -> str:
    caption = values.get("caption") or values.get("title") or ""
    alt = values.get("alt") or caption
    image = f"![{as_link_words(alt)}]({as_address(values['src'])})"
    return f"{image}\n\n*{as_link_words(caption)}*" if caption else image


def _embed(address: str, losses: Losses) -> str:
    losses.counts["embed"] += 1
    if not is_absolute(address):
        losses.note("lost an embed that says no address")
        return ""
    whole = as_address(address)
    return f"[{as_link_words(whole)}]({whole})"


def settle_addresses(markdown: str, base: str, place_image: PlaceImage, losses: Losses) -> str:
    """Markdown in which every image has the address that the caller says, and links are whole where that can be."""

    def image(match: re.Match[str]) -> str:
        address = match[2].strip("<>")
        if not address or scheme_of(address) not in ("", "http", "https"):
            return match[0]
        losses.counts["image"] += 1
        return match[1] + as_address(placed(address, base, place_image, losses))

    def link(match: re.Match[str]) -> str:
        address = match[2].strip("<>")
        if not address or scheme_of(address) or address.startswith("#"):
            return match[0]
        # `other.md` is a file of the site; where that was published the site alone knows.
        whole = address if address.partition("#")[0].endswith((".md", ".markdown")) else resolve(address, base)
        if not scheme_of(whole):
            losses.note(f"cannot say where `{whole[:80]}` leads: there is no address to count from")
            return match[0]
        return match[1] + as_address(whole)

    def in_html(match: re.Match[str]) -> str:
        losses.counts["image"] += 1
        return f"{match[1]}{match[2]}{as_address(placed(match[3], base, place_image, losses))}{match[2]}"

    return outside_code(markdown, lambda text: _IMAGE_TAG.sub(in_html, _LINK.sub(link, _IMAGE.sub(image, text))))
