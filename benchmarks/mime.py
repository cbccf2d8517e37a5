"""How long one message takes to compose: drip's composer against the standard library, interleaved in one run.

    python benchmarks/mime.py [--rounds 7] [--seconds 0.3]

Both get the same filled texts and headers; before anything is timed, both are parsed and compared. The figures of
different machines or runs say little; the ratio within a run is what counts. Nothing here is asserted in tests.
"""

from __future__ import annotations

import argparse
import email
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email import policy
from email.charset import QP, Charset
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr

from drip.core.message import Filled, FilledPost, Headers, Shape
from drip.core.model import Mailbox
from drip.mail.mime import Composer

WORDS = "Own the mistake, name the cost, say what you learned — “briefly” — and turn to the work ahead of you. "
ROW = '<tr><td style="padding:0 24px 16px;font-family:Georgia,serif;font-size:16px;line-height:1.5;color:#222">'
QUOTED = Charset("utf-8")
QUOTED.body_encoding = QP
TOKEN = "https://mail.example.com/u/" + "AbC-_d0" * 6


def make_post(kilobytes: int) -> FilledPost:
    """A letter of about that size of HTML, with a name, a city and links that differ for each reader."""
    rows = max(1, kilobytes * 1000 // (len(ROW) + 3 * len(WORDS)))
    html = "".join(f"{ROW}{WORDS * 3}</td></tr>\n" for _ in range(rows))
    half = len(html) // 2
    end = '">stop</a></body></html>\n'
    pages = Shape((f"<!DOCTYPE html><html><body>{html[:half]}Hi ", f',{html[half:]}<a href="', end))
    text = (WORDS * 3 + "\n\n") * rows
    letter = Shape(("Hi ", f",\n\n{text}\n\nStop: ", "\n"))
    values = ("Zoë", TOKEN)
    return FilledPost("Own the mistake", "", Filled(pages, values), Filled(letter, values))


def make_headers(number: int) -> Headers:
    """Headers as the engine gives them."""
    return Headers(
        sender=Mailbox("Lisa Rangel", "lisa@example.com"),
        to=Mailbox("Zoë Reader", f"reader{number}@example.com"),
        subject="Zoë, own the mistake",
        date=datetime(2026, 12, 1, 14, 0, tzinfo=UTC),
        message_id=f"<d{number}@mail.example.com>",
        unsubscribe_url=TOKEN,
        list_id="The letter <letter.mail.example.com>",
    )


def by_email_message(headers: Headers, post: FilledPost) -> bytes:
    """What one would write first."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(headers.sender.name, addr_spec=headers.sender.address)
    message["To"] = Address(headers.to.name, addr_spec=headers.to.address)
    message["Subject"] = headers.subject
    message["Date"] = headers.date
    message["Message-ID"] = headers.message_id
    message["List-Unsubscribe"] = f"<{headers.unsubscribe_url}>"
    message.set_content(post.text.text(), cte="quoted-printable")
    message.add_alternative(post.html.text(), subtype="html", cte="quoted-printable")
    return message.as_bytes()


def by_mime_text(headers: Headers, post: FilledPost) -> bytes:
    """What one would write second."""
    message = MIMEMultipart("alternative")
    message["From"] = formataddr((headers.sender.name, headers.sender.address))
    message["To"] = formataddr((headers.to.name, headers.to.address))
    message["Subject"] = Header(headers.subject, "utf-8").encode()
    message["Date"] = format_datetime(headers.date)
    message["Message-ID"] = headers.message_id
    message["List-Unsubscribe"] = f"<{headers.unsubscribe_url}>"
    message.attach(MIMEText(post.text.text(), "plain", QUOTED))  # type: ignore[arg-type]
    message.attach(MIMEText(post.html.text(), "html", QUOTED))  # type: ignore[arg-type]
    return message.as_bytes(policy=policy.compat32.clone(linesep="\r\n"))


def bodies(raw: bytes) -> list[str]:
    """Both parts as a reader's program sees them."""
    message = email.message_from_bytes(raw, policy=policy.default)
    parts = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    return [part.decode("utf-8").replace("\r\n", "\n") for part in parts if isinstance(part, bytes)]


def microseconds(compose: Callable[[Headers, FilledPost], bytes], post: FilledPost, seconds: float) -> float:
    """The mean time for one message, over at least that many seconds."""
    done = 0
    begin = time.perf_counter()
    while (spent := time.perf_counter() - begin) < seconds:
        compose(make_headers(done), post)
        done += 1
    return spent / done * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each of them in each round")
    given = parser.parse_args()
    ways = {"composer": Composer().compose, "EmailMessage": by_email_message, "MIMEText": by_mime_text}
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores; µs a message, median")
    for kilobytes in (7, 18, 30, 100):
        post = make_post(kilobytes)
        read = {name: bodies(compose(make_headers(1), post)) for name, compose in ways.items()}
        assert all(each == [post.text.text(), post.html.text()] for each in read.values())
        rounds = [
            {name: microseconds(compose, post, given.seconds) for name, compose in ways.items()}
            for _ in range(given.rounds)
        ]
        medians = {name: statistics.median(each[name] for each in rounds) for name in ways}
        print(f"{kilobytes:4} kB  " + "  ".join(f"{name} {medians[name]:8.1f}" for name in ways), end="  ")
        for name in ("EmailMessage", "MIMEText"):
            ratios = sorted(each[name] / each["composer"] for each in rounds)
            print(f"{name} ×{statistics.median(ratios):.0f} [{ratios[0]:.0f}..{ratios[-1]:.0f}]", end="  ")
        print()


if __name__ == "__main__":
    main()
