"""Accident types of risk points: GB 6441 and the types that schools add, with their safety signs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class AccidentType:
    """One accident type. source: standard or "school"; signs: names of its safety signs."""

    code: str
    zh: str
    en: str
    source: str
    signs: tuple[str, ...]


@cache
def accident_types() -> Mapping[str, AccidentType]:
    """Return the accident types by code, from `accidents.toml`."""
    table = tomllib.loads(resources.files(__package__).joinpath("accidents.toml").read_text(encoding="utf-8"))
    return {
        code: AccidentType(code, row["zh"], row["en"], row["source"], tuple(row["signs"]))
        for code, row in table["type"].items()
    }
