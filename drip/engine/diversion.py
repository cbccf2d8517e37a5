"""Mail that goes to somebody else than its reader: test mode and proofs. Marks it, and keeps it from anybody else.

`Diversion` changes a message before it is put together, in the one place where all messages are (`Letters.wire`).
`OnlyTo` stands before the transport and lets nothing else pass, so that a message made in another way cannot reach
a reader either. Never decides whether test mode is on: drip.yaml does, as it is read when a command starts.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.delivery import Blame, OutcomeKind
from drip.core.message import Filled, FilledPost, Headers, Shape
from drip.core.model import NOTHING, Mailbox
from drip.mail.transport import Before, relay_trouble

if TYPE_CHECKING:
    from drip.core.delivery import Outcome
    from drip.core.message import Wire
    from drip.mail.transport import Grant, Transport

SHAPES_KEPT = 64
"""As many shapes as a long run has in hand at once: the composer then encodes each marked one only once, too."""

# White on dark red has a contrast of 8.5, and both colors are said, so that dark mode has nothing to invert halfway.
_BANNER = (
    '<div dir="ltr" lang="en" style="margin:0;padding:12px 16px;background-color:#9b1c1c;color:#ffffff;'
    'font:bold 15px/1.4 Arial,Helvetica,sans-serif;text-align:center">'
)
_BODY = re.compile(r"""<body\b(?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
_BODY_BEGINS = re.compile(r"<body\b", re.IGNORECASE)
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)
_ONE_CLICK = b"\r\nlist-unsubscribe"


@dataclass(frozen=True, slots=True)
class Diversion:
    """Who gets the mail in place of its reader, and how it shows: a tag before the subject, a notice on top.

    `before` and `after` stand around the reader's address in the notice. `sent_at` is the Date where the post is
    filled for another moment.
    """

    to: str
    tag: str
    before: str
    after: str
    sent_at: datetime | None = None
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def mark(self, headers: Headers, filled: FilledPost) -> tuple[Headers, FilledPost]:
        """The message as it goes to `to` alone.

        Without List-Unsubscribe: whoever tries a mail may press the button that their mail program makes of it, and
        it would be the reader who is unsubscribed, without a question (RFC 8058 §3.2).
        """
        reader = headers.to.address
        marked = replace(
            headers,
            to=Mailbox("", self.to),
            subject=f"{self.tag} {headers.subject}",
            date=self.sent_at or headers.date,
            unsubscribe_url="",
            unsubscribe_mailto="",
            extra={**headers.extra, **self.extra},
        )
        return marked, replace(
            filled, html=self._on_top(filled.html, reader, is_html=True), text=self._on_top(filled.text, reader)
        )

    def _on_top(self, filled: Filled, reader: str, *, is_html: bool = False) -> Filled:
        shape, index = _with_notice(filled.shape, self.before, self.after, is_html)
        value = html.escape(reader) if is_html else reader
        return Filled(shape, (*filled.values[:index], value, *filled.values[index:]))


def to_author(address: str) -> Diversion:
    """All mail to one address. The links stay the reader's own: they are what is tried out."""
    return Diversion(
        address,
        "[test]",
        "Test mode: this mail is for ",
        " and went to you alone. Its links are that reader’s own, and they work.",
    )


@functools.lru_cache(maxsize=SHAPES_KEPT)
def _with_notice(shape: Shape, before: str, after: str, is_html: bool) -> tuple[Shape, int]:
    """The shape with a gap for the reader's address on top, and which of its values that is."""
    if is_html:
        index, at = _top_of(shape.chunks)
        opened, closed = f"{_BANNER}{html.escape(before)}", f"{html.escape(after)}</div>"
    else:
        index, at = 0, 0
        opened, closed = f"*** {before}", f"{after} ***\n\n"
    chunk = shape.chunks[index]
    chunks = (
        *shape.chunks[:index],
        chunk[:at] + opened,
        closed + chunk[at:],
        *shape.chunks[index + 1 :],
    )
    return Shape(chunks), index


def _top_of(chunks: tuple[str, ...]) -> tuple[int, int]:
    """The chunk and the place in it where the page's body begins; the top of the page where it has none."""
    for index, chunk in enumerate(chunks):
        if match := _BODY.search(chunk):
            return index, match.end()
        if _BODY_BEGINS.search(chunk):
            # A value stands in an attribute of <body>, so the tag ends in a later chunk. Values hold no plain `>`.
            for later in range(index + 1, len(chunks)):
                if (at := chunks[later].find(">")) >= 0:
                    return later, at + 1
    match = _DOCTYPE.match(chunks[0])
    return 0, match.end() if match else 0


class OnlyTo(Before):
    """A transport that hands on what is for one address, without one-click headers, and puts everything else off."""

    def __init__(self, transport: Transport, address: str) -> None:
        super().__init__(transport)
        self._address = address

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """Send it, or say that it was not taken: it stays due, and nobody has it."""
        head = wire.data.partition(b"\r\n\r\n")[0].lower()
        if wire.recipient != self._address or _ONE_CLICK in head:
            return relay_trouble("test mode is on, and this message was not redirected; it was kept back")
        outcome = await self._transport.send(wire, grant)
        if outcome.kind is OutcomeKind.PERMANENT and outcome.blame is Blame.ADDRESS:
            # It is the author's address that was refused: the reader must not be suppressed for it.
            return relay_trouble(
                f"test mode is on, and {self._address} was refused: {outcome.text}",
                code=outcome.code,
                enhanced=outcome.enhanced,
            )
        return outcome


def guarded(transport: Transport, address: str) -> Transport:
    """The transport; in test mode (an address is given) nothing passes it but mail to that address."""
    return OnlyTo(transport, address) if address else transport
