"""What a post prints of its readers, and where: what one run of its templates shows for all who share the rest.

Pure data, made by `drip.authoring.layout` and put to use by `drip.engine.plates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drip.authoring.escaping import Escaper, clean
from drip.core.message import Shape


@dataclass(frozen=True, slots=True)
class Printed:
    """A page or a text: its shape, and for each gap the very object that was printed there, not escaped yet."""

    shape: Shape
    values: tuple[str, ...]
    escapers: tuple[Escaper, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A subject or a preview: text and printed values by turns, and what it came to."""

    chunks: tuple[str, ...]
    values: tuple[str, ...]
    whole: str

    def of(self, values: Sequence[str]) -> str:
        """The line with other values."""
        pairs = zip(self.chunks, [*values, ""], strict=True)
        return one_line("".join(part for pair in pairs for part in pair))


@dataclass(frozen=True, slots=True)
class Trace:
    """A post as it was printed once."""

    subject: Line
    preview: Line
    html: Printed
    text: Printed


def one_line(text: str) -> str:
    """Text for a header: no control characters, no line ends."""
    return " ".join(clean(text).split())
