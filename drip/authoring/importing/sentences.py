"""Cuts running text into sentences, never within a “quotation” and not behind an abbreviation or an initial.

Pure functions on strings. Called by `paragraphs.py`.
"""

from __future__ import annotations

import re

from drip.authoring.importing.blocks import word_set

# A point behind these never ends a sentence: a name, a number or the rest of a phrase follows.
_NEVER_LAST = word_set(
    "mr mrs ms mx dr prof rev hon gen col lt sgt capt st mt ft sr jr vs approx ca cf eg ie e.g i.e dept"
    " est inc ltd co corp ph.d u.s u.k jan feb mar apr jun jul aug sep sept oct nov dec"
)
MAX_QUOTATION = 4000
"""Longer “quotations” than this are taken for a quote that somebody forgot to close."""

_BEFORE_NUMBERS = word_set("no nos vol fig p pp ch")

_PAIRS = {"“": "”", "(": ")", "[": "]", "«": "»"}
_STOP = re.compile(r"(?P<dots>\.{2,}[!?]*|…[.!?]*)|(?P<end>[.!?][.!?…]*)")
_CLOSERS = "”’\"')]»*_"
_SPACE = re.compile(r"\s+")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, in order; joined by single blanks they are the text again."""
    text = _SPACE.sub(" ", text).strip()
    inside = _protected(text)
    sentences: list[str] = []
    start = 0
    for match in _STOP.finditer(text):
        end = match.end()
        while end < len(text) and text[end] in _CLOSERS:
            end += 1
        if end <= start or end >= len(text) or text[end] != " " or inside[end]:
            continue
        if _ends_sentence(text, match, end + 1):
            sentences.append(text[start:end])
            start = end + 1
    return [*sentences, text[start:]] if text[start:] else sentences


def _ends_sentence(text: str, match: re.Match[str], following: int) -> bool:
    """Whether the stop really is one, judged by what stands before it and what follows."""
    following_text = text[following : following + 8]
    opens_quote = following_text[0] in '“«"‘('
    if match.group("dots"):
        # “I was... well, late”: the voice trails off and goes on. It ends where somebody else begins to speak, and
        # behind closed quotes or parentheses.
        return opens_quote or match.end() != following - 1
    if not (opens_quote or following_text[0].isupper() or following_text[0].isdigit() or _trails_in(following_text)):
        return False
    if match.group() != ".":
        return True
    word = text[max(0, match.start() - 40) : match.start()].rsplit(" ", 1)[-1].lstrip("“‘\"'([").lower()
    if word in _BEFORE_NUMBERS and following_text[0].isdigit():
        return False
    is_initial = len(word) == 1 and word.isalpha() and word != "i"
    return word not in _NEVER_LAST and not (is_initial and text[match.start() - 1].isupper())


def _trails_in(text: str) -> bool:
    """`... and more` begins like a sentence of its own."""
    return text.startswith(("...", "…"))


def _protected(text: str) -> bytearray:
    """For every position, 1 where it is inside a closed quotation or parenthesis."""
    inside = bytearray(len(text) + 1)
    opened: list[tuple[str, int]] = []
    straight = text.count('"') % 2 == 0  # an odd number of them cannot be told apart
    for position, character in enumerate(text):
        # Only the three innermost are looked at: a stray opener must not make this slow.
        if any(character == closer for closer, _ in opened[-3:]):
            while opened[-1][0] != character:
                opened.pop()
            _, start = opened.pop()
            if position - start <= MAX_QUOTATION:
                inside[start + 1 : position] = b"\x01" * (position - start - 1)
        elif character in _PAIRS or (character == '"' and straight):
            opened.append((_PAIRS.get(character, character), position))
    return inside
