"""Moves the plain rules of the style sheet into `style` attributes, because many mail programs ignore the sheet.

The table `INLINERS` names the ways to do it; each is a function from page to page. Never opens a socket. Called
by `drip.authoring.shapes`, once per shape, and by the slow path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from threading import Lock
from types import MappingProxyType
from typing import Any

Inliner = Callable[[str], str]

SHEETS_KEPT = 16
"""Style sheets whose rules are kept: a project has a layout or a few, and each its own sheet."""

# premailer's author calls it not safe for threads; its caches of parsed sheets are shared by all instances.
_LOCK = Lock()


@cache
def _premailer_class() -> Any:
    # Imported late: premailer pulls in requests and cssutils, 170 ms that an idle `drip run` must not pay.
    import logging

    import cssutils  # type: ignore[import-untyped]
    from premailer import Premailer  # type: ignore[import-untyped]

    cssutils.log.setLevel(logging.CRITICAL)

    @lru_cache(maxsize=SHEETS_KEPT)
    def rules_of(page: Any, sheet: str | None, index: int) -> Any:
        return Premailer._parse_style_rules(page, sheet, index)

    class Pages(Premailer):  # type: ignore[misc]  # premailer has no types
        """Writes the rules of a sheet out once, not for every post that has it: that was half of `drip check`."""

        def __eq__(self, other: object) -> bool:
            """All are made with the same options, below, so that none reads a sheet in a way of its own."""
            return isinstance(other, Pages)

        def __hash__(self) -> int:
            return hash(Pages)

        def _parse_style_rules(self, css_body: str | None, ruleset_index: int) -> tuple[list[Any], list[Any]]:
            rules, leftover = rules_of(self, css_body, ruleset_index)
            return [*rules], [*leftover]

    return Pages


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
