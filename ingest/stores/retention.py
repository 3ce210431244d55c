"""Retention of readings by classes of a table; a legal hold overrides the class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval, Unit
from numpy.typing import NDArray

from ingest.errors import RetentionError
from ingest.tables import FilledText, Reads, TableReader, one_of
from ingest.vocabulary import KINDS

DAY_NS = 86_400_000_000_000
DAYS_MAX = 36_500
_UNITS_NS = {"s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": DAY_NS}
FINE_NS, COARSE_DAYS = 3_600_000_000_000, 30
"""Levels finer than an hour expire by whole days, coarser levels by thirty days at once."""

_STEP = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Level:
    """Roll-up of the good readings by step (count, mean, low, high), kept for `days` after its period."""

    step_ns: int
    days: int


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """Retention of readings of these kinds and metrics (empty: all): raw for raw_days, then by level."""

    name: str
    raw_days: int
    kinds: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    levels: tuple[Level, ...] = ()

    def covers(self, kind: str, metric: str) -> bool:
        """Return whether the class covers that kind of sensor and metric."""
        return (not self.kinds or kind in self.kinds) and (not self.metrics or metric in self.metrics)

    def next_level(self, step_ns: int) -> Level | None:
        """Return the finest level coarser than step_ns (0: raw readings); None after the last."""
        return next((level for level in self.levels if level.step_ns > step_ns), None)


@dataclass(frozen=True, slots=True)
class HeldSpan:
    """Whole days (UTC, counted from 1970) of some sensors, first and last included, on legal hold."""

    sensors: frozenset[int]
    first_day: int
    last_day: int


class RetentionPlan:
    """Rules of one retention pass: the class of each series, and the spans on hold.

    The first class that covers a series applies; the last class covers everything.
    """

    def __init__(
        self,
        classes: Sequence[RetentionClass],
        describe: Callable[[int, int], tuple[str, str]],
        *,
        held: Sequence[HeldSpan] = (),
    ) -> None:
        """describe: (sensor, metric) codes -> (kind, metric name). Raises ValueError without a final class for all."""
        if not classes or classes[-1].kinds or classes[-1].metrics:
            raise ValueError("the last retention class must cover everything")
        self.classes, self.held = tuple(classes), tuple(held)
        self._describe = describe
        self._class_of: dict[tuple[int, int], int] = {}
        self._by_name = {one.name: one for one in self.classes}

    def class_of(self, sensor: NDArray[np.int32], metric: NDArray[np.int16]) -> NDArray[np.int64]:
        """Return the index in `classes` of each row; shapes (n,)."""
        if not len(sensor):
            return np.zeros(0, np.int64)
        series, where = np.unique(sensor.astype(np.int64) << 16 | metric.astype(np.int64), return_inverse=True)
        known = [self._index(int(one >> 16), int(one & 0xFFFF)) for one in series]
        return np.array(known, np.int64)[where]

    def raw_days(self, sensor: NDArray[np.int32], metric: NDArray[np.int16]) -> NDArray[np.int64]:
        """Return the number of days for which each row is kept raw, shape (n,)."""
        return np.array([one.raw_days for one in self.classes], np.int64)[self.class_of(sensor, metric)]

    def is_held(self, sensor: NDArray[np.int32], day: NDArray[np.int64] | int) -> NDArray[np.bool_]:
        """Return whether each row of that day is on hold, shape (n,)."""
        found = np.zeros(len(sensor), np.bool_)
        for one in self.held:
            codes = np.fromiter(one.sensors, np.int64, len(one.sensors))
            found |= np.isin(sensor, codes) & (day >= one.first_day) & (day <= one.last_day)
        return found

    def past(
        self, sensor: NDArray[np.int32], metric: NDArray[np.int16], day: NDArray[np.int64] | int, *, now_ns: int
    ) -> NDArray[np.bool_]:
        """Return whether the raw reading of each row of that day is expired and not on hold, shape (n,)."""
        ends = (self.raw_days(sensor, metric) + day + 1) * DAY_NS
        return (ends <= now_ns) & ~self.is_held(sensor, day)

    def free_spans(self, sensor: int, before_day: int) -> list[tuple[int, int]]:
        """Return a sensor's spans before a day without a hold, half-open, in ns; the first has no start."""
        spans, from_ns, before_ns = [], -(2**63), before_day * DAY_NS
        for first, last in sorted((one.first_day, one.last_day) for one in self.held if sensor in one.sensors):
            spans.append((from_ns, min(first * DAY_NS, before_ns)))
            from_ns = max(from_ns, (last + 1) * DAY_NS)
        return [span for span in (*spans, (from_ns, before_ns)) if span[0] < span[1]]

    def touches(self, first_day: int, last_day: int) -> bool:
        """Return whether a hold covers any day of a span, first and last included."""
        return any(one.first_day <= last_day and one.last_day >= first_day for one in self.held)

    def level_past(self, name: str, step_ns: int, first_day: int, *, now_ns: int) -> bool:
        """Return whether the period of a level that begins with that day is expired and without a hold."""
        days = next((level.days for level in self.named(name).levels if level.step_ns == step_ns), 0)
        ends = first_day + period_days(step_ns)
        return (ends + days) * DAY_NS <= now_ns and not self.touches(first_day, ends - 1)

    def named(self, name: str) -> RetentionClass:
        """Return the class of that name; the last class for a name missing in the table."""
        return self._by_name.get(name, self.classes[-1])

    def _index(self, sensor: int, metric: int) -> int:
        found = self._class_of.get((sensor, metric))
        if found is None:
            kind, name = self._describe(sensor, metric)
            found = next(at for at, one in enumerate(self.classes) if one.covers(kind, name))
            self._class_of[sensor, metric] = found
        return found


def period_days(step_ns: int) -> int:
    """Return the days of a level that expire at once; periods count from 1970."""
    return 1 if step_ns < FINE_NS else COARSE_DAYS


def raw_only_plan(days: int) -> RetentionPlan:
    """Return a plan with one class: all readings raw for so many days, and no levels."""
    return RetentionPlan([RetentionClass("rest", days)], lambda _sensor, _metric: ("", ""))


def load_retention(path: Path | None = None) -> tuple[RetentionClass, ...]:
    """Return the classes of a TOML file, or of the shipped table. Raises RetentionError with all errors."""
    file = path or files("ingest.stores").joinpath("retention.toml")
    reader = TableReader.open(file, RetentionError)
    reader.expect("class")
    classes = [row.retention_class() for row in reader.rows("class", _Row, check=_misfits)]
    entries = reader.entries("class")
    if not entries or entries[-1].get("kinds") or entries[-1].get("metrics"):
        reader.report("class: the last class must cover every other reading; allowed is one without kinds and metrics")
    reader.finish()
    return tuple(classes)


def step_ns(text: str) -> int | None:
    """Return a step such as "10s", "1m", "1h" or "1d" in ns; None for any other text."""
    found = _STEP.fullmatch(text)
    return int(found[1]) * _UNITS_NS[found[2]] if found else None


def _read_step(text: Any) -> int:
    found = step_ns(text)
    if found is None or DAY_NS % found:
        raise ValueError
    return found


def _read_name(text: Any) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError
    return str(text)


Days = Annotated[int, Interval(ge=1, le=DAYS_MAX), Unit("d")]


@dataclass(frozen=True, slots=True)
class _LevelRow:
    step: Annotated[int, Reads(_read_step, 'a part of a day such as "10s", "1m", "1h" or "1d"')]
    days: Days


@dataclass(frozen=True, slots=True)
class _Row:
    name: Annotated[str, Reads(_read_name, "a text of small letters, digits and _, at most 40 characters")]
    raw_days: Days
    about: str = ""
    kinds: frozenset[Annotated[str, one_of(KINDS)]] = frozenset()
    metrics: frozenset[FilledText] = frozenset()
    levels: tuple[_LevelRow, ...] = ()

    def retention_class(self) -> RetentionClass:
        levels = tuple(Level(level.step, level.days) for level in self.levels)
        return RetentionClass(self.name, self.raw_days, self.kinds, self.metrics, levels)


def _misfits(row: _Row) -> Iterator[str]:
    """Yield errors over several fields: each step is a multiple of the one before and is kept longer."""
    step, days = 0, row.raw_days
    for number, level in enumerate(row.levels, 1):
        if step and (level.step <= step or level.step % step):
            yield f"levels {number}.step: allowed is a multiple of the step of the level before"
        if level.days <= days:
            yield f"levels {number}.days = {level.days}: allowed is more than {days}, the days of finer readings"
        step, days = level.step, level.days
