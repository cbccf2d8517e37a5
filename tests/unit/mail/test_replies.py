"""Answers to invitations as calendars send them, and mails that only pretend to be some."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.mail.replies import CALENDAR_CHARACTERS_MAX, Answer, Reply, UnreadableReply, read_reply

UID = "registration-7@example.com"


def calendar(*lines: str, method: str = "REPLY") -> str:
    inside = lines or (f"UID:{UID}", "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org", "SEQUENCE:2")
    return "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            f"METHOD:{method}",
            "BEGIN:VEVENT",
            *inside,
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    )


def mail(ics: str, kind: str = "text/calendar; method=REPLY; charset=utf-8") -> bytes:
    return (
        "From: Ann <ann@example.org>\r\nSubject: Declined\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nno\r\n'
        f"--b\r\nContent-Type: {kind}\r\n\r\n{ics}\r\n--b--\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ((), Reply(UID, "ann@example.org", Answer.DECLINED, 2)),
        # Google: mailto in capitals, folded in the middle, no SEQUENCE in older ones.
        (
            (f"UID:{UID}", "ATTENDEE;CUTYPE=INDIVIDUAL;PARTSTAT=ACCEP", " TED;CN=ann:MAILTO:ann@example.org"),
            Reply(UID, "ann@example.org", Answer.ACCEPTED, 0),
        ),
        # A name that tries to be a parameter stays a name.
        (
            (f"UID:{UID}", 'ATTENDEE;CN=":;PARTSTAT=DECLINED";PARTSTAT=TENTATIVE:mailto:ann@example.org', "SEQUENCE:1"),
            Reply(UID, "ann@example.org", Answer.TENTATIVE, 1),
        ),
    ],
)  # fmt: skip
def test_what_calendars_answer_is_understood(lines: tuple[str, ...], wanted: Reply) -> None:
    assert read_reply(mail(calendar(*lines))) == wanted
    assert read_reply(calendar(*lines).encode()) == wanted
    assert read_reply(b"\xef\xbb\xbf" + calendar(*lines).replace("\r\n", "\n").encode()) == wanted


def test_what_is_no_reply_is_none() -> None:
    assert read_reply(b"") is None
    assert read_reply(b"Subject: hello\r\n\r\nI decline.\r\n") is None
    assert read_reply(mail(calendar(method="REQUEST"))) is None
    assert read_reply(mail(calendar(), kind="text/plain")) is None


@pytest.mark.parametrize(
    "lines",
    [
        (f"UID:{UID}", "SEQUENCE:2"),
        (f"UID:{UID}", "ATTENDEE:mailto:ann@example.org"),
        (f"UID:{UID}", "ATTENDEE;PARTSTAT=DECLINED:https://example.org"),
        (f"UID:{UID}", "ATTENDEE;PARTSTAT=DECLINED;PARTSTAT=ACCEPTED:mailto:ann@example.org"),
        (
            f"UID:{UID}",
            "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org",
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:b@c.org",
        ),
        (f"UID:{UID}", f"UID:{UID}", "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org"),
        (f"UID:{UID}", "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org", "SEQUENCE:-1"),
        (f"UID:{UID}", "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org", "SEQUENCE:" + "9" * 5000),
        (f"UID:{UID}", "END:VEVENT", "BEGIN:VEVENT", "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org"),
        ("X:" + "a" * CALENDAR_CHARACTERS_MAX,),
    ],
)
def test_a_reply_that_is_not_plain_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(UnreadableReply):
        read_reply(mail(calendar(*lines)))


def test_a_mail_of_a_thousand_nested_parts_is_answered() -> None:
    head = "".join(f'Content-Type: multipart/mixed; boundary="{n}"\r\n\r\n--{n}\r\n' for n in range(3000))
    with contextlib.suppress(UnreadableReply):
        assert read_reply(head.encode()) is None


@given(st.binary(max_size=400), st.integers(0, 400), st.integers(0, 40))
def test_no_damage_makes_anything_but_an_answer_or_a_refusal(noise: bytes, at: int, cut: int) -> None:
    whole = mail(calendar())
    with contextlib.suppress(UnreadableReply):
        found = read_reply(whole[:at] + noise + whole[at + cut :])
        assert found is None or isinstance(found, Reply)
