"""Reads the answer that a calendar sends back to an invitation (iTIP REPLY, RFC 5546 §3.2.3). Bytes in, an answer out.

A mailbox takes mails from anybody, so nothing in one is believed: lengths are bounded, exactly one answer by exactly
one attendee counts, and whether that one may answer for the seat the engine decides. Called by `drip reply import`.
"""

from __future__ import annotations

import email
import email.message
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from drip.errors import DripError

REPLY_BYTES_MAX = 2_000_000
"""A reply quotes at the most the mail that it answers."""
CALENDAR_CHARACTERS_MAX = 100_000
LINES_MAX = 2_000
PARTS_MAX = 50

# RFC 5545 §3.1: name, parameters whose values may be quoted, value.
VALUE = r"(?:\"[^\"]*\"|[^\";:,]*)"
CONTENT_LINE = re.compile(rf"([A-Za-z0-9-]{{1,60}})((?:;[A-Za-z0-9-]{{1,60}}={VALUE}(?:,{VALUE})*)*):(.*)")
PARAMETER = re.compile(rf";([A-Za-z0-9-]{{1,60}})=({VALUE})")


class UnreadableReply(DripError):
    """This mail says that it answers an invitation, and the answer cannot be read."""

    name = "unreadable-reply"
    exit_code = 2
    default_hint = "nothing was changed; look at the mail yourself"


class Answer(StrEnum):
    """What a calendar may answer (RFC 5545 §3.2.12)."""

    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Reply:
    """One attendee's answer to one calendar entry, in the state that the attendee had of it."""

    uid: str
    attendee: str
    answer: Answer
    sequence: int


def read_reply(data: bytes) -> Reply | None:
    """The answer in a mail, or in a calendar object alone. None for a mail that holds none. Raises UnreadableReply."""
    if len(data) > REPLY_BYTES_MAX:
        raise UnreadableReply("the mail is larger than any reply")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].upper() == b"BEGIN:VCALENDAR":
        return _read_calendar(data.decode("utf-8", "replace"))
    try:
        message = email.message_from_bytes(data, policy=email.policy.compat32)
        texts = list(_calendars(message))
    except (RecursionError, LookupError, ValueError):
        raise UnreadableReply("the mail cannot be taken apart") from None
    found = {each for text in texts if (each := _read_calendar(text)) is not None}
    if len(found) > 1:
        raise UnreadableReply("the mail holds several answers")
    return found.pop() if found else None


def _calendars(message: email.message.Message) -> Iterator[str]:
    for number, part in enumerate(message.walk()):
        if number >= PARTS_MAX:
            return
        if part.get_content_type() in ("text/calendar", "application/ics"):
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                yield payload.decode("utf-8", "replace")


def _read_calendar(text: str) -> Reply | None:
    """The answer of a calendar object; None where it is something else than a reply."""
    if len(text) > CALENDAR_CHARACTERS_MAX:
        raise UnreadableReply("the calendar object is larger than any reply")
    # RFC 5545 §3.1: a line that begins with a blank goes on the line before.
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    lines = [found.groups() for line in unfolded.splitlines()[:LINES_MAX] if (found := CONTENT_LINE.fullmatch(line))]
    methods = {value.strip().upper() for name, _, value in lines if name.upper() == "METHOD"}
    if methods != {"REPLY"}:
        return None
    events: list[list[tuple[str, str, str]]] = []
    inside = False
    for name, parameters, value in lines:
        word = (name.upper(), value.strip().upper())
        if word == ("BEGIN", "VEVENT"):
            inside = True
            events.append([])
        elif word == ("END", "VEVENT"):
            inside = False
        elif inside:
            events[-1].append((name.upper(), parameters, value.strip()))
    if len(events) != 1:
        raise UnreadableReply("a reply is about exactly one entry")
    return _answer_of(events[0])


def _answer_of(event: list[tuple[str, str, str]]) -> Reply:
    def only(wanted: str) -> tuple[str, str]:
        found = [(parameters, value) for name, parameters, value in event if name == wanted]
        if len(found) != 1 or not found[0][1]:
            raise UnreadableReply(f"a reply has exactly one {wanted}")
        return found[0]

    parameters, address = only("ATTENDEE")
    said = [value.strip('"').lower() for name, value in PARAMETER.findall(parameters) if name.upper() == "PARTSTAT"]
    if len(said) != 1 or said[0] not in set(Answer):
        raise UnreadableReply("the attendee neither accepts nor declines")
    scheme, _, mailbox = address.partition(":")
    if scheme.lower() != "mailto" or not mailbox or len(mailbox) > 320:
        raise UnreadableReply("the attendee is no mail address")
    sequences = [value for name, _, value in event if name == "SEQUENCE"] or ["0"]
    if len(sequences) != 1 or not re.fullmatch(r"[0-9]{1,9}", sequences[0]):
        raise UnreadableReply("the SEQUENCE is no number")
    return Reply(only("UID")[1], mailbox, Answer(said[0]), int(sequences[0]))
