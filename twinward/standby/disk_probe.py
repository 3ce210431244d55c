"""Detects a log without writes, in a process that does not write it: probe file and log growth.

With one process for each role, only the ingest process sees that its log rejects a batch. The alert process detects the
same from two signs: the disk of the data folder rejects a file, and the log has not grown meanwhile.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from ingest.mqtt import Chunk, Failing

EVERY_S = 0.5
STILL_S = 1.0
PROBE_BYTES = 16_384
"""More than the rest that a nearly full disk has between two pages of the log."""


class DiskProbe:
    """A `faults.Source` without messages: the durable session is in another process."""

    def __init__(
        self, folder: Path, head: Callable[[], int], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """folder: of the log; head: returns its last position."""
        self._path, self._head, self._monotonic = folder / f".probe-{os.getpid()}", head, monotonic
        self._tried_s = -EVERY_S
        self._seen, self._grew_s = -1, 0.0
        self._refused: Failing | None = None

    def failing(self) -> Failing | None:
        """Return the failure of the disk, probed twice a second; None while the log grows."""
        now_s = self._monotonic()
        if now_s - self._tried_s >= EVERY_S:
            self._tried_s = now_s
            self._try(now_s)
        still = now_s - self._grew_s >= STILL_S
        return self._refused if still else None

    def unstored(self) -> list[Chunk]:
        """Return no message."""
        return []

    def delay_s(self) -> float:
        """Return 0.0: unknown in this process."""
        return 0.0

    def unreachable_s(self) -> float:
        """Return 0.0: unknown in this process."""
        return 0.0

    def _try(self, now_s: float) -> None:
        try:
            with self._path.open("wb", buffering=0) as file:
                file.write(b"\0" * PROBE_BYTES)
        except OSError as error:
            since_s = now_s if self._refused is None else self._refused.since_s
            self._refused = Failing(since_s, error)
            self._note_growth(now_s)
        else:
            self._refused = None
        if self._path.is_file():
            self._path.unlink(missing_ok=True)

    def _note_growth(self, now_s: float) -> None:
        head = self._head()
        if head != self._seen:
            self._seen, self._grew_s = head, now_s
