"""One holding of a webinar, as data. Named once more in `drip.core.model`; what readers hold in it is in `records`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Session:
    """One scheduled holding of a webinar: UTC start and end, with the wall clock and zone the author meant.

    A `cancelled` one stays in the file, so that those who had a seat can be told of it. A `recorded` one is that of an
    evergreen webinar, and every page and mail says so.
    """

    name: str
    starts: datetime
    ends: datetime
    wall: str
    zone: str
    cancelled: bool = False
    recorded: bool = False
