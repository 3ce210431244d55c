"""Score sheet: the measured series of each scored sensor, with truth windows and alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .files import read_alarms, read_signal, read_truth
from .report import Window

_DEVICE = frozenset(("battery", "battery_voltage", "rssi", "linkquality", "online"))


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One series of a sheet: points (s since 1970 UTC, value), truth windows, and decision times of alarms (s)."""

    sensor: str
    metric: str
    points: Sequence[tuple[float, float]]
    windows: Sequence[Window]
    alarms_s: Sequence[float]


def read_sheet(detections: Path, truth: Path, signal: Path) -> list[SheetRow]:
    """Return a row for each sensor with readings and with a window or an alarm. Raises ScoreInputError."""
    alarms, windows = read_alarms(detections), read_truth(truth).windows
    scored = dict.fromkeys([alarm.sensor for alarm in alarms] + [sensor for w in windows for sensor in w.sensors])
    measured = read_signal(signal, sensors=scored)
    rows = []
    for sensor in scored:
        own = [window for window in windows if sensor in window.sensors]
        raised = [alarm for alarm in alarms if alarm.sensor == sensor]
        series = {metric: points for (name, metric), points in measured.items() if name == sensor}
        if series and (own or raised):
            metric = _metric(series, [alarm.metric for alarm in raised])
            rows.append(SheetRow(sensor, metric, series[metric], own, [alarm.at_s for alarm in raised]))
    return rows


def _metric(series: Mapping[str, Sequence[tuple[float, float]]], named: Sequence[str]) -> str:
    """Return the metric that most alarms name, else the one with the largest deviation in its own spread."""
    measured = [metric for metric in named if metric in series]
    if measured:
        return max(sorted(set(measured)), key=measured.count)

    def deviation(metric: str) -> float:
        values = np.array([value for _, value in series[metric]])
        return float(np.abs(values - np.median(values)).max() / (values.std() or 1.0))

    return max(sorted(series), key=lambda metric: (metric not in _DEVICE, deviation(metric)))
