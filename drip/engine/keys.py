"""The keys of one project: signing links and hashing mailboxes. Made by `drip.project` from one secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from drip.core.links import Purpose, derive, mailbox_key, read_token, sign, signer


class Signing(Protocol):
    """What makes the tokens of links."""

    def sign(self, purpose: Purpose, *numbers: int) -> str:
        """A token for this purpose and these numbers."""
        ...


@dataclass(frozen=True, slots=True)
class Keys:
    """Purpose-separated keys, derived from the project's secret. `key_id` names the link key for rotation."""

    link: bytes
    mailbox: bytes
    key_id: int = 1

    @classmethod
    def from_secret(cls, secret: bytes) -> Keys:
        """Derive all keys from the master secret (at least 16 bytes)."""
        return cls(link=derive(secret, "link"), mailbox=derive(secret, "mailbox"))

    def sign(self, purpose: Purpose, *numbers: int, about: str = "") -> str:
        """A token for a link; only this project can have made it."""
        return sign(self.link, purpose, *numbers, about=about)

    def signer(self, purpose: Purpose) -> Callable[[bytes], bytes]:
        """`sign` for whoever needs many tokens of one purpose: from `varint`s to the token's bytes."""
        return signer(self.link, purpose)

    def read(self, purpose: Purpose, token: str, *, about: str = "") -> tuple[int, ...] | None:
        """The numbers inside a genuine token of that purpose, made with that `about`, else None."""
        return read_token({self.key_id: self.link}, purpose, token, about=about)

    def mailbox_of(self, address: str) -> str:
        """The keyed hash of an address, the same for all spellings of one mailbox (DESIGN §8)."""
        return mailbox_key(self.mailbox, address)

    @property
    def fingerprint(self) -> str:
        """Tells two secrets apart without revealing either; the store remembers it."""
        return mailbox_key(derive(self.mailbox, "fingerprint"), "fingerprint@drip")
