"""Plan and apply: what would change for whom, and making it live as an immutable revision.

Applying writes the project's own revision (lists, drip's own posts) and one for each campaign, its sessions and
its broadcasts, in one transaction: cron sees the old state or the new one, never a mixture (DESIGN §2.5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.model import Campaign
from drip.core.places import places
from drip.core.plan import Plan, PlanLine, about_project, compare
from drip.core.problems import Problem, Rank
from drip.core.renames import carried_over, post_names, sequence_names
from drip.engine.broadcasts import occasion_of, occasions_of, put_broadcast
from drip.engine.live import Edition, Live
from drip.engine.pausing import cover_new
from drip.engine.planning import Found, addresses_of, figures_of
from drip.engine.seating import pass_on, session_cancelled, session_moved
from drip.engine.telling import News, news_of, sessions_of
from drip.errors import NotFound, ProblemsFound

if TYPE_CHECKING:
    from drip.engine.engine import Engine
    from drip.engine.scene import Scene
    from drip.store.work import Work


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """What applying would do to one campaign; `number` is the revision that it would become, `news` what mails would
    tell people about their sessions, and `paused` the sequences that stand still ("" for the broadcasts). `addresses`
    are those of the people for whom the next run does each step, where they were asked for."""

    campaign: str
    number: int
    changed: bool
    plan: Plan
    news: tuple[News, ...] = ()
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    paused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """A campaign as it went live ("" is the project itself)."""

    campaign: str
    number: int
    changed: bool


AT_THAT_TIME = "name another revision"


def files_of(files: Mapping[str, str], campaign: str) -> dict[str, str]:
    """The files that make one campaign's revision, or, for "", the project's own. Its drip tests are no part of it."""
    prefix, tests = f"campaigns/{campaign}/", tests_of(campaign)
    return {
        path: text
        for path, text in sorted(files.items())
        if path == "drip.yaml"
        or path.startswith("templates/")
        or (campaign and path.startswith(prefix) and not path.startswith(tests))
    }


def tests_of(campaign: str) -> str:
    """The folder of a campaign's drip tests: nothing in it is sent, and none of it stands in the way of applying."""
    return f"campaigns/{campaign}/tests/"


def digest_of(files: Mapping[str, str]) -> str:
    """The hash of a set of files: names and contents, each with its length, so that nothing can be moved between."""
    total = hashlib.sha256()
    for path, text in sorted(files.items()):
        for part in (path.encode(), text.encode()):
            total.update(len(part).to_bytes(8, "big"))
            total.update(part)
    return total.hexdigest()


def wanted_campaigns(
    files: Mapping[str, str], names: Sequence[str], now: datetime
) -> tuple[list[Campaign], list[Problem]]:
    """The campaigns as the files want them. Raises ProblemsFound if there is an error, NotFound for unknown names."""
    from drip.authoring.check import check
    from drip.authoring.definition import campaign_names, read_campaign, read_project

    known = campaign_names(files)
    for name in names:
        if name not in known:
            raise NotFound(f"there is no campaign `{name}`", hint=f"there are: {', '.join(known) or 'none'}")
    chosen = [each for each in known if not names or each in names]
    others = (*(f"campaigns/{each}/" for each in known if each not in chosen), *(tests_of(each) for each in known))
    problems = [each for each in check(files, now=now) if not each.place.path.startswith(others)]
    errors = sum(each.rank is Rank.ERROR for each in problems)
    if errors:
        raise ProblemsFound(f"{errors} problem{'s' if errors != 1 else ''} in your files; nothing was applied")
    definition, _ = read_project(files)
    assert definition is not None, "no error was found in it"
    campaigns = [read_campaign(files, each, definition)[0] for each in chosen]
    return [each for each in campaigns if each is not None], problems


def plan(
    work: Work,
    live: Live,
    files: Mapping[str, str],
    campaigns: Sequence[Campaign],
    now: datetime,
    *,
    who: bool = False,
    counted: bool = True,
) -> list[CampaignPlan]:
    """What applying would change, for each campaign; with `who` also by address. Changes nothing.

    Without `counted` nobody is looked at one by one: it is not said who becomes due at once, and who later.
    """
    from drip.authoring.definition import read_project

    definition, _ = read_project(files)
    assert definition is not None, "no error was found in it"
    plans: list[CampaignPlan] = []
    for campaign in campaigns:
        edition = live.campaign(work, campaign.name)
        before = edition.campaign if edition else None
        digest = digest_of(files_of(files, campaign.name))
        changed = edition is None or edition.revision.digest != digest
        number = (edition.revision.number if edition else 0) + (1 if changed else 0)
        waiting, pinned = work.count_waiting(campaign.name), work.count_pinned(campaign.name)
        found = figures_of(work, edition, campaign, definition, now) if changed and counted else Found()
        changes = compare(before, campaign, waiting=waiting, pinned=pinned, figures=found.figures)
        if changed and not any(each.changed for each in plans):
            # What is the project's own is told once, before the first campaign that becomes another by it.
            changes = Plan((*_about_project(work, live, files), *changes.lines), found.figures)
        news = news_of(work, before, campaign, now)
        addresses = {step: addresses_of(work, ids) for step, ids in found.whom.items()} if who else {}
        paused = tuple(each.sequence for each in work.open_pauses(campaign.name))
        plans.append(CampaignPlan(campaign.name, number, changed, changes, news, addresses, paused))
    return plans


def plan_between(
    before: Mapping[str, str], after: Mapping[str, str], campaigns: Sequence[Campaign]
) -> list[CampaignPlan]:
    """What changes from one state of the files to another, without a database, and so without people.

    `campaigns` are those of `after`. Raises ProblemsFound where the earlier files cannot be read.
    """
    from drip.authoring.definition import campaign_names, read_campaign, read_project

    earlier, problems = read_project(before)
    later, _ = read_project(after)
    assert later is not None, "no error was found in it"
    if earlier is None:
        raise ProblemsFound(f"the earlier drip.yaml has errors: {problems[0].message}", hint=AT_THAT_TIME)
    plans: list[CampaignPlan] = []
    known = campaign_names(before)
    for campaign in campaigns:
        was, problems = read_campaign(before, campaign.name, earlier) if campaign.name in known else (None, [])
        if was is None and problems:
            message = f"campaign `{campaign.name}` had errors at that time: {problems[0].message}"
            raise ProblemsFound(message, hint=AT_THAT_TIME)
        changed = digest_of(files_of(before, campaign.name)) != digest_of(files_of(after, campaign.name))
        changes = compare(was, campaign, waiting={})
        if changed and not any(each.changed for each in plans):
            changes = Plan((*about_project(earlier, later), *changes.lines))
        plans.append(CampaignPlan(campaign.name, 0, changed, changes))
    return plans


def _about_project(work: Work, live: Live, files: Mapping[str, str]) -> list[PlanLine]:
    from drip.authoring.definition import read_project

    edition = live.campaign(work, "")
    definition, _ = read_project(files)
    return [] if edition is None or definition is None else list(about_project(edition.definition, definition))


def replan(work: Work, before: Edition | None, after: Edition, now: datetime) -> None:
    """Let an edit take effect for everybody who is inside, set-based (rule 9): see `drip.core.places`."""
    wanted = after.campaign
    assert wanted is not None, "it is a campaign"
    if before is None or before.campaign is None or before.revision.id == after.revision.id:
        return
    for old, new in sequence_names(before.campaign, wanted).items():
        _rename(work, before.campaign, wanted, old, new)
    work.rename_clicks(wanted.name, post_names(before.campaign, wanted))
    live = carried_over(before.campaign, wanted)
    zone_changed = before.definition.timezone != after.definition.timezone
    work.end_sequences(wanted.name, [each.name for each in wanted.sequences], now)
    for sequence in wanted.sequences:
        was = live.sequence_named(sequence.name)
        if not sequence.is_pinned and (was is None or was.is_pinned):
            work.release(wanted.name, sequence.name, now)
        if was is None:
            continue
        renamed = {old: step.identity for step in sequence.steps for old in step.identities - {step.identity}}
        work.rename_steps(wanted.name, sequence.name, renamed)
        for old, new in renamed.items():
            work.carry_variants(wanted.name, old, new)
        removed = {each.identity for each in was.steps} - {each.identity for each in sequence.steps} - set(renamed)
        if removed:
            work.drop_steps(wanted.name, sorted(removed), now)
        if any(each.reopen for each in sequence.steps):
            # Who is past a step that reopens stands at two places; only a look at each of them tells.
            reopened = {each.identity for each in was.steps if each.reopen}
            is_new = any(each.reopen and not each.identities & reopened for each in sequence.steps)
            work.wake_sequence(wanted.name, sequence.name, now, replanned=is_new)
            continue
        spots = places(live, wanted, sequence.name, zone_changed=zone_changed)
        if removed or not all(each.is_same for each in spots):
            work.replan(wanted.name, sequence.name, spots, now)


def _rename(work: Work, before: Campaign, wanted: Campaign, old: str, new: str) -> None:
    """One sequence takes another name, and everything of it that is in the database with it."""
    was, sequence = before.sequence_named(old), wanted.sequence_named(new)
    assert was is not None, "it was live"
    assert sequence is not None, "it is one of the wanted"
    work.rename_sequence(wanted.name, old, new, pinned=sequence.is_pinned)
    for step in was.steps:
        if step.variants:
            work.carry_variants(wanted.name, step.identity, replace(step, sequence=new).identity)


def apply(engine: Engine, files: Mapping[str, str], now: datetime, *, names: Sequence[str] = ()) -> list[Applied]:
    """Make the files live. All or nothing. Raises ProblemsFound, NotFound, CannotRecord."""
    campaigns, _ = wanted_campaigns(files, names, now)
    return apply_read(engine, files, campaigns, now)


def apply_read(engine: Engine, files: Mapping[str, str], campaigns: Sequence[Campaign], now: datetime) -> list[Applied]:
    """The same for files that were read and found to be sound."""
    applied = []
    with engine.store.write() as work:
        scene = engine.scene(work, now)
        earlier = {each.revision.campaign: each for each in engine.live.campaigns(work)}
        for name in ("", *(each.name for each in campaigns)):
            wanted = files_of(files, name)
            before = work.live_revision(name)
            revision = work.add_revision(name, digest_of(wanted), wanted, now)
            changed = before is None or before.id != revision.id
            applied.append(Applied(name, revision.number, changed))
            if changed:
                scene.log("applied", None, campaign=name, detail=f"revision {revision.number}")
        for campaign in campaigns:
            edition = engine.live.campaign(work, campaign.name)
            assert edition is not None, "it was applied above"
            put_sessions(scene, edition)
            keep = set()
            for broadcast in campaign.broadcasts:
                occasion, *earlier_ones = occasions_of(campaign, broadcast)
                for each in earlier_ones:
                    work.rename_broadcast(each, occasion, broadcast.post)
                put_broadcast(scene, edition, broadcast)
                keep.add(occasion_of(campaign.name, broadcast))
            work.cancel_broadcasts(campaign.name, keep)
            was = earlier.get(campaign.name)
            cover_new(scene, was.campaign if was else None, edition)
            replan(work, earlier.get(campaign.name), edition, now)
        scene.write_log()
    return applied


def put_sessions(scene: Scene, edition: Edition) -> int:
    """Make an edition's sessions the campaign's. Whoever has a seat in one that moved or is cancelled is told; how
    many are.

    One that is gone from the files is only withdrawn: its seats stay. What is over cannot be cancelled any more.
    """
    campaign = edition.campaign
    assert campaign is not None, "a campaign's edition has its campaign"
    is_evergreen = campaign.webinar is not None and campaign.webinar.rule is not None
    before = {each.name: each for each in scene.work.sessions(campaign.name, is_open=is_evergreen)}
    sessions = sessions_of(campaign, before)
    off = [each for each in sessions if each.cancelled and each.ends > scene.now]
    kept = [each for each in sessions if each not in off]
    scene.work.put_sessions(campaign.name, kept, scene.now, closed_stay=is_evergreen)
    told = 0
    for session in off:
        told += session_cancelled(scene, edition, session)
    for session in sessions:
        if session in off:
            continue
        earlier = before.get(session.name)
        changed = earlier is not None and (earlier.starts, earlier.ends) != (session.starts, session.ends)
        if changed and session.starts > scene.now:
            told += session_moved(scene, edition, session)
        pass_on(scene, edition, session)
    return told
