"""Sensors of a rule, and limits of single sensors checked against the rules that read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from ingest import Sensor

from .kinds import Rule, Threshold
from .recipe import Recipe


def applies(rule: Rule, sensor: Sensor) -> bool:
    """Return whether the rule applies to the sensor's kind and profile."""
    return (
        (not rule.kinds or sensor.kind in rule.kinds)
        and (not rule.profiles or sensor.profile in rule.profiles)
        and sensor.profile not in rule.not_profiles
    )


def limit_faults(recipe: Recipe, sensors: Iterable[Sensor]) -> Iterator[str]:
    """Yield the errors of sensors' limits: no rule reads them, wrong order, more limits than levels."""
    rules = [rule for rule in recipe.rules if isinstance(rule, Threshold) and rule.sensor_limits]
    for sensor in sensors:
        for metric, limits in sensor.limits.items():
            reading = [rule for rule in rules if rule.metric == metric and applies(rule, sensor)]
            where = f"sensor {sensor.id}.limits.{metric} = {list(limits)}"
            if not reading:
                named = sorted({rule.metric for rule in rules if applies(rule, sensor)})
                yield f"{where}: no rule reads it for this kind and profile; allowed is one of {', '.join(named)}"
            elif any(rule.falling == (low < high) for rule in reading for low, high in pairwise(limits)):
                yield f"{where}: allowed are {'falling' if reading[0].falling else 'rising'} limits"
            elif len(limits) > (most := min(len(rule.levels) for rule in reading)):
                yield f"{where}: allowed are at most {most} limits, one for each level of the rule"
