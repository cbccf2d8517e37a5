"""From the author's files to the project and its campaigns: the entrance to the reading half of this room.

Strings in, data and Problems out. All problems are collected and none is raised; whatever has a problem of rank error
is not built. Called by the engine (`apply`), `drip.project`, `drip.simulate` and the command line. Everything that can
be said about the files, also what needs the clock, is said by `drip.authoring.check`.
"""

from __future__ import annotations

from collections.abc import Mapping

from drip.authoring.read_campaign import campaign_names, draft_campaign
from drip.authoring.read_post import read_post
from drip.authoring.read_project import ProjectDraft, draft_project
from drip.core.model import Campaign, ProjectDefinition
from drip.core.problems import Problem

__all__ = ["campaign_names", "read_campaign", "read_post", "read_project"]


def read_project(files: Mapping[str, str]) -> tuple[ProjectDefinition | None, list[Problem]]:
    """drip.yaml of these files, and its problems; None if an error is among them."""
    draft = draft_project(files)
    return (draft.definition if draft.is_whole else None), list(draft.problems)


def read_campaign(
    files: Mapping[str, str], name: str, project: ProjectDefinition
) -> tuple[Campaign | None, list[Problem]]:
    """The campaign in campaigns/NAME, and the problems of its plot and posts; None if an error is among them."""
    known = ProjectDraft(project, tuple(each.name for each in project.lists), tuple(project.fields), is_whole=True)
    draft = draft_campaign(files, name, known)
    return (draft.campaign if draft.is_whole else None), list(draft.problems)
