"""Claims what is due and sends it through parallel lanes: claim, compose, mark, send, record (DESIGN §8).

A pass may be long. Every few seconds it looks up: confirmations and reminders that became due meanwhile go at once,
past the newsletters that were claimed before, and what is too late by now does not go at all.

A kill at any moment leaves at most one marked message per connection without a verdict; the next run finds the dead
owner by its kernel lock and calls those uncertain. Called by `Engine.tick` only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from drip.core.delivery import DeliveryState, Outcome, OutcomeKind, verdict
from drip.core.parts import is_series
from drip.core.reasons import ReasonName
from drip.core.records import Delivery, DeliveryId, Kind, Registration, RevisionId
from drip.core.step_mail import opening_of
from drip.engine.addressed import Addressed
from drip.engine.asking import ask_about
from drip.engine.capping import NOT_CAPPED, Capped, Capping
from drip.engine.invites import other_parts
from drip.engine.ledger import Ends, Ledger, settle_steps
from drip.engine.letters import Letters
from drip.engine.live import Edition, Live
from drip.errors import CannotRecord, DripError, QuotaUsed, RelayUnreachable
from drip.store.results import Recorded

if TYPE_CHECKING:
    from drip.core.message import Wire
    from drip.engine.pacing import Domains
    from drip.mail.transport import Transport
    from drip.store.desk import Reader
    from drip.store.results import Claimed
    from drip.store.send_journal import SendJournal
    from drip.store.store import Store
    from drip.store.work import Work

CLAIMED_PER_LANE = 10
"""How many deliveries a run holds claimed ahead, for each lane: small, so that a stuck run blocks few (R-c)."""

LOOK_UP_SECONDS = 5.0
"""So often a pass looks up for what is urgent: somebody waits for a confirmation with the page still open."""

URGENT = tuple(each for each in Kind if each.is_urgent)

RELAY_DOWN_MAX = 3
"""So many losses of the relay in a row, per lane, and the run stops trying; what is due stays due."""


class Sending:
    """One pass over what is due. Not for several event loops."""

    def __init__(
        self,
        store: Store,
        live: Live,
        letters: Letters,
        transport: Transport,
        owner: str,
        now: datetime,
        *,
        limit: int | None = None,
        only: Kind | None = None,
        journal: SendJournal | None = None,
        domains: Domains | None = None,
        clock: Callable[[], datetime] | None = None,
        look_up: Callable[[datetime], object] | None = None,
    ) -> None:
        self._store = store
        self._live = live
        self._letters = letters
        self._transport = transport
        self._owner = owner
        self._began = now
        self._now = now
        self._clock = clock
        self._look_up = look_up if only is None else None
        self._left = limit
        self._only = only
        self._domains = domains
        self._buffer: deque[Addressed] = deque()
        self._editions: dict[RevisionId | None, Edition] = {}
        self._capping: Capping | None = None
        self._current: dict[str, Edition | None] = {}
        self._others: dict[DeliveryId, tuple[Registration, ...]] = {}
        self._exhausted = False
        self._losses = 0
        self._waiting: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._open_lanes = 0
        self.is_stopping = False
        self.relay_down = ""
        self.resting = ""
        self.ledger = Ledger(store, owner, now, journal)

    @property
    def reached_limit(self) -> bool:
        """Whether the limit, not the lack of work, ended the pass."""
        return self._left is not None and self._left <= 0

    def stop(self) -> None:
        """Send nothing more; what is under way is finished and recorded. For the loop's own thread."""
        self.is_stopping = True
        for task in self._waiting:  # a pace may make them wait for long
            task.cancel()

    async def run(self) -> None:
        """Send until nothing is due, the limit is reached or the relay is down. Raises CannotRecord at once."""
        lanes_number = max(1, self._transport.lanes)
        if not self.reached_limit:
            self._claim()
        if self._exhausted:
            lanes_number = min(lanes_number, len(self._buffer))
        server = asyncio.create_task(self.ledger.serve())
        self._open_lanes = lanes_number
        lanes = [asyncio.create_task(self._plain_lane()) for _ in range(lanes_number)]
        if self._look_up is not None and lanes_number:
            lanes.append(asyncio.create_task(self._express(self._look_up)))
        is_whole = False
        try:
            await asyncio.gather(*lanes)
            self.ledger.close()
            await server
            is_whole = not (self._buffer or self.relay_down or self.resting or self.is_stopping)
        finally:
            for task in (*lanes, server):
                task.cancel()
            await asyncio.gather(*lanes, server, return_exceptions=True)
            if not is_whole:
                self._give_back()

    async def _plain_lane(self) -> None:
        await self._lane()
        self._open_lanes -= 1
        if not self._open_lanes:
            self._over.set()

    async def _express(self, look_up: Callable[[datetime], object]) -> None:
        """Look up every few seconds, as long as the other lanes are busy, and send what is urgent past all of them."""
        while not (self._over.is_set() or self.is_stopping or self.relay_down):
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_UP_SECONDS):
                    await self._over.wait()
                return
            self._refresh()
            look_up(self._now)
            if not self.reached_limit:
                self._claim(URGENT)
            await self._lane(urgent_only=True)

    def _refresh(self) -> None:
        """Read the clock: a long pass must not go by the moment at which it began."""
        if self._clock is not None:
            self._now = self.ledger.now = max(self._now, self._clock())

    def _give_back(self) -> None:
        """Claimed but never marked: due again, at once. After a failed commit the next run does it by recovery."""
        try:
            with self._store.write() as work:
                work.unclaim(self._owner)
        except CannotRecord:
            return

    async def _lane(self, *, urgent_only: bool = False) -> None:
        while not self.relay_down and not self.is_stopping:
            addressed = self._next(urgent_only=urgent_only)
            if addressed is None:
                return
            told = self._now
            wire = self._compose(addressed)
            if wire is None:
                continue
            if not await self._ready(urgent=addressed.delivery.kind.is_urgent):
                return
            if self._is_late(addressed.delivery):
                continue
            tried = await self._hand_over(addressed.delivery, wire, told)
            if tried is not None:
                self._record(addressed.delivery, *tried)

    async def _hand_over(self, delivery: Delivery, wire: Wire, told: datetime) -> tuple[Outcome, str] | None:
        """The outcome of one attempt and the relay it was made with, or None when a "no" came first.

        The transport asks for the mark when the body is about to leave: whoever dies while waiting for the pace, a
        connection or the relay's 354 leaves nothing uncertain.
        """
        from drip.mail.transport import NotGranted

        asked: asyncio.Future[bool] | None = None

        def mark() -> asyncio.Future[bool]:
            nonlocal asked
            asked = asyncio.ensure_future(self.ledger.mark(delivery, told))
            return asked

        try:
            outcome = await self._transport.send(wire, mark)
        except NotGranted:
            return None
        relay = self._transport.name  # now: another may be in use after the next wait
        # Refused before the body: an attempt like any other, so that it is counted and recorded as one.
        return (outcome, relay) if await (asked or mark()) else None

    def _is_late(self, delivery: Delivery) -> bool:
        """Whether a reminder became too late while it waited for the relay. It is due again; a claim settles it."""
        self._refresh()
        is_late = delivery.kind.is_urgent and delivery.expires_at is not None and delivery.expires_at < self._now
        if is_late:
            with self._store.write() as work:
                work.postpone(delivery.id, self._owner, delivery.due_at)
            self._exhausted = False
        return is_late

    async def _ready(self, *, urgent: bool) -> bool:
        """Whether a message may go now. Nothing is marked yet, so a stop may cut the wait short."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._waiting.add(task)
        try:
            await self._transport.ready(1, urgent=urgent)
        except QuotaUsed as spent:
            self.resting = spent.message
            return False
        except RelayUnreachable as error:
            self.relay_down = error.message
            return False
        except asyncio.CancelledError:
            if not self.is_stopping:
                raise
        finally:
            self._waiting.discard(task)
        return not self.is_stopping

    def _next(self, *, urgent_only: bool = False) -> Addressed | None:
        if urgent_only:
            first = self._buffer[0] if self._buffer else None
            return self._buffer.popleft() if first is not None and first.delivery.kind.is_urgent else None
        # A whole batch may have to wait for its hours; behind it stand others that may go.
        while not self._buffer and not self._exhausted and not self.reached_limit:
            self._claim()
        return self._buffer.popleft() if self._buffer else None

    def _claim(self, kinds: Sequence[Kind] | None = None) -> None:
        """Claim what is due, of some kinds or all: urgent ones by the clock, others that were so when we began."""
        self._refresh()
        wanted = CLAIMED_PER_LANE * max(1, self._transport.lanes)
        if self._left is not None:
            wanted = min(wanted, self._left)
        express = kinds is not None
        if kinds is None and self._only is not None:
            kinds = [self._only]
        claimed, readers, capped = self._store.transact(lambda work: self._claim_with_readers(work, wanted, kinds))
        held = sum(each.state is DeliveryState.HELD for each in claimed.expired)
        self.ledger.counts["held"] += held
        self.ledger.counts["skipped"] += len(claimed.expired) - held + len(capped.skipped)
        self.ledger.counts["capped"] += len(capped.put_off)
        # What is not among the readers waits for the hours of its sequence, or for the cap.
        found = [
            Addressed(each, *readers[each.id], self._others.pop(each.id, ()))
            for each in claimed.deliveries
            if each.id in readers
        ]
        if self._left is not None:
            self._left -= len(readers)
        if express:
            self._buffer.extendleft(reversed(found))
            return
        self._buffer.extend(found)
        # Fewer than were asked for: there are no more. Who has changed that meanwhile, the tick's next look finds.
        self._exhausted = len(claimed.deliveries) < wanted and len(claimed.expired) < wanted

    def _claim_with_readers(
        self, work: Work, wanted: int, kinds: Sequence[Kind] | None
    ) -> tuple[Claimed, Mapping[DeliveryId, Reader], Capped]:
        claimed = work.claim(self._owner, self._now, wanted, kinds, self._began)
        self._read_editions(work, (*claimed.deliveries, *claimed.expired))
        if claimed.expired:
            zone = self._editions[None].definition.timezone
            claimed = replace(claimed, expired=ask_about(work, claimed.expired, self._editions, zone, self._now))
            settle_steps(work, claimed.expired, self._now)
        readers = dict(work.readers_for(claimed.deliveries))
        for delivery in claimed.deliveries:
            edition = self._editions.get(delivery.revision_id)
            zone = readers[delivery.id][0].zone or self._editions[None].definition.timezone
            opening = opening_of(edition.campaign if edition else None, delivery.step, zone, self._now)
            if opening is not None:
                work.postpone(delivery.id, self._owner, opening)
                del readers[delivery.id]
        capped = self._hold_to_cap(work, claimed.deliveries, readers)
        for id in (*capped.put_off, *capped.skipped):  # noqa: A001 - the word of the records
            del readers[id]
        for delivery in claimed.deliveries:
            edition = self._editions.get(delivery.revision_id)
            if delivery.id in readers and edition is not None and is_series(edition.campaign):
                self._others[delivery.id] = other_parts(work, edition.campaign, readers[delivery.id][1])
        if self._domains is not None:
            self._domains.give_back_too_many(work, self._owner, readers, claimed.deliveries, self._now)
        return claimed, readers, capped

    def _hold_to_cap(self, work: Work, deliveries: Sequence[Delivery], readers: Mapping[DeliveryId, Reader]) -> Capped:
        """What `at-most:` takes out of a claim. Where there is none, nothing is asked."""
        definition = self._editions[None].definition
        if definition.at_most is None:
            return NOT_CAPPED
        if self._capping is None:
            self._capping = Capping(
                definition.at_most,
                definition.timezone,
                self._owner,
                self._now,
                self._editions,
                self._read_editions,
            )
        return self._capping.hold(work, [(each, readers[each.id][0]) for each in deliveries if each.id in readers])

    def _read_editions(self, work: Work, deliveries: Sequence[Delivery]) -> None:
        """The editions that these messages need; the live project's own (by None) is read once for the whole pass."""
        if None not in self._editions:
            self._editions[None] = self._live.project(work)
        for each in deliveries:
            if each.campaign not in self._current:
                self._current[each.campaign] = self._live.campaign(work, each.campaign)
            # A damaged revision holds its own deliveries (see `_compose`), not everybody else's.
            with suppress(DripError):
                self._editions[each.revision_id] = self._live.edition(work, each.revision_id)

    def _compose(self, addressed: Addressed) -> Wire | None:
        """The bytes, or None after holding a delivery whose post cannot be filled: the author must look at it."""
        delivery = addressed.delivery
        try:
            edition = self._editions.get(delivery.revision_id)
            if edition is not None and delivery.registration_id is None:
                edition = self._live.with_sessions_of(edition, self._current.get(delivery.campaign))
            if edition is None:
                raise DripError(f"revision {delivery.revision_id} cannot be read")
            return self._letters.wire(edition, self._editions[None], addressed, delivery.first_marked_at or self._now)
        except CannotRecord:
            raise
        except DripError as error:
            with self._store.write() as work:
                work.hold([delivery.id], self._owner, ReasonName.CANNOT_RENDER.value)
                ends = Ends(self._now)
                ends.add(delivery, DeliveryState.HELD, ReasonName.CANNOT_RENDER.value, error.message)
                ends.write(work)
            self.ledger.counts["held"] += 1
            return None

    def _record(self, delivery: Delivery, outcome: Outcome, relay: str) -> None:
        self.ledger.record(delivery, recorded(delivery, outcome, relay, self._now))
        if outcome.relay_down:
            self._losses += 1
            if self._losses >= RELAY_DOWN_MAX * max(1, self._transport.lanes):
                self.relay_down = outcome.text or "the relay closes every connection"
        elif outcome.kind is OutcomeKind.ACCEPTED:
            self._losses = 0


def recorded(delivery: Delivery, outcome: Outcome, relay: str, now: datetime) -> Recorded:
    """What an attempt at this delivery came to, as the store takes it."""
    attempt = delivery.attempt + 1
    # Not since it was planned: it may have waited for days for a cap, a pause or the author.
    first_due = delivery.first_marked_at or now
    judged = verdict(outcome, attempt=attempt, delivery_key=delivery.id, first_due=first_due, now=now)
    return Recorded(delivery.id, attempt, judged, outcome, relay, now, now)
