"""Finds the call to action and the signature of a scraped post by their shape.

A scraped call to action has lost its link: “Register for your session here” leads nowhere. What is found becomes a
button and is always reported, because it is a guess. Pure functions on strings. Called by `paragraphs.py`.
"""

from __future__ import annotations

import re

from drip.authoring.importing.blocks import Button, Prose, count_words

MAX_BUTTON_WORDS = 14
MAX_SIGNATURE_WORDS = 6

_ACT = (
    r"(?:register|sign (?:me )?up|join|enroll|enrol|rsvp|subscribe|apply|book|reserve|save|grab|claim|get|download"
    r"|buy|order|watch|start|learn more|read more|find out more|take|schedule|pick|choose)\b"
)
_LEAD_IN = r"(?:(?:so|now|then|please|and|just|go ahead and|don[’']t wait|to join us)\b[,;:]? ?(?:[-–—] )?){0,3}"
_ADDRESS = r"(?P<url>https?://[^\s<>“”\"]*[^\s<>“”\".,;:!?)])"
# “… here”, as the last word of its clause; or “click here to …”. An address may have survived behind it.
_CALL = re.compile(
    rf"(?P<words>{_LEAD_IN}(?:{_ACT}[^.!?…:]*?\bhere|click here\b(?: (?:to|and|for)\b[^.!?…:]*?)?))"
    rf"(?:\s*[:(<]*\s*{_ADDRESS}[)>]*)?(?:\s*(?P<mark>[-–—.!:…»>]+)\s*(?P<rest>.*))?",
    re.IGNORECASE | re.DOTALL,
)

_SIGN_OFF = (
    r"(?:be well|stay well|(?:(?:all the|my|very) )?best(?: wishes| regards)?"
    r"|(?:kind|kindest|warm|warmest) (?:regards|wishes)|warmly|regards|sincerely(?: yours)?"
    r"|yours(?: truly| sincerely)?|cheers|take care|with gratitude|with love|love|talk soon"
    r"|until next time|see you (?:soon|there)|to your success|many thanks|thank you|thanks|xo+)"
)
_SIGNATURE = re.compile(rf"(?P<off>{_SIGN_OFF})(?P<mark>\s*(?:[,!.…–—-]+))?\s+(?P<who>\S.*)", re.IGNORECASE)
_GLUED = re.compile(r"(?:[A-Z][a-z]+){2,}")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def find_button(sentence: str) -> tuple[Button, str] | None:
    """The call to action in a sentence, and what the sentence says after it; None if it is no call to action."""
    match = _CALL.fullmatch(sentence.strip())
    if match is None or count_words(match["words"]) > MAX_BUTTON_WORDS:
        return None
    words = match["words"].strip(" ,;:-–—")
    return Button(words[:1].upper() + words[1:], match["url"]), (match["rest"] or "").strip()


def find_signature(sentences: list[str]) -> tuple[list[str], Prose | None]:
    """The sentences without the signature at their end, and the signature with a line for each of its parts."""
    for tail in (1, 2):
        if len(sentences) < tail:
            break
        match = _SIGNATURE.fullmatch(" ".join(sentences[-tail:]))
        if match and (lines := _signature_lines(match)):
            return sentences[:-tail], Prose(lines)
    return sentences, None


def _signature_lines(match: re.Match[str]) -> tuple[str, ...]:
    """`Be well... Lisa BlogNameLisaRangel` in lines: the words, the name, what the blog hung on to it."""
    words = match["who"].split()
    if len(words) > MAX_SIGNATURE_WORDS or not all(word[0].isupper() or word in ("and", "&") for word in words):
        return ()
    name = [word for word in words if not _GLUED.fullmatch(word)]
    blog = [_HUMP.sub(" ", word) for word in words if _GLUED.fullmatch(word)]
    # Glued words are names that stood in cells or images of their own; but a name alone, as McArthur, stays.
    if not name:
        name, blog = words, []
    return (match["off"] + (match["mark"] or ""), " ".join(name), *blog)
