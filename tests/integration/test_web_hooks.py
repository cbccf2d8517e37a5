"""Zoom's webhook: what is signed and of this moment is recorded, everything else changes nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.core.events import AttendanceReported
from drip.core.records import Attendance, RegistrationId
from drip.mail.zoom import challenge_answer, is_genuine, meeting_number, read_message, read_seen
from drip.store.store import Store
from tests.integration.test_seats import PLOT
from tests.stages import Ground
from tests.visitors import Visitor, dump, open_applied

SECRET = "zoomsecret123"
PAYLOADS = Path(__file__).parent.parent / "golden" / "webhooks"
NOW = datetime(2026, 12, 8, 17, 3, tzinfo=UTC)


@pytest.fixture
def visitor(tmp_path: Path, memory_store: Store, monkeypatch: pytest.MonkeyPatch) -> Visitor:
    monkeypatch.setenv("DRIP_ZOOM_SECRET", SECRET)
    ground = open_applied(tmp_path / "project", memory_store)
    ground.edit(PLOT, "https://meet.example.com/{session}", "https://us02web.zoom.us/j/86123456789?pwd=abc")
    ground.apply()
    return Visitor(ground)


def signed(body: bytes, now: datetime, secret: str = SECRET) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"x-zm-signature": f"v0={digest}", "x-zm-request-timestamp": stamp, "content-type": "application/json"}


def payload(name: str, **participant: object) -> bytes:
    message = json.loads((PAYLOADS / f"zoom-{name}.json").read_text())
    message["payload"]["object"]["participant"].update(participant)
    return json.dumps(message).encode()


def came(ground: Ground, number: RegistrationId) -> tuple[Attendance, str, int | None]:
    with ground.store.read() as work:
        return work.attendance(number), work.seen(number)[0], work.minutes_there(number)


def test_who_comes_and_goes_is_recorded_once_whatever_the_order(visitor: Visitor) -> None:
    ground = visitor.ground
    ann = ground.register("ann@example.org", "tuesday-noon")
    ben = ground.register("ben@example.org", "tuesday-noon")
    ground.register("ann@example.org", "tuesday-noon")
    now = ground.at("2026-12-08 17:03")
    joined, left = payload("joined", email="Ann@example.org"), payload("left", email="ann@example.org")
    for body in (left, joined, joined, left):
        assert visitor.ask("POST", "/hooks/zoom", content=body, headers=signed(body, now)).status_code == 200
    assert came(ground, ann) == (Attendance.ATTENDED, "zoom", 41)
    before = dump(ground)
    for body in (
        joined,
        payload("joined", email=""),  # Zoom hides guests
        payload("joined", email="stranger@example.org"),
        payload("joined", email="ben@example.org", join_time="2026-12-10T17:02:11Z"),  # another day
        b'{"event": "webinar.ended", "payload": {}}',
        b'{"event": ["webinar.participant_joined"]}',
    ):
        assert visitor.ask("POST", "/hooks/zoom", content=body, headers=signed(body, now)).status_code == 200
    assert dump(ground) == before
    assert came(ground, ben)[0] is Attendance.UNKNOWN
    # What a report said stands.
    ground.engine.happen(AttendanceReported(ben, Attendance.MISSED, "report:zoom"), now)
    late = payload("joined", email="ben@example.org")
    visitor.ask("POST", "/hooks/zoom", content=late, headers=signed(late, now))
    assert came(ground, ben)[:2] == (Attendance.MISSED, "report:zoom")


def test_what_is_not_zooms_or_not_of_now_changes_nothing(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = visitor.ground
    ground.register("ann@example.org", "tuesday-noon")
    now = ground.at("2026-12-08 17:03")
    body = payload("joined", email="ann@example.org")
    good = signed(body, now)
    before = dump(ground)
    recorded = signed(body, datetime(2026, 12, 8, 16, 57, tzinfo=UTC))
    refused: list[dict[str, Any]] = [
        {},
        signed(body, now, "another secret"),
        signed(body + b" ", now),
        recorded,
        {**recorded, "x-zm-request-timestamp": good["x-zm-request-timestamp"]},
        {**good, "x-zm-request-timestamp": "soon"},
        {**good, "x-zm-signature": b"v0=\xc3\xa9"},
    ]
    for headers in refused:
        assert visitor.ask("POST", "/hooks/zoom", content=body, headers=headers).status_code == 401
    assert visitor.ask("POST", "/hooks/zoom", content=b"[", headers=signed(b"[", now)).status_code == 400
    assert visitor.get("/hooks/zoom").status_code == 405
    assert dump(ground) == before
    monkeypatch.delenv("DRIP_ZOOM_SECRET")
    assert visitor.ask("POST", "/hooks/zoom", content=body, headers=good).status_code == 404
    empty = signed(body, now, "")
    assert visitor.ask("POST", "/hooks/zoom", content=body, headers=empty).status_code == 404
    assert dump(ground) == before


def test_the_challenge_is_answered(visitor: Visitor) -> None:
    body = (PAYLOADS / "zoom-challenge.json").read_bytes()
    answer = visitor.ask("POST", "/hooks/zoom", content=body, headers=signed(body, visitor.ground.clock.now()))
    assert answer.json() == {
        "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
        "encryptedToken": "88ceae1638ce08a4a82165838e78884ec9c3f3d4a97100776ee072d6fbb8b261",
    }


@pytest.mark.parametrize(
    ("join", "number"),
    [
        ("https://us02web.zoom.us/j/86123456789?pwd=abc", "86123456789"),
        ("https://zoom.us/w/86123456789", "86123456789"),
        ("https://example.zoom.us/wc/join/861234567", "861234567"),
        ("https://zoom.us.example.com/j/86123456789", ""),
        ("https://evilzoom.us/j/86123456789", ""),
        ("https://meet.example.com/{session}", ""),
    ],
)
def test_the_number_of_a_meeting_is_in_its_address(join: str, number: str) -> None:
    assert meeting_number(join) == number


@given(st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["event", "payload", "object", "participant", "id", "email", "join_time", "plainToken"]), inner
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_body_makes_anything_but_a_fact_or_nothing(body: bytes) -> None:
    message = read_message(body)
    if message is not None:
        challenge_answer(SECRET, message)
        read_seen(message)
    assert not is_genuine(SECRET, "v0=", "1", body, NOW)
