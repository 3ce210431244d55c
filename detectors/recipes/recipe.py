"""Recipes: rules as data, read from TOML."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Interval

from detectors.detection import HAZARDS
from detectors.errors import ModelError, RecipeError
from ingest import KINDS, METRIC_NAME, TableReader, load_toml

from .batteries import BatteryTypes, load_battery_types
from .fusion import Fusion, fusion_faults
from .kinds import STEPS, Battery, LevelRule, Rule, Threshold
from .overrides import SUFFIX, Override, located, read_overrides, with_changed
from .plugins import rule_type, type_names
from .trained import Trained, load_model

DEFAULT = files("detectors") / "recipes" / "campus.toml"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Rules in the order of their detections within a row.

    late_s: a reading that arrives later than this after its event is late; battery_types: for rules of type battery.
    digest: `recipe_digest` of the recipe that this one is a part of, "" for a whole one. version: of the file;
    overrides: those of the site.
    """

    name: str
    rules: tuple[Rule, ...]
    late_s: float = 600.0
    battery_types: BatteryTypes = field(default_factory=load_battery_types)
    digest: str = ""
    version: int = 0
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class _Top:
    recipe: str = ""
    version: Annotated[int, Interval(ge=0)] = 0
    late_s: Annotated[float, Interval(gt=0)] = 600.0


def load_recipe(path: Path | str | None = None, *, overrides: Path | None = None) -> Recipe:
    """Return the recipe of a file, or the shipped campus recipe, with the shipped battery types.

    overrides: file of the site; its changed rules are further rules of the recipe (see `settled`). Raises
    RecipeError with all errors.
    """
    file = DEFAULT if path is None else Path(path)
    table = load_toml(file, RecipeError)
    given, faults = list[Override](), list[str]()
    if overrides is not None:
        given, faults = read_overrides(overrides)
        table, unknown = with_changed(table, given, overrides)
        faults += unknown
    try:
        recipe = read_recipe(table, source=str(file))
        rules = _with_models(recipe, file)
    except RecipeError as error:
        faults += located(error.faults, str(file), given, str(overrides or file))
    if faults:
        raise RecipeError(faults)
    return replace(recipe, rules=rules, battery_types=load_battery_types(), overrides=tuple(given))


def settled(recipe: Recipe, *, pages: Callable[[Rule], bool], proven: Callable[[Rule], bool]) -> Recipe:
    """Return the recipe as it runs: a changed rule with a score sheet, or of a rule without pages, replaces its rule.

    pages: whether the gate lets a rule page; proven: whether it does so by a score sheet. A changed state of a device
    has none: both rules run.
    """
    known = {rule.name: rule for rule in recipe.rules}
    gone = set()
    for name in {one.rule for one in recipe.overrides}:
        rule, changed = known[name], known[name + SUFFIX]
        silent = not (pages(rule) and set(rule.levels) & set(rule.pages))
        if silent or proven(changed):
            gone.add(name)
    return replace(recipe, rules=tuple(rule for rule in recipe.rules if rule.name not in gone))


def _with_models(recipe: Recipe, file: Any) -> tuple[Rule, ...]:
    """Return the rules with their trained models, whose files are beside the recipe. Raises RecipeError."""
    folder, faults, rules = Path(str(file)).parent, [], []
    for rule in recipe.rules:
        try:
            found = replace(rule, loaded=load_model(folder / rule.model)) if isinstance(rule, Trained) else rule
        except ModelError as error:
            faults.append(f"{file}: rule {rule.name}.model: {error}")
        else:
            rules.append(found)
    if faults:
        raise RecipeError(faults)
    return tuple(rules)


def read_recipe(table: Mapping[str, Any], *, source: str = "") -> Recipe:
    """Return the recipe of a parsed table; source: its file. Raises RecipeError with all errors."""
    reader = TableReader(table, RecipeError, source=source)
    top = reader.record(_Top, table, "", also=("rule",)) or _Top()
    entries = reader.entries("rule")
    rules = [_read_rule(reader, number, entry) for number, entry in enumerate(entries, 1)]
    reader.unique("rule", ([entry.get("name")] for entry in entries), "name")
    known = {rule.name: rule for rule in rules if rule}
    for rule in known.values():
        if isinstance(rule, Fusion):
            reader.report(*(f"rule {rule.name}.{fault}" for fault in fusion_faults(rule, known)))
    reader.report(*_mutual(known.values()))
    reader.finish()
    filled = tuple(_filled(rule, known) for rule in known.values())
    return Recipe(top.recipe, filled, top.late_s, version=top.version)


def _filled(rule: Rule, known: Mapping[str, Rule]) -> Rule:
    """Return a fusion rule with the rules that its conditions name; another rule as it is."""
    if not isinstance(rule, Fusion):
        return rule
    return replace(rule, named=tuple(known[term.rule] for term in rule.terms if term.rule))


def _mutual(rules: Iterable[Rule]) -> Iterator[str]:
    """Yield the pairs of rules of which each gives way to the metric of the other: together they score nothing."""
    levels = [rule for rule in rules if isinstance(rule, LevelRule)]
    for rule, other in itertools.combinations_with_replacement(levels, 2):
        if rule.metric in other.unless and other.metric in rule.unless:
            named = f"rule {rule.name}.unless = {other.metric!r}"
            yield f"{named}: allowed is a metric whose rule does not yield to {rule.metric}"


def _read_rule(reader: TableReader, number: int, entry: Mapping[str, Any]) -> Rule | None:
    where = f"rule {entry.get('name', number)}"
    settings = rule_type(str(entry.get("type")))
    if settings is None:
        reader.report(f"{where}.type = {entry.get('type')!r}: allowed is one of {', '.join(type_names())}")
        return None
    return reader.record(settings, entry, where, also=("type",), check=misfits)


def misfits(rule: Rule) -> Iterator[str]:
    """Yield the faults of a rule, with key and allowed values."""
    if rule.hazard not in HAZARDS:
        yield f"hazard = {rule.hazard!r}: allowed is one of {', '.join(HAZARDS)}"
    yield from _misfit_sensors(rule)
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


def _misfit_sensors(rule: Rule) -> Iterator[str]:
    for kind in rule.kinds:
        if kind not in KINDS:
            yield f"kinds = {kind!r}: allowed is one of {', '.join(KINDS)}"
    for profile in rule.profiles:
        if profile in rule.not_profiles:
            yield f"not_profiles = {profile!r}: allowed is a profile that is not in profiles"


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
