"""Subscribers, their tags, subscriptions and consents, and the suppressed mailboxes.

Never decides who may be mailed: the mark in `drip.store.deliveries` does, from these rows. Part of `Work`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, Update, bindparam, delete, exists, func, insert, or_, select, update

from drip.core.model import NOTHING
from drip.core.records import (
    Break,
    Consent,
    ConsentKind,
    Evidence,
    Kind,
    RegistrationState,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
    SubscriptionState,
    Suppression,
)
from drip.store.columns import Moment, among, ranked
from drip.store.prepared import Prepared, prepared
from drip.store.schema import consent, delivery, registration, subscriber, subscription, suppression, tag
from drip.store.transaction import Row_, Transaction, insert_into

SUBSCRIBER = (
    subscriber.c.id,
    subscriber.c.email,
    subscriber.c.mailbox,
    subscriber.c.created_at,
    subscriber.c.zone,
    subscriber.c.fields,
    subscriber.c.left_at,
    subscriber.c.clicks_since,
    subscriber.c.breaks,
)

ERASED = "erased"
KNOWN = subscriber.c.email != ""
"""Whoever was erased has a row without an address: only their keyed hash is left, and nobody finds them by it."""

OPEN_SEATS = (RegistrationState.PENDING, RegistrationState.BOOKED)


def as_subscriber(row: Row_, tags: frozenset[str]) -> Subscriber:
    """A row that begins with SUBSCRIBER, and the tags, as a record."""
    number, email, mailbox, created_at, zone, fields, left_at, clicks_since, breaks = row[:9]
    return Subscriber(number, email, mailbox, created_at, zone, fields, tags, left_at, clicks_since, as_breaks(breaks))


def as_breaks(stored: Mapping[str, str] | None) -> tuple[Break, ...]:
    """Begin and end of each, as `Resting.set_breaks` wrote them. Nearly nobody has any."""
    if not stored:
        return ()
    return tuple(Break(*map(datetime.fromisoformat, each)) for each in sorted(stored.items()))


@prepared
def add_statement(postgres: bool) -> Any:
    """The mailbox decides who is who."""
    return insert_into(subscriber, postgres).on_conflict_do_nothing(index_elements=["mailbox"]).returning(*SUBSCRIBER)


@prepared
def subscribe_statement(postgres: bool) -> Any:
    """A new subscription; what to do with a known one is decided after."""
    known = ["subscriber_id", "list"]
    return insert_into(subscription, postgres).on_conflict_do_nothing(index_elements=known).returning(subscription)


@prepared
def tags_of(postgres: bool) -> Select[Any]:
    """The tags of many subscribers."""
    return select(tag.c.subscriber_id, tag.c.tag).where(among(tag.c.subscriber_id, "ids", postgres))


@prepared
def subscriber_statement() -> Select[Any]:
    """A subscriber by id."""
    return select(*SUBSCRIBER).where(subscriber.c.id == bindparam("number"), KNOWN)


@prepared
def mailbox_statement() -> Select[Any]:
    """A subscriber by the keyed hash of the address."""
    return select(*SUBSCRIBER).where(subscriber.c.mailbox == bindparam("mailbox"), KNOWN)


@prepared
def hold_statement() -> Select[Any]:
    """Locks one person's row."""
    return select(subscriber.c.id).where(subscriber.c.id == bindparam("number")).with_for_update(key_share=True)


@prepared
def back_statement() -> Update:
    """Forgets that somebody left."""
    return update(subscriber).where(subscriber.c.id == bindparam("number")).values(left_at=None)


@prepared
def tag_statement(postgres: bool) -> Any:
    """A tag is on a subscriber once."""
    return insert_into(tag, postgres).on_conflict_do_nothing().returning(tag.c.tag)


@prepared
def subscription_statement() -> Select[Any]:
    """A subscription by id."""
    return select(subscription).where(subscription.c.id == bindparam("number"))


@prepared
def subscriptions_statement() -> Select[Any]:
    """One person's subscriptions."""
    mine = subscription.c.subscriber_id == bindparam("who")
    return select(subscription).where(mine).order_by(subscription.c.list)


@prepared
def confirm_statement() -> Update:
    """Makes a pending subscription active."""
    pending = subscription.c.state == SubscriptionState.PENDING
    return (
        update(subscription)
        .where(subscription.c.id == bindparam("number"), pending)
        .values(state=SubscriptionState.ACTIVE, confirmed_at=bindparam("now", type_=Moment()))
    )


@prepared
def consent_statement() -> Any:
    """A line of the consent log."""
    return insert(consent).inline()


@prepared
def suppression_statement() -> Select[Any]:
    """A suppression by its mailbox."""
    return select(suppression).where(suppression.c.mailbox == bindparam("mailbox"))


class People(Transaction):
    """Methods about people."""

    # --- subscribers ---

    def add_subscriber(
        self, email: str, mailbox: str, now: datetime, zone: str | None = None, fields: Mapping[str, str] | None = None
    ) -> tuple[Subscriber, bool]:
        """The subscriber of that mailbox, and whether it is new. A known one stays as it is."""
        values = {"email": email, "mailbox": mailbox, "created_at": now, "zone": zone, "fields": fields or NOTHING}
        row = self._first(add_statement(self._postgres), **values)
        if row is not None:
            return as_subscriber(row, frozenset()), True
        known = self.subscriber_by_mailbox(mailbox)
        if known is None:
            return self._comes_back(email, mailbox, zone, fields or NOTHING), False
        return known, False

    def _comes_back(self, email: str, mailbox: str, zone: str | None, fields: Mapping[str, str]) -> Subscriber:
        """Whoever was erased asks again. While the hash is suppressed nothing that was typed is kept."""
        suppressed = exists().where(suppression.c.mailbox == mailbox)
        again = update(subscriber).where(subscriber.c.mailbox == mailbox, ~KNOWN, ~suppressed)
        self._run(again.values(email=email, zone=zone, fields=fields, left_at=None))
        row = self._first(select(*SUBSCRIBER).where(subscriber.c.mailbox == mailbox))
        assert row is not None
        return as_subscriber(row, frozenset())

    def subscriber(self, id: SubscriberId) -> Subscriber | None:
        """The subscriber of that id; None also for one who was erased."""
        return self._one(subscriber_statement(), number=id)

    def subscriber_by_mailbox(self, mailbox: str) -> Subscriber | None:
        """The subscriber whose keyed address hash it is."""
        return self._one(mailbox_statement(), mailbox=mailbox)

    def subscribers(
        self,
        list: str | None = None,
        state: SubscriptionState | None = None,
        after_id: int = 0,
        limit: int = 1000,
    ) -> Sequence[Subscriber]:
        """Subscribers by id, those after `after_id`; with a list or a state, those who have such a subscription."""
        statement = select(*SUBSCRIBER).where(subscriber.c.id > after_id, KNOWN).order_by(subscriber.c.id).limit(limit)
        if list is not None or state is not None:
            wanted = exists().where(subscription.c.subscriber_id == subscriber.c.id)
            if list is not None:
                wanted = wanted.where(subscription.c.list == list)
            if state is not None:
                wanted = wanted.where(subscription.c.state == state)
            statement = statement.where(wanted)
        return self._subscribers(self._all(statement))

    def hold_subscriber(self, id: SubscriberId) -> None:
        """Lets one transaction at a time act on this person (PostgreSQL; on SQLite there is one anyway)."""
        self._all(hold_statement(), number=id)

    def set_fields(self, id: SubscriberId, fields: Mapping[str, str]) -> None:
        """Replaces all fields."""
        self._run(update(subscriber).where(subscriber.c.id == id), {"fields": fields})

    def set_zone(self, id: SubscriberId, zone: str | None) -> None:
        """Sets the person's own time zone."""
        self._run(update(subscriber).where(subscriber.c.id == id), {"zone": zone})

    def set_clicks_since(self, id: SubscriberId, moment: datetime | None) -> None:
        """Since when the person lets us note their clicks; None: they do not."""
        self._run(update(subscriber).where(subscriber.c.id == id), {"clicks_since": moment})

    def set_zone_of_seats(self, id: SubscriberId, zone: str) -> int:
        """Sets the time zone in which the person is told of open registrations; how many had another one."""
        mine = (registration.c.subscriber_id == id, registration.c.state.in_(OPEN_SEATS))
        other = or_(registration.c.zone.is_(None), registration.c.zone != zone)
        return self._changed(update(registration).where(*mine, other).values(zone=zone))

    def mark_left(self, id: SubscriberId, now: datetime) -> None:
        """They unsubscribed from everything. The first moment stays."""
        self._run(update(subscriber).where(subscriber.c.id == id, subscriber.c.left_at.is_(None)), {"left_at": now})

    def mark_back(self, id: SubscriberId) -> None:
        """They came back by themselves."""
        self._changed(back_statement(), number=id)

    def set_tag(self, id: SubscriberId, name: str, now: datetime) -> bool:
        """Whether the tag is new on this subscriber."""
        return self._first(tag_statement(self._postgres), subscriber_id=id, tag=name, set_at=now) is not None

    def remove_tag(self, id: SubscriberId, name: str) -> bool:
        """Whether the tag was there."""
        return self._changed(delete(tag).where(tag.c.subscriber_id == id, tag.c.tag == name)) > 0

    def _one(self, statement: Prepared, **parameters: Any) -> Subscriber | None:
        found = self._subscribers(self._all(statement, **parameters))
        return found[0] if found else None

    def _subscribers(self, rows: Sequence[Row_]) -> Sequence[Subscriber]:
        tags = self._tags([row[0] for row in rows])
        return [as_subscriber(row, tags.get(row[0], frozenset())) for row in rows]

    def _tags(self, ids: Sequence[int]) -> Mapping[int, frozenset[str]]:
        gathered: dict[int, set[str]] = defaultdict(set)
        for number, name in self._all(tags_of(self._postgres), ids=ids) if ids else ():
            gathered[number].add(name)
        return {number: frozenset(names) for number, names in gathered.items()}

    # --- subscriptions ---

    def subscribe(
        self,
        subscriber_id: SubscriberId,
        list: str,
        state: SubscriptionState,
        now: datetime,
    ) -> Subscription:
        """The subscription, asked for now. An ended one is reopened; an active one stays active."""
        confirmed_at = now if state is SubscriptionState.ACTIVE else None
        values = {"state": state, "requested_at": now, "confirmed_at": confirmed_at, "ended_at": None}
        first = {"subscriber_id": subscriber_id, "list": list, **values}
        new = self._first(subscribe_statement(self._postgres), **first)
        if new is not None:
            return Subscription(*new)
        key = (subscription.c.subscriber_id == subscriber_id, subscription.c.list == list)
        old = Subscription(*self._run(select(subscription).where(*key).with_for_update()).one())
        if old.state is SubscriptionState.ACTIVE:
            return old
        return Subscription(*self._run(update(subscription).where(*key).returning(subscription), values).one())

    def subscription(self, id: SubscriptionId) -> Subscription | None:
        """The subscription of that id."""
        row = self._first(subscription_statement(), number=id)
        return None if row is None else Subscription(*row)

    def subscriptions(self, subscriber_id: SubscriberId) -> Sequence[Subscription]:
        """All subscriptions of one person, also ended ones, by list."""
        return [Subscription(*row) for row in self._all(subscriptions_statement(), who=subscriber_id)]

    def confirm_subscription(self, id: SubscriptionId, now: datetime) -> bool:
        """Whether this made it active. Only a pending one can be confirmed: an old link cannot undo a "no"."""
        return self._changed(confirm_statement(), number=id, now=now) > 0

    def end_subscription(self, subscriber_id: SubscriberId, list: str | None, now: datetime) -> Sequence[str]:
        """Ends one subscription, or with None all; the lists whose subscription this ended."""
        statement = update(subscription).where(
            subscription.c.subscriber_id == subscriber_id, subscription.c.state != SubscriptionState.ENDED
        )
        if list is not None:
            statement = statement.where(subscription.c.list == list)
        values = {"state": SubscriptionState.ENDED, "ended_at": now}
        return sorted(self._run(statement.values(values).returning(subscription.c.list)).scalars())

    # --- consents ---

    def record_consent(self, given: Consent) -> None:
        """Adds a line to the consent log."""
        values = {
            "subscriber_id": given.subscriber_id,
            "list": given.list,
            "kind": given.kind,
            "at": given.at,
            "place": given.evidence.where,
            "text": given.evidence.text,
            "ip": given.evidence.ip,
            "agent": given.evidence.agent,
        }
        self._changed(consent_statement(), **values)

    def consents(self, subscriber_id: SubscriberId) -> Sequence[Consent]:
        """The consent log of one person, oldest first."""
        statement = select(consent).where(consent.c.subscriber_id == subscriber_id).order_by(consent.c.id)
        return [
            Consent(row.subscriber_id, row.list, row.kind, row.at, Evidence(row.place, row.text, row.ip, row.agent))
            for row in self._all(statement)
        ]

    def count_recent_asks(self, mailbox: str, since: datetime) -> tuple[int, int]:
        """How often this mailbox was asked for since then: sign-ups recorded, and confirmations planned.

        It is the ceiling that keeps a sign-up form from flooding a stranger.
        """
        rows = self._all(recent_asks(), mailbox=mailbox, since=since)
        return int(rows[0][0]), int(rows[0][1])

    # --- suppressions ---

    def suppress(self, mailbox: str, reason: str, now: datetime, note: str = "") -> bool:
        """Whether the mailbox was not suppressed before. The first reason stays."""
        statement = insert_into(suppression, self._postgres).on_conflict_do_nothing().returning(suppression.c.mailbox)
        values = {"mailbox": mailbox, "reason": reason, "at": now, "note": note}
        return self._run(statement, values).first() is not None

    def suppression(self, mailbox: str) -> Suppression | None:
        """Why this mailbox is never mailed, or None."""
        row = self._first(suppression_statement(), mailbox=mailbox)
        return None if row is None else Suppression(*row)

    def suppressions(self, after: str = "", limit: int = 1000) -> Sequence[Suppression]:
        """Suppressed mailboxes in the order of their hashes, those after `after`."""
        statement = (
            select(suppression).where(suppression.c.mailbox > after).order_by(suppression.c.mailbox).limit(limit)
        )
        return [Suppression(*row) for row in self._all(statement)]

    def lift_suppression(self, mailbox: str) -> bool:
        """Whether the mailbox was suppressed. Only the author may ask for this."""
        return self._changed(delete(suppression).where(suppression.c.mailbox == mailbox)) > 0


@prepared
def recent_asks() -> Select[Any]:
    """Both counts of `count_recent_asks` in one statement."""
    mailbox = bindparam("mailbox", type_=Text())
    since = bindparam("since", type_=Moment())
    asked = (
        select(func.count())
        .select_from(consent.join(subscriber, subscriber.c.id == consent.c.subscriber_id))
        .where(subscriber.c.mailbox == mailbox, consent.c.kind == ConsentKind.ASKED, consent.c.at >= since)
    )
    # The literal kind is the condition of the partial index `delivery_asked`.
    planned = (
        select(func.count())
        .select_from(delivery)
        .where(
            delivery.c.mailbox == mailbox, delivery.c.planned_at >= since, delivery.c.kind == ranked(Kind.CONFIRMATION)
        )
    )
    return select(asked.scalar_subquery(), planned.scalar_subquery())
