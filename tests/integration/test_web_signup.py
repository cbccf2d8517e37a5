"""Signing up and confirming, as a browser sees it, and what is kept as evidence."""

from __future__ import annotations

import contextlib
import email
import email.policy
import html
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drip.core.events import AskedToJoin, Scope, Unsubscribed
from drip.core.links import Purpose
from drip.core.records import ConsentKind, Subscriber, SubscriptionState
from drip.engine.values import confirm_expiry
from drip.store.store import Store, open_store
from tests.stages import EVIDENCE, Ground, open_ground
from tests.visitors import Visitor, dump, open_applied, words

WRONG_ADDRESSES = (
    "",
    "   ",
    "ann",
    "ann@",
    "@example.org",
    "ann@example",
    "a b@example.org",
    "ann@example.org\nBcc: eve@example.org",
    "ann@example.org, eve@example.org",
    "Ann <ann@example.org>",
    "postmaster@example.org",
    "a" * 65 + "@example.org",
    "ann@exa\x00mple.org",
    "ann@exa\ufffdmple.org",
    "ann@[127.0.0.1]",
    "x" * 3000 + "@example.org",
)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """One visitor for all tests here that leave everything as it is."""
    with contextlib.closing(open_store("sqlite:///:memory:", root=Path("/"))) as opened:
        opened.create_or_check()
        yield Visitor(open_applied(tmp_path_factory.mktemp("still") / "project", opened))


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return open_applied(tmp_path / "project", memory_store)


@pytest.fixture
def visitor(ground: Ground) -> Visitor:
    return Visitor(ground)


@pytest.fixture
def disk_visitor(tmp_path: Path, disk_store: Store) -> Visitor:
    """On SQLite and on PostgreSQL."""
    return Visitor(open_ground(tmp_path / "project", disk_store))


def find(ground: Ground, address: str) -> Subscriber | None:
    with ground.store.read() as work:
        return work.subscriber_by_mailbox(ground.project.keys.mailbox_of(address))


def state_of(ground: Ground, address: str) -> SubscriptionState:
    known = find(ground, address)
    assert known is not None
    with ground.store.read() as work:
        return work.subscriptions(known.id)[0].state


def test_from_the_form_to_the_list(disk_visitor: Visitor) -> None:
    visitor = disk_visitor
    form = visitor.get("/s/job-seekers")
    assert 'autocomplete="email"' in form.text
    assert 'autocomplete="given-name"' in form.text
    assert "placeholder" not in form.text
    assert visitor.sign_up("Ann@Example.org", first_name=" Ann\u200b ").status_code == 200
    assert state_of(visitor.ground, "ann@example.org") is SubscriptionState.PENDING
    confirm = visitor.link(visitor.last_mail("Ann@example.org"), "/confirm/")
    page = visitor.get(confirm)
    assert page.status_code == 200
    assert page.text.count("<button") == 1
    assert state_of(visitor.ground, "ann@example.org") is SubscriptionState.PENDING
    done = visitor.post(confirm)
    assert done.status_code == 200
    assert "You’re confirmed" in done.text
    assert "/w/six-deadly-mistakes" in done.text  # the thank-you page leads on
    assert state_of(visitor.ground, "ann@example.org") is SubscriptionState.ACTIVE
    known = find(visitor.ground, "ann@example.org")
    assert known is not None
    assert dict(known.fields) == {"first_name": "Ann"}


def test_the_evidence_is_the_sentence_that_was_shown(visitor: Visitor) -> None:
    page = html.unescape(visitor.get("/s/job-seekers").text)
    visitor.post(
        "/s/job-seekers", {"email": "ann@example.org"}, headers={"User-Agent": "Mozilla/5.0 \x7f<b>(X11)" + "y" * 999}
    )
    confirm = visitor.link(visitor.last_mail("ann@example.org"), "/confirm/")
    shown = html.unescape(visitor.get(confirm).text)
    visitor.post(confirm)
    known = find(visitor.ground, "ann@example.org")
    assert known is not None
    with visitor.ground.store.read() as work:
        asked, confirmed = work.consents(known.id)
    assert (asked.kind, confirmed.kind) == (ConsentKind.ASKED, ConsentKind.CONFIRMED)
    assert asked.evidence.text in page
    assert "One letter a week about résumés, interviews and salary" in asked.evidence.text
    assert confirmed.evidence.text in shown
    assert asked.evidence.where == "/s/job-seekers"
    assert confirmed.evidence.where == "/confirm"  # and not the token, which is a key
    assert asked.evidence.ip == "203.0.113.9"
    assert asked.evidence.agent.startswith("Mozilla/5.0 <b>(X11)yyy")
    assert len(asked.evidence.agent) == 300


def test_a_later_wording_leaves_the_old_evidence(visitor: Visitor) -> None:
    visitor.sign_up("ann@example.org")
    visitor.ground.edit("drip.yaml", "One letter a week", "A daily letter")
    visitor.ground.apply()
    known = find(visitor.ground, "ann@example.org")
    assert known is not None
    with visitor.ground.store.read() as work:
        assert "One letter a week" in work.consents(known.id)[0].evidence.text


def test_the_answer_is_the_same_for_every_address(disk_visitor: Visitor) -> None:
    visitor = disk_visitor
    ground = visitor.ground
    ground.join("active@example.org")
    visitor.sign_up("pending@example.org")
    ground.join("gone@example.org")
    gone = find(ground, "gone@example.org")
    assert gone is not None
    ground.engine.happen(Unsubscribed(gone.id, EVIDENCE, Scope.EVERYTHING), ground.clock.now())
    keys = ground.project.keys
    with ground.store.write() as work:
        work.suppress(keys.mailbox_of("suppressed@example.org"), "complaint", ground.clock.now())
    people = ["new@example.org", "active@example.org", "pending@example.org", "gone@example.org"]
    people += ["suppressed@example.org", "ACTIVE@EXAMPLE.ORG", "not an address"]
    for ask in (visitor.sign_up, visitor.register):
        answers = [ask(each) for each in people[:-1]] + [ask(people[-1], website="http://bot")]
        assert {each.status_code for each in answers} == {200}
        assert len({each.content for each in answers}) == 1
        assert len({tuple(each.headers.items()) for each in answers}) == 1
    ground.tick()
    posts = {each: ground.transport.posts(each) for each in people}
    assert posts["new@example.org"] == ["confirm-subscription", "confirm-registration"]
    assert posts["active@example.org"][:1] == ["already-subscribed"]
    assert posts["suppressed@example.org"] == []


def test_a_bot_that_fills_in_the_trap_is_thanked_and_forgotten(still: Visitor) -> None:
    before = dump(still.ground)
    assert "Check your inbox" in still.sign_up("ann@example.org", website="https://x.example").text
    assert "Check your inbox" in still.register("ann@example.org", website="https://x.example").text
    assert dump(still.ground) == before


@pytest.mark.parametrize("address", WRONG_ADDRESSES)
def test_a_wrong_address_is_shown_again_with_what_is_wrong(still: Visitor, address: str) -> None:
    before = dump(still.ground)
    answer = still.sign_up(address, first_name="Zoë")
    assert answer.status_code == 422
    text = answer.text
    assert re.search(r'class="faults" role="alert" tabindex="-1" autofocus', text)
    assert '<a href="#email">' in text
    assert re.search(r'<input id="email"[^>]*aria-invalid="true" aria-describedby="email-fault"', text)
    assert 'id="email-fault"' in text
    assert 'value="Zoë"' in text
    assert "<title>Please look again" in text
    assert dump(still.ground) == before


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ann", "Ann"),
        ("  Ann   Lee ", "Ann Lee"),
        ("Ann\r\nBcc: eve", "Ann Bcc: eve"),
        ("Ann\x00\x1b[31m", "Ann[31m"),
        ("Ann\u202egnp.exe", "Anngnp.exe"),
        ("Jean-François", "Jean-François"),
        ("محمد", "محمد"),
        ("St. John", "St. John"),
        ("J.R.", "J.R."),
        ("Visit http://evil.example", ""),
        ("www.evil.example", ""),
        ("evil.com now", ""),
        ("win@evil.example", ""),
        ("x" * 81, ""),
        ("", ""),
    ],
)
def test_a_name_is_cleaned_and_an_advertisement_is_dropped(
    tmp_path: Path, memory_store: Store, typed: str, kept: str
) -> None:
    ground = open_applied(tmp_path / "project", memory_store)
    visitor = Visitor(ground)
    visitor.sign_up("ann@example.org", first_name=typed)
    known = find(ground, "ann@example.org")
    assert known is not None
    assert known.fields.get("first_name", "") == ("" if "gnp.exe" in kept else kept)
    wire = visitor.last_mail("ann@example.org")
    message = email.message_from_bytes(wire.data, policy=email.policy.default)
    assert message["Bcc"] is None
    assert message["To"].addresses[0].addr_spec == "ann@example.org"


def test_the_zone_of_the_form_is_kept_if_it_is_one(visitor: Visitor) -> None:
    visitor.sign_up("ann@example.org", tz="Europe/Berlin")
    visitor.sign_up("bob@example.org", tz="../../etc/passwd")
    ann, bob = find(visitor.ground, "ann@example.org"), find(visitor.ground, "bob@example.org")
    assert ann is not None
    assert bob is not None
    assert (ann.zone, bob.zone) == ("Europe/Berlin", None)
    assert 'name="tz" value="Asia/Tokyo"' in visitor.get("/s/job-seekers?tz=Asia/Tokyo").text
    assert 'name="tz" value=""' in visitor.get("/s/job-seekers?tz=Mars/Base").text


def test_a_form_cannot_set_what_it_does_not_ask_for(visitor: Visitor) -> None:
    visitor.sign_up("ann@example.org", state="active", left_at="", id="1", fields="x", list="other", last_name="Lee")
    known = find(visitor.ground, "ann@example.org")
    assert known is not None
    assert dict(known.fields) == {}
    assert state_of(visitor.ground, "ann@example.org") is SubscriptionState.PENDING


def test_a_form_never_changes_what_is_known_about_somebody(visitor: Visitor) -> None:
    visitor.ground.join("ann@example.org", fields={"first_name": "Ann"})
    visitor.sign_up("ann@example.org", first_name="Evil", tz="Asia/Tokyo")
    known = find(visitor.ground, "ann@example.org")
    assert known is not None
    assert (known.fields["first_name"], known.zone) == ("Ann", None)


def test_a_list_without_confirmation_promises_no_mail(visitor: Visitor) -> None:
    visitor.ground.edit("drip.yaml", "opt-in: confirmed", "opt-in: single")
    visitor.ground.apply()
    assert "We will first send you one mail" not in visitor.get("/s/job-seekers").text
    first, again = visitor.sign_up("ann@example.org"), visitor.sign_up("ann@example.org")
    assert "You are on the list" in words(first.text)
    assert first.content == again.content
    assert state_of(visitor.ground, "ann@example.org") is SubscriptionState.ACTIVE


# --- confirming ------------------------------------------------------------------------------------------------


def asked(visitor: Visitor) -> str:
    visitor.sign_up("ann@example.org")
    return visitor.link(visitor.last_mail("ann@example.org"), "/confirm/")


def test_confirming_twice_is_the_same_as_once(visitor: Visitor) -> None:
    confirm = asked(visitor)
    visitor.post(confirm)
    before = dump(visitor.ground)
    assert "You’re confirmed" in visitor.post(confirm).text
    assert "You’re confirmed" in visitor.get(confirm).text
    assert dump(visitor.ground) == before


def test_a_second_visit_is_never_told_that_the_link_is_too_old(visitor: Visitor) -> None:
    confirm = asked(visitor)
    visitor.post(confirm)
    visitor.ground.clock.set(visitor.ground.clock.now() + timedelta(days=300))
    assert "You’re confirmed" in visitor.get(confirm).text


def test_a_link_works_for_seven_days_and_then_says_what_to_do(visitor: Visitor) -> None:
    confirm = asked(visitor)
    visitor.ground.at("2026-11-30 23:59")
    assert visitor.get(confirm).status_code == 200
    visitor.ground.at("2026-12-01 00:00")
    before = dump(visitor.ground)
    for answer in (visitor.get(confirm), visitor.post(confirm)):
        assert answer.status_code == 410
        assert 'href="/s/job-seekers"' in answer.text
    assert dump(visitor.ground) == before


def test_the_later_no_wins_over_the_earlier_yes(visitor: Visitor) -> None:
    confirm = asked(visitor)
    visitor.post(confirm)
    known = find(visitor.ground, "ann@example.org")
    assert known is not None
    visitor.ground.engine.happen(Unsubscribed(known.id, EVIDENCE), visitor.ground.clock.now())
    assert visitor.post(confirm).status_code == 410
    assert state_of(visitor.ground, "ann@example.org") is SubscriptionState.ENDED


def test_a_forged_or_cut_token_says_what_to_do(visitor: Visitor) -> None:
    confirm = asked(visitor)
    for wrong in (
        confirm[:-1],
        confirm + "A",
        "/confirm/" + confirm.removeprefix("/confirm/").swapcase(),
        "/confirm/x",
        "/confirm/" + "A" * 34,
    ):
        answer = visitor.post(wrong)
        assert answer.status_code == 404
        assert "/s/job-seekers" in answer.text
    assert state_of(visitor.ground, "ann@example.org") is SubscriptionState.PENDING


def test_the_token_of_a_list_that_is_gone_is_nothing(visitor: Visitor) -> None:
    token = visitor.path("confirm", Purpose.CONFIRM, 99, confirm_expiry(visitor.ground.clock.now()))
    assert visitor.post(token).status_code == 404


def test_mails_that_a_page_causes_leave_at_once(ground: Ground) -> None:
    kicks: list[datetime] = []
    visitor = Visitor(ground, kick=lambda: kicks.append(datetime.now(UTC)))
    visitor.get("/s/job-seekers")
    assert kicks == []
    visitor.sign_up("ann@example.org")
    assert len(kicks) == 1
    confirm = visitor.link(visitor.last_mail("ann@example.org"), "/confirm/")
    visitor.post(confirm)
    assert len(kicks) == 2
    # A known address causes no other mail, but it must not be seen from outside which it was.
    visitor.sign_up("ann@example.org")
    assert len(kicks) == 3


def test_forty_sign_ups_at_once_for_one_address_are_one_mail(disk_visitor: Visitor) -> None:
    visitor = disk_visitor
    failures: list[BaseException] = []

    def attempt(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    crowd = [threading.Thread(target=attempt, args=(lambda: visitor.sign_up("ann@example.org"),)) for _ in range(40)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()
    assert failures == []
    visitor.ground.tick()
    assert visitor.ground.transport.posts("ann@example.org") == ["confirm-subscription"]


def test_the_page_and_a_program_speak_to_the_same_engine(visitor: Visitor) -> None:
    event = AskedToJoin("ann@example.org", "job-seekers", EVIDENCE)
    visitor.ground.engine.happen(event, visitor.ground.clock.now())
    confirm = visitor.link(visitor.last_mail("ann@example.org"), "/confirm/")
    visitor.post(confirm)
    assert state_of(visitor.ground, "ann@example.org") is SubscriptionState.ACTIVE
