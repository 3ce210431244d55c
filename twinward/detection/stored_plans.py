"""Plans of the database, read before the database opens: detection needs places and calendar first."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

from alerts.cameras.camera_file import unknown_sites
from alerts.plans.plan import Plan, adopt, decode
from detectors import Calendar
from twinward.data_folder.files import DATABASE
from twinward.errors import ConfigError
from twinward.settings import Settings
from twinward.tables import Tables, read_tables


def tables_of(settings: Settings) -> Tables:
    """Return the tables of the settings; plans that people edited on screen replace those of the campus file.

    Raises ConfigError with all errors.
    """
    tables, plans = read_tables(settings), stored_plans(settings)
    for plan in plans or ():
        adopt(tables.registry, plan)
    faults = unknown_sites(tables.cameras, tables.registry)
    if faults and plans is not None:  # without the plans, sites are unknown: readings must still arrive
        raise ConfigError([f"{settings.cameras}: {fault}" for fault in faults])
    return replace(tables, calendar=Calendar.from_table(tables.registry.calendar))


def stored_plans(settings: Settings) -> list[Plan] | None:
    """Return the plans; none from a new database. None for an unreadable one, which is reported when it opens."""
    query = "SELECT content FROM plans ORDER BY site"
    path = settings.data_dir / DATABASE
    if not settings.database and not path.exists():
        return []
    if settings.database:
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        from alerts.database.engine import create  # with limits: an absent server delays no start for minutes

        engine = create(settings.database)
        try:
            with engine.execution_options(writes=False).connect() as connection:
                return [decode(row[0]) for row in connection.execute(text(query))]
        except SQLAlchemyError:
            return None
        finally:
            engine.dispose()
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return [decode(row[0]) for row in connection.execute(query)]
    except sqlite3.Error:
        return None
