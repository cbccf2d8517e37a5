"""Reads a style sheet as text: its rules, declarations and at-rules, each with where it stands.

Tolerant and in linear time: whatever cannot be read is passed over, for the checks point at faults and do not render.
Never opens a file. Called by `drip.authoring.check_styles`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_DELIMITER = re.compile(r"[{};]")
_STRING = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|(?<=url\()[^()\"'\n]*(?=\))", re.IGNORECASE)
_NAME = re.compile(r"\s*([*_]?-{0,2}[A-Za-z][\w-]*)\s*:\s*")
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_RGB = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)", re.IGNORECASE)
_NAMED = {"black": "#000000", "white": "#ffffff", "red": "#ff0000", "gray": "#808080", "silver": "#c0c0c0"}


@dataclass(frozen=True, slots=True)
class Declaration:
    """`name: value`, from `start` to `end` of the text; the name in small letters."""

    name: str
    value: str
    start: int
    end: int


@dataclass(slots=True)
class Rule:
    """A selector with its declarations. `within` is the at-rule around it, or nothing."""

    selector: str
    start: int
    end: int
    within: str = ""
    declarations: list[Declaration] = field(default_factory=list)

    def value(self, name: str) -> str:
        """The last value of a property, or nothing."""
        return next((each.value for each in reversed(self.declarations) if each.name == name), "")


@dataclass(frozen=True, slots=True)
class AtRule:
    """`@media`, `@import` and so on; `depth` counts the at-rules around it."""

    name: str
    start: int
    end: int
    depth: int


@dataclass(slots=True)
class Sheet:
    """A style sheet."""

    rules: list[Rule] = field(default_factory=list)
    at_rules: list[AtRule] = field(default_factory=list)


def read_sheet(text: str) -> Sheet:
    """The rules of a style sheet."""
    return _Reader(blot_comments(text)).read()


def read_declarations(text: str, start: int = 0) -> list[Declaration]:
    """The declarations of a `style` attribute that begins at `start`."""
    source = _blot_strings(text)
    found = []
    at = 0
    for end in (*(match.start() for match in re.finditer(";", source)), len(source)):
        if declaration := _declaration(text, source, at, end, start):
            found.append(declaration)
        at = end + 1
    return found


def blot_comments(text: str, opening: str = "/*", closing: str = "*/") -> str:
    """The text with comments made blank, of the same length and lines; in linear time."""
    parts = []
    at = 0
    while (begin := text.find(opening, at)) >= 0:
        end = text.find(closing, begin + len(opening))
        end = len(text) if end < 0 else end + len(closing)
        parts += [text[at:begin], re.sub(r"[^\r\n]", " ", text[begin:end])]
        at = end
    return "".join([*parts, text[at:]])


def color_of(value: str) -> tuple[int, int, int] | None:
    """A plain color as red, green and blue; None for anything else."""
    text = re.sub(r"\s*!important$", "", value.strip().lower())
    text = _NAMED.get(text, text)
    if match := _HEX.fullmatch(text):
        digits = match[1] if len(match[1]) == 6 else "".join(each * 2 for each in match[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if match := _RGB.fullmatch(text):
        red, green, blue = (min(255, int(each)) for each in match.groups())
        return red, green, blue
    return None


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """How well one color is told from another, 1 to 21 (WCAG 2.2, contrast ratio)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: tuple[int, int, int]) -> float:
    parts = [each / 255 for each in color]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _blot_strings(text: str) -> str:
    """The text with quoted texts and addresses made unreadable: their braces and semicolons mean nothing."""
    return _STRING.sub(lambda match: "~" * len(match.group()), text)


def _declaration(text: str, source: str, start: int, end: int, shift: int = 0) -> Declaration | None:
    match = _NAME.match(source, start, end)
    if match is None:
        return None
    value = text[match.end() : end].strip()
    return Declaration(match[1].lower(), value, shift + match.start(1), shift + match.end() + len(value))


class _Reader:
    """Walks over the braces and semicolons of a sheet."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.source = _blot_strings(text)
        self.sheet = Sheet()
        self.open: list[Rule | AtRule] = []
        self.media: list[str] = []

    def read(self) -> Sheet:
        """The whole sheet."""
        at = 0
        for match in _DELIMITER.finditer(self.source):
            self.take(match.group(), at, match.start())
            at = match.end()
        return self.sheet

    def take(self, delimiter: str, start: int, end: int) -> None:
        """The text before one brace or semicolon."""
        words = self.source[start:end]
        begin = start + len(words) - len(words.lstrip())
        end = start + len(words.rstrip())
        if words.lstrip().startswith("@") and delimiter != "}":
            name = re.match(r"@[\w-]*", words.lstrip())
            assert name is not None
            found = AtRule(name.group().lower(), begin, max(begin, end), len(self.media))
            self.sheet.at_rules.append(found)
            if delimiter == "{":
                self.open.append(found)
                self.media.append(found.name)
        elif delimiter == "{":
            within = self.media[-1] if self.media else ""
            rule = Rule(self.text[begin:end], begin, max(begin, end), within)
            self.sheet.rules.append(rule)
            self.open.append(rule)
        else:
            top = self.open[-1] if self.open else None
            if isinstance(top, Rule) and (declaration := _declaration(self.text, self.source, begin, max(begin, end))):
                top.declarations.append(declaration)
            if delimiter == "}" and top is not None:
                self.open.pop()
                if isinstance(top, AtRule):
                    self.media.pop()
