"""How long the relays need for a mail to everybody in a session, told to the decisions about reminders.

Reads the pace from drip.yaml and the seats that are taken. Called by `drip.engine.advance`, for a batch of people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from drip.core.early import LEAST, lead_of
from drip.engine.live import Edition

if TYPE_CHECKING:
    from drip.core.records import Facts
    from drip.engine.scene import Scene


class Leads:
    """Those of one batch: the seats of each session are counted once."""

    def __init__(self, scene: Scene, editions: Mapping[str, Edition]) -> None:
        self._scene = scene
        self._editions = editions
        self._found: dict[tuple[str, str], timedelta | None] = {}

    def told(self, facts: Facts) -> Facts:
        """The facts, with how long a mail to all takes, if that is anything to speak of."""
        registration, session = facts.registration, facts.session
        if self._scene.per_minute is None or registration is None or session is None:
            return facts
        if session.starts <= self._scene.now:
            return facts
        key = (registration.campaign, registration.session)
        if key not in self._found:
            self._found[key] = self._lead(*key, self._scene.per_minute)
        lead = self._found[key]
        return facts if lead is None else replace(facts, lead=lead)

    def _lead(self, campaign: str, session: str, per_minute: int) -> timedelta | None:
        edition = self._editions.get(campaign)
        webinar = edition.campaign.webinar if edition is not None and edition.campaign is not None else None
        if webinar is not None and webinar.seats is not None and lead_of(webinar.seats, per_minute) <= LEAST:
            return None  # also when every seat is taken, so nobody need be looked at early
        return lead_of(self._scene.work.booked_count(campaign, session), per_minute)
