"""Makes a Markdown draft of a blog post that was saved as text: the work behind `drip import`.

    repair → drop chrome → title and date → shape → Markdown in which nothing runs

Every repair, guess and loss is one line of the report, because a draft is there to be read. With `plain` nothing is
guessed. Strings in, strings out, the same for the same input; never raises. Called by `drip.cli.write`.
"""

from __future__ import annotations

from dataclasses import dataclass

from drip.authoring.importing.blocks import Block, Button, Items, Prose, shorten, split_blocks
from drip.authoring.importing.chrome import drop_chrome
from drip.authoring.importing.head import drop_repeated_title, name_of, take_top
from drip.authoring.importing.literal import (
    as_address,
    as_link_words,
    as_markdown,
    count_jinja,
    unwrap_jinja,
    without_jinja,
)
from drip.authoring.importing.markdown_post import read_markdown
from drip.authoring.importing.paragraphs import shape
from drip.authoring.importing.repair import repair_text
from drip.authoring.importing.sentences import split_sentences

FILL_ME = "https://example.invalid/FILL-ME"
"""Stands where a link was lost; `drip check` reports it as `missing-link`, and so it cannot be mailed."""
MAX_PREVIEW = 110
MAX_SUBJECT = 140


@dataclass(frozen=True, slots=True)
class Draft:
    """A post to be read and mended: its Markdown with front matter, a name for its file, and what was done."""

    markdown: str
    slug: str
    report: tuple[str, ...]


def import_text(text: str, *, name: str, cta_url: str | None = None, plain: bool = False) -> Draft:
    """A draft of the post in `text`. `name` serves where the text has no title; `cta_url` is where buttons lead."""
    repaired = repair_text(text)
    written = None if plain else read_markdown(repaired.text)
    if written is not None:
        head, body, report = written.values, written.body, list(written.report)
    elif plain:
        head, body, report = _plain(repaired.text)
    else:
        head, body, report = _guessed(unwrap_jinja(repaired.text), cta_url)
    head, about_head = complete(head, name)
    if tags := count_jinja(unwrap_jinja(repaired.text)):
        report.append(f"made {'1 Jinja tag' if tags == 1 else f'{tags} Jinja tags'} print as text, not run")
    markdown = f"{front_matter(head)}\n{body}\n" if body else front_matter(head)
    slug = name_of(head.get("title", "")) or name_of(name) or "post"
    return Draft(markdown, slug, (*repaired.report, *report, *about_head))


def _plain(text: str) -> tuple[dict[str, str], str, list[str]]:
    """Title and date, and the paragraphs as they are."""
    top = take_top(split_blocks(text))
    body = "\n\n".join(as_markdown("\n".join(lines)) for lines in top.paragraphs)
    return _head(top.title, top.date), body, list(top.report)


def _guessed(text: str, cta_url: str | None) -> tuple[dict[str, str], str, list[str]]:
    """Everything that the shape of the text gives away."""
    cleaned = drop_chrome(text)
    top = take_top(split_blocks(cleaned.text))
    paragraphs, repeated = drop_repeated_title(top.paragraphs, top.title)
    shaped = shape(paragraphs)
    report = [*cleaned.report, *top.report]
    report += ["removed the repetition of the title"] if repeated else []
    report += shaped.report()
    head = _head(top.title, top.date)
    if preview := guess_preview(paragraphs):
        head["preview"] = preview
        report.append(f"guessed the preview from the first sentences: “{shorten(preview)}”")
    for block in shaped.blocks:
        if isinstance(block, Button) and not (cta_url or block.url):
            report.append(f"lost the link behind “{shorten(block.words)}”: write it in place of {FILL_ME}")
    return head, "\n\n".join(_render(block, cta_url) for block in shaped.blocks), report


def _render(block: Block, cta_url: str | None) -> str:
    """One block as Markdown."""
    if isinstance(block, Prose):
        return "\\\n".join(as_markdown(line) for line in block.lines)
    if isinstance(block, Items):
        return "\n".join(
            f"{number}. {as_markdown(item)}" if block.numbered else f"- {as_markdown(item)}"
            for number, item in enumerate(block.items, start=1)
        )
    return f"**[{as_link_words(block.words)}]({as_address(cta_url or block.url or FILL_ME)})**"


def guess_preview(paragraphs: list[list[str]]) -> str:
    """As many of the first sentences as an inbox shows, or the beginning of the first."""
    if not paragraphs:
        return ""
    first, *more = split_sentences(" ".join(paragraphs[0])) or [""]
    preview = first
    for sentence in more:
        if len(preview) + 1 + len(sentence) > MAX_PREVIEW:
            break
        preview += f" {sentence}"
    return shorten(preview, MAX_PREVIEW - 1)


def _head(title: str, date: str) -> dict[str, str]:
    return {name: value for name, value in (("title", title), ("date", date)) if value}


def complete(head: dict[str, str], name: str) -> tuple[dict[str, str], list[str]]:
    """The head with a subject, which every post needs, and with its names in the order that we write them."""
    report = []
    subject = head.get("subject") or head.get("title", "")
    if not subject:
        words = " ".join(repair_text(name).text.replace("-", " ").replace("_", " ").split())
        subject = words[:1].upper() + words[1:] or "Untitled"
        report.append(f"found no title: the subject “{shorten(subject)}” is made from the name")
    ordered = {"subject": shorten(subject, MAX_SUBJECT), "preview": head.get("preview", ""), **head}
    return {each: value for each, value in {**ordered, "subject": ordered["subject"]}.items() if value}, report


def front_matter(head: dict[str, str]) -> str:
    """The head of a draft; whatever the values hold, they are read again as they are and nothing in them runs."""
    lines = (f"{name}: {_as_value(name, without_jinja(value))}\n" for name, value in head.items())
    return f"---\n{''.join(lines)}---\n"


def _as_value(name: str, value: str) -> str:
    """A value for a line of front matter. It is read word for word, unless it begins like a quoted one or a list."""
    flat = " ".join(value.split())
    is_list = flat[:1] == "[" and flat[-1:] == "]" and name not in ("subject", "preview", "title")
    if flat[:1] not in ('"', "'") and not is_list:
        return flat
    escaped = flat.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
