"""Compares a campaign as it is live with the campaign as the files want it, and says for whom it matters.

Pure: two campaigns and the numbers of people waiting in, lines out. It guesses nothing: a renamed step is one
step less and one more, because that is what it would do (DESIGN §7 rule 9). Called by `drip.engine.apply`.

    +  is new        -  is removed        ~  is changed        >  has another place in its sequence
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from drip.core.caps import NORMAL
from drip.core.limits import priority_text
from drip.core.model import (
    Broadcast,
    Campaign,
    Post,
    ProjectDefinition,
    Sequence,
    Session,
    Step,
    Trigger,
    TriggerKind,
    Verb,
    Webinar,
)
from drip.core.variants import weights_text
from drip.core.when import moment_text

NEW, REMOVED, CHANGED, MOVED = "+", "-", "~", ">"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One change: its sign, what it is about (`step invite/last-seats`), what changes, and for whom."""

    sign: str
    subject: str
    what: str
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that applying would change in one campaign, in the order of its file."""

    lines: tuple[PlanLine, ...]

    @property
    def is_empty(self) -> bool:
        """Whether applying would change nothing that readers could notice."""
        return not self.lines


Kept = Mapping[str, Mapping[int, int]]
"""For each sequence, how many people keep which revision of it, by its number."""
NOBODY: Kept = MappingProxyType({})


def compare(live: Campaign | None, wanted: Campaign, *, waiting: Mapping[str, int], pinned: Kept = NOBODY) -> Plan:
    """What applying `wanted` would change. `waiting` counts people by sequence, and by the step they wait for;
    `pinned` are the others, whom an edit does not concern.
    """
    before = live or Campaign(wanted.name, "", wanted.timezone, wanted.sender)
    lines = [
        *_about_campaign(before, wanted, is_new=live is None),
        *_about_webinar(before.webinar, wanted.webinar),
        *_about_sequences(before, wanted, waiting, pinned),
        *_about_broadcasts(before.broadcasts, wanted),
        *_about_posts(before, wanted, waiting),
    ]
    return Plan(tuple(lines))


def people(count: int) -> str:
    """A number with its noun: `1 person`, `12 people`, `nobody`."""
    if count == 0:
        return "nobody"
    return "1 person" if count == 1 else f"{count:,} people"


def about_project(before: ProjectDefinition, wanted: ProjectDefinition) -> Iterator[PlanLine]:
    """What changes in drip.yaml that concerns the mails of every campaign."""
    old, new = (each.at_most.phrase if each.at_most else "no limit" for each in (before, wanted))
    if old != new:
        effect = "in every campaign, also for what waits for the limit now"
        yield PlanLine(CHANGED, "project", f"at-most: {old} → {new}", effect)
    old, new = ("off" if each.burst is None else str(each.burst) for each in (before, wanted))
    if old != new:
        yield PlanLine(CHANGED, "project", f"burst: {old} → {new}", "for the next run")


# --- the campaign and its webinar --------------------------------------------------------------------------------


def _about_campaign(before: Campaign, wanted: Campaign, *, is_new: bool) -> Iterator[PlanLine]:
    subject = f"campaign {wanted.name}"
    if is_new:
        yield PlanLine(NEW, subject, wanted.title)
        return
    if before.title != wanted.title:
        yield PlanLine(CHANGED, subject, f"title: {before.title} → {wanted.title}")
    if before.timezone != wanted.timezone:
        what = f"timezone: {before.timezone} → {wanted.timezone}"
        yield PlanLine(CHANGED, subject, what, "fixed moments and sessions without a zone of their own move")
    if before.sender != wanted.sender:
        yield PlanLine(CHANGED, subject, "sender", "for every post from now on")


def _about_webinar(before: Webinar | None, wanted: Webinar | None) -> Iterator[PlanLine]:
    if before is None and wanted is None:
        return
    if wanted is None:
        assert before is not None
        yield PlanLine(REMOVED, "webinar", before.title, "nobody can register any more")
        return
    if before is None:
        yield PlanLine(NEW, "webinar", wanted.title)
    else:
        yield from _about_webinar_values(before, wanted)
    yield from _about_sessions(before.sessions if before else (), wanted.sessions)


def _about_webinar_values(before: Webinar, wanted: Webinar) -> Iterator[PlanLine]:
    if before.title != wanted.title:
        yield PlanLine(CHANGED, "webinar", f"title: {before.title} → {wanted.title}")
    if before.length != wanted.length:
        minutes = [round(each.length.total_seconds() / 60) for each in (before, wanted)]
        yield PlanLine(
            CHANGED, "webinar", f"length: {minutes[0]} → {minutes[1]} minutes", "sessions end at another time"
        )
    if before.seats != wanted.seats:
        shown = ["no limit" if each.seats is None else str(each.seats) for each in (before, wanted)]
        yield PlanLine(CHANGED, "webinar", f"seats: {shown[0]} → {shown[1]}", "who has a seat keeps it")
    if before.join != wanted.join:
        effect = "join links in mails that were sent lead to the new address"
        yield PlanLine(CHANGED, "webinar", f"join: {before.join} → {wanted.join}", effect)


def _about_sessions(before: tuple[Session, ...], wanted: tuple[Session, ...]) -> Iterator[PlanLine]:
    old = {each.name: each for each in before}
    for session in wanted:
        subject, shown = f"session {session.name}", moment_text(session.starts, session.zone)
        was = old.pop(session.name, None)
        if was is None:
            yield PlanLine(NEW, subject, shown + (", cancelled" if session.cancelled else ""))
        elif was.cancelled != session.cancelled:
            effect = "its seats end" if session.cancelled else "who was told of its end must choose it anew"
            yield PlanLine(CHANGED, subject, f"{shown}, {'cancelled' if session.cancelled else 'held again'}", effect)
        elif was.starts != session.starts:
            effect = "reminders that were not sent yet move with it"
            yield PlanLine(CHANGED, subject, f"{moment_text(was.starts, was.zone)} → {shown}", effect)
    for gone in old.values():
        what = moment_text(gone.starts, gone.zone)
        yield PlanLine(REMOVED, f"session {gone.name}", what, "nobody can register for it any more")


# --- sequences and their steps -----------------------------------------------------------------------------------


def _about_sequences(
    before: Campaign, wanted: Campaign, waiting: Mapping[str, int], pinned: Kept
) -> Iterator[PlanLine]:
    for sequence in wanted.sequences:
        was = before.sequence_named(sequence.name)
        if was is None:
            by_session = sequence.start.kind is TriggerKind.SESSION_ENDS
            whom = "for every session that ends" if by_session else f"for whoever {sequence.start.phrase}"
            yield PlanLine(NEW, f"sequence {sequence.name}", f"start: {sequence.start.phrase}", f"{whom} from now on")
            for step in sequence.steps:
                yield PlanLine(NEW, f"step {step.identity}", _step_text(step) + _variants_text(step))
            if kept := pinned.get(sequence.name, {}):  # it was taken out, and is back
                yield _about_kept(sequence, kept)
            continue
        lines = [
            *_about_sequence_values(was, sequence, waiting.get(sequence.name, 0)),
            *_about_steps(was, sequence, waiting),
        ]
        yield from lines
        kept = pinned.get(sequence.name, {})
        if kept and (lines or _posts_differ(before, wanted, was, sequence)):
            yield _about_kept(sequence, kept)
    for gone in before.sequences:
        if wanted.sequence_named(gone.name) is None:
            effect = f"ends for {people(waiting.get(gone.name, 0))} in it"
            if kept := pinned.get(gone.name, {}):
                effect = f"{_kept_text(kept)}, and {'goes' if sum(kept.values()) == 1 else 'go'} through it to the end"
                effect += f"; {people(waiting[gone.name])} without one: it ends" if waiting.get(gone.name) else ""
            yield PlanLine(REMOVED, f"sequence {gone.name}", f"{len(gone.steps)} steps", effect)


def _posts_differ(before: Campaign, wanted: Campaign, was: Sequence, sequence: Sequence) -> bool:
    """Whether any post of the sequence has another text."""
    names = {post for each in (*was.steps, *sequence.steps) for post in each.posts}
    return any(before.posts.get(each) != wanted.posts.get(each) for each in names)


def _about_kept(sequence: Sequence, kept: Mapping[int, int]) -> PlanLine:
    """Those who entered while the sequence was pinned (decision 0141)."""
    subject, total = f"sequence {sequence.name}", sum(kept.values())
    if sequence.is_pinned:
        return PlanLine(CHANGED, subject, "pin: enrollment", f"not for those inside: {_kept_text(kept)}")
    effect = f"{people(total)} who kept older revisions {'goes' if total == 1 else 'go'} on by the new one"
    return PlanLine(CHANGED, subject, "pinned no longer", effect)


def _kept_text(kept: Mapping[int, int]) -> str:
    """`12 people keep revision 3, 1 person keeps revision 1`."""
    parts = (f"{people(count)} keep{'s' if count == 1 else ''} revision {number}" for number, count in kept.items())
    return ", ".join(parts)


def _about_sequence_values(before: Sequence, wanted: Sequence, inside: int) -> Iterator[PlanLine]:
    subject = f"sequence {wanted.name}"
    if _phrase(before.start) != _phrase(wanted.start):
        what = f"start: {_phrase(before.start)} → {_phrase(wanted.start)}"
        yield PlanLine(CHANGED, subject, what, f"{people(inside)} in it stay in it")
    priorities = [priority_text(each.priority) for each in (before, wanted)]
    pairs = (
        ("goal", _phrase(before.goal), _phrase(wanted.goal)),
        ("stop", _phrase(before.stop), _phrase(wanted.stop)),
        ("hours", before.hours.phrase if before.hours else "none", wanted.hours.phrase if wanted.hours else "none"),
        ("again", before.again.phrase, wanted.again.phrase),
        ("priority", *priorities),
    )
    for name, old, new in pairs:
        if old != new:
            effect = f"also for {people(inside)} in it" if inside and name not in ("again", "priority") else ""
            yield PlanLine(CHANGED, subject, f"{name}: {old} → {new}", effect)
    if before.is_pinned != wanted.is_pinned:
        old, new = ("enrollment" if each.is_pinned else "none" for each in (before, wanted))
        effect = f"for who enters from now on; {people(inside)} in it follow the files" if inside else ""
        yield PlanLine(CHANGED, subject, f"pin: {old} → {new}", effect if wanted.is_pinned else "")


def _phrase(trigger: Trigger | None) -> str:
    return trigger.phrase if trigger else "none"


def _about_steps(before: Sequence, wanted: Sequence, waiting: Mapping[str, int]) -> Iterator[PlanLine]:
    old = {each.identity: each for each in before.steps}
    new = frozenset[str]().union(*(each.identities for each in wanted.steps))
    moved = _moved_steps(before, wanted)
    for index, step in enumerate(wanted.steps):
        was = next((old[each] for each in (step.identity, *sorted(step.identities)) if each in old), None)
        subject = f"step {step.identity}"
        if was is None:
            effect = _effect_of_new_step(before, wanted, index, waiting)
            yield PlanLine(NEW, subject, _step_text(step) + _variants_text(step), effect)
            continue
        if was.identity != step.identity:
            yield PlanLine(CHANGED, subject, f"was {was.identity}", "who had it under that name does not get it again")
        if step.identity in moved:
            place = f"now number {index + 1}"
            yield PlanLine(MOVED, subject, place, "nobody who is past it, or past its new place, gets it")
        if _step_text(was) != _step_text(step):
            count = waiting.get(was.identity, 0)
            effect = f"{people(count)} waiting for it {'goes' if count == 1 else 'go'} by the new line" if count else ""
            yield PlanLine(CHANGED, subject, f"{_step_text(was)} → {_step_text(step)}", effect)
        if was.variants != step.variants:
            yield _about_variants(was, step)
    for gone in before.steps:
        if gone.identity not in new:
            count = waiting.get(gone.identity, 0)
            effect = (
                f"{people(count)} waiting for it {'goes' if count == 1 else 'go'} on to the next step" if count else ""
            )
            yield PlanLine(REMOVED, f"step {gone.identity}", _step_text(gone), effect)


def _step_text(step: Step) -> str:
    condition = f", if {step.condition.phrase}" if step.condition else ""
    late = f", late: {round(step.late.total_seconds() / 60)} minutes" if step.late else ""
    reopen = ", reopen" if step.reopen else ""
    return f"{step.verb.value} {step.when.phrase}{condition}{late}{reopen}"


def _variants_text(step: Step) -> str:
    return f": {weights_text(step.variants)}" if step.variants else ""


def _about_variants(before: Step, wanted: Step) -> PlanLine:
    """The posts of a test and their weights (rule 14). A test may begin, or end in a post for everybody."""
    subject = f"step {wanted.identity}"
    old, new = weights_text(before.variants), weights_text(wanted.variants)
    if not wanted.variants:
        return PlanLine(CHANGED, subject, f"variants: {old} → none", f"everybody to come gets {wanted.target}")
    gone = [each for each in before.posts if each not in wanted.posts] if before.variants else []
    effect = "for whoever has no variant yet; who has one keeps it"
    if gone:
        effect += f"; nobody gets {' or '.join(gone)} any more, but for mails that are planned already"
    return PlanLine(CHANGED, subject, f"variants: {old or 'none'} → {new}", effect)


def _moved_steps(before: Sequence, wanted: Sequence) -> frozenset[str]:
    """The fewest steps whose moving explains the new order: all but the longest run that kept its order."""
    position = {each.identity: index for index, each in enumerate(before.steps)}
    kept = [each.identity for each in wanted.steps if each.identity in position]
    # best[i]: the longest rising run that ends with kept[i], as a tuple of identities. Sequences are short.
    best: list[tuple[str, ...]] = []
    for index, identity in enumerate(kept):
        longest: tuple[str, ...] = ()
        for run, last in zip(best, kept[:index], strict=True):
            if position[last] < position[identity] and len(run) > len(longest):
                longest = run
        best.append((*longest, identity))
    unmoved = max(best, key=lambda run: len(run), default=())
    return frozenset(kept) - frozenset(unmoved)


def _effect_of_new_step(before: Sequence, wanted: Sequence, index: int, waiting: Mapping[str, int]) -> str:
    """For how many of those inside a new step is still ahead. What is behind them never runs (rule 9)."""
    place = {each.identity: number for number, each in enumerate(wanted.steps)}
    ahead = behind = 0
    furthest = -1
    for step in before.steps:
        count = waiting.get(step.identity, 0)
        if index > furthest:
            ahead += count
        else:
            behind += count
        furthest = max(furthest, place.get(step.identity, -1))
    parts = [f"{people(ahead)} will come to it"] if ahead else []
    if behind:
        parts.append(f"not for {people(behind)} who {'is' if behind == 1 else 'are'} past it")
    return ", ".join(parts)


# --- broadcasts and posts ----------------------------------------------------------------------------------------


def _about_broadcasts(before: tuple[Broadcast, ...], wanted: Campaign) -> Iterator[PlanLine]:
    old = _numbered(before)
    for key, broadcast in _numbered(wanted.broadcasts).items():
        subject = f"broadcast {broadcast.post}"
        was = old.pop(key, None)
        if was is None:
            yield PlanLine(NEW, subject, _broadcast_text(broadcast))
        elif _broadcast_text(was) != _broadcast_text(broadcast):
            effect = "unless it was sent already"
            yield PlanLine(CHANGED, subject, f"{_broadcast_text(was)} → {_broadcast_text(broadcast)}", effect)
    for gone in old.values():
        yield PlanLine(REMOVED, f"broadcast {gone.post}", _broadcast_text(gone), "unless it was sent already")


def _numbered(broadcasts: tuple[Broadcast, ...]) -> dict[tuple[str, str, int], Broadcast]:
    """Broadcasts by what makes them the same one: post and list, and which of several with both."""
    numbered: dict[tuple[str, str, int], Broadcast] = {}
    for each in broadcasts:
        number = sum((each.post, each.list) == key[:2] for key in numbered)
        numbered[each.post, each.list, number] = each
    return numbered


def _broadcast_text(broadcast: Broadcast) -> str:
    where = f", where {broadcast.where.phrase}" if broadcast.where else ""
    late = f", late: {round(broadcast.late.total_seconds() / 60)} minutes" if broadcast.late else ""
    priority = f", priority: {priority_text(broadcast.priority)}" if broadcast.priority != NORMAL else ""
    return f"to {broadcast.list} at {broadcast.when.phrase}{where}{late}{priority}"


def _about_posts(before: Campaign, wanted: Campaign, waiting: Mapping[str, int]) -> Iterator[PlanLine]:
    for name, post in wanted.posts.items():
        was = before.posts.get(name)
        if was is None:
            yield PlanLine(NEW, f"post {name}", post.subject)
            continue
        changes = _post_changes(was, post)
        if changes:
            count = _waiting_for_post(wanted, name, waiting)
            now = f" ({people(count)} now)" if count else ""
            yield PlanLine(CHANGED, f"post {name}", ", ".join(changes), f"for whoever has not had it yet{now}")
    for name, gone in before.posts.items():
        if name not in wanted.posts:
            yield PlanLine(REMOVED, f"post {name}", gone.subject)


def _post_changes(before: Post, wanted: Post) -> list[str]:
    changes = []
    if before.subject != wanted.subject:
        changes.append(f"subject: {before.subject} → {wanted.subject}")
    pairs = (
        ("text", before.body, wanted.body),
        ("preview", before.preview, wanted.preview),
        ("layout", before.layout, wanted.layout),
        ("language", before.language, wanted.language),
    )
    changes.extend(name for name, old, new in pairs if old != new)
    return changes or (["front matter"] if before.head != wanted.head else [])


def _waiting_for_post(campaign: Campaign, post: str, waiting: Mapping[str, int]) -> int:
    steps = (each for sequence in campaign.sequences for each in sequence.steps)
    # Of those who wait for a test nobody has a variant yet, so none of them waits for this post.
    identities = {each.identity for each in steps if each.verb is Verb.SEND and each.target == post}
    return sum(waiting.get(each, 0) for each in identities)
