"""Tests of a post on the real engine: one variant for each reader, kept whatever the weights become (rule 14)."""

from __future__ import annotations

from pathlib import Path

import pytest

from drip.authoring import check
from drip.cli.person import document_of, gather, lines_of
from drip.core.events import Unsubscribed
from drip.core.records import SubscriberId
from drip.core.variants import bucket_of
from drip.reports import status
from drip.store.store import Store
from tests.stages import EVIDENCE, Ground, open_ground

PLOT = "campaigns/six-deadly-mistakes/campaign.yaml"
POSTS = "campaigns/six-deadly-mistakes"
TEST = """- test: first-words
        variants:
          own-the-mistake: {}
          own-it: {}"""
READERS = [f"reader-{number}@example.org" for number in range(1, 13)]
FIRST, SECOND = "own-the-mistake", "own-it"


# SQLite in memory stands for SQLite: what a file adds is tested elsewhere.
pytestmark = pytest.mark.parametrize("store", ["memory", "postgresql"], indirect=True)


@pytest.fixture
def ground(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Ground:
    # Every mail filled and weighed at every edit is most of the time, and not the subject here.
    monkeypatch.setattr(check, "check_mails", lambda *_: ())
    monkeypatch.setattr(check, "CHECKS", ())
    ground = open_ground(tmp_path / "project", store)
    text = (ground.folder / POSTS / f"{FIRST}.md").read_text()
    (ground.folder / POSTS / f"{SECOND}.md").write_text(text.replace("subject: ", "subject: Own it. ", 1))
    ground.edit(PLOT, f"- send: {FIRST}", TEST.format(1, 1))
    ground.edit(PLOT, "stop: last session starts", "again: always")
    ground.apply()
    return ground


def weigh(ground: Ground, first: int, second: int, was: tuple[int, int] = (1, 1)) -> None:
    """Other weights, applied."""
    ground.edit(PLOT, TEST.format(*was), TEST.format(first, second))
    ground.apply()


def leave_and_return(ground: Ground, email: str, who: SubscriberId, moment: str) -> None:
    now = ground.at(moment)
    ground.engine.happen(Unsubscribed(who, EVIDENCE, list="job-seekers"), now)
    ground.join(email)
    ground.tick()


def test_rule_14_each_reader_gets_one_variant_by_their_bucket_and_it_is_recorded(ground: Ground) -> None:
    people = {email: ground.join(email) for email in READERS}
    ground.tick()
    for email, who in people.items():
        bucket = bucket_of("six-deadly-mistakes/invite/first-words", who)
        wanted = FIRST if bucket < 5_000 else SECOND
        assert ground.transport.posts(email) == [wanted]
        with ground.store.read() as work:
            assert work.variants_of(who) == {("six-deadly-mistakes", "invite/first-words"): (wanted, bucket)}
            delivery = work.deliveries(who)[0]
        assert (delivery.post, delivery.step) == (wanted, "invite/first-words")
        assert delivery.occasion == "six-deadly-mistakes/invite/first-words@first"
    subjects = {b"Own it." in wire.data.partition(b"\r\n\r\n")[0] for wire in ground.transport.sent}
    assert subjects == {True, False}


def test_rule_14_changed_weights_touch_only_those_who_have_no_variant(ground: Ground) -> None:
    people = {email: ground.join(email) for email in READERS[:6]}
    ground.tick()
    had = {email: ground.transport.posts(email) for email in people}
    assert {post for posts in had.values() for post in posts} == {FIRST, SECOND}
    weigh(ground, 1, 100)
    for email, who in people.items():
        leave_and_return(ground, email, who, "2026-11-24 15:00")
        assert ground.transport.posts(email) == had[email] * 2
    for email in READERS[6:]:
        ground.join(email)
    ground.tick()
    assert {post for email in READERS[6:] for post in ground.transport.posts(email)} == {SECOND}


def test_rule_14_a_variant_that_was_taken_out_gives_way_to_another(ground: Ground) -> None:
    people = {email: ground.join(email) for email in READERS}
    ground.tick()
    ground.edit(PLOT, f"          {SECOND}: 1", "          two-second-resume-fix: 1")
    ground.edit(PLOT, "      - send: two-second-resume-fix\n        when: 2 days later at 9:30\n", "")
    ground.apply()
    for email, who in people.items():
        first = ground.transport.posts(email)
        leave_and_return(ground, email, who, "2026-11-24 15:00")
        second = ground.transport.posts(email)[1:]
        assert second == first if first == [FIRST] else second[0] in (FIRST, "two-second-resume-fix")


def test_rule_14_nobody_gets_two_variants_whatever_is_edited_around_the_mail(ground: Ground) -> None:
    """Planned under one revision, weighed anew, renamed, ended: each reader has the mail once."""
    people = {email: ground.join(email) for email in READERS}
    ground.engine.tick(ground.clock.now(), limit=5)
    weigh(ground, 1, 100)
    ground.engine.tick(ground.clock.now(), limit=3)
    ground.edit(PLOT, "- test: first-words", "- was: first-words\n        test: opening")
    ground.apply()
    ground.engine.tick(ground.clock.now(), limit=2)
    test = "- was: first-words\n        test: opening\n        variants:\n"
    test += f"          {FIRST}: 1\n          {SECOND}: 100"
    ground.edit(PLOT, test, f"- was: [opening, first-words]\n        send: {SECOND}")
    ground.apply()
    ground.tick()
    assert [len(ground.transport.posts(email)) for email in people] == [1] * len(READERS)
    ground.counts_hold()


def test_rule_14_a_renamed_test_remembers_its_variants_without_was_for_ever(ground: Ground) -> None:
    people = {email: ground.join(email) for email in READERS[:6]}
    ground.tick()
    had = {email: ground.transport.posts(email) for email in people}
    ground.edit(PLOT, "- test: first-words", "- was: first-words\n        test: opening")
    ground.apply()
    ground.edit(PLOT, "- was: first-words\n        test: opening", "- test: opening")
    ground.edit(PLOT, f"          {SECOND}: 1", f"          {SECOND}: 100")
    ground.apply()
    for email, who in people.items():
        leave_and_return(ground, email, who, "2026-11-24 15:00")
        assert ground.transport.posts(email) == had[email] * 2


def test_why_log_and_status_tell_the_variants(ground: Ground) -> None:
    who = ground.join(READERS[0])
    bucket = bucket_of("six-deadly-mistakes/invite/first-words", who)
    told = f"variant {FIRST if bucket < 5_000 else SECOND}, bucket {bucket:,} of 10,000"
    now = ground.clock.now()

    def why(post: str | None) -> tuple[list[str], str]:
        with ground.store.read() as work:
            story = gather(ground.project, work, READERS[0], post, now)
        return [each for each in lines_of(story, post) if "first-words" in each], str(document_of(story))

    ahead, document = why(None)
    assert [told in each and "will" in each for each in ahead] == [True]
    assert "'variant': 'own-" in document
    ground.tick()
    for post in (None, "first-words", ground.transport.posts(READERS[0])[0]):
        behind, document = why(post)
        assert [told in each and "sent" in each for each in behind] == [True]
    with ground.store.read() as work:
        planned = [each for each in work.entries(subscriber_id=who) if each.kind == "delivery-planned"]
    assert told in planned[0].detail
    ground.register(READERS[0], "tuesday-noon")
    found = status.gather(ground.project, now)
    assert sum(each.sent for each in found.variants) == 1
    assert {each.goal for each in found.variants if each.sent} == {1}
    lines = [each for each in status.as_lines(found) if "first-words" in each]
    assert len(lines) == 2
    assert any(line.split()[-3:] == ["1", "1", "(100%)"] for line in lines)
