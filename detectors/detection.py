"""What detectors give: columns of detections, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest import TelemetryBatch

HAZARDS = (
    "fire", "flood", "leak", "person_at_water", "gate_forced", "gate_held_open", "after_hours_entry", "intrusion",
    "camera_blind", "sensor_silent", "gateway_silent", "sensor_stuck", "sensor_fault", "tamper", "battery_low",
    "message_flood", "name_flood", "anomaly",
)  # fmt: skip
"""Kinds of hazard that a detection can speak of."""


class Phase(IntEnum):
    """Where in its life a finding is."""

    RAISE = 0  # opened at `level`
    CHANGE = 1  # still open, level went up or down
    CLEAR = 2  # proved over


@dataclass(frozen=True, slots=True, eq=False)
class DetectionBatch:
    """Detections as equal-length columns, in the order in which they were decided.

    sensor, metric: codes; phase: Phase; level: 0 information, 1 early, 2 alarm, 3 severe; first_ns, last_ns: event time
    of the span that speaks for it; gateway_ns: of the deciding reading, 0 when the wire does not tell; arrival_ns: when
    the deciding reading came in; decided_ns: when it was decided, on the data's own clock (arrival of the row that
    decided); score in [0, 1]; late: decided on data that came long after its event; drill: from test messages.
    rule: name in the recipe; detector: type; hazard: one of HAZARDS;
    evidence: {"window_s", "limit", "value", "unit", "baseline"?, "dims"?,
    "timeline"? ("late": scored apart from the live one), "text": {"zh", "en"}, "clears": {"zh", "en"}}.
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
                raise ValueError(f"column {name} has {len(getattr(self, name))} rows, wanted {rows}")

    def __len__(self) -> int:
        return len(self.sensor)


class Detector(Protocol):
    """One rule over telemetry. A set of detectors is a Detector as well.

    Must hold for every implementation: no wall clock, no randomness; input untouched; row by row gives what batched
    gives; `restore(snapshot())` in a new instance goes on as the old one would; memory bounded by the sensors' number;
    readings of quality FAULT and HISTORICAL never raise and never clear; TEST raises drills only; RETAINED changes
    nothing at all.
    """

    def update(self, batch: TelemetryBatch) -> DetectionBatch:
        """Judge the readings in order; called for every batch of the log, in log order."""
        ...

    def snapshot(self) -> bytes:
        """All state, versioned, for `restore`."""
        ...

    def restore(self, state: bytes) -> None:
        """Take state back. Raises ValueError when it is of another version or rule set."""
        ...
