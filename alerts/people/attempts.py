"""Rate limit of failed sign-ins: by address, by account from it, and by known browser."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from alerts.errors import AlertError

FAILURES_A_MINUTE = 5
FAILURES_AN_HOUR = 30
"""Of one account from one address or browser, and of its one-time codes; an address may serve a whole school."""
KEYS_MAX = 10_000
WAITING_MAX = 16
"""Attempts of unknown browsers that wait for their turn; more would occupy the threads of all requests."""
BUSY_WAIT_S = 1
_MINUTE, _HOUR = RateLimitItemPerMinute(FAILURES_A_MINUTE), RateLimitItemPerHour(FAILURES_AN_HOUR)
_IPV6_PREFIX = 64
"""Bits of an IPv6 address that one customer cannot change."""

Limit = tuple[RateLimitItem, str]


class TooManyFailures(AlertError):  # noqa: N818 - names the state
    """Too many sign-ins of one address or browser. wait_s: seconds until the next attempt."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many failed sign-ins; try again in {wait_s} s")
        self.wait_s, self.zh = wait_s, f"登录失败次数过多，请 {wait_s} 秒后再试"


class SignInLimiter:
    """Allows FAILURES_A_MINUTE failures of each address, and FAILURES_AN_HOUR of each account from it.

    An account alone has no limit: strangers cannot lock a person out. A known browser of the account has its own limits
    in place of its address, and its own turn. Attempts of one kind run one after the other, so concurrent attempts
    cannot exceed the limit. This also bounds the memory of the password hash, 64 MiB for each attempt. Methods may be
    called from several threads.
    """

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._known, self._unknown = threading.Lock(), threading.Lock()
        self._waiting = threading.BoundedSemaphore(WAITING_MAX)

    def attempt(self, username: str, address: str, verify: Callable[[], bool], *, browser: str = "") -> bool:
        """Return whether `verify` succeeds; blocks for its duration. browser: id of a known browser of the account.

        Raises TooManyFailures without calling it.
        """
        origin = f"browser {browser}" if browser else f"address {network(address)}"
        both = f"{origin} account {username[:64]}"
        limits: tuple[Limit, ...] = ((_MINUTE, origin), (_HOUR, both))
        self._check(limits)
        with self._turn(known=bool(browser)):
            self._check(limits)
            if verify():
                return True
            if len(self._storage.events) > KEYS_MAX:  # the library keeps a key without events
                self._storage.reset()
            for item, key in limits:
                self._limiter.hit(item, key)
            return False

    def attempt_code(self, username: str, check: Callable[[], bool], *, browser: str = "") -> bool:
        """Return whether `check` accepts a one-time code that came with the right password.

        Wrong codes count by account, from any address: only a person with the password can cause them. A known browser
        is exempt. Raises TooManyFailures without calling it.
        """
        limits: tuple[Limit, ...] = () if browser else ((_HOUR, f"code {username[:64]}"),)
        self._check(limits)
        if check():
            return True
        for item, key in limits:
            self._limiter.hit(item, key)
        return False

    @contextlib.contextmanager
    def _turn(self, *, known: bool) -> Iterator[None]:
        if known:
            with self._known:
                yield
            return
        if not self._waiting.acquire(blocking=False):
            raise TooManyFailures(BUSY_WAIT_S)
        try:
            with self._unknown:
                yield
        finally:
            self._waiting.release()

    def _check(self, limits: tuple[Limit, ...]) -> None:
        for item, key in limits:
            if not self._limiter.test(item, key):
                reset_s = self._limiter.get_window_stats(item, key).reset_time
                raise TooManyFailures(max(1, int(reset_s - time.time()) + 1))


def network(address: str) -> str:
    """Return the address, or the network of an IPv6 address that one customer controls.

    >>> network("2001:db8::1"), network("::ffff:192.0.2.1"), network("test")
    ('2001:db8::/64', '192.0.2.1', 'test')
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or ip_network((found, _IPV6_PREFIX), strict=False))
