"""Makes the addresses of an imported post whole, counting from where the post stood. Pure. Called by this room."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028\u2029\ufeff]")
LINKED = frozenset({"http", "https", "mailto", "tel"})
"""Schemes that a mail may link to. Our own named links (`unsubscribe:`) are not among them: nobody else writes them."""


def scheme_of(address: str) -> str:
    """The scheme in small letters, found as browsers find it, through white space and control characters."""
    match = _SCHEME.match(_HIDDEN.sub("", address))
    return match[1].lower() if match else ""


def resolve(address: str, base: str) -> str:
    """The absolute address, or the address as it was if `base` does not help."""
    trimmed = address.strip().replace("\n", "").replace("\r", "").replace("\t", "")
    if scheme_of(trimmed):
        return trimmed
    if trimmed.startswith("//"):
        return f"https:{trimmed}"
    try:
        return urljoin(base, trimmed) if base.startswith(("http://", "https://")) else trimmed
    except ValueError:
        return trimmed


def is_absolute(address: str) -> bool:
    """Whether a mail can show an image from here."""
    return scheme_of(address) in ("http", "https")


def host_of(address: str) -> str:
    """The host without `www.`, or nothing."""
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
