"""The lines of a plan about sequences and their steps: what an edit means for the people who are inside.

Pure. Called by `drip.core.plan` only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drip.core.figures import CHANGED, MOVED, NEW, REMOVED, Figures, Kept, PlanLine, people
from drip.core.limits import late_text, priority_text
from drip.core.model import Campaign, Sequence, Step, Trigger, TriggerKind
from drip.core.renames import carried_counts, carried_over, sequence_hints, sequence_names, step_hints
from drip.core.variants import weights_text


def about_sequences(
    live: Campaign, wanted: Campaign, waiting: Mapping[str, int], pinned: Kept, figures: Figures
) -> Iterator[PlanLine]:
    """The lines about sequences, and about the steps of each."""
    before, names = carried_over(live, wanted), sequence_names(live, wanted)
    waiting = carried_counts(waiting, names)
    old_names = {new: old for old, new in names.items()}
    hints = sequence_hints(live, wanted)
    for sequence in wanted.sequences:
        was = before.sequence_named(sequence.name)
        kept = pinned.get(old_names.get(sequence.name, sequence.name), {})
        if was is None:
            yield from _about_new_sequence(sequence, hints.get(sequence.name, ""))
            if kept:  # it was taken out, and is back
                yield _about_kept(sequence, kept)
            continue
        inside = waiting.get(sequence.name, 0)
        if sequence.name in old_names:
            yield _about_new_name(sequence, old_names[sequence.name], inside, kept)
        lines = [
            *_about_sequence_values(was, sequence, inside),
            *_about_steps(was, sequence, waiting, figures),
        ]
        yield from lines
        if kept and (lines or _posts_differ(before, wanted, was, sequence)):
            yield _about_kept(sequence, kept)
    for gone in before.sequences:
        if wanted.sequence_named(gone.name) is None:
            effect = f"ends for {people(waiting.get(gone.name, 0))} in it"
            if kept := pinned.get(gone.name, {}):
                effect = f"{_kept_text(kept)}, and {'goes' if sum(kept.values()) == 1 else 'go'} through it to the end"
                effect += f"; {people(waiting[gone.name])} without one: it ends" if waiting.get(gone.name) else ""
            yield PlanLine(REMOVED, f"sequence {gone.name}", f"{len(gone.steps)} steps", effect)


def _about_new_sequence(sequence: Sequence, hint: str) -> Iterator[PlanLine]:
    by_session = sequence.start.kind is TriggerKind.SESSION_ENDS
    whom = "for every session that ends" if by_session else f"for whoever {sequence.start.phrase}"
    what = f"start: {sequence.start.phrase}"
    yield PlanLine(NEW, f"sequence {sequence.name}", what, f"{whom} from now on", hint)
    for step in sequence.steps:
        yield PlanLine(NEW, f"step {step.identity}", _step_text(step) + _variants_text(step))


def _about_new_name(sequence: Sequence, old: str, inside: int, kept: Mapping[int, int]) -> PlanLine:
    """Whoever is pinned to an older revision knows the sequence by its old name, and goes through it under that."""
    effect = f"{people(inside)} in it {'stays' if inside == 1 else 'stay'} in it" if inside else ""
    if kept:
        effect = "; ".join(filter(None, (effect, f"{_kept_text(kept)} under the old name")))
    return PlanLine(CHANGED, f"sequence {sequence.name}", f"was {old}", effect)


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
        ("priority", *priorities),
        ("again", before.again.phrase, wanted.again.phrase),
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


def _about_steps(
    before: Sequence, wanted: Sequence, waiting: Mapping[str, int], figures: Figures
) -> Iterator[PlanLine]:
    old = {each.identity: each for each in before.steps}
    new = frozenset[str]().union(*(each.identities for each in wanted.steps))
    moved = _moved_steps(before, wanted)
    hints = step_hints(before, wanted)
    for index, step in enumerate(wanted.steps):
        was = next((old[each] for each in (step.identity, *sorted(step.identities)) if each in old), None)
        subject = f"step {step.identity}"
        if was is None:
            effect = _effect_of_new_step(before, wanted, index, waiting, figures)
            what = _step_text(step) + _variants_text(step)
            yield PlanLine(NEW, subject, what, effect, hints.get(step.identity, ""))
            continue
        if was.identity != step.identity:
            yield PlanLine(CHANGED, subject, f"was {was.identity}", "who had it under that name does not get it again")
        if step.identity in moved:
            place = f"now number {index + 1}"
            yield PlanLine(MOVED, subject, place, "nobody who is past it, or past its new place, gets it")
        if _step_text(was) != _step_text(step):
            effect = _effect_of_edit(waiting.get(was.identity, 0), step, figures)
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
    late = f", late: {late_text(step.late, step.late_then)}" if step.late else ""
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


def _effect_of_edit(count: int, step: Step, figures: Figures) -> str:
    """For how many of those who wait for a step it is due now, and for how many later (rule 9)."""
    if step.sequence not in figures.known:
        return f"{people(count)} waiting for it {'goes' if count == 1 else 'go'} by the new line" if count else ""
    parts = [f"{people(count)} waiting for it"] if count else []
    return ": ".join([*parts, _when_due(step, figures)]) if count or figures.at_once.get(step.identity) else ""


def _when_due(step: Step, figures: Figures) -> str:
    """`300 become due at once, 512 later`."""
    now, later = figures.at_once.get(step.identity, 0), figures.later.get(step.identity, 0)
    due = f"{now:,} become{'s' if now == 1 else ''} due at once" if now else "none becomes due at once"
    return f"{due}, {later:,} later"


def _effect_of_new_step(
    before: Sequence, wanted: Sequence, index: int, waiting: Mapping[str, int], figures: Figures
) -> str:
    """For how many of those inside a new step is still ahead. What is behind them never runs, unless it reopens."""
    place = {name: number for number, each in enumerate(wanted.steps) for name in each.identities}
    ahead = behind = 0
    furthest = -1
    for step in before.steps:
        count = waiting.get(step.identity, 0)
        if index > furthest:
            ahead += count
        else:
            behind += count
        furthest = max(furthest, place.get(step.identity, -1))
    new = wanted.steps[index]
    parts = [f"{people(ahead)} will come to it"] if ahead else []
    if behind and new.reopen:
        parts.append(f"also for {people(behind)} who {'is' if behind == 1 else 'are'} past it")
    elif behind:
        parts.append(f"not for {people(behind)} who {'is' if behind == 1 else 'are'} past it")
    if now := figures.at_once.get(new.identity):
        parts.append(f"{now:,} become{'s' if now == 1 else ''} due at once")
    return ", ".join(parts)
