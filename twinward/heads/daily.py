"""Signs the heads once a day (UTC) and copies them to a second folder."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from twinward.errors import InputError

FOLDER = "heads"
FIRST_S, EVERY_S = 2.0, 60.0
"""The first turn comes after the start of the service, whose time it does not use."""


class DailyHeads:
    """Thread with one file of signed heads for each day: `heads/2026-11-29.json` in the data folder."""

    def __init__(
        self,
        folder: Path,
        tip: Callable[[], tuple[int, str]],
        clock: Callable[[], int],
        *,
        copies: Path | None,
        logs: Callable[[], Mapping[str, tuple[int, str]]] = dict,
    ) -> None:
        """tip: returns the head of the journal; copies: second folder, None for none. A failure is retried.

        logs: returns the heads of logs on a server.
        """
        self._logs = logs
        self._folder, self._tip, self._clock, self._copies = folder, tip, clock, copies
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heads", daemon=True)
        self._log = structlog.get_logger(part="heads")
        self.last_error = ""

    def start(self) -> None:
        """Start the thread; the first file follows after FIRST_S where the day has none."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; a file is complete or absent."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def turn(self) -> None:
        """Write today's file unless it exists, then copy the files that the second folder lacks."""
        from .record import heads_now, write_heads  # noqa: PLC0415 - the start does not load the library of the key

        now_ns = self._clock()
        path = self._folder / FOLDER / f"{datetime.fromtimestamp(now_ns / 1e9, UTC):%Y-%m-%d}.json"
        if not path.exists():
            write_heads(self._folder, heads_now(self._folder, self._tip(), now_ns, logs=self._logs()), path)
        if self._copies is not None:
            _copy_missing(path.parent, self._copies)

    def _run(self) -> None:
        wait_s = FIRST_S
        while not self._stopping.wait(wait_s):
            wait_s = EVERY_S
            try:
                self.turn()
                self.last_error = ""
            except (OSError, sqlite3.Error, SQLAlchemyError, InputError) as error:
                if str(error) != self.last_error:
                    self._log.warning("the heads of the day are not signed or copied; retried", error=str(error))
                self.last_error = str(error)


def _copy_missing(source: Path, target: Path) -> None:
    """Copy the files under a temporary name first: a reader of the other machine never sees a part."""
    target.mkdir(parents=True, exist_ok=True)
    present = {path.name for path in target.iterdir()}
    for path in sorted(source.glob("*.json")):
        if path.name not in present:
            fresh = target / f".{path.name}.part"
            shutil.copyfile(path, fresh)
            fresh.replace(target / path.name)
