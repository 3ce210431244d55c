"""Offline detection: sensors and gateways without messages for longer than their limit."""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.kernels.emission import NONE, WIDTH, empty
from detectors.kernels.gateways import FAR, HOPS, MISSED
from detectors.kernels.silence import CLOCK, DUE, INTERVALS, LIMIT, REGISTERS, TICKING, Offline, bind, find_offline
from detectors.recipes.kinds import Silence
from detectors.recipes.limits import applies
from detectors.rule_detection import Entry, RuleDetection, entries
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Fleet, Part
from ingest import METRIC_BY_NAME, SERVICE_DEVICE, SERVICE_SITE, Sensor

from .measures import SECOND_NS

LAYOUT = 1
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""

ONLINE = METRIC_BY_NAME["online"].code
NAMED_MAX = 5_000
"""Sensors behind an offline gateway that its detection names; it counts all of them."""


class SilenceDetector:
    """Detector of one silence rule, over all sensors that have sent a message or are awaited.

    Every reading is a message, of any quality, except the announcement of a loss or of a sleep. The deadlines run on
    the arrival times of all readings, the service's clock readings included.
    """

    def __init__(self, rule: Silence) -> None:
        self.rule = rule
        self.beside: tuple[str, ...] = ()
        self.timed, self.due_ns = True, FAR
        self._ladder = np.array([int(s * SECOND_NS) for s in rule.after_s], np.int64)
        self._register = np.full(REGISTERS, NONE, np.int64)
        self._register[[CLOCK, TICKING]] = 0
        self._register[DUE] = FAR
        self._sensors = Columns(
            {
                "last_seen": (np.int64, 1, NONE),
                "last_arrival": (np.int64, 1, NONE),
                "step": (np.int64, 1, 0),
                "limit": (np.int64, 1, FAR),
                "parent": (np.int64, 1, -1),
                "late": (np.int64, 1, int(rule.lateness_s * SECOND_NS)),
                "learns": (np.bool_, 1, False),
                "intervals": (np.int32, INTERVALS, 0),
                "filled": (np.int64, 1, 0),
            }
        )
        self._spans = (
            float(rule.periods),
            int(rule.unknown_s * SECOND_NS),
            int(rule.floor_s * SECOND_NS),
            int(rule.downtime_s * SECOND_NS),
            int(rule.lateness_s * SECOND_NS),
            int(rule.limit_max_s * SECOND_NS),
        )
        self._relays = self._gateways = np.zeros(0, np.bool_)
        self._offline = self._bound()
        integers, floats = empty()
        self._tables = np.empty((len(integers), WIDTH + 1), np.int64), floats
        self._seen_version = 0

    def takes(self, metric: int) -> bool:
        """Return True: every reading is a message and a clock reading."""
        del metric
        return True

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the sensors that went offline or returned."""
        del part
        if self._seen_version != view.version:
            self.sync(view.fleet)
        batch = view.batch
        found, values, count = find_offline(
            batch.sensor, batch.time_ns, batch.arrival_ns, view.signs, self._offline, *self._tables
        )
        if not count:
            return []
        pairs = zip(entries(found, values, count), found[:count, LIMIT].tolist(), strict=True)
        return [self._detection(entry, limit_ns, view) for entry, limit_ns in pairs]

    def sync(self, fleet: Fleet) -> None:
        """Read limits and gateways of sensors that are new or changed."""
        self._sensors.grow(len(fleet))
        if self._seen_version == fleet.version:
            return
        own = self._sensors
        limit, learns, parent, last_seen = own["limit"], own["learns"], own["parent"], own["last_seen"]
        for code in fleet.changed(self._seen_version).tolist():
            period_s = fleet[code].period_s
            watched = _watched(fleet[code]) and applies(self.rule, fleet[code])
            parent[code] = fleet.gateway(code)
            before = limit[code]
            if period_s > 0 or not watched:
                limit[code] = self._limit_ns(period_s) if watched else FAR
            elif not learns[code]:
                limit[code] = self._spans[1]
            learns[code] = watched and period_s <= 0
            if limit[code] < before and last_seen[code] != NONE:  # the next deadline may be earlier now
                self._register[DUE] = min(self._register[DUE], self._register[CLOCK])
        gateways = parent[parent >= 0]
        learns[gateways] = False  # a gateway is seen with every sensor behind it
        self._gateways = np.zeros(len(parent), np.bool_)
        self._gateways[gateways] = True
        self._relays = np.zeros(len(parent), np.bool_)
        below = np.flatnonzero(limit != FAR)
        for _ in range(0 if self.rule.at_once else HOPS):
            below = np.unique(parent[below][parent[below] >= 0])
            self._relays[below] = True
        self._offline = self._bound()
        self._seen_version = fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return {"register": self._register.tolist(), "sensors": self._sensors.dump()}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._register[:] = state["register"]
        self._sensors.load(state["sensors"])
        self._offline = self._bound()
        self._seen_version = 0

    def inherit(self, state: dict[str, Any]) -> None:
        """Start from the last messages in the state of another silence rule; the deadlines follow this rule.

        A sensor that is offline at the change is detected by this rule too, and its next message clears it.
        """
        self.load(state)
        own = self._sensors
        own["step"][:], own["limit"][:], own["learns"][:] = 0, FAR, False
        own["late"][:] = self._spans[4]

    def _bound(self) -> Offline:
        """Return settings and state for the kernel; the columns change their place with a new sensor only."""
        own = self._sensors
        sensors = (
            own["limit"], own["last_seen"], own["last_arrival"], own["step"], own["parent"], own["late"], self._gateways
        )  # fmt: skip
        learning = own["learns"], own["intervals"], own["filled"]
        bound: Offline = bind(
            self._spans, self.rule.at_once, self._relays, self._ladder, self._register, sensors, learning
        )
        return bound

    def _limit_ns(self, period_s: float) -> int:
        """Return the limit of a declared period; its bound never excludes that one message is missing."""
        limit_s = min(self.rule.periods * period_s, max(self.rule.limit_max_s, MISSED * period_s))
        return int(limit_s * SECOND_NS)

    def _awaited_ns(self, sensor: int, limit_ns: int) -> int:
        """Return the time that a declared sensor has for its first message, as in the kernel; limit_ns: at the row."""
        limit_ns = int(self._sensors["limit"][sensor]) if self._gateways[sensor] else limit_ns
        if self.rule.at_once and not self._sensors["learns"][sensor]:
            return int(limit_ns / self.rule.periods)
        return min(limit_ns, self._spans[5])

    def _detection(self, entry: Entry, limit_ns: int, view: BatchView) -> RuleDetection:
        own, fleet = self._sensors, view.fleet
        announced = entry.first_ns == entry.last_ns and entry.phase == 0
        awaited = entry.first_ns == NONE
        removed = announced and bool(view.batch.attributes.get(entry.row, {}).get("removed"))
        behind = np.empty(0, np.intp)
        if self._gateways[entry.slot]:
            behind = np.flatnonzero((own["parent"] == entry.slot) & (own["limit"] != FAR))
        limit_s = min(limit_ns, self._spans[1]) / SECOND_NS + self.rule.after_s[entry.step]
        first_ns, value = entry.first_ns, 0.0 if announced else (entry.last_ns - entry.first_ns) / SECOND_NS
        if awaited:
            shorter_s = (limit_ns - self._awaited_ns(entry.slot, limit_ns)) / SECOND_NS
            limit_s, value = limit_s - shorter_s, entry.value - shorter_s
            first_ns = entry.last_ns - int(value * SECOND_NS)
        names = [fleet[code].id for code in behind[:NAMED_MAX].tolist()]
        return RuleDetection(
            entry.row, entry.slot, ONLINE, entry.timeline, entry.phase, self.rule.levels[entry.step],
            first_ns, entry.last_ns, self.rule, "silence",
            value=value, limit=limit_s, window_s=limit_s,
            own_hazard="gateway_silent" if names and self.rule.hazard == "sensor_silent" else "", behind=len(behind),
            dims=({"behind": names, "behind_total": len(behind)} if names else {})
            | ({"removed": True} if removed else {}) | ({"awaited": True} if awaited else {}),
        )  # fmt: skip


def _watched(sensor: Sensor) -> bool:
    """Return whether a sensor can be offline; the service's own devices send on events only."""
    return sensor.site != SERVICE_SITE and sensor.id != SERVICE_DEVICE
