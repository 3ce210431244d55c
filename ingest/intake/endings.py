"""States that end without a message: after the time that the device states, or with its restart.

A message may report a state without ever reporting its end: a radio contact with an `off_delay`, or a camera whose
process restarts while it follows a person. The service writes the end: false, at the moment of the end. A device fault
of a sensor without a value ends with its next value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from ingest.catalog import Catalog
from ingest.decode.contract import Reading
from ingest.vocabulary import DEVICE_METRICS, METRIC_BY_NAME, Quality

from .batch import OpenBatch
from .seal import Sources

MEMORY = "_endings"
"""Owner name in the durable memory of the states that end after a time."""

SECOND_NS = 1_000_000_000
STATES_MAX = 50_000
"""Active states; at the bound the one that has been active longest ends."""

ONLINE, FAULT = METRIC_BY_NAME["online"].code, METRIC_BY_NAME["fault"].code
MOMENTARY = frozenset(
    METRIC_BY_NAME[name].code
    for name in ("motion", "object_present", "sound", "review", "rule_active", "recognised", "vibration")
)
"""Metrics of events: a source that starts again reports those that still hold. An alarm of life safety is none."""

_LABELS = ("label", "track", "zone", "zones")
Key = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Ending:
    """An active state: moment of its end, 0 for a restart only; quality and labels of the reading."""

    at_ns: int
    quality: int
    dims: Mapping[str, Any]


class Endings:
    """Active states with their ends. One thread owns it."""

    def __init__(self, catalog: Catalog, kept: Iterable[tuple[str, bytes]] = ()) -> None:
        """kept: result of `drain_memory` before a restart."""
        self._catalog = catalog
        self._active: dict[Key, Ending] = {}
        self._next_ns = 0
        self._changed: dict[str, bytes | None] = {}
        for text, value in kept:
            sensor, metric, label = text.split(" ", 2)
            self._active[int(sensor), int(metric), label] = msgspec.msgpack.decode(value, type=Ending)
        self._plan()

    def note(self, batch: OpenBatch, reading: Reading, now_ns: int) -> None:
        """Record the reading that the batch stored last: it begins or ends a state, or reports a restart.

        now_ns: arrival of the reading. Appends the ends that a restart causes.
        """
        sensor, metric = batch.sensor[-1], batch.metric[-1]
        if metric == ONLINE:
            if reading.value > 0 and self._active:
                self._end(batch, self._momentary(sensor), now_ns)
            return
        if (sensor, FAULT, "") in self._active and _is_value(reading):
            self._end(batch, [(sensor, FAULT, "")], now_ns)
        key = sensor, metric, str(reading.dims.get("track") or reading.dims.get("label") or "")
        if reading.value <= 0 or reading.dims.get("phase") == "end":
            self._forget(key)
        elif reading.quality != Quality.HISTORICAL and (
            reading.lasts_s > 0 or metric in MOMENTARY or reading.dims.get("until")
        ):
            dims = {name: reading.dims[name] for name in _LABELS if name in reading.dims}
            self._begin(key, Ending(_end_ns(reading, now_ns), _quality(reading), dims), now_ns)

    def write(self, batch: OpenBatch, now_ns: int) -> None:
        """Append the ends that are due, before the messages that arrive at now_ns."""
        if self._next_ns and now_ns >= self._next_ns:
            self._end(batch, sorted(key for key, one in self._active.items() if 0 < one.at_ns <= now_ns), now_ns)
            self._plan()

    def drain_memory(self) -> dict[tuple[str, str], bytes | None]:
        """Return the changes of the durable memory since the last call."""
        changed, self._changed = self._changed, {}
        return {(MEMORY, key): value for key, value in changed.items()}

    def _end(self, batch: OpenBatch, over: Iterable[Key], now_ns: int) -> None:
        for key in over:
            ending = self._active[key]
            self._forget(key)
            item, row = batch.items, len(batch)
            batch.put(key[0], key[1], 0.0, time_ns=ending.at_ns or now_ns, source=Sources.SERVICE)
            if ending.quality:
                batch.quality[item] = Quality(ending.quality)
            if ending.dims:
                batch.attributes[row] = {**ending.dims, "phase": "end"}

    def _begin(self, key: Key, ending: Ending, now_ns: int) -> None:
        self._forget(key)  # the youngest state is the last one
        if len(self._active) >= STATES_MAX:
            oldest = next(iter(self._active))
            self._active[oldest] = replace(self._active[oldest], at_ns=now_ns)
            self._next_ns = now_ns
        self._active[key] = ending
        if ending.at_ns or key[1] == FAULT:
            self._changed[_text(key)] = msgspec.msgpack.encode(ending)
        if ending.at_ns:
            self._next_ns = min(self._next_ns or ending.at_ns, ending.at_ns)

    def _forget(self, key: Key) -> None:
        known = self._active.pop(key, None)
        if known is not None and (known.at_ns or key[1] == FAULT):
            self._changed[_text(key)] = None

    def _momentary(self, source: int) -> list[Key]:
        """Return the momentary states of a device, of its probes and of the devices behind it."""
        name, site = self._catalog[source].id, self._catalog[source].site
        found = []
        for key in self._active:
            sensor = self._catalog[key[0]]
            if key[1] in MOMENTARY and sensor.site == site and (key[0] == source or sensor.gateway == name):
                found.append(key)
        return found

    def _plan(self) -> None:
        self._next_ns = min((one.at_ns for one in self._active.values() if one.at_ns), default=0)


def _is_value(reading: Reading) -> bool:
    """Return whether a reading is a measurement, and no fact of the device itself."""
    return reading.metric not in DEVICE_METRICS and reading.quality == Quality.GOOD


def _end_ns(reading: Reading, now_ns: int) -> int:
    return now_ns + int(reading.lasts_s * SECOND_NS) if reading.lasts_s > 0 else 0


def _quality(reading: Reading) -> int:
    return int(Quality.TEST if reading.quality == Quality.TEST else Quality.GOOD)


def _text(key: Key) -> str:
    return f"{key[0]} {key[1]} {key[2]}"
