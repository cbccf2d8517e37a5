"""Checks of the files that posts bring along: they lie beside the post, are of a kind that is shown, and are not heavy.

Each check is one function from the desk to Problems; `drip.authoring.check` runs them all. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from drip.authoring.check_links import links_in
from drip.authoring.desk import Desk
from drip.authoring.enclosures import attached_names, name_of
from drip.authoring.problems_catalogue import problem
from drip.authoring.read_post import PostDraft
from drip.authoring.section import clip
from drip.core.enclosures import (
    ATTACHED_BYTES_MAX,
    ATTACHMENT_KINDS,
    IMAGE_BYTES_MAX,
    IMAGE_KINDS,
    IMAGES_BYTES_MAX,
    bytes_of,
    image_kind,
    size_of,
    stored_path,
)
from drip.core.problems import Place, Problem

_KINDS_OF_IMAGES = "PNG, JPEG or GIF"
_HOSTED = "put it on the web and write its https:// address, without `{cid}`"


def check_images(desk: Desk) -> Iterator[Problem]:
    """Pictures marked `{cid}`."""
    for _, draft in desk.posts():
        sizes: dict[str, int] = {}
        place = Place(draft.post.path, draft.post.body_line)
        for link in links_in(draft):
            if not link.is_enclosed:
                continue
            name, place = name_of(link.address), link.place
            text = _file(desk, draft, name)
            if text is None:
                yield problem("missing-image", _absent(name), place, _advice(name))
            elif image_kind(bytes_of(text[:64])) is None:
                message = f"`{clip(name)}` is no {_KINDS_OF_IMAGES}, whatever its name says"
                yield problem("missing-image", message, place, f"save it as {_KINDS_OF_IMAGES}")
            elif name not in sizes:
                sizes[name] = size_of(text)
                if sizes[name] > IMAGE_BYTES_MAX:
                    message = f"`{clip(name)}` has {_kilobytes(sizes[name])}; {_kilobytes(IMAGE_BYTES_MAX)} is the most"
                    yield problem("heavy-images", message, place, f"make it smaller, or {_HOSTED}")
        if sum(sizes.values()) > IMAGES_BYTES_MAX and max(sizes.values()) <= IMAGE_BYTES_MAX:
            total = _kilobytes(sum(sizes.values()))
            message = f"the pictures of this post have {total} together; {_kilobytes(IMAGES_BYTES_MAX)} is the most"
            yield problem("heavy-images", message, place, f"leave one out, or {_HOSTED}")


def check_attached_files(desk: Desk) -> Iterator[Problem]:
    """What the front matter attaches."""
    for _, draft in desk.posts():
        place = draft.place_of("attach")
        total = 0
        for name in attached_names(draft.post):
            text = _file(desk, draft, name)
            if PurePosixPath(name).suffix.lower() not in ATTACHMENT_KINDS:
                message = f"`{clip(name)}` is of a kind that drip does not attach"
                kinds = ", ".join(each.removeprefix(".") for each in ATTACHMENT_KINDS)
                yield problem("unknown-attachment", message, place, f"it can be one of {kinds}")
            elif text is None:
                advice = "put the file into the folder of the post, and write its name"
                yield problem("unknown-attachment", _absent(name), place, advice)
            else:
                total += size_of(text)
        if total > ATTACHED_BYTES_MAX:
            # Longer files are read no further than to see that they are too long.
            message = f"the attachments of this post have more than {_kilobytes(ATTACHED_BYTES_MAX)}"
            yield problem("heavy-attachment", message, place, "put the file on the web and link to it")


def _file(desk: Desk, draft: PostDraft, name: str) -> str | None:
    return None if "/" in name else desk.files.get(stored_path(draft.post.path, name))


def _absent(name: str) -> str:
    return f"there is no file `{clip(name)}` beside this post"


def _advice(name: str) -> str:
    if ":" in name:
        return "take `{cid}` out: a picture on the web stays there"
    if PurePosixPath(name).suffix.lower() not in IMAGE_KINDS:
        return f"save the picture as {_KINDS_OF_IMAGES}, beside the post"
    return "put the picture into the folder of the post, and write its name"


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.0f} kB"
