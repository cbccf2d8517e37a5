"""Signed links, and the keyed hash that stands for a mailbox. Standard library only.

A token names rows by number, and proves that this project wrote it for this purpose; it carries no address and
no secret. It never says how long it is good for: whoever wants that signs a day number too.
Called by the engine (through `drip.engine.keys`) and by nobody else.

    token = base64url(key id, numbers as varints, 16 bytes of HMAC-SHA256(key, purpose, key id, numbers))
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import unicodedata
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache

MAC_BYTES = 16
BLOCK_BYTES = 64  # of SHA-256
KEYS_KEPT = 16
TOKEN_LENGTH_MAX = 128
KEY_ID_MAX = 255
NUMBER_MAX = 2**63 - 1

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Purpose(StrEnum):
    """What a token is for. A token of one purpose is worthless for every other."""

    CONFIRM = "confirm"
    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    REGISTER = "register"
    BOOK = "book"
    JOIN = "join"
    MANAGE = "manage"
    BROWSER = "browser"
    MOVE = "move"
    CLICK = "click"


_SUBJECTS = {each: b"drip link\x00" + each.value.encode() + b"\x00" for each in Purpose}


@lru_cache(maxsize=KEYS_KEPT)
def _padded(key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """The two hashes of HMAC with the key in them already (RFC 2104 §4 says that one may keep these)."""
    block = (hashlib.sha256(key).digest() if len(key) > BLOCK_BYTES else key).ljust(BLOCK_BYTES, b"\0")
    inner, outer = bytes(each ^ 0x36 for each in block), bytes(each ^ 0x5C for each in block)
    return hashlib.sha256(inner), hashlib.sha256(outer)


def keyed(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256. A run needs five for each message, and with OpenSSL's own the key alone costs most of each."""
    inner, outer = (each.copy() for each in _padded(key))
    inner.update(message)
    outer.update(inner.digest())
    return outer.digest()


@lru_cache(maxsize=KEYS_KEPT * len(Purpose))
def _begun(key: bytes, purpose: Purpose, key_id: int) -> hashlib._Hash:
    """The inner hash of a token up to its numbers: the same for all tokens of a purpose."""
    inner = _padded(key)[0].copy()
    # No purpose contains a zero byte, so no two (purpose, body) give the same bytes.
    inner.update(_SUBJECTS[purpose] + bytes((key_id,)))
    return inner


def derive(master: bytes, purpose: str) -> bytes:
    """A key for one purpose, from the master secret: RFC 5869 (HKDF-SHA256), one block of output."""
    extracted = hmac.digest(b"drip", master, "sha256")
    return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")


def sign(key: bytes, purpose: Purpose, *numbers: int, key_id: int = 1, about: str = "") -> str:
    """A token for these numbers (0 to 2^63-1) and this purpose. `key_id` says later which key it was.

    It is worthless with another `about` than this one, which stands beside the token and not in it.
    """
    if not 0 <= key_id <= KEY_ID_MAX or any(not 0 <= each <= NUMBER_MAX for each in numbers):
        raise ValueError("numbers and key ids in links are not negative and have a limit")
    written = b"".join(map(varint, numbers))
    if about:
        body = bytes((key_id,)) + written
        token = _encode(body + _mac(key, purpose, body, about)).encode()
    else:
        token = signer(key, purpose, key_id=key_id)(written)
    if len(token) > TOKEN_LENGTH_MAX:
        raise ValueError("too many numbers for one link")
    return token.decode()


def signer(key: bytes, purpose: Purpose, *, key_id: int = 1) -> Callable[[bytes], bytes]:
    """What makes tokens of this purpose from numbers that are written already (`varint`), for whoever needs many."""
    begun, outer = _begun(key, purpose, key_id), _padded(key)[1]
    lead = bytes((key_id,))

    def token_of(numbers: bytes) -> bytes:
        inner = begun.copy()
        inner.update(numbers)
        mac = outer.copy()
        mac.update(inner.digest())
        raw = lead + numbers + mac.digest()[:MAC_BYTES]
        return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=")

    return token_of


def read_token(keys: Mapping[int, bytes], purpose: Purpose, token: str, *, about: str = "") -> tuple[int, ...] | None:
    """The numbers of a genuine token of this purpose; None for anything else, whatever it is."""
    raw = _decode(token)
    if raw is None or len(raw) < 1 + MAC_BYTES:
        return None
    body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
    key = keys.get(body[0])
    if key is None or not hmac.compare_digest(_mac(key, purpose, body, about), mac):
        return None
    return _numbers(body[1:])


def _mac(key: bytes, purpose: Purpose, body: bytes, about: str) -> bytes:
    # No purpose contains a zero byte, so no two (purpose, body) give the same bytes. Where there is an `about`, the
    # length of the body (it has one byte) stands before it, so that no number can pass for the beginning of a text.
    if about:
        body = bytes((len(body),)) + body + about.encode("utf-8", "surrogatepass")
    return keyed(key, _SUBJECTS[purpose] + body)[:MAC_BYTES]


def varint(number: int) -> bytes:
    """A number as it stands in a token: seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _numbers(raw: bytes) -> tuple[int, ...] | None:
    numbers: list[int] = []
    value = shift = 0
    for byte in raw:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value = shift = 0
    return None if shift else tuple(numbers)


def _encode(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode()


def _decode(token: str) -> bytes | None:
    """Base64url in its one proper form: Python's decoder forgives what would make two links of one token."""
    if len(token) > TOKEN_LENGTH_MAX or not token.isascii():
        return None
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    return raw if _encode(raw) == token else None


# --- mailboxes ---------------------------------------------------------------------------------------------------


def mailbox_key(key: bytes, address: str) -> str:
    """What stands for a mailbox in unique keys and suppressions: the same for every spelling of an address.

    Case, Unicode form and the two ways to write a domain do not matter. Dots and plus signs do: only some
    providers ignore them, and taking two people for one would cost one of them every mail.
    """
    return keyed(key, normalized_address(address).encode("utf-8", "surrogatepass")).hex()[:32]


def normalized_address(address: str) -> str:
    """The one spelling that all spellings of an address come down to. For comparing only, never for mailing."""
    local, _, domain = address.strip().rpartition("@")
    # Unicode, section 3.13 (D145): caseless match of canonically equivalent strings.
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", local).casefold())
    return f"{folded}@{_ascii_domain(domain)}"


def _ascii_domain(domain: str) -> str:
    """The domain as DNS knows it.

    Python's own `idna` codec is the standard of 2003, which takes `straße.de` for `strasse.de`: two domains of
    two owners. So labels are mapped as UTS 46 does (width and case, but not ß) and encoded one by one.
    """
    dotted = domain.strip().rstrip(".").translate({0x3002: ".", 0xFF0E: ".", 0xFF61: "."})
    return ".".join(_ascii_label(each) for each in dotted.split("."))


def _ascii_label(label: str) -> str:
    # Letter by letter: str.lower() looks at the neighbours of a Greek sigma, DNS does not.
    lowered = "".join(each.lower() for each in unicodedata.normalize("NFKC", label))
    mapped = unicodedata.normalize("NFC", lowered)
    if mapped.isascii():
        return mapped
    # RFC 3492; lone surrogates, which no domain has, go through as they are.
    return "xn--" + mapped.encode("punycode", "replace").decode("ascii")
