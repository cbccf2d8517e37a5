"""The desk at which files are checked: everything that could be read of them, and the moment of the check.

Made once by `drip.authoring.check` and given to every check. Data, and questions about it; it judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from drip.authoring.read_campaign import CampaignDraft
from drip.authoring.read_post import PostDraft
from drip.authoring.read_project import ProjectDraft
from drip.authoring.read_sequence import Placed
from drip.core.model import Broadcast, Sequence


@dataclass(frozen=True, slots=True)
class Desk:
    """The files of a project, read as far as possible. `own_posts` are drip's own, in templates/mails/.

    `is_strict`: also what is supported only in part is to be told.
    """

    files: Mapping[str, str]
    now: datetime
    project: ProjectDraft
    campaigns: tuple[CampaignDraft, ...] = ()
    own_posts: tuple[PostDraft, ...] = ()
    is_strict: bool = False

    def posts(self) -> Iterator[tuple[CampaignDraft | None, PostDraft]]:
        """All posts that could be read, each with its campaign."""
        for campaign in self.campaigns:
            for post in campaign.posts.values():
                if post.was_read:
                    yield campaign, post
        for post in self.own_posts:
            if post.was_read:
                yield None, post


def sequences_sending(campaign: CampaignDraft, post: str) -> list[Placed[Sequence]]:
    """The sequences that send a post."""
    return [
        sequence
        for sequence in campaign.sequences
        if any(post in step.value.posts for step in campaign.steps.get(sequence.value.name, ()))
    ]


def broadcasts_sending(campaign: CampaignDraft, post: str) -> list[Placed[Broadcast]]:
    """The broadcasts that send a post."""
    return [broadcast for broadcast in campaign.broadcasts if broadcast.value.post == post]
