"""Writes another time, or `cancelled`, into the one line of a session in campaign.yaml. Works on strings.

Touches nothing but that value: comments, order and blanks stay the author's. Called by `drip session move|cancel`.
"""

from __future__ import annotations

from collections.abc import Mapping

from drip.authoring.read_campaign import CAMPAIGN_FILE, draft_campaign
from drip.authoring.read_project import draft_project
from drip.authoring.source import Lines

OFF = "cancelled"


def is_evergreen(files: Mapping[str, str], campaign: str) -> bool:
    """Whether the campaign's webinar has a rule in place of sessions."""
    return draft_campaign(files, campaign, draft_project(files)).is_evergreen


def session_line(files: Mapping[str, str], campaign: str, name: str, wall: str | None) -> tuple[str, str] | None:
    """The path of the campaign's file and its text with another time for that session; without a time, as cancelled.

    None where there is no such line, or it is written in a way that is not one plain value on one line.
    """
    path = f"campaigns/{campaign}/{CAMPAIGN_FILE}"
    if path not in files:
        return None
    draft = draft_campaign(files, campaign, draft_project(files))
    placed = next((each for each in draft.sessions if each.value.name == name), None)
    if placed is None:
        return None
    text = files[path]
    start = Lines(text).start(placed.place.line) + placed.place.column - 1
    said = text[start : start + placed.place.width]
    if "\n" in said or "\r" in said:
        return None
    old = placed.value.wall
    new = f"{old} {OFF}" if wall is None else wall
    if wall is None and placed.value.cancelled:
        return path, text
    quote = said[0] if said[:1] in ('"', "'") and said[:1] == said[-1:] else ""
    return path, text[:start] + quote + new + quote + text[start + placed.place.width :]
