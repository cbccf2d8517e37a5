"""Personas, the list of a project, and the address of a page: the pure parts of the live preview."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import drip.sandbox
from drip.authoring.read_campaign import draft_campaign
from drip.authoring.read_post import draft_post
from drip.authoring.read_project import draft_project
from drip.core.problems import Place, Problem, Rank
from drip.errors import TemplateFault
from drip.project import read_tree
from drip.sandbox.contents import Tally, around, kilobytes, list_chapters, post_paths, tally
from drip.sandbox.live import problem_of
from drip.sandbox.live_pages import choose, tell
from drip.sandbox.personas import PERSONA_BY_NAME, PERSONAS, invent, next_session, seat
from tests.stages import HERE

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
FILES = read_tree(HERE)
PROJECT = draft_project(FILES)
DRAFT = draft_campaign(FILES, "six-deadly-mistakes", PROJECT)


# --- personas ---


def test_a_persona_has_only_fields_that_the_project_has() -> None:
    mia = invent(PERSONA_BY_NAME["known"], PROJECT.definition, DRAFT.campaign, needs_seat=False, now=NOW)
    assert dict(mia.subscriber.fields) == {"first_name": "Mia"}
    nobody = invent(PERSONA_BY_NAME["nobody"], PROJECT.definition, DRAFT.campaign, needs_seat=False, now=NOW)
    assert not nobody.subscriber.fields
    assert nobody.registration is None


def test_a_seat_is_for_the_next_session_and_for_the_last_when_all_are_over() -> None:
    webinar = DRAFT.campaign.webinar
    assert webinar is not None
    starts = sorted(each.starts for each in webinar.sessions)
    assert next_session(webinar.sessions, NOW).starts == starts[0]
    assert next_session(webinar.sessions, starts[0]).starts == starts[1], "it has begun"
    assert next_session(webinar.sessions, starts[-1] + timedelta(days=9)).starts == starts[-1]
    assert seat(None, NOW) is None


def test_a_post_about_a_registration_lends_one_and_says_so() -> None:
    reader = invent(PERSONA_BY_NAME["nobody"], PROJECT.definition, DRAFT.campaign, needs_seat=True, now=NOW)
    assert reader.registration is not None
    assert reader.registration.session == "tuesday-noon"
    assert "about a registration" in reader.note
    assert reader.said.endswith("registered for tuesday-noon")


def test_the_unsubscribed_get_nothing_and_the_note_says_it() -> None:
    reader = invent(PERSONA_BY_NAME["unsubscribed"], PROJECT.definition, None, needs_seat=False, now=NOW)
    assert reader.subscriber.left_at == NOW
    assert "sends nothing" in reader.note


def test_there_is_a_persona_for_each_trouble() -> None:
    names = [each.name for each in PERSONAS]
    assert len(set(names)) == len(names) >= 8
    assert max(len(each.fields.get("first_name", "")) for each in PERSONAS) > 40
    assert any("\u0600" <= each.fields.get("first_name", "")[:1] <= "\u06ff" for each in PERSONAS)


# --- the list ---


def test_the_list_has_every_post_once_under_what_sends_it() -> None:
    chapters = list_chapters([DRAFT], [draft_post(FILES, "templates/mails/confirm-subscription.md")])
    assert [each.title for each in chapters] == ["six-deadly-mistakes", "drip's own posts"]
    assert [each.title for each in chapters[0].groups] == [
        "sequence invite",
        "sequence remind",
        "sequence follow-up",
        "broadcasts",
    ]
    first = chapters[0].groups[0].lines[0]
    assert (first.label, first.detail) == ("own-the-mistake", "at once")
    silent = [line for line in chapters[0].groups[2].lines if not line.path]
    assert [each.label for each in silent] == ["tag: webinar-graduate"]
    assert set(post_paths(chapters)) == {each.post.path for each in DRAFT.posts.values()} | {
        "templates/mails/confirm-subscription.md"
    }


def test_a_plot_that_cannot_be_read_still_lists_its_posts() -> None:
    files = {**FILES, "campaigns/six-deadly-mistakes/campaign.yaml": "title: [\n"}
    chapter = list_chapters([draft_campaign(files, "six-deadly-mistakes", PROJECT)], [])[0]
    assert [each.title for each in chapter.groups] == ["posts"]
    assert len(chapter.groups[0].lines) == len(DRAFT.posts)


def test_problems_are_counted_by_file_and_the_worst_is_named() -> None:
    found = [
        Problem("a", "a", Place("x.md")),
        Problem("b", "b", Place("x.md"), rank=Rank.WARNING),
        Problem("c", "c", Place("x.md"), rank=Rank.WARNING),
        Problem("d", "d", Place("y.md"), rank=Rank.NOTE),
    ]
    counted = tally(found)
    assert counted["x.md"] == Tally(1, 2, 0)
    assert counted["x.md"].words() == "1 error, 2 warnings"
    assert (counted["x.md"].worst, counted["y.md"].worst, Tally().worst) == ("error", "note", "")


def test_around_a_post_are_its_plot_the_project_and_the_layouts() -> None:
    places = ["drip.yaml", "templates/letter.css", "templates/mails/x.md", "campaigns/a/campaign.yaml"]
    places += ["campaigns/b/campaign.yaml", "campaigns/a/post.md", "campaigns/a/other.md"]
    found = around("campaigns/a/post.md", [Problem("p", "p", Place(each)) for each in places])
    assert [each.place.path for each in found] == ["drip.yaml", "templates/letter.css", "campaigns/a/campaign.yaml"]


def test_sizes_are_told_as_mail_programs_count_them() -> None:
    assert kilobytes(102_000) == "102.0 kB"


# --- faults with their places ---

POST = "---\nsubject: Hi {{ frist_name }}\npreview: x\n---\n\nHello\n\n  {{ broken\n"


@pytest.mark.parametrize(
    ("fault", "line", "column", "width"),
    [
        (TemplateFault("oops", path="campaigns/a/p.md", line=8), 8, 3, 9),
        (TemplateFault("'frist_name' is undefined", path="campaigns/a/p.md", line=1), 2, 10, 19),
        (TemplateFault("oops", path="templates/letter.html", line=1), 1, 1, 4),
        (TemplateFault("oops", path="templates/gone.html"), 1, 1, 1),
        (TemplateFault("in `Hi {{ x`: campaigns/a/p.md:1: oops"), 2, 10, 19),
    ],
)
def test_a_fault_points_at_the_line_of_the_author(fault: TemplateFault, line: int, column: int, width: int) -> None:
    files = {"campaigns/a/p.md": POST, "templates/letter.html": "<p/>\n"}
    problem = problem_of(fault, draft_post(files, "campaigns/a/p.md"), files)
    place = problem.place
    assert (place.line, place.column, place.width) == (line, column, width)
    assert "campaigns/" not in problem.message
    assert "templates/" not in problem.message


def test_a_problem_comes_in_parts_that_can_wrap() -> None:
    files = {"campaigns/a/p.md": POST}
    told = tell(Problem("some-name", "it is so", Place("campaigns/a/p.md", 8, 3, 9), "do that"), files)
    assert (told.message, told.place, told.help) == ("error[some-name]: it is so", "campaigns/a/p.md:8:3", "do that")
    assert told.code == "8 |   {{ broken\n  |   ^^^^^^^^^"
    bare = tell(Problem("some-name", "it is so", Place("not/there.md")), files)
    assert (bare.code, bare.help) == ("", "")


# --- the address of a page ---


def test_the_date_is_the_wall_clock_of_the_project() -> None:
    chosen = choose({"at": "2026-12-01T09:00"}, "America/New_York", NOW)
    assert chosen.moment == datetime(2026, 12, 1, 14, 0, tzinfo=UTC)
    assert choose({"at": "2026-12-01T09:00+01:00"}, "America/New_York", NOW).moment.hour == 8
    assert choose({}, "UTC", NOW).moment == NOW


@pytest.mark.parametrize("typed", ["tomorrow", "2026-13-01", "<script>", "9999-12-31T23:59", "0001-01-01"])
def test_a_date_that_is_none_is_said_and_is_now(typed: str) -> None:
    chosen = choose({"at": typed}, "Pacific/Kiritimati", NOW)
    if chosen.note:
        assert (chosen.moment, chosen.at) == (NOW, "")
    else:
        assert chosen.moment.tzinfo is not None


def test_whatever_else_is_not_known_falls_back() -> None:
    chosen = choose({"view": "../etc", "who": "<b>", "post": "x"}, "UTC", NOW)
    assert (chosen.view, chosen.persona) == ("desktop", "known")
    assert choose({"as": "nobody"}, "UTC", NOW).persona == "nobody", "a persona may be named there, too"
    assert choose({"as": " mia@example.com "}, "UTC", NOW).email == "mia@example.com"


def test_an_address_keeps_the_choices_and_leaves_out_the_usual() -> None:
    chosen = choose({"post": "campaigns/a/b.md", "view": "dark", "who": "nobody"}, "UTC", NOW)
    assert chosen.query(view="desktop") == "post=campaigns%2Fa%2Fb.md&who=nobody"
    assert chosen.query(post="x&y") == "post=x%26y&view=dark&who=nobody"


# --- looks ---


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colors_can_be_read(scheme: int) -> None:
    css = (Path(drip.sandbox.__file__).parent / "live.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    for ground in ("paper", "ground", "mark", "warm"):
        for ink in ("ink", "soft", "accent", "error"):
            assert contrast(colors[ink], colors[ground]) >= 4.5, (ink, ground)
    assert contrast(colors["warning"], colors["paper"]) >= 4.5
    assert contrast(colors["warning"], colors["mark"]) >= 4.5
    assert contrast(colors["on-error"], colors["error"]) >= 4.5
    assert contrast(colors["edge"], colors["ground"]) >= 3, "the edges of fields (WCAG 2.2, 1.4.11)"
