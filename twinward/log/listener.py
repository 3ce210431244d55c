"""Thread that receives the notifications of a log on a PostgreSQL server."""

from __future__ import annotations

import threading
from collections.abc import Callable

from psycopg import sql

from twinward.errors import LogUnavailable

from .pulse import Pulse
from .session import Session, named

TURN_S = 0.5
RETRY_FIRST_S, RETRY_S_MAX = 0.1, 2.0


class Listener:
    """Calls `wake` after each notification, and after each new connection: entries may have come before it."""

    def __init__(self, url: str, channel: str, wake: Callable[[], None], *, pulse: Pulse | None = None) -> None:
        """channel: name of the notifications; pulse: see `Session`."""
        self._url, self._channel, self._wake, self._pulse = url, channel, wake, pulse
        self._stopping, self._starting = threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; does nothing when it runs."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"listen-{self._channel}", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Stop the thread within TURN_S."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(10)

    def _run(self) -> None:
        wait_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            try:
                session = Session(self._url, pulse=self._pulse)
                try:
                    wait_s = RETRY_FIRST_S
                    self._listen(session)
                finally:
                    session.close()
            except LogUnavailable:  # the readers poll meanwhile and report the fault
                self._stopping.wait(wait_s)
                wait_s = min(wait_s * 2, RETRY_S_MAX)

    def _listen(self, session: Session) -> None:
        with named(self._url):
            session.connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            self._wake()
            while not self._stopping.is_set():
                for _ in session.connection.notifies(timeout=TURN_S, stop_after=1):
                    self._wake()
