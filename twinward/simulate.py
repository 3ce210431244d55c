"""`simulate`: a fleet or a recording, played to a broker or into a file, with a bar, and the counts at the end."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from simulators import SimulatorError, build_campus, campus_toml, load_scenario, plan, truth_json
from simulators.load import publish_load
from simulators.player import as_recording, play, write_csv
from simulators.publisher import Publisher
from simulators.recording import play_recording as play_rows
from simulators.recording import read_recording

from .errors import InputError

Report = Callable[[int, float], None]


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Errors of the simulators as the one kind that the command line prints as lines."""
    try:
        yield
    except SimulatorError as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from error


@contextlib.contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[Report]:
    """A bar on the terminal's error channel that takes (count, share done); silent for programs."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet or not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=1.0, count=0)
        yield lambda count, share: bar.update(task, completed=share, count=count)


def say(sentence: str) -> None:
    """A word on the way, apart from the result."""
    print(f"twinward: {sentence}", file=sys.stderr, flush=True)


def play_recording(broker: str, path: Path, *, speed: float, site: str, as_json: bool) -> dict[str, Any]:
    """Play a CSV recording to a broker; returns the counts."""
    with told():
        recording = read_recording(path, site=site)
        publisher = Publisher(broker, word=say)
        with progress_bar(path.name, quiet=as_json) as report:
            sent = play_rows(recording, publisher, speed=speed, progress=report)
        left = publisher.drain()
        return {"messages": sent, **publisher.close().to_json(), "unacknowledged": left}


def play_scenario(
    scenario: str,
    *,
    broker: str,
    output: Path | None,
    sites: int,
    sensors: int,
    rate: float,
    speed: float,
    seed: int,
    duration_s: float,
    truth: Path | None,
    campus: Path | None,
    as_json: bool,
) -> dict[str, Any]:
    """Play a scenario on seeded schools; writes truth and registry where asked; returns the counts."""
    with told():
        schools = build_campus(sites=sites, sensors=sensors or None, seed=seed)
        if campus is not None:
            campus.write_text(campus_toml(schools), encoding="utf-8")
        if rate:
            load = publish_load(broker, rate, duration_s or 60.0, sites * (sensors or 100))
            return {"scenario": "steady load", **load.to_json()}
        script = load_scenario(scenario)
        world = plan(script, schools)
        devices = schools.size
        about: dict[str, Any] = {"scenario": script.id, "seed": seed, "sensors": devices}
        if truth is not None:
            intervals = truth_json(
                world.truths(), scenario=script.id, seed=seed, span_ms=world.span_ms, sensors=devices
            )
            truth.write_text(intervals, encoding="utf-8")
        with progress_bar(script.id, quiet=as_json) as report:
            if output is not None:
                return {**about, "rows": write_csv(world, output, progress=report), "output": str(output)}
            publisher = Publisher(broker, word=say)
            stamping = as_recording(world, wall_ms=time.time_ns() // 1_000_000, speed=speed)
            sent = play(world, publisher, stamping, progress=report)
        left = publisher.drain()
        return {**about, "messages": sent, **publisher.close().to_json(), "unacknowledged": left}
