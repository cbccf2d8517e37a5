"""Texts that are Markdown posts already: drafts of our own, and the posts of Hugo, Jekyll and their kin.

Their markup is kept; only what Jinja would run is disarmed, and what a mail has no use for is left behind. Called by
`draft.py`, never with `plain`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drip.authoring.front_matter import Head, split_front_matter
from drip.authoring.importing.blocks import shorten
from drip.authoring.importing.head import read_date
from drip.authoring.importing.literal import unwrap_jinja, without_jinja

KEPT = ("subject", "preview", "title", "date", "tags", "draft")
"""The names of a foreign front matter that mean the same to us."""
_SAME = {"description": "preview", "excerpt": "preview", "summary": "preview"}

# What nobody types into running text: a link to an address, or a backslash that makes Markdown literal.
_MARKUP = re.compile(r"\]\((?:https?://|mailto:|[a-z]+:)|\\[#>*_`\[\]<&~^|]|^(?:\d{1,9}\\[.)]|\\[-+=:])", re.MULTILINE)
_TITLE = re.compile(r"\s*# (?P<title>[^\n]*[^\s#])[ #]*(?:\n|\Z)")
# Markdown would print these as braces, and Jinja might then read them.
_BRACE_ENTITY = re.compile(r"(?<!\\)&(?:#0*123|#[xX]0*7[bB]|lbrace|lcub);")
_SPLIT_TAG = re.compile(r"\{\\([{%#])")


@dataclass(frozen=True, slots=True)
class Written:
    """A Markdown post: what its front matter says in our words, its body, and what was lost."""

    values: dict[str, str]
    body: str
    report: tuple[str, ...]


def read_markdown(text: str) -> Written | None:
    """The post, or None if the text shows no sign of Markdown."""
    head, problems = split_front_matter(text.lstrip("\n"), "")
    has_head = head.body_line > 1
    if not has_head and not _MARKUP.search(text):
        return None
    if not has_head:
        head = Head(body=text)
    report = ["kept the markup: the text is Markdown already"]
    if has_head and problems:
        report.append(f"could not read all of the front matter: {problems[0].message}")
    values, dropped = translate(head)
    if dropped:
        report.append(f"dropped from the front matter: {', '.join(dropped)}")
    body = head.body.strip("\n")
    if match := _TITLE.match(body):
        if "title" not in values:
            values["title"] = unwrap_jinja(match["title"])
            report.append(f"took the title from the heading “{shorten(values['title'])}”")
        if values["title"] == unwrap_jinja(match["title"]):
            body = body[match.end() :].strip("\n")
    return Written(values, disarm(body), tuple(report))


def translate(head: Head) -> tuple[dict[str, str], list[str]]:
    """The values that we know, under our names, and the names of those that we do not."""
    values: dict[str, str] = {}
    dropped: list[str] = []
    for name, value in head.values.items():
        known = _SAME.get(name.lower(), name.lower())
        flat = unwrap_jinja(" ".join(value.split()))
        if known == "date":
            flat = read_date(re.split(r"[T ](?=\d\d:)", flat)[0])
        if known not in KEPT or known in values or not flat:
            dropped.append(name)
        else:
            values[known] = flat
    return values, dropped


def disarm(markdown: str) -> str:
    """Markdown in which Jinja finds nothing to run, before or after Markdown has been made into HTML."""
    braces = _BRACE_ENTITY.sub("{", unwrap_jinja(markdown))
    return without_jinja(_SPLIT_TAG.sub(r"{\1", braces))
