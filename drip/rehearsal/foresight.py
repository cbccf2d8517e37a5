"""Holds a forecast against what was then played, person by person and day by day, and names what made the difference.

A forecast says what happens if nobody acts, so whoever did not act must get exactly what was foreseen, on its day. For
everybody else the first difference comes after a deed, and that deed is named. Called by `drip rehearse --from-db` and
by the simulation; pure, but for the play that it reads.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from drip.core.forecast import Turn, ahead
from drip.core.model import TriggerKind
from drip.core.records import SubscriberId
from drip.core.when import local_wall
from drip.rehearsal.relay import NONE

if TYPE_CHECKING:
    from drip.rehearsal.play import Play

CAME = "joins the session"
"""The one deed that concerns others: once somebody is seen to come, whoever is not seen missed the session."""
RELAY = "the relay"
CAP = "`at-most` of drip.yaml"


@dataclass(frozen=True, slots=True)
class Mailed:
    """A mail to somebody: foreseen, or played. `what` is its step, or its post."""

    who: str
    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Done:
    """A deed of somebody."""

    who: str
    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What somebody got on a day otherwise than foreseen. `because` is the deed before it; "" where there is none."""

    who: str
    day: date
    what: str
    foreseen: int
    played: int
    because: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A forecast and what came of it. `same` people got just what was foreseen, of `people`."""

    people: int
    same: int
    foreseen: int
    played: int
    differences: tuple[Difference, ...]

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """The differences that no deed explains: there must be none."""
        return tuple(each for each in self.differences if not each.because)

    @property
    def reasons(self) -> Counter[str]:
        """How many people differ by which kind of deed, without names."""
        first = {each.who: each.because for each in reversed(self.differences)}
        return Counter(each.partition(": ")[2] or each or "unexplained" for each in first.values())


def compare(
    people: Iterable[str],
    foreseen: Sequence[Mailed],
    played: Sequence[Mailed],
    deeds: Sequence[Done],
    *,
    zone: str,
    follow_ups: frozenset[str] = frozenset(),
) -> Comparison:
    """The forecast against the play, by days on the clock of that zone. Only these people were looked at.

    `follow_ups` are the sequences that ask who came: what is known of others counts there.
    """
    known = set(people)
    own: dict[str, list[Done]] = defaultdict(list)
    for deed in sorted(deeds, key=lambda each: each.at):
        own[deed.who].append(deed)
    comers = sorted((each for each in deeds if each.what.startswith(CAME)), key=lambda each: each.at)
    expected, got = _by_person(foreseen, zone), _by_person(played, zone)
    differences: list[Difference] = []
    differing = set()
    for who in sorted(known):
        alone = (expected[who] - got[who]) + (got[who] - expected[who])
        first = min(alone, default=None)
        others = comers if first is not None and first[1].partition("/")[0] in follow_ups else []
        for day, what in sorted(alone):
            because = _because(own[who], day, zone) or _because(others, day, zone)
            differences.append(Difference(who, day, what, expected[who][day, what], got[who][day, what], because))
            differing.add(who)
    ahead_of, sent_to = (sum(mails[who].total() for who in known) for mails in (expected, got))
    return Comparison(len(known), len(known) - len(differing), ahead_of, sent_to, tuple(differences))


def _by_person(mails: Iterable[Mailed], zone: str) -> defaultdict[str, Counter[tuple[date, str]]]:
    found: defaultdict[str, Counter[tuple[date, str]]] = defaultdict(Counter)
    for each in mails:
        found[each.who][local_wall(each.at, zone).date(), each.what] += 1
    return found


def _because(deeds: Iterable[Done], day: date, zone: str) -> str:
    """The last deed up to that day."""
    before = [each for each in deeds if local_wall(each.at, zone).date() <= day]
    return f"{before[-1].who}: {before[-1].what}" if before else ""


def foresight_of(play: Play, turns: Mapping[SubscriberId, Turn | None]) -> Comparison:
    """A finished play against the first turns of the people that it began with."""
    emails = {number: one.email for number, one in play.by_id.items() if number in turns}
    foreseen = [
        Mailed(emails[number], each.at, each.step or each.post)
        for number, turn in turns.items()
        if number in emails
        for each in ahead(turn)
    ]
    played = [Mailed(each.person.email, each.at, each.delivery.step or each.delivery.post) for each in play.taken]
    deeds = [Done(one.email, at, what) for at, one, what in play.deeds]
    follow_ups = frozenset(
        sequence.name
        for campaign in play.campaigns().values()
        for sequence in campaign.sequences
        if sequence.start.kind is TriggerKind.SESSION_ENDS
    )
    zone = play.definition.timezone
    found = compare(emails.values(), foreseen, played, deeds, zone=zone, follow_ups=follow_ups)
    # What nobody did to anybody: they put mails off, and with them all that counts from them.
    powers = [RELAY] if play.setting.faults != NONE else []
    powers += [CAP] if play.definition.at_most is not None else []
    if not powers:
        return found
    told = tuple(each if each.because else replace(each, because=" or ".join(powers)) for each in found.differences)
    return replace(found, differences=told)
