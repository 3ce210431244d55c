"""Growth of a log: readers block until a writer wakes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Growth:
    """Wakes waiting readers. Methods may be called from several threads."""

    def __init__(self, poll_s: float | None = None) -> None:
        """poll_s: interval of looks until the first wake-up: another process may be the writer; None: no looks."""
        self._grown, self._count, self._poll_s = threading.Condition(), 0, poll_s

    def wake(self) -> None:
        """Wake the readers after an append, or a change by another process."""
        with self._grown:
            self._count += 1
            self._grown.notify_all()

    def wait(self, reached: Callable[[], bool], timeout_s: float) -> bool:
        """Block until `reached` returns true (True), or until the timeout (False).

        It is called without the lock: readers do not wait for each other.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            count = self._count
            if reached():
                return True
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            poll_s = None if count else self._poll_s
            with self._grown:
                woken = self._count != count or self._grown.wait(left_s if poll_s is None else min(left_s, poll_s))
            if not woken and poll_s is None:
                return False
