"""Rule tests: synthetic series in TOML, with the detections that they must raise.

A series is a list of values: `0.01 x 60, +0.01 x 20 every 10s, null x 3, =0.3`. `V x N` repeats a value, `+D` and `-D`
add to the last one, `=V` is a value with a sign, `null` leaves a reading out, `every Ns` sets the interval from there
on. Time 0 is `start`. Every raise, rise or clear of the tested rules must be expected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval

from detectors.calendar import Calendar
from detectors.detection import Phase
from detectors.detector_set import build, part_of
from detectors.errors import RecipeError
from detectors.proof.gate import Gate
from detectors.recipes.recipe import Recipe, load_recipe
from ingest import (
    COLUMNS,
    METRIC_BY_NAME,
    SERVICE_SITE,
    Catalog,
    Sensor,
    TableReader,
    TelemetryBatch,
    from_columns,
    load_toml,
)

SECOND_NS = 1_000_000_000
VALUES_MAX = 1_000_000
_ITEM = re.compile(
    r"\s*(?P<value>null|=?[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?)(?:\s*x\s*(?P<count>\d+))?(?:\s+every\s+(?P<every>\d+(?:\.\d+)?)\s*s)?\s*"
)
Seconds = Annotated[float, Interval(ge=0)]


@dataclass(frozen=True, slots=True)
class Line:
    """One series. limits: of this sensor, as in a campus file."""

    sensor: str
    metric: str
    values: str
    kind: str = "device"
    profile: str = ""
    place: str = ""
    begin_s: Seconds = 0.0
    every_s: Annotated[float, Interval(gt=0)] = 10.0
    limits: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """One detection; at_s: decision in seconds from `start`, within within_s. page: None for either."""

    at_s: Seconds
    rule: str
    level: Annotated[int, Interval(ge=0, le=3)]
    sensor: str = ""
    phase: str = "raise"
    page: bool | None = None
    within_s: Seconds = 0.0


@dataclass(frozen=True, slots=True)
class RuleTest:
    """Series and expected detections. rules: only these of the recipe; none: all. end_s: last clock reading."""

    name: str
    series: tuple[Line, ...]
    expect: tuple[Expected, ...] = ()
    rules: tuple[str, ...] = ()
    start: str = "2026-09-07T08:00:00+08:00"
    end_s: Seconds = 0.0


@dataclass(slots=True)
class Outcome:
    """Result of one test: faults as sentences, none if it passed."""

    name: str
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Head:
    name: str
    rules: tuple[str, ...] = ()
    start: str = "2026-09-07T08:00:00+08:00"
    end_s: Seconds = 0.0


def values(text: str, every_s: float, *, begin_s: float = 0.0) -> list[tuple[float, float]]:
    """Return (seconds, value) of an expression. Raises ValueError.

    >>> values("1 x 2, +0.5 x 2 every 5s, null, =-3", 10.0)
    [(0.0, 1.0), (10.0, 1.0), (15.0, 1.5), (20.0, 2.0), (30.0, -3.0)]
    """
    found: list[tuple[float, float]] = []
    at_s, last, first, total = begin_s, 0.0, True, 0
    for item in text.split(","):
        parts = _ITEM.fullmatch(item)
        if parts is None:
            raise ValueError(f"{item.strip()!r}: allowed are `V x N`, `+D x N`, `-D x N`, `=V`, `null x N`, `every Ns`")
        every_s = float(parts["every"] or every_s)
        count, given = int(parts["count"] or 1), parts["value"]
        total += count
        if total > VALUES_MAX:
            raise ValueError(f"{total} values; allowed are {VALUES_MAX}")
        for _ in range(count):
            at_s, first = (at_s, False) if first else (at_s + every_s, False)
            if given == "null":
                continue
            last = round(last + float(given), 9) if given[0] in "+-" else float(given.removeprefix("="))
            found.append((at_s, last))
    return found


def read_tests(path: Path) -> tuple[Recipe, list[RuleTest]]:
    """Return the recipe and the tests of a file. Raises RecipeError with all errors."""
    content = load_toml(path, RecipeError)
    reader = TableReader(content, RecipeError, source=str(path))
    tests = [_read_test(reader, number, entry) for number, entry in enumerate(reader.entries("test"), 1)]
    named = content.get("recipe", "")
    if not isinstance(named, str):
        reader.report(f"recipe = {named!r}: allowed is a file name")
    reader.finish()
    return load_recipe(path.parent / named if named else None), [test for test in tests if test]


def check(test: RuleTest, recipe: Recipe, *, calendar: Calendar | None = None, gate: Gate | None = None) -> Outcome:
    """Return the outcome of one test."""
    outcome = Outcome(test.name)
    known = {rule.name for rule in recipe.rules}
    if missing := sorted({*test.rules, *(one.rule for one in test.expect)} - known):
        outcome.faults.append(f"rules {', '.join(missing)}: not in the recipe {recipe.name}")
        return outcome
    tested = set(test.rules) or known
    chosen = part_of(recipe, tuple(rule for rule in recipe.rules if rule.name in tested))
    try:
        start_ns = round(datetime.fromisoformat(test.start).timestamp() * SECOND_NS)
        catalog, batch = _batch(test, start_ns)
    except ValueError as error:
        outcome.faults.append(str(error))
        return outcome
    found = build(chosen, catalog, calendar or Calendar(), gate=gate).update(batch)
    left = [
        Expected(
            (int(found.decided_ns[row]) - start_ns) / SECOND_NS,
            found.rule[row],
            int(found.level[row]),
            catalog[int(found.sensor[row])].id,
            Phase(int(found.phase[row])).name.lower(),
            found.pages(row),
        )
        for row in range(len(found))
    ]
    outcome.faults += _compared(test.expect, left)
    return outcome


def _compared(expected: Sequence[Expected], found: list[Expected]) -> Iterator[str]:
    """Yield a sentence for each expected detection that is missing, then for each one that was not expected."""
    for one in expected:
        match = next((other for other in found if _fits(one, other)), None)
        if match is None:
            yield f"missing: {_shown(one)}"
        else:
            found.remove(match)
    for other in found:
        yield f"not expected: {_shown(other)}"


def _fits(one: Expected, other: Expected) -> bool:
    named = (one.rule, one.level, one.phase) == (other.rule, other.level, other.phase)
    where = one.sensor in {"", other.sensor} and one.page in {None, other.page}
    return named and where and abs(one.at_s - other.at_s) <= one.within_s + 1e-6


def _shown(one: Expected) -> str:
    page = {True: ", page", False: ", no page", None: ""}[one.page]
    return f"{one.phase} of {one.rule} at {one.at_s:g} s, level {one.level}{page}, sensor {one.sensor or 'any'}"


def _read_test(reader: TableReader, number: int, entry: Mapping[str, Any]) -> RuleTest | None:
    where = f"test {entry.get('name', number)}"
    head = reader.record(_Head, entry, where, also=("series", "expect"))
    series = [reader.record(Line, one, f"{where}.series {n}") for n, one in enumerate(entry.get("series", ()), 1)]
    expect = [reader.record(Expected, one, f"{where}.expect {n}") for n, one in enumerate(entry.get("expect", ()), 1)]
    if head is None:
        return None
    lines = tuple(one for one in series if one)
    return RuleTest(head.name, lines, tuple(one for one in expect if one), head.rules, head.start, head.end_s)


def _batch(test: RuleTest, start_ns: int) -> tuple[Catalog, TelemetryBatch]:
    """Return the catalogue and the readings in order of time, with a clock reading each second of change."""
    declared = {
        line.sensor: Sensor(
            -1, line.sensor, "site", line.kind, line.place, line.profile,
            limits={one.metric: one.limits for one in test.series if one.sensor == line.sensor and one.limits},
        )
        for line in test.series
    }  # fmt: skip
    catalog = Catalog(declared.values())
    clock, tick = catalog.code(SERVICE_SITE, "clock", "device"), METRIC_BY_NAME["tick"].code
    rows: list[tuple[float, int, int, int, float]] = []
    for number, line in enumerate(test.series):
        code, metric = catalog.code("site", line.sensor, line.kind), catalog.metric(line.metric).code
        rows += [(at, 1, number, code * 100_000 + metric, value) for at, value in
                 values(line.values, line.every_s, begin_s=line.begin_s)]  # fmt: skip
    end_s = max([test.end_s, *(row[0] for row in rows)], default=0.0)
    ordered = sorted([*rows, *((float(at), 0, -1, clock * 100_000 + tick, 1.0) for at in range(int(end_s) + 1))])
    times = np.array([start_ns + round(row[0] * SECOND_NS) for row in ordered], np.int64)
    columns = {
        "sensor": [row[3] // 100_000 for row in ordered],
        "metric": [row[3] % 100_000 for row in ordered],
        "time_ns": times,
        "arrival_ns": times,
        "value": [row[4] for row in ordered],
        "quality": [0] * len(ordered),
    }
    return catalog, from_columns({name: np.asarray(columns[name], dtype) for name, dtype in COLUMNS})
