"""Faults of a river gauge are found; a flood of the same size is none."""

from __future__ import annotations

import numpy as np
import pytest

from detectors import Calendar, DetectionBatch, Phase, Recipe, build, load_recipe
from detectors.recipes.kinds import Rule
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, from_columns

RULES = tuple(rule for rule in load_recipe().rules if rule.name in ("gauge_level", "gauge_flow"))
BEGIN, END = 600, 640


def river() -> np.ndarray:
    """Return 40 days of hourly levels with two floods, a daily ripple and noise."""
    hours = np.arange(960.0)
    level = 1.0 + 0.01 * np.sin(hours * 2 * np.pi / 24) + np.random.default_rng(3).normal(0, 0.003, len(hours))
    for start in (150, 500):
        x = np.clip(hours - start, 0, None) / 8
        level += 1.2 * x**2 * np.exp(-x) / 0.54
    return level.round(3)


def found(
    values: np.ndarray,
    metric: str = "level",
    *,
    step_s: int = 3_600,
    kind: str = "water",
    rules: tuple[Rule, ...] = RULES,
) -> DetectionBatch:
    """Return the detections of a series, hourly without a step."""
    catalog = Catalog()
    times = 1_790_000_000_000_000_000 + np.arange(len(values)) * step_s * 1_000_000_000
    columns = {
        "sensor": catalog.code("s", "river", kind), "metric": METRIC_BY_NAME[metric].code, "time_ns": times,
        "arrival_ns": times, "value": values, "quality": 0,
    }  # fmt: skip
    filled = {name: np.broadcast_to(np.asarray(columns[name], dtype), times.shape).copy() for name, dtype in COLUMNS}
    return build(Recipe("gauges", rules), catalog, Calendar()).update(from_columns(filled))


def with_fault(kind: str) -> np.ndarray:
    """Return the river with a fault from BEGIN to END; a spike has one reading."""
    values = river()
    span = slice(BEGIN, END)
    noise = np.random.default_rng(4).normal(0, 0.15, END - BEGIN)
    if kind == "spike":
        values[BEGIN] += 0.9
    else:
        changed = {"stuck": values[BEGIN], "step": values[span] + 0.5, "zero": 0.0, "noise": values[span] + noise}
        values[span] = changed[kind]
    return values


@pytest.mark.parametrize(("kind", "word"), [("spike", "spike"), ("zero", "zero"), ("step", "step"), ("noise", "shows")])
def test_each_fault_is_a_fault_of_the_gauge(kind: str, word: str) -> None:
    """A fault is found within ten readings, without a page, and named; noise may begin with a spike."""
    faults = found(with_fault(kind))
    assert faults.phase[0] == Phase.RAISE
    assert set(faults.hazard) == {"sensor_fault"}
    assert word in faults.evidence[0]["text"]["en"]
    assert not faults.pages(0)
    assert 0 <= (faults.first_ns[0] - 1_790_000_000_000_000_000) // 3_600_000_000_000 - BEGIN < 10


def test_stuck_value_is_found_and_clears() -> None:
    """Forty equal readings are a stuck sensor, which clears after a day of other values."""
    faults = found(with_fault("stuck"))
    assert faults.phase.tolist() == [Phase.RAISE, Phase.CLEAR]
    assert set(faults.hazard) == {"sensor_stuck"}


def test_floods_are_no_faults() -> None:
    """Rises by more than a metre within hours are no fault."""
    assert len(found(river())) == 0


def test_a_pipe_at_rest_is_not_stuck() -> None:
    """By night a pipe of a school has less than 1 l/s for eight hours, and none in a closed branch."""
    hours = np.arange(0, 48, 15 / 3600)
    use = np.clip(0.004 * np.sin(hours * np.pi / 12), 0.0004, None)
    assert len(found(use.round(5), "flow", step_s=15)) == 0


def test_a_main_is_no_river() -> None:
    """A sensor that reports pressure has taps: its flow steps and rests."""
    flow = np.tile([0.02] * 50 + [0.3] * 50, 20) + np.arange(2_000) % 7 * 0.001
    catalog = Catalog()
    times = np.repeat(1_790_000_000_000_000_000 + np.arange(len(flow)) * 60_000_000_000, 2)
    codes = [METRIC_BY_NAME["pressure"].code, METRIC_BY_NAME["flow"].code]
    columns = {
        "sensor": catalog.code("s", "main", "water"), "metric": np.tile(codes, len(flow)), "time_ns": times,
        "arrival_ns": times, "value": np.ravel(np.column_stack([np.full(len(flow), 0.3), flow])), "quality": 0,
    }  # fmt: skip
    filled = {name: np.broadcast_to(np.asarray(columns[name], dtype), times.shape).copy() for name, dtype in COLUMNS}
    assert len(build(Recipe("gauges", RULES), catalog, Calendar()).update(from_columns(filled))) == 0


def test_room_sensors_show_spikes_and_noise_and_no_open_window() -> None:
    """A spike and noise are faults without a page; a window that lowers the temperature by 4 K is none."""
    rules = tuple(rule for rule in load_recipe().rules if rule.name == "room_temperature_fault")
    quiet = 21 + np.random.default_rng(5).normal(0, 0.05, 900)
    spike, noise, window = quiet.copy(), quiet.copy(), quiet.copy()
    spike[BEGIN] += 6
    noise[BEGIN:] += np.random.default_rng(6).normal(0, 2, 300)
    window[BEGIN:END] -= 4 * np.minimum(1, np.arange(1, END - BEGIN + 1) / 3)
    for values, hazards in ((quiet, set()), (window, set()), (spike, {"sensor_fault"}), (noise, {"sensor_fault"})):
        faults = found(values, "temperature", step_s=300, kind="env", rules=rules)
        assert set(faults.hazard) == hazards
        assert not any(faults.pages(row) for row in range(len(faults)))
