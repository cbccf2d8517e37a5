"""One person's story: subscriptions with evidence, steps behind and ahead, deliveries. For `why` and `show`.

Reads the store and asks the pure core what comes next if nobody acts; changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from drip.cli.absence import Absent, absent_from, absent_lines
from drip.cli.clicked import choice_lines, click_documents
from drip.cli.names import near_hint
from drip.cli.output import one_line
from drip.cli.people import break_end, find_subscriber
from drip.core.clicks import Click
from drip.core.decide import UNTIL_RESUMED, Decision, Do, End, Skip, Wait, timeline
from drip.core.delivery import FINAL
from drip.core.levers import Lever, levers
from drip.core.reasons import ReasonName
from drip.core.records import (
    Consent,
    Delivery,
    Enrollment,
    EnrollmentId,
    EnrollmentState,
    LogEntry,
    Subscriber,
    Subscription,
    SubscriptionState,
    Suppression,
)
from drip.core.rules import rule_of
from drip.core.variants import variant_text
from drip.core.when import wall_clock
from drip.errors import NotFound

if TYPE_CHECKING:
    from drip.project import Project
    from drip.store.work import Work

LOG_MAX = 10_000
TOLD_WAITS = (
    ReasonName.PAUSED,
    ReasonName.ON_BREAK,
    ReasonName.ATTENDANCE_UNKNOWN,
    ReasonName.SPACING,
    ReasonName.OUTSIDE_HOURS,
    ReasonName.CAPPED,
)
"""Waits that say more than the moment of the step that is waited for."""
TOLD_BY_LOG = frozenset({ReasonName.CAPPED.value})
"""Reasons of deliveries that say little without the numbers and times of the case, which stand in the log."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a story: what became or will become of a step or post, when, and why."""

    word: str
    about: str
    at: datetime | None
    reason: str
    text: str
    variant: str = ""
    """The post, where the line is about a test."""

    @property
    def posts(self) -> tuple[str, ...]:
        """The post or act that the line is about, without its campaign and sequence; of a test its variant, too."""
        return (self.about.rpartition("/")[2], self.variant)


@dataclass(frozen=True, slots=True)
class Passage:
    """One enrollment, with what is behind and ahead in it."""

    enrollment: Enrollment
    rows: tuple[Row, ...]
    kept: int | None = None
    """The number of the revision that it keeps."""
    levers: tuple[Lever, ...] = ()
    """What would change what comes."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What comes in one passage if nobody acts, and what would change that."""

    decisions: Sequence[tuple[datetime, Decision]]
    levers: tuple[Lever, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """All about one person."""

    person: Subscriber
    zone: str
    now: datetime
    suppression: Suppression | None
    subscriptions: Sequence[Subscription]
    consents: Sequence[Consent]
    passages: Sequence[Passage]
    others: Sequence[Row]
    not_begun: Sequence[str] = ()
    absent: Sequence[Absent] = ()
    clicks: Sequence[Click] = ()


# --- gathering ---------------------------------------------------------------------------------------------


def gather(project: Project, work: Work, email: str, post: str | None, now: datetime) -> Story:
    """The story of one subscriber, all of it or about one post. Raises NotFound."""
    person = find_subscriber(project, work, email)
    deliveries = work.deliveries(person.id)
    if post is not None:
        post = _known_post(project, work, post, deliveries)
    details = _details(work.entries(subscriber_id=person.id, limit=LOG_MAX))
    enrollments = work.enrollments(person.id)
    ahead = _ahead(project, work, enrollments, now)
    given = work.variants_of(person.id)
    passages = [
        Passage(
            each,
            tuple(_with_variants(_passage_rows(each, deliveries, details, ahead), each, deliveries, given)),
            _kept(work, each),
            ahead[each.id].levers if each.id in ahead else (),
        )
        for each in enrollments
    ]
    others = [_delivery_row(each, details) for each in deliveries if each.enrollment_id is None]
    not_begun: list[str] = []
    absent = absent_from(project, work, person, enrollments, now)
    if post is not None:
        absent = [each for each in absent if post in each.posts]
        senders = _senders(project, work, post)
        passages = [replace(each, rows=tuple(_about(each.rows, post))) for each in passages]
        passages = [each for each in passages if each.rows or _place(each.enrollment) in senders]
        others = _about(others, post)
        inside = {_place(each) for each in enrollments}
        not_begun = [
            f"{place} sends it and begins when: {start}" for place, start in senders.items() if place not in inside
        ]
    return Story(
        person=person,
        zone=person.zone or project.definition.timezone,
        now=now,
        suppression=work.suppression(person.mailbox),
        subscriptions=work.subscriptions(person.id),
        consents=work.consents(person.id),
        passages=passages,
        others=others,
        not_begun=not_begun,
        absent=absent,
        clicks=work.clicks_by(person.id),
    )


def _kept(work: Work, enrollment: Enrollment) -> int | None:
    revision = work.revision(enrollment.revision_id) if enrollment.revision_id is not None else None
    return revision.number if revision is not None else None


def _place(enrollment: Enrollment) -> str:
    return f"{enrollment.campaign}/{enrollment.sequence}"


def _senders(project: Project, work: Work, post: str) -> dict[str, str]:
    """The live sequences that send a post, each with what starts it."""
    return {
        f"{edition.revision.campaign}/{sequence.name}": sequence.start.phrase
        for edition in project.engine.live.campaigns(work)
        if edition.campaign is not None
        for sequence in edition.campaign.sequences
        if any(post == step.target or post in step.posts for step in sequence.steps if step.is_mail)
    }


def _about(rows: Iterable[Row], post: str) -> list[Row]:
    return [row for row in rows if post in row.posts]


def _known_post(project: Project, work: Work, address: str, deliveries: Sequence[Delivery]) -> str:
    """The bare name of a post that is live, or that this person had. Raises NotFound."""
    name = address.removesuffix(".md").rpartition("/")[2]
    known = {each.post for each in deliveries}
    for edition in project.engine.live.campaigns(work):
        known |= set(edition.campaign.posts) if edition.campaign else set()
        for sequence in edition.campaign.sequences if edition.campaign else ():
            known |= {each.target for each in sequence.steps if each.variants}
    if name not in known:
        raise NotFound(f"there is no live post `{one_line(address)}`", hint=near_hint(name, known))
    return name


def _details(entries: Iterable[LogEntry]) -> dict[tuple[str, str, str], str]:
    """The sentence of each fact, by campaign, subject and reason: rows of the store keep the reason's name only."""
    return {(each.campaign, each.subject, each.reason): each.detail for each in entries if each.detail}


def _ahead(
    project: Project, work: Work, enrollments: Sequence[Enrollment], now: datetime
) -> Mapping[EnrollmentId, Foreseen]:
    running = [each for each in enrollments if each.state is EnrollmentState.RUNNING]
    facts = work.facts_for(running, project.definition.timezone)
    found = {}
    for each in running:
        edition = project.engine.live.of(work, each)
        campaign = edition.campaign if edition else None
        sequence = campaign.sequence_named(each.sequence) if campaign else None
        if campaign is not None and sequence is not None:
            mine = facts[each.id]
            decisions = timeline(sequence, mine, now, campaign=campaign)
            found[each.id] = Foreseen(decisions, tuple(levers(campaign, sequence, mine, decisions, now)))
    return found


def _passage_rows(
    enrollment: Enrollment,
    deliveries: Sequence[Delivery],
    details: Mapping[tuple[str, str, str], str],
    ahead: Mapping[EnrollmentId, Foreseen],
) -> Iterable[Row]:
    for done in sorted(enrollment.done, key=lambda each: each.at):
        text = details.get((enrollment.campaign, done.step, done.reason), "")
        yield Row(done.did.value, done.step, done.at, done.reason, text)
    mine = [each for each in deliveries if each.enrollment_id == enrollment.id and each.state not in FINAL]
    waiting = {each.step for each in mine}
    for each in mine:
        yield _delivery_row(each, details)
    for moment, decision in ahead[enrollment.id].decisions if enrollment.id in ahead else ():
        row = _ahead_row(moment, decision)
        # A step whose delivery is planned already was told just above.
        if row is not None and row.about not in waiting:
            yield row


def _with_variants(
    rows: Iterable[Row],
    enrollment: Enrollment,
    deliveries: Sequence[Delivery],
    given: Mapping[tuple[str, str], tuple[str, int]],
) -> Iterable[Row]:
    """The rows; those of a test that was sent, or is about to be, tell the variant and the bucket (rule 14)."""
    sent = {each.step: each.post for each in deliveries if each.enrollment_id == enrollment.id}
    for row in rows:
        _, bucket = given.get((enrollment.campaign, row.about), ("", -1))
        post = sent.get(row.about)
        if post is None or bucket < 0:
            yield row
        else:
            text = variant_text(post, bucket)
            yield replace(row, text=f"{row.text}; {text}" if row.text else text, variant=post)


def _ahead_row(moment: datetime, decision: Decision) -> Row | None:
    match decision:
        case Do(step=step, reason=reason, choice=choice):
            variant = choice.post if choice is not None else ""
            return Row("will", step.identity, moment, reason.name.value, reason.text, variant)
        case Skip(step=step, reason=reason):
            return Row("will skip", step.identity, moment, reason.name.value, reason.text)
        case End(state=state, reason=reason):
            return Row("then", state.value, moment, reason.name.value, reason.text)
        case Wait(until=until, step=step, reason=reason) if reason.name in TOLD_WAITS and step is not None:
            at = None if until == UNTIL_RESUMED else until
            return Row("waits", step.identity, at, reason.name.value, reason.text)
        case Wait():
            return None


def _delivery_row(each: Delivery, details: Mapping[tuple[str, str, str], str]) -> Row:
    about = each.step or (f"{each.campaign}/{each.post}" if each.campaign else each.post)
    texts = [f"attempt {each.attempt}"] if each.attempt > 1 else []
    if each.reason in TOLD_BY_LOG:
        texts += filter(None, [details.get((each.campaign, each.step or each.post, each.reason))])
    return Row(each.state.value, about, each.finished_at or each.due_at, each.reason, ", ".join(texts))


# --- lines -------------------------------------------------------------------------------------------------


def subscription_lines(subscriptions: Iterable[Subscription], zone: str) -> list[str]:
    """`job-seekers: active since Tue 24 Nov 09:30`, one line a list."""
    lines = []
    for each in subscriptions:
        since = {
            SubscriptionState.PENDING: each.requested_at,
            SubscriptionState.ACTIVE: each.confirmed_at,
            SubscriptionState.ENDED: each.ended_at,
        }[each.state]
        lines.append(f"{each.list}: {each.state.value} since {wall_clock(since or each.requested_at, zone)}")
    return lines


def break_lines(person: Subscriber, now: datetime, zone: str) -> list[str]:
    """`on a break until Tue 22 Dec 09:00`, where somebody is."""
    until = break_end(person, now)
    return [] if until is None else [f"on a break until {wall_clock(until, zone)}"]


def consent_lines(consents: Iterable[Consent], zone: str) -> list[str]:
    """The consent log of one person, oldest first."""
    lines = []
    for each in consents:
        evidence = each.evidence
        text = f": {one_line(evidence.text)}" if evidence.text else ""
        ip = f" from {one_line(evidence.ip)}" if evidence.ip else ""
        where = one_line(evidence.where)
        lines.append(f"  {wall_clock(each.at, zone)}  {each.kind.value} {each.list} ({where}{ip}){text}")
    return ["consents", *lines] if lines else []


def _row_lines(rows: Sequence[Row], zone: str) -> list[str]:
    words = max((len(row.word) for row in rows), default=0)
    abouts = max((len(row.about) for row in rows), default=0)
    lines = []
    for row in rows:
        at = wall_clock(row.at, zone) if row.at else ""
        why = row.reason + (f": {one_line(row.text)}" if row.text else "")
        lines.append(f"  {row.word:<{words}}  {row.about:<{abouts}}  {at:<16}  {why}".rstrip())
    return lines


def passage_lines(passage: Passage, zone: str) -> list[str]:
    """One passage: where it stands, and its steps."""
    each = passage.enrollment
    head = f"{each.campaign}/{each.sequence}: {each.state.value}, since {wall_clock(each.started_at, zone)}"
    if each.ended_at is not None:
        head += f", ended {wall_clock(each.ended_at, zone)} ({each.end_reason})"
    if passage.kept is not None:
        head += f", keeps revision {passage.kept}"
    if each.occasion != "first":
        head += f", {each.occasion}"
    changes = [f"  would change it: {each.text}" for each in passage.levers]
    return ["", head, *(_row_lines(passage.rows, zone) or ["  it ended before this"]), *changes]


def nothing_line(story: Story) -> str:
    """Why somebody got nothing and will get nothing."""
    states = {each.state for each in story.subscriptions}
    if story.suppression is not None:
        return "nothing is sent to a suppressed address"
    if SubscriptionState.ACTIVE in states:
        return "nothing was sent and nothing is planned: no live sequence began for them since they joined"
    if SubscriptionState.PENDING in states:
        return "nothing else is planned: they have not confirmed yet"
    return "nothing was sent and nothing is planned: they are on no list"


def lines_of(story: Story, post: str | None) -> list[str]:
    """The story for people, in the reader's own time."""
    person, zone = story.person, story.zone
    lines = [f"{person.email}   times in {zone}"]
    if story.suppression is not None:
        note = f" ({one_line(story.suppression.note)})" if story.suppression.note else ""
        at = wall_clock(story.suppression.at, zone)
        lines.append(f"suppressed since {at}: {story.suppression.reason}{note}; never mailed")
    if person.left_at is not None:
        lines.append(f"unsubscribed from everything on {wall_clock(person.left_at, zone)}")
    lines += break_lines(person, story.now, zone)
    if post is None:
        lines += subscription_lines(story.subscriptions, zone)
        lines += consent_lines(story.consents, zone)
        lines += choice_lines(person, story.clicks, zone)
    if story.others:
        lines += ["", "deliveries outside sequences", *_row_lines(story.others, zone)]
    for passage in story.passages:
        lines += passage_lines(passage, zone)
    if not (story.passages or story.others or (post and story.absent)):
        lines += ["", f"no sequence sends {post}, and no broadcast of it went to them" if post else nothing_line(story)]
    lines += absent_lines("still to come", [each for each in story.absent if each.is_ahead])
    return lines + absent_lines("has no part in", [each for each in story.absent if not each.is_ahead])


def document_of(story: Story) -> dict[str, object]:
    """The story for machines."""
    suppression = story.suppression
    return {
        "type": "why",
        "email": story.person.email,
        "zone": story.zone,
        "tags": sorted(story.person.tags),
        "left_at": story.person.left_at,
        "break_until": break_end(story.person, story.now),
        "clicks_since": story.person.clicks_since,
        "clicks": click_documents(story.clicks),
        "suppression": None
        if suppression is None
        else {"reason": suppression.reason, "at": suppression.at, "note": suppression.note},
        "subscriptions": [
            {
                "list": each.list,
                "state": each.state.value,
                "requested_at": each.requested_at,
                "confirmed_at": each.confirmed_at,
                "ended_at": each.ended_at,
            }
            for each in story.subscriptions
        ],
        "consents": [
            {
                "list": each.list,
                "kind": each.kind.value,
                "at": each.at,
                "where": each.evidence.where,
                "text": each.evidence.text,
            }
            for each in story.consents
        ],
        "enrollments": [
            {
                "campaign": each.enrollment.campaign,
                "sequence": each.enrollment.sequence,
                "occasion": each.enrollment.occasion,
                "state": each.enrollment.state.value,
                "started_at": each.enrollment.started_at,
                "ended_at": each.enrollment.ended_at,
                "end_reason": each.enrollment.end_reason,
                "kept_revision": each.kept,
                "steps": [_row_document(row) for row in each.rows],
                "would_change_it": [{"name": lever.name, "text": lever.text} for lever in each.levers],
            }
            for each in story.passages
        ],
        "deliveries": [_row_document(row) for row in story.others],
        "not_begun": list(story.not_begun),
        "absent": [each.document for each in story.absent],
    }


def _row_document(row: Row) -> dict[str, object]:
    document: dict[str, object] = {
        "what": row.word,
        "about": row.about,
        "at": row.at,
        "reason": row.reason,
        "text": row.text,
        "rule": rule_of(row.reason),
    }
    return document | ({"variant": row.variant} if row.variant else {})
