"""Compares a campaign as it is live with the campaign as the files want it, and says for whom it matters.

Pure: two campaigns and the numbers of people waiting in, lines out. It guesses nothing: a renamed step is one
step less and one more, because that is what it would do (DESIGN §7 rule 9). Called by `drip.engine.apply`.

    +  is new        -  is removed        ~  is changed        >  has another place in its sequence
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from drip.core.caps import NORMAL
from drip.core.evergreen import Rule
from drip.core.figures import CHANGED, NEW, NOBODY, REMOVED, UNKNOWN, Figures, Kept, PlanLine, people
from drip.core.limits import late_text, priority_text
from drip.core.model import Broadcast, Campaign, Post, ProjectDefinition, Session, Verb, Webinar
from drip.core.offers import rule_text
from drip.core.plan_sequences import about_sequences
from drip.core.renames import carried_over, post_hints, post_names
from drip.core.when import moment_text

__all__ = ["Plan", "PlanLine", "compare", "people"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that applying would change in one campaign, in the order of its file."""

    lines: tuple[PlanLine, ...]
    figures: Figures = UNKNOWN

    @property
    def is_empty(self) -> bool:
        """Whether applying would change nothing that readers could notice."""
        return not self.lines


def compare(
    live: Campaign | None,
    wanted: Campaign,
    *,
    waiting: Mapping[str, int],
    pinned: Kept = NOBODY,
    figures: Figures = UNKNOWN,
) -> Plan:
    """What applying `wanted` would change. `waiting` counts people by sequence, and by the step they wait for;
    `pinned` are the others, whom an edit does not concern. `figures` are more numbers, where a database was asked.
    """
    before = live or Campaign(wanted.name, "", wanted.timezone, wanted.sender)
    carried = carried_over(before, wanted)
    lines = [
        *_about_campaign(before, wanted, is_new=live is None),
        *_about_webinar(before.webinar, wanted.webinar),
        *about_sequences(before, wanted, waiting, pinned, figures),
        *_about_broadcasts(carried.broadcasts, wanted, figures),
        *_about_posts(before, wanted, waiting),
    ]
    return Plan(tuple(lines), figures)


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
    if before is not None and before.is_series != wanted.is_series:
        kinds = ["a series" if each.is_series else "sessions to choose from" for each in (before, wanted)]
        yield PlanLine(CHANGED, "webinar", f"{kinds[0]} → {kinds[1]}", "who has a seat keeps that seat")
    yield from _about_rule(before.rule if before else None, wanted.rule)
    added = "for those who register from now on" if before is not None and wanted.is_series else ""
    yield from _about_sessions(before.sessions if before else (), wanted.sessions, added)


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
    if (before.replay, before.replay_for) != (wanted.replay, wanted.replay_for):
        shown = [each.replay or "none" for each in (before, wanted)]
        effect = "for who had a seat, on the page behind their join link, after the session"
        yield PlanLine(CHANGED, "webinar", f"replay: {shown[0]} → {shown[1]}", effect)


def _about_rule(before: Rule | None, wanted: Rule | None) -> Iterator[PlanLine]:
    if before == wanted:
        return
    if wanted is None:
        assert before is not None
        yield PlanLine(REMOVED, "evergreen", rule_text(before), "who picked a start keeps it")
    elif before is None:
        yield PlanLine(NEW, "evergreen", rule_text(wanted))
    else:
        old, new = rule_text(before), rule_text(wanted)
        what = f"{old} → {new}" if old != new else f"clocks: {before.zone} → {wanted.zone}"
        yield PlanLine(CHANGED, "evergreen", what, "who picked a start keeps it")


def _about_sessions(before: tuple[Session, ...], wanted: tuple[Session, ...], added: str) -> Iterator[PlanLine]:
    old = {each.name: each for each in before}
    for session in wanted:
        subject, shown = f"session {session.name}", moment_text(session.starts, session.zone)
        was = old.pop(session.name, None)
        if was is None:
            yield PlanLine(NEW, subject, shown + (", cancelled" if session.cancelled else ""), added)
        elif was.cancelled != session.cancelled:
            effect = "its seats end" if session.cancelled else "who was told of its end must choose it anew"
            yield PlanLine(CHANGED, subject, f"{shown}, {'cancelled' if session.cancelled else 'held again'}", effect)
        elif was.starts != session.starts:
            effect = "reminders that were not sent yet move with it"
            yield PlanLine(CHANGED, subject, f"{moment_text(was.starts, was.zone)} → {shown}", effect)
    for gone in old.values():
        what = moment_text(gone.starts, gone.zone)
        yield PlanLine(REMOVED, f"session {gone.name}", what, "nobody can register for it any more")


# --- broadcasts and posts ----------------------------------------------------------------------------------------


def _about_broadcasts(before: tuple[Broadcast, ...], wanted: Campaign, figures: Figures) -> Iterator[PlanLine]:
    old = _numbered(before)
    for key, broadcast in _numbered(wanted.broadcasts).items():
        subject = f"broadcast {broadcast.post}"
        readers = figures.readers.get((broadcast.post, broadcast.list, broadcast.when.phrase))
        now = "" if readers is None else f"{people(readers)} as of now"
        was = old.pop(key, None)
        if was is None:
            yield PlanLine(NEW, subject, broadcast_text(broadcast), now)
        elif broadcast_text(was) != broadcast_text(broadcast):
            effect = "; ".join(filter(None, ("unless it was sent already", now)))
            yield PlanLine(CHANGED, subject, f"{broadcast_text(was)} → {broadcast_text(broadcast)}", effect)
    for gone in old.values():
        yield PlanLine(REMOVED, f"broadcast {gone.post}", broadcast_text(gone), "unless it was sent already")


def _numbered(broadcasts: tuple[Broadcast, ...]) -> dict[tuple[str, str, int], Broadcast]:
    """Broadcasts by what makes them the same one: post and list, and which of several with both."""
    numbered: dict[tuple[str, str, int], Broadcast] = {}
    for each in broadcasts:
        number = sum((each.post, each.list) == key[:2] for key in numbered)
        numbered[each.post, each.list, number] = each
    return numbered


def broadcast_text(broadcast: Broadcast) -> str:
    """To whom, when, and with which conditions."""
    where = f", where {broadcast.where.phrase}" if broadcast.where else ""
    late = f", late: {late_text(broadcast.late, broadcast.late_then)}" if broadcast.late else ""
    priority = f", priority: {priority_text(broadcast.priority)}" if broadcast.priority != NORMAL else ""
    return f"to {broadcast.list} at {broadcast.when.phrase}{where}{late}{priority}"


def _about_posts(before: Campaign, wanted: Campaign, waiting: Mapping[str, int]) -> Iterator[PlanLine]:
    names = {new: old for old, new in post_names(before, wanted).items()}
    hints = post_hints(before, wanted)
    for name, post in wanted.posts.items():
        was = before.posts.get(names.get(name, name))
        if was is None:
            yield PlanLine(NEW, f"post {name}", post.subject, hint=hints.get(name, ""))
            continue
        if was.name != name:
            yield PlanLine(CHANGED, f"post {name}", f"was {was.name}", "whoever had it does not get it again")
        changes = _post_changes(was, post)
        if changes:
            count = _waiting_for_post(wanted, name, waiting)
            now = f" ({people(count)} now)" if count else ""
            yield PlanLine(CHANGED, f"post {name}", ", ".join(changes), f"for whoever has not had it yet{now}")
    for name, gone in before.posts.items():
        if name not in wanted.posts and name not in names.values():
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
    heads = [{name: value for name, value in each.head.items() if name != "was"} for each in (before, wanted)]
    return changes or (["front matter"] if heads[0] != heads[1] else [])


def _waiting_for_post(campaign: Campaign, post: str, waiting: Mapping[str, int]) -> int:
    steps = (each for sequence in campaign.sequences for each in sequence.steps)
    # Of those who wait for a test nobody has a variant yet, so none of them waits for this post.
    identities = {each.identity for each in steps if each.verb is Verb.SEND and each.target == post}
    return sum(waiting.get(each, 0) for each in identities)
