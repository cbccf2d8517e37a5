"""Pictures and attachments from the author's folder to the bytes that are sent, by way of a revision."""

from __future__ import annotations

import base64
import email
import random
import unicodedata
import zlib
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import pytest

from drip.authoring.check import check
from drip.authoring.layout import Press
from drip.core.enclosures import ATTACHED_BYTES_MAX, IMAGE_BYTES_MAX
from drip.core.events import AddedByAuthor
from drip.core.problems import Rank
from drip.engine.apply import apply, digest_of
from drip.engine.preview import preview
from drip.errors import TemplateFault
from drip.project import open_project, read_tree
from drip.sandbox.lenses import framed
from drip.store.store import Store
from tests.stages import EVIDENCE, copy_example, open_ground

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
CAMPAIGN = "campaigns/six-deadly-mistakes"
POST = f"{CAMPAIGN}/own-the-mistake.md"


def png(seed: int = 1, size: int = 2000) -> bytes:
    """A picture of one row of noise, or nearly: its end is missing, which nobody here looks at."""
    return b"\x89PNG\r\n\x1a\n" + zlib.compress(random.Random(seed).randbytes(size))


PICTURE = png()
PAPER = b"%PDF-1.7\r\n" + random.Random(3).randbytes(30_000)


def enclose(root: Path) -> None:
    """Give the first post a picture and an attachment."""
    folder = root / CAMPAIGN
    (folder / "first line.png").write_bytes(PICTURE)
    (folder / "Prüfliste.pdf").write_bytes(PAPER)
    (folder / "unused.png").write_bytes(png(2))
    path = root / POST
    text = path.read_text(encoding="utf-8").replace("---\n", "---\nattach: Prüfliste.pdf\n", 1)
    path.write_text(text + "\n![The first line of a resume](first%20line.png){cid}\n", encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    copied = copy_example(tmp_path / "project")
    enclose(copied)
    return copied


def errors(files: dict[str, str]) -> list[str]:
    return [each.name for each in check(files, now=NOW) if each.rank is Rank.ERROR]


def files_in(message: EmailMessage) -> dict[str | None, bytes]:
    return {each.get_filename(): each.get_content() for each in message.walk() if each.get_filename()}


def test_only_files_that_posts_speak_of_are_read(root: Path) -> None:
    files = read_tree(root)
    assert base64.b64decode(files[f"{CAMPAIGN}/first line.png;base64"]) == PICTURE
    assert base64.b64decode(files[f"{CAMPAIGN}/Prüfliste.pdf;base64"]) == PAPER
    assert [each for each in files if "unused" in each] == []
    assert errors(files) == []


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_taken_apart_are_the_same_name(root: Path, form: Literal["NFC", "NFD"]) -> None:
    (root / CAMPAIGN / "Prüfliste.pdf").rename(root / CAMPAIGN / unicodedata.normalize(form, "Prüfliste.pdf"))
    path = root / POST
    path.write_text(unicodedata.normalize("NFD", path.read_text(encoding="utf-8")), encoding="utf-8")
    files = read_tree(root)
    assert f"{CAMPAIGN}/Prüfliste.pdf;base64" in files
    assert errors(files) == []


def test_another_picture_is_another_revision(root: Path) -> None:
    before = digest_of(read_tree(root))
    (root / CAMPAIGN / "unused.png").write_bytes(png(4))
    assert digest_of(read_tree(root)) == before
    (root / CAMPAIGN / "first line.png").write_bytes(png(5))
    assert digest_of(read_tree(root)) != before


def test_what_is_sent_is_what_was_applied(tmp_path: Path, memory_store: Store) -> None:
    ground = open_ground(tmp_path / "ground", memory_store)
    enclose(ground.project.root)
    apply(ground.engine, ground.project.wanted(), ground.clock.now())
    # The author goes on working: mails are made from the revision.
    (ground.project.root / CAMPAIGN / "first line.png").unlink()
    added = AddedByAuthor("ann@example.org", "job-seekers", EVIDENCE, attested=True)
    ground.engine.happen(added, ground.clock.now())
    for _ in range(40):
        ground.tick()
        sent = [each for each in ground.transport.sent if b"multipart/related" in each.data]
        if sent:
            break
        ground.clock.set(ground.clock.now() + timedelta(hours=12))
    [wire] = sent
    message = email.message_from_bytes(wire.data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert files_in(message) == {"first line.png": PICTURE, "Prüfliste.pdf": PAPER}
    page = message.get_body(("html",))
    assert page is not None
    [image] = [each for each in message.walk() if each.get_content_maintype() == "image"]
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in page.get_content()
    assert "{cid}" not in page.get_content()
    words = message.get_body(("plain",))
    assert words is not None
    assert "[The first line of a resume]" in words.get_content()
    assert "{cid}" not in words.get_content()


def test_a_preview_shows_the_picture(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIP_SECRET", "0123456789abcdef0123456789abcdef")
    with open_project(root) as project:
        shown = preview(project, "six-deadly-mistakes/own-the-mistake", None, NOW)
    data = f'src="data:image/png;base64,{base64.b64encode(PICTURE).decode()}"'
    assert data in shown.page
    assert data in framed(shown.html, shown.raw)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("first line.png", png(6, IMAGE_BYTES_MAX + 1), "heavy-images"),
        ("first line.png", b"RIFF....WEBP", "missing-image"),
        ("Prüfliste.pdf", b"%PDF" + bytes(ATTACHED_BYTES_MAX), "heavy-attachment"),
    ],
)
def test_what_cannot_go_along_is_an_error(root: Path, name: str, data: bytes, problem: str) -> None:
    (root / CAMPAIGN / name).write_bytes(data)
    assert set(errors(read_tree(root))) == {problem}


def test_many_small_pictures_are_heavy_together(root: Path) -> None:
    path = root / POST
    lines = [f"![Page {number} of a resume](page-{number}.png){{cid}}" for number in range(5)]
    for number in range(5):
        (root / CAMPAIGN / f"page-{number}.png").write_bytes(png(number, 250_000))
    path.write_text(path.read_text(encoding="utf-8") + "\n\n".join(["", *lines, ""]), encoding="utf-8")
    assert errors(read_tree(root)) == ["heavy-images"]


@pytest.mark.parametrize(
    "address", ["../drip.yaml", "/etc/hostname", "..%2Fdrip.yaml", "templates/letter.html", "https://example.com/a.png"]
)
def test_nothing_from_elsewhere_goes_along(root: Path, address: str) -> None:
    path = root / POST
    text = path.read_text(encoding="utf-8").replace("first%20line.png", address)
    path.write_text(text, encoding="utf-8")
    files = read_tree(root)
    assert "missing-image" in errors(files)
    with open_project(root) as project:
        from drip.authoring.read_post import read_post

        post, _ = read_post(files, POST)
        assert post is not None
        with pytest.raises(TemplateFault, match="beside this post"):
            Press(files, project.definition).compile(post)


def test_a_picture_by_its_address_stays_as_it_is(root: Path) -> None:
    path = root / POST
    path.write_text(path.read_text(encoding="utf-8") + "\n![A hosted one](https://example.com/a.png)\n", "utf-8")
    with open_project(root) as project:
        shown = preview(project, "six-deadly-mistakes/own-the-mistake", None, NOW)
    assert 'src="https://example.com/a.png"' in shown.page
    assert shown.raw.count(b"\r\nContent-ID:") == 1
