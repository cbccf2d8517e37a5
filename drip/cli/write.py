"""The commands of writing: import, preview, explain. They read the author's files and no database,
but for `preview --as`, which looks one subscriber up.
"""

from __future__ import annotations

import contextlib
import difflib
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from drip.cli.files import write_file
from drip.cli.grammar import EXITS_PROJECT, MOMENT, Call, command, dry_run_option, settle, yes_option
from drip.cli.names import complete_explained, complete_post
from drip.cli.output import one_line
from drip.errors import NotFound, WrongUsage


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
    body = shown.text if as_text else shown.page
    if call.output.json:
        call.output.document(
            {
                "type": "preview",
                "subject": shown.subject,
                "preview": shown.preview,
                "html": shown.page,
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
    from drip.core.rules import TEXTS, rule_of

    texts: dict[str, list[str]] = {}
    for problem, explanation in PROBLEMS.items():
        texts.setdefault(problem, []).append(f"a problem in your files\n\n{explanation}")
    for reason, text in EXPLANATIONS.items():
        number = rule_of(reason.value)
        rule = f"\n\n{textwrap.fill(f'rule {number}: {TEXTS[number]}', EXPLAIN_WIDTH)}" if number is not None else ""
        told = f"a reason of a decision\n\n{textwrap.fill(text, EXPLAIN_WIDTH)}{rule}"
        texts.setdefault(reason.value, []).append(told)
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
