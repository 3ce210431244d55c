"""Score sheets."""

from __future__ import annotations

from pathlib import Path

from detectors.qualification import Window, read_sheet


def files(folder: Path, *, alarm: str, signal: str) -> tuple[Path, Path, Path]:
    """Write detections, one window of sensor a, and readings; return their paths."""
    paths = folder / "found.csv", folder / "truth.csv", folder / "signal.csv"
    paths[0].write_text(f"sensor,metric,decided,hazard\n{alarm}\n")
    paths[1].write_text("sensor,start,end,hazard\na,1970-01-01T00:00:10,1970-01-01T00:00:20,fire\n")
    paths[2].write_text(f"sensor,metric,time,value\n{signal}")
    return paths


def lines(sensor: str, metric: str, *values: float) -> str:
    """Return readings, one a second."""
    return "".join(f"{sensor},{metric},1970-01-01T00:00:{at:02},{value}\n" for at, value in enumerate(values))


def test_row_shows_the_metric_that_the_alarms_name(tmp_path: Path) -> None:
    """The window and the alarm belong to the row of their sensor; a sensor without readings has none."""
    signal = lines("a", "co", 1, 2) + lines("a", "smoke", 0, 9)
    (row,) = read_sheet(*files(tmp_path, alarm="a,co,1970-01-01T00:00:12,fire\nb,co,1970-01-01,fire", signal=signal))
    assert (row.sensor, row.metric, row.points) == ("a", "co", [(0.0, 1.0), (1.0, 2.0)])
    assert list(row.windows) == [Window(("a",), "fire", 10.0, 20.0)]
    assert list(row.alarms_s) == [12.0]


def test_row_without_alarms_shows_the_metric_with_the_largest_deviation(tmp_path: Path) -> None:
    """Metrics of the device itself come last, at any deviation."""
    signal = lines("a", "co", *[1, 2] * 5) + lines("a", "smoke", *[0] * 9, 9) + lines("a", "battery", *[9] * 19, 0)
    (row,) = read_sheet(*files(tmp_path, alarm="z,,1970-01-01,fire", signal=signal))
    assert (row.metric, list(row.alarms_s)) == ("smoke", [])
