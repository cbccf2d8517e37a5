"""Times one message for one reader: made from scratch each time, and filled into the compiled post.

Both ways make the seed post for the same readers, interleaved in one run, so that the noise of the machine hits both;
trust the ratio, not the rates. Processor time is counted, not what other programs take.

    python benchmarks/render.py
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from drip.authoring.layout import CompiledPost, Press  # noqa: E402
from drip.core.message import Headers  # noqa: E402
from drip.core.model import Mailbox, Post, ProjectDefinition  # noqa: E402

WEBINAR = {"title": "6 Deadly Job Search Mistakes Preventing You from Landing a Job", "length": "60 minutes"}
LIST = {"name": "job-seekers", "title": "The job seekers' letter", "promise": "One letter a week."}
SENDER = Mailbox("Lisa Rangel", "lisa@example.com")
NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
DAYS = ("Tuesday, December 8", "Wednesday, December 9", "Saturday, December 12")
NAMES = ("Ana", "José", "O’Neil", "Maria & Tom", "李雷", "there", "Jean-Luc", "Siobhán", "Bob", "<Max>")


def project() -> ProjectDefinition:
    """The project of the worked example."""
    return ProjectDefinition(
        name="Chameleon Resumes",
        url="https://mail.example.com",
        address="Chameleon Resumes LLC, 1 Example Street, New York, NY 10001, USA",
        sender=SENDER,
        bounces="bounces@mail.example.com",
        timezone="America/New_York",
    )


def files() -> dict[str, str]:
    """The files of the worked example."""
    paths = [path for folder in ("templates", "campaigns") for path in (ROOT / folder).rglob("*") if path.is_file()]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def seed_post(texts: dict[str, str]) -> Post:
    """The first post of the worked example."""
    path = "campaigns/six-deadly-mistakes/own-the-mistake.md"
    _, head, body = texts[path].split("---\n", 2)
    facts = dict(line.split(": ", 1) for line in head.strip().splitlines())
    return Post("own-the-mistake", path, facts["subject"], facts["preview"], body, texts[path].count("\n"))


class Links:
    """Addresses that differ for every reader, of the forms and lengths that the engine signs."""

    def __init__(self, number: int) -> None:
        self.token = f"AQ{number:06d}xYz0123456789-_q2"
        self.webinar = f"https://mail.example.com/w/six-deadly-mistakes?for={self.token}"
        self.unsubscribe = f"https://mail.example.com/u/{self.token}"
        self.preferences = f"https://mail.example.com/p/{self.token}"
        self.browser = f"https://mail.example.com/v/{self.token}"

    def session(self, name: str) -> str:
        """The webinar's page with a session chosen."""
        return f"https://mail.example.com/w/six-deadly-mistakes?s={name}&for={self.token}"


def reader(number: int) -> dict[str, object]:
    """All values for one reader."""
    links = Links(number)
    sessions = [
        SimpleNamespace(
            name=f"s{at}",
            day=day,
            time="12:00 pm",
            zone="New York time (UTC−5)",
            date=day,
            starts_in="7 days",
            city="New York",
            link=links.session(f"s{at}"),
            seats_left=None,
        )
        for at, day in enumerate(DAYS)
    ]
    return {
        "first_name": f"{NAMES[number % len(NAMES)]} {number}",
        "email": f"reader-{number}@example.org",
        "links": links,
        "webinar": WEBINAR,
        "sessions": sessions,
        "list": LIST,
    }


def naively(post: CompiledPost, number: int, values: dict[str, object]) -> bytes:
    """Jinja, premailer and EmailMessage for this one reader."""
    links = values["links"]
    assert isinstance(links, Links)
    subject, _, html, text = post.fill_slowly(values)
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(SENDER.name, addr_spec=SENDER.address)
    message["To"] = Address(str(values["first_name"]), addr_spec=str(values["email"]))
    message["Subject"] = subject
    message["Date"] = NOW
    message["Message-ID"] = f"<{number}.bench@mail.example.com>"
    message["List-Unsubscribe"] = f"<{links.unsubscribe}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def compiled(post: CompiledPost) -> Callable[[int, dict[str, object]], bytes]:
    """The compiled way: fill and compose."""
    from drip.mail.mime import Composer

    composer = Composer()

    def make(number: int, values: dict[str, object]) -> bytes:
        links = values["links"]
        assert isinstance(links, Links)
        filled = post.fill(values)
        headers = Headers(
            sender=SENDER,
            to=Mailbox(str(values["first_name"]), str(values["email"])),
            subject=filled.subject,
            date=NOW,
            message_id=f"<{number}.bench@mail.example.com>",
            unsubscribe_url=links.unsubscribe,
        )
        return composer.compose(headers, filled)

    return make


def agree(one: bytes, other: bytes) -> bool:
    """Whether two messages say the same once they are decoded."""

    def said(data: bytes) -> list[str]:
        message = message_from_bytes(data, policy=policy.default)
        parts = [message.get_body((kind,)) for kind in ("plain", "html")]
        bodies = [part.get_content().replace("\r\n", "\n").rstrip("\n") for part in parts if part is not None]
        return [str(message["Subject"]), *bodies]

    return said(one) == said(other)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--naive", type=int, default=10, help="messages per round made the naive way")
    parser.add_argument("--compiled", type=int, default=500, help="messages per round made the compiled way")
    asked = parser.parse_args()
    texts = files()
    post = Press(texts, project()).compile(seed_post(texts))
    make = compiled(post)
    first = time.process_time()
    sample = make(0, reader(0))
    first = time.process_time() - first
    for number in range(20):
        assert agree(make(number, reader(number)), naively(post, number, reader(number))), number
    spent = {"naive": 0.0, "fill": 0.0, "compiled": 0.0}
    for turn in range(asked.rounds):
        # A block of readers at a time, as the engine takes them; the same ones go both ways.
        readers = [reader(turn * asked.compiled + number) for number in range(asked.compiled)]
        begin = time.process_time()
        for number, values in enumerate(readers[: asked.naive]):
            naively(post, number, values)
        spent["naive"] += time.process_time() - begin
        begin = time.process_time()
        for values in readers:
            post.fill(values)
        spent["fill"] += time.process_time() - begin
        begin = time.process_time()
        for number, values in enumerate(readers):
            make(number, values)
        spent["compiled"] += time.process_time() - begin
    slow = spent["naive"] / (asked.rounds * asked.naive)
    fast = spent["compiled"] / (asked.rounds * asked.compiled)
    fill = spent["fill"] / (asked.rounds * asked.compiled)
    print(f"machine           {platform.machine()}, Python {platform.python_version()}, {platform.system()}")
    print(f"message           {len(sample):,} bytes, {len(post.fill(reader(0)).html.values)} values in the page")
    print(f"first of a shape  {first * 1000:,.0f} ms")
    print(
        f"naive             {1 / slow:10,.0f} /s  {slow * 1e6:10,.0f} µs  Jinja, premailer and EmailMessage each time"
    )
    print(f"compiled          {1 / fast:10,.0f} /s  {fast * 1e6:10,.0f} µs  of which fill {fill * 1e6:,.0f} µs")
    print(f"ratio             {slow / fast:10,.0f} ×")
    print(f"premailer calls   {post.premailer_calls} for {post.shapes} shape(s)")
    compare_sizes(texts, asked.rounds)


def compare_sizes(texts: dict[str, str], rounds: int) -> None:
    """What one more reader costs for a short and a long mail with the same values, interleaved."""
    seed = seed_post(texts)
    opening = (
        "Hi {{ first_name }}, [register]({{ links.webinar }}) or [choose]({{ links.session('tuesday-noon') }}).\n\n"
    )
    words = "How someone handles a mistake tells me how they will handle mistakes when I hire them. " * 5
    makes, sizes, spent = [], [], [0.0, 0.0]
    for paragraphs in (2, 150):
        body = opening + f"{words}\n\n" * paragraphs
        post = Press(texts, project()).compile(
            replace(seed, name=f"p{paragraphs}", path=f"p{paragraphs}.md", body=body)
        )
        makes.append(compiled(post))
        sizes.append(len(post.fill(reader(0)).html.text()))
    for turn in range(rounds):
        readers = [reader(turn * 200 + number) for number in range(200)]
        for at, make in enumerate(makes):
            begin = time.process_time()
            for number, values in enumerate(readers):
                make(number, values)
            spent[at] += time.process_time() - begin
    short, long = (each / (rounds * 200) * 1e6 for each in spent)
    print(f"a reader more     {short:,.0f} µs at {sizes[0]:,} bytes of HTML")
    print(f"                  {long:,.0f} µs at {sizes[1]:,} bytes: {long / short:.2f} ×")


if __name__ == "__main__":
    main()
