"""Detectors: columnar telemetry in, detections out, each with score, evidence and clearing condition.

The compiled kernels load with the first detector set. Recipes and detections are read without them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .block import decode, encode
from .calendar import Calendar
from .detection import HAZARDS, DetectionBatch, Detector, Phase
from .errors import DetectorError, RecipeError, ScoreInputError, StateError
from .explain import highest_words
from .recipes.batteries import BatteryTypes, load_battery_types, read_battery_types
from .recipes.limits import limit_faults
from .recipes.recipe import Recipe, load_recipe, read_recipe
from .service_clock import ServiceClock, ticks

if TYPE_CHECKING:
    from .detector_set import DetectorSet, build, offline_rules, reading_rules
    from .warming import warm

__all__ = [
    "HAZARDS",
    "BatteryTypes",
    "Calendar",
    "DetectionBatch",
    "Detector",
    "DetectorError",
    "DetectorSet",
    "Phase",
    "Recipe",
    "RecipeError",
    "ScoreInputError",
    "ServiceClock",
    "StateError",
    "build",
    "decode",
    "encode",
    "highest_words",
    "limit_faults",
    "load_battery_types",
    "load_recipe",
    "offline_rules",
    "read_battery_types",
    "read_recipe",
    "reading_rules",
    "ticks",
    "warm",
]

_LATER = {
    "DetectorSet": "detector_set",
    "build": "detector_set",
    "offline_rules": "detector_set",
    "reading_rules": "detector_set",
    "warm": "warming",
}

if not TYPE_CHECKING:  # type checkers use the imports above

    def __getattr__(name: str) -> object:
        """Load a name at its first use."""
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value = getattr(import_module(f".{_LATER[name]}", __name__), name)
        return value
