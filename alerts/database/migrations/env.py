"""Alembic environment: migrate on the caller's connection, or on the URL of `-x url=URL`.

The service passes its connection (`alerts.database.migrate`). Developers run the `alembic` command, which reads
`[tool.alembic]` of pyproject.toml: `alembic -x url=sqlite:///alerts.sqlite revision --autogenerate -m TEXT`.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from alerts.database.engine import create
from alerts.database.schema import metadata


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def _run_on_url() -> None:
    engine = create(context.get_x_argument(as_dictionary=True)["url"])
    with engine.begin() as connection:
        _run(connection)
    engine.dispose()


passed = context.config.attributes.get("connection")
if passed is None:
    _run_on_url()
else:
    _run(passed)
