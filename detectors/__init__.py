"""Columnar telemetry -> detections: what looks dangerous, since when, how sure, why, and what would clear it."""

from .block import decode, encode
from .calendar import Calendar
from .cells import Cells, load_cells, read_cells
from .detection import HAZARDS, DetectionBatch, Detector, Phase
from .detector_set import DetectorSet, build
from .errors import DetectorError, RecipeError, StateError
from .recipe import Recipe, load_recipe, read_recipe
from .warm import warm

__all__ = [
    "HAZARDS",
    "Calendar",
    "Cells",
    "DetectionBatch",
    "Detector",
    "DetectorError",
    "DetectorSet",
    "Phase",
    "Recipe",
    "RecipeError",
    "StateError",
    "build",
    "decode",
    "encode",
    "load_cells",
    "load_recipe",
    "read_cells",
    "read_recipe",
    "warm",
]
