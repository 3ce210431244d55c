"""Cost of requests: statements, and CPU time of this process and of a PostgreSQL server beside it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

_TICKS = os.sysconf("SC_CLK_TCK")
_PARENT, _OWN, _CHILDREN = 1, (11, 12), (13, 14)
"""Fields of /proc/PID/stat behind the name of the command."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Sums up to a moment. database_s: 0 without a PostgreSQL server on this machine."""

    statements: int
    service_s: float
    database_s: float

    def until(self, later: Spent, repeats: int) -> dict[str, float]:
        """Return the mean of each repeat between two moments."""
        statements = (later.statements - self.statements) / repeats
        cpu_ms = (later.service_s - self.service_s) * 1e3 / repeats
        database_ms = (later.database_s - self.database_s) * 1e3 / repeats
        return {"cpu_ms": round(cpu_ms, 1), "db_cpu_ms": round(database_ms, 1), "statements": round(statements, 1)}


class Cost:
    """Counts from its creation. The server's time is that of the backends, and of workers that have ended."""

    def __init__(self, engine: Engine) -> None:
        self._statements = 0
        self._backends: set[int] = set()
        event.listen(engine, "before_cursor_execute", self._count)
        event.listen(engine, "checkout", self._note)

    def now(self) -> Spent:
        """Return the sums so far."""
        servers = {int(_fields(backend)[_PARENT]) for backend in self._backends}
        ticks = sum(_sum(pid, _OWN) for pid in self._backends) + sum(_sum(pid, _CHILDREN) for pid in servers)
        return Spent(self._statements, time.process_time(), ticks / _TICKS)

    def _count(self, *_: Any) -> None:
        self._statements += 1

    def _note(self, driver: Any, *_: object) -> None:
        """Keep the backend of a connection if its process runs here."""
        pid = getattr(getattr(driver, "info", None), "backend_pid", 0)
        with suppress(OSError):
            if pid and "postgres" in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8"):
                self._backends.add(pid)


def _sum(pid: int, places: tuple[int, ...]) -> int:
    return sum(int(_fields(pid)[place]) for place in places)


def _fields(pid: int) -> list[str]:
    """Return the fields of a process; zeros after its end."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return ["0"] * 20
