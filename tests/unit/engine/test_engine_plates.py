"""Messages from plates: whatever the post and whoever the reader, the bytes are those of the ordinary way."""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from drip.core.message import Wire
from drip.core.model import Campaign, Post, ProjectDefinition
from drip.core.records import (
    Delivery,
    DeliveryId,
    DeliveryState,
    Kind,
    Registration,
    RegistrationId,
    RegistrationState,
    Revision,
    RevisionId,
    Subscriber,
    SubscriberId,
)
from drip.engine import plates
from drip.engine.addressed import Addressed
from drip.engine.keys import Keys
from drip.engine.letters import Letters
from drip.engine.live import Edition, read_edition
from drip.engine.values import remaining_words
from drip.errors import DripError
from drip.project import read_tree
from tests.stages import HERE, START
from tests.unit.authoring.test_render_fuzz import FRAGMENTS, LAYOUTS, NAMES, SHEETS, URLS

KEYS = Keys.from_secret(b"a secret of sixteen bytes or more")
CAMPAIGN = "six-deadly-mistakes"


@functools.cache
def project() -> Edition:
    return read_edition(Revision(RevisionId(1), "", 1, "", START, read_tree(HERE)))


@functools.cache
def example() -> Edition:
    return read_edition(Revision(RevisionId(2), CAMPAIGN, 1, "", START, read_tree(HERE)))


def edition_of(post: Post, files: Mapping[str, str] | None = None, fields: Mapping[str, str] | None = None) -> Edition:
    """An edition of nothing but one post, in the worked example's webinar."""
    campaign = example().campaign
    assert campaign is not None
    alone: Campaign = replace(campaign, posts={post.name: post})
    definition: ProjectDefinition = example().definition
    if fields is not None:
        definition = replace(definition, fields={**definition.fields, **fields})
    files = example().revision.files if files is None else files
    return Edition(Revision(RevisionId(3), CAMPAIGN, 1, "", START, files), definition, alone)


def reader(
    number: int,
    post: str,
    fields: Mapping[str, str],
    *,
    zone: str | None = None,
    session: str = "",
    kind: Kind = Kind.BROADCAST,
    email: str = "",
) -> Addressed:
    """Somebody to whom the post is due."""
    registration = None
    if session:
        registration = Registration(
            RegistrationId(number + 7), SubscriberId(number), CAMPAIGN, session, RegistrationState.BOOKED, START
        )
    delivery = Delivery(
        DeliveryId(number + 3),
        f"occasion {number}",
        f"mailbox {number}",
        SubscriberId(number),
        CAMPAIGN,
        post,
        kind,
        DeliveryState.CLAIMED,
        START,
        START,
        RevisionId(3),
        list="job-seekers" if kind is Kind.BROADCAST else None,
        step=None if kind is Kind.BROADCAST else f"remind/{post}",
        registration_id=registration.id if registration else None,
    )
    subscriber = Subscriber(
        SubscriberId(number), email or f"r{number}@example.org", f"mailbox {number}", START, zone, fields
    )
    return Addressed(delivery, subscriber, registration)


def ordinary(edition: Edition, whole: Edition, addressed: Addressed) -> Wire:
    """The message by the ordinary way alone."""
    return Letters(KEYS)._compose(edition, whole, addressed, START)[0]


def outcome(work: Callable[[], Wire | None]) -> Wire | str | None:
    """What comes of it, or what is wrong."""
    try:
        return work()
    except DripError as error:
        return error.message


def compare(edition: Edition, readers: Sequence[Addressed], whole: Edition | None = None) -> int:
    """Sends to all readers with one set of plates; how many came from one. Everybody must get the ordinary bytes."""
    whole = whole or project()
    letters = Letters(KEYS)
    slow = Letters(KEYS)  # one for all, so that shapes are made once
    from_plates = 0
    for addressed in readers:
        expected = outcome(lambda addressed=addressed: slow._compose(edition, whole, addressed, START)[0])
        group = letters._group(edition, whole, addressed, START)
        plate = letters._plates.get(group) if group is not None else None
        if plate is not None:
            quick = outcome(
                lambda plate=plate, addressed=addressed: letters._from_plate(plate, whole, addressed, START)
            )
            from_plates += isinstance(quick, Wire)
            assert quick in (None, expected), addressed
        assert outcome(lambda addressed=addressed: letters.wire(edition, whole, addressed, START)) == expected
    assert not letters.differing
    return from_plates


def test_every_post_of_the_example_comes_from_a_plate() -> None:
    edition = example()
    assert edition.campaign is not None
    names = ["Ana", "José", "李雷", "Maria & Tom", "<Max>", "O’Neil", "", " Ann", "x\ny", "Ana", "a" * 300]
    for name in edition.campaign.posts:
        with_session = name in ("see-you-tomorrow", "starting-in-an-hour", "we-are-live")
        readers = [
            reader(
                100 + at,
                name,
                {"first_name": each},
                session="tuesday-noon" if with_session else "",
                kind=Kind.REMINDER if with_session else Kind.BROADCAST,
            )
            for at, each in enumerate(names)
        ]
        if name == "you-are-in":
            continue  # it has a calendar entry, and speaks of a session
        # The first two are the group's first; of the others these are odd: a blank at an edge, a line end.
        assert compare(edition, readers) == len(names) - 2 - 2, name


def test_readers_of_another_zone_session_list_or_length_of_id_share_no_plate() -> None:
    edition, rng = example(), random.Random(1)
    zones = [None, "Europe/Berlin", "Asia/Kathmandu"]
    sessions = ["tuesday-noon", "wednesday-evening"]
    readers = [
        reader(
            rng.choice([5, 100, 124, 126, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) + at % 3,
            "see-you-tomorrow",
            {"first_name": rng.choice(["Ana", "Bo", "李"])},
            zone=rng.choice(zones),
            session=rng.choice(sessions),
            kind=Kind.REMINDER,
        )
        for at in range(250)
    ]
    assert compare(edition, readers) > 80


def test_moments_share_a_plate_as_long_as_the_words_stay() -> None:
    edition, letters = example(), Letters(KEYS)
    starts = next(each.starts for each in edition.campaign.webinar.sessions if each.name == "tuesday-noon")  # type: ignore[union-attr]
    readers = [
        reader(200 + at, "starting-in-an-hour", {"first_name": "Ana"}, session="tuesday-noon", kind=Kind.REMINDER)
        for at in range(60)
    ]
    # 30 of them within half a second of each other, then one every ten seconds.
    moments = [starts - timedelta(minutes=59, seconds=20, milliseconds=15 * at) for at in range(30)]
    moments += [starts - timedelta(minutes=59) + timedelta(seconds=10 * at) for at in range(30)]
    for each, moment in zip(readers, moments, strict=True):
        made = letters.wire(edition, project(), each, moment)
        assert made == Letters(KEYS)._compose(edition, project(), each, moment.replace(microsecond=0))[0]
    minutes = {remaining_words(starts - moment.replace(microsecond=0)) for moment in moments}
    assert len(letters._plates._plates) == len(minutes) == 6


def test_a_session_that_has_begun_is_on_no_plate() -> None:
    edition, letters = example(), Letters(KEYS)
    starts = min(each.starts for each in edition.campaign.webinar.sessions)  # type: ignore[union-attr]
    readers = [reader(100 + at, "own-the-mistake", {"first_name": "Ana"}) for at in range(8)]
    for at, each in enumerate(readers):
        moment = starts + timedelta(seconds=at - 4)
        offered = letters.wire(edition, project(), each, moment).data.count(b"tuesday-noon")
        assert bool(offered) is (at < 4)


SEEDS = range(int(os.environ.get("DRIP_FUZZ_SEEDS", "3")))
"""Each is 176 messages. `make fuzz` makes 40,000."""


@pytest.mark.parametrize("seed", SEEDS)
def test_random_posts_for_hostile_readers(seed: int) -> None:
    dice = random.Random(seed)
    from_plates = 0
    for turn in range(16):
        fragments = [each for each in FRAGMENTS if "names" not in each]
        # Every other post is a simple one, or few would have a plate.
        is_simple = turn % 2 == 0
        body = "\n\n".join(dice.choice([*fragments, *OWN]) for _ in range(1 if is_simple else dice.randint(1, 3)))
        files = {
            "templates/letter.html": dice.choice(LAYOUTS[:2] if is_simple else LAYOUTS),
            "templates/letter.txt": "{{ body }}\n-- \n{{ name }}\n",
            "templates/letter.css": dice.choice(SHEETS),
            "templates/letter-head.css": "",
            "templates/inc.html": "<p>inc {{ name }}</p>",
            "templates/parts/sessions.html": "{% for s in sessions %}<p>{{ s.link }} {{ s.day }}</p>{% endfor %}",
            "templates/parts/sessions.txt": "{% for s in sessions %}- {{ s.day }} {{ s.link }}\n{% endfor %}",
        }
        subject = dice.choice(["About {{ name }}", "Fixed", "{{ name }}", "{{ url }} é {{ name }}"])
        post = Post("p", f"campaigns/{CAMPAIGN}/p.md", subject, dice.choice(["{{ name }}!", ""]), body)
        edition = edition_of(post, files, {"name": "somebody", "url": "https://x.example/"})
        readers = [
            reader(
                1000 + at, "p", {"name": dice.choice(NAMES), "url": dice.choice(URLS), "first_name": dice.choice(NAMES)}
            )
            for at in range(9)
        ]
        plain = [reader(2000 + at, "p", {"name": "Ana", "url": "https://x.example/a?b=c"}) for at in range(2)]
        from_plates += compare(edition, [*plain, *readers])
    assert from_plates > 3


OWN = (
    "Hi {{ name }}, [choose]({{ links.session('tuesday-noon') }}).",
    "{% if name %}{{ name }}{% endif %}{% if links.preferences and not list %}x{% endif %}",
    '<!--[if mso]><a href="{{ links.unsubscribe }}">{{ name }}</a><![endif]-->',
    "[a]({{ links.post('p') }}) [b]({{ links.browser }}&x={{ name }})",
    "{{ sessions[0].link }} {{ sessions|length }} {{ sessions|first }} {{ list.title }} {{ webinar.length }}",
    "{% for s in sessions if s.name != name %}{{ s.day }}{% endfor %}",
    "{% for s in sessions %}{{ loop.index }} [{{ s.day }}]({{ s.link }}){% if loop.last %}.{% endif %}{% endfor %}",
    "{% for name in sessions %}{{ name.day }}{% endfor %}{{ name }}",
    "{{ name if list else 'x' }} {{ 'a' if list else 'b' }}",
    "{{ links.unsubscribe|upper }}",
    "{% set link = links.browser %}{{ link }}",
    "{{ sessions|map(attribute='link')|join(' ') }}",
    "{{ email }} <{{ links.webinar }}>",
    "**[{{ name }}](webinar:)**",
    "{{ range(3)|length }}",
    "{{ post.subject }} {{ post.name }}",
    "{% if post.subject == 'About Ana' %}for Ana{% endif %}",
    "{% if name is defined %}{{ name }}{% endif %} {% if nickname is defined %}{{ nickname }}{% endif %}",
)


@pytest.mark.parametrize("body", OWN)
def test_what_a_post_may_do_with_what_is_a_readers_own(body: str) -> None:
    post = Post("p", f"campaigns/{CAMPAIGN}/p.md", "About {{ name }}", "", body)
    names = ["Ana", "Bo", "Ana", "李雷", 'a"b', "tuesday-noon", "", "AT&T", "Bo", "-", "a.b", ".", "=", "About Ana"]
    readers = [
        reader(500 + at, "p", {"name": each, **({"nickname": "Nick"} if at % 2 else {})})
        for at, each in enumerate(names)
    ]
    compare(edition_of(post, fields={"name": "somebody"}), readers)


@pytest.mark.parametrize(
    "body",
    [
        "{% if name == 'Ana' %}for Ana{% endif %}",
        "{{ name|title }}",
        "{{ name ~ '!' }}",
        "{% set x = name %}{{ x }}",
        "{% if (name|length) > 3 %}long{% endif %}",
        "{{ links.unsubscribe|length }}",
        "{% if sessions[0].link == name %}x{% endif %}",
        "{% include 'inc.html' %}",
        "{{ (name if list else name)|upper }}",
        "{% for c in name %}{{ c }}{% endfor %}",
    ],
)
def test_a_post_that_asks_what_is_a_readers_own_has_no_plate(body: str) -> None:
    post = Post("p", f"campaigns/{CAMPAIGN}/p.md", "About", "", body)
    files = {**example().revision.files, "templates/inc.html": "{{ name }}"}
    edition = edition_of(post, files, {"name": "somebody"})
    assert edition.press.compile(post).fields is None


def test_a_field_that_takes_the_place_of_an_offer_is_seen() -> None:
    # Without a webinar these names are not given, and a reader's field of that name stands in their place.
    post = Post(
        "p", f"campaigns/{CAMPAIGN}/p.md", "About", "", "Hi.{% if session %} You have {{ session }}.{% endif %}"
    )
    edition = edition_of(post)
    assert edition.campaign is not None
    edition = replace(edition, campaign=replace(edition.campaign, webinar=None))
    readers = [reader(300 + at, "p", {"session": "one"} if at == 4 else {}) for at in range(6)]
    assert compare(edition, readers) == 3


def test_many_letters_outside_ascii_may_turn_a_body_into_base64() -> None:
    post = Post("p", f"campaigns/{CAMPAIGN}/p.md", "About", "", "{{ name }}")
    names = ["Ana", "Bo", "李" * 30, "é" * 100, "李" * 299, "é" * 900, "Ana"]
    files = {
        **example().revision.files,
        "templates/letter.html": "<html><body>{{ body }} {{ name }}</body></html>\n",
        "templates/letter.txt": "{{ body }} {{ name }} and some more words\n",
        "templates/letter-head.css": "",
        "templates/letter.css": "",
    }
    readers = [reader(700 + at, "p", {"name": each}) for at, each in enumerate(names)]
    assert 1 <= compare(edition_of(post, files), readers) < 5


def test_a_plate_that_is_wrong_is_found_out() -> None:
    letters, edition = Letters(KEYS), example()
    readers = [reader(100 + at, "own-the-mistake", {"first_name": "Ana"}) for at in range(4)]
    for each in readers:
        letters.wire(edition, project(), each, START)
    (plate,) = letters._plates._plates.values()
    assert plate is not None
    group = next(iter(letters._plates._plates))
    letters._plates.put(group, replace(plate, pieces=(plate.pieces[0] + b" ", *plate.pieces[1:])))
    letters._filled[plate.compiled] = 1_000  # whose turn it is to be checked
    expected = ordinary(edition, project(), readers[3])
    assert letters.wire(edition, project(), readers[3], START) == expected
    assert letters.differing == {f"{CAMPAIGN}/own-the-mistake"}
    for _ in range(3):
        assert letters.wire(edition, project(), readers[3], START) == expected
    assert not letters._plates._plates


def test_no_plate_is_used_that_does_not_make_the_readers_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plates, "SAMPLE_SUBSCRIBER", plates.SAMPLE_DELIVERY)  # takes one number for another
    letters, edition = Letters(KEYS), example()
    for at in range(4):
        addressed = reader(100 + at, "own-the-mistake", {"first_name": "Ana"})
        assert letters.wire(edition, project(), addressed, START) == ordinary(edition, project(), addressed)
    assert [*letters._plates._plates.values()] == [None]


def test_plates_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plates, "PLATES_KEPT", 4)
    letters, edition = Letters(KEYS), example()
    zones = ["Europe/Berlin", "Asia/Kathmandu", "Asia/Tokyo", "UTC", "Europe/London", "Asia/Dubai", "America/Lima"]
    for at, zone in enumerate(each for each in zones for _ in range(2)):
        letters.wire(edition, project(), reader(100 + at, "own-the-mistake", {}, zone=zone), START)
    assert len(letters._plates._plates) == 4
    for at, zone in enumerate(zones):
        letters.wire(edition, project(), reader(200 + at, "last-seats", {}, zone=zone), START)
    assert len(letters._plates._met) <= 4
