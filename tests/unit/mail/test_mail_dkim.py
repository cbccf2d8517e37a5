"""DKIM signatures, judged by dkimpy: another implementation than ours."""

from __future__ import annotations

import asyncio
import re
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.message import Wire
from drip.errors import BadDkimKey
from drip.mail.dkim import Signer, Signing, load_signer, relaxed_body
from tests.stages import ScriptedTransport

MAIL = (
    b"From: Lisa Rangel <lisa@example.com>\r\nTo: Mia <mia@example.org>\r\nSubject: =?utf-8?q?R=C3=A9sum=C3=A9s?=\r\n"
    b"  and   more\r\nDate: Mon, 23 Nov 2026 14:00:00 +0000\r\nMessage-ID: <1.abc@example.com>\r\nMIME-Version: 1.0\r\n"
    b"List-Id: The letter <l.example.com>\r\nList-Unsubscribe: <https://mail.example.com/u/" + b"x" * 300 + b">\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    b"Hello  there \t \r\n\r\n  indented\t\ttext   \r\n=2E a dot\r\n\r\n\r\n"
)


def pem(key: object) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined,no-any-return]


@cache
def signer(kind: str, number: int = 1) -> Signer:
    """One key of that kind; each number has its own."""
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ed25519.Ed25519PrivateKey.generate()
    return load_signer("example.com", "drip", pem(key))


def is_good(data: bytes, by: Signer, record: str = "") -> bool:
    """What a receiver says who looks the key up in DNS."""

    def dns(name: bytes | str, timeout: int = 5) -> bytes:
        asked = name.decode() if isinstance(name, bytes) else name
        assert asked.rstrip(".") == by.record_name
        return (record or by.record).encode()

    return bool(dkim.verify(data, dnsfunc=dns))


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_receiver_finds_the_signature_good_and_any_change_bad(kind: str) -> None:
    ours = signer(kind)
    signed = ours.sign(MAIL)
    assert signed.endswith(MAIL), "what was composed is not touched"
    assert is_good(signed, ours)
    for old, new in (
        (b"Hello", b"Hallo"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        (b"/u/xx", b"/u/yy"),
        (b"Subject: ", b"Subject: You won. "),
        (b"From: Lisa", b"From: Eve <eve@evil.example>\r\nFrom: Lisa"),
        (b"MIME-Version: 1.0", b"MIME-Version: 1.1"),
    ):
        assert old in signed
        assert not is_good(signed.replace(old, new), ours), new
    assert not is_good(signed, ours, signer(kind, 2).record), "another key"


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_retry_has_the_same_signature_and_its_lines_are_short(kind: str) -> None:
    first, second = (signer(kind).sign(MAIL) for _ in range(2))
    assert first == second
    head = first[: -len(MAIL)]
    assert all(len(line) <= 100 for line in head.split(b"\r\n"))
    names = re.sub(rb"\s", b"", re.search(rb"h=([^;]*);", head)[1]).split(b":")  # type: ignore[index]
    assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(names)
    assert names.count(b"from") == 2


def test_what_is_changed_on_the_way_without_harm_stays_good() -> None:
    ours = signer("ed25519")
    signed = ours.sign(MAIL)
    assert is_good(signed.replace(b"Hello  there \t \r\n", b"Hello there\r\n"), ours)
    assert is_good(signed.replace(b"To: Mia", b"to:   Mia"), ours)
    assert is_good(b"Received: from here\r\n" + signed, ours)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"x", b".", b"  ", b"\r\n\r\n"]), max_size=30).map(
        lambda each: b"".join([*each, b"\r\n"])
    )
)
def test_every_body_has_the_relaxed_form_of_the_other_implementation(body: bytes) -> None:
    from dkim.canonicalization import Relaxed

    assert relaxed_body(body) == Relaxed.canonicalize_body(body)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (
            ed25519.Ed25519PrivateKey.generate()
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "holds a public key",
        ),
        (
            ed25519.Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")
            ),
            "locked with a passphrase",
        ),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither RSA nor Ed25519"),
    ],
    ids=["empty", "torn", "public", "locked", "elliptic"],
)
def test_a_key_that_cannot_be_used_is_told(text: bytes, said: str) -> None:
    with pytest.raises(BadDkimKey, match=said) as caught:
        load_signer("example.com", "drip", text)
    assert caught.value.hint


def test_a_record_is_compared_with_the_key() -> None:
    ours = signer("rsa")
    whole = ours.record
    assert ours.faults_of(whole) == []
    assert ours.faults_of(f'"{whole[:200]}" "{whole[200:]}"') == [], "as dig shows long ones"
    assert ours.faults_of(whole.replace("v=DKIM1; ", "").replace("; ", ";")) == []
    for wrong, said in (
        (whole[:-20], "cut off"),
        (signer("ed25519").record, "does not fit"),
        ("v=DKIM1; k=rsa; p=", "revokes"),
        ("v=DKIM1; k=rsa", "no `p=`"),
        (whole.replace("DKIM1", "DKIM2"), "v=DKIM1"),
        (whole + "; t=y", "only a test"),
        (whole + "; h=sha1", "sha256"),
    ):
        assert any(said in each for each in ours.faults_of(wrong)), wrong


def test_a_transport_signs_before_it_asks_for_the_mark() -> None:
    transport = ScriptedTransport()
    order: list[str] = []

    async def grant() -> bool:
        order.append("mark")
        return True

    async def story() -> None:
        way = Signing(transport, signer("ed25519"))
        await way.open()
        await asyncio.gather(
            *(way.send(Wire("b@example.com", "mia@example.org", MAIL, "<1@x>"), grant) for _ in range(5))
        )
        await way.close()

    asyncio.run(story())
    assert len(order) == len(transport.sent) == 5
    assert all(is_good(each.data, signer("ed25519")) for each in transport.sent)
