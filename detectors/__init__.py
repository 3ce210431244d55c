"""Detectors: columnar telemetry in, detections out, each with score, evidence and clearing condition.

The compiled kernels load with the first detector set. Recipes and detections are read without them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .block import decode, encode
from .calendar import Calendar
from .detection import HAZARDS, WATCHDOG, DetectionBatch, Detector, Phase
from .errors import DetectorError, ModelError, RecipeError, ScoreInputError, SheetError, StateError
from .explain import highest_words
from .outputs import Count, Forecast, LimitForecast, Outputs, Score
from .plan import Plan, Spot
from .proof.gate import Gate, Stage, Standing, shipped_gate
from .proof.score_sheets import BOUNDS, ScoreSheet, load_sheet, load_sheets, write_sheet
from .recipes.batteries import BatteryTypes, load_battery_types, read_battery_types
from .recipes.facts import RuleFacts, rule_facts
from .recipes.limits import limit_faults
from .recipes.recipe import Recipe, load_recipe, read_recipe
from .recipes.versions import recipe_digest, release, rule_digest
from .service_clock import ServiceClock, ticks
from .wording import ended_words

if TYPE_CHECKING:
    from .detector_set import DetectorSet, build, fusion_rules, offline_rules, reading_rules
    from .warming import warm

__all__ = [
    "BOUNDS",
    "HAZARDS",
    "WATCHDOG",
    "BatteryTypes",
    "Calendar",
    "Count",
    "DetectionBatch",
    "Detector",
    "DetectorError",
    "DetectorSet",
    "Forecast",
    "Gate",
    "LimitForecast",
    "ModelError",
    "Outputs",
    "Phase",
    "Plan",
    "Recipe",
    "RecipeError",
    "RuleFacts",
    "Score",
    "ScoreInputError",
    "ScoreSheet",
    "ServiceClock",
    "SheetError",
    "Spot",
    "Stage",
    "Standing",
    "StateError",
    "build",
    "decode",
    "encode",
    "ended_words",
    "fusion_rules",
    "highest_words",
    "limit_faults",
    "load_battery_types",
    "load_recipe",
    "load_sheet",
    "load_sheets",
    "offline_rules",
    "read_battery_types",
    "read_recipe",
    "reading_rules",
    "recipe_digest",
    "release",
    "rule_digest",
    "rule_facts",
    "shipped_gate",
    "ticks",
    "warm",
    "write_sheet",
]

_LATER = {
    "DetectorSet": "detector_set",
    "build": "detector_set",
    "fusion_rules": "detector_set",
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
