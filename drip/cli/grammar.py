"""What all commands have in common: global options, `-n`, `-y`, moments, help sections, commands loaded on demand.

Never does the work of a command. Every file of `drip.cli` builds its commands with `command` and `noun`.
"""

from __future__ import annotations

import difflib
import importlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from drip import __version__
from drip.cli.output import Output, one_line
from drip.errors import WrongUsage
from drip.project import Clock, Project, SystemClock, find_root, open_project

EXIT_MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        0: "done; also when there was nothing to do",
        1: "a bug in drip, with its traceback",
        2: "wrong usage, or nothing of that name",
        3: "done in part: some deliveries failed, were deferred or are uncertain",
        4: "problems in your files",
        5: "there are changes that are not applied",
        6: "the last run is longer ago than `--max-age` allows",
        10: "no project here",
        11: "another process holds the database",
        12: "the database does not fit this drip",
        13: "the relay is unreachable or refused the login; nothing was sent",
        75: "what happened could not be recorded; stopped at once",
        130: "interrupted",
        141: "whoever read the output went away, or it could not be written",
    }
)
EXITS_PROJECT = (10, 11, 12)
"""What every command that opens the database may end with."""

GLOBAL_NAMES = frozenset({"directory", "json", "quiet", "verbose", "no_color", "version"})


@dataclass
class Call:
    """One call of drip: the clock, the folder to look in, where to speak, and how to sleep (`run --watch`)."""

    clock: Clock = field(default_factory=SystemClock)
    folder: Path = Path()
    output: Output = field(default_factory=Output)
    pause: Callable[[float], None] = time.sleep

    def now(self) -> datetime:
        """This moment."""
        return self.clock.now()

    def root(self) -> Path:
        """The project's folder. Raises NoProject."""
        return find_root(self.folder)

    def project(self) -> Project:
        """The project, opened; use it in a `with`."""
        return open_project(self.root(), clock=self.clock)

    def path(self, given: str) -> Path:
        """A path as typed; with `-C DIR` it counts from there, as git and make do."""
        return self.folder / given


# --- global options ----------------------------------------------------------------------------------------


def _set_global(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    # Both the group and the command have the option. What was not given must not undo what was.
    if not value:
        return
    call = context.ensure_object(Call)
    if parameter.name == "directory":
        # Several add up, as in git.
        call.folder = call.folder / value
        if not call.folder.is_dir():
            raise click.BadParameter(f"there is no folder `{one_line(str(call.folder))}`", context, parameter)
    elif context.resilient_parsing:  # the shell asks for a completion: only the folder matters
        return
    elif parameter.name == "verbose":
        call.output.verbose += value
    elif parameter.name == "version":
        click.echo(f"drip {__version__}")
        context.exit()
    else:
        setattr(call.output, str(parameter.name), True)


def global_options() -> list[click.Option]:
    """Fresh options that every command takes, before or after the verb."""

    def option(*names: str, text: str, **more: Any) -> click.Option:
        return click.Option(names, expose_value=False, is_eager=True, callback=_set_global, help=text, **more)

    return [
        option("-C", "directory", metavar="DIR", text="Work as if started in this folder."),
        option("--json", is_flag=True, text="Answer, and complain, in JSON."),
        option("-q", "--quiet", is_flag=True, text="Say nothing but the answer and errors."),
        option("-v", "--verbose", count=True, text="Say more; show addresses in full."),
        option("--no-color", is_flag=True, text="No color; the variable NO_COLOR does the same."),
        option("--version", is_flag=True, text="Print the version."),
    ]


class DripCommand(click.Command):
    """A command with the global options, and help that ends with Examples and Exit status."""

    def __init__(
        self, *args: Any, examples: Sequence[tuple[str, str]] = (), exits: Sequence[int] = (), **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self.context_settings.setdefault("help_option_names", ["-h", "--help"])
        self.params.extend(global_options())
        self.examples = tuple(examples)
        self.exits = tuple(sorted({0, 2, *exits}))

    def own_options(self, context: click.Context) -> list[click.Option]:
        """The options of this command alone."""
        return [
            each
            for each in self.get_params(context)
            if isinstance(each, click.Option) and each.name not in GLOBAL_NAMES and "--help" not in each.opts
        ]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Own options, then the commands of a group, then the global options."""
        own = self.own_options(ctx)
        rest = [each for each in self.get_params(ctx) if isinstance(each, click.Option) and each not in own]
        self._write_options("Options", own, ctx, formatter)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        self._write_options("Global options", rest, ctx, formatter)

    @staticmethod
    def _write_options(
        title: str, options: Sequence[click.Option], ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        rows = [record for each in options if (record := each.get_help_record(ctx)) is not None]
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples and Exit status."""
        if self.examples:
            with formatter.section("Examples"):
                for typed, meaning in self.examples:
                    # On lines of their own, so that they can be copied.
                    formatter.write(f"  # {meaning}\n  {typed}\n")
        if not isinstance(self, click.Group):
            with formatter.section("Exit status"):
                formatter.write_dl([(str(code), EXIT_MEANINGS[code]) for code in self.exits])


class DripGroup(DripCommand, click.Group):
    """A group that suggests the command that was meant. Also `drip NOUN VERB`: small commands in one file."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say what comes near."""
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f"did you mean `{ctx.command_path} {near[0]}`?" if near else f"see `{ctx.command_path} --help`"
            raise WrongUsage(f"there is no command `{ctx.command_path} {one_line(name)}`", hint=hint)
        return super().resolve_command(ctx, args)


class LazyGroup(DripGroup):
    """A group whose commands are imported when they are called, so that an idle `drip run` starts fast.

    `sections` maps a heading to names, and each name to `module:attribute`.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Mapping[str, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        self.sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the sections."""
        return [name for names in self.sections.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one command that is wanted."""
        for names in self.sections.values():
            if cmd_name in names:
                module, attribute = names[cmd_name].split(":")
                found = getattr(importlib.import_module(module), attribute)
                assert isinstance(found, click.Command)
                return found
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each section with its commands."""
        widest = max(len(name) for name in self.list_commands(ctx))
        for title, names in self.sections.items():
            rows = []
            for name in names:
                found = self.get_command(ctx, name)
                assert found is not None
                rows.append((name.ljust(widest), found.get_short_help_str(limit=90)))
            with formatter.section(title):
                formatter.write_dl(rows)


Answer = Callable[..., int | None]


def command(
    name: str, *, examples: Sequence[tuple[str, str]], exits: Sequence[int] = ()
) -> Callable[[Answer], DripCommand]:
    """Make a command of a function that takes the Call first and returns an exit code, or None for 0."""

    def decorate(function: Answer) -> DripCommand:
        made = click.command(name, cls=DripCommand, examples=examples, exits=exits)
        return made(click.pass_obj(function))

    return decorate


def noun(name: str, help_text: str) -> DripGroup:
    """A group for one noun."""
    return DripGroup(name, help=help_text)


def context_of(found: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """A context to show a command's help in, without running it."""
    # click remembers a command's help option from the first context it sees, so all must have our `-h`.
    return click.Context(found, info_name=name, parent=parent, **found.context_settings)


dry_run_option = click.option("-n", "--dry-run", is_flag=True, help="Change nothing; say what would change.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


# --- moments and spans -------------------------------------------------------------------------------------

SPAN = re.compile(r"(\d{1,6})\s*(s|second|m|min|minute|h|hour|d|day|w|week)s?", re.IGNORECASE)
SPAN_SECONDS = MappingProxyType({"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800})


class SpanType(click.ParamType[timedelta]):
    """`90m`, `2h`, `3 days`."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The span as a timedelta."""
        if isinstance(value, timedelta):
            return value
        match = SPAN.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"`{value}` is no span of time; write `90m`, `2h` or `3 days`", param, ctx)
        return timedelta(seconds=int(match.group(1)) * SPAN_SECONDS[match.group(2)[0].lower()])


class MomentType(click.ParamType[datetime]):
    """`2026-12-01`, `2026-12-01 9:00` (the project's time), or RFC 3339 with an offset or `Z`."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment: naive when no offset was given, see `settle`."""
        if isinstance(value, datetime):
            return value
        text = re.sub(r"^(\d{4}-\d\d-\d\d)[ T](\d):", r"\1 0\2:", str(value).strip())
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"`{value}` is no moment; write `2026-12-01 9:00`", param, ctx)


class SinceType(click.ParamType[datetime | timedelta]):
    """A moment, or a span counted back from now."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime | timedelta:
        """A moment or a span."""
        if SPAN.fullmatch(str(value).strip()):
            return SpanType().convert(value, param, ctx)
        return MomentType().convert(value, param, ctx)


SPAN_TYPE = SpanType()
MOMENT = MomentType()
SINCE = SinceType()


def settle(moment: datetime, zone: str) -> datetime:
    """A typed moment in UTC; without an offset it is the wall clock of `zone`."""
    from drip.core.when import local_to_utc

    if moment.tzinfo is not None:
        from datetime import UTC

        return moment.astimezone(UTC)
    return local_to_utc(moment, zone)
