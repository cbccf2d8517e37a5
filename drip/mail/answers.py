"""What a relay answers: bytes in, whole replies out, in any split. Pure; knows neither sockets nor messages.

Most replies of a connection are the same few lines again and again, so those are taken apart once. Called by
`drip.mail.lane`.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

LONGEST_REPLY = 32_768  # bytes of one reply; RFC 5321 §4.5.3.1.5 asks for 512 a line
MOST_REPLIES = 8  # that may wait in line: three are asked for at once
LONGEST_TEXT = 500  # characters of a reply that are kept
LINES_KEPT = 256  # replies of one line that are remembered, over all connections
LONGEST_LINE_KEPT = 512

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s+|$)")  # RFC 2034 §4
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """A parsed reply: code, enhanced code (RFC 3463) or "", and the text of all its lines."""

    code: int
    enhanced: str
    text: str

    @property
    def is_fine(self) -> bool:
        """250 and its kin: requested mail action completed."""
        return self.code // 10 == 25

    @property
    def is_refusal(self) -> bool:
        """4yz or 5yz: a clear no."""
        return self.code >= 400


class Answers:
    """The replies that have come and were not taken yet, and what has come of the next one."""

    __slots__ = ("_buffer", "_half", "whole")

    def __init__(self) -> None:
        self.whole: deque[Reply] = deque()
        self._buffer = bytearray()
        self._half: list[bytes] = []  # lines of a reply whose last line has not come yet

    @property
    def is_between(self) -> bool:
        """Whether nothing of a next reply is here."""
        return not (self._buffer or self._half)

    def feed(self, data: bytes) -> None:
        """Take what came. Raises ValueError at the first line that is no reply; those before it are kept."""
        if not (self._buffer or self._half) and self._take_known(data):
            return
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            match = _LINE.fullmatch(line)
            if match is None or (self._half and not line.startswith(self._half[0][:3])):
                raise ValueError(f"not an SMTP reply: {shown(line)!r}")
            self._half.append(line)
            if match[2] != b"-":
                self.whole.append(_read_reply(self._half))
                self._half = []
        if len(self._buffer) + sum(map(len, self._half)) > LONGEST_REPLY or len(self.whole) > MOST_REPLIES:
            raise ValueError("the relay's reply has no end")

    def _take_known(self, data: bytes) -> bool:
        """Whether it was whole replies of one line each, and no more than may come; then they are taken."""
        lines = data.split(b"\r\n", MOST_REPLIES)
        if lines.pop() or len(lines) + len(self.whole) > MOST_REPLIES:
            return False
        replies = []
        for each in lines:
            reply = known_reply(each) if len(each) <= LONGEST_LINE_KEPT else None
            if reply is None:
                return False
            replies.append(reply)
        self.whole.extend(replies)
        return True


@lru_cache(LINES_KEPT)
def known_reply(line: bytes) -> Reply | None:
    """A reply that is this one line, without its end; None if it is not that simple."""
    match = None if b"\n" in line else _LINE.fullmatch(line.removesuffix(b"\r"))
    return None if match is None or match[2] == b"-" else _read_reply([match[0]])


def _read_reply(lines: list[bytes]) -> Reply:
    texts = [shown(line[4:]) for line in lines]
    match = _ENHANCED.match(texts[0])
    if match is not None:
        texts = [_ENHANCED.sub("", text, count=1) for text in texts]
    return Reply(int(lines[0][:3]), match[1] if match else "", " ".join(texts)[:LONGEST_TEXT])


def shown(raw: bytes) -> str:
    """Server text for logs and terminals: no controls, no endless lines."""
    return _CONTROLS.sub(" ", raw.decode("utf-8", "replace")).strip()[:LONGEST_TEXT]
