"""The command `embed`: a sign-up form or a way to a webinar for the author's blog. Reads the files, changes nothing.

Called by `drip.cli.main` on demand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from drip.cli.grammar import Call, command
from drip.cli.names import complete_list, near_hint
from drip.cli.output import one_line
from drip.errors import NotFound, ProblemsFound, WrongUsage
from drip.project import read_tree

if TYPE_CHECKING:
    from drip.core.model import ProjectDefinition

TARGETS = ("html", "blogger", "wordpress", "hugo")


@command(
    "embed",
    examples=(
        ("drip embed job-seekers", "the sign-up form of a list, as HTML"),
        ("drip embed job-seekers --for blogger", "the same, and where it goes in Blogger"),
        ("drip embed six-deadly-mistakes --for hugo", "the way to a webinar, as a Hugo shortcode"),
    ),
    exits=(2, 4, 10),
)
@click.argument("form", shell_complete=complete_list)
@click.option("--for", "target", type=click.Choice(TARGETS), default="html", show_default=True, help="Where it goes.")
@click.option("--next", "lead_on", metavar="URL", help="A page on a site of yours that follows; see `own-sites:`.")
def embed(call: Call, form: str, target: str, lead_on: str | None) -> None:
    """Print a piece of HTML for your blog.

    FORM is a list (you get its sign-up form) or a campaign with a webinar (you get the way there). It needs no
    script, and the sentence in it is the one that is kept as consent.
    """
    from drip.authoring.definition import campaign_names, read_campaign, read_project
    from drip.web.embed import HOW, Target, dressed, sign_up_form, webinar_link

    files = read_tree(call.root())
    definition, problems = read_project(files)
    if definition is None:
        raise ProblemsFound(f"drip.yaml cannot be read: {problems[0].message}", hint="`drip check` shows where")
    mailing_list = definition.list_named(form)
    kind = "list"
    if mailing_list is not None:
        piece = sign_up_form(definition, files, mailing_list, _next(definition, lead_on))
    elif lead_on is not None:
        raise WrongUsage("`--next` is for the form of a list", hint="the way to a webinar is a link")
    else:
        campaign = read_campaign(files, form, definition)[0] if form in campaign_names(files) else None
        if campaign is None or campaign.webinar is None:
            known = [*(each.name for each in definition.lists), *campaign_names(files)]
            raise NotFound(
                f"there is no list and no webinar `{one_line(form)}`",
                hint=near_hint(form, known) or f"there are: {', '.join(known)}",
            )
        piece, kind = webinar_link(definition, campaign), "webinar"
    where = cast(Target, target)
    text = dressed(piece, where)
    how = HOW[where].format(name=f"drip-{form}")
    if call.output.json:
        call.output.document({"type": "embed", "form": form, "kind": kind, "for": target, "html": text, "how": how})
        return
    call.output.answer(text)
    call.output.talk(how)


def _next(definition: ProjectDefinition, lead_on: str | None) -> str:
    """The page that follows, if it is on one of the author's sites. Raises WrongUsage."""
    from drip.authoring.read_values import Fault, read_next

    try:
        return "" if lead_on is None else read_next(lead_on, definition.own_sites)
    except Fault as fault:
        raise WrongUsage(f"`--next`: {fault.message}", hint=fault.advice) from None
