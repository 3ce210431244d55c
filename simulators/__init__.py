"""A campus in a box: seeded schools, scenarios with their truth, and the bytes that real devices would send.

Light on purpose: the parts that need a network client are imported from `simulators.play.publisher` and its users.
"""

from __future__ import annotations

from simulators.campus.school import Campus, build_campus, campus_toml
from simulators.campus.world import World, plan
from simulators.errors import (
    BrokerUnreachable,
    PlotUnavailable,
    RecordingInvalid,
    ScenarioInvalid,
    SimulatorError,
)
from simulators.truth.scenario import Scenario, compose, load_scenario, names
from simulators.truth.truth import Truth, truth_json

__all__ = [
    "BrokerUnreachable",
    "Campus",
    "PlotUnavailable",
    "RecordingInvalid",
    "Scenario",
    "ScenarioInvalid",
    "SimulatorError",
    "Truth",
    "World",
    "build_campus",
    "campus_toml",
    "compose",
    "load_scenario",
    "names",
    "plan",
    "truth_json",
]
