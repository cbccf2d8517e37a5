"""Global options, spans and moments, questions without a terminal, and text that must not harm a terminal."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.cli.grammar import MOMENT, SINCE, SPAN_TYPE, Call, command, settle
from drip.cli.main import cli
from drip.cli.output import Output, clean, count, mask, one_line, to_json
from drip.errors import WrongUsage


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, list(words))
    return result.exit_code, result.stdout, result.stderr


# --- global options ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("--json", "-C", "{}", "status"),
        ("status", "--json", "-C", "{}"),
        ("-C", "{}", "status", "--json"),
    ],
)
def test_global_options_stand_before_or_after_the_verb(words: tuple[str, ...], tmp_path: Path) -> None:
    code, out, err = run(*(each.format(tmp_path) for each in words))
    assert (code, out) == (10, "")
    error = json.loads(err)
    assert error["type"] == "error"
    assert error["name"] == "no-project"
    assert error["exit_code"] == 10
    assert str(tmp_path) in error["message"]
    assert "drip init" in error["hint"]


def test_two_directories_add_up_as_in_git(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    _, _, err = run("-C", str(tmp_path), "status", "-C", "inner")
    assert f"there is no drip.yaml in {tmp_path}/inner or a folder above" in err


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    code, _, err = run("-C", str(tmp_path / "nowhere"), "status")
    assert code == 2
    assert "there is no folder" in err


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_ends_with_examples_and_exit_status(flag: str) -> None:
    code, out, _ = run("check", flag)
    assert code == 0
    assert out.index("Examples:") < out.index("Exit status:")
    assert "4   problems in your files" in out


def test_version_is_printed_everywhere() -> None:
    assert run("--version")[1] == run("check", "--version")[1] == "drip 0.1.0\n"


def test_an_unknown_command_is_answered_with_the_one_that_was_meant() -> None:
    code, out, err = run("chekc")
    assert (code, out) == (2, "")
    assert err == "error: there is no command `drip chekc`\nhint: did you mean `drip check`?\n"


def test_an_unknown_verb_of_a_noun_is_answered_too() -> None:
    assert "did you mean `drip subscriber unsubscribe`?" in run("subscriber", "unsubscrbe")[2]


def test_wrong_options_under_json_are_an_object() -> None:
    code, _, err = run("check", "--bogus", "--json")
    assert code == 2
    assert json.loads(err)["name"] == "wrong-usage"


def test_a_bug_shows_its_traceback_and_says_that_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(self: Call) -> Path:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(Call, "root", break_down)
    code, out, err = run("status")
    assert (code, out) == (1, "")
    assert "Traceback" in err
    assert "error: this is a bug in drip: ZeroDivisionError: boom" in err


def test_control_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Call) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Call, "root", interrupt)
    code, _, err = run("status")
    assert code == 130
    assert "interrupted" in err


# --- questions ---------------------------------------------------------------------------------------------


def test_a_question_without_a_terminal_is_an_error_that_names_the_flag() -> None:
    with pytest.raises(WrongUsage) as caught:
        Output().ask("make it live?")
    assert caught.value.exit_code == 2
    assert "--yes" in caught.value.hint


# --- spans and moments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("90m", 5400),
        ("2h", 7200),
        ("2 hours", 7200),
        ("3 days", 259_200),
        ("1 week", 604_800),
        ("5 min", 300),
    ],
)
def test_spans(text: str, seconds: int) -> None:
    assert SPAN_TYPE.convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "2 fortnights", "2h30", "99999999999h"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="no span"):
        SPAN_TYPE.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-12-01 9:00", datetime(2026, 12, 1, 14, 0, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 12, 1, 5, 0, tzinfo=UTC)),
        ("2026-12-01T09:00:00Z", datetime(2026, 12, 1, 9, 0, tzinfo=UTC)),
        ("2026-12-01 09:00+01:00", datetime(2026, 12, 1, 8, 0, tzinfo=UTC)),
    ],
)
def test_moments_are_the_projects_wall_clock_unless_they_say_otherwise(text: str, utc: datetime) -> None:
    assert settle(MOMENT.convert(text, None, None), "America/New_York") == utc


def test_since_takes_both() -> None:
    assert SINCE.convert("2h", None, None) == timedelta(hours=2)
    assert SINCE.convert("2026-12-01", None, None) == datetime(2026, 12, 1)
    with pytest.raises(click.UsageError, match="no moment"):
        SINCE.convert("yesterday", None, None)


# --- text that must not harm -------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_nothing_that_is_cleaned_can_move_a_cursor(text: str) -> None:
    cleaned = clean(text)
    assert all(unicodedata.category(each) != "Cc" or each in "\n\t" for each in cleaned)
    assert not set(cleaned) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
    assert "\n" not in one_line(text)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_json_says_the_same_and_harms_nothing(text: str) -> None:
    document = to_json({"text": text}) if text.isprintable() or not _has_surrogates(text) else "{}"
    assert not any(unicodedata.category(each) == "Cc" for each in document)
    if document != "{}":
        assert json.loads(document) == {"text": text}


def _has_surrogates(text: str) -> bool:
    return any(0xD800 <= ord(each) <= 0xDFFF for each in text)


def test_an_escape_sequence_in_a_name_is_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.answer("name: \x1b]0;gone\x07 \x9b31m")
    output.table(("name",), [("[red]\x1b[31mMia\n",)])
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\x9b" not in said
    assert "\\x1b]0;gone\\x07" in said
    assert "[red]\\x1b[31mMia\\n" in said


def test_color_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    output = Output()
    output.answer("error[x]: y")
    assert "\x1b[" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    output.answer("error[x]: y")
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    output.answer("error[x]: y")
    monkeypatch.setenv("TERM", "xterm")
    output.no_color = True
    output.answer("error[x]: y")
    assert "\x1b[" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 messages"), (1, "1 message"), (2, "2 messages"), (12_345, "12,345 messages")]
)
def test_numbers_have_nouns(number: int, said: str) -> None:
    assert count(number, "message") == said


def test_irregular_plurals() -> None:
    assert count(2, "delivery", "deliveries") == "2 deliveries"


def test_masking_keeps_enough_to_recognize_oneself() -> None:
    assert mask("mia.long@example.com") == "m…@example.com"
    assert mask("nonsense") == "…"


# --- commands ----------------------------------------------------------------------------------------------


def test_a_command_returns_its_exit_code_and_every_help_shows_0_and_2() -> None:
    made = command("x", examples=(("drip x", "an example"),), exits=(4,))(lambda call: 4)
    assert made.exits == (0, 2, 4)
    assert CliRunner().invoke(made, [], standalone_mode=False, obj=Call()).return_value == 4
