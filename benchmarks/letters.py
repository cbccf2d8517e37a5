"""Times one message of the worked example as a run makes it: from the claimed row to the bytes for the relay.

The ordinary way (values, Jinja, escapers, MIME) and plates, interleaved in one run for the same readers; and the
parts that are left. Trust the ratio, not the rates. Processor time is counted, not what other programs take.

    python benchmarks/letters.py [--rounds 7] [--readers 1000]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from drip.core.links import Purpose, varint  # noqa: E402
from drip.core.model import Mailbox  # noqa: E402
from drip.core.records import (  # noqa: E402
    Delivery,
    DeliveryId,
    DeliveryState,
    Kind,
    Revision,
    RevisionId,
    Subscriber,
    SubscriberId,
)
from drip.engine.addressed import Addressed  # noqa: E402
from drip.engine.keys import Keys  # noqa: E402
from drip.engine.letters import Letters, message_id  # noqa: E402
from drip.engine.live import Edition, read_edition  # noqa: E402
from drip.mail.headers import mailbox_header  # noqa: E402
from drip.project import read_tree  # noqa: E402

NOW = datetime(2026, 12, 1, 14, 0, tzinfo=UTC)
CAMPAIGN, POST = "six-deadly-mistakes", "own-the-mistake"


def edition(name: str) -> Edition:
    """The worked example as it would be applied; "" is the project itself."""
    return read_edition(Revision(RevisionId(1), name, 1, "", NOW, read_tree(ROOT)))


def reader(number: int) -> Addressed:
    """Somebody to whom the first post is due."""
    delivery = Delivery(
        DeliveryId(number),
        f"broadcast/{POST}",
        f"{number:032x}",
        SubscriberId(number),
        CAMPAIGN,
        POST,
        Kind.BROADCAST,
        DeliveryState.CLAIMED,
        NOW,
        NOW,
        RevisionId(1),
        list="job-seekers",
    )
    fields = {"first_name": f"Reader {number}"}
    person = Subscriber(
        SubscriberId(number), f"reader{number}@example.org", delivery.mailbox, NOW, "America/New_York", fields
    )
    return Addressed(delivery, person)


def microseconds(work: Callable[[Addressed], object], readers: Sequence[Addressed]) -> float:
    """Processor time for each reader."""
    begin = time.process_time()
    for each in readers:
        work(each)
    return (time.process_time() - begin) / len(readers) * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--readers", type=int, default=1000, help="in each round")
    given = parser.parse_args()
    keys = Keys.from_secret(b"a benchmark signs nothing that matters")
    letters, project, campaign = Letters(keys), edition(""), edition(CAMPAIGN)
    tokens = keys.signer(Purpose.UNSUBSCRIBE)
    ways: dict[str, Callable[[Addressed], object]] = {
        "ordinary way": lambda each: letters._compose(campaign, project, each, NOW),
        "from a plate": lambda each: letters.wire(campaign, project, each, NOW),
        "of which four tokens": lambda each: [tokens(varint(each.delivery.id)) for _ in range(4)],
        "of which Message-ID": lambda each: message_id(keys, each.delivery, "mail.example.com"),
        "of which To": lambda each: mailbox_header(
            "To", Mailbox(each.subscriber.fields["first_name"], each.subscriber.email)
        ),
    }
    for number in range(100_001, 100_020):
        each = reader(number)
        assert letters.wire(campaign, project, each, NOW) == letters._compose(campaign, project, each, NOW)[0], number
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(given.rounds):
        # Readers that nobody has seen; none of them is one of those who are rendered both ways.
        readers = [reader(200_000 + turn * given.readers + number) for number in range(given.readers)]
        for name, work in ways.items():
            for compiled in letters._filled:
                letters._filled[compiled] = 10_001
            spent[name].append(microseconds(work, readers))
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores; µs a message, median")
    for name, each in spent.items():
        print(f"{name:22} {statistics.median(each):8.1f}")
    ratios = sorted(slow / quick for slow, quick in zip(spent["ordinary way"], spent["from a plate"], strict=True))
    print(f"plates are ×{statistics.median(ratios):.1f} [{ratios[0]:.1f}..{ratios[-1]:.1f}]")


if __name__ == "__main__":
    main()
