"""Problems are shown as rustc shows them, and nothing that an author writes can steer a terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from drip.authoring.show import MAX_LINE_COLUMNS, render_problem, visible
from drip.core.problems import Place, Problem, Rank


def shown(line: str, column: int, width: int, **more: str) -> list[str]:
    problem = Problem(
        more.get("name", "bad-yaml"), more.get("message", "m"), Place("a.yaml", 1, column, width), more.get("help", "")
    )
    return render_problem(problem, {"a.yaml": line}).split("\n")


def test_the_layout_is_that_of_rustc() -> None:
    text = "\n" * 29 + "        when: 1 day before session\n"
    message = "`1 day before session` needs a session, but `invite` starts when someone joins job-seekers"
    advice = "only a sequence that starts with `registers` knows the session"
    problem = Problem("no-session", message, Place("campaigns/six/campaign.yaml", 30, 15, 20), advice)
    assert render_problem(problem, {"campaigns/six/campaign.yaml": text}) == (
        f"error[no-session]: {message}\n"
        "  --> campaigns/six/campaign.yaml:30:15\n"
        "   |\n"
        "30 |         when: 1 day before session\n"
        "   |               ^^^^^^^^^^^^^^^^^^^^\n"
        "   |\n"
        f"help: {advice}"
    )


def test_ranks_and_problems_without_help_or_text() -> None:
    problem = Problem("past-session", "m", Place("a.yaml"), rank=Rank.WARNING)
    assert render_problem(problem, {}) == "warning[past-session]: m\n --> a.yaml:1:1"
    assert render_problem(problem, {"a.yaml": ""}) == "warning[past-session]: m\n --> a.yaml:1:1\n  |\n1 |\n  | ^"


def test_carets_stand_in_display_columns() -> None:
    assert shown("日本: wert", 5, 4)[3:5] == ["1 | 日本: wert", "  |       ^^^^"]
    assert shown("日本: wert", 1, 2)[4] == "  | ^^^^"
    assert shown("\tx: 1", 2, 1)[3:5] == ["1 |     x: 1", "  |     ^"]
    assert shown("e\u0301: 1", 3, 1)[4] == "  |  ^"


def test_long_lines_are_cut_around_the_carets() -> None:
    lines = shown("x" * 5000 + " here " + "y" * 5000, 5002, 4)
    code, carets = lines[3][4:], lines[4][4:]
    assert code.startswith("…x")
    assert code.endswith("y…")
    assert len(code) <= MAX_LINE_COLUMNS + 2
    assert code[carets.index("^") : carets.rindex("^") + 1] == "here"
    assert len(shown("x" * 1_000_000, 1, 1_000_000)[4]) < 130


def test_escapes_and_bidirectional_marks_are_written_out() -> None:
    assert visible("\x1b[2J\x9b\u202e\u200bx\ny\x7f") == "<U+001B>[2J<U+009B><U+202E><U+200B>x<U+000A>y<U+007F>"
    assert visible("👩\u200d💻 résumé") == "👩\u200d💻 résumé"
    assert shown("\x1b[31mx", 6, 1)[3:5] == ["1 | <U+001B>[31mx", "  |             ^"]


def test_what_is_secret_is_not_shown() -> None:
    text = "\n".join(shown("    password: correct horse", 5, 8, name="secret-in-file"))
    assert "correct" not in text
    assert "    password…" in text
    text = "\n".join(shown("store: postgresql://drip:horse@db/drip", 8, 17, name="password-in-url"))
    assert "horse" not in text
    assert "postgresql://drip…" in text


ANY = st.text(alphabet=st.characters(codec=None, exclude_categories=[]), max_size=300)


@given(ANY, ANY, st.integers(1, 400), st.integers(1, 400), st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_no_text_reaches_the_terminal_raw(line: str, message: str, column: int, width: int, number: int) -> None:
    problem = Problem("bad-yaml", message, Place("a.yaml", number, column, width), message)
    text = render_problem(problem, {"a.yaml": line})
    for character in text.replace("\n", ""):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
    assert set(text.split("\n")[4].removeprefix("  |").strip()) == {"^"}
