"""Files that go along with a mail: which kinds there are, how they lie among the author's texts, and their limits.

A project is one value `{path: text}`, and a picture is no text. So a file `campaigns/x/photo.png` lies in it as base64
under `campaigns/x/photo.png;base64`: no file that drip reads as text ends so, and hashes, revisions and plans need to
know nothing of it. Pure. Called by `drip.project`, which reads the files, and by `drip.authoring`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType
from unicodedata import normalize

SUFFIX = ";base64"

IMAGE_KINDS: Mapping[str, str] = MappingProxyType(
    {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}
)
"""The pictures that every mail program shows."""

_OFFICE = "application/vnd.openxmlformats-officedocument"

ATTACHMENT_KINDS: Mapping[str, str] = MappingProxyType(
    {
        **IMAGE_KINDS,
        ".pdf": "application/pdf",
        ".epub": "application/epub+zip",
        ".csv": "text/csv",
        ".docx": f"{_OFFICE}.wordprocessingml.document",
        ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
        ".pptx": f"{_OFFICE}.presentationml.presentation",
        ".odt": "application/vnd.oasis.opendocument.text",
        ".ods": "application/vnd.oasis.opendocument.spreadsheet",
        ".mp3": "audio/mpeg",
    }
)
"""What can be attached. Archives and programs are not among them: filters hold them back."""

IMAGE_BYTES_MAX = 300_000
IMAGES_BYTES_MAX = 1_000_000
ATTACHED_BYTES_MAX = 2_000_000

_BEGINNINGS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def stored(data: bytes) -> str:
    """The bytes as they lie among texts."""
    return base64.b64encode(data).decode("ascii")


def stored_path(post_path: str, name: str) -> str:
    """Where a file beside a post lies among the author's texts. Some disks take the accents of names apart."""
    return normalize("NFC", f"{post_path.rpartition('/')[0]}/{name}{SUFFIX}")


def size_of(text: str) -> int:
    """How many bytes a stored file has."""
    text = text.strip()
    return len(text) * 3 // 4 - text[-2:].count("=")


def bytes_of(text: str) -> bytes:
    """The file again; nothing where it is damaged."""
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


def image_kind(data: bytes) -> str | None:
    """What kind of picture the bytes are, whatever the file is called; None if of none that mail programs show."""
    return next((kind for beginning, kind in _BEGINNINGS if data.startswith(beginning)), None)
