"""Detection of one rule, and its assembly into the rows of a DetectionBatch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest import METRIC_BY_CODE, Metric, TelemetryBatch, empty_batch

from .detection import DetectionBatch, Phase
from .doubts import with_doubt
from .explain import Fact, clears, sentence
from .kernels.emission import DRILL, FIRST, LAST, LATE, PHASE, ROW, STATE, STEP, TIMELINES
from .recipes.kinds import Rule

SCORES = (0.4, 0.6, 0.8, 0.95)
"""Score of each level, for detections without a score of the sensor."""


@dataclass(frozen=True, slots=True)
class RuleDetection:
    """One raise, change or clear of a rule: sensor, metric, times, and the values of its evidence.

    highest: highest value since it was raised, the lowest one of a falling rule, and its event time in ns.
    """

    row: int
    sensor: int
    metric: int
    timeline: int
    phase: Phase
    level: int
    first_ns: int
    last_ns: int
    rule: Rule
    kind: str
    value: float | None = None
    limit: float | None = None
    window_s: float = 0.0
    clear_limit: float | None = None
    clear_s: float = 0.0
    score: float | None = None
    baseline: float | None = None
    dims: dict[str, Any] = field(default_factory=dict)
    own_hazard: str = ""
    highest: tuple[float, int] | None = None
    behind: int = 0

    @property
    def hazard(self) -> str:
        """Hazard kind: its own, else the rule's."""
        return self.own_hazard or self.rule.hazard


@dataclass(frozen=True, slots=True)
class Entry:
    """Kernel entry in plain numbers."""

    row: int
    slot: int
    timeline: int
    phase: Phase
    step: int
    first_ns: int
    last_ns: int
    value: float


def entries(found: NDArray[np.int64], values: NDArray[np.float64], count: int) -> list[Entry]:
    """Return the first `count` entries of a kernel's tables."""
    return [
        Entry(
            row=line[ROW],
            slot=line[STATE] // TIMELINES,
            timeline=line[STATE] % TIMELINES,
            phase=Phase(line[PHASE]),
            step=line[STEP],
            first_ns=line[FIRST],
            last_ns=line[LAST],
            value=value,
        )
        for line, value in zip(found[:count].tolist(), values[:count].tolist(), strict=True)
    ]


def assemble(
    detections: Sequence[RuleDetection],
    batch: TelemetryBatch,
    late_ns: int,
    *,
    metric_of: Callable[[int], Metric] = METRIC_BY_CODE.__getitem__,
) -> DetectionBatch:
    """Return the detections in row order; within a row, in the order of the rules."""
    ordered = sorted(detections, key=lambda item: item.row)  # stable: rules keep their order
    rows = [detection.row for detection in ordered]
    arrival = batch.arrival_ns[np.array(rows, np.int64)]
    last = np.array([detection.last_ns for detection in ordered], np.int64)
    timed = np.array([detection.kind in _BY_READING for detection in ordered], np.bool_)
    on_late_timeline = np.array([detection.timeline == LATE for detection in ordered], np.bool_)
    return DetectionBatch(
        sensor=np.array([detection.sensor for detection in ordered], np.int32),
        metric=np.array([detection.metric for detection in ordered], np.int16),
        phase=np.array([detection.phase for detection in ordered], np.int8),
        level=np.array([detection.level for detection in ordered], np.int8),
        first_ns=np.array([detection.first_ns for detection in ordered], np.int64),
        last_ns=last,
        gateway_ns=np.array([_gateway_ns(batch, row) for row in rows], np.int64),
        arrival_ns=arrival,
        decided_ns=arrival.copy(),
        score=np.array([_score(detection) for detection in ordered], np.float64),
        late=on_late_timeline | (timed & (arrival - last > late_ns)),
        drill=np.array([detection.timeline == DRILL for detection in ordered], np.bool_),
        rule=[detection.rule.name for detection in ordered],
        detector=[detection.kind for detection in ordered],
        hazard=[detection.hazard for detection in ordered],
        evidence=[_evidence(detection, metric_of(detection.metric), _doubt(batch, detection)) for detection in ordered],
    )


_BY_READING = frozenset(("threshold", "rise", "stuck"))
NOTHING = assemble([], empty_batch(), 0)
"""No detections."""


def _gateway_ns(batch: TelemetryBatch, row: int) -> int:
    return int(batch.attributes.get(row, {}).get("gateway_ns", 0) or 0)


def _score(detection: RuleDetection) -> float:
    return SCORES[detection.level] if detection.score is None else min(1.0, max(0.0, detection.score))


def _doubt(batch: TelemetryBatch, detection: RuleDetection) -> str:
    """Return the doubt about the time of the reading that raised the detection, or ""."""
    ended = detection.phase is Phase.CLEAR
    return "" if ended else str(batch.attributes.get(detection.row, {}).get("doubt", ""))


def _evidence(detection: RuleDetection, metric: Metric, doubt: str) -> dict[str, Any]:
    fact = Fact(
        kind=detection.kind,
        hazard=detection.hazard,
        metric=metric.name,
        unit=metric.unit,
        over=detection.phase is Phase.CLEAR,
        value=detection.value,
        limit=detection.limit,
        window_s=detection.window_s,
        clear_limit=detection.clear_limit,
        clear_s=detection.clear_s,
        falling=bool(getattr(detection.rule, "falling", False)),
        lasted_s=max(0.0, (detection.last_ns - detection.first_ns) / 1e9),
        behind=detection.behind,
        dims=detection.dims,
    )
    evidence: dict[str, Any] = {
        "window_s": detection.window_s,
        "limit": detection.limit,
        "value": detection.value,
        "unit": metric.unit,
        "page": detection.level in detection.rule.pages,
        "text": sentence(fact),
        "clears": clears(fact),
    }
    if doubt:
        evidence |= {"doubt": doubt, "text": with_doubt(evidence["text"], doubt)}
    if detection.baseline is not None:
        evidence["baseline"] = detection.baseline
    if detection.highest is not None and metric.unit != "bool":
        value, at_ns = detection.highest
        evidence["highest"] = {"value": value, "at_ns": at_ns, "falling": fact.falling}
    if detection.timeline == LATE:
        evidence["timeline"] = "late"  # a clear here leaves live detections open
    return {**evidence, "dims": detection.dims} if detection.dims else evidence
