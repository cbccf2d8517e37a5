"""Pictures and attachments in a message, read back by the standard library, byte for byte."""

from __future__ import annotations

import base64
import email
import random
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage, MIMEPart

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.message import Enclosed, Filled, FilledPost, Headers, Invite, Shape
from drip.core.model import Mailbox
from drip.mail.enclosing import parameter
from drip.mail.headers import clean
from drip.mail.mime import Composer

HEADERS = Headers(
    sender=Mailbox("Lisa Rangel", "lisa@example.com"),
    to=Mailbox("Ann", "ann@example.com"),
    subject="Own the mistake",
    date=datetime(2026, 12, 1, 14, 0, tzinfo=UTC),
    message_id="<d1.abc@mail.example.com>",
)
PNG = b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(5000)
PDF = b"%PDF-1.7\r\n.\r\n" + random.Random(2).randbytes(70_001)
PAGE = Filled(Shape(('<!DOCTYPE html><p>Hi <img src="cid:abc@image.invalid" alt="A resume">', "</p>\n")), ("Zoë",))
TEXT = Filled(Shape(("Hi ", "\n")), ("Zoë",))
INVITE = Invite("REQUEST", b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n")


def encoded(data: bytes) -> str:
    return base64.encodebytes(data).decode().replace("\n", "\r\n")


IMAGE = Enclosed("first line.png", "image/png", encoded(PNG), "abc@image.invalid")
FILE = Enclosed("Liste für Zoë — 履歴書.pdf", "application/pdf", encoded(PDF))
POST = FilledPost("s", "p", PAGE, TEXT)


def compose(post: FilledPost, invite: Invite | None = None) -> EmailMessage:
    raw = Composer().compose(HEADERS, post, invite)
    raw.decode("ascii")
    lines = raw.split(b"\r\n")
    assert lines[-1] == b""
    assert not [each for each in lines if len(each) > 78 or each.startswith(b".") or b"\n" in each or b"\r" in each]
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not [each.defects for each in message.walk() if each.defects]
    return message


def tree(message: MIMEPart) -> object:
    if not message.is_multipart():
        return message.get_content_type()
    return (message.get_content_subtype(), *(tree(each) for each in message.iter_parts()))


@pytest.mark.parametrize(
    ("images", "files", "invite", "expected"),
    [
        ((), (), None, ("alternative", "text/plain", "text/html")),
        ((IMAGE,), (), None, ("alternative", "text/plain", ("related", "text/html", "image/png"))),
        ((), (FILE,), None, ("mixed", ("alternative", "text/plain", "text/html"), "application/pdf")),
        (
            (IMAGE,),
            (FILE,),
            INVITE,
            (
                "mixed",
                ("alternative", "text/plain", ("related", "text/html", "image/png"), "text/calendar"),
                "application/ics",
                "application/pdf",
            ),
        ),
    ],
    ids=["neither", "image", "attachment", "all"],
)
def test_the_shape_of_a_message(
    images: tuple[Enclosed, ...], files: tuple[Enclosed, ...], invite: Invite | None, expected: object
) -> None:
    message = compose(replace(POST, images=images, attachments=files), invite)
    assert tree(message) == expected
    parts = {each.get_content_type(): each for each in message.walk()}
    assert parts["text/html"].get_content().replace("\r\n", "\n") == PAGE.text()
    assert parts["text/plain"].get_content().replace("\r\n", "\n") == TEXT.text()
    if images:
        assert parts["image/png"].get_content() == PNG
        assert parts["image/png"]["Content-ID"] == "<abc@image.invalid>"
        assert parts["image/png"].get_content_disposition() == "inline"
        assert parts["image/png"].get_filename() == "first line.png"
        assert parts["multipart/related"].get_param("type") == "text/html"
    if files:
        assert parts["application/pdf"].get_content() == PDF
        assert parts["application/pdf"].get_content_disposition() == "attachment"
        assert parts["application/pdf"].get_filename() == FILE.name


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=200))
def test_any_file_name_comes_back(name: str) -> None:
    header = f"Content-Disposition: attachment{parameter('filename', name)}\r\n\r\n"
    header.encode("ascii")
    assert all(len(line) <= 78 for line in header.split("\r\n"))
    message = email.message_from_string(header)
    assert len(message.keys()) == 1
    assert (message.get_filename() or "") == clean(name).strip()


def test_a_page_for_a_browser_has_its_pictures_in_it() -> None:
    page = replace(POST, images=(IMAGE,)).standalone()
    assert "cid:" not in page
    assert f'src="data:image/png;base64,{base64.b64encode(PNG).decode()}"' in page
    assert POST.standalone() == PAGE.text()
