"""Problems of drip tests, for the catalogue (`drip.authoring.problems_catalogue`). Data only."""

from __future__ import annotations

from drip.authoring.explanation import Explanation
from drip.core.problems import Rank

STORY_PROBLEMS = (
    Explanation(
        "unknown-sequence",
        Rank.ERROR,
        "Under `ends:` a drip test says how each sequence stands with a person when nothing more can happen. The "
        "campaign has no sequence of this name.",
        "ends:\n  invite: goal",
    ),
    Explanation(
        "story-goes-back",
        Rank.ERROR,
        "The lines of a drip test are in the order of their moments. A weekday or a clock is the next one after the "
        "line above, so only a date can go back.",
        "does:\n  - 2026-11-19 10:00 joins job-seekers\n  - Tue 9:42 registers for tuesday-noon",
    ),
)
