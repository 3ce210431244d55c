"""Kinds of inspections with cycle, window, post and scope, from `kinds.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from alerts.errors import Invalid
from alerts.risk.causes import causes
from alerts.risk.grading import Grade

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class InspectionKind:
    """One kind. cycle_days: 0 for one on occasion; round: a guard round, whose stops are places; see `kinds.toml`."""

    name: str
    zh: str
    en: str
    cycle_days: int
    window_ns: int
    post: str
    source: str
    not_inspected_ns: int
    grades: frozenset[Grade]
    accidents: frozenset[str]
    whole: bool
    round: bool
    per_day: int
    begins: tuple[str, ...]
    zone_keys: frozenset[str]

    @property
    def text(self) -> dict[str, str]:
        """Return the name in both languages."""
        return {"zh": self.zh, "en": self.en}


@dataclass(frozen=True, slots=True)
class Durations:
    """Limits and durations of all kinds. grace_ns: time for late phones before a round counts as missed."""

    grace_ns: int
    stops_max: int
    stop_s: int
    item_s: int


@cache
def inspection_kinds() -> Mapping[str, InspectionKind]:
    """Return all kinds by name."""
    return {name: _kind(name, row) for name, row in _table()["kind"].items()}


def kind_of(name: str) -> InspectionKind:
    """Return a kind. Raises Invalid for an unknown one."""
    found = inspection_kinds().get(name)
    if found is None:
        listed = ", ".join(inspection_kinds())
        raise Invalid({"kind": f"{name!r}: allowed is one of {listed}"}, zh={"kind": f"“{name}”不在允许值内：{listed}"})
    return found


@cache
def durations() -> Durations:
    """Return the limits and durations of all kinds."""
    table = _table()
    return Durations(
        int(table["sync_grace_min"] * MINUTE_NS), int(table["stops_max"]), int(table["stop_s"]), int(table["item_s"])
    )


def danger_kind(hazard: str, measure_kind: str) -> str:
    """Return the usual kind of danger of a check item. hazard: kind of the risk point, "" for none."""
    cause = causes().get(hazard)
    by_cause: str = _table()["danger"].get(cause.name, "") if cause else ""
    by_measure: str = _table()["measure"].get(measure_kind, "other")
    return by_cause or by_measure


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("kinds.toml").read_text(encoding="utf-8"))


def _kind(name: str, row: Mapping[str, Any]) -> InspectionKind:
    return InspectionKind(
        name=name,
        zh=row["zh"],
        en=row["en"],
        cycle_days=row["cycle_days"],
        window_ns=int(row["window_h"] * HOUR_NS),
        post=row["post"],
        source=row["source"],
        not_inspected_ns=row["not_inspected_days"] * DAY_NS,
        grades=frozenset(Grade[one.upper()] for one in row["grades"]),
        accidents=frozenset(row.get("accidents", ())),
        whole=row.get("whole", False),
        round=row.get("round", False),
        per_day=row.get("per_day", 0),
        begins=tuple(row.get("begins", ())),
        zone_keys=frozenset(row.get("zone_keys", ())),
    )
