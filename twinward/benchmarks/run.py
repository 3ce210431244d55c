"""All benchmarks of a folder of recordings, and the document with their figures."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from twinward.errors import InputError

from .drawings import Drawing
from .goals import Measured, grades

BENCHMARKS = {
    "nab": "general",
    "skab": "machine",
    "fsri-compartment-fires": "fires",
    "nist-home-smoke-alarms": "homes",
    "floodnet-events": "floods",
    "dodgers-loop-counts": "counts",
    "uci-occupancy": "rooms",
    "river-water-flow": "pipes",
    "meva-camera-events": "cameras",
}
"""Folder of a data set -> module of its benchmark: measure(folder) yields Measured and Drawing."""
SIMULATIONS: dict[str, str] = {
    "bank": "bank",
    "door-counts": "door_counts",
    "fusion": "fusion",
    "gates": "gates",
    "general": "quiet",
    "nuisances": "nuisances",
    "river-gauges": "gauges",
}
"""Name of a simulation of this project -> module of its benchmark: measure() yields Measured and Drawing."""
NOTE = """# Detection

Made from {parts} by

    {command}

Each recording passes through `twinward detect` as a file of readings with the shipped recipe. The baseline is a simple
method, measured in the same run. Rows of one group count only together. `cases` is the number of labelled events,
series or sensor-weeks. `error` is the binomial standard error of a share; for the fusion of two sources it is that of
the count of false alarms.

Rows whose data also served to choose rules:

- nab: one half of the sources; the other half has a row of its own.
- skab: these experiments; the test is other experiments. The first 400 rows of each are for fitting and are not scored.
- fsri, nist: the limits of heat and the evidence were chosen on these fires; the test is other fires of the same kinds.
- floodnet: one half of the sensors; the rows are of the other half.
- dodgers: the first 88 days.
- uci-occupancy: `datatraining`; the row is of `datatest`.
- Simulations have other seeds than those on which rules were chosen.

The delay of the FSRI fires after "any ceiling head is +1 K" has two rows. The first counts from the first second in
which any head is +1 K, as the goal is worded: it misses. In 11 of the 86 fires a head is above +1 K in the second of
the ignition, by a draught at the doorway. The second row counts from the first five seconds in a row and grades
nothing else. The goal states a p95 of 74.5 s for the time at which a head is +1 K; on these files it is 44.8 s by the
first reading and 63.5 s by the second.

Camera rules for fire (`python -m twinward.benchmarks.fire_sheets`, 400 simulated room-days with 80 fires, four lamps
and a cloud of steam a day; another seed than the row "fusion"): `fire_seen_and_smoke` finds 71 of 80 with 0.061 false
pages a sensor-week and pages by its sheet. `fire_seen_verified` has 2.0 and pages nobody. `fire_seen` has 4.7 with 59
of 80; it pages as a shipped plain rule, since the camera has decided. No recording with labelled fires before a camera
is among the data, and no camera of the scenario bank sees a fire.

Sensor health of rooms (`python -m twinward.benchmarks.room_health 2 3 4 5 6 7 8`, 60 school days a seed, readings
every five minutes): no false finding of spikes, noise or drift in 7,560 to 8,820 sensor-days for each rule. 42 of 42
rooms with a daily spike or tenfold noise of temperature or humidity are found, and 7 of 7 whose CO2 drifts by 10 ppm a
day. Not covered: noise and spikes of CO2, where people beside the sensor look alike, and CO2 that drifts in a whole
zone at once.

"""
PLOTS = (
    "Red areas are labelled windows, red lines detections. Times of examples count from their first reading, in UTC."
)
COLUMNS = ("data", "figure", "ours", "error", "baseline", "pass", "strong", "extreme", "cases", "grade")


def measured(
    data: Path,
    *,
    simulations: Sequence[str] = (),
    started: Callable[[float], None] = lambda _share: None,
    workers: int = 1,
) -> Iterator[Measured | Drawing]:
    """Yield the figures and plots of every benchmark whose folder is in `data`, then of these simulations.

    started: receives the share done. workers: processes. Raises InputError if there is no recording, or for an
    unreadable file.
    """
    present = [name for name in BENCHMARKS if (data / name).is_dir()]
    if not present:
        raise InputError(f"{data}: no recordings; allowed is a folder with one of {', '.join(BENCHMARKS)}")
    names = (*present, *simulations)
    if workers == 1:
        for number, name in enumerate(names):
            started(number / len(names))
            yield from _results(name, data)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for number, future in enumerate([pool.submit(_results, name, data) for name in names]):
            started(number / len(names))
            yield from future.result()


def _results(name: str, data: Path) -> list[Measured | Drawing]:
    """Return the figures and plots of one benchmark or simulation."""
    if name in SIMULATIONS:
        return list(_module(SIMULATIONS[name]).measure())
    return list(_module(BENCHMARKS[name]).measure(data / name))


def _module(name: str) -> Any:
    return importlib.import_module(f"twinward.benchmarks.{name}")


def document(
    rows: Sequence[Measured], drawings: Sequence[tuple[Drawing, str]] = (), *, simulations: Sequence[str] = ()
) -> str:
    """Return the figures as Markdown.

    drawings: plots with the address of their file from the document. simulations: names of those that were run.
    """
    table = [COLUMNS, ("---",) * len(COLUMNS)]
    for row, grade in zip(rows, grades(rows), strict=True):
        bounds = (row.goal.enough, row.goal.strong, row.goal.extreme)
        figures = (_shown(value) for value in (row.ours, row.error, row.baseline, *bounds))
        table.append((row.data, _named(row), *figures, str(row.cases), grade))
    lines = [f"| {' | '.join(cells)} |" for cells in table]
    if drawings:
        lines += ["", "## Plots", "", PLOTS]
    for drawing, address in drawings:
        lines += ["", f"{drawing.caption}.", "", f"![{drawing.caption}]({address})"]
    return NOTE.format(command=_command(simulations), parts=_parts(simulations)) + "\n".join(lines)


def _command(simulations: Sequence[str]) -> str:
    """Return the command of a document with these simulations."""
    whole = "" if set(simulations) == set(SIMULATIONS) else f" --simulations {','.join(simulations) or 'none'}"
    return f"twinward qualify --data DIR --output docs/detection.md{whole}"


def _parts(simulations: Sequence[str]) -> str:
    """Return the parts of the run, and those that it leaves out."""
    without = [name for name in SIMULATIONS if name not in simulations]
    parts = "recorded and simulated data" if simulations else "recorded data"
    return f"{parts}, without {', '.join(without)}," if without else parts


def _named(row: Measured) -> str:
    return f"{row.goal.name}, {row.goal.unit}" if row.goal.unit else row.goal.name


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
