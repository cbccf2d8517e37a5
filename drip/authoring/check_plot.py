"""Checks of the plot: how the steps of a sequence, its triggers, the sessions and the broadcasts fit together.

Each check is one function from the desk to Problems; `drip.authoring.check` runs them all. A check looks only at what
could be read, so that one fault is reported once. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from drip.authoring.desk import Desk
from drip.authoring.problems_catalogue import problem
from drip.authoring.read_campaign import CampaignDraft
from drip.authoring.read_sequence import Placed
from drip.authoring.section import clip
from drip.core.model import (
    Attended,
    Broadcast,
    Missed,
    Sequence,
    Step,
    Trigger,
    TriggerKind,
    Unit,
    WhenKind,
)
from drip.core.problems import Problem
from drip.core.segments import leaves
from drip.core.when import local_to_utc

SESSION_KINDS = frozenset({WhenKind.BEFORE_SESSION, WhenKind.AFTER_SESSION})

_HELP_NO_SESSION = "only a sequence that starts with `registers` knows the session"
_MINUTES = {Unit.MINUTES: 1, Unit.HOURS: 60, Unit.DAYS: 24 * 60, Unit.WEEKS: 7 * 24 * 60}
_SPOKEN = {
    TriggerKind.JOINS: "joins {}",
    TriggerKind.LEAVES: "leaves {}",
    TriggerKind.GETS_TAG: "gets the tag {}",
    TriggerKind.CLICKS: "clicks a link in {}",
    TriggerKind.REGISTERS: "registers",
    TriggerKind.CANCELS: "cancels",
}
# Where one of these was found in campaign.yaml, a post may be sent by what could not be read.
_LOSES_STEPS = frozenset(
    {
        "unknown-post",
        "unknown-key",
        "missing-key",
        "no-steps",
        "several-documents",
        "wrong-kind",
        "empty-value",
        "anchor",
    }
)
# Noon in Auckland comes about a day before noon in Honolulu: the last reader's clock is twelve hours behind UTC.
_LAST_ZONE = timedelta(hours=12)


def spoken(trigger: Trigger) -> str:
    """A start in words: `someone joins job-seekers`."""
    if trigger.kind in _SPOKEN:
        return "someone " + _SPOKEN[trigger.kind].format(clip(trigger.argument or ""))
    return trigger.kind.value.replace("session", "a session", 1)


def _sequences(desk: Desk) -> Iterator[tuple[Sequence, Placed[Sequence], tuple[Placed[Step], ...]]]:
    """All sequences with their steps."""
    for campaign in desk.campaigns:
        for placed in campaign.sequences:
            yield placed.value, placed, campaign.steps.get(placed.value.name, ())


def check_sessions_are_known(desk: Desk) -> Iterator[Problem]:
    """What counts from a session, or asks who came to it, needs a sequence that knows one."""
    for sequence, _, steps in _sequences(desk):
        if sequence.start.knows_session:
            continue
        starts = f"`{sequence.name}` starts when {spoken(sequence.start)}"
        for step in steps:
            when, condition = step.value.when, step.value.condition
            if when.kind in SESSION_KINDS:
                message = f"`{when.phrase}` needs a session, but {starts}"
                yield problem("no-session", message, step.at("when"), _HELP_NO_SESSION)
            asked = (
                next((leaf for leaf in leaves(condition.term) if _asks_attendance(leaf)), None) if condition else None
            )
            if asked is not None:
                message = f"`{type(asked).__name__.lower()}` needs a session, but {starts}"
                yield problem("no-session", message, step.at("if"), _HELP_NO_SESSION)


def _asks_attendance(leaf: object) -> bool:
    return isinstance(leaf, Attended | Missed)


def check_reminders_come_in_time(desk: Desk) -> Iterator[Problem]:
    """A sequence that begins when the session is over cannot remind of it."""
    for sequence, _, steps in _sequences(desk):
        if sequence.start.kind is not TriggerKind.SESSION_ENDS:
            continue
        for step in steps:
            if step.value.when.kind is WhenKind.BEFORE_SESSION:
                message = f"`{step.value.when.phrase}` is over when `{sequence.name}` starts, at the end of the session"
                advice = "move the step to a sequence that starts with `registers`"
                yield problem("reminder-after-start", message, step.at("when"), advice)


def check_order_of_steps(desk: Desk) -> Iterator[Problem]:
    """Steps that count from the session stand in the order of their moments."""
    for _, _, steps in _sequences(desk):
        latest: tuple[int, str] | None = None
        for step in steps:
            when = step.value.when
            if when.kind not in SESSION_KINDS:
                continue
            minutes = when.amount * _MINUTES[when.unit]
            moment = -minutes if when.kind is WhenKind.BEFORE_SESSION else minutes
            if latest is not None and moment < latest[0]:
                message = f"`{when.phrase}` is due before the step above it, `{latest[1]}`"
                yield problem("steps-out-of-order", message, step.at("when"), "put the earlier step first")
            else:
                latest = (moment, when.phrase)


def check_ends_of_sequences(desk: Desk) -> Iterator[Problem]:
    """Start, goal and stop are three different events."""
    for sequence, placed, _ in _sequences(desk):
        start = (sequence.start.kind, sequence.start.argument)
        goal = (sequence.goal.kind, sequence.goal.argument) if sequence.goal else None
        stop = (sequence.stop.kind, sequence.stop.argument) if sequence.stop else None
        for role, end in (("goal", goal), ("stop", stop)):
            if end == start:
                message = f"`{sequence.name}` would end with what it starts with, so nobody would get anything"
                yield problem("goal-equals-start", message, placed.at(role), f"choose another {role}")
        if stop is not None and stop == goal:
            message = f"the goal and the stop of `{sequence.name}` are the same event"
            yield problem("stop-equals-goal", message, placed.at("stop"), "take the stop out: a goal ends a sequence")


def check_goals_can_be_reached(desk: Desk) -> Iterator[Problem]:
    """A goal of clicks needs a post of this sequence to click in."""
    for sequence, placed, steps in _sequences(desk):
        goal = sequence.goal
        if goal is None or goal.kind is not TriggerKind.CLICKS:
            continue
        if not any(goal.argument in step.value.posts for step in steps):
            message = f"`{sequence.name}` does not send `{clip(goal.argument or '')}`, so nobody can click in it"
            yield problem("unreachable-goal", message, placed.at("goal"), "name a post that this sequence sends")


def check_clashes(desk: Desk) -> Iterator[Problem]:
    """A step is told by its sequence and post, a broadcast by its post and list: each of them once."""
    for _, _, steps in _sequences(desk):
        lines: dict[str, int] = {}
        sent: dict[str, int] = {}
        for step in steps:
            place = step.at("verb")
            first = lines.setdefault(step.value.identity, place.line)
            if first != place.line:
                what = f"{step.value.verb.value}: {clip(step.value.target)}"
                message = f"`{what}` is a step of `{step.value.sequence}` already, in line {first}"
                advice = "a sequence sends a post once; give a second one its own file and name"
                yield problem("clash-of-names", message, place, advice if step.value.is_mail else "keep one of them")
                continue
            for post in step.value.posts:
                # A post of a test may be that of another step, under another name.
                place = step.at(f"variants/{post}" if step.value.variants else "verb")
                if (first := sent.setdefault(post, place.line)) != place.line:
                    message = f"`{clip(post)}` is sent by `{step.value.sequence}` already, in line {first}"
                    advice = "a sequence sends a post once; give a second one its own file and name"
                    yield problem("clash-of-names", message, place, advice)
    for campaign in desk.campaigns:
        mailed: dict[tuple[str, str], int] = {}
        for broadcast in campaign.broadcasts:
            place = broadcast.at("send")
            first = mailed.setdefault((broadcast.value.post, broadcast.value.list), place.line)
            if first != place.line:
                message = (
                    f"`{clip(broadcast.value.post)}` goes to `{clip(broadcast.value.list)}` already, in line {first}"
                )
                yield problem(
                    "clash-of-names", message, place, "nobody gets a post twice; give the second its own file"
                )


def check_renames(desk: Desk) -> Iterator[Problem]:
    """A step cannot have been what another step still is, and two cannot have been the same."""
    for _, _, steps in _sequences(desk):
        present = {step.value.identity for step in steps}
        taken: dict[str, str] = {}
        for step in steps:
            for old in sorted(step.value.identities - {step.value.identity}):
                name = clip(old.partition("/")[2])
                if old in present:
                    message = f"`{name}` is still a step of `{step.value.sequence}`, so this one was not called that"
                    yield problem("clash-of-names", message, step.at("was"), "take `was` out, or the old step")
                elif old in taken:
                    message = f"two steps say that they were `{name}`: `{clip(taken[old])}` and this one"
                    yield problem("clash-of-names", message, step.at("was"), "keep `was` at the one that follows it")
                taken.setdefault(old, step.value.target)


def check_renamed_names(desk: Desk) -> Iterator[Problem]:
    """Neither a sequence nor a post can have been what another one still is."""
    for campaign in desk.campaigns:
        sequences = {each.value.name: each for each in campaign.sequences}
        for name, sequence in sequences.items():
            for old in sequence.value.was:
                if old in sequences:
                    message = f"`{clip(old)}` is still a sequence, so `{name}` was not called that"
                    yield problem("clash-of-names", message, sequence.at("was"), "take `was` out, or the old sequence")
        for name, post in campaign.posts.items():
            for old in post.post.was:
                if old in campaign.posts:
                    message = f"`{clip(old)}` is still a post, so `{clip(name)}` was not called that"
                    yield problem("clash-of-names", message, post.place_of("was"), "take `was` out, or the old file")


def check_moments(desk: Desk) -> Iterator[Problem]:
    """Sessions and broadcasts whose moment is over."""
    for campaign in desk.campaigns:
        for session in campaign.sessions:
            if session.value.starts <= desk.now and not session.value.cancelled:
                message = f"the session `{session.value.name}` has begun already"
                yield problem("past-session", message, session.place, "nobody can register for it any more")
        for broadcast in campaign.broadcasts:
            if _last_moment(broadcast.value, campaign.campaign.timezone) < desk.now:
                message = f"the moment of this broadcast, {clip(broadcast.value.when.phrase)}, is over"
                yield problem(
                    "past-broadcast", message, broadcast.at("when"), "if it was not sent then, it will not be"
                )


def _last_moment(broadcast: Broadcast, zone: str) -> datetime:
    """When a broadcast is due for the last of its readers."""
    assert broadcast.when.day is not None
    assert broadcast.when.clock is not None
    wall = datetime.combine(broadcast.when.day, broadcast.when.clock)
    if broadcast.when.readers_time:
        return wall.replace(tzinfo=UTC) + _LAST_ZONE
    return local_to_utc(wall, zone)


def check_last_sessions_exist(desk: Desk) -> Iterator[Problem]:
    """What waits for the last session needs a webinar that has one."""
    for campaign in desk.campaigns:
        for placed in campaign.sequences if campaign.is_evergreen else ():
            sequence = placed.value
            for role, trigger in (("start", sequence.start), ("goal", sequence.goal), ("stop", sequence.stop)):
                if trigger is not None and trigger.kind is TriggerKind.LAST_SESSION_STARTS:
                    message = "an evergreen webinar has no last session, so this never comes"
                    advice = "take it out" if role == "stop" else f"choose another {role}"
                    yield problem("no-last-session", message, placed.at(role), advice)


def check_posts_and_plot_meet(desk: Desk) -> Iterator[Problem]:
    """Posts that nobody sends, and drafts that somebody does."""
    for campaign in desk.campaigns:
        if not campaign.was_read:
            continue
        yield from _drafts_in_use(campaign)
        if any(each.name in _LOSES_STEPS and each.place.path == campaign.path for each in campaign.problems):
            continue
        for name, post in campaign.posts.items():
            if name not in campaign.sent and not post.is_draft and post.was_read:
                place = post.head.names.get("subject") or post.place_of("subject")
                advice = "send it in a step or a broadcast, or say `draft: true`"
                yield problem("unused-post", f"nothing in {campaign.path} sends `{clip(name)}`", place, advice)


def _drafts_in_use(campaign: CampaignDraft) -> Iterator[Problem]:
    """Steps and broadcasts that send a post with `draft: true`."""
    steps = [
        (post, step.at(f"variants/{post}" if step.value.variants else "verb"))
        for each in campaign.steps.values()
        for step in each
        for post in step.value.posts
    ]
    broadcasts = [(each.value.post, each.at("send")) for each in campaign.broadcasts]
    for name, place in (*steps, *broadcasts):
        post = campaign.posts.get(name)
        if post is not None and post.is_draft:
            message = f"`{clip(name)}` says `draft: true`, and this sends it"
            yield problem("draft-in-use", message, place, f"take `draft` out of {post.post.path} when it is ready")
