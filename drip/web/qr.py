"""An address as a QR code, for a slide or a poster: black on white, with the margin that readers need.

Stands before segno, which makes the code. Opens nothing, reads nothing. Called by `drip webinar qr`.
"""

from __future__ import annotations

import io

import segno

MARGIN = 4
"""Modules of white around the code: ISO/IEC 18004 asks for four."""

SCALE = 16
"""Pixels of a module: a code of 33 modules is 656 pixels wide, sharp on a projector."""

DARK, LIGHT = "#000000", "#ffffff"
"""Never the brand's color, and never see-through: a code on a dark slide without its own white is not read."""


def svg(address: str) -> str:
    """The code as an SVG picture that names the address for who cannot see it."""
    out = io.BytesIO()
    code(address).save(
        out,
        kind="svg",
        border=MARGIN,
        dark=DARK,
        light=LIGHT,
        omitsize=True,
        title=address,
        xmldecl=False,
        svgclass=None,
        lineclass=None,
    )
    return out.getvalue().decode()


def png(address: str) -> bytes:
    """The code as a PNG picture."""
    out = io.BytesIO()
    code(address).save(out, kind="png", scale=SCALE, border=MARGIN, dark=DARK, light=LIGHT)
    return out.getvalue()


def code(address: str) -> segno.QRCode:
    """A quarter of it may be hidden or blurred (level Q): it is photographed from the last row."""
    return segno.make_qr(address, error="q")
