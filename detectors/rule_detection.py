"""From what kernels found to rows of a DetectionBatch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest import METRIC_BY_CODE, TelemetryBatch

from .detection import DetectionBatch, Phase
from .explain import Fact, clears, sentence
from .kernels.emission import DRILL, FIRST, LAST, LATE, PHASE, ROW, STATE, STEP, TIMELINES
from .recipes.kinds import Rule

SCORES = (0.4, 0.6, 0.8, 0.95)
"""How sure a rule at each level is taken to be, where the sensor tells no score of its own."""


@dataclass(frozen=True, slots=True)
class RuleDetection:
    """One transition: who, what, when, and the numbers behind it."""

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
    dims: dict[str, Any] = field(default_factory=dict)
    own_hazard: str = ""
    behind: int = 0

    @property
    def hazard(self) -> str:
        """The hazard it speaks of: its own, or the rule's."""
        return self.own_hazard or self.rule.hazard


@dataclass(frozen=True, slots=True)
class Entry:
    """A kernel's entry in plain numbers."""

    row: int
    slot: int
    timeline: int
    phase: Phase
    step: int
    first_ns: int
    last_ns: int
    value: float


def entries(found: NDArray[np.int64], values: NDArray[np.float64], count: int) -> list[Entry]:
    """The first `count` entries of a kernel's tables."""
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


def assemble(findings: Sequence[RuleDetection], batch: TelemetryBatch, late_ns: int) -> DetectionBatch:
    """Detections in row order; within a row, in the order of the rules."""
    ordered = sorted(findings, key=lambda finding: finding.row)  # stable: rules keep their order
    rows = [finding.row for finding in ordered]
    arrival = batch.arrival_ns[np.array(rows, np.int64)]
    last = np.array([finding.last_ns for finding in ordered], np.int64)
    timed = np.array([finding.kind in _BY_READING for finding in ordered], np.bool_)
    on_late_timeline = np.array([finding.timeline == LATE for finding in ordered], np.bool_)
    return DetectionBatch(
        sensor=np.array([finding.sensor for finding in ordered], np.int32),
        metric=np.array([finding.metric for finding in ordered], np.int16),
        phase=np.array([finding.phase for finding in ordered], np.int8),
        level=np.array([finding.level for finding in ordered], np.int8),
        first_ns=np.array([finding.first_ns for finding in ordered], np.int64),
        last_ns=last,
        gateway_ns=np.array([_gateway_ns(batch, row) for row in rows], np.int64),
        arrival_ns=arrival,
        decided_ns=arrival.copy(),
        score=np.array([_score(finding) for finding in ordered], np.float64),
        late=on_late_timeline | (timed & (arrival - last > late_ns)),
        drill=np.array([finding.timeline == DRILL for finding in ordered], np.bool_),
        rule=[finding.rule.name for finding in ordered],
        detector=[finding.kind for finding in ordered],
        hazard=[finding.hazard for finding in ordered],
        evidence=[_evidence(finding) for finding in ordered],
    )


_BY_READING = frozenset(("threshold", "rise", "stuck"))


def _gateway_ns(batch: TelemetryBatch, row: int) -> int:
    return int(batch.attributes.get(row, {}).get("gateway_ns", 0) or 0)


def _score(finding: RuleDetection) -> float:
    return SCORES[finding.level] if finding.score is None else min(1.0, max(0.0, finding.score))


def _evidence(finding: RuleDetection) -> dict[str, Any]:
    metric = METRIC_BY_CODE[finding.metric]
    fact = Fact(
        kind=finding.kind,
        hazard=finding.hazard,
        metric=metric.name,
        unit=metric.unit,
        over=finding.phase is Phase.CLEAR,
        value=finding.value,
        limit=finding.limit,
        window_s=finding.window_s,
        clear_limit=finding.clear_limit,
        clear_s=finding.clear_s,
        falling=bool(getattr(finding.rule, "falling", False)),
        lasted_s=max(0.0, (finding.last_ns - finding.first_ns) / 1e9),
        behind=finding.behind,
        dims=finding.dims,
    )
    evidence: dict[str, Any] = {
        "window_s": finding.window_s,
        "limit": finding.limit,
        "value": finding.value,
        "unit": metric.unit,
        "text": sentence(fact),
        "clears": clears(fact),
    }
    if finding.timeline == LATE:
        evidence["timeline"] = "late"  # a clear here leaves live detections open
    return {**evidence, "dims": finding.dims} if finding.dims else evidence
