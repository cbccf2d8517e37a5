"""Laws of `decide` that hold for every sequence, person and irregular cron: DESIGN §7, a law or more for each rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drip.core.decide import SPACING, Do, End, Skip, Wait, apply_decision, decide, next_step, timeline, walk
from drip.core.model import Campaign, Sequence, Session, Step, Trigger, TriggerKind, Unit, Verb, When, WhenKind
from drip.core.reasons import EXPLANATIONS, ReasonName
from drip.core.records import (
    Attendance,
    Did,
    Enrollment,
    EnrollmentId,
    EnrollmentState,
    Facts,
    Registration,
    RegistrationId,
    RegistrationState,
    StepDone,
    Subscriber,
    SubscriberId,
)
from drip.core.segments import parse_condition
from drip.core.variants import Variant
from drip.core.when import due, in_hours, local_wall, parse_hours, parse_when

CAMPAIGN = Campaign("six", "Six", "America/New_York")
START = datetime(2026, 10, 20, 7, tzinfo=UTC)
ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
CONDITIONS = ("attended", "missed", "not attended", "tag vip", "attended and tag vip", "missed or not tag vip")
LAWS = settings(max_examples=40, deadline=None)

hours = st.sampled_from(
    [
        None,
        *(
            parse_hours(each)
            for each in ("weekdays 8:00-18:00", "daily 9:00-17:00", "mon,thu 9:00-9:30", "sun 0:00-24:00")
        ),
    ]
)
conditions = st.none() | st.sampled_from(CONDITIONS).map(parse_condition)
minutes = st.integers(0, 60 * 24 * 20).map(lambda each: timedelta(minutes=each))


@st.composite
def whens(draw: st.DrawFn, *, knows_session: bool) -> When:
    kinds = [WhenKind.AT_ONCE, WhenKind.LATER]
    if knows_session:
        kinds += [WhenKind.BEFORE_SESSION, WhenKind.AFTER_SESSION]
    kind = draw(st.sampled_from(kinds))
    if kind is WhenKind.AT_ONCE:
        return When("at once", kind)
    unit = draw(st.sampled_from([Unit.MINUTES, Unit.HOURS, Unit.DAYS]))
    amount = draw(st.integers(1, {Unit.MINUTES: 90, Unit.HOURS: 40, Unit.DAYS: 4}[unit]))
    clock = None
    if kind is WhenKind.LATER and unit is Unit.DAYS:
        clock = draw(st.none() | st.times().map(lambda each: each.replace(second=0, microsecond=0)))
    return When(f"{amount} {unit.value} {kind.value}", kind, amount, unit, clock)


@dataclass(frozen=True)
class Life:
    """One person in one sequence, and when cron happens to run."""

    sequence: Sequence
    facts: Facts
    wakes: tuple[datetime, ...]


@st.composite
def lives(draw: st.DrawFn, *, service: bool | None = None) -> Life:
    knows_session = draw(st.booleans()) if service is None else service
    start = (
        Trigger("registers", TriggerKind.REGISTERS)
        if knows_session
        else Trigger("joins news", TriggerKind.JOINS, "news")
    )
    steps = []
    for number in range(draw(st.integers(1, 5))):
        verb = draw(st.sampled_from([Verb.SEND, Verb.SEND, Verb.TEST, Verb.TAG]))
        variants = (Variant(f"p{number}-a", 1), Variant(f"p{number}-b", 2)) if verb is Verb.TEST else ()
        late = draw(st.none() | st.sampled_from([timedelta(hours=1), timedelta(days=10)]))
        condition = draw(conditions) if knows_session else None
        when = draw(whens(knows_session=knows_session))
        steps.append(Step("seq", verb, f"p{number}", when, condition, late, variants=variants))
    stop = Trigger("last session starts", TriggerKind.LAST_SESSION_STARTS) if draw(st.booleans()) else None
    sequence = Sequence("seq", start, tuple(steps), stop=stop, hours=draw(hours))
    wakes = sorted(START + each for each in draw(st.lists(minutes, min_size=1, max_size=10)))
    return Life(sequence, draw(people(knows_session=knows_session)), tuple(wakes))


@st.composite
def people(draw: st.DrawFn, *, knows_session: bool) -> Facts:
    who = Subscriber(SubscriberId(1), "ana@example.com", "m1", START)
    if draw(st.booleans()):
        who = replace(who, tags=frozenset({"vip"}))
    inside = Enrollment(EnrollmentId(1), "six", "seq", who.id, "first", EnrollmentState.RUNNING, START)
    facts = Facts(
        who,
        inside,
        draw(st.sampled_from(ZONES)),
        lists=frozenset({"news"}),
        last_session_starts=START + draw(minutes),
        last_drip_at=draw(st.none() | minutes.map(lambda each: START - each)),
    )
    if not knows_session:
        return facts
    starts = START + draw(minutes)
    session = Session("noon", starts, starts + timedelta(hours=1), "", "UTC")
    seat = Registration(RegistrationId(7), who.id, "six", "noon", RegistrationState.BOOKED, START)
    inside = replace(inside, registration_id=seat.id, occasion="registration-7")
    attendance = draw(st.sampled_from(Attendance))
    return replace(facts, enrollment=inside, session=session, registration=seat, booked=True, attendance=attendance)


def live(life: Life) -> list[tuple[datetime, Do | Skip | Wait | End, Facts]]:
    """What cron does at each of its wakes, as the engine does it: on and on until a wait, an end, or a delivery."""
    facts, made = life.facts, []
    for now in life.wakes:
        for _ in range(len(life.sequence.steps) + 2):
            decision = decide(life.sequence, facts, now, campaign=CAMPAIGN)
            made.append((now, decision, facts))
            facts = apply_decision(facts, decision, now)
            if isinstance(decision, Wait | End):
                break
        else:
            raise AssertionError("the person does not come to rest")
        if isinstance(decision, End):
            break
    return made


# --- laws of every life ------------------------------------------------------------------------------------------


@given(lives())
@LAWS
def test_every_step_is_decided_at_most_once_and_in_order(life: Life) -> None:
    order = [each.identity for each in life.sequence.steps]
    met = [made.step.identity for _, made, _ in live(life) if isinstance(made, Do | Skip)]
    assert met == order[: len(met)]


@given(lives())
@LAWS
def test_a_wait_is_for_the_future_and_every_reason_is_explained(life: Life) -> None:
    for now, made, _ in live(life):
        assert made.reason.name in EXPLANATIONS
        assert made.reason.text
        if isinstance(made, Wait):
            assert made.until > now


@given(lives())
@LAWS
def test_deciding_is_a_function_and_early_wakes_change_nothing(life: Life) -> None:
    now = life.wakes[0]
    first = decide(life.sequence, life.facts, now, campaign=CAMPAIGN)
    assert decide(life.sequence, life.facts, now, campaign=CAMPAIGN) == first
    if isinstance(first, Wait):
        # Whoever looks again before the moment is told the same; else a busy cron would push people on and on.
        for part in (0.1, 0.5, 0.99):
            between = now + (first.until - now) * part
            assert decide(life.sequence, life.facts, between, campaign=CAMPAIGN) == first


@given(lives())
@LAWS
def test_a_walk_comes_to_its_end(life: Life) -> None:
    made = walk(life.sequence, life.facts, START, campaign=CAMPAIGN)
    last = made[-1]
    assert isinstance(last, End) or last.reason.name is ReasonName.ATTENDANCE_UNKNOWN
    moments = [moment for moment, _ in timeline(life.sequence, life.facts, START, campaign=CAMPAIGN)]
    assert moments == sorted(moments)


@given(lives())
@LAWS
def test_rule_01_and_02_only_at_once_and_reminders_go_outside_the_hours(life: Life) -> None:
    open_hours = life.sequence.hours
    for now, made, facts in live(life):
        if isinstance(made, Do) and open_hours is not None:
            exempt = made.step.when.kind in (WhenKind.AT_ONCE, WhenKind.BEFORE_SESSION)
            assert exempt or in_hours(now, open_hours, facts.zone)


@given(lives(service=False))
@LAWS
def test_rule_01_in_a_punctual_world_every_clock_is_kept(life: Life) -> None:
    seq = replace(life.sequence, hours=None)
    for moment, made in timeline(seq, life.facts, START, campaign=CAMPAIGN):
        clock = made.step.when.clock if isinstance(made, Do) else None
        if clock is not None:
            shown = local_wall(moment, life.facts.zone)
            # Only a gap, on the nights of the change in late October, could move it; none of these zones has one then.
            assert shown.time() == clock


@given(lives())
@LAWS
def test_rule_03_skipped_steps_in_between_change_nothing_for_the_next(life: Life) -> None:
    *_, last = life.sequence.steps
    alone = replace(life.sequence, steps=(last,))
    # Skipped at moments of their own: those of the start would hide an anchor that moves.
    skipped = tuple(
        StepDone(each.identity, Did.SKIPPED, START + timedelta(hours=5 * number))
        for number, each in enumerate(life.sequence.steps[:-1], start=1)
    )
    after = replace(life.facts, enrollment=replace(life.facts.enrollment, done=skipped))
    for now in life.wakes:
        behind_them = decide(life.sequence, after, now, campaign=CAMPAIGN)
        assert behind_them == decide(alone, life.facts, now, campaign=CAMPAIGN)


@given(lives(service=True))
@LAWS
def test_rule_04_nothing_that_asks_who_attended_is_done_while_unknown(life: Life) -> None:
    life = replace(life, facts=replace(life.facts, attendance=Attendance.UNKNOWN))
    for now, made, _ in live(life):
        if isinstance(made, Do) and made.step.condition is not None:
            assert made.step.condition.phrase in ("tag vip", "missed or not tag vip")
        if isinstance(made, Wait) and made.reason.name is ReasonName.ATTENDANCE_UNKNOWN:
            assert made.until - now <= timedelta(days=1)


@given(people(knows_session=True), st.sampled_from(["attended", "missed", "not attended", "not missed"]), minutes)
@LAWS
def test_rule_04_who_is_not_known_to_have_come_is_neither_here_nor_there(
    facts: Facts, phrase: str, later: timedelta
) -> None:
    assert facts.session is not None
    facts = replace(facts, attendance=Attendance.UNKNOWN)
    asks = Step("seq", Verb.SEND, "p", parse_when("1 hour after session"), parse_condition(phrase))
    seq = Sequence("seq", Trigger("registers", TriggerKind.REGISTERS), (asks,))
    made = decide(seq, facts, facts.session.ends + later, campaign=CAMPAIGN)
    assert isinstance(made, Wait | Skip)


@given(lives(service=True))
@LAWS
def test_rule_05_nothing_before_session_goes_at_the_start_or_right_after_registering(life: Life) -> None:
    session = life.facts.session
    assert session is not None
    for now, made, _ in live(life):
        if isinstance(made, Do) and made.step.when.kind is WhenKind.BEFORE_SESSION:
            assert now < session.starts
            assert made.due >= START + timedelta(minutes=15)
            assert made.expires is None or made.expires < session.starts


@given(lives())
@LAWS
def test_rule_06_what_is_done_is_due_and_not_too_late(life: Life) -> None:
    for now, made, _ in live(life):
        if isinstance(made, Do):
            assert made.due <= now
            assert made.expires is None or now <= made.expires
            if made.step.is_mail:
                assert made.expires is not None


@given(lives(service=False))
@LAWS
def test_rule_06_two_drip_mails_keep_their_distance(life: Life) -> None:
    for now, made, facts in live(life):
        if isinstance(made, Do) and made.step.is_mail and made.step.when.kind is WhenKind.LATER:
            assert facts.last_drip_at is None or now - facts.last_drip_at >= SPACING


@given(people(knows_session=False), whens(knows_session=False), minutes, st.sampled_from(Did))
@LAWS
def test_rule_08_later_counts_from_what_really_happened(facts: Facts, when: When, delay: timedelta, did: Did) -> None:
    steps = tuple(Step("seq", Verb.TAG, each, when) for each in "ab")
    seq = Sequence("seq", Trigger("joins news", TriggerKind.JOINS, "news"), steps)
    really = START + delay
    behind = (StepDone(steps[0].identity, did, really),)
    after = replace(facts, enrollment=replace(facts.enrollment, done=behind))
    ahead = timeline(seq, after, START, campaign=CAMPAIGN)
    done = next(made for _, made in ahead if isinstance(made, Do))
    anchor = really if did in (Did.SENT, Did.ACTED, Did.UNCERTAIN) else START
    assert done.due == due(when, anchor=anchor, zone=facts.zone, hours=None, session=None, campaign_zone="UTC")


@given(st.permutations("abcdefgh"), st.sets(st.sampled_from("abcdefgh")), st.integers(0, 8))
@LAWS
def test_rule_09_no_step_is_done_twice_and_none_behind_the_furthest(file: list[str], done: set[str], cut: int) -> None:
    steps = tuple(Step("seq", Verb.SEND, each, When("at once", WhenKind.AT_ONCE)) for each in file[:cut])
    seq = Sequence("seq", Trigger("joins news", TriggerKind.JOINS, "news"), steps)
    who = Subscriber(SubscriberId(1), "ana@example.com", "m1", START)
    behind = tuple(StepDone(f"seq/{each}", Did.SENT, START) for each in sorted(done))
    inside = Enrollment(EnrollmentId(1), "six", "seq", who.id, "first", EnrollmentState.RUNNING, START, done=behind)
    found = next_step(seq, Facts(who, inside, "UTC", lists=frozenset({"news"})))
    after_done = [index + 1 for index, step in enumerate(steps) if step.target in done]
    expected = max(after_done, default=0)
    assert found == (steps[expected] if expected < len(steps) else None)
    assert found is None or found.target not in done


@given(lives(service=True), minutes)
@LAWS
def test_rule_10_another_registration_is_the_same_story_at_its_own_time(life: Life, later: timedelta) -> None:
    facts = replace(life.facts, zone="UTC", last_session_starts=None)
    seq = replace(life.sequence, hours=None, stop=None)
    assume(all(step.when.clock is None for step in seq.steps))
    session = facts.session
    assert session is not None
    moved = replace(
        facts,
        session=replace(session, starts=session.starts + later, ends=session.ends + later),
        enrollment=replace(facts.enrollment, started_at=START + later),
    )
    first = timeline(seq, facts, START, campaign=CAMPAIGN)
    second = timeline(seq, moved, START + later, campaign=CAMPAIGN)
    assert [(moment + later, type(made), made.reason.name) for moment, made in first] == [
        (moment, type(made), made.reason.name) for moment, made in second
    ]


@given(lives(), st.sampled_from(["suppressed", "left", "unsubscribed"]))
@LAWS
def test_rule_11_after_a_no_nothing_is_ever_done(life: Life, how: str) -> None:
    facts = life.facts
    if how == "suppressed":
        facts = replace(facts, suppressed="complaint")
    elif how == "left":
        facts = replace(facts, subscriber=replace(facts.subscriber, left_at=START))
    else:
        assume(not life.sequence.is_service)
        facts = replace(facts, lists=frozenset())
    for now in life.wakes:
        made = decide(life.sequence, facts, now, campaign=CAMPAIGN)
        assert isinstance(made, End)
        assert (made.state, made.reason.name.value) == (EnrollmentState.STOPPED, how)


@given(lives(service=False))
@LAWS
def test_rule_11_a_goal_completes_wherever_the_person_stands(life: Life) -> None:
    seq = replace(life.sequence, goal=Trigger("registers", TriggerKind.REGISTERS))
    for now, _, facts in live(life):
        if facts.enrollment.state is EnrollmentState.RUNNING:
            made = decide(seq, replace(facts, booked=True), now, campaign=CAMPAIGN)
            assert isinstance(made, End)
            assert made.state is EnrollmentState.GOAL


@given(lives(service=False))
@LAWS
def test_rule_11_nothing_is_done_from_the_stop_on(life: Life) -> None:
    seq = replace(life.sequence, stop=Trigger("last session starts", TriggerKind.LAST_SESSION_STARTS))
    stops_at = life.facts.last_session_starts
    assert stops_at is not None
    for now, made, _ in live(replace(life, sequence=seq)):
        assert now < stops_at or isinstance(made, End)
        if isinstance(made, Do) and made.expires is not None:
            assert made.expires < stops_at
        if isinstance(made, Wait):
            assert made.until <= stops_at
