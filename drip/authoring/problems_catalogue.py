"""The catalogue of problems: every name that `drip check` can print, with its rank, its reason and a mended example.

The one place where a problem gets its rank. The entries are in the `catalogue_…` modules; docs/problems.md
is made from them and from tests/problems/. Called wherever a Problem is made, and by `drip explain NAME`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drip.authoring.catalogue_files import FILE_PROBLEMS
from drip.authoring.catalogue_layouts import LAYOUT_PROBLEMS
from drip.authoring.catalogue_plot import PLOT_PROBLEMS
from drip.authoring.catalogue_posts import POST_PROBLEMS
from drip.authoring.catalogue_stories import STORY_PROBLEMS
from drip.authoring.catalogue_wording import WORDING_PROBLEMS
from drip.authoring.explanation import Explanation
from drip.core.problems import Place, Problem

PROBLEMS: Mapping[str, Explanation] = MappingProxyType(
    {
        each.name: each
        for each in (
            *FILE_PROBLEMS,
            *PLOT_PROBLEMS,
            *STORY_PROBLEMS,
            *POST_PROBLEMS,
            *WORDING_PROBLEMS,
            *LAYOUT_PROBLEMS,
        )
    }
)


def problem(name: str, message: str, place: Place, advice: str = "") -> Problem:
    """A problem of a name in the catalogue, with the rank that it has there."""
    return Problem(name, message, place, advice, PROBLEMS[name].rank)
