"""How long forms take to answer for addresses of four standings: nobody may learn from the time who is on a list.

Interleaved in one run, in one process without a socket. Prints the medians in milliseconds and the widest distance
between two of them; the promise is 5 ms over 500 tries. The answers are compared byte by byte as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx

from drip.core.events import AddedByAuthor, AskedToJoin
from drip.store.store import open_store
from drip.web.app import EVEN_SECONDS, create_app
from tests.stages import EVIDENCE, open_ground

TRIES = int(os.environ.get("TRIES", "500"))
STANDINGS = ("unknown", "known", "pending", "suppressed")
PROMISE_MILLISECONDS = 5.0


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with contextlib.closing(open_store(f"sqlite:///{root / 'drip.db'}", root=root)) as store:
            store.create_or_check()
            ground = open_ground(root / "project", store)
            prepare(ground)
            print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {TRIES} tries")
            forms: dict[str, tuple[str, Callable[[str], dict[str, str]]]] = {
                "sign-up": ("/s/job-seekers", lambda address: {"email": address, "website": ""}),
                "register": (
                    "/w/six-deadly-mistakes",
                    lambda address: {"email": address, "session": "tuesday-noon", "tz": "UTC", "website": ""},
                ),
            }
            for name, (path, form) in forms.items():
                # Who lost a mail asks again, by the same form; so each address is asked about twice.
                for asked in (name, f"{name}, asked again"):
                    asyncio.run(measure(create_app(ground.project, even_seconds=EVEN_SECONDS), asked, path, form))


def prepare(ground) -> None:  # type: ignore[no-untyped-def]
    """One address a try for each standing but the unknown."""
    now = ground.clock.now()
    with ground.store.write() as work:
        from drip.engine.happen import perform

        scene = ground.engine.scene(work, now)
        for number in range(TRIES):
            perform(scene, AddedByAuthor(f"known{number}@example.org", "job-seekers", EVIDENCE, attested=True))
            perform(scene, AskedToJoin(f"pending{number}@example.org", "job-seekers", EVIDENCE))
            mailbox = ground.project.keys.mailbox_of(f"suppressed{number}@example.org")
            work.add_subscriber(f"suppressed{number}@example.org", mailbox, now)
            work.suppress(mailbox, "complaint", now)


async def measure(app, name: str, path: str, form: Callable[[str], dict[str, str]]) -> None:  # type: ignore[no-untyped-def]
    """Ask for every standing in turn, so that whatever slows the machine slows all of them."""
    taken: dict[str, list[float]] = {each: [] for each in STANDINGS}
    answers: set[bytes] = set()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as client:
        for number in range(TRIES):
            turn = number % len(STANDINGS)
            for standing in STANDINGS[turn:] + STANDINGS[:turn]:
                begun = time.perf_counter()
                answer = await client.post(path, data=form(f"{standing}{number}@example.org"))
                taken[standing].append((time.perf_counter() - begun) * 1000)
                answers.add(bytes([answer.status_code % 251]) + answer.content)
    medians = {each: statistics.median(times) for each, times in taken.items()}
    distance = max(medians.values()) - min(medians.values())
    print(f"{name}: " + ", ".join(f"{each} {median:.2f} ms" for each, median in medians.items()))
    kept = "kept" if distance <= PROMISE_MILLISECONDS else "BROKEN"
    print(
        f"  widest distance {distance:.2f} ms (promise {PROMISE_MILLISECONDS:.0f} ms: {kept}), {len(answers)} answer(s)"
    )


if __name__ == "__main__":
    main()
