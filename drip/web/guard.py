"""What no request gets past: a foreign Host, a head or body that is too long or too slow. And how paths are cut.

Works on raw ASGI, before anything else looks at the request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from drip.web.pages import bare

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEAD_BYTES_MAX = 16 * 1024
BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS_MAX = 10.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def host_name(header: str) -> str:
    """`Mail.Example.com.:8000` is the host `mail.example.com`; `[::1]:8000` is `::1`."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


class _TooLong(Exception):
    """The body has more bytes than any form of ours."""


class _Gone(Exception):
    """The other side hung up."""


class Guard:
    """ASGI middleware. `root` is the path of the project's URL, for a web server that passes it on with its prefix."""

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str], root: str = "", seconds: float = BODY_SECONDS_MAX
    ) -> None:
        self._app = app
        self._hosts = frozenset({*hosts, *LOOPBACK})
        self._root = root
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request, then pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        # RFC 9112 §3.2: none, or more than one, is a bad request.
        if len(named) != 1 or host_name(named[0]) not in self._hosts:
            await bare("this is not the site that you asked for", 400)(scope, receive, send)
            return
        # The server's own limit is only for heads that come in pieces.
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEAD_BYTES_MAX:
            await bare("these headers are too long", 431, {"Connection": "close"})(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await _whole(receive)
        except _TooLong:
            await bare("that is too long for any form here", 413, {"Connection": "close"})(scope, receive, send)
        except TimeoutError:
            await bare("the request took too long to arrive", 408, {"Connection": "close"})(scope, receive, send)
        except _Gone:
            return
        else:
            path = self._path(scope["path"])
            scope = {**scope, "path": path, "raw_path": path.encode("utf-8", "replace")}
            await self._app(scope, _Replay(body, receive), send)

    def _path(self, path: str) -> str:
        """Without the prefix and without slashes at the end: RFC 8058 forbids a redirect, so none is ever needed."""
        if self._root and (path == self._root or path.startswith(f"{self._root}/")):
            path = path.removeprefix(self._root)
        return path.rstrip("/") or "/"


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise _TooLong
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


class _Replay:
    """Hands the body out once more, then what really comes (the disconnect)."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
