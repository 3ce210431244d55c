"""All rules of a recipe as one detector."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest import METRIC_BY_NAME, Catalog, Quality, TelemetryBatch

from .calendar import Calendar
from .detection import DetectionBatch
from .errors import StateError
from .findings import RuleDetection, assemble
from .kernels.emission import NONE
from .recipes.kinds import TYPES, Battery, LevelRule, Rule, Silence, Stuck
from .recipes.recipe import Recipe
from .rules.battery import METRICS as BATTERY_METRICS
from .rules.battery import BatteryDetector
from .rules.episodes import EpisodeDetector, EpisodeRule, metrics_of
from .rules.levels import SECOND_NS, LevelDetector
from .rules.series import BatchView, Fleet, Part, Table
from .rules.silence import SilenceDetector

VERSION = 5
BACKLOG = METRIC_BY_NAME["backlog"].code


class RuleDetector(Protocol):
    """One rule at work. `judge` is called for every batch, with the rows of the rule's metrics if there are any."""

    @property
    def rule(self) -> Rule:
        """What it goes by."""
        ...

    def judge(self, frame: BatchView, part: Part | None) -> list[RuleDetection]:
        """What changes, by row."""
        ...

    def follow(self, fleet: Fleet) -> None:
        """Take in the facts of sensors that are new or altered."""
        ...

    def dump(self) -> dict[str, Any]:
        """State for a snapshot."""
        ...

    def load(self, state: dict[str, Any]) -> None:
        """Take a snapshot's state."""
        ...


class DetectorSet:
    """A Detector that runs every rule of a recipe over the same batches; see `build`.

    Findings come in row order, within a row in the recipe's order. Rules over one metric share its series.
    """

    def __init__(self, recipe: Recipe, catalog: Catalog, calendar: Calendar) -> None:
        self.recipe = recipe
        self._fleet = Fleet(catalog)
        self._clock_ns = int(NONE)
        self._behind_ns = 0
        self._tables: dict[str, Table] = {}
        self._judges: list[tuple[RuleDetector, str]] = []
        for rule in recipe.rules:
            metrics = _metrics(rule)
            key = "+".join(metrics)
            table = self._tables.setdefault(key, Table(metrics))
            self._judges.append((_judge(rule, table, calendar, recipe), key))

    def update(self, batch: TelemetryBatch) -> DetectionBatch:
        """Judge the readings in order; called for every batch of the log, in log order."""
        return self._judge(batch, own=True)

    def overhear(self, batch: TelemetryBatch) -> DetectionBatch:
        """Readings that another set judges: here they are signs of life and move the clock, and nothing else."""
        return self._judge(batch, own=False)

    def _judge(self, batch: TelemetryBatch, *, own: bool) -> DetectionBatch:
        batch = _news(batch)
        late_ns = int(self.recipe.late_s * 1e9)
        if not len(batch):
            return assemble([], batch, late_ns)
        self._fleet.sync(int(batch.sensor.max()))
        behind_ns = 0 if own else self._lag(batch)
        frame = BatchView(batch, self._fleet, clock_ns=self._clock_ns, late_ns=late_ns, behind_ns=behind_ns)
        self._clock_ns = int(frame.clock[-1])
        parts = {key: table.part(frame) if own else None for key, table in self._tables.items()}
        findings = [finding for judge, key in self._judges for finding in judge.judge(frame, parts[key])]
        return assemble(findings, batch, late_ns)

    def _lag(self, batch: TelemetryBatch) -> NDArray[np.int64] | int:
        """By how much the readings judged here lag behind each overheard row: comfort readings may wait in the log."""
        told = np.flatnonzero(batch.metric == BACKLOG)
        before_ns = self._behind_ns
        if not len(told):
            return before_ns
        behind_ns = np.concatenate([[before_ns], (batch.value[told] * SECOND_NS).astype(np.int64)])
        self._behind_ns = int(behind_ns[-1])
        lags: NDArray[np.int64] = behind_ns[np.searchsorted(told, np.arange(len(batch)), side="right")]
        return lags

    def meet(self) -> None:
        """Take in the facts of all sensors ahead of the first batch, which would wait a second for a city's."""
        self._fleet.sync(0)
        for judge, _ in self._judges:
            judge.follow(self._fleet)

    def snapshot(self) -> bytes:
        """All state, with the version and the recipe that it belongs to."""
        state = {
            "version": VERSION,
            "recipe": self.recipe.digest,
            "clock": self._clock_ns,
            "behind": self._behind_ns,
            "sensors": len(self._fleet),
            "tables": {key: table.dump() for key, table in self._tables.items()},
            "judges": {judge.rule.name: judge.dump() for judge, _ in self._judges},
        }
        return msgspec.msgpack.encode(state)

    def restore(self, state: bytes) -> None:
        """Take state back. Raises StateError (a ValueError) when it is of another version or recipe, or damaged."""
        try:
            fields = msgspec.msgpack.decode(state, type=dict[str, Any])
            if fields["version"] != VERSION or fields["recipe"] != self.recipe.digest:
                raise StateError("the snapshot is of another version or another recipe")
            self._clock_ns, self._behind_ns = fields["clock"], fields["behind"]
            if fields["sensors"]:  # none: nothing was judged yet
                self._fleet.sync(fields["sensors"] - 1)
            for key, table in self._tables.items():
                table.load(fields["tables"][key], fields["sensors"])
            for judge, _ in self._judges:
                judge.load(fields["judges"][judge.rule.name])
        except (msgspec.DecodeError, KeyError, TypeError, IndexError, ValueError) as error:
            raise StateError(f"snapshot: {error}") from error


def build(recipe: Recipe, catalog: Catalog, calendar: Calendar) -> DetectorSet:
    """The detector of a recipe; sensors' facts are read from the catalogue and followed as they change."""
    return DetectorSet(recipe, catalog, calendar)


def urgent(recipe: Recipe) -> Recipe:
    """The rules for a set of its own over urgent readings: all but silence, which whoever overhears them judges."""
    return replace(recipe, rules=tuple(rule for rule in recipe.rules if not isinstance(rule, Silence)))


def _news(batch: TelemetryBatch) -> TelemetryBatch:
    """The batch without what the broker kept: no rule sees it, so that it moves no timer, clock or silence either."""
    kept = batch.quality == Quality.RETAINED
    return batch.select(np.flatnonzero(~kept)) if kept.any() else batch


def _metrics(rule: Rule) -> tuple[str, ...]:
    if isinstance(rule, EpisodeRule):
        return metrics_of(rule)
    if isinstance(rule, Battery):
        return BATTERY_METRICS
    return (rule.metric,) if isinstance(rule, LevelRule | Stuck) else ()


def _judge(rule: Rule, table: Table, calendar: Calendar, recipe: Recipe) -> RuleDetector:
    if isinstance(rule, LevelRule | Stuck):
        return LevelDetector(rule, table)
    if isinstance(rule, Silence):
        return SilenceDetector(rule)
    if isinstance(rule, Battery):
        return BatteryDetector(rule, table, recipe.cells)
    if isinstance(rule, EpisodeRule):
        kind = next(name for name, cls in TYPES.items() if isinstance(rule, cls))
        return EpisodeDetector(rule, table, calendar, kind)
    raise TypeError(f"no judge for rules of type {type(rule).__name__}")
