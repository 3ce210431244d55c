"""League of schools that a school cannot win by reporting less.

A danger that a school finds itself and rectifies in time never lowers its score or rank: each share has the form
x / (n + prior), which grows when x and n grow by one, and no other part falls. Ranks depend on scores alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from statistics import median
from typing import Literal

from .counts import DangerCounts
from .improbable import Expectation, expectations

Reports = Literal["usual", "few", "none"]
KINDERGARTEN = "kindergarten"
AVERAGE_MONTH_NS = 365.25 / 12 * 86_400e9


@dataclass(frozen=True, slots=True)
class Rules:
    """Numbers of the league. weights: part -> weight."""

    version: str
    prior: float
    drills_per_month: float
    kindergarten_drills_per_month: float
    improbable_below: float
    pupils: float
    area_m2: float
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SchoolFacts:
    """Input of the league for one school. pupils, area_m2: 0 for unknown; zones, zones_live: as the coverage counts."""

    site: str
    kind: str
    pupils: int
    area_m2: float
    counts: DangerCounts
    zones: int
    zones_live: int
    drills: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Result for one school. parts: part -> value between 0 and 1; rank: None for a school whose reports are missing.

    reports: `none` and `few` are improbable only if `improbable` states it, and never a sign of safety.
    """

    site: str
    score: float
    parts: Mapping[str, float]
    rank: int | None
    exposure: float | None
    reports: Reports
    improbable: bool
    expectation: Expectation | None


@cache
def rules() -> Rules:
    """Return the numbers of `league.toml`."""
    return Rules(**tomllib.loads(resources.files(__package__).joinpath("league.toml").read_text(encoding="utf-8")))


def exposure(pupils: int, area_m2: float) -> float | None:
    """Return the exposure by pupils and area, 1.0 for the school of the rules; None if both are unknown."""
    known = [value for value in (pupils / rules().pupils, area_m2 / rules().area_m2) if value > 0]
    return sum(known) / len(known) if known else None


def parts(school: SchoolFacts, span_ns: int) -> dict[str, float]:
    """Return the parts of the score, each between 0 and 1."""
    own, prior = school.counts, rules().prior
    monthly = rules().kindergarten_drills_per_month if school.kind == KINDERGARTEN else rules().drills_per_month
    wanted = max(1.0, monthly * span_ns / AVERAGE_MONTH_NS)
    return {
        "on_time": own.on_time / (own.due + prior),
        "proved": own.proved / (own.sensed + prior),
        "coverage": school.zones_live / school.zones if school.zones else 0.0,
        "drills": min(1.0, school.drills / wanted),
        "self_found": own.self_found / (own.found + prior),
        "backlog": 1 / (1 + own.overdue / (exposure(school.pupils, school.area_m2) or 1.0)),
    }


def league(schools: Sequence[SchoolFacts], span_ns: int) -> list[Standing]:
    """Return the standing of each school among these, in their order. span_ns: length of the span so far."""
    exposures = [exposure(one.pupils, one.area_m2) for one in schools]
    usual = median(known) if (known := [one for one in exposures if one is not None]) else 1.0
    expected = expectations([one.counts.found for one in schools], [one or usual for one in exposures])
    values = [parts(one, span_ns) for one in schools]
    scores = [round(100 * sum(rules().weights[name] * part for name, part in own.items()), 4) for own in values]
    better = {score: number for number, score in reversed([*enumerate(sorted(scores, reverse=True), 1)])}
    return [
        _standing(school, own, score, better[score], (extent, expectation))
        for school, own, score, extent, expectation in zip(schools, values, scores, exposures, expected, strict=True)
    ]


def _standing(
    school: SchoolFacts,
    own: Mapping[str, float],
    score: float,
    rank: int,
    peers: tuple[float | None, Expectation | None],
) -> Standing:
    extent, expectation = peers
    improbable = expectation is not None and expectation.probability < rules().improbable_below
    reports: Reports = "none" if not school.counts.found else "few" if improbable else "usual"
    shown = rank if reports == "usual" else None
    return Standing(school.site, score, own, shown, extent, reports, improbable, expectation)
