"""Tables that users edit: campus, recipe, battery types, LoRaWAN profiles, retention classes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from alerts import AlertError, Registry, load_registry
from detectors import Calendar, DetectorError, Recipe, limit_faults, load_battery_types, load_recipe
from ingest import IngestError, RetentionClass, load_retention
from ingest.decode import LorawanTable, load_table

from .errors import ConfigError
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Tables:
    """The validated tables. recipe: with its battery types; lorawan: shipped profiles and, over them, the file's."""

    registry: Registry
    calendar: Calendar
    recipe: Recipe
    lorawan: LorawanTable
    retention: tuple[RetentionClass, ...]


def read_tables(settings: Settings) -> Tables:
    """Return the tables that the settings name, or the shipped ones. Raises ConfigError with all errors."""
    faults: list[str] = []
    with _collected(faults):
        registry = load_registry(settings.campus)
        calendar = Calendar.from_table(registry.calendar)
    with _collected(faults):
        recipe = load_recipe(settings.recipe)
    with _collected(faults):
        battery_types = load_battery_types(settings.cells)
    with _collected(faults):
        lorawan = load_table() if settings.lorawan is None else load_table().extended(load_table(settings.lorawan))
    with _collected(faults):
        retention = load_retention(settings.store.retention)
    if not faults:
        faults += [f"{settings.campus}: {fault}" for fault in limit_faults(recipe, registry.sensors)]
    if faults:
        raise ConfigError(faults)
    return Tables(registry, calendar, replace(recipe, battery_types=battery_types), lorawan, retention)


@contextlib.contextmanager
def _collected(faults: list[str]) -> Iterator[None]:
    """Append the lines of a package's error; each line starts with the file's name."""
    try:
        yield
    except (AlertError, DetectorError, IngestError) as error:
        faults += str(error).splitlines()
