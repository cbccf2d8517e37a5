"""Who stands alike: everybody in one pass over narrow rows, as groups with one to stand for each. Part of `Work`.

For forecasts of more people than can be looked at one by one. A group is who agrees in all that a forecast looks at,
with moments taken to a width: whoever falls into the same ten minutes counts as one. Reads only, a range of
subscribers at a time, and judges nothing; `drip.core.forecast` says what it asks about, `Standings` reads who stands
for a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
)

from drip.core.decide import PAUSED
from drip.core.delivery import DeliveryState
from drip.core.forecast import Asked
from drip.core.records import Did, EnrollmentState, Kind, SubscriberId, SubscriptionState
from drip.store.columns import MICROSECOND, Moment, ranked, said
from drip.store.conditions import field_value
from drip.store.prepared import Prepared
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
)
from drip.store.standings import LIVE, within
from drip.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Asking:
    """A statement, the names of its parameters, and how many moments stand at the end of its rows."""

    statement: Prepared
    names: tuple[str, ...]
    moments: int


GIVEN = frozenset({"after", "last", "width", "lately"})
Key = tuple[Any, ...]
Group = tuple[SubscriberId, int]
"""Who stands for it, and how many they are."""


def taken(column: ColumnElement[Any]) -> ColumnElement[int]:
    """A moment to the width, upwards: what is due at 9:30 belongs with what is due shortly before it, as for a run."""
    width = bindparam("width", type_=BigInteger())
    return ((type_coerce(column, BigInteger()) + (width - 1)).op("/", precedence=8)(width)).label(None)


def word(column: ColumnElement[Any]) -> ColumnElement[str]:
    """A word as its text: it is compared, never understood."""
    return type_coerce(column, Text())


@cache
def statements(asked: Asked, postgres: bool) -> tuple[Asking, ...]:
    """What is asked of a range of subscribers: first each of them, then what more there is, by the subscriber."""
    number = (subscriber.c.id, subscriber.c.zone, subscriber.c.left_at.is_not(None), suppression.c.mailbox.is_not(None))
    fields = (field_value(name, postgres) for name in asked.fields)
    found: list[tuple[Select[Any], int]] = [
        (
            select(*number, *fields)
            .select_from(subscriber.outerjoin(suppression, suppression.c.mailbox == subscriber.c.mailbox))
            .where(*within(subscriber.c.id))
            .order_by(subscriber.c.id),
            0,
        ),
        (
            select(
                subscription.c.subscriber_id,
                subscription.c.list,
                *((taken(subscription.c.confirmed_at),) if asked.since else ()),
            )
            .where(*within(subscription.c.subscriber_id), subscription.c.state == said(SubscriptionState.ACTIVE))
            .order_by(subscription.c.subscriber_id, subscription.c.list),
            int(asked.since),
        ),
        (_passages(asked, postgres), 4),
        (_seats(), 1),
        (_mails(), 2),
        (_last_drips(), 1),
    ]
    if asked.tags:
        which = tag.c.tag.in_([literal(each) for each in sorted(asked.tags)])
        found.append((select(tag.c.subscriber_id, tag.c.tag).where(*within(tag.c.subscriber_id), which), 0))
    if asked.clicks:
        followed = (*within(click.c.subscriber_id), click.c.clicked_at.is_not(None))
        found.append((select(click.c.subscriber_id, click.c.campaign, click.c.post).where(*followed), 0))
    return tuple(
        Asking(Prepared(each), tuple(sorted(GIVEN & each.compile().params.keys())), moments) for each, moments in found
    )


def _passages(asked: Asked, postgres: bool) -> Select[Any]:
    """Enrollments with what is behind them, as one text, and the moment from which they count."""
    moving = [said(each) for each in Did if each.moves_anchor]
    moved = case(
        (or_(step_done.c.did.in_(moving), step_done.c.reason == literal_column(f"'{PAUSED}'")), step_done.c.at)
    )
    anchor = func.coalesce(func.max(moved, type_=Moment()), enrollment.c.started_at, type_=Moment())
    together = func.string_agg if postgres else func.group_concat
    behind = together(step_done.c.step + literal_column("':'") + word(step_done.c.did), literal_column("' '"))
    own = or_(
        enrollment.c.registration_id.is_not(None),
        type_coerce(literal_column("1" if asked.before else "0"), Integer()) == 1,
    )
    running = enrollment.c.state == said(EnrollmentState.RUNNING)
    return (
        select(
            enrollment.c.subscriber_id,
            enrollment.c.campaign,
            enrollment.c.sequence,
            word(enrollment.c.state),
            enrollment.c.next_step,
            enrollment.c.paused_at.is_not(None),
            enrollment.c.revision_id,
            # Whose passage could begin again is told apart by all that there was.
            case((own, enrollment.c.occasion)) if asked.before else enrollment.c.registration_id.is_not(None),
            behind,
            taken(enrollment.c.next_due),
            taken(anchor),
            taken(case((own, enrollment.c.started_at))),
            taken(enrollment.c.replanned_at),
        )
        .select_from(enrollment.outerjoin(step_done, step_done.c.enrollment_id == enrollment.c.id))
        .where(*within(enrollment.c.subscriber_id), or_(running, own))
        .group_by(enrollment.c.subscriber_id, enrollment.c.id)
        .order_by(enrollment.c.subscriber_id, enrollment.c.id)
    )


def _seats() -> Select[Any]:
    known = attendance.c.registration_id == registration.c.id
    held = (session.c.campaign == registration.c.campaign) & (session.c.name == registration.c.session)
    return (
        select(
            registration.c.subscriber_id,
            registration.c.campaign,
            registration.c.session,
            word(registration.c.state),
            word(attendance.c.attendance),
            session.c.closed_at.is_not(None),
            taken(registration.c.confirmed_at),
        )
        .select_from(registration.join(session, held).outerjoin(attendance, known))
        .where(*within(registration.c.subscriber_id))
        .order_by(registration.c.subscriber_id, registration.c.id)
    )


def _mails() -> Select[Any]:
    return (
        select(
            delivery.c.subscriber_id,
            delivery.c.campaign,
            delivery.c.post,
            type_coerce(delivery.c.kind, Integer()),
            delivery.c.list,
            delivery.c.step,
            delivery.c.revision_id,
            word(delivery.c.state),
            delivery.c.paused_at.is_not(None),
            taken(delivery.c.due_at),
            taken(delivery.c.expires_at),
        )
        .where(*within(delivery.c.subscriber_id), delivery.c.state.in_([said(each) for each in LIVE]))
        .order_by(delivery.c.subscriber_id, delivery.c.id)
    )


def _last_drips() -> Select[Any]:
    went = delivery.c.state.in_([said(DeliveryState.SENT), said(DeliveryState.UNCERTAIN)])
    last = func.max(delivery.c.finished_at, type_=Moment())
    return (
        select(delivery.c.subscriber_id, taken(last))
        .where(
            *within(delivery.c.subscriber_id),
            delivery.c.kind == ranked(Kind.SEQUENCE),
            went,
            delivery.c.finished_at > bindparam("lately", type_=Moment()),
        )
        .group_by(delivery.c.subscriber_id)
    )


class Crowds(Transaction):
    """Methods that sort everybody."""

    def sort(
        self, groups: dict[Key, Group], asked: Asked, width: timedelta, after_id: int, last_id: int, lately: datetime
    ) -> None:
        """Put the people of that range of ids into their groups, with moments taken to a width."""
        given = {"after": after_id, "last": last_id, "width": width // MICROSECOND, "lately": lately}
        first, *others = statements(asked, self._postgres)
        more: dict[int, Key] = {}
        for place, each in enumerate(others):
            for row in self._all(each.statement, **{name: given[name] for name in each.names}):
                number = row[0]
                more[number] = (*more.get(number, ()), place, row[1:])
        for number, *said_of in self._all(first.statement, **{name: given[name] for name in first.names}):
            _put(groups, (*said_of, more.get(number, ())), (number, 1))

    def coarser(self, groups: dict[Key, Group], asked: Asked, times: int) -> dict[Key, Group]:
        """The same people in groups of so many times the width."""
        _, *others = statements(asked, self._postgres)
        found: dict[Key, Group] = {}
        for (*said_of, more), group in groups.items():
            rows: list[Any] = []
            for place, row in zip(more[::2], more[1::2], strict=True):
                kept = len(row) - others[place].moments
                moments = (None if moment is None else -(-moment // times) for moment in row[kept:])
                rows += (place, (*row[:kept], *moments))
            _put(found, (*said_of, tuple(rows)), group)
        return found


def _put(groups: dict[Key, Group], key: Key, group: Group) -> None:
    known = groups.get(key)
    groups[key] = group if known is None else (known[0], known[1] + group[1])
