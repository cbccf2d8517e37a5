"""Loads the libraries of the extra `import`, each at its first use, and says how to get one that is missing.

Whoever never imports a blog need not install them. Called by the one module that each of them stands behind.
"""

from __future__ import annotations

import importlib
from typing import Any

from drip.errors import MissingLibrary


def load(name: str) -> Any:
    """The module of that name. Raises MissingLibrary."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingLibrary(f"to read this, drip needs `{name}`") from None
