"""What looks like a rename that was not told: something is gone, and something new stands in its place.

Pure. It never takes one for the other, since a wrong guess would send a post twice or not at all; it only says what to
write if they are the same (DESIGN §7 rule 9). Called by `drip.core.plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from drip.core.model import Campaign, Post, Step
from drip.core.model import Sequence as Plot

T = TypeVar("T")
ALIKE_MIN = 0.5
"""As much of what two sequences, or two posts, have must be the same, to ask whether they are."""


def step_hints(before: Plot, wanted: Plot) -> Mapping[str, str]:
    """By the identity of a new step: what to write if it is the one that is gone from its place."""
    old = [each.identity for each in before.steps]
    known = {name: step.identity for step in wanted.steps for name in step.identities}
    gone = [each for each in before.steps if each.identity not in known]
    new = [each for each in wanted.steps if not each.identities & set(old)]
    hints = {}
    for one in new:
        place = _neighbors(one, wanted.steps, new)
        mine = [
            each
            for each in gone
            if each.verb is one.verb and _renamed(_neighbors(each, before.steps, gone), known) == place
        ]
        if len(mine) == 1:
            gone.remove(mine[0])
            hints[one.identity] = hint(mine[0].target, one.target)
    return hints


def _neighbors(one: Step, steps: Sequence[Step], besides: Sequence[Step]) -> tuple[str, str]:
    """The steps before and behind that are in both sequences; "" at the ends."""
    index = steps.index(one)
    ahead = [each.identity for each in steps[:index] if each not in besides]
    behind = [each.identity for each in steps[index + 1 :] if each not in besides]
    return (ahead[-1] if ahead else "", behind[0] if behind else "")


def _renamed(neighbors: tuple[str, str], known: Mapping[str, str]) -> tuple[str, str]:
    return known.get(neighbors[0], ""), known.get(neighbors[1], "")


def hint(old: str, new: str) -> str:
    """The question, and what to write."""
    return f"`{old}` is gone and `{new}` is new at the same place: if it is the same, say `was: {old}`"


def sequence_hints(before: Campaign, wanted: Campaign) -> Mapping[str, str]:
    """By the name of a new sequence: the same, where most of its steps are those of one that is gone."""
    names = {name for each in wanted.sequences for name in (each.name, *each.was)}
    gone = [each for each in before.sequences if each.name not in names]
    known = {each.name for each in before.sequences}
    new = [each for each in wanted.sequences if not {each.name, *each.was} & known]
    return {
        one.name: f"`{old.name}` is gone and has the same steps: if it is the same, say `was: {old.name}`"
        for one, old in _pairs(new, gone, _steps_alike)
    }


def post_hints(before: Campaign, wanted: Campaign) -> Mapping[str, str]:
    """By the name of a new post: the same, where it has the words of one that is gone."""
    names = {name for each in wanted.posts.values() for name in (each.name, *each.was)}
    gone = [each for name, each in before.posts.items() if name not in names]
    new = [each for name, each in wanted.posts.items() if not {name, *each.was} & set(before.posts)]
    return {
        one.name: f"`{old.name}` is gone and has the same words: if it is the same, say `was: {old.name}` in its head"
        for one, old in _pairs(new, gone, _posts_alike)
    }


def _pairs(new: Iterable[T], gone: list[T], alike: Callable[[T, T], float]) -> Iterator[tuple[T, T]]:
    """Each new one with the one that is gone and most like it, if one is alike enough."""
    left = list(gone)
    for one in new:
        best = max(left, key=lambda each: alike(one, each), default=None)
        if best is not None and alike(one, best) >= ALIKE_MIN:
            left.remove(best)
            yield one, best


def _steps_alike(one: Plot, other: Plot) -> float:
    mine, theirs = ({(each.verb, each.target) for each in plot.steps} for plot in (one, other))
    return len(mine & theirs) / len(mine | theirs)


def _posts_alike(one: Post, other: Post) -> float:
    mine, theirs = (set(each.body.split()) for each in (one, other))
    shared = len(mine & theirs) / max(1, len(mine | theirs))
    return 1.0 if one.subject == other.subject and one.subject else shared


# --- renames that were told --------------------------------------------------------------------------------------


def sequence_names(before: Campaign, wanted: Campaign) -> Mapping[str, str]:
    """The old names of sequences with their new ones, as `was:` says. A name that is still there is no old name."""
    there = {each.name for each in wanted.sequences}
    known = {each.name for each in before.sequences}
    return {
        old: each.name
        for each in wanted.sequences
        if each.name not in known
        for old in each.was
        if old in known and old not in there
    }


def post_names(before: Campaign, wanted: Campaign) -> Mapping[str, str]:
    """The same for posts, as their front matter says."""
    return {
        old: post.name
        for post in wanted.posts.values()
        if post.name not in before.posts
        for old in post.was
        if old in before.posts and old not in wanted.posts
    }


def carried_over(before: Campaign, wanted: Campaign) -> Campaign:
    """The campaign as it is live, with the names that its sequences, posts and broadcasts have from now on.

    Steps keep the posts that they had: a renamed post is told by the `was` of its steps.
    """
    sequences, posts = sequence_names(before, wanted), post_names(before, wanted)
    if not sequences and not posts:
        return before
    return replace(
        before,
        sequences=tuple(_renamed_plot(each, sequences.get(each.name, each.name)) for each in before.sequences),
        broadcasts=tuple(replace(each, post=posts.get(each.post, each.post)) for each in before.broadcasts),
        posts={posts.get(name, name): replace(post, name=posts.get(name, name)) for name, post in before.posts.items()},
    )


def _renamed_plot(plot: Plot, name: str) -> Plot:
    if plot.name == name:
        return plot
    return replace(plot, name=name, steps=tuple(replace(each, sequence=name) for each in plot.steps))


def carried_counts(counts: Mapping[str, int], names: Mapping[str, str]) -> Mapping[str, int]:
    """Numbers by sequence and by step, under the names that the sequences have from now on."""
    if not names:
        return counts
    return {_carried(key, names): number for key, number in counts.items()}


def _carried(key: str, names: Mapping[str, str]) -> str:
    sequence, slash, step = key.partition("/")
    return f"{names.get(sequence, sequence)}{slash}{step}"
