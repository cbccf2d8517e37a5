"""Asks the web whether links lead anywhere, for `drip check --links`. The only place that follows an author's links.

HEAD first, GET where HEAD is not answered with yes; at most 8 at once, 10 seconds each. Only the status is read. What
an answer means is judged by `drip.authoring.answers`.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Iterable
from urllib.parse import quote, urljoin, urlsplit

from drip import __version__
from drip.authoring.answers import Answer

ASKED_MOST = 100
"""Different addresses of one check; a campaign has a few dozen."""

AT_ONCE = 8
SECONDS = 10.0
REDIRECTS_MOST = 5
HEAD_BYTES = 65_536
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_LOCATION = re.compile(rb"^location:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_SAFE = "/?#[]@!$&'()*+,;=%:~"


def ask_all(addresses: Iterable[str], *, seconds: float = SECONDS) -> dict[str, Answer]:
    """What the web says to each of these, the first hundred."""
    wanted = list(dict.fromkeys(addresses))[:ASKED_MOST]
    return asyncio.run(_ask_all(wanted, seconds))


async def _ask_all(addresses: list[str], seconds: float) -> dict[str, Answer]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask_one(address: str) -> Answer:
        async with gate:
            return await _ask(address, seconds)

    return dict(zip(addresses, await asyncio.gather(*map(ask_one, addresses)), strict=True))


async def _ask(address: str, seconds: float) -> Answer:
    """HEAD, and GET if that was not a yes: some servers know no HEAD, and some answer it wrongly."""
    try:
        async with asyncio.timeout(seconds):
            answer = await _follow(address, "HEAD")
            return answer if 200 <= answer.status < 300 else await _follow(address, "GET")
    except TimeoutError:
        return Answer(0, f"there was no answer within {seconds:.0f} seconds")
    except socket.gaierror as error:
        # Only "no such name" is for good; a resolver that is down may be up again.
        is_final = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
        return Answer(0, "there is no host of this name" if is_final else "the host's name was not found", is_final)
    except ssl.SSLCertVerificationError as error:
        return Answer(0, f"its certificate is not valid: {error.verify_message}"[:200], is_final=True)
    except ConnectionRefusedError:
        return Answer(0, "the host refuses the connection", is_final=True)
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        return Answer(0, f"the connection failed ({type(error).__name__})")


async def _follow(address: str, method: str) -> Answer:
    """The status at the end of the redirects."""
    for _ in range(REDIRECTS_MOST + 1):
        status, location = await _request(address, method)
        if status not in (301, 302, 303, 307, 308) or not location:
            return Answer(status)
        address = urljoin(address, location)
        if not address.lower().startswith(("http://", "https://")):
            return Answer(status)  # into a program on the reader's machine: nothing to ask
    return Answer(0, f"it redirects more than {REDIRECTS_MOST} times")


async def _request(address: str, method: str) -> tuple[int, str]:
    """One request: its status, and where it redirects to. The body is not read."""
    parts = urlsplit(address)
    if not parts.hostname:
        raise ValueError("no host")
    is_secure = parts.scheme.lower() == "https"
    host = parts.hostname.encode("idna").decode("ascii") if not parts.hostname.isascii() else parts.hostname
    port = parts.port or (443 if is_secure else 80)
    context = ssl.create_default_context() if is_secure else None
    reader, writer = await asyncio.open_connection(
        host, port, ssl=context, server_hostname=host if is_secure else None, limit=HEAD_BYTES
    )
    try:
        target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
        shown = f"[{host}]" if ":" in host else host
        named = shown if parts.port is None else f"{shown}:{parts.port}"
        lines = (
            f"{method} {target} HTTP/1.1",
            f"Host: {named}",
            f"User-Agent: drip-check/{__version__}",
            "Accept: */*",
            "Connection: close",
        )
        writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii"))
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
    status = _STATUS.match(head)
    if status is None:
        raise ValueError("not HTTP")
    location = _LOCATION.search(head)
    return int(status[1]), quote(location[1].strip().decode("latin-1"), safe=_SAFE) if location else ""
