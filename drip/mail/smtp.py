"""Hands messages to an SMTP relay over a pool of connections.

Messages wait in one line, and each connection takes the next when it is free: so none stands idle behind a slow one.
The number of connections grows while all goes well and is halved when the relay says that it has enough.

aiosmtplib makes each session; `drip.mail.lane` holds the conversation about messages. TLS is as the relay says and
never by chance; a login is tried once, with one method, because repeated failures lock accounts. Never retries a
message of which anything could have been accepted, and never raises for mail trouble. Called by the engine.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import aiosmtplib

from drip.core.delivery import Blame, Outcome, OutcomeKind
from drip.core.message import Wire
from drip.core.model import Relay, Tls
from drip.errors import RelayUnreachable
from drip.mail.headers import Unwritable, ascii_address
from drip.mail.lane import Cargo, Lane, Lost, Patience
from drip.mail.stream import Stream
from drip.mail.transport import Grant, NotGranted, relay_trouble

MESSAGES_PER_CONNECTION = 100  # what large relays allow at least
IDLE_SECONDS = 30.0  # Postfix drops after 300, and after 10 under stress
HOLD_OFF_SECONDS = 10.0  # after a failed connect, before the next one is tried
FIRST_LANES = 5  # connections to begin with, as Postfix does
SLOW_SECONDS = 1.0  # after "too fast" (454); doubled each time it is said again
SLOW_SECONDS_MAX = 60.0

_HOST_NAME = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


class LoginRefused(RelayUnreachable):
    """The relay refused the login; nothing was sent."""

    default_hint = (
        "check `user` and the password of this relay in drip.yaml; drip tries a login once, not to be locked out"
    )


@dataclass(slots=True, eq=False)
class Item(Cargo):
    """A message in the line: where its outcome goes, who carries it, and whether a connection was lost under it."""

    done: asyncio.Future[Outcome] | None = None
    worker: asyncio.Task[None] | None = None
    tried: bool = False

    @property
    def is_wanted(self) -> bool:
        """Whether its sender still waits."""
        return self.done is not None and not self.done.done()

    def settle(self, result: Outcome | Exception) -> None:
        """Tell whoever waits for it, if anybody still does."""
        if self.done is None or self.done.done():
            return
        if isinstance(result, Outcome):
            self.done.set_result(result)
        else:
            self.done.set_exception(result)


class SmtpTransport:
    """A relay with up to `relay.lanes` connections, opened as they are needed and kept for a while.

    Twice as many messages may be under way: one on each connection, and one whose envelope rides along.
    """

    def __init__(
        self,
        relay: Relay,
        password: str | None,
        *,
        clock: Callable[[], float] | None = None,
        patience: Patience | None = None,
        tls_context: ssl.SSLContext | None = None,
        messages_per_connection: int = MESSAGES_PER_CONNECTION,
        idle_seconds: float = IDLE_SECONDS,
        hold_off_seconds: float = HOLD_OFF_SECONDS,
        pipelining: bool = True,
    ) -> None:
        self.name = f"{relay.host}:{relay.port}"
        self.most_lanes = max(1, relay.lanes)
        self.lanes = 2 * self.most_lanes
        self._relay = relay
        self._password = password
        self._clock = clock
        self._patience = patience or Patience()
        self._tls_context = tls_context
        self._messages_per_connection = messages_per_connection
        self._idle_seconds = idle_seconds
        self._hold_off_seconds = hold_off_seconds
        self._pipelining = pipelining
        self._allowed = min(FIRST_LANES, self.most_lanes)
        self._streak = 0
        self._slow_seconds = 0.0
        self._slow_until = 0.0
        self._line: deque[Item] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._at_work: set[asyncio.Task[None]] = set()  # those of them that hold a message
        self._idle: dict[Stream, asyncio.TimerHandle] = {}
        self._busy: set[Stream] = set()
        self._going: set[Stream] = set()
        self._closing = False
        self._unreachable: RelayUnreachable | None = None
        self._hold_off_until = 0.0

    # --- the four of a transport ---------------------------------------------------------------------------

    async def open(self) -> None:
        """Make the first connection, so that a relay that is away or refuses us is known before anything is marked."""
        self._closing = False
        self._keep(await self._lane())

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        """See that a connection is up."""
        if not self._busy and not any(lane.is_usable for lane in self._idle):
            self._keep(await self._lane())
        return max(1, min(wanted, self.most_lanes))

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """Try to hand over one message, once."""
        try:
            ascii_address(wire.recipient)
        except Unwritable as fault:
            return Outcome(OutcomeKind.PERMANENT, 553, "5.1.3", str(fault), Blame.ADDRESS)
        try:
            ascii_address(wire.sender or "nobody@example.com")  # the empty sender is allowed
        except Unwritable as fault:
            return relay_trouble(f"the envelope sender cannot be used: {fault}")
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        item = Item(wire, grant, done=done)
        self._line.append(item)
        self._hire()
        try:
            return await done
        except asyncio.CancelledError:
            # An item that rides ahead has no worker yet; its lane finds that nobody waits for it any more.
            if item in self._line:
                self._line.remove(item)
            elif item.worker is not None:
                item.worker.cancel()
            raise

    async def close(self) -> None:
        """QUIT on every idle connection; one that still carries a message leaves when it is done."""
        self._closing = True
        for lane in list(self._idle):
            self._let_go(lane)
        await asyncio.gather(*(lane.closed() for lane in self._going))
        self._going.clear()

    # --- lanes ---------------------------------------------------------------------------------------------

    def _hire(self) -> None:
        """See that somebody works off the line, on no more connections than the relay bears."""
        if self._line and len(self._workers) < self._allowed:
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._dismiss)

    def _dismiss(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled():
            worker.result()
        self._hire()

    async def _work(self) -> None:
        """Carry what waits; the one who has done so is no worker any more before the next message comes."""
        worker = asyncio.current_task()
        assert worker is not None
        try:
            await self._work_off(worker)
        finally:
            self._workers.discard(worker)
            self._at_work.discard(worker)

    async def _work_off(self, worker: asyncio.Task[None]) -> None:
        """Until nothing waits, or fewer connections are wanted."""
        while self._line and len(self._workers) <= self._allowed:
            item = self._line.popleft()
            item.worker = worker
            self._at_work.add(worker)
            await self._breathe()
            try:
                # A connection was lost under it: then not on one that waited just as long.
                lane = (None if item.tried else self._take()) or await self._lane()
            except RelayUnreachable as fault:
                others = len(self._at_work) - 1
                if not others:
                    item.settle(relay_trouble(fault.message))
                    continue
                # The relay may take no more connections than are up. Whoever is last finds out if it is away.
                self._allowed = others
                self._hold_off_until = 0.0
                self._line.appendleft(item)
                return
            following: Item | None = item
            while following is not None:
                following = await self._carry(lane, following)

    async def _breathe(self) -> None:
        """Wait when the relay said that it was too fast."""
        seconds = self._slow_until - self._now()
        if seconds > 0:
            await asyncio.sleep(seconds)

    async def _carry(self, lane: Stream, item: Item) -> Item | None:
        """Hand over a message and those that ride behind it; one whose envelope is out still, if any, is next here."""
        worker = item.worker = asyncio.current_task()
        self._busy.add(lane)

        def passed(outcome: Outcome, ahead: Cargo) -> None:
            nonlocal item
            assert isinstance(ahead, Item)
            self._learn(outcome)
            item.settle(outcome)
            item = ahead
            item.worker = worker

        try:
            outcome = await lane.carry_on(item, lambda: self._rider(lane), passed)
            self._learn(outcome)
            item.settle(outcome)
        except Lost as lost:
            lane.abort()
            if lane.carried > 1 and not item.tried:
                # Certainly not accepted, and a server may end a connection when it likes.
                item.tried = True
                self._line.appendleft(item)
            else:
                self._shrink()
                item.settle(relay_trouble(str(lost)))
        except BaseException as fault:
            if not isinstance(fault, NotGranted):
                lane.abort()  # in the middle of something: the state of this connection is unknown
            if not isinstance(fault, Exception):
                raise
            item.settle(fault)
        finally:
            self._busy.discard(lane)
            following = self._following(lane)
        return following

    def _following(self, lane: Stream) -> Item | None:
        """The message whose envelope is out already, if the connection is fit for it; else it goes back in line."""
        ahead, lane.ahead = lane.ahead, None
        if ahead is None:
            self._keep(lane)
            return None
        assert isinstance(ahead, Item)
        if ahead.is_wanted and lane.is_usable and not self._is_leaving():
            lane.ahead = ahead
            return ahead
        if ahead.is_wanted:
            self._line.appendleft(ahead)
        lane.abort()
        self._keep(lane)
        return None

    def _is_leaving(self) -> bool:
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0

    def _rider(self, lane: Lane) -> Item | None:
        """The next message, if it may go on this connection and now."""
        if not self._line or self._slow_until > self._now() or lane.carried >= self._messages_per_connection:
            return None
        if len(self._workers) > self._allowed or self._line[0].tried or not lane.fits(self._line[0]):
            return None
        return self._line.popleft()

    def _learn(self, outcome: Outcome) -> None:
        """More connections while all goes well; fewer on 421, slower on 454 (Amazon says it to whom is too fast)."""
        if outcome.kind is OutcomeKind.ACCEPTED:
            self._streak += 1
            if self._streak >= self._allowed and self._line:
                self._streak = 0
                self._slow_seconds = 0.0
                self._allowed = min(self.most_lanes, self._allowed + 1)
                self._hire()
        elif outcome.code == 421:
            self._shrink()
        elif outcome.code == 454 and self._now() >= self._slow_until:
            self._slow_seconds = min(SLOW_SECONDS_MAX, max(SLOW_SECONDS, 2 * self._slow_seconds))
            self._slow_until = self._now() + self._slow_seconds

    def _shrink(self) -> None:
        self._streak = 0
        self._allowed = max(1, self._allowed // 2)

    def _take(self) -> Stream | None:
        """The connection used last: so that the others grow old and leave when there is little to do."""
        while self._idle:
            lane, timer = self._idle.popitem()
            timer.cancel()
            if lane.is_usable:
                return lane
            self._let_go(lane)
        return None

    def _keep(self, lane: Stream) -> None:
        """Put a connection aside for the next message, or let it go."""
        if self._closing or not lane.is_usable or lane.carried >= self._messages_per_connection:
            self._let_go(lane)
        else:
            loop = asyncio.get_running_loop()
            self._idle[lane] = loop.call_later(self._idle_seconds, self._let_go, lane)

    def _let_go(self, lane: Stream) -> None:
        timer = self._idle.pop(lane, None)
        if timer is not None:
            timer.cancel()
        self._going = {each for each in self._going if not each.is_closed}
        self._going.add(lane)
        lane.leave()

    async def _lane(self) -> Stream:
        """A new connection. Right after a failure, and for ever after a refused login, it is not tried again."""
        if self._unreachable is not None and (
            isinstance(self._unreachable, LoginRefused) or self._now() < self._hold_off_until
        ):
            raise type(self._unreachable)(self._unreachable.message, hint=self._unreachable.hint)
        try:
            session = await self._session()
        except RelayUnreachable as fault:
            self._unreachable = fault
            self._hold_off_until = self._now() + self._hold_off_seconds
            raise
        self._unreachable = None
        return Stream(session, self._patience, pipelining=self._pipelining)

    def _now(self) -> float:
        return self._clock() if self._clock is not None else asyncio.get_running_loop().time()

    # --- sessions ------------------------------------------------------------------------------------------

    async def _session(self) -> aiosmtplib.SMTP:
        """Connect, greet, secure and log in; `RelayUnreachable` says which of these failed."""
        tls = self._relay.tls
        if tls is not Tls.OFF and self._tls_context is None:
            self._tls_context = ssl.create_default_context()
        session = aiosmtplib.SMTP(
            hostname=self._relay.host,
            port=self._relay.port,
            local_hostname=_local_name(),
            timeout=self._patience.connect,
            use_tls=tls is Tls.IMPLICIT,
            start_tls=False,  # its default would be "if offered": silently plain when somebody takes the offer away
            tls_context=self._tls_context,
        )
        try:
            await session.connect()
            await _greet(session)
            if tls is Tls.REQUIRED:
                await self._secure(session)
            if self._relay.user is not None:
                await self._log_in(session, self._relay.user)
        except (aiosmtplib.SMTPException, OSError, ValueError) as fault:
            await _drop(session)
            raise RelayUnreachable(f"cannot reach the relay {self.name}: {_words(fault)}") from fault
        except BaseException:
            await _drop(session)
            raise
        return session

    async def _secure(self, session: aiosmtplib.SMTP) -> None:
        if not session.supports_extension("starttls"):
            raise RelayUnreachable(
                f"the relay {self.name} does not offer STARTTLS, so nothing was sent",
                hint="try its port for TLS from the start (`tls: implicit`, often 465), or `tls: off` in a safe net",
            )
        await session.starttls()
        await _greet(session)  # RFC 3207 §4.2: what was said before TLS does not count

    async def _log_in(self, session: aiosmtplib.SMTP, user: str) -> None:
        """One method, one try. Inside TLS PLAIN, the one that every server does right; outside, the one that hides."""
        secured = session.get_transport_info("sslcontext") is not None
        order = ("plain", "login", "cram-md5") if secured else ("cram-md5", "plain", "login")
        methods = {
            "plain": session.auth_plain,
            "login": session.auth_login,
            "cram-md5": session.auth_crammd5,
        }
        method = next((each for each in order if each in session.server_auth_methods), None)
        if method is None:
            raise LoginRefused(
                f"the relay {self.name} offers no way to log in that drip knows (PLAIN, LOGIN, CRAM-MD5)"
            )
        try:
            await methods[method](user, self._password or "")
        except aiosmtplib.SMTPAuthenticationError as fault:
            if fault.code < 500:  # RFC 4954 §6: 454 is a temporary failure of the server
                raise
            raise LoginRefused(f"the relay {self.name} refused the login of {user}: {_words(fault)}") from fault


async def _greet(session: aiosmtplib.SMTP) -> None:
    """EHLO, or HELO with a server from before 1995."""
    try:
        await session.ehlo()
    except aiosmtplib.SMTPHeloError:
        if not session.is_connected:
            raise
        await session.helo()


async def _drop(session: aiosmtplib.SMTP) -> None:
    """End a session that did not come about, and let the event loop see its socket closed."""
    transport = session.transport
    session.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
    await asyncio.sleep(0)


def _local_name() -> str:
    """The name for EHLO: ours if it is a full one, else a literal (RFC 5321 §4.1.3), and no DNS lookup for it."""
    name = socket.gethostname()
    return name if _HOST_NAME.fullmatch(name) else "[127.0.0.1]"


def _words(fault: Exception) -> str:
    """A fault of aiosmtplib or the system as one line for people."""
    if isinstance(fault, aiosmtplib.SMTPResponseException):
        text = f"{fault.code} {fault.message}" if fault.code > 0 else fault.message
    else:
        text = str(fault) or type(fault).__name__
    return " ".join(text.split())[:300]
