"""Limits of sensors are checked against the rules of the recipe."""

from __future__ import annotations

import pytest

from detectors import limit_faults, load_recipe
from ingest import Sensor


def faults(kind: str, profile: str = "", **limits: tuple[float, ...]) -> list[str]:
    """Return the errors of one sensor with these limits."""
    return list(limit_faults(load_recipe(), [Sensor(0, "x", "s", kind, profile=profile, limits=limits)]))


@pytest.mark.parametrize(
    ("kind", "limits"),
    [
        ("water", {"level": (1.0, 1.5, 2.0)}), ("water", {"distance": (0.8, 0.4)}), ("water", {"depth": (0.1,)}),
        ("smoke", {"smoke_density": (0.1, 0.2)}), ("env", {"temperature": (70.0,)}), ("env", {"pressure": (0.3, 0.1)}),
    ],
)  # fmt: skip
def test_limits_that_a_rule_reads_are_accepted(kind: str, limits: dict[str, tuple[float, ...]]) -> None:
    """In the order of the rule: rising, or falling where low values are dangerous."""
    assert faults(kind, **limits) == []


@pytest.mark.parametrize(
    ("kind", "profile", "limits", "part"),
    [
        ("env", "", {"illuminance": (5.0,)}, "illuminance = [5.0]: no rule reads it"),
        ("env", "", {"levle": (5.0,)}, "levle = [5.0]: no rule reads it"),
        ("gate", "", {"distance": (0.5,)}, "no rule reads it for this kind and profile; allowed is one of"),
        ("water", "tank", {"distance": (0.5,)}, "no rule reads it for this kind and profile"),
        ("water", "", {"distance": (0.4, 0.8)}, "distance = [0.4, 0.8]: allowed are falling limits"),
        ("water", "", {"level": (2.0, 1.0)}, "level = [2.0, 1.0]: allowed are rising limits"),
        ("water", "", {"distance": (0.9, 0.6, 0.3)}, "allowed are at most 2 limits"),
    ],
)
def test_limits_that_no_rule_reads_are_errors(
    kind: str, profile: str, limits: dict[str, tuple[float, ...]], part: str
) -> None:
    """A limit that has no effect would look like protection."""
    (fault,) = faults(kind, profile, **limits)
    assert fault.startswith("sensor x.limits.")
    assert part in fault
