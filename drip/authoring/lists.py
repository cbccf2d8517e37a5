"""Keeps one list in one piece where Jinja statements stand between its items.

In Markdown a statement on its own line is a block and ends the list before it. What the author means by

    {% for each in sessions %}
    - {{ each.day }}
    {% endfor %}

is one list with a loop in it, not a loop of lists. Works on Markdown tokens, so that page and text agree. Called by
`drip.authoring.markdown`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from markdown_it.token import Token


class _Tag(Protocol):
    @property
    def inside(self) -> str: ...


FindTag = Callable[[str], _Tag | None]

_LISTS = ("bullet_list_open", "ordered_list_open")
_BEGINNINGS = frozenset({"if", "for", "with", "call", "filter", "macro", "block", "autoescape"})
_MIDDLES = frozenset({"else", "elif"})


def join_lists(tokens: Sequence[Token], find_tag: FindTag) -> list[Token]:
    """The tokens, with lists joined across statements that belong inside them."""
    parts = [
        [part[0], *join_lists(part[1:-1], find_tag), part[-1]] if len(part) > 1 else part for part in _parts(tokens)
    ]
    done: list[Token] = []
    at = 0
    while at < len(parts):
        run = _run(parts[at:], find_tag)
        done.extend(_joined(run, find_tag) if run else parts[at])
        at += max(1, len(run))
    return done


def _parts(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Each block with all that is in it."""
    part: list[Token] = []
    depth = 0
    for token in tokens:
        part.append(token)
        depth += token.nesting
        if depth == 0:
            yield part
            part = []


def statements(token: Token, find_tag: FindTag) -> list[str]:
    """The insides of the statements in an HTML block that is made of nothing else."""
    if token.type != "html_block":
        return []
    words = re.findall(r"<!--.*?-->", token.content)
    tags = [find_tag(word) for word in words]
    if not tags or None in tags or "".join(words) != token.content.strip():
        return []
    return [tag.inside for tag in tags if tag is not None]


def _run(parts: Sequence[list[Token]], find_tag: FindTag) -> list[list[Token]]:
    """The statements and lists of one kind that follow one another here."""
    run: list[list[Token]] = []
    kind = ""
    for part in parts:
        first = part[0]
        if first.type in _LISTS and kind in ("", first.type + first.markup):
            kind = first.type + first.markup
        elif not statements(first, find_tag):
            break
        run.append(part)
    return run


def _joined(run: Sequence[list[Token]], find_tag: FindTag) -> Iterator[Token]:
    """One run as tokens; the statements that belong within the list are in it."""
    lists = [at for at, part in enumerate(run) if part[0].type in _LISTS]
    first, last = _span(run, lists, find_tag) if lists else (0, -1)
    for at, part in enumerate(run):
        is_list = part[0].type in _LISTS and first <= at <= last
        if at == first <= last:
            yield run[lists[0]][0]
        yield from part[1:-1] if is_list else part
        if at == last >= first:
            yield run[lists[-1]][-1]


def _span(run: Sequence[list[Token]], lists: Sequence[int], find_tag: FindTag) -> tuple[int, int]:
    """From where to where the run is one list; (0, -1) when it must stay as it is."""

    def words(first: int, last: int) -> list[str]:
        return [word for part in run[first : last + 1] for word in statements(part[0], find_tag)]

    first, last = lists[0], lists[-1]
    wide = (first - 1, last + 1) if first > 0 and last + 1 < len(run) else None
    if wide and words(wide[0], wide[0])[0].startswith("for ") and _balanced(words(*wide)):
        return wide
    spans = [(first, last), wide, (first - 1, last) if first > 0 else None, (first, last + 1)]
    return next((span for span in spans if span is not None and _balanced(words(*span))), (0, -1))


def _balanced(words: Sequence[str]) -> bool:
    depth = 0
    for word in words:
        keyword = word.split()[0] if word.split() else ""
        if keyword in _BEGINNINGS or (keyword == "set" and "=" not in word):
            depth += 1
        elif keyword.startswith("end"):
            depth -= 1
        if depth < 0 or (depth == 0 and keyword in _MIDDLES):
            return False
    return depth == 0
