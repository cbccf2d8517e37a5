"""Makes plain text into Markdown that prints the same characters: nothing in it is markup, nothing in it is Jinja.

A blog post from elsewhere may speak of `{{ name }}`, `#1` or `<b>`; read as a post of ours, the first would be run and
the others would be formatted. Pure functions on strings. Called by `draft.py`, as the last thing it does.
"""

from __future__ import annotations

import re

# In Jinja a tag begins with a brace and one of three characters; wherever those two meet, they are wrapped, and only
# they: what a `raw` block holds may pass through Markdown before or after Jinja, and these two mean nothing to it.
_JINJA = re.compile(r"\{[{%#]")
_WRAPPED = re.compile(r"\{% raw %\}(\{[{%#])\{% endraw %\}")

# CommonMark §2.4: a backslash before ASCII punctuation makes it literal.
_MARKS = r"""
      \\ (?= [!-/:-@\[-`{-~] | $ )                 # a backslash that would escape something, or break the line
    | [*`]
    | (?<![^\W_]) _ | _ (?![^\W_])                 # not within a word: snake_case is no emphasis
    | < (?= [A-Za-z/!?] )
    | & (?= \#[0-9]+; | \#[xX][0-9A-Fa-f]+; | [A-Za-z][A-Za-z0-9]*; )
    | \] (?= \( ) | \^ (?= \[ )                    # links, and the footnotes of the footnote plugin
    | ~ (?= ~ ) | (?<= ~ ) ~
"""
_INLINE = re.compile(_MARKS, re.VERBOSE | re.MULTILINE)
_IN_LINK = re.compile(rf"{_MARKS} | [\[\]]", re.VERBOSE | re.MULTILINE)
_LINE_START = re.compile(
    r"""
      ^ (?= \# | > | \+ (?: \s | $ ) | : )         # headings, quotes, lists, containers and definitions
    | ^ (?= - (?: [\s:|-] | $ ) | =+ \s* $ )       # lists, rules, headings by underline, tables
    | ^ (?= \| ) | ^ (?= \[ [^\]]* \]: )           # tables, link definitions
    """,
    re.VERBOSE | re.MULTILINE,
)
_NUMBERED = re.compile(r"^(\d{1,9})(?=[.)](?:\s|$))", re.MULTILINE)


def as_markdown(text: str) -> str:
    """Text as Markdown that prints it, Jinja included. Line breaks stay, blanks at both ends of a line go."""
    return _escape(text, _INLINE)


def as_link_words(text: str) -> str:
    """Text for between the brackets of a link."""
    return _escape(" ".join(text.split()), _IN_LINK)


def _escape(text: str, marks: re.Pattern[str]) -> str:
    lines = "\n".join(line.strip() for line in text.split("\n"))
    escaped = marks.sub(lambda match: "\\" + match.group(), lines)
    escaped = _NUMBERED.sub(r"\1\\", escaped)
    return without_jinja(_LINE_START.sub(r"\\", escaped))


def without_jinja(text: str) -> str:
    """Text in which Jinja finds nothing to run, and which Jinja prints as it was."""
    return _JINJA.sub(lambda match: f"{{% raw %}}{match.group()}{{% endraw %}}", text)


def unwrap_jinja(text: str) -> str:
    """Take off what `without_jinja` put on, so that a draft that is imported again stays as it was."""
    return _WRAPPED.sub(r"\1", text)


def count_jinja(text: str) -> int:
    """How many times a Jinja tag would have begun."""
    return len(_JINJA.findall(text))


def as_address(url: str) -> str:
    """An address for between the parentheses of a link: what would end it, or begin Jinja, is percent-encoded."""
    return re.sub(r"""[\x00-\x20\x7f"()<>\\^`{|}]""", lambda match: f"%{ord(match.group()):02X}", url.strip())
