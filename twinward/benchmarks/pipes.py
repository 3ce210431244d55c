"""Water flow of a pipeline branch: a plot of the hourly flow with the detections; no labels exist.

Its description states three spells of low flow and one small inflow peak, without their times.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from .drawings import Drawing, panel
from .recordings import Row, detections, table

SENSOR, METRIC, COLUMN = "branch", "branch_flow", "Water flow [l/s]"


def measure(folder: Path) -> Iterator[Drawing]:
    """Yield the plot of the recording with the first reading of each detection."""
    rows = [
        (datetime.fromisoformat(row["Time"]).astimezone(UTC).timestamp(), float(row[COLUMN]))
        for row in table(folder / "water-flow.csv")
    ]
    found = detections(Row(SENSOR, "env", METRIC, at_s, value) for at_s, value in rows).get(SENSOR, [])
    yield Drawing(
        "pipeline-flow",
        f"Flow of a pipeline branch; {len(found)} detections, four anomalies described without times",
        (panel("flow", "l/s", rows, [], [one.time_s for one in found]),),
    )
