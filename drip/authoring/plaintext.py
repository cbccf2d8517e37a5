"""The text part of a post, from the same Markdown tokens as the page, so that both say the same.

Lines are never wrapped: mail programs do that, and a transfer encoding carries long lines. Jinja statements stay
where they are without taking a line of their own. Never runs a template. Called by `drip.authoring.layout`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from typing import TYPE_CHECKING

from drip.authoring.blocks import title_of
from drip.authoring.lists import FindTag, statements
from drip.authoring.markdown import SESSIONS_WORD

if TYPE_CHECKING:
    from markdown_it.token import Token

_HTML_BREAK = re.compile(r"<br\s*/?>|</(?:p|div|tr|li|h[1-6]|table)>", re.IGNORECASE)
_HTML_HIDDEN = re.compile(r"<(style|script|head)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_HTML_TAG = re.compile(r"<!--.*?-->|<[a-zA-Z/!?][^>]*>", re.DOTALL)

RULE = "* * *"
UNDERLINE_MOST = 60


class PlainText:
    """Writes one post."""

    def __init__(self, find_tag: FindTag, word: re.Pattern[str]) -> None:
        self._find_tag = find_tag
        self._word = word

    def write(self, tokens: Sequence[Token]) -> str:
        """The text; words still stand for tags."""
        return self._blocks(tokens).strip("\n") + "\n"

    def _blocks(self, tokens: Sequence[Token]) -> str:
        """Every block ends with an empty line; a statement adds nothing of its own."""
        parts = []
        at = 0
        while at < len(tokens):
            end = _end(tokens, at)
            parts.append(self._block(tokens[at : end + 1]))
            at = end + 1
        return "".join(parts)

    def _block(self, block: Sequence[Token]) -> str:
        token = block[0]
        if statements(token, self._find_tag):
            return token.content.strip()
        if token.type == "sessions":
            return f"{SESSIONS_WORD}\n"  # its part ends each session's lines itself
        text = self._text_of(token, block[1:-1]).strip("\n")
        if len(block) > 2 and statements(block[-2], self._find_tag):
            return f"{text}\n"  # the last item within the loop has ended its line
        return f"{text}\n\n" if text else ""

    def _text_of(self, token: Token, inner: Sequence[Token]) -> str:
        match token.type:
            case "heading_open":
                return self._heading(inner)
            case "bullet_list_open" | "ordered_list_open":
                return self._list(token, inner)
            case "blockquote_open":
                return _prefixed(self._blocks(inner), "> ")
            case "quote_open" | "author" | "container_callout_open" | "figure":
                return self._own_block(token, inner)
            case "footnote_open":
                return f"[{int(token.meta['id']) + 1}] {self._blocks(inner)}"
            case "fence" | "code_block":
                return _prefixed(token.content, "    ")
            case "hr":
                return RULE
            case "table_open":
                return self._table(inner)
            case "html_block":
                return self._without_tags(token.content)
            case "button":
                return f"{self._inline(token.children or ())}:\n{token.attrs['href']}"
            case "inline":
                return self._inline(token.children or ())
            case _:
                return self._blocks(inner)

    def _own_block(self, token: Token, inner: Sequence[Token]) -> str:
        """The blocks of `drip.authoring.blocks`; columns simply follow one another."""
        match token.type:
            case "quote_open":
                # Who said it is quoted too, so that the two are not taken apart in an answer.
                return _prefixed(self._blocks([*inner[1:-2], inner[-1]]), "> ")
            case "author":
                return f"— {self._inline(token.children or ())}"
            case "figure":
                return f"{self._inline(token.children or ())}\n{token.meta['caption']}"
            case _:
                title = title_of(token)
                return _prefixed((f"*{title}*\n" if title else "") + self._blocks(inner), "| ")

    def _heading(self, inner: Sequence[Token]) -> str:
        text = self._inline(inner[0].children or ())
        # A value has no length yet; a line of middle length suits most.
        length = 24 if self._word.search(text) else min(len(text), UNDERLINE_MOST)
        return f"{text}\n{'-' * length}"

    def _list(self, token: Token, inner: Sequence[Token]) -> str:
        counted = token.type == "ordered_list_open" and not any(statements(each, self._find_tag) for each in inner)
        number = int(token.attrs.get("start", 1))
        loose = any(
            each.type == "paragraph_open" and not each.hidden for each in inner if each.level == token.level + 2
        )
        text = ""
        at = 0
        while at < len(inner):
            end = _end(inner, at)
            if inner[at].type == "list_item_open":
                lead = f"{number}. " if counted else "- "
                item = self._blocks(inner[at + 1 : end])
                item = item.rstrip("\n") if loose else re.sub("\n{2,}", "\n", item).rstrip("\n")
                text += lead + _prefixed(item, " " * len(lead), first=False) + ("\n\n" if loose else "\n")
                number += 1
            else:
                text += inner[at].content.strip()
            at = end + 1
        return text

    def _table(self, inner: Sequence[Token]) -> str:
        lines: list[str] = []
        cells: list[str] = []
        for at, token in enumerate(inner):
            if token.type in ("th_open", "td_open"):
                cells.append(self._inline(inner[at + 1].children or ()))
            elif token.type == "tr_close":
                lines.append(" | ".join(cells))
                cells = []
            elif token.type == "thead_close" and any(lines):
                lines.append("-" * min(len(lines[-1]), UNDERLINE_MOST))
        return "\n".join(lines)

    # --- within a line

    def _inline(self, children: Sequence[Token]) -> str:
        parts: list[str] = []
        links: list[tuple[str, int]] = []
        for child in children:
            if child.type == "link_open":
                links.append((str(child.attrs.get("href", "")), len(parts)))
            elif child.type == "link_close":
                href, start = links.pop()
                label = "".join(parts[start:])
                if href not in (label, f"mailto:{label}"):
                    parts.append(f" <{href}>" if label.strip() else href)
            else:
                parts.append(self._inline_part(child))
        return "".join(parts)

    def _inline_part(self, child: Token) -> str:
        match child.type:
            case "text" | "text_special":
                return child.content
            case "softbreak":
                return " "
            case "hardbreak":
                return "\n"
            case "code_inline":
                return f"`{child.content}`"
            case "em_open" | "em_close":
                return "_"
            case "strong_open" | "strong_close":
                return "*"
            case "s_open" | "s_close":
                return "~"
            case "image":
                alt = self._inline(child.children or ())
                return f"[{alt}]" if alt else ""
            case "html_inline":
                return "\n" if child.content.lower().startswith("<br") else self._kept_words(child.content)
            case "footnote_ref":
                return f"[{int(child.meta['id']) + 1}]"
            case _:
                return ""

    def _without_tags(self, html: str) -> str:
        """What an HTML block says."""
        text = _HTML_BREAK.sub("\n", _HTML_HIDDEN.sub("", html))
        text = unescape(_HTML_TAG.sub(lambda match: self._kept_words(match[0]), text))
        return re.sub(r"\n\s*\n+", "\n", re.sub(r"[ \t]+", " ", text)).strip()

    def _kept_words(self, html: str) -> str:
        """Inline HTML is dropped, but a tag that is a Jinja statement in disguise is not HTML."""
        return html if html.startswith("<!--") and self._find_tag(html) is not None else ""


def _end(tokens: Sequence[Token], at: int) -> int:
    """Where the block that begins here ends."""
    depth = 0
    for place in range(at, len(tokens)):
        depth += tokens[place].nesting
        if depth == 0:
            return place
    return len(tokens) - 1


def _prefixed(text: str, prefix: str, *, first: bool = True) -> str:
    """Every line with a prefix (not an empty one, unless it is a quotation's)."""
    lines = text.strip("\n").split("\n")
    return "\n".join(
        (prefix + line).rstrip() if (at or first) and (line or prefix.strip()) else line
        for at, line in enumerate(lines)
    )
