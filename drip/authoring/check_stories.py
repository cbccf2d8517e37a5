"""The check of drip tests: can they be read, and do they speak of what is there? Whether they hold, `drip test` says.

One function from the desk to Problems; `drip.authoring.check` runs it.
"""

from __future__ import annotations

from collections.abc import Iterator

from drip.authoring.desk import Desk
from drip.authoring.read_story import read_story, story_paths
from drip.core.problems import Problem


def check_stories(desk: Desk) -> Iterator[Problem]:
    """Every drip test of every campaign can be played."""
    for campaign in desk.campaigns:
        for path in story_paths(desk.files, campaign.campaign.name):
            yield from read_story(desk.files, path, campaign, desk.project)[1]
