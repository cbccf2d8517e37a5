"""Puts a message together: headers, text, HTML, perhaps an invite and files, as bytes ready for SMTP.

The static text of a shape is quoted-printable encoded once; each reader's values stand between soft line breaks,
so that their length moves nothing else. What comes out is ASCII with CRLF line ends, ends with one, and has no
line that starts with a dot (RFC 5321 §4.5.2), so that no later pass over the body is needed. Never renders and
never sends. Called by the engine, once per message.
"""

from __future__ import annotations

import binascii
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from drip.core.message import Filled, FilledPost, Headers, Invite, Shape
from drip.core.model import Mailbox
from drip.mail.enclosing import attachment_part, image_part
from drip.mail.headers import CRLF, Unwritable, date_header, write_headers

# `=_` can occur neither in quoted-printable nor in base64 (RFC 2045 §6.7), so constant boundaries are safe.
ALTERNATIVE = "=_drip.alternative"
MIXED = "=_drip.mixed"
RELATED = "=_drip.related"

SOFT_BREAK = "=\r\n"
QP_ROOM = 75  # RFC 2045 §6.7 (5): 76 with the `=` of a soft break
BASE64_BYTES = 57  # makes lines of 76
SHAPES_KEPT = 128
HEADERS_KEPT = 256
VALUES_KEPT = 1024

UTF8_MOST = 4  # bytes a character

GAP = "\0"
"""Stands around the name of a gap; neither a header nor an encoded body has one."""

ENDS = "."

TO = Mailbox("", "reader@sample.invalid")
MESSAGE_ID = "<message@sample.invalid>"
SUBJECT = "drip sample subject"
DATE = datetime(2001, 1, 1, tzinfo=UTC)
_SAMPLE_LINES = {
    "date": date_header(DATE),
    "to": f"To: {TO.address}",
    "message-id": f"Message-ID: {MESSAGE_ID}",
    "subject": f"Subject: {SUBJECT}",
}

_UNSAFE = re.compile("[^\t -<>-~]")
_METHOD = re.compile("[A-Z]+")


@dataclass(frozen=True, slots=True)
class _Coded:
    """A shape in quoted-printable; `size` and `high` count its bytes and those of them outside ASCII."""

    chunks: tuple[str, ...]
    size: int
    high: int

    @property
    def room(self) -> int:
        """How many characters outside ASCII the values may have, and it stays quoted-printable whatever they are."""
        return (self.size - 3 * self.high) // (3 * UTF8_MOST)


@dataclass(frozen=True, slots=True)
class Blank:
    """A message with gaps: text and names by turns. What fills a gap of a body is written by `quote_value`.

    The names are `date`, `to`, `message-id` and `subject`, a whole header line each, and `textN` and `htmlN` for the
    values of the bodies, with ENDS where a value is the end of its body, without a soft break behind it. Their rooms
    say how many characters outside ASCII they can take.
    """

    pieces: tuple[str, ...]
    text_room: int
    html_room: int


class Composer:
    """Makes messages; remembers the encoded static text of the last shapes."""

    def __init__(self, *, shapes_kept: int = SHAPES_KEPT) -> None:
        self._shapes_kept = shapes_kept
        self._known_headers: dict[object, str] = {}
        self._coded: dict[Shape, _Coded] = {}  # a Shape hashes by identity, and being kept here its identity stays

    def compose(self, headers: Headers, post: FilledPost, invite: Invite | None = None, *more: Invite) -> bytes:
        """The whole message. The calendar part is that of the invite; `more` are attached beside it, since an
        invitation is for one entry (RFC 5546 §3.2.2). Raises `Unwritable` when an address or a fixed header cannot be
        written."""
        bodies = [self._text_part("plain", post.text), self._text_part("html", post.html)]
        return self._whole(headers, bodies, post, (invite, *more) if invite is not None else ()).encode("ascii")

    def blank(self, headers: Headers, post: FilledPost) -> Blank | None:
        """The message with gaps, for readers who differ in their values only; None where there can be none.

        The headers have `TO`, `DATE`, `MESSAGE_ID` and perhaps `SUBJECT` in them.
        """
        coded = [self._coded.get(each.shape) or self._code(each.shape) for each in (post.text, post.html)]
        bodies = []
        for name, kind, each in zip(("text", "html"), ("plain", "html"), coded, strict=True):
            gaps = [f"{GAP}{name}{index}{GAP}" for index in range(len(each.chunks) - 1)]
            if gaps and not each.chunks[-1]:
                gaps[-1] = f"{GAP}{name}{len(gaps) - 1}{ENDS}{GAP}"
            body = "".join(part for pair in zip(each.chunks, [*gaps, ""], strict=True) for part in pair)
            if each.room < 0:
                return None
            bodies.append(_body_part(kind, "quoted-printable", body))
        text = self._whole(headers, bodies, post)
        for name, line in _SAMPLE_LINES.items():
            if text.count(f"{CRLF}{line}{CRLF}") == 1:
                text = text.replace(f"{CRLF}{line}{CRLF}", f"{CRLF}{GAP}{name}{GAP}{CRLF}")
        return Blank(tuple(text.split(GAP)), coded[0].room, coded[1].room)

    def _whole(self, headers: Headers, bodies: list[str], post: FilledPost, invites: Sequence[Invite] = ()) -> str:
        if len(self._known_headers) > HEADERS_KEPT:
            self._known_headers.clear()
        head = f"{write_headers(headers, self._known_headers)}MIME-Version: 1.0{CRLF}"
        if post.images:
            # RFC 2387: the pictures belong to the page alone, so they are inside the alternative.
            parts = [bodies[1], *map(image_part, post.images)]
            bodies[1] = _multipart("related", RELATED, parts, '; type="text/html"')
        files = []
        for number, invite in enumerate(invites, 1):
            quoted = quote(invite.ics.decode("utf-8"), more=False)
            if number == 1:
                bodies.append(_calendar_part(invite.method, quoted))
            files.append(_attachment(quoted, "invite.ics" if number == 1 else f"invite-{number}.ics"))
        inner = _multipart("alternative", ALTERNATIVE, bodies)
        if post.attachments:
            files.extend(map(attachment_part, post.attachments))
        if not files:
            return f"{head}{inner}"
        return f"{head}{_multipart('mixed', MIXED, [inner, *files])}"

    def _text_part(self, subtype: str, filled: Filled) -> str:
        coded = self._coded.get(filled.shape) or self._code(filled.shape)
        if _prefers_base64(coded, filled.values):
            return _body_part(subtype, "base64", _base64(filled))
        return _body_part(subtype, "quoted-printable", _fill(coded.chunks, filled.values))

    def _code(self, shape: Shape) -> _Coded:
        last = len(shape.chunks) - 1
        chunks = tuple(quote(chunk, more=at < last) for at, chunk in enumerate(shape.chunks))
        sizes = [_count(chunk) for chunk in shape.chunks]
        coded = _Coded(chunks, sum(size for size, _ in sizes), sum(high for _, high in sizes))
        while len(self._coded) >= self._shapes_kept:
            del self._coded[next(iter(self._coded))]
        self._coded[shape] = coded
        return coded


def _body_part(subtype: str, encoding: str, body: str) -> str:
    return (
        f"Content-Type: text/{subtype}; charset=utf-8{CRLF}"
        f"Content-Transfer-Encoding: {encoding}{CRLF}{CRLF}{body}{CRLF}"
    )


def quote(text: str, *, more: bool) -> str:
    """The text in quoted-printable, from the start of a line on; with `more` to come it ends where a line starts.

    Line ends of any kind are written as CRLF. A dot never starts a line: it is written `=2E` there.
    """
    *lines, last = _one_kind_of_line_end(text).split("\n")
    parts = [f"{_quote_line(line)}{CRLF}" for line in lines]
    if last:
        parts.append(f"{_quote_line(last, open_end=True)}{SOFT_BREAK}" if more else _quote_line(last))
    return "".join(parts)


def _one_kind_of_line_end(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _quote_line(line: str, *, open_end: bool = False) -> str:
    """One line without its end, broken softly where it is long. A blank at a hard end is encoded (§6.7 (3))."""
    if not line.isascii() or _UNSAFE.search(line):
        raw = line.encode("utf-8", "replace").decode("latin-1")
        line = _UNSAFE.sub(lambda match: f"={ord(match[0]):02X}", raw)
    if line[-1:] in (" ", "\t") and not open_end:
        line = f"{line[:-1]}={ord(line[-1]):02X}"
    if len(line) <= QP_ROOM and not line.startswith("."):
        return line
    return SOFT_BREAK.join(_pieces(line))


def _pieces(line: str) -> list[str]:
    """The encoded line in pieces of at most QP_ROOM, none of which starts with a dot or splits an `=XX`."""
    start, end = 0, len(line)
    if end > QP_ROOM and line[0] != ".":
        cut = _whole_before(line, QP_ROOM)
        if end <= cut + QP_ROOM and line[cut] != ".":
            return [line[:cut], line[cut:]]  # nearly all long values are links that fit in two lines
    pieces = []
    while True:
        lead = ""
        if line.startswith(".", start):
            lead, start = "=2E", start + 1
        cut = start + QP_ROOM - len(lead)
        if cut >= end:
            pieces.append(lead + line[start:])
            return pieces
        cut = _whole_before(line, cut)
        pieces.append(lead + line[start:cut])
        start = cut


def _whole_before(line: str, cut: int) -> int:
    """The last place up to there that splits no `=XX`."""
    if line[cut - 1] == "=":
        return cut - 1
    return cut - 2 if line[cut - 2] == "=" else cut


def _fill(chunks: tuple[str, ...], values: tuple[str, ...]) -> str:
    """The encoded chunks with the values between them; each piece starts at the start of a line."""
    parts = [chunks[0]]
    for value, chunk in zip(values, chunks[1:], strict=True):
        if value:
            parts.append(quote_value(value))
        parts.append(chunk)
    body = "".join(parts)
    return _close(body) if body.endswith(SOFT_BREAK) else body


@functools.lru_cache(maxsize=VALUES_KEPT)
def quote_value(value: str) -> str:
    """A value that is not empty, from the start of a line to the start of a line.

    Most values are plain words and links: nothing in them needs the encoder but `=`. Kept, since the text part repeats
    the links of the HTML part, and readers share names and session times.
    """
    if value.isascii() and value.isprintable():
        line = value.replace("=", "=3D")
        if len(line) < QP_ROOM and line[0] != ".":
            return line + SOFT_BREAK
        return SOFT_BREAK.join(_pieces(line)) + SOFT_BREAK
    return quote(value, more=True)


def _close(body: str) -> str:
    """Takes the soft break off the end of a body, and protects a blank that it had protected."""
    body = body[: -len(SOFT_BREAK)]
    if body[-1:] in (" ", "\t"):
        return f"{body[:-1]}{SOFT_BREAK}={ord(body[-1]):02X}"
    return body


def _prefers_base64(coded: _Coded, values: tuple[str, ...]) -> bool:
    """Whether more than a third of the bytes are outside ASCII: there quoted-printable is the longer one."""
    # At most four bytes a character: most mails are decided without counting.
    high_most = coded.high + UTF8_MOST * sum(len(value) for value in values if not value.isascii())
    if high_most * 3 <= coded.size:
        return False
    sizes = [_count(value) for value in values]
    size = coded.size + sum(size for size, _ in sizes)
    high = coded.high + sum(high for _, high in sizes)
    return high * 3 > size


def _count(text: str) -> tuple[int, int]:
    """How many bytes in UTF-8, and how many of them outside ASCII."""
    if text.isascii():
        return len(text), 0
    raw = text.encode("utf-8", "replace")
    return len(raw), len(raw) - sum(1 for each in text if each < "\x80")


def _base64(filled: Filled) -> str:
    """The whole text; line ends are made one kind piece by piece, as in quoted-printable."""
    shape = Shape(tuple(map(_one_kind_of_line_end, filled.shape.chunks)))
    text = Filled(shape, tuple(map(_one_kind_of_line_end, filled.values))).text()
    raw = text.replace("\n", CRLF).encode("utf-8", "replace")
    lines = (
        binascii.b2a_base64(raw[at : at + BASE64_BYTES], newline=False).decode("ascii")
        for at in range(0, len(raw), BASE64_BYTES)
    )
    return CRLF.join(lines)


def _multipart(subtype: str, boundary: str, parts: list[str], more: str = "") -> str:
    """The Content-Type line, a blank line and the parts, each of which is headers, blank line, body and CRLF."""
    opened = "".join(f"--{boundary}{CRLF}{part}" for part in parts)
    return f'Content-Type: multipart/{subtype}; boundary="{boundary}"{more}{CRLF}{CRLF}{opened}--{boundary}--{CRLF}'


def _calendar_part(method: str, quoted: str) -> str:
    """RFC 6047 §2.4: `method` here equals METHOD inside; never base64, which some clients do not look into."""
    if not _METHOD.fullmatch(method):
        raise Unwritable(f"not an iTIP method: {method!r}")
    return (
        f"Content-Type: text/calendar; method={method}; charset=utf-8{CRLF}"
        f"Content-Transfer-Encoding: quoted-printable{CRLF}{CRLF}{quoted}{CRLF}"
    )


def _attachment(quoted: str, name: str) -> str:
    """The same calendar object once more, or that of another entry: some clients look at attachments only."""
    return (
        f'Content-Type: application/ics; name="{name}"{CRLF}'
        f'Content-Disposition: attachment; filename="{name}"{CRLF}'
        f"Content-Transfer-Encoding: quoted-printable{CRLF}{CRLF}{quoted}{CRLF}"
    )
