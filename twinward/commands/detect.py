"""`detect`: detectors over a recording, from a CSV file of readings to a CSV file of detections."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from alerts import Registry, RegistryError, load_registry
from detectors import Calendar, DetectionBatch, DetectorError, Phase, Recipe, build, load_recipe
from ingest import Catalog, Sensor, ValueChecks
from twinward.errors import as_cli_errors

from .output import new_file, progress_bar
from .recording import Summary, read_recording
from .recording_times import rfc3339
from .side_files import NO_FILES, SideFiles, written_beside

HEADER = (
    "sensor",
    "metric",
    "first",
    "last",
    "decided",
    "score",
    "detector",
    "hazard",
    "text",
    "level",
    "drill",
    "page",
    "phase",
)


def detect_file(
    source: Path,
    target: Path,
    *,
    recipe: Recipe | None = None,
    campus: Registry | None = None,
    beside: SideFiles = NO_FILES,
    progress: Callable[[int], None] = lambda _: None,
) -> Summary:
    """Run the recipe's detectors over a CSV file and write detections with their changes and ends into a new file.

    Bad rows are counted and skipped, and the first ones are listed with their line; see `recording` for the order of
    the rows. campus: profiles, limits, periods and gateways of its sensors, and its calendar. beside: files of scores,
    forecasts and counts. Each output appears whole, at the end. Raises InputError if the input is unreadable, lacks a
    column, or is an output.
    """
    beside.check(target)
    summary, catalog, outputs = Summary(), Catalog(), beside.outputs()
    levels: dict[tuple[int, int, str], int] = {}
    checks = ValueChecks(catalog)
    calendar = Calendar.from_table(campus.calendar) if campus else Calendar()
    plan = campus.plan() if campus else None
    detector = build(recipe or load_recipe(), catalog, calendar, outputs, plan=plan)
    declared = _declared(campus) if campus else {}
    with new_file(target, source=source) as out, written_beside(beside, outputs, catalog, source) as write_beside:
        writer = csv.writer(out)
        writer.writerow(HEADER)
        for batch in read_recording(source, catalog, summary, declared=declared, progress=progress):
            writer.writerows(_output_rows(detector.update(checks.apply(batch)), catalog, summary, levels))
            write_beside()
    return summary


def detect_csv(
    source: Path,
    output: Path,
    *,
    recipe: Path | None,
    quiet: bool,
    campus: Path | None = None,
    beside: SideFiles = NO_FILES,
) -> dict[str, Any]:
    """Run the detectors over a CSV file, with a progress bar; return the summary."""
    with as_cli_errors(DetectorError, RegistryError), progress_bar(source.name, quiet=quiet) as report:
        registry = None if campus is None else load_registry(campus)
        rules = None if recipe is None else load_recipe(recipe)
        lines = _count(source)
        found = detect_file(
            source,
            output,
            recipe=rules,
            campus=registry,
            beside=beside,
            progress=lambda rows: report(rows, rows / max(1, lines)),
        )
        return found.as_dict()


def _declared(campus: Registry) -> dict[tuple[str, str], Sensor]:
    """Return the sensors of a campus by (site, id), and by ("", id) where one site has the id."""
    names = Counter(sensor.id for sensor in campus.sensors)
    known = {(sensor.site, sensor.id): sensor for sensor in campus.sensors}
    return {("", sensor.id): sensor for sensor in campus.sensors if names[sensor.id] == 1} | known


def _count(source: Path) -> int:
    """Return the number of lines for the progress bar; 0 for a pipe or a missing file."""
    if not source.is_file():
        return 0
    with source.open("rb") as file:
        return sum(1 for _ in file)


def _output_rows(
    found: DetectionBatch, catalog: Catalog, summary: Summary, levels: dict[tuple[int, int, str], int]
) -> Iterator[tuple[Any, ...]]:
    """Yield output rows. Raised and risen detections are counted, and only they page.

    levels: (sensor, metric, rule) -> present level; kept from batch to batch.
    """
    for i in range(len(found)):
        key, level = (int(found.sensor[i]), int(found.metric[i]), found.rule[i]), int(found.level[i])
        phase = Phase(found.phase[i])
        risen = phase is Phase.RAISE or (phase is Phase.CHANGE and level > levels.get(key, 0))
        levels[key] = level
        summary.detections += risen
        yield (
            catalog[int(found.sensor[i])].id,
            catalog.metric_of(int(found.metric[i])).name,
            rfc3339(int(found.first_ns[i])),
            rfc3339(int(found.last_ns[i])),
            rfc3339(int(found.decided_ns[i])),
            f"{found.score[i]:.3f}",
            found.detector[i],
            found.hazard[i],
            found.evidence[i]["text"]["en"],
            level,
            "true" if found.drill[i] else "false",
            "true" if risen and found.pages(i) else "false",
            phase.name.lower(),
        )
