"""A lane that carries message after message by itself, as long as all goes as it should.

A conversation written as coroutines (`drip.mail.lane`) wakes a task at each turn, and on a fast way that costs more
than everything else. Here the event loop's calls take the next step at once: envelope answered, ask for the right to
send; granted, write body and dot with the next envelope; accepted, go on with that one. Whatever is not just that
(a refusal, a fault, silence, back-pressure, a grant that is denied) ends the run where it stands, and the conversation
takes over from there. So nothing is judged here but a plain yes. Called by `drip.mail.smtp`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from drip.core.delivery import Outcome, OutcomeKind
from drip.mail.lane import Cargo, Lane, Lost, Patience
from drip.mail.transport import NotGranted

if TYPE_CHECKING:
    import aiosmtplib

Passed = Callable[[Outcome, Cargo], None]
"""Told of each message that was accepted while another one followed: its outcome, and the one that is next."""


class Phase(Enum):
    """Where a run stands."""

    ENVELOPE = auto()  # MAIL, RCPT and DATA are out, their replies are to come
    GRANT = auto()  # a 354 is here, the right to send is asked for
    DENIED = auto()  # it was not given
    BODY = auto()  # it was given, nothing of the body was written
    REST = auto()  # the body was written, and part of it is still here
    DOT = auto()  # the dot was written, its reply is to come


WAITS_FOR_US = (Phase.GRANT, Phase.REST)
"""Nothing that comes from the relay can be what is waited for: it is looked at when we go on."""


class Stream(Lane):
    """A lane whose `carry_on` may see many messages through."""

    def __init__(self, session: aiosmtplib.SMTP, patience: Patience, *, pipelining: bool = True) -> None:
        super().__init__(session, patience, pipelining=pipelining)
        self.cargo: Cargo | None = None
        """Whom the conversation is about now: what `carry_on` returns or raises is about it."""
        self._end: asyncio.Future[None] | None = None
        self._phase = Phase.ENVELOPE
        self._asked: asyncio.Future[bool] | None = None
        self._next_up: Callable[[], Cargo | None]
        self._passed: Passed

    async def carry_on(self, cargo: Cargo, next_up: Callable[[], Cargo | None], passed: Passed) -> Outcome:
        """As `carry`, and then on with those whose envelope rode along. See `cargo` for whom the outcome is about."""
        self.cargo = cargo
        if not self._pipelining or not self.fits(cargo):
            return await self.carry(cargo, next_up)
        self.carried += 1
        self._next_up, self._passed = next_up, passed
        self._begin_envelope(cargo)
        self._phase = Phase.ENVELOPE
        self._expect(self._patience.command)
        self._end = self._loop.create_future()
        self._go_on()
        try:
            await self._end
        finally:
            self._end = None
            asked, self._asked = self._asked, None
            if asked is not None:
                asked.cancel()
        return await self._step_by_step(self.cargo, self._phase)

    async def _step_by_step(self, cargo: Cargo, phase: Phase) -> Outcome:
        """What remains of the message with which the run ended."""
        if phase is Phase.DENIED:
            self.abort()  # after a 354 there is no other way out without a message
            raise NotGranted
        if phase is Phase.DOT:
            return await self._verdict()
        refused = await self._hear_envelope(cargo) if phase is Phase.ENVELOPE else None
        if refused is None:
            refused = await (self._drained() if phase is Phase.REST else self._body(cargo.data))
        return refused if refused is not None else await self._dot(self._next_up())

    # --- steps: called by the event loop, and never waiting ---------------------------------------------------

    def _wake(self) -> None:
        if self._end is None:
            super()._wake()
        else:
            self._go_on()

    def _stop(self, phase: Phase) -> None:
        assert self._end is not None
        if not self._end.done():
            self._phase = phase
            self._end.set_result(None)

    def _go_on(self) -> None:
        """Take the step that what has come allows, if all is well."""
        assert self._end is not None
        if self._end.done() or self._phase in WAITS_FOR_US:
            return
        replies = self._answers.whole
        if self._phase is Phase.DOT:
            ahead = self.ahead
            if not self._fault and not replies:
                return
            if self._fault or not replies[0].is_fine or len(replies) > self._owed or ahead is None:
                self._stop(Phase.DOT)
                return
            if not ahead.is_wanted:
                self._stop(Phase.DOT)
                return
            self._pass_on(ahead)
        if not self._fault and len(replies) < 3:
            return
        if self._fault or not (replies[0].is_fine and replies[1].is_fine and replies[2].code == 354):
            self._stop(Phase.ENVELOPE)
            return
        for _ in range(3):
            replies.popleft()
        self._owed -= 3
        self._ask_leave()

    def _pass_on(self, ahead: Cargo) -> None:
        """Accepted: on to the message whose envelope is out already."""
        reply = self._answers.whole.popleft()
        self._owed -= 1
        self.cargo, self.ahead = ahead, None
        self.carried += 1
        self._phase = Phase.ENVELOPE
        self._expect(self._patience.command)
        self._passed(Outcome(OutcomeKind.ACCEPTED, reply.code, reply.enhanced, reply.text), ahead)

    def _ask_leave(self) -> None:
        cargo = self.cargo
        assert cargo is not None
        self._phase = Phase.GRANT
        self._deadline = math.inf  # the right to send takes as long as it takes
        if cargo.granted or cargo.grant is None:
            self._asked = self._loop.create_future()
            self._asked.set_result(True)
        else:
            self._asked = asyncio.ensure_future(cargo.grant())
        # Called in a later turn of the loop at the earliest: so an end that came right behind the 354 is seen.
        self._asked.add_done_callback(self._answered)

    def _answered(self, asked: asyncio.Future[bool]) -> None:
        """The right to send was given, or not."""
        if asked is not self._asked or self._end is None or self._end.done():
            return  # the run was broken off
        self._asked = None
        if asked.cancelled():
            self._end.cancel()
        elif (fault := asked.exception()) is not None:
            self._end.set_exception(fault)
        elif asked.result():
            assert self.cargo is not None
            self.cargo.granted = True
            self._write_body(self.cargo)
        else:
            self._stop(Phase.DENIED)

    def _write_body(self, cargo: Cargo) -> None:
        try:
            self._ask(cargo.data, 0)
        except Lost:
            self._stop(Phase.BODY)
            return
        # In the next turn of the loop: a reset that is already here is seen before the dot goes, and whoever was just
        # told of the message before has handed in the next one.
        self._phase = Phase.REST
        self._loop.call_soon(self._end_body, self._end)

    def _end_body(self, end: asyncio.Future[None] | None) -> None:
        """Write the dot, but not before all that precedes it has left, nor into a connection that broke under it."""
        if end is None or end is not self._end or end.done():
            return  # the run was broken off
        if self._paused or self._fault or self._answers.whole or self._transport.is_closing():
            self._stop(Phase.REST)
            return
        self._write_dot(self._next_up())
        self._phase = Phase.DOT
        self._expect(self._patience.dot)

    # --- the watch --------------------------------------------------------------------------------------------

    def _look(self) -> None:
        if self._end is None:
            super()._look()
            return
        self._watch = None
        if self._phase in WAITS_FOR_US:
            return
        if self._loop.time() < self._deadline:
            self._watch = self._loop.call_at(self._deadline, self._look)
            return
        seconds = self._patience.dot if self._phase is Phase.DOT else self._patience.command
        self._fault = self._fault or f"the relay was silent for {seconds:g} seconds"
        self._go_on()
