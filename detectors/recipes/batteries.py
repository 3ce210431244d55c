"""Battery types: voltages, and messages left after a low flag, read from TOML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from detectors.errors import RecipeError
from ingest import KINDS, FilledText, Sensor, TableReader, load_toml, one_of

MESSAGES_MAX = 10_000_000
VOLTS_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryType:
    """One battery type; the head of recipes/cells.toml describes its fields."""

    name: str
    low_v: float
    fresh_v: float
    dead_v: float
    messages: tuple[int, int]
    source: FilledText
    default: bool = False
    sensors: tuple[str, ...] = ()
    kinds: tuple[Annotated[str, one_of(KINDS)], ...] = ()

    def claims(self, sensor: Sensor) -> bool:
        """Return whether the table assigns this type to the sensor."""
        named = any(fnmatchcase(sensor.id, pattern) for pattern in self.sensors)
        return named or sensor.kind in self.kinds


@dataclass(frozen=True, slots=True)
class BatteryTypes:
    """Battery types in the order of their tables; exactly one is the default."""

    rows: tuple[BatteryType, ...]

    def of(self, sensor: Sensor) -> BatteryType:
        """Return the type of a sensor: the last that claims it, else the default.

        >>> load_battery_types().of(Sensor(0, "smoke-1", "s", "smoke")).messages
        (4000, 8000)
        """
        default = next(each for each in self.rows if each.default)
        return next((each for each in reversed(self.rows) if each.claims(sensor)), default)


@cache
def load_battery_types(path: Path | None = None) -> BatteryTypes:
    """Return the shipped battery types, with those of the file laid over them. Raises RecipeError with all errors."""
    file = files("detectors") / "recipes" / "cells.toml"
    shipped = read_battery_types(load_toml(file, RecipeError), source=str(file))
    if path is None:
        return shipped
    return read_battery_types(load_toml(path, RecipeError), over=shipped, source=str(path))


def read_battery_types(table: Mapping[str, Any], *, over: BatteryTypes | None = None, source: str = "") -> BatteryTypes:
    """Return the types of a parsed table, laid over others if given. Raises RecipeError with all errors."""
    reader = TableReader(table, RecipeError, source=source)
    reader.expect("cell")
    types = reader.rows("cell", BatteryType, check=_misfits)
    defaults = [each.name for each in types if each.default]
    before = over.rows if over else ()
    if len(defaults) > 1 or not (defaults or any(each.default for each in before)):
        reader.report(f"default = {', '.join(defaults) or 'none'}: allowed is exactly one cell")
    reader.finish()
    default = defaults[0] if defaults else next(each.name for each in before if each.default)
    kept = [each for each in before if each.name not in {each.name for each in types}]
    return BatteryTypes(tuple(replace(each, default=each.name == default) for each in (*kept, *types)))


def _misfits(each: BatteryType) -> Iterator[str]:
    if not 0 < each.dead_v < each.low_v <= each.fresh_v <= VOLTS_MAX:
        yield f"dead_v, low_v, fresh_v: allowed are rising voltages up to {VOLTS_MAX} V, dead_v below low_v"
    if not 1 <= each.messages[0] <= each.messages[1] <= MESSAGES_MAX:
        yield f"messages = {list(each.messages)}: allowed are two rising numbers from 1 to {MESSAGES_MAX}"
