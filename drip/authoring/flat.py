"""One Jinja source put together from several files, that still knows which line came from where.

A layout, the post in it and the parts in that are compiled as one template, which is faster than includes; faults
must still be shown at the author's own line. Called by `drip.authoring.layout`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# A brace that would begin a Jinja tag, or could do so with the piece that follows.
_TAG_START = re.compile(r"\{(?=[{%#]|\Z)")

_END_TAG = re.compile(r"\{%[-+]?\s*end\w+\s*[-+]?%\}")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of source from one place. Text that is no template has its braces taken literally."""

    text: str
    path: str
    line: int
    is_template: bool = True

    @property
    def source(self) -> str:
        """The text as Jinja source."""
        return self.text if self.is_template else _TAG_START.sub("{% raw %}{{% endraw %}", self.text)


class Flat:
    """A template source made of pieces."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = [piece for piece in pieces if piece.text]
        self.source = "".join(piece.source for piece in self._pieces)

    def origin(self, line: int) -> tuple[str, int]:
        """The file and line that a line of the source came from; tags are believed before the text around them."""
        at = 1
        best: tuple[str, int] | None = None
        for piece in self._pieces:
            end = at + piece.source.count("\n")
            if at <= line <= end:
                found = (piece.path, piece.line + (line - at if piece.is_template else 0))
                if piece.is_template and _has_tag(piece, line - at):
                    return found
                best = best or found
            if at > line:
                break
            at = end
        return best or ("", 0)

    def first_tag(self) -> tuple[str, int]:
        """Where the first tag stands that is the author's: of a post if there is one, else of a layout."""
        tagged = [piece for piece in self._pieces if piece.is_template and _TAG_START.search(piece.text)]
        tagged.sort(key=lambda piece: piece.path.startswith("templates/"))
        return (tagged[0].path, tagged[0].line) if tagged else ("", 0)


def _has_tag(piece: Piece, offset: int) -> bool:
    # A tag that ends something cannot go wrong by itself; what stands behind it on the line can.
    text = _END_TAG.sub("", piece.text.split("\n")[offset])
    return "{{" in text or "{%" in text or "}}" in text or "%}" in text
