"""Faults of recipes and sensor limits that together would suppress a life-safety alarm of a device.

The packaged recipe states which alarms page: a state of life safety (smoke, heat, gas, ...) for each kind and profile
of a sensor. A recipe in its place must page for each of them, soon and without regard to other metrics. One without
any rule for such a state gets the packaged rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ingest import KINDS, METRIC_BY_NAME, Sensor

from .kinds import Rule, Threshold
from .limits import applies
from .recipe import Recipe

HAZARDS = frozenset(("fire", "gas", "flood", "emergency_call"))
LATE_S_MIN, WAIT_S_MAX, COUNT_MAX = 60.0, 60.0, 3
"""Least bound of lateness, longest duration and highest count that a state of life safety may wait for."""
OTHER = "other"
"""A profile that no recipe names."""


def safety_faults(recipe: Recipe, shipped: Recipe, sensors: Iterable[Sensor] = ()) -> Iterator[str]:
    """Yield a sentence for each alarm of the packaged recipe that this one would suppress, with the allowed values."""
    if recipe.late_s < LATE_S_MIN:
        yield f"late_s = {recipe.late_s}: allowed are {LATE_S_MIN:g} s or more; a late reading pages nobody"
    states = [rule for rule in recipe.rules if _pages_state(rule)]
    profiles = {"", OTHER, *(name for one in (recipe, shipped) for rule in one.rules for name in rule.profiles)}
    profiles |= {name for one in (recipe, shipped) for rule in one.rules for name in rule.not_profiles}
    for rule in shipped.rules:
        if not _pages_state(rule) or rule.hazard not in HAZARDS or not isinstance(rule, Threshold):
            continue
        if not any(one.reads == rule.reads for one in recipe.rules):
            continue  # see `completed`
        alike = [one for one in states if one.reads == rule.reads]
        missed = [
            f"{kind} {profile}".strip()
            for kind in KINDS
            for profile in sorted(profiles)
            if _covers(rule, kind, profile) and not any(_covers(one, kind, profile) for one in alike)
        ]
        if missed:
            shown = ", ".join(missed[:5]) + (f" and {len(missed) - 5} more" if len(missed) > 5 else "")  # noqa: PLR2004
            yield (
                f"no rule pages for {rule.metric} = 1 of sensors {shown}; allowed is a threshold with limits = [1] "
                f"whose level is in pages, within {WAIT_S_MAX:g} s and {COUNT_MAX} readings, without `unless`"
            )
    metrics = {rule.reads[0] for rule in states}
    for sensor in sensors:
        for metric, limits in sensor.limits.items():
            if metric in metrics and tuple(limits) != (1.0,):
                yield f"sensor {sensor.id}.limits.{metric} = {list(limits)}: allowed is [1], the state of a device"


def completed(recipe: Recipe, shipped: Recipe) -> Recipe:
    """Return the recipe with the packaged rules for states of life safety that none of its rules reads."""
    known = {rule.reads for rule in recipe.rules}
    names = {rule.name for rule in recipe.rules}
    missing = [
        rule
        for rule in shipped.rules
        if _pages_state(rule) and rule.hazard in HAZARDS and rule.reads not in known and rule.name not in names
    ]
    return replace(recipe, rules=(*recipe.rules, *missing)) if missing else recipe


def _pages_state(rule: Rule) -> bool:
    """Return whether the rule pages soon for a boolean that its device has decided, without regard to other metrics."""
    if type(rule) is not Threshold or rule.falling or rule.above_low or rule.unless:
        return False
    metric = METRIC_BY_NAME.get(rule.metric)
    if metric is None or metric.unit != "bool" or tuple(rule.limits) != (1.0,):
        return False
    soon = max(rule.durations_s, default=0.0) <= WAIT_S_MAX and max(rule.counts, default=1) <= COUNT_MAX
    return soon and bool(set(rule.levels) & set(rule.pages))


def _covers(rule: Rule, kind: str, profile: str) -> bool:
    return applies(rule, Sensor(0, "any", "", kind, profile=profile))
