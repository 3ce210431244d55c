"""Detections against truth, by the metrics that the project agreed on.

- event recall: labelled windows with an alarm inside [start - early, end + grace] / windows
- precision: merged alarms inside any window / merged alarms (alarms of one sensor and hazard that follow each other
  within `merge_s` are one; it is inside when any of its alarms is)
- false alarms per sensor-week: merged alarms outside / (observed sensor time / 7 d); known only with a span
- delay: first alarm of a window minus its start, seconds, over found windows; mean, median, p95
- lead time: harm_at minus first alarm, 0 when late or none; p10 and p50, over windows that have a harm_at
Windows that must not page (nuisances) are no events: an alarm in them is a false one.
"""

from __future__ import annotations

import bisect
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from simulators.errors import TruthInvalid

WEEK_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """One detection: sensor, hazard, the moment of its decision (s since 1970 UTC)."""

    sensor: str
    hazard: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Window:
    """One labelled interval (s since 1970 UTC); sensors: any of them counts; empty: any sensor."""

    sensors: tuple[str, ...]
    hazard: str
    start_s: float
    end_s: float
    harm_s: float | None = None
    nuisance: bool = False


@dataclass(frozen=True, slots=True)
class TruthFile:
    """Windows, and the observed sensor time in seconds where it is known."""

    windows: tuple[Window, ...]
    observed_s: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """The metrics; None where nothing was there to measure."""

    windows: int
    found: int
    recall: float | None
    alarms: int
    false_alarms: int
    precision: float | None
    false_alarms_per_sensor_week: float | None
    delay_mean_s: float | None
    delay_median_s: float | None
    delay_p95_s: float | None
    lead_p10_s: float | None
    lead_p50_s: float | None
    by_hazard: Mapping[str, Mapping[str, float | None]]

    def to_json(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)

    def table(self) -> str:
        """The figures as lines of text."""
        plain = {name: value for name, value in asdict(self).items() if name != "by_hazard"}
        lines = [f"{name:<30}{_shown(value):>12}" for name, value in plain.items()]
        for hazard, figures in self.by_hazard.items():
            lines.append(f"  {hazard:<28}" + "  ".join(f"{name} {_shown(value)}" for name, value in figures.items()))
        return "\n".join(lines)


def score(
    alarms: Sequence[Alarm],
    truth: TruthFile,
    *,
    early_s: float = 0.0,
    grace_s: float = 0.0,
    merge_s: float = 600.0,
    match_hazard: bool = False,
) -> Report:
    """The report of these alarms; match_hazard: an alarm counts only in windows of its own hazard."""
    merged = _merge(alarms, merge_s)
    moments = _moments(alarms, match_hazard=match_hazard)
    events = [window for window in truth.windows if not window.nuisance]
    firsts = [_first(window, moments, early_s, grace_s, match_hazard=match_hazard) for window in events]
    by_sensor = _windows_by_sensor(events)
    inside = sum(
        any(_is_inside(alarm, by_sensor, early_s, grace_s, match_hazard=match_hazard) for alarm in run)
        for run in merged
    )
    delays = [first - window.start_s for window, first in zip(events, firsts, strict=True) if first is not None]
    harmed = [(w.harm_s, f) for w, f in zip(events, firsts, strict=True) if w.harm_s is not None]
    leads = [0.0 if first is None else max(0.0, harm - first) for harm, first in harmed]
    weeks = truth.observed_s / WEEK_S if truth.observed_s else None
    return Report(
        windows=len(events),
        found=len(delays),
        recall=_share(len(delays), len(events)),
        alarms=len(merged),
        false_alarms=len(merged) - inside,
        precision=_share(inside, len(merged)),
        false_alarms_per_sensor_week=(len(merged) - inside) / weeks if weeks else None,
        delay_mean_s=float(np.mean(delays)) if delays else None,
        delay_median_s=_quantile(delays, 0.5),
        delay_p95_s=_quantile(delays, 0.95),
        lead_p10_s=_quantile(leads, 0.1),
        lead_p50_s=_quantile(leads, 0.5),
        by_hazard=_by_hazard(events, firsts),
    )


def score_files(detections: Path, truth: Path, *, span: Path | None = None, **options: Any) -> Report:
    """`score` over files; raises TruthInvalid with every bad line at once."""
    return score(read_alarms(detections), read_truth(truth, span=span), **options)


def read_alarms(path: Path) -> list[Alarm]:
    """Alarms from a detections file (`sensor,...,first,last,decided,...,hazard,...`), in order of decision."""
    rows = _table(path, ("sensor", "decided"))
    return sorted((Alarm(r["sensor"], r.get("hazard", ""), r["decided_s"]) for r in rows), key=lambda a: a.at_s)


def read_truth(path: Path, *, span: Path | None = None) -> TruthFile:
    """Truth from our JSON or from `sensor,start,end,hazard`; span: a file `sensor,start,end` of what was observed."""
    if path.suffix == ".json":
        return _truth_json(path)
    rows = _table(path, ("sensor", "start", "end"))
    windows = [Window((r["sensor"],), r.get("hazard", ""), r["start_s"], r["end_s"], r.get("harm_at_s")) for r in rows]
    observed = None
    if span is not None:
        observed = sum(row["end_s"] - row["start_s"] for row in _table(span, ("sensor", "start", "end")))
    return TruthFile(tuple(windows), observed)


def _truth_json(path: Path) -> TruthFile:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        windows = [
            Window(
                tuple(entry["affected_devices"]), entry["kind"], _seconds(entry["onset"]), _seconds(entry["end"]),
                None if entry["harm_at"] is None else _seconds(entry["harm_at"]), bool(entry["must_not_page"]),
            )
            for entry in content["intervals"]
        ]  # fmt: skip
        span_s = _seconds(content["span"]["end"]) - _seconds(content["span"]["begin"])
        return TruthFile(tuple(windows), span_s * content["sensors"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TruthInvalid(str(path), [f"not a truth file: {error!r}"]) from error


def _table(path: Path, needed: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows with every time column also in seconds (`start` -> `start_s`)."""
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
    if findings:
        raise TruthInvalid(str(path), findings)
    return rows


def _timed(line: int, row: dict[str, Any], needed: tuple[str, ...], findings: list[str]) -> dict[str, Any]:
    for name in ("start", "end", "decided", "harm_at"):
        if name not in row or (name not in needed and not row[name]):
            continue
        try:
            row[f"{name}_s"] = _seconds(row[name] or "")
        except ValueError:
            findings.append(f"line {line}: {name} {row[name]!r}: a date and time is needed")
    return row


def _seconds(text: str) -> float:
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _merge(alarms: Sequence[Alarm], merge_s: float) -> list[list[Alarm]]:
    """Runs of alarms of one sensor and hazard that follow each other within merge_s: each run is one merged alarm."""
    last: dict[tuple[str, str], list[Alarm]] = {}
    runs = []
    for alarm in sorted(alarms, key=lambda a: a.at_s):
        run = last.get((alarm.sensor, alarm.hazard))
        if run is not None and alarm.at_s - run[-1].at_s <= merge_s:
            run.append(alarm)
            continue
        last[alarm.sensor, alarm.hazard] = [alarm]
        runs.append(last[alarm.sensor, alarm.hazard])
    return runs


def _moments(alarms: Sequence[Alarm], *, match_hazard: bool) -> dict[tuple[str, str], list[float]]:
    """Alarm times by sensor ("" for all) and hazard ("" for all), ascending."""
    found: dict[tuple[str, str], list[float]] = {}
    for alarm in alarms:
        hazard = alarm.hazard if match_hazard else ""
        found.setdefault((alarm.sensor, hazard), []).append(alarm.at_s)
        found.setdefault(("", hazard), []).append(alarm.at_s)
    for times in found.values():
        times.sort()
    return found


def _first(
    window: Window,
    moments: Mapping[tuple[str, str], list[float]],
    early_s: float,
    grace_s: float,
    *,
    match_hazard: bool,
) -> float | None:
    """The first alarm inside the window widened by early_s and grace_s."""
    found = []
    for sensor in window.sensors or ("",):
        times = moments.get((sensor, window.hazard if match_hazard else ""), [])
        index = bisect.bisect_left(times, window.start_s - early_s)
        if index < len(times) and times[index] <= window.end_s + grace_s:
            found.append(times[index])
    return min(found, default=None)


def _windows_by_sensor(windows: Sequence[Window]) -> dict[str, list[Window]]:
    found: dict[str, list[Window]] = {}
    for window in windows:
        for sensor in window.sensors or ("",):
            found.setdefault(sensor, []).append(window)
    return found


def _is_inside(
    alarm: Alarm, windows: Mapping[str, list[Window]], early_s: float, grace_s: float, *, match_hazard: bool
) -> bool:
    return any(
        window.start_s - early_s <= alarm.at_s <= window.end_s + grace_s
        and (not match_hazard or window.hazard == alarm.hazard)
        for sensor in (alarm.sensor, "")
        for window in windows.get(sensor, ())
    )


def _by_hazard(events: Sequence[Window], firsts: Sequence[float | None]) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {}
    for hazard in sorted({window.hazard for window in events}):
        pairs = [(w, f) for w, f in zip(events, firsts, strict=True) if w.hazard == hazard]
        delays = [first - window.start_s for window, first in pairs if first is not None]
        recall = _share(len(delays), len(pairs))
        found[hazard] = {"windows": len(pairs), "recall": recall, "delay_median_s": _quantile(delays, 0.5)}
    return found


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if values else None


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
