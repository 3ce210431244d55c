"""Configuration of the detection at one time: recipe, calendar, declared sensors, stages of rules.

Stored in the detection log, so that a replay needs no other file. Plain data in msgpack: rules with the name of their
type, also those that a fusion rule names, and the content of a trained model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import Any

import msgspec

from detectors import Calendar, DetectorError, Gate, Plan, Recipe, Spot, Stage, Standing, release
from detectors.recipes.batteries import BatteryTypes
from detectors.recipes.kinds import Rule
from detectors.recipes.plugins import rule_type, type_names
from detectors.recipes.trained import Model
from ingest import Sensor
from twinward.errors import InputError

NO_PLAN = Plan()


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that decides detections besides the readings. recipe: the part of one lane; version: release."""

    recipe: Recipe
    calendar: Calendar
    sensors: tuple[Sensor, ...]
    standings: Mapping[str, Standing]
    version: str
    plan: Plan = NO_PLAN

    def encode(self) -> tuple[str, bytes]:
        """Return the digest and the body."""
        body = msgspec.msgpack.encode(
            {
                "version": self.version,
                "recipe": {
                    "name": self.recipe.name,
                    "late_s": self.recipe.late_s,
                    "digest": self.recipe.digest,
                    "battery_types": self.recipe.battery_types,
                    "rules": [_tagged(rule) for rule in self.recipe.rules],
                },
                "calendar": self.calendar,
                "sensors": self.sensors,
                "plan": [[site, place, spot] for (site, place), spot in sorted(self.plan.spots.items())],
                "standings": {name: self.standings[name] for name in sorted(self.standings)},
            },
            order="sorted",
        )
        return sha256(body).hexdigest()[:32], body


def present(
    recipe: Recipe,
    calendar: Calendar,
    sensors: Sequence[Sensor],
    standings: Mapping[str, Standing],
    plan: Plan = NO_PLAN,
) -> Configuration:
    """Return the configuration of this release."""
    return Configuration(recipe, calendar, tuple(sensors), standings, release(), plan)


def decode(body: bytes) -> Configuration:
    """Return the configuration of a body. Raises InputError for one of another release that cannot be read."""
    try:
        found = msgspec.msgpack.decode(body)
        recipe = found["recipe"]
        rules = tuple(_rule(name, settings) for name, settings in recipe["rules"])
        return Configuration(
            Recipe(
                recipe["name"],
                rules,
                recipe["late_s"],
                msgspec.convert(recipe["battery_types"], BatteryTypes),
                recipe["digest"],
            ),
            msgspec.convert(found["calendar"], Calendar),
            tuple(msgspec.convert(one, Sensor) for one in found["sensors"]),
            {name: msgspec.convert(one, Standing) for name, one in found["standings"].items()},
            found["version"],
            Plan({(site, place): msgspec.convert(spot, Spot) for site, place, spot in found["plan"]}),
        )
    except (KeyError, TypeError, ValueError, DetectorError, msgspec.MsgspecError) as error:
        raise InputError(f"stored configuration: {error}; allowed is one that this release can read") from error


class RecordedGate(Gate):
    """Gate of a replay: the stages that the rules had."""

    def __init__(self, standings: Mapping[str, Standing]) -> None:
        super().__init__()
        self._recorded = dict(standings)

    def standing(self, rule: Rule) -> Standing:
        """Return the recorded stage of a rule, shadow for one without."""
        return self._recorded.get(rule.name, Standing(Stage.SHADOW, False, "", "not recorded"))


def _tagged(value: Any) -> Any:
    """Return a rule as type name and settings, a model as its content, and any other setting as it is."""
    if isinstance(value, Rule):
        settings = {field.name: _tagged(getattr(value, field.name)) for field in fields(value)}
        return [next(name for name in type_names() if rule_type(name) is type(value)), settings]
    if isinstance(value, Model):
        return value.content
    if isinstance(value, tuple):
        return [_tagged(one) for one in value]
    return value


def _rule(name: str, settings: Any) -> Rule:
    """Return the rule of a type name and its settings. Raises InputError for a type that is not installed."""
    kind = rule_type(name)
    if kind is None:
        raise InputError(f"rule type {name!r} is not installed; allowed is one of {', '.join(type_names())}")
    plain = {key: value for key, value in settings.items() if key not in _FILLED}
    rule = msgspec.convert(plain, kind)
    return replace(rule, **{key: _FILLED[key](settings[key]) for key in _FILLED if settings.get(key)})


_FILLED: Mapping[str, Callable[[Any], Any]] = {
    "named": lambda given: tuple(_rule(*one) for one in given),
    "loaded": Model,
}
"""Settings that the recipe fills: the rules that a fusion rule names, the model of a trained rule."""
