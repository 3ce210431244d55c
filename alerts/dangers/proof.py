"""Proof that a danger has ended: the conditions of its kind, each with its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from alerts.model import Hazard
from alerts.sensor_tests.response import Response

from .kinds import Condition

QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Window:
    """Good readings of one series in a span. quarters: of the span with at least one of them; low, high: extremes."""

    quarters: int
    low: float
    high: float


class Readings(Protocol):
    """Stored readings, as a proof uses them. Methods block for one query of the store."""

    def window(self, site: str, sensor: str, metric: str, *, from_ns: int, to_ns: int) -> Window | None:
        """Return the readings of a span; metric "": of any. None if the sensor has no such series."""
        ...

    def tested(self, site: str, sensor: str, *, from_ns: int, to_ns: int) -> bool:
        """Return whether the sensor sent a test message in a span."""
        ...

    def response(self, site: str, sensor: str, *, from_ns: int, to_ns: int) -> Response | None:
        """Return the earliest response to a test in a span, None without one."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of a proof with its result. met: None where this service has no readings to check it."""

    condition: Condition
    met: bool | None


@dataclass(frozen=True, slots=True)
class Proof:
    """Results of all conditions of a danger. cleared_ns: end of its latest hazard."""

    checks: Sequence[Check]
    active: bool
    blind: bool
    cleared_ns: int | None

    @property
    def holds(self) -> bool:
        """Return whether no hazard is active, no sensor is out of order and no condition is unmet."""
        return not self.active and not self.blind and all(check.met is not False for check in self.checks)


def seen(evidence: Sequence[Hazard]) -> Proof:
    """Return the part of a proof that the hazards alone show, without queries."""
    cleared = [one.cleared_ns for one in evidence if one.cleared_ns is not None]
    return Proof((), any(one.active for one in evidence), False, max(cleared) if cleared else None)
