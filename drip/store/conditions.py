"""Conditions as SQL: the `where` of a broadcast asked by the database itself, on both engines.

The same tree that `drip.core.segments` judges for one person is said here for all of them; property tests hold the
two against each other. It decides nothing else. Called by `drip.store.broadcasts` only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

from sqlalchemy import ColumnElement, Text, and_, cast, exists, false, func, not_, or_, select, type_coerce

from drip.core.model import (
    And,
    Attended,
    Clicked,
    FieldIs,
    HasTag,
    JoinedWithin,
    Missed,
    Not,
    OnList,
    Or,
    Registered,
    Term,
)
from drip.core.records import RegistrationState, SubscriptionState
from drip.core.segments import leaves, same_value
from drip.store.columns import said
from drip.store.schema import click, registration, subscriber, subscription, tag
from drip.store.transaction import Transaction

Spellings = Mapping[tuple[str, str], Sequence[str]]
"""For each `field F is V` the values of the database that are V: how letters are folded, only Python knows."""


class Asking(Transaction):
    """Methods that ask a condition of everybody at once."""

    def condition_of(self, term: Term, campaign: str, now: datetime) -> ColumnElement[bool]:
        """The term as a condition on `subscriber`, for one statement of this transaction."""
        spellings: dict[tuple[str, str], Sequence[str]] = {}
        for leaf in leaves(term):
            if isinstance(leaf, FieldIs):
                known = self._run(select(field_value(leaf.field, self._postgres)).select_from(subscriber).distinct())
                spellings[leaf.field, leaf.value] = [
                    each for each in known.scalars() if each is not None and same_value(each, leaf.value)
                ]
        return condition(term, campaign, now, spellings, self._postgres)


def condition(term: Term, campaign: str, now: datetime, spellings: Spellings, postgres: bool) -> ColumnElement[bool]:
    """The term as a condition on `subscriber`: true, or not true."""
    match term:
        case Not(inner):
            return not_(condition(inner, campaign, now, spellings, postgres))
        case And(terms):
            return and_(*(condition(each, campaign, now, spellings, postgres) for each in terms))
        case Or(terms):
            return or_(*(condition(each, campaign, now, spellings, postgres) for each in terms))
        case HasTag(name):
            return exists().where(tag.c.subscriber_id == subscriber.c.id, tag.c.tag == name)
        case OnList(name):
            return exists().where(*active(), subscription.c.list == name)
        case Registered():
            return exists().where(
                registration.c.subscriber_id == subscriber.c.id,
                registration.c.campaign == campaign,
                registration.c.state == said(RegistrationState.BOOKED),
            )
        case JoinedWithin(days):
            # The first of the subscriptions that hold: one of them, and none of them earlier.
            since, first = now - timedelta(days=days), subscription.c.confirmed_at
            return and_(exists().where(*active(), first >= since), not_(exists().where(*active(), first < since)))
        case FieldIs(name, value):
            values = spellings.get((name, value), ())
            known = field_value(name, postgres)
            # An absent field is not this value, whatever `not` stands before it; NULL would be neither.
            return and_(known.is_not(None), known.in_(values)) if values else false()
        case Clicked(post):
            theirs = (click.c.subscriber_id == subscriber.c.id, click.c.campaign == campaign, click.c.post == post)
            return exists().where(*theirs, click.c.clicked_at.is_not(None))
        case Attended() | Missed():
            # A broadcast belongs to no registration: nobody did any of these.
            return false()
    assert_never(term)


def field_value(name: str, postgres: bool) -> ColumnElement[Any]:
    """The value of a field, NULL where it is not known."""
    if postgres:
        from sqlalchemy.dialects.postgresql import JSON

        value: ColumnElement[Any] = cast(type_coerce(subscriber.c.fields, Text()), JSON)[name].astext
        return value
    each = func.json_each(subscriber.c.fields).table_valued("key", "value")
    return select(each.c.value).where(each.c.key == name).correlate(subscriber).scalar_subquery()


def active() -> tuple[ColumnElement[bool], ...]:
    """The subscriptions of the reader that hold."""
    return (
        subscription.c.subscriber_id == subscriber.c.id,
        subscription.c.state == said(SubscriptionState.ACTIVE),
    )
