"""Detections as columns, and the protocol of a detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest import TelemetryBatch

HAZARDS = (
    "fire", "gas", "flood", "leak", "pipe_burst", "pipe_leak", "person_at_water", "gate_forced", "gate_held_open",
    "after_hours_entry",
    "intrusion", "theft", "abandoned_object", "ebike_in_building", "panel_isolated",
    "emergency_call", "camera_blind", "sensor_silent", "gateway_silent", "detector_lost",
    "sensor_stuck", "sensor_drift", "sensor_fault",
    "tamper", "battery_low", "message_flood", "name_flood", "foreign_messages",
    "anomaly", "unusual_traffic", "crowd", "tailgating", "card_anomaly", "occupied",
)  # fmt: skip
"""Allowed hazard kinds of a detection."""

WATCHDOG = "watchdog"
"""Hazard kind of the synthetic smoke head of the service: no hazard of a recipe."""

PAGE_LEVEL = 2
"""Lowest level that pages by a rule that states none: alarm."""


class Phase(IntEnum):
    """Change of state that a detection reports."""

    RAISE = 0  # opened at `level`
    CHANGE = 1  # still open, at another level
    CLEAR = 2  # condition ended


@dataclass(frozen=True, slots=True, eq=False)
class DetectionBatch:
    """Detections as equal-length columns, in order of decision.

    sensor, metric: codes; phase: Phase; level: 0 information, 1 early, 2 alarm, 3 severe. Times in ns since 1970 UTC:
    first_ns, last_ns: event time span of the evidence; gateway_ns: gateway time of the deciding reading, 0 if the
    format has none; arrival_ns: arrival of the deciding reading; decided_ns: decision, on the clock of the data
    (arrival of the deciding row). score: in [0, 1]; late: decided on data that arrived long after its event; drill:
    from test messages. rule: name in the recipe; detector: type; hazard: one of HAZARDS;
    evidence: {"window_s", "limit", "value", "unit", "baseline"? (normal value), "dims"?,
    "timeline"? ("late": scored apart from the live one), "page"? (whether the rule pages at this level),
    "stage"? ("shadow" or "probation": why it does not page), "sheet"? (checksum of the score sheet),
    "made"? ({"recipe", "version"}: digest of the recipe and release),
    "band"?, "forecast"?, "change"?, "sensors"?, "belief"? (see `RuleDetection.facts`),
    "text": {"zh", "en"}, "clears": {"zh", "en"}}.
    """

    sensor: NDArray[np.int32]
    metric: NDArray[np.int16]
    phase: NDArray[np.int8]
    level: NDArray[np.int8]
    first_ns: NDArray[np.int64]
    last_ns: NDArray[np.int64]
    gateway_ns: NDArray[np.int64]
    arrival_ns: NDArray[np.int64]
    decided_ns: NDArray[np.int64]
    score: NDArray[np.float64]
    late: NDArray[np.bool_]
    drill: NDArray[np.bool_]
    rule: Sequence[str]
    detector: Sequence[str]
    hazard: Sequence[str]
    evidence: Sequence[Mapping[str, Any]]

    def __post_init__(self) -> None:
        rows = len(self.sensor)
        for name in self.__slots__:
            if len(getattr(self, name)) != rows:
                raise ValueError(f"column {name} has {len(getattr(self, name))} rows; allowed are {rows}")

    def __len__(self) -> int:
        return len(self.sensor)

    def pages(self, row: int) -> bool:
        """Return whether the detection pages: raised or changed to a level at which its rule pages, live, no drill.

        Detections of versions without this rule page from PAGE_LEVEL on.
        """
        if self.phase[row] == Phase.CLEAR or self.late[row] or self.drill[row]:
            return False
        return bool(self.evidence[row].get("page", self.level[row] >= PAGE_LEVEL))

    def shadow(self, row: int) -> bool:
        """Return whether its rule runs in shadow: recorded, and no part of a hazard."""
        return self.evidence[row].get("stage") == "shadow"


class Detector(Protocol):
    """Detector over telemetry: one rule, or a set of them.

    Invariants of every implementation: it reads no wall clock and no randomness; the input stays unchanged; single
    rows give the same detections as one batch; `restore(snapshot())` in a new instance continues as the old one would;
    memory is bounded by the number of sensors. Readings of quality HISTORICAL raise only late detections and clear
    only those; FAULT raises only device faults; TEST raises only drills; RETAINED without a doubt changes no state.
    """

    def update(self, batch: TelemetryBatch) -> DetectionBatch:
        """Score the readings in order; called for every batch of the log, in log order."""
        ...

    def snapshot(self) -> bytes:
        """Return all state, with its version, for `restore`."""
        ...

    def restore(self, state: bytes) -> None:
        """Restore a snapshot. Raises ValueError when it is damaged or of another version."""
        ...
