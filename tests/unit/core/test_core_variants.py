"""Variants of a post: the bucket decides once, the record from then on (rule 14)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from drip.core.decide import Do, apply_decision, decide, timeline
from drip.core.model import Campaign, Sequence, Step, Trigger, TriggerKind, Verb
from drip.core.plan import compare
from drip.core.records import Did, Enrollment, EnrollmentId, EnrollmentState, Facts, Subscriber, SubscriberId
from drip.core.variants import BUCKETS, WEIGHT_MAX, Variant, _in_bucket, bucket_of, choose
from drip.core.when import parse_when

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
HALVES = (Variant("plain", 1), Variant("bold", 1))


def campaign(*variants: Variant, name: str = "subject", was: tuple[str, ...] = ()) -> Campaign:
    verb = Verb.TEST if variants else Verb.SEND
    test = Step("invite", verb, name, parse_when("at once"), was=was, variants=variants)
    last = Step("invite", Verb.SEND, "last", parse_when("2 days later"))
    start = Trigger("joins news", TriggerKind.JOINS, "news")
    return Campaign("c", "C", "UTC", sequences=(Sequence("invite", start, (test, last)),))


def reader(number: int, **given_before: str) -> Facts:
    who = Subscriber(SubscriberId(number), f"r{number}@example.org", f"m{number}", START)
    inside = Enrollment(EnrollmentId(number), "c", "invite", who.id, "first", EnrollmentState.RUNNING, START)
    variants = {f"invite/{name}": post for name, post in given_before.items()}
    return Facts(who, inside, "UTC", lists=frozenset({"news"}), variants=variants)


def sent(plot: Campaign, facts: Facts) -> Do:
    decision = decide(plot.sequences[0], facts, START, campaign=plot)
    assert isinstance(decision, Do)
    return decision


def test_rule_14_the_weights_divide_the_readers() -> None:
    plot = campaign(Variant("plain", 9), Variant("bold", 1))
    had = Counter(sent(plot, reader(number)).post for number in range(1, 3_001))
    assert had.keys() == {"plain", "bold"}
    # The hash is what it is, so the number is the same on every machine; a tenth of 3,000 is 300.
    assert abs(had["bold"] - 300) < 50


def test_rule_14_a_bucket_is_the_same_on_every_machine() -> None:
    assert [bucket_of("c/invite/subject", number) for number in (1, 2, 3)] == [728, 7988, 227]


def test_rule_14_another_test_divides_the_same_readers_in_another_way() -> None:
    first = [bucket_of("c/invite/subject", each) < BUCKETS // 2 for each in range(1_000)]
    second = [bucket_of("c/invite/picture", each) < BUCKETS // 2 for each in range(1_000)]
    assert 400 < sum(a == b for a, b in zip(first, second, strict=True)) < 600


def test_rule_14_the_reason_tells_the_variant_and_its_bucket() -> None:
    decision = sent(campaign(*HALVES), reader(1))
    assert decision.choice is not None
    assert decision.reason.text == f"at once; variant {decision.post}, bucket {decision.choice.bucket:,} of 10,000"


def test_rule_14_a_variant_that_was_taken_out_is_given_to_nobody() -> None:
    plot = campaign(Variant("plain", 1), Variant("red", 1))
    assert {sent(plot, reader(number, subject="bold")).post for number in range(1, 50)} == {"plain", "red"}


def test_rule_14_a_test_that_is_renamed_knows_what_it_gave() -> None:
    for number in range(1, 20):
        had = sent(campaign(*HALVES), reader(number)).post
        renamed = campaign(*HALVES, name="line", was=("subject",))
        assert sent(renamed, reader(number, subject=had)).post == had


def test_rule_14_a_test_that_ends_in_a_post_is_sent_to_nobody_again() -> None:
    facts = apply_decision(reader(1), sent(campaign(*HALVES), reader(1)), START)
    assert facts.enrollment.done[0].did is Did.SENT
    for name, was in (("bold", ("subject",)), ("subject", ())):
        ended = campaign(name=name, was=was)
        ahead = timeline(ended.sequences[0], facts, START, campaign=ended)
        assert [each.post for _, each in ahead if isinstance(each, Do)] == ["last"]


def test_rule_14_a_test_keeps_its_distance_and_goes_stale_like_a_post() -> None:
    plot = campaign(*HALVES)
    test = replace(plot.sequences[0].steps[0], when=parse_when("1 hour later"))
    sequence = replace(plot.sequences[0], steps=(test,))
    facts = replace(reader(1), last_drip_at=START)
    moments = [at for at, each in timeline(sequence, facts, START, campaign=plot) if isinstance(each, Do)]
    assert moments == [START + timedelta(hours=12)]
    late = timeline(sequence, reader(1), START + timedelta(days=4), campaign=plot)
    assert not any(isinstance(each, Do) for _, each in late)


def test_rule_14_plan_tells_what_changed_weights_mean() -> None:
    def lines(before: Campaign, wanted: Campaign) -> list[tuple[str, str, str]]:
        return [
            (each.subject, each.what, each.effect)
            for each in compare(before, wanted, waiting={"invite": 3, "invite/subject": 2}).lines
            if "variants" in each.what
        ]

    keeps = "for whoever has no variant yet; who has one keeps it"
    heavier = campaign(Variant("plain", 3), Variant("bold", 1))
    assert lines(campaign(*HALVES), heavier) == [
        ("step invite/subject", "variants: plain 1, bold 1 → plain 3, bold 1", keeps)
    ]
    other = campaign(Variant("plain", 1), Variant("red", 1))
    gone = "; nobody gets bold any more, but for mails that are planned already"
    assert lines(campaign(*HALVES), other) == [
        ("step invite/subject", "variants: plain 1, bold 1 → plain 1, red 1", keeps + gone)
    ]
    over = campaign(name="bold", was=("subject",))
    assert lines(campaign(*HALVES), over) == [
        ("step invite/bold", "variants: plain 1, bold 1 → none", "everybody to come gets bold")
    ]
    assert lines(campaign(), campaign(*HALVES)) == [("step invite/subject", "variants: none → plain 1, bold 1", keeps)]
    assert lines(heavier, heavier) == []


# --- laws -----------------------------------------------------------------------------------------------------------

weights = st.lists(st.integers(1, WEIGHT_MAX), min_size=2, max_size=6).map(
    lambda found: tuple(Variant(f"v{number}", weight) for number, weight in enumerate(found))
)


@given(st.text(max_size=30), weights, weights, st.integers(1, 2**40))
def test_rule_14_later_weights_touch_only_who_has_no_variant(
    test: str, before: tuple[Variant, ...], after: tuple[Variant, ...], number: int
) -> None:
    first = choose(test, before, number, None)
    assert first.is_new
    again = choose(test, after, number, first.post)
    if first.post in {each.post for each in after}:
        assert (again.post, again.is_new) == (first.post, False)
    else:
        assert again == choose(test, after, number, None)
    assert again.bucket == first.bucket == bucket_of(test, number) < BUCKETS


@given(weights)
def test_rule_14_every_bucket_belongs_to_one_variant_and_to_each_its_share(variants: tuple[Variant, ...]) -> None:
    had = Counter(_in_bucket(variants, bucket) for bucket in range(0, BUCKETS, 8))
    total, looked_at = sum(each.weight for each in variants), len(range(0, BUCKETS, 8))
    for each in variants:
        assert abs(had[each.post] - looked_at * each.weight / total) < 2


@given(st.lists(weights, min_size=1, max_size=5), st.integers(1, 10_000), st.integers(0, 4))
def test_rule_14_whatever_is_edited_nobody_gets_two_variants(
    edits: list[tuple[Variant, ...]], number: int, sent_at: int
) -> None:
    """The weights change again and again around the mail: the step is behind the reader, under one name, for good."""
    facts, had = reader(number), 0
    for index, variants in enumerate(edits):
        plot = campaign(*variants)
        decision = decide(plot.sequences[0], facts, START, campaign=plot)
        if isinstance(decision, Do) and decision.step.verb is Verb.TEST and index >= sent_at:
            facts, had = apply_decision(facts, decision, START), had + 1
    assert had == (sent_at < len(edits))
