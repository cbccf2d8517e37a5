"""Checks of the blocks between `:::` lines: that each is one that is known, and that each is closed.

Part of the checks of `drip.authoring.check`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from drip.authoring.blocks import CONTAINERS
from drip.authoring.check_links import blotted, parse
from drip.authoring.desk import Desk
from drip.authoring.problems_catalogue import problem
from drip.authoring.prose import shifted
from drip.authoring.section import clip, similar
from drip.authoring.source import Lines
from drip.core.problems import Place, Problem

_FENCE = re.compile(r"[ \t>]*:{3,}")
_NAMED = re.compile(r"[ \t>]*:{3,}[ \t]*([^\s:]+)")


def check_blocks(desk: Desk) -> Iterator[Problem]:
    """Blocks that would be printed as they are typed, or that swallow the rest of the post."""
    for _, draft in desk.posts():
        for each in _in_post(draft.post.path, blotted(draft.post.body)):
            yield replace(each, place=shifted(each.place, draft.post.body_line))


def _in_post(path: str, source: str) -> Iterator[Problem]:
    lines = Lines(source)
    texts = source.split("\n")

    def place(number: int, start: int, end: int) -> Place:
        begin = lines.start(number + 1)
        return lines.place(path, begin + start, begin + end)

    for token in parse(source):
        first, last = token.map or (0, 0)
        if token.type.startswith("container_") and token.nesting == 1:
            # The line behind the block is the one that closes it.
            if last >= len(texts) or not _FENCE.match(texts[last]):
                message = f"`{clip(texts[first])}` is not closed, so the rest of the post is in it"
                advice = "write `:::` on a line of its own where it ends"
                yield problem("open-block", message, place(first, 0, len(texts[first])), advice)
        elif token.type == "inline":
            for number in range(first, min(last, len(texts))):
                match = _NAMED.match(texts[number])
                if match is not None:
                    message = f"there is no block `{clip(match[1])}`, so this line is printed as it stands"
                    advice = similar(match[1], CONTAINERS, "a block")
                    yield problem("unknown-block", message, place(number, match.start(1), match.end(1)), advice)
