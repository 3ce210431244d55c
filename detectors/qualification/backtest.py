"""Backtest: rules over stored readings, with their detections, pages and speed.

Silence rules are left out: the store has no arrivals. Between the readings, one clock reading a minute ends the timers,
as the service's ticks do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from detectors.calendar import Calendar
from detectors.detection import DetectionBatch, Phase
from detectors.detector_set import DetectorSet, build, part_of
from detectors.plan import Plan
from detectors.proof.gate import Gate
from detectors.recipes.kinds import Silence
from detectors.recipes.recipe import Recipe
from ingest import COLUMNS, METRIC_BY_NAME, SERVICE_SITE, Catalog, TelemetryBatch, concat, from_columns

TICK_NS = 60_000_000_000
BATCH_ROWS = 65_536


class Raised(NamedTuple):
    """A raise or a rise of one rule. page: asked for by the rule, whether or not the gate lets it."""

    rule: str
    sensor: int
    metric: int
    level: int
    page: bool
    first_ns: int
    decided_ns: int


@dataclass(slots=True)
class Backtest:
    """Result of a run. seconds: of the detectors alone; elapsed_s: with the reads of the store."""

    readings: int = 0
    seconds: float = 0.0
    elapsed_s: float = 0.0
    raised: list[Raised] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Readings per second through the detectors."""
        return self.readings / self.seconds if self.seconds else 0.0

    @property
    def total_rate(self) -> float:
        """Readings per second from store to result."""
        return self.readings / self.elapsed_s if self.elapsed_s else 0.0

    def joined(self, other: Backtest) -> Backtest:
        """Return both results of runs that went side by side."""
        return Backtest(
            self.readings + other.readings,
            self.seconds + other.seconds,
            max(self.elapsed_s, other.elapsed_s),
            sorted([*self.raised, *other.raised], key=lambda one: (one.decided_ns, one.rule, one.sensor)),
        )


def scored_rules(recipe: Recipe) -> Recipe:
    """Return the rules that a backtest runs: all but the silence rules."""
    return part_of(recipe, tuple(rule for rule in recipe.rules if not isinstance(rule, Silence)))


def metric_codes(recipe: Recipe, catalog: Catalog) -> list[int] | None:
    """Return the codes of the metrics that the rules read; None if a rule reads every metric."""
    names: set[str] = set()
    for rule in recipe.rules:
        if not rule.reads:
            return None
        names |= {*rule.reads, *getattr(rule, "unless", ())}
    known = (METRIC_BY_NAME.get(name) or catalog.learned(name) for name in names)
    return sorted(metric.code for metric in known if metric is not None)


def backtest(
    recipe: Recipe,
    catalog: Catalog,
    calendar: Calendar,
    batches: Iterable[TelemetryBatch],
    *,
    plan: Plan | None = None,
    gate: Gate | None = None,
    progress: Callable[[int, int], None] = lambda _rows, _time_ns: None,
) -> Backtest:
    """Return the raises of the rules over the readings, in order of time.

    progress: receives the number of readings so far and the time of the last one.
    """
    scored = replace(scored_rules(recipe))
    detector: DetectorSet = build(scored, catalog, calendar, plan=plan, gate=gate)
    detector.sync()
    pages = {rule.name: frozenset(rule.pages) for rule in scored.rules}
    result, levels, begun_s = Backtest(), dict[tuple[str, int, int], int](), time.perf_counter()
    clock = catalog.find(SERVICE_SITE, "clock")
    ticks = _Ticks(0 if clock is None else clock.code)
    for whole in batches:
        for at in range(0, len(whole), BATCH_ROWS):
            part = whole if len(whole) <= BATCH_ROWS else whole.select(slice(at, at + BATCH_ROWS))
            ticked = ticks.among(part) if detector.timed else part
            started_s = time.perf_counter()
            found = detector.update(ticked)
            result.seconds += time.perf_counter() - started_s
            result.readings += len(part)
            result.raised += _raised(found, pages, levels)
            progress(result.readings, int(part.time_ns[-1]))
    result.elapsed_s = time.perf_counter() - begun_s
    return result


class _Ticks:
    """Adds a clock reading for each minute between the readings of a batch."""

    def __init__(self, clock: int) -> None:
        self._clock, self._last_ns = clock, 0

    def among(self, batch: TelemetryBatch) -> TelemetryBatch:
        first_ns = (self._last_ns or int(batch.time_ns[0]) - TICK_NS) // TICK_NS * TICK_NS + TICK_NS
        last_ns = int(batch.time_ns[-1])
        first_ns = max(first_ns, last_ns - 1_500 * TICK_NS)  # a gap of days needs its last day only
        times = np.arange(first_ns, last_ns + 1, TICK_NS, dtype=np.int64)
        if not len(times):
            return batch
        self._last_ns = int(times[-1])
        filled = {"sensor": self._clock, "metric": METRIC_BY_NAME["tick"].code, "value": 1, "quality": 0}
        columns = {name: np.full(len(times), filled.get(name, 0), dtype) for name, dtype in COLUMNS}
        columns |= {"time_ns": times, "arrival_ns": times}
        both = concat([batch, from_columns(columns)])
        return both.select(np.argsort(both.time_ns, kind="stable"))


def _raised(
    found: DetectionBatch, pages: dict[str, frozenset[int]], levels: dict[tuple[str, int, int], int]
) -> Iterator[Raised]:
    for row in range(len(found)):
        rule, sensor, metric = found.rule[row], int(found.sensor[row]), int(found.metric[row])
        key, level = (rule, sensor, metric), int(found.level[row])
        if found.phase[row] == Phase.CLEAR:
            levels.pop(key, None)
            continue
        risen = level > levels.get(key, -1)
        levels[key] = level
        if risen:
            page = level in pages[rule] and not found.late[row] and not found.drill[row]
            yield Raised(rule, sensor, metric, level, page, int(found.first_ns[row]), int(found.decided_ns[row]))
