"""What will happen if nobody acts: the mails ahead of everybody, each with its moment.

Pure. It lets time pass over one `Standing` after the other, as a run every so often would find them, with a relay that
takes everything. People in the same position share what is ahead of them: as soon as somebody stands where somebody
stood before (`_Likeness` says what that means), the rest is known. So a million people cost one look each, and what is
ahead is worked out for some thousands of positions. Called by `drip.engine.forecast` and held against the engine by
tests.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from drip.core.clicks import asked_about
from drip.core.course import advance, close_session, frozen_for, settle_mail, why_not_mailed
from drip.core.decide import PAUSED, SPACING, Wait, decide
from drip.core.delivery import DeliveryState
from drip.core.model import NOTHING, Campaign, Condition, FieldIs, HasTag, JoinedWithin, Step, Term, TriggerKind, Verb
from drip.core.reasons import ReasonName
from drip.core.records import Kind
from drip.core.segments import leaves
from drip.core.standing import Mail, Passage, Plots, Standing, facts_of
from drip.core.step_mail import opening_of
from drip.core.variants import choose

TURNS_MAX = 5_000
"""More turns of one person in one forecast than any plan has: a bug."""
PLAIN_WAITS = frozenset({ReasonName.NOT_DUE, ReasonName.SPACING})


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One mail ahead. `step` is the identity of its step, "" for a broadcast and drip's own posts."""

    at: datetime
    campaign: str
    post: str
    step: str
    kind: Kind


@dataclass(slots=True)
class Turn:
    """What one run does for everybody who stands like this, and what comes after it. `people` enter here."""

    at: datetime
    mails: tuple[Foreseen, ...] = ()
    next: Turn | None = None
    people: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What plots ask about people: which tags, fields and clicks (campaign, post), and since when they have joined.

    `before` says that it matters who was in a sequence before, and since when.
    """

    tags: frozenset[str]
    fields: tuple[str, ...]
    clicks: frozenset[tuple[str, str]]
    since: bool
    before: bool


class Forecast:
    """The mails from `start` to `until`, for one person after the other.

    `every` is how often a run comes, on whole multiples; None: at each moment itself.
    """

    def __init__(self, plots: Plots, start: datetime, until: datetime, *, every: timedelta | None = None) -> None:
        self.plots = plots
        self.start = start.astimezone(UTC)
        self.until = until.astimezone(UTC)
        self.people = 0
        self._every = every.total_seconds() if every is not None else None
        self._turns: dict[tuple[object, ...], Turn] = {}
        self._likeness = _Likeness(plots)

    @property
    def positions(self) -> int:
        """How many different positions there were."""
        return len(self._turns)

    @property
    def asked(self) -> Asked:
        """What is asked about people, by which they differ."""
        return self._likeness.asked

    def add(self, standing: Standing, people: int = 1) -> Turn | None:
        """Look at one person, who stands for so many; their standing is used up by it.

        Their first turn, or None: nothing is ahead of them.
        """
        self.people += people
        for passage in standing.running():
            self._look(standing, passage)
        first: Turn | None = None
        before: Turn | None = None
        now = self.start
        for _ in range(TURNS_MAX):
            moment = self._next(standing, now, is_first=before is None)
            if moment is None or moment > self.until:
                break
            key = self._likeness.of(standing, moment)
            turn = self._turns.get(key)
            is_known = turn is not None
            if turn is None:
                turn = self._turns[key] = Turn(moment)
            if before is not None:
                before.next = turn
            first = first or turn
            if is_known:
                break
            turn.mails = self._run(standing, moment)
            before, now = turn, moment
        else:
            raise AssertionError(f"subscriber {standing.subscriber.id} does not come to rest")
        if first is not None:
            first.people += people
        return first

    def _look(self, standing: Standing, passage: Passage) -> None:
        """Who waits may wait longer than the books say: an edit only says from when on to look. Never shorter."""
        sequence = self.plots.sequence_of(passage)
        if sequence is None or passage.next_due is None or passage.next_due <= self.start or passage.paused_at:
            return
        campaign = self.plots.campaign_of(passage)
        assert campaign is not None, "the sequence is in it"
        decision = decide(sequence, facts_of(standing, passage, self.plots), self.start, campaign=campaign)
        if isinstance(decision, Wait) and decision.until >= passage.next_due:
            passage.next_due, passage.why = decision.until, decision.reason.name
            passage.next_step = decision.step.identity if decision.step is not None else None

    def _next(self, standing: Standing, now: datetime, *, is_first: bool) -> datetime | None:
        """When a run finds something to do for this person."""
        moments = [each.next_due for each in standing.running() if each.next_due and not each.paused_at]
        moments += [each.due_at for each in standing.mails if is_waiting(each)]
        moments += [each.session.ends for each in standing.seats.values() if each.is_booked and not each.is_over]
        if standing.frozen < len(self.plots.announcements):
            moments.append(self.plots.announcements[standing.frozen].due_at)
        if not moments:
            return None
        moment = self._on_grid(max(min(moments), now))
        # What stays due after a run waits for the next one.
        return moment if is_first or moment > now else self._on_grid(now + timedelta(seconds=1))

    def _on_grid(self, moment: datetime) -> datetime:
        if self._every is None:
            return moment
        return datetime.fromtimestamp(math.ceil(moment.timestamp() / self._every) * self._every, UTC)

    def _run(self, standing: Standing, now: datetime) -> tuple[Foreseen, ...]:
        """One run, as `drip.engine.engine` does it, for one person."""
        plots = self.plots
        for number, seat in list(standing.seats.items()):
            if seat.is_booked and not seat.is_over and seat.session.ends <= now:
                close_session(standing, number, plots, now)
        while standing.frozen < len(plots.announcements) and plots.announcements[standing.frozen].due_at <= now:
            mail = frozen_for(standing, plots.announcements[standing.frozen], plots, now)
            standing.frozen += 1
            if mail is not None:
                standing.mails.append(mail)
        foreseen: list[Foreseen] = []
        while True:
            self._move_on(standing, now)
            due = [each for each in standing.mails if is_waiting(each) and each.due_at <= now]
            if not due:
                return tuple(foreseen)
            foreseen += [
                Foreseen(now, mail.campaign, mail.post, mail.step or "", mail.kind)
                for mail in sorted(due, key=lambda each: (each.kind, each.due_at))
                if self._send(standing, mail, now)
            ]

    def _move_on(self, standing: Standing, now: datetime) -> None:
        while True:
            going = (each for each in standing.running() if each.next_due and not each.paused_at)
            due = [each for each in going if each.next_due is not None and each.next_due <= now]
            if not due:
                return
            for passage in sorted(due, key=lambda each: (each.next_due or now, each.id)):
                if passage.is_running:
                    advance(standing, passage, self.plots, now)

    def _send(self, standing: Standing, mail: Mail, now: datetime) -> bool:
        if mail.expires_at is not None and mail.expires_at < now:
            settle_mail(standing, mail, DeliveryState.SKIPPED, ReasonName.TOO_LATE.value, now)
            return False
        opening = opening_of(mail.plot, mail.step, standing.zone, now)
        if opening is not None:
            mail.due_at = opening
            return False
        refused = why_not_mailed(standing, mail, now)
        if refused is not None:
            settle_mail(standing, mail, DeliveryState.SKIPPED, refused, now)
            return False
        settle_mail(standing, mail, DeliveryState.SENT, ReasonName.ACCEPTED.value, now)
        return True

    # --- what it comes to ---

    def numbers(self) -> Counter[Foreseen]:
        """How many people get each mail at each moment."""
        passing = {id(turn): turn.people for turn in self._turns.values()}
        totals: Counter[Foreseen] = Counter()
        for turn in sorted(self._turns.values(), key=lambda each: each.at):
            people = passing[id(turn)]
            for mail in turn.mails:
                totals[mail] += people
            if turn.next is not None:
                passing[id(turn.next)] += people
        return totals


def is_waiting(mail: Mail) -> bool:
    """Whether a mail goes when its moment comes: nobody holds it, and it does not stand still."""
    return mail.state is DeliveryState.DUE and mail.paused_at is None


def ahead(turn: Turn | None) -> Iterator[Foreseen]:
    """The mails of one person, by their first turn."""
    while turn is not None:
        yield from turn.mails
        turn = turn.next


# --- who stands alike ------------------------------------------------------------------------------------------------


class _Likeness:
    """Says in which way two people must agree for the same to be ahead of them: in all that `decide` looks at.

    Who they are is not among it. Neither is when the last thing happened to somebody who only waits for the moment of
    a step without a condition: at that moment the step is done, and from then on everything counts from there.
    """

    def __init__(self, plots: Plots) -> None:
        campaigns = [*plots.campaigns.values(), *plots.kept]
        terms = list(_terms(campaigns, (each.where for each in plots.announcements)))
        steps = [step for campaign in campaigns for sequence in campaign.sequences for step in sequence.steps]
        self._tags = frozenset(each.tag for each in terms if isinstance(each, HasTag)) | frozenset(
            trigger.argument
            for campaign in campaigns
            for sequence in campaign.sequences
            for trigger in (sequence.start, sequence.goal, sequence.stop)
            if trigger is not None and trigger.kind is TriggerKind.GETS_TAG and trigger.argument is not None
        )
        self._fields = tuple(sorted({each.field for each in terms if isinstance(each, FieldIs)}))
        self._clickable = frozenset((each.name, post) for each in campaigns for post in asked_about(each))
        self._asks_since = any(isinstance(each, JoinedWithin) for each in terms)
        acts = {each.verb for each in steps}
        # Only what a step does can begin these again; for all others it does not matter who was in them before.
        self._startable = frozenset(
            (campaign.name, sequence.name)
            for campaign in campaigns
            for sequence in campaign.sequences
            if (sequence.start.kind is TriggerKind.GETS_TAG and Verb.TAG in acts)
            or (sequence.start.kind is TriggerKind.JOINS and Verb.JOIN in acts)
        )
        self._has_paused = bool(plots.pauses)
        self._tests = tuple(
            (campaign.name, step)
            for campaign in campaigns
            for sequence in campaign.sequences
            for step in sequence.steps
            if step.verb is Verb.TEST
        )
        self._plain = frozenset(
            (campaign.name, step.identity)
            for campaign in campaigns
            for sequence in campaign.sequences
            for step in sequence.steps
            if step.condition is None
        ) - {
            (campaign.name, step.identity)
            for campaign in campaigns
            for sequence in campaign.sequences
            for step in sequence.steps
            if step.condition is not None  # in one revision that somebody keeps
        }

    @property
    def asked(self) -> Asked:
        """The part of it that is not the same for all plots."""
        return Asked(
            self._tags, self._fields, self._clickable, self._asks_since, bool(self._startable) or self._has_paused
        )

    def of(self, standing: Standing, moment: datetime) -> tuple[object, ...]:
        """Everything that matters about somebody who comes to this run."""
        passages = [each for each in standing.passages if each.is_running]
        plain = [self._is_plain(each) for each in passages]
        subscriber = standing.subscriber
        return (
            moment,
            standing.zone,
            standing.frozen,
            subscriber.tags & self._tags if subscriber.tags else None,
            tuple(subscriber.fields.get(each) for each in self._fields),
            frozenset(standing.lists),
            min(standing.lists.values(), default=None) if self._asks_since else None,
            tuple(self._variant(standing, *each) for each in self._tests),
            self._clicked(standing) if standing.clicked else None,
            standing.suppressed is not None,
            subscriber.left_at is not None,
            subscriber.breaks,
            self._last_drip(standing, passages, plain, moment),
            tuple(self._passage(standing, each, is_plain) for each, is_plain in zip(passages, plain, strict=True)),
            tuple(
                (
                    each.registration.campaign,
                    each.session,
                    each.registration.state,
                    each.attendance,
                    each.is_over,
                )
                for each in standing.seats.values()
            ),
            tuple(
                (each.campaign, each.sequence, each.occasion, each.ended_at)
                for each in standing.passages
                if not each.is_running and (each.campaign, each.sequence) in self._startable
            ),
            tuple(
                (
                    each.campaign,
                    each.post,
                    each.kind,
                    is_waiting(each),
                    each.due_at,
                    each.list,
                    each.step,
                    each.expires_at,
                    passages.index(each.passage) if each.passage in passages else None,
                )
                for each in standing.mails
            ),
        )

    def _clicked(self, standing: Standing) -> frozenset[tuple[str, str]]:
        """The posts in which they followed a link, of those that anything asks about."""
        return self._clickable & {(name, post) for name, posts in standing.clicked.items() for post in posts}

    def _variant(self, standing: Standing, campaign: str, step: Step) -> str:
        """Which post of a test this person would get: their bucket is the one thing that hangs on who they are."""
        given = standing.variants.get(campaign, NOTHING)
        kept = next((given[each] for each in sorted(step.identities) if each in given), None)
        test = f"{campaign}/{step.identity}"
        return choose(test, step.variants, standing.subscriber.id, given.get(step.identity, kept)).post

    def _is_plain(self, passage: Passage) -> bool:
        """Whether it waits for nothing but the moment of a step, which will then be done whatever else is so."""
        return (
            passage.plot is None and passage.why in PLAIN_WAITS and (passage.campaign, passage.next_step) in self._plain
        )

    def _passage(self, standing: Standing, passage: Passage, is_plain: bool) -> tuple[object, ...]:
        seats = list(standing.seats)
        seat = seats.index(passage.registration_id) if passage.registration_id in standing.seats else None
        anchor = edited = None
        if not is_plain:
            happened = (each.at for each in passage.done if each.did.moves_anchor or each.reason == PAUSED)
            anchor = max(happened, default=passage.started_at)
            edited = passage.replanned_at
        return (
            passage.campaign,
            passage.sequence,
            id(passage.plot),  # each revision is read once
            passage.next_due,
            passage.next_step if is_plain else None,
            frozenset([each.step for each in passage.done]),
            anchor,
            edited,
            # A reminder asks when the seat was taken (rule 5), a pause who was inside.
            passage.started_at if seat is not None or self._has_paused else None,
            seat,
            passage.paused_at is not None,
            id(passage.plot) if passage.plot is not None else None,
            passage.occasion if (passage.campaign, passage.sequence) in self._startable else None,
        )

    def _last_drip(
        self, standing: Standing, passages: list[Passage], plain: list[bool], moment: datetime
    ) -> datetime | None:
        """The last drip mail, if its distance to the next may matter still (rule 6)."""
        last = standing.last_drip_at
        if last is None or (last + SPACING + timedelta(days=1) <= moment and all(plain)):
            return None
        kept = all(each.next_due is not None and last + SPACING <= each.next_due for each in passages)
        is_calm = all(plain) and not standing.mails and not standing.seats
        return None if passages and kept and is_calm else last


def _terms(campaigns: Iterable[Campaign], wheres: Iterable[Condition | None]) -> Iterator[Term]:
    conditions = [
        step.condition for campaign in campaigns for sequence in campaign.sequences for step in sequence.steps
    ]
    for condition in (*conditions, *wheres):
        if condition is not None:
            yield from leaves(condition.term)
