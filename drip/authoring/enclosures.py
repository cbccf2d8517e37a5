"""The files that a post brings along: pictures marked `{cid}`, and what its front matter attaches.

Encodes them once per post, so that a reader's mail only has them appended. Called by `drip.authoring.layout` and, for
the names, by `drip.authoring.check_enclosures`. Never reads a disk: the files are among the author's texts.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from drip.core.enclosures import ATTACHMENT_KINDS, bytes_of, image_kind, stored_path
from drip.core.message import Enclosed
from drip.core.model import Post
from drip.errors import TemplateFault

if TYPE_CHECKING:
    from markdown_it.token import Token

MARK = "{cid}"
_LINE_BYTES = 57  # RFC 2045 §6.8: lines of 76 characters


def is_marked(children: list[Token], index: int) -> bool:
    """Whether the picture at `index` of a line of tokens is to go along with the mail."""
    following = children[index + 1] if index + 1 < len(children) else None
    return following is not None and following.type == "text" and following.content.startswith(MARK)


def name_of(address: str) -> str:
    """The file that the address of a picture means."""
    return unquote(address).removeprefix("./")


def attached_names(post: Post) -> list[str]:
    """The files that the front matter attaches."""
    return [name for each in post.head.get("attach", "").split(",") if (name := each.strip().removeprefix("./"))]


def take_images(tokens: list[Token], post: Post, files: Mapping[str, str]) -> tuple[Enclosed, ...]:
    """Make the marked pictures point into the message, and return them. Raises TemplateFault for one that is absent."""
    found: dict[str, Enclosed] = {}
    for token in tokens:
        children = token.children or []
        for index, child in enumerate(children):
            if child.type == "image" and is_marked(children, index):
                mark = children[index + 1]
                mark.content = mark.content.removeprefix(MARK)
                image = _image(post, name_of(str(child.attrs.get("src", ""))), files)
                found[image.content_id] = image
                child.attrs["src"] = f"cid:{image.content_id}"
    return tuple(found.values())


def attachments(post: Post, files: Mapping[str, str]) -> tuple[Enclosed, ...]:
    """What the front matter attaches. Raises TemplateFault for a file that is not there."""
    return tuple(_attachment(post, name, files) for name in attached_names(post))


def _image(post: Post, name: str, files: Mapping[str, str]) -> Enclosed:
    data = _data(post, name, files)
    kind = image_kind(data)
    if kind is None:
        raise TemplateFault(f"`{name}` is no PNG, JPEG or GIF", path=post.path)
    # RFC 2045 §7: the same everywhere only for the same content.
    return Enclosed(name, kind, _encoded(data), f"{hashlib.sha256(data).hexdigest()[:32]}@image.invalid")


def _attachment(post: Post, name: str, files: Mapping[str, str]) -> Enclosed:
    kind = ATTACHMENT_KINDS.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")
    return Enclosed(name, kind, _encoded(_data(post, name, files)))


def _data(post: Post, name: str, files: Mapping[str, str]) -> bytes:
    text = files.get(stored_path(post.path, name)) if "/" not in name else None
    if text is None:
        raise TemplateFault(f"there is no file `{name}` beside this post", path=post.path)
    return bytes_of(text)


def _encoded(data: bytes) -> str:
    return "".join(_lines(data))


def _lines(data: bytes) -> Iterable[str]:
    for at in range(0, len(data), _LINE_BYTES):
        yield binascii.b2a_base64(data[at : at + _LINE_BYTES], newline=False).decode("ascii") + "\r\n"
