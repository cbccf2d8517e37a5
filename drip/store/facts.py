"""All that a decision may know, loaded for many people at once: the number of queries is the same for one and for
ten thousand. Never judges anything. Part of `Work`; `drip.core.decide` and `drip.core.segments` read the Facts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select

from drip.core.delivery import DeliveryState
from drip.core.model import NOTHING, Session
from drip.core.records import (
    Attendance,
    Enrollment,
    EnrollmentId,
    EnrollmentState,
    Facts,
    Kind,
    Pause,
    Registration,
    RegistrationState,
    Subscriber,
    SubscriberId,
    SubscriptionState,
)
from drip.store.clicks import marks_statement
from drip.store.columns import among, ranked, said
from drip.store.people import SUBSCRIBER, People, as_subscriber
from drip.store.prepared import prepared
from drip.store.schema import attendance, delivery, pause, registration, session, subscriber, subscription, suppression
from drip.store.transaction import Row_
from drip.store.webinars import SESSION

REGISTRATION = tuple(registration.c)


@prepared
def people_statement(postgres: bool) -> Select[Any]:
    """Subscribers with the reason of their suppression."""
    return (
        select(*SUBSCRIBER, suppression.c.reason)
        .select_from(subscriber.outerjoin(suppression, suppression.c.mailbox == subscriber.c.mailbox))
        .where(among(subscriber.c.id, "ids", postgres))
    )


@prepared
def lists_statement(postgres: bool) -> Select[Any]:
    """Active subscriptions, and since when."""
    return select(subscription.c.subscriber_id, subscription.c.list, subscription.c.confirmed_at).where(
        among(subscription.c.subscriber_id, "ids", postgres), subscription.c.state == said(SubscriptionState.ACTIVE)
    )


@prepared
def booked_statement(postgres: bool) -> Select[Any]:
    """For which webinars people hold a seat."""
    return (
        select(registration.c.subscriber_id, registration.c.campaign)
        .where(
            among(registration.c.subscriber_id, "ids", postgres), registration.c.state == said(RegistrationState.BOOKED)
        )
        .distinct()
    )


@prepared
def drip_statement(postgres: bool) -> Select[Any]:
    """When the last drip mail went, by the partial index `delivery_last_drip`."""
    sent = delivery.c.state.in_([said(DeliveryState.SENT), said(DeliveryState.UNCERTAIN)])
    return (
        select(delivery.c.subscriber_id, func.max(delivery.c.finished_at, type_=delivery.c.finished_at.type))
        .where(among(delivery.c.subscriber_id, "ids", postgres), delivery.c.kind == ranked(Kind.SEQUENCE), sent)
        .group_by(delivery.c.subscriber_id)
    )


@prepared
def registrations_statement(postgres: bool) -> Select[Any]:
    """Registrations with their sessions, withdrawn ones too, and what is known of their past."""
    key = (session.c.campaign == registration.c.campaign) & (session.c.name == registration.c.session)
    tables = registration.join(session, key).outerjoin(attendance, attendance.c.registration_id == registration.c.id)
    return (
        select(*REGISTRATION, *SESSION, attendance.c.attendance)
        .select_from(tables)
        .where(among(registration.c.id, "ids", postgres))
    )


@prepared
def last_sessions_statement(postgres: bool) -> Select[Any]:
    """When each campaign's last session starts. Where none takes place any more, it is as if the last one had begun
    when it was withdrawn: whoever is being invited has nothing left to be invited to."""
    held = func.max(case((session.c.withdrawn_at.is_(None), session.c.starts)))
    last = func.coalesce(held, func.max(session.c.withdrawn_at), type_=session.c.starts.type)
    return (
        select(session.c.campaign, last)
        .where(among(session.c.campaign, "campaigns", postgres))
        .group_by(session.c.campaign)
    )


@prepared
def pauses_statement(postgres: bool) -> Select[Any]:
    """When the sequences of these campaigns stood still, the oldest first."""
    return select(*pause.c).where(among(pause.c.campaign, "campaigns", postgres)).order_by(pause.c.id)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of many people, whatever the sequence."""

    subscribers: Mapping[int, Subscriber]
    suppressed: Mapping[int, str | None]
    lists: Mapping[int, Mapping[str, datetime]]
    booked: frozenset[tuple[int, str]]
    last_drip_at: Mapping[int, datetime]
    last_starts: Mapping[str, datetime]
    variants: Mapping[tuple[int, str], Mapping[str, str]]
    clicked: Mapping[tuple[int, str], Set[str]]
    pauses: Mapping[tuple[str, str], tuple[Pause, ...]]


class FactsParts(People):
    """Methods that load facts."""

    def facts_for(self, enrollments: Sequence[Enrollment], project_zone: str) -> dict[EnrollmentId, Facts]:
        """The facts of each enrollment, by its id."""
        if not enrollments:
            return {}
        people = sorted({each.subscriber_id for each in enrollments})
        known = self._known(people, sorted({each.campaign for each in enrollments}))
        ids = sorted({each.registration_id for each in enrollments if each.registration_id is not None})
        statement = registrations_statement(self._postgres)
        held = {row[0]: row for row in (self._all(statement, ids=ids) if ids else ())}
        return {each.id: facts(each, known, project_zone, held.get(each.registration_id)) for each in enrollments}

    def facts_of(self, subscribers: Sequence[SubscriberId], campaign: str, project_zone: str) -> Sequence[Facts]:
        """Facts for a `where`, which is asked of people outside of any sequence: their enrollment is a stand-in."""
        known = self._known(subscribers, [campaign])
        moment = next((each.created_at for each in known.subscribers.values()), None)
        if moment is None:
            return []
        return [
            facts(
                Enrollment(EnrollmentId(0), campaign, "", number, "", EnrollmentState.RUNNING, moment),
                known,
                project_zone,
                None,
            )
            for number in subscribers
            if number in known.subscribers
        ]

    def _known(self, ids: Sequence[int], campaigns: Sequence[str]) -> Known:
        postgres = self._postgres
        rows = self._all(people_statement(postgres), ids=ids)
        tags = self._tags(ids)
        lists: dict[int, dict[str, datetime]] = defaultdict(dict)
        for number, name, since in self._all(lists_statement(postgres), ids=ids):
            lists[number][name] = since
        variants: dict[tuple[int, str], dict[str, str]] = defaultdict(dict)
        clicked: dict[tuple[int, str], set[str]] = defaultdict(set)
        for number, campaign, step, post in self._all(marks_statement(postgres), ids=ids):
            if step:
                variants[number, campaign][step] = post
            else:
                clicked[number, campaign].add(post)
        return Known(
            subscribers={row[0]: as_subscriber(row, tags.get(row[0], frozenset())) for row in rows},
            suppressed={row[0]: row[-1] for row in rows},
            lists=lists,
            booked=frozenset((row[0], row[1]) for row in self._all(booked_statement(postgres), ids=ids)),
            last_drip_at={row[0]: row[1] for row in self._all(drip_statement(postgres), ids=ids)},
            last_starts={row[0]: row[1] for row in self._all(last_sessions_statement(postgres), campaigns=campaigns)},
            variants=variants,
            clicked=clicked,
            pauses=self.pauses_of(campaigns),
        )

    def pauses_of(self, campaigns: Sequence[str]) -> Mapping[tuple[str, str], tuple[Pause, ...]]:
        """When the sequences (campaign, name) of these campaigns stood still, the oldest first."""
        found: dict[tuple[str, str], tuple[Pause, ...]] = {}
        for row in self._all(pauses_statement(self._postgres), campaigns=campaigns):
            each = Pause(*row)
            found[each.campaign, each.sequence] = (*found.get((each.campaign, each.sequence), ()), each)
        return found


def facts(enrollment: Enrollment, known: Known, project_zone: str, held: Row_ | None) -> Facts:
    """The facts of one enrollment; `held` is its row of `registrations_statement`."""
    number = enrollment.subscriber_id
    subscriber = known.subscribers[number]
    lists = known.lists.get(number, {})
    pauses = known.pauses.get((enrollment.campaign, enrollment.sequence), ())
    width = len(REGISTRATION)
    return Facts(
        subscriber=subscriber,
        enrollment=enrollment,
        zone=subscriber.zone or project_zone,
        lists=frozenset(lists),
        suppressed=known.suppressed.get(number),
        registration=None if held is None else Registration(*held[:width]),
        session=None if held is None else Session(*held[width : width + len(SESSION)]),
        booked=(number, enrollment.campaign) in known.booked,
        attendance=Attendance.UNKNOWN if held is None or held[-1] is None else held[-1],
        last_session_starts=known.last_starts.get(enrollment.campaign),
        last_drip_at=known.last_drip_at.get(number),
        clicked=frozenset(known.clicked.get((number, enrollment.campaign), ())),
        variants=known.variants.get((number, enrollment.campaign), NOTHING),
        joined_at=min((since for since in lists.values() if since is not None), default=None),
        paused_at=next((each.paused_at for each in pauses if each.resumed_at is None), None),
        pauses=tuple(each for each in pauses if each.resumed_at is not None),
    )
