"""Addresses that authors type: a campaign, a campaign/post, a path; and their completion in the shell, from disk.

Reads names of files only, so that completion is quick and works while a file is half-written.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from drip.cli.grammar import Call
from drip.cli.output import one_line
from drip.errors import NoProject, NotFound
from drip.project import PROJECT_FILE, find_root

CAMPAIGNS = "campaigns"


def near_hint(name: str, known: Iterable[str]) -> str:
    """`did you mean ...?`, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else ""


def scope_of(call: Call, root: Path, files: Mapping[str, str], address: str) -> str:
    """What an address stands for: a file's path, or a folder's path with its slash. Raises NotFound."""
    plain = address.rstrip("/")
    if any(name.startswith(f"{CAMPAIGNS}/{plain}/") for name in files):
        return f"{CAMPAIGNS}/{plain}/"
    if f"{CAMPAIGNS}/{plain}.md" in files:
        return f"{CAMPAIGNS}/{plain}.md"
    path = call.path(address).resolve()
    if path.exists() and path.is_relative_to(root):
        relative = path.relative_to(root).as_posix()
        return "" if relative == "." else relative + ("/" if path.is_dir() else "")
    raise NotFound(
        f"there is no campaign, post or file `{one_line(address)}`", hint=near_hint(plain, _addresses(files))
    )


def campaign_name(call: Call, root: Path, address: str) -> str:
    """The name that a campaign's address stands for: as typed, or the folder of a path such as `.`."""
    path = call.path(address).resolve()
    if path.is_dir() and path.parent == root / CAMPAIGNS:
        return path.name
    return address.removeprefix(f"{CAMPAIGNS}/").rstrip("/")


def _addresses(files: Iterable[str]) -> list[str]:
    found: set[str] = set()
    for name in files:
        parts = name.split("/")
        if parts[0] == CAMPAIGNS and len(parts) == 3:
            found.add(parts[1])
            if name.endswith(".md"):
                found.add(f"{parts[1]}/{parts[2].removesuffix('.md')}")
    return sorted(found)


# --- completion --------------------------------------------------------------------------------------------
# Whatever is wrong on disk, the shell gets fewer words, never a traceback.


def _root(context: click.Context) -> Path | None:
    call = context.find_object(Call) or Call()
    try:
        return find_root(call.folder)
    except (NoProject, OSError):
        return None


def _on_disk(context: click.Context) -> list[str]:
    root = _root(context)
    if root is None:
        return []
    try:
        return _addresses(path.relative_to(root).as_posix() for path in (root / CAMPAIGNS).glob("*/*"))
    except OSError:
        return []


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def complete_address(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Campaigns and posts."""
    return [each for each in _on_disk(context) if each.startswith(incomplete)]


def complete_campaign(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Campaigns."""
    return [each for each in _on_disk(context) if each.startswith(incomplete) and "/" not in each]


def complete_list(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Lists of drip.yaml."""
    from drip.authoring.read_project import draft_project

    root = _root(context)
    if root is None:
        return []
    lists = draft_project({PROJECT_FILE: _text_of(root / PROJECT_FILE)}).lists or ()
    return [each for each in lists if each.startswith(incomplete)]


def complete_session(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Sessions of the campaign that is named already, or of all."""
    from drip.authoring.read_campaign import CAMPAIGN_FILE, draft_campaign
    from drip.authoring.read_project import draft_project

    root = _root(context)
    if root is None:
        return []
    campaigns = [each for each in _on_disk(context) if "/" not in each]
    # An option that still waits for its value ends click's reading: what stands before it is left in `args`.
    given = [each for each in (context.params.get("campaign"), *context.args) if each in campaigns]
    names = given or campaigns
    files = {PROJECT_FILE: _text_of(root / PROJECT_FILE)}
    project = draft_project(files)
    found: set[str] = set()
    for name in names:
        # The posts are left out: nothing about them is asked, and there may be many.
        path = f"{CAMPAIGNS}/{name}/{CAMPAIGN_FILE}"
        found.update(draft_campaign({**files, path: _text_of(root / path)}, name, project).session_names or ())
    return sorted(each for each in found if each.startswith(incomplete))


def complete_explained(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of problems and reasons, for `drip explain`."""
    from drip.authoring.problems_catalogue import PROBLEMS
    from drip.core.reasons import EXPLANATIONS

    known = {*PROBLEMS, *(reason.value for reason in EXPLANATIONS)}
    return sorted(each for each in known if each.startswith(incomplete))


def complete_post(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Posts, with their campaigns."""
    return [each for each in _on_disk(context) if each.startswith(incomplete) and "/" in each]
