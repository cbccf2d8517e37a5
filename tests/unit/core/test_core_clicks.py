"""Who follows a link: a reader, as far as one can know, or a machine; and which posts need to know at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.core.clicks import BURST, EARLY, Click, counted_posts, name_now, why_machine, why_not_reader
from drip.core.model import Broadcast, Campaign, Post, Sequence, Step, TriggerKind, Verb
from drip.core.records import DeliveryId, SubscriberId
from drip.core.segments import parse_condition
from drip.core.triggers import parse_trigger
from drip.core.when import parse_when

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
SENT = NOW - timedelta(hours=1)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
BROWSER = {"user-agent": FIREFOX}
LINK, OTHER = "https://example.com/a", "https://example.com/b"


def click(link: str, ago: timedelta, *, machine: bool = False) -> Click:
    at = NOW - ago
    return Click(DeliveryId(1), link, SubscriberId(1), "c", "p", at, None if machine else at, machines=int(machine))


@pytest.mark.parametrize(
    ("method", "headers", "why"),
    [
        ("GET", BROWSER, ""),
        ("HEAD", BROWSER, "head"),
        ("GET", {}, "agent"),
        ("GET", {"user-agent": "  "}, "agent"),
        ("GET", {**BROWSER, "sec-purpose": "prefetch;prerender"}, "prefetch"),
        ("GET", {**BROWSER, "purpose": "prefetch"}, "prefetch"),
        ("GET", {**BROWSER, "x-moz": "Prefetch"}, "prefetch"),
        ("GET", {**BROWSER, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, ""),
        ("GET", {**BROWSER, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, "no-page"),
        ("GET", {**BROWSER, "sec-fetch-mode": "navigate", "sec-fetch-dest": "empty"}, "no-page"),
    ],
)
def test_what_a_request_says_of_itself(method: str, headers: dict[str, str], why: str) -> None:
    assert why_machine(method, headers) == why


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Barracuda Sentinel (EE)",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) HeadlessChrome/120.0.0.0",
        "Mimecast-URL-Protection/1.0",
        "BitlyBot",
        "facebookexternalhit/1.1",
        "Slackbot-LinkExpanding 1.0",
        "curl/8.5.0",
        "python-requests/2.32",
        "Go-http-client/2.0",
        "Mozilla/5.0 (via ggpht.com GoogleImageProxy)",
    ],
)
def test_programs_that_say_what_they_are(agent: str) -> None:
    assert why_machine("GET", {"user-agent": agent}) == "agent"


@pytest.mark.parametrize(
    "agent",
    [
        FIREFOX,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
        "Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile "
        "Safari/537.36",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
        "Safari/537.36 Edg/131.0.0.0",
        "Lynx/2.9.0dev.12 libssl-dev",
        "w3m/0.5.3+git20230121",
    ],
)
def test_browsers_of_people(agent: str) -> None:
    assert why_machine("GET", {"user-agent": agent}) == ""


@pytest.mark.parametrize(
    ("known", "sent_at", "why"),
    [
        ((), SENT, ""),
        ((), None, "early"),
        ((), NOW - EARLY + timedelta(seconds=1), "early"),
        ((), NOW - EARLY, ""),
        ((click(OTHER, timedelta(seconds=1)),), SENT, "burst"),
        ((click(OTHER, BURST - timedelta(milliseconds=1)),), SENT, "burst"),
        ((click(OTHER, BURST),), SENT, ""),
        ((click(OTHER, timedelta(seconds=1), machine=True),), SENT, "burst"),
        ((click(LINK, timedelta(seconds=1), machine=True),), SENT, "burst"),
        ((click(LINK, timedelta(seconds=1)),), SENT, ""),
    ],
)
def test_what_is_known_of_the_mail(known: tuple[Click, ...], sent_at: datetime | None, why: str) -> None:
    assert why_not_reader(LINK, known, sent_at, NOW) == why


@given(st.text(max_size=40), st.dictionaries(st.text(max_size=12), st.text(max_size=60), max_size=5))
def test_whatever_a_request_says_it_is_judged(method: str, headers: dict[str, str]) -> None:
    assert why_machine(method, headers) in ("", "head", "prefetch", "no-page", "agent")


# --- which posts ---------------------------------------------------------------------------------------------------


def post(name: str, was: tuple[str, ...] = ()) -> Post:
    head = {"was": " ".join(was)}
    return Post(name=name, path=f"campaigns/c/{name}.md", subject=name, preview="", body="", head=head)


def campaign(**more: object) -> Campaign:
    posts = {name: post(name) for name in ("one", "two", "three", "four", "five")}
    return Campaign("c", "C", "UTC", posts=posts, **more)  # type: ignore[arg-type]


def test_only_posts_that_anything_asks_about_are_counted() -> None:
    step = Step(
        sequence="s", verb=Verb.SEND, target="one", when=parse_when("at once"),
        condition=parse_condition("not (clicked two and tag x)"),
    )  # fmt: skip
    sequence = Sequence(
        name="s",
        start=parse_trigger("joins news", role="start"),
        goal=parse_trigger("clicks three", role="goal"),
        steps=(step,),
    )
    broadcast = Broadcast(post="five", list="news", when=parse_when("at once"), where=parse_condition("clicked four"))
    assert counted_posts(campaign()) == frozenset()
    asked = campaign(sequences=(sequence,), broadcasts=(broadcast,))
    assert counted_posts(asked) == {"two", "three", "four"}
    assert counted_posts(campaign(clicks=True)) == {"one", "two", "three", "four", "five"}
    gone = Sequence(name="s", start=parse_trigger("clicks gone", role="start"), steps=(step,))
    assert gone.start.kind is TriggerKind.CLICKS
    assert counted_posts(campaign(sequences=(gone,))) == {"two"}


def test_a_post_is_known_by_its_new_name() -> None:
    renamed = Campaign("c", "C", "UTC", posts={"new": post("new", was=("old",))})
    assert [name_now(renamed, each) for each in ("new", "old", "else")] == ["new", "new", "else"]
    assert name_now(None, "old") == "old"
