"""Simulated series: cost, memory and false alarms of the general recipe; cost of forecasts.

Baselines: cost of a plain limit over the same readings; a limit in standard deviations of the first days, by the normal
distribution. The most expensive detector is the level forecast; its figure is the mean over a day in which every pond
has a storm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist
from time import process_time

import numpy as np
from numpy.typing import NDArray

from detectors import Calendar, Phase, Recipe, build, load_recipe
from detectors.learned.excess import ExcessDetector
from detectors.learned.unusual import UnusualDetector
from detectors.outputs import Outputs
from detectors.recipes.forecasting import TimeToLimit
from detectors.recipes.general import Excess, Unusual
from detectors.recipes.kinds import Rule, Threshold
from ingest import COLUMNS, Catalog, TelemetryBatch, from_columns

from .goals import Goal, Measured

SEED = 20_261_129
SENSORS, STEP_S, DAY_S = 64, 300, 86_400
BATCH_ROWS, BATCHES = 4_096, 60
START_NS, SECOND_NS = 1_790_000_000_000_000_000, 1_000_000_000
METRIC = "benchmark_value"
COST = Goal("general recipe, cost of a reading in batches of 4,096", "us", 30, 10, 5, larger=False)
MEMORY = Goal("general recipe, learned state of a sensor", "kB", 64, 16, 4, larger=False)

RATE = Goal("threshold by a false-alarm rate, factor between observed and asked", "", 3, 2, 1.5, larger=False)
DEAREST = Goal("level forecast on a stormy day, cost of a reading in batches of 4,096", "us", 30, 10, 10, larger=False)
POND_STEP_S, PONDS = 60, 64
ASKED_DAYS, DAYS, FIRST_DAYS = 10.0, 60, 5
FAMILIES = 3


def measure() -> Iterator[Measured]:
    """Yield costs, memory, and the rate of false alarms against the requested one."""
    rules = load_recipe().rules
    values = quiet_series(BATCH_ROWS * BATCHES // SENSORS, SEED)
    general = cost_us([rule for rule in rules if isinstance(rule, Unusual | Excess)], values)
    plain = cost_us([Threshold(name="plain", hazard="anomaly", metric=METRIC, limits=(90.0,), levels=(1,))], values)
    yield Measured("simulated", COST, general, plain, SENSORS)
    forecasts = [replace(level_forecast(), limits=(1.5, 1.7))]
    level = Threshold(name="plain", hazard="flood", metric="level", limits=(1.7,), levels=(1,))
    storms = stormy_day(SEED)
    dearest, plain = (
        cost_us(chosen, storms, metric="level", kind="water", step_s=POND_STEP_S) for chosen in (forecasts, [level])
    )
    yield Measured("simulated", DEAREST, dearest, plain, PONDS)
    yield Measured("simulated", MEMORY, memory_kb(), None, SENSORS)
    yield Measured("simulated", RATE, *rate_factor())


def level_forecast() -> TimeToLimit:
    """Return the shipped rule of rising levels."""
    return next(r for r in load_recipe().rules if isinstance(r, TimeToLimit) and r.name == "water_level_forecast")


def quiet_series(rows: int, seed: int) -> NDArray[np.float64]:
    """Return SENSORS series as columns: a daily cycle with autoregressive noise, a third of it with heavy tails."""
    draw = np.random.default_rng(seed)
    noise = np.where(
        np.arange(SENSORS) % 3 == 0, draw.standard_t(4, (rows, SENSORS)), draw.normal(size=(rows, SENSORS))
    )
    for row in range(1, rows):
        noise[row] += 0.7 * noise[row - 1]
    cycle = np.sin(np.arange(rows) * (2 * np.pi * STEP_S / DAY_S))[:, None] * draw.uniform(0, 10, SENSORS)
    values: NDArray[np.float64] = 50 + cycle + noise
    return values


def stormy_day(seed: int) -> NDArray[np.float64]:
    """Return levels of PONDS ponds in m as columns, a reading a minute: each has one storm within a day."""
    draw, minutes = np.random.default_rng(seed), np.arange(DAY_S // POND_STEP_S, dtype=np.float64)
    levels = np.empty((len(minutes), PONDS))
    for pond in range(PONDS):
        filled = np.clip(minutes - draw.uniform(60, 900), 0, None) / draw.uniform(30, 90)
        drained = np.clip(filled - draw.uniform(1.5, 3), 0, None)
        response = [1 - np.exp(-x) * (1 + x + x * x / 2) for x in (filled, drained)]
        rise = response[0] - response[1]
        levels[:, pond] = 1.2 + draw.uniform(0.4, 0.8) * rise / rise.max()
    noisy: NDArray[np.float64] = levels + draw.normal(0, 0.003, levels.shape)
    return noisy


def batches(
    values: NDArray[np.float64],
    catalog: Catalog,
    *,
    size: int = BATCH_ROWS,
    metric: str = METRIC,
    kind: str = "device",
    step_s: int = STEP_S,
) -> list[TelemetryBatch]:
    """Return the series as readings of one metric, every step_s, in batches."""
    codes = [catalog.code("s", f"sensor-{number}", kind) for number in range(values.shape[1])]
    time_ns = np.repeat(START_NS + np.arange(len(values), dtype=np.int64) * step_s * SECOND_NS, len(codes))
    found = {
        "sensor": np.tile(codes, len(values)), "metric": np.full(values.size, catalog.metric(metric).code),
        "time_ns": time_ns, "arrival_ns": time_ns, "value": values.ravel(), "quality": np.zeros(values.size),
    }  # fmt: skip
    whole = from_columns({name: np.asarray(found[name], dtype) for name, dtype in COLUMNS})
    return [whole.select(slice(at, at + size)) for at in range(0, values.size, size)]


def cost_us(
    rules: Sequence[Rule],
    values: NDArray[np.float64],
    *,
    metric: str = METRIC,
    kind: str = "device",
    step_s: int = STEP_S,
) -> float:
    """Return the processor time of rules a reading, in batches of 4,096, once a quarter of the series is learned."""
    catalog = Catalog()
    detector = build(Recipe("cost", tuple(rules)), catalog, Calendar())
    parts = batches(values, catalog, metric=metric, kind=kind, step_s=step_s)
    first = len(parts) // 4
    for part in parts[:first]:
        detector.update(part)
    begin_s = process_time()
    for part in parts[first:]:
        detector.update(part)
    return (process_time() - begin_s) / sum(len(part) for part in parts[first:]) * 1e6


def memory_kb() -> float:
    """Return the learned state of a series, by the width of the rows of both rules."""
    rules = load_recipe().rules
    unusual = next(UnusualDetector(rule, Outputs()) for rule in rules if isinstance(rule, Unusual))
    excess = next(ExcessDetector(rule, Outputs()) for rule in rules if isinstance(rule, Excess))
    return (unusual.row_bytes + excess.row_bytes) / 1e3


def rate_factor() -> tuple[float, float, int]:
    """Return the factor of the worst family for one false alarm in ASKED_DAYS, the baseline's, and our false alarms."""
    catalog = Catalog()
    rule = next(rule for rule in load_recipe().rules if isinstance(rule, Excess))
    detector = build(Recipe("general", (replace(rule, false_alarm_days=ASKED_DAYS),)), catalog, Calendar())
    begin_ns = START_NS + FIRST_DAYS * DAY_S * SECOND_NS
    raised = np.zeros(FAMILIES)
    values = quiet_series(DAYS * DAY_S // STEP_S, SEED)
    for part in batches(values, catalog):
        found = detector.update(part)
        late = (found.phase == Phase.RAISE) & (found.decided_ns >= begin_ns)
        for sensor in found.sensor[late].tolist():
            raised[int(catalog[sensor].id.partition("-")[2]) % FAMILIES] += 1
    return _factor(raised), _factor(_normal_limit(values)), int(raised.sum())


def _normal_limit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the readings of each family beyond the normal limit of the first days, once a run of them."""
    first = FIRST_DAYS * DAY_S // STEP_S
    limit = NormalDist().inv_cdf(1 - STEP_S / (2 * ASKED_DAYS * DAY_S))
    beyond = np.abs(values - values[:first].mean(axis=0)) > limit * values[:first].std(axis=0)
    begun = (beyond[1:] & ~beyond[:-1])[first:].sum(axis=0)
    return np.array([begun[family::FAMILIES].sum() for family in range(FAMILIES)], np.float64)


def _factor(raised: NDArray[np.float64]) -> float:
    """Return the factor between the observed and the requested rate of the worst family."""
    sensors = np.bincount(np.arange(SENSORS) % FAMILIES)
    shares = raised / (sensors * (DAYS - FIRST_DAYS) / ASKED_DAYS)
    return float(np.max(np.maximum(shares, 1 / np.maximum(shares, 1e-9))))
