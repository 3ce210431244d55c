"""Clock of escalations: monotonic time that continues from its stored value after a restart."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, insert, select

from alerts.database.schema import meta

KEY = "escalation_clock"
BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return the id of this boot of the machine; a new one for each process where the system has none."""
    try:
        return BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return uuid.uuid4().hex


class EscalationClock:
    """Nanoseconds that pass while the machine runs, independent of steps of the wall clock.

    On the boot that stored it, the clock continues over a pause of the service. On another boot it continues from the
    stored value. Methods may be called from several threads.
    """

    def __init__(
        self, engine: Engine, *, monotonic_ns: Callable[[], int] = time.monotonic_ns, boot: str | None = None
    ) -> None:
        """monotonic_ns: monotonic clock that all processes of one boot share; boot: its id."""
        self._engine, self._monotonic_ns = engine, monotonic_ns
        self._boot = boot_id() if boot is None else boot
        self._lock = threading.Lock()
        self._base_ns: int | None = None

    def now_ns(self, connection: Connection | None = None) -> int:
        """Return the present value. The first call reads the stored one, within the connection if there is one."""
        with self._lock:
            if self._base_ns is None:
                self._base_ns = self._read(connection)
            return self._base_ns + self._monotonic_ns()

    def save(self, connection: Connection) -> None:
        """Store the present value in the caller's transaction."""
        now_ns = self.now_ns(connection)
        value = json.dumps({"boot": self._boot, "monotonic_ns": self._monotonic_ns(), "value_ns": now_ns})
        connection.execute(delete(meta).where(meta.c.key == KEY))
        connection.execute(insert(meta).values(key=KEY, value=value))

    def _read(self, connection: Connection | None) -> int:
        """Return the value at the zero of the monotonic clock."""
        query = select(meta.c.value).where(meta.c.key == KEY)
        if connection is not None:
            stored = connection.scalar(query)
        else:
            with self._engine.execution_options(writes=False).connect() as reading:
                stored = reading.scalar(query)
        if stored is None:
            return -self._monotonic_ns()
        known = json.loads(stored)
        before_ns = int(known["monotonic_ns"])
        same = known["boot"] == self._boot and before_ns <= self._monotonic_ns()
        return int(known["value_ns"]) - (before_ns if same else self._monotonic_ns())
