"""Walks through an XML export of any size, one entry after the other, without ever holding the whole.

Entities are not expanded and a file that declares any is refused, whatever its encoding: no blog's export needs them,
and ten lines of them can fill a machine. Opens no file: it is given one. Called by `wordpress.py` and `blogger.py`.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from drip.errors import Unreadable

if TYPE_CHECKING:
    from lxml.etree import _Element

# XML 1.0 §2.2 allows none of these, and WordPress exports them all the same when somebody pasted from a word processor.
_CONTROLS = bytes(set(range(32)) - {9, 10, 13})


class _WithoutControls:
    """A stream without the control characters that no XML may hold."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._is_wide: bool | None = None

    def read(self, size: int = -1) -> bytes:
        """The next bytes; in UTF-16 those bytes are halves of letters and stay."""
        data = self._stream.read(size)
        if self._is_wide is None:
            self._is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"<\0", b"\0<"))
        while data and not self._is_wide:
            kept = data.translate(None, _CONTROLS)
            if kept:
                return kept
            data = self._stream.read(size)
        return data


def each_element(stream: IO[bytes], wanted: frozenset[str], notes: list[str]) -> Iterator[_Element]:
    """Every element with one of these names, whole, but for those within another; it is emptied behind you."""
    from lxml import etree

    context: Any = etree.iterparse(
        _WithoutControls(stream),  # it asks for nothing but `read`
        events=("start", "end"),
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    looked = False
    outermost: Any = None
    try:
        for event, element in context:
            if not looked:
                _refuse_entities(element)
                looked = True
            if event == "start":
                outermost = element if outermost is None and element.tag in wanted else outermost
            elif element is outermost:
                yield element
                outermost = None
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        if not looked:
            raise Unreadable(f"this is not XML: {_brief(error.msg)}") from None
        notes.append(f"the file is damaged: {_brief(error.msg)}; what stands after that was not read")
    for entry in context.error_log:
        notes.append(f"the file is damaged in line {entry.line}: {_brief(entry.message)}")
        break


def _refuse_entities(element: _Element) -> None:
    found: Any = element.getroottree().docinfo.internalDTD
    if found is not None and any(True for _ in found.iterentities()):
        raise Unreadable(
            "this XML declares entities of its own, which no export of a blog does", hint="do not trust it"
        )


def _brief(message: str | None) -> str:
    return " ".join((message or "no reason given").split())[:120]


def text_at(element: _Element, path: str) -> str:
    """The text of a child, or nothing."""
    return (element.findtext(path) or "").strip()
