"""Exclusive locks on a data folder, one per role, so that two processes never do the same work on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from twinward.errors import RoleTaken

ROLES = ("ingest", "detect", "alert")
"""Roles of a process of the service; `all` is every one of them."""


class RoleLocks:
    """Locks held until `close` or the end of the process, also by a kill: the kernel releases them.

    Each lock is a file `<role>.lock` in the folder with the process id of its holder.
    """

    def __init__(self, folder: Path, roles: Iterable[str]) -> None:
        """Take the lock of each role; creates the folder.

        Raises RoleTaken if another process holds one of them; this process then holds none. Raises OSError.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._files: list[int] = []
        try:
            for role in roles:
                self._files.append(_lock(folder, role))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release every lock."""
        while self._files:
            os.close(self._files.pop())


def roles_of(role: str) -> tuple[str, ...]:
    """Return the roles of a process.

    >>> roles_of("detect"), roles_of("all")
    (('detect',), ('ingest', 'detect', 'alert'))
    """
    return ROLES if role == "all" else (role,)


def holder(folder: Path, role: str) -> int | None:
    """Return the process id of the holder of a role; 0 if it is not recorded, None if no process holds it."""
    try:
        file = os.open(folder / f"{role}.lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _recorded(file)
    else:
        return None
    finally:
        os.close(file)


def _lock(folder: Path, role: str) -> int:
    file = os.open(folder / f"{role}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = _recorded(file)
        os.close(file)
        raise RoleTaken(folder, role, pid) from error
    with contextlib.suppress(OSError):  # a full disk: the lock holds without the number
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
    return file


def _recorded(file: int) -> int:
    text = os.pread(file, 20, 0)
    return int(text) if text.isdigit() else 0
