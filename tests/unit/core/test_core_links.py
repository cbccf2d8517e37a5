"""Signed links cannot be forged, mixed up or written in two ways; a mailbox has one key."""

from __future__ import annotations

import hashlib
import hmac
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.links import NUMBER_MAX, Purpose, derive, keyed, mailbox_key, normalized_address, read_token, sign

KEY = derive(b"a master secret of some length", "link")
OTHER = derive(b"another secret", "link")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

numbers_of_links = st.lists(st.integers(0, NUMBER_MAX), max_size=5)


@given(st.binary(max_size=140), st.binary(max_size=300))
@settings(max_examples=80, deadline=None)
def test_the_keyed_hash_is_hmac(key: bytes, message: bytes) -> None:
    assert keyed(key, message) == hmac.digest(key, message, "sha256")


@given(numbers_of_links, st.sampled_from(Purpose), st.integers(0, 255))
@settings(max_examples=80, deadline=None)
def test_what_was_signed_is_read_back(numbers: list[int], purpose: Purpose, key_id: int) -> None:
    token = sign(KEY, purpose, *numbers, key_id=key_id)
    assert set(token) <= set(ALPHABET)
    assert read_token({key_id: KEY}, purpose, token) == tuple(numbers)


def test_a_token_is_worthless_for_every_other_purpose_key_and_key_id() -> None:
    for purpose in Purpose:
        token = sign(KEY, purpose, 7)
        for other in Purpose:
            assert read_token({1: KEY}, other, token) == ((7,) if other is purpose else None)
    token = sign(KEY, Purpose.JOIN, 7)
    assert read_token({1: OTHER}, Purpose.JOIN, token) is None
    assert read_token({2: KEY}, Purpose.JOIN, token) is None
    assert read_token({}, Purpose.JOIN, token) is None


@given(numbers_of_links, st.text(max_size=60), st.text(max_size=60))
@settings(max_examples=80, deadline=None)
def test_what_a_token_is_about_stands_beside_it_and_cannot_be_changed(
    numbers: list[int], about: str, other: str
) -> None:
    token = sign(KEY, Purpose.CLICK, *numbers, about=about)
    assert read_token({1: KEY}, Purpose.CLICK, token, about=about) == tuple(numbers)
    if other != about:
        assert read_token({1: KEY}, Purpose.CLICK, token, about=other) is None


def test_no_number_passes_for_the_beginning_of_what_a_token_is_about() -> None:
    """A varint of 65 is the letter A: without the length before it, two tokens would have one mac."""
    long, short = sign(KEY, Purpose.CLICK, 7, 65, about="BC"), sign(KEY, Purpose.CLICK, 7, about="ABC")
    assert long[-20:] != short[-20:]


def test_rotated_keys_read_old_links_by_their_id() -> None:
    old, new = sign(OTHER, Purpose.JOIN, 7, key_id=1), sign(KEY, Purpose.JOIN, 7, key_id=2)
    keys = {1: OTHER, 2: KEY}
    assert read_token(keys, Purpose.JOIN, old) == read_token(keys, Purpose.JOIN, new) == (7,)
    assert old != new


def mutations(token: str, dice: random.Random) -> str:
    """One of the things that a forger, a mail program or a curious reader does to a link."""
    place = dice.randrange(len(token))
    letter = dice.choice(ALPHABET)
    kind = dice.randrange(8)
    if kind <= 3:
        return token[:place] + letter + token[place + 1 :]
    if kind == 4:
        return token[:place] + letter + token[place:]
    if kind == 5:
        return token[:place] + token[place + 1 :]
    if kind == 6:
        return token[:place] + token[place:].swapcase()
    return token + dice.choice(["=", "==", "A", "\n", " ", ".", "%3D", "\u2060", "é"])


def test_of_ten_thousand_forged_links_none_is_accepted() -> None:
    dice = random.Random(20260618)
    accepted = 0
    for number in range(10_000):
        genuine = sign(KEY, Purpose.UNSUBSCRIBE, number, number * 977 % 4096)
        forged = mutations(genuine, dice)
        if forged != genuine and read_token({1: KEY}, Purpose.UNSUBSCRIBE, forged) is not None:
            accepted += 1
    assert accepted == 0


def test_a_token_has_exactly_one_spelling() -> None:
    # The last letter of base64 may hold bits that mean nothing; a decoder that forgives them makes two links of one.
    for number in range(200):
        token = sign(KEY, Purpose.JOIN, number, 5)
        twins = [token[:-1] + letter for letter in ALPHABET if letter != token[-1]]
        assert all(read_token({1: KEY}, Purpose.JOIN, each) is None for each in twins)
        assert read_token({1: KEY}, Purpose.JOIN, token + "=") is None
        assert read_token({1: KEY}, Purpose.JOIN, token.replace("-", "+").replace("_", "/") + " ") is None


@given(st.text(max_size=200))
@settings(max_examples=80, deadline=None)
def test_no_text_breaks_the_reader_of_tokens(text: str) -> None:
    assert read_token({1: KEY}, Purpose.JOIN, text) is None


def test_impossible_numbers_are_not_signed() -> None:
    for numbers in ((-1,), (NUMBER_MAX + 1,), tuple([NUMBER_MAX] * 12)):
        with pytest.raises(ValueError):
            sign(KEY, Purpose.JOIN, *numbers)
    with pytest.raises(ValueError):
        sign(KEY, Purpose.JOIN, 1, key_id=256)


def test_keys_of_different_purposes_are_different() -> None:
    master = b"a master secret of some length"
    assert len({derive(master, each) for each in ("link", "mailbox", "link ", "")}) == 4
    assert len(derive(master, "link")) == hashlib.sha256().digest_size
    assert derive(master, "link") == derive(master, "link")
    assert derive(master, "link") != derive(master + b"!", "link")


# --- mailboxes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana@Example.COM", "ana@example.com"),
        (" ana@example.com ", "ana@example.com"),
        ("ana@example.com.", "ana@example.com"),
        ("josé@example.com", "jose\u0301@example.com"),
        ("JOSÉ@example.com", "josé@example.com"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("ana@BÜCHER.example", "ana@XN--BCHER-KVA.example"),
        ("ana@bu\u0308cher.example", "ana@bücher.example"),
        ("ana@faß.example", "ana@xn--fa-hia.example"),
        ("ana@example。com", "ana@example.com"),
        ("ana@ＥＸＡＭＰＬＥ.com", "ana@example.com"),
        ("straße@example.com", "STRASSE@example.com"),
        ('"odd@one"@example.com', '"ODD@one"@example.com'),
    ],
)
def test_spellings_of_one_mailbox_have_one_key(one: str, other: str) -> None:
    assert mailbox_key(KEY, one) == mailbox_key(KEY, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ana@example.com", "anna@example.com"),
        ("ana@example.com", "ana@example.org"),
        ("a.na@example.com", "ana@example.com"),
        ("ana+news@example.com", "ana@example.com"),
        # Two domains of two owners since IDNA 2008.
        ("ana@faß.example", "ana@fass.example"),
    ],
)
def test_different_mailboxes_have_different_keys(one: str, other: str) -> None:
    assert mailbox_key(KEY, one) != mailbox_key(KEY, other)


def test_a_mailbox_key_tells_nothing_without_the_key() -> None:
    key = mailbox_key(KEY, "ana@example.com")
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")
    assert key != mailbox_key(OTHER, "ana@example.com")


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=80, deadline=None)
def test_normalizing_twice_changes_nothing(local: str, domain: str) -> None:
    once = normalized_address(f"{local}@{domain}")
    assert normalized_address(once) == once
    assert mailbox_key(KEY, once) == mailbox_key(KEY, f"{local}@{domain}")
