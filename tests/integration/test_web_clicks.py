"""Links of mails as they are sent, followed and forged: real mails, the real site, and what is left in the database."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from drip.core.clicks import OUR_PAGES, SETTLES
from drip.core.events import ChoseClicks
from drip.core.links import Purpose
from drip.core.message import Wire
from drip.core.records import SubscriberId
from drip.store.store import Store
from drip.web import clicks
from tests.stages import EVIDENCE
from tests.visitors import BASE, Visitor, body_of, dump, open_applied, paths_in, words

PLOT = "campaigns/six-deadly-mistakes/campaign.yaml"
POST = "campaigns/six-deadly-mistakes/own-the-mistake.md"
NUDGE = """  nudge:
    start: clicks own-the-mistake
    steps:
      - tag: curious
        when: at once
  remind:"""
AWAY = "https://example.com/a?x=1&y=%C3%BC#top"
LINKS = f"""
Read [this]({AWAY}) or [that](http://example.org) or <https://example.net/auto>, write to [me](mailto:me@example.com),
look for [yourself](https://example.com/{{{{ first_name }}}}), see the <a href="https://example.com/raw?p=1&amp;q='">raw</a>,
the [page](browser:), [all](preferences:), [stop](unsubscribe:).
"""
READER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}


@pytest.fixture
def visitor(tmp_path: Path, memory_store: Store) -> Visitor:
    ground = open_applied(tmp_path / "project", memory_store)
    ground.edit(PLOT, "  remind:", NUDGE)
    (ground.folder / POST).write_text((ground.folder / POST).read_text(encoding="utf-8") + LINKS, encoding="utf-8")
    ground.apply()
    return Visitor(ground)


def mail_to(visitor: Visitor, email: str, *, agrees: bool) -> tuple[SubscriberId, Wire]:
    """The first mail to somebody, five minutes after it was sent."""
    ground = visitor.ground
    who = ground.join(email, fields={"first_name": "Ann"})
    if agrees:
        ground.engine.happen(ChoseClicks(who, noted=True, evidence=EVIDENCE), ground.clock.now())
    wire = visitor.last_mail(email)
    ground.clock.set(ground.clock.now() + timedelta(minutes=5))
    return who, wire


def links_in(wire: Wire) -> list[str]:
    """The addresses of the page, as a mail program reads them."""
    from lxml import html

    return [str(each) for each in html.fromstring(body_of(wire, "html")).xpath("//a/@href")]


def led_by(wire: Wire) -> dict[str, str]:
    """The links that go by way of our site, by where they lead."""
    return {
        parse_qs(urlsplit(each).query)["to"][0]: each.removeprefix(BASE)
        for each in links_in(wire)
        if each.startswith(f"{BASE}/c/")
    }


def later(visitor: Visitor, span: timedelta) -> None:
    visitor.ground.clock.set(visitor.ground.clock.now() + span)


def tags(visitor: Visitor, who: SubscriberId) -> frozenset[str]:
    with visitor.ground.store.read() as work:
        known = work.subscriber(who)
    assert known is not None
    return known.tags


def test_only_links_that_lead_away_go_by_way_of_the_site_and_only_for_those_who_agreed(visitor: Visitor) -> None:
    _, yes = mail_to(visitor, "ann@example.org", agrees=True)
    _, no = mail_to(visitor, "ben@example.org", agrees=False)
    away = {AWAY, "http://example.org", "https://example.net/auto", "https://example.com/raw?p=1&q='"}
    assert set(led_by(yes)) == away
    assert led_by(no) == {}
    assert away <= set(links_in(no))
    for wire in (yes, no):
        assert {"mailto:me@example.com", "https://example.com/Ann"} <= set(links_in(wire))
        # The plain text shows its addresses, and shows the true ones.
        text = body_of(wire, "plain")
        assert AWAY in text
        assert "/c/" not in text
        assert all("/c/" not in each for each in paths_in(wire) if each.startswith(("/u/", "/p/", "/v/")))
    assert all(each.count("&c=") == 1 for each in links_in(yes) if "/w/" in each)
    assert all("c=" not in each for each in links_in(no))
    # The headers know nothing of it.
    assert b"/c/" not in yes.data.partition(b"\r\n\r\n")[0]


def test_a_reader_is_led_there_and_counted(visitor: Visitor) -> None:
    who, wire = mail_to(visitor, "ann@example.org", agrees=True)
    answer = visitor.get(led_by(wire)[AWAY], headers=READER)
    assert (answer.status_code, answer.headers["location"]) == (303, AWAY)
    assert answer.headers["cache-control"] == "no-store"
    later(visitor, SETTLES)
    visitor.ground.tick()
    assert tags(visitor, who) == {"curious"}


def test_the_webinar_link_counts_without_a_detour(visitor: Visitor) -> None:
    who, wire = mail_to(visitor, "ann@example.org", agrees=True)
    link = next(each for each in links_in(wire) if "/w/" in each and "s=" not in each).removeprefix(BASE)
    page = visitor.get(link, headers=READER)
    assert page.status_code == 200
    assert "ann@example.org" in page.text
    later(visitor, SETTLES)
    visitor.ground.tick()
    assert tags(visitor, who) == {"curious"}
    with visitor.ground.store.read() as work:
        assert [each.link for each in work.clicks_by(who)] == ["webinar:"]


def test_who_did_not_agree_leaves_no_trace_however_they_get_at_a_link(visitor: Visitor) -> None:
    who, wire = mail_to(visitor, "ann@example.org", agrees=True)
    no = ChoseClicks(who, noted=False, evidence=EVIDENCE)
    visitor.ground.engine.happen(no, visitor.ground.clock.now())
    before = dump(visitor.ground)
    for path in (*led_by(wire).values(), *paths_in(wire)):
        visitor.get(path, headers=READER)
    assert dump(visitor.ground) == before


def test_a_gateway_that_opens_every_link_twice_changes_nothing_but_its_own_counters(visitor: Visitor) -> None:
    who, wire = mail_to(visitor, "ann@example.org", agrees=True)
    before = dump(visitor.ground)
    found = {each.removeprefix(BASE) for each in links_in(wire) if each.startswith(BASE)} | set(paths_in(wire))
    assert len(found) > 8
    for _ in range(2):
        for method in ("GET", "HEAD"):
            for path in sorted(found):
                visitor.ask(method, path, headers=READER)
    after = dump(visitor.ground)
    assert {name: rows for name, rows in after.items() if name != "click"} == {
        name: rows for name, rows in before.items() if name != "click"
    }
    with visitor.ground.store.read() as work:
        noted = work.clicks_by(who)
    assert noted
    assert all(each.machines and each.seen_at is None for each in noted)
    later(visitor, timedelta(hours=1))
    visitor.ground.tick()
    assert tags(visitor, who) == frozenset()
    with visitor.ground.store.read() as work:
        assert [each.people for each in work.click_counts()] == [0]


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_link_says_the_same_to_everybody(visitor: Visitor, method: str) -> None:
    _, wire = mail_to(visitor, "ann@example.org", agrees=True)
    for agent in (READER, {"user-agent": "curl/8"}, {"user-agent": ""}):
        answer = visitor.ask(method, led_by(wire)[AWAY], headers=agent)
        assert (answer.status_code, answer.headers["location"]) == (303, AWAY)


def test_it_is_no_door_to_anywhere_else(visitor: Visitor) -> None:
    _, wire = mail_to(visitor, "ann@example.org", agrees=True)
    path = urlsplit(led_by(wire)[AWAY]).path
    token = path.removeprefix("/c/")
    mine = visitor.ground.project.keys
    before = dump(visitor.ground)
    forged = [
        f"{path}?to=https://evil.example/",
        f"{path}?to={quote(AWAY + 'x', safe='')}",
        f"{path}?to={quote(AWAY[:-1], safe='')}",
        f"{path}?to={quote(AWAY, safe='')}&to=https://evil.example/",
        f"{path}?to=",
        path,
        f"/c/{token[:-1]}A?to={quote(AWAY, safe='')}",
        f"/c/{token}A?to={quote(AWAY, safe='')}",
        f"/c/{mine.sign(Purpose.CLICK, 1)}?to={quote(AWAY, safe='')}",
        f"/c/{mine.sign(Purpose.BROWSER, 1, about=AWAY)}?to={quote(AWAY, safe='')}",
        f"/c/{mine.sign(Purpose.CLICK, 1, about='webinar:')}?to=webinar:",
        f"/c/{mine.sign(Purpose.CLICK, 1, about='javascript:alert(1)')}?to=javascript:alert(1)",
        f"/c/{mine.sign(Purpose.CLICK, 1, 2, about=AWAY)}?to={quote(AWAY, safe='')}",
    ]
    for each in forged:
        answer = visitor.get(each, headers=READER)
        assert answer.status_code == 404, each
        assert "location" not in answer.headers
    assert visitor.post(f"{path}?to={quote(AWAY, safe='')}").status_code == 405
    # A foreign token on the webinar's page shows the page, and counts nothing.
    webinar = re.sub(r"&c=[^&]*", f"&c={mine.sign(Purpose.BROWSER, 1)}", visitor.link(wire, "/w/"))
    assert visitor.get(webinar, headers=READER).status_code == 200
    assert dump(visitor.ground) == before


def test_a_header_cannot_be_broken_by_what_was_signed(visitor: Visitor) -> None:
    address = "https://example.com/ü\r\nSet-Cookie: a=b"
    token = visitor.ground.project.keys.sign(Purpose.CLICK, 1, about=address)
    answer = visitor.get(f"/c/{token}?to={quote(address, safe='')}", headers=READER)
    assert answer.headers["location"] == "https://example.com/%C3%BC%0D%0ASet-Cookie:%20a=b"


def test_the_mail_on_the_web_leads_straight_there(visitor: Visitor) -> None:
    _, wire = mail_to(visitor, "ann@example.org", agrees=True)
    page = visitor.get(visitor.link(wire, "/v/"), headers=READER).text
    assert "/c/" not in page
    assert "https://example.net/auto" in page
    assert "&amp;c=" not in page


def test_the_page_of_the_mail_alone_makes_nobody_a_machine_nor_counts_anybody(visitor: Visitor) -> None:
    who, wire = mail_to(visitor, "ann@example.org", agrees=True)
    visitor.get(visitor.link(wire, "/v/"), headers=READER)
    later(visitor, timedelta(seconds=30))
    visitor.get(led_by(wire)[AWAY], headers=READER)
    later(visitor, SETTLES)
    visitor.ground.tick()
    assert tags(visitor, who) == {"curious"}
    with visitor.ground.store.read() as work:
        assert {each.link for each in work.clicks_by(who)} == {OUR_PAGES, AWAY}
        assert [(each.people, each.machines) for each in work.click_counts()] == [(1, 0)]


def test_redirected_mail_leads_nobody_by_the_site(visitor: Visitor) -> None:
    from drip.engine.diversion import to_author
    from drip.engine.letters import Letters

    ground = visitor.ground
    ground.engine._letters = Letters(ground.engine.keys, to_author("author@example.com"))
    who = ground.join("ann@example.org")
    ground.engine.happen(ChoseClicks(who, noted=True, evidence=EVIDENCE), ground.clock.now())
    ground.tick()
    (wire,) = (each for each in ground.transport.sent if b"own-the-mistake" in each.data)
    assert led_by(wire) == {}


def test_a_mutant_that_takes_a_head_for_a_reader_is_found(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    who, wire = mail_to(visitor, "ann@example.org", agrees=True)
    visitor.ask("HEAD", led_by(wire)[AWAY], headers=READER)
    later(visitor, SETTLES)
    visitor.ground.tick()
    assert tags(visitor, who) == frozenset()
    monkeypatch.setattr(clicks, "why_machine", lambda method, headers: "")
    later(visitor, timedelta(minutes=5))
    visitor.ask("HEAD", led_by(wire)[AWAY], headers=READER)
    later(visitor, SETTLES)
    visitor.ground.tick()
    assert tags(visitor, who) == {"curious"}


# --- whether one agrees --------------------------------------------------------------------------------------------


def since(visitor: Visitor, who: SubscriberId) -> bool:
    with visitor.ground.store.read() as work:
        known = work.subscriber(who)
    assert known is not None
    return known.clicks_since is not None


@pytest.mark.parametrize(("form", "agreed"), [({}, False), ({"clicks": "yes"}, True), ({"clicks": "on"}, False)])
def test_the_box_is_ticked_by_whoever_holds_the_mailbox(visitor: Visitor, form: dict[str, str], agreed: bool) -> None:
    """Not in the form that anybody can fill in with any address, and never by us."""
    assert "which links" not in words(visitor.get("/s/job-seekers").text)
    visitor.sign_up("ann@example.org", clicks="yes")
    path = visitor.link(visitor.last_mail("ann@example.org"), "/confirm/")
    page = visitor.get(path).text
    assert "Yes, note which links in the mails I follow" in words(page)
    assert "checked" not in page
    assert "You’re confirmed" in visitor.post(path, form).text
    with visitor.ground.store.read() as work:
        (who,) = (each.id for each in work.subscribers())
        noted = [each for each in work.consents(who) if each.list == "clicks:"]
    assert since(visitor, who) is agreed
    assert [each.evidence.text[:36] for each in noted] == ["Yes, note which links in the mails I"] * agreed


def test_the_preferences_say_yes_and_no(visitor: Visitor) -> None:
    who, wire = mail_to(visitor, "ann@example.org", agrees=False)
    path = visitor.path("p", Purpose.PREFERENCES, who)
    before = dump(visitor.ground)
    assert "We do not note which links you follow" in words(visitor.get(path).text)
    visitor.get(f"{path}?clicks=yes")
    assert dump(visitor.ground) == before
    assert "Saved: we note which links you follow." in words(visitor.post(path, {"clicks": "yes"}).text)
    assert since(visitor, who)
    assert led_by(wire) == {}
    said = visitor.get(f"{path}/data.json").json()
    assert (said["clicks_noted_since"] is not None, said["clicks"]) == (True, [])
    assert "have forgotten those" in words(visitor.post(path, {"clicks": "no"}).text)
    assert not since(visitor, who)
    assert visitor.post(path, {"clicks": "maybe"}).status_code == 400


def test_a_download_has_the_clicks(visitor: Visitor) -> None:
    who, wire = mail_to(visitor, "ann@example.org", agrees=True)
    at = visitor.ground.clock.now()
    visitor.get(led_by(wire)[AWAY], headers=READER)
    later(visitor, SETTLES)
    visitor.ground.tick()
    (one,) = visitor.get(f"{visitor.path('p', Purpose.PREFERENCES, who)}/data.json").json()["clicks"]
    assert one == {
        "campaign": "six-deadly-mistakes",
        "post": "own-the-mistake",
        "link": AWAY,
        "clicked_at": at.isoformat(timespec="seconds"),
        "fetched_by_machines": 0,
    }


def test_where_nothing_is_counted_nobody_is_asked(tmp_path: Path, memory_store: Store) -> None:
    visitor = Visitor(open_applied(tmp_path / "project", memory_store))
    who, wire = mail_to(visitor, "ann@example.org", agrees=True)
    assert led_by(wire) == {}
    assert all("c=" not in each for each in links_in(wire))
    visitor.sign_up("ben@example.org")
    path = visitor.link(visitor.last_mail("ben@example.org"), "/confirm/")
    assert "which links" not in words(visitor.get(path).text)
    # Who agreed once can take it back all the same.
    assert "Stop, and forget them" in words(visitor.get(visitor.path("p", Purpose.PREFERENCES, who)).text)
