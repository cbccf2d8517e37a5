"""From a scraped text to a draft: the seed post exactly, other blogs by what matters, any text without harm."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from drip.authoring.front_matter import Head, split_front_matter
from drip.authoring.importing import Draft, import_text
from drip.authoring.importing.repair import repair_text
from drip.authoring.keys import NAME_PATTERN, POST_KEYS, names_of

SEED = Path(__file__).parents[2] / "golden" / "seed" / "how-to-turn-around-an-interview-mistake.txt"
ENVIRONMENT = ImmutableSandboxedEnvironment()


def seed() -> str:
    return SEED.read_text(encoding="utf-8")


def head_of(draft: Draft) -> Head:
    head, problems = split_front_matter(draft.markdown, "draft.md")
    assert problems == []
    return head


def runs_nothing(text: str) -> bool:
    kinds = {token for _, token, _ in ENVIRONMENT.lexer.tokeniter(text, None)}
    return kinds <= {"data", "raw_begin", "raw_end"}


def printed_words(body: str) -> list[str]:
    return ENVIRONMENT.from_string(body).render().replace("\\", "").split()


# --- the seed post -----------------------------------------------------------------------------------------


def test_the_seed_becomes_exactly_this_draft() -> None:
    draft = import_text(seed(), name=SEED.stem)
    if os.environ.get("DRIP_UPDATE_GOLDEN") == "1":
        SEED.with_suffix(".md").write_text(draft.markdown, encoding="utf-8")
    assert draft.markdown == SEED.with_suffix(".md").read_text(encoding="utf-8")
    assert draft.slug == "how-to-turn-around-an-interview-mistake-to-get-hired"
    assert draft.report == (
        "repaired 2 damaged dashes",
        "dropped 3 lines of Blogger chrome: “No comments:”, “Post a Comment”, “Note: Only a member of this blog may…”",
        "took the date 2020-06-17 from the line “Wednesday, June 17, 2020”",
        "took the title from the line “How to Turn Around an Interview Mistake to Get Hired”",
        "removed the repetition of the title",
        "guessed 14 paragraphs in 1 long one",
        "guessed 2 lists of 4 and 5 items",
        "guessed a button: “Register for the session of your choice here”",
        "guessed a signature: “Be well... / Lisa / Chameleon Resumes Lisa Rangel”",
        "guessed the preview from the first sentences: “One of my best recruiting team hires screwed up big on the…”",
        "lost the link behind “Register for the session of your choice here”: write it in place of "
        "https://example.invalid/FILL-ME",
    )


def test_the_seed_keeps_its_quotes_and_its_words() -> None:
    markdown = import_text(seed(), name="x").markdown
    assert {mark: markdown.count(mark) for mark in "’“”"} == {"’": 10, "“": 5, "”": 5}
    assert "busy—like really busy—the" in markdown
    assert "â" not in markdown
    body = seed().split("\n\n")[2].removeprefix("How to Turn Around an Interview Mistake to Get Hired ")
    printed = head_of(import_text(seed(), name="x", cta_url="webinar:")).body
    printed = printed.replace("(webinar:)", "").replace("Chameleon Resumes Lisa Rangel", "ChameleonResumesLisaRangel")
    assert re.findall(r"\w+", printed) == re.findall(r"\w+", body.replace('â€"', " "))


def test_the_seed_with_its_link_and_without_ftfy_damage() -> None:
    draft = import_text(seed(), name="x", cta_url="https://example.com/w?s=a b")
    assert "**[Register for the session of your choice here](https://example.com/w?s=a%20b)**" in draft.markdown
    assert not any("lost" in line for line in draft.report)
    assert "(webinar:)**" in import_text(seed(), name="x", cta_url="webinar:").markdown


def test_plain_guesses_nothing() -> None:
    draft = import_text(seed(), name="x", plain=True)
    paragraphs = head_of(draft).body.strip().split("\n\n")
    assert len(paragraphs) == 4
    assert paragraphs[0].startswith("How to Turn Around an Interview Mistake to Get Hired One of my best")
    assert paragraphs[1:] == [
        "No comments:",
        "Post a Comment",
        "Note: Only a member of this blog may post a comment.",
    ]
    title = "How to Turn Around an Interview Mistake to Get Hired"
    assert head_of(draft).values == {"subject": title, "title": title, "date": "2020-06-17"}
    assert draft.report == (
        "repaired 2 damaged dashes",
        "took the date 2020-06-17 from the line “Wednesday, June 17, 2020”",
        f"took the title from the line “{title}”",
    )


# --- other blogs -------------------------------------------------------------------------------------------


def test_a_post_with_paragraphs_of_its_own_and_windows_line_ends() -> None:
    text = "\ufeffThree things I learned\r\n\r\nPosted on 3 May 2021\r\n\r\n"
    text += "First paragraph.\r\n\r\n#2 is here.\r\n\r\nBye,\r\nAnn\r\n"
    draft = import_text(text, name="x")
    assert head_of(draft).values["date"] == "2021-05-03"
    assert head_of(draft).values["subject"] == "Three things I learned"
    assert head_of(draft).body == "\nFirst paragraph.\n\n\\#2 is here.\n\nBye,\\\nAnn\n"


def test_without_title_date_or_call_to_action() -> None:
    draft = import_text("It rained all day. We stayed in.", name="a_rainy-day")
    assert head_of(draft).values == {"subject": "A rainy day", "preview": "It rained all day. We stayed in."}
    assert head_of(draft).body == "\nIt rained all day. We stayed in.\n"
    assert draft.slug == "a-rainy-day"
    assert "found no title: the subject “A rainy day” is made from the name" in draft.report


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", "   "])
def test_nothing_at_all(text: str) -> None:
    draft = import_text(text, name="")
    assert draft.markdown == "---\nsubject: Untitled\n---\n"
    assert draft.slug == "post"


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("“Own It!”", "own-it"),
        ('"Own it" is all he said', "own-it-is-all-he-said"),
        ('"Own it"', "own-it"),
        ("The #1 mistake: a story", "the-1-mistake-a-story"),
        ("'Tis the season \\ for it", "tis-the-season-for-it"),
        ("[Reminder] We start", "reminder-we-start"),
        ("Don’t say “résumé”", "dont-say-resume"),
        ("日本語", "name"),
        ("{{ 7*7 }} things", "7-7-things"),
        ("--- three", "three"),
        ("a " * 20 + "very-very-very-very-very-very-long title", "a-" * 20 + "very-very-very-very"),
    ],
)
def test_titles_come_back_from_the_front_matter_as_they_were(title: str, slug: str) -> None:
    draft = import_text(f"{title}\n\nThe text.", name="name")
    subject = head_of(draft).values["subject"]
    assert runs_nothing(subject)
    assert ENVIRONMENT.from_string(subject).render() == title
    assert draft.slug == slug
    assert re.fullmatch(NAME_PATTERN, draft.slug)


def test_jinja_is_printed_and_not_run() -> None:
    draft = import_text("About {{ 7*7 }}\n\nWe write {{ name }}, {% if x %} and {# so #}.", name="x")
    assert runs_nothing(draft.markdown)
    printed = ENVIRONMENT.from_string(draft.markdown).render()
    assert "We write {{ name }}, {% if x %} and {# so #}." in printed
    assert "subject: About {{ 7*7 }}" in printed
    assert "made 4 Jinja tags print as text, not run" in draft.report


# --- Markdown that is imported -----------------------------------------------------------------------------


def test_a_draft_that_is_imported_again_stays_as_it_was() -> None:
    once = import_text(seed() + "\n\n{{ x }} is #1, *really*", name="x")
    again = import_text(once.markdown, name="x")
    assert again.markdown == once.markdown
    body = head_of(once).body
    assert head_of(import_text(body, name="x")).body == body


def test_a_post_from_jekyll() -> None:
    text = (
        '---\nlayout: post\ntitle: "Own it: a story"\ndate: 2020-06-17 10:00:00 -0500\ncategories: [a, b]\n'
        "description: He called.\n---\n# Own it: a story\n\nSome *emphasis* and {% include x.html %} with {\\{ y }}.\n"
    )
    draft = import_text(text, name="x")
    assert head_of(draft).values == {
        "subject": "Own it: a story",
        "preview": "He called.",
        "title": "Own it: a story",
        "date": "2020-06-17",
    }
    assert head_of(draft).body.strip().startswith("Some *emphasis* and {% raw %}{%{% endraw %} include")
    assert runs_nothing(draft.markdown)
    assert "dropped from the front matter: layout, categories" in draft.report


def test_a_post_from_hugo() -> None:
    draft = import_text(
        '+++\ntitle = "Own it"\ndate = 2020-06-17T10:00:00Z\n+++\n\nText, [link](https://a.example).\n', name="x"
    )
    assert head_of(draft).values == {"subject": "Own it", "title": "Own it", "date": "2020-06-17"}
    assert head_of(draft).body == "\nText, [link](https://a.example).\n"


# --- any text ----------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("---", "+++", "\n", "\n\n", "title: ", "subject: ", '"', "- ", "# ", "“", "”", "...", "\\#", "[x]: "),
        *("{{ 7*7 }}", "{% raw %}", "{% endraw %}", "{#", "&#123;", "{\\{", 'â€"', "é"),
        *("June 17, 2020", "Post a Comment", "2 comments:", "Register here", "Be well... Lisa", "](https://a.b)"),
        *("Here is what you learn: ", "Learn it. ", "Why? ", "word " * 140),
    ]
)


@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=12).map("".join)), st.booleans())
@example("---\nsubject: {{ 7*7 }}\npreview: {% raw %}\n---\n{% endraw %}{{ 7*7 }}", False)
@example("---\ntitle: |\n  a\n  b\n---\n\\#", False)
@settings(max_examples=200, deadline=None)
def test_any_text_becomes_a_valid_draft(text: str, plain: bool) -> None:
    draft = import_text(text, name="a name", plain=plain)
    head = head_of(draft)
    assert head.values["subject"]
    assert set(head.values) <= set(names_of(POST_KEYS))
    assert runs_nothing(draft.markdown)
    assert re.fullmatch(NAME_PATTERN, draft.slug)
    assert all("\n" not in line and line[0].islower() and not line.endswith(".") for line in draft.report)
    again = import_text(draft.markdown, name="a name")
    assert runs_nothing(again.markdown)
    # Damage on damage (Ã read as Latin-1 once more) comes off one layer at a time; that is as it should be.
    if repair_text(draft.markdown).text == draft.markdown:
        assert head_of(again).values["subject"] == head.values["subject"]
        assert printed_words(head_of(again).body) == printed_words(head.body) or "# " in head.body


@given(st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_name_serves(name: str) -> None:
    draft = import_text("It rained. We stayed in.", name=name)
    assert head_of(draft).values["subject"]
    assert re.fullmatch(NAME_PATTERN, draft.slug)
    assert runs_nothing(draft.markdown)
