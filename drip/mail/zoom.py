"""Zoom's webhook: whether a message is really from Zoom, the answer to its challenge, and who came or went.

Pure: bytes, the secret and the moment in. Never touches the store. Called by `drip.web.hooks`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

AGE_MAX = timedelta(minutes=5)
"""A signed message that is older (or younger than now) is a recorded one: refused, whatever its signature."""
TOKEN = re.compile(r"[\x21-\x7e]{1,500}")
CHALLENGE = "endpoint.url_validation"
CAME = frozenset({"webinar.participant_joined", "meeting.participant_joined"})
WENT = frozenset({"webinar.participant_left", "meeting.participant_left"})
MEETING = re.compile(r"https://(?:[a-z0-9-]+\.)*zoom\.(?:us|com)/(?:j|w|s|wc/join)/([0-9]{9,12})(?:[/?#].*)?", re.I)


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody came into a meeting, or left it. `email` is empty where Zoom hides it, which it does for guests."""

    meeting: str
    email: str
    at: datetime
    left: bool


def is_genuine(secret: str, signature: str, timestamp: str, body: bytes, now: datetime) -> bool:
    """Whether Zoom signed this body at that moment, and not long ago. Compares in constant time."""
    if not re.fullmatch(r"[0-9]{1,13}", timestamp):
        return False
    signed = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    said = signature.encode("utf-8", "replace")
    is_signed = hmac.compare_digest(f"v0={signed}".encode(), said)
    seconds = int(timestamp) / (1000 if len(timestamp) == 13 else 1)
    return is_signed and abs(now.timestamp() - seconds) <= AGE_MAX.total_seconds()


def read_message(body: bytes) -> dict[str, Any] | None:
    """The message as an object, or None where it is none."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def challenge_answer(secret: str, message: dict[str, Any]) -> dict[str, str] | None:
    """What Zoom wants to hear when it asks whether the secret is known here; None where it asks no such thing."""
    if message.get("event") != CHALLENGE:
        return None
    token = _inside(message, "payload").get("plainToken")
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        return None
    digest = hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    return {"plainToken": token, "encryptedToken": digest}


def read_seen(message: dict[str, Any]) -> Seen | None:
    """Who came or went, or None for what tells of nobody."""
    event = message.get("event")
    if not isinstance(event, str) or event not in CAME | WENT:
        return None
    meeting = _inside(message, "payload", "object")
    person = _inside(message, "payload", "object", "participant")
    number = str(meeting.get("id", "")).replace(" ", "")
    at = _moment(person.get("leave_time" if event in WENT else "join_time"))
    email = person.get("email")
    if not re.fullmatch(r"[0-9]{9,12}", number) or at is None:
        return None
    return Seen(number, email.strip() if isinstance(email, str) and len(email) <= 320 else "", at, event in WENT)


def meeting_number(join: str) -> str:
    """The number in the address of a Zoom meeting, or "" where it is no such address."""
    found = MEETING.fullmatch(join)
    return found[1] if found else ""


def _inside(message: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        inner = message.get(name)
        message = inner if isinstance(inner, dict) else {}
    return message


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None
