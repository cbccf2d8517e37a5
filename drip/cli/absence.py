"""What did not happen to somebody, for `drip why`: the sequences that never began for them, and the broadcasts that
they did not get, each with its reason. Reads the store and asks the pure core; changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.absence import Standing, why_not_in, why_not_sent
from drip.core.again import occasion_of
from drip.core.reasons import Reason, ReasonName
from drip.core.records import Enrollment, EnrollmentState, Subscriber
from drip.core.rules import RULES
from drip.core.when import moment_text

if TYPE_CHECKING:
    from drip.engine.live import Edition
    from drip.project import Project
    from drip.store.results import PlannedBroadcast
    from drip.store.work import Work


@dataclass(frozen=True, slots=True)
class Absent:
    """Something that somebody has not got, or is not in, and why. `posts` are what it sends."""

    about: str
    reason: Reason
    posts: frozenset[str] = frozenset()

    @property
    def is_ahead(self) -> bool:
        """Whether it only has not come yet."""
        return self.reason.name in (ReasonName.NOT_DUE, ReasonName.PAUSED)

    @property
    def document(self) -> dict[str, object]:
        """For machines."""
        name = self.reason.name
        return {"about": self.about, "reason": name.value, "text": self.reason.text, "rule": RULES.get(name)}


def absent_from(
    project: Project, work: Work, person: Subscriber, enrollments: Collection[Enrollment], now: datetime
) -> list[Absent]:
    """All live sequences and all broadcasts that somebody has nothing to do with, with the reasons."""
    had = {each.occasion for each in work.deliveries(person.id)}
    inside: dict[tuple[str, str], list[Enrollment]] = {}
    for each in enrollments:
        inside.setdefault((each.campaign, each.sequence), []).append(each)
    found: list[Absent] = []
    for edition in project.engine.live.campaigns(work):
        if edition.campaign is None:
            continue
        standing = _standing(project, work, person, edition.campaign.name)
        found += _sequences(project, work, edition, standing, inside, now)
        found += _broadcasts(work, edition, standing, had, now)
    return found


def absent_lines(heading: str, found: Sequence[Absent]) -> list[str]:
    """For people, with a heading; nothing where there is nothing."""
    if not found:
        return []
    width = max(len(each.about) for each in found)
    lines = [f"  {each.about:<{width}}  {each.reason.name.value}: {each.reason.text}" for each in found]
    return ["", heading, *lines]


def _standing(project: Project, work: Work, person: Subscriber, campaign: str) -> Standing:
    (facts,) = work.facts_of([person.id], campaign, project.definition.timezone)
    return Standing(facts, tuple(work.subscriptions(person.id)), work.suppression(person.mailbox))


def _sequences(
    project: Project,
    work: Work,
    edition: Edition,
    standing: Standing,
    inside: Mapping[tuple[str, str], list[Enrollment]],
    now: datetime,
) -> Iterator[Absent]:
    campaign = edition.campaign
    assert campaign is not None, "it is a campaign's edition"
    for sequence in campaign.sequences:
        about = f"{campaign.name}/{sequence.name}"
        posts = frozenset(post for step in sequence.steps for post in step.posts)
        earlier = inside.get((campaign.name, sequence.name), [])
        if not earlier:
            since = _live_since(project, work, campaign.name, sequence.name) or edition.revision.applied_at
            yield Absent(about, why_not_in(sequence, standing, since), posts)
            continue
        is_inside = any(each.state is EnrollmentState.RUNNING for each in earlier)
        if is_inside or sequence.start.knows_session:
            continue
        last = earlier[-1]
        if occasion_of(sequence.again, earlier, now) in {each.occasion for each in earlier}:
            ended = moment_text(last.ended_at or now, standing.facts.zone)
            text = f"was in it until {ended} ({last.end_reason}), and it says `again: {sequence.again.phrase}`"
            yield Absent(about, Reason(ReasonName.ENTERED_BEFORE, text), posts)


def _live_since(project: Project, work: Work, campaign: str, sequence: str) -> datetime | None:
    """When the sequence was applied first: mostly with the first revision, which is looked at first."""
    for number in work.revision_ids(campaign):
        edition = project.engine.live.edition(work, number)
        if edition.campaign is not None and edition.campaign.sequence_named(sequence) is not None:
            return edition.revision.applied_at
    return None


def _broadcasts(
    work: Work, edition: Edition, standing: Standing, had: Collection[str], now: datetime
) -> Iterator[Absent]:
    from drip.core.segments import parse_condition
    from drip.store.results import BroadcastState

    name = edition.revision.campaign
    for each in work.broadcasts(name):
        if each.state is BroadcastState.CANCELLED or each.occasion in had:
            continue
        where = parse_condition(each.where_phrase) if each.where_phrase else None
        reason = why_not_sent(each.list, where, standing, frozen_at=each.frozen_at, now=now)
        if reason is None:
            reason = _open(work, each, standing)
        yield Absent(f"{name}/{each.post}", reason, frozenset({each.post}))


def _open(work: Work, each: PlannedBroadcast, standing: Standing) -> Reason:
    """Nothing is against it: it has not come yet, or stands still; or they had no part in it for a lost reason."""
    zone = standing.facts.zone
    if each.frozen_at is not None:
        text = f"was not among its readers {moment_text(each.frozen_at, zone)}"
        return Reason(ReasonName.NOT_IN_SEGMENT, text)
    since = next((found.paused_at for found in work.open_pauses(each.campaign) if not found.sequence), None)
    if since is not None:
        return Reason(ReasonName.PAUSED, f"since {moment_text(since, zone)}; `drip resume {each.campaign}`")
    rest = standing.facts.subscriber.break_at(each.due_at)
    if rest is not None:
        return Reason(ReasonName.ON_BREAK, f"until {moment_text(rest.ends_at, zone)}, so it is skipped for them")
    at = f"{each.occasion.rpartition('@')[2]}" if each.readers_time else moment_text(each.due_at, zone)
    return Reason(ReasonName.NOT_DUE, f"goes to them {at}, if nothing changes")


# --- nobody of that address ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stranger:
    """An address that no subscriber has."""

    email: str
    text: str
    lever: str

    @property
    def lines(self) -> list[str]:
        """For people."""
        return [f"{self.email}   {ReasonName.UNKNOWN_ADDRESS.value}: {self.text}", f"  would change it: {self.lever}"]

    @property
    def document(self) -> dict[str, object]:
        """For machines."""
        return {
            "type": "why",
            "email": self.email,
            "known": False,
            "reason": ReasonName.UNKNOWN_ADDRESS.value,
            "text": self.text,
            "would_change_it": [{"name": "join", "text": self.lever}],
        }


def unknown(project: Project, work: Work, email: str) -> Stranger | None:
    """What there is to say of an address that nobody has; None if somebody has it. Raises BadAddress."""
    from drip.engine.addresses import judge_address

    address = judge_address(email)
    mailbox = project.keys.mailbox_of(address)
    if work.subscriber_by_mailbox(mailbox) is not None:
        return None
    suppression = work.suppression(mailbox)
    if suppression is not None:
        at = moment_text(suppression.at, project.definition.timezone)
        text = f"no subscriber has it, and it is suppressed since {at} ({suppression.reason})"
        return Stranger(address, text, "nothing: a suppressed address is never mailed, whoever signs up with it")
    text = "no subscriber has it, under any spelling: never signed up, never added, or erased"
    return Stranger(address, text, f"signing up with it, or `drip subscriber add {address} --list LIST`")
