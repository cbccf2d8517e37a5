"""drip.yaml and campaign.yaml become the project and its campaigns, or problems, all of them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.authoring.definition import campaign_names, read_campaign, read_project
from drip.authoring.read_values import (
    Fault,
    is_address,
    is_loopback,
    read_mailbox,
    read_meeting_url,
    read_pace,
    read_quota,
    read_server,
    read_url,
    read_warm_up,
    read_zone,
)
from drip.core.model import (
    AgainKind,
    HasTag,
    Mailbox,
    Not,
    OptIn,
    ProjectDefinition,
    RelayKind,
    Tls,
    TriggerKind,
    Unit,
    Verb,
)

PROJECT = """\
name: Chameleon Resumes
url: https://mail.example.com/
address: Chameleon Resumes LLC, New York, USA   # printed in every mail
from: Lisa Rangel <lisa@example.com>
timezone: America/New_York
"""
CAMPAIGN = "title: Spring\n"
POST = "---\nsubject: S\npreview: P\n---\nHi\n"


def project(more: str = "", *, base: str = PROJECT) -> ProjectDefinition:
    definition, problems = read_project({"drip.yaml": base + more})
    assert definition is not None, problems
    return definition


def project_problems(text: str) -> list[str]:
    definition, problems = read_project({"drip.yaml": text})
    assert (definition is None) == any(each.rank.value == "error" for each in problems)
    return [each.name for each in problems if each.name != "no-relay"]


def campaign_files(text: str, *posts: str) -> dict[str, str]:
    return {"campaigns/spring/campaign.yaml": text} | {f"campaigns/spring/{name}.md": POST for name in posts}


LISTS = (
    "lists:\n  readers: {title: T, promise: P}\n  buyers: {title: T, promise: P, opt-in: single}\nfields:\n  city: ''\n"
)


def test_a_small_project_has_the_defaults() -> None:
    found = project()
    assert found.url == "https://mail.example.com"
    assert found.address == "Chameleon Resumes LLC, New York, USA"
    assert found.sender == Mailbox("Lisa Rangel", "lisa@example.com")
    assert found.bounces == "lisa@example.com"
    assert (found.layout, found.language, found.store) == ("letter", "en", "sqlite:///drip.db")
    assert (found.lists, found.relays, dict(found.fields)) == ((), (), {})


def test_lists_and_fields() -> None:
    found = project(LISTS)
    assert [each.opt_in for each in found.lists] == [OptIn.CONFIRMED, OptIn.SINGLE]
    assert dict(found.fields) == {"city": ""}


def test_an_address_on_several_lines_becomes_one() -> None:
    text = PROJECT.replace(
        "address: Chameleon Resumes LLC, New York, USA   # printed in every mail",
        "address: |\n  Chameleon Resumes LLC,\n  1 Example Street\n\n  USA",
    )
    assert project(base=text).address == "Chameleon Resumes LLC, 1 Example Street, USA"


@pytest.mark.parametrize(
    ("relay", "expected"),
    [
        ("server: smtp.example.net", ("smtp.example.net", 587, Tls.REQUIRED)),
        ("server: smtp.example.net:2525", ("smtp.example.net", 2525, Tls.REQUIRED)),
        ("server: smtp.example.net:465", ("smtp.example.net", 465, Tls.IMPLICIT)),
        ("{server: smtp.example.net, tls: implicit}", ("smtp.example.net", 465, Tls.IMPLICIT)),
        ("{server: 'smtp.example.net:465', tls: required}", ("smtp.example.net", 465, Tls.REQUIRED)),
        ("server: localhost:1025", ("localhost", 1025, Tls.OFF)),
        ("server: 127.0.0.1:1025", ("127.0.0.1", 1025, Tls.OFF)),
        ("server: '[::1]:1025'", ("::1", 1025, Tls.OFF)),
        ("{server: localhost, tls: required}", ("localhost", 587, Tls.REQUIRED)),
    ],
)
def test_relays_know_port_and_encryption(relay: str, expected: tuple[str, int, Tls]) -> None:
    (found,) = project(f"relays:\n  - {relay}\n").relays
    assert found.kind is RelayKind.SMTP
    assert (found.host, found.port, found.tls) == expected


def test_a_relay_with_everything() -> None:
    more = (
        "relays:\n  - server: smtp.example.net\n    user: lisa\n    password-env: SMTP\n"
        "    pace: 2 a second\n    lanes: 3\n"
        "  - folder: out/box\n"
    )
    server, folder = project(more).relays
    assert (server.user, server.password_env, server.pace_per_minute, server.lanes) == ("lisa", "SMTP", 120, 3)
    assert (folder.kind, folder.folder) == (RelayKind.FOLDER, "out/box")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: Chameleon Resumes\n", "", ["missing-key"]),
        ("name: Chameleon Resumes", "name:", ["empty-value"]),
        ("name: Chameleon Resumes", "nmae: Chameleon Resumes", ["unknown-key"]),
        ("name: Chameleon Resumes", "name: {a: b}", ["wrong-kind"]),
        ("name: Chameleon Resumes", "name: The #1 coach", ["dropped-text"]),
        ("name: Chameleon Resumes", 'name: "a\\nBcc: x"', []),
        ("name: Chameleon Resumes", 'name: "a\\x00b"', ["control-character"]),
        ("from: Lisa Rangel <lisa@example.com>", 'from: "Lisa\\r\\nBcc: <lisa@example.com>"', ["control-character"]),
        ("USA   # printed in every mail", "USA #1", ["dropped-text"]),
        ("address:", "adress:", ["unknown-key"]),
        ("timezone: America/New_York", "timezone: EST5", ["bad-zone"]),
        ("timezone: America/New_York", "timezone: ../../etc/passwd", ["bad-zone"]),
        ("timezone: America/New_York", "timezone: America", ["bad-zone"]),
        ("https://", "ftp://", ["bad-url"]),
        ("https://mail.example.com/", "http://localhost:8000", []),
        ("https://mail.example.com/", "mail.example.com", ["bad-url"]),
        ("https://mail.example.com/", "https://mail.example.com/?a", ["bad-url"]),
    ],
)
def test_faults_of_a_project_are_named_once(old: str, new: str, expected: list[str]) -> None:
    assert old in PROJECT
    assert project_problems(PROJECT.replace(old, new)) == expected


def test_a_missing_address_has_its_own_name() -> None:
    lines = [line for line in PROJECT.splitlines(keepends=True) if not line.startswith("address")]
    assert project_problems("".join(lines)) == ["missing-address"]
    assert project_problems("".join(lines) + "address:\n") == ["missing-address"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("relays: smtp.example.net\n", ["wrong-kind"]),
        ("relays:\n  - smtp.example.net\n", ["wrong-kind"]),
        ("relays:\n  - tls: off\n", ["bad-relay"]),
        ("relays:\n  - {server: smtp.example.net, user: a, password-file: b, password-env: c}\n", ["bad-relay"]),
        ("relays:\n  - {server: smtp.example.net, password-file: b}\n", ["bad-relay"]),
        ("relays:\n  - {server: smtp.example.net, password: hunter2}\n", ["secret-in-file"]),
        ("relays:\n  - {server: smtp.example.net, tls: off}\n", ["no-tls"]),
        ("relays:\n  - {server: smtp.example.net, lanes: 0}\n", ["bad-value"]),
        ("relays:\n  - {folder: outbox, user: lisa}\n", ["bad-relay"]),
        ("relays:\n  - {server: 'smtp.example.net:99999'}\n", ["bad-relay"]),
        ("store: mysql://x\n", ["bad-value"]),
        ("store: postgresql://drip:pw@host/db\n", ["password-in-url"]),
        ("store: postgresql://drip@host/db\n", []),
        ("lists:\n  Job Seekers: {title: T, promise: P}\n", ["bad-name"]),
        ("lists:\n  a: {title: T, promise: P, optin: single}\n", ["unknown-key"]),
        ("lists:\n  a:\n", ["empty-value"]),
        ("lists:\n", ["empty-value"]),
        ("lists: []\n", ["empty-value"]),
        ("lists: x\n", ["wrong-kind"]),
        ("fields:\n  session: x\n", ["clash-of-names"]),
        ("fields:\n  if: x\n", ["clash-of-names"]),
        ("fields:\n  First-Name: x\n", ["bad-name"]),
        ("secret: x\n", ["secret-in-file"]),
        ("layout: &a letter\nlanguage: *a\n", ["anchor", "anchor"]),
        ("- a\n", ["bad-yaml"]),
    ],
)
def test_faults_in_what_is_optional(more: str, expected: list[str]) -> None:
    assert project_problems(PROJECT + more) == expected


def test_all_faults_of_a_project_are_told_at_once() -> None:
    text = "url: x\nfrom: y\ntimezone: z\nlists:\n  A: {title: ''}\nrelays: [a, {server: ':'}]\nstore: w\n"
    found = project_problems(text)
    assert sorted(found) == sorted(
        ["missing-key", "missing-address", "bad-url", "bad-address", "bad-zone", "bad-name", "empty-value",
         "missing-key", "wrong-kind", "bad-relay", "bad-value"]
    )  # fmt: skip


def test_no_project_file() -> None:
    definition, problems = read_project({})
    assert definition is None
    assert [each.name for each in problems] == ["missing-file"]


@pytest.mark.parametrize(
    "text", ["a@b.co", "o'neil+tag@sub.example.com", "jürgen@example.com", "x@localhost", "x@müller.de"]
)
def test_good_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    ["", "a", "@b.co", "a@", "a@b", "a b@c.de", "a@b..co", ".a@b.co", "a..b@c.de", "a@-b.co", "a@b.co\n", "a@b@c.de",
     "a@b.co, d@e.fr", "<a@b.co>", "a" * 65 + "@b.co", "a@" + "b" * 260 + ".co", "a\x00@b.co"],
)  # fmt: skip
def test_bad_addresses(text: str) -> None:
    assert not is_address(text)


def test_mailboxes() -> None:
    assert read_mailbox('"Rangel, Lisa" <lisa@example.com>') == Mailbox("Rangel, Lisa", "lisa@example.com")
    assert read_mailbox("lisa@example.com") == Mailbox("", "lisa@example.com")
    for bad in ("Lisa", "Lisa <lisa>", "Lisa <a@b.co", "A <a@b.co> B", "<>", "a@b.co, c@d.co"):
        with pytest.raises(Fault):
            read_mailbox(bad)


@pytest.mark.parametrize(
    "text",
    ["", "https://", "https:///x", "https://a b.co", "https://user:pw@a.co", "https://a.co#x", "javascript:alert(1)",
     "https://[::1", "https://a.co:99999", "https://a.co/\x00", 'https://a.co/"onclick', "//a.co", "http://a.co"],
)  # fmt: skip
def test_bad_urls(text: str) -> None:
    with pytest.raises(Fault):
        read_url(text)


def test_good_urls() -> None:
    assert read_url("https://a.co/news/") == "https://a.co/news"
    assert read_url("http://127.0.0.1:8000") == "http://127.0.0.1:8000"
    assert read_meeting_url("https://m.co/{session}?pwd=1#x") == "https://m.co/{session}?pwd=1#x"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.8.8", "::1", "drip.localhost"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", "", "notlocalhost"])
def test_other_machines(host: str) -> None:
    assert not is_loopback(host)


def test_quotas_warm_ups_weights_and_paces_of_domains() -> None:
    relays = (
        "relays:\n  - server: a.example.net\n    quota: 5000 a day\n    warm-up: 50 a day, doubling\n    weight: 3\n"
        "  - folder: outbox\n    quota: 9 per day\n"
    )
    read = project(relays + "pace:\n  gmail.com: 20 a minute\n  gmx.co.uk: 2 a second\n")
    first, second = read.relays
    assert (first.quota, first.warm_up, first.weight) == (5000, 50, 3)
    assert (second.quota, second.warm_up, second.weight) == (9, None, None)
    assert dict(read.paces) == {"gmail.com": 20, "gmx.co.uk": 120}
    for reader, bad in (
        (read_quota, "50"),
        (read_quota, "0 a day"),
        (read_quota, "5 a month"),
        (read_warm_up, "50 a day"),
    ):
        with pytest.raises(Fault, match="is not a") as caught:
            reader(bad)
        assert "a day" in caught.value.advice
    wrong = "relays:\n  - folder: outbox\n    quota: many\n    weight: none\n"
    wrong += "pace:\n  gmail.com: fast\n  Not_A_Domain: 1 a minute\n"
    assert sorted(project_problems(PROJECT + wrong)) == ["bad-name", "bad-relay", "bad-value", "bad-value"]


def test_paces() -> None:
    assert [read_pace(each) for each in ("120 a minute", "2 per second", "3600 an hour")] == [120, 120, 60]
    for bad in ("120", "0 a minute", "30 an hour", "fast", "1 a day", "-1 a minute"):
        with pytest.raises(Fault):
            read_pace(bad)


def test_zones_are_told_apart_from_folders_and_files() -> None:
    assert read_zone("Europe/Berlin") == "Europe/Berlin"
    assert read_zone("UTC") == "UTC"
    for bad in ("", "america/new_york", "Europe", "/etc/localtime", "x" * 300, "Europe/Berlin\x00", "tzdata.zi"):
        with pytest.raises(Fault):
            read_zone(bad)


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_values_never_raise_but_faults(text: str) -> None:
    for read in (read_mailbox, read_url, read_meeting_url, read_zone, read_server, read_pace):
        with contextlib.suppress(Fault):
            assert read(text) is not None


PLOT = """\
title: Spring
from: Ann <ann@example.com>
timezone: Europe/Berlin
webinar:
  title: W
  length: 90 minutes
  seats: 100
  join: https://meet.example.com/{session}
  sessions:
    noon: 2026-12-08 12:00
    eve:  2026-12-09 19:00
sequences:
  invite:
    start: joins readers
    goal: registers
    stop: last session starts
    hours: weekdays 8:00-18:00
    again: always
    late: 2 days
    steps:
      - send: one
        when: at once
      - send: two
        when: 2 days later at 9:30
        if: not tag vip
      - send: three
        when: 1 week later
        late: 6 hours
      - tag: warm
        when: at once
      - join: buyers
        when: at once
      - notify: A reader went through  # to me
        when: at once
broadcasts:
  - send: two
    to: readers
    where: field city is Berlin or on buyers
    when: 2026-12-01 09:00 reader's time
    late: 3 hours
"""


def test_a_campaign_is_read() -> None:
    campaign, problems = read_campaign(campaign_files(PLOT, "one", "two", "three"), "spring", project(LISTS))
    assert problems == []
    assert campaign is not None
    assert (campaign.title, campaign.timezone, campaign.sender) == (
        "Spring",
        "Europe/Berlin",
        Mailbox("Ann", "ann@example.com"),
    )
    webinar = campaign.webinar
    assert webinar is not None
    assert (webinar.length, webinar.seats) == (timedelta(minutes=90), 100)
    noon = webinar.sessions[0]
    assert noon.starts == datetime(2026, 12, 8, 11, 0, tzinfo=UTC)
    assert noon.ends == datetime(2026, 12, 8, 12, 30, tzinfo=UTC)
    assert (noon.wall, noon.zone) == ("2026-12-08 12:00", "Europe/Berlin")
    (sequence,) = campaign.sequences
    assert sequence.start.kind is TriggerKind.JOINS
    assert sequence.again.kind is AgainKind.ALWAYS
    assert sequence.hours is not None
    assert sequence.hours.opens == time(8)
    assert [(step.verb, step.target) for step in sequence.steps] == [
        (Verb.SEND, "one"), (Verb.SEND, "two"), (Verb.SEND, "three"), (Verb.TAG, "warm"), (Verb.JOIN, "buyers"),
        (Verb.NOTIFY, "A reader went through"),
    ]  # fmt: skip
    one, two, three = sequence.steps[:3]
    assert (one.late, two.late, three.late) == (None, timedelta(days=2), timedelta(hours=6))
    assert (two.when.unit, two.when.clock) == (Unit.DAYS, time(9, 30))
    assert two.condition is not None
    assert two.condition.term == Not(HasTag("vip"))
    (broadcast,) = campaign.broadcasts
    assert (broadcast.post, broadcast.list, broadcast.late) == ("two", "readers", timedelta(hours=3))
    assert sorted(campaign.posts) == ["one", "three", "two"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("joins readers", "joins reader", ["unknown-list"]),
        ("join: buyers", "join: byers", ["unknown-list"]),
        ("to: readers", "to: reader", ["unknown-list"]),
        ("on buyers", "on byers", ["unknown-list"]),
        ("field city", "field town", ["unknown-field"]),
        ("send: one", "send: won", ["unknown-post"]),
        ("send: one", "send: One", ["unknown-post"]),
        ("not tag vip", "clicked won", ["unknown-post"]),
        ("goal: registers", "goal: clicks won", ["unknown-post"]),
        ("tag: warm", "tag: Warm Lead", ["bad-name"]),
        ("noon: 2026-12-08 12:00", "noon: 2026-12-08 noon", ["bad-phrase"]),
        ("noon: 2026-12-08 12:00", "noon: 2027-03-28 02:30", ["session-in-gap"]),
        ("noon: 2026-12-08 12:00", "noon: 2026-10-25 02:30", ["session-in-overlap"]),
        ("noon: 2026-12-08 12:00", "noon: [12]", ["wrong-kind"]),
        ("timezone: Europe/Berlin", "timezone: Berlin", ["bad-zone"]),
        ("length: 90 minutes", "length: 90", ["bad-phrase"]),
        ("length: 90 minutes", "lenght: 90 minutes", ["unknown-key"]),
        ("length: 90 minutes\n", "seat: 5\n", ["duplicate-key"]),
        ("again: always", "again: sometimes", ["bad-phrase"]),
        ("hours: weekdays 8:00-18:00", "hours: 9:30", ["bad-phrase"]),
        ("      - send: one\n        when: at once\n", "      - send: one\n", ["missing-key"]),
        ("      - send: one\n        when: at once\n", "      - when: at once\n", ["step-verb"]),
        ("      - send: one\n", "      - send: one\n        tag: x\n", ["step-verb"]),
        ("      - send: one\n        when: at once\n", "      - send:\n        when: at once\n", ["empty-value"]),
        ("when: at once\n      - send: two", "when: 2026-12-01 9:00\n      - send: two", ["misplaced-when"]),
        ("when: 2026-12-01 09:00 reader's time", "when: 2 days later", ["misplaced-when"]),
        ("title: Spring", "title: The #1 mistake", ["dropped-text"]),
        ("notify: A reader went through  #", "notify: A reader went through #", []),
        ("title: Spring", "title: Spring\npriority: high", ["unknown-key"]),
    ],
)
def test_faults_of_a_campaign_are_named_once(old: str, new: str, expected: list[str]) -> None:
    assert old in PLOT
    if expected == ["duplicate-key"]:
        new = "title: again\n  length: 90 minutes\n"
    files = campaign_files(PLOT.replace(old, new, 1), "one", "two", "three")
    campaign, problems = read_campaign(files, "spring", project(LISTS))
    assert [each.name for each in problems] == expected
    assert (campaign is None) == bool(expected)


def test_a_broken_part_hides_nothing_elsewhere() -> None:
    text = (
        PLOT.replace("joins readers", "join readers")
        .replace("1 week later", "1 wek later")
        .replace("send: two", "send: tow")
    )
    files = campaign_files(text, "one", "three") | {"campaigns/spring/two.md": "no front matter"}
    campaign, problems = read_campaign(files, "spring", project(LISTS))
    assert campaign is None
    assert sorted(each.name for each in problems) == sorted(
        ["bad-phrase", "bad-phrase", "unknown-post", "unknown-post", "no-front-matter"]
    )


def test_a_campaign_without_its_file_and_one_that_cannot_be_read() -> None:
    files = {
        "campaigns/a/x.md": POST,
        "campaigns/b/campaign.yaml": "title: [",
        "campaigns/b/y.md": "none",
        "campaigns/README.md": "",
    }
    assert campaign_names(files) == ["a", "b"]
    assert [each.name for each in read_campaign(files, "a", project())[1]] == ["missing-file"]
    assert [each.name for each in read_campaign(files, "b", project())[1]] == ["no-front-matter", "bad-yaml"]


def test_notes_in_a_readme_are_not_posts() -> None:
    files = campaign_files(CAMPAIGN) | {"campaigns/spring/README.md": "notes", "campaigns/notes/README.md": "x"}
    assert campaign_names(files) == ["spring"]
    campaign, problems = read_campaign(files, "spring", project())
    assert problems == []
    assert campaign is not None
    assert dict(campaign.posts) == {}


def test_names_of_folders_and_posts_are_judged() -> None:
    files = {"campaigns/Spring Sale/campaign.yaml": CAMPAIGN, "campaigns/Spring Sale/My Post.md": POST}
    assert [each.name for each in read_campaign(files, "Spring Sale", project())[1]] == ["bad-name", "bad-name"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [("", (None, 10)), ("reserve: 25 %", (None, 25)), ("reserve: 0%", (None, 0)), ("reserve: 200 a day", (200, 0))],
)
def test_a_part_of_a_relays_day_is_kept(said: str, kept: tuple[int | None, int]) -> None:
    (found,) = project(f"relays:\n  - folder: outbox\n    quota: 5000 a day\n    {said}\n").relays
    assert (found.reserve, found.reserve_percent) == kept
