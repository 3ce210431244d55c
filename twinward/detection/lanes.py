"""Assembly of the detection lanes of a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ingest import Catalog
from twinward.heads.sheet_folder import SheetFolder
from twinward.log import TelemetryLog
from twinward.log.configuration import present
from twinward.tables import Tables

from .lane import DETECT, DETECT_FUSION, DETECT_OFFLINE, DETECT_URGENT, DetectionLane

if TYPE_CHECKING:  # loaded when the lanes are made
    from detectors import DetectorSet, Recipe

    from .live_recipe import LiveRecipe


def detection_lanes(
    log: TelemetryLog,
    catalog: Catalog,
    tables: Tables,
    *,
    folder: Path | None = None,
    live: LiveRecipe | None = None,
) -> tuple[DetectionLane, ...]:
    """Return the lanes of `detect_urgent`, `detect`, `detect_offline` and `detect_fusion`, without state.

    folder: data folder of promoted sheets; without it, the packaged sheets alone. live: recipe that edits change;
    without it, that of the tables.
    """
    from detectors import build, fusion_rules, offline_rules, reading_rules  # loads the kernels

    sheets = None if folder is None else SheetFolder(folder)
    recipe: Callable[[], Recipe] = (lambda: tables.recipe) if live is None else live.recipe
    plan = tables.registry.plan()

    def setting(detector: DetectorSet) -> tuple[str, bytes]:
        return present(detector.recipe, tables.calendar, tables.registry.sensors, detector.standings, plan).encode()

    def readings() -> DetectorSet:
        return build(reading_rules(recipe()), catalog, tables.calendar)

    def offline() -> DetectorSet:
        return build(offline_rules(recipe()), catalog, tables.calendar)

    def fused() -> DetectorSet:
        return build(fusion_rules(recipe()), catalog, tables.calendar, plan=plan)

    edits: Callable[[], int] = (lambda: 0) if live is None else live.look
    return (
        DetectionLane(DETECT_URGENT, log.urgent(), readings, sheets, setting=setting, edits=edits),
        DetectionLane(DETECT, log, readings, sheets, setting=setting, edits=edits),
        DetectionLane(DETECT_OFFLINE, log, offline, sheets, setting=setting, edits=edits),
        DetectionLane(DETECT_FUSION, log, fused, sheets, setting=setting, edits=edits),
    )
