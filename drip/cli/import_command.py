"""What `drip import` does with its words: a text becomes one draft, anything else goes through a run over its posts.

Called by `drip.cli.write`, which has the options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drip.authoring.importing.recognize import Kind
from drip.cli.fetch import Fetcher
from drip.cli.files import as_text, read_input, write_file
from drip.cli.grammar import Call
from drip.cli.import_run import Import, Wishes, document, fetch_source, remember, tell
from drip.cli.sources import Source, open_source
from drip.errors import NotFetched, WrongUsage

_WEB = re.compile(r"https?://", re.IGNORECASE)
_ANY_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def import_posts(call: Call, given: str, *, plain: bool, cta_url: str | None, options: Mapping[str, Any]) -> None:
    """Make the drafts that were asked for."""
    site = options["base_url"] or ""
    if site and not _WEB.match(site):
        raise WrongUsage(f"`{site}` is no address of the web", hint="write `--base-url https://example.com`")
    wishes = _wishes(call, options)
    fetcher = Fetcher(call.now, allow_loopback=options["allow_loopback"])
    found: Source | None
    if _WEB.match(given):
        found = fetch_source(given, fetcher, wishes, site=site)
        if found is None:
            call.output.talk("nothing is new: the server says that it is as it was")
            _answer_nothing(call, wishes)
            return
    elif _ANY_SCHEME.match(given):
        raise NotFetched(f"`{given[:200]}` is no address of the web", hint="it begins with `https://`")
    elif plain and given != "-" and not call.path(given).is_dir():
        found = Source(Kind.TEXT, iter(()))
    else:
        found = open_source(
            None if given == "-" else call.path(given), given, site=site, with_images=bool(wishes.images)
        )
    if found.kind is Kind.TEXT or (plain and found.text):
        _import_text(call, given, found, wishes, plain=plain, cta_url=cta_url)
        return
    if plain or cta_url:
        word = "--plain" if plain else "--cta-url"
        raise WrongUsage(f"`{word}` is for posts that were saved as text; this is {found.kind.value}")
    if wishes.name and found.kind is not Kind.PAGE:
        raise WrongUsage("`--name` is for one post")
    run = Import(call, found, wishes, fetcher)
    if wishes.to_stdout:
        _to_stdout(run)
        return
    _to_folder(run)
    if _WEB.match(given):
        remember(run, given)


def _wishes(call: Call, options: Mapping[str, Any]) -> Wishes:
    target = options["target"]
    since = options["since"]
    images = options["images"]
    return Wishes(
        target=call.path(target),
        images=call.path(images) if images else None,
        name=options["name"],
        since=since.date() if since is not None else None,
        only=options["only"],
        drafts=options["drafts"],
        dry_run=options["dry_run"],
        overwrite=options["yes"],
        to_stdout=target == "-",
        is_folder=target.endswith("/"),
    )


def _answer_nothing(call: Call, wishes: Wishes) -> None:
    if call.output.json:
        call.output.document({"type": "import", "written": not wishes.dry_run, "drafts": [], "found": 0})


def _to_stdout(run: Import) -> None:
    """One draft as the answer."""
    made = list(run.run())
    if len(made) != 1:
        raise WrongUsage(
            f"{len(made)} posts do not fit into one pipe" if made else "there is no post to write",
            hint="name a folder: `-o drafts/`",
        )
    written, converted = made[0]
    for line in written.report:
        run.call.output.talk(line)
    tell(run)
    run.call.output.raw(converted.draft.markdown)


def _to_folder(run: Import) -> None:
    output = run.call.output
    verb = "would write" if run.wishes.dry_run else "wrote"
    for written, _ in run.run():
        output.progress("")
        for line in written.report:
            output.talk(f"{written.path.name}: {line}")
        if not output.json:
            output.answer(f"{verb} {written.path}")
    tell(run)
    if output.json:
        output.document(document(run))
    elif run.tally.written and not run.wishes.dry_run:
        output.talk(f"next: read them, then `drip check {run.tally.written[0].path}`")


def _import_text(call: Call, given: str, found: Source, wishes: Wishes, *, plain: bool, cta_url: str | None) -> None:
    """One draft of a text, whose shape is guessed."""
    from drip.authoring.importing import import_text

    text, note = as_text(found.text, given) if found.text else read_input(call, given)
    own_name = "post" if given == "-" else found.name or Path(given).stem
    draft = import_text(text, name=wishes.name or own_name, cta_url=cta_url, plain=plain)
    path = wishes.target
    if path.is_dir() or wishes.is_folder:
        path = path / f"{wishes.name or draft.slug}.md"
    if not wishes.to_stdout and path.exists() and not wishes.overwrite and not wishes.dry_run:
        raise WrongUsage(f"`{path}` is there already; nothing was written", hint="overwrite it with `--yes`")
    for line in (*((note,) if note else ()), *draft.report):
        call.output.talk(line)
    if wishes.to_stdout:
        call.output.raw(draft.markdown)
        return
    if not wishes.dry_run:
        write_file(path, draft.markdown.encode())
    if call.output.json:
        call.output.document(
            {"type": "import", "path": str(path), "written": not wishes.dry_run, "report": list(draft.report)}
        )
        return
    call.output.answer(f"{'would write' if wishes.dry_run else 'wrote'} {path}")
    call.output.talk(f"next: read it, then `drip check {path}`")
