"""The parts of a message that carry files: pictures beside the page that shows them, and attachments.

Both come encoded and are only given their headers. File names outside plain ASCII are written after RFC 2231, in
pieces where they are long. Called by `drip.mail.mime`, for mails that have any such file.
"""

from __future__ import annotations

from urllib.parse import quote

from drip.core.message import Enclosed
from drip.mail.headers import CRLF, clean

PIECE = 50
"""Characters of a file name in one line, so that it stays below 78 with what is around it."""

# RFC 2231 §7: attribute-char.
_AS_IT_IS = "!#$&+-.^_`{|}~"


def parameter(name: str, value: str) -> str:
    """`; filename=…` on lines of its own: quoted where that is enough, else after RFC 2231 §3 and §4."""
    value = clean(value)
    if value.isascii() and len(value) <= PIECE and not set('"\\') & set(value):
        return f';{CRLF} {name}="{value}"'
    coded = f"utf-8''{quote(value, safe=_AS_IT_IS)}"
    pieces = _pieces(coded)
    if len(pieces) == 1:
        return f";{CRLF} {name}*={coded}"
    return "".join(f";{CRLF} {name}*{number}*={piece}" for number, piece in enumerate(pieces))


def _pieces(coded: str) -> list[str]:
    """The coded name in pieces, none of which splits a `%XX`."""
    pieces = []
    while len(coded) > PIECE:
        cut = PIECE
        if "%" in coded[cut - 2 : cut]:
            cut = coded.rindex("%", 0, cut)
        pieces.append(coded[:cut])
        coded = coded[cut:]
    return [*pieces, coded]


def image_part(image: Enclosed) -> str:
    """A picture that the page names by its Content-ID (RFC 2392)."""
    return (
        f"Content-Type: {image.kind}{parameter('name', image.name)}{CRLF}"
        f"Content-Disposition: inline{parameter('filename', image.name)}{CRLF}"
        f"Content-ID: <{image.content_id}>{CRLF}"
        f"Content-Transfer-Encoding: base64{CRLF}{CRLF}{image.encoded}"
    )


def attachment_part(file: Enclosed) -> str:
    """A file to be kept."""
    return (
        f"Content-Type: {file.kind}{parameter('name', file.name)}{CRLF}"
        f"Content-Disposition: attachment{parameter('filename', file.name)}{CRLF}"
        f"Content-Transfer-Encoding: base64{CRLF}{CRLF}{file.encoded}"
    )
