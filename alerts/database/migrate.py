"""Bring the schema of an alert database to the present revision, with Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, column, inspect, select, table

from alerts.errors import SchemaError

from .schema import REVISION, meta

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent / "migrations"

MIGRATION_WAIT_MS = 600_000
"""A process that starts waits this long for another one that migrates."""

ADOPTED = "1"
"""Schema number that version 0.1.0 recorded in `meta`; such a database is adopted."""


def migrate(engine: Engine) -> None:
    """Run the missing migrations in one transaction; one process migrates, others wait for it.

    A database at the present revision is only read. Raises SchemaError when this program cannot migrate the database.
    """
    with engine.execution_options(writes=False).connect() as connection:
        if current_revision(connection) == REVISION:
            return
    from alembic import command  # noqa: PLC0415 - a start without a migration does not pay for the import

    with engine.execution_options(lock_wait_ms=MIGRATION_WAIT_MS).begin() as connection:
        _check(connection)
        configuration = alembic_config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
    engine.dispose()  # the pooled connection still has the long lock wait


def current_revision(connection: Connection) -> str | None:
    """Return the revision that the database records; None without one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(table("alembic_version", column("version_num")).c.version_num))


def alembic_config() -> Config:
    """Return Alembic's configuration for the packaged migrations."""
    from alembic.config import Config  # noqa: PLC0415 - as above

    configuration = Config()
    configuration.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return configuration


def _check(connection: Connection) -> None:
    """Raise SchemaError for a revision or a schema number that this program does not support."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    revision = current_revision(connection)
    known = sorted(script.revision for script in ScriptDirectory(str(FOLDER)).walk_revisions())
    if revision is not None and revision not in known:
        raise SchemaError(
            f"the database has schema revision {revision!r} of a newer version; supported: {', '.join(known)}"
        )
    if revision is None and inspect(connection).has_table("meta"):
        number = connection.scalar(select(meta.c.value).where(meta.c.key == "schema"))
        if number not in {None, ADOPTED}:
            raise SchemaError(f"the database has schema number {number!r} without a revision; supported: {ADOPTED}")
