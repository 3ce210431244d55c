"""Forecasts to a limit: raised early without a page, with an interval, and cleared."""

from __future__ import annotations

import numpy as np
import pytest

from detectors import Calendar, DetectionBatch, DetectorSet, LimitForecast, Outputs, Phase, Recipe, build, load_recipe
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, Sensor, TelemetryBatch, from_columns

START_NS = 1_790_000_000_000_000_000
LIMIT_M, RISE_M, RESERVOIR_S = 1.7, 1.1, 3600.0


def pond(seed: int, rise_m: float = RISE_M) -> tuple[np.ndarray, np.ndarray]:
    """Return seconds and levels of a pond: six quiet hours, 2.5 h of rain, and the recession, with 5 mm of noise."""
    seconds = np.arange(0, 16 * 3600, 60.0)
    filled = [(1 - np.exp(-x) * (1 + x + x * x / 2)) for x in _since(seconds)]
    course = filled[0] - filled[1]
    return seconds, 0.9 + rise_m * course / course.max() + np.random.default_rng(seed).normal(0, 0.005, len(seconds))


def _since(seconds: np.ndarray) -> list[np.ndarray]:
    return [np.clip(seconds - start, 0, None) / RESERVOIR_S for start in (21_600.0, 30_600.0)]


def gauges(metric: str, count: int, limits: tuple[float, ...] = ()) -> tuple[Catalog, DetectorSet, Outputs]:
    """Return a set with the forecast rules of one metric over some gauges."""
    catalog = Catalog()
    for number in range(count):
        code = catalog.code("s", f"gauge-{number}", "water")
        catalog.update(Sensor(code, f"gauge-{number}", "s", "water", limits={metric: limits} if limits else {}))
    rules = tuple(rule for rule in load_recipe().rules if rule.name == f"water_{metric}_forecast")
    outputs = Outputs(forecasts=[])
    return catalog, build(Recipe("forecast", rules), catalog, Calendar(), outputs), outputs


def readings(catalog: Catalog, metric: str, sensor: int, seconds: np.ndarray, values: np.ndarray) -> TelemetryBatch:
    """Return a batch of one gauge."""
    times = START_NS + (seconds * 1e9).astype(np.int64)
    code = catalog.code("s", f"gauge-{sensor}", "water")
    found = {"sensor": code, "metric": METRIC_BY_NAME[metric].code, "time_ns": times, "arrival_ns": times,
             "value": values, "quality": 0}  # fmt: skip
    return from_columns(
        {name: np.broadcast_to(np.asarray(found[name], dtype), times.shape).copy() for name, dtype in COLUMNS}
    )


def _found(seed: int, rise_m: float = RISE_M) -> tuple[DetectionBatch, np.ndarray, np.ndarray]:
    catalog, detector, _ = gauges("level", 1, (LIMIT_M,))
    seconds, levels = pond(seed, rise_m)
    return detector.update(readings(catalog, "level", 0, seconds, levels)), seconds, levels


@pytest.mark.parametrize("seed", range(3))
def test_rise_is_forecast_before_the_limit_without_a_page_and_clears(seed: int) -> None:
    """The finding comes half an hour or more before the limit, states its interval, and ends after the recession."""
    found, seconds, levels = _found(seed)
    crossed_ns = START_NS + int(seconds[np.argmax(levels >= LIMIT_M)]) * 10**9
    assert found.phase.tolist() == [Phase.RAISE, Phase.CLEAR]
    assert set(found.hazard) == {"flood"}
    assert not any(found.pages(row) for row in range(len(found)))
    forecast = found.evidence[0]["forecast"]
    assert forecast["issued_ns"] < crossed_ns - 1_800 * 10**9
    assert forecast["low_ns"] < forecast["at_ns"] < forecast["high_ns"]
    assert "reaches 1.70 m in" in found.evidence[0]["text"]["en"]
    assert "分钟后达到 1.70 m" in found.evidence[0]["text"]["zh"]


def test_quiet_pond_has_no_forecast() -> None:
    """A rise of 8 cm towards a limit 80 cm away is no finding."""
    assert len(_found(0, rise_m=0.08)[0]) == 0


def test_times_to_the_limit_are_within_two_minutes_half_an_hour_ahead() -> None:
    """P1: the median error of ten ponds, 30 minutes before the crossing, is under two minutes."""
    errors = []
    for seed in range(10):
        catalog, detector, outputs = gauges("level", 1, (LIMIT_M,))
        seconds, levels = pond(seed)
        crossing = np.interp(LIMIT_M, np.maximum.accumulate(_clean(seconds)), seconds)
        detector.update(
            readings(catalog, "level", 0, seconds[seconds < crossing - 1800], levels[seconds < crossing - 1800])
        )
        last = [one for one in outputs.forecasts or () if isinstance(one, LimitForecast)][-1]
        middle_ns = last.issued_ns + np.sqrt(float(last.low_ns - last.issued_ns) * float(last.high_ns - last.issued_ns))
        errors.append(abs((middle_ns - START_NS) / 1e9 - crossing))
    assert np.median(errors) < 120


def _clean(seconds: np.ndarray) -> np.ndarray:
    one, two = ((1 - np.exp(-x) * (1 + x + x * x / 2)) for x in _since(seconds))
    return np.asarray(0.9 + RISE_M * (one - two) / (one - two).max())


def test_street_flood_states_its_probability() -> None:
    """A steep rise of a street gauge is a finding with a probability before four inches."""
    catalog, detector, outputs = gauges("depth", 1)
    seconds = np.arange(0, 1200, 60.0)
    found = detector.update(readings(catalog, "depth", 0, seconds, np.clip(seconds - 120, 0, None) * 0.012 / 60))
    assert found.phase[0] == Phase.RAISE
    assert found.evidence[0]["value"] < 0.1016
    assert 0.5 <= found.evidence[0]["belief"] <= 1
    assert outputs.forecasts
