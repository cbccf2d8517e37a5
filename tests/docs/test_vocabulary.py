"""One word per concept (DESIGN §5): the words that drip never says do not stand in its help, docs, schema or example.

The list is short and made of words with one meaning only: `user` or `template` have honest other uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from drip.authoring.keys import CAMPAIGN_KEYS, PROJECT_KEYS, Key
from drip.store.schema import metadata
from tests.stages import HERE

NEVER = {
    r"e-?mail blasts?": "broadcast",
    r"blasts?": "broadcast",
    r"blacklist(ed|s)?": "suppression",
    r"autoresponders?": "sequence",
    r"smart lists?": "segment",
    r"soft bounces?|hard bounces?": "bounce, with its outcome",
    r"mailing jobs?": "delivery",
    r"enrol(l?)ments? journey": "enrollment",
    r"enrolment(s)?": "enrollment",
    r"canceled|cancelling list": "cancelled",
}
PAGES = sorted(
    [
        *HERE.glob("*.md"),
        *(each for each in HERE.glob("docs/**/*.md") if "decisions" not in each.parts),
        *HERE.glob("templates/**/*.html"),
        *HERE.glob("templates/**/*.md"),
        *HERE.glob("campaigns/**/*.yaml"),
    ]
)


@pytest.mark.parametrize("page", PAGES, ids=lambda each: str(each.relative_to(HERE)))
def test_a_page_says_the_words_of_the_design(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = {word: better for word, better in NEVER.items() if re.search(rf"\b({word})\b", text, re.IGNORECASE)}
    assert found == {}


def test_tables_and_keys_are_named_by_the_words_of_the_design() -> None:
    forbidden = {"user", "contact", "lead", "audience", "membership", "label", "job", "node", "automation", "ticket"}
    names = {table.name for table in metadata.sorted_tables}
    names |= {column.name for table in metadata.sorted_tables for column in table.columns}
    assert names & forbidden == set()
    assert set(key_names((*PROJECT_KEYS, *CAMPAIGN_KEYS))) & (forbidden - {"user"}) == set(), (
        "`user` is SMTP's own word"
    )


def key_names(keys: Iterable[Key]) -> Iterator[str]:
    """The names of all keys, those of inner tables too."""
    for key in keys:
        yield key.name
        yield from key_names(key.keys)
