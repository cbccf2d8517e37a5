"""What an edit of a campaign does to one person who is inside it (rule 9), the same as `drip.store.replanning` does to
all of them at once in SQL. Pure; changes the `Standing` in place. Called by the forecast of what is not applied yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from drip.core.course import NOT_BEGUN, end
from drip.core.delivery import DeliveryState
from drip.core.model import Campaign, Sequence
from drip.core.places import Place, places
from drip.core.reasons import ReasonName
from drip.core.records import EnrollmentState, StepDone
from drip.core.renames import carried_over, post_names, sequence_names
from drip.core.standing import Passage, Standing


class Edit:
    """One edit: from the live campaign to the wanted one. Made once, applied to everybody."""

    def __init__(self, live: Campaign, wanted: Campaign, *, zone_changed: bool = False) -> None:
        self.wanted = wanted
        self.names = sequence_names(live, wanted)
        self.posts = post_names(live, wanted)
        live = carried_over(live, wanted)
        self.kept = frozenset(each.name for each in wanted.sequences)
        self.lines = [
            _Line(live, wanted, sequence, zone_changed)
            for sequence in wanted.sequences
            if live.sequence_named(sequence.name) is not None
        ]

    def apply(self, standing: Standing, now: datetime) -> None:
        """Let it take effect for one person."""
        if self.names:
            _rename_sequences(standing, self.wanted.name, self.names)
        if self.posts and self.wanted.name in standing.clicked:
            clicked = standing.clicked[self.wanted.name]
            standing.clicked[self.wanted.name] = {self.posts.get(each, each) for each in clicked}
        for passage in standing.running(self.wanted.name):
            if passage.sequence not in self.kept and passage.plot is None:
                end(standing, passage, EnrollmentState.STOPPED, ReasonName.SEQUENCE_REMOVED.value, now)
        for line in self.lines:
            line.apply(standing, now)


def _rename_sequences(standing: Standing, campaign: str, names: Mapping[str, str]) -> None:
    """Sequences with another name: whoever is inside stays inside, with all that is behind them."""

    def renamed(step: str | None) -> str | None:
        sequence, slash, rest = (step or "").partition("/")
        return f"{names.get(sequence, sequence)}{slash}{rest}" if step else step

    for passage in standing.passages:
        if passage.campaign == campaign and passage.sequence in names:
            passage.done = tuple(replace(each, step=renamed(each.step) or "") for each in passage.done)
            passage.next_step = renamed(passage.next_step)
            passage.sequence = names[passage.sequence]
    for mail in standing.mails:
        if mail.campaign == campaign:
            mail.step = renamed(mail.step)
    if campaign in standing.variants:
        given = standing.variants[campaign]
        standing.variants[campaign] = {renamed(step) or "": post for step, post in given.items()}


class _Line:
    """The edit of one sequence."""

    def __init__(self, live: Campaign, wanted: Campaign, sequence: Sequence, zone_changed: bool) -> None:
        was = live.sequence_named(sequence.name)
        assert was is not None, "it was live"
        self.campaign, self.sequence = wanted.name, sequence
        self.names = {old: step.identity for step in sequence.steps for old in step.identities - {step.identity}}
        known = {each.identity for each in sequence.steps} | set(self.names)
        self.removed = frozenset(each.identity for each in was.steps) - known
        reopened = {each.identity for each in was.steps if each.reopen}
        self.reopens = any(each.reopen for each in sequence.steps)
        self.is_new = any(each.reopen and not each.identities & reopened for each in sequence.steps)
        self.places = () if self.reopens else places(live, wanted, sequence.name, zone_changed=zone_changed)
        self.releases = was.is_pinned and not sequence.is_pinned
        self.moves = bool(self.removed) or not all(each.is_same for each in self.places)
        self.position = {each.step.identity: each.position for each in self.places}

    def apply(self, standing: Standing, now: datetime) -> None:
        if self.releases:
            self._release(standing, now)
        if self.names:
            self._rename(standing)
        if self.removed:
            self._drop(standing, now)
        for passage in list(standing.running(self.campaign)):
            if passage.sequence != self.sequence.name or passage.next_due is None or passage.plot is not None:
                continue
            if self.reopens:
                passage.next_due = now
                passage.replanned_at = now if self.is_new else passage.replanned_at
            elif self.moves:
                self._place(standing, passage, now)

    def _release(self, standing: Standing, now: datetime) -> None:
        """Who kept a revision goes by the wanted one from now on."""
        for passage in standing.running(self.campaign):
            if passage.sequence == self.sequence.name and passage.plot is not None:
                passage.plot, passage.replanned_at = None, now
                passage.next_due = now if passage.next_due is not None else None

    def _rename(self, standing: Standing) -> None:
        for passage in standing.passages:
            if (passage.campaign, passage.sequence) == (self.campaign, self.sequence.name) and passage.plot is None:
                passage.done = _renamed(passage, self.names)
                passage.next_step = self.names.get(passage.next_step or "", passage.next_step)
        given = standing.variants.get(self.campaign, {})
        for old, new in self.names.items():
            if old in given:
                given.setdefault(new, given[old])
        for mail in standing.mails:
            if mail.campaign == self.campaign and (mail.passage is None or mail.passage.plot is None):
                mail.step = self.names.get(mail.step or "", mail.step)

    def _drop(self, standing: Standing, now: datetime) -> None:
        """What is planned of a step that is gone, and not begun, is taken back; who waits for it goes on."""
        theirs = [each for each in standing.mails if each.campaign == self.campaign and each.passage is not None]
        for mail in theirs:
            if mail.passage is not None and mail.passage.plot is not None:
                continue
            if mail.step in self.removed and mail.state in NOT_BEGUN:
                mail.state, mail.reason = DeliveryState.CANCELLED, ReasonName.STEP_REMOVED.value
                standing.mails.remove(mail)
        sending = {id(each.passage) for each in standing.mails if each.state is DeliveryState.SENDING}
        for passage in standing.running(self.campaign):
            waits = passage.next_due is None and passage.next_step in self.removed
            if waits and id(passage) not in sending and passage.plot is None:
                passage.next_due = now

    def _place(self, standing: Standing, passage: Passage, now: datetime) -> None:
        """Put somebody at the step that is now theirs, to be looked at when it could be due."""
        furthest = max((self.position.get(each.step, -1) for each in passage.done), default=-1)
        if furthest + 1 >= len(self.places):
            end(standing, passage, EnrollmentState.DONE, ReasonName.ALL_STEPS_DONE.value, now)
            return
        place: Place = self.places[furthest + 1]
        identity = place.step.identity
        if place.is_same and passage.next_step == identity:
            return
        seat = standing.seats.get(passage.registration_id) if passage.registration_id is not None else None
        anchor = max((each.at for each in passage.done if each.did.moves_anchor), default=passage.started_at)
        if passage.next_step is not None and (place.is_edited or passage.next_step != identity):
            passage.replanned_at = now
        passage.next_due = place.bounds.moment(anchor, seat.session if seat is not None else None, now)
        passage.next_step = identity


def _renamed(passage: Passage, names: Mapping[str, str]) -> tuple[StepDone, ...]:
    held = {each.step for each in passage.done}
    # Whoever has the new name behind them keeps that; the old line says nothing more.
    return tuple(
        replace(each, step=names.get(each.step, each.step))
        for each in passage.done
        if each.step not in names or names[each.step] not in held
    )
