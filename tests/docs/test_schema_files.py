"""The schemas for editors in docs/schema/ are what the reader of the files knows. DRIP_UPDATE_GOLDEN=1 writes them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from drip.authoring.schema import campaign_schema, project_schema, story_schema
from tests.stages import HERE


@pytest.mark.parametrize(
    ("name", "make"), [("drip", project_schema), ("campaign", campaign_schema), ("test", story_schema)]
)
def test_the_schema_is_up_to_date(name: str, make: Callable[[], dict[str, Any]]) -> None:
    path = HERE / "docs" / "schema" / f"{name}.schema.json"
    text = json.dumps(make(), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("DRIP_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "stale: run `make docs`"
