"""What the service tells of itself: accounts, health and metrics, for the HTTP interface."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from alerts import AlertDispatch, MemoryOutbox, People
from alerts.api import Condition, Last
from ingest import Catalog, Store, StoreError

from .balances import balances, summed
from .latest import Latest
from .log import TelemetryLog
from .pump import Pump
from .standby.controller import StandbyController

LATENCY_BUCKETS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600)


@dataclass(frozen=True)
class Observer:
    """The view on a running service that the HTTP interface reads from.

    checks: name -> whether that part works now; readiness is all of them; told: what the service says of itself.
    """

    catalog: Catalog
    store: Store
    log: TelemetryLog
    newest: Latest
    pumps: tuple[Pump[Any], ...]
    checks: Mapping[str, Callable[[], bool]]
    registry: CollectorRegistry
    told: Callable[[], Condition]

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
        lag = {pump.name: pump.lag() for pump in self.pumps} | {"spool": self.log.spool_blocks()}
        stored: dict[str, int | None] = {"cursor": None, "readings": None, "lag_batches": lag.get("store", 0)}
        with contextlib.suppress(StoreError):
            stored |= {"cursor": self.store.cursor(), "readings": self.store.count()}
        return {"total": total, "by": by, "notices": notices, "log": {"head": head}, "store": stored, "lag": lag}

    def accounting_of(self, site: str, *, trouble: bool, limit: int, after: tuple[int, int] | None) -> dict[str, Any]:
        """Return the reading accounts of a site by device; see `twinward.balances`."""
        return balances(self.log, self.catalog, site, trouble=trouble, limit=limit, after=after)

    def quarantine(
        self, limit: int, before: int | None, *, sites: Sequence[str] | None = None, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the newest quarantined messages with ids below `before`; sites: only of these sites, None: all."""
        return self.log.quarantine(limit, before, sites=sites, reason=reason)

    def replay(self, *, site: str | None, reason: str | None) -> int:
        """Have refused messages taken in again, within seconds; how many there are."""
        return self.log.replay(site=site, reason=reason)

    def clocks(self) -> list[dict[str, Any]]:
        """Sensors whose clocks are off, by code."""
        return [{"code": code} | clock._asdict() for code, clock in self.log.clocks()]

    def health(self) -> dict[str, bool]:
        """Each part of the service and whether it works now."""
        return {name: check() for name, check in self.checks.items()}

    def condition(self) -> Condition:
        """Own faults that last, and alarms that stand in no database yet."""
        return self.told()


def condition(lookout: StandbyController, messenger: MemoryOutbox) -> Condition:
    """What lookout and messenger have to tell; alarms only while something takes nothing."""
    faults = lookout.faults
    since_ns = min((fault.since_ns for fault in faults if fault.grade == "red"), default=None)
    unstored = () if since_ns is None else [n for n in messenger.recent() if n.hazard and n.created_ns >= since_ns]
    return Condition(lookout.version, faults, unstored)


class StandbyCollector:
    """What the lookout does, and what waits in memory for the database, as Prometheus metrics."""

    def __init__(
        self, lookout: StandbyController, messenger: MemoryOutbox, *, desk: AlertDispatch, people: People
    ) -> None:
        self._lookout, self._messenger, self._desk, self._people = lookout, messenger, desk, people

    def collect(self) -> Iterator[Metric]:
        """The families, freshly read."""
        status, faults = self._lookout.status(), self._lookout.faults
        yield GaugeMetricFamily("twinward_disk_free_ratio", "Free share of the disk", value=status["disk_free_share"])
        fault = GaugeMetricFamily("twinward_own_fault", "1 while people know of the fault", labels=("part", "cause"))
        for one in faults:
            fault.add_metric((one.part, one.cause.code), 1)
        yield fault
        for name, text in (("judging", "1 while alarms go out from memory"), ("hearing", "1 while its session hears")):
            yield GaugeMetricFamily(f"twinward_lookout_{name}", text, value=float(status[name]))
        for name in (*self._lookout.counts, "ear_errors", "unmatched_forgotten"):
            yield CounterMetricFamily(f"twinward_lookout_{name}", f"Lookout: {name}", value=status[name])
        sent = CounterMetricFamily("twinward_messenger", "Messages from memory", labels=("outcome",))
        for outcome in ("sent", "failed", "dropped"):
            sent.add_metric((outcome,), getattr(self._messenger, f"{outcome}_total"))
        yield sent
        yield GaugeMetricFamily("twinward_messenger_waiting", "Messages in memory", value=self._messenger.waiting)
        waiting = GaugeMetricFamily("twinward_audit_waiting", "Entries of the audit that wait to be written")
        waiting.add_metric((), len(self._desk.deferred_audit))
        yield waiting
        unwritten = CounterMetricFamily("twinward_unwritten", "Writes that the database refused", labels=("what",))
        unwritten.add_metric(("session",), self._people.sessions.unwritten_total)
        unwritten.add_metric(("reply",), self._desk.idempotency_keys.unwritten_total)
        unwritten.add_metric(("audit_dropped",), self._desk.deferred_audit.dropped_total)
        yield unwritten


class ServiceCollector:
    """Turns accounts, lags and health into Prometheus metrics at each scrape."""

    def __init__(
        self,
        log: TelemetryLog,
        pumps: tuple[Pump[Any], ...],
        checks: Mapping[str, Callable[[], bool]],
        *,
        delay_s: Callable[[], float] | None,
    ) -> None:
        """delay_s: how long messages wait at the broker; None in a process that takes none."""
        self._log, self._pumps, self._checks, self._delay_s = log, pumps, checks, delay_s

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
        lag.add_metric(("spool",), self._log.spool_blocks())
        yield lag
        yield failures
        if self._delay_s is not None:
            waited = "How long messages wait at the broker, 0 while that is not known"
            yield GaugeMetricFamily("twinward_broker_delay_seconds", waited, value=self._delay_s())
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
