"""Telemetry of a bureau without a log: one reading a sensor, reading accounts of every school."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from alerts.api import Condition, Last
from ingest import Catalog, Unread
from twinward.balances import by_format, summed

from .bureau_size import HOUR_NS, Size, site_of

CLOCK_ERRORS = 10
"""One of so many sensors has a clock error."""


class BureauTelemetry:
    """Implements what the lists use of `alerts.api.Telemetry`: catalogue, newest readings, accounts, quarantine."""

    def __init__(self, catalog: Catalog, size: Size, now_ns: int) -> None:
        self.catalog, self.registry = catalog, CollectorRegistry()
        self._size, self._now_ns = size, now_ns
        self._smoke = catalog.metric("smoke_density").code

    def condition(self) -> Condition:
        """Return a condition without faults."""
        return Condition()

    def latest(self, sensor: int) -> list[Last]:
        """Return one reading, of the last hour."""
        return [Last(self._smoke, self._now_ns - sensor % 3_600 * (HOUR_NS // 3_600), 0.02, 0)]

    def unread(self, codes: Sequence[int]) -> Mapping[int, Unread]:
        """Return no unread keys."""
        del codes
        return {}

    def accounting(self) -> dict[str, Any]:
        """Return the accounts of each school, from rows such as those of the log."""
        rows = [
            {"site": site_of(school), "format": "campus", "outcome": outcome, "reason": reason, "rows": number}
            for school in range(self._size.schools)
            for outcome, reason, number in (
                ("received", "", 1_010),
                ("stored", "", 1_000),
                ("quarantined", "time_past", 10),
                ("notice", "data_gap", 3),
            )
        ]
        total = summed(rows)
        notices, store = total.pop("notices"), {"cursor": 1, "readings": 1, "lag_batches": 0}
        return {
            "total": total, "by": by_format(rows), "notices": notices, "log": {"head": 1}, "store": store, "lag": {},
        }  # fmt: skip

    def accounting_of(self, site: str, *, trouble: bool, limit: int, after: tuple[int, int] | None) -> dict[str, Any]:
        """Return the accounts of the devices of a school, none of them with trouble."""
        sums: dict[str, Any] = dict.fromkeys(
            ("received", "stored", "duplicate", "missing", "excess", "unread", "residual"), 0
        )
        sums |= {"quarantined": {}}
        codes = [] if trouble else self.catalog.of_site(site)
        items = [
            {"key": (0, one.code), "sensor": one.id, "kind": one.kind, "unread_keys": []} | sums
            for one in codes
            if after is None or one.code > after[1]
        ]
        return {"site": site, "total": sums, "remainder": sums, "items": items[:limit]}

    def quarantine(
        self, limit: int, before: int | None, *, sites: Sequence[str] | None = None, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """Return messages of one school, the newest first."""
        newest = 1_000 if before is None else before - 1
        shown: dict[str, Any] = {
            "site": (sites or [site_of(0)])[0],
            "format": "campus",
            "reason": reason or "time_past",
        }
        shown |= {"topic": "campus/school/smoke/smoke-1", "detail": "2001-01-01", "replayable": True}
        shown |= {"arrival_ns": self._now_ns, "payload": b'{"smoke":true}'}
        return [shown | {"id": number} for number in range(newest, max(0, newest - limit), -1)]

    def clocks(self) -> list[dict[str, Any]]:
        """Return a clock error of one sensor in CLOCK_ERRORS."""
        error = {"offset_ns": 5_000_000_000, "bound_ns": 1_000_000_000, "drift_ppm": 20.0, "since_ns": self._now_ns}
        return [error | {"code": code} for code in range(1, len(self.catalog), CLOCK_ERRORS)]
