"""Brings an older database to our schema, forward only, through Alembic. Imported only for `drip db upgrade`:
Alembic is slow to load. Never called by itself; the author upgrades, after a backup.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from drip.store.schema import schema_version

FOLDER = Path(__file__).parent / "migrations"


def scripts() -> tuple[Config, ScriptDirectory]:
    """The folder of our migrations, as Alembic wants it."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config, ScriptDirectory.from_config(config)


def migrate(connection: Connection, to: str = "head") -> tuple[str, ...]:
    """Applies what is missing, within the caller's transaction: all of it or nothing. The names of what was applied."""
    config, folder = scripts()
    applied: list[str] = []

    def steps(revision: Any, context: MigrationContext) -> Any:
        return folder._upgrade_revs(to, revision)

    def note(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
        applied.append(f"{step.up_revision_id} {step.up_revision.doc}")

    with EnvironmentContext(config, folder, fn=steps, destination_rev=to) as environment:
        environment.configure(
            connection=connection,
            version_table=schema_version.name,
            transactional_ddl=True,
            render_as_batch=True,  # SQLite alters most things only by copying the table
            on_version_apply=note,
        )
        with environment.begin_transaction():
            environment.run_migrations()
    return tuple(applied)
