"""Blocks that Markdown alone does not have: callouts, columns, pictures with a caption, quotations with their author.

    ::: callout Mind the date          ::: columns          ![A desk](desk.png "By the window")
    The doors close on Friday.         One side
    :::                                                     > Own the mistake.
                                       ***                  >
                                                            > — Lisa Rangel
                                       The other
                                       :::

Their HTML is what Outlook for Windows lays out rightly too: tables, and a table of its own in a comment where columns
stand side by side. Works on Markdown tokens, so that page and text agree. Called by `drip.authoring.markdown`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

CONTAINERS = ("callout", "columns")
COLUMNS_MOST = 3
"""More would be narrower than a word on the 530 pixels that a letter has."""

RULES = tuple(f"container_{name}" for name in CONTAINERS)

_DASH = re.compile(r"(?:—|―|–|--)[ \u00a0]+")
_TABLE = 'role="presentation" width="100%" border="0" cellpadding="0" cellspacing="0"'


def add_blocks(parser: MarkdownIt) -> None:
    """Teaches a parser the blocks between `:::` lines."""
    from mdit_py_plugins.container import container_plugin

    for name in CONTAINERS:
        container_plugin(parser, name, validate=_is_named(name))


def _is_named(name: str) -> Callable[[str, str], bool]:
    return lambda words, _marker: words.split()[:1] == [name]


def title_of(token: Token) -> str:
    """What stands behind `::: callout`."""
    return token.info.strip().removeprefix("callout").strip()


# --- tokens ------------------------------------------------------------------------------------------------


def with_blocks(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, with columns, captions and authors made out."""
    done: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        end = _end(tokens, at)
        inner = tokens[at + 1 : end]
        if token.type == "container_columns_open":
            done += _columns(token, with_blocks(inner), tokens[end])
        elif token.type == "blockquote_open":
            done += _quotation(token, with_blocks(inner), tokens[end])
        elif token.type == "paragraph_open" and not token.hidden and (figure := _figure(inner[0])) is not None:
            done.append(figure)
        else:
            done.append(token)
            end = at  # and what is in it, piece by piece
        at = end + 1
    return done


def _end(tokens: Sequence[Token], at: int) -> int:
    depth = 0
    for place in range(at, len(tokens)):
        depth += tokens[place].nesting
        if depth == 0:
            return place
    return len(tokens) - 1


def _columns(begin: Token, inner: list[Token], end: Token) -> Iterator[Token]:
    """The container with its rules turned into the ends of columns."""
    from markdown_it.token import Token

    ends = [token for token in inner if token.type == "hr" and token.level == begin.level + 1][: COLUMNS_MOST - 1]
    count = len(ends) + 1
    yield begin.copy(meta={"count": count})
    for token in inner:
        yield Token("next_column", "", 0, meta={"count": count}, block=True) if token in ends else token
    yield end


def _quotation(begin: Token, inner: list[Token], end: Token) -> Iterator[Token]:
    """The quotation; its last paragraph, if it begins with a dash, is who said it."""
    from markdown_it.token import Token

    last = inner[-3:]
    children = list(last[1].children or ()) if len(inner) > 3 and last[0].type == "paragraph_open" else []
    lead = _DASH.match(children[0].content) if children and children[0].type == "text" else None
    if lead is None:
        yield from (begin, *inner, end)
        return
    children[0] = children[0].copy(content=children[0].content[lead.end() :])
    yield Token("quote_open", "", 1, block=True)
    yield from (begin, *inner[:-3], end)
    yield Token("author", "", 0, children=children, block=True)
    yield Token("quote_close", "", -1, block=True)


def _figure(inline: Token) -> Token | None:
    """A picture alone in its paragraph whose title is shown, as its caption; it may be a link, and sent along."""
    from markdown_it.token import Token

    children = list(inline.children or ())
    pictures = [child for child in children if child.type == "image"]
    others = {child.content.strip() if child.type == "text" else child.type for child in children} - {"image"}
    if len(pictures) != 1 or not others <= {"link_open", "link_close", "{cid}", ""}:
        return None
    caption = str(pictures[0].attrs.pop("title", "") or "").strip()
    return Token("figure", "", 0, children=children, meta={"caption": caption}, block=True) if caption else None


# --- the page ----------------------------------------------------------------------------------------------


def _callout(_renderer: Any, tokens: Sequence[Token], at: int, _options: Any, _env: Any) -> str:
    from markdown_it.common.utils import escapeHtml

    title = title_of(tokens[at])
    shown = f'<p class="callout-title">{escapeHtml(title)}</p>\n' if title else ""
    return f'<table class="callout" {_TABLE}><tr><td class="callout-ground">\n{shown}'


# Side by side where there is room, below one another where there is none: no style of the head is needed for it.
# Outlook for Windows does not know `inline-block`, and gets a table that only it reads.
def _columns_open(_renderer: Any, tokens: Sequence[Token], at: int, _options: Any, _env: Any) -> str:
    count = tokens[at].meta["count"]
    return (
        f'<table class="columns" {_TABLE}><tr><td class="columns-ground">'
        '<!--[if mso]><table role="presentation" width="100%"><tr>'
        f'<td width="{100 // count}%" valign="top"><![endif]-->'
        f'<div class="part part-of-{count}"><div class="part-body">\n'
    )


def _next_column(_renderer: Any, tokens: Sequence[Token], at: int, _options: Any, _env: Any) -> str:
    count = tokens[at].meta["count"]
    return (
        f'</div></div><!--[if mso]></td><td width="{100 // count}%" valign="top"><![endif]-->'
        f'<div class="part part-of-{count}"><div class="part-body">\n'
    )


def _columns_close(*_: Any) -> str:
    return "</div></div><!--[if mso]></td></tr></table><![endif]--></td></tr></table>\n"


def _render_figure(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    from markdown_it.common.utils import escapeHtml

    picture = renderer.renderInline(tokens[at].children or [], options, env)
    return f'<div class="figure">{picture}\n<p class="caption">{escapeHtml(tokens[at].meta["caption"])}</p></div>\n'


def _author(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return f'<p class="author">— {renderer.renderInline(tokens[at].children or [], options, env)}</p>\n'


RENDER: dict[str, Callable[..., str]] = {
    "container_callout_open": _callout,
    "container_callout_close": lambda *_: "</td></tr></table>\n",
    "container_columns_open": _columns_open,
    "container_columns_close": _columns_close,
    "next_column": _next_column,
    "figure": _render_figure,
    "quote_open": lambda *_: f'<table class="quote" {_TABLE}><tr><td class="quote-ground">\n',
    "author": _author,
    "quote_close": lambda *_: "</td></tr></table>\n",
}
