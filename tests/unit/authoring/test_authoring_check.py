"""The checks: each fault once, where it is, and nothing where there is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.authoring.check import CHECKS, check, check_post
from drip.authoring.check_posts import read_markup, tags_in
from drip.authoring.show import render_problem
from drip.core.problems import Problem

NOW = datetime(2026, 6, 1, tzinfo=UTC)

PROJECT = """\
name: N
url: https://mail.example.com
address: A
from: a@example.com
timezone: America/New_York
lists:
  readers: {title: T, promise: P}
fields:
  first_name: there
relays:
  - folder: outbox
"""
PLOT = """\
title: Spring
webinar:
  title: W
  length: 60 minutes
  join: https://meet.example.com/{session}
  sessions:
    noon: 2026-12-08 12:00
sequences:
  invite:
    start: joins readers
    goal: registers
    stop: last session starts
    steps:
      - send: one
        when: at once
  remind:
    start: registers
    stop: cancels
    steps:
      - send: two
        when: 1 day before session
"""
NAME = "campaigns/spring/"
FOOTER = "{{ project.address }} {{ links.unsubscribe }}"
LAYOUT = {
    "templates/letter.html": f"<!DOCTYPE html><p>{{{{ body }}}}</p><p>{FOOTER}</p>",
    "templates/letter.txt": f"{{{{ body }}}}\n{FOOTER}",
    "templates/parts/sessions.html": "",
    "templates/parts/sessions.txt": "",
}


def post(body: str = "Hi", head: str = "subject: A subject\npreview: P") -> str:
    return f"---\n{head}\n---\n{body}\n"


def files(plot: str = PLOT, **posts: str) -> dict[str, str]:
    texts = {"one": post(), "two": post()} | posts
    paths = {f"{NAME}{name}.md": text for name, text in texts.items()}
    return {"drip.yaml": PROJECT, **LAYOUT, f"{NAME}campaign.yaml": plot} | paths


def found(the_files: dict[str, str], now: datetime = NOW) -> list[str]:
    return [each.name for each in check(the_files, now=now)]


def in_post(body: str, *, sent_by: str = "one") -> list[Problem]:
    return check(files(**{sent_by: post(body)}), now=NOW)


def test_sound_files_have_no_problem() -> None:
    assert found(files()) == []


def test_every_check_says_what_it_checks() -> None:
    for each in CHECKS:
        assert each.__doc__
        assert each.__name__.startswith("check_")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("[a b](https://example.com/x_y)", []),
        ("<https://example.com>", []),
        ("[a b][r]\n\n[r]: https://example.com", []),
        ("[a b](mailto:a@b.co) [c d](tel:+123)", []),
        ("[a b](webinar:) [c d](session:noon)", []),
        ("[e f](post:two)", ["not-in-archive"]),
        ("[a b](preferences:) [c d](unsubscribe:) [e f](browser:)", []),
        ("[a b]({{ links.webinar }})", []),
        ("[a b](session:{{ 'noon' }})", []),
        ("`[a](b)` and\n\n    [a](b)\n\n```\n[a](b)\n```", []),
        ("A note[^1].\n\n[^1]: word", []),
        ("{% raw %}{{ nothing }}{% endraw %}", []),
        ("{# [a](b) #}", []),
        ("{{ first_name }} {{ webinar.title }} {{ project.url }} {{ email }} {{ list.title }} {{ post.subject }}", []),
        ("{% for s in sessions %}{{ s.day }} {{ loop.index }}{% endfor %}", []),
        ("{% set x = 1 %}{{ x }} {{ range(3) | join }}", []),
        ("{% if session %}{{ session.day }} [in](join:){% endif %}", []),
        ("{{ session.day if session is defined else 'soon' }}", []),
        ("![Alt](https://example.com/a.png)", []),
        ("| a | b |\n|---|---|\n| [x y](https://e.com) | [z](b) |", ["relative-link"]),
        ("[a b](<b c>)", ["relative-link"]),
        ("[a b]()", ["missing-link"]),
        ("[a b](#)", ["missing-link"]),
        ("[a b](#top)", ["relative-link"]),
        ("[a b](//example.com)", ["relative-link"]),
        ("[a b](www.example.com)", ["relative-link"]),
        ("[a b](a@b.co)", ["relative-link"]),
        ("[a b](webinar)", ["relative-link"]),
        ("[a b][r]\n\n[r]: /x", ["relative-link"]),
        ('<a href="/x">y</a>', ["relative-link"]),
        ('<div><a class="b" href=/x>y</a></div>', ["relative-link"]),
        ("[a b](https://example.invalid/FILL-ME)", ["missing-link"]),
        ("[a b](https://example.invalid)", ["missing-link"]),
        ("[a b](https://invalid.example.com)", []),
        ("[a b](javascript:alert(1))", ["unknown-link"]),
        ("[a b](confirm:)", ["unknown-link"]),
        ("[a b](webinar:noon)", ["unknown-link"]),
        ("[a b](session:)", ["unknown-link"]),
        ("[a b](WEBINAR:)", ["unknown-link"]),
        ("[a b](session:tuesday)", ["unknown-session"]),
        ("[a b](post:three)", ["unknown-post"]),
        ("[a b](join:)", ["personal-link-misplaced"]),
        ("{{ session.day }}", ["personal-link-misplaced"]),
        ("{{ links.calendar }}", ["personal-link-misplaced"]),
        ("{{ links.nothing }}", ["unknown-field"]),
        ("{{ lastname }}{{ lastname }}", ["unknown-field"]),
        ("{% if vip %}x{% endif %}", ["unknown-field"]),
        ("{{ first_name", ["bad-markup"]),
        ("{{ first_name | uper }}", ["bad-markup"]),
        ("{{ first_name | upper | default('x', true) }}", []),
        ("{% include 'parts/none.html' %}", ["bad-markup"]),
        ("{% include 'parts/sessions.html' %}", []),
        ("{% include first_name %}", ["template-fault"]),
        ("{{ lipsum() }}", ["unknown-field"]),
        ("{% if first_name %}x", ["bad-markup"]),
        ("{{ " + "(" * 5000 + " }}", ["bad-markup"]),
        ("{{ " + "9" * 5000 + " }}", ["bad-markup"]),
        ("![](https://example.com/a.png)", ["missing-alt"]),
        ("![a](a.png)", ["relative-link"]),
        ("![a](cid:x)", ["unknown-link"]),
        ("![a](http://example.com/a.svg)", ["insecure-link", "svg-image"]),
        ("[here](https://example.com)", ["vague-link"]),
        ("[Click here!](https://example.com)", ["vague-link"]),
    ],
)
def test_what_stands_in_a_post(body: str, expected: list[str]) -> None:
    assert [each.name for each in in_post(body)] == expected


def test_personal_links_are_at_home_where_a_registration_is_known() -> None:
    assert in_post("{{ session.day }} [in](join:) [out of it](cancel:) {{ links.calendar }}", sent_by="two") == []


def test_only_posts_to_a_list_know_a_list() -> None:
    assert in_post("{{ list.title }}") == []
    assert [each.name for each in in_post("{{ list.title }}", sent_by="two")] == ["no-list"]
    assert in_post("{% if list %}{{ list.title }}{% endif %}", sent_by="two") == []


def test_a_post_sent_by_two_sequences_is_judged_by_both() -> None:
    plot = PLOT.replace("send: one", "send: two")
    assert found(
        files(plot, two=post("[in](join:)"), one=post(head="subject: A subject\npreview: P\ndraft: true"))
    ) == ["personal-link-misplaced"]


def test_broadcasts_know_no_registration() -> None:
    plot = PLOT + "broadcasts:\n  - {send: two, to: readers, when: 2026-12-01 9:00}\n"
    assert found(files(plot, two=post("[in](join:)"))) == ["personal-link-misplaced"]


@pytest.mark.parametrize(
    ("body", "line", "column", "width"),
    [
        ("x\n\nand [a b](b.html) end", 7, 11, 6),
        ("b.html\n\n{{ first_name }} [a b](b.html)", 7, 24, 6),
        ("[a b](https://e.com) [c d](https://e.com/b) [e f](b.html)", 5, 51, 6),
        ("see b.html: [a b](b.html)", 5, 19, 6),
        ("see b.html: <a href='b.html'>b</a>", 5, 22, 6),
        ("first\nline [a b][r]\n\n[r]: b.html", 8, 6, 6),
        ("> - deep [a b](b.html)", 5, 16, 6),
        ("first_nam {{ first_nam }}", 5, 14, 9),
        ("\n\nx {% if y %}{{ first_nam }}{% endif %}".replace("y", "first_name"), 7, 25, 9),
    ],
)
def test_places_in_posts(body: str, line: int, column: int, width: int) -> None:
    (problem,) = in_post(body)
    place = problem.place
    assert (place.path, place.line, place.column, place.width) == (f"{NAME}one.md", line, column, width)


def test_places_in_subjects() -> None:
    texts = files(one=post(head="subject: Hi {{ frist_name }}, you\npreview: P"))
    (problem,) = check(texts, now=NOW)
    assert (problem.place.line, problem.place.column, problem.place.width) == (2, 16, 10)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("when: at once", "when: 1 hour after session", ["no-session"]),
        ("when: at once", "when: at once\n        if: not attended", ["no-session"]),
        ("goal: registers", "goal: joins readers", ["goal-equals-start"]),
        ("stop: last session starts", "stop: joins readers", ["goal-equals-start"]),
        ("stop: last session starts", "stop: registers", ["stop-equals-goal"]),
        ("goal: registers", "goal: clicks two", ["unreachable-goal"]),
        ("goal: registers", "goal: clicks one", []),
        ("start: registers\n    stop: cancels", "start: session ends", ["reminder-after-start"]),
        ("    noon: 2026", "    gone: 2026-05-31 12:00\n    noon: 2026", ["past-session"]),
    ],
)
def test_the_plot_fits_together(old: str, new: str, expected: list[str]) -> None:
    assert old in PLOT
    assert found(files(PLOT.replace(old, new, 1))) == expected


def test_a_session_is_past_from_its_start_on() -> None:
    start = datetime(2026, 12, 8, 17, tzinfo=UTC)
    assert found(files(), now=start.replace(hour=16, minute=59)) == []
    assert found(files(), now=start) == ["past-session"]


def test_a_broadcast_in_readers_time_is_past_when_it_is_so_everywhere() -> None:
    plot = PLOT + "broadcasts:\n  - {send: one, to: readers, when: 2026-05-01 12:00 reader's time}\n"
    assert found(files(plot), now=datetime(2026, 5, 2, 0, 0, tzinfo=UTC)) == []
    assert found(files(plot), now=datetime(2026, 5, 2, 0, 1, tzinfo=UTC)) == ["past-broadcast"]


def test_posts_that_nobody_sends() -> None:
    assert found(files(three=post())) == ["unused-post"]
    assert found(files(three=post(head="subject: A subject\npreview: P\ndraft: true"))) == []
    assert found(files(PLOT.replace("send: one", "send: three"))) == ["unknown-post"], "no second word about `one`"


def test_offers_end_with_the_last_session() -> None:
    plot = PLOT.replace("    stop: last session starts\n", "")
    assert found(files(plot, one=post("{{ sessions }}"))) == ["sessions-may-be-over"]
    assert found(files(one=post("{{ sessions }}"), two=post("{{ sessions }}"))) == []


def test_a_broken_project_does_not_hide_campaigns_and_tells_nothing_wrong_of_them() -> None:
    texts = files(one=post("[a b](b.html) {{ first_name }}"))
    texts["drip.yaml"] = "name: [\n"
    assert found(texts) == ["bad-yaml", "relative-link"]
    texts["drip.yaml"] = PROJECT.replace("fields:\n  first_name: there\n", "fields: x\n").replace(
        "{title: T, promise: P}", "x"
    )
    assert found(texts) == ["wrong-kind", "wrong-kind", "relative-link"]


def test_own_posts_are_checked_too() -> None:
    texts = files() | {
        "templates/mails/confirm-subscription.md": post("[Yes, please](confirm:) {{ list.title }} [no](no.html)")
    }
    assert found(texts) == ["relative-link"]


def test_layouts_of_posts() -> None:
    assert found(files(one=post(head="subject: A subject\npreview: P\nlayout: plain"))) == ["unknown-layout"]


def test_damage_in_layouts() -> None:
    assert found(files() | {"templates/letter.html": LAYOUT["templates/letter.html"] + "<p>donâ€™t</p>"}) == [
        "damaged-text"
    ]


def test_a_post_outside_a_project() -> None:
    text = post("Hi {{ firstname }}, [a b](https://example.invalid/FILL-ME) [c d](webinar:) {{ sessions }}")
    assert [each.name for each in check_post({"draft.md": text}, "draft.md", now=NOW)] == ["missing-link"]


def test_tags_are_found_in_linear_time() -> None:
    assert [*tags_in("a {{ b }} {% c %}{# d #} {{ e")] == [(2, 9), (10, 17), (17, 24)]
    for text in ("{{" * 200_000, "{{{%{#" * 50_000, "{%" * 100_000 + " }}"):
        assert [*tags_in(text)] == []


def test_guards_are_noticed() -> None:
    assert read_markup("{% if session %}{% endif %}").guarded == {"session"}
    assert read_markup("{{ 1 if webinar and session is defined }}").guarded == {"session", "webinar"}
    assert read_markup("no braces").uses == ()


BITS = st.sampled_from(
    [
        *"[]>`|x*)%'\"\x00\u2028\r\n\\é日\ue000",
        *("{{ ", " }}", "{% if x %}", "{% endif %}", "{#", "#}", "[a](", "![", "<a href=", "\n\n", "# ", "- ", "> "),
        *("```", "---", "webinar:", "session:", "https://", "&amp;", "[^1]", ": ", "::", "first_name", "session.day"),
    ]
)
WEDGES = st.sampled_from(
    ["", ":", "\n", "\t", " #", "- ", "'", "[", "{", "&a ", "*a", "!!x ", "9" * 30, "()", "not ", "\x00"]
)


@given(st.one_of(st.text(), st.lists(BITS, max_size=40).map("".join)))
@settings(max_examples=200, deadline=None)
def test_no_post_makes_check_raise(body: str) -> None:
    texts = files(one=post(body), two=body)
    for each in check(texts, now=NOW):
        assert "\x1b" not in render_problem(each, texts)


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """The text with a few spans replaced, doubled or cut out."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        middle = draw(st.one_of(WEDGES, st.text(max_size=4)))
        text = text[:start] + middle + draw(st.sampled_from(["", text[start:end]])) + text[end:]
    return text


@given(mutated(PROJECT), mutated(PLOT), mutated(post("Hi {{ first_name }} [a b](webinar:)")))
@settings(max_examples=100, deadline=None)
def test_no_mutation_makes_check_raise(project: str, plot: str, text: str) -> None:
    texts = files(plot, one=text) | {"drip.yaml": project}
    problems = check(texts, now=NOW)
    assert len(set(problems)) == len(problems)
    for each in problems:
        assert each.message
        assert render_problem(each, texts)


def test_huge_and_hostile_files_are_refused_quickly() -> None:
    texts = files("x" * 1_000_001, one="y" * 1_000_001, two=post("[" * 50_000)) | {"drip.yaml": "z: " * 400_000}
    names = found(texts)
    assert names.count("huge-file") == 3
