"""Proofs of check items by sensors: fresh good readings within their limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.inspections.route import Stop
from alerts.inspections.sheet import Inspection, key_of
from ingest import SERVICE_METRICS, Sensor

from .dependencies import Dependencies
from .sensors import QUALITIES, SensorView

FRESH_PERIODS, FRESH_NS = 3, 3_600_000_000_000
"""Age of a reading that proves: three periods of its sensor, an hour for a sensor without a period."""
SECOND_NS = 1_000_000_000


class SensorProofs:
    """Proofs of the present readings; the states of the sensors are read once."""

    def __init__(self, service: Dependencies) -> None:
        self._service, self._view, self._now_ns = service, SensorView(service, None), service.clock()
        self._known: dict[tuple[str, str], Mapping[str, Any] | None] = {}

    def of(self, inspection: Inspection) -> dict[str, Mapping[str, Any]]:
        """Return the proofs of an inspection's items by key; an item without one is missing."""
        return self.of_stops(inspection.site, inspection.stops)

    def of_stops(self, site: str, stops: tuple[Stop, ...]) -> dict[str, Mapping[str, Any]]:
        """Return the proofs of the items of stops by key."""
        found = {}
        for stop in stops:
            for item in stop.items:
                if item.sensor and (proof := self._proof(site, item.sensor)) is not None:
                    found[key_of(stop.id, item.id)] = proof
        return found

    def _proof(self, site: str, sensor: str) -> Mapping[str, Any] | None:
        if (site, sensor) not in self._known:
            known = self._service.telemetry.catalog.find(site, sensor)
            self._known[site, sensor] = None if known is None else self._of_sensor(known)
        return self._known[site, sensor]

    def _of_sensor(self, sensor: Sensor) -> Mapping[str, Any] | None:
        """Return the newest good reading as a proof; None for a sensor that is offline, faulty or in a finding."""
        telemetry = self._service.telemetry
        if self._view.ignored(sensor) or self._view.state(sensor, received=True) != "ok":
            return None
        age_ns = int(FRESH_PERIODS * sensor.period_s * SECOND_NS) or FRESH_NS
        rows = [
            (telemetry.catalog.metric_of(one.metric), one)
            for one in telemetry.latest(sensor.code)
            if QUALITIES[one.quality] == "good" and 0 <= self._now_ns - one.time_ns <= age_ns
        ]
        rows = [(metric, one) for metric, one in rows if metric.name not in SERVICE_METRICS]
        if not rows or not all(_within(sensor, metric.name, one.value) for metric, one in rows):
            return None
        metric, one = max(rows, key=lambda row: (row[0].name in sensor.limits, row[1].time_ns, row[0].name))
        return {
            "sensor": sensor.id,
            "metric": metric.name,
            "value": one.value,
            "unit": metric.unit,
            "at_ns": one.time_ns,
        }


def _within(sensor: Sensor, metric: str, value: float) -> bool:
    """Return whether a value is within the limits of its sensor: below rising ones, above falling ones."""
    limits = sensor.limits.get(metric, ())
    if not limits:
        return value == value  # noqa: PLR0124 - not a number proves nothing
    falling = len(limits) > 1 and limits[0] > limits[-1]
    return value > limits[0] if falling else value < limits[0]
