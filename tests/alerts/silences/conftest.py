"""A school with accounts, and silences as a person requests them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alerts.silences.checks import Wanted
from alerts.silences.silence import Silence

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def staffed(world: Any) -> Any:
    """Return a school whose operator and officer have accounts."""
    for name in ("operator", "officer", "officer2", "fixer"):
        world.employ(name)
    return world


@pytest.fixture
def quiet(staffed: Any, people: Any) -> Callable[..., Silence]:
    """Return a maker of silences of school-1 by the officer: of sensor faults, for one hour from now."""

    def make(**given: Any) -> Silence:
        now_ns = staffed.now_ns
        fields = {"site": "school-1", "kind": "silence", "owner": "operator", "reason": "repair"}
        fields |= {"cause": "sensor_health", "starts_ns": now_ns, "ends_ns": now_ns + HOUR_NS} | given
        return staffed.dispatch.discipline.silences.create(people["officer"], Wanted(**fields))

    return make
