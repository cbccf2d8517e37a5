"""Pause and resume: a campaign, one of its sequences, or all that is live, stands still and goes on (rule 13).

A pause of a campaign is one of each of its sequences and of its broadcasts, so each can be resumed by itself. Events
are still taken while it lasts: who registers, leaves or reaches the goal does so. What a person has just asked for goes
on as well: confirmations, and the sequences that start with `registers`, unless everything is to stand still.
Called by `drip pause` and `drip resume`.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.model import Campaign, Sequence, TriggerKind
from drip.core.places import places
from drip.core.records import Pause, ResumeMode
from drip.errors import NotFound

if TYPE_CHECKING:
    from drip.engine.engine import Engine
    from drip.engine.live import Edition
    from drip.engine.scene import Scene
    from drip.store.results import Standstill

BROADCASTS = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to stand still or go on: all, a campaign, or one sequence of it."""

    campaign: str = ""
    sequence: str = ""


@dataclass(frozen=True, slots=True)
class Stilled:
    """One sequence (or the broadcasts, "") and what stands still in it. `is_new`: not before this call."""

    pause: Pause
    numbers: Standstill
    is_new: bool


@dataclass(frozen=True, slots=True)
class Paused:
    """What a pause came to. `goes_on` are the sequences, by `campaign/sequence`, that it spared."""

    stilled: tuple[Stilled, ...]
    goes_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resumed:
    """One sequence (or the broadcasts) that goes on, and what that makes due at once."""

    pause: Pause
    numbers: Standstill


def pause(engine: Engine, target: Target, now: datetime, *, everything: bool = False, dry_run: bool = False) -> Paused:
    """Let it stand still from the commit on. Raises NotFound, CannotRecord."""
    if dry_run:
        with engine.store.read() as work:
            return _would_pause(engine.scene(work, now), target, everything)
    return engine.store.transact(lambda work: _pause(engine.scene(work, now), target, everything))


def resume(
    engine: Engine, target: Target, mode: ResumeMode, now: datetime, *, dry_run: bool = False
) -> tuple[Resumed, ...]:
    """Let it go on, in one transaction; what went on already is left out. Raises NotFound, CannotRecord."""
    if dry_run:
        with engine.store.read() as work:
            found = _open(engine.scene(work, now), target)
            return tuple(Resumed(each, work.standstill(each, mode, now)) for each in found)
    return engine.store.transact(lambda work: _resume(engine.scene(work, now), target, mode))


def cover_new(scene: Scene, before: Campaign | None, edition: Edition) -> None:
    """A sequence that comes into a paused campaign stands still with the others."""
    campaign = edition.campaign
    assert campaign is not None, "it is a campaign's edition"
    open_ = {each.sequence: each for each in scene.work.open_pauses(campaign.name)}
    whole = open_.get(BROADCASTS)
    if whole is None:
        return
    for sequence in campaign.sequences:
        is_new = before is None or before.sequence_named(sequence.name) is None
        if is_new and sequence.name not in open_ and (whole.everything or not goes_on(sequence)):
            scene.work.begin_pause(campaign.name, sequence.name, scene.now, everything=whole.everything)


def goes_on(sequence: Sequence) -> bool:
    """Whether a pause of the whole campaign spares it: it answers a registration and reminds of it."""
    return sequence.start.kind is TriggerKind.REGISTERS


# --- pause ---------------------------------------------------------------------------------------------------


def _places(scene: Scene, target: Target, everything: bool) -> tuple[list[tuple[str, str]], list[str]]:
    """What the target means now: campaigns and sequences, and those that are spared."""
    chosen: list[tuple[str, str]] = []
    spared: list[str] = []
    for campaign in _campaigns(scene, target):
        if target.sequence:
            chosen.append((campaign.name, target.sequence))
            continue
        chosen.append((campaign.name, BROADCASTS))
        for each in campaign.sequences:
            if everything or not goes_on(each):
                chosen.append((campaign.name, each.name))
            else:
                spared.append(f"{campaign.name}/{each.name}")
    return chosen, spared


def _campaigns(scene: Scene, target: Target) -> list[Campaign]:
    live = [each.campaign for each in scene.live.campaigns(scene.work) if each.campaign is not None]
    if not target.campaign:
        return live
    found = next((each for each in live if each.name == target.campaign), None)
    if found is None:
        hint = f"live are: {', '.join(each.name for each in live) or 'none; see `drip apply`'}"
        raise NotFound(f"there is no live campaign `{target.campaign}`", hint=hint)
    if target.sequence and found.sequence_named(target.sequence) is None:
        hint = f"it has: {', '.join(each.name for each in found.sequences) or 'none'}"
        raise NotFound(f"`{target.campaign}` has no sequence `{target.sequence}`", hint=hint)
    return [found]


def _would_pause(scene: Scene, target: Target, everything: bool) -> Paused:
    chosen, spared = _places(scene, target, everything)
    open_ = {(each.campaign, each.sequence): each for each in scene.work.open_pauses()}
    stilled = []
    for place in chosen:
        found = open_.get(place)
        as_if = found or Pause(0, *place, scene.now, everything)
        stilled.append(Stilled(as_if, scene.work.inside(as_if), found is None))
    return Paused(tuple(stilled), _left(spared, open_))


def _pause(scene: Scene, target: Target, everything: bool) -> Paused:
    work = scene.work
    chosen, spared = _places(scene, target, everything)
    stilled = []
    for campaign, sequence in chosen:
        begun = work.begin_pause(campaign, sequence, scene.now, everything=everything)
        if begun is not None:
            numbers = work.freeze(begun)
            stilled.append(Stilled(begun, numbers, is_new=True))
            _log(scene, "paused", begun, f"{numbers.people} people, {numbers.mails} planned mails")
            continue
        found = next(each for each in work.open_pauses(campaign) if each.sequence == sequence)
        stilled.append(Stilled(found, work.inside(found), is_new=False))
    open_ = {(each.campaign, each.sequence): each for each in work.open_pauses()}
    scene.write_log()
    return Paused(tuple(stilled), _left(spared, open_))


def _left(spared: Many[str], open_: dict[tuple[str, str], Pause]) -> tuple[str, ...]:
    paused = {f"{campaign}/{sequence}" for campaign, sequence in open_}
    return tuple(each for each in spared if each not in paused)


# --- resume --------------------------------------------------------------------------------------------------


def _open(scene: Scene, target: Target) -> list[Pause]:
    if target.campaign and not scene.work.open_pauses(target.campaign):
        _campaigns(scene, target)  # raises, where there is nothing of that name
    found = scene.work.open_pauses(target.campaign or None)
    return [each for each in found if not target.sequence or each.sequence == target.sequence]


def _resume(scene: Scene, target: Target, mode: ResumeMode) -> tuple[Resumed, ...]:
    resumed = []
    for each in _open(scene, target):
        numbers = scene.work.standstill(each, mode, scene.now)
        if not scene.work.end_pause(each, mode, scene.now):
            continue  # somebody else was first
        _thaw(scene, each, mode)
        resumed.append(Resumed(each, numbers))
        _log(scene, "resumed", each, f"{mode.value}: {numbers.people} people, {numbers.mails} planned mails")
    scene.write_log()
    return tuple(resumed)


def _thaw(scene: Scene, found: Pause, mode: ResumeMode) -> None:
    edition = scene.live.campaign(scene.work, found.campaign)
    campaign = edition.campaign if edition is not None else None
    sequence = campaign.sequence_named(found.sequence) if campaign is not None else None
    if campaign is None or sequence is None:
        scene.work.thaw(found, mode, scene.now)
        return
    # Who is past a step that reopens stands at two places; only a look at each of them tells which.
    spots = () if any(each.reopen for each in sequence.steps) else places(None, campaign, sequence.name)
    stop = sequence.stop.kind if sequence.stop is not None else None
    webinar = campaign.webinar
    # Where no session takes place any more, it is as if the last one had begun.
    ends = webinar.last_start or scene.now if webinar is not None and webinar.sessions else None
    scene.work.thaw(
        found,
        mode,
        scene.now,
        places=spots,
        stops_at=ends if stop is TriggerKind.LAST_SESSION_STARTS else None,
        # What stops at the end of each reader's own session is good no longer than it was.
        shifts_mails=stop is not TriggerKind.SESSION_ENDS,
    )


def _log(scene: Scene, kind: str, found: Pause, detail: str) -> None:
    scene.log(
        kind, None, campaign=found.campaign, subject=found.sequence or "broadcasts", reason="by-author", detail=detail
    )
