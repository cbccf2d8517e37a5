"""What people type, cleaned: names, zones, and the text of a header."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.web.unsubscribe import masked
from drip.web.visit import NAME_LENGTH_MAX, first_name, visible, zone_or_none


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_visible_text_is_one_line_without_what_hides_or_breaks(text: str) -> None:
    cleaned = visible(text)
    assert cleaned == visible(cleaned)
    assert cleaned.splitlines() in ([], [cleaned])
    assert cleaned == cleaned.strip()
    assert not any(unicodedata.category(each) in ("Cc", "Cs") for each in cleaned)
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_a_first_name_is_short_and_no_link(text: str) -> None:
    name = first_name(text)
    assert len(name) <= NAME_LENGTH_MAX
    assert "://" not in name
    assert "@" not in name


@pytest.mark.parametrize(
    "name",
    ["Ann", "Jean-François", "O'Neill", "D’Arcy", "Ng", "María José", "李小龙", "محمد", "M.J.", "St. John", "Dr. No"],
)
def test_names_of_people_stay(name: str) -> None:
    assert first_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "http://x",
        "see evil.example/now",
        "WWW.EVIL.EXAMPLE",
        "evil.com",
        "EVIL.COM",
        "Get it at shop.info!",
        "a@b.c",
        "x" * 81,
    ],
)
def test_advertisements_go(name: str) -> None:
    assert first_name(name) == ""


def test_joiners_stay_inside_names_and_overrides_go() -> None:
    assert visible("علی\u200cرضا") == "علی\u200cرضا"
    assert visible("abc\u202edef\u2066\ufeff\u00ad") == "abcdef"


def test_half_and_decomposed_letters() -> None:
    assert visible("Zoe\u0308") == "Zoë"
    assert visible("a\ud800b") == "ab"


@pytest.mark.parametrize(
    "text", ["", "Mars/Base", "../../etc/passwd", "/etc/localtime", "europe/berlin", "UTC\x00", "a" * 9999]
)
def test_what_is_no_zone_is_none(text: str) -> None:
    assert zone_or_none(text) is None


def test_zones() -> None:
    assert zone_or_none("Europe/Berlin") == "Europe/Berlin"
    assert zone_or_none("UTC") == "UTC"


@pytest.mark.parametrize(
    ("address", "shown"), [("lisa@example.com", "l…@example.com"), ("a@b.example", "a…@b.example"), ("é@x.y", "é…@x.y")]
)
def test_masked_addresses(address: str, shown: str) -> None:
    assert masked(address) == shown
