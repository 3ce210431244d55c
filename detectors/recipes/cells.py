"""Cells: how many messages are left once a device says that its battery is low, read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from detectors.errors import RecipeError
from ingest import KINDS, Sensor

_KEYS = ("name", "low_v", "fresh_v", "dead_v", "messages", "source", "default", "sensors", "kinds")
MESSAGES_MAX = 10_000_000
VOLTS_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryType:
    """One kind of cell; see the head of recipes/cells.toml for its fields."""

    name: str
    low_v: float
    fresh_v: float
    dead_v: float
    messages: tuple[int, int]
    source: str
    default: bool = False
    sensors: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def claims(self, sensor: Sensor) -> bool:
        """Whether the cell is said to be in this sensor."""
        named = any(fnmatchcase(sensor.id, pattern) for pattern in self.sensors)
        return named or sensor.kind in self.kinds


@dataclass(frozen=True, slots=True)
class BatteryTypes:
    """All cells that are known, in the order in which they were told; exactly one of them is the default."""

    rows: tuple[BatteryType, ...]

    def of(self, sensor: Sensor) -> BatteryType:
        """The cell of a sensor: the last that claims it, else the default.

        >>> load_battery_types().of(Sensor(0, "smoke-1", "s", "smoke")).messages
        (4000, 8000)
        """
        default = next(cell for cell in self.rows if cell.default)
        return next((cell for cell in reversed(self.rows) if cell.claims(sensor)), default)


@cache
def load_battery_types(path: Path | None = None) -> BatteryTypes:
    """The cells that come with the product, with those of the file laid over them. Raises RecipeError."""
    own = files("detectors") / "recipes" / "cells.toml"
    shipped = read_battery_types(tomllib.loads(own.read_text(encoding="utf-8")))
    if path is None:
        return shipped
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError([f"{path}: {error.strerror}"]) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError([f"{path}: {error}"]) from error
    return read_battery_types(table, over=shipped)


def read_battery_types(table: Mapping[str, Any], *, over: BatteryTypes | None = None) -> BatteryTypes:
    """The cells of a parsed table, laid over others where given. Raises RecipeError with every fault."""
    faults = [f"{key}: unknown key; allowed is cell" for key in table if key != "cell"]
    entries = table.get("cell", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RecipeError([*faults, "cell: allowed are [[cell]] tables"])
    told = [_read_cell(number, entry, faults) for number, entry in enumerate(entries, 1)]
    cells = [cell for cell in told if cell]
    names = [cell.name for cell in cells]
    faults += [f"cell {name}: the name is used twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    defaults = [cell.name for cell in cells if cell.default]
    before = over.rows if over else ()
    if len(defaults) > 1 or not (defaults or any(cell.default for cell in before)):
        faults.append(f"default: allowed is exactly one cell, not {', '.join(defaults) or 'none'}")
    if faults:
        raise RecipeError(faults)
    default = defaults[0] if defaults else next(cell.name for cell in before if cell.default)
    kept = [cell for cell in before if cell.name not in names]
    return BatteryTypes(tuple(replace(cell, default=cell.name == default) for cell in (*kept, *cells)))


def _read_cell(number: int, entry: Mapping[str, Any], faults: list[str]) -> BatteryType | None:
    where = f"cell {entry.get('name', number)}"
    own = [f"{where}.{key}: unknown key; allowed are {', '.join(_KEYS)}" for key in entry if key not in _KEYS]
    if not own:
        try:
            cell = msgspec.convert(entry, BatteryType)
        except msgspec.ValidationError as error:
            own.append(f"{where}: {error}")
        else:
            own += [f"{where}.{fault}" for fault in _misfits(cell)]
    faults += own
    return None if own else cell


def _misfits(cell: BatteryType) -> Iterator[str]:
    if not 0 < cell.dead_v < cell.low_v <= cell.fresh_v <= VOLTS_MAX:
        yield f"dead_v, low_v, fresh_v: allowed are rising voltages up to {VOLTS_MAX} V, dead_v below low_v"
    if not 1 <= cell.messages[0] <= cell.messages[1] <= MESSAGES_MAX:
        yield f"messages = {list(cell.messages)}: allowed are two rising numbers from 1 to {MESSAGES_MAX}"
    if not cell.source.strip():
        yield "source: missing; a number without its source helps nobody"
    for kind in cell.kinds:
        if kind not in KINDS:
            yield f"kinds = {kind!r}: allowed are {', '.join(KINDS)}"
