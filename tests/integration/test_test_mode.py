"""Test mode and proofs: no reader gets any mail, whatever kind it is, and what is written down is as ever."""

from __future__ import annotations

import asyncio
import email
import email.message
import email.policy
import re
from dataclasses import replace
from pathlib import Path

import pytest

from drip.core.delivery import Blame, DeliveryState, Outcome, OutcomeKind
from drip.core.events import AddedByAuthor, AskedToJoin, AskedToRegister, JoinedSession
from drip.core.message import Wire
from drip.core.records import EnrollmentState, Kind
from drip.engine.diversion import OnlyTo
from drip.engine.letters import Letters
from drip.engine.preview import choose
from drip.engine.proof import make_proof
from drip.project import open_project
from drip.store.store import Store
from tests.stages import EVIDENCE, START, Ground, ScriptedTransport, copy_example

ME = "me@example.com"


def open_tested(folder: Path, store: Store) -> Ground:
    """The worked example, applied, with test mode on."""
    ground = Ground(folder, store)
    with (ground.folder / "drip.yaml").open("a", encoding="utf-8") as file:
        file.write(f"test-mode: {ME}\n")
    ground.project.definition = open_project(ground.folder, clock=ground.clock).definition
    ground.engine.definition = ground.project.definition
    ground.apply()
    return ground


@pytest.fixture
def ground(tmp_path: Path, store: Store) -> Ground:
    return open_tested(tmp_path / "project", store)


def parsed(wire: Wire) -> email.message.EmailMessage:
    message = email.message_from_bytes(wire.data, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    return message


def body(wire: Wire, kind: str) -> str:
    part = parsed(wire).get_body(preferencelist=(kind,))
    assert part is not None
    return str(part.get_content())


def is_redirected(wire: Wire, reader: str, tag: str = "[test]") -> None:
    """Everything that must hold of a message that is not for whoever gets it."""
    message = parsed(wire)
    assert wire.recipient == ME
    assert message["To"] == ME
    assert message["Subject"].startswith(f"{tag} ")
    assert not [name for name in message if name.lower().startswith("list-unsubscribe")]
    assert not message["Cc"]
    assert not message["Bcc"]
    page, text = body(wire, "html"), body(wire, "plain")
    assert text.splitlines()[0].startswith("*** ")
    assert reader in text.splitlines()[0]
    visible = page[page.index("<body") :]
    banner = re.search(r"<body[^>]*><div[^>]*>(.*?)</div>", visible)
    assert banner is not None
    assert reader in banner[1]


def kinds(store: Store) -> set[Kind]:
    with store.read() as work:
        return {each.kind for each in work.deliveries_in(DeliveryState.SENT, after_id=0, limit=1000)}


def test_every_kind_of_delivery_goes_to_the_author_alone(ground: Ground) -> None:
    # Mails of a sequence, confirmations of a subscription and of a registration, the invite, reminders, a follow-up.
    who = ground.join("ann@example.org", fields={"first_name": "Ann"})
    ground.engine.happen(AskedToJoin("bob@example.org", "job-seekers", EVIDENCE), ground.clock.now())
    ground.engine.happen(AskedToJoin("ann@example.org", "job-seekers", EVIDENCE), ground.clock.now())
    ground.engine.happen(
        AskedToRegister("cid@example.org", "six-deadly-mistakes", "tuesday-noon", EVIDENCE), ground.clock.now()
    )
    ground.tick()
    booked = ground.register("ann@example.org", "tuesday-noon")
    for moment in ("2026-11-23 15:00", "2026-12-01 14:00", "2026-12-07 17:00", "2026-12-08 16:00", "2026-12-08 16:50"):
        ground.at(moment)
        ground.tick()
    ground.engine.happen(JoinedSession(booked), ground.clock.now())
    ground.at("2026-12-08 20:00")
    ground.tick()

    assert kinds(ground.store) == set(Kind)
    posts = ground.transport.posts(ME)
    assert len(posts) == len(ground.transport.sent) >= 9
    wanted = {"own-the-mistake", "confirm-subscription", "already-subscribed", "confirm-registration", "you-are-in"}
    wanted |= {"december-letter", "we-are-live", "recording-and-next-step"}
    assert wanted <= set(posts)
    with ground.store.read() as work:
        sent = work.deliveries_in(DeliveryState.SENT, after_id=0, limit=1000)
        readers = {
            f"<{each.id}.": reader.email for each in sent for reader in [work.subscriber(each.subscriber_id)] if reader
        }
    for wire in ground.transport.sent:
        reader = next(address for start, address in readers.items() if wire.message_id.startswith(start))
        is_redirected(wire, reader)
    assert set(ground.states(who).values()) == {DeliveryState.SENT}
    assert ground.enrollment(who, "invite")[0] is EnrollmentState.GOAL
    ground.counts_hold()


def test_the_invite_invites_whoever_gets_it(ground: Ground) -> None:
    ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    wire = next(each for each in ground.transport.sent if b":you-are-in:" in each.data)
    calendar = next(part for part in parsed(wire).walk() if part.get_content_type() == "text/calendar")
    text = calendar.get_content().replace("\r\n ", "")
    assert f"mailto:{ME}" in text
    assert "ann@example.org" not in text


def test_the_links_are_the_readers_own_and_the_same_as_without_test_mode(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.tick()
    [wire] = ground.transport.sent
    with ground.store.read() as work:
        [delivery] = work.deliveries_in(DeliveryState.SENT, after_id=0, limit=10)
    token = re.search(r"/u/([\w-]+)", body(wire, "plain"))
    assert token is not None
    from drip.core.links import Purpose

    assert ground.engine.keys.read(Purpose.UNSUBSCRIBE, token[1]) == (delivery.id,)


def test_a_retry_is_redirected_too_and_states_are_as_ever(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    ground.transport.answer = lambda _: Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "later")
    assert ground.tick().deferred == 1
    asked: list[str] = []

    def take(wire: Wire) -> Outcome:
        asked.append(wire.recipient)
        return Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", "ok")

    ground.transport.answer = take
    ground.at("2026-11-23 14:30")
    assert ground.tick().sent == 1
    assert asked == [ME]
    assert ground.states(who) == {"own-the-mistake": DeliveryState.SENT}


def test_taking_the_line_out_sends_to_readers_again(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.tick()
    ground.engine.definition = replace(ground.engine.definition, test_mode="")
    ground.engine._letters = None
    ground.at("2026-11-25 14:30")
    ground.tick()
    assert [each.recipient for each in ground.transport.sent] == [ME, "ann@example.org"]
    assert parsed(ground.transport.sent[1])["List-Unsubscribe"]


def test_what_was_made_without_the_redirect_is_kept_back(ground: Ground) -> None:
    # Planted: a composer that knows nothing of test mode.
    who = ground.join("ann@example.org")
    ground.engine._letters = Letters(ground.engine.keys)
    ticked = ground.tick()
    assert ticked.sent == 0
    assert ground.transport.sent == []
    assert ground.states(who) == {"own-the-mistake": DeliveryState.DUE}
    ground.counts_hold()


def test_a_refused_author_costs_no_reader(ground: Ground) -> None:
    # 550 5.1.1 for the address of the author would suppress the reader, for ever.
    who = ground.join("ann@example.org")
    ground.transport.answer = lambda _: Outcome(OutcomeKind.PERMANENT, 550, "5.1.1", "no such user", Blame.ADDRESS)
    ticked = ground.tick()
    assert (ticked.sent, ticked.failed) == (0, 0)
    assert ground.states(who) == {"own-the-mistake": DeliveryState.DUE}
    with ground.store.read() as work:
        assert work.suppression(ground.engine.keys.mailbox_of("ann@example.org")) is None
    ground.counts_hold()


def test_the_guard_passes_the_one_address_and_no_one_click_header() -> None:
    inner = ScriptedTransport()
    guard = OnlyTo(inner, ME)
    good = Wire("b@example.com", ME, b"To: me\r\nSubject: x\r\n\r\nList-Unsubscribe: in the text\r\n", "<1@x>")
    bad_header = replace(good, data=b"To: me\r\nLIST-Unsubscribe: <https://x>\r\n\r\nhello\r\n")
    for wire in (replace(good, recipient="ann@example.org"), bad_header):
        outcome = asyncio.run(guard.send(wire))
        assert outcome.kind is OutcomeKind.TEMPORARY
    assert inner.sent == []
    assert asyncio.run(guard.send(good)).kind is OutcomeKind.ACCEPTED
    assert inner.sent == [good]


# --- proofs ------------------------------------------------------------------------------------------------


def proof_of(ground: Ground, address: str) -> tuple[Wire, bool]:
    now = ground.clock.now()
    made = make_proof(choose(ground.project.wanted(), address, now), ME, now, now)
    return made.wire, made.has_invite


@pytest.mark.parametrize("post", ["own-the-mistake", "you-are-in", "december-letter", "confirm-subscription"])
def test_a_proof_is_marked_and_opens_nothing(ground: Ground, post: str) -> None:
    from drip.core.links import Purpose

    wire, has_invite = proof_of(ground, post)
    is_redirected(wire, "reader@example.org", "[proof]")
    assert has_invite is (post == "you-are-in")
    assert str(parsed(wire)["X-Drip-Proof"]).endswith(post)
    said = body(wire, "plain") + body(wire, "html")
    tokens = re.findall(r"http://127.0.0.1:1/\w+/([\w-]{10,})", said)
    for token in tokens:
        assert all(ground.engine.keys.read(purpose, token) is None for purpose in Purpose)
    assert "do not work" in body(wire, "plain").splitlines()[0]


def test_two_proofs_have_two_message_ids(ground: Ground) -> None:
    first, _ = proof_of(ground, "own-the-mistake")
    ground.at("2026-11-23 14:01")
    second, _ = proof_of(ground, "own-the-mistake")
    assert first.message_id != second.message_id


def test_a_proof_for_another_moment_is_dated_today(ground: Ground) -> None:
    from datetime import timedelta

    now = ground.clock.now()
    later = now + timedelta(days=14)
    made = make_proof(choose(ground.project.wanted(), "see-you-tomorrow", later), ME, later, now)
    assert parsed(made.wire)["Date"].datetime == now


def test_added_by_author_asks_by_mail_in_test_mode_too(ground: Ground) -> None:
    # Not attested: the reader is asked to confirm, and that mail is redirected as well.
    event = AddedByAuthor("dan@example.org", "job-seekers", EVIDENCE, attested=False)
    assert ground.engine.happen(event, ground.clock.now()).what == "asked"
    ground.tick()
    [wire] = ground.transport.sent
    is_redirected(wire, "dan@example.org")


def test_the_sandbox_has_an_inbox_for_every_reader(tmp_path: Path) -> None:
    # Its relay is a catcher on this machine, whatever drip.yaml says.
    from drip.sandbox.stage import Stage
    from drip.simulate import FastClock

    root = copy_example(tmp_path / "mine")
    with (root / "drip.yaml").open("a", encoding="utf-8") as file:
        file.write(f"test-mode: {ME}\n")
    (tmp_path / "stage").mkdir()
    with Stage(root, tmp_path / "stage", FastClock(START)) as stage:
        assert stage.project.definition.test_mode == ""
        assert stage.project.definition.relays
