"""A delivery with the rows that its message speaks of. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from drip.core.records import Delivery, Registration, Subscriber, Subscription


@dataclass(frozen=True, slots=True)
class Addressed:
    """A delivery with the rows that its message speaks of."""

    delivery: Delivery
    subscriber: Subscriber
    registration: Registration | None = None
    subscription: Subscription | None = None
    others: tuple[Registration, ...] = ()
    """In a series, what the same person holds or held of its other parts."""
