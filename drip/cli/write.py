"""The commands of writing: import, check, preview, explain. They read the author's files and no database,
but for `preview --as`, which looks one subscriber up.
"""

from __future__ import annotations

import contextlib
import difflib
import textwrap
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from drip.cli.files import read_input, write_file
from drip.cli.grammar import EXITS_PROJECT, MOMENT, Call, command, dry_run_option, settle, yes_option
from drip.cli.names import complete_address, complete_explained, complete_post, scope_of
from drip.cli.output import count, one_line
from drip.core.problems import Problem, Rank
from drip.errors import NoProject, NotFound, ProblemsFound, WrongUsage
from drip.project import read_tree


@command(
    "import",
    examples=(
        ("drip import old-post.txt", "a draft named after its title, in this folder"),
        ("drip import old-post.txt -o campaigns/six-deadly-mistakes/", "a draft in a campaign"),
        ("drip import - -o - < old-post.txt", "from a pipe, to a pipe"),
        ("drip import https://example.com/feed.xml -o drafts/", "the posts of a feed; again later for the new ones"),
        ("drip import takeout.zip -o drafts/ --since 2024-01-01 --images drafts/images", "a blog with its images"),
        ("drip import export.xml -o drafts/ --only '*interview*' --dry-run", "what would be written"),
    ),
    exits=(75,),
)
@click.argument("source", metavar="FILE|FOLDER|ZIP|URL|-")
@click.option(
    "-o", "--output", "target", metavar="FILE|FOLDER|-", default=".", help="Where the drafts go. [default: .]"
)
@click.option(
    "--cta-url", metavar="URL", help="Text: where the call to action leads; without it the draft has a gap to fill."
)
@click.option("--plain", is_flag=True, help="Read it as text, and guess nothing: keep the text as it stands.")
@click.option("--name", metavar="NAME", help="The draft's name, in place of one made from its title.")
@click.option("--since", type=MOMENT, metavar="DATE", help="Only posts from this day on.")
@click.option("--only", metavar="PATTERN", help="Only posts whose title matches, as `*interview*` does.")
@click.option("--drafts", is_flag=True, help="Posts that were never published, too.")
@click.option(
    "--images", metavar="DIR", help="Copy images into this folder; without it they are linked where they are."
)
@click.option("--base-url", metavar="URL", help="Where the blog is, for exports that do not say.")
@click.option("--allow-loopback", is_flag=True, help="Fetch from this machine, too: for a preview of your blog.")
@dry_run_option
@yes_option
def import_(call: Call, source: str, plain: bool, cta_url: str | None, **options: Any) -> None:
    """Make Markdown drafts of blog posts from elsewhere.

    Reads saved text, HTML pages, RSS and Atom feeds, Hugo and Jekyll folders, and the exports of Blogger (Takeout),
    WordPress, Ghost, Substack and Buttondown: what it is, its content says. What had to be guessed or was lost is told
    on stderr: read it, then read the drafts. There is one for each post; one that is there already is skipped.
    """
    from drip.cli.import_command import import_posts

    import_posts(call, source, plain=plain, cta_url=cta_url, options=options)


# --- check -------------------------------------------------------------------------------------------------


def _problem_json(problem: Problem) -> dict[str, object]:
    place = problem.place
    return {
        "name": problem.name,
        "rank": problem.rank.value,
        "message": problem.message,
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "width": place.width,
        "help": problem.help,
    }


def summary(problems: Iterable[Problem], files: int) -> str:
    """`2 errors, 1 warning in 12 files`."""
    ranks = [each.rank for each in problems]
    parts = [count(ranks.count(rank), rank.value) for rank in Rank if rank in ranks]
    return f"{', '.join(parts) or 'no problems'} in {count(files, 'file')}"


def show_problems(call: Call, problems: list[Problem], files: Mapping[str, str], scope_size: int) -> None:
    """All problems and the summary, on stdout."""
    from drip.authoring.show import render_problem

    if call.output.json:
        ranks = [each.rank for each in problems]
        call.output.document(
            {
                "type": "check",
                "problems": [_problem_json(each) for each in problems],
                "errors": ranks.count(Rank.ERROR),
                "warnings": ranks.count(Rank.WARNING),
                "files": scope_size,
            }
        )
        return
    for problem in problems:
        call.output.answer(render_problem(problem, files).rstrip("\n") + "\n")
    call.output.answer(summary(problems, scope_size))


def _lone_file(call: Call, address: str) -> dict[str, str] | None:
    """A Markdown file that lies outside any project."""
    path = call.path(address)
    if path.suffix != ".md":
        return None
    return {address: read_input(call, address)[0]}


def _judge(call: Call, addresses: tuple[str, ...], at: datetime | None) -> tuple[list[Problem], dict[str, str], int]:
    """The problems in scope, all files, and how many files are in scope."""
    from drip.authoring.check import check as check_files
    from drip.authoring.definition import read_post, read_project

    try:
        root = call.root()
    except NoProject:
        lone: dict[str, str] = {}
        for address in addresses:
            found = _lone_file(call, address)
            if found is None:
                raise
            lone |= found
        if not lone:
            raise
        problems = [problem for path in lone for problem in read_post(lone, path)[1]]
        return problems, lone, len(lone)
    files = read_tree(root)
    definition, _ = read_project(files)
    moment = settle(at, definition.timezone if definition else "UTC") if at else call.now()
    problems = check_files(files, now=moment)
    own = [name for name in files if (root / name).is_file()]
    if not addresses:
        return problems, files, len(own)
    scopes = tuple(scope_of(call, root, files, address) for address in addresses)
    inside = [name for name in own if name.startswith(scopes)]
    return [each for each in problems if each.place.path.startswith(scopes)], files, len(inside)


@command(
    "check",
    examples=(
        ("drip check", "every problem in the project"),
        ("drip check six-deadly-mistakes", "one campaign"),
        ("drip check six-deadly-mistakes/last-seats", "one post"),
        ("drip check --json", "for an editor or a script"),
    ),
    exits=(4, 10),
)
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1, shell_complete=complete_address)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option(
    "--at", type=MOMENT, metavar="MOMENT", help="Judge as at this moment: which sessions are over, and so on."
)
def check(call: Call, addresses: tuple[str, ...], strict: bool, at: datetime | None) -> int:
    """Report every problem in your files, with file and line.

    ADDRESS is a campaign, a campaign/post, or a path. A Markdown file outside a project can be checked alone.
    """
    problems, files, scope_size = _judge(call, addresses, at)
    show_problems(call, problems, files, scope_size)
    bad = {Rank.ERROR, Rank.WARNING} if strict else {Rank.ERROR}
    return ProblemsFound.exit_code if any(each.rank in bad for each in problems) else 0


# --- preview -----------------------------------------------------------------------------------------------


@command(
    "preview",
    examples=(
        ("drip preview six-deadly-mistakes/last-seats", "a page to open in a browser"),
        ("drip preview last-seats --text", "the plain text part"),
        ("drip preview last-seats --as mia@example.com -o seats.html", "as one subscriber gets it"),
        ("drip preview", "all posts on a page of this machine that follows every save"),
        ("drip preview last-seats --serve --open", "the same, at this post, in your browser"),
    ),
    exits=(4, *EXITS_PROJECT),
)
@click.argument("post", metavar="[POST]", required=False, shell_complete=complete_post)
@click.option("--as", "as_email", metavar="EMAIL", help="With the fields and sessions of this subscriber.")
@click.option("--text", "as_text", is_flag=True, help="The plain text part.")
@click.option("-o", "--output", "target", metavar="FILE|-", help="Write to FILE, or to stdout with `-`.")
@click.option("--at", type=MOMENT, metavar="MOMENT", help="As the mail would be at this moment.")
@click.option("--serve", is_flag=True, help="Serve the live page; without a POST this is what happens anyway.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8024, show_default=True, help="The live page's port.")
@click.option("--open/--no-open", "opens", default=False, help="Open the live page in your browser.")
def preview(
    call: Call,
    post: str | None,
    as_email: str | None,
    as_text: bool,
    target: str | None,
    at: datetime | None,
    serve: bool,
    port: int,
    opens: bool,
) -> None:
    """Show a post as the mail that a subscriber gets: the files as they are now, applied or not.

    The live page is for this machine only. It shows every post with its problems, to readers and at dates of your
    choice, and follows every save.
    """
    if serve or post is None:
        if as_email or as_text or target or at:
            raise WrongUsage(
                "these options are for one post, written to a file",
                hint="name a POST and leave `--serve` out, or choose reader and date on the live page",
            )
        _serve_preview(call, post, port, opens=opens)
        return
    from drip.engine.preview import preview as preview_post

    with call.project() as project:
        moment = settle(at, project.definition.timezone) if at else call.now()
        shown = preview_post(project, post, as_email, moment)
    body = shown.text if as_text else shown.html
    if call.output.json:
        call.output.document(
            {
                "type": "preview",
                "subject": shown.subject,
                "preview": shown.preview,
                "html": shown.html,
                "text": shown.text,
            }
        )
        return
    call.output.talk(f"subject: {one_line(shown.subject)}")
    if target == "-" or (as_text and target is None):
        call.output.raw(body if body.endswith("\n") else body + "\n")
        return
    path = call.path(target) if target else _preview_path(post)
    write_file(path, body.encode())
    call.output.answer(str(path))
    if target is None:
        call.output.talk("open it in a browser")


def _serve_preview(call: Call, post: str | None, port: int, *, opens: bool) -> None:
    """Serve the live page until Ctrl-C, which here is the normal end."""
    import webbrowser

    from drip.cli.serve_commands import free_port
    from drip.sandbox.live_run import run_live

    def say(url: str) -> None:
        if call.output.json:
            call.output.document({"type": "preview", "url": url})
        else:
            call.output.answer(url)
        call.output.talk("this page follows every save; stop with Ctrl-C")
        if opens:
            webbrowser.open(url)

    with free_port(), contextlib.suppress(KeyboardInterrupt):
        run_live(call.root(), clock=call.clock, port=port, post=post, say=say)


def _preview_path(post: str) -> Path:
    import tempfile

    # One folder of our own a call, so that nobody else on the machine can have put a link there.
    return Path(tempfile.mkdtemp(prefix="drip-preview-")) / f"{Path(post).stem}.html"


EXPLAIN_WIDTH = 100

# --- explain -----------------------------------------------------------------------------------------------


def explanations() -> dict[str, str]:
    """Everything that `drip explain` knows, by name. One name may be a problem and a reason: then both are told."""
    from drip.authoring.problems_catalogue import PROBLEMS
    from drip.cli.manual import error_classes
    from drip.core.reasons import EXPLANATIONS

    texts: dict[str, list[str]] = {}
    for problem, explanation in PROBLEMS.items():
        texts.setdefault(problem, []).append(f"a problem in your files\n\n{explanation}")
    for reason, text in EXPLANATIONS.items():
        texts.setdefault(reason.value, []).append(f"a reason of a decision\n\n{textwrap.fill(text, EXPLAIN_WIDTH)}")
    for error in error_classes():
        told = f"an error, exit code {error.exit_code}\n\n{' '.join((error.__doc__ or '').split())}"
        texts.setdefault(error.name, []).append(told + (f"\nhint: {error.default_hint}" if error.default_hint else ""))
    return {name: "\n\n".join(parts) for name, parts in texts.items()}


@command(
    "explain",
    examples=(
        ("drip explain unknown-post", "a problem that `drip check` names"),
        ("drip explain", "all names"),
    ),
)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=complete_explained)
def explain(call: Call, name: str | None) -> None:
    """Tell more about a problem, a reason or an error, with an example."""
    from drip.cli.manual import import_everything

    wanted = (name or "").strip().strip("`[]").lower()
    texts = explanations()
    if wanted not in texts:
        # Errors of rooms that are not loaded yet; and a suggestion should know all names.
        import_everything()
        texts = explanations()
    if name is None:
        if call.output.json:
            call.output.document({"type": "names", "names": sorted(texts)})
        else:
            call.output.answer("\n".join(sorted(texts)))
        return
    if wanted not in texts:
        near = difflib.get_close_matches(wanted, texts, n=3, cutoff=0.5)
        hint = (
            f"did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "`drip explain` lists all names"
        )
        raise NotFound(f"there is no problem or reason `{one_line(name)}`", hint=hint)
    if call.output.json:
        call.output.document({"type": "explanation", "name": wanted, "text": texts[wanted]})
    else:
        call.output.answer(f"{wanted}: {texts[wanted]}")
