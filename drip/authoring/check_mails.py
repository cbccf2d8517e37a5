"""The check of finished mails: each post is compiled once and filled for a sample reader, then weighed.

Faults of Jinja and of styles get their place here, for layouts and parts, too. A post with an error of its own is left
alone: what would go wrong in it has been told. It sees what the other checks found, and is the one that runs
templates. Called by `drip.authoring.check`.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drip.authoring.check_layouts import included, layouts_of
from drip.authoring.desk import Desk
from drip.authoring.front_matter import Head
from drip.authoring.problems_catalogue import problem
from drip.authoring.read_campaign import CampaignDraft
from drip.authoring.read_post import PostDraft
from drip.authoring.read_project import PROJECT_FILE
from drip.authoring.sample import sample_values
from drip.authoring.section import clip
from drip.authoring.source import MAX_CHARACTERS, Lines
from drip.core.enclosures import SUFFIX
from drip.core.model import Post
from drip.core.problems import Place, Problem, Rank
from drip.errors import TemplateFault

if TYPE_CHECKING:
    from drip.authoring.layout import Press

# Gmail clips between 102 and 105 kB. Testers disagree whether it counts the text or its encoding, so both count.
CLIPPED_BYTES = 102_000
HEAVY_BYTES = 80_000
# Beyond this a post is clipped for certain; it is not worth compiling to know by how much.
MOST_POST_CHARACTERS = 300_000
_HELP_LONG = "put the rest on the blog and link to it"
_PLACED = re.compile(r"^[^\s:]+:\d+: |^[^\s:]+\.\w+: ")


@dataclass(frozen=True, slots=True)
class _Found:
    """What the other checks said: the files with errors, and what is known of lengths already."""

    broken: frozenset[str]
    long: frozenset[str]


def check_mails(desk: Desk, told: Collection[Problem]) -> Iterator[Problem]:
    """What goes wrong when posts become mails, and what they weigh. `told` is what all other checks found."""
    errors = [each for each in told if each.rank is Rank.ERROR]
    # Only what keeps a template from being filled; a layout without an address can still be weighed.
    broken = frozenset(each.place.path for each in errors if not each.name.startswith("layout-without-"))
    if PROJECT_FILE not in desk.files or PROJECT_FILE in broken:
        return
    found = _Found(broken, frozenset(each.place.path for each in told if each.name == "long-post"))
    press = _press(desk)
    tried: set[str] = set()
    seen: set[object] = set()
    for campaign, draft in (*desk.posts(), *_samples(desk)):
        layout = draft.post.layout or desk.project.definition.layout
        is_sample = draft.post.path.startswith("templates/") and draft.post.path.endswith(".html")
        if is_sample and layout in tried:
            continue
        if not _is_fit(desk, campaign, draft, found, layout):
            continue
        tried.add(layout)
        for each in _check_mail(desk, press, campaign, draft, found):
            # A fault of a layout shows in every post that it frames; the first one tells it.
            key = each.message if each.name == "slow-template" else (each.name, each.place)
            if key not in seen:
                seen.add(key)
                yield each


def check_templates(desk: Desk) -> Iterator[Problem]:
    """Files of templates/ that Jinja cannot read at all: also pages, and parts that nothing includes yet."""
    from jinja2 import TemplateSyntaxError

    layouts = {layout.path.removesuffix(".html") for layout in layouts_of(desk)}
    press = _press(desk)
    for path, text in desk.files.items():
        is_template = re.fullmatch(r"templates/.+\.(?:html|txt)", path) and len(text) <= MAX_CHARACTERS
        if not is_template or path.rpartition(".")[0] in layouts or "{" not in text:
            continue
        try:
            press.page.parse(text)
        except TemplateSyntaxError as error:
            place = _whole_line(desk, path, error.lineno)
            yield problem("template-fault", clip(error.message or "this is not valid", 200), place)
        # As for mails: the parser is not ours, and a check must not stop.
        except Exception as error:
            yield problem("template-fault", f"{type(error).__name__}: {clip(str(error), 200)}", Place(path))


def _press(desk: Desk) -> Press:
    # Imported here: a file that cannot be read at all needs no Jinja.
    from drip.authoring.layout import Press

    files: Mapping[str, str] = {
        path: text for path, text in desk.files.items() if len(text) <= MAX_CHARACTERS or path.endswith(SUFFIX)
    }
    return Press(files, desk.project.definition)


def _samples(desk: Desk) -> Iterator[tuple[None, PostDraft]]:
    """A post of a few words for each layout, for those that no post uses."""
    for layout in layouts_of(desk):
        yield (
            None,
            PostDraft(Post("sample", layout.path, "A subject", "A preview", "Words.", layout=layout.name), Head()),
        )


def _is_fit(desk: Desk, campaign: CampaignDraft | None, draft: PostDraft, found: _Found, layout: str) -> bool:
    """Whether nothing is known that keeps the post from being filled."""
    path = f"templates/{layout}"
    return (
        not found.broken & {draft.post.path, campaign.path if campaign else "", f"{path}.html", f"{path}.txt"}
        and f"{path}.html" in desk.files
        and f"{path}.txt" in desk.files
    )


def _check_mail(
    desk: Desk, press: Press, campaign: CampaignDraft | None, draft: PostDraft, found: _Found
) -> Iterator[Problem]:
    """Compile one post, fill it, weigh it."""
    post = draft.post
    if len(post.body) > MOST_POST_CHARACTERS:
        yield _clipped(draft, len(post.body.encode("utf-8", "replace")), "of text")
        return
    try:
        compiled = press.compile(post)
        html = compiled.fill(sample_values(desk, campaign, draft)).html.text()
    except TemplateFault as fault:
        yield _fault(desk, draft, fault)
        return
    # Checking must not stop at what nobody thought of: Jinja, lxml and the inliner fail in many ways.
    except Exception as error:
        yield _fault(desk, draft, TemplateFault(f"{type(error).__name__}: {error}", path=post.path))
        return
    if compiled.slow_because:
        yield _slow(desk, press, draft, compiled.slow_because)
    page = html.encode("utf-8", "replace")
    encoded = _encoded_bytes(page)
    if max(len(page), encoded) > CLIPPED_BYTES:
        yield _clipped(draft, max(len(page), encoded), "as it is sent" if encoded > len(page) else "of HTML")
    elif max(len(page), encoded) > HEAVY_BYTES and post.path not in found.long:
        message = f"this mail has {max(len(page), encoded) / 1000:.0f} kB; Gmail cuts mails off after about 102 kB"
        yield problem("heavy-mail", message, Place(post.path, post.body_line), _HELP_LONG)


def _clipped(draft: PostDraft, size: int, what: str) -> Problem:
    message = f"this mail has {size / 1000:.0f} kB {what}; Gmail cuts mails off after about 102 kB"
    return problem("clipped-mail", message, Place(draft.post.path, draft.post.body_line), _HELP_LONG)


def _encoded_bytes(page: bytes) -> int:
    """How many bytes the page takes on the wire: quoted-printable, or base64 where much is not ASCII."""
    quoted = len(binascii.b2a_qp(page, istext=True))
    return min(quoted, -(-len(page) // 57) * 78)


def _slow(desk: Desk, press: Press, draft: PostDraft, because: str) -> Problem:
    """Why a mail cannot be kept as one page for all, and in which of its templates."""
    from drip.authoring.leaks import leak

    layout = f"templates/{draft.post.layout or desk.project.definition.layout}.html"
    sources = [(path, desk.files[path], 1) for path in included(desk.files, layout, draft.post.body)]
    path, first_line, reason = draft.post.path, draft.post.body_line, because
    for source_path, source, line in (*sources, (draft.post.path, draft.post.body, draft.post.body_line)):
        if (found := leak(press.page, source)) is not None:
            path, first_line, reason = source_path, line, found
            break
    match = re.match(r"line (\d+): (.*)", reason)
    place = _whole_line(desk, path, first_line + int(match[1]) - 1) if match else Place(path, first_line)
    message = f"every reader's page is made anew: {match[2] if match else reason}"
    advice = "nothing is wrong with the mail, but sending takes longer; print the value where it is wanted"
    return problem("slow-template", message, place, advice)


def _fault(desk: Desk, draft: PostDraft, fault: TemplateFault) -> Problem:
    """A fault with its place; without one of its own it is that of the post."""
    path = fault.path if fault.path in desk.files else draft.post.path
    what = _PLACED.sub("", fault.message) if fault.path == path else fault.message
    shown = clip(what, 200)
    if path != draft.post.path and draft.post.path.endswith(".md") and _is_undefined(what):
        shown = f"{shown} in {draft.post.path}"
    line = fault.line if fault.path == path else draft.post.body_line
    hint = "" if fault.hint == TemplateFault.default_hint else fault.hint
    return problem("template-fault", shown, _whole_line(desk, path, max(1, line)), hint)


def without_doubles(problems: Sequence[Problem]) -> list[Problem]:
    """Without the length of the text where the weight of the whole mail was told."""
    clipped = {each.place.path for each in problems if each.name == "clipped-mail"}
    return [each for each in problems if each.name != "long-post" or each.place.path not in clipped]


def _is_undefined(what: str) -> bool:
    """Whether the fault depends on the post that the layout frames."""
    return "undefined" in what


def _whole_line(desk: Desk, path: str, number: int) -> Place:
    """A line without the blanks around it."""
    text = Lines(desk.files.get(path, "")).line(number)
    column = len(text) - len(text.lstrip())
    return Place(path, number, column + 1, max(1, len(text.strip())))
