"""Checks of style sheets: what cannot be inlined, what Gmail drops, what mail programs ignore, what cannot be read.

`templates/NAME.css` is inlined, `templates/NAME-head.css` stays in the head. Each check is one function from the desk
to Problems; `drip.authoring.check` runs them all. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from drip.authoring.brand import settled
from drip.authoring.check_layouts import elements_of, layouts_of, unsupported
from drip.authoring.clients import support
from drip.authoring.desk import Desk
from drip.authoring.problems_catalogue import problem
from drip.authoring.section import clip
from drip.authoring.source import MAX_CHARACTERS, Lines
from drip.authoring.stylesheet import (
    Declaration,
    Rule,
    Sheet,
    blot_comments,
    color_of,
    contrast,
    read_declarations,
    read_sheet,
)
from drip.core.problems import Place, Problem

GMAIL_STYLE_BYTES = 16_000
CONTRAST = 4.5
CONTRAST_LARGE = 3.0
LARGE_PIXELS = 24.0
LARGE_BOLD_PIXELS = 18.66  # 14 points

_PSEUDO = re.compile(r"::?(?!-)[A-Za-z-]+")
_STYLE_ELEMENT = re.compile(r"<style\b[^<>]*>", re.IGNORECASE)
_SLASHED_RGB = re.compile(r"\b(?:rgba?|hsla?)\([^()]*/[^()]*\)", re.IGNORECASE)
_FUNCTION = re.compile(r"\b([a-z-]+)\(", re.IGNORECASE)
_HEAD = "templates/{}-head.css"


@dataclass(frozen=True, slots=True)
class _Styles:
    """One style sheet: its path, text and rules, and whether it is the inlined one of a layout."""

    path: str
    lines: Lines
    sheet: Sheet
    is_inlined: bool

    def at(self, start: int, end: int) -> Place:
        """Where a part of it stands."""
        return self.lines.place(self.path, start, end)


def _sheets(desk: Desk) -> Iterator[_Styles]:
    """The style sheets of all layouts."""
    for layout in layouts_of(desk):
        for path, is_inlined in ((f"templates/{layout.name}.css", True), (_HEAD.format(layout.name), False)):
            text = desk.files.get(path, "")
            if text.strip() and len(text) <= MAX_CHARACTERS:
                yield _Styles(path, Lines(text), _settled(read_sheet(text), desk), is_inlined)


def _settled(sheet: Sheet, desk: Desk) -> Sheet:
    """The sheet with the brand's colors and fonts in it, as it will be inlined; places stay."""
    brand = desk.project.definition.brand
    for rule in sheet.rules:
        rule.declarations = [replace(each, value=settled(each.value, brand)) for each in rule.declarations]
    return sheet


def check_inlined_styles(desk: Desk) -> Iterator[Problem]:
    """Rules that are to be moved into style attributes, and cannot be."""
    for styles in _sheets(desk):
        if not styles.is_inlined:
            continue
        head = _HEAD.format(styles.path.removeprefix("templates/").removesuffix(".css"))
        advice = f"move it to {head}"
        for at_rule in styles.sheet.at_rules:
            message = f"`{at_rule.name}` cannot be inlined"
            yield problem("uninlinable-css", message, styles.at(at_rule.start, at_rule.end), advice)
        for rule in styles.sheet.rules:
            if rule.within:
                continue  # told with its at-rule
            if match := _PSEUDO.search(rule.selector):
                message = f"`{match.group()}` cannot be inlined"
                start = rule.start + match.start()
                yield problem("uninlinable-css", message, styles.at(start, rule.start + match.end()), advice)
            elif "*" in re.sub(r"\[[^\]]*\]", "", rule.selector):
                start = rule.start + rule.selector.index("*")
                message = "`*` is passed over when styles are inlined"
                yield problem("uninlinable-css", message, styles.at(start, start + 1), "name the elements")
            yield from _check_values(styles, rule, head)


def _check_values(styles: _Styles, rule: Rule, head: str) -> Iterator[Problem]:
    """Values that are lost when they are inlined, or beat what must beat them."""
    seen: dict[str, Declaration] = {}
    for each in rule.declarations:
        place = styles.at(each.start, each.end)
        if re.search(r"!\s*important", each.value, re.IGNORECASE):
            message = f"`!important` here beats the rules of {head}"
            yield problem("uninlinable-css", message, place, "take it out: what is inlined is strong already")
        elif "var(" in each.value.lower() or each.name.startswith("--"):
            message = "variables are not known in most mail programs, and are not resolved here"
            yield problem("uninlinable-css", message, place, "write the value itself")
        elif match := _SLASHED_RGB.search(each.value):
            message = f"`{clip(match.group())}` is lost when it is inlined"
            yield problem("uninlinable-css", message, place, "write a color of six digits, such as #5b6470")
        elif each.name in seen:
            message = f"`{clip(each.name)}` is given twice in one rule, and only the second is kept"
            yield problem("uninlinable-css", message, place, "keep one of them")
        seen[each.name] = each


def check_head_styles(desk: Desk) -> Iterator[Problem]:
    """What makes Gmail drop styles of the head: at-rules within at-rules, and more than 16 kB of them."""
    for styles in _sheets(desk):
        if styles.is_inlined:
            continue
        for at_rule in styles.sheet.at_rules:
            if at_rule.depth:
                message = f"`{at_rule.name}` stands within another at-rule, so Gmail drops this whole style element"
                advice = "write both conditions into one, joined by `and`"
                yield problem("nested-at-rule", message, styles.at(at_rule.start, at_rule.end), advice)
    for layout in layouts_of(desk):
        path = _HEAD.format(layout.name)
        own = _own_styles(layout.html)
        kept = len(desk.files.get(path, "").encode("utf-8", "replace"))
        if kept + own > GMAIL_STYLE_BYTES:
            message = f"the head has {(kept + own) / 1000:.1f} kB of styles; Gmail reads 16 kB and drops the rest"
            place = Place(path if kept >= own else layout.path)
            yield problem("large-styles", message, place, "move plain rules to the sheet that is inlined")


def _own_styles(html: str) -> int:
    """The bytes of a layout's own style elements; those in comments are for Outlook alone."""
    source = blot_comments(html, "<!--", "-->")
    total = 0
    for match in _STYLE_ELEMENT.finditer(source):
        end = source.find("</style", match.end())
        text = source[match.end() : end if end >= 0 else len(source)]
        total += 0 if "{{" in text else len(text.encode("utf-8", "replace"))
    return total


def check_supported_styles(desk: Desk) -> Iterator[Problem]:
    """Styles that mail programs ignore; each feature once."""
    seen: set[str] = set()
    for name, place in _features(desk):
        known = support("css", name) if name not in seen else None
        seen.add(name)
        if known is not None:
            yield from unsupported(desk, known, f"`{name.replace(':', ': ')}`", "unsupported-css", place)


def _features(desk: Desk) -> Iterator[tuple[str, Place]]:
    """At-rules, properties, pairs and functions, with their places."""
    for styles in _sheets(desk):
        # That at-rules and variables do not get through the inliner has been told.
        for at_rule in () if styles.is_inlined else styles.sheet.at_rules:
            yield at_rule.name, styles.at(at_rule.start, at_rule.end)
        for rule in styles.sheet.rules:
            for each in rule.declarations:
                place = styles.at(each.start, each.end)
                yield from ((name, place) for name in _names(each) if name != "var()" or not styles.is_inlined)
    for element in elements_of(desk):
        for each in read_declarations(element.attributes.get("style", "")):
            yield from ((name, element.place) for name in _names(each))


def _names(declaration: Declaration) -> Iterator[str]:
    """What a declaration needs a mail program to know."""
    value = re.sub(r"\s*!\s*important\s*$", "", declaration.value.lower())
    yield f"{declaration.name}:{value}" if support("css", f"{declaration.name}:{value}") else declaration.name
    yield from (f"{name.lower()}()" for name in _FUNCTION.findall(value))


def check_contrast(desk: Desk) -> Iterator[Problem]:
    """Text and ground of one rule can be told apart."""
    for styles in _sheets(desk):
        for rule in styles.sheet.rules:
            text = color_of(rule.value("color"))
            ground = color_of(rule.value("background-color") or rule.value("background"))
            if text is None or ground is None or rule.value("display").startswith("none"):
                continue
            needed = CONTRAST_LARGE if _is_large(rule) else CONTRAST
            found = contrast(text, ground)
            if found < needed:
                spoken = next(each for each in rule.declarations if each.name == "color")
                message = f"`{clip(rule.selector)}` has a contrast of {found:.1f}; {needed} is the least"
                place = styles.at(spoken.start, spoken.end)
                yield problem(
                    "low-contrast", message, place, "make the text darker or the ground lighter, or the reverse"
                )


def _is_large(rule: Rule) -> bool:
    """Whether text counts as large (WCAG 2.2 §1.4.3): 18 points, or 14 if it is bold."""
    match = re.match(r"(\d{1,3}(?:\.\d+)?)px", rule.value("font-size"))
    pixels = float(match[1]) if match else 0.0
    is_bold = rule.value("font-weight").startswith(("bold", "7", "8", "9"))
    return pixels >= LARGE_PIXELS or (is_bold and pixels >= LARGE_BOLD_PIXELS)
