"""What passes from the compiled post to the MIME writer and on to the transport. Pure data.

A `Shape` is everything of a page that is the same for many readers: the text between the values. It is made
once (premailer runs once per shape) and compared by identity, so that encoders can cache by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drip.core.model import NOTHING, Mailbox


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Static text around the values: always one chunk more than there are values. Compared by identity."""

    chunks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """A shape with one reader's values, already escaped for their places."""

    shape: Shape
    values: tuple[str, ...]

    def text(self) -> str:
        """The whole text."""
        chunks = self.shape.chunks
        parts = [chunks[0]]
        for value, chunk in zip(self.values, chunks[1:], strict=True):
            parts.append(value)
            parts.append(chunk)
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A file that goes along with a message, encoded already: base64 in lines of 76, each with CRLF.

    `content_id` (without angle brackets) is what the page calls a picture by; attachments have none.
    """

    name: str
    kind: str
    encoded: str
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class FilledPost:
    """A post for one reader: subject and preview as plain text, both bodies as shapes with values, and its files."""

    subject: str
    preview: str
    html: Filled
    text: Filled
    images: tuple[Enclosed, ...] = ()
    attachments: tuple[Enclosed, ...] = ()

    def standalone(self) -> str:
        """The page with its pictures in it, for a browser that does not have the message around it."""
        page = self.html.text()
        for each in self.images:
            data = each.encoded.replace("\r\n", "")
            page = page.replace(f"cid:{each.content_id}", f"data:{each.kind};base64,{data}")
        return page


@dataclass(frozen=True, slots=True)
class Headers:
    """The headers of one message. None or "" leaves a header out; `extra` is for headers that drip itself names.

    `unsubscribe_url` becomes List-Unsubscribe with List-Unsubscribe-Post (RFC 2369, RFC 8058), verbatim on one
    line. `list_id` is `Title <name.host>` (RFC 2919). `message_id` is with angle brackets and never changes
    between attempts.
    """

    sender: Mailbox
    to: Mailbox
    subject: str
    date: datetime
    message_id: str
    unsubscribe_url: str = ""
    unsubscribe_mailto: str = ""
    list_id: str = ""
    feedback_id: str = ""
    auto_submitted: bool = True
    precedence_bulk: bool = False
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Invite:
    """A calendar object to go with a message: its iTIP method and its exact bytes (CRLF lines)."""

    method: str
    ics: bytes


@dataclass(frozen=True, slots=True)
class Wire:
    """A message ready for SMTP: envelope and bytes.

    `wire_ready` promises CRLF line ends, a final CRLF and no line that starts with a dot (RFC 5321 §4.5.2).
    """

    sender: str
    recipient: str
    data: bytes
    message_id: str
    wire_ready: bool = True
