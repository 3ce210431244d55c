"""Persons inside by camera events of MEVA with lost, doubled, skewed and reordered events.

The annotated enters and exits of each site are the truth; a seeded simulation loses 20 %, doubles 5 %, shifts the
clock of each camera by up to 2 s and reorders within 60 s. The error of a site and day is the difference of the persons
inside at its end to the truth, as a share of the enters; the figure is the mean over sites and days with 40 enters or
more. No setting is fitted to these events.
Baseline: plain sum of the events, not below zero.
"""

from __future__ import annotations

import csv
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from twinward.commands.detect import detect_file
from twinward.commands.side_files import SideFiles

from .goals import Goal, Measured
from .recordings import seconds, table

SEED, RUNS = 5, 10
LOST, DOUBLED, REORDER_S, SKEW_S = 0.2, 0.05, 60.0, 2.0
ENTERS_MIN = 40
ERROR = Goal("gate flow, net error a day", "%", 8, 4, 2, larger=False)
HEADER = ("sensor", "kind", "place", "metric", "time", "value", "label", "state", "zone", "track")


class Passage(NamedTuple):
    """One enter (+1) or exit (-1). place: site and day."""

    place: str
    camera: str
    time_s: float
    change: int
    track: str


def measure(folder: Path) -> Iterator[Measured]:
    """Yield the mean error of the persons inside at the end of a site's day."""
    true = passages(folder)
    errors: tuple[list[float], list[float]] = [], []
    for run in range(RUNS):
        given = degraded(true, np.random.default_rng((SEED, run)))
        errors[0].extend(_errors(_inside(given), true))
        errors[1].extend(_errors(_sum(given), true))
    yield Measured("meva-camera-events", ERROR, float(np.mean(errors[0])), float(np.mean(errors[1])), len(errors[0]))


def passages(folder: Path) -> list[Passage]:
    """Return the annotated enters and exits in order of time."""
    found = []
    for number, event in enumerate(table(folder / "events.csv.gz")):
        if event["activity"].endswith("scene_through_structure"):
            change = 1 if "enters" in event["activity"] else -1
            place = f"{event['site']}-{event['date']}"
            found.append(Passage(place, event["camera"], seconds(event["start"]), change, str(number)))
    return sorted(found, key=lambda one: one.time_s)


def degraded(true: Sequence[Passage], random: np.random.Generator) -> list[Passage]:
    """Return the events in order of arrival, with losses, doubles and the errors of the cameras' clocks."""
    skews: dict[str, float] = defaultdict(lambda: float(random.uniform(-SKEW_S, SKEW_S)))
    arrivals: list[tuple[float, Passage]] = []
    for one in true:
        times = int(random.random() >= LOST) * (1 + int(random.random() < DOUBLED))
        for _ in range(times):
            at_s = one.time_s + skews[one.camera]
            arrivals.append((at_s + float(random.uniform(0, REORDER_S)), one._replace(time_s=at_s)))
    return [one for _, one in sorted(arrivals, key=lambda item: item[0])]


def _inside(given: Sequence[Passage]) -> Mapping[str, float]:
    """Return the persons inside each place at its end, as `detect --counts` writes them."""
    with tempfile.TemporaryDirectory() as folder:
        source, counts = Path(folder, "events.csv"), Path(folder, "counts.csv")
        with source.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(HEADER)
            for one in given:
                label = f"person_{'enters' if one.change > 0 else 'exits'}_scene_through_structure"
                time = datetime.fromtimestamp(one.time_s, UTC).isoformat()
                camera = f"{one.place}-{one.camera}"
                writer.writerow(
                    (camera, "camera", one.place, "object_present", time, 1, label, "start", one.camera, one.track)
                )
        detect_file(source, Path(folder, "found.csv"), beside=SideFiles(counts=counts))
        return {row["place"]: float(row["inside"]) for row in table(counts)}


def _sum(given: Sequence[Passage]) -> Mapping[str, float]:
    """Return the running sum of each place, never below zero."""
    found: dict[str, float] = {}
    for one in given:
        found[one.place] = max(0.0, found.get(one.place, 0.0) + one.change)
    return found


def _errors(found: Mapping[str, float], true: Sequence[Passage]) -> list[float]:
    inside, enters = _sum(true), defaultdict[str, int](int)
    for one in true:
        enters[one.place] += one.change > 0
    return [
        100 * abs(found.get(place, 0.0) - inside[place]) / count
        for place, count in enters.items()
        if count >= ENTERS_MIN
    ]
