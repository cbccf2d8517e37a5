"""Checks of subjects and previews: the shapes that filters and readers take for spam, and lines that say nothing.

Each check is one function from the desk to Problems; `drip.authoring.check` runs them all. Lengths are judged by
`drip.authoring.check_posts`. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from drip.authoring.desk import Desk
from drip.authoring.problems_catalogue import problem
from drip.authoring.prose import plain, within
from drip.authoring.section import clip
from drip.authoring.source import Lines
from drip.core.problems import Place, Problem

MIN_SUBJECT = 8
"""Fewer characters than this say nothing: `Hello`, `News`."""

_SHOUTED_LETTERS = 8  # shorter ones are names: `NASA`, `PDF`
_NOISE = re.compile(r"[!?]{3,}|\$\$+|€€+|(?:!\s+){2,}!")
_REPLY = re.compile(r"\s*(re|fwd?|aw|wg)\s*(?:\[\d+\])?:", re.IGNORECASE)
_ESCAPED_BREAK = re.compile(r'"[^"]*\\[nrLPN][^"]*"')
_HELP_QUIET = "say it once, quietly"


def check_shapes(desk: Desk) -> Iterator[Problem]:
    """Subjects in capitals, with rows of marks, with a false Re:, of pictures only, or of hardly any letters."""
    for _, draft in desk.posts():
        subject = plain(draft.post.subject).strip()
        if not subject:
            continue
        place = draft.place_of("subject")
        letters = [each for each in subject if each.isalpha()]
        cased = [each for each in letters if each.isupper() or each.islower()]
        if not any(unicodedata.category(each)[0] in "LN" for each in subject):
            message = f"the subject `{clip(subject)}` has no words"
            yield problem("wordless-subject", message, place, "say in words what the mail is about")
        elif len(subject) < MIN_SUBJECT and "x" not in subject and _is_short(subject):
            message = f"the subject has only {len(subject)} characters"
            yield problem("short-subject", message, place, "say what the mail is about")
        if len(cased) >= _SHOUTED_LETTERS and all(each.isupper() for each in cased) and " " in subject:
            yield problem("shouting-subject", "the subject is written in capitals", place, _HELP_QUIET)
        if match := _NOISE.search(subject):
            message = f"`{match.group()}` in a subject is the mark of spam"
            yield problem("noisy-subject", message, within(draft, "subject", match.group()), _HELP_QUIET)
        if match := _REPLY.match(subject):
            message = f"`{match.group().strip()}` says that this is an answer, and it is not"
            yield problem("false-reply", message, within(draft, "subject", match.group().strip()), "take it out")


def _is_short(subject: str) -> bool:
    """Whether a few characters are few: three of Chinese or Korean say as much as a word."""
    return all(unicodedata.east_asian_width(each) not in ("W", "F") for each in subject)


def check_breaks(desk: Desk) -> Iterator[Problem]:
    """Subjects that are written on several lines, or with the escape of a line break."""
    for _, draft in desk.posts():
        name = draft.head.names.get("subject")
        if name is None or not draft.post.subject:
            continue
        lines = Lines(desk.files[draft.post.path])
        value = lines.line(name.line)[name.column - 1 + name.width :].strip().removeprefix(":").strip()
        below = [lines.line(name.line + at).strip() for at in (1, 2)]
        is_block = value.startswith("|") and all(below) and lines.line(name.line + 2).startswith((" ", "\t"))
        if is_block or _ESCAPED_BREAK.fullmatch(value):
            place = Place(name.path, name.line, name.column, name.width)
            yield problem("broken-subject", "the subject has a line break in it", place, "write it on one line")


def check_previews(desk: Desk) -> Iterator[Problem]:
    """Previews that only say the subject again."""
    for _, draft in desk.posts():
        subject, preview = _words(draft.post.subject), _words(draft.post.preview)
        if subject and subject == preview:
            message = "the preview says the subject again"
            yield problem("repeated-preview", message, draft.place_of("preview"), "say what comes next")


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
