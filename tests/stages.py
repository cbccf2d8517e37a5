"""A project to test on: the worked example in a folder of its own, a clock that is set, a transport with a script."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from drip.core.delivery import Outcome, OutcomeKind
from drip.core.events import AddedByAuthor, ConfirmedRegistration
from drip.core.message import Wire
from drip.core.records import DeliveryState, EnrollmentState, Evidence, RegistrationId, SubscriberId
from drip.engine.apply import apply
from drip.engine.engine import Engine, Ticked
from drip.engine.keys import Keys
from drip.mail.transport import Grant, NotGranted
from drip.project import open_project, read_tree
from drip.simulate import FastClock
from drip.store.store import Store

HERE = Path(__file__).resolve().parent.parent
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
"""Monday 23 November 2026, 9:00 in New York."""

EVIDENCE = Evidence(where="a test")
ACCEPTED = Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", "ok")


def copy_example(
    folder: Path, *, url: str = "http://127.0.0.1:1", relay: str = "folder: outbox", store: str = ""
) -> Path:
    """The worked example of this repository, ready to be a project of its own."""
    for path, text in read_tree(HERE).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path == "drip.yaml":
            text = re.sub(r"(?m)^url:.*$", f"url: {url}", text)
            text = re.sub(r"(?ms)^relays:.*", f"relays:\n  - {relay}\n", text)
            text = re.sub(r"(?m)^store:.*$", f"store: {store}", text) if store else text
        target.write_text(text, encoding="utf-8")
    return folder


@dataclass
class ScriptedTransport:
    """Keeps what it is given. `answer` may be replaced to refuse, lose or crash."""

    lanes: int = 3
    name: str = "scripted"
    sent: list[Wire] = field(default_factory=list)
    answer: Callable[[Wire], Outcome] = lambda _: ACCEPTED
    opened: int = 0

    async def open(self) -> None:
        """Nothing to open."""
        self.opened += 1

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        """Always ready."""
        return wanted

    async def close(self) -> None:
        """Nothing to close."""

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """Take it, as the script says."""
        if grant is not None and not await grant():
            raise NotGranted
        await asyncio.sleep(0)
        outcome = self.answer(wire)
        if outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.UNCERTAIN):
            self.sent.append(wire)
        return outcome

    def posts(self, email: str) -> list[str]:
        """The posts that an address got, in order, by their Feedback-ID."""
        return [
            re.search(rb"Feedback-ID: [^:]*:([^:]*):", wire.data)[1].decode()  # type: ignore[index]
            for wire in self.sent
            if wire.recipient.lower() == email
        ]


class Ground:
    """An engine on the worked example with a clock and a scripted transport; short words for what tests do."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = copy_example(folder)
        self.clock = FastClock(START)
        self.transport = ScriptedTransport()
        self.store = store
        self.project = open_project(self.folder, clock=self.clock)
        self._owners = 0
        self.engine = Engine(
            store, self.project.definition, Keys.from_secret(b"x" * 32), lambda: self.transport, self._owner
        )
        self.project._store, self.project._engine, self.project._keys = store, self.engine, self.engine.keys

    def _owner(self) -> str:
        self._owners += 1
        return f"owner-{self._owners}"

    def apply(self) -> None:
        """Make the folder's files live."""
        apply(self.engine, read_tree(self.folder), self.clock.now())

    def edit(self, path: str, old: str, new: str) -> None:
        """Change a file of the project."""
        text = (self.folder / path).read_text(encoding="utf-8")
        assert old in text
        (self.folder / path).write_text(text.replace(old, new), encoding="utf-8")

    def at(self, moment: str) -> datetime:
        """Set the clock to a UTC moment, `2026-11-25 14:30`."""
        self.clock.set(datetime.fromisoformat(moment).replace(tzinfo=UTC))
        return self.clock.now()

    def join(self, email: str, **more: object) -> SubscriberId:
        """An active subscriber of the list."""
        event = AddedByAuthor(email, "job-seekers", EVIDENCE, attested=True, **more)  # type: ignore[arg-type]
        happened = self.engine.happen(event, self.clock.now())
        assert happened.subscriber_id is not None
        return happened.subscriber_id

    def register(self, email: str, session: str) -> RegistrationId:
        """A booked registration."""
        from drip.core.events import AskedToRegister

        asked = self.engine.happen(AskedToRegister(email, "six-deadly-mistakes", session, EVIDENCE), self.clock.now())
        assert asked.registration_id is not None
        self.engine.happen(ConfirmedRegistration(asked.registration_id, EVIDENCE), self.clock.now())
        return asked.registration_id

    def tick(self) -> Ticked:
        """One tick now."""
        return self.engine.tick(self.clock.now())

    def states(self, who: SubscriberId) -> dict[str, DeliveryState]:
        """The deliveries of one person by post."""
        with self.store.read() as work:
            return {each.post: each.state for each in work.deliveries(who)}

    def enrollment(self, who: SubscriberId, sequence: str) -> tuple[EnrollmentState, str]:
        """State and reason of the latest enrollment in a sequence."""
        with self.store.read() as work:
            found = [each for each in work.enrollments(who) if each.sequence == sequence]
        return found[-1].state, found[-1].end_reason

    def counts_hold(self) -> None:
        """`planned = sum of states` (promise 1)."""
        with self.store.read() as work:
            counts = dict(work.delivery_counts())
        assert counts.pop("planned") == sum(counts.values())


EVERGREEN = """  evergreen:
    starts: weekdays 11:00, 14:00
    soon: next quarter hour
    hours: weekdays 9:00-21:00
    closed: 2026-11-26..2026-11-27
"""


SERIES = """  series:
    part-one:   2026-12-08 12:00
    part-two:   2026-12-15 12:00
    part-three: 2026-12-22 12:00
"""


def replace_sessions(folder: Path, instead: str) -> None:
    """Another table in the place of the example's sessions, without seats, and without what waits for the last one."""
    path = folder / "campaigns" / "six-deadly-mistakes" / "campaign.yaml"
    text = re.sub(r"(?m)^  sessions:\n(?:    .*\n)+", instead, path.read_text(encoding="utf-8"))
    text = text.replace("  seats: 100\n", "").replace("    stop: last session starts\n", "")
    path.write_text(text, encoding="utf-8")


def open_ground(folder: Path, store: Store) -> Ground:
    """A ground with the example applied."""
    ground = Ground(folder, store)
    ground.apply()
    return ground
