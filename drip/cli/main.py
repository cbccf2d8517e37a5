"""The command line's front door: the table of commands, and the one place where errors become text and exit codes.

Imports no room that a given command does not need: each command's module is loaded when it is called.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from drip.cli.grammar import Call, LazyGroup
from drip.cli.output import Output, clean, one_line
from drip.errors import DripError, Interrupted, Unheard

EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_READER_GONE = 141  # 128 + SIGPIPE, as the shell counts it
COMPLETE_VARIABLE = "_DRIP_COMPLETE"

SECTIONS = {
    "Write": {
        "init": "drip.cli.start:init",
        "new": "drip.cli.start:new",
        "import": "drip.cli.write:import_",
        "check": "drip.cli.check_command:check",
        "preview": "drip.cli.write:preview",
        "proof": "drip.cli.proof:proof",
        "rehearse": "drip.cli.rehearse:rehearse",
        "test": "drip.cli.test_command:test",
        "explain": "drip.cli.write:explain",
    },
    "Publish": {
        "plan": "drip.cli.publish:plan",
        "apply": "drip.cli.publish:apply",
        "pause": "drip.cli.pausing:pause",
        "resume": "drip.cli.pausing:resume",
    },
    "Send": {"run": "drip.cli.send:run", "send": "drip.cli.send:send"},
    "Look": {"status": "drip.cli.look:status", "why": "drip.cli.look:why", "log": "drip.cli.look:log"},
    "People": {
        "subscriber": "drip.cli.choices:subscriber",
        "webinar": "drip.cli.qr:webinar",
        "session": "drip.cli.webinars:session",
        "registration": "drip.cli.roster:registration",
        "attendance": "drip.cli.roster:attendance",
        "enrollment": "drip.cli.enrollments:enrollment",
        "delivery": "drip.cli.deliveries:delivery",
        "broadcast": "drip.cli.broadcasts:broadcast",
    },
    "Mail in": {"reply": "drip.cli.replies:reply"},
    "Serve": {
        "serve": "drip.cli.serve_commands:serve",
        "embed": "drip.cli.embed:embed",
        "sandbox": "drip.cli.serve_commands:sandbox",
        "demo": "drip.cli.serve_commands:demo",
    },
    "Care": {
        "doctor": "drip.cli.doctor:doctor",
        "db": "drip.cli.care:db",
        "help": "drip.cli.care:help_",
        "completion": "drip.cli.care:completion",
    },
}


class Drip(LazyGroup):
    """`drip` itself."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run one call and exit. click's own version would turn errors into its own text and codes."""
        instruction = os.environ.get(COMPLETE_VARIABLE)
        if instruction:
            from click.shell_completion import shell_complete

            sys.exit(shell_complete(self, extra, "drip", COMPLETE_VARIABLE, instruction))
        arguments = list(sys.argv[1:] if args is None else args)
        call = extra.pop("obj", None) or Call()
        try:
            code = self._answer(arguments, call, extra)
            sys.stdout.flush()
        except BrokenPipeError:
            code = _leave_quietly()
        except OSError as error:
            code = _report_unheard(call.output, arguments, error)
        sys.exit(code)

    def _answer(self, arguments: list[str], call: Call, extra: dict[str, Any]) -> int:
        try:
            with self.make_context("drip", arguments, obj=call, **extra) as context:
                code = self.invoke(context)
            return code if isinstance(code, int) else 0
        except click.exceptions.Exit as leaving:
            return leaving.exit_code
        except click.exceptions.NoArgsIsHelpError as asked:
            click.echo(asked.ctx.get_help() if asked.ctx else "", err=True)
            return EXIT_USAGE
        except (KeyboardInterrupt, EOFError, click.Abort):
            return _report(call.output, arguments, Interrupted())
        except click.ClickException as wrong:
            return _report_usage(call.output, arguments, wrong)
        except DripError as error:
            return _report(call.output, arguments, error)
        except BrokenPipeError:
            raise
        except Exception as bug:
            if isinstance(bug, OSError) and _is_of_output(bug):
                raise
            return _report_bug(call.output, arguments, bug)


def _wants_json(output: Output, arguments: Sequence[str]) -> bool:
    # When the arguments could not be read, the option may not have been seen yet.
    return output.json or "--json" in arguments


def _say(output: Output, arguments: Sequence[str], *, name: str, code: int, message: str, hint: str) -> int:
    if _wants_json(output, arguments):
        output.complain_json({"type": "error", "name": name, "exit_code": code, "message": message, "hint": hint})
    else:
        # Ctrl-C and a "no" are the person's own doing, no error.
        label = "" if code == Interrupted.exit_code else "error: "
        output.complain(label + message + (f"\nhint: {hint}" if hint else ""))
    return code


def _report(output: Output, arguments: Sequence[str], error: DripError) -> int:
    return _say(output, arguments, name=error.name, code=error.exit_code, message=error.message, hint=error.hint)


def _report_usage(output: Output, arguments: Sequence[str], wrong: click.ClickException) -> int:
    context = wrong.ctx if isinstance(wrong, click.UsageError) else None
    if isinstance(wrong, click.NoSuchOption):
        return _report_option(output, arguments, wrong)
    message = re.sub(r"'([^'\n]*)'", r"`\1`", wrong.format_message()).rstrip(".")
    message = message[:1].lower() + message[1:]
    hint = f"see `{context.command_path} --help`" if context else ""
    return _say(output, arguments, name="wrong-usage", code=EXIT_USAGE, message=message, hint=hint)


def _report_option(output: Output, arguments: Sequence[str], wrong: click.NoSuchOption) -> int:
    known = [opt for each in (wrong.ctx.command.params if wrong.ctx else ()) for opt in each.opts]
    near = difflib.get_close_matches(wrong.option_name, known, n=1, cutoff=0.7)
    path = wrong.ctx.command_path if wrong.ctx else "drip"
    hint = f"did you mean `{near[0]}`?" if near else f"see `{path} --help`"
    message = f"`{path}` has no option `{one_line(wrong.option_name)}`"
    return _say(output, arguments, name="wrong-usage", code=EXIT_USAGE, message=message, hint=hint)


def _report_bug(output: Output, arguments: Sequence[str], bug: Exception) -> int:
    trace = "".join(traceback.format_exception(bug))
    if not _wants_json(output, arguments):
        output.complain(trace.rstrip())
    message = clean(f"this is a bug in drip: {type(bug).__name__}: {bug}")
    hint = "please report it with the lines above; what was committed before is safe"
    return _say(output, arguments, name="bug", code=EXIT_BUG, message=message, hint=hint)


def _is_of_output(error: OSError) -> bool:
    """Whether it was raised where text is written for people, and not somewhere in our own work."""
    innermost = list(traceback.walk_tb(error.__traceback__))[-1][0]
    return innermost.f_code is click.echo.__code__


def _report_unheard(output: Output, arguments: Sequence[str], error: OSError) -> int:
    _leave_quietly()
    # Where errors cannot be written either, the code alone must tell.
    with contextlib.suppress(OSError):
        _report(output, arguments, Unheard(f"the answer could not be written: {error.strerror or error}"))
    return Unheard.exit_code


def _leave_quietly() -> int:
    # Python flushes stdout once more at exit; into nothing, it cannot complain again.
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    return EXIT_READER_GONE


cli = Drip(
    "drip",
    sections=SECTIONS,
    no_args_is_help=True,
    help="A newsletter and drip-campaign engine for authors who live in Markdown, git and cron.",
    examples=(
        ("drip init my-letter", "a new project that runs"),
        ("drip check && drip apply", "judge the files, then make them live"),
        ("drip run", "do what is due, once: the line for cron"),
    ),
)


def _open_what_is_closed() -> None:
    """Whoever calls us with a closed stdin, stdout or stderr wants silence there.

    Left closed, its number would go to the next file that is opened, which may be the database.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  # a number, and for good


def main() -> None:
    """The `drip` program."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter gets `\u2026` in its place, not a traceback.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    cli()
