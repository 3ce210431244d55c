"""Detector of each rule type. Each family of rules has its detectors in a package of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from .calendar import Calendar
from .forecast.time_to_limit import TimeToLimitDetector
from .fusion.belief import BeliefDetector
from .fusion.conditions import ConditionDetector
from .fusion.evidence import EvidenceDetector
from .fusion.gate_flow import GateFlowDetector
from .fusion.sources import Source, rule_of
from .fusion.verification import VerifyDetector
from .health.gauge import GaugeDetector
from .health.neighbours import NeighbourMeasure
from .health.zero_drift import ZeroMeasure
from .learned.counts import CountDetector
from .learned.estimators import METHODS, EstimatorDetector
from .learned.excess import ExcessDetector
from .learned.machine import ChannelDetector
from .learned.occupancy import SourceMeasure
from .learned.quiet_cameras import QuietCameraDetector
from .learned.trained import TrainedDetector
from .learned.unusual import UnusualDetector
from .outputs import Outputs
from .plan import Plan
from .proof.guard import GuardedDetector
from .recipes.ageing import NeighbourDrift, ZeroDrift
from .recipes.cameras import Abandoned, Charging, Loiter, QuietCamera
from .recipes.fires import FireEvidence
from .recipes.forecasting import TimeToLimit
from .recipes.fusion import Belief, Condition, Fusion, Verify
from .recipes.gauges import GaugeFault
from .recipes.general import Excess, Unusual
from .recipes.kinds import (
    AfterHours,
    Battery,
    CameraObject,
    Forced,
    Invalid,
    LastingState,
    Rise,
    Rule,
    Silence,
    Stuck,
    Threshold,
)
from .recipes.machines import ChangePoint, Group
from .recipes.mains import Burst, SlowLeak
from .recipes.plugins import FOREIGN
from .recipes.recipe import Recipe
from .recipes.rooms import Occupancy
from .recipes.traffic import CardUse, Crowd, GateFlow, Tailgating, UnusualCount
from .recipes.trained import Trained
from .rule_detection import RuleDetection
from .rules.battery import BatteryDetector
from .rules.cards import CardUseDetector
from .rules.charging import ChargingDetector
from .rules.crowd import CrowdDetector
from .rules.episodes import EpisodeDetector
from .rules.invalid import InvalidDetector
from .rules.levels import LevelDetector
from .rules.mains import BurstMeasure, NightMeasure
from .rules.neighbours import NeighbourDetector
from .rules.objects import ObjectDetector
from .rules.silence import SilenceDetector
from .rules.tailgating import TailgatingDetector
from .series.views import BatchView, Fleet, Part, Table


class RuleDetector(Protocol):
    """Detector of one rule.

    timed: whether a batch without rows of its metrics may change it; it then sees such a batch once the clock has
    reached due_ns. beside: further metrics that it reads. One that selects readings in another way is `Selective`.

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
class Setting:
    """Inputs of a detector beside its rule: series, calendar, recipe, results, plan.

    shared: returns the table of some metrics, the same for all rules of a set.
    """

    table: Table
    calendar: Calendar
    recipe: Recipe
    outputs: Outputs
    plan: Plan = field(default_factory=Plan)
    shared: Callable[[tuple[str, ...]], Table] = Table


Maker = Callable[[Any, Setting], RuleDetector]


def _levels(rule: Any, given: Setting) -> RuleDetector:
    return LevelDetector(rule, given.table)


def _episodes(rule: Any, given: Setting) -> RuleDetector:
    return EpisodeDetector(rule, given.table, given.calendar)


def _objects(rule: Any, given: Setting) -> RuleDetector:
    return ObjectDetector(rule, given.table, given.calendar)


def _estimator(rule: Any, given: Setting) -> RuleDetector:
    return EstimatorDetector(rule, given.outputs)


def _sources(rule: Fusion, given: Setting) -> list[Source]:
    """Return the conditions of a fusion rule, each with a detector of its own."""
    found = []
    for number, term in enumerate(rule.terms, 1):
        inner = rule_of(rule, term, number)
        table = given.shared(inner.reads)
        found.append(Source(term, table, make_detector(inner, replace(given, table=table, outputs=Outputs()))))
    return found


def _fused(make: Callable[..., RuleDetector]) -> Maker:
    def made(rule: Any, given: Setting) -> RuleDetector:
        return make(rule, _sources(rule, given), given.plan, late_s=given.recipe.late_s)

    return made


MAKERS: Mapping[type[Rule], Maker] = {
    Threshold: _levels,
    Rise: _levels,
    Stuck: _levels,
    Silence: lambda rule, _given: SilenceDetector(rule),
    Invalid: lambda rule, _given: InvalidDetector(rule),
    Battery: lambda rule, given: BatteryDetector(rule, given.table, given.recipe.battery_types),
    LastingState: _episodes,
    Forced: _episodes,
    AfterHours: _episodes,
    CameraObject: _episodes,
    Excess: lambda rule, given: ExcessDetector(rule, given.outputs),
    Unusual: lambda rule, given: UnusualDetector(rule, given.outputs),
    Crowd: lambda rule, given: CrowdDetector(rule, given.table, given.outputs),
    Tailgating: lambda rule, given: TailgatingDetector(rule, given.table),
    CardUse: lambda rule, given: CardUseDetector(rule, given.table, given.plan),
    GateFlow: lambda rule, given: GateFlowDetector(rule, given.calendar, given.outputs),
    UnusualCount: lambda rule, given: CountDetector(rule, given.calendar),
    Occupancy: lambda rule, given: LevelDetector(rule, given.table, SourceMeasure(rule)),
    Condition: _fused(ConditionDetector),
    Verify: _fused(VerifyDetector),
    Belief: _fused(BeliefDetector),
    Loiter: _objects,
    Abandoned: _objects,
    QuietCamera: lambda rule, given: QuietCameraDetector(rule, given.table, given.calendar),
    Charging: lambda rule, given: ChargingDetector(rule, given.table, given.calendar),
    Burst: lambda rule, given: LevelDetector(rule, given.table, BurstMeasure(rule)),
    SlowLeak: lambda rule, given: LevelDetector(rule, given.table, NightMeasure(rule)),
    GaugeFault: lambda rule, given: GaugeDetector(rule, given.table),
    TimeToLimit: lambda rule, given: TimeToLimitDetector(rule, given.table, given.outputs),
    Group: lambda rule, given: ChannelDetector(rule, given.outputs),
    Trained: lambda rule, given: TrainedDetector(rule, given.outputs),
    ChangePoint: lambda rule, given: ChannelDetector(rule, given.outputs),
    ZeroDrift: lambda rule, given: LevelDetector(rule, given.table, ZeroMeasure(rule)),
    NeighbourDrift: lambda rule, given: NeighbourDetector(rule, given.table, NeighbourMeasure(rule, given.plan)),
    FireEvidence: lambda rule, given: EvidenceDetector(rule, given.table),
    **dict.fromkeys(METHODS, _estimator),
}
"""Settings of a rule -> maker of its detector."""


def make_detector(rule: Rule, given: Setting) -> RuleDetector:
    """Return the detector of a rule, guarded for a rule of a plug-in."""
    kind = type(rule)
    if kind in MAKERS:
        return MAKERS[kind](rule, given)
    for plugin in FOREIGN.values():
        if plugin.settings is kind:
            return GuardedDetector(rule, plugin.make(rule, given))
    raise TypeError(f"rule {rule.name!r}: no detector for {kind.__name__}; allowed are packaged or registered types")
