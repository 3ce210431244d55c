"""Causes: families of hazard kinds with severity and relapse window."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Cause:
    """One family of hazards. severity: S of the LS method; relapse_ns: relapse window after clearing."""

    name: str
    zh: str
    en: str
    severity: float
    life_safety: bool
    relapse_ns: int


@cache
def causes() -> Mapping[str, Cause]:
    """Return the cause of each hazard kind, from `causes.toml`."""
    table = tomllib.loads(resources.files(__package__).joinpath("causes.toml").read_text(encoding="utf-8"))
    found: dict[str, Cause] = {}
    for name, row in table.items():
        if isinstance(row, dict):
            relapse_ns = int(row["relapse_h"] * 3_600_000_000_000)
            cause = Cause(name, row["zh"], row["en"], float(row["severity"]), row["life_safety"], relapse_ns)
            found |= dict.fromkeys(row["hazards"], cause)
    return found
