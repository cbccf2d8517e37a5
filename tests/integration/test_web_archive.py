"""The archive, its feed, and who stays out of it."""

from __future__ import annotations

import re
from pathlib import Path

import feedparser
import pytest

from drip.authoring.check import check
from drip.core.problems import Rank
from drip.project import read_tree
from drip.store.store import Store
from tests.stages import Ground
from tests.visitors import BASE, Visitor, dump, words

CAMPAIGN = "campaigns/six-deadly-mistakes/campaign.yaml"
LETTER = "campaigns/six-deadly-mistakes/news.md"
AT = "/a/six-deadly-mistakes/news"
HEAD = "---\nsubject: What I learned in June\npreview: Three things about résumés & salaries.\n"
BODY = "---\n\nHi {{ first_name }},\n\n[Take a seat](webinar:), {{ email }} [Stop](unsubscribe:)\n"
BROADCAST = "\nbroadcasts:\n  - send: news\n    to: job-seekers\n    when: 2026-12-01 09:00\n"


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return Ground(tmp_path / "project", memory_store)


def write(ground: Ground, *, head: str = "", where: str = "", body: str = BODY) -> Visitor:
    """The example with a broadcast, applied, with one reader."""
    (ground.folder / LETTER).write_text(HEAD + head + body, encoding="utf-8")
    plot = ground.folder / CAMPAIGN
    text = plot.read_text(encoding="utf-8").partition("\nbroadcasts:")[0]
    plot.write_text(text + BROADCAST + where, encoding="utf-8")
    ground.apply()
    ground.join("ann@example.org", fields={"first_name": "Annabel"})
    return Visitor(ground)


def send(ground: Ground) -> None:
    ground.at("2026-12-01 14:01")
    ground.tick()


def test_a_broadcast_is_public_once_it_is_sent(ground: Ground) -> None:
    visitor = write(ground)
    assert visitor.get(AT).status_code == 404
    assert "What I learned" not in visitor.get("/a").text
    send(ground)
    assert "What I learned in June" in words(visitor.get("/a").text)
    assert f'href="{AT}"' in visitor.get("/a").text
    assert 'href="/a"' in visitor.get("/").text
    page = visitor.get(AT)
    assert page.status_code == 200
    assert page.headers["link"] == f'<{BASE}{AT}>; rel="canonical"'
    assert "script-src" not in page.headers["content-security-policy"]
    assert "x-robots-tag" not in page.headers


def test_the_page_is_for_a_stranger(ground: Ground) -> None:
    visitor = write(ground)
    send(ground)
    text = visitor.get(AT).text
    assert "Hi there," in text
    assert "Annabel" not in text
    assert "ann@" not in text
    hrefs = re.findall(r'href="([^"]+)"', text)
    assert f"{BASE}/w/six-deadly-mistakes" in hrefs
    # No token of anybody: nothing after a door that takes one.
    assert [each for each in hrefs if re.search(r"/(?:u|p|v|j|m|b|confirm)/|for=", each)] == []
    assert f"{BASE}{AT}" in hrefs
    for each in hrefs:
        if each.startswith(BASE):
            assert visitor.get(each.removeprefix(BASE) or "/").status_code == 200, each


@pytest.mark.parametrize(
    ("head", "where", "public"),
    [
        ("", "", True),
        ("archive: false\n", "", False),
        ("", "    where: not tag webinar-graduate\n", False),
        ("archive: true\n", "    where: not tag webinar-graduate\n", True),
    ],
)
def test_who_was_meant_decides_who_may_read(ground: Ground, head: str, where: str, public: bool) -> None:
    visitor = write(ground, head=head, where=where)
    send(ground)
    assert (visitor.get(AT).status_code == 200) is public
    assert ("What I learned" in visitor.get("/a").text) is public
    assert ("What I learned" in visitor.get("/feed.xml").text) is public


def test_a_post_of_a_sequence_stays_out_unless_it_is_marked(ground: Ground) -> None:
    visitor = write(ground)
    ground.tick()
    assert visitor.get("/a/six-deadly-mistakes/last-seats").status_code == 404
    ground.edit("campaigns/six-deadly-mistakes/last-seats.md", "subject:", "archive: true\nsubject:")
    ground.apply()
    assert visitor.get("/a/six-deadly-mistakes/last-seats").status_code == 200


def test_the_author_can_take_a_sent_post_back(ground: Ground) -> None:
    visitor = write(ground)
    send(ground)
    ground.edit(LETTER, "subject:", "archive: false\nsubject:")
    ground.apply()
    assert visitor.get(AT).status_code == 404


def test_the_feed_is_read_by_an_independent_parser(ground: Ground) -> None:
    visitor = write(ground)
    send(ground)
    answer = visitor.get("/feed.xml")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = feedparser.parse(answer.content)
    assert not feed.bozo
    assert feed.version == "atom10"
    entry = next(each for each in feed.entries if each.link == f"{BASE}{AT}")
    assert entry.title == "What I learned in June"
    assert entry.summary == "Three things about résumés & salaries."
    assert entry.published == "2026-12-01T14:01:00+00:00"
    assert feed.feed.updated == max(each.updated for each in feed.entries)


def test_a_post_that_cannot_be_read_by_a_stranger_is_not_there(ground: Ground) -> None:
    visitor = write(ground)
    send(ground)
    ground.edit("campaigns/six-deadly-mistakes/you-are-in.md", "subject:", "archive: true\nsubject:")
    ground.apply()
    assert visitor.get("/a/six-deadly-mistakes/you-are-in").status_code == 404


def test_reading_changes_nothing(ground: Ground) -> None:
    visitor = write(ground)
    send(ground)
    before = dump(ground)
    for path in ("/a", AT, "/feed.xml", "/a/none/none"):
        for method in ("GET", "HEAD"):
            visitor.ask(method, path)
            assert visitor.post(path).status_code == 405
    assert dump(ground) == before


def test_a_link_to_a_post_works_when_the_post_is_public(ground: Ground) -> None:
    write(ground)
    ground.edit(LETTER, "[Stop]", "[One](post:news) [Two](post:last-seats) [Stop]")
    problems = [each for each in check(read_tree(ground.folder), now=ground.clock.now()) if each.rank is Rank.ERROR]
    assert [(each.name, each.place.path) for each in problems] == [("not-in-archive", LETTER)]
    assert "last-seats" in problems[0].message
