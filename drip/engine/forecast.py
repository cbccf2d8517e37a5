"""The forecast of what is live, and of what the files would make of it: who gets which mail when, if nobody acts.

Reads everybody once, in chunks, in one reading transaction, and changes nothing. `drip.core.forecast` knows what comes
of it; this puts together what is live (or wanted), and says what a forecast leaves out. Called by `drip plan --days`
and by rehearsals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drip.core.edited import Edit
from drip.core.forecast import Asked, Forecast, Foreseen, Turn
from drip.core.model import Broadcast, Campaign, OptIn, ProjectDefinition
from drip.core.moved import move_sessions
from drip.core.records import Attendance, RevisionId, SubscriberId
from drip.core.segments import parse_condition
from drip.core.standing import Announcement, Plots, Standing
from drip.core.when import due as due_moment
from drip.core.when import parse_when
from drip.engine.broadcasts import FIRST_ZONE, LATE, occasion_of, occasions_of
from drip.engine.live import Live

if TYPE_CHECKING:
    from drip.store.crowds import Group, Key
    from drip.store.work import Work

PEOPLE_AT_ONCE = 5_000
"""How many are read in one go: few enough to keep the memory small, many enough that the queries cost nothing."""
PEOPLE_ALONE_MAX = 20_000
"""Up to so many are looked at one by one: two seconds. Of more, those who stand alike are looked at once."""
SORTED_AT_ONCE = 50_000
GROUPS_MAX = 10_000
"""With more groups than this, moments are taken to the next greater width."""
# Each a multiple of the one before.
WIDTHS = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1))
DRIP_MATTERS = timedelta(days=7)
"""The last drip mail keeps the next one away for 12 hours; a closed week later it is forgotten."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Everybody in groups who stand alike, for forecasts that ask the same of them."""

    asked: Asked
    lately: datetime
    groups: Sequence[Group]
    width: timedelta


@dataclass(frozen=True, slots=True)
class Outlook:
    """A forecast. What depends on several people at once is not in it: offers of seats to whoever stands in line."""

    start: datetime
    until: datetime
    people: int
    numbers: Counter[Foreseen]
    crowd: Crowd | None = None
    """The groups of which one person each was looked at; None: everybody was looked at alone."""

    @property
    def width(self) -> timedelta | None:
        """People whose moments lie this near to each other were taken as one; None: each was looked at alone."""
        return self.crowd.width if self.crowd is not None else None


def live_outlook(
    work: Work,
    live: Live,
    start: datetime,
    until: datetime,
    *,
    every: timedelta | None = None,
    tell: Callable[[int], None] = lambda _: None,
    met: Callable[[SubscriberId, Turn | None], None] | None = None,
) -> Outlook:
    """What is ahead as it is live. `tell` hears how many people were looked at; `met` gets each with their first turn.

    Raises NotApplied.
    """
    project = live.project(work).definition
    campaigns = [each.campaign for each in live.campaigns(work) if each.campaign is not None]
    plots = _plots(work, live, project, campaigns, _announcements(work), start)
    forecast = Forecast(plots, start, until, every=every)
    crowd = _look(work, live, forecast, project.timezone, [], tell, met)
    return Outlook(start, until, forecast.people, forecast.numbers(), crowd)


def wanted_outlook(
    work: Work,
    live: Live,
    definition: ProjectDefinition,
    wanted: Sequence[Campaign],
    start: datetime,
    until: datetime,
    *,
    every: timedelta | None = None,
    tell: Callable[[int], None] = lambda _: None,
    known: Crowd | None = None,
) -> Outlook:
    """What would be ahead if these campaigns were applied at `start`; the others stay as they are live.

    `known` are the groups of an outlook of a moment ago, which serve again if as much is asked of them.
    """
    editions = {each.revision.campaign: each for each in live.campaigns(work)}
    before = {name: each.campaign for name, each in editions.items() if each.campaign is not None}
    project = live.campaign(work, "")
    zone_changed = project is not None and project.definition.timezone != definition.timezone
    campaigns = {**before, **{each.name: each for each in wanted}}
    kept = [each for each in _announcements(work) if each.campaign not in {one.name for one in wanted}]
    frozen = {each.occasion for each in work.broadcasts() if each.frozen_at is not None}
    planned = [
        announcement
        for each in wanted
        for broadcast in each.broadcasts
        if frozen.isdisjoint(occasions_of(each, broadcast)) and (announcement := _announced(each, broadcast, start))
    ]
    plots = _plots(work, live, definition, list(campaigns.values()), [*kept, *planned], start)
    edits = [Edit(before[each.name], each, zone_changed=zone_changed) for each in wanted if each.name in before]
    forecast = Forecast(plots, start, until, every=every)
    crowd = _look(work, live, forecast, definition.timezone, edits, tell, None, known)
    return Outlook(start, until, forecast.people, forecast.numbers(), crowd)


def _look(
    work: Work,
    live: Live,
    forecast: Forecast,
    zone: str,
    edits: Sequence[Edit],
    tell: Callable[[int], None],
    met: Callable[[SubscriberId, Turn | None], None] | None,
    known: Crowd | None = None,
) -> Crowd | None:
    """Look at everybody: one by one, or where they are many at one of each group; these groups."""

    def plot_of(revision_id: RevisionId) -> Campaign | None:
        return live.edition(work, revision_id).campaign

    def foresee(standing: Standing, people: int = 1) -> Turn | None:
        for edit in edits:
            move_sessions(standing, edit.wanted, forecast.start)
            edit.apply(standing, forecast.start)
        return forecast.add(standing, people)

    lately = forecast.start - DRIP_MATTERS
    if met is None and work.count_people() > PEOPLE_ALONE_MAX:
        if known is not None and (known.asked, known.lately) == (forecast.asked, lately):
            crowd = known
        else:
            crowd = _sort(work, forecast.asked, lately, tell)
        chosen = sorted(crowd.groups)
        for first in range(0, len(chosen), PEOPLE_AT_ONCE):
            numbers = dict(chosen[first : first + PEOPLE_AT_ONCE])
            for standing in work.standings_of(list(numbers), zone, lately, plot_of):
                foresee(standing, numbers[standing.subscriber.id])
        return crowd
    after = 0
    while (last := work.last_of_range(after, PEOPLE_AT_ONCE)) is not None:
        for standing in work.standings(after, last, zone, lately, plot_of):
            turn = foresee(standing)
            if met is not None:
                met(standing.subscriber.id, turn)
        after = last
        tell(forecast.people)
    return None


def _sort(work: Work, asked: Asked, lately: datetime, tell: Callable[[int], None]) -> Crowd:
    """Everybody in groups who stand alike, as finely as keeps the groups few."""
    widths = list(reversed(WIDTHS))
    width = widths.pop()
    groups: dict[Key, Group] = {}
    after = seen = 0
    while (last := work.last_of_range(after, SORTED_AT_ONCE)) is not None:
        work.sort(groups, asked, width, after, last, lately)
        after = last
        seen += SORTED_AT_ONCE
        tell(seen)
        while len(groups) > GROUPS_MAX and widths:
            greater = widths.pop()
            groups, width = work.coarser(groups, asked, greater // width), greater
    return Crowd(asked, lately, list(groups.values()), width)


def _plots(
    work: Work,
    live: Live,
    definition: ProjectDefinition,
    campaigns: Sequence[Campaign],
    announcements: Sequence[Announcement],
    now: datetime,
) -> Plots:
    # The broadcasts of what is paused wait for a resume, and that is a deed.
    pauses = work.pauses_of([each.name for each in campaigns])
    still = {
        campaign for (campaign, sequence), those in pauses.items() if not sequence and those[-1].resumed_at is None
    }
    webinars = {each.name: each.webinar for each in campaigns if each.webinar is not None}
    # Where none takes place any more, it is as if the last one had begun: nobody is invited to nothing.
    last = {name: each.last_start or now for name, each in webinars.items() if each.sessions}
    ahead = (each for each in announcements if each.campaign not in still)
    return Plots(
        {each.name: each for each in campaigns},
        definition.timezone,
        last,
        tuple(sorted(ahead, key=lambda each: (each.due_at, each.occasion))),
        single=frozenset(each.name for each in definition.lists if each.opt_in is OptIn.SINGLE),
        tracked=frozenset(work.sessions_with(Attendance.ATTENDED)),
        pauses=pauses,
        kept=tuple(
            each for number in work.kept_revisions() if (each := live.edition(work, number).campaign) is not None
        ),
    )


def _announcements(work: Work) -> list[Announcement]:
    """The broadcasts that are planned, as they were applied or ordered."""
    from drip.store.results import BroadcastState

    found = []
    for each in work.broadcasts():
        if each.state is BroadcastState.PLANNED:
            phrase = each.occasion.rpartition("@")[2]
            late = int(LATE.total_seconds()) if each.late_seconds is None else each.late_seconds
            found.append(
                Announcement(
                    each.occasion,
                    each.campaign,
                    each.post,
                    each.list,
                    each.due_at,
                    parse_condition(each.where_phrase) if each.where_phrase else None,
                    parse_when(phrase) if each.readers_time else None,
                    late,
                )
            )
    return found


def _announced(campaign: Campaign, broadcast: Broadcast, now: datetime) -> Announcement:
    zone = FIRST_ZONE if broadcast.when.readers_time else campaign.timezone
    late = LATE if broadcast.late is None else broadcast.late
    return Announcement(
        occasion_of(campaign.name, broadcast),
        campaign.name,
        broadcast.post,
        broadcast.list,
        due_moment(broadcast.when, anchor=now, zone=zone, hours=None, session=None, campaign_zone=zone),
        broadcast.where,
        broadcast.when if broadcast.when.readers_time else None,
        int(late.total_seconds()),
    )
