"""Accounts, health, condition and Prometheus metrics of the service, for the HTTP interface."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from alerts import AlertDispatch, MemoryOutbox, People
from alerts.api import Condition, Last, Qualified
from detectors import Recipe
from ingest import Catalog, Store, StoreError, Unread

from .balances import balances, by_format, summed, unread_keys
from .latest import Latest
from .log import TelemetryLog
from .pump import Pump
from .standby import StandbyController

LATENCY_BUCKETS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600)


@dataclass(frozen=True)
class Observer:
    """Read access of the HTTP interface to a running service; implements `alerts.api.Telemetry`.

    checks: part -> its health check; the service is ready while all pass. present_condition: returns faults and
    unstored alarms; present_recipe: returns the recipe as it runs.
    """

    catalog: Catalog
    store: Store
    log: TelemetryLog
    newest: Latest
    pumps: tuple[Pump[Any], ...]
    checks: Mapping[str, Callable[[], bool]]
    registry: CollectorRegistry
    present_condition: Callable[[], Condition]
    present_recipe: Callable[[], Recipe]
    qualifications: Callable[[], Mapping[str, Qualified]]

    @property
    def recipe(self) -> Recipe:
        """The running recipe."""
        return self.present_recipe()

    def qualified(self) -> Mapping[str, Qualified]:
        """Return the qualification of rules by name."""
        return self.qualifications()

    def latest(self, sensor: int) -> list[Last]:
        """Return the newest reading of each metric of a sensor."""
        return self.newest.of(sensor)

    def accounting(self) -> dict[str, Any]:
        """Return total accounts, accounts by site and format, and the lag of each stage behind its log.

        The figures of the store are None while it does not answer.
        """
        rows = self.log.accounting()
        total = summed(rows)
        notices = total.pop("notices")
        head = self.log.head()
        lag = {pump.name: pump.lag() for pump in self.pumps} | {"spool": self.log.spool_blocks()}
        stored: dict[str, int | None] = {"cursor": None, "readings": None, "lag_batches": lag.get("store", 0)}
        with contextlib.suppress(StoreError):
            stored |= {"cursor": self.store.cursor(), "readings": self.store.count()}
        return {
            "total": total,
            "by": by_format(rows),
            "notices": notices,
            "log": {"head": head},
            "store": stored,
            "lag": lag,
        }

    def accounting_of(self, site: str, *, trouble: bool, limit: int, after: tuple[int, int] | None) -> dict[str, Any]:
        """Return the reading accounts of a site by device; see `twinward.balances`."""
        return balances(self.log, self.catalog, site, trouble=trouble, limit=limit, after=after)

    def unread(self, codes: Sequence[int]) -> Mapping[int, Unread]:
        """Return the unread keys of these sensors by code; sensors without any are left out."""
        return unread_keys(self.log, codes)

    def quarantine(
        self, limit: int, before: int | None, *, sites: Sequence[str] | None = None, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the newest quarantined messages with ids below `before`; sites: only of these sites, None: all."""
        return self.log.quarantine(limit, before, sites=sites, reason=reason)

    def replay(self, *, site: str | None, reason: str | None) -> int:
        """Reprocess quarantined messages within seconds; return their number."""
        return self.log.replay(site=site, reason=reason)

    def clocks(self) -> list[dict[str, Any]]:
        """Return the sensors with a clock offset, by code."""
        return [{"code": code} | clock._asdict() for code, clock in self.log.clocks()]

    def health(self) -> dict[str, bool]:
        """Return the health of each part."""
        return {name: check() for name, check in self.checks.items()}

    def condition(self) -> Condition:
        """Return the faults of the service that last, and alarms that are in no database yet."""
        return self.present_condition()


def service_condition(standby: StandbyController, outbox: MemoryOutbox) -> Condition:
    """Return the condition of the service; alarms sent from memory are part of it during a red fault."""
    faults = standby.faults
    since_ns = min((fault.since_ns for fault in faults if fault.grade == "red"), default=None)
    unstored = () if since_ns is None else [n for n in outbox.recent() if n.hazard and n.created_ns >= since_ns]
    return Condition(standby.version, faults, unstored)


class StandbyCollector:
    """Prometheus metrics of degraded mode, and of writes that wait in memory for the database."""

    def __init__(
        self, standby: StandbyController, outbox: MemoryOutbox, *, dispatch: AlertDispatch, people: People
    ) -> None:
        self._standby, self._outbox, self._dispatch, self._people = standby, outbox, dispatch, people

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families with their present values."""
        status, faults = self._standby.status(), self._standby.faults
        yield GaugeMetricFamily("twinward_disk_free_ratio", "Free share of the disk", value=status["disk_free_share"])
        fault = GaugeMetricFamily("twinward_own_fault", "1 from notice to end of a fault", labels=("part", "cause"))
        for one in faults:
            fault.add_metric((one.part, one.cause.code), 1)
        yield fault
        states = (("scoring", "1 while pages go out from memory"), ("receiving", "1 while its session is open"))
        for name, text in states:
            yield GaugeMetricFamily(f"twinward_standby_{name}", text, value=float(status[name]))
        for name in (*self._standby.counts, "session_errors", "unmatched_forgotten"):
            yield CounterMetricFamily(f"twinward_standby_{name}", f"Degraded mode: {name}", value=status[name])
        sent = CounterMetricFamily("twinward_memory_outbox", "Notices sent from memory", labels=("outcome",))
        for outcome in ("sent", "failed", "dropped"):
            sent.add_metric((outcome,), getattr(self._outbox, f"{outcome}_total"))
        yield sent
        yield GaugeMetricFamily(
            "twinward_memory_outbox_waiting", "Notices that wait in memory", value=self._outbox.waiting
        )
        waiting = GaugeMetricFamily("twinward_audit_waiting", "Audit entries that wait in memory")
        waiting.add_metric((), len(self._dispatch.deferred_audit))
        yield waiting
        unwritten = CounterMetricFamily("twinward_unwritten", "Writes that the database rejected", labels=("what",))
        unwritten.add_metric(("session",), self._people.sessions.unwritten_total)
        unwritten.add_metric(("reply",), self._dispatch.idempotency_keys.unwritten_total)
        unwritten.add_metric(("audit_dropped",), self._dispatch.deferred_audit.dropped_total)
        yield unwritten


class ServiceCollector:
    """Prometheus metrics of accounts, lags and health, read at each scrape."""

    def __init__(
        self,
        log: TelemetryLog,
        pumps: tuple[Pump[Any], ...],
        checks: Mapping[str, Callable[[], bool]],
        *,
        delay_s: Callable[[], float] | None,
    ) -> None:
        """delay_s: delay of messages at the broker; None in a process without ingest."""
        self._log, self._pumps, self._checks, self._delay_s = log, pumps, checks, delay_s

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families with their present values."""
        readings = CounterMetricFamily("twinward_readings", "Readings by outcome", labels=("outcome", "reason"))
        total = summed(self._log.accounting())
        for outcome in ("received", "stored", "duplicate"):
            readings.add_metric((outcome, ""), total[outcome])
        for reason, rows in total["quarantined"].items():
            readings.add_metric(("quarantined", reason), rows)
        yield readings
        lag = GaugeMetricFamily("twinward_stage_lag_entries", "Log entries to process", labels=("stage",))
        failures = CounterMetricFamily("twinward_stage_failures", "Failed turns of a stage", labels=("stage",))
        for pump in self._pumps:
            lag.add_metric((pump.name,), pump.lag())
            failures.add_metric((pump.name,), pump.failures_total)
        lag.add_metric(("spool",), self._log.spool_blocks())
        yield lag
        yield failures
        if self._delay_s is not None:
            text = "Delay of messages at the broker, 0 while unknown"
            yield GaugeMetricFamily("twinward_broker_delay_seconds", text, value=self._delay_s())
        up = GaugeMetricFamily("twinward_part_up", "1 while the part works", labels=("part",))
        for name, check in self._checks.items():
            up.add_metric((name,), float(check()))
        yield up


def latency_histogram(registry: CollectorRegistry) -> Histogram:
    """Return the histogram of seconds from the arrival of the deciding reading to the hazard in the database."""
    return Histogram(
        "twinward_ingest_to_alarm_seconds",
        "From the arrival of the deciding reading to the hazard in the database",
        buckets=LATENCY_BUCKETS_S,
        registry=registry,
    )
