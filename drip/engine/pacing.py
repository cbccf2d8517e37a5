"""The paces that all runs share: leave for a relay, and for the domains that readers live in.

A relay's purse is asked by the lanes (`drip.mail.pace`). Newsletters and sequences leave it a part of the day for
confirmations and reminders, and stand back from its pace while those wait, in whichever run. A domain is asked when
deliveries are claimed: those beyond its pace are given back, each due when its turn will come, so that nobody waits
behind them. Reads no clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drip.core.model import Relay, RelayKind
from drip.core.pace import SKEW_MAX, Count, Terms, allowance, day_of, give_back, kept_back, take
from drip.core.pace import today as on_day
from drip.core.when import wall_clock

if TYPE_CHECKING:
    from drip.core.drain import Tap
    from drip.core.records import Delivery, DeliveryId
    from drip.mail.pace import Draw
    from drip.store.desk import Reader
    from drip.store.store import Store
    from drip.store.work import Work

DOMAIN_BURST_SECONDS = 60
"""A domain may get a minute's worth at once: cron calls once a minute, and what is due must not wait for it."""

STANDS_BACK = timedelta(seconds=1)
"""Others leave a relay's pace alone for so long after an urgent message could have gone: mostly it is not the last."""

Planned = Callable[["Work", datetime, datetime], int]
"""How many confirmations and reminders are planned between two moments."""


def relay_name(relay: Relay) -> str:
    """What a relay is called in messages."""
    return f"folder:{relay.folder}" if relay.kind is RelayKind.FOLDER else f"{relay.host}:{relay.port}"


def relay_key(relay: Relay) -> str:
    """The name of its row: two accounts at one server have a quota each."""
    return f"relay {relay.user + '@' if relay.user else ''}{relay_name(relay)}"


def terms_of(relay: Relay) -> Terms:
    """What drip.yaml allows a relay."""
    return Terms(
        relay.pace_per_minute,
        relay.quota,
        relay.warm_up,
        reserve=relay.reserve,
        reserve_percent=relay.reserve_percent,
    )


def kept_of(work: Work, relay: Relay, relays: Sequence[Relay], zone: str, now: datetime, planned: Planned) -> int:
    """How many of today's messages with a relay are kept for confirmations and reminders.

    Those that are planned for the day are divided among the relays that have a day to divide, by its size.
    """
    day, tomorrow = day_of(now, zone)

    def most(each: Relay) -> int:
        return allowance(terms_of(each), on_day(work.pace(relay_key(each), now), day).days_before) or 0

    mine, all_ = most(relay), sum(most(each) for each in relays)
    if not mine:
        return 0
    return kept_back(terms_of(relay), mine, -(-planned(work, now, tomorrow) * mine // max(mine, all_)))


def nothing_planned(work: Work, now: datetime, until: datetime) -> int:
    """For who knows of no plans."""
    return 0


class StoredPurse:
    """The purse of one relay, in the store."""

    def __init__(
        self,
        store: Store,
        relay: Relay,
        zone: str,
        now: Callable[[], datetime],
        *,
        relays: Sequence[Relay] = (),
        planned: Planned = nothing_planned,
    ) -> None:
        self._store = store
        self._relay = relay
        self._relays = relays or (relay,)
        self._planned = planned
        self._terms = terms_of(relay)
        self._zone = zone
        self._now = now
        self._turn = f"urgent {relay_key(relay)}"

    def draw(self, wanted: int, *, urgent: bool = False) -> Draw:
        """Leave for up to `wanted` messages that may go now."""
        now = self._now()
        return self._store.transact(lambda work: self._draw(work, wanted, now, urgent=urgent))

    def _draw(self, work: Work, wanted: int, now: datetime, *, urgent: bool) -> Draw:
        from drip.mail.pace import Draw

        paced = bool(self._terms.per_minute)
        if paced and not urgent:
            # The turn of the urgent ones, in this run or another. One far ahead was left by a clock that was wrong.
            free_at = work.pace(self._turn, now).free_at
            if now < free_at <= now + STANDS_BACK + max(SKEW_MAX, 2 * self._terms.interval):
                return Draw(0, (free_at - now).total_seconds())
        count = work.hold_pace(relay_key(self._relay), now)
        limited = self._terms.quota is not None or self._terms.warm_up is not None
        kept = 0
        if limited and not urgent:
            kept = kept_of(work, self._relay, self._relays, self._zone, now, self._planned)
        after, leave = take(self._terms, count, wanted, now, self._zone, kept=kept)
        if leave.granted:
            work.put_pace(relay_key(self._relay), after)
        if paced and urgent and not leave.is_spent:
            turn = work.hold_pace(self._turn, now)
            work.put_pace(self._turn, replace(turn, free_at=(leave.again_at or now) + STANDS_BACK))
        if leave.granted or leave.again_at is None:
            return Draw(leave.granted)
        if not leave.is_spent:
            return Draw(0, (leave.again_at - now).total_seconds())
        is_kept = leave.kept > 0
        is_awaited = is_kept and work.count_urgent(now) > 0
        return Draw(0, spent=self._spent(after, leave.again_at, leave.kept), is_kept=is_kept, is_awaited=is_awaited)

    def _spent(self, count: Count, again_at: datetime, kept: int) -> str:
        most = allowance(self._terms, count.days_before) or 0
        day = (
            f" (day {count.days_before + 1} of its warm-up)"
            if self._terms.warm_up and most != self._terms.quota
            else ""
        )
        until = wall_clock(again_at, self._zone)
        if kept:
            are = "is" if kept == 1 else "are"
            return (
                f"of today's {most:,} messages with {relay_name(self._relay)}{day} the last {kept:,} {are} kept for"
                f" confirmations and reminders; the others go on {until}"
            )
        return f"today's {most:,} messages with {relay_name(self._relay)}{day} are used; it goes on {until}"

    def give_back(self, unused: int) -> None:
        """Leave that was drawn and is not needed."""
        now = self._now()

        def act(work: Work) -> None:
            count = work.hold_pace(relay_key(self._relay), now)
            work.put_pace(relay_key(self._relay), give_back(self._terms, count, unused, now, self._zone))

        self._store.transact(act)


class Domains:
    """The paces of domains during one pass."""

    def __init__(self, paces: Mapping[str, int], zone: str) -> None:
        self._terms = {name: Terms(pace, burst_seconds=DOMAIN_BURST_SECONDS) for name, pace in paces.items()}
        self._zone = zone
        self._next: dict[str, datetime] = {}

    def give_back_too_many(
        self, work: Work, owner: str, readers: dict[DeliveryId, Reader], claimed: Sequence[Delivery], now: datetime
    ) -> None:
        """Postpone what its domain cannot take now, within the transaction of the claim; takes it out of `readers`."""
        if not self._terms:
            return
        by_domain: dict[str, list[Delivery]] = {}
        for each in claimed:
            if each.id in readers:
                domain = readers[each.id][0].email.rpartition("@")[2].casefold()
                if domain in self._terms:
                    by_domain.setdefault(domain, []).append(each)
        for domain, those in sorted(by_domain.items()):  # in one order everywhere: rows are locked
            terms = self._terms[domain]
            after, leave = take(terms, work.hold_pace(f"domain {domain}", now), len(those), now, self._zone)
            if leave.granted:
                work.put_pace(f"domain {domain}", after)
            again_at = max(leave.again_at or now, self._next.get(domain, now))
            for each in those[leave.granted :]:
                # A moment later than now, whatever the arithmetic: else this pass would claim it again for ever.
                again_at = max(again_at, now + timedelta(seconds=1))
                work.postpone(each.id, owner, again_at)
                del readers[each.id]
                again_at += terms.interval
            self._next[domain] = again_at


def tap_of(work: Work, relays: Sequence[Relay], zone: str, now: datetime) -> Tap:
    """What these relays let through from now on. Without weights the first one sends, at its pace, until its quota is
    used and the next one takes over."""
    from drip.core.drain import Tap

    sharing = [each for each in relays if each.weight is not None] or relays[:1]
    paces = [each.pace_per_minute for each in sharing]
    stand = [standing(work, each, zone, now) for each in relays]
    return Tap(
        None if None in paces else sum(each or 0 for each in paces) or None,
        tuple(terms_of(each) for each in relays),
        tuple(used for used, _, _ in stand),
        tuple(days for _, _, days in stand),
    )


def standing(work: Work, relay: Relay, zone: str, now: datetime) -> tuple[int, int | None, int]:
    """How many messages a relay had today, how many it may have, and the days of its warm-up before today."""
    count = on_day(work.pace(relay_key(relay), now), day_of(now, zone)[0])
    return count.used, allowance(terms_of(relay), count.days_before), count.days_before
