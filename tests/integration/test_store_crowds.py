"""Who stands alike is one group; whoever differs in anything that a forecast looks at is in another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from drip.core.delivery import DeliveryState
from drip.core.forecast import Asked
from drip.core.records import Did, EnrollmentState, Kind, SubscriptionState
from drip.store.crowds import Group, Key
from drip.store.schema import delivery, enrollment, step_done, subscriber, subscription, suppression, tag
from drip.store.store import Store
from drip.store.work import Work

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
WIDTH = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
ASKED = Asked(frozenset({"vip"}), ("city",), frozenset(), since=False, before=False)
PEOPLE = range(1, 7)


def fill(work: Work) -> None:
    """Six people who had the first step three days ago and wait for the second, within a few minutes."""
    add = work._connection.execute
    assert work.add_revision("c", "digest", {}, NOW).id == 1
    for number in PEOPLE:
        late = number * MINUTE
        person = {"id": number, "email": f"p{number}@example.org", "mailbox": f"m{number}", "created_at": NOW}
        add(insert(subscriber), {**person, "zone": "UTC", "fields": {"first_name": f"P{number}"}})
        permission: dict[str, object] = {
            "list": "letter",
            "state": SubscriptionState.ACTIVE,
            "requested_at": NOW,
            "confirmed_at": NOW,
        }
        add(insert(subscription), {"subscriber_id": number, **permission})
        passage: dict[str, object] = {"campaign": "c", "sequence": "s", "occasion": "first"}
        passage |= {
            "state": EnrollmentState.RUNNING,
            "started_at": NOW - timedelta(days=4),
            "next_due": NOW + late,
            "next_step": "s/b",
        }
        add(insert(enrollment), {"id": number, "subscriber_id": number, **passage})
        done = {"step": "s/a", "did": Did.SENT, "at": NOW - timedelta(days=3) + late, "reason": "due"}
        add(insert(step_done), {"enrollment_id": number, **done})


def sort(store: Store, width: timedelta = WIDTH, asked: Asked = ASKED) -> list[Group]:
    groups: dict[Key, Group] = {}
    with store.read() as work:
        for after in (0, 3):
            work.sort(groups, asked, width, after, after + 3, NOW - timedelta(days=7))
    return sorted(groups.values())


def test_people_who_stand_alike_are_one(store: Store) -> None:
    with store.write() as work:
        fill(work)
    assert sort(store) == [(1, 6)]
    assert sort(store, MINUTE) == [(number, 1) for number in PEOPLE]


def test_groups_of_a_greater_width_are_made_of_the_finer_ones(memory_store: Store) -> None:
    with memory_store.write() as work:
        fill(work)
        work._connection.execute(DIFFERENCES["due"])
    finer: dict[Key, Group] = {}
    coarse: dict[Key, Group] = {}
    with memory_store.read() as work:
        work.sort(finer, ASKED, MINUTE, 0, 6, NOW)
        work.sort(coarse, ASKED, WIDTH, 0, 6, NOW)
        assert len(finer) == 6
        assert work.coarser(finer, ASKED, WIDTH // MINUTE) == coarse


DIFFERENCES = {
    "zone": update(subscriber).values(zone="Asia/Tokyo").where(subscriber.c.id == 4),
    "left": update(subscriber).values(left_at=NOW).where(subscriber.c.id == 4),
    "field": update(subscriber).values(fields={"city": "Bonn"}).where(subscriber.c.id == 4),
    "suppressed": insert(suppression).values(mailbox="m4", reason="x", at=NOW, note=""),
    "list": insert(subscription).values(
        subscriber_id=4, list="other", state=SubscriptionState.ACTIVE, requested_at=NOW, confirmed_at=NOW
    ),
    "tag": insert(tag).values(subscriber_id=4, tag="vip", set_at=NOW),
    "step": insert(step_done).values(enrollment_id=4, step="s/x", did=Did.SKIPPED, at=NOW, reason="due"),
    "outcome": update(step_done).values(did=Did.FAILED).where(step_done.c.enrollment_id == 4),
    "anchor": update(step_done).values(at=NOW).where(step_done.c.enrollment_id == 4),
    "due": update(enrollment).values(next_due=NOW + timedelta(days=1)).where(enrollment.c.id == 4),
    "edited": update(enrollment).values(replanned_at=NOW).where(enrollment.c.id == 4),
    "paused": update(enrollment).values(paused_at=NOW).where(enrollment.c.id == 4),
    "ended": update(enrollment).values(state=EnrollmentState.GOAL, ended_at=NOW).where(enrollment.c.id == 4),
    "mail": insert(delivery).values(
        occasion="c/broadcast/x@at once", mailbox="m4", subscriber_id=4, campaign="c", post="x", kind=Kind.BROADCAST,
        state=DeliveryState.DUE, due_at=NOW, planned_at=NOW, revision_id=1,
    ),
    "lately": insert(delivery).values(
        occasion="c/s/a", mailbox="m4", subscriber_id=4, campaign="c", post="a", kind=Kind.SEQUENCE,
        state=DeliveryState.SENT, due_at=NOW, planned_at=NOW, finished_at=NOW, revision_id=1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DIFFERENCES)
def test_whoever_differs_is_apart(what: str, memory_store: Store) -> None:
    with memory_store.write() as work:
        fill(work)
        work._connection.execute(DIFFERENCES[what])
    assert sort(memory_store) == [(1, 5), (4, 1)]


def test_what_nothing_asks_about_does_not_tell_apart(memory_store: Store) -> None:
    with memory_store.write() as work:
        fill(work)
        for what in ("tag", "field"):
            work._connection.execute(DIFFERENCES[what])
    assert sort(memory_store, asked=Asked(frozenset(), (), frozenset(), since=False, before=False)) == [(1, 6)]
