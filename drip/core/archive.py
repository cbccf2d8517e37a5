"""Which posts stand in the archive on the web. Pure; `drip.engine.archive` finds them, `drip check` asks about links.

A broadcast to a whole list was meant for everybody, so it does unless its front matter says `archive: false`. What went
to a part of a list, or on somebody's own clock, was meant for them, so it does only with `archive: true`.
"""

from __future__ import annotations

from drip.core.model import Campaign, Post


def is_public(post: Post, *, went_to_whole_list: bool) -> bool:
    """Whether the post may be shown to everybody."""
    said = post.head.get("archive", "").strip()
    return said == "true" or (went_to_whole_list and said != "false")


def is_archived(campaign: Campaign, post: Post) -> bool:
    """Whether the campaign, as it is written, brings the post into the archive sooner or later."""
    broadcasts = (each for each in campaign.broadcasts if each.post == post.name)
    return is_public(post, went_to_whole_list=any(each.where is None for each in broadcasts))
