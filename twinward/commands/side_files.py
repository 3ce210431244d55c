"""Files beside the detections of a recording: scores of readings, forecasts, and counts of persons."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from detectors import Count, Forecast, LimitForecast, Outputs, Score
from ingest import Catalog
from twinward.errors import InputError

from .output import new_file
from .recording_times import rfc3339

SCORES = ("sensor", "metric", "time", "score")
FORECASTS = ("sensor", "metric", "at", "low", "high", "share", "issued", "limit")
COUNTS = ("place", "time", "inside")


@dataclass(frozen=True, slots=True)
class SideFiles:
    """Files to write beside the detections; None: not wanted."""

    scores: Path | None = None
    forecasts: Path | None = None
    counts: Path | None = None

    def outputs(self) -> Outputs:
        """Return lists for the wanted results."""
        return Outputs(
            scores=None if self.scores is None else [],
            forecasts=None if self.forecasts is None else [],
            counts=None if self.counts is None else [],
        )

    def check(self, target: Path) -> None:
        """Raise InputError if two outputs are one file."""
        paths = [path for path in (target, self.scores, self.forecasts, self.counts) if path is not None]
        for first, second in combinations(paths, 2):
            if first.absolute() == second.absolute():
                raise InputError(f"{second}: two outputs are one file; allowed are different files")


NO_FILES = SideFiles()


@contextmanager
def written_beside(files: SideFiles, outputs: Outputs, catalog: Catalog, source: Path) -> Iterator[Callable[[], None]]:
    """Open the files; yield a function that writes the collected results and empties their lists."""
    with ExitStack() as stack:

        def opened(path: Path | None, header: Sequence[str]) -> Any:
            if path is None:
                return None
            writer = csv.writer(stack.enter_context(new_file(path, source=source)))
            writer.writerow(header)
            return writer

        scores, forecasts, counts = (
            opened(files.scores, SCORES), opened(files.forecasts, FORECASTS), opened(files.counts, COUNTS)
        )  # fmt: skip

        def write() -> None:
            if outputs.scores:
                scores.writerows(_score_rows(outputs.scores, catalog))
                outputs.scores.clear()
            if outputs.forecasts:
                forecasts.writerows(_forecast_row(one, catalog) for one in outputs.forecasts)
                outputs.forecasts.clear()
            if outputs.counts:
                counts.writerows(_count_row(one) for one in outputs.counts)
                outputs.counts.clear()

        yield write


def _score_rows(scores: Sequence[Score], catalog: Catalog) -> Iterator[tuple[Any, ...]]:
    """Yield one row a reading: the highest of its scores, in order of time."""
    highest: dict[tuple[int, int, int], float] = {}
    for sensor, metric, time_ns, score in scores:
        key = time_ns, sensor, metric
        highest[key] = max(score, highest.get(key, 0.0))
    for (time_ns, sensor, metric), score in sorted(highest.items()):
        yield catalog[sensor].id, catalog.metric_of(metric).name, rfc3339(time_ns), f"{score:.6f}"


def _forecast_row(one: Forecast | LimitForecast, catalog: Catalog) -> tuple[Any, ...]:
    """Return a row with `at` for a value, or with `issued` and `limit` for the time to a limit."""
    names = catalog[one.sensor].id, catalog.metric_of(one.metric).name
    if isinstance(one, Forecast):
        return (*names, rfc3339(one.at_ns), f"{one.low:.6g}", f"{one.high:.6g}", one.share, "", "")
    return (*names, "", rfc3339(one.low_ns), rfc3339(one.high_ns), one.share, rfc3339(one.issued_ns), one.limit)


def _count_row(one: Count) -> tuple[Any, ...]:
    return one.place, rfc3339(one.time_ns), f"{one.inside:.2f}"
