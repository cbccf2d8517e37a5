"""Makes docs/problems.md from the catalogue and the folders of tests/problems: `python docs/make_problems.py`.

A test fails while the page is not what this makes. Run in the root of the repository.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "problems.md"
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from drip.authoring.catalogue_files import FILE_PROBLEMS  # noqa: E402 - found through the line above
from drip.authoring.catalogue_layouts import LAYOUT_PROBLEMS  # noqa: E402
from drip.authoring.catalogue_plot import PLOT_PROBLEMS  # noqa: E402
from drip.authoring.catalogue_posts import POST_PROBLEMS  # noqa: E402
from drip.authoring.catalogue_stories import STORY_PROBLEMS  # noqa: E402
from drip.authoring.catalogue_wording import WORDING_PROBLEMS  # noqa: E402
from drip.authoring.explanation import Explanation  # noqa: E402
from tests.problems.folders import EXPECTED, FOLDERS  # noqa: E402

INTRODUCTION = """\
<!-- Made by docs/make_problems.py from the catalogue and tests/problems/. Do not edit by hand. -->

# Problems

Everything that `drip check` can say about your files, by name. `drip explain NAME` tells the same on the command line.
An **error** keeps `drip apply` from making the files live; a **warning** does not, and a **note** is only good to know.
All problems of all files are reported at once.
"""

PARTS = (
    ("Files and drip.yaml", FILE_PROBLEMS),
    ("The plot, campaign.yaml", PLOT_PROBLEMS),
    ("Drip tests, tests/*.yaml", STORY_PROBLEMS),
    ("Posts", POST_PROBLEMS),
    ("The words of posts", WORDING_PROBLEMS),
    ("Layouts, styles and finished mails", LAYOUT_PROBLEMS),
)


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for title, explanations in PARTS:
        parts.append(f"\n## {title}\n\n")
        parts += [f"- [`{each.name}`](#{each.name}): {each.rank.value}\n" for each in explanations]
        parts += [_section(each) for each in explanations]
    return "".join(parts)


def _section(explanation: Explanation) -> str:
    """One problem: why it matters, how it is shown, how it looks when mended."""
    return (
        f"\n### {explanation.name}\n\n"
        f"*{explanation.rank.value}* · {explanation.text}\n\n"
        f"{_fenced(shown(explanation.name), 'text')}\n\n"
        f"Mended:\n\n{_fenced(explanation.mended, 'text')}\n"
    )


def _fenced(text: str, language: str) -> str:
    """A block of code, whatever backticks are in it."""
    fence = "````" if "```" in text else "```"
    return f"{fence}{language}\n{text}\n{fence}"


def shown(name: str) -> str:
    """The first problem of that name as its folder shows it."""
    blocks = (FOLDERS / name / EXPECTED).read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    return next(block for block in blocks if f"[{name}]:" in block.partition("\n")[0])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
