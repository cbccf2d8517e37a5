"""Conditions, `if:` of a step and `where:` of a broadcast: a small tree, judged by `drip.core.segments`.

Frozen data only, part of the model: read them from `drip.core.model`, where they stand beside what uses them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attended:
    """The reader attended the session of this enrollment (unknown until known: rule 4)."""


@dataclass(frozen=True, slots=True)
class Missed:
    """The reader missed the session of this enrollment (unknown until known: rule 4)."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The reader has a booked registration for the campaign's webinar."""


@dataclass(frozen=True, slots=True)
class HasTag:
    """The reader has this tag."""

    tag: str


@dataclass(frozen=True, slots=True)
class FieldIs:
    """The reader's field has this value (compared without regard to case)."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class OnList:
    """The reader has an active subscription to this list."""

    list: str


@dataclass(frozen=True, slots=True)
class Clicked:
    """The reader clicked a link in this post."""

    post: str


@dataclass(frozen=True, slots=True)
class JoinedWithin:
    """The reader's first active subscription began at most so many days ago."""

    days: int


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a term; unknown stays unknown."""

    term: Term


@dataclass(frozen=True, slots=True)
class And:
    """All terms hold."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one term holds."""

    terms: tuple[Term, ...]


Term = Attended | Missed | Registered | HasTag | FieldIs | OnList | Clicked | JoinedWithin | Not | And | Or


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed `if` or `where`: the author's words and the tree they mean."""

    phrase: str
    term: Term
