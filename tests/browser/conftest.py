"""The fixtures of the browser tests; pytest finds them here."""

from tests.desks import browser, desk, meeting, store

__all__ = ["browser", "desk", "meeting", "store"]
