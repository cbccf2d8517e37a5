"""Holds what readers got against the promises of DESIGN §2, from the outside: mails and deeds, no database.

Only the totals come from drip itself; that they add up is a promise of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from drip.core.model import Campaign, TriggerKind, WhenKind
from drip.sandbox.catcher import Caught


class Deed(StrEnum):
    """What a reader did."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    REGISTERED = "registered"
    CANCELLED = "cancelled"
    JOINED = "joined"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True)
class Doing:
    """A deed with its moment; `detail` is the session for a registration."""

    at: datetime
    email: str
    deed: Deed
    detail: str = ""


def post_of(mail: Caught) -> str:
    """The post that a mail carries, by its Feedback-ID."""
    return mail.header("Feedback-ID").split(":")[1]


def check_promises(
    mails: Sequence[Caught], doings: Iterable[Doing], campaign: Campaign, counts: dict[str, int]
) -> list[str]:
    """One line for each broken promise; none when all were kept."""
    done: dict[str, list[Doing]] = defaultdict(list)
    for doing in doings:
        done[doing.email].append(doing)
    return [
        *_totals(mails, counts),
        *_twice(mails, campaign, done),
        *_after_registering(mails, campaign, done),
        *_after_start(mails, campaign, done),
        *_after_no(mails, done),
        *_without_yes(mails, done),
    ]


def _totals(mails: Sequence[Caught], counts: dict[str, int]) -> list[str]:
    states = sum(number for name, number in counts.items() if name != "planned")
    broken = []
    if states != counts["planned"]:
        broken.append(f"{counts['planned']} deliveries planned, but the states add up to {states}")
    if counts["sent"] != len(mails):
        broken.append(f"{counts['sent']} deliveries are sent, but {len(mails)} mails arrived")
    return broken


def _names(campaign: Campaign, *kinds: TriggerKind) -> set[str]:
    sequences = (each for each in campaign.sequences if each.start.kind in kinds)
    return {post for each in sequences for step in each.steps for post in step.posts}


def _twice(mails: Sequence[Caught], campaign: Campaign, done: dict[str, list[Doing]]) -> list[str]:
    """One post, one person, one occasion. A registration is an occasion of its own, a question asked again, too."""
    allowed: dict[str, int] = {}
    for email, deeds in done.items():
        allowed[email] = max(1, sum(each.deed is Deed.REGISTERED for each in deeds))
    per_registration = _names(campaign, TriggerKind.REGISTERS, TriggerKind.SESSION_ENDS)
    broken = []
    ids = Counter(mail.header("Message-ID") for mail in mails)
    broken += [f"the message {name} came {number} times" for name, number in ids.items() if number > 1]
    for (email, post), number in Counter((mail.recipient, post_of(mail)) for mail in mails).items():
        limit = allowed.get(email, 1) if post in per_registration or post.startswith("confirm-") else 1
        if number > limit:
            broken.append(f"{email} got `{post}` {number} times")
    return broken


def _after_registering(mails: Sequence[Caught], campaign: Campaign, done: dict[str, list[Doing]]) -> list[str]:
    selling = {
        post
        for each in campaign.sequences
        if each.goal is not None and each.goal.kind is TriggerKind.REGISTERS
        for step in each.steps
        for post in step.posts
    }
    broken = []
    for mail in mails:
        seats = [each.at for each in done[mail.recipient] if each.deed is Deed.REGISTERED]
        if seats and mail.at > min(seats) and post_of(mail) in selling:
            broken.append(f"{mail.recipient} registered, and got `{post_of(mail)}` afterwards")
    return broken


def _after_start(mails: Sequence[Caught], campaign: Campaign, done: dict[str, list[Doing]]) -> list[str]:
    assert campaign.webinar is not None
    reminders = {
        post
        for each in campaign.sequences
        for step in each.steps
        if step.when.kind is WhenKind.BEFORE_SESSION
        for post in step.posts
    }
    broken = []
    for mail in mails:
        if post_of(mail) not in reminders:
            continue
        seats = [each for each in done[mail.recipient] if each.deed is Deed.REGISTERED and each.at <= mail.at]
        session = campaign.webinar.session_named(seats[-1].detail) if seats else None
        if session is None or mail.at >= session.starts:
            broken.append(f"{mail.recipient} got the reminder `{post_of(mail)}` without a session to come")
    return broken


def _after_no(mails: Sequence[Caught], done: dict[str, list[Doing]]) -> list[str]:
    broken = []
    for mail in mails:
        noes = [each.at for each in done[mail.recipient] if each.deed is Deed.UNSUBSCRIBED]
        if noes and mail.at > min(noes):
            broken.append(f"{mail.recipient} unsubscribed, and got `{post_of(mail)}` afterwards")
    return broken


def _without_yes(mails: Sequence[Caught], done: dict[str, list[Doing]]) -> list[str]:
    """Nothing but the question itself goes to somebody who never pressed a confirming button (no GET acted)."""
    broken = []
    for mail in mails:
        yes = [each for each in done[mail.recipient] if each.deed in (Deed.CONFIRMED, Deed.REGISTERED)]
        if not post_of(mail).startswith("confirm-") and not any(each.at <= mail.at for each in yes):
            broken.append(f"{mail.recipient} never said yes, and got `{post_of(mail)}`")
    return broken
