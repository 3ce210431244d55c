"""Rate limits of the public report form: by address, by place, and by address at one place."""

from __future__ import annotations

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from alerts.errors import AlertError
from alerts.people.attempts import network

REPORTS_AN_HOUR = 20
"""Reports and photos of one address; a school's network may be one address."""
REPORTS_OF_PLACE = 10
"""Reports of one place an hour, photos of one report."""
REPORTS_FROM_ADDRESS = 5
"""Reports of one place from one address an hour: one source cannot use up the reports of a place."""
KEYS_MAX = 10_000


class TooManyReports(AlertError):  # noqa: N818 - names the state
    """Too many reports of one address or place. zh: the reason in Chinese."""

    wait_s = 3_600
    zh = "该地址或该地点的报告过多，请一小时后再试"

    def __init__(self) -> None:
        super().__init__("too many reports from this address or of this place; try again in an hour")


class ReportLimits:
    """Counts in memory; a restart begins again. Methods may be called from several threads."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def check(self, address: str, place: str, *, from_address: int = REPORTS_FROM_ADDRESS) -> None:
        """Count one report. from_address: most of this place from one address. Raises TooManyReports at a limit."""
        if len(self._storage.events) > KEYS_MAX:
            self._storage.reset()
        by_address, by_place = RateLimitItemPerHour(REPORTS_AN_HOUR), RateLimitItemPerHour(REPORTS_OF_PLACE)
        source, of_both = network(address), RateLimitItemPerHour(from_address)
        counted = self._limiter.hit(by_address, f"address {source}")
        counted = counted and self._limiter.hit(of_both, f"address {source} place {place}")
        if not counted or not self._limiter.hit(by_place, f"place {place}"):
            raise TooManyReports
