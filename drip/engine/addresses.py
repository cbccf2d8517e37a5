"""Judges e-mail addresses that people type, through email-validator. Asks no DNS."""

from __future__ import annotations

from drip.errors import DripError


class BadAddress(DripError):
    """This is not an e-mail address."""

    name = "bad-address"
    exit_code = 2


# Addresses of machines and duties, never of a reader (RFC 2142 and habit): a sign-up with one is a mistake or a prank.
REFUSED_LOCAL_PARTS = frozenset({"abuse", "postmaster", "mailer-daemon", "noreply", "no-reply"})


def judge_address(text: str) -> str:
    """The address as it will be mailed: trimmed, its domain normalized, its local part as typed.

    Raises BadAddress with a sentence for people.
    """
    # Heavy (idna tables), and only needed when somebody new appears.
    from email_validator import EmailNotValidError, validate_email

    # Pasting from mail programs brings zero-width characters along that nobody sees.
    cleaned = text.strip().strip("\u200b\u200c\u200d\u2060\ufeff").removeprefix("mailto:").strip()
    if len(cleaned) > 254:
        raise BadAddress("the address is longer than 254 characters")
    try:
        valid = validate_email(cleaned, check_deliverability=False, strict=True, test_environment=True)
    except EmailNotValidError as error:
        said = str(error).rstrip(".")
        raise BadAddress(said[:1].lower() + said[1:]) from None  # as all messages of drip begin
    if valid.local_part.casefold() in REFUSED_LOCAL_PARTS:
        raise BadAddress(f"{valid.local_part}@ is not a person's address")
    return valid.normalized


def mailable_address(text: str) -> str:
    """The same of somebody who is to be mailed, so that nobody gets in whom drip could never write to.

    A local part outside ASCII would need SMTPUTF8 on every hop to them (see `drip.mail.headers`).
    """
    address = judge_address(text)
    local = address.rpartition("@")[0]
    if not local.isascii():
        odd = next(each for each in local if not each.isascii())
        raise BadAddress(f"`{odd}` before the @ is not ASCII, and no mail of drip gets there")
    return address
