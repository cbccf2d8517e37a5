"""Reads the Markdown posts of a Hugo or Jekyll site, one file at a time: front matter of either form, names and dates.

Never reads the file itself. Called by `drip.cli.sources`.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import PurePosixPath

from drip.authoring.front_matter import split_front_matter
from drip.authoring.importing.foreign import ForeignPost, Found, LeftOut, Markup, day_of
from drip.authoring.importing.markdown_post import translate

ENDINGS = frozenset({".md", ".markdown", ".mdown", ".html"})
_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})-(.+)")
_YAML_URL = re.compile(r"^(?:baseURL|baseurl|baseUrl|url)\s*:\s*[\"']?(https?://[^\s\"'#]+)", re.MULTILINE)


def site_address(name: str, text: str) -> str:
    """Where a site is published, from its configuration; nothing if it does not say."""
    if name.endswith(".toml"):
        try:
            found = tomllib.loads(text)
        except (ValueError, RecursionError):
            return ""
        address = next((value for key, value in found.items() if key.lower() in ("baseurl", "url")), "")
        return address if isinstance(address, str) and address.startswith(("http://", "https://")) else ""
    match = _YAML_URL.search(text)
    return match[1] if match else ""


def site_post(path: str, text: str, *, site: str) -> Found:
    """One file of a site; `path` counts from the site's own folder, and is what the post is remembered by."""
    place = PurePosixPath(path)
    is_draft_folder = "_drafts" in place.parts
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").lstrip("\n")
    head, problems = split_front_matter(text, path)
    if head.body_line == 1 or place.stem.lower() in ("_index", "readme", "404"):
        return LeftOut("page")
    values, dropped = translate(head)
    dated = _DATED.fullmatch(place.stem)
    day = values.get("date") or (day_of(dated[1]) if dated else "")
    in_posts = "_posts" in place.parts or is_draft_folder
    is_page = bool("content" in place.parts and not day) or ("_posts" not in path and _looks_like_a_page(head.values))
    if is_page and not in_posts:
        return LeftOut("page")
    stem = dated[2] if dated else (place.parent.name if place.stem == "index" else place.stem)
    names = {name.lower(): value for name, value in head.values.items()}
    kept = [name for name in dropped if name.lower() not in _USED]
    return ForeignPost(
        source=f"site:{path}",
        body=head.body,
        markup=Markup.HTML if place.suffix == ".html" else Markup.MARKDOWN,
        title=values.get("title") or values.get("subject", ""),
        date=day,
        preview=values.get("preview", ""),
        tags=tuple(
            each.strip() for each in (values.get("tags") or names.get("categories", "")).split(",") if each.strip()
        ),
        slug=names.get("slug") or stem,
        is_draft=is_draft_folder or values.get("draft") == "true" or names.get("published") == "false",
        url=_address(place, site, stem, names),
        folder=place.parent.as_posix(),
        notes=(
            *(f"could not read all of the front matter: {each.message}" for each in problems[:1]),
            *([f"dropped from the front matter: {', '.join(kept)}"] if kept else []),
        ),
    )


_USED = frozenset({"slug", "published", "categories", "layout", "url", "permalink", "lastmod", "date"})


def _address(place: PurePosixPath, site: str, stem: str, names: dict[str, str]) -> str:
    """Where the post was published: as it says, or where Hugo puts it unless told otherwise."""
    if not site:
        return ""
    said = names.get("url", "")
    sections = place.parts[place.parts.index("content") + 1 : -1] if "content" in place.parts else ()
    if place.stem == "index":
        sections = sections[:-1]
    path = said.strip("/") or "/".join((*sections, names.get("slug") or stem))
    return f"{site.rstrip('/')}/{path}/"


def _looks_like_a_page(values: object) -> bool:
    """Jekyll's own mark."""
    return isinstance(values, dict) and values.get("layout") in ("page", "home", "default")
