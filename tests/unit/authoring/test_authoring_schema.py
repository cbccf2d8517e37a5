"""The JSON Schemas know what the reader knows: one table of keys makes both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drip.authoring.definition import read_campaign, read_project
from drip.authoring.keys import CAMPAIGN_KEYS, POST_KEYS, PROJECT_KEYS, STEP_KEYS, STEP_VERBS, Form, Key, names_of
from drip.authoring.schema import campaign_schema, project_schema
from drip.core.model import Mailbox, ProjectDefinition, Verb

BLANK = ProjectDefinition("N", "https://x.example.com", "A", Mailbox("", "a@example.com"), "a@example.com", "UTC")


def keys_of_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The keys of a schema as a tree."""
    below = schema.get("items", schema)
    for pattern in below.get("patternProperties", {}).values():
        below = pattern
    return {name: keys_of_schema(each) for name, each in below.get("properties", {}).items()}


def keys_of_table(keys: tuple[Key, ...]) -> dict[str, Any]:
    return {key.name: keys_of_table(key.keys) for key in keys}


def nested(keys: tuple[Key, ...], key_name: str, *, inside: str = "") -> str:
    """A YAML text whose only unknown key would be `key_name`, at the place of `inside` (`a/b`)."""
    if not inside:
        return f"{key_name}: x\n"
    first, _, rest = inside.partition("/")
    key = next(each for each in keys if each.name == first)
    block = nested(key.keys, key_name, inside=rest)
    indented = "".join(f"    {line}\n" for line in block.splitlines())
    if key.form is Form.ROWS:
        return f"{first}:\n  - {indented.lstrip()}"
    if key.form is Form.NAMED:
        return f"{first}:\n  some-name:\n{indented}"
    return f"{first}:\n{indented}"


def tables(keys: tuple[Key, ...], at: str = "") -> list[tuple[str, tuple[Key, ...]]]:
    """All tables below these keys, by path."""
    found = [(at, keys)]
    for key in keys:
        if key.keys:
            found += tables(key.keys, f"{at}/{key.name}".lstrip("/"))
    return found


@pytest.mark.parametrize(("schema", "keys"), [(project_schema(), PROJECT_KEYS), (campaign_schema(), CAMPAIGN_KEYS)])
def test_the_schema_has_the_keys_of_the_reader(schema: dict[str, Any], keys: tuple[Key, ...]) -> None:
    assert keys_of_schema(schema) == keys_of_table(keys)
    json.dumps(schema)


@pytest.mark.parametrize("path", [path for path, _ in tables(PROJECT_KEYS)])
def test_the_reader_of_drip_yaml_knows_the_keys_of_the_table_and_no_other(path: str) -> None:
    keys = dict(tables(PROJECT_KEYS))[path]
    for key in (*names_of(keys), "qqq"):
        text = nested(PROJECT_KEYS, key, inside=path)
        problems = [each for each in read_project({"drip.yaml": text})[1] if each.name == "unknown-key"]
        assert len(problems) == (1 if key == "qqq" else 0), text


@pytest.mark.parametrize("path", [path for path, _ in tables(CAMPAIGN_KEYS)])
def test_the_reader_of_campaign_yaml_knows_the_keys_of_the_table_and_no_other(path: str) -> None:
    keys = dict(tables(CAMPAIGN_KEYS))[path]
    for key in (*names_of(keys), "qqq"):
        files = {"campaigns/c/campaign.yaml": nested(CAMPAIGN_KEYS, key, inside=path)}
        problems = [each for each in read_campaign(files, "c", BLANK)[1] if each.name == "unknown-key"]
        assert len(problems) == (1 if key == "qqq" else 0), files


def test_every_key_says_what_it_means() -> None:
    for keys in (PROJECT_KEYS, CAMPAIGN_KEYS, POST_KEYS):
        for _, each in tables(keys):
            for key in each:
                assert key.doc.endswith("."), key.name
                assert (key.form is Form.CHOICE) == bool(key.choices), key.name


def test_every_verb_of_the_model_is_a_key_of_a_step() -> None:
    assert tuple(Verb) == STEP_VERBS
    assert {*STEP_VERBS} < {*names_of(STEP_KEYS)}


def test_a_schema_looks_as_editors_expect() -> None:
    schema = campaign_schema()
    assert schema["required"] == ["title"]
    sequence = next(iter(schema["properties"]["sequences"]["patternProperties"].values()))
    assert sequence["required"] == ["start", "steps"]
    step = sequence["properties"]["steps"]["items"]
    assert {"required": ["send"]} in step["oneOf"]
    broadcast = schema["properties"]["broadcasts"]["items"]
    assert "oneOf" not in broadcast
