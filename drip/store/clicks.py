"""Links of mails that were followed, by readers who let us note it. Part of `Work`.

Never decides who it was: `drip.core.clicks` does, and the engine writes it down. No row is made for anybody who did not
agree, and all of somebody's go when they take it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, case, delete, func, literal, select, update

from drip.core.clicks import OUR_PAGES, Click
from drip.core.records import DeliveryId, SubscriberId
from drip.store.columns import Moment, among
from drip.store.prepared import prepared
from drip.store.results import ClickCount
from drip.store.schema import click, subscriber, variant
from drip.store.transaction import Transaction, insert_into

CLICK = tuple(click.c)
IS_THEIRS = click.c.clicked_at.is_not(None)
IS_OPEN = click.c.settles_at.is_not(None)


@prepared
def marks_statement(postgres: bool) -> Any:
    """What tests gave to many people, by step; and, where the step is empty, the posts in which they followed a link.

    One statement, because it is asked for every batch of people, and most campaigns have neither.
    """
    given = select(variant.c.subscriber_id, variant.c.campaign, variant.c.step, variant.c.post)
    clicked = select(click.c.subscriber_id, click.c.campaign, literal("").label("step"), click.c.post)
    return given.where(among(variant.c.subscriber_id, "ids", postgres)).union_all(
        clicked.where(among(click.c.subscriber_id, "ids", postgres), IS_THEIRS)
    )


@prepared
def next_click_statement() -> Select[Any]:
    """The first of the partial index on what is not settled."""
    return select(click.c.settles_at).where(IS_OPEN).order_by(click.c.settles_at).limit(1)


@prepared
def ripe_statement() -> Select[Any]:
    """Clicks that nothing spoke against for long enough."""
    ripe = click.c.settles_at <= bindparam("now", type_=Moment())
    return select(click.c.delivery_id, click.c.link).where(IS_OPEN, ripe).order_by(click.c.settles_at, *CLICK[:2])


class Clicks(Transaction):
    """Methods about clicks."""

    def clicks_in(self, delivery_id: DeliveryId) -> Sequence[Click]:
        """What is known of the links of one mail."""
        return [Click(*row) for row in self._all(select(*CLICK).where(click.c.delivery_id == delivery_id))]

    def keep_click(self, one: Click) -> None:
        """Writes down how it stands with a link, in place of what was known."""
        values = {column.name: getattr(one, column.name) for column in CLICK}
        statement = insert_into(click, self._postgres).values(**values)
        changed = {name: value for name, value in values.items() if name not in ("delivery_id", "link")}
        self._run(statement.on_conflict_do_update(index_elements=["delivery_id", "link"], set_=changed))

    def ripe_clicks(self, now: datetime) -> Sequence[tuple[DeliveryId, str]]:
        """The clicks (mail and link) that are to be settled, the oldest first."""
        return [(DeliveryId(row[0]), row[1]) for row in self._all(ripe_statement(), now=now)]

    def clicks_by(self, who: SubscriberId) -> Sequence[Click]:
        """All that is kept of one person's links, the oldest first."""
        mine = select(*CLICK).where(click.c.subscriber_id == who).order_by(click.c.fetched_at, *CLICK[:2])
        return [Click(*row) for row in self._all(mine)]

    def forget_clicks(self, who: SubscriberId) -> int:
        """Removes what is kept of one person's links; how many there were."""
        return self._changed(delete(click).where(click.c.subscriber_id == who))

    def rename_clicks(self, campaign: str, names: Mapping[str, str]) -> None:
        """Posts have other names: who followed a link of the old one did so in the new one."""
        for old, new in names.items():
            self._run(update(click).where(click.c.campaign == campaign, click.c.post == old).values(post=new))

    def click_counts(self) -> Sequence[ClickCount]:
        """For each post: how many people followed a link, how often, and the fetches of machines."""
        people = func.count(case((IS_THEIRS, click.c.subscriber_id)).distinct())
        key = (click.c.campaign, click.c.post)
        counted = select(*key, people, func.count(click.c.clicked_at), func.sum(click.c.machines))
        counted = counted.where(click.c.link != OUR_PAGES)
        return [ClickCount(*row) for row in self._all(counted.group_by(*key).order_by(*key))]

    def count_clicks_noted(self) -> int:
        """How many people let us note their clicks."""
        return int(self._value(select(func.count()).where(subscriber.c.clicks_since.is_not(None))))
