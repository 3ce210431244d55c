"""Score of detections against ground truth.

- event recall: labelled windows with an alarm inside [start - early, end + grace] / windows
- merged alarms: alarms of one sensor and hazard with gaps of at most `merge_s` are one
- precision: merged alarms with any alarm inside any window / merged alarms
- false alarms per sensor-week: merged alarms outside / (observed sensor time / 7 d); needs the observed span
- delay: first alarm of a window minus its start (s), over found windows; mean, median, p95
- lead time: harm_at minus first alarm, 0 if late or missed; p10 and p50, over windows with a harm_at
- pages: windows that must page with an alarm that pages by its rule, and windows that must not page with one
- operator load: merged alarms per 10 min of the observed span; mean, maximum, share of intervals above 10 alarms
- interval coverage: measured values inside their forecast interval / forecasts; with stated share and width

A window that must not page (a nuisance) is no event: an alarm in it is a false alarm.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .report import PAGE_LEVEL, Alarm, Forecast, Report, Signal, TruthFile, Window

WEEK_S = 7 * 86_400.0
LOAD_S = 600.0
FLOOD = 10
"""Alarms per ten minutes that one operator can handle (EEMUA 191)."""


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
    """Return the report of these alarms.

    match_hazard: an alarm counts only in windows of its own hazard; signal: measured values, for the forecasts.
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
    """Count the windows that must page and that must not, and those of each with a page inside."""
    paging = [alarm for alarm in alarms if alarm.pages(page_level)]
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
    """Count merged alarms per ten minutes of the span; alarms outside it count at its edges."""
    if span_s is None or span_s[1] <= span_s[0]:
        return {"load_mean_per_10min": None, "load_max_per_10min": None, "load_flood_share": None}
    intervals = int(np.ceil((span_s[1] - span_s[0]) / LOAD_S))
    places = np.clip(((np.array(moments, np.float64) - span_s[0]) // LOAD_S).astype(np.int64), 0, intervals - 1)
    load = np.bincount(places, minlength=intervals)
    flooded = float((load > FLOOD).mean())
    return {
        "load_mean_per_10min": float(load.mean()),
        "load_max_per_10min": int(load.max()),
        "load_flood_share": flooded,
    }


def _coverage(forecasts: Sequence[Forecast], signal: Signal) -> dict[str, Any]:
    """Compare forecasts with the measured value at their time, interpolated between readings."""
    inside, widths, stated = [], [], []
    named = {(forecast.sensor, forecast.metric) for forecast in forecasts}
    columns = {key: np.array(signal[key]).T for key in named if signal.get(key)}
    for forecast in forecasts:
        found = columns.get((forecast.sensor, forecast.metric))
        if found is None or not found[0, 0] <= forecast.at_s <= found[0, -1]:
            continue  # no measured value at that time
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
    """Group alarms of one sensor and hazard with gaps of at most merge_s; each group is one merged alarm."""
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
    """Return ascending alarm times by sensor ("" for all) and hazard ("" for all)."""
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
    """Return the first alarm inside the window widened by early_s and grace_s."""
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
