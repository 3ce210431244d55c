"""Pause of the store's checkpoints, so that another process can copy the file of the running service.

Between two checkpoints DuckDB changes no block that the last one refers to. The file alone, without its write-ahead
log, is therefore the state of the last checkpoint, with its cursor; the log has the readings after it. A backup
requests the pause by a lock on a file of the data folder, which the kernel releases with the process, also after a
kill.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from ingest import StoreError

log = logging.getLogger(__name__)

EntryT = TypeVar("EntryT")
EntryT_contra = TypeVar("EntryT_contra", contravariant=True)

REQUEST = "checkpoints.pause"
"""Name of the request; the service writes its answer into it."""
PAUSE_S_MAX = 3_600.0
"""Longest pause: the write-ahead log grows meanwhile."""
ANSWER_S_MAX = 60.0
_POLL_S = 0.05


class Paused(NamedTuple):
    """State of the store in its file. cursor: last telemetry position; readings: number of raw readings."""

    cursor: int
    readings: int


@runtime_checkable
class CheckpointedStore(Protocol):
    """A store in one file with checkpoints."""

    def pause_checkpoints(self) -> tuple[int, int]:
        """Write the whole state into the file and stop further checkpoints; return cursor and number of readings."""
        ...

    def resume_checkpoints(self) -> None:
        """Checkpoint by size again."""
        ...


class Stage(Protocol[EntryT_contra]):
    """The stage that writes the store (see `twinward.pump.Stage`)."""

    name: str

    def recover(self) -> int:
        """Return the cursor."""
        ...

    def process(self, entries: Sequence[EntryT_contra]) -> None:
        """Process the entries."""
        ...

    def idle(self) -> None:
        """Run periodic work."""
        ...


class PausingStage(Generic[EntryT]):
    """The store stage with the answer to requests for a pause, after each turn."""

    def __init__(
        self,
        stage: Stage[EntryT],
        store: CheckpointedStore,
        folder: Path,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """folder: the data folder. monotonic: seconds, for the longest pause."""
        self.name = stage.name
        self._stage, self._store, self._path, self._monotonic = stage, store, folder / REQUEST, monotonic
        self._since_s: float | None = None
        self._request = 0

    def recover(self) -> int:
        """Return the cursor of the store."""
        return self._stage.recover()

    def process(self, entries: Sequence[EntryT]) -> None:
        """Write the readings of all entries."""
        self._stage.process(entries)

    def idle(self) -> None:
        """Run the stage's periodic work, then start or end a pause. Outside a backup this costs one `stat`."""
        self._stage.idle()
        request = self._requested()
        if self._since_s is None:
            if request and request != self._request:
                self._pause(request)
        elif request != self._request or self._monotonic() - self._since_s > PAUSE_S_MAX:
            self._since_s = None
            self._store.resume_checkpoints()

    def _pause(self, request: int) -> None:
        self._request = request  # a failed pause is not repeated: the backup times out, and the stage works on
        try:
            answer = Paused(*self._store.pause_checkpoints())
        except StoreError as error:
            log.warning("no pause of checkpoints for a backup: %s", error)
            return
        self._since_s = self._monotonic()
        with contextlib.suppress(OSError):  # without the answer the backup times out
            self._path.write_text(json.dumps(answer), encoding="utf-8")

    def _requested(self) -> int:
        """Return the identity of a request whose process runs; 0 without one."""
        try:
            file = os.open(self._path, os.O_RDONLY)
        except OSError:
            return 0
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.fstat(file).st_ino
        finally:
            os.close(file)
        self._path.unlink(missing_ok=True)  # left by a killed backup
        return 0


@contextlib.contextmanager
def paused(folder: Path, *, alive: Callable[[], bool]) -> Iterator[Paused | None]:
    """Request a pause from the service for the time of the block; yield None if no service answers.

    alive: whether a process has the store open. Blocks up to ANSWER_S_MAX. Raises OSError.
    """
    path = folder / REQUEST
    fresh = path.with_suffix(f".{os.getpid()}")
    file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fresh.replace(path)
        yield _answer(file, alive)
    finally:
        fresh.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        os.close(file)


def _answer(file: int, alive: Callable[[], bool]) -> Paused | None:
    end_s = time.monotonic() + ANSWER_S_MAX
    while alive() and time.monotonic() < end_s:
        with contextlib.suppress(ValueError):
            return Paused(*json.loads(os.pread(file, 256, 0)))
        time.sleep(_POLL_S)
    return None
