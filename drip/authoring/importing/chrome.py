"""Drops what the blog's machinery wrote around a post: comment forms, share buttons, page links.

A line is only ever dropped whole, and the report quotes each. Single words that could be the author's own
(`Home`, `Share`) are dropped only where another line has given the machinery away. Called by `draft.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drip.authoring.importing.blocks import plural, shorten


@dataclass(frozen=True, slots=True)
class Chrome:
    """The lines of one platform. `sure` ones give it away; `likely` ones count only beside a sure one.

    `comments` is the line above readers' comments: from there on, to the end, the text is not the author's.
    """

    platform: str
    sure: re.Pattern[str]
    likely: re.Pattern[str]
    comments: re.Pattern[str]


def _lines(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


PLATFORMS: tuple[Chrome, ...] = (
    Chrome(
        "Blogger",
        _lines(
            r"no comments:?",
            r"post a comment",
            r"note: only a member of this blog may post a comment\.?",
            r"e-?mail this ?blogthis!.*|blogthis!",
            r"share to (?:x|twitter|facebook|pinterest)",
            r"subscribe to: .*\(atom\)",
            r"posted by .{1,60} at \d{1,2}:\d\d ?(?:am|pm)?",
            r"(?:.{1,60}\. )?powered by blogger\.?",
            r"view mobile version",
        ),
        _lines(r"newer posts?", r"older posts?", r"home", r"labels: .{1,200}", r"e-?mail this", r"reactions:?"),
        _lines(r"[1-9]\d* comments?:"),
    ),
    Chrome(
        "WordPress",
        _lines(
            r"leave a reply(?: cancel reply)?",
            r"your email address will not be published\..*",
            r"required fields are marked \*?",
            r"like loading\.{3}|loading\.{3}",
            r"click to (?:share|email|print)\b.*\(opens in new window\).*",
            r"save my name, email,? and website in this browser.*",
            r"notify me of (?:new posts|follow-?up comments) (?:by|via) email\.?",
            r"proudly powered by wordpress",
            r"view all posts by .{1,80}",
        ),
        _lines(
            r"share this:?",
            r"like this:?",
            r"related(?: posts)?:?",
            r"leave a comment",
            r"(?:posted|filed) (?:in|under):? .{1,120}",
            r"tagged(?: with)?:? .{1,120}",
            r"(?:previous|next) post:? ?.{0,120}",
            r"post navigation",
            r"skip to content",
            r"post comment",
        ),
        _lines(r"(?:one|\d+) (?:thoughts?|responses?|replies) (?:on|to) [“\"'‘].*"),
    ),
    Chrome(
        "Substack",
        _lines(
            r"thanks for reading .{1,80}! (?:subscribe for free|this post is public).*",
            r".{1,80} is a reader-supported publication\..*",
            r"type your email(?:\.{3}|…)",
            r"ready for more\?",
            r"discussion about this post",
            r"substack is the home for great culture",
            r"privacy ?[∙·•] ?terms ?[∙·•] ?collection notice",
            r"start (?:writing|your substack)(?: ?get the app)?",
        ),
        _lines(
            r"share(?: this post)?", r"subscribe(?: now)?", r"sign in", r"leave a comment", r"comments?", r"restacks?",
            r"no posts", r"previous", r"next", r"get the app", r"like", r"\d+", r"© ?\d{4} .{1,80}",
        ),
        _lines(r"discussion about this post"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The text without chrome, and what was dropped."""

    text: str
    report: tuple[str, ...]


def drop_chrome(text: str) -> Cleaned:
    """Take out the lines of each platform that gave itself away."""
    lines = text.split("\n")
    report: list[str] = []
    for chrome in PLATFORMS:
        sure = [number for number, line in enumerate(lines) if chrome.sure.fullmatch(line.strip())]
        if not sure:
            continue
        end, comments = _end_of_post(lines, chrome, sure[-1])
        kept = [line for line in lines[:end] if not _is_chrome(line.strip(), chrome)]
        dropped = [line.strip() for line in lines[:end] if _is_chrome(line.strip(), chrome)]
        if dropped:
            quoted = ", ".join(f"“{shorten(line, 40)}”" for line in dropped)
            report.append(f"dropped {plural(len(dropped), 'line')} of {chrome.platform} chrome: {quoted}")
        if comments:
            report.append(f"dropped {plural(comments, 'line')} below the post: readers' comments and the form for them")
        lines = kept
    return Cleaned("\n".join(lines), tuple(report))


def _is_chrome(line: str, chrome: Chrome) -> bool:
    return bool(line) and bool(chrome.sure.fullmatch(line) or chrome.likely.fullmatch(line))


def _end_of_post(lines: list[str], chrome: Chrome, last_sure: int) -> tuple[int, int]:
    """Where the post ends, and how many lines of comments follow.

    Comments are only believed in where the form for writing one comes after them; a post may well have a line
    `3 comments:` of its own.
    """
    for number, line in enumerate(lines):
        if number <= last_sure and chrome.comments.fullmatch(line.strip()):
            return number, sum(1 for each in lines[number:] if each.strip())
    return len(lines), 0
