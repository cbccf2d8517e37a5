"""What tests of several at work on one store share: threads that report, and people who have a delivery each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from drip.core.records import DeliveryId, Kind, NewDelivery, SubscriberId, SubscriptionState
from drip.store.work import Work

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


def at_once(*tasks: Callable[[], None]) -> None:
    """Runs the tasks in threads, and raises what any of them raised."""
    faults: list[BaseException] = []

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(each,)) for each in tasks]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if faults:
        raise faults[0]


def fill(work: Work, number: int) -> list[tuple[SubscriberId, DeliveryId]]:
    """So many people on a list, each with a delivery in an enrollment."""
    revision = work.add_revision("c", "d", {}, NOW).id
    made = []
    for n in range(number):
        person = work.add_subscriber(f"p{n}@example.com", f"p{n}", NOW)[0].id
        work.subscribe(person, "letter", SubscriptionState.ACTIVE, NOW)
        enrollment = work.enroll("c", "s", person, "first", NOW)
        assert enrollment is not None
        planned = work.plan_delivery(
            NewDelivery(
                "o", f"p{n}", person, "c", "p", Kind.SEQUENCE, NOW, revision, list="letter", enrollment_id=enrollment.id
            ),
            NOW,
        )
        assert planned is not None
        made.append((person, planned.id))
    return made
