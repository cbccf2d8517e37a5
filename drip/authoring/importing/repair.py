"""Repair text that went through the wrong encoding: `busyâ€"like` becomes `busy—like`.

Our own rules come first, because ftfy cannot know them: once somebody has straightened the curly quote that was the
last third of a damaged dash, its bytes no longer make a character. Then ftfy, if it is installed, for everything else.
Never straightens a good curly quote. Called by `draft.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from drip.authoring.importing.blocks import plural


@dataclass(frozen=True, slots=True)
class Repaired:
    """The text with `\\n` line ends and without control characters, and what was done to it."""

    text: str
    report: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    """What damaged text looks like, what it was, and what the report calls it."""

    damaged: re.Pattern[str]
    whole: str
    noun: str


def _rule(damaged: str, whole: str, noun: str) -> _Rule:
    return _Rule(re.compile(damaged), whole, noun)


# The UTF-8 bytes of the common marks begin with E2 80; read as Windows-1252 that is `â€`, and the third byte says which
# mark it was. Both dashes end in a curly double quote (93 is “, 94 is ”). With that quote straightened they look the
# same, `â€"`, and only their company tells them apart: between digits it was the dash of a range.
_RULES: tuple[_Rule, ...] = (
    _rule(r'(?<=\d)â€["”](?=\d)', "–", "dash"),
    _rule("â€“", "–", "dash"),
    _rule('â€["”]', "—", "dash"),
    _rule("â€['’‘]", "-", "dash"),  # a figure dash or a non-breaking hyphen; a hyphen says the same
    _rule("â€œ", "“", "quote"),
    _rule("â€(?:™|TM)", "’", "quote"),  # TM: the ™ was taken apart by compatibility folding
    _rule("â€[˜~]", "‘", "quote"),  # ~: the small tilde was straightened
    # 9D means nothing in Windows-1252, so many programs lose it and leave two thirds of a closing quote.
    _rule(r"â€(?:\x9d|(?=[\s.,;:!?)])|\Z)", "”", "quote"),
    _rule("â€[¦|]", "…", "ellipsis"),  # |: the broken bar was straightened
    _rule("â€¢", "•", "bullet"),
)
_MANY = {"dash": "dashes", "ellipsis": "ellipses"}
_LINE_END = re.compile("\r\n|[\r\u2028\u2029\x0b\x0c]")
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_C1 = re.compile("[\x80-\x9f]")


def repair_text(text: str) -> Repaired:
    """Make the text whole again, as far as it can be known what it was."""
    text = _LINE_END.sub("\n", text.removeprefix("\ufeff"))
    counts: Counter[str] = Counter()
    for rule in _RULES:
        text, hits = rule.damaged.subn(rule.whole, text)
        counts[rule.noun] += hits
    text, about_ftfy = _ask_ftfy(text)
    # C1 control characters are the bytes 80 to 9F of Windows-1252 that somebody took for Latin-1; Gmail clips
    # mails that hold them.
    text, hits = _C1.subn(_from_windows_1252, text)
    counts["character"] += hits
    text, dropped = _INVISIBLE.subn("", _LINE_END.sub("\n", text))
    report = [f"repaired {plural(count, *_nouns(noun))}" for noun, count in counts.items() if count]
    report += [about_ftfy] if about_ftfy else []
    report += [f"dropped {plural(dropped, 'invisible control character')}"] if dropped else []
    return Repaired(text, tuple(report))


def _nouns(noun: str) -> tuple[str, str]:
    return f"damaged {noun}", f"damaged {_MANY.get(noun, noun + 's')}"


def _ask_ftfy(text: str) -> tuple[str, str]:
    """ftfy's repair with everything off that would restyle good text, and the line for the report."""
    if text.isascii():
        return text, ""
    try:
        from ftfy import fix_text
    except ImportError:
        return text, "only the commonest damage was looked for: the extra `import` (ftfy) is not installed"
    # Entities are not damage but Markdown: making a tag of `&lt;b&gt;` would change what the text says.
    fixed = fix_text(
        text, uncurl_quotes=False, fix_character_width=False, fix_latin_ligatures=False, unescape_html=False
    )
    # Words that are new say more about what to proofread than a number of bytes would.
    changed = sum((Counter(fixed.split()) - Counter(text.split())).values())
    return fixed, f"repaired {plural(changed, 'word')} with damaged characters" if changed else ""


def _from_windows_1252(match: re.Match[str]) -> str:
    return match.group().encode("latin-1").decode("windows-1252", errors="ignore")
