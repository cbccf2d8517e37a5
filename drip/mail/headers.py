"""Writes the header block of a message: ASCII, folded where that is safe, verbatim where folding or encoding hurts.

Never lets a value make a second header: line breaks and control characters are taken out of every value, and
what must be exact (Message-ID, List-*) is refused when it is not plain ASCII. `email.message.EmailMessage` is not
used because it encodes a long List-Unsubscribe as RFC 2047 words, which silently breaks one-click unsubscribe.
Called by `drip.mail.mime` for messages and by `drip.mail.smtp` for envelope addresses.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime
from functools import lru_cache

from drip.core.message import Headers
from drip.core.model import Mailbox
from drip.errors import DripError

CRLF = "\r\n"
LINE_LIMIT = 78  # RFC 5322 §2.1.1: SHOULD
HARD_LIMIT = 998  # RFC 5322 §2.1.1: MUST
LONGEST_WORD = 900  # an ASCII word that could not be folded below HARD_LIMIT is written as encoded words instead

ADDRESSES_KEPT = 128  # each stands in an envelope and in a header, and the sender in all of them

_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_BLANKS = re.compile(" {2,}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # RFC 5322 §3.2.3, with the blanks between atoms
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+|\"(?:[ !#-\[\]-~]|\\[ -~])*\"")
_DOMAIN = re.compile(r"[A-Za-z0-9._-]+|\[[A-Za-z0-9:.]+\]")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")
_URI = re.compile(r"[!-;=?-~]+")  # printable ASCII without blanks and angle brackets
_LIST_ID = re.compile(r"(.*?)\s*<([!-;=?-~]+)>")
_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322 §3.6.8: ftext

# The headers that are written here, and those that only servers and mail programs may write.
RESERVED = frozenset(
    {"from", "to", "cc", "bcc", "sender", "subject", "date", "message-id", "mime-version"}
    | {"list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id", "auto-submitted", "precedence"}
    | {"return-path", "received", "dkim-signature"}
)


class Unwritable(DripError):
    """This cannot stand in a header or an envelope."""

    name = "unwritable"
    exit_code = 3
    default_hint = "addresses need an ASCII part before the @; the other deliveries are not touched by this"


def clean(text: str) -> str:
    """The text on one line: line breaks become blanks, controls vanish, runs of blanks shrink to one, ends are cut."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    text = _CONTROLS.sub("", _BREAKS.sub(" ", text))
    return _BLANKS.sub(" ", text).strip(" ")


@lru_cache(maxsize=ADDRESSES_KEPT)
def ascii_address(address: str) -> str:
    """The address as it stands in headers and envelopes: local part as given, domain in its ASCII form.

    A local part outside ASCII would need SMTPUTF8 on every hop, so it is refused here.
    """
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.fullmatch(local):
        raise Unwritable(f"not an address that can be mailed: {address!r}")
    if not domain.isascii():
        domain = _ascii_domain(domain)
    if not _DOMAIN.fullmatch(domain):
        raise Unwritable(f"not a domain that can be mailed: {address!r}")
    return f"{local}@{domain}"


def _ascii_domain(domain: str) -> str:
    import idna  # only for the rare reader who needs it

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as fault:
        raise Unwritable(f"not a domain that can be mailed: {domain!r}") from fault


def text_header(name: str, value: str) -> str:
    """An unstructured header: plain and folded when ASCII, else encoded words (RFC 2047). No line end after it."""
    value = clean(value)
    if _is_plain(value):
        return _fold(f"{name}: {value}") if value else f"{name}:"
    return f"{name}: {_encoded(name, value)}"


def mailbox_header(name: str, mailbox: Mailbox) -> str:
    """`To: "Reader, Ann" <ann@example.com>`, with the name quoted or encoded as it needs. No line end after it."""
    address = ascii_address(mailbox.address)
    phrase = clean(mailbox.name)
    if not phrase:
        return f"{name}: {address}"
    if _is_plain(phrase):
        return _fold(f"{name}: {_phrase(phrase)} <{address}>")
    encoded = _encoded(name, phrase)
    last = encoded.rpartition(CRLF)[2]
    room = LINE_LIMIT - len(last) - (len(name) + 2 if last is encoded else 0)
    gap = " " if len(address) + 3 <= room else f"{CRLF} "
    return f"{name}: {encoded}{gap}<{address}>"


def date_header(moment: datetime) -> str:
    """`Date: Tue, 08 Dec 2026 17:00:00 +0000`, always in UTC."""
    if moment.tzinfo is None:
        raise Unwritable("a Date needs a moment with its zone")
    return f"Date: {format_datetime(moment.astimezone(UTC))}"


def write_headers(headers: Headers, known: dict[object, str] | None = None) -> str:
    """The header block but for the MIME headers; every line ends with CRLF.

    `known` remembers sender, subject and date between messages: encoded words cost more than the rest together.
    """
    known = {} if known is None else known
    if headers.sender not in known:
        known[headers.sender] = mailbox_header("From", headers.sender)
    if headers.subject not in known:
        known[headers.subject] = text_header("Subject", headers.subject)
    if headers.date not in known:
        known[headers.date] = date_header(headers.date)
    lines = [
        known[headers.sender],
        mailbox_header("To", headers.to),
        known[headers.subject],
        known[headers.date],
        f"Message-ID: {_exact(_MESSAGE_ID, headers.message_id, 'Message-ID')}",
    ]
    if headers.list_id:
        lines.append(_list_id(headers.list_id))
    lines.extend(_unsubscribe(headers))
    if headers.feedback_id:
        lines.append(_one_line("Feedback-ID", _exact(_URI, headers.feedback_id, "Feedback-ID")))
    if headers.auto_submitted:
        lines.append("Auto-Submitted: auto-generated")  # RFC 3834 §5: keeps vacation replies away
    if headers.precedence_bulk:
        lines.append("Precedence: bulk")
    lines.extend(text_header(_extra_name(name), value) for name, value in headers.extra.items())
    lines.append("")
    return CRLF.join(lines)


def _unsubscribe(headers: Headers) -> list[str]:
    """RFC 2369 §3.2 and RFC 8058 §3.1: the HTTPS address first, on one line, and the promise that a POST suffices."""
    uris = [each for each in (headers.unsubscribe_url, headers.unsubscribe_mailto) if each]
    if not uris:
        return []
    wrapped = [f"<{_exact(_URI, each, 'List-Unsubscribe')}>" for each in uris]
    lines = [_one_line("List-Unsubscribe", ", ".join(wrapped))]
    if headers.unsubscribe_url:
        lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    return lines


def _list_id(value: str) -> str:
    """RFC 2919 §3. A title outside ASCII is left out: encoded words in List-* headers break their readers."""
    match = _LIST_ID.fullmatch(clean(value))
    if match is None:
        raise Unwritable(f"not a List-Id: {value!r}")
    title, name = match.groups()
    if not title or not _is_plain(title):
        return _one_line("List-Id", f"<{name}>")
    return _one_line("List-Id", f"{_phrase(title)} <{name}>")


def _extra_name(name: str) -> str:
    """A header name that is legal and not one of those written here; a leading dot would need dot-stuffing."""
    lowered = name.lower()
    if not _NAME.fullmatch(name) or name.startswith(".") or len(name) > LINE_LIMIT - 2:
        raise Unwritable(f"not a header name: {name!r}")
    if lowered in RESERVED or lowered.startswith(("content-", "resent-")):
        raise Unwritable(f"drip writes this header itself: {name!r}")
    return name


def _exact(pattern: re.Pattern[str], value: str, name: str) -> str:
    if not pattern.fullmatch(value):
        raise Unwritable(f"not a value for {name}: {value!r}")
    return value


def _one_line(name: str, value: str) -> str:
    line = f"{name}: {value}"
    if len(line) > HARD_LIMIT:
        raise Unwritable(f"{name} is longer than a line may be")
    return line


def _is_plain(value: str) -> bool:
    """Whether the value may stand as it is: ASCII, nothing that reads like an encoded word, no endless word."""
    if not value.isascii() or "=?" in value:
        return False
    return len(value) <= LONGEST_WORD or max(map(len, value.split(" "))) <= LONGEST_WORD


def _phrase(text: str) -> str:
    """The words as atoms, or as a quoted string where an atom would not do (RFC 5322 §3.2.4, §3.2.5)."""
    if _ATOMS.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _encoded(name: str, value: str) -> str:
    """Encoded words, folded. Made by `Header`: its words split between characters, and it knows the 75 limit."""
    return Header(value, charset="utf-8", header_name=name, maxlinelen=76).encode(linesep=CRLF)


def _fold(line: str) -> str:
    """Breaks before words so that lines fit; never before the first word, never inside one."""
    if len(line) <= LINE_LIMIT:
        return line
    name, first, *words = line.split(" ")
    lines = [f"{name} {first}"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) <= LINE_LIMIT:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return CRLF.join(lines)
