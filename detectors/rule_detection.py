"""Detection of one rule, and its assembly into the rows of a DetectionBatch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest import METRIC_BY_CODE, Metric, TelemetryBatch, empty_batch

from .detection import DetectionBatch, Phase
from .doubts import with_doubt
from .explain import clears, sentence
from .explanation.changes import Cause, change_words, whole_words
from .explanation.own_changes import own_change
from .kernels.emission import DRILL, FIRST, LAST, LATE, PHASE, ROW, STATE, STEP, TIMELINES
from .phrases.fact import Fact
from .recipes.kinds import Rule

EARLY_MAX = 1
"""Highest level of an early finding."""
SCORES = (0.4, 0.6, 0.8, 0.95)
"""Score of each level, for detections without a score of the sensor."""


@dataclass(frozen=True, slots=True)
class RuleDetection:
    """One raise, change or clear of a rule: sensor, metric, times, and the values of its evidence.

    highest: highest value since it was raised, the lowest one of a falling rule, and its event time in ns.
    text, clears: own sentences (zh, en); without them, those of `explain` for its kind. facts: further evidence as
    plain data: "band" ([low, high], normal range), "forecast" ({"limit", "issued_ns", "low_ns", "at_ns", "high_ns",
    "share", "held", "of"}: time to a limit, and how many past intervals held), "change" ({"zh", "en"}: the smallest
    change that would have prevented it), "sensors" (ids that agree), "belief" (probability).
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
    text: tuple[str, str] | None = None
    clears: tuple[str, str] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def early(self) -> bool:
        """Whether it is an early finding: below the alarm level, and not its end."""
        return self.level <= EARLY_MAX and self.phase is not Phase.CLEAR

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
    decided: Callable[[RuleDetection], dict[str, Any]] | None = None,
) -> DetectionBatch:
    """Return the detections in row order; within a row, in the order of the rules.

    decided: returns the evidence that no detector can set: page, stage, sheet, recipe, version. Without it, no page.
    """
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
        evidence=[
            _evidence(detection, metric_of(detection.metric), _doubt(batch, detection))
            | (decided(detection) if decided else {"page": False})
            for detection in ordered
        ],
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


def words_of(detection: RuleDetection, metric: Metric) -> tuple[str, str]:
    """Return the sentence of a detection in (Chinese, English)."""
    text = _evidence(detection, metric, "")["text"]
    return text["zh"], text["en"]


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
        "text": sentence(fact) if detection.text is None else _words(detection.text),
        "clears": clears(fact) if detection.clears is None else _words(detection.clears),
        **detection.facts,
    }
    if doubt:
        evidence |= {"doubt": doubt, "text": with_doubt(evidence["text"], doubt)}
    if detection.baseline is not None:
        evidence["baseline"] = detection.baseline
    if detection.highest is not None and metric.unit != "bool":
        value, at_ns = detection.highest
        evidence["highest"] = {"value": value, "at_ns": at_ns, "falling": fact.falling}
    if not fact.over and "change" not in evidence:
        evidence |= _change(detection, metric.unit)
    if detection.timeline == LATE:
        evidence["timeline"] = "late"  # a clear here leaves live detections open
    return {**evidence, "dims": detection.dims} if detection.dims else evidence


def _change(detection: RuleDetection, unit: str) -> dict[str, Any]:
    """Return the smallest change that would have prevented the detection, as evidence; empty without one."""
    rule = detection.rule
    lift = float(getattr(rule, "above_low", 0.0))
    cause = Cause(
        detection.kind,
        unit,
        value=detection.value,
        limit=detection.limit,
        window_s=detection.window_s,
        falling=bool(getattr(rule, "falling", False)),
        least=detection.level == min(rule.levels),
        lift=lift,
        baseline=detection.baseline,
        grant_s=float(getattr(rule, "grant_s", 0.0)),
        rule=rule,
        level=detection.level,
        hazard=detection.hazard,
        facts=detection.facts,
    )
    own = own_change(cause)
    change = whole_words(own, least=cause.least) if own else change_words(cause)
    return {"change": change} if change else {}


def _words(pair: tuple[str, str]) -> dict[str, str]:
    zh, en = pair
    return {"zh": zh, "en": en}
