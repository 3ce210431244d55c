"""Choose the chain of a log: one SQLite file, tables of PostgreSQL, or a stream of NATS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .chain import Chain
from .entries import EntryChain
from .jetstream.address import SCHEMES as NATS_SCHEMES
from .server import ServerLog
from .versions import Migration


def open_chain(
    place: Path | ServerLog,
    *,
    clock: Callable[[], int],
    schema: str = "",
    migrations: Sequence[Migration] = (),
    present: str = "",
    lanes: bool = False,
) -> EntryChain:
    """Open the chain of a log; creates its tables.

    schema, migrations, lanes: see `Chain`. present: tables of the newest version, `schema` if empty. Raises OSError,
    sqlite3.Error and LogVersionError.
    """
    if isinstance(place, Path):
        return Chain(place, clock=clock, schema=schema, migrations=migrations, lanes=lanes)
    if place.url.startswith(NATS_SCHEMES):
        from .jetstream.chain import JetStreamChain  # noqa: PLC0415 - loads the client of NATS

        return JetStreamChain(place, clock=clock, tables=present or schema)
    from .postgresql import PostgresqlChain  # noqa: PLC0415 - loads the client of the server

    return PostgresqlChain(place, clock=clock, tables=present or schema, lanes=lanes)
