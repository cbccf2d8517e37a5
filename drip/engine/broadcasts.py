"""Broadcasts: one post to many at one calendar moment. Planned by `apply` or `drip send`, frozen by a tick.

Freezing turns the audience of that moment into deliveries, one row a reader, in one transaction; the unique key
keeps a second freeze, a second list and a re-import from adding a second copy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drip.core.model import Broadcast, Campaign, LatePolicy, WhenKind
from drip.core.pauses import counted
from drip.core.records import Pause, ResumeMode
from drip.core.segments import parse_condition
from drip.core.when import due as due_moment
from drip.engine.live import Edition
from drip.engine.scene import Scene
from drip.errors import NotFound

if TYPE_CHECKING:
    from drip.store.results import PlannedBroadcast
    from drip.store.work import Work

LATE = timedelta(hours=6)
"""How late a broadcast may leave (rule 6): a newsletter from yesterday morning is better skipped than sent."""

FIRST_ZONE = "Pacific/Kiritimati"
"""The first place on earth to see a date (UTC+14): a broadcast in the reader's time is frozen when it is due there."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A broadcast as planned: its occasion, when it is due, and to how many it would go now."""

    occasion: str
    due_at: datetime
    readers: int


def occasion_of(campaign: str, broadcast: Broadcast) -> str:
    """What makes it the same broadcast: campaign, post and the author's moment."""
    return f"{campaign}/broadcast/{broadcast.post}@{broadcast.when.phrase}"


def occasions_of(campaign: Campaign, broadcast: Broadcast) -> tuple[str, ...]:
    """The same, and those that it had while its post had another name (`was:`)."""
    names = (broadcast.post, *campaign.posts[broadcast.post].was)
    return tuple(occasion_of(campaign.name, replace(broadcast, post=each)) for each in names)


def broadcast_of(campaign: Campaign | None, occasion: str) -> Broadcast | None:
    """The broadcast of the campaign's files with that occasion; what `drip send` planned stands in none."""
    if campaign is None:
        return None
    return next((each for each in campaign.broadcasts if occasion in occasions_of(campaign, each)), None)


def put_broadcast(
    scene: Scene,
    edition: Edition,
    broadcast: Broadcast,
    *,
    occasion: str | None = None,
    priority: int | None = None,
) -> Scheduled:
    """Plan a broadcast, or bring one up to date that is still planned. `priority` is for one that stands in no file."""
    from drip.store.results import NewBroadcast

    campaign = edition.campaign
    assert campaign is not None, "a broadcast belongs to a campaign"
    zone = FIRST_ZONE if broadcast.when.readers_time else campaign.timezone
    due_at = due_moment(broadcast.when, anchor=scene.now, zone=zone, hours=None, session=None, campaign_zone=zone)
    occasion = occasion or occasion_of(campaign.name, broadcast)
    scene.work.put_broadcast(
        NewBroadcast(
            campaign=campaign.name,
            post=broadcast.post,
            list=broadcast.list,
            occasion=occasion,
            due_at=due_at,
            revision_id=edition.revision.id,
            where_phrase=broadcast.where.phrase if broadcast.where else "",
            readers_time=broadcast.when.readers_time,
            late_seconds=int(broadcast.late.total_seconds()) if broadcast.late else None,
            priority=priority,
        ),
        scene.now,
    )
    return Scheduled(occasion, due_at, count_readers(scene.work, edition, broadcast, scene.now))


def count_readers(work: Work, edition: Edition, broadcast: Broadcast, now: datetime) -> int:
    """To how many readers a broadcast would go if its audience were frozen now."""
    if edition.definition.list_named(broadcast.list) is None:
        raise NotFound(f"there is no list `{broadcast.list}`")
    if broadcast.where is None:
        return work.count_active(broadcast.list)
    from drip.store.results import Audience

    audience = Audience(
        occasion="",
        campaign=edition.revision.campaign,
        post=broadcast.post,
        list=broadcast.list,
        due_at=now,
        revision_id=edition.revision.id,
        default_zone=edition.definition.timezone,
    )
    return work.count_audience(audience, now, broadcast.where.term)


def freeze_due(scene: Scene) -> int:
    """Freeze every broadcast whose moment has come (in the first zone, where it is in the reader's time)."""
    return sum(_freeze(scene, each) for each in scene.work.due_broadcasts(scene.now))


def _freeze(scene: Scene, broadcast: PlannedBroadcast) -> int:
    from drip.store.results import Audience

    edition = scene.live.edition(scene.work, broadcast.revision_id)
    default_zone = edition.definition.timezone
    condition = parse_condition(broadcast.where_phrase) if broadcast.where_phrase else None
    late = LATE if broadcast.late_seconds is None else timedelta(seconds=broadcast.late_seconds)
    written = broadcast_of(edition.campaign, broadcast.occasion)
    goes_anyway = written is not None and written.late_then is LatePolicy.SEND
    pauses = [each for each in scene.work.pauses([broadcast.campaign]) if each.sequence == ""]
    planned = 0
    for zone, due_at in _moments(scene, broadcast, default_zone):
        planned += scene.work.plan_for_list(
            Audience(
                occasion=broadcast.occasion,
                campaign=broadcast.campaign,
                post=broadcast.post,
                list=broadcast.list,
                due_at=due_at,
                revision_id=broadcast.revision_id,
                # It waited for the resume; that is not why it is late (rule 13).
                expires_at=None if goes_anyway else counted(due_at, pauses) + late,
                zone=zone,
                default_zone=default_zone,
            ),
            scene.now,
            where=None if condition is None else condition.term,
        )
    scene.work.finish_broadcast(broadcast.id, scene.now, planned)
    for each in pauses:
        if each.mode is ResumeMode.SKIP_OVERDUE and each.resumed_at is not None and _stood(broadcast, each):
            scene.work.skip_broadcast(broadcast.occasion, each.resumed_at, scene.now)
    scene.log(
        "broadcast-frozen", None, campaign=broadcast.campaign, subject=broadcast.post, detail=f"{planned} readers"
    )
    return planned


def _stood(broadcast: PlannedBroadcast, pause: Pause) -> bool:
    """Whether it was planned when that pause ended, so that the pause may have held it up."""
    return pause.resumed_at is not None and broadcast.planned_at <= pause.resumed_at


def _moments(scene: Scene, broadcast: PlannedBroadcast, default_zone: str) -> list[tuple[str | None, datetime]]:
    """One moment for all, or one for each zone that readers live in."""
    if not broadcast.readers_time:
        return [(None, broadcast.due_at)]
    from drip.core.when import parse_when

    when = parse_when(broadcast.occasion.rpartition("@")[2])
    assert when.kind is WhenKind.AT, "the reader's time needs a calendar moment"
    return [
        (zone, due_moment(when, anchor=scene.now, zone=zone, hours=None, session=None, campaign_zone=default_zone))
        for zone in scene.work.zones_of(broadcast.list, default_zone)
    ]
