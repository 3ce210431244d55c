"""What people write in files of their own beside the settings: read once, every fault of every file told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from alerts import AlertError, Registry, load_registry
from detectors import Calendar, DetectorError, Recipe, load_battery_types, load_recipe
from ingest import IngestError, RetentionClass, load_retention
from ingest.decode import LorawanTable, load_table

from .errors import ConfigError
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Tables:
    """Campus file, recipe with its battery cells, LoRaWAN profiles and classes of retention, checked and whole.

    lorawan: the profiles that come along, with those of the file laid over them.
    """

    registry: Registry
    calendar: Calendar
    recipe: Recipe
    lorawan: LorawanTable
    retention: tuple[RetentionClass, ...]


def read_tables(settings: Settings) -> Tables:
    """The tables that the settings name, or those that come along. Raises ConfigError with every fault, by file."""
    faults: list[str] = []
    with _told(settings.campus, faults):
        registry = load_registry(settings.campus)
        calendar = Calendar.from_table(registry.calendar)
    with _told(settings.recipe, faults):
        recipe = load_recipe(settings.recipe)
    with _told(settings.cells, faults):
        cells = load_battery_types(settings.cells)
    with _told(settings.lorawan, faults):
        lorawan = load_table() if settings.lorawan is None else load_table().extended(load_table(settings.lorawan))
    with _told(settings.store.retention, faults):
        retention = load_retention(settings.store.retention)
    if faults:
        raise ConfigError(faults)
    return Tables(registry, calendar, replace(recipe, cells=cells), lorawan, retention)


@contextlib.contextmanager
def _told(path: Path | None, faults: list[str]) -> Iterator[None]:
    """Each sentence of an error with the file before it, where it does not name the file itself."""
    try:
        yield
    except (AlertError, DetectorError, IngestError) as error:
        shown = str(path)
        faults += [line if shown in line else f"{shown}: {line}" for line in str(error).splitlines()]
