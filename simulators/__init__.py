"""Simulated campus: seeded schools, scenarios with labelled truth, messages of real device formats.

The package imports no network client; `simulators.play.publisher` and its users do.
"""

from __future__ import annotations

from simulators.campus.school import Campus, build_campus, campus_toml
from simulators.errors import (
    BrokerUnreachable,
    PlotUnavailable,
    RecordingInvalid,
    ScenarioInvalid,
    SimulatorError,
)
from simulators.play.world import World, plan
from simulators.scenarios.scenario import Scenario, compose, load_scenario, names
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
