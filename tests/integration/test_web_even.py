"""Answers that tell nothing by their time: where anybody's address can be typed, they leave at even moments."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.core.links import Purpose
from drip.store.store import Store
from drip.web import app as web
from tests.visitors import Visitor, open_applied

EVEN = 30.0
"""Far more than any answer takes, on any machine: the wait is only noted."""


@given(spent=st.floats(0, 1000), even=st.floats(0.001, 10))
def test_the_wait_ends_at_a_multiple_and_is_shorter_than_one(spent: float, even: float) -> None:
    wait = web.wait_seconds(spent, even)
    assert 0 <= wait <= even
    whole = (spent + wait) / even
    assert abs(whole - round(whole)) < 1e-6 * max(1, whole)


def test_without_a_step_nothing_waits() -> None:
    assert web.wait_seconds(3.0, 0.0) == 0


def test_only_forms_with_anybodys_address_wait(
    tmp_path: Path, memory_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = open_applied(tmp_path / "project", memory_store)
    who = ground.join("ann@example.org")
    visitor = Visitor(ground)
    visitor.app = web.create_app(ground.project, even_seconds=EVEN)
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        if seconds > 1:
            waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(web.asyncio, "sleep", noted)
    for address in ("new@example.org", "ann@example.org", "not an address"):
        visitor.sign_up(address)
        visitor.register(address)
        visitor.post(visitor.path("p", Purpose.PREFERENCES, who), {"email": address})
    assert len(waits) == 9
    assert all(0 < each <= EVEN for each in waits)
    waits.clear()
    visitor.get("/s/job-seekers")
    visitor.get("/w/six-deadly-mistakes")
    visitor.get(visitor.path("p", Purpose.PREFERENCES, who))
    visitor.post(visitor.path("e", Purpose.MOVE, 1))
    assert waits == []
