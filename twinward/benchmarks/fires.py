"""UL FSRI compartment fires: four ceiling heads of a room.

Baseline: two of four heads 5 K above their start for 3 s. The excess counts from the first second in which a head is
+1 K, as the goal states. A second row counts from the first of five seconds in a row: single seconds above +1 K are
draughts at two heads near the doorway, which exceed it before the ignition too. The limits of heat were chosen on these
fires.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .drawings import Drawing, Example, picked
from .goals import Goal, Measured, binomial_error
from .recordings import Found, Row, detections, first_alarm, seconds, table

CEILING = "Temperature 25 mm Below Ceiling"
RISE_K, HEADS, HELD_S, NEAR_K, WARM_S = 5.0, 2, 3, 1.0, 5
FOUND = Goal("FSRI fires found", "%", 100, 100, 100, group="FSRI")
MEDIAN = Goal("FSRI delay after ignition, median", "s", 8, 5, 4, larger=False, group="FSRI")
EXCESS = Goal("FSRI delay after any head is +1 K, p95", "s", 15, 8, 4, larger=False, group="FSRI")
LASTING = Goal("FSRI delay after any head is +1 K for 5 s in a row, p95", "s", 15, 8, 4, larger=False)


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


def measure(folder: Path) -> Iterator[Measured | Drawing]:
    """Yield found fires, median delay, and p95 of the delay behind the first warm head."""
    fires = [Fire(folder, row["sensor"], row["start"]) for row in table(folder / "windows.csv")]
    found = detections(_rows(fires))
    ours = [
        first_alarm(found, fire.heads, "fire", begin_s=fire.start_s + fire.ignition, earliest_s=0) for fire in fires
    ]
    baseline = [two_of_four(fire) for fire in fires]
    figures = [_figures(fires, delays) for delays in (ours, baseline)]
    for goal, mine, other in zip((FOUND, MEDIAN, EXCESS, LASTING), *figures, strict=True):
        error = binomial_error(mine, len(fires)) if goal is FOUND else None
        yield Measured("fsri", goal, mine, other, len(fires), error)
    yield picked("fires", "Ceiling heads around the ignition", [_example(fire, found) for fire in fires])


def two_of_four(fire: Fire) -> float | None:
    """Return the seconds from ignition to the third second with two heads 5 K above their start; None for never."""
    warm = np.sum(fire.rise > RISE_K, axis=1) >= HEADS
    held = np.convolve(warm, np.ones(HELD_S), "full")[: len(warm)] >= HELD_S
    rows = np.flatnonzero(held[fire.ignition :])
    return float(rows[0]) if len(rows) else None


def warm_head(fire: Fire, lasting_s: int = 1) -> float | None:
    """Return the seconds from ignition to the first of so many in a row in which a head stays above +1 K."""
    above = fire.rise[fire.ignition :] > NEAR_K
    windows = np.lib.stride_tricks.sliding_window_view(above, lasting_s, axis=0)
    lasting = np.any(np.all(windows, axis=-1), axis=1)
    rows = np.flatnonzero(lasting)
    return float(rows[0]) if len(rows) else None


def _example(fire: Fire, found: Mapping[str, Sequence[Found]]) -> Example:
    """Return the warmest head from two minutes before the ignition to three after it."""
    begin, end = max(0, fire.ignition - 120), min(len(fire.rise), fire.ignition + 180)
    points = [(fire.start_s + at, float(np.nanmax(fire.rise[at]))) for at in range(begin, end)]
    alarms = [
        one.time_s
        for head in fire.heads
        for one in found.get(head, ())
        if one.hazard == "fire" and begin <= one.time_s - fire.start_s <= end
    ]
    return Example(fire.name, "K", points, [(fire.start_s + fire.ignition, fire.start_s + end)], alarms)


def _rows(fires: Sequence[Fire]) -> Iterator[Row]:
    for fire in fires:
        for at, values in enumerate(fire.values.tolist()):
            for head, value in zip(fire.heads, values, strict=True):
                if value == value:  # noqa: PLR0124 - NaN marks a missing value
                    yield Row(head, "env", "temperature", fire.start_s + at, value)


def _figures(
    fires: Sequence[Fire], delays: Sequence[float | None]
) -> tuple[float, float | None, float | None, float | None]:
    hits = [delay for delay in delays if delay is not None]
    return (
        100 * len(hits) / len(fires),
        float(np.median(hits)) if hits else None,
        _excess(fires, delays, 1),
        _excess(fires, delays, WARM_S),
    )


def _excess(fires: Sequence[Fire], delays: Sequence[float | None], lasting_s: int) -> float | None:
    """Return p95 of the delay behind the first warm head."""
    pairs = [(delay, warm_head(fire, lasting_s)) for fire, delay in zip(fires, delays, strict=True)]
    excess = [max(0.0, delay - warm_s) for delay, warm_s in pairs if delay is not None and warm_s is not None]
    return float(np.quantile(excess, 0.95)) if excess else None
