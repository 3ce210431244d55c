"""Causes: families of hazard kinds with severity and relapse window."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Cause:
    """One family of hazards. severity: S of the LS method; relapse_ns: relapse window after clearing.

    personal: about single persons, whose text stays in the school.
    spread_ns: time from the begin of an alarm in which findings in further places of its stair are the same hazard.
    """

    name: str
    zh: str
    en: str
    severity: float
    life_safety: bool
    relapse_ns: int
    spread_ns: int = 0
    personal: bool = False


@cache
def causes() -> Mapping[str, Cause]:
    """Return the cause of each hazard kind, from `causes.toml`."""
    found: dict[str, Cause] = {}
    for name, row in _table().items():
        if isinstance(row, dict):
            severity, life_safety = float(row["severity"]), row["life_safety"]
            relapse_ns, spread_ns = int(row["relapse_h"] * 60 * MINUTE_NS), int(row.get("spread_min", 0) * MINUTE_NS)
            personal = row.get("personal", False)
            cause = Cause(name, row["zh"], row["en"], severity, life_safety, relapse_ns, spread_ns, personal)
            found |= dict.fromkeys(row["hazards"], cause)
    return found


@cache
def off_wall() -> frozenset[str]:
    """Return the hazard kinds that wait for the safety officer; the wall does not list them."""
    return frozenset(_table()["off_wall"])


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("causes.toml").read_text(encoding="utf-8"))
