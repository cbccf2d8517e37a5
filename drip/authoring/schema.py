"""JSON Schemas of drip.yaml, campaign.yaml and drip tests, for editors: completion, and each key's meaning on hover.

Made from the same table of keys as the reader (`drip.authoring.keys`), so the two cannot drift apart. An editor finds
a schema by a first line such as `# yaml-language-server: $schema=…`. Values are described as texts or numbers, as
YAML sees them; what phrases mean is judged by `drip check` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drip.authoring.keys import CAMPAIGN_KEYS, PROJECT_KEYS, STEP_VERBS, STORY_KEYS, Form, Key

# Draft 7 is what the YAML language server, and so most editors, understand.
DIALECT = "http://json-schema.org/draft-07/schema#"

# An editor's YAML reader takes `9:30` for a number and `no` for a truth value; drip reads both as text.
_TEXT = ["string", "number", "boolean"]


def project_schema() -> dict[str, Any]:
    """The schema of drip.yaml."""
    return {"$schema": DIALECT, "title": "drip.yaml", **_table(PROJECT_KEYS)}


def campaign_schema() -> dict[str, Any]:
    """The schema of campaign.yaml."""
    return {"$schema": DIALECT, "title": "campaign.yaml", **_table(CAMPAIGN_KEYS)}


def story_schema() -> dict[str, Any]:
    """The schema of a drip test, campaigns/NAME/tests/*.yaml."""
    return {"$schema": DIALECT, "title": "drip test", **_table(STORY_KEYS)}


def _table(keys: Iterable[Key]) -> dict[str, Any]:
    """A table with known keys."""
    keys = tuple(keys)
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: _value(key) for key in keys},
    }
    required = [key.name for key in keys if key.required and not key.unless]
    if required:
        schema["required"] = required
    for key in keys:
        if key.required and key.unless:
            schema["anyOf"] = [{"required": [name]} for name in (key.name, *key.unless)]
    verbs = [key.name for key in keys if key.name in STEP_VERBS]
    if len(verbs) > 1:
        schema["oneOf"] = [{"required": [verb]} for verb in verbs]
    return schema


def _value(key: Key) -> dict[str, Any]:
    """What stands behind a key."""
    schema: dict[str, Any] = {"description": key.doc}
    if key.form is Form.CHOICE:
        schema["enum"] = list(key.choices)
    elif key.form is Form.COUNT:
        schema |= {"type": "integer", "minimum": 1}
    elif key.form is Form.TABLE:
        schema |= _table(key.keys)
    elif key.form is Form.ROWS:
        schema |= {"type": "array", "minItems": 1, "items": _table(key.keys)}
    elif key.form is Form.TEXTS:
        schema["anyOf"] = [{"type": _TEXT}, {"type": "array", "minItems": 1, "items": {"type": _TEXT}}]
    elif key.form is Form.NAMED:
        below = _table(key.keys) if key.keys else {"type": _TEXT}
        schema |= {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {f"^{key.pattern}$": below},
        }
    else:
        schema["type"] = _TEXT
    if key.examples and key.form is not Form.NAMED:
        schema["examples"] = list(key.examples)
    return schema
