"""Every example mail and every public page, read by a strict HTML parser: no error, without exception.

The parser is html5lib, which follows the standard's own parsing rules and names each of their errors. There are idioms
of mails that other validators complain of (`role` on tables, attributes such as `bgcolor`, conditional comments for
Outlook); to this parser they are attributes and comments, so no list of exceptions is needed.
"""

from __future__ import annotations

import importlib
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drip.authoring.definition import campaign_names
from drip.authoring.read_campaign import draft_campaign
from drip.authoring.read_project import draft_project
from drip.core.links import Purpose
from drip.core.model import ProjectDefinition
from drip.core.records import RegistrationId, SubscriptionId
from drip.engine.preview import choose, render
from drip.engine.values import confirm_expiry
from drip.project import read_tree
from drip.store.store import Store
from tests.stages import HERE
from tests.visitors import Visitor, open_applied, paths_in

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def html5lib() -> Any:
    try:
        return importlib.import_module("html5lib")
    except ImportError:
        if os.environ.get("CI") == "true":
            pytest.fail("html5lib is not installed, and in CI it must be")
        pytest.skip("needs the Python package html5lib")


def errors_of(html5lib: Any, page: str) -> list[str]:
    """What the standard calls errors, each with the text where it was found."""
    parser = html5lib.HTMLParser()
    parser.parse(page)
    lines = page.splitlines()
    return [f"{name}: {lines[line - 1][max(0, at - 60) : at + 20]}" for (line, at), name, _ in parser.errors]


def layouts(root: Path) -> list[str]:
    """The layouts that come with drip."""
    found = ((each.stem, each.read_text(encoding="utf-8")) for each in (root / "templates").glob("*.html"))
    return sorted(name for name, text in found if "{{ body }}" in text)


@pytest.mark.parametrize("layout", layouts(HERE))
def test_mails_are_valid_html(html5lib: Any, layout: str) -> None:
    files = read_tree(HERE)
    files["drip.yaml"], count = re.subn(r"(?m)^layout: .*$", f"layout: {layout}", files["drip.yaml"])
    assert count == 1
    project = draft_project(files)
    assert isinstance(project.definition, ProjectDefinition)
    posts = [f"{name}/{post}" for name in campaign_names(files) for post in draft_campaign(files, name, project).posts]
    found = {}
    own = ("confirm-subscription", "confirm-registration", "already-subscribed")
    for address in (*posts, *own, "confirm-address", "address-moved", "address-taken"):
        chosen = choose(files, address, NOW)
        mail = render(chosen.edition, chosen.project, chosen.post, chosen.subscriber, chosen.registration, NOW)
        found[address] = errors_of(html5lib, mail.html)
    assert len(found) > 10
    assert {address: errors for address, errors in found.items() if errors} == {}


def test_public_pages_are_valid_html(html5lib: Any, tmp_path: Path, memory_store: Store) -> None:
    visitor = Visitor(open_applied(tmp_path / "project", memory_store))
    visitor.sign_up("ann@example.org", first_name="<Ann> & \"'")
    visitor.post(visitor.link(visitor.last_mail("ann@example.org"), "/confirm/"))
    visitor.ground.tick()
    visitor.register("ann@example.org")
    answers = [
        visitor.sign_up("no address"),
        visitor.sign_up("bob@example.org"),
        visitor.register("ann@example.org", "no-session"),
        visitor.post(visitor.link(visitor.last_mail("ann@example.org"), "/b/")),
    ]
    visitor.ground.tick()
    paths = dict.fromkeys(each for wire in visitor.ground.transport.sent for each in paths_in(wire))
    fixed = ("/", "/s/job-seekers", "/w/six-deadly-mistakes?tz=Asia/Tokyo", "/none")
    expiry = confirm_expiry(visitor.ground.clock.now())
    signed = (
        visitor.path("confirm", Purpose.CONFIRM, SubscriptionId(99), expiry),
        visitor.path("b", Purpose.BOOK, RegistrationId(99)),
    )
    answers += [visitor.get(path) for path in (*fixed, *paths, *signed)]
    manage = next(each for each in paths if each.startswith("/m/"))
    answers += [visitor.post(manage), visitor.get(manage)]
    pages = [each for each in answers if "text/html" in each.headers.get("content-type", "")]
    assert len({each.url.path for each in pages}) > 10
    found = [(each.request.method, each.url.path, errors_of(html5lib, each.text)) for each in pages]
    assert [each for each in found if each[2]] == []


def test_an_error_is_found(html5lib: Any) -> None:
    [error] = errors_of(html5lib, '<!DOCTYPE html><title>x</title><p class="a" class="b">y')
    assert error.startswith("duplicate-attribute")
