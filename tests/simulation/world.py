"""The model: a thousand people for half a year in a second, without a database and without a line of SMTP.

What is decided is decided by the real core: `decide`, `apply_decision` and what follows from them (`drip.core.course`),
edits (`drip.core.edited`), `verdict` and the states of deliveries. What this adds is what the engine and the store do
around it: who is due (a heap, one entry a person), claiming, marking, deaths, recovery, confirmations, seats, consent.
`test_model.py` holds it against the real engine and store, delivery by delivery.

It leaves out what storm.py plays: full sessions and the line for them, moved seats and sessions, joining by a step.

    python -m tests.simulation.world FIRST LAST [PEOPLE] [DAYS]
"""

from __future__ import annotations

import heapq
import sys
import time
import zlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import count

from drip.core.course import (
    advance,
    close_session,
    frozen_for,
    settle_mail,
    why_not_mailed,
)
from drip.core.delivery import Blame, DeliveryState, OutcomeKind, can_become, verdict
from drip.core.edited import Edit
from drip.core.model import Campaign
from drip.core.reasons import ReasonName
from drip.core.records import (
    Attendance,
    Kind,
)
from drip.core.standing import Announcement, Mail, Passage, Plots
from drip.core.step_mail import opening_of
from drip.core.when import due as due_moment
from drip.engine.broadcasts import FIRST_ZONE, LATE
from drip.engine.engine import CONFIRMATION_ATTEMPTS_MAX, UNCERTAIN_CONFIRMATION_WAIT
from drip.engine.sending import RELAY_DOWN_MAX
from tests.simulation.drama import Letter, Storminess, Weather
from tests.simulation.lookout import Lookout
from tests.simulation.plots import CAMPAIGN, PROJECT, campaign_of
from tests.simulation.reception import SINGLE, Reception, Someone

ZONE = "America/New_York"


class Died(Exception):
    """The run was killed: nothing of it goes on."""


Queue = list[tuple[Kind, datetime, int, Someone, Mail]]


class World(Reception):
    """One seed of the model."""

    def __init__(
        self,
        seed: int,
        people: int = 1000,
        days: int = 180,
        *,
        storminess: Storminess | None = None,
        edits: int = 5,
        lanes: int = 1,
    ) -> None:
        super().__init__(seed, people, days, storminess=storminess, edits=edits)
        self.lanes = lanes
        self.known: dict[int, Someone] = {}
        self.lookout = Lookout()
        self.campaign: Campaign = self.first
        self.plots_live = Plots({}, ZONE)
        self.announced: list[Announcement] = []
        self.frozen: set[str] = set()
        self.open_sessions = sorted(self.sessions.values(), key=lambda each: each.ends)
        self._due: list[tuple[datetime, int]] = []
        self._dead: list[tuple[Someone, Mail]] = []
        self._lost: list[tuple[datetime, Someone, Mail]] = []
        self._letters: list[Letter] = []
        self._seats = count(1)
        self._numbers = count(1)
        self._planned = count(1)

    # --- the author -------------------------------------------------------------------------------------------------

    def apply(self, number: int) -> None:
        wanted = campaign_of(PROJECT, self.plots[number])
        edit = Edit(self.campaign, wanted) if self.plots_live.campaigns else None
        self.campaign = wanted
        assert wanted.webinar is not None
        last = wanted.webinar.last_start
        assert last is not None
        self.plots_live = Plots({CAMPAIGN: wanted}, ZONE, {CAMPAIGN: last}, single=SINGLE)
        self.announced = [each for each in self._broadcasts(wanted) if each.occasion not in self.frozen]
        if edit is not None:
            for someone in self.known.values():
                edit.apply(someone.standing, self.now)
                self.lookout.renamed(someone, edit)
                self._wake(someone)

    def _broadcasts(self, campaign: Campaign) -> list[Announcement]:
        found = []
        for each in campaign.broadcasts:
            zone = FIRST_ZONE if each.when.readers_time else campaign.timezone
            moment = due_moment(each.when, anchor=self.now, zone=zone, hours=None, session=None, campaign_zone=zone)
            occasion = f"{campaign.name}/broadcast/{each.post}@{each.when.phrase}"
            late = int(LATE.total_seconds())
            readers = each.when if each.when.readers_time else None
            found.append(Announcement(occasion, campaign.name, each.post, each.list, moment, each.where, readers, late))
        return sorted(found, key=lambda each: (each.due_at, each.occasion))

    # --- one call of cron -------------------------------------------------------------------------------------------

    def cron(self, moment: datetime, weather: Weather) -> Iterable[Letter]:
        now = moment + weather.step
        nothing = not self._dead and not self._lost and (not self._due or self._due[0][0] > now)
        if nothing and not self._sessions_ended(now) and not (self.announced and self.announced[0].due_at <= now):
            return ()
        if weather.dies == "before":
            self.story.died += 1
            return ()
        self._letters = []
        try:
            self._tick(now, moment, weather)
        except Died:
            self.story.died += 1
        return self._letters

    def _sessions_ended(self, now: datetime) -> bool:
        return bool(self.open_sessions) and self.open_sessions[0].ends <= now

    def _tick(self, now: datetime, moment: datetime, weather: Weather) -> None:
        self._recover(now)
        self._close_sessions(now)
        self._freeze(now)
        sends = 0
        while True:
            touched = self._advance(now)
            queue = self._due_mails(touched, now)
            if not queue:
                return
            if weather.dies == "between":
                raise Died
            if self.is_away(moment + weather.step):
                return
            sends, is_down = self._send_all(queue, now, weather, sends)
            if is_down:
                self._advance(now)
                return

    def _recover(self, now: datetime) -> None:
        for someone, mail in self._dead:
            self._settle(someone, mail, DeliveryState.UNCERTAIN, ReasonName.OWNER_DIED.value, now)
        self._dead.clear()
        again = [each for each in self._lost if each[0] <= now - UNCERTAIN_CONFIRMATION_WAIT]
        for each in again:
            self._lost.remove(each)
            _, someone, mail = each
            self._become(mail, DeliveryState.DUE)
            mail.due_at = now
            someone.standing.mails.append(mail)
            self._wake(someone)

    def _close_sessions(self, now: datetime) -> None:
        while self._sessions_ended(now):
            session = self.open_sessions.pop(0)
            seated = [
                (someone, seat)
                for someone in self.known.values()
                for seat in someone.standing.seats.values()
                if seat.is_booked and seat.session.name == session.name
            ]
            seated.sort(key=lambda each: each[1].registration.id)
            tracked = any(seat.attendance is Attendance.ATTENDED for _, seat in seated)
            plots = replace(self.plots_live, tracked=frozenset({(CAMPAIGN, session.name)} if tracked else ()))
            for someone, seat in seated:
                close_session(someone.standing, seat.registration.id, plots, now)
                self._wake(someone)

    def _freeze(self, now: datetime) -> None:
        while self.announced and self.announced[0].due_at <= now:
            announcement = self.announced.pop(0)
            self.frozen.add(announcement.occasion)
            for someone in self.known.values():
                mail = frozen_for(someone.standing, announcement, self.plots_live, now)
                if mail is not None and self._plan(someone, mail):
                    someone.standing.mails.append(mail)
                    self._wake(someone)

    def _advance(self, now: datetime) -> list[Someone]:
        """Everybody who is due is moved on, the longest due first. Those who were."""
        found: list[Someone] = []
        while self._due and self._due[0][0] <= now:
            moment, number = heapq.heappop(self._due)
            someone = self.known[number]
            if someone.wake == moment:
                someone.wake = None
                found.append(someone)
        waiting = found
        while waiting:
            due = [(each.next_due, each.id, someone, each) for someone in waiting for each in someone.standing.running()
                   if each.next_due is not None and each.next_due <= now]  # fmt: skip
            for *_, someone, passage in sorted(due, key=lambda each: each[:2]):
                if passage.is_running and passage.next_due is not None:
                    self._move_on(someone, passage, now)
            waiting = list({id(each[2]): each[2] for each in due}.values())
        return found

    def _move_on(self, someone: Someone, passage: Passage, now: datetime) -> None:
        mail = advance(someone.standing, passage, self.plots_live, now, had=someone.had)
        self.lookout.moved(someone, passage, now)
        if mail is not None:
            self._plan(someone, mail)
            self.lookout.planned(someone, passage, mail, self.campaign, now)

    def _due_mails(self, touched: Iterable[Someone], now: datetime) -> Queue:
        found = []
        for someone in touched:
            found += [(each.kind, each.due_at, each.number, someone, each) for each in someone.standing.mails
                      if each.state is DeliveryState.DUE and each.due_at <= now]  # fmt: skip
            self._wake(someone)
        return sorted(found, key=lambda each: each[:3])

    def _send_all(self, queue: Queue, now: datetime, weather: Weather, sends: int) -> tuple[int, bool]:
        losses = 0
        for *_, someone, mail in queue:
            if mail.expires_at is not None and mail.expires_at < now:
                self._settle(someone, mail, DeliveryState.SKIPPED, ReasonName.TOO_LATE.value, now)
                continue
            opening = opening_of(mail.plot, mail.step, someone.standing.zone, now)
            if opening is not None:
                mail.due_at = opening
                self._wake(someone)
                continue
            self._become(mail, DeliveryState.CLAIMED)
            refused = why_not_mailed(someone.standing, mail, now)
            if refused is not None:
                self._settle(someone, mail, DeliveryState.SKIPPED, refused, now)
                continue
            self._become(mail, DeliveryState.SENDING)
            mail.attempt += 1
            sends += 1
            losses = self._send(someone, mail, now, losses, weather if weather.number == sends else None)
            if losses >= RELAY_DOWN_MAX * self.lanes:
                return sends, True
        return sends, False

    def _send(self, someone: Someone, mail: Mail, now: datetime, losses: int, death: Weather | None) -> int:
        tried, mail.first_marked_at = mail.first_marked_at, mail.first_marked_at or now
        outcome, arrived = self.fate(someone.soul, mail.occasion, mail.attempt)
        if death is not None and death.dies == "sending":
            if death.is_taken and arrived:
                self._take(someone, mail, now)
            self._dead.append((someone, mail))
            raise Died
        if arrived:
            self._take(someone, mail, now)
        judged = verdict(outcome, attempt=mail.attempt, delivery_key=key_of(someone.soul.email, mail.occasion),
                         first_due=tried or now, now=now)  # fmt: skip
        if judged.state is DeliveryState.DUE:
            assert judged.due_at is not None
            self._become(mail, DeliveryState.DUE)
            mail.due_at = judged.due_at
            mail.reason = judged.reason
            self._wake(someone)
        else:
            self._settle(someone, mail, judged.state, judged.reason, now)
        if judged.state is DeliveryState.FAILED and outcome.blame is Blame.ADDRESS:
            someone.standing.suppressed = someone.standing.suppressed or ReasonName.ADDRESS_REFUSED.value
        if outcome.relay_down:
            return losses + 1
        return 0 if outcome.kind is OutcomeKind.ACCEPTED else losses

    def _take(self, someone: Someone, mail: Mail, now: datetime) -> None:
        self.story.taken.append((now, someone.soul.email, mail.occasion))
        self._letters.append(Letter(someone.soul, mail.occasion, mail.post, mail.kind, mail.list))
        self.lookout.took(someone, mail, now)

    # --- books ------------------------------------------------------------------------------------------------------

    def _plan(self, someone: Someone, mail: Mail) -> bool:
        """Whether this is the first mail of its occasion: the unique key of the store."""
        if mail.occasion in someone.had:
            return False
        someone.had.add(mail.occasion)
        someone.mails.append(mail)
        mail.number = next(self._planned)
        return True

    def _become(self, mail: Mail, state: DeliveryState) -> None:
        if not can_become(mail.state, state):
            self.lookout.note(f"{mail.occasion}: {mail.state} becomes {state}")
        mail.state = state

    def _settle(self, someone: Someone, mail: Mail, state: DeliveryState, reason: str, now: datetime) -> None:
        if not can_become(mail.state, state):
            self.lookout.note(f"{mail.occasion}: {mail.state} becomes {state}")
        settle_mail(someone.standing, mail, state, reason, now)
        self._wake(someone)
        lost = state is DeliveryState.UNCERTAIN and mail.kind is Kind.CONFIRMATION
        if lost and mail.attempt < CONFIRMATION_ATTEMPTS_MAX:
            self._lost.append((now, someone, mail))

    def _wake(self, someone: Someone) -> None:
        """One entry in the heap: when somebody has something due next."""
        wake: datetime | None = None
        for passage in someone.standing.passages:
            moment = passage.next_due
            if moment is not None and (wake is None or moment < wake):
                wake = moment
        for mail in someone.standing.mails:
            if mail.state is DeliveryState.DUE and (wake is None or mail.due_at < wake):
                wake = mail.due_at
        if wake != someone.wake:
            someone.wake = wake
            if wake is not None:
                heapq.heappush(self._due, (wake, someone.soul.number))

    def ends(self) -> list[str]:
        lines = []
        for _, someone in sorted(self.known.items()):
            who = someone.soul.email
            lines += [f"{who} {each.occasion} {each.state.value} {each.reason}" for each in
                      sorted(someone.mails, key=lambda each: each.occasion)]  # fmt: skip
            lines += [
                f"{who} {each.sequence} {each.occasion} {each.state.value} {each.end_reason} "
                + ",".join(sorted(f"{one.step}:{one.did.value}:{one.reason}" for one in each.done))
                for each in sorted(someone.standing.passages, key=lambda each: (each.sequence, each.occasion))
            ]
        return lines

    def settle(self) -> list[str]:
        """What is broken, the books at the end included."""
        for someone in self.known.values():
            self.lookout.settle(someone)
        return self.lookout.broken


def key_of(email: str, occasion: str) -> int:
    """What the distance of the next try hangs on, in place of the number of a row."""
    return zlib.crc32(f"{email} {occasion}".encode())


def main(words: list[str]) -> int:
    """Play many seeds and print the broken ones."""
    first, last = int(words[0]), int(words[1])
    people, days = (int(each) for each in words[2:4]) if len(words) > 3 else (1000, 180)
    bad, began = 0, time.process_time()
    for seed in range(first, last + 1):
        world = World(seed, people, days)
        story = world.play()
        broken = world.settle()
        bad += bool(broken)
        print(seed, world.digest()[:12], f"{len(story.taken)} mails, {len(story.deeds)} deeds, {story.died} died,"
              f" {story.edits} edits, {story.steps} clock steps, {story.naps} naps", flush=True)  # fmt: skip
        for line in broken[:20]:
            print(f"  BROKEN: {line}", flush=True)
    spent = time.process_time() - began
    print(f"{last - first + 1} seeds, {bad} with broken promises; {spent / (last - first + 1):.2f} s of CPU a seed",
          file=sys.stderr)  # fmt: skip
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
