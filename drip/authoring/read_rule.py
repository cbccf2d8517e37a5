"""Reads `evergreen:` of a webinar into its rule, and judges whether the webinar says when it is held at all.

Collects every problem on the way and never raises on what an author writes. Called by `read_campaign`.
"""

from __future__ import annotations

from drip.authoring.section import Notebook, Section
from drip.core.evergreen import Rule
from drip.core.limits import parse_closing
from drip.core.offers import SOON, parse_starts
from drip.core.when import parse_hours

SERIES, EVERGREEN = "series", "evergreen"
"""The two tables that may stand in the place of `sessions`."""


def read_rule(book: Notebook, webinar: Section, zone: str) -> Rule | None:
    """The rule of an evergreen webinar, on the clocks of that zone; None where it has sessions of its own."""
    kinds = [each for each in ("sessions", SERIES, EVERGREEN) if each in webinar.present]
    if len(kinds) > 1:
        place = webinar.tables[EVERGREEN].place if EVERGREEN in webinar.tables else webinar.place
        said = " and ".join(f"`{each}`" for each in kinds)
        message = f"a webinar is held in one way, and this one says {said}"
        book.note("two-kinds-of-sessions", message, place, "keep the one that you mean")
    if EVERGREEN not in webinar.present:
        return None
    table = webinar.tables.get(EVERGREEN)
    if table is None:
        return Rule(zone)
    if "seats" in webinar.scalars:
        message = "an evergreen webinar shows a recording, and no seat of it is ever taken"
        book.note("seats-of-recording", message, webinar.place_of("seats"), "take `seats` out")
    starts = book.phrases(table.texts.get("starts", ()), parse_starts)
    soon = SOON.get(table.text("soon"))
    hours = book.phrase(table.scalars.get("hours"), parse_hours)
    if hours is not None and "soon" not in table.present:
        message = "`hours` say when `soon` is offered, and there is no `soon`"
        book.note("missing-key", message, table.place_of("hours"), "add `soon: next quarter hour`, or take `hours` out")
    return Rule(zone, starts, soon, hours, book.phrases(table.texts.get("closed", ()), parse_closing))
