"""What some readers have no value for can be asked for with `if`, as docs/problems.md says; printing it is a fault."""

from __future__ import annotations

import pytest

from drip.authoring.layout import Press
from drip.core.model import Mailbox, Post, ProjectDefinition
from drip.errors import TemplateFault

FILES = {"templates/letter.html": "<p>{{ body }}</p>", "templates/letter.txt": "{{ body }}"}
PROJECT = ProjectDefinition("N", "https://example.com", "A", Mailbox("", "a@example.com"), "a@example.com", "UTC")


def text_of(body: str, **values: object) -> str:
    return Press(FILES, PROJECT).compile(Post("p", "p.md", "S", "P", body)).fill(values).text.text().strip()


@pytest.mark.parametrize("name", ["session", "sessions", "webinar"])
def test_an_if_may_ask_for_what_is_not_there(name: str) -> None:
    body = f"{{% if {name} %}}yes{{% else %}}no{{% endif %}}"
    assert text_of(body) == "no"
    assert text_of(body, **{name: [1]}) == "yes"


@pytest.mark.parametrize("body", ["{{ session }}", "{{ session.day }}", "{% if frist_name %}x{% endif %}"])
def test_everything_else_that_is_missing_is_a_fault(body: str) -> None:
    with pytest.raises(TemplateFault, match="undefined"):
        text_of(body)
