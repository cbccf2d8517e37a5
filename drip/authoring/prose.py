"""The words of a post, without what only looks like words: code, addresses, HTML and Jinja are made blank.

Every character keeps its place, so that a check can search the words and point into the file. In linear time. Pure.
Called by `drip.authoring.check_wording`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drip.authoring.check_links import BLOT, blotted
from drip.authoring.read_post import PostDraft
from drip.authoring.source import Lines
from drip.authoring.stylesheet import blot_comments
from drip.core.problems import Place

_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")
_NO_WORDS = re.compile(
    r"(`{1,3})[^`\n]*\1"  # code within a line
    r"|(?<=\]\()[^()\n]*(?=\))"  # addresses of links and pictures
    r"|<[^<>]*>"  # HTML, and addresses in angle brackets
    r"|^[ \t]*\[[^\]\n]*\]:[^\n]*"  # link definitions
    r"|\bhttps?://[^\s)>\"]*",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Prose:
    """The text of a post, as long as it is in the file; where no words are there are blanks."""

    text: str
    lines: Lines
    path: str
    first_line: int

    def place(self, start: int, end: int) -> Place:
        """Where a part of the text stands in its file."""
        return shifted(self.lines.place(self.path, start, end), self.first_line)


def shifted(place: Place, first_line: int) -> Place:
    """A place in the text of a post as a place in its file."""
    return Place(place.path, place.line + first_line - 1, place.column, place.width)


def prose_of(draft: PostDraft) -> Prose:
    """The words of a post."""
    text = blotted(draft.post.body)
    lines = Lines(text)
    words = _without_fences(blot_comments(text, "<!--", "-->"), lines)
    words = _NO_WORDS.sub(lambda match: re.sub(r"[^\r\n]", " ", match.group()), words)
    return Prose(words, lines, draft.post.path, draft.post.body_line)


def plain(text: str) -> str:
    """A subject or preview with one letter in the place of each tag of Jinja."""
    return re.sub(f"{BLOT}+", "x", blotted(text))


def within(draft: PostDraft, key: str, part: str) -> Place:
    """Where a part of a subject or preview stands; the whole value where that cannot be told, as in quoted ones."""
    place = draft.place_of(key)
    source = draft.post.subject if key == "subject" else draft.post.preview
    column = source.find(part)
    if column < 0 or len(source) != place.width:
        return place
    return Place(place.path, place.line, place.column + column, max(1, len(part)))


def _without_fences(text: str, lines: Lines) -> str:
    """The text with fenced blocks of code made blank."""
    parts = []
    fence = ""
    for number in range(1, len(lines) + 1):
        start = lines.start(number)
        end = lines.start(number + 1) if number < len(lines) else len(text)
        line = text[start:end]
        match = _FENCE.match(line)
        is_code = bool(fence) or match is not None
        if match is not None:
            if not fence:
                fence = match[1]
            elif match[1].startswith(fence):
                fence = ""
        parts.append(re.sub(r"[^\r\n]", " ", line) if is_code else line)
    return "".join(parts)
