"""Readers of scored files: detections, truth, forecasts and readings, as CSV or truth JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from detectors.errors import ScoreInputError

from .report import Alarm, Forecast, Report, Signal, TruthFile, Window
from .score import score


def score_files(
    detections: Path,
    truth: Path,
    *,
    span: Path | None = None,
    forecasts: Path | None = None,
    signal: Path | None = None,
    **options: Any,
) -> Report:
    """Return the report of these files. Raises ScoreInputError with every bad line of a file at once."""
    expected = () if forecasts is None else read_forecasts(forecasts)
    measured = read_signal(signal) if signal is not None and expected else None
    return score(read_alarms(detections), read_truth(truth, span=span), forecasts=expected, signal=measured, **options)


def read_alarms(path: Path) -> list[Alarm]:
    """Return the alarms of a detections file (`sensor,...,decided,...,hazard,...`), in order of decision.

    Column `page` has the decision of `DetectionBatch.pages`; without it the level decides. With neither all page. With
    a column `phase`, ends and changes to a lower level are no alarms.
    """
    alarms = [
        Alarm(
            r["sensor"],
            r.get("hazard", ""),
            r["decided_s"],
            r["level"],
            r.get("drill") == "true",
            r.get("metric", ""),
            {"true": True, "false": False}.get(r.get("page") or ""),
        )
        for r in _rising(_table(path, ("sensor", "decided"), integers=("level",)))
    ]
    return sorted(alarms, key=lambda alarm: alarm.at_s)


def _rising(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of raised and risen detections; rows without a phase are raised."""
    levels: dict[tuple[str, ...], int] = {}
    for row in rows:
        key = tuple(row.get(name) or "" for name in ("sensor", "metric", "detector", "hazard"))
        before = levels.get(key, -1)
        levels[key] = row["level"]
        phase = row.get("phase") or "raise"
        if phase == "raise" or (phase == "change" and row["level"] > before):
            yield row


def read_forecasts(path: Path) -> list[Forecast]:
    """Return the forecasts of `sensor,metric,at,low,high[,share]`; rows with `limit` state times and are left out."""
    rows = _table(path, ("sensor", "metric", "at", "low", "high"), numbers=("low", "high", "share"), unless="limit")
    return [Forecast(r["sensor"], r["metric"], r["at_s"], r["low"], r["high"], r.get("share")) for r in rows]


def read_signal(path: Path, *, sensors: Collection[str] | None = None) -> Signal:
    """Return the series of `sensor,metric,time,value` in order of time; sensors: only these."""
    found: Signal = {}
    for row in _table(path, ("sensor", "metric", "time", "value"), numbers=("value",)):
        if sensors is None or row["sensor"] in sensors:
            found.setdefault((row["sensor"], row["metric"]), []).append((row["time_s"], row["value"]))
    for series in found.values():
        series.sort()
    return found


def read_truth(path: Path, *, span: Path | None = None) -> TruthFile:
    """Return the truth of a JSON file or of `sensor,start,end,hazard`.

    span: a file `sensor,start,end` of the observed time; the JSON states its own.
    """
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
        raise ScoreInputError(str(path), [f"not a truth file: {error!r}"]) from error


def _table(
    path: Path,
    needed: tuple[str, ...],
    *,
    numbers: tuple[str, ...] = (),
    integers: tuple[str, ...] = (),
    unless: str = "",
) -> list[dict[str, Any]]:
    """Return the rows, with times in seconds too (`start` -> `start_s`), and the named columns as numbers.

    unless: leave out the rows with something in this column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            if missing:
                raise ScoreInputError(str(path), [f"line 1: columns missing: {', '.join(missing)}"])
            lines = [(reader.line_num, dict(row)) for row in reader if not row.get(unless)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScoreInputError(str(path), [f"cannot be read: {error}"]) from error
    faults: list[str] = []
    rows = [_timed(line, row, needed, faults) for line, row in lines]
    for line, row in lines:
        faults += [f"line {line}: {wrong}" for wrong in _counted(row, needed, numbers, integers)]
    if faults:
        raise ScoreInputError(str(path), faults)
    return rows


def _timed(line: int, row: dict[str, Any], needed: tuple[str, ...], faults: list[str]) -> dict[str, Any]:
    for name in ("start", "end", "decided", "harm_at", "at", "time"):
        if name not in row or (name not in needed and not row[name]):
            continue
        try:
            row[f"{name}_s"] = _seconds(row[name] or "")
        except ValueError:
            faults.append(f"line {line}: {name} {row[name]!r}: allowed is a date and time")
    return row


def _counted(
    row: dict[str, Any], needed: tuple[str, ...], numbers: tuple[str, ...], integers: tuple[str, ...]
) -> list[str]:
    """Convert texts to numbers in place; return the faults. An absent level is 3, any other absent number None."""
    wrong = []
    for name in (*numbers, *integers):
        text = row.get(name) or ""
        if not text and name not in needed:
            row[name] = 3 if name == "level" else None
            continue
        try:
            row[name] = int(text) if name in integers else float(text)
        except ValueError:
            wrong.append(f"{name} {text!r}: allowed is a number")
    return wrong


def _seconds(text: str) -> float:
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
