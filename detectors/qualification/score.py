"""Detections against truth, by the metrics that the project agreed on.

- event recall: labelled windows with an alarm inside [start - early, end + grace] / windows
- precision: merged alarms inside any window / merged alarms (alarms of one sensor and hazard that follow each other
  within `merge_s` are one; it is inside when any of its alarms is)
- false alarms per sensor-week: merged alarms outside / (observed sensor time / 7 d); known only with a span
- delay: first alarm of a window minus its start, seconds, over found windows; mean, median, p95
- lead time: harm_at minus first alarm, 0 when late or none; p10 and p50, over windows that have a harm_at
- pages: merged alarms of `page_level` or more; windows that must page and have one, windows that must not and have one
- operator load: merged alarms in each 10 min of the observed span; mean, most, and share of them with more than ten
- interval coverage: measured values inside the forecast interval / forecasts; beside it the stated share and the width
Windows that must not page (nuisances) are no events: an alarm in them is a false one.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

WEEK_S = 7 * 86_400.0
LOAD_S = 600.0
FLOOD = 10
"""Alarms in ten minutes that one operator can still take (EEMUA 191)."""

PAGE_LEVEL = 2
Signal = dict[tuple[str, str], list[tuple[float, float]]]
"""(sensor, metric) -> (s since 1970 UTC, value), in order of time."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One detection: sensor, hazard, moment of its decision (s since 1970 UTC), level 0 to 3; a drill pages nobody."""

    sensor: str
    hazard: str
    at_s: float
    level: int = 3
    drill: bool = False
    metric: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """One labelled interval (s since 1970 UTC); sensors: any of them counts; empty: any sensor."""

    sensors: tuple[str, ...]
    hazard: str
    start_s: float
    end_s: float
    harm_s: float | None = None
    nuisance: bool = False
    must_page: bool = False


@dataclass(frozen=True, slots=True)
class TruthFile:
    """Windows; where they are known, the observed sensor time in seconds and the observed span (s since 1970 UTC)."""

    windows: tuple[Window, ...]
    observed_s: float | None
    span_s: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """An interval in which a value is said to lie at a moment (s since 1970 UTC), with the stated share (0 to 1)."""

    sensor: str
    metric: str
    at_s: float
    low: float
    high: float
    share: float | None = None


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
    must_page: int
    must_page_paged: int
    must_not_page: int
    must_not_page_paged: int
    load_mean_per_10min: float | None
    load_max_per_10min: int | None
    load_flood_share: float | None
    forecasts: int
    interval_coverage: float | None
    interval_stated: float | None
    interval_width: float | None
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
    page_level: int = PAGE_LEVEL,
    forecasts: Sequence[Forecast] = (),
    signal: Signal | None = None,
) -> Report:
    """The report of these alarms; match_hazard: an alarm counts only in windows of its own hazard.

    signal: what was measured, for the forecasts.
    """
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
        **_pages(alarms, truth.windows, page_level, early_s, grace_s),
        **_load([run[0].at_s for run in merged], truth.span_s),
        **_coverage(forecasts, signal or {}),
        by_hazard=_by_hazard(events, firsts),
    )


def _pages(
    alarms: Sequence[Alarm], windows: Sequence[Window], page_level: int, early_s: float, grace_s: float
) -> dict[str, Any]:
    """How many windows that must page, and that must not, have a page inside."""
    paging = [alarm for alarm in alarms if alarm.level >= page_level and not alarm.drill]
    moments = _moments(paging, match_hazard=False)

    def paged(window: Window) -> bool:
        return _first(window, moments, early_s, grace_s, match_hazard=False) is not None

    must, must_not = [w for w in windows if w.must_page], [w for w in windows if w.nuisance]
    return {
        "must_page": len(must),
        "must_page_paged": sum(map(paged, must)),
        "must_not_page": len(must_not),
        "must_not_page_paged": sum(map(paged, must_not)),
    }


def _load(moments: Sequence[float], span_s: tuple[float, float] | None) -> dict[str, Any]:
    """Alarms in each ten minutes of the span; what lies outside it counts at its edges."""
    if span_s is None or span_s[1] <= span_s[0]:
        return {"load_mean_per_10min": None, "load_max_per_10min": None, "load_flood_share": None}
    slots = int(np.ceil((span_s[1] - span_s[0]) / LOAD_S))
    places = np.clip(((np.array(moments, np.float64) - span_s[0]) // LOAD_S).astype(np.int64), 0, slots - 1)
    load = np.bincount(places, minlength=slots)
    flooded = float((load > FLOOD).mean())
    return {
        "load_mean_per_10min": float(load.mean()),
        "load_max_per_10min": int(load.max()),
        "load_flood_share": flooded,
    }


def _coverage(forecasts: Sequence[Forecast], signal: Signal) -> dict[str, Any]:
    """Share of forecasts whose interval holds the value measured at that moment, interpolated between readings."""
    inside, widths, stated = [], [], []
    named = {(forecast.sensor, forecast.metric) for forecast in forecasts}
    columns = {key: np.array(signal[key]).T for key in named if signal.get(key)}
    for forecast in forecasts:
        found = columns.get((forecast.sensor, forecast.metric))
        if found is None or not found[0, 0] <= forecast.at_s <= found[0, -1]:
            continue  # nothing was measured there
        value = float(np.interp(forecast.at_s, found[0], found[1]))
        inside.append(forecast.low <= value <= forecast.high)
        widths.append(forecast.high - forecast.low)
        stated += [] if forecast.share is None else [forecast.share]
    return {
        "forecasts": len(inside),
        "interval_coverage": _share(sum(inside), len(inside)),
        "interval_stated": float(np.mean(stated)) if stated else None,
        "interval_width": float(np.mean(widths)) if widths else None,
    }


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
