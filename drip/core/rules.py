"""The fifteen rules of time and sequence in a sentence each, and which reason comes from which of them.

Data only: the rules are kept by `drip.core.decide` and its neighbors, and each has tests by its number. Called by `drip
why`, `drip explain` and the page docs/reasons.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drip.core.reasons import ReasonName

TEXTS: Mapping[int, str] = MappingProxyType(
    {
        1: "A clock survives a move: what is at 9:30 on a closed day goes at 9:30 on the next open one.",
        2: "`at once` asks no hours: who signs up at night is answered at night.",
        3: "A skipped step delays nothing: the next one still counts from what was done.",
        4: "Attendance may be unknown: then drip waits, at most a day, and never guesses.",
        5: "A reminder whose moment had passed at the registration is skipped, and none goes after the start.",
        6: "A late mail goes only as long as it is true, one at a time, and 12 hours apart from another drip mail.",
        7: "Days and weeks are days on the calendar where the reader lives; hours and minutes are elapsed time.",
        8: "`later` counts from what really happened.",
        9: "Edits apply to those inside: what is behind somebody stays behind them, and nobody is mailed all at once.",
        10: "Somebody enters a sequence once, or as `again:` says, and gets a post once on each occasion.",
        11: "Goal and stop are looked at in the moment of sending; the one completes, the other abandons.",
        12: "`at-most:` limits what one person gets in a day and a week; what it holds back has a deadline.",
        13: "A pause freezes; the resume says whether the time counts. The time of a reader's own break does not.",
        14: "Who gets which variant of a test is fixed for each person, and recorded.",
        15: "A run that would send far more than usual stops and asks.",
    }
)


RULES: Mapping[ReasonName, int] = MappingProxyType(
    {
        ReasonName.OUTSIDE_HOURS: 1,
        ReasonName.DUE: 2,
        ReasonName.CONDITION_FALSE: 3,
        ReasonName.ATTENDANCE_UNKNOWN: 4,
        ReasonName.ATTENDANCE_CORRECTED: 4,
        ReasonName.REGISTERED_LATE: 5,
        ReasonName.SESSION_STARTED: 5,
        ReasonName.TOO_LATE: 6,
        ReasonName.SPACING: 6,
        ReasonName.NOT_DUE: 8,
        ReasonName.STEP_REMOVED: 9,
        ReasonName.SEQUENCE_REMOVED: 9,
        ReasonName.MOVED_BY_AUTHOR: 9,
        ReasonName.ALREADY_SENT: 10,
        ReasonName.ENTERED_BEFORE: 10,
        ReasonName.GOAL_REACHED: 11,
        ReasonName.STOP_REACHED: 11,
        ReasonName.STOPS_FIRST: 11,
        ReasonName.CAPPED: 12,
        ReasonName.PAUSED: 13,
        ReasonName.ON_BREAK: 13,
    }
)
"""The rule of time and sequence that a reason comes from, by its number; docs/reasons.md has them in words."""


def rule_of(name: str) -> int | None:
    """The number of the rule behind a reason, by its stable name, also where the store kept nothing but that."""
    return RULES.get(ReasonName(name)) if name in ReasonName.__members__.values() else None
