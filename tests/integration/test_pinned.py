"""`pin: enrollment`: who is inside goes through a sequence as it was when they entered, on both engines."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from drip.authoring import check
from drip.cli.person import gather, lines_of
from drip.core.delivery import DeliveryState
from drip.core.events import Unsubscribed
from drip.core.records import EnrollmentState
from drip.engine.apply import plan, wanted_campaigns
from drip.engine.forecast import live_outlook, wanted_outlook
from drip.engine.live import Edition, Live
from drip.errors import DripError
from drip.project import read_tree
from drip.reports import status
from drip.store.store import Store
from tests.stages import EVIDENCE, Ground, open_ground

PLOT = "campaigns/six-deadly-mistakes/campaign.yaml"
LETTER = "december-letter"  # a broadcast
SECOND = "campaigns/six-deadly-mistakes/two-second-resume-fix.md"
ANN, BOB = "ann@example.org", "bob@example.org"
OLD = ["own-the-mistake", "two-second-resume-fix", "linkedin-is-not-a-hangout", "last-seats"]
WEDNESDAY = "2026-11-25 14:30"
MOMENTS = [f"2026-{month}-{day:02} 14:30" for month, days in ((11, range(24, 31)), (12, range(1, 9))) for day in days]
TAKEN_OUT = "      - send: two-second-resume-fix\n        when: 2 days later at 9:30\n"


# SQLite in memory stands for SQLite: what a file adds is tested elsewhere.
pytestmark = pytest.mark.parametrize("store", ["memory", "postgresql"], indirect=True)


@pytest.fixture
def ground(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """A pinned sequence, and Ann in it with its first mail behind her."""
    # Every mail filled and weighed at every edit is most of the time, and not the subject here.
    monkeypatch.setattr(check, "check_mails", lambda *_: ())
    monkeypatch.setattr(check, "CHECKS", ())
    ground = open_ground(tmp_path / "project", store)
    ground.edit(PLOT, "start: joins job-seekers", "start: joins job-seekers\n    pin: enrollment")
    ground.apply()
    ground.join(ANN)
    ground.tick()
    return ground


def posts(ground: Ground, email: str) -> list[str]:
    """What somebody had of the sequence."""
    return [each for each in ground.transport.posts(email) if each != LETTER]


def live_on(ground: Ground) -> None:
    for moment in MOMENTS:
        ground.at(moment)
        ground.tick()


def planned(ground: Ground) -> list[tuple[str, str, str]]:
    """What `drip plan` says of the sequence."""
    files, now = read_tree(ground.folder), ground.clock.now()
    with ground.store.read() as work:
        found = plan(work, ground.engine.live, files, wanted_campaigns(files, [], now)[0], now)
    lines = [line for each in found for line in each.plan.lines if line.subject == "sequence invite"]
    return [(each.sign, each.what, each.effect) for each in lines]


def foreseen(ground: Ground, edited: bool) -> list[tuple[str, str]]:
    """The days and mails of the sequence that `drip plan --days` tells, as it is live or as the files are."""
    files, now = read_tree(ground.folder), ground.clock.now()
    with ground.store.read() as work:
        live = ground.engine.live
        if edited:
            wanted = wanted_campaigns(files, [], now)[0]
            found = wanted_outlook(work, live, ground.project.definition, wanted, now, now + timedelta(days=17))
        else:
            found = live_outlook(work, live, now, now + timedelta(days=17))
    mine = [each for each in found.numbers.elements() if each.step.startswith("invite/")]
    return sorted((f"{each.at:%Y-%m-%d}", each.post) for each in mine)


def take_out(ground: Ground) -> None:
    """The second step is gone, the third comes sooner, and the text of the last one is another."""
    ground.edit(PLOT, TAKEN_OUT, "")
    ground.edit(PLOT, "when: 3 days later at 9:30", "when: 1 day later at 9:30")
    path = "campaigns/six-deadly-mistakes/last-seats.md"
    text = (ground.folder / path).read_text(encoding="utf-8")
    (ground.folder / path).write_text(text + "\n\nWords that came later.\n", encoding="utf-8")


def test_an_edit_touches_only_who_enters_after_it(ground: Ground) -> None:
    take_out(ground)
    kept = "not for those inside: 1 person keeps revision 2"
    assert planned(ground) == [("~", "pin: enrollment", kept)]
    ground.apply()
    ground.join(BOB)
    ground.tick()
    live_on(ground)
    assert posts(ground, ANN) == OLD
    assert posts(ground, BOB) == [OLD[0], *OLD[2:]]
    later = {wire.recipient for wire in ground.transport.sent if b"Words that came later" in wire.data}
    assert later == {BOB}
    ground.counts_hold()


@pytest.mark.parametrize("pinned", [True, False])
def test_the_forecast_of_an_edit_is_what_then_happens(ground: Ground, pinned: bool) -> None:
    ground.join(BOB)
    ground.tick()
    take_out(ground)
    if not pinned:
        ground.edit(PLOT, "    pin: enrollment\n", "")
    before = foreseen(ground, edited=True)
    ground.apply()
    assert foreseen(ground, edited=False) == before
    already = len(ground.transport.sent)
    live_on(ground)
    went = []
    for wire in ground.transport.sent[already:]:
        day = parsedate_to_datetime(str(message_from_bytes(wire.data)["Date"]))
        post = str(message_from_bytes(wire.data)["Feedback-ID"]).split(":")[1]
        went += [(f"{day:%Y-%m-%d}", post)] if post != LETTER else []
    assert sorted(went) == before
    assert len(went) == (6 if pinned else 4)


def test_a_mail_that_is_due_stays_though_its_step_is_taken_out(ground: Ground) -> None:
    ground.at(WEDNESDAY)
    ground.engine.tick(ground.clock.now(), limit=0)  # planned, and not sent yet
    with ground.store.read() as work:
        assert [each.post for each in work.deliveries_in(DeliveryState.DUE)] == [OLD[1]]
    take_out(ground)
    ground.apply()
    ground.tick()
    assert posts(ground, ANN) == OLD[:2]


def test_a_sequence_that_is_taken_out_is_gone_through_to_the_end(ground: Ground) -> None:
    text = (ground.folder / PLOT).read_text(encoding="utf-8")
    start, rest = text.index("  invite:"), text.index("  remind:")
    (ground.folder / PLOT).write_text(text[:start] + text[rest:], encoding="utf-8")
    assert planned(ground) == [("-", "4 steps", "1 person keeps revision 2, and goes through it to the end")]
    ground.apply()
    found = status.gather(ground.project, ground.clock.now())
    assert [(each.sequence, each.waiting) for each in found.sequences if each.sequence == "invite"] == [("invite", 1)]
    who = ground.join(ANN)
    ground.join(BOB)
    live_on(ground)
    assert posts(ground, ANN) == OLD
    assert posts(ground, BOB) == []
    assert ground.enrollment(who, "invite") == (EnrollmentState.DONE, "all-steps-done")


def test_without_the_pin_all_follow_the_files_again(ground: Ground) -> None:
    take_out(ground)
    ground.edit(PLOT, "    pin: enrollment\n", "")
    released = "1 person who kept older revisions goes on by the new one"
    assert planned(ground) == [("~", "pin: enrollment → none", ""), ("~", "pinned no longer", released)]
    ground.apply()
    live_on(ground)
    assert posts(ground, ANN) == [OLD[0], *OLD[2:]]


def test_who_was_inside_before_the_pin_is_not_pinned(ground: Ground) -> None:
    ground.edit(PLOT, "    pin: enrollment\n", "")
    ground.apply()
    ground.edit(PLOT, "start: joins job-seekers", "start: joins job-seekers\n    pin: enrollment")
    assert planned(ground) == [
        ("~", "pin: none → enrollment", "for who enters from now on; 1 person in it follow the files")
    ]
    ground.apply()
    take_out(ground)
    ground.apply()
    live_on(ground)
    assert posts(ground, ANN) == [OLD[0], *OLD[2:]]


def test_the_goal_is_that_of_the_kept_revision(ground: Ground) -> None:
    ground.edit(PLOT, "    goal: registers\n", "")
    ground.apply()
    who = ground.join(ANN)
    ground.register(ANN, "saturday-morning")
    assert ground.enrollment(who, "invite") == (EnrollmentState.GOAL, "goal-reached")


def test_a_kept_text_offers_the_sessions_as_they_are(ground: Ground) -> None:
    (ground.folder / SECOND).write_text(
        "---\nsubject: Sessions\n---\n\n{% for each in sessions %}\n{{ each.name }}\n{% endfor %}\n", encoding="utf-8"
    )
    ground.apply()
    ground.join(BOB)
    ground.tick()
    ground.edit(PLOT, "    saturday-morning:   2026-12-12 10:00", "    sunday-morning:     2026-12-13 10:00")
    ground.apply()
    ground.at(WEDNESDAY)
    ground.tick()
    data = next(wire.data for wire in ground.transport.sent if wire.recipient == BOB and b"Sessions" in wire.data)
    assert b"sunday-morning" in data
    assert b"saturday-morning" not in data


def test_why_says_which_revision_somebody_keeps(ground: Ground) -> None:
    ground.edit(PLOT, TAKEN_OUT, "")
    ground.apply()
    with ground.store.read() as work:
        lines = lines_of(gather(ground.project, work, ANN, None, ground.clock.now()), None)
    assert any("invite: running" in each and each.endswith("keeps revision 2") for each in lines)
    assert any("will" in each and "two-second-resume-fix" in each for each in lines)


def test_a_revision_that_cannot_be_read_holds_only_those_who_keep_it(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = ground.join(ANN)
    with ground.store.read() as work:
        kept = work.enrollments(who)[0].revision_id
    take_out(ground)
    ground.apply()
    ground.join(BOB)
    ground.tick()
    right = Live.edition

    def damaged(live: Live, work: object, revision_id: object) -> Edition:
        if revision_id == kept:
            raise DripError("revision 2 is damaged")
        return right(live, work, revision_id)  # type: ignore[arg-type]

    monkeypatch.setattr(Live, "edition", damaged)
    live_on(ground)
    assert posts(ground, ANN) == OLD[:1]
    assert posts(ground, BOB) == [OLD[0], *OLD[2:]]
    with ground.store.read() as work:
        assert {each.kind for each in work.entries(subscriber_id=who)} >= {"revision-unreadable"}
    ground.engine.happen(Unsubscribed(who, EVIDENCE), ground.clock.now())
    assert ground.enrollment(who, "invite") == (EnrollmentState.STOPPED, "unsubscribed")


@pytest.mark.parametrize(
    "edits", ["take out, apply", "rename, apply, take out, apply", "apply, take out, rename, apply"]
)
def test_whatever_is_edited_the_story_of_who_is_inside_is_the_same(ground: Ground, edits: str) -> None:
    def rename() -> None:
        name = "linkedin-is-not-a-hangout"
        ground.edit(PLOT, f"- send: {name}", f"- was: {name}\n        send: linkedin")
        folder = ground.folder / "campaigns/six-deadly-mistakes"
        (folder / f"{name}.md").rename(folder / "linkedin.md")

    acts = {"take out": lambda: take_out(ground), "rename": rename, "apply": ground.apply}
    for moment, edit in zip(MOMENTS, edits.split(", ")):  # noqa: B905 - there are more moments than edits
        acts[edit]()
        ground.at(moment)
        ground.tick()
    live_on(ground)
    assert posts(ground, ANN) == OLD
    hers = [each.data for each in ground.transport.sent if each.recipient == ANN and LETTER.encode() not in each.data]
    dates = [each.partition(b"\r\nDate: ")[2][:16] for each in hers]
    assert dates == [b"Mon, 23 Nov 2026", b"Wed, 25 Nov 2026", b"Mon, 30 Nov 2026", b"Thu, 03 Dec 2026"]
