"""Gives a scraped text its shape back: paragraphs, lists, the call to action, the signature.

Scraping often leaves one paragraph of a thousand words. Nothing here knows what a text is about; it goes by shape: the
lengths of sentences, what they begin and end with, how alike their neighbours are. All of it is a guess, and the report
says so. Called by `draft.py`, never with `plain`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from drip.authoring.importing.blocks import Block, Button, Items, Prose, count_words, plural, shorten, word_set
from drip.authoring.importing.closing import find_button, find_signature
from drip.authoring.importing.sentences import split_sentences

TARGET_WORDS = 55
"""A paragraph that reads well on a phone."""
GIANT_WORDS = 130
"""Only paragraphs with more words than this are divided; the author's own ones are left alone."""
MAX_ITEM_WORDS = 32
MIN_ITEMS = 3

_BULLET = re.compile(r"(?:[-*•·‣▪●–—✓✔➤]|\d{1,3}[.)])\s+(?=\S)")
_NUMBER = re.compile(r"\d{1,3}[.)]\s")
_OPENER = re.compile(r"(?P<intro>.*?(?::|\.{3}|…))\s+(?P<first>[^\s.…].*)", re.DOTALL)
_PROMISES_LIST = re.compile(
    r"\b(?:here(?: are| is|[’']s|[’']re)|follow(?:ing|s)|these|learn|discover|cover|includ\w+|what you|you[’']ll"
    r"|you will|steps?|tips?|ways?|reasons?|things?|mistakes?|questions?"
    r"|two|three|four|five|six|seven|eight|nine|ten|\d+)\b",
    re.IGNORECASE,
)
# A sentence that begins so goes on with a story; a line of a list does not.
_NARRATES = word_set("i i'm i’m i've i’ve we he she they it so but then and yet that this there let's let’s")
_CONTINUES = word_set("and but or so yet he she it they this that these those his her their yes no because")
_NEW_SCENE = word_set(
    "one day finally when after before then once first second third next last later now today ultimately eventually"
    " meanwhile however instead in you let if years months weeks for as until here join"
)


@dataclass(slots=True)
class Shaped:
    """The blocks found so far, and the report of what was guessed."""

    blocks: list[Block] = field(default_factory=list)
    lists: list[int] = field(default_factory=list)
    divided: int = 0
    made: int = 0
    signature: Prose | None = None

    def report(self) -> list[str]:
        """One line for each kind of guess."""
        lines = []
        if self.divided:
            lines.append(f"guessed {plural(self.made, 'paragraph')} in {plural(self.divided, 'long one')}")
        if self.lists:
            sizes = " and ".join(str(size) for size in self.lists)
            lines.append(f"guessed {plural(len(self.lists), 'list')} of {sizes} items")
        lines += [f"guessed a button: “{shorten(each.words)}”" for each in self.blocks if isinstance(each, Button)]
        if self.signature:
            lines.append(f"guessed a signature: “{' / '.join(self.signature.lines)}”")
        return lines


def shape(paragraphs: Iterable[list[str]]) -> Shaped:
    """Blocks from paragraphs, each given as its lines."""
    shaped = Shaped()
    for lines in paragraphs:
        for part in _parts(lines):
            if isinstance(part, str):
                _shape_running_text(part, shaped)
            else:
                shaped.blocks.append(part)
                shaped.lists += [len(part.items)] if isinstance(part, Items) else []
    return shaped


def _parts(lines: list[str]) -> list[Block | str]:
    """What the line breaks of one paragraph mean: a list, lines that belong apart, or nothing (running text)."""
    bullets = [bool(_BULLET.match(line)) for line in lines]
    start = bullets.index(True) if True in bullets else len(lines)
    if len(lines) - start >= 2 and all(bullets[start:]):
        numbered = all(_NUMBER.match(line) for line in lines[start:])
        items = Items(tuple(_BULLET.sub("", line, count=1) for line in lines[start:]), numbered)
        return [*(_parts(lines[:start]) if start else []), items]
    short = all(count_words(line) <= MAX_ITEM_WORDS for line in lines[1:])
    if lines[0].endswith((":", "...", "…")) and len(lines) > MIN_ITEMS and short and not _is_wrapped(lines[1:]):
        return [lines[0], Items(tuple(lines[1:]))]
    if len(lines) == 1 or _is_wrapped(lines):
        return [" ".join(lines)]
    if max(map(len, lines)) > 100:
        return list(lines)
    return [Prose(tuple(lines))]


def _is_wrapped(lines: list[str]) -> bool:
    """Whether the lines break where the column ended, as in a mail, and not where the author pressed return."""
    return len(lines) > 1 and all(45 <= len(line) <= 100 for line in lines[:-1]) and len(lines[-1]) <= 100


def _shape_running_text(text: str, shaped: Shaped) -> None:
    """Lists, buttons and paragraphs out of one run of sentences."""
    is_giant = count_words(text) > GIANT_WORDS
    sentences = split_sentences(text)
    signature: Prose | None = None
    if len(sentences) > 2:
        sentences, signature = find_signature(sentences)
    made = 0
    run: list[str] = []
    position = 0

    def flush() -> int:
        groups = group(run) if is_giant else [" ".join(run)] * bool(run)
        shaped.blocks += [Prose((each,)) for each in groups]
        run.clear()
        return len(groups)

    while position < len(sentences):
        sentence = sentences[position]
        if found := _list_at(sentences, position):
            intro, items, position = found
            run.append(intro)
            made += flush()
            shaped.blocks.append(Items(items))
            shaped.lists.append(len(items))
            continue
        if called := find_button(sentence):
            button, rest = called
            made += flush()
            shaped.blocks.append(button)
            run += [rest] if rest else []
        else:
            run.append(sentence)
        position += 1
    made += flush()
    if signature:
        shaped.blocks.append(signature)
        shaped.signature = signature
        made += 1
    if is_giant:
        shaped.divided += 1
        shaped.made += made


def _list_at(sentences: list[str], position: int) -> tuple[str, tuple[str, ...], int] | None:
    """The list that this sentence opens: its intro, its items, and the position behind it.

    An opening ends in a colon or dots and is followed by sentences as short and as like each other as items are:
    all questions, or all statements, none of which tells on.
    """
    opener = _OPENER.fullmatch(sentences[position])
    if opener:
        intro, first, following = opener["intro"], opener["first"], position + 1
    elif sentences[position].endswith((":", "...", "…")) and position + 1 < len(sentences):
        intro, first, following = sentences[position], sentences[position + 1], position + 2
    else:
        return None
    if not first[0].isupper():
        return None
    asks = first.endswith("?")
    if not asks and not _PROMISES_LIST.search(intro):
        return None
    items: list[str] = []
    for sentence in (first, *sentences[following:]):
        if not _is_item(sentence, asks=asks):
            break
        items.append(sentence)
        if sentence.startswith(("...", "…")):
            break  # “... and more” closes a list
    if len(items) < MIN_ITEMS:
        return None
    return intro, tuple(items), following + len(items) - 1


def _is_item(sentence: str, *, asks: bool) -> bool:
    """Whether a sentence reads like a line of a list of questions or of statements."""
    if count_words(sentence) > MAX_ITEM_WORDS or find_button(sentence):
        return False
    if asks:
        return sentence.endswith("?")
    tells_on = _first_word(sentence.lstrip("“‘\"'")) in _NARRATES
    return not tells_on and not sentence.endswith("?")


def group(sentences: list[str]) -> list[str]:
    """Sentences in paragraphs of about `TARGET_WORDS`, broken where a reader would draw breath.

    The cheapest division by dynamic programming: cost is the distance from the target plus what a bad break costs.
    """
    lengths = [count_words(each) for each in sentences]
    breaks = [_break_cost(sentences, start) for start in range(len(sentences))]
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(sentences) + 1):
        words = 0
        choice = (float("inf"), end - 1)
        for start in range(end - 1, -1, -1):
            words += lengths[start]
            if words > 3 * TARGET_WORDS and start < end - 1:
                break
            distance = (words - TARGET_WORDS) / TARGET_WORDS
            cost = best[start][0] + distance * distance + breaks[start]
            choice = min(choice, (cost, start))
        best.append(choice)
    paragraphs: list[str] = []
    end = len(sentences)
    while end:
        start = best[end][1]
        paragraphs.append(" ".join(sentences[start:end]))
        end = start
    return paragraphs[::-1]


def _break_cost(sentences: list[str], start: int) -> float:
    """What it costs to begin a paragraph with this sentence; below nothing where one should begin."""
    if start == 0:
        return 0.0
    sentence, before = sentences[start], sentences[start - 1]
    first = _first_word(sentence)
    cost = 0.0
    if first in _CONTINUES:
        cost += 0.35
    if first in _NEW_SCENE:
        cost -= 0.25
    if first == _first_word(before):
        cost += 0.4  # “Day one … Day two …” are one breath
    if sentence.startswith(("“", '"')) or before.endswith(("”", '"')):
        cost -= 0.3
    if before.endswith("?") or count_words(sentence) <= 3:
        cost += 0.25  # a question wants its answer, a short sentence its neighbor
    return cost


def _first_word(sentence: str) -> str:
    return re.split(r"[ ,.…]", sentence.lower(), maxsplit=1)[0]
