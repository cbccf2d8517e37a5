"""What holds for every page: nothing acts on GET, hostile requests get nowhere, hostile values stay text."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drip.core.links import Purpose
from drip.core.records import SubscriberId
from drip.store.store import Store, open_store
from drip.web.guard import BODY_BYTES_MAX, Guard
from tests.stages import Ground
from tests.visitors import BASE, FORM, OUR_SCRIPT, Visitor, dump, open_applied, paths_in

CALENDARS = (
    "https://calendar.google.com/",
    "https://outlook.live.com/",
    "https://outlook.office.com/",
    "https://calendar.yahoo.com/",
)

POLYGLOTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'\"></title></textarea><svg/onload=alert(1)>",
    "{{7*7}}{% raw %}${7*7}",
    "</p><form action=//evil.example><input name=email>",
    "javascript:alert(1)//",
)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """One visitor for all tests here that leave everything as it is."""
    with contextlib.closing(open_store("sqlite:///:memory:", root=Path("/"))) as opened:
        opened.create_or_check()
        yield Visitor(open_applied(tmp_path_factory.mktemp("still") / "project", opened))


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return open_applied(tmp_path / "project", memory_store)


@pytest.fixture
def visitor(ground: Ground) -> Visitor:
    return Visitor(ground)


def everything(visitor: Visitor, name: str = "Ann") -> tuple[SubscriberId, list[str]]:
    """A reader in the middle of it all, and every address that they could open, from mails and pages."""
    ground = visitor.ground
    visitor.sign_up("ann@example.org", first_name=name)
    confirm = visitor.link(visitor.last_mail("ann@example.org"), "/confirm/")
    visitor.post(confirm)
    ground.tick()
    visitor.register("ann@example.org")
    book = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    visitor.post(book)
    ground.tick()
    visitor.sign_up("bob@example.org")
    visitor.register("cem@example.org", "wednesday-evening")
    ground.tick()
    visitor.post(visitor.link(visitor.last_mail("ann@example.org"), "/p/"), {"email": "ann@example.net"})
    ground.tick()
    found = [each for wire in ground.transport.sent for each in paths_in(wire)]
    fixed = ["/", "/style.css", "/s/job-seekers", "/s/none", "/w/six-deadly-mistakes?tz=Asia/Tokyo", "/w/none", "/none"]
    with ground.store.read() as work:
        reader = work.subscriber_by_mailbox(ground.project.keys.mailbox_of("ann@example.org"))
    assert reader is not None
    return reader.id, [*fixed, *dict.fromkeys(found)]


def test_nothing_acts_on_get_or_head(visitor: Visitor) -> None:
    _, paths = everything(visitor)
    kinds = {each.split("/")[1].partition("?")[0] for each in paths}
    assert kinds >= {"s", "confirm", "u", "p", "w", "b", "j", "m", "v", "e"}
    before = dump(visitor.ground)
    for path in paths:
        for method in ("GET", "HEAD", "GET", "HEAD", "OPTIONS"):
            assert visitor.ask(method, path).status_code < 500, (method, path)
    assert dump(visitor.ground) == before


def test_a_head_has_the_headers_of_the_get(visitor: Visitor) -> None:
    _, paths = everything(visitor)
    for path in paths:
        got, headed = visitor.get(path), visitor.ask("HEAD", path)
        assert (got.status_code, got.headers) == (headed.status_code, headed.headers), path


def test_pages_with_a_key_in_their_address_are_kept_nowhere(visitor: Visitor) -> None:
    _, paths = everything(visitor)
    for path in paths:
        if re.match(r"/(confirm|u|p|b|j|m|v)/|/w/.*for=", path):
            headers = visitor.get(path).headers
            assert headers["cache-control"] == "no-store", path
            assert headers["x-robots-tag"].startswith("noindex"), path
            assert headers["x-frame-options"] == "DENY", path
            assert "default-src 'none'" in headers["content-security-policy"], path
            assert "frame-ancestors 'none'" in headers["content-security-policy"], path


def test_only_the_sign_up_form_may_be_framed(still: Visitor) -> None:
    form = still.get("/s/job-seekers")
    assert "x-frame-options" not in form.headers
    assert "frame-ancestors" not in form.headers["content-security-policy"]
    assert still.get("/w/six-deadly-mistakes").headers["x-frame-options"] == "DENY"


def test_nothing_on_a_page_comes_from_elsewhere(visitor: Visitor) -> None:
    _, paths = everything(visitor)
    for path in paths:
        if path.startswith("/v/"):
            continue
        text = visitor.get(path).text
        assert "meet.example.com" not in text, path
        for target in re.findall(r'(?:href|src|action)="([^"]*)"', text):
            # Links into a web calendar are followed by whoever presses them; nothing is loaded from there.
            assert target.startswith(("/", "#", "data:,", *CALENDARS)), (path, target)
        assert not re.search(r'(?:src|action)="https?:', text)


def test_no_page_has_an_inline_style_or_an_event_attribute(visitor: Visitor) -> None:
    """The policy would block them: a page that needs one is broken."""
    _, paths = everything(visitor)
    for path in paths:
        if not path.startswith("/v/"):
            text = visitor.get(path).text
            assert not re.search(r"<[^>]*\s(?:style|on\w+)=", text), path
            assert "<style" not in text


@pytest.mark.parametrize("name", POLYGLOTS)
def test_a_hostile_name_stays_text_on_every_page(visitor: Visitor, name: str) -> None:
    # Written straight into the store: names that the form refuses can still come by import.
    who, paths = everything(visitor)
    with visitor.ground.store.write() as work:
        work.set_fields(who, {"first_name": name})
    for path in paths:
        text = visitor.get(path).text.lower()
        assert "<script" not in OUR_SCRIPT.sub("", text)
        assert "<img src=x" not in text
        assert "<svg" not in text
        assert "evil.example><input" not in text


@pytest.mark.parametrize("text", POLYGLOTS)
def test_hostile_text_in_forms_and_queries_stays_text(still: Visitor, text: str) -> None:
    answers = [
        still.sign_up(text, first_name=text, tz=text),
        still.register(text, text, first_name=text, tz=text),
        still.get("/w/six-deadly-mistakes", params={"s": text, "for": text, "tz": text}),
        still.get("/s/job-seekers", params={"tz": text}),
        still.get(f"/s/{text.replace('/', '')}"),
    ]
    assert [each.status_code for each in answers] == [422, 422, 200, 200, 404]
    for each in answers:
        lowered = each.text.lower()
        assert "<script>" not in lowered
        assert "<svg" not in lowered
        assert "<img" not in lowered


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "", "mail.example.com@evil.example", "a\tb", "[::1"],
)
def test_a_foreign_host_is_refused(still: Visitor, host: str) -> None:
    answer = still.get("/s/job-seekers", headers={"Host": host})
    assert answer.status_code == (200 if host == "[::1" else 400)
    assert "evil" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LOCALHOST:99", "[::1]:8000", "127.0.0.1."])
def test_the_hosts_of_the_site_and_of_this_machine_are_served(still: Visitor, host: str) -> None:
    assert still.get("/s/job-seekers", headers={"Host": host}).status_code == 200


def test_two_hosts_are_a_bad_request(still: Visitor) -> None:
    answer = still.get("/", headers=[("Host", "127.0.0.1"), ("Host", "evil.example")])
    assert answer.status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"])
def test_other_methods_are_refused(still: Visitor, method: str) -> None:
    for path in ("/", "/s/job-seekers", "/u/xx", "/w/six-deadly-mistakes"):
        answer = still.ask(method, path)
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]


def test_pages_that_only_show_cannot_be_posted_to(still: Visitor) -> None:
    for path in ("/", "/style.css", "/v/xx", "/j/xx/calendar.ics"):
        assert still.post(path).status_code == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/s/job-seekers/", 200),
        ("/s/job-seekers//", 200),
        ("//s/job-seekers", 404),
        ("/s//job-seekers", 404),
        ("/S/job-seekers", 404),
        ("/s/JOB-SEEKERS", 404),
        ("/s/job-seekers%2f..", 404),
        ("/s/..%2f..%2fdrip.yaml", 404),
        ("/s/%00", 404),
        ("/s/%ff%fe", 404),
        ("/u/" + "A" * 5000, 404),
        ("/w/six-deadly-mistakes/?tz=%ff&s=%00&for=%f0", 200),
        ("/j//calendar.ics", 404),
        ("/style.css/", 200),
        ("/style.css/x", 404),
    ],
)
def test_odd_paths(still: Visitor, path: str, status: int) -> None:
    for method in ("GET", "HEAD"):
        answer = still.ask(method, f"{BASE}{path}")
        assert answer.status_code == status
        assert "location" not in answer.headers


def test_a_body_that_is_too_long_is_refused(visitor: Visitor) -> None:
    before = dump(visitor.ground)
    assert visitor.sign_up("ann@example.org", first_name="x" * BODY_BYTES_MAX).status_code == 413
    assert visitor.ask("GET", "/", content=b"x" * (BODY_BYTES_MAX + 1)).status_code == 413
    assert dump(visitor.ground) == before
    assert visitor.sign_up("ann@example.org", first_name="x" * (BODY_BYTES_MAX - 200)).status_code == 200


def test_a_body_that_never_comes_is_not_waited_for(still: Visitor) -> None:
    async def ask() -> list[int]:
        sent: list[int] = []

        async def receive() -> dict[str, object]:
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b"x", "more_body": True}

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                sent.append(int(str(message["status"])))

        guard = Guard(still.app, hosts=["127.0.0.1"], seconds=0.1)
        scope = {"type": "http", "method": "POST", "path": "/s/x", "headers": [(b"host", b"127.0.0.1")]}
        await guard(scope, receive, send)  # type: ignore[arg-type]
        return sent

    assert asyncio.run(ask()) == [408]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", FORM, 422),
        (b"\xff\xfe\x00", FORM, 422),
        (b"email=%ff%00a@b", FORM, 422),
        (b"&&&=&=&", FORM, 422),
        (b"&".join(b"a=b" for _ in range(500)), FORM, 400),
        (b"email=ann@example.org", "text/plain", 422),
        (b'{"email": "ann@example.org"}', "application/json", 422),
        (b"email=ann@example.org", "multipart/form-data", 400),
        (b"email=ann@example.org", "multipart/form-data; boundary=x", 400),
        (b'--x\r\nContent-Disposition: form-data; name="email"; filename="a"\r\n\r\nx\r\n--x--\r\n',
         "multipart/form-data; boundary=x", 400),
        (b"email=ann@example.org", "multipart/form-data; boundary=\xff", 400),
    ],
)  # fmt: skip
def test_damaged_forms_change_nothing(still: Visitor, content: bytes, kind: str, status: int) -> None:
    before = dump(still.ground)
    headers = [(b"content-type", kind.encode("latin-1"))]
    assert still.ask("POST", "/s/job-seekers", content=content, headers=headers).status_code == status
    assert dump(still.ground) == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), boundary=st.sampled_from(["", "; boundary=x", '; boundary="x"; charset=zz']))
def test_no_multipart_body_is_a_crash(visitor: Visitor, content: bytes, boundary: str) -> None:
    body = b"--x\r\nContent-Disposition: form-data; " + content + b"\r\n--x--\r\n"
    headers = {"content-type": f"multipart/form-data{boundary}"}
    assert visitor.ask("POST", "/s/job-seekers", content=body, headers=headers).status_code in (200, 400, 422)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=st.text(max_size=60), purpose=st.sampled_from(["confirm", "u", "p", "b", "j", "m", "v"]))
def test_no_token_is_a_crash(still: Visitor, token: str, purpose: str) -> None:
    path = f"{BASE}/{purpose}/{quote(token, safe='', errors='replace')}"
    for method in ("GET", "POST"):
        assert still.ask(method, path).status_code in (400, 404, 405)


def test_a_token_of_one_purpose_opens_no_other_door(visitor: Visitor) -> None:
    everything(visitor)
    doors = {
        Purpose.UNSUBSCRIBE: "u", Purpose.PREFERENCES: "p", Purpose.BOOK: "b",
        Purpose.JOIN: "j", Purpose.MANAGE: "m", Purpose.BROWSER: "v",
    }  # fmt: skip
    before = dump(visitor.ground)
    for purpose in Purpose:
        token = visitor.ground.project.keys.sign(purpose, 1)
        for kind, door in doors.items():
            answer = visitor.get(f"/{door}/{token}")
            assert (answer.status_code == 404) == (kind is not purpose), (purpose, door)
            if kind is not purpose and door != "v":
                assert visitor.post(f"/{door}/{token}", {"scope": "everything"}).status_code == 404
        assert visitor.get(f"/confirm/{token}").status_code == 404
    assert dump(visitor.ground) == before


def test_tokens_with_more_or_fewer_numbers_are_nothing(visitor: Visitor) -> None:
    everything(visitor)
    assert visitor.get(visitor.path("u", Purpose.UNSUBSCRIBE, 1, 2)).status_code == 404
    assert visitor.get(visitor.path("confirm", Purpose.CONFIRM, 1)).status_code == 404
    assert visitor.get(visitor.path("m", Purpose.MANAGE)).status_code == 404
    assert visitor.get(visitor.path("m", Purpose.MANAGE, 2**62)).status_code == 404


def test_before_the_first_apply_the_site_says_so(tmp_path: Path, memory_store: Store) -> None:
    visitor = Visitor(Ground(tmp_path / "project", memory_store))
    for path in ("/", "/s/job-seekers", "/w/six-deadly-mistakes"):
        answer = visitor.get(path)
        assert answer.status_code == 503
        assert "Not open yet" in answer.text
    assert visitor.get("/none").status_code == 404
    assert visitor.get("/style.css").status_code == 200
    assert visitor.sign_up("ann@example.org").status_code == 503


def test_pages_are_those_that_were_applied(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.edit("templates/pages/sign-up.html", "Sign me up", "Yes please")
    ground.edit("drip.yaml", "One letter a week", "Two letters a week")
    ground.edit("templates/pages/site.css", "--brand-ground, #f3f1ec", "--brand-ground, #abcdef")
    before = visitor.get("/s/job-seekers").text
    assert "Sign me up" in before
    assert "One letter a week" in before
    ground.apply()
    after = visitor.get("/s/job-seekers").text
    assert "Yes please" in after
    assert "Two letters a week" in after
    style = re.search(r'href="(/style\.css\?v=\w+)"', after)
    assert style is not None
    sheet = visitor.get(style[1])
    assert "#abcdef" in sheet.text
    assert "immutable" in sheet.headers["cache-control"]
    assert "immutable" not in visitor.get("/style.css?v=old").headers["cache-control"]


def test_a_database_that_cannot_write_is_told_and_nothing_is_promised(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drip.errors import CannotRecord

    def refuse(*_: object) -> None:
        raise CannotRecord

    monkeypatch.setattr(visitor.ground.engine, "happen", refuse)
    answer = visitor.sign_up("ann@example.org")
    assert answer.status_code == 503
    assert "try again" in answer.text


def test_a_site_below_a_path_keeps_its_links_below_it(tmp_path: Path, memory_store: Store) -> None:
    ground = Ground(tmp_path / "project", memory_store)
    ground.edit("drip.yaml", "url: http://127.0.0.1:1", "url: http://127.0.0.1:1/letters/")
    from drip.project import open_project

    definition = open_project(ground.folder, clock=ground.clock).definition
    ground.project.definition = definition
    ground.apply()
    visitor = Visitor(ground)
    for path in ("/letters/s/job-seekers", "/s/job-seekers"):
        answer = visitor.get(path)
        assert answer.status_code == 200
        assert 'href="/letters/style.css' in answer.text
    assert 'href="/letters/s/job-seekers"' in visitor.get("/letters/").text
    assert visitor.get("/letters").status_code == 200
    assert visitor.get("/lettersx").status_code == 404


def test_the_brand_is_on_the_pages(visitor: Visitor) -> None:
    plain = visitor.get("/style.css").text
    assert "--accent: #0b5f54" in plain
    assert "var(--brand" not in plain
    logo = "https://pictures.example.com/a/logo.png"
    brand = f"brand:\n  color: 7a1fa2\n  logo: {logo}\n  logo-alt: Chameleon\n  font: Verdana, sans-serif\nlists:"
    visitor.ground.edit("drip.yaml", "lists:", brand)
    visitor.ground.apply()
    style = visitor.get("/style.css").text
    assert "--accent: #7a1fa2" in style
    assert "--sans: Verdana, sans-serif" in style
    assert "#0b5f54" not in style
    answer = visitor.get("/")
    assert f'<img class="logo" src="{logo}" width="160" alt="Chameleon">' in answer.text
    assert "img-src 'self' data: https://pictures.example.com;" in answer.headers["content-security-policy"]


def test_without_a_logo_pictures_come_from_here_alone(visitor: Visitor) -> None:
    assert "img-src 'self' data:;" in visitor.get("/").headers["content-security-policy"]
