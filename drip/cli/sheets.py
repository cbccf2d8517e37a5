"""CSV as an answer: rows for a spreadsheet, in which nothing that a subscriber typed is ever a formula.

Only makes text. Called by the commands that export.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a cell begins with that a spreadsheet takes for a formula, or for the end of the cell before."""


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would calculate this instead of showing it."""
    return cell.lstrip(" \u00a0").startswith(FORMULAS) or cell.startswith(FORMULAS)


def safe_cell(cell: str) -> str:
    """The text as a spreadsheet shows it: an apostrophe before what it would calculate, and no NUL."""
    cell = cell.replace("\0", "")
    return f"'{cell}" if is_formula(cell) else cell


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A CSV file (RFC 4180) with a row of headings."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(headings)
    writer.writerows([safe_cell(each) for each in row] for row in rows)
    return buffer.getvalue()
