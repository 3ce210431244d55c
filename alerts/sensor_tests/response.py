"""Response of a signal to a test: a test message, a changed switch, a step against the hour before."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ingest import Quality

SWITCH = "bool"
"""Unit of a switch."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Raw readings of one series, time ascending; columns of one length. before: good values of the hour before."""

    metric: str
    unit: str
    before: NDArray[np.float64]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Response:
    """First reading that responds. before: value to compare with, None for a message marked as a test."""

    metric: str
    value: float
    before: float | None
    at_ns: int


class Signals(Protocol):
    """Stored readings, as a test uses them. The method blocks for one query of the store."""

    def response(self, site: str, sensor: str, *, from_ns: int, to_ns: int) -> Response | None:
        """Return the earliest response of any metric in a span, None without one."""
        ...


@cache
def steps() -> Mapping[str, float]:
    """Return the smallest change of each metric that is a response."""
    text = resources.files(__package__).joinpath("responses.toml").read_text(encoding="utf-8")
    return {name: float(value) for name, value in tomllib.loads(text)["step"].items()}


def response_in(signal: Signal) -> Response | None:
    """Return the first response of a signal; without an hour before, a switch counts as off before."""
    tests = np.flatnonzero(signal.quality == int(Quality.TEST))
    changes = _changes(signal)
    found = [index for index in (tests[:1], changes[:1]) if len(index)]
    if not found:
        return None
    first = min(int(index[0]) for index in found)
    before = None if len(tests) and first == tests[0] else _before(signal)
    return Response(signal.metric, float(signal.value[first]), before, int(signal.time_ns[first]))


def _changes(signal: Signal) -> NDArray[np.intp]:
    """Return the indices of the good readings that differ enough from the hour before."""
    good = signal.quality == int(Quality.GOOD)
    if signal.unit == SWITCH:
        return np.flatnonzero(good & (signal.value != _before(signal)))
    step, before = steps().get(signal.metric), _before(signal)
    if step is None or before is None:
        return np.zeros(0, np.intp)
    return np.flatnonzero(good & (np.abs(signal.value - before) >= step))


def _before(signal: Signal) -> float | None:
    if signal.unit == SWITCH:
        return float(signal.before[-1]) if len(signal.before) else 0.0
    return float(np.median(signal.before)) if len(signal.before) else None
