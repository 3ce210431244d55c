"""Detection of a server that does not answer: its sessions are ended, so that no call waits for it."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from twinward.errors import LogUnavailable

SILENT_S = 3.0
"""Time of a call after which the server counts as silent."""
LOOK_S = 0.25


class Watched(Protocol):
    """A session on the server."""

    def end(self) -> None:
        """End the connection from another thread: its present call raises."""
        ...


class Pulse:
    """Watches the calls of one thread to a server (`calling`), and ends all sessions when one does not return.

    A machine that hangs, or a network that drops packets, keeps a connection open: without this, each call waits until
    the operating system gives up. Thread-safe.
    """

    def __init__(
        self, server: str, *, silent_s: float = SILENT_S, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """server: name in errors; silent_s: longest call."""
        self.silent = False
        self.ends: list[Callable[[], object]] = []
        """Called when the server becomes silent, to end connections of other parts."""
        self._server, self._silent_s, self._monotonic = server, silent_s, monotonic
        self._sessions: weakref.WeakSet[Watched] = weakref.WeakSet()
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._since_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="log-pulse", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def check(self) -> None:
        """Raise LogUnavailable while the server is silent."""
        if self.silent:
            raise LogUnavailable(self._server, f"the server has not answered for {self._silent_s:g} s")

    def watch(self, session: Watched) -> None:
        """End the session when the server becomes silent."""
        with self._lock:
            self._sessions.add(session)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Watch a call; its success ends the silence."""
        self._since_s = self._monotonic()
        try:
            yield
            self.silent = False
        finally:
            self._since_s = None

    def look(self) -> None:
        """End all sessions if the present call is too long."""
        since_s = self._since_s
        if since_s is None or self._monotonic() - since_s < self._silent_s:
            return
        self.silent = True
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.end()
        for end in self.ends:
            end()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            self.look()
