"""Keys of calls, passed on to the escalation; kept and retried while the database rejects writes."""

from __future__ import annotations

import threading
from collections import deque

from alerts.database.storage_faults import UNWRITTEN

from .contract import Answers

PAUSE_S = 1.0
KEPT_MAX = 1_000


class KeptKeys:
    """Passes keys on, each once. A restart loses keys that wait. Methods may be called from several threads."""

    def __init__(self, answers: Answers, *, pause_s: float = PAUSE_S) -> None:
        """pause_s: time between two retries."""
        self._answers, self._pause_s = answers, pause_s
        self._waiting: deque[tuple[str, str]] = deque(maxlen=KEPT_MAX)
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def pass_on(self, notice_id: str, key: str) -> None:
        """Pass a key on now, or as soon as the database accepts it."""
        try:
            self._answers.by_key(notice_id, key)
        except UNWRITTEN:
            with self._changed:
                self._waiting.append((notice_id, key))
                if self._thread is None and not self._stopped:
                    self._thread = threading.Thread(target=self._run, name="kept-keys", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """End the retries."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(self._pause_s)
                if self._stopped or not self._waiting:
                    self._thread = None
                    return
                first = self._waiting[0]
            try:
                self._answers.by_key(*first)
            except UNWRITTEN:
                continue
            with self._changed:
                self._waiting.remove(first)
