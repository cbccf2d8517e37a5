"""The live preview over HTTP: list, views, readers, dates, faults beside the last good mail, and hostile visitors."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from drip.core.events import AddedByAuthor
from drip.engine.apply import apply
from drip.errors import NotFound
from drip.project import open_project, read_tree
from drip.sandbox.live import Live, Wish
from drip.sandbox.live_pages import create_live
from drip.sandbox.personas import DEFAULT, PERSONAS
from drip.sandbox.stage import SiteThread, listen
from drip.sandbox.watch import stamps
from drip.simulate import FastClock
from tests.stages import EVIDENCE, HERE, START, copy_example

FOLDER = "campaigns/six-deadly-mistakes"
LAST_SEATS = f"{FOLDER}/last-seats.md"
YOU_ARE_IN = f"{FOLDER}/you-are-in.md"
PLOT = f"{FOLDER}/campaign.yaml"


class Desk:
    """An author's project, the preview of it, and a browser that is only HTTP."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FastClock(START)
        self.live = Live(root, self.clock)
        self._socket = listen(0)
        self._site = SiteThread(create_live(self.live), self._socket)
        self._site.start()
        self.home = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.client = httpx.Client(base_url=self.home, timeout=30)

    def stop(self) -> None:
        self.live.is_closing = True
        self.client.close()
        self._site.stop()

    def get(self, path: str = "/", **query: str) -> httpx.Response:
        return self.client.get(path, params={"as" if name == "as_" else name: value for name, value in query.items()})

    def page(self, post: str = LAST_SEATS, **query: str) -> str:
        answer = self.get("/", post=post, **query)
        assert answer.status_code == 200, answer.text
        return answer.text

    def mail(self, post: str = LAST_SEATS, **query: str) -> str:
        return self.get("/frame", post=post, **query).text

    def write(self, path: str, change: Callable[[str], str]) -> None:
        file = self.root / path
        file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
        assert self.live.look()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(copy_example(tmp_path))
    yield made
    made.stop()


# --- what is shown ---


def test_the_list_names_every_post_with_its_step_size_and_problems(desk: Desk) -> None:
    desk.write(LAST_SEATS, lambda text: text + "\n[here](https://example.com/)\n")
    while desk.live.measure_one():
        pass
    page = desk.get().text
    for word in (
        "six-deadly-mistakes",
        "sequence invite",
        "broadcasts",
        "tag: webinar-graduate",
        "confirm-registration",
    ):
        assert word in page
    posts = [*(HERE / "campaigns").rglob("*.md"), *(HERE / "templates" / "mails").glob("*.md")]
    assert len(re.findall(r'<span class="size">[\d.]+ kB</span>', page)) == len(posts), "every post has its size"
    row = re.search(r'<li><a href="/\?post=[^"]*last-seats.*?</a>', page, re.DOTALL)
    assert row is not None
    assert "3 days later at 9:30" in row[0]
    assert '<span class="badge warning">1 warning</span>' in row[0]


def test_sizes_are_measured_anew_only_where_something_changed(desk: Desk) -> None:
    while desk.live.measure_one():
        pass
    before = desk.live.measured
    desk.write(LAST_SEATS, lambda text: text + "\nOne more paragraph.\n")
    assert LAST_SEATS not in desk.live.sizes()
    while desk.live.measure_one():
        pass
    assert desk.live.measured == before + 1
    assert not desk.live.look()


def test_a_post_page_shows_mail_problems_and_controls(desk: Desk) -> None:
    desk.write(LAST_SEATS, lambda text: text + "\n[here](https://example.com/)\n")
    page = desk.page()
    assert "Last seats for “6 Deadly Job Search Mistakes”" in page
    assert 'src="/frame?post=campaigns%2Fsix-deadly-mistakes%2Flast-seats.md"' in page
    assert 'sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"' in page
    assert "warning[vague-link]" in page
    assert re.search(r"<code>campaigns/six-deadly-mistakes/last-seats\.md:\d+:\d+</code>", page)
    for persona in PERSONAS:
        assert f'value="{persona.name}"' in page


def test_every_view_of_every_post_is_there(desk: Desk) -> None:
    for path in [LAST_SEATS, YOU_ARE_IN, *desk.live.snapshot.own_posts]:
        for view in ("desktop", "phone", "dark", "images-off", "text", "headers", "source", "inbox"):
            page = desk.page(path, view=view)
            assert "cannot be shown" not in page, (path, view)
    assert "Hi Mia," in desk.page(view="text")
    assert "List-Unsubscribe-Post" in desk.page(view="headers")
    assert "Content-Transfer-Encoding: quoted-printable" in desk.page(view="source")
    assert desk.page(view="inbox").count('class="inbox ') == 3


def test_dark_and_light_do_not_depend_on_the_browser(desk: Desk) -> None:
    day, night = desk.mail(), desk.mail(view="dark")
    assert "prefers-color-scheme" not in day + night
    assert "@media not all" in day
    assert "@media all" in night
    assert "was made to apply always" in desk.page(view="dark")


def test_with_images_off_alt_texts_stand_there_and_nothing_is_loaded(desk: Desk) -> None:
    desk.write(LAST_SEATS, lambda text: text + "\n![A resume](https://example.com/resume.png)\n")
    assert 'src="https://example.com/resume.png"' in desk.mail()
    answer = desk.get("/frame", post=LAST_SEATS, view="images-off")
    assert "<img" not in answer.text
    assert "A resume</span>" in answer.text
    assert "img-src" not in answer.headers["content-security-policy"]


# --- readers and dates ---


def test_a_persona_without_a_name_shows_the_fall_back(desk: Desk) -> None:
    assert "Hi Mia," in desk.mail()
    assert "Hi there," in desk.mail(who="nobody")
    assert "Maximiliane-Alexandra" in desk.mail(who="long-name")
    assert "مريم" in desk.mail(who="right-to-left")
    assert "&lt;b&gt;Bob&lt;/b&gt; &amp;" in desk.mail(who="odd-characters")
    assert "{{ 7*7 }}" in html.unescape(desk.mail(who="odd-characters"))
    assert "sends nothing to somebody who unsubscribed" in desk.page(who="unsubscribed")
    assert "registered for tuesday-noon" in desk.page(who="registered")


def test_sessions_are_told_in_the_time_of_the_reader(desk: Desk) -> None:
    assert "New York time" in desk.mail(YOU_ARE_IN)
    assert "Auckland time" in desk.mail(YOU_ARE_IN, who="far-away")


def test_the_date_moves_sessions_and_what_is_left(desk: Desk) -> None:
    assert "Tuesday, December 8" in desk.page(YOU_ARE_IN)
    later = desk.page(YOU_ARE_IN, at="2026-12-08T12:01")
    assert "Wednesday, December 9" in later
    assert "registered for wednesday-evening" in later
    assert 'value="2026-12-08T12:01"' in later
    assert "is no moment" in desk.page(YOU_ARE_IN, at="next week")


def test_a_hurried_page_does_not_wait_for_the_check(desk: Desk) -> None:
    desk.page()
    desk.write(LAST_SEATS, lambda text: text + "\n[here](https://example.com/)\n")
    hurry = {"X-Drip-Hurry": "1"}
    first = desk.client.get("/", params={"post": LAST_SEATS}, headers=hurry).text
    assert "checking your files again" in first
    assert "vague-link" not in first
    before = desk.live.measured
    assert desk.live.check_wanted()
    assert not desk.live.check_wanted()
    assert desk.live.measured == before + 1, "open pages are told"
    then = desk.client.get("/", params={"post": LAST_SEATS}, headers=hurry).text
    assert "checking your files again" not in then
    assert "vague-link" in then


def test_problems_are_judged_as_on_that_date(desk: Desk) -> None:
    assert "past-session" not in desk.page()
    assert "past-session" in desk.page(at="2027-01-01T00:00")


@pytest.fixture
def with_people(desk: Desk) -> Desk:
    with open_project(desk.root, clock=desk.clock) as project:
        apply(project.engine, read_tree(desk.root), START)
        event = AddedByAuthor(
            "zoe@example.org", "job-seekers", EVIDENCE, attested=True, fields={"first_name": "Zoë"}, zone="Asia/Tokyo"
        )
        project.engine.happen(event, START)
    return desk


def test_a_real_subscriber_is_found_by_address(with_people: Desk) -> None:
    before = (with_people.root / "drip.db").read_bytes()
    page = with_people.page(as_="ZOE@example.org")
    assert "to zoe@example.org · Asia/Tokyo" in page
    assert "Hi Zoë," in with_people.mail(as_="zoe@example.org")
    lent = with_people.page(YOU_ARE_IN, as_="zoe@example.org")
    assert "this subscriber has none here" in lent
    nobody = with_people.get("/", post=LAST_SEATS, as_="eve@example.org")
    assert nobody.status_code == 404
    assert "there is no subscriber eve@example.org" in nobody.text
    assert (with_people.root / "drip.db").read_bytes() == before, "it is only read"


def test_no_database_and_no_secret_are_made(desk: Desk) -> None:
    answer = desk.get("/", post=LAST_SEATS, as_="zoe@example.org")
    assert answer.status_code == 404
    assert "no database yet" in answer.text
    assert not (desk.root / "drip.db").exists()
    assert not (desk.root / ".drip").exists()
    (desk.root / "drip.db").touch()
    assert "no database yet" in desk.get("/", post=LAST_SEATS, as_="zoe@example.org").text
    assert (desk.root / "drip.db").stat().st_size == 0, "an empty file is not made into a database"


# --- faults ---


def test_a_fault_of_jinja_shows_its_line_and_keeps_the_old_mail(desk: Desk) -> None:
    assert "three reasons" in desk.mail()
    last = len((desk.root / LAST_SEATS).read_text(encoding="utf-8").splitlines()) + 1
    desk.write(LAST_SEATS, lambda text: text.replace("three reasons", "four reasons") + "Bye {{ frist_name }}\n")
    page = desk.page()
    assert "The mail below is the old one" in page
    assert "&#39;frist_name&#39; is undefined" in page
    assert f"<code>{LAST_SEATS}:{last}:1</code>" in page
    assert 'class="old"' in page
    assert "three reasons" in desk.mail(), "what could last be shown stays"
    assert "three reasons" in desk.mail(who="nobody"), "for every reader"
    desk.write(LAST_SEATS, lambda text: text.replace("{{ frist_name }}", "now"))
    assert "four reasons" in desk.mail()
    assert "the old one" not in desk.page()


def test_a_syntax_fault_in_the_subject_points_at_the_subject(desk: Desk) -> None:
    desk.page()
    desk.write(LAST_SEATS, lambda text: re.sub(r"(?m)^subject:.*", "subject: Hi {{ first_name", text))
    assert re.search(rf"<code>{LAST_SEATS}:2:\d+</code>", desk.page())


def test_a_fault_in_a_layout_is_told_with_its_file(desk: Desk) -> None:
    desk.page()
    desk.write("templates/letter.html", lambda text: text.replace("</body>", "{% if %}</body>"))
    page = desk.page()
    assert re.search(r"<code>templates/letter\.html:\d+:\d+</code>", page)
    assert "the old one" in page


@pytest.mark.parametrize(
    ("path", "broken"),
    [
        (PLOT, "title: [unclosed\n"),
        ("drip.yaml", "name: x\n"),
        (LAST_SEATS, "---\nsubject: x\n"),
    ],
    ids=["plot", "project", "front-matter"],
)
def test_what_cannot_be_read_keeps_the_old_mail(desk: Desk, path: str, broken: str) -> None:
    assert "three reasons" in desk.mail()
    good = (desk.root / path).read_text(encoding="utf-8")
    desk.write(path, lambda _: broken)
    page = desk.page()
    assert "the old one" in page
    assert f"<code>{path}:" in page
    assert "three reasons" in desk.mail()
    assert desk.get().status_code == 200
    desk.write(path, lambda _: good)
    assert "the old one" not in desk.page()


def test_a_post_that_was_never_good_says_why(tmp_path: Path) -> None:
    root = copy_example(tmp_path)
    (root / PLOT).write_text("title: [\n")
    desk = Desk(root)
    try:
        page = desk.page()
        assert "This post cannot be shown" in page
        assert "<iframe" not in page
        assert desk.get("/frame", post=LAST_SEATS).status_code == 422
    finally:
        desk.stop()


def test_a_broken_post_does_not_take_its_neighbours_away(desk: Desk) -> None:
    desk.write(YOU_ARE_IN, lambda _: "no front matter at all\n")
    assert "cannot be shown" not in desk.page(LAST_SEATS)
    assert "cannot be shown" in desk.page(YOU_ARE_IN)


def test_files_come_and_go(desk: Desk) -> None:
    new = desk.root / FOLDER / "brand-new.md"
    new.write_text("---\nsubject: Brand new\npreview: p\n---\n\nHello\n")
    assert desk.live.look()
    assert "nothing sends these" in desk.get().text
    assert "Brand new" in desk.page(f"{FOLDER}/brand-new.md")
    new.unlink()
    assert desk.live.look()
    assert desk.get("/", post=f"{FOLDER}/brand-new.md").status_code == 404
    (desk.root / "drip.yaml").rename(desk.root / "moved.yaml")
    assert not desk.live.look(), "half of a save: the files stay as they were"
    (desk.root / "moved.yaml").rename(desk.root / "drip.yaml")
    assert "Last seats" in desk.page()


def test_hidden_files_of_editors_are_no_save(tmp_path: Path) -> None:
    root = copy_example(tmp_path)
    before = stamps(root)
    (root / FOLDER / ".last-seats.md.swp").write_text("x")
    (root / "drip.db").write_text("x")
    assert stamps(root) == before
    text = (root / LAST_SEATS).read_text(encoding="utf-8")
    copy = root / FOLDER / ".new"
    copy.write_text(text, encoding="utf-8")
    state = (root / LAST_SEATS).stat()
    os.utime(copy, ns=(state.st_atime_ns, state.st_mtime_ns))
    copy.replace(root / LAST_SEATS)
    assert stamps(root) != before, "same size, same time, another file"


def test_posts_are_found_by_their_addresses(desk: Desk) -> None:
    for address in ("last-seats", "six-deadly-mistakes/last-seats", LAST_SEATS, f"./{LAST_SEATS}"):
        assert desk.live.find(address) == LAST_SEATS
    assert desk.live.find("confirm-registration") == "templates/mails/confirm-registration.md"
    with pytest.raises(NotFound, match="there is no post `gone`"):
        desk.live.find("gone")
    with pytest.raises(NotFound):
        desk.live.show(Wish("../../etc/passwd", DEFAULT, START))


# --- hostile visitors and content ---


@pytest.mark.parametrize("path", ["/", "/frame", "/events", "/live.js", "/live.css"])
def test_only_names_of_this_machine_and_no_other_site(desk: Desk, path: str) -> None:
    for host in ("evil.example.com", "127.0.0.1.evil.example.com", "localhost.evil.example.com:8024"):
        assert desk.client.get(path, headers={"Host": host}).status_code == 400
    for origin in ("https://evil.example.com", "null", "http://localhost:1", desk.home.replace("http", "https") + "0"):
        assert desk.client.get(path, headers={"Origin": origin}).status_code == 403
    if path != "/events":
        own = desk.client.get(path, headers={"Origin": desk.home}, params={"post": LAST_SEATS})
        assert own.status_code == 200
        assert "access-control-allow-origin" not in own.headers
        assert own.headers["cross-origin-resource-policy"] == "same-origin"
        assert desk.client.post(path).status_code == 405


def test_pages_run_only_our_script_and_mails_none(desk: Desk) -> None:
    policy = desk.get().headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert not re.search(r"<script(?! src=)|\son\w+=|\sstyle=", desk.page()), "nothing that the policy would refuse"
    mail = desk.get("/frame", post=LAST_SEATS).headers["content-security-policy"]
    assert "script-src" not in mail
    assert "allow-scripts" not in mail
    assert "sandbox allow-same-origin" in mail


def test_hostile_names_and_texts_come_out_as_text(desk: Desk) -> None:
    bomb = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    name = bomb.replace("/", "")
    (desk.root / FOLDER / f"{name}.md").write_text(f"---\nsubject: '{bomb}'\npreview: '{bomb}'\n---\n\n{bomb}\n")
    folder = desk.root / "campaigns" / f"<svg onload=alert(3)>{chr(0x202E)}"
    folder.mkdir()
    (folder / "post.md").write_text("---\nsubject: x\n---\n\n{{ nobody }}\n")
    assert desk.live.look()
    wicked = next(each for each in desk.live.snapshot.files if "onerror" in each)
    for view in ("desktop", "text", "headers", "source", "inbox"):
        for query in (
            {"post": wicked},
            {"post": LAST_SEATS, "as_": bomb},
            {"post": bomb},
            {"post": wicked, "at": bomb},
        ):
            page = desk.get("/", view=view, **query).text
            assert "<script>alert" not in page
            assert "<img src=x" not in page
            assert "<svg onload" not in page
            assert chr(0x202E) not in page, "nothing turns the line around"
    assert "&lt;script&gt;" in desk.page(wicked, view="inbox")
