"""How long readings are kept, by classes that a table names; what is held is kept whatever its class says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.errors import RetentionError
from ingest.vocabulary import KINDS

DAY_NS = 86_400_000_000_000
DAYS_MAX = 36_500
_UNITS_NS = {"s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": DAY_NS}
FINE_NS, COARSE_DAYS = 3_600_000_000_000, 30
"""Levels finer than an hour go by whole days, the others by thirty days at once."""

_STEP = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KEYS = frozenset(("name", "about", "kinds", "metrics", "raw_days", "levels"))


@dataclass(frozen=True, slots=True)
class Level:
    """Count, mean, low and high of the good readings by step, kept for so many days after their own period."""

    step_ns: int
    days: int


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """What is kept alike: readings of these kinds and metrics (empty: of all), raw for raw_days, then by level."""

    name: str
    raw_days: int
    kinds: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    levels: tuple[Level, ...] = ()

    def covers(self, kind: str, metric: str) -> bool:
        """Whether a reading of that kind of sensor and that metric belongs here."""
        return (not self.kinds or kind in self.kinds) and (not self.metrics or metric in self.metrics)

    def next_level(self, step_ns: int) -> Level | None:
        """The finest level that is coarser than step_ns (0: raw readings), None behind the last."""
        return next((level for level in self.levels if level.step_ns > step_ns), None)


@dataclass(frozen=True, slots=True)
class HeldSpan:
    """Whole days (UTC, counted from 1970) of some sensors, first and last included, that must not go."""

    sensors: frozenset[int]
    first_day: int
    last_day: int


class RetentionPlan:
    """The rules of one pass of retention: which class a series belongs to, and what is held.

    The first class that covers a series has it; the last one covers everything.
    """

    def __init__(
        self,
        classes: Sequence[RetentionClass],
        describe: Callable[[int, int], tuple[str, str]],
        *,
        held: Sequence[HeldSpan] = (),
    ) -> None:
        """describe: (sensor, metric) codes -> (kind, metric name). Raises ValueError without a class for the rest."""
        if not classes or classes[-1].kinds or classes[-1].metrics:
            raise ValueError("the last retention class must cover everything")
        self.classes, self.held = tuple(classes), tuple(held)
        self._describe = describe
        self._class_of: dict[tuple[int, int], int] = {}
        self._by_name = {one.name: one for one in self.classes}

    def class_of(self, sensor: NDArray[np.int32], metric: NDArray[np.int16]) -> NDArray[np.int64]:
        """Index in `classes` of each row; shapes (n,)."""
        if not len(sensor):
            return np.zeros(0, np.int64)
        series, where = np.unique(sensor.astype(np.int64) << 16 | metric.astype(np.int64), return_inverse=True)
        known = [self._index(int(one >> 16), int(one & 0xFFFF)) for one in series]
        return np.array(known, np.int64)[where]

    def raw_days(self, sensor: NDArray[np.int32], metric: NDArray[np.int16]) -> NDArray[np.int64]:
        """Days for which each row is kept raw, shape (n,)."""
        return np.array([one.raw_days for one in self.classes], np.int64)[self.class_of(sensor, metric)]

    def is_held(self, sensor: NDArray[np.int32], day: NDArray[np.int64] | int) -> NDArray[np.bool_]:
        """Whether each row, of that day, is held; shape (n,)."""
        found = np.zeros(len(sensor), np.bool_)
        for one in self.held:
            codes = np.fromiter(one.sensors, np.int64, len(one.sensors))
            found |= np.isin(sensor, codes) & (day >= one.first_day) & (day <= one.last_day)
        return found

    def past(
        self, sensor: NDArray[np.int32], metric: NDArray[np.int16], day: NDArray[np.int64] | int, *, now_ns: int
    ) -> NDArray[np.bool_]:
        """Whether the raw reading of each row, of that day, is past its time and not held; shape (n,)."""
        ends = (self.raw_days(sensor, metric) + day + 1) * DAY_NS
        return (ends <= now_ns) & ~self.is_held(sensor, day)

    def free_spans(self, sensor: int, before_day: int) -> list[tuple[int, int]]:
        """What is not held of a sensor's time before a day, as half-open spans in ns, the first without a beginning."""
        spans, from_ns, before_ns = [], -(2**63), before_day * DAY_NS
        for first, last in sorted((one.first_day, one.last_day) for one in self.held if sensor in one.sensors):
            spans.append((from_ns, min(first * DAY_NS, before_ns)))
            from_ns = max(from_ns, (last + 1) * DAY_NS)
        return [span for span in (*spans, (from_ns, before_ns)) if span[0] < span[1]]

    def touches(self, first_day: int, last_day: int) -> bool:
        """Whether anything is held in a span of days, first and last included."""
        return any(one.first_day <= last_day and one.last_day >= first_day for one in self.held)

    def level_past(self, name: str, step_ns: int, first_day: int, *, now_ns: int) -> bool:
        """Whether the period of a level that begins with that day is past its time, with nothing held in it."""
        days = next((level.days for level in self.named(name).levels if level.step_ns == step_ns), 0)
        ends = first_day + period_days(step_ns)
        return (ends + days) * DAY_NS <= now_ns and not self.touches(first_day, ends - 1)

    def named(self, name: str) -> RetentionClass:
        """The class of that name; the last one for a name that the table does not have any more."""
        return self._by_name.get(name, self.classes[-1])

    def _index(self, sensor: int, metric: int) -> int:
        found = self._class_of.get((sensor, metric))
        if found is None:
            kind, name = self._describe(sensor, metric)
            found = next(at for at, one in enumerate(self.classes) if one.covers(kind, name))
            self._class_of[sensor, metric] = found
        return found


def period_days(step_ns: int) -> int:
    """How many days of a level go at once; periods are counted from 1970."""
    return 1 if step_ns < FINE_NS else COARSE_DAYS


def raw_only_plan(days: int) -> RetentionPlan:
    """Rules with one class: everything raw for so many days, and nothing after."""
    return RetentionPlan([RetentionClass("rest", days)], lambda _sensor, _metric: ("", ""))


def load_retention(path: Path | None = None) -> tuple[RetentionClass, ...]:
    """The classes of a TOML file, or those that come with the service. Raises RetentionError with every error."""
    shown = str(path or "retention.toml")
    try:
        text = path.read_text("utf-8") if path else files("ingest.stores").joinpath("retention.toml").read_text("utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise RetentionError([f"{shown}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RetentionError([f"{shown}: {error}"]) from error
    rows = table.get("class")
    if set(table) != {"class"} or not isinstance(rows, list):
        raise RetentionError([f"{shown}: a retention table holds [[class]] and nothing else"])
    errors: list[str] = []
    for at, row in enumerate(rows, 1):
        errors += [f"{shown}: class {at}: {sentence}" for sentence in _faults(row)]
    errors += [f"{shown}: {sentence}" for sentence in _faults_of_all(rows)]
    if errors:
        raise RetentionError(errors)
    return tuple(_class(row) for row in rows)


def step_ns(text: str) -> int | None:
    """A step as "10s", "1m", "1h" or "1d" in ns; None when it is none."""
    found = _STEP.fullmatch(text)
    return int(found[1]) * _UNITS_NS[found[2]] if found else None


def _class(row: Mapping[str, Any]) -> RetentionClass:
    levels = tuple(Level(step_ns(level["step"]) or 0, level["days"]) for level in row.get("levels", ()))
    kinds, metrics = frozenset(row.get("kinds", ())), frozenset(row.get("metrics", ()))
    return RetentionClass(row["name"], row["raw_days"], kinds, metrics, levels)


def _faults(row: Any) -> Iterator[str]:
    """What is wrong with one class, in sentences."""
    if not isinstance(row, dict):
        yield "is no table"
        return
    for key in sorted(set(row) - _KEYS):
        yield f"{key}: unknown key; known here: {', '.join(sorted(_KEYS))}"
    if not (isinstance(row.get("name"), str) and _NAME.fullmatch(row["name"])):
        yield "name: needed, of small letters, digits and _, at most 40"
    if not _is_days(row.get("raw_days")):
        yield f"raw_days: needed, whole days from 1 to {DAYS_MAX}"
    yield from _faults_of_names(row, "kinds", KINDS)
    yield from _faults_of_names(row, "metrics", None)
    levels = row.get("levels", [])
    if not isinstance(levels, list):
        yield 'levels: must be a list of { step = "1m", days = 400 }'
        return
    yield from _faults_of_levels(levels, row.get("raw_days"))


def _faults_of_names(row: Mapping[str, Any], key: str, known: Collection[str] | None) -> Iterator[str]:
    names = row.get(key, [])
    if not (isinstance(names, list) and all(isinstance(name, str) and name for name in names)):
        yield f"{key}: must be a list of names"
        return
    for name in names:
        if known is not None and name not in known:
            yield f"{key}: there is no {name!r}; there are {', '.join(known)}"


def _faults_of_levels(levels: Sequence[Any], raw_days: Any) -> Iterator[str]:
    """Steps divide a day or are one, each a multiple of the one before, kept longer than it."""
    step_before, days_before = 0, raw_days if _is_days(raw_days) else 0
    for at, level in enumerate(levels, 1):
        if not isinstance(level, dict) or set(level) != {"step", "days"}:
            yield f"level {at}: needs step and days, and nothing else"
            continue
        step = step_ns(str(level["step"]))
        if step is None or DAY_NS % step:
            yield f'level {at}: step: {level["step"]!r} is no part of a day as "10s", "1m", "1h" or "1d"'
        elif step_before and (step <= step_before or step % step_before):
            yield f"level {at}: step: must be a multiple of the level's before"
        if not _is_days(level["days"]):
            yield f"level {at}: days: must be whole days from 1 to {DAYS_MAX}"
        elif level["days"] <= days_before:
            yield f"level {at}: days: must be more than {days_before}, for which it is kept finer"
        step_before = step or step_before
        days_before = level["days"] if _is_days(level["days"]) else days_before


def _faults_of_all(rows: Sequence[Any]) -> Iterator[str]:
    tables = [row for row in rows if isinstance(row, dict)]
    names = [row.get("name") for row in tables]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        yield f"two classes have the name {name!r}"
    if not tables or tables[-1].get("kinds") or tables[-1].get("metrics"):
        yield "the last class must name no kinds and no metrics, so that it covers everything else"


def _is_days(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= DAYS_MAX
