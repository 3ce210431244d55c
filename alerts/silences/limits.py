"""Limits of silences, from `limits.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

MINUTE_NS = 60_000_000_000
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a silence. duration_ns, reminder_ns: by kind; patrol_min: shortest and longest interval in min."""

    duration_ns: Mapping[str, int]
    window_ns: int
    recurrence_ns: int
    reminder_ns: Mapping[str, int]
    patrol_min: tuple[int, int]
    start_ahead_ns: int


@cache
def limits() -> Limits:
    """Return the limits of the packaged file."""
    table = tomllib.loads(resources.files(__package__).joinpath("limits.toml").read_text(encoding="utf-8"))
    return Limits(
        duration_ns={kind: int(hours * HOUR_NS) for kind, hours in table["duration_h"].items()},
        window_ns=int(table["window_h"] * HOUR_NS),
        recurrence_ns=int(table["recurrence_weeks"] * 7 * DAY_NS),
        reminder_ns={kind: int(minutes * MINUTE_NS) for kind, minutes in table["reminder_min"].items()},
        patrol_min=(int(table["patrol_min"]["least"]), int(table["patrol_min"]["most"])),
        start_ahead_ns=int(table["start_ahead_d"] * DAY_NS),
    )
