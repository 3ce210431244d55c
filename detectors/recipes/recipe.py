"""Recipes: rules as data, read from TOML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Interval

from detectors.detection import HAZARDS
from detectors.errors import RecipeError
from ingest import KINDS, METRIC_NAME, TableReader, load_toml

from .batteries import BatteryTypes, load_battery_types
from .kinds import STEPS, TYPES, Battery, LevelRule, Rule, Threshold

DEFAULT = files("detectors") / "recipes" / "campus.toml"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Rules in the order of their detections within a row.

    late_s: a reading that arrives later than this after its event is late; battery_types: for rules of type battery.
    """

    name: str
    rules: tuple[Rule, ...]
    late_s: float = 600.0
    battery_types: BatteryTypes = field(default_factory=load_battery_types)


@dataclass(frozen=True, slots=True)
class _Top:
    recipe: str = ""
    late_s: Annotated[float, Interval(gt=0)] = 600.0


def load_recipe(path: Path | str | None = None) -> Recipe:
    """Return the recipe of a file, or the shipped campus recipe, with the shipped battery types.

    Raises RecipeError with all errors.
    """
    file = DEFAULT if path is None else Path(path)
    table = load_toml(file, RecipeError)
    return replace(read_recipe(table, source=str(file)), battery_types=load_battery_types())


def read_recipe(table: Mapping[str, Any], *, source: str = "") -> Recipe:
    """Return the recipe of a parsed table; source: its file. Raises RecipeError with all errors."""
    reader = TableReader(table, RecipeError, source=source)
    top = reader.record(_Top, table, "", also=("rule",)) or _Top()
    entries = reader.entries("rule")
    rules = [_read_rule(reader, number, entry) for number, entry in enumerate(entries, 1)]
    reader.unique("rule", ([entry.get("name")] for entry in entries), "name")
    reader.finish()
    return Recipe(top.recipe, tuple(rule for rule in rules if rule), top.late_s)


def _read_rule(reader: TableReader, number: int, entry: Mapping[str, Any]) -> Rule | None:
    where = f"rule {entry.get('name', number)}"
    settings = TYPES.get(str(entry.get("type")))
    if settings is None:
        reader.report(f"{where}.type = {entry.get('type')!r}: allowed is one of {', '.join(TYPES)}")
        return None
    return reader.record(settings, entry, where, also=("type",), check=_misfits)


def _misfits(rule: Rule) -> Iterator[str]:
    """Yield the faults of a rule, with key and allowed values."""
    if rule.hazard not in HAZARDS:
        yield f"hazard = {rule.hazard!r}: allowed is one of {', '.join(HAZARDS)}"
    for kind in rule.kinds:
        if kind not in KINDS:
            yield f"kinds = {kind!r}: allowed is one of {', '.join(KINDS)}"
    yield from _misnamed_metrics(rule)
    if not 1 <= len(rule.levels) <= STEPS:
        yield f"levels: allowed are 1 to {STEPS} of them"
    if list(rule.levels) != sorted(rule.levels):
        yield "levels: allowed are ascending levels"
    if isinstance(rule, LevelRule):
        yield from _uneven(rule)
    if isinstance(rule, Battery):
        within = list(rule.within_days)
        if len(within) != len(rule.levels) or within != sorted(within, reverse=True):
            yield "within_days: allowed is one number of days per level, descending"
    after_s = getattr(rule, "after_s", None)
    if after_s is not None and (len(after_s) != len(rule.levels) or list(after_s) != sorted(after_s)):
        yield "after_s: allowed is one duration per level, ascending"


def _misnamed_metrics(rule: Rule) -> Iterator[str]:
    metric, unless = getattr(rule, "metric", None), getattr(rule, "unless", ())
    named = [("unless", name) for name in unless] + ([] if metric is None else [("metric", metric)])
    for key, name in named:
        if not METRIC_NAME.fullmatch(name):
            yield f"{key} = {name!r}: allowed are a letter, then up to 63 letters, digits and underscores"


def _uneven(rule: LevelRule) -> Iterator[str]:
    for key in ("limits", "durations_s", "counts"):
        given = getattr(rule, key)
        if given and len(given) != len(rule.levels):
            yield f"{key}: allowed is one for each level ({len(rule.levels)})"
    rising = sorted(rule.limits, reverse=isinstance(rule, Threshold) and rule.falling)
    if list(rule.limits) != rising or len(set(rule.limits)) != len(rule.limits):
        yield "limits: allowed are distinct limits in the order of the levels"
    if getattr(rule, "falling", False) and getattr(rule, "above_low", 0):
        yield "above_low: allowed is 0 for a falling rule"
    if not rule.limits and not getattr(rule, "sensor_limits", False):
        yield "limits: missing"
