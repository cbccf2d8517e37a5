"""The folder as a relay: whole files or none, and its own name for every message."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from drip.core.delivery import OutcomeKind
from drip.core.message import Wire
from drip.errors import RelayUnreachable
from drip.mail.folder import FolderTransport, file_name

DATA = b"Subject: hi\r\n\r\nown it\r\n"


def wire(message_id: str = "<d1.abc@mail.example.com>", data: bytes = DATA) -> Wire:
    return Wire("bounces@example.com", "ann@example.com", data, message_id)


def send(transport: FolderTransport, *wires: Wire) -> list[OutcomeKind]:
    async def story() -> list[OutcomeKind]:
        await transport.open()
        assert await transport.ready(3) == 3
        kinds = [(await transport.send(each)).kind for each in wires]
        await transport.close()
        return kinds

    return asyncio.run(story())


def test_one_file_per_message_and_a_repetition_replaces_its_own(tmp_path: Path) -> None:
    box = tmp_path / "deep" / "outbox"
    again = wire(data=DATA + b"later\r\n")
    assert send(FolderTransport(box), wire(), wire("<d2@x>"), again) == [OutcomeKind.ACCEPTED] * 3
    assert sorted(each.name for each in box.iterdir()) == ["d1.abc@mail.example.com.eml", "d2@x.eml"]
    assert (box / "d1.abc@mail.example.com.eml").read_bytes() == again.data


@pytest.mark.parametrize(
    "message_id",
    ["<../../etc/passwd@x>", "<.hidden@x>", "<a/b\\c@x>", "<" + "a" * 500 + "@x>", "<é\n@x>", "", "<>", "<\ud83d@x>"],
)
def test_no_message_id_leads_out_of_the_folder(tmp_path: Path, message_id: str) -> None:
    box = tmp_path / "outbox"
    assert send(FolderTransport(box), wire(message_id)) == [OutcomeKind.ACCEPTED]
    (only,) = box.iterdir()
    assert only.suffix == ".eml"
    assert not only.name.startswith(".")
    assert len(only.name) < 200
    assert [each.name for each in tmp_path.iterdir()] == ["outbox"]


def test_messages_that_would_share_a_name_do_not() -> None:
    ids = ["<ab@x>", "<AB@x>", "<a/b@x>", "<a-b@x>", "<a\\b@x>", "<.ab@x>"]
    ids += [f"<{'a' * 200}@x>", f"<{'a' * 201}@x>"]
    names = {file_name(wire(each)).lower() for each in ids}
    assert len(names) == len(ids)
    assert file_name(wire("", b"one")) != file_name(wire("", b"two"))


def test_a_full_disk_is_the_relays_trouble_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    box = tmp_path / "outbox"
    monkeypatch.setattr(os, "fsync", full)

    async def story() -> None:
        transport = FolderTransport(box)
        await transport.open()
        outcome = await transport.send(wire())
        assert (outcome.kind, outcome.relay_down) == (OutcomeKind.TEMPORARY, True)
        assert "No space left" in outcome.text

    asyncio.run(story())
    assert list(box.iterdir()) == []


def test_a_folder_that_vanished_is_the_relays_trouble(tmp_path: Path) -> None:
    async def story() -> None:
        outcome = await FolderTransport(tmp_path / "gone").send(wire())
        assert (outcome.kind, outcome.relay_down) == (OutcomeKind.TEMPORARY, True)

    asyncio.run(story())


def test_a_file_in_the_place_of_the_folder_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    with pytest.raises(RelayUnreachable, match="outbox"):
        asyncio.run(FolderTransport(tmp_path / "outbox").open())
