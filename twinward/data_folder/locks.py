"""Exclusive locks on a data folder, one per role, with heartbeats of their holders.

The locks are files, not rows of a log, because they also work on a full disk and beside a locked log.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from twinward.errors import RoleTaken

ROLES = ("ingest", "detect", "alert")
"""Roles of a process of the service; `all` is every one of them."""
TEXT_BYTES = 256


class Holder(NamedTuple):
    """Process that holds a role.

    pid: 0 if unknown. age_s: time since its last heartbeat, by the wall clock. failing: its parts that do not work.
    """

    pid: int
    age_s: float
    failing: tuple[str, ...]


class RoleLocks:
    """Locks held until `close` or the end of the process, also by a kill: the kernel releases them.

    Each lock is a file `<role>.lock` in the folder, with the process id of its holder and the names of the holder's
    parts that do not work. Its modification time is the last heartbeat.
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
        self.beat()

    def beat(self, failing: Iterable[str] = ()) -> None:
        """Report that the process runs; failing: its parts that do not work. A full disk keeps the former parts."""
        text = " ".join((str(os.getpid()), *sorted(failing))).encode()[:TEXT_BYTES].ljust(TEXT_BYTES)
        for file in self._files:
            if os.pread(file, TEXT_BYTES, 0) != text:
                with contextlib.suppress(OSError):
                    os.pwrite(file, text, 0)
            with contextlib.suppress(OSError):
                os.utime(file)

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


def holder(folder: Path, role: str) -> Holder | None:
    """Return the process that holds a role; None if none does. Raises OSError."""
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


def check_free(folder: Path, roles: Iterable[str]) -> None:
    """Raise RoleTaken if another process holds one of the roles; creates nothing. Raises OSError."""
    for role in roles:
        held = holder(folder, role)
        if held is not None:
            raise RoleTaken(folder, role, held.pid)


def _lock(folder: Path, role: str) -> int:
    file = os.open(folder / f"{role}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = _recorded(file).pid
        os.close(file)
        raise RoleTaken(folder, role, pid) from error
    return file


def _recorded(file: int) -> Holder:
    pid, *failing = os.pread(file, TEXT_BYTES, 0).decode(errors="replace").split() or ["0"]
    age_s = max(0.0, time.time() - os.fstat(file).st_mtime)
    return Holder(int(pid) if pid.isdigit() else 0, age_s, tuple(failing))
