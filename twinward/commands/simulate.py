"""`simulate`: play a fleet or a recording to a broker or into a file, and return the counts."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulators import SimulatorError, World, build_campus, campus_toml, compose, load_scenario, plan, truth_json
from simulators.encode import last_will
from simulators.play.gateways import Gateways
from simulators.play.player import PlayResult, Wire, as_recording, check_formats, play
from simulators.play.publisher import Publisher
from simulators.play.recorded import write_csv
from simulators.play.recording import play_recording as play_rows
from simulators.play.recording import read_recording
from twinward.errors import as_cli_errors

from .output import print_note, progress_bar

RATE_S = 60.0
GATEWAYS = 100


def play_recording(broker: str, path: Path, *, speed: float, site: str, as_json: bool) -> dict[str, Any]:
    """Play a CSV recording to a broker; return the counts."""
    with as_cli_errors(SimulatorError):
        recording = read_recording(path, site=site)
        publisher = Publisher(broker, word=print_note)
        with progress_bar(path.name, quiet=as_json) as report:
            sent = play_rows(recording, publisher, speed=speed, progress=report)
        left = publisher.drain()
        return {"messages": sent, **publisher.close().to_json(), "unacknowledged": left}


@dataclass(frozen=True, slots=True)
class Fleet:
    """The simulated fleet: the scenario, further scenarios over it, and the schools.

    rate: messages per second of the whole fleet, 0 for the sensors' own rate; duration_s: 0 for the scenario's own
    duration, or 60 s at a given rate.
    """

    scenario: str
    over: Sequence[str] = ()
    sites: int = 1
    sensors: int = 0
    rate: float = 0.0
    seed: int = 1
    duration_s: float = 0.0
    formats: str = "native"

    def plan(self) -> World:
        """Return the planned world. Raises ConfigError with all errors."""
        with as_cli_errors(SimulatorError):
            schools = build_campus(sites=self.sites, sensors=self.sensors or None, seed=self.seed)
            script = load_scenario(self.scenario)
            if self.over:
                script = compose(script, [(load_scenario(name), 0.0) for name in self.over])
            length_s = self.duration_s or (RATE_S if self.rate else script.duration_s)
            world = plan(replace(script, duration_s=length_s), schools, rate_per_s=self.rate)
            check_formats(self.formats, world)
            return world


@dataclass(frozen=True, slots=True)
class Way:
    """Connection of a fleet to its broker. connections: 0 for one per school, at most 100."""

    broker: str
    speed: float = 1.0
    qos: int = 1
    connections: int = 0
    step_s: float = 0.0

    def open(self, fleet: Fleet, world: World) -> Gateways:
        """Open the connections; a bridge with its own connection has a last will."""
        count = self.connections or min(fleet.sites, GATEWAYS)
        will = last_will(fleet.formats, world.fleet) if count == fleet.sites == 1 else None
        last = None if will is None else (will.topic, will.payload, will.retain)
        return Gateways(self.broker, count, qos=self.qos, will=last, word=print_note)


def write_scenario(fleet: Fleet, output: Path, *, as_json: bool, **files: Path | None) -> dict[str, Any]:
    """Write a scenario's readings to a CSV file; return the counts."""
    world = fleet.plan()
    with as_cli_errors(SimulatorError), progress_bar(world.scenario.id, quiet=as_json) as report:
        about = _describe(fleet, world, **files)
        return {**about, "rows": write_csv(world, output, progress=report), "output": str(output)}


def play_scenario(fleet: Fleet, way: Way, *, as_json: bool, **files: Path | None) -> dict[str, Any]:
    """Play a scenario to a broker; return the counts and `held`, True if the rate was reached."""
    world = fleet.plan()
    with as_cli_errors(SimulatorError):
        about = _describe(fleet, world, **files)
        sink = way.open(fleet, world)
        now_ms = time.time_ns() // 1_000_000
        with progress_bar(world.scenario.id, quiet=as_json or bool(way.step_s)) as report:
            if way.step_s:
                result = _step(world, sink, fleet.formats, way.step_s)
            else:
                stamping = as_recording(world, wall_ms=now_ms, speed=way.speed)
                result = play(world, sink, stamping, formats=fleet.formats, progress=report)
        left = sink.drain()
        sink.close()
    if not result.held:
        print_note(f"the pace was NOT held: {result.rate_per_s:.0f} messages/s, up to {result.late_s:.1f} s late")
    wanted = {"wanted_per_s": fleet.rate} if fleet.rate else {}
    return {**about, **wanted, **result.to_json(), **sink.stats.to_json(), "unacknowledged": left}


def _describe(fleet: Fleet, world: World, *, truth: Path | None = None, campus: Path | None = None) -> dict[str, Any]:
    """Return the facts of the play; write the truth and registry files, if given."""
    if campus is not None:
        campus.write_text(campus_toml(world.campus), encoding="utf-8")
    about: dict[str, Any] = {"scenario": world.scenario.id, "seed": fleet.seed, "sensors": world.campus.size}
    if truth is not None:
        content = truth_json(world.truths(), span_ms=world.span_ms, **about)
        truth.write_text(content, encoding="utf-8")
    return about


def _step(world: World, sink: Gateways, formats: str, step_s: float) -> PlayResult:
    """Send one step of messages per Enter, with times that end now."""
    stamping = as_recording(world, wall_ms=time.time_ns() // 1_000_000, speed=math.inf)
    wire, begun_s, sent = Wire(world, formats=formats, stamping=stamping), time.monotonic(), 0
    at_ms = world.span_ms[0]
    while at_ms < wire.end_ms and sys.stdin.readline():
        at_ms = min(wire.end_ms, at_ms + round(1000 * step_s))
        due = wire.advance(at_ms)
        sink.publish([(message.topic, message.payload, message.retain) for message in due])
        sent += len(due)
        print_note(f"{(at_ms - world.start_ms) / 1000:.0f} s after the start, {sent} messages")
    return PlayResult(sent, time.monotonic() - begun_s, 0.0, held=True)
