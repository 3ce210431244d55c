"""`train`: fit a model of several sensors on stored readings, as a file of plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import ModelError
from detectors.learned.fitting import History, fit
from detectors.recipes.trained import BEFORE, Model, model_text, read_model
from ingest import Catalog, Sensor, Store
from twinward.errors import InputError
from twinward.settings import Settings

from .export import opened_store
from .hold import known_sensors, moment
from .output import new_file

DAY_NS, SECOND_NS = 86_400_000_000_000, 1_000_000_000
STEPS_MAX = 2_000_000
"""Steps of a span: 16 MB a channel."""

Report = Callable[[int, float], None]
Channel = tuple[Sensor, int]


@dataclass(frozen=True, slots=True)
class Training:
    """Sensors of a site, their metrics (none: all with numbers), span, step and method."""

    site: str
    sensors: Sequence[str]
    metrics: Sequence[str]
    begin: str
    end: str
    step_s: int
    method: str


def train(settings: Settings, wanted: Training, output: Path, *, report: Report) -> dict[str, Any]:
    """Write the model, keep the one before it beside it, and return its facts. Raises InputError.

    Opens the store itself. One process at a time can open a DuckDB store, so the service must be stopped.
    """
    span = moment(wanted.begin, "--from"), moment(wanted.end, "--to")
    if span[0] >= span[1]:
        raise InputError("--from must be before --to")
    step_ns = wanted.step_s * SECOND_NS
    if (span[1] - span[0]) // step_ns > STEPS_MAX:
        raise InputError(f"more than {STEPS_MAX} steps in the span; allowed is a longer --step or a shorter span")
    if settings.store.kind == "memory":
        raise InputError("store.kind = memory: only the service holds these readings; train needs duckdb or influxdb")
    catalog = known_sensors(settings)
    sensors = _sensors(catalog, wanted)
    with opened_store(settings) as store:
        channels = _channels(store, catalog, sensors, wanted.metrics)
        rows = _read(store, channels, span, step_ns, report)
    names = [(sensor.id, catalog.metric_of(metric).name) for sensor, metric in channels]
    try:
        model = fit(History(wanted.site, names, float(wanted.step_s), *span, rows), wanted.method)
    except ModelError as error:
        raise InputError(str(error)) from error
    kept = _write(model, output)
    return {
        "output": str(output),
        "method": wanted.method,
        "channels": len(names),
        "steps": len(rows),
        "limit": model.content["limit"],
        "digest": model.digest,
        "inputs": model.content["inputs"],
        "before": kept,
    }


def _sensors(catalog: Catalog, wanted: Training) -> list[Sensor]:
    """Return the named sensors of the site. Raises InputError for unknown ones."""
    known = {sensor.id: sensor for sensor in catalog if sensor.site == wanted.site}
    if missing := [name for name in wanted.sensors if name not in known]:
        raise InputError(f"site {wanted.site!r} has no sensor {', '.join(missing)} in the log")
    return [known[name] for name in dict.fromkeys(wanted.sensors)]


def _channels(store: Store, catalog: Catalog, sensors: Sequence[Sensor], metrics: Sequence[str]) -> list[Channel]:
    """Return the stored series of the sensors: those of the given metrics, or all that are no booleans."""
    found = []
    for sensor in sensors:
        for code in sorted(store.metrics(sensor.code)):
            metric = catalog.metric_of(code)
            if metric.name in metrics or (not metrics and metric.unit != "bool"):
                found.append((sensor, code))
    return found


def _read(
    store: Store, channels: Sequence[Channel], span: tuple[int, int], step_ns: int, report: Report
) -> NDArray[np.float64]:
    """Return the mean of each channel in each step that has readings of all, in order of time."""
    first = span[0] // step_ns
    count = -(-span[1] // step_ns) - first
    means = np.full((count, len(channels)), np.nan)
    for done, (sensor, metric) in enumerate(channels):
        window_ns = max(1, DAY_NS // step_ns) * step_ns
        for begin in range(first * step_ns, span[1], window_ns):
            end = min(begin + window_ns, span[1])
            part = store.downsample(sensor.code, metric, from_ns=begin, to_ns=end, step_ns=step_ns)
            means[part.start_ns // step_ns - first, done] = part.mean
            share = (done + (end - span[0]) / (span[1] - span[0])) / len(channels)
            report(int(np.isfinite(means).sum()), share)
    whole: NDArray[np.float64] = means[np.isfinite(means).all(axis=1)]
    return whole


def _write(model: Model, output: Path) -> str:
    """Write the model file whole; return the path under which an intact one before it is kept, "" without one."""
    kept = output.with_name(output.name + BEFORE)
    try:
        read_model(output)
    except ModelError:
        kept_name = ""
    else:
        with new_file(kept) as file:
            file.write(output.read_text(encoding="utf-8"))
        kept_name = str(kept)
    with new_file(output) as file:
        file.write(model_text(model))
    return kept_name
