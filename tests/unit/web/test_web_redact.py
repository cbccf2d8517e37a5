"""What a log may hold: no key, no address."""

from __future__ import annotations

import logging

import pytest

from drip.web.serve import Redacted, redact

TOKEN = "AQGzogGwKOssEPJSeI72pomwYBn_"


@pytest.mark.parametrize("kind", ["confirm", "u", "p", "b", "j", "m", "v"])
def test_tokens_in_paths_go(kind: str) -> None:
    said = redact(f'10.0.0.1 - "POST /{kind}/{TOKEN} HTTP/1.1" 200')
    assert TOKEN not in said
    assert f"/{kind}/…" in said


def test_tokens_in_queries_and_addresses_go() -> None:
    said = redact(f"GET https://x.example/w/six?s=noon&for={TOKEN} by 'ann.lee+x@example.org' <bob@example.org>")
    assert TOKEN not in said
    assert "ann" not in said
    assert "bob" not in said
    assert "…@example.org" in said


def test_a_traceback_is_redacted_as_well() -> None:
    try:
        raise ValueError(f"no row for ann@example.org at /u/{TOKEN}")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 1, "it broke", None, (type(error), error, error.__traceback__)
        )
    said = Redacted("%(levelname)s %(message)s").format(record)
    assert "ValueError" in said
    assert TOKEN not in said
    assert "ann@" not in said


def test_ordinary_lines_stay() -> None:
    line = "mails wait for the next `drip run`: the relay is unreachable"
    assert redact(line) == line
