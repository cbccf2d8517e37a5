"""`drip run --dry-run`: what a run would send now, by the same decisions, written nowhere.

Called by `drip.cli.send`.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from drip.cli.grammar import Call
from drip.cli.output import count, one_line
from drip.core.records import Kind

if TYPE_CHECKING:
    from drip.project import Project
    from drip.store.work import Work

DRY_RUN_PAGE = 1_000
DRY_RUN_MAX = 100_000
"""So many people are looked at: they are held in memory."""


def tell_due(call: Call, project: Project, kind: Kind | None) -> int:
    """What a run would send now: by the same decisions, written nowhere."""
    now = call.now()
    with project.store.write() as work:  # a writing turn, so that what is read is not half of another run's work
        messages = [*_due_deliveries(work, now), *_due_steps(project, work, now)]
        broadcasts = list(_due_broadcasts(project, work, now))
    if kind is not None:
        messages = [each for each in messages if each[2] is kind]
        broadcasts = broadcasts if kind is Kind.BROADCAST else []
    if call.output.json:
        rows = [{"email": email, "post": post, "kind": each.name.lower()} for email, post, each in messages]
        lots = [{"post": post, "readers": readers} for post, readers in broadcasts]
        call.output.document({"type": "run", "dry_run": True, "messages": rows, "broadcasts": lots})
        return 0
    posts = Counter(post for _, post, _ in messages) + Counter(dict(broadcasts))
    total = sum(posts.values())
    if not total:
        call.output.answer("nothing is due; nothing would be sent")
        return 0
    call.output.answer(f"would send {count(total, 'message')}")
    width = max(len(f"{number:,}") for number in posts.values())
    for post, number in sorted(posts.items()):
        call.output.answer(f"  {number:>{width},}  {one_line(post)}")
    if call.output.verbose:
        for email, post, _ in messages:
            call.output.answer(f"  {one_line(email)}  {one_line(post)}")
    _tell_burst(call, project, sum(each is Kind.SEQUENCE for _, _, each in messages), now)
    return 0


def _tell_burst(call: Call, project: Project, drips: int, now: datetime) -> None:
    """Say that the run would ask first (rule 15)."""
    from drip.core.burst import ALWAYS_ALLOWED, LOOKED_BACK, allowed, usual_of

    times = project.definition.burst
    if times is None or drips <= ALWAYS_ALLOWED:
        return
    with project.store.read() as work:
        usual = usual_of(work.daily_drips(now - LOOKED_BACK))
    if drips > allowed(usual, times):
        call.output.talk("these are far more drip mails than usual: `drip run` would hold them and ask for `--yes`")


def _due_deliveries(work: Work, now: datetime) -> list[tuple[str, str, Kind]]:
    from drip.core.delivery import DeliveryState

    found = []
    after = 0
    while page := work.deliveries_in(DeliveryState.DUE, after_id=after, limit=DRY_RUN_PAGE):
        after = page[-1].id
        due = [each for each in page if each.due_at <= now and (each.expires_at is None or each.expires_at > now)]
        people = work.readers_for(due)
        found += [(people[each.id][0].email, _post_name(each.campaign, each.post), each.kind) for each in due]
    return found


def _post_name(campaign: str, post: str) -> str:
    return f"{campaign}/{post}" if campaign else post


def _due_steps(project: Project, work: Work, now: datetime) -> list[tuple[str, str, Kind]]:
    from drip.core.decide import Do, timeline

    enrollments = work.due_enrollments(now, DRY_RUN_MAX)
    facts = work.facts_for(enrollments, project.definition.timezone)
    found = []
    for each in enrollments:
        edition = project.engine.live.of(work, each)
        campaign = edition.campaign if edition else None
        sequence = campaign.sequence_named(each.sequence) if campaign else None
        if campaign is None or sequence is None:
            continue
        for moment, decision in timeline(sequence, facts[each.id], now, campaign=campaign):
            if moment <= now and isinstance(decision, Do) and decision.step.is_mail:
                kind = Kind.REMINDER if sequence.is_service else Kind.SEQUENCE
                found.append((facts[each.id].subscriber.email, f"{each.campaign}/{decision.post}", kind))
                break  # a run does no more than one mail of a sequence for one person
    return found


def _due_broadcasts(project: Project, work: Work, now: datetime) -> list[tuple[str, int]]:
    from drip.core.model import Broadcast, When, WhenKind
    from drip.core.segments import parse_condition
    from drip.engine.broadcasts import count_readers

    found = []
    for each in work.due_broadcasts(now):
        edition = project.engine.live.edition(work, each.revision_id)
        where = parse_condition(each.where_phrase) if each.where_phrase else None
        asked = Broadcast(each.post, each.list, When("at once", WhenKind.AT_ONCE), where)
        found.append((f"{each.campaign}/{each.post}", count_readers(work, edition, asked, now)))
    return found
