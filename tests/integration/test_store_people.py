from __future__ import annotations

from datetime import UTC, datetime, timedelta

from drip.core.records import Consent, ConsentKind, Evidence, SubscriptionState
from drip.store.store import Store

NOW = datetime(2026, 12, 1, 9, 30, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
PENDING, ACTIVE, ENDED = SubscriptionState.PENDING, SubscriptionState.ACTIVE, SubscriptionState.ENDED


def test_a_subscriber_comes_back_as_it_was_added(store: Store) -> None:
    with store.write() as work:
        added, created = work.add_subscriber(
            "Ann@Example.com", "ann", NOW, "Europe/Paris", {"first_name": "Änn \ud83c 😀"}
        )
    assert created
    with store.read() as work:
        assert work.subscriber(added.id) == added == work.subscriber_by_mailbox("ann")
        assert work.subscriber_by_mailbox("bob") is None
    assert added.created_at == NOW
    assert added.fields == {"first_name": "Änn \ud83c 😀"}


def test_the_same_mailbox_is_the_same_subscriber(store: Store) -> None:
    with store.write() as work:
        first, _ = work.add_subscriber("ann@example.com", "ann", NOW)
        again, created = work.add_subscriber("ANN@example.com", "ann", LATER, "UTC", {"first_name": "x"})
    assert not created
    assert again == first
