"""Detector set: all rules of a recipe over the same batches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from ingest import Catalog, TelemetryBatch

from .calendar import Calendar
from .detection import WATCHDOG, DetectionBatch
from .doubts import at_arrival
from .errors import StateError
from .kernels.emission import NONE
from .makers import RuleDetector, Setting, make_detector
from .outputs import Outputs
from .plan import Plan
from .proof.gate import Gate, Standing, shipped_gate
from .recipes.fusion import Fusion
from .recipes.kinds import Rule, Silence, Threshold
from .recipes.recipe import Recipe
from .recipes.versions import recipe_digest, release
from .rule_detection import NOTHING, RuleDetection, assemble
from .rules.former import OpenDetections
from .rules.silence import SilenceDetector
from .series.routes import Routes
from .series.views import BatchView, Fleet, Table
from .snapshot import decode_snapshot, digest, encode_snapshot

WATCHDOG_RULE = Threshold(
    name=WATCHDOG, hazard=WATCHDOG, metric="watchdog", limits=(1,), hysteresis=1, clear_s=0, sensor_limits=False
)
"""Rule of the synthetic smoke head, in the service only: its detections open no hazard."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A rule, its detector, the key of its series table, the digest of its inputs, and the layout of its state."""

    rule: Rule
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
    are not scored again. The set clears detections that the former or a removed rule left open; see
    `OpenDetections`. A silence rule starts from the last messages in the state of its predecessor, or of another one.
    """

    def __init__(
        self,
        recipe: Recipe,
        catalog: Catalog,
        calendar: Calendar,
        outputs: Outputs | None = None,
        *,
        plan: Plan | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.recipe = recipe
        self._made = {"recipe": recipe_digest(recipe), "version": release()}
        self.qualify(gate or shipped_gate())
        self._fleet = Fleet(catalog)
        self._clock_ns = int(NONE)
        self._late_ns = int(recipe.late_s * 1e9)
        self._tables: dict[str, Table] = {}
        self._members: list[_Member] = []
        for rule in recipe.rules:
            metrics = rule.reads
            key, table = "+".join(metrics), self._table(metrics)
            given = Setting(table, calendar, recipe, outputs or Outputs(), plan or Plan(), self._table)
            detector = make_detector(rule, given)
            late_s = recipe.late_s if metrics else None  # assigns the rows of a table to the late timeline
            inputs = detector.inputs()
            layout = f"{type(rule).__name__} {inputs[0]}"
            self._members.append(_Member(rule, detector, key, digest(key, late_s, *inputs), layout))
        self._routes = Routes([(self._tables[member.table], member.detector) for member in self._members])
        models = {m.rule.name: getattr(m.detector, "model", "") for m in self._members}
        self._models = {name: {"model": model} for name, model in models.items() if model and isinstance(model, str)}
        self._fresh_rules = tuple(rule.name for rule in recipe.rules)
        self._open = OpenDetections()

    def _table(self, metrics: tuple[str, ...]) -> Table:
        """Return the table of these metrics, one for all rules."""
        return self._tables.setdefault("+".join(metrics), Table(metrics))

    @property
    def fresh_rules(self) -> tuple[str, ...]:
        """Names of the rules for which no state was restored, in the recipe's order."""
        return self._fresh_rules

    @property
    def timed(self) -> bool:
        """Whether a rule needs the clock between its readings."""
        return any(member.detector.timed for member in self._members)

    @property
    def standings(self) -> dict[str, Standing]:
        """Stage of each rule by its name."""
        return dict(self._standings)

    def qualify(self, gate: Gate) -> None:
        """Set the stages of the rules; the next detection has them. The state of the rules stays."""
        self._standings = {rule.name: gate.standing(rule) for rule in self.recipe.rules}
        sheets = {rule.name: gate.sheet(rule) for rule in self.recipe.rules}
        self._leads = {name: sheet.lead for name, sheet in sheets.items() if sheet and sheet.lead}

    def update(self, batch: TelemetryBatch) -> DetectionBatch:
        """Score the readings in order; called for every batch of the log, in log order."""
        batch = at_arrival(batch)
        if not len(batch):
            return NOTHING
        self._fleet.sync(batch.sensor.item() if len(batch) == 1 else int(batch.sensor.max()))
        view = BatchView(batch, self._fleet, clock_ns=self._clock_ns, late_ns=self._late_ns)
        self._clock_ns = view.clock_ns
        routed = self._routes.update(view)
        if not routed and not self._open.ending:
            return NOTHING
        found = [one for number, some in routed for one in _own(self._members[number], some)]
        ends = self._open.ends(batch, found, self._fleet, late_ns=self._late_ns, present=self._standings)
        if not found and not ends:
            return NOTHING
        self._open.follow(found)
        found = ends + found  # an end counts before the raise of the new version in the same row
        return assemble(found, batch, self._late_ns, metric_of=self._fleet.metric_of, decided=self._decided)

    def _decided(self, detection: RuleDetection) -> dict[str, Any]:
        """Return the evidence that a detector does not set itself: its right to page, lead times, the recipe."""
        rule = detection.rule
        found: dict[str, Any] = {"made": self._made | self._models.get(rule.name, {})}
        if detection.early and rule.name in self._leads and "lead" not in detection.facts:
            found["lead"] = self._leads[rule.name]
        if rule.name not in self._standings:  # the end of a removed rule
            return {"page": False} | found
        return self._standings[rule.name].evidence(pages=detection.level in rule.pages) | found

    def sync(self) -> None:
        """Read the facts of all sensors before the first batch, which else waits 1 s for those of a city."""
        self._fleet.sync(0)
        for member in self._members:
            member.detector.sync(self._fleet)
        self._routes.refresh()

    def hold(self) -> None:
        """End no detection of a changed rule in this set: the caller drops what it finds."""
        self._open.held = True

    def snapshot(self, *, without: Collection[str] = ()) -> bytes:
        """Return all state: clock, series tables, and the state of each rule with its digest.

        without: rules that a later `restore` gives no state; silence rules still inherit their last messages.
        """
        return encode_snapshot(
            {
                "clock": self._clock_ns,
                "sensors": len(self._fleet),
                "tables": {key: table.dump() for key, table in self._tables.items()},
                "rules": {
                    m.rule.name: {
                        "digest": "" if m.rule.name in without else m.digest,
                        "layout": m.layout,
                        "state": m.detector.dump(),
                    }
                    for m in self._members
                },
                "detections": self._open.dump(without),
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
        self._routes.refresh()
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
            name = member.rule.name
            saved = fields["rules"].get(name)
            if saved is None or saved["digest"] != member.digest:
                _inherit(member, fields["rules"])
                continue
            missing = {member.table, *getattr(member.detector, "tables", ())} - set(fields["tables"])
            if missing:
                raise StateError(f"state of rule {name!r} without its series tables {sorted(missing)}")
            member.detector.load(saved["state"])
            restored.add(name)
        self._open.load(fields.get("detections", {}), restored)  # snapshots of earlier versions have none
        return restored


def _own(member: _Member, found: list[RuleDetection]) -> list[RuleDetection]:
    """Return the detections of a member under its own rule, whatever rule they name."""
    if all(detection.rule is member.rule for detection in found):
        return found
    return [replace(detection, rule=member.rule) for detection in found]


def _inherit(member: _Member, saved: dict[str, Any]) -> None:
    """Pass the last messages of a saved silence rule to a new or changed one: of the same name, else of the first."""
    if not isinstance(member.detector, SilenceDetector):
        return
    fitting = {name: rule["state"] for name, rule in saved.items() if rule["layout"] == member.layout}
    if fitting:
        member.detector.inherit(fitting.get(member.rule.name, next(iter(fitting.values()))))


def build(
    recipe: Recipe,
    catalog: Catalog,
    calendar: Calendar,
    outputs: Outputs | None = None,
    *,
    plan: Plan | None = None,
    gate: Gate | None = None,
) -> DetectorSet:
    """Return the detector set of a recipe; it reads the sensors' facts from the catalogue, also later changes.

    outputs: receives scores, forecasts and counts of each batch, as far as its lists exist. plan: relates
    the sensors of neighbouring places; without it only those of one place are related. gate: decides which
    rules page; the packaged sheets without one.
    """
    return DetectorSet(recipe, catalog, calendar, outputs, plan=plan, gate=gate)


def reading_rules(recipe: Recipe) -> Recipe:
    """Return the rules that score readings of one sensor, and that of the watchdog: no silence, no fusion rules."""
    rules = tuple(rule for rule in recipe.rules if not isinstance(rule, Silence | Fusion))
    return part_of(recipe, (*rules, WATCHDOG_RULE))


def offline_rules(recipe: Recipe) -> Recipe:
    """Return the silence rules of the recipe alone: the rules that score the absence of readings."""
    return part_of(recipe, tuple(rule for rule in recipe.rules if isinstance(rule, Silence)))


def fusion_rules(recipe: Recipe) -> Recipe:
    """Return the fusion rules of the recipe alone: the rules that score several sensors together."""
    return part_of(recipe, tuple(rule for rule in recipe.rules if isinstance(rule, Fusion)))


def part_of(recipe: Recipe, rules: tuple[Rule, ...]) -> Recipe:
    """Return these rules of the recipe; records name the digest of the whole."""
    return replace(recipe, rules=rules, digest=recipe_digest(recipe))
