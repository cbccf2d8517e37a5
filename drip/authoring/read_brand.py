"""Reads `brand:` of drip.yaml: colors, logo and fonts, each judged by itself. Called by `read_project`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from drip.authoring.brand import LEAST, shortfalls
from drip.authoring.read_values import Fault
from drip.authoring.section import Notebook, Section, clip
from drip.core.model import Brand

_COLOR = re.compile(r"#?([0-9a-fA-F]{6})")
_FONT = re.compile(r"[A-Za-z][\w -]*|-apple-system|'[\w -]+'|\"[\w -]+\"")
_GENERIC = frozenset({"serif", "sans-serif", "monospace"})
_PICTURE = re.compile(r"https://[^\s\"'<>{}]+")
_LOGO_WIDTH = 160
_LOGO_WIDEST = 528
"""What a letter has between its margins."""


def read_color(text: str) -> str:
    """A color of six digits; the `#` may be left out, since YAML takes it for the start of a comment."""
    match = _COLOR.fullmatch(text.strip())
    if match is None:
        raise Fault(f"`{clip(text)}` is not a color of six digits", "write it as '#0b5f54' in quotes, or as 0b5f54")
    return f"#{match[1].lower()}"


def read_font(text: str) -> str:
    """Fonts in the order of preference, the last of them one that every mail program has."""
    names = [name.strip() for name in text.split(",")]
    if not all(_FONT.fullmatch(name) for name in names):
        raise Fault(f"`{clip(text)}` is not a list of fonts", "write it as Georgia, 'Times New Roman', serif")
    if names[-1] not in _GENERIC:
        advice = f"write {clip(text)}, serif or {clip(text)}, sans-serif"
        raise Fault("most mail programs do not have this font, and there is none to fall back on", advice)
    return ", ".join(name.replace('"', "'") for name in names)


def read_logo(text: str) -> str:
    """The address of a picture that mail programs show."""
    if not _PICTURE.fullmatch(text.strip()):
        raise Fault(f"`{clip(text)}` is not the https:// address of a picture", "put the file on the web")
    if text.strip().lower().partition("?")[0].endswith(".svg"):
        raise Fault("mail programs do not show SVG pictures", "save the logo as a PNG, twice as wide as it is shown")
    return text.strip()


def read_brand(book: Notebook, section: Section) -> Brand:
    """The brand, as far as it can be used."""
    table = section.tables.get("brand")
    if table is None:
        return Brand()

    def value(key: str, read: Callable[[str], str]) -> str:
        scalar = table.scalars.get(key)
        try:
            return read(scalar.text) if scalar is not None else ""
        except Fault as fault:
            book.note("bad-brand", fault.message, table.place_of(key), fault.advice)
            return ""

    width = int(table.text("logo-width", str(_LOGO_WIDTH)))
    if width > _LOGO_WIDEST:
        message = f"a logo of {width} pixels is wider than a letter, which has {_LOGO_WIDEST}"
        book.note("bad-brand", message, table.place_of("logo-width"), f"write {_LOGO_WIDEST} or less")
    brand = Brand(
        color=value("color", read_color),
        dark_color=value("dark-color", read_color),
        ground=value("ground", read_color),
        logo=value("logo", read_logo),
        logo_alt=table.text("logo-alt"),
        logo_width=min(width, _LOGO_WIDEST),
        font=value("font", read_font),
        title_font=value("title-font", read_font),
    )
    for key, message, advice in _contrasts(brand):
        book.note("brand-contrast", message, table.place_of(key), advice)
    return brand


def _contrasts(brand: Brand) -> Iterator[tuple[str, str, str]]:
    for each in shortfalls(brand):
        message = f"{each.color} {each.where} has a contrast of {each.found:.1f}; {LEAST} is the least"
        yield each.key, message, "choose a darker color" if each.key == "color" else "choose a lighter color"
