"""Rate limit of failed sign-ins, by account and by address."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from alerts.errors import AlertError

FAILURES_A_MINUTE = 5
KEYS_MAX = 10_000
_LIMIT = RateLimitItemPerMinute(FAILURES_A_MINUTE)


class TooManyFailures(AlertError):  # noqa: N818 - names the state
    """Too many failed sign-ins of one account or address. wait_s: seconds until the next attempt."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many failed sign-ins; try again in {wait_s} s")
        self.wait_s = wait_s


class SignInLimiter:
    """Allows FAILURES_A_MINUTE failed sign-ins a minute for each account and each address, in a moving window.

    Attempts run one after the other, so concurrent attempts cannot exceed the limit. This also bounds the memory of the
    password hash, 64 MiB for each attempt. Methods may be called from several threads.
    """

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._lock = threading.Lock()

    def attempt(self, username: str, address: str, verify: Callable[[], bool]) -> bool:
        """Return whether `verify` succeeds; blocks for its duration. Raises TooManyFailures without calling it."""
        keys = (f"account {username[:64]}", f"address {address}")
        self._check(keys)
        with self._lock:
            self._check(keys)
            if verify():
                return True
            if len(self._storage.events) > KEYS_MAX:  # the library keeps a key without events
                self._storage.reset()
            for key in keys:
                self._limiter.hit(_LIMIT, key)
            return False

    def _check(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            if not self._limiter.test(_LIMIT, key):
                reset_s = self._limiter.get_window_stats(_LIMIT, key).reset_time
                raise TooManyFailures(max(1, int(reset_s - time.time()) + 1))
