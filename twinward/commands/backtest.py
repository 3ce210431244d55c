"""Command `backtest`: rules of a recipe over the stored readings of an installation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alerts import AlertError, load_registry
from detectors import Calendar, DetectorError, load_recipe, shipped_gate
from detectors.qualification.backtest import Backtest, scored_rules
from ingest import StoreError
from simulators import SimulatorError
from simulators.gallery.plot import Panel, Picture
from twinward.data_folder.files import STORE
from twinward.detection.past_run import Task, over_store, stored_readings
from twinward.errors import InputError, as_cli_errors
from twinward.settings import Settings

from .hold import known_sensors, moment
from .output import progress_bar

SHOWN_MAX = 1_000
PANELS, POINTS = 6, 4_000


def run_backtest(
    settings: Settings, recipe: Path | None, *, begin: str, end: str, plot: Path | None = None, quiet: bool = False
) -> dict[str, Any]:
    """Return counts, speed and raises of each rule. The service must be stopped. Raises InputError."""
    span = moment(begin, "--from"), moment(end, "--to")
    if span[0] >= span[1]:
        raise InputError("--from must be before --to")
    path = settings.data_dir / STORE
    if settings.store.kind == "memory":
        raise InputError("store.kind = memory: only the service holds these readings; allowed are duckdb and influxdb")
    if settings.store.kind == "duckdb" and not path.exists():
        raise InputError(f"{path}: no store at this path; check data_dir (--config, --data)")
    with as_cli_errors(DetectorError, AlertError, StoreError, SimulatorError):
        rules = scored_rules(load_recipe(recipe or settings.recipe))
        registry = load_registry(settings.campus)
        calendar = Calendar.from_table(registry.calendar)
        task = Task(path, settings.store, rules, known_sensors(settings), calendar, registry.plan(), span)
        with progress_bar("backtest", quiet=quiet) as report:
            found = over_store(task, report)
        if plot is not None:
            draw(task, found, plot)
    return _summary(task, found)


def _summary(task: Task, found: Backtest) -> dict[str, Any]:
    gate = shipped_gate()
    rules = []
    for rule in task.recipe.rules:
        own = [one for one in found.raised if one.rule == rule.name]
        rules.append(
            {
                "rule": rule.name,
                "stage": str(gate.standing(rule).stage),
                "alarms": len(own),
                "pages": sum(one.page for one in own),
                "sensors": len({one.sensor for one in own}),
            }
        )
    return {
        "readings": found.readings,
        "seconds": round(found.elapsed_s, 3),
        "readings_per_s": round(found.total_rate),
        "detector_readings_per_s": round(found.rate),
        "alarms": len(found.raised),
        "rules": rules,
        "raised": [
            {
                "rule": one.rule,
                "sensor": task.catalog[one.sensor].id,
                "site": task.catalog[one.sensor].site,
                "metric": task.catalog.metric_of(one.metric).name,
                "level": one.level,
                "page": one.page,
                "first_ns": one.first_ns,
                "decided_ns": one.decided_ns,
            }
            for one in found.raised[:SHOWN_MAX]
        ],
    }


def table(result: dict[str, Any]) -> Sequence[str]:
    """Return the result as lines: speed, then the rules with alarms."""
    speed = f"{result['readings_per_s']:,}/s, detectors alone {result['detector_readings_per_s']:,}/s"
    lines = [f"{result['readings']:,} readings in {result['seconds']:.1f} s: {speed}"]
    lines.append(f"{'rule':<28}{'stage':<11}{'alarms':>8}{'pages':>8}{'sensors':>9}")
    lines += [
        f"{row['rule']:<28}{row['stage']:<11}{row['alarms']:>8}{row['pages']:>8}{row['sensors']:>9}"
        for row in result["rules"]
        if row["alarms"]
    ]
    return lines


def draw(task: Task, found: Backtest, output: Path) -> Path:
    """Draw the series with the most alarms, with the alarms. Raises PlotUnavailable without matplotlib."""
    counts = Counter((one.sensor, one.metric) for one in found.raised)
    picture = Picture(f"{task.recipe.name}: {len(found.raised)} alarms")
    for (sensor, metric), _ in counts.most_common(PANELS):
        points: list[tuple[float, float]] = []
        with stored_readings(task, metrics=[metric], sensors=[sensor]) as batches:
            for batch in batches:
                points += zip((batch.time_ns / 1e9).tolist(), batch.value.tolist(), strict=True)
        kept = points[:: max(1, len(points) // POINTS)]
        alarms = [one.decided_ns / 1e9 for one in found.raised if (one.sensor, one.metric) == (sensor, metric)]
        known = task.catalog.metric_of(metric)
        picture.panels.append(Panel(f"{task.catalog[sensor].id}  {known.name}", known.unit, kept, (), alarms))
    return picture.save(output)
