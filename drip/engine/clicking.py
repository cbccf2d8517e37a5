"""Events about links of mails: fetched by whomever, clicked by the reader, and whether a reader lets us note it.

Nothing is noted of anybody who did not agree (promise 9). A fetch alone starts nothing: it waits a minute for what a
gateway does next, and only then do sequences hear of it, in one transaction. Called by `drip.engine.happen`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from drip.core.clicks import (
    BURST,
    LINK_LENGTH_MAX,
    MACHINES_MAX,
    OUR_PAGES,
    SETTLES,
    Click,
    name_now,
    why_not_reader,
)
from drip.core.events import ChoseClicks, LinkClicked, LinkFetched
from drip.core.model import TriggerKind
from drip.core.records import Delivery, DeliveryId
from drip.engine.live import Live
from drip.engine.scene import Happened, Scene, signal
from drip.engine.subscribing import choose_clicks

if TYPE_CHECKING:
    from drip.store.work import Work


def is_worth_noting(work: Work, live: Live, delivery_id: DeliveryId, link: str) -> bool:
    """Whether a fetch of this link would be written down at all; asked before a transaction that writes is begun."""
    delivery = work.delivery(delivery_id)
    subscriber = work.subscriber(delivery.subscriber_id) if delivery is not None else None
    if delivery is None or subscriber is None or subscriber.clicks_since is None:
        return False
    if delivery.post not in live.edition(work, delivery.revision_id).counted:
        return False
    return all(each.machines < MACHINES_MAX for each in work.clicks_in(delivery_id) if each.link == _kept(link))


def _kept(link: str) -> str:
    return link[:LINK_LENGTH_MAX]


def link_fetched(scene: Scene, event: LinkFetched) -> Happened:
    """A GET or HEAD came for a link of a mail: `machine`, `maybe` the reader, or `not-noted`."""
    work = scene.work
    delivery = work.delivery(event.delivery_id)
    if delivery is None:
        return Happened("unknown")
    work.hold_subscriber(delivery.subscriber_id)
    subscriber = work.subscriber(delivery.subscriber_id)
    if subscriber is None or subscriber.clicks_since is None:
        return Happened("not-noted", delivery.subscriber_id)
    link = _kept(event.link)
    known = work.clicks_in(delivery.id)
    mine = next((each for each in known if each.link == link), None) or _blank(scene, delivery, link)
    sent_at = delivery.finished_at or delivery.first_marked_at
    machine = event.machine or why_not_reader(link, known, sent_at, scene.now)
    if machine or link == OUR_PAGES:
        # What says of itself that it is a machine opened all that waits; else it is only what came in the same moment.
        back = [each for each in known if event.machine or scene.now - each.fetched_at < BURST]
        _take_back(work, [each for each in back if each.link != link])
        work.keep_click(_as_machine(replace(mine, fetched_at=scene.now), 1))
        return Happened("machine", subscriber.id)
    if mine.seen_at is None:
        waits = replace(mine, fetched_at=scene.now, seen_at=scene.now, settles_at=scene.now + SETTLES)
        work.keep_click(waits)
    elif mine.clicked_at is not None:
        work.keep_click(replace(mine, fetched_at=scene.now))
    return Happened("maybe", subscriber.id)


def _blank(scene: Scene, delivery: Delivery, link: str) -> Click:
    edition = scene.live.campaign(scene.work, delivery.campaign) if delivery.campaign else None
    post = name_now(edition.campaign if edition is not None else None, delivery.post)
    return Click(delivery.id, link, delivery.subscriber_id, delivery.campaign, post, scene.now)


def _take_back(work: Work, others: Sequence[Click]) -> None:
    """Whoever opened this link opened those that wait, too: they were no reader's."""
    for each in others:
        if each.settles_at is not None:
            work.keep_click(_as_machine(each, 0))


def _as_machine(one: Click, fetches: int) -> Click:
    """So many fetches more that were nobody's; what waited to be the reader's is not."""
    waited = one.settles_at is not None
    return replace(
        one,
        machines=one.machines + fetches + waited,
        seen_at=None if waited else one.seen_at,
        settles_at=None,
    )


def link_clicked(scene: Scene, event: LinkClicked) -> Happened:
    """Nothing spoke against it: the reader followed a link. The first one of a mail acts on sequences."""
    work = scene.work
    delivery = work.delivery(event.delivery_id)
    if delivery is None:
        return Happened("unknown")
    work.hold_subscriber(delivery.subscriber_id)
    known = work.clicks_in(delivery.id)
    mine = next((each for each in known if each.link == _kept(event.link)), None)
    if mine is None or mine.settles_at is None or mine.seen_at is None:
        return Happened("already", delivery.subscriber_id)
    work.keep_click(replace(mine, settles_at=None, clicked_at=mine.seen_at))
    if any(each.clicked_at is not None for each in known):
        return Happened("clicked", delivery.subscriber_id)
    scene.log("clicked", mine.subscriber_id, campaign=mine.campaign, subject=mine.post, detail=mine.link)
    signal(scene, mine.subscriber_id, TriggerKind.CLICKS, mine.post, campaign=mine.campaign, at=mine.seen_at)
    return Happened("clicked", mine.subscriber_id)


def chose_clicks(scene: Scene, event: ChoseClicks) -> Happened:
    """The reader lets us note their clicks, or no longer does."""
    scene.work.hold_subscriber(event.subscriber_id)
    changed = choose_clicks(scene, event.subscriber_id, noted=event.noted, evidence=event.evidence)
    return Happened("changed" if changed else "same", event.subscriber_id)
