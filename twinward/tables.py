"""Tables that users edit: campus, recipe, overrides, battery types, LoRaWAN profiles, rosters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from alerts import AlertError, Registry, load_registry
from alerts.cameras.camera_file import Camera, load_cameras
from alerts.rosters.reader import load_rosters
from detectors import Calendar, DetectorError, Recipe, limit_faults, load_battery_types, load_recipe
from detectors.recipes.recipe import settled
from detectors.recipes.safety import completed, safety_faults
from ingest import IngestError, RetentionClass, Sensor, load_retention
from ingest.decode import LorawanTable, load_table

from .errors import ConfigError
from .heads.sheet_folder import folder_gate
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Tables:
    """The validated tables. recipe: with its battery types; lorawan: shipped profiles and, over them, the file's.

    rosters: table of each site.
    """

    registry: Registry
    calendar: Calendar
    recipe: Recipe
    lorawan: LorawanTable
    retention: tuple[RetentionClass, ...]
    rosters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cameras: tuple[Camera, ...] = ()


def read_tables(settings: Settings) -> Tables:
    """Return the tables that the settings name, or the shipped ones. Raises ConfigError with all errors."""
    faults: list[str] = []
    sensors: Sequence[Sensor] = ()
    with _collected(faults):
        registry = load_registry(settings.campus)
        calendar = Calendar.from_table(registry.calendar)
        sensors = registry.sensors
    with _collected(faults):
        recipe = read_rules(settings, sensors)
    with _collected(faults):
        lorawan = load_table() if settings.lorawan is None else load_table().extended(load_table(settings.lorawan))
    with _collected(faults):
        retention = load_retention(settings.store.retention)
    with _collected(faults):
        rosters = load_rosters(settings.rosters)
    with _collected(faults):
        cameras = load_cameras(settings.cameras)
    if faults:
        raise ConfigError(faults)
    return Tables(registry, calendar, recipe, lorawan, retention, rosters, cameras)


def read_rules(settings: Settings, sensors: Sequence[Sensor]) -> Recipe:
    """Return the recipe with the overrides of the site, as it runs. Raises ConfigError with all errors.

    sensors: their limits must fit the rules. A changed rule replaces its rule once it may page.
    """
    faults: list[str] = []
    with _collected(faults):
        recipe = load_recipe(settings.recipe, overrides=settings.overrides)
    with _collected(faults):
        battery_types = load_battery_types(settings.cells)
    if faults:
        raise ConfigError(faults)
    gate, shipped = folder_gate(settings.data_dir), load_recipe()
    recipe = settled(recipe, pages=gate.pages, proven=gate.proven)
    faults += [f"{settings.campus}: {fault}" for fault in limit_faults(recipe, sensors)]
    file = settings.overrides or settings.recipe or settings.campus
    faults += [f"{file}: {fault}" for fault in safety_faults(recipe, shipped, sensors)]
    if faults:
        raise ConfigError(faults)
    return replace(completed(recipe, shipped), battery_types=battery_types)


@contextlib.contextmanager
def _collected(faults: list[str]) -> Iterator[None]:
    """Append the lines of a package's error; each line starts with the file's name."""
    try:
        yield
    except (AlertError, ConfigError, DetectorError, IngestError) as error:
        faults += str(error).splitlines()
