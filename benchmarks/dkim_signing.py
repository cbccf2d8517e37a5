"""Signing with DKIM: our signer in one thread and in two, as `drip.mail.dkim` uses them, and dkimpy; 30 kB a message.

    python benchmarks/dkim_signing.py [--messages 300] [--rounds 3]

RSA-2048 and Ed25519, relaxed/relaxed. All take turns within a round; printed is the median of the rounds: signatures a
second, microseconds of processor for each, and the rate as a ratio to dkimpy's of the same round.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from drip.mail.dkim import SIGNED, Signer

LINE = b"Once upon a time somebody asked me to review a letter of application.\r\n"
HEAD = (
    b"From: a@example.com\r\nTo: b@example.org\r\nSubject: hi\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
)
MESSAGE = HEAD + b"List-Unsubscribe: <https://example.com/u/1>\r\n\r\n" + LINE * (30_000 // len(LINE))

Sign = Callable[[bytes], object]


def signers() -> dict[str, tuple[Sign, int]]:
    """What takes part: how it signs, and in how many threads."""
    rsa, ed25519 = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
    ours = {"RSA-2048": Signer("example.com", "s", rsa), "Ed25519": Signer("example.com", "s", ed25519)}
    pem = rsa.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    names = [each.encode() for each in SIGNED]

    def theirs(data: bytes) -> object:
        relaxed = (b"relaxed", b"relaxed")
        return dkim.sign(data, b"s", b"example.com", pem, canonicalize=relaxed, include_headers=names)

    taking_part: dict[str, tuple[Sign, int]] = {"dkimpy, RSA-2048": (theirs, 1)}
    for name, signer in ours.items():
        taking_part |= {f"drip, {name}, {n} thread{'s' * (n > 1)}": (signer.sign, n) for n in (1, 2)}
    return taking_part


def one(sign: Sign, threads: int, count: int) -> tuple[float, float]:
    """Signatures a second, and microseconds of processor for each."""
    began, spent = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(sign, [MESSAGE] * count):
            pass
    return count / (time.perf_counter() - began), (time.process_time() - spent) / count * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, load {load:.1f}")
    taking_part = signers()
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for _ in range(given.rounds):
        for name, (sign, threads) in taking_part.items():
            count = given.messages // 10 if name.startswith("dkimpy") else given.messages
            found[name].append(one(sign, threads, max(1, count)))
    first = next(iter(taking_part))
    for name, rounds in found.items():
        ratio = statistics.median(mine[0] / its[0] for mine, its in zip(rounds, found[first], strict=True))
        rate, cost = (statistics.median(each[at] for each in rounds) for at in (0, 1))
        print(f"{name:26} {rate:8,.0f} a second, {cost:6,.0f} µs of processor, {ratio:6.1f} x dkimpy")


if __name__ == "__main__":
    main()
