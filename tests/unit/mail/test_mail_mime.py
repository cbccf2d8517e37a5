"""The composed bytes, read back by the standard library's parser."""

from __future__ import annotations

import email
import random
import re
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.message import Filled, FilledPost, Headers, Invite, Shape
from drip.core.model import Mailbox
from drip.mail.headers import Unwritable
from drip.mail.mime import Composer, quote

HEADERS = Headers(
    sender=Mailbox("Lisa Rangel", "lisa@example.com"),
    to=Mailbox("Ann", "ann@example.com"),
    subject="Own the mistake",
    date=datetime(2026, 12, 1, 14, 0, tzinfo=UTC),
    message_id="<d1.abc@mail.example.com>",
)
ICS = 'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nSUMMARY:Résumé = "a"\r\n.dot\r\nEND:VCALENDAR\r\n'.encode()


def lf(text: str) -> str:
    """Line ends as the reader's program sees them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def compose(text: Filled, html: Filled, invite: Invite | None = None) -> bytes:
    return Composer().compose(HEADERS, FilledPost("s", "p", html, text), invite)


def parse(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert not part.defects
    return message


def read(part: EmailMessage) -> str:
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return lf(raw.decode("utf-8"))


def assert_wire_ready(raw: bytes) -> None:
    """The promise of `Wire.wire_ready`, and more: ASCII and lines of at most 76 in the bodies."""
    raw.decode("ascii")
    assert raw.endswith(b"\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert not raw.startswith(b".")
    assert b"\r\n." not in raw
    head, _, body = raw.partition(b"\r\n\r\n")
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert max(map(len, body.split(b"\r\n"))) <= 76


def plain(text: str) -> Filled:
    return Filled(Shape((text,)), ())


def test_both_parts_come_back_as_they_were() -> None:
    text = Filled(Shape(("Hi ", ",\n\nown it.\n")), ("Ann",))
    html = Filled(Shape(("<p>Hi ", ',</p>\n<a href="https://example.com/?a=', '">own</a>')), ("Zoë", "1&amp;b=2"))
    raw = compose(text, html)
    assert_wire_ready(raw)
    message = parse(raw)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    one, two = message.iter_parts()
    assert (read(one), read(two)) == (text.text(), html.text())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chunks", "values"),
    [
        (("",), ()),
        ((".",), ()),
        (("a ",), ()),
        (("a\t",), ()),
        (("", ""), ("",)),
        (("", ""), (".",)),
        (("", ""), (" ",)),
        (("x", ".y"), (".",)),
        (("x\n", "\n.y\n"), (".\n.",)),
        (("x ", "\ny"), ("",)),
        (("x", ""), ("end ",)),
        (("x", "", ""), ("end\t", "")),
        (("x" * 74 + " ", ""), ("",)),
        (("x" * 75 + " ", ""), ("",)),
        (("", ""), ("v" * 73 + " ",)),
        (("", ""), ("v" * 74 + "\t",)),
        (("." * 300, "." * 76), ("." * 76,)),
        (("=" * 300, "="), ("=\n=",)),
        (("a\rb\r\nc\n\rd", ""), ("e\r\rf",)),
        (("é" * 20 + "a" * 200, "b"), ("🎉" * 2,)),
        (("From me\nFrom you", "\nFrom all"), ("\nFrom me",)),
        (("--=_drip.alternative\n", "--=_drip.alternative--"), ("\n--=_drip.alternative--\n",)),
    ],
)
def test_pieces_that_tend_to_break(chunks: tuple[str, ...], values: tuple[str, ...]) -> None:
    filled = Filled(Shape(chunks), values)
    raw = compose(filled, filled)
    assert_wire_ready(raw)
    pieces = [chunks[0]] + [piece for pair in zip(values, chunks[1:], strict=True) for piece in pair]
    for part in parse(raw).iter_parts():
        assert read(part) == "".join(map(lf, pieces))  # type: ignore[arg-type]


PIECES = st.text(
    st.one_of(
        st.sampled_from(list("ab .=\n\r\t-_<>&;?\"'\\0")),
        st.sampled_from(
            ["é", "ü", "—", "’", "漢", "字", "م", "🎉", "👩", "🏽", "\u200d", "\x00", "\x0b", "\x85", "\u2028"]
        ),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=200,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=6), st.lists(PIECES, min_size=6, max_size=6))
def test_any_text_survives(chunks: list[str], values: list[str]) -> None:
    filled = Filled(Shape(tuple(chunks)), tuple(values[: len(chunks) - 1]))
    raw = compose(filled, filled)
    assert_wire_ready(raw)
    pieces = [chunks[0]] + [piece for pair in zip(filled.values, chunks[1:], strict=True) for piece in pair]
    for part in parse(raw).iter_parts():
        assert read(part) == "".join(map(lf, pieces))  # type: ignore[arg-type]


def test_many_random_messages() -> None:
    rng = random.Random(20261208)
    alphabet = [
        *"abcdefgh   ...===\n\n\r\téüß—漢字かなمرحبا🎉",
        "long" * 40,
        " \n",
        "\n.",
        "\r\n.\r\n",
        "=\n",
        "https://",
    ]

    def piece() -> str:
        return "".join(rng.choice(alphabet) for _ in range(rng.choice((0, 1, 2, 5, 30, 200))))

    composer = Composer(shapes_kept=4)
    for _ in range(600):
        chunks = tuple(piece() for _ in range(rng.randint(1, 5)))
        filled = Filled(Shape(chunks), tuple(piece() for _ in chunks[1:]))
        raw = composer.compose(HEADERS, FilledPost("s", "p", filled, filled))
        assert_wire_ready(raw)
        pieces = [chunks[0]] + [each for pair in zip(filled.values, chunks[1:], strict=True) for each in pair]
        for part in parse(raw).iter_parts():
            assert read(part) == "".join(map(lf, pieces))  # type: ignore[arg-type]


def test_mostly_non_ascii_is_base64_and_latin_is_not() -> None:
    latin, cjk = plain("Das Résumé, über Nacht geschrieben. " * 5), plain("履歴書の間違いを認める。" * 20)
    one, two = parse(compose(latin, cjk)).iter_parts()
    assert one["Content-Transfer-Encoding"] == "quoted-printable"
    assert two["Content-Transfer-Encoding"] == "base64"
    assert read(two) == cjk.text()  # type: ignore[arg-type]


def test_values_count_for_the_encoding() -> None:
    shape = Shape(("Hi ", "\n"))
    short, long = Filled(shape, ("漢",)), Filled(shape, ("漢字" * 50,))
    one, two = parse(compose(short, long)).iter_parts()
    assert (one["Content-Transfer-Encoding"], two["Content-Transfer-Encoding"]) == ("base64", "base64")
    (three, _) = parse(compose(Filled(shape, ("Ann",)), long)).iter_parts()
    assert three["Content-Transfer-Encoding"] == "quoted-printable"


def test_an_invite_is_the_last_alternative_and_an_attachment_with_the_same_bytes() -> None:
    raw = compose(plain("Hi\n"), plain("<p>Hi</p>\n"), Invite("REQUEST", ICS))
    assert_wire_ready(raw)
    message = parse(raw)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
    *_, calendar, attachment = message.walk()
    assert calendar.get_param("method") == "REQUEST"
    assert calendar.get_content_charset() == "utf-8"
    assert attachment.get_filename() == "invite.ics"
    assert attachment.get_content_disposition() == "attachment"
    assert calendar.get_payload(decode=True) == attachment.get_payload(decode=True) == ICS
    assert all(part["Content-Transfer-Encoding"] == "quoted-printable" for part in (calendar, attachment))


def test_a_calendar_in_another_script_is_still_not_base64() -> None:
    ics = ("SUMMARY:" + "履歴書" * 100 + "\r\n").encode()
    *_, calendar, attachment = parse(compose(plain(""), plain(""), Invite("REQUEST", ics))).walk()
    assert calendar["Content-Transfer-Encoding"] == "quoted-printable"
    assert calendar.get_payload(decode=True) == attachment.get_payload(decode=True) == ics


def test_a_method_cannot_smuggle_a_parameter() -> None:
    with pytest.raises(Unwritable, match="iTIP"):
        compose(plain(""), plain(""), Invite("REQUEST; x=y", ICS))


def test_static_text_is_encoded_once_for_all_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counting(text: str, *, more: bool) -> str:
        calls.append(text)
        return quote(text, more=more)

    monkeypatch.setattr("drip.mail.mime.quote", counting)
    composer, shape, page = Composer(), Shape(("Hi ", ",\nbye")), Shape(("<p>", "</p>"))
    for name in ("Ann", "Bob", "Eve"):
        composer.compose(HEADERS, FilledPost("s", "p", Filled(page, (name,)), Filled(shape, (name,))))
    assert sorted(calls) == sorted(["Hi ", ",\nbye", "<p>", "</p>"])


def test_equal_text_in_another_shape_is_another_shape_and_the_cache_is_bounded() -> None:
    composer = Composer(shapes_kept=3)
    for at in range(50):
        filled = Filled(Shape((f"{at} ", "!")), ("Ann",))
        raw = composer.compose(HEADERS, FilledPost("s", "p", filled, filled))
        assert [read(part) for part in parse(raw).iter_parts()] == [f"{at} Ann!"] * 2  # type: ignore[arg-type]
        assert len(composer._coded) <= 3


def test_remembered_headers_are_the_right_ones_and_bounded() -> None:
    composer, body = Composer(), plain("x")
    for at in range(700):
        subject = f"Zoë {at}" if at % 7 else "the same"
        headers = replace(HEADERS, subject=subject, sender=Mailbox(f"Zoë {at % 3}", "lisa@example.com"))
        message = parse(composer.compose(headers, FilledPost("s", "p", body, body)))
        assert message["Subject"] == subject
        assert message["From"].addresses[0].display_name == f"Zoë {at % 3}"
        assert len(composer._known_headers) < 300


def test_wrong_number_of_values_is_a_fault_not_a_message() -> None:
    with pytest.raises(ValueError, match="zip"):
        compose(Filled(Shape(("a", "b")), ()), plain(""))


def test_lone_surrogates_do_not_stop_a_run() -> None:
    one, _ = parse(compose(Filled(Shape(("a", "b")), ("\ud83d",)), plain(""))).iter_parts()
    assert read(one) == "a?b"  # type: ignore[arg-type]


def test_the_same_input_gives_the_same_bytes() -> None:
    text, html = Filled(Shape(("Hi ", "")), ("Ann",)), plain("<p>é</p>")
    assert compose(text, html) == compose(text, html)
