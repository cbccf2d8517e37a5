"""Moves the plain rules of the style sheet into `style` attributes, because many mail programs ignore the sheet.

The table `INLINERS` names the ways to do it; each is a function from page to page. Never opens a socket. Called
by `drip.authoring.shapes`, once per shape, and by the slow path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from types import MappingProxyType
from typing import Any

Inliner = Callable[[str], str]

# premailer's author calls it not safe for threads; its caches of parsed sheets are shared by all instances.
_LOCK = Lock()


@cache
def _premailer_class() -> Any:
    # Imported late: premailer pulls in requests and cssutils, 170 ms that an idle `drip run` must not pay.
    import logging

    import cssutils  # type: ignore[import-untyped]
    from premailer import Premailer  # type: ignore[import-untyped]

    cssutils.log.setLevel(logging.CRITICAL)
    return Premailer


def premailer(html: str) -> str:
    """By premailer 3.10. Each option avoids a bug or a surprise that was seen; `docs/decisions/0011` has the list."""
    import logging

    with _LOCK:
        page = _premailer_class()(
            html,
            strip_important=False,  # or the rules of the head block lose against the inlined ones
            keep_style_tags=False,
            disable_validation=True,
            allow_network=False,
            align_floating_images=False,
            disable_basic_attributes=["width", "height"],  # or `height="auto"` on every element
            cssutils_logging_level=logging.CRITICAL,
        )
        return str(page.transform(pretty_print=False))


INLINERS: Mapping[str, Inliner] = MappingProxyType({"premailer": premailer})
DEFAULT = "premailer"


def inline(html: str, *, by: str = DEFAULT) -> str:
    """The page with its plain rules in `style` attributes."""
    return INLINERS[by](html)
