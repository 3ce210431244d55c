"""Consistent copies of the files of a data folder, in the order of a backup.

A reader of a log is copied before the log, and the logs last. Every cursor of the copy then points inside the copied
log, and every message that the broker held, or a log had, at the start is in the copy.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, delete, func, insert, select

from alerts import open_database
from alerts.database.engine import create
from alerts.database.migrate import current_revision
from alerts.database.schema import REVISION, metadata
from twinward.data_folder.files import DETECTIONS, STORE, TELEMETRY
from twinward.errors import ArchiveError

LOGS = (DETECTIONS, TELEMETRY)
CONFIG, SCRATCH = "config", ".backup"
"""Folder of the settings and tables in a backup; folder of the copies while a backup is written."""
HEADER_BYTES = 12_288
"""Start of a DuckDB file: its main header and both database headers, one of which changes with each checkpoint."""
PAGES_AT_ONCE = 1_024
ROWS_AT_ONCE = 1_000

_SKIPPED_FOLDERS = frozenset((CONFIG, SCRATCH, "numba"))
_SKIPPED_ENDINGS = ("-wal", "-shm", "-journal", ".wal", ".lock", ".pause", ".log", ".new", ".tmp")
_ASIDE = ".aside-"
Report = Callable[[int], None]
"""Receives the number of further bytes that are copied."""


def files(folder: Path) -> list[str]:
    """Return the names of the files of a backup in order: broker and other files, databases, store, logs.

    Left out are write-ahead logs, locks, program logs, caches, and files that a repair or a killed program left. A file
    that this function does not recognise is in the backup.
    """
    names = []
    for root, folders, found in os.walk(folder):
        folders[:] = [name for name in folders if Path(root) != folder or name not in _SKIPPED_FOLDERS]
        for name in found:
            path = Path(root, name)
            skipped = name.endswith(_SKIPPED_ENDINGS) or _ASIDE in name
            if path.is_file() and not path.is_symlink() and not skipped:
                names.append(path.relative_to(folder).as_posix())
    return sorted(names, key=_rank)


def _rank(name: str) -> tuple[int, int, str]:
    """Return the sort key of a file: logs last, before them the store, before it the databases."""
    if name in LOGS:
        return 3, LOGS.index(name), name
    return (2 if name == STORE else 1 if is_database(name) else 0), 0, name


def is_database(name: str) -> bool:
    """Return whether the file is a SQLite database."""
    return name.endswith(".sqlite")


def copy_file(source: Path, target: Path) -> None:
    """Copy a small file that its writer replaces as a whole. Raises OSError."""
    shutil.copyfile(source, target)
    target.chmod(0o600)


def copy_sqlite(source: Path, target: Path, report: Report) -> None:
    """Copy a database that other processes write: one read transaction, so writers neither wait nor restart the copy.

    Raises sqlite3.Error.
    """
    _touch(target)
    with closing(sqlite3.connect(source, timeout=10, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the transaction begins here
        page_bytes = int(db.execute("PRAGMA page_size").fetchone()[0])
        left: list[int] = []

        def progress(_status: int, remaining: int, total: int) -> None:
            report(((left[-1] if left else total) - remaining) * page_bytes)
            left[:] = [remaining]

        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            db.backup(copy, pages=PAGES_AT_ONCE, progress=progress, sleep=0)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file; the log sets its own mode when it opens


def copy_server(url: str, target: Path) -> None:
    """Copy the alert database of a server into a new SQLite file, from one snapshot. Raises ArchiveError."""
    _touch(target)
    source, copy = create(url), open_database(f"sqlite:///{target}")
    try:
        _copy_rows(source, copy)
    finally:
        source.dispose()
        copy.dispose()
    with closing(sqlite3.connect(target, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")


def load_server(source: Path, url: str) -> dict[str, int]:
    """Copy a restored SQLite file into the empty alert database of a server; return the rows of each table."""
    database, copy = open_database(f"sqlite:///{source}"), open_database(url)
    try:
        with copy.execution_options(writes=False).connect() as connection:
            filled = [one.name for one in _data_tables() if connection.scalar(select(func.count()).select_from(one))]
        if filled:
            raise ArchiveError(f"the database has rows in {', '.join(filled)}; allowed: an empty database")
        return _copy_rows(database, copy)
    finally:
        database.dispose()
        copy.dispose()


def _copy_rows(source: Engine, target: Engine) -> dict[str, int]:
    """Replace all rows of the target by those of the source, in one transaction each."""
    counts: dict[str, int] = {}
    with source.execution_options(writes=False).connect() as reading, target.begin() as writing:
        if (revision := current_revision(reading)) != REVISION:
            raise ArchiveError(f"the alert database has schema revision {revision}; this release reads {REVISION}")
        for one in metadata.sorted_tables:
            writing.execute(delete(one))
        for one in metadata.sorted_tables:
            counts[one.name] = sum(_insert(writing, one, rows) for rows in _pages(reading, one))
    return counts


def _insert(writing: Connection, one: Table, rows: list[dict[str, object]]) -> int:
    writing.execute(insert(one), rows)
    return len(rows)


def _pages(reading: Connection, one: Table) -> Iterator[list[dict[str, object]]]:
    result = reading.execution_options(yield_per=ROWS_AT_ONCE).execute(select(one))
    for rows in result.mappings().partitions(ROWS_AT_ONCE):
        yield [dict(row) for row in rows]


def _data_tables() -> list[Table]:
    return [one for one in metadata.sorted_tables if one.name not in {"meta", "cursors"}]


def _touch(target: Path) -> None:
    target.touch(mode=0o600, exist_ok=False)


def store_header(path: Path) -> bytes:
    """Return the part of a DuckDB file that changes with every checkpoint."""
    with path.open("rb") as file:
        return file.read(HEADER_BYTES)


def first_entry(path: Path) -> int:
    """Return the first position that a copied log can serve: after the entries that retention deleted."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        row = db.execute("SELECT seq FROM anchor").fetchone()
    return (int(row[0]) if row else 0) + 1
