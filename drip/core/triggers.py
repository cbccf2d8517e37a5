"""The triggers: what can start a sequence, complete it (goal) or stop it. One row per trigger.

Pure. It reads phrases and compares; what happened is told by the engine, and what is so is judged by `decide`.
Called by the authoring room (phrases) and by the engine (does this event start or end that sequence?).
To add a trigger: a row here, a member of `TriggerKind`, and a line in `drip.core.decide.REACHED`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from drip.core.model import Trigger, TriggerKind
from drip.core.phrases import LIKENESS_MIN, Word, Words, tidy

START, GOAL, STOP = "start", "goal", "stop"
ROLES = (START, GOAL, STOP)
ROLE_VERBS = {START: "start a sequence", GOAL: "be a goal", STOP: "stop a sequence"}


@dataclass(frozen=True, slots=True)
class TriggerRow:
    """One trigger: its words, what its argument names ("" without one), and the roles that it can play."""

    kind: TriggerKind
    words: tuple[str, ...]
    argument: str
    example: str
    roles: frozenset[str]


def _row(kind: TriggerKind, argument: str, example: str, *roles: str) -> TriggerRow:
    return TriggerRow(kind, tuple(kind.value.split()), argument, example, frozenset(roles))


TRIGGERS: tuple[TriggerRow, ...] = (
    _row(TriggerKind.JOINS, "list", "joins job-seekers", START, GOAL, STOP),
    # Somebody who left did not ask for more mail, so leaving starts nothing and is nobody's goal.
    _row(TriggerKind.LEAVES, "list", "leaves job-seekers", STOP),
    _row(TriggerKind.GETS_TAG, "tag", "gets tag customer", START, GOAL, STOP),
    _row(TriggerKind.REGISTERS, "", "registers", START, GOAL, STOP),
    _row(TriggerKind.CANCELS, "", "cancels", START, STOP),
    _row(TriggerKind.SESSION_ENDS, "", "session ends", START, STOP),
    # It happens to the calendar, not to a person: nobody could be enrolled by it.
    _row(TriggerKind.LAST_SESSION_STARTS, "", "last session starts", STOP),
    _row(TriggerKind.CLICKS, "post", "clicks last-seats", START, GOAL, STOP),
)

TRIGGER_WORD = re.compile(r"[^\s]+")
ARGUMENT = re.compile(r"[^\W_][\w./-]*")


def parse_trigger(phrase: str, *, role: str) -> Trigger:
    """Read a `start`, `goal` or `stop`. Raises PhraseError, with a suggestion where the phrase is nearly right."""
    usage = f"a {role} is one of {', '.join(f'`{row.example}`' for row in TRIGGERS if role in row.roles)}"
    words = Words(phrase, TRIGGER_WORD, usage)
    row = _row_of(words)
    last = words.words[-1]
    if row is None:
        hint = _suggestion(words.words, role)
        raise words.fault(f"`{tidy(phrase)}` is no {role}", words.words[0], until=last, suggestion=hint)
    if role not in row.roles:
        message = f"`{row.kind.value}` cannot {ROLE_VERBS[role]}"
        raise words.fault(message, words.words[0], until=words.words[len(row.words) - 1])
    argument = None
    if row.argument:
        word = words.take(f"the name of a {row.argument}")
        argument = word.text
        if not ARGUMENT.fullmatch(argument):
            raise words.fault(f"`{argument}` is not the name of a {row.argument}", word)
    words.end()
    return Trigger(tidy(phrase), row.kind, argument)


def _row_of(words: Words) -> TriggerRow | None:
    """The row whose words the phrase begins with; the cursor then stands behind them."""
    folded = tuple(word.folded for word in words.words)
    for row in TRIGGERS:
        if folded[: len(row.words)] == row.words:
            words.index = len(row.words)
            return row
    return None


def _suggestion(words: tuple[Word, ...], role: str) -> str:
    """The trigger that was probably meant, with the rest of the phrase as its argument."""
    best, likeness = "", LIKENESS_MIN
    for row in TRIGGERS:
        if role not in row.roles:
            continue
        length = len(row.words)
        head = " ".join(word.folded for word in words[:length])
        score = SequenceMatcher(None, head, row.kind.value).ratio()
        rest = [word.text for word in words[length:]]
        if score >= likeness and len(rest) == (1 if row.argument else 0):
            best, likeness = " ".join((row.kind.value, *rest)), score
    return f"write `{best}`" if best else ""


def matches(trigger: Trigger, kind: TriggerKind, argument: str | None) -> bool:
    """Whether what happened is what this trigger waits for."""
    return trigger.kind is kind and (trigger.argument is None or trigger.argument == argument)
