"""Causes of storage faults, from any library that reports them."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from alerts import StorageFault, storage_fault


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk_full"),
        (OSError(errno.EIO, "Input/output error"), "io_error"),
        (OSError(errno.EROFS, "Read-only file system"), "read_only"),
        (sqlite3.OperationalError("database or disk is full"), "disk_full"),
        (sqlite3.OperationalError("disk I/O error"), "io_error"),
        (sqlite3.OperationalError("database is locked"), "file_busy"),
        (OperationalError("INSERT", None, sqlite3.OperationalError("database or disk is full")), "disk_full"),
        (RuntimeError("OperationalError: database or disk is full"), "disk_full"),
        (ConnectionRefusedError("no"), "not_writable"),
    ],
)
def test_causes(error: Exception, code: str) -> None:
    """The cause comes from errno, SQLite's text, a SQLAlchemy error or a stage's error."""
    fault = storage_fault(error)
    assert isinstance(fault, StorageFault)
    assert (fault.code, bool(fault.zh), bool(fault.en)) == (code, True, True)


def test_a_database_that_is_really_full(tmp_path: Path) -> None:
    """SQLite's error, its SQLAlchemy wrapper and an error raised from it have the same cause."""
    engine = create_engine(f"sqlite:///{tmp_path / 'small.sqlite'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a)"))
        connection.execute(text("PRAGMA max_page_count = 4"))
        with pytest.raises(OperationalError) as caught:
            connection.execute(text("INSERT INTO t VALUES (zeroblob(1000000))"))
    assert storage_fault(caught.value).code == "disk_full"
    wrapped = RuntimeError("could not")
    wrapped.__cause__ = caught.value
    assert storage_fault(wrapped).code == "disk_full"
    engine.dispose()
