"""Files of detections, truth, forecasts and readings, scored and drawn."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from simulators.errors import TruthInvalid
from simulators.truth.plot import Panel, Picture, Span
from simulators.truth.score import Alarm, Forecast, Report, Signal, TruthFile, Window, score

_DEVICE = frozenset(("battery", "battery_voltage", "rssi", "linkquality", "online"))


def score_files(
    detections: Path,
    truth: Path,
    *,
    span: Path | None = None,
    forecasts: Path | None = None,
    signal: Path | None = None,
    **options: Any,
) -> Report:
    """`score` over files; raises TruthInvalid with every bad line at once."""
    told = () if forecasts is None else read_forecasts(forecasts)
    measured = read_signal(signal) if signal is not None and told else None
    return score(read_alarms(detections), read_truth(truth, span=span), forecasts=told, signal=measured, **options)


def read_alarms(path: Path) -> list[Alarm]:
    """Alarms from a detections file (`sensor,...,first,last,decided,...,hazard,...`), in order of decision.

    Without a column level every alarm is one that pages.
    """
    rows = _table(path, ("sensor", "decided"), integers=("level",))
    alarms = (
        Alarm(
            r["sensor"], r.get("hazard", ""), r["decided_s"], r["level"], r.get("drill") == "true", r.get("metric", "")
        )
        for r in rows
    )
    return sorted(alarms, key=lambda alarm: alarm.at_s)


def read_forecasts(path: Path) -> list[Forecast]:
    """Forecasts from `sensor,metric,at,low,high[,share]`."""
    rows = _table(path, ("sensor", "metric", "at", "low", "high"), numbers=("low", "high", "share"))
    return [Forecast(r["sensor"], r["metric"], r["at_s"], r["low"], r["high"], r.get("share")) for r in rows]


def read_signal(path: Path, *, sensors: Collection[str] | None = None) -> Signal:
    """Readings from `sensor,metric,time,value`, each series in order of time; sensors: only these."""
    found: Signal = {}
    for row in _table(path, ("sensor", "metric", "time", "value"), numbers=("value",)):
        if sensors is None or row["sensor"] in sensors:
            found.setdefault((row["sensor"], row["metric"]), []).append((row["time_s"], row["value"]))
    for series in found.values():
        series.sort()
    return found


def read_truth(path: Path, *, span: Path | None = None) -> TruthFile:
    """Truth from our JSON or from `sensor,start,end,hazard`; span: a file `sensor,start,end` of what was observed."""
    if path.suffix == ".json":
        return _truth_json(path)
    rows = _table(path, ("sensor", "start", "end"))
    windows = [Window((r["sensor"],), r.get("hazard", ""), r["start_s"], r["end_s"], r.get("harm_at_s")) for r in rows]
    if span is None:
        return TruthFile(tuple(windows), None)
    seen = [(row["start_s"], row["end_s"]) for row in _table(span, ("sensor", "start", "end"))]
    whole = (min(start for start, _ in seen), max(end for _, end in seen)) if seen else None
    return TruthFile(tuple(windows), sum(end - start for start, end in seen), whole)


def _truth_json(path: Path) -> TruthFile:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        windows = [
            Window(
                tuple(entry["affected_devices"]), entry["kind"], _seconds(entry["onset"]), _seconds(entry["end"]),
                None if entry["harm_at"] is None else _seconds(entry["harm_at"]), bool(entry["must_not_page"]),
                bool(entry["must_page"]),
            )
            for entry in content["intervals"]
        ]  # fmt: skip
        begin, end = _seconds(content["span"]["begin"]), _seconds(content["span"]["end"])
        return TruthFile(tuple(windows), (end - begin) * content["sensors"], (begin, end))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TruthInvalid(str(path), [f"not a truth file: {error!r}"]) from error


def _table(
    path: Path, needed: tuple[str, ...], *, numbers: tuple[str, ...] = (), integers: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Rows with every time column also in seconds (`start` -> `start_s`), and the columns named as numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            if missing:
                raise TruthInvalid(str(path), [f"line 1: columns missing: {', '.join(missing)}"])
            lines = [(reader.line_num, dict(row)) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TruthInvalid(str(path), [f"cannot be read: {error}"]) from error
    findings: list[str] = []
    rows = [_timed(line, row, needed, findings) for line, row in lines]
    for line, row in lines:
        findings += [f"line {line}: {wrong}" for wrong in _counted(row, needed, numbers, integers)]
    if findings:
        raise TruthInvalid(str(path), findings)
    return rows


def _timed(line: int, row: dict[str, Any], needed: tuple[str, ...], findings: list[str]) -> dict[str, Any]:
    for name in ("start", "end", "decided", "harm_at", "at", "time"):
        if name not in row or (name not in needed and not row[name]):
            continue
        try:
            row[f"{name}_s"] = _seconds(row[name] or "")
        except ValueError:
            findings.append(f"line {line}: {name} {row[name]!r}: a date and time is needed")
    return row


def _counted(
    row: dict[str, Any], needed: tuple[str, ...], numbers: tuple[str, ...], integers: tuple[str, ...]
) -> list[str]:
    """Turn texts into numbers in place; an absent level is the highest, any other absent number None. What is wrong."""
    wrong = []
    for name in (*numbers, *integers):
        text = row.get(name) or ""
        if not text and name not in needed:
            row[name] = 3 if name == "level" else None
            continue
        try:
            row[name] = int(text) if name in integers else float(text)
        except ValueError:
            wrong.append(f"{name} {text!r}: a number is needed")
    return wrong


def plot_files(detections: Path, truth: Path, signal: Path, picture: Path) -> Path:
    """Truth and alarms over the signal of the sensors that they name, at most eight; gives the picture's path.

    Raises TruthInvalid, PlotUnavailable without matplotlib, OSError.
    """
    alarms, windows = read_alarms(detections), read_truth(truth).windows
    told = dict.fromkeys([alarm.sensor for alarm in alarms] + [sensor for w in windows for sensor in w.sensors])
    measured = read_signal(signal, sensors=told)
    drawn = Picture(f"{detections.name} against {truth.name}")
    for sensor in told:
        spans = [Span(w.start_s, w.end_s, w.harm_s, not w.nuisance, w.hazard) for w in windows if sensor in w.sensors]
        moments = [alarm.at_s for alarm in alarms if alarm.sensor == sensor]
        series = {metric: points for (name, metric), points in measured.items() if name == sensor}
        if series and (spans or moments):
            metric = _shown(series, [alarm.metric for alarm in alarms if alarm.sensor == sensor])
            drawn.panels.append(Panel(f"{sensor}  {metric}", "", series[metric], spans, moments))
    return drawn.save(picture)


def _seconds(text: str) -> float:
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _shown(series: Mapping[str, Sequence[tuple[float, float]]], named: Sequence[str]) -> str:
    """The metric to draw: the one that most alarms name, else the one that goes furthest out of its own spread."""
    known = [metric for metric in named if metric in series]
    if known:
        return max(sorted(set(known)), key=known.count)

    def reach(metric: str) -> float:
        values = np.array([value for _, value in series[metric]])
        return float(np.abs(values - np.median(values)).max() / (values.std() or 1.0))

    return max(sorted(series), key=lambda metric: (metric not in _DEVICE, reach(metric)))
