"""Storage faults in words for people: disk full, file busy, I/O error, read-only, not writable."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection


@dataclass(frozen=True, slots=True)
class StorageFault:
    """One cause. code: disk_full, file_busy, io_error, read_only or not_writable."""

    code: str
    zh: str
    en: str


DISK_FULL = StorageFault("disk_full", "磁盘已满", "the disk is full")
FILE_BUSY = StorageFault("file_busy", "数据文件被占用", "the file is busy")
IO_ERROR = StorageFault("io_error", "磁盘读写出错", "the disk reports an I/O error")
READ_ONLY = StorageFault("read_only", "磁盘只读", "the disk is read-only")
NOT_WRITABLE = StorageFault("not_writable", "数据库无法写入", "the database rejects writes")

UNWRITTEN = (OperationalError, InterfaceError, InternalError, NoConnection, sqlite3.OperationalError, OSError)
"""Errors of a write with an external cause. A later retry may succeed."""

NOT_STORED = (*UNWRITTEN, DatabaseError)
"""These and all others of the database: a damaged file raises a plain DatabaseError."""

_WORDS = (
    ("disk is full", DISK_FULL),
    ("no space left", DISK_FULL),
    ("quota", DISK_FULL),
    ("locked", FILE_BUSY),
    ("busy", FILE_BUSY),
    ("lock timeout", FILE_BUSY),  # PostgreSQL
    ("disk i/o error", IO_ERROR),
    ("input/output error", IO_ERROR),
    ("unable to open", IO_ERROR),
    ("readonly", READ_ONLY),
    ("read-only", READ_ONLY),
    ("recovery is in progress", READ_ONLY),  # PostgreSQL as a standby server
)
_NUMBERS = {errno.ENOSPC: DISK_FULL, errno.EDQUOT: DISK_FULL, errno.EIO: IO_ERROR, errno.EROFS: READ_ONLY}


def storage_fault(error: BaseException) -> StorageFault:
    """Return the cause of an error, from its text or the text of the errors that caused it."""
    for one in _causes(error):
        if isinstance(one, OSError) and one.errno in _NUMBERS:
            return _NUMBERS[one.errno]
        text = str(one).lower()
        for words, fault in _WORDS:
            if words in text:
                return fault
    return NOT_WRITABLE


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and the errors that caused it, eight at most."""
    one: BaseException | None = error
    for _ in range(8):
        if one is None:
            return
        yield one
        one = one.orig if isinstance(one, DBAPIError) and one.orig is not None else one.__cause__
