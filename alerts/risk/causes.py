"""Causes: which kinds of hazard belong together at one place, how severe they are, when they count as a relapse."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Cause:
    """One family of hazards. severity: S of the LS method; relapse_ns: a finding so soon after clearing is the same."""

    name: str
    zh: str
    en: str
    severity: float
    life_safety: bool
    relapse_ns: int


@cache
def causes() -> Mapping[str, Cause]:
    """Kind of hazard -> its cause, from `causes.toml`."""
    table = tomllib.loads(resources.files(__package__).joinpath("causes.toml").read_text(encoding="utf-8"))
    found: dict[str, Cause] = {}
    for name, row in table.items():
        if isinstance(row, dict):
            relapse_ns = int(row["relapse_h"] * 3_600_000_000_000)
            cause = Cause(name, row["zh"], row["en"], float(row["severity"]), row["life_safety"], relapse_ns)
            found |= dict.fromkeys(row["hazards"], cause)
    return found
