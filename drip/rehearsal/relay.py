"""The relay of a rehearsal: takes messages into a list, and refuses, loses and is away as often as it was told.

Knows nothing of campaigns. What it decides depends on the message and the number of the try alone. It never waits:
how far a pace would stretch a queue is worked out afterwards (`drip.rehearsal.queue`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from drip.core.delivery import Blame, Outcome, OutcomeKind
from drip.core.message import Wire
from drip.errors import RelayUnreachable
from drip.mail.transport import Grant, NotGranted
from drip.rehearsal.dice import Dice

ACCEPTED = Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", "taken")
LATER = Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "try again later")
LOST = Outcome(OutcomeKind.TEMPORARY, 0, "", "lost before the message", Blame.RELAY)
UNKNOWN = Outcome(OutcomeKind.UNCERTAIN, 0, "", "lost after the message")
NO_MAILBOX = Outcome(OutcomeKind.PERMANENT, 550, "5.1.1", "no such mailbox", Blame.ADDRESS)
POLICY = Outcome(OutcomeKind.PERMANENT, 554, "5.7.1", "not wanted here", Blame.POLICY)


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each kind of trouble comes: for one try, for an address (`no_mailbox`), for an hour (`away`)."""

    later: float = 0.01
    lost_before: float = 0.001
    lost_after: float = 0.001
    policy: float = 0.0005
    no_mailbox: float = 0.005
    away: float = 0.002


NONE = Faults(0, 0, 0, 0, 0, 0)


class RehearsalRelay:
    """A `Transport`. `taken` is called for each message that was taken in, also where nobody is told so."""

    name = "rehearsal"
    lanes = 8

    def __init__(
        self, dice: Dice, faults: Faults, now: Callable[[], datetime], taken: Callable[[Wire, datetime], None]
    ) -> None:
        self._dice = dice
        self._faults = faults
        self._now = now
        self._taken = taken
        self._tries: dict[str, int] = {}

    async def open(self) -> None:
        """Raises RelayUnreachable in the hours in which it is away."""
        hour = int(self._now().timestamp()) // 3600
        if self._faults.away and self._dice.happens(self._faults.away, "away", hour):
            raise RelayUnreachable("the relay of the rehearsal is away for this hour")

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        """Always ready."""
        return wanted

    async def close(self) -> None:
        """Nothing to close."""

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """One try."""
        if grant is not None and not await grant():
            raise NotGranted
        number = self._tries.get(wire.message_id, 0) + 1
        self._tries[wire.message_id] = number
        outcome, is_taken = self._fate(wire, number)
        if is_taken:
            self._taken(wire, self._now())
        return outcome

    def _fate(self, wire: Wire, number: int) -> tuple[Outcome, bool]:
        faults, dice = self._faults, self._dice
        if faults.no_mailbox and dice.happens(faults.no_mailbox, "mailbox", wire.recipient):
            return NO_MAILBOX, False
        point = dice.share("try", wire.message_id, number)
        for chance, outcome in ((faults.later, LATER), (faults.lost_before, LOST), (faults.policy, POLICY)):
            if point < chance:
                return outcome, False
            point -= chance
        if point < faults.lost_after:
            # Half of them arrived all the same, and nobody can know which.
            return UNKNOWN, dice.happens(0.5, "arrived", wire.message_id, number)
        return ACCEPTED, True
