"""Fetches one address over HTTP, for imports: with a limit on size and time, and never from this machine's own network.

A blog that is imported names addresses that somebody else wrote: each is looked up once, and the connection goes to the
very address that was judged, so that a second look-up cannot lead elsewhere. Called by `drip.cli.sources` and
`drip.cli.pictures`.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from drip import __version__
from drip.errors import NotFetched

PAGE_BYTES_MAX = 20_000_000
IMAGE_BYTES_MAX = 10_000_000
SILENCE_SECONDS = 20
WHOLE = timedelta(seconds=120)
"""A server that sends a byte now and then must not hold an import for ever."""
HOPS_MAX = 5
CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came, from where in the end; `is_unchanged` when the server said that nothing is new."""

    data: bytes
    url: str
    charset: str = ""
    etag: str = ""
    modified: str = ""
    is_unchanged: bool = False


class Fetcher:
    """Fetches with one set of rules. `allow_loopback` is for a server on this machine, as in tests and previews."""

    def __init__(self, now: Callable[[], datetime], *, allow_loopback: bool = False) -> None:
        self._now = now
        self._allow_loopback = allow_loopback
        self._opener = urllib.request.OpenerDirector()
        # No handler for file:, ftp: or data:, and none for proxies: they would connect for us, unseen.
        for handler in (_Http(self._dial), _Https(self._dial), urllib.request.HTTPErrorProcessor(), _Redirect()):
            self._opener.add_handler(handler)
        self._opener.add_handler(urllib.request.HTTPDefaultErrorHandler())

    def fetch(self, url: str, *, most: int, etag: str = "", modified: str = "") -> Fetched:
        """The bytes behind an address. Raises NotFetched, which says why."""
        headers = {"User-Agent": f"drip/{__version__} (import)", "Accept-Encoding": "identity", "Accept": "*/*"}
        headers |= {"If-None-Match": etag} if etag else {}
        headers |= {"If-Modified-Since": modified} if modified else {}
        shown = url[:200]
        try:
            request = urllib.request.Request(_ascii(url), headers=headers)  # noqa: S310  # the opener knows http(s) alone
            with self._opener.open(request, timeout=SILENCE_SECONDS) as response:
                data = self._read(response, most, shown)
                return Fetched(
                    data,
                    response.geturl(),
                    response.headers.get_content_charset() or "",
                    response.headers.get("ETag", "")[:500],
                    response.headers.get("Last-Modified", "")[:100],
                )
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 304:
                    return Fetched(b"", url, is_unchanged=True)
                raise NotFetched(f"`{shown}` could not be fetched: the server answered {error.code}") from None
        except NotFetched:
            raise
        except urllib.error.URLError as error:
            if isinstance(error.reason, NotFetched):
                raise error.reason from None
            raise NotFetched(f"`{shown}` could not be fetched: {_reason(error.reason)}") from None
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            raise NotFetched(f"`{shown}` could not be fetched: {_reason(error)}") from None

    def _read(self, response: Any, most: int, shown: str) -> bytes:
        end = self._now() + WHOLE
        data = bytearray()
        while chunk := response.read(min(CHUNK, most + 1 - len(data))):
            data += chunk
            if len(data) > most:
                raise NotFetched(f"`{shown}` is larger than {most // 1_000_000} MB")
            if self._now() > end:
                raise NotFetched(f"`{shown}` took longer than {int(WHOLE.total_seconds())} seconds")
        return bytes(data)

    def _dial(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connection to a public address of that host."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise NotFetched(f"there is no host `{host[:100]}`") from None
        addresses = [each[4][:2] for each in found]
        if not addresses or not all(self._may_reach(str(address)) for address, _ in addresses):
            raise NotFetched(f"`{host[:100]}` is on a private network; drip fetches from public addresses only")
        error: OSError | None = None
        for address in addresses:
            try:
                return socket.create_connection((str(address[0]), int(address[1])), timeout)
            except OSError as failed:
                error = failed
        raise error or OSError("no address")

    def _may_reach(self, address: str) -> bool:
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address):
            ip = ip.ipv4_mapped or ip.sixtofour or ip
        if self._allow_loopback and ip.is_loopback:
            return True
        # 64:ff9b::/96 leads to IPv4 by translation, private addresses included.
        is_translated = isinstance(ip, ipaddress.IPv6Address) and ip in ipaddress.ip_network("64:ff9b::/96")
        return ip.is_global and not ip.is_multicast and not is_translated


Dial = Callable[[str, int, float], socket.socket]


class _Redirect(urllib.request.HTTPRedirectHandler):
    max_redirections = HOPS_MAX
    max_repeats = 2


class _Http(urllib.request.HTTPHandler):
    def __init__(self, dial: Dial) -> None:
        super().__init__()
        self._dial = dial

    def http_open(self, req: urllib.request.Request) -> Any:
        """As the standard library does it, over our own connection."""
        return self.do_open(lambda host, timeout: _Plain(self._dial, host, timeout), req)  # type: ignore[arg-type]


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, dial: Dial) -> None:
        super().__init__()
        self._dial = dial

    def https_open(self, req: urllib.request.Request) -> Any:
        """As the standard library does it, over our own connection."""
        return self.do_open(lambda host, timeout: _Tls(self._dial, host, timeout), req)  # type: ignore[arg-type]


class _Plain(http.client.HTTPConnection):
    def __init__(self, dial: Dial, host: str, timeout: float) -> None:
        super().__init__(host, timeout=timeout)
        self._dial = dial
        self._seconds = timeout

    def connect(self) -> None:
        """Dial by our rules."""
        self.sock = self._dial(self.host, self.port, self._seconds)


class _Tls(http.client.HTTPSConnection):
    def __init__(self, dial: Dial, host: str, timeout: float) -> None:
        super().__init__(host, timeout=timeout)
        self._dial = dial
        self._seconds = timeout

    def connect(self) -> None:
        """Dial by our rules, then speak TLS to the host that was named."""
        plain = self._dial(self.host, self.port, self._seconds)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)


def _ascii(url: str) -> str:
    """The address in ASCII: a host in IDNA, a path in percent signs."""
    parts = urlsplit(url.strip())
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise NotFetched(f"`{url[:200]}` is no address of the web", hint="it begins with `https://`")
    if parts.username or parts.password:
        raise NotFetched("this address holds a password; drip does not send it")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
    netloc = f"[{host}]" if ":" in host else host
    netloc += f":{parts.port}" if parts.port else ""
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    return urlunsplit((parts.scheme.lower(), netloc, path, quote(parts.query, safe="/%:@!$&'()*+,;=~-._?"), ""))


def _reason(error: object) -> str:
    text = str(getattr(error, "strerror", "") or error or type(error).__name__)
    return " ".join(text.split())[:160].lower()
