"""The QR code of a webinar's page, read by zbar, a reader that did not write it."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import struct
import xml.etree.ElementTree as ET
import zlib

import pytest

from drip.web.qr import MARGIN, code, png, svg

ADDRESS = "https://mail.example.com/w/six-deadly-mistakes?s=tuesday-noon"
LUMINANCE = int.from_bytes(b"Y800", "little")


class Zbar:
    """libzbar through ctypes: what a grey picture says."""

    def __init__(self, library: ctypes.CDLL) -> None:
        for name in ("zbar_image_scanner_create", "zbar_image_create", "zbar_image_first_symbol"):
            getattr(library, name).restype = ctypes.c_void_p
        library.zbar_symbol_get_data.restype = ctypes.c_char_p
        self._library = library

    def read(self, rows: list[bytes]) -> str | None:
        zbar, width, height = self._library, len(rows[0]), len(rows)
        data = b"".join(rows)
        scanner = ctypes.c_void_p(zbar.zbar_image_scanner_create())
        image = ctypes.c_void_p(zbar.zbar_image_create())
        zbar.zbar_image_set_format(image, ctypes.c_ulong(LUMINANCE))
        zbar.zbar_image_set_size(image, width, height)
        zbar.zbar_image_set_data(image, data, ctypes.c_ulong(len(data)), None)
        zbar.zbar_scan_image(scanner, image)
        symbol = zbar.zbar_image_first_symbol(image)
        said = zbar.zbar_symbol_get_data(ctypes.c_void_p(symbol)).decode() if symbol else None
        zbar.zbar_image_destroy(image)
        zbar.zbar_image_scanner_destroy(scanner)
        return said


@pytest.fixture(scope="module")
def zbar() -> Zbar:
    try:
        return Zbar(ctypes.CDLL(ctypes.util.find_library("zbar") or "libzbar.so.0"))
    except OSError:
        if os.environ.get("CI") == "true":
            pytest.fail("libzbar is missing: install Debian's libzbar0")
        pytest.skip("no libzbar found: install Debian's libzbar0")


def pixels(picture: bytes) -> list[bytes]:
    """The rows of a PNG of black and white, one byte a pixel. Reads only what `png` writes: one bit a pixel."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, depth = struct.unpack(">IIB", picture[16:25])
    assert depth == 1
    packed, at = b"", 8
    while at < len(picture):
        length, kind = struct.unpack(">I4s", picture[at : at + 8])
        packed += picture[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    raw, stride = zlib.decompress(packed), (width + 7) // 8 + 1
    rows: list[bytes] = []
    above = bytes(stride - 1)
    for number in range(height):
        how, *line = raw[number * stride : (number + 1) * stride]
        assert how in (0, 2), "none, or what differs from the line above"
        above = bytes((one + (two if how == 2 else 0)) % 256 for one, two in zip(line, above, strict=True))
        rows.append(bytes(255 * (above[x // 8] >> (7 - x % 8) & 1) for x in range(width)))
    return rows


def test_a_reader_finds_the_address_in_the_png(zbar: Zbar) -> None:
    assert zbar.read(pixels(png(ADDRESS))) == ADDRESS


def test_it_is_still_read_when_a_part_of_it_is_hidden(zbar: Zbar) -> None:
    """A thumb over some of it, or the head of somebody in the first row."""
    rows = pixels(png(ADDRESS))
    side = len(rows)
    start, end = side * 45 // 100, side * 60 // 100
    hidden = [
        row[:start] + bytes([255]) * (end - start) + row[end:] if start < y < end else row for y, row in enumerate(rows)
    ]
    assert hidden != rows
    assert zbar.read(hidden) == ADDRESS


def test_the_svg_draws_the_same_code_on_its_own_white() -> None:
    picture = ET.fromstring(svg(ADDRESS))
    names = {each.tag.rpartition("}")[2] for each in picture.iter()}
    assert names == {"svg", "title", "path"}
    assert picture.findtext("{http://www.w3.org/2000/svg}title") == ADDRESS
    side = code(ADDRESS).symbol_size(border=MARGIN)[0]
    assert picture.get("viewBox") == f"0 0 {side} {side}"
    colors = [each.get("fill") or each.get("stroke") for each in picture.iter("{http://www.w3.org/2000/svg}path")]
    assert colors == ["#fff", "#000"]


def test_what_stands_in_an_address_is_never_markup() -> None:
    text = svg('https://example.com/"><script>alert(1)</script>')
    assert "<script" not in text
    ET.fromstring(text)
