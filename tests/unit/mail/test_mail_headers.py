"""Header lines, read back by the standard library where it can, and by the letter of the RFCs where it cannot."""

from __future__ import annotations

import email
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import policy
from email.header import decode_header, make_header
from email.utils import parseaddr, parsedate_to_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.message import Headers
from drip.core.model import Mailbox
from drip.mail.headers import Unwritable, ascii_address, clean, date_header, mailbox_header, text_header, write_headers

WORDS = {
    "latin": "own the mistake résumé Zoë straße naïve coöperate žluťoučký kůň İstanbul piñata façade",
    "greek": "λάθος συνέντευξη βιογραφικό δουλειά",
    "cyrillic": "ошибка собеседование резюме работа",
    "arabic": "خطأ مقابلة سيرة ذاتية وظيفة",
    "hebrew": "טעות ראיון קורות חיים",
    "cjk": "面接の失敗 履歴書 仕事 错误 面试 简历 실수 면접",
    "thai": "ความผิดพลาด สัมภาษณ์ งาน",
    "signs": '— “quoted” ’ … € 🎉 👩🏽\u200d💻 🇺🇸 1/2 50% a=b c?d =? ?= _ (x) <y> a,b; "z" back\\slash',
}
VOCABULARY = [word for words in WORDS.values() for word in words.split()]

HEADERS = Headers(
    sender=Mailbox("Lisa Rangel", "lisa@example.com"),
    to=Mailbox("Ann", "ann@example.com"),
    subject="Own the mistake",
    date=datetime(2026, 12, 1, 14, 0, tzinfo=UTC),
    message_id="<d1.abc@mail.example.com>",
    unsubscribe_url="https://mail.example.com/u/" + "T0ken-_" * 30,
    unsubscribe_mailto="mailto:u+abc@bounces.example.com?subject=unsubscribe",
    list_id="The job seekers' letter <job-seekers.mail.example.com>",
    feedback_id="six-deadly:job-seekers:sequence:chameleon",
    precedence_bulk=True,
)


def unfold(line: str) -> str:
    """RFC 5322 §2.2.3: the line breaks go, the blanks stay."""
    return re.sub(r"\r\n(?=[ \t])", "", line)


def lines(headers: Headers) -> dict[str, str]:
    """The unfolded lines by name; fails on a repeated name."""
    block = unfold(write_headers(headers))
    assert block.endswith("\r\n")
    pairs = [line.split(": ", 1) for line in block[:-2].split("\r\n")]
    names = [pair[0] for pair in pairs]
    assert len(names) == len(set(names))
    return {pair[0]: pair[1] for pair in pairs}


def decoded(line: str) -> str:
    return str(make_header(decode_header(unfold(line).split(":", 1)[1].strip(" "))))


def assert_sound(text: str) -> None:
    text.encode("ascii")
    for line in text.split("\r\n"):
        assert "\r" not in line
        assert "\n" not in line
        assert line.strip()
    for word in re.findall(r"=\?[^?]+\?[bqBQ]\?([^?]*)\?=", text):
        assert word
    assert all(len(word) <= 75 for word in re.findall(r"=\?[^?]+\?[bqBQ]\?[^?]*\?=", text))


def random_phrase(rng: random.Random) -> str:
    return " ".join(rng.choice(VOCABULARY) for _ in range(rng.randint(1, 21)))


def test_twenty_thousand_subjects_come_back() -> None:
    rng = random.Random(8058)
    for _ in range(20_000):
        subject = random_phrase(rng)
        line = text_header("Subject", subject)
        assert_sound(line)
        assert all(len(each) <= 78 for each in line.split("\r\n"))
        assert decoded(line) == clean(subject)


def test_twenty_thousand_names_come_back() -> None:
    rng = random.Random(5322)
    for _ in range(20_000):
        name = random_phrase(rng)
        line = mailbox_header("To", Mailbox(name, "ann@example.com"))
        assert_sound(line)
        assert all(len(each) <= 78 for each in line.split("\r\n"))
        raw, address = parseaddr(unfold(line).removeprefix("To: "))
        assert address == "ann@example.com"
        assert str(make_header(decode_header(raw))) == clean(name)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_no_subject_makes_a_second_header(subject: str) -> None:
    line = text_header("Subject", subject)
    assert_sound(line)
    assert not re.search(r"\r\n(?![ \t])", line)
    assert decoded(line) == clean(subject)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_no_name_adds_an_address(name: str) -> None:
    line = mailbox_header("To", Mailbox(name, "ann@example.com"))
    assert_sound(line)
    message = email.message_from_string(f"{line}\r\n\r\n", policy=policy.default)
    assert [each.addr_spec for each in message["To"].addresses] == ["ann@example.com"]
    assert len(message.items()) == 1


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("", "To: ann@example.com"),
        ("Ann Reader", "To: Ann Reader <ann@example.com>"),
        ("Reader, Ann", 'To: "Reader, Ann" <ann@example.com>'),
        ("Ann (HR)", 'To: "Ann (HR)" <ann@example.com>'),
        ('Ann "A" \\', 'To: "Ann \\"A\\" \\\\" <ann@example.com>'),
        ("x, e@evil.example <a@b.example>", 'To: "x, e@evil.example <a@b.example>" <ann@example.com>'),
        ("Ann\r\nBcc: eve@example.com", 'To: "Ann Bcc: eve@example.com" <ann@example.com>'),
        ("Ann\x00\x1b[31m", 'To: "Ann[31m" <ann@example.com>'),
        ("Zoë", "To: =?utf-8?q?Zo=C3=AB?= <ann@example.com>"),
        ("=?utf-8?q?x?=", "To: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <ann@example.com>"),
    ],
)
def test_names(name: str, line: str) -> None:
    written = mailbox_header("To", Mailbox(name, "ann@example.com"))
    if name.startswith("=?"):
        assert decoded(written.partition(" <")[0]) == name
    else:
        assert written == line


def test_list_unsubscribe_is_verbatim_on_one_line_with_the_address_of_the_web_first() -> None:
    assert HEADERS.unsubscribe_url
    block = write_headers(HEADERS)
    wanted = f"List-Unsubscribe: <{HEADERS.unsubscribe_url}>, <{HEADERS.unsubscribe_mailto}>\r\n"
    assert wanted in block
    assert len(wanted) > 200
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in block
    assert not [line for line in block.split("\r\n") if line.startswith("List-") and "=?" in line]


def test_without_an_address_of_the_web_there_is_no_promise_of_one_click() -> None:
    found = lines(replace(HEADERS, unsubscribe_url=""))
    assert found["List-Unsubscribe"] == f"<{HEADERS.unsubscribe_mailto}>"
    assert "List-Unsubscribe-Post" not in found
    assert not [name for name in lines(replace(HEADERS, unsubscribe_url="", unsubscribe_mailto="")) if "Unsub" in name]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a b",
        "https://example.com/\r\nBcc: x",
        "https://example.com/é",
        "https://e.com/>x<",
        "x" * 990,
    ],
)
def test_an_address_that_cannot_stand_verbatim_is_refused(url: str) -> None:
    with pytest.raises(Unwritable):
        write_headers(replace(HEADERS, unsubscribe_url=url))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("Letter <a.b.c>", "Letter <a.b.c>"),
        ("<a.b.c>", "<a.b.c>"),
        ("Letter No. 1, weekly <a.b.c>", '"Letter No. 1, weekly" <a.b.c>'),
        ("Résumé letter <a.b.c>", "<a.b.c>"),
        ("=?utf-8?q?x?= <a.b.c>", "<a.b.c>"),
    ],
)
def test_list_id(given: str, written: str) -> None:
    assert lines(replace(HEADERS, list_id=given))["List-Id"] == written


def test_the_fixed_lines() -> None:
    found = lines(HEADERS)
    assert found["Message-ID"] == "<d1.abc@mail.example.com>"
    assert found["Feedback-ID"] == "six-deadly:job-seekers:sequence:chameleon"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Precedence"] == "bulk"
    assert found["Date"] == "Tue, 01 Dec 2026 14:00:00 +0000"
    quiet = lines(replace(HEADERS, auto_submitted=False, precedence_bulk=False, list_id="", feedback_id=""))
    assert not {"Auto-Submitted", "Precedence", "List-Id", "Feedback-ID"} & set(quiet)


@pytest.mark.parametrize("value", ["a@b", "<a b@c>", "<a@b>\r\nX: y", "<é@b>", "<a@b><c@d>", "<ab>"])
def test_a_message_id_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(Unwritable):
        write_headers(replace(HEADERS, message_id=value))


def test_dates_are_in_utc_and_need_a_zone() -> None:
    moment = datetime(2026, 12, 8, 12, 0, tzinfo=timezone(timedelta(hours=-5)))
    assert date_header(moment) == "Date: Tue, 08 Dec 2026 17:00:00 +0000"
    assert parsedate_to_datetime(date_header(moment).removeprefix("Date: ")) == moment
    with pytest.raises(Unwritable):
        date_header(datetime(2026, 12, 8))


def test_long_ascii_subjects_fold_between_words_and_endless_ones_are_encoded() -> None:
    subject = "word " * 60
    line = text_header("Subject", subject)
    assert len(line.split("\r\n")) > 3
    assert unfold(line) == f"Subject: {subject.strip()}"
    endless = "x" * 3000
    line = text_header("Subject", endless)
    assert_sound(line)
    assert max(map(len, line.split("\r\n"))) <= 78
    assert decoded(line) == endless


def test_extra_headers() -> None:
    found = lines(replace(HEADERS, extra={"X-Drip-Delivery": "42", "X-Note": "é\r\nBcc: x"}))
    assert found["X-Drip-Delivery"] == "42"
    assert decoded("X: " + found["X-Note"]) == "é Bcc: x"


@pytest.mark.parametrize(
    "name",
    ["", "X Y", "X:Y", "X\r\nBcc", "Bcc", "BCC", "subject", "List-Unsubscribe", "Content-Type", "Resent-To", "é", ".X"],
)
def test_header_names_that_are_refused(name: str) -> None:
    with pytest.raises(Unwritable):
        write_headers(replace(HEADERS, extra={name: "x"}))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.O'Hara+x=y@Example.com", "Ann.O'Hara+x=y@Example.com"),
        ('"a b"@example.com', '"a b"@example.com'),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@straße.example", "ann@xn--strae-oqa.example"),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
    ],
)
def test_addresses(given: str, written: str) -> None:
    assert ascii_address(given) == written


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "a b@example.com",
        "ann@exa mple.com",
        "ann@e.com\r\nRCPT TO:<x@y>",
        "änn@e.com",
        "<ann@e.com>",
        "ann@e.com>",
        'a"b@e.com',
        "ann,bob@e.com",
        "ann@e.com, bob@e.com",
        "a@b@c.com",
        "ann@ü\u3002\u3002x",
    ],
)
def test_addresses_that_cannot_be_mailed(address: str) -> None:
    with pytest.raises(Unwritable):
        ascii_address(address)


def test_clean() -> None:
    assert clean("  a\r\n b\t\tc\u2028d\x00e\x85f\x9b ") == "a b c de f"
    assert clean("10\u00a0% \u3000") == "10\u00a0% \u3000"
