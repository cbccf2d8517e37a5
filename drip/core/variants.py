"""Weighted variants of a post: who gets which of them (DESIGN §7 rule 14).

Pure. Chance has no part in it: a person's bucket is a hash of the test and of their number, so the same person gets
the same answer on every machine and on every day. What a person was given is recorded by the store when their mail is
planned, and from then on the record counts, whatever the weights say later. Called by `drip.core.decide`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

BUCKETS = 10_000
"""Into so many parts everybody is divided: fine enough for weights up to WEIGHT_MAX, and short enough to read."""
WEIGHT_MAX = 100
"""Weights are shares of their sum, so this much is enough for percents."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the posts of a test, and how many parts of the sum of all weights get it."""

    post: str
    weight: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The variant of one person. `is_new`: it is not recorded yet."""

    post: str
    bucket: int
    is_new: bool

    @property
    def text(self) -> str:
        """`variant own-the-mistake, bucket 7,312 of 10,000`."""
        return variant_text(self.post, self.bucket)


def variant_text(post: str, bucket: int) -> str:
    """How a variant is told, with what decided it."""
    return f"variant {post}, bucket {bucket:,} of {BUCKETS:,}"


def bucket_of(test: str, subscriber_id: int) -> int:
    """In which part somebody is, from 0. Other tests divide the same people in other ways."""
    said = f"{test}\n{subscriber_id}".encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big") % BUCKETS


def choose(test: str, variants: Sequence[Variant], subscriber_id: int, given: str | None) -> Choice:
    """The variant for somebody. What they were given before stays, unless the test no longer has it."""
    bucket = bucket_of(test, subscriber_id)
    if given is not None and any(each.post == given for each in variants):
        return Choice(given, bucket, is_new=False)
    return Choice(_in_bucket(variants, bucket), bucket, is_new=True)


def _in_bucket(variants: Sequence[Variant], bucket: int) -> str:
    """Whose part of the buckets it is: they are handed out in the order of the file."""
    total = sum(each.weight for each in variants)
    reached = 0
    for each in variants:
        reached += each.weight
        if bucket * total < reached * BUCKETS:
            return each.post
    raise AssertionError("the buckets are all handed out")


def weights_text(variants: Sequence[Variant]) -> str:
    """`own-the-mistake 1, own-the-mistake-b 3`."""
    return ", ".join(f"{each.post} {each.weight}" for each in variants)
