"""The brand of drip.yaml in styles and layouts: `var(--brand-color, #0b5f54)` in a style sheet becomes a plain value.

The syntax is CSS's own, so a sheet stands by itself; mail programs do not know variables, so they are settled before
styles are inlined. What an author leaves out is derived: the text on a button, its shade under the pointer, and a
lighter color for dark mode. Pure. Called by `drip.authoring.layout`, the checks and the pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from drip.authoring.stylesheet import color_of, contrast
from drip.core.model import Brand

Color = tuple[int, int, int]

CARD = "#ffffff"
DARK_CARD = "#1e2428"
FOOTER_TEXT = "#5b6470"
"""What the three layouts have behind text in the brand's color, in dark mode too, and write on the brand's ground."""

LEAST = 4.5
"""The contrast of text with its ground (WCAG 2.2 §1.4.3)."""

TINT_WHITE, TINT_DARK = 0.93, 0.92
"""How much of the card is in the shade behind what was chosen: so much that every text of the pages is read on it."""

_INK: Color = (13, 31, 28)
_WHITE: Color = (255, 255, 255)
_BLACK: Color = (0, 0, 0)
_DARK_AIM = 6.0
_VARIABLE = re.compile(r"var\(\s*--brand-([a-z-]+)\s*,\s*([^()]*?)\s*\)")


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A color of the brand that cannot be read: its key, the color, what it stands with, and the contrast found."""

    key: str
    color: str
    other: str
    where: str
    found: float


def settled(css: str, brand: Brand) -> str:
    """The style sheet with the brand's values in it, or its own where the brand has none."""
    words = words_of(brand)
    return _VARIABLE.sub(lambda match: words.get(match[1]) or match[2], css)


def words_of(brand: Brand) -> Mapping[str, str]:
    """What `--brand-NAME` stands for; only what the author chose or what follows from it."""
    words = {"ground": brand.ground, "font": brand.font, "title-font": brand.title_font or brand.font}
    if color := color_of(brand.color):
        words |= {
            "color": brand.color,
            "on-color": _hex(_text_on(color)),
            "hover": _hex(_mixed(color, _BLACK, 0.25)),
            "tint": _hex(_mixed(color, _WHITE, TINT_WHITE)),
        }
    if dark := color_of(brand.dark_color) or (color and _lightened(color)):
        words |= {
            "dark": _hex(dark),
            "on-dark": _hex(_text_on(dark)),
            "dark-hover": _hex(_mixed(dark, _WHITE, 0.25)),
            "dark-tint": _hex(_mixed(dark, _color(DARK_CARD), TINT_DARK)),
        }
    return {name: value for name, value in words.items() if value}


def shortfalls(brand: Brand) -> list[Shortfall]:
    """The author's colors that some text of the layouts cannot be read in, or on."""
    asked = (
        ("color", brand.color, CARD, "as a link on the white of a letter"),
        ("dark-color", brand.dark_color, DARK_CARD, "as a link in dark mode"),
        ("ground", brand.ground, FOOTER_TEXT, "behind the footer"),
    )
    found = []
    for key, text, other, where in asked:
        one, two = color_of(text), color_of(other)
        if one is not None and two is not None and (ratio := contrast(one, two)) < LEAST:
            found.append(Shortfall(key, text, other, where, ratio))
    return found


def _text_on(ground: Color) -> Color:
    """White where it can be read, else the ink of the layouts, else black, which then can."""
    return next((each for each in (_WHITE, _INK) if contrast(each, ground) >= LEAST), _BLACK)


def _lightened(color: Color) -> Color:
    """The color with as much white as it takes to be read in dark mode."""
    card = _color(DARK_CARD)
    tints = (_mixed(color, _WHITE, part / 20) for part in range(20))
    return next((tint for tint in tints if contrast(tint, card) >= _DARK_AIM), _WHITE)


def _color(text: str) -> Color:
    color = color_of(text)
    assert color is not None, "it is one of ours"
    return color


def _mixed(color: Color, other: Color, part: float) -> Color:
    red, green, blue = (round(one + (two - one) * part) for one, two in zip(color, other, strict=True))
    return red, green, blue


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
