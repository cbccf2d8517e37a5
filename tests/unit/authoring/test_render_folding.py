"""Conditions that have one answer for all readers are answered once, and every other one is asked as before."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from jinja2 import nodes

from drip.authoring.environment import Sandbox
from drip.authoring.folding import fold
from drip.authoring.shapes import Fixed

KNOWN = {
    "dir": Fixed("ltr"),
    "headline": True,
    "image": Fixed(""),
    "post": SimpleNamespace(own=False, preview=Fixed("See")),
    "project": SimpleNamespace(name=Fixed("P")),
    "sender": SimpleNamespace(name=Fixed("P")),
}
READERS = ({"name": "Ana", "dear": True}, {"name": "Bob", "dear": False}, {"name": "", "dear": ""})
SANDBOX = Sandbox({}, markup=True)

FOLDED = {
    "a{% if headline %}b{% endif %}c": "abc",
    "{% if not headline %}a{% else %}b{% endif %}": "b",
    "{% if image %}a{% elif headline %}b{% else %}c{% endif %}": "b",
    "{% if image %}a{% elif post.own %}b{% else %}c{% endif %}": "c",
    '{% if dir == "rtl" %}a{% endif %}{% if dir != "rtl" %}b{% endif %}': "b",
    "{% if project.name != sender.name %}a{% else %}b{% endif %}": "b",
    "{% if post.preview %}{% if headline %}a{% endif %}{% endif %}": "a",
    "{% if post.own and name %}a{% else %}b{% endif %}": "b",
}
ASKED = (
    "{% if name %}a{{ name }}{% else %}b{% endif %}",
    "{% if image %}a{% elif name %}b{% else %}c{% endif %}",
    "{% if not post.own and dear %}a{% endif %}b",
    "{% if dear or headline %}a{% endif %}",
    "{% for dir in [1, ''] %}{% if dir %}a{% else %}b{% endif %}{% endfor %}",
    "{% set headline = dear %}{% if headline %}a{% else %}b{% endif %}",
    "{% macro m(headline) %}{% if headline %}a{% else %}b{% endif %}{% endmacro %}{{ m(dear) }}",
    "{% if image %}{% block b %}x{% endblock %}{% endif %}{{ self.b() }}",
    "{% if headline %}{% set x = name %}{% endif %}{{ x }}",
    "{% for each in [1, 2] %}{% if headline %}{{ each }}{{ name }}{% endif %}{% endfor %}",
)


def count_of_conditions(source: str) -> int:
    return len(list(fold(SANDBOX.parse(source), KNOWN).find_all(nodes.If)))


@pytest.mark.parametrize(("source", "printed"), FOLDED.items(), ids=FOLDED)
def test_fixed_condition_is_answered_once(source: str, printed: str) -> None:
    assert count_of_conditions(source) == 0
    for reader in READERS:
        values = {**KNOWN, **reader}
        assert (
            SANDBOX.compiled(source, KNOWN)[0].render(values) == SANDBOX.from_string(source).render(values) == printed
        )


@pytest.mark.parametrize("source", ASKED)
def test_what_readers_decide_is_asked_of_each(source: str) -> None:
    for reader in READERS:
        values = {**KNOWN, **reader}
        assert SANDBOX.compiled(source, KNOWN)[0].render(values) == SANDBOX.from_string(source).render(values)


def test_text_between_fixed_conditions_is_one_piece() -> None:
    tree = fold(SANDBOX.parse("a{% if headline %}b{% endif %}c{% if image %}d{% endif %}e"), KNOWN)
    assert [type(each) for each in tree.body] == [nodes.Output]


def test_nothing_is_known_of_the_next_template() -> None:
    SANDBOX.compiled("{% if headline %}a{% endif %}", KNOWN)
    assert SANDBOX.from_string("{% if headline %}a{% endif %}").render(headline=False) == ""
