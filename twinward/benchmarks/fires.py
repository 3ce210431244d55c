"""UL FSRI compartment fires: four ceiling heads of a room.

Baseline: two of four heads 5 K above their start for 3 s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .goals import Goal, Measured, binomial_error
from .recordings import Row, detections, first_alarm, seconds, table

CEILING = "Temperature 25 mm Below Ceiling"
RISE_K, HEADS, HELD_S, NEAR_K = 5.0, 2, 3, 1.0
FOUND = Goal("FSRI fires found", "%", 100, 100, 100, group="FSRI")
MEDIAN = Goal("FSRI delay after ignition, median", "s", 8, 5, 4, larger=False, group="FSRI")
EXCESS = Goal("FSRI delay after a head is +1 K, p95", "s", 15, 8, 4, larger=False, group="FSRI")


class Fire:
    """Ceiling temperatures of one experiment, C, one row a second. ignition: its row; heads: its sensors."""

    def __init__(self, folder: Path, name: str, begin: str) -> None:
        rows = list(table(folder / f"{name}.csv.gz"))
        heads = [column for column in rows[0] if column.endswith(CEILING)]
        self.name = name
        self.start_s = seconds(rows[0]["Timestamp"])
        self.values = np.array([[float(row[head] or "nan") for head in heads] for row in rows])
        self.ignition = int(seconds(begin) - self.start_s)
        self.heads = [f"{name}/{at}" for at in range(len(heads))]
        before = np.nanmean(self.values[: self.ignition], axis=0)
        self.rise: NDArray[np.float64] = self.values - before


def measure(folder: Path) -> Iterator[Measured]:
    """Yield found fires, median delay, and p95 of the delay behind the first warm head."""
    fires = [Fire(folder, row["sensor"], row["start"]) for row in table(folder / "windows.csv")]
    found = detections(_rows(fires))
    ours = [
        first_alarm(found, fire.heads, "fire", begin_s=fire.start_s + fire.ignition, earliest_s=0) for fire in fires
    ]
    baseline = [two_of_four(fire) for fire in fires]
    figures = [_figures(fires, delays) for delays in (ours, baseline)]
    for goal, mine, other in zip((FOUND, MEDIAN, EXCESS), *figures, strict=True):
        error = binomial_error(mine, len(fires)) if goal is FOUND else None
        yield Measured("fsri", goal, mine, other, len(fires), error)


def two_of_four(fire: Fire) -> float | None:
    """Return the seconds from ignition to the third second with two heads 5 K above their start; None for never."""
    warm = np.sum(fire.rise > RISE_K, axis=1) >= HEADS
    held = np.convolve(warm, np.ones(HELD_S), "full")[: len(warm)] >= HELD_S
    rows = np.flatnonzero(held[fire.ignition :])
    return float(rows[0]) if len(rows) else None


def _rows(fires: Sequence[Fire]) -> Iterator[Row]:
    for fire in fires:
        for at, values in enumerate(fire.values.tolist()):
            for head, value in zip(fire.heads, values, strict=True):
                if value == value:  # noqa: PLR0124 - NaN marks a missing value
                    yield Row(head, "env", "temperature", fire.start_s + at, value)


def _figures(fires: Sequence[Fire], delays: Sequence[float | None]) -> tuple[float, float | None, float | None]:
    hits = [delay for delay in delays if delay is not None]
    excess = []
    for fire, delay in zip(fires, delays, strict=True):
        warm = np.flatnonzero(np.any(fire.rise[fire.ignition :] > NEAR_K, axis=1))
        if delay is not None and len(warm):
            excess.append(max(0.0, delay - float(warm[0])))
    return (
        100 * len(hits) / len(fires),
        float(np.median(hits)) if hits else None,
        float(np.quantile(excess, 0.95)) if excess else None,
    )
