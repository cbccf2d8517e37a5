"""Reading the little languages word by word: words with their columns, complaints with their place.

Pure, and never guesses: a near miss becomes a suggestion in a `PhraseError`, not a reading.
Called by `when`, `triggers` and `segments` of the core, and by nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import get_close_matches

from drip.core.problems import PhraseError

# A phrase stands on one line of a YAML file; whatever is longer was not meant as one.
PHRASE_LENGTH_MAX = 1000
LIKENESS_MIN = 0.6


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a phrase, with the column (from 0) and width that it takes up there."""

    text: str
    column: int
    width: int
    is_quoted: bool = False

    @property
    def folded(self) -> str:
        """The word as keywords are compared; a quoted word is never a keyword."""
        return "" if self.is_quoted else self.text.lower()


class Words:
    """A cursor over the words of a phrase."""

    def __init__(self, phrase: str, pattern: re.Pattern[str], usage: str) -> None:
        self.phrase = phrase
        self.usage = usage
        if len(phrase) > PHRASE_LENGTH_MAX:
            raise PhraseError(f"this is longer than {PHRASE_LENGTH_MAX} characters", help=usage)
        self.words = tuple(self._split(pattern))
        self.index = 0
        if not self.words:
            raise PhraseError("this is empty", help=usage)

    def _split(self, pattern: re.Pattern[str]) -> list[Word]:
        words = []
        for found in pattern.finditer(self.phrase):
            text = found.group()
            is_quoted = len(text) >= 2 and text[0] in "\"'" and text[-1] == text[0]
            shown = text[1:-1] if is_quoted else text
            words.append(Word(shown, found.start(), len(text), is_quoted))
        return words

    def peek(self) -> Word | None:
        """The next word, or None at the end."""
        return self.words[self.index] if self.index < len(self.words) else None

    def take(self, what: str) -> Word:
        """The next word, which the phrase cannot do without; `what` says in a complaint what is missing."""
        word = self.peek()
        if word is None:
            raise self.fault(f"{what} is missing at the end")
        self.index += 1
        return word

    def take_if(self, keyword: str) -> bool:
        """Step over the next word if it is this keyword."""
        word = self.peek()
        if word is None or word.folded != keyword:
            return False
        self.index += 1
        return True

    def take_one_of(self, keywords: Collection[str]) -> str:
        """The next word, which must be one of these keywords."""
        what = " or ".join(f"`{each}`" for each in keywords)
        word = self.take(what)
        if word.folded not in keywords:
            raise self.fault(f"expected {what}, found `{word.text}`", word)
        return word.folded

    def end(self) -> None:
        """Complain about whatever is left over."""
        word = self.peek()
        if word is not None:
            last = self.words[-1]
            raise self.fault(f"did not expect `{self.phrase[word.column :].strip()}` here", word, until=last)

    def fault(
        self, message: str, word: Word | None = None, *, until: Word | None = None, suggestion: str = ""
    ) -> PhraseError:
        """The complaint to raise about a word, or about the end of the phrase."""
        if word is None:
            column, width = len(self.phrase.rstrip()), 1
        else:
            last = until or word
            column, width = word.column, last.column + last.width - word.column
        return PhraseError(message, column=column, width=width, help=suggestion or self.usage)


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word most like this one, if any is like it at all."""
    found = get_close_matches(word.lower(), list(known), n=1, cutoff=LIKENESS_MIN)
    return found[0] if found else None


def tidy(phrase: str) -> str:
    """The author's phrase with its spaces put in order."""
    return " ".join(phrase.split())


def mended(words: Collection[Word], vocabulary: Collection[str], reads: Callable[[str], str]) -> str | None:
    """The phrase that was probably meant: every unknown word by its nearest neighbour, if it then can be read.

    `reads` reads a phrase and returns it in its proper form. None when there is no such neighbour.
    """
    guess: list[str] = []
    for word in words:
        is_plain = word.text[:1].isalpha() and word.folded not in vocabulary
        better = nearest(word.text, vocabulary) if is_plain else word.text
        if better is None:
            return None
        guess.append(better)
    try:
        return reads(" ".join(guess))
    except PhraseError:
        return None
