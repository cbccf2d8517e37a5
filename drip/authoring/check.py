"""Checks everything that can be said about the author's files: what reading found, and what the checks find.

A check is one function from the desk to Problems, named in `CHECKS`; a new one gets an entry in the catalogue and a
folder in tests/problems/. Strings in, Problems out: never raises on what an author writes, reads no file and no clock.
Called by `drip check`, `drip apply`, and the reports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from drip.authoring import (
    check_blocks,
    check_enclosures,
    check_layouts,
    check_links,
    check_plot,
    check_posts,
    check_reach,
    check_stories,
    check_styles,
    check_subjects,
    check_wording,
)
from drip.authoring.check_mails import check_mails, check_templates, without_doubles
from drip.authoring.desk import Desk
from drip.authoring.read_campaign import campaign_names, draft_campaign
from drip.authoring.read_post import draft_post
from drip.authoring.read_project import ProjectDraft, draft_project
from drip.authoring.source import MAX_CHARACTERS, text_faults
from drip.core.model import Mailbox, ProjectDefinition
from drip.core.problems import Problem

Check = Callable[[Desk], Iterator[Problem]]

# What can be said of a post alone, without its project.
_POST_CHECKS: tuple[Check, ...] = (
    check_posts.check_lengths,
    check_posts.check_markup,
    check_links.check_links,
    check_subjects.check_shapes,
    check_subjects.check_breaks,
    check_subjects.check_previews,
    check_wording.check_placeholders,
    check_wording.check_attachments,
    check_wording.check_years,
    check_wording.check_headings,
    check_blocks.check_blocks,
    check_layouts.check_pictures_in_html,
    check_layouts.check_elements,
)

CHECKS: tuple[Check, ...] = (
    check_plot.check_sessions_are_known,
    check_plot.check_reminders_come_in_time,
    check_plot.check_order_of_steps,
    check_plot.check_ends_of_sequences,
    check_plot.check_goals_can_be_reached,
    check_plot.check_clashes,
    check_plot.check_renames,
    check_plot.check_renamed_names,
    check_plot.check_moments,
    check_plot.check_last_sessions_exist,
    check_plot.check_posts_and_plot_meet,
    check_reach.check_conditions,
    check_reach.check_steps_can_run,
    check_reach.check_last_session,
    check_stories.check_stories,
    *_POST_CHECKS,
    check_enclosures.check_images,
    check_enclosures.check_attached_files,
    check_posts.check_layouts,
    check_layouts.check_what_every_mail_needs,
    check_layouts.check_frames,
    check_templates,
    check_styles.check_inlined_styles,
    check_styles.check_head_styles,
    check_styles.check_supported_styles,
    check_styles.check_contrast,
)
"""All but the check of finished mails, which needs to know what these found."""

_OWN_POST = re.compile(r"templates/mails/[^/]+\.md")
_TEMPLATE = re.compile(r"templates/.+\.(?:html|txt|css)")


def check(files: Mapping[str, str], *, now: datetime, is_strict: bool = False) -> list[Problem]:
    """Every problem in these files, in the order of their places, drip.yaml first.

    `is_strict` also tells what mail programs support only in part.
    """
    desk = read_desk(files, now, is_strict=is_strict)
    found = [*desk.project.problems]
    for campaign in desk.campaigns:
        found += campaign.problems
    for post in desk.own_posts:
        found += post.problems
    found += _templates(files)
    for each in CHECKS:
        found += each(desk)
    found += check_mails(desk, found)
    return _in_order(without_doubles(found))


def read_desk(files: Mapping[str, str], now: datetime, *, is_strict: bool = False) -> Desk:
    """Everything that can be read of these files."""
    project = draft_project(files)
    return Desk(
        files,
        now,
        project,
        tuple(draft_campaign(files, name, project) for name in campaign_names(files)),
        tuple(draft_post(files, path) for path in sorted(files) if _OWN_POST.fullmatch(path)),
        is_strict,
    )


def check_post(files: Mapping[str, str], path: str, *, now: datetime, is_strict: bool = False) -> list[Problem]:
    """The problems of one post outside any project, where nothing is known of lists, fields and webinars."""
    desk = lone_desk(files, path, now, is_strict=is_strict)
    found = [*desk.own_posts[0].problems]
    for each in _POST_CHECKS:
        found += each(desk)
    return _in_order(found)


def lone_desk(files: Mapping[str, str], path: str, now: datetime, *, is_strict: bool = False) -> Desk:
    """One post, and nothing else."""
    blank = ProjectDefinition("", "", "", Mailbox("", ""), "", "UTC")
    project = ProjectDraft(blank, None, None)
    return Desk({path: files[path]}, now, project, own_posts=(draft_post(files, path),), is_strict=is_strict)


def _templates(files: Mapping[str, str]) -> Iterator[Problem]:
    """Damaged text in layouts and styles; what they mean is judged where they are compiled."""
    for path in files:
        if _TEMPLATE.fullmatch(path) and len(files[path]) <= MAX_CHARACTERS:
            yield from text_faults(files[path], path)


def _in_order(problems: list[Problem]) -> list[Problem]:
    """Each problem once, by file, line and column; drip.yaml first, since much hangs on it."""
    once = dict.fromkeys(problems)
    return sorted(once, key=lambda each: (each.place.path != "drip.yaml", each.place, each.name))
