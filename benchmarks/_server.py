"""A PostgreSQL server for benchmarks: as the tests start one, but on the disk and as durable as drip asks for."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from unittest import mock

from tests import conftest
from tests.conftest import PostgresServer, postgres_folder


class DurableServer(PostgresServer):
    """Every commit waits for the disk."""

    durability: ClassVar[dict[str, str]] = {"fsync": "on", "shared_buffers": "128MB"}


@contextlib.contextmanager
def durable_server() -> Iterator[DurableServer]:
    """The server, until the end. Raises RuntimeError where PostgreSQL is not installed."""
    binaries = postgres_folder()
    if binaries is None:
        raise RuntimeError("no PostgreSQL found (Debian: `postgresql`)")
    with mock.patch.object(conftest, "scratch", return_value=Path(tempfile.gettempdir())):
        server = DurableServer(binaries)
    try:
        yield server
    finally:
        server.stop()
