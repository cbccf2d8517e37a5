"""`drip import` from every source: the exact drafts, what is told, what a second run does, and what is refused.

tests/golden/imports/<source>/ holds a small export of each kind; its `drafts/` and `report.txt` are what comes out.
DRIP_UPDATE_GOLDEN=1 writes them anew: read the difference before you commit it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drip.authoring.front_matter import split_front_matter
from drip.cli.fetch import Fetcher
from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.cli.trees import ZipTree
from drip.errors import NotFetched, Unreadable

GOLDEN = Path(__file__).parents[1] / "golden" / "imports"
SOURCES = {
    "atom": "feed.xml",
    "blogger": "feed.atom",
    "blogger-old": "blog-06-17-2020.xml",
    "buttondown": "export",
    "feed": "feed.xml",
    "ghost": "export.json",
    "hugo": "export",
    "jekyll": "export",
    "page": "page.html",
    "substack": "export",
    "wordpress": "export.xml",
}
PNG = (GOLDEN / "hugo/export/static/images/line.png").read_bytes()


class SetClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def drip(*words: str | Path, given: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], obj=Call(clock=SetClock()), input=given)


def ok(*words: str | Path, given: bytes | None = None) -> Result:
    result = drip(*words, given=given)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def heads(folder: Path) -> dict[str, dict[str, str]]:
    return {
        path.name: dict(split_front_matter(path.read_text(encoding="utf-8"), path.name)[0].values)
        for path in sorted(folder.glob("*.md"))
    }


# --- every source --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "file"), SOURCES.items(), ids=list(SOURCES))
def test_the_drafts_of_each_source(source: str, file: str, tmp_path: Path) -> None:
    result = ok("import", GOLDEN / source / file, "-o", "drafts/", "--drafts")
    report = result.stderr
    home = GOLDEN / source
    made = {path.name: path.read_text(encoding="utf-8") for path in Path("drafts").glob("*")}
    if os.environ.get("DRIP_UPDATE_GOLDEN") == "1":
        shutil.rmtree(home / "drafts", ignore_errors=True)
        shutil.copytree("drafts", home / "drafts")
        (home / "report.txt").write_text(report, encoding="utf-8")
    assert made == {path.name: path.read_text(encoding="utf-8") for path in (home / "drafts").iterdir()}
    assert report == (home / "report.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(("source", "file"), SOURCES.items(), ids=list(SOURCES))
def test_a_second_run_writes_nothing_even_after_renaming_and_editing(source: str, file: str) -> None:
    ok("import", GOLDEN / source / file, "-o", "drafts/", "--drafts")
    first, *_ = sorted(Path("drafts").glob("*.md"))
    text = first.read_text(encoding="utf-8")
    renamed = first.rename("drafts/renamed.md")
    renamed.write_text(text.replace("subject: ", "subject: My own: ", 1) + "\nMy words.\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in Path("drafts").iterdir()}
    result = ok("import", GOLDEN / source / file, "-o", "drafts/", "--drafts")
    assert "already imported" in result.stderr
    assert result.stdout == ""
    assert {path: path.read_bytes() for path in Path("drafts").iterdir()} == before


@pytest.mark.parametrize("source", ["substack", "hugo", "jekyll", "buttondown", "blogger", "wordpress", "ghost"])
def test_a_zip_file_is_the_same_as_its_folder(source: str, tmp_path: Path) -> None:
    packed = tmp_path / "export.zip"
    home = GOLDEN / source
    files = [each for each in sorted((home / "export").rglob("*")) if each.is_file()] or [home / SOURCES[source]]
    with zipfile.ZipFile(packed, "w") as file:
        for each in files:
            file.write(each, f"download/{each.relative_to(home / 'export' if len(files) > 1 else home).as_posix()}")
    ok("import", packed, "-o", "drafts/", "--drafts")
    expected = {path.name: path.read_text(encoding="utf-8") for path in (home / "drafts").iterdir()}
    assert {path.name: path.read_text(encoding="utf-8") for path in Path("drafts").iterdir()} == expected


def test_drafts_of_every_source_load_without_an_error() -> None:
    for source in SOURCES:
        for path in (GOLDEN / source / "drafts").iterdir():
            head, problems = split_front_matter(path.read_text(encoding="utf-8"), path.name)
            assert problems == []
            assert head.values["subject"]
            assert head.values["source"]


def test_the_name_of_a_file_decides_nothing() -> None:
    shutil.copy(GOLDEN / "wordpress/export.xml", "notes.txt")
    shutil.copy(GOLDEN / "page/page.html", "page")
    assert "a WordPress export: 3 posts found" in ok("import", "notes.txt", "-o", "a/").stderr
    assert "an HTML page: 1 post found" in ok("import", "page", "-o", "b/").stderr


def test_a_page_from_a_pipe_to_a_pipe() -> None:
    result = ok("import", "-", "-o", "-", given=(GOLDEN / "page/page.html").read_bytes())
    assert result.stdout == (GOLDEN / "page/drafts/how-to-salt-water.md").read_text(encoding="utf-8")
    assert list(Path().iterdir()) == []


def test_many_posts_do_not_fit_into_a_pipe() -> None:
    result = drip("import", GOLDEN / "wordpress/export.xml", "-o", "-")
    assert result.exit_code == 2
    assert "2 posts do not fit into one pipe" in result.stderr


# --- options -------------------------------------------------------------------------------------------------


def test_drafts_are_left_out_unless_wanted() -> None:
    result = ok("import", GOLDEN / "wordpress/export.xml", "-o", "drafts/")
    assert "3 posts found, 2 written, 1 skipped\nskipped: 1 draft\n" in result.stderr
    assert "half-done.md" not in heads(Path("drafts"))


def test_since_and_only() -> None:
    result = ok("import", GOLDEN / "wordpress/export.xml", "-o", "a/", "--since", "2020-01-01", "--drafts")
    assert list(heads(Path("a"))) == ["blocks.md"]
    assert "1 post from before `--since`, 1 post without a date" in result.stderr
    ok("import", GOLDEN / "wordpress/export.xml", "-o", "b/", "--only", "*CLASSIC*")
    assert list(heads(Path("b"))) == ["classic.md"]


def test_a_dry_run_writes_nothing() -> None:
    result = ok("import", GOLDEN / "hugo/export", "-o", "drafts/", "--drafts", "--images", "pictures", "-n")
    assert result.stdout == "would write drafts/bundle.md\nwould write drafts/first.md\n"
    assert "2 would be written" in result.stderr
    assert list(Path().iterdir()) == []


def test_json_tells_the_same() -> None:
    result = ok("import", GOLDEN / "wordpress/export.xml", "-o", "drafts/", "--json")
    document = json.loads(result.stdout)
    assert document["kind"] == "wordpress"
    assert [Path(each["path"]).name for each in document["drafts"]] == ["blocks.md", "classic.md"]
    assert document["skipped"] == {"draft": 1}
    assert document["left_out"] == {"attachment": 1, "comment": 1, "page": 1, "post in the bin": 1}
    assert document["met"]["shortcode"] == 2


def test_names_that_clash_get_a_number() -> None:
    Path("drafts").mkdir()
    Path("drafts/classic.md").write_text("---\nsubject: mine\n---\n", encoding="utf-8")
    ok("import", GOLDEN / "wordpress/export.xml", "-o", "drafts/")
    assert Path("drafts/classic.md").read_text(encoding="utf-8") == "---\nsubject: mine\n---\n"
    assert heads(Path("drafts"))["classic-2.md"]["source"] == "https://cara.example/?p=3"


def test_one_page_can_be_named_and_is_never_written_over() -> None:
    ok("import", GOLDEN / "page/page.html", "-o", "my.md")
    Path("other.html").write_text("<html><body><p>Another page.</p></body></html>", encoding="utf-8")
    result = drip("import", "other.html", "-o", "my.md")
    assert result.exit_code == 2
    assert "`my.md` is there already" in result.stderr
    ok("import", "other.html", "-o", "drafts/", "--name", "chosen")
    assert list(heads(Path("drafts"))) == ["chosen.md"]


@pytest.mark.parametrize("words", [("--plain",), ("--cta-url", "webinar:"), ("--name", "x"), ("--base-url", "blog")])
def test_options_that_do_not_fit_are_refused(words: tuple[str, ...]) -> None:
    assert drip("import", GOLDEN / "hugo/export", "-o", "drafts/", *words).exit_code == 2
    assert list(Path().iterdir()) == []


def test_plain_reads_anything_as_text() -> None:
    Path("p.html").write_text("<p>Not a page but words about &lt;p&gt;</p>", encoding="utf-8")
    assert r"\<p>Not a page" in ok("import", "p.html", "--plain", "-o", "-").stdout


def test_ghost_gets_its_address() -> None:
    ok("import", GOLDEN / "ghost/export.json", "-o", "drafts/", "--base-url", "https://ghost.example/")
    text = Path("drafts/hello.md").read_text(encoding="utf-8")
    assert "(https://ghost.example/content/images/2023/01/a.png)" in text
    assert "(https://ghost.example/about/)" in text


def test_damaged_and_foreign_files_are_refused_in_a_sentence() -> None:
    for name, data in {
        "a.json": b'{"no": "posts"}',
        "b.json": b'{"db": [{"data": {"posts": [',
        "c.zip": b"PK\x03\x04 broken",
        "d.xml": b"<?xml version='1.0'?><invoice/>",
        "e.bin": b"\x00\x01\x02",
        "posts.csv": b"",
    }.items():
        Path(name).write_bytes(data)
        result = drip("import", name, "-o", "drafts/")
        assert (result.exit_code, result.stderr[:7]) == (2, "error: "), (name, result.output)
    Path("empty").mkdir()
    assert drip("import", "empty").exit_code == 2
    assert drip("import", "nowhere").exit_code == 2
    assert not Path("drafts").exists()


def test_the_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nh3", None)
    result = drip("import", GOLDEN / "page/page.html", "-o", "drafts/")
    assert result.exit_code == 2
    assert "needs `nh3`" in result.stderr
    assert "pip install 'drip[import]'" in result.stderr


def test_a_text_loads_none_of_the_libraries() -> None:
    Path("old.txt").write_text("A title\n\nSome words here.\n", encoding="utf-8")
    code = (
        "import sys; from drip.cli.main import main; sys.argv = ['drip', 'import', 'old.txt'];\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([n for n in ('feedparser', 'markdownify', 'bs4', 'nh3', 'lxml') if n in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]"


# --- images --------------------------------------------------------------------------------------------------


def test_images_beside_an_export_are_copied() -> None:
    result = ok("import", GOLDEN / "hugo/export", "-o", "drafts/", "--drafts", "--images", "drafts/pictures")
    assert (Path("drafts/pictures/line.png")).read_bytes() == PNG
    assert "](pictures/ink.png" in Path("drafts/bundle.md").read_text(encoding="utf-8")
    assert "](pictures/line.png)" in Path("drafts/first.md").read_text(encoding="utf-8")
    assert "images: 2 copied" in result.stderr


def test_part_of_a_site_finds_the_images_of_the_whole() -> None:
    ok("import", GOLDEN / "hugo/export/content/posts", "-o", "drafts/", "--images", "pictures")
    assert Path("pictures/line.png").read_bytes() == PNG
    assert heads(Path("drafts"))["first.md"]["source"] == "site:content/posts/first.md"


def test_a_takeout_has_its_images_by_name_alone() -> None:
    Path("Takeout/Blogger/Albums/My blog").mkdir(parents=True)
    Path("Takeout/Blogger/Blogs/My blog").mkdir(parents=True)
    Path("Takeout/Blogger/Albums/My blog/desk.jpg").write_bytes(PNG)
    shutil.copy(GOLDEN / "blogger/feed.atom", "Takeout/Blogger/Blogs/My blog/feed.atom")
    result = ok("import", "Takeout", "-o", "drafts/", "--images", "pictures", "-n")
    assert "images: 1 copied, 1 to fetch" in result.stderr


def test_links_out_of_the_folder_are_not_followed() -> None:
    Path("secret.png").write_bytes(PNG)
    Path("site/_posts").mkdir(parents=True)
    Path("site/link.png").symlink_to(Path("secret.png").resolve())
    Path("site/_posts/2020-01-02-a.md").write_text(
        "---\ntitle: A\n---\n![x](../link.png) ![y](../../secret.png) ![z](file:///etc/passwd)\n", encoding="utf-8"
    )
    result = ok("import", "site", "-o", "drafts/", "--images", "pictures")
    assert not Path("pictures").exists()
    assert result.stderr.count("image left where it was") == 2


# --- the network, on this machine alone ----------------------------------------------------------------------


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(handler: BaseHTTPRequestHandler, data: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def test_a_feed_is_fetched_and_only_once() -> None:
    asked: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.headers["If-None-Match"])
        if handler.headers["If-None-Match"] == '"1"':
            reply(handler, b"", 304)
        else:
            reply(handler, (GOLDEN / "feed/feed.xml").read_bytes(), ETag='"1"', Content_Type="text/html")

    with serving(answer) as url:
        words = ("import", f"{url}/feed", "-o", "drafts/", "--allow-loopback")
        assert "a feed: 2 posts found, 2 written" in ok(*words).stderr
        assert "nothing is new" in ok(*words).stderr
        # A filter may want what was left out before; a draft that was thrown away is wanted again.
        assert "2 posts found, 0 written" in ok(*words, "--only", "*").stderr
        Path("drafts/a-summary.md").unlink()
        assert "1 written" in ok(*words).stderr
    assert asked == [None, '"1"', None, None]


def test_images_of_the_web_are_fetched() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/good.png":
            reply(handler, PNG)
        elif handler.path == "/fake.png":
            reply(handler, b"<html>no image</html>", Content_Type="image/png")
        elif handler.path == "/huge.png":
            reply(handler, PNG + b"\0" * 10_000_001)
        elif handler.path == "/away.png":
            reply(handler, b"", 302, Location="http://10.0.0.1/x.png")
        elif handler.path == "/file.png":
            reply(handler, b"", 302, Location="file:///etc/passwd")
        elif handler.path == "/page":
            names = ("good", "good", "fake", "huge", "away", "file", "none")
            images = "".join(f"<img src='/{name}.png'>" for name in names)
            reply(handler, f"<html><body><article><p>{'Words of a post. ' * 20}</p>{images}</article>".encode())
        else:
            reply(handler, b"", 404)

    with serving(answer) as url:
        result = ok("import", f"{url}/page", "-o", "drafts/", "--images", "drafts/pictures", "--allow-loopback")
        text = Path("drafts/page.md").read_text(encoding="utf-8")
        assert text.count("](pictures/good.png)") == 2
        assert f"]({url}/fake.png)" in text
        assert [path.name for path in Path("drafts/pictures").iterdir()] == ["good.png"]
        assert "images: 5 failed, 1 fetched" in result.stderr
        for why in ("is no image", "larger than 10 MB", "private network", "the server answered 404"):
            assert why in result.stderr
        assert heads(Path("drafts"))["page.md"]["source"] == f"{url}/page"


def test_this_machine_is_not_asked_unless_allowed() -> None:
    with serving(lambda handler: reply(handler, b"<html>secret</html>")) as url:
        result = drip("import", url, "-o", "drafts/")
        assert result.exit_code == 2
        assert "private network" in result.stderr


@pytest.mark.parametrize("url", ["ftp://e.example/x", "file:///etc/passwd", "gopher://e.example"])
def test_other_schemes_are_refused(url: str) -> None:
    result = drip("import", url, "-o", "drafts/")
    assert (result.exit_code, "no address of the web" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
        *("::1", "fe80::1", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"),
    ],
)
def test_private_addresses_are_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(kind, socket.SOCK_STREAM, 6, "", (address, 80))])
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("it dialed"))
    with pytest.raises(NotFetched, match="private network"):
        Fetcher(SetClock().now).fetch("http://blog.example/", most=10)


def test_a_server_that_drips_is_left() -> None:
    start = SetClock().now()
    moments = iter(start + timedelta(seconds=100 * number) for number in range(100))
    with (
        serving(lambda handler: reply(handler, b"x" * 1_000_000)) as url,
        pytest.raises(NotFetched, match="took longer than 120 seconds"),
    ):
        Fetcher(lambda: next(moments), allow_loopback=True).fetch(url, most=10_000_000)


def test_an_endless_redirect_ends() -> None:
    with (
        serving(lambda handler: reply(handler, b"", 302, Location=handler.path + "x")) as url,
        pytest.raises(NotFetched),
    ):
        Fetcher(SetClock().now, allow_loopback=True).fetch(url + "/", most=100)


# --- zip files -----------------------------------------------------------------------------------------------


def packed(**files: bytes) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    out.seek(0)
    return out


@pytest.mark.parametrize("name", ["../x.html", "/etc/x.html", "a/../../x.html", "C:/x.html", "..\\x.html"])
def test_names_that_lead_out_of_a_zip_are_refused(name: str) -> None:
    with pytest.raises(Unreadable, match="leads out of it"):
        ZipTree(packed(**{"good.html": b"<p>x</p>", name: b"<p>x</p>"}), "a.zip")


def test_a_bomb_is_refused_before_it_is_lit() -> None:
    with pytest.raises(Unreadable, match="unfolds more than 200 times"):
        ZipTree(packed(**{"a.html": b"\0" * 5_000_000}), "a.zip")


def test_too_much_in_a_zip_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drip.cli.trees.TOTAL_BYTES_MAX", 1_000)
    with pytest.raises(Unreadable, match="unfolds to more"):
        ZipTree(packed(**{"a.html": os.urandom(600), "b.html": os.urandom(600)}), "a.zip")


def test_a_member_that_lies_about_its_size_is_refused() -> None:
    data = bytearray(packed(**{"a.html": b"<p>" + b"x" * 5_000}).getvalue())
    # The size in the directory, at offset 24 of its entry, says 10 in place of 5,003.
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    tree = ZipTree(io.BytesIO(bytes(data)), "a.zip")
    with pytest.raises(Unreadable):
        tree.read("a.html")


def test_a_damaged_export_in_a_zip_is_told() -> None:
    export = (GOLDEN / "wordpress/export.xml").read_bytes() + b"<!-- " + os.urandom(200_000).hex().encode() + b" -->"
    data = bytearray(packed(**{"export.xml": export}).getvalue())
    data[len(data) // 2] ^= 0xFF
    Path("export.zip").write_bytes(data)
    result = drip("import", "export.zip", "-o", "drafts/")
    assert (result.exit_code, "cannot be read to its end" in result.stderr) == (2, True), result.output


def test_one_damaged_post_does_not_stop_the_others() -> None:
    home = GOLDEN / "substack/export"
    data = bytearray(
        packed(
            **{"posts.csv": (home / "posts.csv").read_bytes(), "posts/1001.why-salt.html": b"<p>aaaa</p>" * 9}
        ).getvalue()
    )
    at = data.index(b"1001.why-salt.html") + len(b"1001.why-salt.html")
    data[at + 3] ^= 0xFF
    Path("export.zip").write_bytes(data)
    result = ok("import", "export.zip", "-o", "drafts/")
    assert "is damaged in the zip file" in result.stderr
