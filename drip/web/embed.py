"""A sign-up form or a way to a webinar, as a piece of HTML for somebody else's page. Text in, text out.

It posts to the same address as the form on our own site, so the same rules hold. No script and nothing loaded: it works
in every blog that lets its author write HTML. Called by `drip embed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Literal
from urllib.parse import quote

from drip.core.model import Campaign, MailingList, ProjectDefinition
from drip.web.pages import Pages

Target = Literal["html", "blogger", "wordpress", "hugo"]
TARGETS: tuple[Target, ...] = ("html", "blogger", "wordpress", "hugo")

HOW: Mapping[Target, str] = {
    "html": "paste it where the form shall stand",
    "blogger": "in Blogger: Layout, Add a Gadget, HTML/JavaScript, and paste it there",
    "wordpress": "in WordPress: switch the editor to the code editor, or add a Custom HTML block, and paste it there",
    "hugo": "save it as layouts/shortcodes/{name}.html, then write {{{{< {name} >}}}} in a post",
}


def sign_up_form(
    definition: ProjectDefinition, files: Mapping[str, str], mailing_list: MailingList, lead_on: str = ""
) -> str:
    """The form of a list, with the sentence beside it that is kept as consent. `lead_on` is the author's page that
    follows."""
    project = {"name": definition.name, "address": definition.address, "url": definition.url}
    consent = Pages({}, files, "").words("consent-list", {"list": mailing_list, "project": project})
    action = f"{definition.url.rstrip('/')}/s/{quote(mailing_list.name)}"
    name = (
        ['  <p><label>First name (if you like)<br><input name="first_name" autocomplete="given-name" maxlength="80">'
         "</label></p>"]
        if "first_name" in definition.fields
        else []
    )  # fmt: skip
    following = [f'  <input type="hidden" name="next" value="{escape(lead_on)}">'] if lead_on else []
    return "\n".join([
        f'<form class="drip-form" method="post" action="{escape(action)}" accept-charset="utf-8">',
        f"  <p><strong>{escape(mailing_list.title)}</strong></p>",
        '  <p><label>E-mail address<br><input type="email" name="email" autocomplete="email" maxlength="254" required>'
        "</label></p>",
        *name,
        '  <p hidden><label>Leave this empty <input name="website" tabindex="-1" autocomplete="off"></label></p>',
        *following,
        f"  <p><small>{escape(consent)}</small></p>",
        "  <p><button>Sign me up</button></p>",
        "</form>",
    ])  # fmt: skip


def webinar_link(definition: ProjectDefinition, campaign: Campaign) -> str:
    """The way to a webinar's page. Its sessions stand there and not here, because they change."""
    assert campaign.webinar is not None
    url = f"{definition.url.rstrip('/')}/w/{quote(campaign.name)}"
    return "\n".join([
        '<div class="drip-webinar">',
        f"  <p><strong>{escape(campaign.webinar.title)}</strong></p>",
        f'  <p><a href="{escape(url)}">Choose a session</a></p>',
        "</div>",
    ])  # fmt: skip


def dressed(piece: str, target: Target) -> str:
    """The piece as a platform wants it."""
    if target == "wordpress":
        return f"<!-- wp:html -->\n{piece}\n<!-- /wp:html -->"
    if target == "hugo":
        # Hugo would run what stands between double braces; no text of ours is code.
        return piece.replace("{{", "&#123;&#123;").replace("}}", "&#125;&#125;")
    return piece
