"""What mail programs support: the reduced data of caniemail.com, and the idioms that are known to fail softly.

Reads the one file that is part of the package, never the author's. Called by `drip.authoring.check_styles`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

KNOWN_IDIOMS: tuple[tuple[str, str], ...] = (
    ("@media", "for phones and for dark mode; who ignores it shows the light letter, which is whole"),
    ("border-radius", "corners are square in Outlook on Windows; nothing is lost"),
    ("border-spacing", "only beside `border-collapse: separate`, whose default is what is wanted"),
    ("color-scheme", "tells who asks that dark is looked after"),
    ("display:none", "hides the preview, beside `max-height` and `mso-hide`"),
    (
        "display",
        "`none` hides the preview, `inline-block` the padding of a button; both have a second means beside them",
    ),
    ("max-height", "of the hidden preview, beside `display: none`"),
    ("max-width", "Outlook on Windows gets its width from the table around the column"),
    ("overflow", "of the hidden preview, beside `display: none`"),
    ("padding", "Outlook on Windows knows it on table cells, and that is where it is set"),
    ("height", "`auto` lets a picture keep its shape where its width is bounded"),
    ("width", "beside the attribute of the same name"),
    ("white-space", "long lines of code wrap where it is not known"),
    ("word-break", "a very long word sticks out where it is not known"),
    ("overflow-wrap", "a very long word sticks out where it is not known"),
    ("text-decoration", "at worst a link is underlined"),
    ("table-layout", "columns take the width of their text where it is not known"),
    ("margin", "negative margins are what is missing; those between paragraphs are known everywhere"),
    ("font-size", "in pixels it is known everywhere"),
    ("font-weight", "`normal` and `bold` are known everywhere"),
    ("line-height", "in pixels it is known everywhere, with `mso-line-height-rule` beside it"),
    ("letter-spacing", "a trifle closer where it is not known"),
    ("text-align", "`left`, `right` and `center` are known everywhere"),
    ("background", "as a plain color it is known everywhere"),
    ("border", "on table cells it is known everywhere"),
    ("list-style", "the usual dots and numbers are known everywhere"),
    ("text-transform", "words in the author's own letters where it is not known"),
    ("font-stretch", "the usual width where it is not known"),
    ("rgb()", "a plain color has six digits instead where it matters"),
    ("ul", "only the marks of lists differ"),
    ("ol", "only the marks of lists differ"),
    ("dl", "only the indent differs"),
    ("body", "webmail keeps its contents; all looks are on the cells in it"),
    ("style", "the important rules are moved into style attributes"),
    ("link", "never shown; some programs drop it"),
    ("base", "never shown; some programs drop it"),
)
"""Features that no mail program needs to know for a letter to be whole, each with why."""

_ALLOWED = frozenset(name for name, _ in KNOWN_IDIOMS)


@dataclass(frozen=True, slots=True)
class Support:
    """Which mail programs do not know a feature, and which know it only in part."""

    name: str
    without: tuple[str, ...]
    partly: tuple[str, ...]


@cache
def _data() -> Mapping[str, Mapping[str, str]]:
    text = files("drip.authoring").joinpath("caniemail.json").read_text(encoding="utf-8")
    data: dict[str, Mapping[str, str]] = json.loads(text)
    return data


def support(kind: str, name: str) -> Support | None:
    """What is known of a CSS feature (`css`) or an element (`html`); None where nothing is, or nothing hangs on it."""
    letters = _data()[kind].get(name) if name not in _ALLOWED else None
    if letters is None:
        return None
    pairs = list(zip(_data()["clients"], letters, strict=True))
    return Support(
        name,
        tuple(client for client, letter in pairs if letter == "n"),
        tuple(client for client, letter in pairs if letter == "a"),
    )
