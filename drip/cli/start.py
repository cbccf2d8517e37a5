"""The commands that begin something: init, new campaign, new post. They write new files and never over old ones.

Called by `drip.cli.main` on demand.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from drip.authoring.keys import NAME_PATTERN
from drip.cli.examples import (
    EMPTY,
    EXAMPLES,
    WORKED,
    campaign_files,
    example_files,
    post_text,
    schema_files,
)
from drip.cli.files import write_file
from drip.cli.grammar import Call, command, dry_run_option, noun
from drip.cli.names import CAMPAIGNS, complete_campaign, near_hint
from drip.cli.output import count, one_line
from drip.errors import CannotRecord, NotFound, WrongUsage
from drip.project import PROJECT_FILE

PRIVATE_FOLDER = ".drip"  # the secret of the project will lie in it, beside the schemas
LIST_WITHOUT_ANY = "readers"
"""What a skeleton joins where drip.yaml has no list; `drip check` then says that there is none."""


@command(
    "init",
    examples=(
        ("drip init", "a project in this folder"),
        ("drip init my-letter", "a project in a new folder"),
        ("drip init my-course --example course", "five lessons by mail, to make yours"),
    ),
    exits=(75,),
)
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path())
@click.option("--example", type=click.Choice(EXAMPLES), default=WORKED, show_default=True, help="What to begin with.")
@dry_run_option
def init(call: Call, folder: str, example: str, dry_run: bool) -> None:
    """Make a new project that runs: an example, to change into yours.

    `job-search` leads to a webinar, `newsletter` is a list with a monthly letter, `course` sends five lessons after
    the sign-up, `empty` has no campaign yet. Nothing is mailed: an example's relay is a folder, `outbox/`.
    """
    target = call.path(folder)
    if (target / PROJECT_FILE).exists() or (target / CAMPAIGNS).exists():
        raise WrongUsage(f"`{folder}` has a project already", hint="name another folder: `drip init my-letter`")
    files = example_files(example, call.now())
    _write(call, target, files, dry_run=dry_run, hint="name an empty folder")
    if call.output.json:
        document = {"type": "init", "folder": str(target), "example": example, "files": sorted(files)}
        call.output.document({**document, "written": not dry_run})
        return
    verb = "would write" if dry_run else "wrote"
    call.output.answer(f"{verb} {count(len(files), 'file')} to {target if folder != '.' else 'this folder'}")
    at = "" if folder == "." else f"cd {_typed(folder)} && "
    if example == EMPTY:
        call.output.answer(f"next: make drip.yaml yours, then `{at}drip new campaign NAME`")
    else:
        call.output.answer(f"next: look at drip.yaml, then `{at}drip check` and `drip apply`")


def _typed(folder: str) -> str:
    """A folder as one types it in a shell: blanks in quotes, and never an option of `cd`."""
    return shlex.quote(f"./{folder}" if folder.startswith("-") else folder)


def _write(call: Call, root: Path, files: Mapping[str, bytes], *, dry_run: bool, hint: str) -> None:
    """Write all files, or none where one of them is in the way."""
    taken = [name for name in files if (root / name).exists() or (root / name).is_symlink()]
    if taken:
        raise WrongUsage(f"`{one_line(taken[0])}` is in the way; nothing was written", hint=hint)
    if dry_run:
        return
    if any(name.startswith(f"{PRIVATE_FOLDER}/") for name in files):
        try:
            root.mkdir(parents=True, exist_ok=True)
            (root / PRIVATE_FOLDER).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise CannotRecord(f"`{root}` cannot be made a project: {(error.strerror or str(error)).lower()}") from None
    for name, data in files.items():
        write_file(root / name, data)


# --- new ---------------------------------------------------------------------------------------------------

new = noun("new", "A campaign or a post to start from.")


def _good_name(name: str, what: str) -> str:
    if not re.fullmatch(NAME_PATTERN, name):
        raise WrongUsage(
            f"`{one_line(name)}` cannot be the name of a {what}",
            hint="use small letters, digits, hyphens and underscores, 60 at most, as `spring-letters`",
        )
    return name


def _known(root: Path) -> tuple[str, tuple[str, ...]]:
    """The first list and the fields of the project, as far as drip.yaml can be read."""
    from drip.authoring.read_project import draft_project

    text = (root / PROJECT_FILE).read_text(encoding="utf-8-sig", errors="replace")
    draft = draft_project({PROJECT_FILE: text})
    return (draft.lists or (LIST_WITHOUT_ANY,))[0], draft.fields or ()


def _with_schemas(root: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    """The files, and the schemas that their first lines name where they are not there yet."""
    missing = {path: data for path, data in schema_files().items() if not (root / path).exists()}
    return {path: text.encode() for path, text in files.items()} | missing


def _told(call: Call, files: Mapping[str, str], *, dry_run: bool, following: str) -> None:
    if call.output.json:
        call.output.document({"type": "new", "files": list(files), "written": not dry_run})
        return
    verb = "would write" if dry_run else "wrote"
    call.output.answer("\n".join(f"{verb} {path}" for path in files))
    if not dry_run:
        call.output.answer(f"next: {following}")


@command(
    "campaign",
    examples=(
        ("drip new campaign spring-letters", "a plot with one post"),
        ("drip new campaign open-house --webinar", "invitations, reminders and follow-ups"),
    ),
    exits=(10, 75),
)
@click.argument("name")
@click.option("--webinar", is_flag=True, help="With a webinar: invitations, reminders, follow-ups.")
@dry_run_option
def new_campaign(call: Call, name: str, webinar: bool, dry_run: bool) -> None:
    """Begin a campaign: its campaign.yaml and the posts that it sends, to fill in.

    Nothing is overwritten. What is still to be written says TK, and `drip check` names it.
    """
    root = call.root()
    _good_name(name, "campaign")
    if (root / CAMPAIGNS / name).exists():
        raise WrongUsage(f"there is a campaign `{name}` already; nothing was written", hint="choose another name")
    list_name, fields = _known(root)
    files = campaign_files(name, list_name, fields, call.now(), webinar=webinar)
    _write(call, root, _with_schemas(root, files), dry_run=dry_run, hint="choose another name")
    meeting = "the sessions and `join` in campaign.yaml, then " if webinar else ""
    _told(call, files, dry_run=dry_run, following=f"fill in {meeting}what `drip check {name}` names")


@command(
    "post",
    examples=(
        ("drip new post hello-again --campaign six-deadly-mistakes", "a post in this campaign"),
        ("drip new post six-deadly-mistakes/hello-again", "the same"),
    ),
    exits=(10, 75),
)
@click.argument("name")
@click.option(
    "--campaign", metavar="CAMPAIGN", shell_complete=complete_campaign, help="Where it belongs, if there are several."
)
@dry_run_option
def new_post(call: Call, name: str, campaign: str | None, dry_run: bool) -> None:
    """Begin a post in a campaign, to fill in.

    In a campaign's folder, or where there is only one campaign, it need not be named.
    """
    root = call.root()
    if campaign is None and "/" in name:
        campaign, _, name = name.removeprefix(f"{CAMPAIGNS}/").partition("/")
    _good_name(name, "post")
    home = _campaign_of(call, root, campaign)
    path = f"{CAMPAIGNS}/{home}/{name}.md"
    if (root / path).exists():
        raise WrongUsage(f"`{path}` is there already; nothing was written", hint="choose another name")
    _, fields = _known(root)
    files = {path: post_text(fields)}
    _write(call, root, {path: files[path].encode()}, dry_run=dry_run, hint="choose another name")
    sends = f"let a step of {CAMPAIGNS}/{home}/campaign.yaml `send: {name}`"
    _told(call, files, dry_run=dry_run, following=f"write it, {sends}, then `drip check {home}`")


def _campaign_of(call: Call, root: Path, given: str | None) -> str:
    """The campaign that was named, that we stand in, or that is the only one."""
    folder = root / CAMPAIGNS
    known = sorted(path.parent.name for path in folder.glob("*/campaign.yaml"))
    if given is not None:
        name = given.removeprefix(f"{CAMPAIGNS}/").rstrip("/")
        if name not in known:
            begin = "begin one with `drip new campaign NAME`"
            raise NotFound(f"there is no campaign `{one_line(given)}`", hint=near_hint(name, known) or begin)
        return name
    here = call.folder.resolve()
    for name in known:
        if here.is_relative_to(folder / name):
            return name
    if len(known) == 1:
        return known[0]
    if not known:
        raise NotFound("there is no campaign yet", hint="begin one with `drip new campaign NAME`")
    raise WrongUsage("there are several campaigns", hint=f"add `--campaign {known[0]}`, or another of them")


new.add_command(new_campaign)
new.add_command(new_post)
