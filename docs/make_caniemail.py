"""Makes drip/authoring/caniemail.json from the data of caniemail.com: `python docs/make_caniemail.py caniemail.json`.

The file comes from the npm package `caniemail` (`npm pack caniemail`, then data/caniemail.json); docs/third-party.md
has its licence. Kept are the CSS properties, `property:value` pairs, at-rules, functions and elements, with one letter
for each of the thirteen clients below: y supported, a in part, n not, u not known. For maintainers; drip never runs it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "drip" / "authoring" / "caniemail.json"
PACKAGE_VERSION = "2.0.2"
CLIENTS = {
    "Gmail": ("gmail", "desktop-webmail"),
    "Gmail on iOS": ("gmail", "ios"),
    "Gmail on Android": ("gmail", "android"),
    "Outlook on Windows": ("outlook", "windows"),
    "Outlook on macOS": ("outlook", "macos"),
    "Outlook.com": ("outlook", "outlook-com"),
    "Outlook on iOS": ("outlook", "ios"),
    "Outlook on Android": ("outlook", "android"),
    "Apple Mail": ("apple-mail", "macos"),
    "Apple Mail on iOS": ("apple-mail", "ios"),
    "Yahoo Mail": ("yahoo", "desktop-webmail"),
    "Samsung Email": ("samsung-email", "android"),
    "Thunderbird": ("thunderbird", "macos"),
}
# Titles that name several things, or a thing in other words.
SPECIAL = {
    "css column properties": ["columns", "column-width", "column-rule", "column-span"],
    "grid-template-* properties": ["grid-template-columns", "grid-template-rows", "grid-template-areas"],
    "CSS calc() function": ["calc()"],
    "CSS Variables (Custom Properties)": ["var()"],
    "<h1> to <h6> elements": ["h1", "h2", "h3", "h4", "h5", "h6"],
    "<ul>, <ol> and <dl>": ["ul", "ol", "dl"],
    "Embedded <svg> image": ["svg"],
    "Image maps": ["map"],
    "HTML5 semantics": ["article", "aside", "figure", "footer", "header", "main", "nav", "section"],
}
WORST = "nauy"


def names_of(title: str, category: str) -> list[str]:
    """What a feature is called in a style sheet or a page; nothing for what is neither."""
    if title in SPECIAL:
        return SPECIAL[title]
    if category == "html":
        match = re.fullmatch(r"<(\w+)[^<>]*>(?: element)?", title)
        return [match[1]] if match else []
    words = re.sub(r" (?:(?:CSS )?property|shorthand|keyword)$", "", title.strip()).replace(": ", ":")
    parts = re.split(r",\s*|\s+&\s+", words)
    pattern = r"@[a-z-]+|[a-z-]+(?::[a-z-]+)?|[a-z-]+\(\)"
    return parts if all(re.fullmatch(pattern, part) for part in parts) else []


def support(stats: dict[str, dict[str, dict[str, str]]]) -> str:
    """One letter for each client: what its newest version that was tested does."""
    letters = []
    for family, platform in CLIENTS.values():
        versions = stats.get(family, {}).get(platform, {})
        letters.append(list(versions.values())[-1][0] if versions else "u")
    return "".join(letters)


def reduced(data: dict) -> dict[str, object]:
    """The whole file."""
    kept: dict[str, dict[str, str]] = {"css": {}, "html": {}}
    for feature in data["data"]:
        if feature["category"] not in kept:
            continue
        known = kept[feature["category"]]
        for name in names_of(feature["title"], feature["category"]):
            letters = support(feature["stats"])
            # `input` is there once for each of its types: what holds for the worst of them is said.
            before = known.get(name, letters)
            known[name] = "".join(min(pair, key=WORST.index) for pair in zip(before, letters, strict=True))
    return {
        "source": f"caniemail.com by Rémi Parmentier, through the npm package caniemail {PACKAGE_VERSION}",
        "notice": "MIT License, Copyright (c) 2019 HTeuMeuLeu; the whole text is in docs/third-party.md",
        "date": data["last_update_date"].split()[0],
        "version": data["api_version"],
        "clients": list(CLIENTS),
        **{name: dict(sorted(known.items())) for name, known in kept.items()},
    }


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    PAGE.write_text(json.dumps(reduced(json.loads(text)), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
