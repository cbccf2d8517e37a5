"""Judges single values of drip.yaml and campaign.yaml: mailboxes, addresses, zones, servers, paces.

Pure functions from a text to its meaning, or a `Fault` that says what is wrong with it. They never resolve a
name or open a file but the time zone's. Called by `read_project` and `read_campaign`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from drip.core.model import Mailbox

NEXT_LENGTH_MAX = 500
"""No thank-you page of anybody's has a longer address."""

_MAX_ADDRESS = 254  # RFC 5321 §4.5.3.1.3, less the angle brackets
_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x20\x7f-\x9f]{1,64}")
_DOMAIN = re.compile(r"(?=.{1,253}$)[^\W_](?:[\w-]{0,61}[^\W_])?(?:\.[^\W_](?:[\w-]{0,61}[^\W_])?)*")
_MAILBOX = re.compile(r"(?:\"(?P<quoted>[^\"\\]*)\"|(?P<name>[^<>\"]*?))\s*<(?P<address>[^<>]*)>")
_HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:/@\[\]]+))(?::(?P<port>[0-9]{1,5}))?")
_PACE = re.compile(r"([0-9]{1,7})\s+(?:an?|per)\s+(second|minute|hour)")
_QUOTA = re.compile(r"([0-9]{1,9})\s+(?:a|per)\s+day")
_PERCENT = re.compile(r"([0-9]{1,3})\s*%")
_WARM_UP = re.compile(r"([0-9]{1,9})\s+(?:a|per)\s+day,?\s+doubling")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")


class Fault(ValueError):
    """What is wrong with a value, and how to mend it."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


def is_address(text: str) -> bool:
    """Whether mail could be addressed so; an author's slip is caught, deliverability is not asked."""
    local, at, domain = text.rpartition("@")
    if not at or len(text) > _MAX_ADDRESS or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return False
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return False
    return "." in domain or domain == "localhost"


def read_address(text: str) -> str:
    """An e-mail address."""
    text = text.strip()
    if not is_address(text):
        raise Fault(f"`{text[:60]}` is not an e-mail address", "write it as name@example.com")
    return text


def read_mailbox(text: str) -> Mailbox:
    """`Lisa Rangel <lisa@example.com>`, or an address alone."""
    text = text.strip()
    match = _MAILBOX.fullmatch(text)
    if match is None:
        return Mailbox("", read_address(text))
    name = match.group("quoted") or match.group("name") or ""
    return Mailbox(" ".join(name.split()), read_address(match.group("address")))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    host = host.lower().rstrip(".").strip("[]")
    is_v4 = re.fullmatch(r"127(?:\.[0-9]{1,3}){3}", host) is not None
    return is_v4 or host in ("localhost", "::1") or host.endswith(".localhost")


def read_url(text: str) -> str:
    """A complete https address without query; http only on this machine. The slash at its end is dropped."""
    parts = _split_url(text)
    if parts.query or parts.fragment:
        raise Fault("the address has a `?` or `#` in it", "write only host and path: drip adds the rest")
    return text.strip().rstrip("/")


def read_site(text: str) -> str:
    """A site of the author's: scheme and host, perhaps a port, and nothing behind them."""
    parts = _split_url(text)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise Fault("a site is scheme and host alone", f"write `{_site_of(parts)}`")
    return _site_of(parts)


def read_next(text: str, sites: Collection[str]) -> str:
    """An address on one of these sites, for a form to lead on to."""
    if len(text) > NEXT_LENGTH_MAX:
        raise Fault(f"the address is longer than {NEXT_LENGTH_MAX} characters", "shorten it")
    parts = _split_url(text)
    if _site_of(parts) not in sites:
        known = ", ".join(f"`{each}`" for each in sites) or "none"
        raise Fault(
            f"`{_site_of(parts)}` is none of your sites ({known})", "name it under `own-sites:` in drip.yaml, and apply"
        )
    return text.strip()


def _site_of(parts: SplitResult) -> str:
    """Scheme, host and port, written in one way: `https://www.example.com`."""
    host = parts.hostname or ""
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def read_meeting_url(text: str) -> str:
    """The address of a meeting; `{session}` may stand in it, nothing else in braces."""
    plain = text.replace("{session}", "session")
    if "{" in plain or "}" in plain:
        raise Fault("only `{session}` can be filled in here", "it becomes the name of the session")
    _split_url(plain)
    return text.strip()


def _split_url(text: str) -> SplitResult:
    """The parts of an address that readers can open."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        host, port_is_sound = parts.hostname or "", parts.port is None or parts.port > 0
    except ValueError:
        host, port_is_sound, parts = "", False, urlsplit("")
    if re.search(r"[\s\x00-\x20\x7f-\x9f<>\"\\^`|]", text) or not port_is_sound or not _is_host(host):
        raise Fault(f"`{text[:60]}` is not a complete address", "write it as https://mail.example.com")
    if parts.username is not None or parts.password is not None:
        raise Fault("the address has a login in it", "take out what stands before the `@`")
    if parts.scheme == "http" and not is_loopback(host):
        raise Fault("the address is not encrypted", "write https:// (http:// is for this machine only)")
    if parts.scheme not in ("http", "https"):
        raise Fault(f"`{text[:60]}` is not a web address", "begin with https://")
    return parts


def _is_host(host: str) -> bool:
    """Whether a host name or a number in brackets can be one."""
    return bool(_DOMAIN.fullmatch(host)) or bool(re.fullmatch(r"[0-9a-f:.]*:[0-9a-f:.]*", host))


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """All zone names; read once, and only to make a suggestion."""
    return frozenset(available_timezones())


def read_zone(text: str) -> str:
    """The name of an IANA time zone."""
    text = text.strip()
    try:
        is_known = bool(text) and ZoneInfo(text).key == text
    except (ValueError, OSError, LookupError):
        is_known = False
    # File systems that do not tell case apart find `america/new_york`, which other machines would not.
    if is_known and (text == "UTC" or re.match("[A-Z][a-z]+/[A-Z]", text) or text in _zones()):
        return text
    near = get_close_matches(text[:60], _zones(), n=1, cutoff=0.5)
    folded = next((each for each in _zones() if each.lower() == text.lower()), near[0] if near else "")
    advice = (
        f"a time zone with a similar name exists: `{folded}`" if folded else "write a name such as America/New_York"
    )
    raise Fault(f"`{text[:60]}` is not the name of a time zone", advice)


def read_language(text: str) -> str:
    """A BCP 47 language tag, as far as an author needs it."""
    if not _LANGUAGE.fullmatch(text.strip()):
        raise Fault(f"`{text[:60]}` is not a language tag", "write one such as en, de or pt-BR")
    return text.strip()


def read_server(text: str) -> tuple[str, int | None]:
    """`host` or `host:port`."""
    match = _HOST_PORT.fullmatch(text.strip())
    if match is None:
        raise Fault(f"`{text[:60]}` is not a server", "write host:port, such as smtp.example.net:587")
    host = match.group("v6") or match.group("host")
    if not match.group("v6") and not _DOMAIN.fullmatch(host):
        raise Fault(f"`{host[:60]}` is not the name of a server", "write host:port, such as smtp.example.net:587")
    port = int(match.group("port")) if match.group("port") else None
    if port is not None and not 1 <= port <= 65535:
        raise Fault(f"there is no port {port}", "ports are numbers from 1 to 65535; mail is submitted on 587 or 465")
    return host, port


def read_quota(text: str) -> int:
    """`5000 a day`: messages a day."""
    match = _QUOTA.fullmatch(" ".join(text.split()))
    if match is None or int(match.group(1)) < 1:
        raise Fault(f"`{text[:60]}` is not a quota", "write `5000 a day`")
    return int(match.group(1))


PERCENT_MAX = 90
"""A larger reserve would leave newsletters next to nothing: then the quota is meant to be another one."""


def read_reserve(text: str) -> tuple[int | None, int]:
    """`10 %` or `200 a day`: a number of messages, if it is one, and else a part of each day."""
    words = " ".join(text.split())
    match = _PERCENT.fullmatch(words)
    if match is not None and int(match.group(1)) <= PERCENT_MAX:
        return None, int(match.group(1))
    match = _QUOTA.fullmatch(words)
    if match is None:
        raise Fault(f"`{text[:60]}` is not a reserve", f"write `10 %` (up to {PERCENT_MAX} %) or `200 a day`")
    return int(match.group(1)), 0


def read_warm_up(text: str) -> int:
    """`50 a day, doubling`: messages on the first day."""
    match = _WARM_UP.fullmatch(" ".join(text.split()))
    if match is None or int(match.group(1)) < 1:
        raise Fault(f"`{text[:60]}` is not a warm-up", "write `50 a day, doubling`")
    return int(match.group(1))


def read_pace(text: str) -> int:
    """`120 a minute`: messages a minute."""
    match = _PACE.fullmatch(" ".join(text.split()))
    if match is None:
        raise Fault(f"`{text[:60]}` is not a pace", "write `120 a minute`, `2 a second` or `3000 an hour`")
    count, unit = int(match.group(1)), match.group(2)
    pace = {"second": count * 60, "minute": count, "hour": count // 60}[unit]
    if pace < 1:
        raise Fault("this pace is below one message a minute", "the slowest is `1 a minute`")
    return pace
