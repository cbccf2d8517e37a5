"""Holds the model to the rules, by arithmetic of its own: every mail as it is planned and as it is taken.

It asks the core nothing but what a campaign says. A broken promise is one line. Called by world.py.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from drip.core.model import Campaign, Hours, Sequence, Step, TriggerKind, Unit, Verb, WhenKind
from drip.core.records import Attendance, Kind, RegistrationState
from drip.core.standing import Mail, Passage, Standing

if TYPE_CHECKING:
    from drip.core.edited import Edit
    from tests.simulation.reception import Someone

SHOWN_MAX = 100
HAPPENED = ("sent", "acted", "uncertain")
SPACING = timedelta(hours=12)


class Lookout:
    """Notes what is broken."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.number = 0
        self._got: set[tuple[str, str]] = set()
        self._lines: set[tuple[str, int, str]] = set()

    def note(self, text: str) -> None:
        """One broken promise."""
        self.number += 1
        if len(self.broken) < SHOWN_MAX:
            self.broken.append(text)

    def renamed(self, someone: Someone, edit: Edit) -> None:
        """The author edited; nothing of what anybody had is forgotten."""

    def moved(self, someone: Someone, passage: Passage, now: datetime) -> None:
        """Somebody was looked at: from now on they wait for a known moment, for a mail, or it is over."""
        if passage.is_running:
            if passage.next_due is None:
                if not any(each.passage is passage for each in someone.standing.mails):
                    self.note(f"{now}: {someone.soul.email} waits for nothing in {passage.sequence}")
            elif passage.next_due <= now:
                self.note(f"{now}: {someone.soul.email} waits for the past in {passage.sequence}")
        elif not passage.end_reason:
            self.note(f"{now}: {someone.soul.email} is out of {passage.sequence} for no reason")

    # --- as it is planned -------------------------------------------------------------------------------------------

    def planned(self, someone: Someone, passage: Passage, mail: Mail, campaign: Campaign, now: datetime) -> None:
        """A mail was planned by a step."""
        sequence = campaign.sequence_named(passage.sequence)
        assert sequence is not None
        place = next(index for index, each in enumerate(sequence.steps) if each.identity == mail.step)
        step = sequence.steps[place]
        who = f"{now:%m-%d %H:%M} {someone.soul.email} {mail.step}"
        self._behind(who, sequence, step, place, passage)
        self._attended(who, step, passage, someone.standing)
        self._over(who, sequence, campaign, someone.standing)
        if step.when.kind is WhenKind.LATER:
            self._later(who, sequence, step, passage, mail, someone.standing)

    def _behind(self, who: str, sequence: Sequence, step: Step, place: int, passage: Passage) -> None:
        done = {each.step for each in passage.done}
        for index, each in enumerate(sequence.steps):
            names = {each.identity, *(f"{sequence.name}/{was}" for was in each.was)}
            if names & done and index >= place and not (step.reopen and index > place):
                self.note(f"{who}: sent behind the reader, who is past {each.identity}")
                return

    def _attended(self, who: str, step: Step, passage: Passage, standing: Standing) -> None:
        phrase = step.condition.phrase if step.condition is not None else ""
        wanted = {"attended": Attendance.ATTENDED, "missed": Attendance.MISSED}.get(phrase)
        if wanted is not None and passage.registration_id is not None:
            known = standing.seats[passage.registration_id].attendance
            if known is not wanted:
                self.note(f"{who}: to somebody of whom it is {known.value} whether they came")

    def _over(self, who: str, sequence: Sequence, campaign: Campaign, standing: Standing) -> None:
        for role, trigger in (("goal", sequence.goal), ("stop", sequence.stop)):
            if trigger is None or trigger == sequence.start:
                continue
            is_so = False
            if trigger.kind is TriggerKind.REGISTERS and not sequence.start.knows_session:
                booked = RegistrationState.BOOKED
                is_so = any(each.registration.state is booked for each in standing.seats.values())
            elif trigger.kind is TriggerKind.GETS_TAG:
                is_so = trigger.argument in standing.subscriber.tags
            elif trigger.kind is TriggerKind.JOINS:
                is_so = trigger.argument in standing.lists
            if is_so:
                self.note(f"{who}: after the {role} `{trigger.phrase}`")

    def _later(
        self, who: str, sequence: Sequence, step: Step, passage: Passage, mail: Mail, standing: Standing
    ) -> None:
        """The moment of the step by plain arithmetic, from what really happened last."""
        when, zone = step.when, ZoneInfo(standing.zone)
        anchor = max((each.at for each in passage.done if each.did.value in HAPPENED), default=passage.started_at)
        due = mail.due_at
        wall = due.astimezone(zone).replace(tzinfo=None)
        hours = sequence.hours
        on_clock = when.clock is not None and (hours is None or hours.opens <= when.clock < hours.closes)
        if on_clock and wall.time() != when.clock and _exists(wall.date(), when.clock or time(), zone):
            self.note(f"{who}: due at {wall:%a %H:%M} in {zone.key}, not at {when.clock}")
        if hours is not None and not _open(wall, hours):
            self.note(f"{who}: due at {wall:%a %H:%M} in {zone.key}, outside {hours.phrase}")
        edited = passage.replanned_at is not None and passage.replanned_at > anchor
        base = _plain(step, anchor, zone)
        if edited or base is None:
            return
        if due < base:
            self.note(f"{who}: due {due}, {base - due} before its time")
        last = standing.last_drip_at
        spaced = last is not None and not sequence.is_service and last + SPACING > base
        if hours is None and not spaced and due != base and not (on_clock and due - base < timedelta(days=2)):
            self.note(f"{who}: due {due}, and not {base}")
        if spaced and last is not None and due < last + SPACING:
            self.note(f"{who}: {due - last} after the last drip mail")

    # --- as it is taken ---------------------------------------------------------------------------------------------

    def took(self, someone: Someone, mail: Mail, now: datetime) -> None:
        """The relay took a mail."""
        email = someone.soul.email
        who = f"{now:%m-%d %H:%M} {email} {mail.post}"
        if mail.kind is not Kind.CONFIRMATION:
            if (email, mail.occasion) in self._got:
                self.note(f"{who}: twice on one occasion")
            self._got.add((email, mail.occasion))
        if mail.list is not None and someone.refused.get(mail.list):
            self.note(f"{who}: after they unsubscribed")
        if mail.expires_at is not None and now > mail.expires_at:
            self.note(f"{who}: stale, good until {mail.expires_at}")
        passage = mail.passage
        if passage is None or mail.plot is None:
            return
        line = (email, id(passage), mail.post.partition("-")[0] if mail.post[:1] == "p" else mail.post)
        if line in self._lines and line[2] != "p15":
            self.note(f"{who}: twice in one passage, under another name")
        self._lines.add(line)
        sequence = mail.plot.sequence_named(passage.sequence)
        steps = sequence.steps if sequence is not None else ()
        step = next((each for each in steps if each.identity == mail.step), None)
        if sequence is None or step is None:
            return
        zone = ZoneInfo(someone.standing.zone)
        timed = step.when.kind in (WhenKind.LATER, WhenKind.AFTER_SESSION) and step.verb is not Verb.NOTIFY
        wall = now.astimezone(zone).replace(tzinfo=None)
        if timed and sequence.hours is not None and not _open(wall, sequence.hours):
            self.note(f"{who}: at {wall:%a %H:%M}, outside {sequence.hours.phrase}")
        if step.when.kind is WhenKind.BEFORE_SESSION and passage.registration_id is not None:
            seat = someone.standing.seats[passage.registration_id]
            if now >= seat.session.starts:
                self.note(f"{who}: a reminder after the start")

    def settle(self, someone: Someone) -> None:
        """The books of one person: everything planned is in a state, and everybody waits for something or is out."""
        for passage in someone.standing.passages:
            waits = passage.next_due is not None or any(each.passage is passage for each in someone.standing.mails)
            if passage.is_running and not waits:
                self.note(f"{someone.soul.email} waits for nothing in {passage.sequence}")
            if not passage.is_running and not passage.end_reason:
                self.note(f"{someone.soul.email} is out of {passage.sequence} for no reason")
        live = {id(each) for each in someone.standing.mails}
        for mail in someone.mails:
            if (id(mail) in live) != (mail.state.value in ("due", "claimed", "sending", "held")):
                self.note(f"{someone.soul.email} {mail.occasion}: {mail.state.value}, and lost from the books")
        if len(someone.mails) != len(someone.had):
            self.note(f"{someone.soul.email}: {len(someone.mails)} mails on {len(someone.had)} occasions")


def _plain(step: Step, anchor: datetime, zone: ZoneInfo) -> datetime | None:
    """Anchor and distance, nothing else; None where a change of clocks makes it a matter of rules."""
    when = step.when
    if when.unit is Unit.MINUTES or when.unit is Unit.HOURS:
        return anchor + timedelta(**{when.unit.value: when.amount})
    days = when.amount * (7 if when.unit is Unit.WEEKS else 1)
    wall = anchor.astimezone(zone).replace(tzinfo=None, fold=0) + timedelta(days=days)
    if when.clock is not None:
        wall = datetime.combine(wall.date(), when.clock)
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    return moment if moment.astimezone(zone).replace(tzinfo=None) == wall else None


def _exists(day: date, clock: time, zone: ZoneInfo) -> bool:
    wall = datetime.combine(day, clock)
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall


def _open(wall: datetime, hours: Hours) -> bool:
    closed = any(each.first <= wall.date() <= each.last for each in hours.closed)
    return not closed and wall.weekday() in hours.weekdays and hours.opens <= wall.time() < hours.closes
