"""Readings of bank scenarios with detections and truth, for the score sheets of rules.

The messages pass the intake as in the service; hazards and pages are left out, which take most of the time of a play.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence

from alerts import read_registry
from detectors import Calendar, DetectionBatch, DetectorSet, Recipe, build
from detectors.qualification.meter import MeasuredRun, TruthSpan, measure
from detectors.recipes.kinds import Rule
from ingest import BatchSettings, Catalog, Intake, TelemetryBatch
from ingest.decode import FOREIGN, decoders
from simulators import World, build_campus, campus_toml, load_scenario, plan

from .play import DAY_S, MS_NS, affected, rounds, steps

COMMON = ("S1", "S2", "S4", "S11", "S12", "S13", "S14", "S15", "S16", "S25")
"""Short scenarios that every rule is measured on."""
HAZARD_OF = {"loitering": "intrusion", "ebike_charging": "ebike_in_building"}
"""Kind of the bank's truth -> hazard of the recipe, where they differ."""
SPECIAL = ("S3", "S17", "S18", "S19", "S20", "S21", "S22", "S23")
"""Further scenarios, for rules of their hazards."""


def scenarios_of(rules: Sequence[Rule]) -> list[tuple[str, int]]:
    """Return scenarios and seeds for sheets of these rules: three seeds with a danger of theirs, one seed otherwise."""
    wanted, found = {rule.hazard for rule in rules}, list[tuple[str, int]]()
    campus = build_campus(seed=1)
    for name in (*COMMON, *SPECIAL):
        truths = plan(load_scenario(name), campus).truths()
        kinds = {kind for truth in truths if not truth.must_not_page for kind in _alike(truth.kind)}
        if wanted & kinds:
            found += [(name, 1), (name, 2), (name, 3)]
        elif name in COMMON:
            found.append((name, 1))
    return found


def measured(scenario: str, seed: int, rules: Sequence[Rule]) -> MeasuredRun:
    """Return the figures of the rules in one scenario; blocks for seconds to minutes. Raises SimulatorError."""
    run = Run(scenario, seed, Recipe("sheets", tuple(rules)))
    return measure(run.name, rules, run.catalog, run.batches(), run.truths())


class Run:
    """One scenario and seed, scored by all rules of a recipe."""

    def __init__(self, scenario: str, seed: int, recipe: Recipe) -> None:
        """Raises ScenarioInvalid."""
        campus = build_campus(seed=seed)
        world = plan(load_scenario(scenario), campus)
        if world.scenario.duration_s > DAY_S and world.effects:
            campus = affected(world)
            world = plan(world.scenario, campus)
        self._world: World = world
        registry = read_registry(tomllib.loads(campus_toml(campus)))
        self.name = f"{scenario} seed {seed}"
        self.catalog = Catalog(registry.sensors)
        self._detector: DetectorSet = build(recipe, self.catalog, Calendar.from_table(registry.calendar))
        self._intake = Intake(self.catalog, decoders(FOREIGN), batch=BatchSettings(age_s=10))

    def batches(self) -> Iterator[tuple[TelemetryBatch, DetectionBatch]]:
        """Yield the readings with their detections, in order."""
        _, tick_ms, together_ms = steps(self._world)
        ticked_ms = self._world.span_ms[0]
        for due, end_ms in rounds(self._world):
            at = 0
            for moment_ms in (*range(ticked_ms + tick_ms, end_ms, tick_ms), end_ms):
                while at < len(due) and due[at][0] < moment_ms:
                    first, until_ms = at, due[at][0] + together_ms
                    while at < len(due) and due[at][0] <= until_ms and due[at][0] < moment_ms:
                        at += 1
                    self._intake.accept([frame for _, frame in due[first:at]], due[at - 1][0] * MS_NS)
                self._intake.tick(moment_ms * MS_NS)
                ticked_ms = moment_ms
            sealed = self._intake.seal()
            if sealed is not None:
                yield sealed.batch, self._detector.update(sealed.batch)

    def truths(self) -> Sequence[TruthSpan]:
        """Return the truth windows with the hazard kinds of their cause."""
        return [
            TruthSpan(
                _alike(truth.kind),
                frozenset(truth.affected_devices),
                truth.onset_ms * MS_NS,
                truth.end_ms * MS_NS,
                truth.detectable_from_ms * MS_NS,
                None if truth.harm_at_ms is None else truth.harm_at_ms * MS_NS,
                truth.must_not_page,
                truth.drill,
            )
            for truth in self._world.truths()
        ]


def _alike(kind: str) -> frozenset[str]:
    """Return the kind and the hazard of a recipe that finds it, where that has another name."""
    return frozenset((kind, HAZARD_OF.get(kind, kind)))
