"""Delivery states, back-off, and what SMTP replies mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.delivery import (
    FINAL,
    LIVE,
    TRANSITIONS,
    UNDECIDED,
    Blame,
    DeliveryState,
    Outcome,
    OutcomeKind,
    backoff,
    can_become,
    judge_reply,
    verdict,
)

NOW = datetime(2026, 6, 18, 12, tzinfo=UTC)
S = DeliveryState


# --- states ------------------------------------------------------------------------------------------------------


def test_every_state_is_live_undecided_or_final() -> None:
    assert set(S) == LIVE | UNDECIDED | FINAL
    assert len(LIVE) + len(UNDECIDED) + len(FINAL) == len(S)
    assert set(TRANSITIONS) == set(S)


def test_the_right_to_send_comes_only_from_a_claim() -> None:
    assert [before for before in S if can_become(before, S.SENDING)] == [S.CLAIMED]


def test_nothing_becomes_sent_without_having_been_marked() -> None:
    assert {before for before in S if can_become(before, S.SENT)} == {S.SENDING, S.UNCERTAIN}


def test_what_is_marked_can_no_longer_be_called_back() -> None:
    for after in (S.SKIPPED, S.CANCELLED, S.HELD, S.CLAIMED):
        assert not can_become(S.SENDING, after)


def test_what_is_final_stays_but_for_a_bounce() -> None:
    for before in FINAL:
        assert TRANSITIONS[before] == (frozenset({S.BOUNCED}) if before is S.SENT else frozenset())


def test_every_state_can_be_reached_and_every_live_one_left() -> None:
    reached = {S.DUE}
    for _ in S:
        reached |= {after for before in reached for after in TRANSITIONS[before]}
    assert reached == set(S)
    assert all(TRANSITIONS[each] for each in LIVE | UNDECIDED)


# --- back-off ----------------------------------------------------------------------------------------------------


@given(st.integers(1, 200), st.integers(0, 2**63))
@settings(max_examples=80, deadline=None)
def test_backoff_doubles_up_to_an_hour_with_a_fifth_of_spread(attempt: int, key: int) -> None:
    minutes = min(2 ** (attempt - 1), 64)
    wait = backoff(attempt, key)
    assert timedelta(minutes=minutes * 0.8) <= wait <= timedelta(minutes=minutes * 1.2)
    assert wait == backoff(attempt, key)


def test_backoff_spreads_a_crowd() -> None:
    waits = [backoff(1, key).total_seconds() for key in range(1000)]
    assert len(set(waits)) > 990
    assert 59 < sum(waits) / len(waits) < 61
    assert min(waits) < 49
    assert max(waits) > 71


# --- replies -----------------------------------------------------------------------------------------------------

P, T = OutcomeKind.PERMANENT, OutcomeKind.TEMPORARY


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "kind", "blame"),
    [
        (250, "2.0.0", "Ok: queued as 4Xw", OutcomeKind.ACCEPTED, Blame.NONE),
        (251, "", "will forward", OutcomeKind.ACCEPTED, Blame.NONE),
        (550, "5.1.1", "no such user", P, Blame.ADDRESS),
        (550, "5.1.2", "bad domain", P, Blame.ADDRESS),
        (550, "5.1.10", "recipient has null MX", P, Blame.ADDRESS),
        (556, "5.1.10", "domain takes no mail", P, Blame.ADDRESS),
        (550, "5.1.7", "bad sender", P, Blame.POLICY),
        (550, "5.1.8", "sender domain does not exist", P, Blame.POLICY),
        (550, "5.2.1", "mailbox disabled", P, Blame.ADDRESS),
        (552, "5.2.2", "mailbox full", P, Blame.NONE),
        (552, "5.2.3", "message too long for this mailbox", P, Blame.CONTENT),
        (552, "5.3.4", "message too big", P, Blame.CONTENT),
        (552, "", "message size exceeds limit", P, Blame.CONTENT),
        (550, "5.4.1", "access denied", P, Blame.NONE),
        (554, "5.6.0", "bad MIME", P, Blame.CONTENT),
        (550, "5.7.1", "user unknown", P, Blame.POLICY),
        (554, "5.7.1", "blocked using a list", P, Blame.POLICY),
        (550, "5.7.26", "unauthenticated", P, Blame.POLICY),
        (550, "5.5.0", "mailbox not found", P, Blame.ADDRESS),
        (550, "5.0.0", "spam", P, Blame.POLICY),
        (550, "", "No such user here", P, Blame.ADDRESS),
        (550, "", "Recipient rejected: spam source, user unknown", P, Blame.POLICY),
        (550, "", "mailbox unavailable", P, Blame.NONE),
        (550, "", "", P, Blame.NONE),
        (551, "", "user not local", P, Blame.ADDRESS),
        (553, "", "mailbox name not allowed", P, Blame.ADDRESS),
        (554, "", "transaction failed", P, Blame.POLICY),
        (503, "5.5.1", "bad sequence", P, Blame.RELAY),
        (500, "", "unrecognized", P, Blame.RELAY),
        (501, "", "syntax", P, Blame.NONE),
        (450, "4.2.0", "greylisted", T, Blame.NONE),
        (452, "4.2.2", "mailbox full", T, Blame.NONE),
        (451, "4.3.0", "local error", T, Blame.RELAY),
        (452, "4.3.1", "no space", T, Blame.RELAY),
        (451, "4.7.1", "try again later", T, Blame.POLICY),
        (450, "4.1.1", "user unknown for now", T, Blame.NONE),
        (450, "", "", T, Blame.NONE),
    ],
)
def test_replies_about_a_message(code: int, enhanced: str, text: str, kind: OutcomeKind, blame: Blame) -> None:
    outcome = judge_reply(code, enhanced, text)
    assert (outcome.kind, outcome.blame, outcome.relay_down) == (kind, blame, False)
    assert (outcome.code, outcome.enhanced, outcome.text) == (code, enhanced, text)


@pytest.mark.parametrize("code", [421, 454, 521, 530, 534, 535, 538])
def test_replies_about_the_relay_count_against_no_message(code: int) -> None:
    outcome = judge_reply(code, "", "no")
    assert (outcome.kind, outcome.blame, outcome.relay_down) == (T, Blame.RELAY, True)


@given(st.integers(-1, 1000), st.from_regex(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}|", fullmatch=True), st.text(max_size=40))
@settings(max_examples=80, deadline=None)
def test_every_reply_has_one_meaning(code: int, enhanced: str, text: str) -> None:
    outcome = judge_reply(code, enhanced, text)
    if enhanced.startswith("5.7."):
        assert outcome.blame is not Blame.ADDRESS
    if outcome.kind is not P:
        assert outcome.blame is not Blame.ADDRESS
    if not 200 <= code <= 299 and not 400 <= code <= 599:
        # Not a reply of RFC 5321: no verdict, so it must not be taken for a refusal that allows sending again.
        assert outcome.kind is OutcomeKind.UNCERTAIN
    assert "\n" not in outcome.text


def test_long_words_of_a_server_are_cut() -> None:
    assert len(judge_reply(550, "", "x" * 100_000).text) == 500


# --- verdicts ----------------------------------------------------------------------------------------------------


def judged(outcome: Outcome, *, attempt: int = 1, age: timedelta = timedelta()) -> tuple[DeliveryState, str]:
    found = verdict(outcome, attempt=attempt, delivery_key=7, first_due=NOW - age, now=NOW)
    assert (found.due_at is not None) == (found.state is S.DUE)
    if found.due_at is not None:
        assert found.due_at > NOW
    assert can_become(S.SENDING, found.state)
    return found.state, found.reason


def test_verdicts_of_outcomes() -> None:
    assert judged(Outcome(OutcomeKind.ACCEPTED, 250)) == (S.SENT, "accepted")
    assert judged(Outcome(OutcomeKind.UNCERTAIN)) == (S.UNCERTAIN, "no-verdict")
    assert judged(Outcome(T, 450)) == (S.DUE, "deferred")
    assert judged(Outcome(P, 550, blame=Blame.ADDRESS)) == (S.FAILED, "address-refused")
    assert judged(Outcome(P, 550, blame=Blame.POLICY)) == (S.FAILED, "policy-refused")
    assert judged(Outcome(P, 552, blame=Blame.CONTENT)) == (S.FAILED, "content-refused")
    assert judged(Outcome(P, 503, blame=Blame.RELAY)) == (S.FAILED, "relay-refused")
    assert judged(Outcome(P, 550)) == (S.FAILED, "refused")


def test_a_deferral_gives_up_after_three_days() -> None:
    deferred = Outcome(T, 450)
    assert judged(deferred, attempt=60, age=timedelta(hours=71, minutes=59)) == (S.DUE, "deferred")
    assert judged(deferred, attempt=60, age=timedelta(hours=72)) == (S.EXPIRED, "gave-up")


def test_a_relay_that_is_down_counts_against_no_delivery() -> None:
    down = Outcome(T, 421, relay_down=True)
    assert judged(down, attempt=60, age=timedelta(days=10)) == (S.DUE, "relay-down")
    found = verdict(down, attempt=60, delivery_key=7, first_due=NOW, now=NOW)
    assert found.due_at is not None
    assert found.due_at - NOW < timedelta(minutes=2)


@given(st.sampled_from(OutcomeKind), st.booleans(), st.integers(1, 100), st.integers(0, 200))
@settings(max_examples=100, deadline=None)
def test_uncertain_is_never_sent_again_by_itself(kind: OutcomeKind, down: bool, attempt: int, hours: int) -> None:
    state, reason = judged(Outcome(kind, relay_down=down), attempt=attempt, age=timedelta(hours=hours))
    assert (state is S.UNCERTAIN) == (kind is OutcomeKind.UNCERTAIN)
    if state is S.DUE:
        assert kind is T
    assert reason == reason.lower()
