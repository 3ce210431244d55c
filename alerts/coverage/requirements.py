"""Required detections by type of zone, and intervals of bump tests, from `requirements.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

MINUTE_NS = 60_000_000_000
DAY_NS = 1_440 * MINUTE_NS


@dataclass(frozen=True, slots=True)
class Detection:
    """One detection. cause: of its hazards; kinds: of the sensors that provide it."""

    name: str
    zh: str
    en: str
    cause: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Requirements:
    """Required detections. zones: key of a zone -> detection -> scope, place or zone. bump_test_ns: by sensor kind.

    passage_kinds: sensors of entries and stairs, which are no rooms.
    """

    detections: Mapping[str, Detection]
    zones: Mapping[str, Mapping[str, str]]
    grace_ns: int
    bump_test_ns: Mapping[str, int]
    passage_kinds: frozenset[str]


@cache
def requirements() -> Requirements:
    """Return the requirements of the packaged file."""
    table = tomllib.loads(resources.files(__package__).joinpath("requirements.toml").read_text(encoding="utf-8"))
    detections = {
        name: Detection(name, row["zh"], row["en"], row["cause"], tuple(row["kinds"]))
        for name, row in table["detection"].items()
    }
    return Requirements(
        detections,
        table["zone"],
        int(table["grace_min"] * MINUTE_NS),
        {kind: int(days * DAY_NS) for kind, days in table["bump_test_days"].items()},
        frozenset(table["passage_kinds"]),
    )
