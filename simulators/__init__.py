"""A campus in a box: seeded schools, scenarios with their truth, and the bytes that real devices would send.

Light on purpose: the parts that need a network client are imported from `simulators.publisher` and its users.
"""

from __future__ import annotations

from simulators.errors import (
    BrokerUnreachable,
    PlotUnavailable,
    RecordingInvalid,
    ScenarioInvalid,
    SimulatorError,
    TruthInvalid,
)
from simulators.scenario import Scenario, compose, load_scenario, names
from simulators.school import Campus, build_campus, campus_toml
from simulators.truth import Truth, truth_json
from simulators.world import World, plan

__all__ = [
    "BrokerUnreachable",
    "Campus",
    "PlotUnavailable",
    "RecordingInvalid",
    "Scenario",
    "ScenarioInvalid",
    "SimulatorError",
    "Truth",
    "TruthInvalid",
    "World",
    "build_campus",
    "campus_toml",
    "compose",
    "load_scenario",
    "names",
    "plan",
    "truth_json",
]
