"""Escapes one value for its place in a finished page, to the very bytes that the HTML writer would have made of it.

What the writer does with each character is asked from lxml itself, once, so that a new libxml2 cannot make these
tables wrong. A value that cannot be judged by itself raises `Odd`; the caller then prints it into the page before
the styles are inlined. Never parses a page. Called by `drip.authoring.shapes`, and by `drip.authoring.layout`
for the check of addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html import unescape

from markupsafe import escape

Escaper = Callable[[str], str]

READERS_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
"""What an address that comes from a value may begin with."""

NEVER_TRUSTED = frozenset({"javascript", "vbscript", "data", "file", "blob"})
"""Schemes that stay forbidden for values even where the author wrote them once."""

NOWHERE = "#"

ADDRESS_ATTRIBUTES = frozenset(
    {"href", "src", "action", "background", "cite", "data", "formaction", "longdesc", "poster", "xlink:href"}
)
"""Attributes that hold an address."""

PERCENT_ATTRIBUTES = frozenset({"href", "src", "action"})
"""Attributes in which libxml2 percent-encodes (HTMLtree.c, htmlAttrDumpOutput)."""

# C0 but tab and line feed, DEL and C1, lone surrogates, noncharacters: none of them means anything in a mail, and
# a single C1 character makes Gmail clip the whole message.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

_SCHEME = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9+.-]*):")

# The quantifiers are possessive: hostile text must not make this slow.
_TAG = re.compile(r"""<[a-zA-Z](?:[^>"']|"[^"]*+"|'[^']*+')*+>""")
_ATTRIBUTE = re.compile(
    r"""(?<=[\s"'/])(?P<name>[^\s"'<>/=]++)(?P<is>\s*=\s*)"""
    r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'>]+))"""
)


class Odd(Exception):
    """A value that must be printed into the page before the styles are inlined."""


_PLAIN_PART = "[A-Za-z0-9/?#=_.~%:@,;!-]*"
"""Characters that are written as they are in an address (asked of lxml by `_writer`, and compared)."""


def clean(value: str) -> str:
    """The value without control characters, and with one kind of line end."""
    if value.isprintable():
        return value
    return _CONTROLS.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))


# --- addresses ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trust:
    """The addresses that the author wrote in full, and their schemes: those are no value's doing."""

    schemes: frozenset[str] = READERS_SCHEMES
    addresses: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *sources: str) -> Trust:
        """What template sources say themselves."""
        schemes, addresses = set(READERS_SCHEMES), {NOWHERE}
        for match in (each for source in sources for each in _ATTRIBUTE.finditer(source)):
            if match["name"].lower() not in ADDRESS_ATTRIBUTES:
                continue
            written = _written(match)
            if "{{" not in written and "{%" not in written:
                addresses.add(written)
            if (scheme := _SCHEME.match(written)) and scheme[1].lower() not in NEVER_TRUSTED:
                schemes.add(scheme[1].lower())
        return cls(frozenset(schemes), frozenset(addresses))

    def allows(self, address: str) -> bool:
        """Whether a mail may lead there."""
        return address in self.addresses or self.allows_start(address)

    def allows_start(self, text: str) -> bool:
        """Whether an address that begins so is allowed, whatever follows."""
        scheme = _SCHEME.match(text)
        return scheme is not None and scheme[1].lower() in self.schemes


def guard_addresses(html: str, trust: Trust, mark: str | None = None) -> str:
    """The page with every address that is not allowed replaced by `#`, also within comments (Outlook reads those).

    `mark` begins a slot; an address that starts with a slot is judged when the slot is filled.
    """

    def judge(match: re.Match[str]) -> str:
        if match["name"].lower() not in ADDRESS_ATTRIBUTES:
            return match[0]
        written = _written(match)
        if trust.allows(written) or (mark is not None and written.startswith(mark)):
            return match[0]
        return f'{match["name"]}{match["is"]}"{NOWHERE}"'

    # A tag that is never closed would be looked for to the end of the page, from each of its beginnings.
    end = html.rfind(">") + 1
    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(judge, tag[0]) if "=" in tag[0] else tag[0], html[:end]) + html[end:]


def _written(match: re.Match[str]) -> str:
    return unescape(match["double"] or match["single"] or match["bare"] or "")


# --- what the HTML writer does -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Writer:
    """How the HTML writer prints each ASCII character in text, in an attribute and in an address."""

    text: dict[int, str]
    attribute: dict[int, str]
    address: dict[int, str]
    percents: bool


@cache
def _writer() -> _Writer:
    """Asks lxml: one small page with every printable ASCII character in each place."""
    from lxml import etree

    # `"` decides which quotes an attribute gets, and `&` may join what follows it: both are judged by Odd.
    asked = [chr(code) for code in range(0x20, 0x7F) if chr(code) != '"'] + ["é"]
    rows = "".join(f'<p><a title="x{escape(c)}y" href="x{escape(c)}y">x{escape(c)}y</a></p>\n' for c in asked)
    tree = etree.fromstring(f"<!DOCTYPE html><html><body>{rows}</body></html>", etree.HTMLParser())
    page = etree.tostring(tree.getroottree(), method="html", encoding="utf-8").decode()
    answers = re.findall('<a title="x(.*?)y" href="x(.*?)y">x(.*?)y</a>', page)
    assert len(answers) == len(asked), "lxml writes attributes in a way that drip does not know"
    tables: tuple[dict[int, str], ...] = ({}, {}, {})
    for character, answer in zip(asked, answers, strict=True):
        for table, written in zip(tables, answer, strict=True):
            if written != character and character != "é":
                table[ord(character)] = written
    assert answers[-1][0] == answers[-1][2] == "é", "lxml does not write UTF-8 as it is"
    assert not re.search(_PLAIN_PART.rstrip("*"), "".join(map(chr, tables[1]))), "lxml escapes more than drip knows"
    return _Writer(text=tables[2], attribute=tables[0], address=tables[1], percents=answers[-1][1] != "é")


@cache
def text_escaper() -> Escaper:
    """For text between tags."""
    table = _writer().text
    special = re.compile(f"[{re.escape(''.join(map(chr, table)))}]").search

    def escape_text(value: str) -> str:
        # A blank at the edge may be dropped by the parser, depending on its neighbors.
        if value[0].isspace() or value[-1].isspace():
            raise Odd
        return value.translate(table) if special(value) else value

    return escape_text


@cache
def attribute_escaper() -> Escaper:
    """For an attribute that is no address: `alt`, `title`, `aria-label` ..."""
    table = _writer().attribute

    def escape_attribute(value: str) -> str:
        if value.isalnum():
            return value
        _refuse_odd(value)
        return value.translate(table)

    return escape_attribute


def _refuse_odd(value: str) -> None:
    """`"` picks the quotes of the whole attribute; HTML 4 leaves `&{` alone; edges are trimmed in some attributes."""
    if '"' in value or "&{" in value or value[-1] == "&" or value[0].isspace() or value[-1].isspace():
        raise Odd
    if "\n" in value or "\t" in value:
        raise Odd


@cache
def address_part_escaper() -> Escaper:
    """For a part of an address whose scheme stands in the static text before it."""
    writer = _writer()
    plain = re.compile(_PLAIN_PART).fullmatch

    def escape_part(value: str) -> str:
        if plain(value):
            return value
        _refuse_odd(value)
        written = value.translate(writer.address)
        if writer.percents and not written.isascii():
            written = "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in written)
        return written

    return escape_part


def address_escaper(trust: Trust) -> Escaper:
    """For a whole address: what is not allowed becomes `#`."""
    escape_part = address_part_escaper()
    # What nearly all addresses look like; `&` between two parts of a query is the only thing to write otherwise.
    plain = re.compile(f"https?://{_PLAIN_PART}(?:&{_PLAIN_PART})*+").fullmatch
    ampersand = _writer().address[ord("&")]

    def escape_address(value: str) -> str:
        if plain(value) and value[-1] != "&":
            return value.replace("&", ampersand)
        return escape_part(value) if trust.allows(value) else NOWHERE

    return escape_address


def address_start_escaper(trust: Trust) -> Escaper:
    """For the beginning of an address that static text or another value goes on with."""
    escape_part = address_part_escaper()

    def escape_start(value: str) -> str:
        if not trust.allows_start(value):
            raise Odd
        return escape_part(value)

    return escape_start


def comment_escaper(value: str) -> str:
    """For a comment: parsers do not decode there, so the value stays as Jinja escaped it (Outlook decodes it)."""
    # A dash at the edge could be part of the comment's own end.
    if value[0] in "-!" or value[-1] in "-!" or value[0].isspace() or value[-1].isspace():
        raise Odd
    return str(escape(value))


def comment_address_escaper(trust: Trust) -> Escaper:
    """For the beginning of an address within a comment."""

    def escape_address(value: str) -> str:
        if not trust.allows_start(value):
            raise Odd
        return comment_escaper(value)

    return escape_address
