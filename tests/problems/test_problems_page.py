"""docs/problems.md is what docs/make_problems.py makes of the catalogue and the folders here."""

from __future__ import annotations

import re

import pytest

from docs.make_problems import PAGE, page
from drip.authoring.keys import CAMPAIGN_KEYS, PROJECT_KEYS
from drip.authoring.problems_catalogue import PROBLEMS
from drip.authoring.source import compose


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python docs/make_problems.py`"


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_every_explanation_is_a_paragraph_with_an_example(name: str) -> None:
    explanation = PROBLEMS[name]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    assert len(explanation.text) > 60
    assert explanation.text.endswith(".")
    assert "\n" not in explanation.text
    assert explanation.mended.strip()


def test_yaml_examples_of_the_catalogue_can_be_read() -> None:
    keys = tuple(f"{key.name}:" for key in (*PROJECT_KEYS, *CAMPAIGN_KEYS))
    examples = [each for each in PROBLEMS.values() if each.mended.startswith(keys)]
    assert len(examples) > 15
    for each in examples:
        node, problems = compose(each.mended, "example.yaml")
        assert node is not None, each.name
        assert problems == [], each.name


def test_there_are_many_problems_and_each_name_is_there_once() -> None:
    assert len(PROBLEMS) >= 60
    assert len(re.findall(r"^### ", page(), re.MULTILINE)) == len(PROBLEMS)
