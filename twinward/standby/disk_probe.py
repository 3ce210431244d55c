"""Whether the log can be written, for a process that does not write it: by trying the disk, and by the log's growth.

Where the roles run in processes of their own, only the ingesting one sees its log refuse a batch. The alerting one
finds the same out for itself: the disk of the data folder takes no file, and the log has not grown meanwhile.
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
"""More than what a nearly full disk has left over between two of the log's pages."""


class DiskProbe:
    """A `lookout.Source` without messages: those that the log's session holds are in another process."""

    def __init__(
        self, folder: Path, head: Callable[[], int], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """folder: where the log is; head: its last position."""
        self._path, self._head, self._monotonic = folder / f".probe-{os.getpid()}", head, monotonic
        self._tried_s = -EVERY_S
        self._seen, self._grew_s = -1, 0.0
        self._refused: Failing | None = None

    def failing(self) -> Failing | None:
        """Since when the disk takes nothing; asks it twice a second."""
        now_s = self._monotonic()
        if now_s - self._tried_s >= EVERY_S:
            self._tried_s = now_s
            self._try(now_s)
        still = now_s - self._grew_s >= STILL_S
        return self._refused if still else None

    def unstored(self) -> list[Chunk]:
        """Nothing that this process knows of."""
        return []

    def delay_s(self) -> float:
        """Not known in this process."""
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
