"""Links that are followed: which posts need to know, and whether a reader followed one or a machine.

Pure. Mail gateways open every link, so a fetch is a reader's own only where nothing speaks against it, and only after
a while. Even then it is weak evidence: it may start a sequence or choose a branch, and it is never a consent, a seat,
an attendance or a "no" (docs/decisions/0220). Called by the engine, which keeps the clicks, and by the web pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drip.core.model import Campaign, Clicked, Condition, TriggerKind
from drip.core.records import DeliveryId, SubscriberId
from drip.core.segments import leaves

EARLY = timedelta(seconds=10)
"""So soon after it was sent nobody has read a mail; a gateway has."""
BURST = timedelta(seconds=5)
"""Whoever opens two links of a mail within this time does not read."""
SETTLES = timedelta(minutes=1)
"""How long a click waits for what may speak against it: a gateway that opens one link opens the others, too."""
LINK_LENGTH_MAX = 500
"""What is kept of a link. PostgreSQL indexes no more than some two thousand bytes."""
MACHINES_MAX = 1_000
"""Whoever fetches one link again and again is not written down any more: it would only wear the disk."""

OUR_PAGES = "(pages of ours)"
"""Stands for the addresses of a mail that are no links of its text: its page, the unsubscribe page. Nobody is counted
for opening one; a gateway that opens everything is known by it."""

# Names that programs give themselves: scanners of mail and links, previews of chats, and what programmers fetch with.
_MACHINES = re.compile(
    r"bot\b|bot[/;_-]|crawl|spider|scan|preview|prefetch|proxy|headless|monitor|validator|linkcheck|urlcheck|slurp"
    r"|safelinks|barracuda|mimecast|proofpoint|trend ?micro|symantec|fortinet|sophos|cisco|forcepoint|urldefense"
    r"|facebookexternalhit|whatsapp|skypeuri|slack|telegram|discord|embedly"
    r"|curl|wget|libwww|python|java/|go-http|okhttp|axios|node-fetch|ruby|perl|php|guzzle|httpclient|http-client",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Click:
    """What is known of one link of one mail. `seen_at` may have been the reader, `clicked_at` was, as far as one can
    know; in between it waits until `settles_at`. `machines` counts the fetches that were nobody's."""

    delivery_id: DeliveryId
    link: str
    subscriber_id: SubscriberId
    campaign: str
    post: str
    fetched_at: datetime
    seen_at: datetime | None = None
    settles_at: datetime | None = None
    clicked_at: datetime | None = None
    machines: int = 0


# --- which posts count ----------------------------------------------------------------------------------------------


def counted_posts(campaign: Campaign) -> frozenset[str]:
    """The posts whose links are counted: those that a sequence or a broadcast asks about, or all if the author says
    `clicks: yes`."""
    if campaign.clicks:
        return frozenset(campaign.posts)
    return frozenset(asked_about(campaign)) & campaign.posts.keys()


def asked_about(campaign: Campaign) -> Iterator[str]:
    """The posts that a trigger or a condition of the campaign names as clicked."""
    conditions: list[Condition | None] = [each.where for each in campaign.broadcasts]
    for sequence in campaign.sequences:
        for trigger in (sequence.start, sequence.goal, sequence.stop):
            if trigger is not None and trigger.kind is TriggerKind.CLICKS and trigger.argument is not None:
                yield trigger.argument
        conditions += [step.condition for step in sequence.steps]
    for condition in conditions:
        if condition is not None:
            yield from (each.post for each in leaves(condition.term) if isinstance(each, Clicked))


def name_now(campaign: Campaign | None, post: str) -> str:
    """What a post is called now; it may have had another name when it was sent."""
    if campaign is None or post in campaign.posts:
        return post
    return next((each.name for each in campaign.posts.values() if post in each.was), post)


# --- who it was ------------------------------------------------------------------------------------------------------


def why_machine(method: str, headers: Mapping[str, str]) -> str:
    """Why a request cannot be a reader's; "" if nothing in it says so. The names of headers are in lower case."""
    if method != "GET":
        return "head"
    purpose = f"{headers.get('purpose', '')} {headers.get('sec-purpose', '')} {headers.get('x-moz', '')}".lower()
    if "prefetch" in purpose or "preview" in purpose or "prerender" in purpose:
        return "prefetch"
    # Browsers say what they fetch for (W3C Fetch Metadata); an address that somebody opens is a document.
    if headers.get("sec-fetch-mode", "navigate") != "navigate":
        return "no-page"
    if headers.get("sec-fetch-dest", "document") not in ("document", "iframe"):
        return "no-page"
    agent = headers.get("user-agent", "").strip()
    return "agent" if not agent or _MACHINES.search(agent) else ""


def why_not_reader(link: str, known: Sequence[Click], sent_at: datetime | None, now: datetime) -> str:
    """Why a fetch that looks like a reader's is none, by what is known of the mail's other links; "" if it may be."""
    if sent_at is None or now - sent_at < EARLY:
        return "early"
    return "burst" if any(_is_burst(each, link, now) for each in known) else ""


def _is_burst(each: Click, link: str, now: datetime) -> bool:
    if abs(now - each.fetched_at) >= BURST:
        return False
    # A second press on the same link is the reader's own, unless it was a machine that just fetched it.
    was_machine = each.seen_at is None or each.seen_at < each.fetched_at
    return each.link != link or was_machine
