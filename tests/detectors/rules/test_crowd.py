"""Crowds: levels by density, the page before the danger, its interval, and the end without readings."""

from __future__ import annotations

import numpy as np
import pytest

from detectors import Calendar, DetectionBatch, Outputs, Phase, Recipe, build
from detectors.outputs import LimitForecast
from detectors.recipes.traffic import Crowd
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, Sensor, from_columns

RULE = Crowd(name="crowd", hazard="crowd", profiles=("stairs",), levels=(1, 2, 3), page_s=150, early_share=0.35)
START_NS = 1_790_000_000_000_000_000


def update(
    times_s: np.ndarray, values: np.ndarray, metrics: list[str], *, outputs: Outputs | None = None
) -> DetectionBatch:
    """Return the detections of a camera or counter of 80 m2."""
    catalog = Catalog([Sensor(0, "stair", "s", "camera", profile="stairs")])
    codes = [catalog.code("s", "stair", "camera"), catalog.code("s", "clock", "device")]
    times = START_NS + (times_s * 1e9).astype(np.int64)
    columns = {"metric": [METRIC_BY_NAME[name].code for name in metrics], "time_ns": times, "arrival_ns": times}
    columns |= {"value": values, "sensor": [codes[name == "tick"] for name in metrics], "quality": np.zeros(len(times))}
    batch = from_columns({name: np.array(columns[name], dtype) for name, dtype in COLUMNS})
    return build(Recipe("r", (RULE,)), catalog, Calendar(), outputs).update(batch)


def rising(flow: float, *, noise: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return times and counts of a crowd that grows by `flow` persons a second from 60 s to 180 s, then leaves."""
    times = np.arange(0, 700, 2.0)
    people = flow * np.clip(times - 60, 0, 120) - 3 * np.clip(times - 180, 0, None)
    return times, np.rint(
        np.clip(people, 0, None) * (1 + noise * np.random.default_rng(seed).standard_normal(len(times)))
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_crush_pages_before_the_danger_and_clears(seed: int) -> None:
    """Four persons a second more on 80 m2: early, page before 5 a square metre (at 160 s), severe, end."""
    times, counts = rising(4.0, noise=0.15, seed=seed)
    found = update(times, counts, ["object_count"] * len(times))
    at_s = (found.last_ns - START_NS) / 1e9
    assert found.phase.tolist()[0] == Phase.RAISE
    assert found.phase.tolist()[-1] == Phase.CLEAR
    assert at_s[found.level >= 2][0] < 140
    assert at_s[found.level == 3][0] == pytest.approx(160, abs=20)


def test_ordinary_use_raises_nothing() -> None:
    """One person a square metre that does not move, with noisy counts, is no crowd."""
    times = np.arange(0, 1_000, 2.0)
    counts = np.rint(70 * (1 + 0.2 * np.random.default_rng(1).standard_normal(len(times))))
    assert len(update(times, counts, ["object_count"] * len(times))) == 0


def test_half_a_class_on_a_stair_raises_nothing() -> None:
    """Forty persons within 20 s, then as many come as go."""
    times = np.arange(0, 600, 2.0)
    people = np.clip(2.0 * (times - 60), 0, 40)
    counts = np.rint(people * (1 + 0.15 * np.random.default_rng(1).standard_normal(len(times))))
    assert len(update(times, counts, ["object_count"] * len(times))) == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_slow_crush_is_found_two_minutes_before_the_danger(seed: int) -> None:
    """Of 150 s from the first person to 5 a square metre, at most 35 pass until the early finding."""
    times = np.arange(0, 250, 2.0)
    noise = 1 + 0.12 * np.random.default_rng(seed).standard_normal(len(times))
    counts = np.rint(np.clip(times - 60, 0, 160) * 400 / 150 * noise)
    found = update(times, counts, ["object_count"] * len(times))
    at_s = (found.last_ns - START_NS) / 1e9
    assert at_s[0] <= 60 + 35
    assert at_s[found.level >= 2][0] <= 60 + 90


def test_counters_of_passages_give_the_density() -> None:
    """Six come and three leave each second: 2 a square metre after 54 s."""
    seconds = np.repeat(np.arange(0, 100.0), 2)
    found = update(seconds, np.tile([6.0, 3.0], 100), ["people_in", "people_out"] * 100)
    assert found.phase.tolist()[0] == Phase.RAISE
    assert (found.first_ns[0] - START_NS) / 1e9 < 60


def test_a_crowd_without_readings_ends() -> None:
    """The camera fails: the finding ends after hold_s by the clock."""
    times, counts = rising(4.0, noise=0.0)
    kept = times < 150
    ticks = np.arange(150.0, 700, 10)
    found = update(
        np.append(times[kept], ticks), np.append(counts[kept], np.ones(len(ticks))),
        ["object_count"] * int(kept.sum()) + ["tick"] * len(ticks),
    )  # fmt: skip
    assert found.phase.tolist()[-1] == Phase.CLEAR


def test_the_interval_of_the_danger_holds_as_often_as_stated() -> None:
    """Of the forecasts one minute before the danger, 80 % contain its time, within the error of 60 crowds."""
    held, width_s = [], []
    for seed in range(60):
        times, counts = rising(4.0, noise=0.15, seed=seed)
        outputs = Outputs(forecasts=[])
        update(times, counts, ["object_count"] * len(times), outputs=outputs)
        ahead = [one for one in outputs.forecasts or () if isinstance(one, LimitForecast)]
        first = next((one for one in ahead if one.issued_ns >= START_NS + 100 * 10**9), None)
        if first:
            held.append(first.low_ns <= START_NS + 160 * 10**9 <= first.high_ns)
            width_s.append((first.high_ns - first.low_ns) / 1e9)
    assert len(held) > 50
    assert 0.65 <= np.mean(held) <= 0.97
    assert np.median(width_s) < 60
