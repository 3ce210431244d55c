"""What the service tells of itself: accounts, health and metrics, for the HTTP interface."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from alerts.api import Last
from ingest import Catalog, Store, StoreError

from .balances import balances, summed
from .latest import Latest
from .log import TelemetryLog
from .pump import Pump

LATENCY_BUCKETS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600)


@dataclass(frozen=True)
class Observer:
    """The view on a running service that the HTTP interface reads from.

    checks: name -> whether that part works now; readiness is all of them.
    """

    catalog: Catalog
    store: Store
    log: TelemetryLog
    newest: Latest
    pumps: tuple[Pump[Any], ...]
    checks: Mapping[str, Callable[[], bool]]
    registry: CollectorRegistry

    def latest(self, sensor: int) -> list[Last]:
        """The newest reading of each metric of a sensor."""
        return self.newest.of(sensor)

    def accounting(self) -> dict[str, Any]:
        """Totals, the accounts by site and format, and how far store and detectors are behind the log.

        The store's own figures are None while it does not answer.
        """
        rows = self.log.accounting()
        total = summed(rows)
        notices = total.pop("notices")
        places = sorted({(row["site"], row["format"]) for row in rows})
        by = [
            {"site": site, "format": kind} | summed(row for row in rows if (row["site"], row["format"]) == (site, kind))
            for site, kind in places
        ]
        head = self.log.head()
        lag = {pump.name: pump.lag() for pump in self.pumps}
        stored: dict[str, int | None] = {"cursor": None, "readings": None, "lag_batches": lag.get("store", 0)}
        with contextlib.suppress(StoreError):
            stored |= {"cursor": self.store.cursor(), "readings": self.store.count()}
        return {"total": total, "by": by, "notices": notices, "log": {"head": head}, "store": stored, "lag": lag}

    def accounting_of(self, site: str, *, trouble: bool, limit: int, offset: int) -> dict[str, Any]:
        """The accounts of a site by device; see `twinward.balances`."""
        return balances(self.log, self.catalog, site, trouble=trouble, part=slice(offset, offset + limit))

    def quarantine(
        self, limit: int, before: int | None, *, site: str | None = None, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """The newest refused messages, at most `limit`, older than the id `before`; of one site or reason, if given."""
        return self.log.quarantine(limit, before, site=site, reason=reason)

    def replay(self, *, site: str | None, reason: str | None) -> int:
        """Have refused messages taken in again, within seconds; how many there are."""
        return self.log.replay(site=site, reason=reason)

    def clocks(self) -> list[dict[str, Any]]:
        """Sensors whose clocks are off, by code."""
        return [{"code": code} | clock._asdict() for code, clock in self.log.clocks()]

    def health(self) -> dict[str, bool]:
        """Each part of the service and whether it works now."""
        return {name: check() for name, check in self.checks.items()}


class ServiceCollector:
    """Turns accounts, lags and health into Prometheus metrics at each scrape."""

    def __init__(
        self, log: TelemetryLog, pumps: tuple[Pump[Any], ...], checks: Mapping[str, Callable[[], bool]]
    ) -> None:
        self._log, self._pumps, self._checks = log, pumps, checks

    def collect(self) -> Iterator[Metric]:
        """The families, freshly read."""
        readings = CounterMetricFamily("twinward_readings", "Readings by outcome", labels=("outcome", "reason"))
        total = summed(self._log.accounting())
        for outcome in ("received", "stored", "duplicate"):
            readings.add_metric((outcome, ""), total[outcome])
        for reason, rows in total["quarantined"].items():
            readings.add_metric(("quarantined", reason), rows)
        yield readings
        lag = GaugeMetricFamily("twinward_stage_lag_entries", "Log entries not yet taken in", labels=("stage",))
        failures = CounterMetricFamily("twinward_stage_failures", "Failed turns of a stage", labels=("stage",))
        for pump in self._pumps:
            lag.add_metric((pump.name,), pump.lag())
            failures.add_metric((pump.name,), pump.failures_total)
        yield lag
        yield failures
        up = GaugeMetricFamily("twinward_part_up", "1 while the part works", labels=("part",))
        for name, check in self._checks.items():
            up.add_metric((name,), float(check()))
        yield up


def latency_histogram(registry: CollectorRegistry) -> Histogram:
    """From the arrival of the deciding reading to the hazard in the database, in seconds."""
    return Histogram(
        "twinward_ingest_to_alarm_seconds",
        "From the arrival of the deciding reading to the hazard in the database",
        buckets=LATENCY_BUCKETS_S,
        registry=registry,
    )
