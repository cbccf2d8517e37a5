"""Everybody as they stand, in great chunks: for a forecast, which looks at each person once. Part of `Work`.

Reads only, and judges nothing: `drip.core.forecast` lets time pass over what this returns. A chunk is a range of
subscribers, so that every query walks an index and the number of queries does not grow with the people in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, func, or_, select

from drip.core.delivery import DeliveryState
from drip.core.model import Campaign, Session
from drip.core.records import (
    Attendance,
    EnrollmentState,
    Kind,
    Registration,
    RegistrationId,
    RevisionId,
    StepDone,
    SubscriberId,
    SubscriptionState,
)
from drip.core.standing import Mail, Passage, Seat, Standing
from drip.store.columns import Moment, among, ranked, said
from drip.store.facts import REGISTRATION
from drip.store.people import SUBSCRIBER, as_subscriber
from drip.store.schema import (
    attendance,
    click,
    delivery,
    enrollment,
    registration,
    session,
    step_done,
    subscriber,
    subscription,
    suppression,
    tag,
    variant,
)
from drip.store.transaction import Row_, Transaction
from drip.store.webinars import SESSION

PASSAGE = (
    enrollment.c.subscriber_id,
    enrollment.c.id,
    enrollment.c.campaign,
    enrollment.c.sequence,
    enrollment.c.occasion,
    enrollment.c.started_at,
    enrollment.c.registration_id,
    enrollment.c.state,
    enrollment.c.next_due,
    enrollment.c.next_step,
    enrollment.c.ended_at,
    enrollment.c.end_reason,
    enrollment.c.replanned_at,
    enrollment.c.paused_at,
)
LIVE = (DeliveryState.DUE, DeliveryState.CLAIMED, DeliveryState.HELD)
UNDER_WAY = (
    delivery.c.subscriber_id,
    delivery.c.campaign,
    delivery.c.post,
    delivery.c.kind,
    delivery.c.due_at,
    delivery.c.occasion,
    delivery.c.list,
    delivery.c.step,
    delivery.c.enrollment_id,
    delivery.c.registration_id,
    delivery.c.expires_at,
    delivery.c.revision_id,
    delivery.c.state,
    delivery.c.paused_at,
)


def within(column: ColumnElement[Any]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """A range of subscribers."""
    after, last = bindparam("after", type_=BigInteger()), bindparam("last", type_=BigInteger())
    return column > after, column <= last


in_range = within


@cache
def statements(chosen: bool, postgres: bool) -> dict[str, Select[Any]]:
    """What is read of one range of subscribers, or of `chosen` ones, by name."""

    def within(column: ColumnElement[Any]) -> tuple[ColumnElement[bool], ...]:
        return (among(column, "ids", postgres),) if chosen else in_range(column)

    seats = registration.join(
        session, (session.c.campaign == registration.c.campaign) & (session.c.name == registration.c.session)
    ).outerjoin(attendance, attendance.c.registration_id == registration.c.id)
    behind = step_done.join(enrollment, enrollment.c.id == step_done.c.enrollment_id)
    steps = (step_done.c.enrollment_id, step_done.c.step, step_done.c.did, step_done.c.at, step_done.c.reason)
    went = delivery.c.state.in_([said(DeliveryState.SENT), said(DeliveryState.UNCERTAIN)])
    return {
        "people": select(*SUBSCRIBER, suppression.c.reason)
        .select_from(subscriber.outerjoin(suppression, suppression.c.mailbox == subscriber.c.mailbox))
        .where(*within(subscriber.c.id))
        .order_by(subscriber.c.id),
        "tags": select(tag.c.subscriber_id, tag.c.tag).where(*within(tag.c.subscriber_id)),
        "lists": select(subscription.c.subscriber_id, subscription.c.list, subscription.c.confirmed_at).where(
            *within(subscription.c.subscriber_id), subscription.c.state == said(SubscriptionState.ACTIVE)
        ),
        "pinned": select(enrollment.c.id, enrollment.c.revision_id).where(
            *within(enrollment.c.subscriber_id),
            enrollment.c.state == said(EnrollmentState.RUNNING),
            enrollment.c.revision_id.is_not(None),
        ),
        "passages": select(*PASSAGE).where(*within(enrollment.c.subscriber_id)).order_by(enrollment.c.id),
        "steps": select(*steps)
        .select_from(behind)
        .where(
            *within(enrollment.c.subscriber_id),
            # A seat in a session that moves begins its reminders anew, from what was done before.
            or_(enrollment.c.state == said(EnrollmentState.RUNNING), enrollment.c.registration_id.is_not(None)),
        )
        .order_by(step_done.c.id),
        "seats": select(*REGISTRATION, *SESSION, session.c.closed_at, session.c.withdrawn_at, attendance.c.attendance)
        .select_from(seats)
        .where(*within(registration.c.subscriber_id))
        .order_by(registration.c.id),
        "last": select(delivery.c.subscriber_id, func.max(delivery.c.finished_at, type_=delivery.c.finished_at.type))
        .where(
            *within(delivery.c.subscriber_id),
            delivery.c.kind == ranked(Kind.SEQUENCE),
            went,
            delivery.c.finished_at > bindparam("lately", type_=Moment()),
        )
        .group_by(delivery.c.subscriber_id),
        "variants": select(variant.c.subscriber_id, variant.c.campaign, variant.c.step, variant.c.post).where(
            *within(variant.c.subscriber_id)
        ),
        "clicks": select(click.c.subscriber_id, click.c.campaign, click.c.post).where(
            *within(click.c.subscriber_id), click.c.clicked_at.is_not(None)
        ),
        "mails": select(*UNDER_WAY)
        .where(*within(delivery.c.subscriber_id), delivery.c.state.in_([said(each) for each in LIVE]))
        .order_by(delivery.c.id),
    }


class Standings(Transaction):
    """Methods that read everybody."""

    def last_of_range(self, after_id: int, people: int) -> int | None:
        """The id of the last of so many subscribers after that one; None if there is none."""
        ids = select(subscriber.c.id).where(subscriber.c.id > after_id).order_by(subscriber.c.id).limit(people)
        last: int | None = self._value(select(func.max(ids.subquery().c.id)))
        return last

    def count_people(self) -> int:
        """How many subscribers there are."""
        return int(self._value(select(func.count()).select_from(subscriber)))

    def standings(
        self,
        after_id: int,
        last_id: int,
        zone: str,
        lately: datetime,
        plot_of: Callable[[RevisionId], Campaign | None],
    ) -> Sequence[Standing]:
        """The people of that range of ids; drip mails from before `lately` no longer matter to anybody.

        `plot_of` gives the campaign of a revision.
        """
        return self._standings({"after": after_id, "last": last_id}, zone, lately, plot_of)

    def standings_of(
        self,
        ids: Sequence[SubscriberId],
        zone: str,
        lately: datetime,
        plot_of: Callable[[RevisionId], Campaign | None],
    ) -> Sequence[Standing]:
        """These people, in the order of their ids."""
        return self._standings({"ids": ids}, zone, lately, plot_of)

    def _standings(
        self,
        which: Mapping[str, Any],
        zone: str,
        lately: datetime,
        plot_of: Callable[[RevisionId], Campaign | None],
    ) -> Sequence[Standing]:
        rows: dict[str, Sequence[Row_]] = {}
        for name, statement in statements("ids" in which, self._postgres).items():
            more = {"lately": lately} if name == "last" else {}
            rows[name] = self._all(statement, **which, **more)
        tags: dict[int, set[str]] = defaultdict(set)
        for number, word in rows["tags"]:
            tags[number].add(word)
        found = {
            row[0]: Standing(as_subscriber(row, frozenset(tags.get(row[0], ()))), row[4] or zone, suppressed=row[-1])
            for row in rows["people"]
        }
        for number, name, since in rows["lists"]:
            found[number].lists[name] = since
        for number, moment in rows["last"]:
            found[number].last_drip_at = moment
        for number, campaign, step, post in rows["variants"]:
            found[number].variants.setdefault(campaign, {})[step] = post
        for number, campaign, post in rows["clicks"]:
            found[number].clicked.setdefault(campaign, set()).add(post)
        for row in rows["seats"]:
            found[row[1]].seats[RegistrationId(row[0])] = _seat(row)
        passages = _passages(rows["passages"], rows["steps"], found)
        for number, revision in rows["pinned"]:
            passages[number].plot = plot_of(revision)
        for row in rows["mails"]:
            found[row[0]].mails.append(_mail(row, passages, plot_of))
        return list(found.values())


def _seat(row: Row_) -> Seat:
    width = len(REGISTRATION)
    held = Session(*row[width : width + len(SESSION)])
    closed_at, withdrawn_at, came = row[width + len(SESSION) :]
    return Seat(
        Registration(*row[:width]),
        held,
        Attendance.UNKNOWN if came is None else came,
        # Nobody acts on the end of a session that was withdrawn.
        is_over=closed_at is not None or withdrawn_at is not None,
    )


def _passages(rows: Sequence[Row_], steps: Sequence[Row_], found: dict[int, Standing]) -> dict[int, Passage]:
    done: dict[int, list[StepDone]] = defaultdict(list)
    for number, *step in steps:
        done[number].append(StepDone(*step))
    passages = {}
    for who, number, campaign, sequence, occasion, started, bound, state, due, step, ended, why, *edges in rows:
        passage = Passage(
            number, campaign, sequence, occasion, started, bound, state, due, step,
            tuple(done.get(number, ())), ended, why, *edges,
        )  # fmt: skip
        found[who].passages.append(passage)
        if passage.is_running:
            passages[number] = passage
    return passages


def _mail(row: Row_, passages: dict[int, Passage], plot_of: Callable[[RevisionId], Campaign | None]) -> Mail:
    (
        _,
        campaign,
        post,
        kind,
        due_at,
        occasion,
        name,
        step,
        bound,
        registration_id,
        expires_at,
        revision,
        state,
        still,
    ) = row
    return Mail(
        campaign,
        post,
        kind,
        due_at,
        occasion,
        name,
        step,
        passages.get(bound),
        registration_id,
        expires_at,
        plot_of(revision),
        # Claimed by a run that is just at work, or died: it is sent, or due again.
        DeliveryState.HELD if state is DeliveryState.HELD else DeliveryState.DUE,
        paused_at=still,
    )
