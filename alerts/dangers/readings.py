"""Stored readings for the proof of a repair, from the time-series store."""

from __future__ import annotations

from alerts.sensor_tests.response import Response, Signal, response_in
from ingest import DEVICE_METRICS, Catalog, Quality, Store

from .proof import QUARTERS, Window

TEST_READINGS_MAX = 200_000
"""Raw readings of one series that the search for a test reads at most."""
BEFORE_NS = 3_600_000_000_000
"""Span before a test with which its readings are compared."""


class StoredReadings:
    """Reads the store by site and sensor id. Raises StoreError when its engine is unreachable."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store, self._catalog = store, catalog

    def window(self, site: str, sensor: str, metric: str, *, from_ns: int, to_ns: int) -> Window | None:
        """Return extremes of the good readings and the quarters of the span with one; metric "": any metric."""
        found = self._catalog.find(site, sensor)
        if found is None:
            return None
        known = self._store.metrics(found.code)
        wanted = [code for code in known if metric in {"", self._catalog.metric_of(code).name}]
        if not wanted:
            return None
        step_ns = (to_ns - from_ns) // QUARTERS
        quarters: set[int] = set()
        low, high = float("inf"), float("-inf")
        for code in wanted:
            for number in range(QUARTERS):
                begin_ns = from_ns + number * step_ns
                part = self._store.downsample(
                    found.code, code, from_ns=begin_ns, to_ns=begin_ns + step_ns, step_ns=step_ns
                )
                if len(part.count):
                    quarters.add(number)
                    low, high = min(low, float(part.low.min())), max(high, float(part.high.max()))
        return Window(len(quarters), low, high)

    def tested(self, site: str, sensor: str, *, from_ns: int, to_ns: int) -> bool:
        """Return whether a reading of the span is marked as a test."""
        found = self._catalog.find(site, sensor)
        if found is None:
            return False
        for code in self._store.metrics(found.code):
            series = self._store.read(found.code, code, from_ns=from_ns, to_ns=to_ns, limit=TEST_READINGS_MAX)
            if (series.quality == int(Quality.TEST)).any():
                return True
        return False

    def response(self, site: str, sensor: str, *, from_ns: int, to_ns: int) -> Response | None:
        """Return the earliest response to a test in a span; what a device reports about itself is none."""
        found = self._catalog.find(site, sensor)
        if found is None:
            return None
        signals = (self._signal(found.code, code, from_ns, to_ns) for code in self._store.metrics(found.code))
        responses = [one for signal in signals if signal is not None and (one := response_in(signal)) is not None]
        return min(responses, key=lambda one: one.at_ns, default=None)

    def _signal(self, sensor: int, code: int, from_ns: int, to_ns: int) -> Signal | None:
        metric = self._catalog.metric_of(code)
        if metric.name in DEVICE_METRICS:
            return None
        most = TEST_READINGS_MAX
        inside = self._store.read(sensor, code, from_ns=from_ns, to_ns=to_ns, limit=most)
        if not len(inside.time_ns):
            return None
        before = self._store.read(sensor, code, from_ns=from_ns - BEFORE_NS, to_ns=from_ns, limit=most)
        good = before.value[before.quality == int(Quality.GOOD)]
        return Signal(metric.name, metric.unit, good, inside.time_ns, inside.value, inside.quality)
