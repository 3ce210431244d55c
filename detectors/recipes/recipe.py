"""Recipes: the rules as data, read from TOML, every fault told at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from annotated_types import Interval

from detectors.detection import HAZARDS
from detectors.errors import RecipeError
from ingest import KINDS, METRIC_BY_NAME

from .cells import BatteryTypes, load_battery_types
from .kinds import STEPS, TYPES, Battery, LevelRule, Rule

DEFAULT = files("detectors") / "recipes" / "campus.toml"
_TOP = ("recipe", "late_s", "rule")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Rules in the order of their detections within a row.

    late_s: a reading that arrives later than this after its event is late; cells: battery types for rules of type
    battery.
    """

    name: str
    rules: tuple[Rule, ...]
    late_s: float = 600.0
    cells: BatteryTypes = field(default_factory=load_battery_types)


def load_recipe(path: Path | str | None = None) -> Recipe:
    """The recipe in that file, or the campus recipe that comes with the product, with its cells. Raises RecipeError."""
    try:
        text = DEFAULT.read_text(encoding="utf-8") if path is None else Path(path).read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise RecipeError([f"{path or DEFAULT}: {error.strerror}"]) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError([f"{path or DEFAULT}: {error}"]) from error
    return replace(read_recipe(table), cells=load_battery_types())


def read_recipe(table: Mapping[str, Any]) -> Recipe:
    """The recipe that a parsed TOML table describes. Raises RecipeError with every fault."""
    faults = [f"{key}: unknown key; allowed are {', '.join(_TOP)}" for key in table if key not in _TOP]
    late_s = table.get("late_s", 600.0)
    if not isinstance(late_s, int | float) or isinstance(late_s, bool) or late_s <= 0:
        faults.append(f"late_s = {late_s!r}: allowed is a number of seconds above 0")
    entries = table.get("rule", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RecipeError([*faults, "rule: allowed are [[rule]] tables"])
    rules = [_read_rule(number, entry, faults) for number, entry in enumerate(entries, 1)]
    names = [entry.get("name") for entry in entries]
    faults += [f"rule {name}: the name is used twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    if faults:
        raise RecipeError(faults)
    return Recipe(str(table.get("recipe", "")), tuple(rule for rule in rules if rule), float(late_s))


def _read_rule(number: int, entry: Mapping[str, Any], faults: list[str]) -> Rule | None:
    where = f"rule {entry.get('name', number)}"
    cls = TYPES.get(str(entry.get("type")))
    if cls is None:
        faults.append(f"{where}.type = {entry.get('type')!r}: allowed are {', '.join(TYPES)}")
        return None
    hints = get_type_hints(cls, include_extras=True)
    own = [
        f"{where}.{key}: unknown key; allowed are {', '.join(hints)}" for key in entry if key not in {*hints, "type"}
    ]
    values = {}
    for part in fields(cls):
        if part.name in entry:
            try:
                values[part.name] = msgspec.convert(entry[part.name], hints[part.name])
            except msgspec.ValidationError as error:
                own.append(f"{where}.{part.name} = {entry[part.name]!r}: {error}")
            else:
                own += _out_of_bounds(f"{where}.{part.name}", values[part.name], hints[part.name])
        elif part.default is MISSING:
            own.append(f"{where}.{part.name}: missing")
    faults += own
    if own:
        return None
    rule = cls(**values)
    faults += [f"{where}.{fault}" for fault in _misfits(rule)]
    return rule


def _out_of_bounds(where: str, value: Any, hint: Any) -> Iterator[str]:
    """Faults of a value against the Interval in its hint, elements of tuples one by one."""
    inner, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if isinstance(value, tuple):
        for element in value:
            yield from _out_of_bounds(where, element, get_args(inner)[0])
        return
    for note in notes:
        if isinstance(note, Interval):
            low, high = note.ge, note.le
            if not ((low is None or value >= low) and (high is None or value <= high)):
                yield f"{where} = {value!r}: allowed is {low} to {'any' if high is None else high}"


def _misfits(rule: Rule) -> Iterator[str]:
    """Faults that need more than one field."""
    if rule.hazard not in HAZARDS:
        yield f"hazard = {rule.hazard!r}: allowed are {', '.join(HAZARDS)}"
    for kind in rule.kinds:
        if kind not in KINDS:
            yield f"kinds = {kind!r}: allowed are {', '.join(KINDS)}"
    yield from _unknown_metrics(rule)
    if not 1 <= len(rule.levels) <= STEPS:
        yield f"levels: allowed are 1 to {STEPS} of them"
    if list(rule.levels) != sorted(rule.levels):
        yield "levels: allowed are levels that do not fall"
    if isinstance(rule, LevelRule):
        yield from _uneven(rule)
    if isinstance(rule, Battery):
        within = list(rule.within_days)
        if len(within) != len(rule.levels) or within != sorted(within, reverse=True):
            yield "within_days: allowed is one number of days for each level, falling"
    after_s = getattr(rule, "after_s", None)
    if after_s is not None and (len(after_s) != len(rule.levels) or list(after_s) != sorted(after_s)):
        yield "after_s: allowed is one span for each level, rising"


def _unknown_metrics(rule: Rule) -> Iterator[str]:
    metric, unless = getattr(rule, "metric", None), getattr(rule, "unless", ())
    named = [("unless", name) for name in unless] + ([] if metric is None else [("metric", metric)])
    for key, name in named:
        if name not in METRIC_BY_NAME:
            yield f"{key} = {name!r}: allowed are {', '.join(METRIC_BY_NAME)}"


def _uneven(rule: LevelRule) -> Iterator[str]:
    for key in ("limits", "durations_s", "counts"):
        given = getattr(rule, key)
        if given and len(given) != len(rule.levels):
            yield f"{key}: allowed is one for each level ({len(rule.levels)})"
    rising = sorted(rule.limits, reverse=getattr(rule, "falling", False))
    if list(rule.limits) != rising or len(set(rule.limits)) != len(rule.limits):
        yield "limits: allowed are limits that grow with the level's danger"
    if not rule.limits and not getattr(rule, "sensor_limits", False):
        yield "limits: missing"
