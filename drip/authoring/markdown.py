"""Markdown with Jinja in it becomes two Jinja sources, a page's and a plain text's, from one stream of tokens.

The order of meaning is Markdown first, then Jinja: every Jinja tag is replaced by an opaque word before the text is
read as Markdown and put back afterwards, so no value is ever read as Markdown. Jinja's own lexer finds the tags,
also within code spans, where they work too. Never runs a template. Called by `drip.authoring.layout`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import unescape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from drip.authoring.blocks import RENDER as RENDER_BLOCKS
from drip.authoring.blocks import RULES as BLOCK_RULES
from drip.authoring.blocks import add_blocks, with_blocks
from drip.authoring.flat import Piece
from drip.authoring.lists import join_lists

if TYPE_CHECKING:
    from jinja2 import Environment
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

NAMED_LINKS: Mapping[str, str] = MappingProxyType(
    {name: f"links.{name}" for name in ("webinar", "join", "calendar", "cancel", "unsubscribe", "preferences")}
    | {name: f"links.{name}" for name in ("browser", "confirm", "session", "post")}
)
"""`webinar:` in a link is the reader's own address of the webinar, and so on."""

WITH_ARGUMENT = frozenset({"session", "post"})
"""Named links that say which: `session:tuesday-noon`."""

_NAMED = re.compile(r"(?P<name>[a-z]+):(?P<argument>.*)", re.DOTALL)
_HTML_HREF = re.compile(r"""(?<=\bhref=)(["'])([a-z]+:[\w.-]*)\1""")
_AWAY = re.compile(r"https?://[^\s/]", re.IGNORECASE)
_AWAY_IN_HTML = re.compile(r"""(?<=\bhref=)(["'])(https?://(?:(?!\1)[^<>\s])+)\1""", re.IGNORECASE)
_ALONE = re.compile(r"[ \t>]*")
_BUTTON_MARK = "{.button}"


@dataclass(frozen=True, slots=True)
class Tag:
    """One Jinja tag of a post: its source, its line, and whether it is an expression or a statement."""

    source: str
    line: int
    is_statement: bool

    @property
    def inside(self) -> str:
        """What stands between the braces."""
        return self.source[2:-2].strip("-+ \t\n")


class Protected:
    """A post's text with words for its tags."""

    def __init__(self, text: str, tags: list[Tag], word: str) -> None:
        self.text = text
        self.word = word
        self.pattern = re.compile(f"<!--{word}([0-9]+)z-->|{word}([0-9]+)z")
        self._tags = tags

    def add(self, source: str, line: int) -> str:
        """A word for one more expression."""
        self._tags.append(Tag(source, line, is_statement=False))
        return f"{self.word}{len(self._tags) - 1}z"

    def tag(self, word: str) -> Tag | None:
        """The tag that a word (perhaps in a comment's dress) stands for."""
        match = self.pattern.fullmatch(word.strip())
        return None if match is None else self._tags[int(match[1] or match[2])]

    def pieces(self, text: str, origin: str, first_line: int) -> Iterator[Piece]:
        """The text with its tags put back, as pieces that know the line they came from."""
        at = 0
        line = first_line
        for match in self.pattern.finditer(text):
            yield Piece(text[at : match.start()], origin, line, is_template=False)
            tag = self._tags[int(match[1] or match[2])]
            line = first_line + tag.line - 1
            yield Piece(tag.source, origin, line)
            at = match.end()
        yield Piece(text[at:], origin, line, is_template=False)


# --- protect -----------------------------------------------------------------------------------------------


def protect(body: str, environment: Environment) -> Protected:
    """The text with a word for every Jinja tag. A statement alone on its line becomes an HTML comment: a block."""
    word = next(w for n in range(len(body) + 1) if (w := f"qtag{n}x") not in body.lower())
    tags: list[Tag] = []
    parts: list[str] = []
    for kind, text, line in _lexed(body, environment):
        if kind == "comment":
            parts.append("\n" * text.count("\n"))
        elif kind == "data":
            parts.append(text)
        else:
            parts.append(f"{word}{len(tags)}z")
            tags.append(Tag(text, line, kind == "statement"))
    text = "".join(parts)
    # `<{{ url }}>` would be read as a tag of that name; an address in angle brackets is meant.
    text = re.sub(f"<({word}[0-9]+z)>", r"[\1](\1)", text)
    lines = [_as_block(line, word, tags) for line in text.split("\n")]
    return Protected("\n".join(lines), tags, word)


def _as_block(line: str, word: str, tags: Sequence[Tag]) -> str:
    start = _ALONE.match(line)
    assert start is not None
    words = line[start.end() :].split()
    matches = [re.fullmatch(f"((?:{word}[0-9]+z)+)", each) for each in words]
    numbers = [int(number) for number in re.findall(f"{word}([0-9]+)z", line)]
    if not words or not all(matches) or not all(tags[number].is_statement for number in numbers):
        return line
    return start[0] + "".join(f"<!--{word}{number}z-->" for number in numbers)


def _lexed(body: str, environment: Environment) -> Iterator[tuple[str, str, int]]:
    """Data, comments, expressions and statements, with the line of each (from 1). `{% raw %}` is data."""
    open_tag: list[str] = []
    kind, begin = "", 1
    for line, token, text in environment.lexer.tokeniter(body + "\n", None):
        if token in ("raw_begin", "raw_end", "linecomment_begin"):
            continue
        if token in ("variable_begin", "block_begin", "comment_begin"):
            open_tag, begin = [text], line
            kind = {"variable_begin": "expression", "block_begin": "statement"}.get(token, "comment")
        elif token in ("variable_end", "block_end", "comment_end"):
            end = text.rstrip()
            yield kind, "".join(open_tag) + end, begin
            open_tag = []
            # `-%}` takes the white space behind it along; line ends mean something in Markdown.
            if text != end:
                yield "data", text[len(end) :], line
        elif open_tag:
            open_tag.append(text)
        else:
            yield "data", text, line


# --- read --------------------------------------------------------------------------------------------------


OURS = ("table", "strikethrough", "footnote_def", "footnote_inline", "footnote_ref", "footnote_tail", *BLOCK_RULES)
"""The rules that we add to CommonMark."""


def parser() -> MarkdownIt:
    """CommonMark with tables, footnotes and our own blocks, as posts are read."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.footnote import footnote_plugin

    made = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    made.use(footnote_plugin).use(add_blocks)
    rules: dict[str, Callable[..., str]] = {
        **RENDER_BLOCKS,
        "button": _render_button,
        "sessions": _render_sessions,
        "footnote_ref": lambda _self, tokens, at, _options, _env: f"<sup>[{_number(tokens[at])}]</sup>",
        # Mail programs break links within a mail, so footnotes are plain text.
        "footnote_block_open": lambda *_: '<div class="notes">\n',
        "footnote_block_close": lambda *_: "</div>\n",
        "footnote_open": lambda _self, tokens, at, _options, _env: f'<div class="note">[{_number(tokens[at])}] ',
        "footnote_close": lambda *_: "</div>\n",
        "footnote_anchor": lambda *_: "",
    }
    for name, rule in rules.items():
        made.add_render_rule(name, rule)
    return made


_parser = cache(parser)


def _number(token: Token) -> int:
    return int(token.meta["id"]) + 1


def read(protected: Protected) -> list[Token]:
    """The post as Markdown tokens, with named links, buttons and the sessions block made out."""
    tokens = _parser().parse(protected.text)
    for token in tokens:
        line = token.map[0] + 1 if token.map else 1
        if token.type in ("fence", "code_block"):
            token.content = re.sub(f"<!--({protected.word}[0-9]+z)-->", r"\1", token.content)
        if token.type == "html_block":
            token.content = _name_links_in_html(token.content, line, protected)
        for child in token.children or ():
            if child.type == "link_open":
                child.attrs["href"] = _named_link(str(child.attrs.get("href", "")), line, protected)
            if child.type == "html_inline":
                child.content = _name_links_in_html(child.content, line, protected)
    return list(_with_buttons(with_blocks(join_lists(tokens, protected.tag)), protected))


def count_links(tokens: Sequence[Token], protected: Protected) -> None:
    """Let links that lead away go by way of `links.follow`, which knows whether the reader lets us count them.

    Personal pages of ours and addresses with a value in them stay as they are: only what the author wrote is signed.
    """
    for token in tokens:
        line = token.map[0] + 1 if token.map else 1
        if token.type in ("html_block", "html_inline"):
            token.content = _count_in_html(token.content, line, protected)
        elif (found := _followed(str(token.attrs.get("href", "")), line, protected)) is not None:
            token.attrs["href"] = found
        count_links(token.children or (), protected)


def _count_in_html(html: str, line: int, protected: Protected) -> str:
    def counted(match: re.Match[str]) -> str:
        found = _followed(unescape(match[2]), line, protected)
        return match[0] if found is None else f'"{found}"'

    return _AWAY_IN_HTML.sub(counted, html)


def _followed(href: str, line: int, protected: Protected) -> str | None:
    if not _AWAY.match(href) or protected.pattern.search(href):
        return None
    quoted = href.replace("\\", "\\\\").replace("'", "\\'")
    return protected.add(f"{{{{ links.follow('{quoted}') }}}}", line)


def _name_links_in_html(html: str, line: int, protected: Protected) -> str:
    return _HTML_HREF.sub(lambda match: f'"{_named_link(match[2], line, protected)}"', html)


def _named_link(href: str, line: int, protected: Protected) -> str:
    """A word for `{{ links.webinar }}` where `webinar:` stands; every other address stays as it is."""
    match = _NAMED.fullmatch(href)
    if match is None or match["name"] not in NAMED_LINKS:
        return href
    expression = NAMED_LINKS[match["name"]]
    argument = unquote(match["argument"])
    if match["name"] in WITH_ARGUMENT:
        tag = protected.tag(argument)
        if tag is None and not re.fullmatch(r"[\w.-]+", argument):
            return href
        expression += f"({tag.inside})" if tag is not None else f"('{argument}')"
    elif argument:
        return href
    return protected.add(f"{{{{ {expression} }}}}", line)


def _with_buttons(tokens: list[Token], protected: Protected) -> Iterator[Token]:
    from markdown_it.token import Token

    at = 0
    while at < len(tokens):
        if tokens[at].type == "paragraph_open":
            inline = tokens[at + 1]
            tag = protected.tag(inline.content)
            if tag is not None and not tag.is_statement and tag.inside == "sessions":
                yield Token("sessions", "", 0, block=True)
                at += 3
                continue
            if (button := _button(inline)) is not None:
                yield button
                at += 3
                continue
        yield tokens[at]
        at += 1


def _button(inline: Token) -> Token | None:
    """A link alone in its paragraph, bold or marked `{.button}`, is a button."""
    from markdown_it.token import Token

    children = [child for child in inline.children or () if child.type != "text" or child.content.strip()]
    types = [child.type for child in children]
    if types[:2] == ["strong_open", "link_open"] and types[-2:] == ["link_close", "strong_close"]:
        children = children[1:-1]
    elif types[:1] == ["link_open"] and types[-2:] == ["link_close", "text"]:
        if children[-1].content.strip() != _BUTTON_MARK:
            return None
        children = children[:-1]
    else:
        return None
    if [child.type for child in children].count("link_open") != 1 or not children[1:-1]:
        return None
    return Token("button", "", 0, attrs={"href": children[0].attrs["href"]}, children=children[1:-1], block=True)


# --- the page ----------------------------------------------------------------------------------------------

SESSIONS_WORD = "<!--the-sessions-->"
"""Stands where the sessions block goes; `drip.authoring.layout` puts templates/parts/sessions.* there."""


def _render_button(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    from markdown_it.common.utils import escapeHtml

    label = renderer.renderInline(tokens[at].children or [], options, env)
    href = escapeHtml(str(tokens[at].attrs["href"]))
    # A table cell with a ground and a padded link, as MJML and Cerberus send: no key reaches a link drawn in VML.
    return (
        '<table class="button" role="presentation" border="0" cellpadding="0" cellspacing="0"><tr>'
        f'<td class="button-ground"><a class="button-link" href="{href}">{label}</a></td></tr></table>\n'
    )


def _render_sessions(*_: Any) -> str:
    return SESSIONS_WORD


def to_html(tokens: list[Token]) -> str:
    """The page's part of a post; words still stand for its tags."""
    ours = _parser()
    return str(ours.renderer.render(tokens, ours.options, {}))
