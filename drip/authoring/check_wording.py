"""Checks of the words of posts: what was left to be written, promised and not there, out of date or out of order.

Each check is one function from the desk to Problems; `drip.authoring.check` runs them all. Only prose is searched:
what stands in code, addresses, HTML and Jinja is no wording. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from drip.authoring.check_links import blotted, parse
from drip.authoring.desk import Desk
from drip.authoring.problems_catalogue import problem
from drip.authoring.prose import plain, prose_of, within
from drip.authoring.read_post import PostDraft
from drip.authoring.section import clip
from drip.authoring.source import MAX_CHARACTERS, Lines
from drip.core.problems import Place, Problem

MOST_OF_A_KIND = 5
"""Problems of one name in one post; more of the same say no more."""

PLACEHOLDER = re.compile(
    r"\b(?:TK(?:TK)+|TK(?! ?Maxx)|TODO|FIXME|TBD|XXX+)\b|\b[Ll]orem ipsum\b|\[(?:insert|your) [^\]\n]{1,40}\](?![(\[:])"
)
FOREIGN_FIELD = re.compile(
    r"\*\|[A-Za-z0-9_:. -]{1,40}\|\*"  # Mailchimp
    r"|%%?[A-Z][A-Z0-9_]{2,30}%%?"  # ActiveCampaign, MailerLite, Salesforce
    r"|\[(?:FIRST|LAST|FULL)?_?-?NAME\]|\[EMAIL\]"
    r"|\{(?:first|last)[ _]?name\}",
    re.IGNORECASE,
)
_ATTACHED = re.compile(
    r"\b(?:(?:please )?find attached|i(?:'ve|’ve| have)? attached|(?:see|is|are|the|an|my|our) attach(?:ed|ment)s?"
    r"|attached (?:to this|is|are|you|below|please|pdf|file|document|checklist)|(?:see|is|are|find) enclosed)\b",
    re.IGNORECASE,
)
_TO_SOMETHING = re.compile(r"\s+to\s+(?!this\b)", re.IGNORECASE)
_INVITE = re.compile(r"invit|calendar|\.ics\b", re.IGNORECASE)
_COPYRIGHT = re.compile(r"(?:©|&copy;|\(c\)|\bcopyright\b)[ ©,]{0,3}(?:\d{4} ?[-–] ?)?(\d{4})\b", re.IGNORECASE)
_ATTACHMENT_KEYS = frozenset({"attach", "attachment", "attachments"})
_LAYOUT = re.compile(r"templates/(?!pages/).+\.(?:html|txt)")


def check_placeholders(desk: Desk) -> Iterator[Problem]:
    """Marks for what is still to be written, and the fields of other mail programs."""
    kinds = (
        ("placeholder", PLACEHOLDER, "`{}` marks what is still to be written", "write it, or take it out"),
        ("leftover-field", FOREIGN_FIELD, "`{}` is a field of another mail program", "write `{{ first_name }}`"),
    )
    for _, draft in desk.posts():
        for name, pattern, message, advice in kinds:
            for found, place in _finds(draft, pattern):
                yield problem(name, message.format(clip(found)), place, advice)
        if draft.post.head.get("source") and re.search(r"\{[{%]", _unwrapped(draft.post.subject)):
            message = "this subject was imported with braces in it, and they are printed"
            yield problem(
                "leftover-field", message, draft.place_of("subject"), "write `{{ first_name }}`, or take it out"
            )


def _unwrapped(subject: str) -> str:
    """What is printed of braces that an import made literal."""
    return "".join(re.findall(r"\{% raw %\}(\{[{%#])\{% endraw %\}", subject))


def _finds(draft: PostDraft, pattern: re.Pattern[str]) -> Iterator[tuple[str, Place]]:
    """Where a pattern stands in subject, preview and text; the first few."""
    for key, source in (("subject", draft.post.subject), ("preview", draft.post.preview)):
        if match := pattern.search(plain(source)):
            yield match.group(), within(draft, key, match.group())
    prose = prose_of(draft)
    for count, match in enumerate(pattern.finditer(prose.text)):
        if count >= MOST_OF_A_KIND:
            return
        yield match.group(), prose.place(match.start(), match.end())


def check_attachments(desk: Desk) -> Iterator[Problem]:
    """Words about an attachment in a post that has none. The invite of a registration is attached by drip."""
    for _, draft in desk.posts():
        if _ATTACHMENT_KEYS & draft.head.names.keys():
            continue
        prose = prose_of(draft)
        for match in _ATTACHED.finditer(prose.text):
            around = prose.text[max(0, match.start() - 80) : match.end() + 80]
            if not _TO_SOMETHING.match(prose.text, match.end()) and not _INVITE.search(around):
                message = f"`{clip(match.group())}`: this post has no attachment"
                advice = "link to the file on the web, which also keeps the mail small"
                yield problem("missing-attachment", message, prose.place(match.start(), match.end()), advice)
                break


def check_years(desk: Desk) -> Iterator[Problem]:
    """The year of a copyright in posts and layouts is this year."""
    texts = [(draft.post.path, draft.post.body, draft.post.body_line) for _, draft in desk.posts()]
    texts += [
        (path, text, 1) for path, text in desk.files.items() if _LAYOUT.fullmatch(path) and len(text) <= MAX_CHARACTERS
    ]
    for path, text, first_line in texts:
        if match := next((each for each in _COPYRIGHT.finditer(text) if int(each[1]) < desk.now.year), None):
            place = Lines(text).place(path, match.start(1), match.end(1))
            place = Place(path, place.line + first_line - 1, place.column, place.width)
            message = f"the year is {desk.now.year} by now"
            yield problem("stale-year", message, place, "write this year, or leave the year out")


def check_headings(desk: Desk) -> Iterator[Problem]:
    """Headings that leave out a level. The subject is the first one, or the post brings its own."""
    for _, draft in desk.posts():
        level = 1
        lines = Lines(draft.post.body)
        for token in parse(blotted(draft.post.body)):
            if token.type != "heading_open":
                continue
            own = int(token.tag[1])
            if own > level + 1 and token.map:
                number = token.map[0] + 1
                text = lines.line(number)
                column = len(text) - len(text.lstrip())
                place = Place(draft.post.path, draft.post.body_line + number - 1, column + 1, max(1, len(text.strip())))
                message = f"a heading of level {own} follows one of level {level}"
                advice = f"write `{'#' * (level + 1)}`"
                yield problem("skipped-heading", message, place, advice)
            level = own
