"""Leaving: one-click as mail programs do it (RFC 8058), the page, the preferences, and what is said afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState
from drip.core.links import Purpose
from drip.core.records import ConsentKind, EnrollmentState, SubscriberId, SubscriptionState
from drip.store.store import Store
from tests.stages import Ground, open_ground
from tests.visitors import FORM, Visitor, dump, open_applied, words

ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = b'--b0und\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b0und--\r\n'


@pytest.fixture
def visitor(tmp_path: Path, memory_store: Store) -> Visitor:
    return Visitor(open_applied(tmp_path / "project", memory_store))


@pytest.fixture
def disk_visitor(tmp_path: Path, disk_store: Store) -> Visitor:
    """On SQLite and on PostgreSQL."""
    return Visitor(open_ground(tmp_path / "project", disk_store))


def subscribed(visitor: Visitor) -> tuple[SubscriberId, str]:
    """An active reader who got a drip mail, and the address in its List-Unsubscribe header."""
    who = visitor.ground.join("ann@example.org")
    wire = visitor.last_mail("ann@example.org")
    header = re.search(rb"List-Unsubscribe: <http://127\.0\.0\.1:1(/u/[^>]+)>", wire.data)
    assert header is not None
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in wire.data
    return who, header[1].decode()


def is_subscribed(ground: Ground, who: SubscriberId) -> bool:
    with ground.store.read() as work:
        return any(each.state is SubscriptionState.ACTIVE for each in work.subscriptions(who))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (ONE_CLICK, FORM),
        (ONE_CLICK, f"{FORM}; charset=utf-8"),
        (b"List%2DUnsubscribe=One%2DClick", FORM),
        (MULTIPART, "multipart/form-data; boundary=b0und"),
        (MULTIPART, 'multipart/form-data; boundary="b0und"'),
    ],
)
def test_one_click(disk_visitor: Visitor, content: bytes, kind: str) -> None:
    visitor = disk_visitor
    who, path = subscribed(visitor)
    headers = {"content-type": kind, "user-agent": "", "host": "127.0.0.1:1"}
    answer = visitor.ask("POST", path, content=content, headers=headers)
    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert not is_subscribed(visitor.ground, who)
    assert visitor.ground.enrollment(who, "invite")[0] is EnrollmentState.STOPPED
    before = dump(visitor.ground)
    for _ in range(3):
        assert visitor.ask("POST", path, content=content, headers=headers).status_code == 200
    assert dump(visitor.ground) == before
    with visitor.ground.store.read() as work:
        last = work.consents(who)[-1]
    assert last.kind is ConsentKind.WITHDRAWN
    assert last.evidence.where == "/u one-click"


OTHER_BODIES = (
    (b"", FORM),
    (b"List-Unsubscribe=One-click", FORM),
    (b"list-unsubscribe=One-Click", FORM),
    (b"List-Unsubscribe=One-Click&x=1", FORM),
    (b"List-Unsubscribe=One-Click&List-Unsubscribe=One-Click", FORM),
    (b"List-Unsubscribe", FORM),
    (b" List-Unsubscribe=One-Click", FORM),
    (b"List-Unsubscribe=", FORM),
    (b"scope=", FORM),
    (b"scope=all", FORM),
    (b"scope=MARKETING", FORM),
    (ONE_CLICK, "text/plain"),
    (ONE_CLICK, "application/json"),
    (MULTIPART.replace(b"One-Click", b"No"), "multipart/form-data; boundary=b0und"),
)


def test_any_other_body_shows_the_buttons_and_changes_nothing(visitor: Visitor) -> None:
    who, path = subscribed(visitor)
    before = dump(visitor.ground)
    for content, kind in OTHER_BODIES:
        answer = visitor.ask("POST", path, content=content, headers={"content-type": kind})
        assert answer.status_code == 400, content
        assert 'name="scope" value="marketing"' in answer.text
    assert dump(visitor.ground) == before
    assert is_subscribed(visitor.ground, who)


def test_a_slash_at_the_end_is_no_redirect(visitor: Visitor) -> None:
    who, path = subscribed(visitor)
    assert visitor.post(f"{path}/", {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not is_subscribed(visitor.ground, who)


def test_a_mail_that_is_due_in_this_minute_is_not_sent(visitor: Visitor) -> None:
    from drip.engine.advance import advance_due

    ground = visitor.ground
    who, path = subscribed(visitor)
    ground.at("2026-11-25 14:30")
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    assert ground.states(who)["two-second-resume-fix"] is DeliveryState.DUE
    visitor.ask("POST", path, content=ONE_CLICK, headers={"content-type": FORM})
    ground.tick()
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake"]
    assert ground.states(who)["two-second-resume-fix"] is DeliveryState.CANCELLED
    ground.counts_hold()


def test_forged_tokens_find_nothing(visitor: Visitor) -> None:
    who, path = subscribed(visitor)
    token = path.removeprefix("/u/")
    forged = {token[:-1], token + "A", token + "=", token.swapcase(), token[1:], "", "1", "AQE" + token[3:]}
    forged |= {
        token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :] for place in range(len(token))
    }
    before = dump(visitor.ground)
    for each in forged:
        answer = visitor.ask("POST", f"/u/{each}", content=ONE_CLICK, headers={"content-type": FORM})
        assert answer.status_code == 404, each
        assert visitor.get(f"/u/{each}").status_code == 404
    foreign = type(visitor.ground.project.keys).from_secret(b"another project's secret")
    for each in (foreign.sign(Purpose.UNSUBSCRIBE, 1), visitor.ground.project.keys.sign(Purpose.PREFERENCES, who)):
        answer = visitor.ask("POST", f"/u/{each}", content=ONE_CLICK, headers={"content-type": FORM})
        assert answer.status_code == 404
    assert dump(visitor.ground) == before


def test_the_page_says_what_stops_and_then_what_stopped(visitor: Visitor) -> None:
    who, path = subscribed(visitor)
    page = words(visitor.get(path).text)
    assert "a…@example.org gets no more of this: The job seekers' letter" in page
    assert "ann@example.org" not in page
    answer = visitor.post(path, {"scope": "marketing"})
    assert "From now on a…@example.org gets no more of this: The job seekers' letter" in words(answer.text)
    assert "Nothing else goes on" in words(answer.text)
    assert not is_subscribed(visitor.ground, who)
    assert "was unsubscribed already" in words(visitor.post(path, {"scope": "marketing"}).text)


def test_a_seat_stays_when_the_letter_is_left(visitor: Visitor) -> None:
    """On a drip mail, one-click stops all marketing; the mails about a seat were asked for on their own."""
    who, path = subscribed(visitor)
    registration = visitor.ground.register("ann@example.org", "tuesday-noon")
    visitor.ground.tick()
    page = words(visitor.get(path).text)
    assert "You have a seat, and mails about it go on" in page
    read = words(visitor.ask("POST", path, content=ONE_CLICK, headers={"content-type": FORM}).text)
    assert "gets no more of this: The job seekers' letter" in read
    assert "What goes on Mails about your seat" in read
    assert visitor.ground.enrollment(who, "remind")[0] is EnrollmentState.RUNNING
    read = words(visitor.post(path, {"scope": "everything"}).text)
    assert "gets no more of this: Mails about" in read
    assert "You still have your seat" in read
    assert visitor.path("m", Purpose.MANAGE, registration) in visitor.post(path, {"scope": "everything"}).text
    assert visitor.ground.enrollment(who, "remind")[0] is EnrollmentState.STOPPED
    visitor.ground.at("2026-12-08 16:55")
    visitor.ground.tick()
    assert visitor.ground.transport.posts("ann@example.org")[-1] == "you-are-in"


def test_on_a_mail_about_a_seat_its_mails_stop_as_well(visitor: Visitor) -> None:
    """ "Unsubscribe" is never understood more narrowly than it was said."""
    who, _ = subscribed(visitor)
    visitor.ground.register("ann@example.org", "tuesday-noon")
    path = visitor.link(visitor.last_mail("ann@example.org"), "/u/")
    assert "The job seekers' letter Mails about “6 Deadly" in words(visitor.get(path).text)
    read = words(visitor.ask("POST", path, content=ONE_CLICK, headers={"content-type": FORM}).text)
    assert "The job seekers' letter Mails about “6 Deadly" in read
    assert "What goes on" not in read
    assert not is_subscribed(visitor.ground, who)
    assert visitor.ground.enrollment(who, "remind")[0] is EnrollmentState.STOPPED


def test_preferences_begin_with_the_way_out(visitor: Visitor) -> None:
    who, _ = subscribed(visitor)
    path = visitor.path("p", Purpose.PREFERENCES, who)
    text = visitor.get(path).text
    assert text.index('value="everything"') < text.index('name="list" value="job-seekers"')
    answer = visitor.post(path, {"scope": "everything"})
    assert answer.status_code == 200
    assert not is_subscribed(visitor.ground, who)
    with visitor.ground.store.read() as work:
        subscriber = work.subscriber(who)
    assert subscriber is not None
    assert subscriber.left_at is not None
    again = words(visitor.get(path).text)
    assert "unsubscribed from everything" in again
    assert "You could also get The job seekers' letter" in again


def test_preferences_can_end_one_list(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.edit(
        "drip.yaml",
        "fields:",
        "  coaching:\n    title: Coaching news\n    promise: A few mails a year.\n    opt-in: confirmed\nfields:",
    )
    ground.apply()
    who, _ = subscribed(visitor)
    from drip.core.events import AddedByAuthor
    from tests.stages import EVIDENCE

    ground.engine.happen(AddedByAuthor("ann@example.org", "coaching", EVIDENCE, attested=True), ground.clock.now())
    path = visitor.path("p", Purpose.PREFERENCES, who)
    read = words(visitor.post(path, {"list": "coaching"}).text)
    assert read.startswith("You left that list From now on a…@example.org gets no more of this: Coaching news")
    assert "What goes on The job seekers' letter" in read
    assert is_subscribed(ground, who)
    assert ground.enrollment(who, "invite")[0] is EnrollmentState.RUNNING
    before = dump(ground)
    for wrong in ({}, {"list": "nonsense"}, {"scope": "marketing"}, {"list": ""}, {"scope": "all"}):
        assert visitor.post(path, wrong).status_code == 400
    assert dump(ground) == before


def test_a_stop_of_these_too_works_from_the_page_after(visitor: Visitor) -> None:
    who, path = subscribed(visitor)
    visitor.ground.register("ann@example.org", "tuesday-noon")
    after = visitor.post(path, {"scope": "marketing"}).text
    assert 'name="scope" value="everything"' in after
    assert "action=" not in after  # it is posted to the address that it came from
    visitor.post(path, {"scope": "everything"})
    assert visitor.ground.enrollment(who, "remind")[0] is EnrollmentState.STOPPED


# --- the mail in the browser -----------------------------------------------------------------------------------


def test_the_mail_in_the_browser_is_the_mail(visitor: Visitor) -> None:
    from tests.visitors import body_of

    visitor.ground.join("ann@example.org", fields={"first_name": "Ann & Söhne"})
    wire = visitor.last_mail("ann@example.org")
    answer = visitor.get(visitor.link(wire, "/v/"))
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert answer.text.split() == body_of(wire, "html").split()


def test_the_mail_in_the_browser_is_of_its_own_revision_and_moment(visitor: Visitor) -> None:
    ground = visitor.ground
    ground.register("ann@example.org", "tuesday-noon")
    path = visitor.link(visitor.last_mail("ann@example.org"), "/v/")
    before = visitor.get(path).text
    ground.edit("campaigns/six-deadly-mistakes/you-are-in.md", "\n\n", "\n\nA new paragraph.\n\n")
    ground.apply()
    ground.at("2026-12-05 12:00")
    assert visitor.get(path).text == before
