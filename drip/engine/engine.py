"""The engine's two entrances: `happen(event)` and `tick(now)`. Nobody else turns decisions into rows or mail.

`tick` does, in this order: take over from dead runs, close sessions that ended, pass on offers that lapsed,
settle clicks, freeze the audiences of due broadcasts, then move people along and send, until nothing is due. Any
number of processes may tick at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from drip.core.burst import Burst
from drip.core.delivery import DeliveryState
from drip.core.events import Event, LinkClicked, OfferLapsed, SessionEnded
from drip.core.model import ProjectDefinition
from drip.core.records import Delivery, Kind, LogEntry
from drip.core.rush import together
from drip.engine.happen import perform
from drip.engine.keys import Keys
from drip.engine.ledger import settle_steps
from drip.engine.live import Live, NotApplied
from drip.engine.restoring import refuse_if_ahead, settle_known
from drip.engine.scene import Happened, Scene
from drip.errors import QuotaUsed

if TYPE_CHECKING:
    from drip.engine.letters import Letters
    from drip.engine.sending import Sending
    from drip.mail.transport import Transport
    from drip.store.send_journal import SendJournal
    from drip.store.store import Store
    from drip.store.upcoming import Upcoming
    from drip.store.work import Work

UNCERTAIN_CONFIRMATION_WAIT = timedelta(minutes=10)
CONFIRMATION_ATTEMPTS_MAX = 3
"""A lost confirmation is worse than a second copy: these alone are resent by themselves, at most twice (DESIGN §8)."""

COUNTED = ("planned", "sent", "deferred", "failed", "uncertain", "skipped", "capped", "held", "recovered")


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did. `more`: the limit or a stop ended it, not the lack of work.

    `resting` says why nothing more goes today, where the quotas of the relays are used.
    """

    planned: int = 0
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    uncertain: int = 0
    skipped: int = 0
    capped: int = 0
    held: int = 0
    recovered: int = 0
    more: bool = False
    relay_down: str = ""
    resting: str = ""
    burst: Burst | None = None
    ahead: Upcoming | None = field(default=None, compare=False)
    """What its last look showed, if nothing was done after it."""

    @property
    def partly(self) -> bool:
        """Whether something needs a second look."""
        return bool(self.deferred or self.failed or self.uncertain or self.held or self.relay_down)


def ticked(totals: Mapping[str, int], **more: Any) -> Ticked:
    """The totals of a tick as a record, with what else is to be said."""
    numbers: dict[str, Any] = {name: totals[name] for name in COUNTED}
    return Ticked(**numbers, **more)


def is_due(moment: datetime | None, now: datetime) -> bool:
    """Whether there is such a moment and it has come."""
    return moment is not None and moment <= now


class Engine:
    """One per process. The store, the keys and the way to a transport come in; the moment comes with each call."""

    def __init__(
        self,
        store: Store,
        definition: ProjectDefinition,
        keys: Keys,
        transport: Callable[[], Transport],
        make_owner: Callable[[], str],
        journal: SendJournal | None = None,
        run_loop: Callable[[Coroutine[Any, Any, Ticked]], Ticked] = asyncio.run,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.store = store
        self.definition = definition
        self.keys = keys
        self.live = Live()
        self._transport = transport
        self._make_owner = make_owner
        self.journal = journal
        self._run_loop = run_loop
        self._clock = clock
        self.heartbeat: tuple[Callable[[], None], float] | None = None
        self._letters: Letters | None = None
        self._under_way: tuple[asyncio.AbstractEventLoop, Sending] | None = None

    def stop(self) -> bool:
        """Ask the tick that is sending to end after the messages under way; whether one is. For signal handlers."""
        if self._under_way is None:
            return False
        loop, sending = self._under_way
        loop.call_soon_threadsafe(sending.stop)
        return True

    def _moment(self, now: datetime) -> datetime:
        """The moment after something that took long; as it was, where there is no clock."""
        return now if self._clock is None else max(now, self._clock())

    def scene(self, work: Work, now: datetime) -> Scene:
        """What event and step functions work with, inside one open transaction."""
        return Scene(work, self.live, self.keys, now, together(self.definition.relays))

    @property
    def letters(self) -> Letters:
        """The composer of messages, made when the first mail needs it."""
        if self._letters is None:
            from drip.engine.diversion import to_author
            from drip.engine.letters import Letters

            address = self.definition.test_mode
            self._letters = Letters(self.keys, to_author(address) if address else None)
        return self._letters

    def happen(self, event: Event, now: datetime) -> Happened:
        """Let an event take effect, wholly or not at all.

        Raises BadAddress, NotFound, SessionClosed, NotApplied, CannotRecord.
        """
        return self.store.transact(lambda work: perform(self.scene(work, now), event))

    def look(self) -> Upcoming:
        """What is next, of every kind: one short transaction with one statement."""
        with self.store.read() as work:
            return work.upcoming(CONFIRMATION_ATTEMPTS_MAX)

    def is_idle(self, now: datetime) -> bool:
        """Whether a tick would find nothing to do."""
        ahead = self.look()
        if is_due(ahead.moment, now) or is_due(ahead.lost_confirmation, now - UNCERTAIN_CONFIRMATION_WAIT):
            return False
        if not ahead.is_claimed:
            return True
        with self.store.read() as work:
            return not self.store.dead_owners(work)

    def tick(
        self, now: datetime, *, limit: int | None = None, only: Kind | None = None, careful: bool = False
    ) -> Ticked:
        """Do what is due at `now`, once. See the module's word for the order. If `careful`, hold a burst back.

        Raises RelayUnreachable, JournalAhead, CannotRecord.
        """
        try:
            totals, ahead = self._prepare(now)
            if ahead is not None:
                return ticked(totals, ahead=ahead)
            return self._run_loop(self._work_off(now, limit, only, totals, careful=careful))
        except NotApplied:
            return Ticked()

    def _prepare(self, now: datetime) -> tuple[Counter[str], Upcoming | None]:
        """All that comes before the first mail; None where there is one, else what the last look showed.

        Most ticks end with the first look.
        """
        if self.journal is not None:
            refuse_if_ahead(self.store, self.journal, now)
        totals: Counter[str] = Counter()
        ahead = self.look()
        totals["recovered"] = self._recover(ahead, now)
        if is_due(ahead.session_end, now):
            self._close_sessions(now)
        if is_due(ahead.offer_end, now):
            self._pass_on_offers(now)
        if is_due(ahead.click, now):
            self._settle_clicks(now)
        if is_due(ahead.broadcast, now):
            totals["planned"] = self._freeze_broadcasts(now)
        others = (ahead.session_end, ahead.offer_end, ahead.broadcast, ahead.click, ahead.lost_confirmation)
        as_before = not ahead.is_claimed and not any(is_due(each, now) for each in others)
        return totals, self._advance(now, totals, ahead if as_before else None)

    def _advance(self, now: datetime, totals: Counter[str], ahead: Upcoming | None = None) -> Upcoming | None:
        """Move everybody on who is due, until all wait for a known moment.

        None where there is mail to send now, else what the last look showed. `ahead` is what a look just showed.
        """
        from drip.engine.advance import advance_due

        while True:
            ahead = ahead or self.look()
            looked_at = 0
            if is_due(ahead.wake, now):
                advanced = advance_due(self.store, self.scene, now)
                totals["planned"] += advanced.planned
                looked_at = advanced.looked_at
                # There is mail, and only what a step did could have made more people due: no look can add to that.
                # Unless this database was restored: then the journal may know what became of it.
                if advanced.planned and not advanced.has_acted and not ahead.is_restored:
                    return None
            elif ahead.is_restored:
                looked_at = settle_known(self.store)
                totals["recovered"] += looked_at
            # Who is due and could not be looked at is in the hands of another run.
            if not looked_at:
                return None if is_due(ahead.delivery, now) else ahead
            ahead = None

    async def _work_off(
        self, now: datetime, limit: int | None, only: Kind | None, totals: Counter[str], *, careful: bool
    ) -> Ticked:
        from drip.engine.bursting import hold_burst

        relay_down, resting, more = "", "", False
        burst: Burst | None = None
        owner = self._make_owner()
        ownership = self.store.take_ownership(owner)
        beating = asyncio.create_task(self._beat()) if self.heartbeat is not None else None
        ahead: Upcoming | None = None
        try:
            while ahead is None:
                if careful and (held := hold_burst(self.store, self.live, now)) is not None:
                    totals["held"] += held.due
                    burst = burst or held
                    if not is_due(self.look().delivery, now):
                        break
                left = None if limit is None else limit - totals["sent"] - totals["failed"] - totals["deferred"]
                counts, more, relay_down, resting = await self._send(owner, now, left, only, totals)
                totals.update(counts)
                now = self._moment(now)
                # What was sent moved its people on; they must wait for a known moment before this tick ends.
                ahead = self._advance(now, totals)
                if more or relay_down or resting or not any(counts.values()):
                    break
        finally:
            if beating is not None:
                beating.cancel()
            ownership.release()
        return ticked(totals, more=more, relay_down=relay_down, resting=resting, burst=burst, ahead=ahead)

    async def _beat(self) -> None:
        """Tell whoever asked that the loop is alive, however long it sends."""
        while self.heartbeat is not None:
            beat, seconds = self.heartbeat
            beat()
            await asyncio.sleep(seconds)

    async def _send(
        self, owner: str, now: datetime, limit: int | None, only: Kind | None, totals: Counter[str]
    ) -> tuple[Counter[str], bool, str, str]:
        from drip.engine.diversion import guarded
        from drip.engine.pacing import Domains
        from drip.engine.sending import Sending

        transport = guarded(self._transport(), self.definition.test_mode)
        # Before anything is claimed: an unreachable relay changes nothing but the clock.
        try:
            await transport.open()
        except QuotaUsed as spent:
            await transport.close()
            return Counter(), False, "", spent.message
        try:
            sending = Sending(
                self.store,
                self.live,
                self.letters,
                transport,
                owner,
                now,
                limit=limit,
                only=only,
                journal=self.journal,
                domains=Domains(self.definition.paces, self.definition.timezone),
                clock=self._clock,
                # Who has become due meanwhile is moved along, so that what is urgent of it can go with this pass.
                look_up=None if self._clock is None else lambda at: self._advance(at, totals),
            )
            self._under_way = asyncio.get_running_loop(), sending
            await sending.run()
            self._warn_of_pages(now)
            more = sending.reached_limit or sending.is_stopping
            return sending.ledger.counts, more, sending.relay_down, sending.resting
        finally:
            self._under_way = None
            await transport.close()
            if self.journal is not None:
                self.journal.close()

    def _warn_of_pages(self, now: datetime) -> None:
        """Tell the author of posts whose fast rendering was not trusted, or does not help; nobody got a wrong page."""
        letters = self.letters
        told = [("render-differs", each, "rendered the slow way from now on") for each in sorted(letters.differing)]
        told += [("render-wasteful", each, "nearly every reader has a shape") for each in sorted(letters.wasteful)]
        letters.differing, letters.wasteful = set(), set()
        if told:
            with self.store.write() as work:
                work.log(LogEntry(now, kind, subject=subject, detail=detail) for kind, subject, detail in told)

    def _recover(self, ahead: Upcoming, now: datetime) -> int:
        """Take over from runs that died (their lock is free): claimed is due again, sending is uncertain."""
        taken = 0
        dead: Sequence[str] = ()
        if ahead.is_claimed:
            with self.store.read() as work:
                dead = self.store.dead_owners(work)
        for owner in dead:
            with self.store.write() as work:
                released, uncertain = work.recover(owner, now)
                settle_steps(work, uncertain, now)
                taken += released + len(uncertain)
        if is_due(ahead.lost_confirmation, now - UNCERTAIN_CONFIRMATION_WAIT):
            with self.store.write() as work:
                for delivery in self._lost_confirmations(work, now):
                    work.resolve(delivery.id, DeliveryState.DUE, "confirmation-lost", now)
        return taken

    def _lost_confirmations(self, work: Work, now: datetime) -> Sequence[Delivery]:
        return work.uncertain_confirmations(now - UNCERTAIN_CONFIRMATION_WAIT, CONFIRMATION_ATTEMPTS_MAX)

    def _close_sessions(self, now: datetime) -> None:
        with self.store.read() as work:
            ended = work.ended_sessions(now)
        for campaign, session in ended:
            self.happen(SessionEnded(campaign, session.name, session.ends), now)

    def _pass_on_offers(self, now: datetime) -> None:
        with self.store.read() as work:
            lapsed = work.lapsed_offers(now)
        for registration_id in lapsed:
            self.happen(OfferLapsed(registration_id), now)

    def _settle_clicks(self, now: datetime) -> None:
        with self.store.read() as work:
            ripe = work.ripe_clicks(now)
        for delivery_id, link in ripe:
            self.happen(LinkClicked(delivery_id, link), now)

    def _freeze_broadcasts(self, now: datetime) -> int:
        from drip.engine.broadcasts import freeze_due

        with self.store.write() as work:
            scene = self.scene(work, now)
            planned = freeze_due(scene)
            scene.write_log()
            return planned
