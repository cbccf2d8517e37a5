"""Checks of what can happen at all: conditions that are never true, steps that nobody gets to, sequences that outlive
their webinar.

Each check is one function from the desk to Problems; `drip.authoring.check` runs them all. A condition is tried with
all answers to its questions that can come together; what a sequence knows of its readers counts as answered. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import product

from drip.authoring.check_plot import SESSION_KINDS, spoken
from drip.authoring.check_posts import read_markup
from drip.authoring.desk import Desk
from drip.authoring.problems_catalogue import problem
from drip.authoring.read_campaign import CampaignDraft
from drip.authoring.read_sequence import Placed
from drip.authoring.section import clip
from drip.core.model import (
    And,
    Attended,
    Clicked,
    FieldIs,
    HasTag,
    JoinedWithin,
    Missed,
    Not,
    OnList,
    Or,
    Registered,
    Sequence,
    Step,
    Term,
    Trigger,
    TriggerKind,
    Unit,
    Verb,
    When,
    WhenKind,
)
from drip.core.problems import Problem
from drip.core.segments import leaves

MOST_QUESTIONS = 8
"""Different questions in one condition; beyond that it is believed to be reachable (256 cases each, and no author)."""

Answers = Mapping[Term, bool | None]
_UNITS = {
    Unit.MINUTES: timedelta(minutes=1),
    Unit.HOURS: timedelta(hours=1),
    Unit.DAYS: timedelta(days=1),
    Unit.WEEKS: timedelta(weeks=1),
}


def check_conditions(desk: Desk) -> Iterator[Problem]:
    """Every `if` and `where` can come true."""
    for campaign in desk.campaigns:
        for placed in campaign.sequences:
            sequence = placed.value
            for step in campaign.steps.get(sequence.name, ()):
                condition = step.value.condition
                if condition is None or _asks_without_session(sequence, condition.term):
                    continue
                known = _known(sequence, step.value)
                if not _can_hold(condition.term, known):
                    why = _why(condition.term, known, f"in `{sequence.name}`", step.value.when)
                    message = f"`{clip(condition.phrase)}` is never true{why}"
                    yield problem("unreachable-condition", message, step.at("if"), "so nobody would get this step")
        nobody: Answers = {Attended(): False, Missed(): False}
        for broadcast in campaign.broadcasts:
            where = broadcast.value.where
            if where is not None and not _can_hold(where.term, nobody):
                why = _why(where.term, nobody, "in a broadcast, which belongs to no session", None)
                message = f"`{clip(where.phrase)}` is never true{why}"
                advice = "so nobody would get this broadcast; a tag such as `tag webinar-graduate` may be meant"
                yield problem("unreachable-condition", message, broadcast.at("where"), advice)


def _asks_without_session(sequence: Sequence, term: Term) -> bool:
    """Whether that was told already: a question for attendance where no session is known."""
    return not sequence.start.knows_session and any(isinstance(leaf, Attended | Missed) for leaf in leaves(term))


def _known(sequence: Sequence, step: Step) -> Answers:
    """What is so for everybody who waits for this step: by how the sequence starts, and because it has not ended."""
    known: dict[Term, bool | None] = {}
    for end in (sequence.goal, sequence.stop):
        if end is not None and (term := _term_of(end)) is not None:
            known[term] = end.kind is TriggerKind.LEAVES
    if sequence.list is not None:
        known[OnList(sequence.list)] = True
    if sequence.start.knows_session:
        known[Registered()] = True
    if step.when.kind is WhenKind.BEFORE_SESSION:
        known[Attended()] = known[Missed()] = None
    return known


def _term_of(trigger: Trigger) -> Term | None:
    """What is so when a goal or stop has come: then the sequence is over, so nobody who is still in it has it."""
    argument = trigger.argument or ""
    match trigger.kind:
        case TriggerKind.REGISTERS:
            return Registered()
        case TriggerKind.GETS_TAG:
            return HasTag(argument)
        case TriggerKind.JOINS | TriggerKind.LEAVES:
            return OnList(argument)
        case TriggerKind.CLICKS:
            return Clicked(argument)
    return None


def _can_hold(term: Term, known: Answers) -> bool:
    """Whether some answers that can come together make it true."""
    asked = list(dict.fromkeys(leaves(term)))
    free = [leaf for leaf in asked if leaf not in known]
    if len(free) > MOST_QUESTIONS:
        return True
    for answers in product((True, False), repeat=len(free)):
        all_answers = {**known, **dict(zip(free, answers, strict=True))}
        if _is_consistent(all_answers) and _judge(term, all_answers) is True:
            return True
    return False


def _is_consistent(answers: Answers) -> bool:
    """Whether these can be so together: nobody both attended and missed, and a field has one value."""
    if answers.get(Attended()) and answers.get(Missed()):
        return False
    fields: dict[str, str] = {}
    spans = []
    for leaf, answer in answers.items():
        if isinstance(leaf, FieldIs) and answer:
            value = leaf.value.casefold()
            if fields.setdefault(leaf.field, value) != value:
                return False
        if isinstance(leaf, JoinedWithin):
            spans.append((leaf.days, answer))
    # Who joined within 7 days also joined within 30.
    return not any(one < other and yes and not also for one, yes in spans for other, also in spans)


def _judge(term: Term, answers: Answers) -> bool | None:
    match term:
        case Not(inner):
            held = _judge(inner, answers)
            return None if held is None else not held
        case And(terms):
            parts = [_judge(each, answers) for each in terms]
            return False if False in parts else None if None in parts else True
        case Or(terms):
            parts = [_judge(each, answers) for each in terms]
            return True if True in parts else None if None in parts else False
    return answers[term]


def _why(term: Term, known: Answers, where: str, when: When | None) -> str:
    """Why it is never true, if it is not by itself."""
    if not _can_hold(term, {}):
        return ""
    if when is not None and when.kind is WhenKind.BEFORE_SESSION and _asks_attendance(term):
        return " before the session: nobody has attended yet, or missed it"
    return f" {where}"


def _asks_attendance(term: Term) -> bool:
    return any(isinstance(leaf, Attended | Missed) for leaf in leaves(term))


def check_steps_can_run(desk: Desk) -> Iterator[Problem]:
    """Every step can be reached before its sequence is over."""
    for campaign in desk.campaigns:
        for placed in campaign.sequences:
            sequence = placed.value
            ended_by: Placed[Step] | None = None
            for step in campaign.steps.get(sequence.name, ()):
                if ended_by is not None:
                    shown = f"{ended_by.value.verb.value}: {clip(ended_by.value.target)}"
                    message = f"`{shown}` in line {ended_by.at('verb').line} ends `{sequence.name}` for everybody"
                    yield problem("unreachable-step", message, step.at("verb"), "put this step above it")
                elif why := _why_over_before(campaign, sequence, step.value):
                    yield problem("unreachable-step", why, step.at("when"), "choose another stop, or take the step out")
                elif step.value.condition is None and _ends(sequence, step.value):
                    ended_by = step


def _ends(sequence: Sequence, step: Step) -> bool:
    """Whether a step is the end of its own sequence."""
    if step.verb is Verb.LEAVE and sequence.list == step.target:
        return True
    kinds = {Verb.TAG: TriggerKind.GETS_TAG, Verb.LEAVE: TriggerKind.LEAVES}
    start = (sequence.start.kind, sequence.start.argument)
    ends = [(end.kind, end.argument) for end in (sequence.goal, sequence.stop) if end is not None]
    return step.verb in kinds and (kinds[step.verb], step.target) in ends and start not in ends


def _why_over_before(campaign: CampaignDraft, sequence: Sequence, step: Step) -> str:
    """Why the sequence is over whenever the step would be due, by its stop; nothing if it is not."""
    if sequence.stop is None or not sequence.start.knows_session:
        return ""
    is_after = step.when.kind is WhenKind.AFTER_SESSION or sequence.start.kind is TriggerKind.SESSION_ENDS
    if sequence.stop.kind is TriggerKind.SESSION_ENDS and is_after and sequence.start.kind is TriggerKind.REGISTERS:
        return f"`{sequence.name}` stops when the session ends, so nothing comes after it"
    has_one = campaign.session_names is not None and len(campaign.session_names) == 1
    if sequence.stop.kind is TriggerKind.LAST_SESSION_STARTS and is_after and has_one:
        return f"`{sequence.name}` stops when the only session starts, so nothing comes after it"
    return ""


def check_last_session(desk: Desk) -> Iterator[Problem]:
    """Sequences that go on inviting when the last session is over, and steps that come too late for it."""
    for campaign in desk.campaigns:
        webinar = campaign.campaign.webinar
        last = webinar.last_start if webinar is not None else None
        for placed in campaign.sequences if campaign.has_webinar and not campaign.is_evergreen else ():
            sequence = placed.value
            if sequence.start.knows_session or sequence.start.kind is TriggerKind.CANCELS:
                continue
            stops = sequence.stop is not None and sequence.stop.kind is TriggerKind.LAST_SESSION_STARTS
            invites = sequence.goal is not None and sequence.goal.kind is TriggerKind.REGISTERS
            if invites and not stops and not _has_odd_end(sequence) and not _is_told(campaign, sequence):
                message = f"`{sequence.name}` still invites those who come after the last session"
                stop = "add" if sequence.stop is None else "write"
                advice = f"{stop} `stop: last session starts`"
                yield problem("outlives-webinar", message, placed.at("goal"), advice)
            if stops and last is not None and last > desk.now:
                yield from _too_late(campaign, placed, last, desk.now)


def _has_odd_end(sequence: Sequence) -> bool:
    """Whether its stop is its start or its goal, which is told as such."""
    ends = [(end.kind, end.argument) for end in (sequence.start, sequence.goal, sequence.stop) if end is not None]
    return len(set(ends)) < len(ends)


def _is_told(campaign: CampaignDraft, sequence: Sequence) -> bool:
    """Whether `sessions-may-be-over` says it, at a post that offers them."""
    posts = (campaign.posts.get(post) for step in sequence.steps for post in step.posts)
    uses = (use for post in posts if post is not None for use in read_markup(post.post.body).uses)
    return any(use.name == "sessions" for use in uses)


def _too_late(campaign: CampaignDraft, placed: Placed[Sequence], last: datetime, now: datetime) -> Iterator[Problem]:
    """Steps that are due after the last session for everybody who enters the sequence from now on."""
    left = last - now
    needed = timedelta()
    for step in campaign.steps.get(placed.value.name, ()):
        when = step.value.when
        if when.kind in SESSION_KINDS:
            continue
        needed += _at_least(when)
        if needed > left:
            message = f"who enters `{placed.value.name}` now would get this after the last session, and so never"
            advice = (
                f"{spoken(placed.value.start)}: from then on {needed.days} days are needed, and {left.days} are left"
            )
            yield problem("step-after-webinar", message, step.at("when"), advice)
            return


def _at_least(when: When) -> timedelta:
    """The least time that a `when` can take: `3 days later at 9:30` may be two days and some hours."""
    if when.kind is not WhenKind.LATER:
        return timedelta()
    span = when.amount * _UNITS[when.unit]
    return max(timedelta(), span - timedelta(days=1)) if when.clock is not None else span
