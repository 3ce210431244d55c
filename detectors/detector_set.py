"""Detector set: all rules of a recipe over the same batches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from ingest import Catalog, TelemetryBatch

from .calendar import Calendar
from .detection import DetectionBatch
from .doubts import at_arrival
from .errors import StateError
from .kernels.emission import NONE
from .recipes.kinds import TYPES, Battery, Invalid, LevelRule, Rule, Silence, Stuck
from .recipes.recipe import Recipe
from .rule_detection import NOTHING, RuleDetection, assemble
from .rules.battery import METRICS as BATTERY_METRICS
from .rules.battery import BatteryDetector
from .rules.episodes import EpisodeDetector, EpisodeRule, metrics_of
from .rules.invalid import InvalidDetector
from .rules.levels import LevelDetector
from .rules.series import BatchView, Fleet, Part, Table
from .rules.silence import SilenceDetector
from .snapshot import decode_snapshot, digest, encode_snapshot

PLANS_MAX = 4_096
"""Combinations of metrics in a batch whose rules are remembered."""


class RuleDetector(Protocol):
    """Detector of one rule.

    timed: whether a batch without rows of its metrics may change it; it then sees such a batch once the clock has
    reached due_ns. beside: further metrics that it reads.

    Must hold for every implementation: without rows of its metrics it changes only by the clock; `load(dump())` in a
    new instance with equal `inputs` continues as the old one would; `dump` is plain data for msgpack.
    """

    timed: bool
    beside: tuple[str, ...]

    @property
    def due_ns(self) -> int:
        """Event time from which the detector must see a batch without rows of its metrics."""
        ...

    @property
    def rule(self) -> Rule:
        """Settings of the rule."""
        ...

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of a batch by row; part: the rows of the rule's metrics, None without any."""
        ...

    def sync(self, fleet: Fleet) -> None:
        """Read the facts of sensors that are new or changed."""
        ...

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings: layout version, rule, and tables that it reads."""
        ...

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        ...

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot. Raises StateError, KeyError, TypeError or ValueError for a damaged one."""
        ...


@dataclass(frozen=True, slots=True)
class _Member:
    """A rule detector, the key of its series table, the digest of its inputs, and the layout of its state."""

    detector: RuleDetector
    table: str
    digest: str
    layout: str


class DetectorSet:
    """A Detector that runs every rule of a recipe over the same batches; see `build`.

    Detections come in row order, within a row in the recipe's order. Rules over one metric share its series.

    A snapshot holds the state of each rule under the digest of its inputs: settings, layout version, and as far as the
    rule reads them, the calendar, the battery types and the recipe's limit of lateness. `restore` skips rules that are
    new or have another digest. Such a rule starts without state and scores from the next batch on: readings before it
    are not scored again, and a detection that the former rule left open is not cleared by it. A silence rule starts
    from the last messages in the state of its predecessor, or of another silence rule.
    """

    def __init__(self, recipe: Recipe, catalog: Catalog, calendar: Calendar) -> None:
        self.recipe = recipe
        self._fleet = Fleet(catalog)
        self._clock_ns = int(NONE)
        self._tables: dict[str, Table] = {}
        self._members: list[_Member] = []
        self._plans: dict[tuple[int, ...], list[tuple[_Member, bool]]] = {}
        for rule in recipe.rules:
            metrics = metrics_read(rule)
            key = "+".join(metrics)
            table = self._tables.setdefault(key, Table(metrics))
            detector = _detector(rule, table, calendar, recipe)
            late_s = recipe.late_s if metrics else None  # assigns the rows of a table to the late timeline
            inputs = detector.inputs()
            layout = f"{type(rule).__name__} {inputs[0]}"
            self._members.append(_Member(detector, key, digest(key, late_s, *inputs), layout))
        self._fresh_rules = tuple(rule.name for rule in recipe.rules)

    @property
    def fresh_rules(self) -> tuple[str, ...]:
        """Names of the rules for which no state was restored, in the recipe's order."""
        return self._fresh_rules

    def update(self, batch: TelemetryBatch) -> DetectionBatch:
        """Score the readings in order; called for every batch of the log, in log order."""
        batch = at_arrival(batch)
        if not len(batch):
            return NOTHING
        late_ns = int(self.recipe.late_s * 1e9)
        self._fleet.sync(batch.sensor.item() if len(batch) == 1 else int(batch.sensor.max()))
        view = BatchView(batch, self._fleet, clock_ns=self._clock_ns, late_ns=late_ns)
        self._clock_ns = int(view.clock[-1])
        clock_ns, parts = self._clock_ns, dict[str, Part | None]()
        found: list[RuleDetection] = []
        for member, concerned in self._plan(view):
            key, detector = member.table, member.detector
            if not concerned:
                if detector.due_ns <= clock_ns:
                    found += detector.update(view, None)
                continue
            if key not in parts:
                parts[key] = self._tables[key].part(view)
            found += detector.update(view, parts[key])
        return assemble(found, batch, late_ns, metric_of=self._fleet.metric_of) if found else NOTHING

    def _plan(self, view: BatchView) -> list[tuple[_Member, bool]]:
        """Return the rules that a batch with these metrics may change, and whether it has rows for them.

        A batch of one reading concerns few of the rules; most of the others need not even see it.
        """
        present = tuple(view.metrics)
        plan = self._plans.get(present)
        if plan is None:
            if len(self._plans) >= PLANS_MAX:
                self._plans.clear()
            plan = self._plans[present] = []
            for member in self._members:
                table = self._tables[member.table]
                table.resolve(self._fleet)  # a rule may end a state without a reading since the start
                names = (*table.metrics, *member.detector.beside)
                concerned = any(self._fleet.metric_code(name) in view.metrics for name in names)
                if concerned or member.detector.timed:
                    plan.append((member, concerned))
        return plan

    def sync(self) -> None:
        """Read the facts of all sensors before the first batch, which else waits 1 s for those of a city."""
        self._fleet.sync(0)
        for member in self._members:
            member.detector.sync(self._fleet)

    def snapshot(self) -> bytes:
        """Return all state: clock, series tables, and the state of each rule with its digest."""
        return encode_snapshot(
            {
                "clock": self._clock_ns,
                "sensors": len(self._fleet),
                "tables": {key: table.dump() for key, table in self._tables.items()},
                "rules": {
                    m.detector.rule.name: {"digest": m.digest, "layout": m.layout, "state": m.detector.dump()}
                    for m in self._members
                },
            }
        )

    def restore(self, state: bytes) -> None:
        """Restore the state of every rule whose digest fits; `fresh_rules` then names the others. Needs a new set.

        Raises StateError (a ValueError) when the bytes are damaged or of another version: discard this set then.
        """
        fields = decode_snapshot(state)
        try:
            restored = self._load(fields)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise StateError(f"snapshot: {error!r}") from error
        self._fresh_rules = tuple(rule.name for rule in self.recipe.rules if rule.name not in restored)

    def _load(self, fields: dict[str, Any]) -> set[str]:
        """Load clock, tables and the states that fit; return the names of their rules."""
        self._clock_ns = fields["clock"]
        if fields["sensors"]:  # none before the first batch
            self._fleet.sync(fields["sensors"] - 1)
        for key, table in self._tables.items():
            if key in fields["tables"]:
                table.load(fields["tables"][key], fields["sensors"])
        restored = set()
        for member in self._members:
            name = member.detector.rule.name
            saved = fields["rules"].get(name)
            if saved is None or saved["digest"] != member.digest:
                _inherit(member, fields["rules"])
                continue
            if member.table not in fields["tables"]:
                raise StateError(f"state of rule {name!r} without its series table {member.table!r}")
            member.detector.load(saved["state"])
            restored.add(name)
        return restored


def _inherit(member: _Member, saved: dict[str, Any]) -> None:
    """Pass the last messages of a saved silence rule to a new or changed one: of the same name, else of the first."""
    if not isinstance(member.detector, SilenceDetector):
        return
    fitting = {name: rule["state"] for name, rule in saved.items() if rule["layout"] == member.layout}
    if fitting:
        member.detector.inherit(fitting.get(member.detector.rule.name, next(iter(fitting.values()))))


def build(recipe: Recipe, catalog: Catalog, calendar: Calendar) -> DetectorSet:
    """Return the detector set of a recipe; it reads the sensors' facts from the catalogue, also later changes."""
    return DetectorSet(recipe, catalog, calendar)


def reading_rules(recipe: Recipe) -> Recipe:
    """Return the recipe without its silence rules: every rule that scores readings."""
    return replace(recipe, rules=tuple(rule for rule in recipe.rules if not isinstance(rule, Silence)))


def offline_rules(recipe: Recipe) -> Recipe:
    """Return the silence rules of the recipe alone: the rules that score the absence of readings."""
    return replace(recipe, rules=tuple(rule for rule in recipe.rules if isinstance(rule, Silence)))


def metrics_read(rule: Rule) -> tuple[str, ...]:
    """Return the metrics of the readings that a rule scores; a silence rule scores their absence."""
    if isinstance(rule, EpisodeRule):
        return metrics_of(rule)
    if isinstance(rule, Battery):
        return BATTERY_METRICS
    return (rule.metric,) if isinstance(rule, LevelRule | Stuck) else ()


def _detector(rule: Rule, table: Table, calendar: Calendar, recipe: Recipe) -> RuleDetector:
    if isinstance(rule, LevelRule | Stuck):
        return LevelDetector(rule, table)
    if isinstance(rule, Silence):
        return SilenceDetector(rule)
    if isinstance(rule, Invalid):
        return InvalidDetector(rule)
    if isinstance(rule, Battery):
        return BatteryDetector(rule, table, recipe.battery_types)
    if isinstance(rule, EpisodeRule):
        kind = next(name for name, cls in TYPES.items() if isinstance(rule, cls))
        return EpisodeDetector(rule, table, calendar, kind)
    raise TypeError(f"no detector for rules of type {type(rule).__name__}")
