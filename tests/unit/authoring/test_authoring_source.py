"""YAML is read as text, with places; its faults are told with the place where they are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.authoring.source import Entry, Lines, Listing, Node, Scalar, Table, compose, text_faults
from drip.core.problems import Place


def table(text: str) -> dict[str, Node]:
    node, problems = compose(text, "a.yaml")
    assert problems == []
    assert isinstance(node, Table)
    return {entry.key: entry.value for entry in node.entries}


def names(text: str) -> list[str]:
    return [each.name for each in compose(text, "a.yaml")[1]]


@pytest.mark.parametrize(
    "value", ["9:30", "19:00", "09:30", "no", "on", "1.10", "0x1F", "~", "null", "2026-12-08 12:00"]
)
def test_every_scalar_is_text(value: str) -> None:
    found = table(f"at: {value}\n{value!r}: x")["at"]
    assert isinstance(found, Scalar)
    assert found.text == value
    assert found.place == Place("a.yaml", 1, 5, len(value))


def test_places_of_rows_and_quoted_values() -> None:
    steps = table('steps:\n  - send: "héllo"\n    when: at once\n')["steps"]
    assert isinstance(steps, Listing)
    row = steps.items[0]
    assert isinstance(row, Table)
    send, when = row.entries
    assert isinstance(send, Entry)
    assert send.place == Place("a.yaml", 2, 5, 4)
    assert isinstance(send.value, Scalar)
    assert send.value.place == Place("a.yaml", 2, 11, 7)
    assert send.value.within(1, 3) == Place("a.yaml", 2, 13, 3), "one more for the quote"
    assert isinstance(when.value, Scalar)
    assert when.value.within(3, 99) == Place("a.yaml", 3, 14, 4)
    assert when.value.within(7, 1) == Place("a.yaml", 3, 18, 1), "behind the end is where something is missing"
    assert when.value.within(8, 1) == when.value.place


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_in_any_editor(end: str) -> None:
    node, _ = compose(f"a: 1{end}{end}bb: 22{end}", "a.yaml")
    assert isinstance(node, Table)
    assert node.entries[1].place == Place("a.yaml", 3, 1, 2)
    lines = Lines(f"one{end}two{end}")
    assert [lines.line(number) for number in (0, 1, 2, 3, 4)] == ["", "one", "two", "", ""]


def test_all_faults_of_a_file_are_told_at_once() -> None:
    found = names("a: &x 1\nb: *x\nc: !!int 3\na: 4\n? [1]\n: 2\n")
    assert found == ["anchor", "anchor", "tag", "bad-yaml", "duplicate-key"] or sorted(found) == sorted(
        ["anchor", "anchor", "tag", "duplicate-key", "bad-yaml"]
    )


def test_the_first_of_two_keys_is_kept_and_named() -> None:
    node, problems = compose("a: 1\nb: 2\na: 3\n", "a.yaml")
    assert isinstance(node, Table)
    assert [entry.key for entry in node.entries] == ["a", "b"]
    assert [(each.place.line, "line 1" in each.message) for each in problems] == [(3, True)]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: b: c", 1, 5),
        ("a: 'open\n", 2, 1),
        ("a:\n\t- b", 2, 1),
        ("a: @home", 1, 4),
        ("a: `x`", 1, 4),
        ("a: *Own* it", 1, 8),
        ("a: [1, 2\nb: 3\n", 2, 2),
    ],
)
def test_bad_yaml_has_the_place_of_the_mark(text: str, line: int, column: int) -> None:
    node, problems = compose(text, "a.yaml")
    assert node is None
    assert [each.name for each in problems] == ["bad-yaml"]
    assert (problems[0].place.line, problems[0].place.column) == (line, column)


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        ("title: The #1 resume mistake", "#1 resume mistake"),
        ("title: The # 1 mistake", ""),
        ("title: The  #1 mistake", ""),
        ("title: The  # the title", ""),
        ("title: 'The #1 mistake'", ""),
        ("title: The#1 mistake", ""),
    ],
)
def test_text_behind_one_space_and_a_hash_is_lost(line: str, lost: str) -> None:
    found = table(line + "\nb: 1")["title"]
    assert isinstance(found, Scalar)
    assert found.lost == lost


def test_an_empty_file_is_an_empty_table() -> None:
    for text in ("", "\n\n", "# nothing\n", "\ufeff"):
        node, problems = compose(text, "a.yaml")
        assert isinstance(node, Table)
        assert (node.entries, problems) == ((), [])


def test_second_documents_and_directives_are_refused() -> None:
    assert names("---\na: 1\n") == []
    assert names("a: 1\n---\nb: 2\n") == ["several-documents"]
    assert names("%YAML 1.1\n---\na: 1\n") == ["bad-yaml"]


def test_deep_nesting_costs_nothing() -> None:
    for text in (
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 50_000,
        "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 200)),
    ):
        assert names(text) == ["deep-nesting"]


def test_unprintable_characters_do_not_hide_the_rest() -> None:
    node, problems = compose("a: x\x00y\x85z\nb: 1\nb: 2\n", "a.yaml")
    assert isinstance(node, Table)
    assert [each.name for each in problems] == ["duplicate-key"]
    assert problems[0].place.line == 3


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('busyâ€"like', "damaged-text"),
        ("donâ€™t", "damaged-text"),
        ("rÃ©sumÃ©", "damaged-text"),
        ("smart\x92s", "damaged-text"),
        ("lost \ufffd", "damaged-text"),
        ("\x1b[31mred", "control-character"),
        ("nul\x00", "control-character"),
    ],
)
def test_damage_is_told(text: str, name: str) -> None:
    assert [each.name for each in text_faults(f"fine\n{text}\n", "a.md")] == [name]


@pytest.mark.parametrize(
    "text", ["résumé — “quoted” … naïve", "SÃO PAULO", "Ça va, Â la carte", "日本語\t\r\n👩‍💻", "€ 5"]
)
def test_good_text_is_left_alone(text: str) -> None:
    assert list(text_faults(text, "a.md")) == []


def test_one_damaged_line_is_told_once_and_a_file_ten_times() -> None:
    assert len(list(text_faults("Ã© Ã© Ã©\n" * 3, "a.md"))) == 3
    assert len(list(text_faults("Ã©\n" * 500, "a.md"))) == 10


YAML_BITS = st.sampled_from(
    [
        *"a:\n\t'\"[]{}#|>é\x00\x85\u2028=@`\r",
        *(
            ": ",
            "- ",
            "  ",
            "&x",
            "*x",
            "!!int ",
            ", ",
            " #",
            "? ",
            "---",
            "...",
            "%YAML 9.9",
            "\\U99999999",
            "\\x0",
            "<<",
        ),
    ]
)


@given(st.one_of(st.text(), st.lists(YAML_BITS, max_size=30).map("".join)))
@settings(max_examples=200, deadline=None)
def test_no_text_makes_compose_raise(text: str) -> None:
    node, problems = compose(text, "a.yaml")
    assert node is not None or problems
    lines = Lines(text)
    for each in problems:
        assert 1 <= each.place.line <= len(lines)
        assert each.place.width >= 1
    list(text_faults(text, "a.yaml"))
