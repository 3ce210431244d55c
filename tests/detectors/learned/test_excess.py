"""Values beyond the forecast of their series: raise, clear, restart, bad input, alarm rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors import Calendar, DetectorSet, Phase, Recipe, build, load_recipe
from detectors.kernels.autoregression import fresh, residual
from detectors.kernels.spot import pareto, tail_limit
from detectors.outputs import Outputs
from detectors.recipes.general import Excess
from ingest import Quality
from tests.detectors.histories import joined
from tests.detectors.learned.test_unusual import STEP_NS, catalog, daily, mixed, series

RULE = next(rule for rule in load_recipe().rules if isinstance(rule, Excess))


def make(days: float = 100.0) -> DetectorSet:
    """Return a new detector with one false alarm in these sensor-days."""
    return build(Recipe("excess", (replace(RULE, false_alarm_days=days),)), catalog(), Calendar())


def test_a_spike_raises_without_a_page_and_clears() -> None:
    """One reading far from its forecast is a finding with forecast and band, which ends after an hour within it."""
    values = daily(8)
    values[2_000] += 40
    found = make().update(series(values))
    at = found.decided_ns.tolist().index(int(series(values).time_ns[2_000]))
    assert found.phase[at : at + 2].tolist() == [Phase.RAISE, Phase.CLEAR]
    assert int(found.decided_ns[at + 1] - found.decided_ns[at]) == 12 * STEP_NS
    assert not found.pages(at)
    low, high = found.evidence[at]["band"]
    assert low < found.evidence[at]["baseline"] < high < values[2_000]
    assert found.evidence[at]["limit"] == high
    assert found.evidence[at]["text"]["zh"] != found.evidence[at]["text"]["en"]


def test_row_by_row_equals_batched_equals_restarted() -> None:
    """The cut into batches and a restart at any of them change neither detections nor state."""
    batch = mixed()
    whole, single = make(1.0), make(1.0)
    expected = joined([whole.update(batch)])
    assert len(expected) >= 2
    found = []
    for at in range(0, len(batch), 97):
        part = batch.select(slice(at, at + 97))
        found += joined([single.update(part)]) if at % 2 else joined([single.update(row) for row in part.rows()])
        again = make(1.0)
        again.restore(single.snapshot())
        single = again
    assert found == expected
    assert single.snapshot() == whole.snapshot()


@pytest.mark.parametrize("quality", [Quality.TEST, Quality.HISTORICAL, Quality.FAULT, Quality.RETAINED])
def test_readings_of_other_qualities_are_not_learned(quality: Quality) -> None:
    """Only live good readings raise."""
    values = daily(8)
    values[2_000] += 40
    assert len(make().update(series(values, quality=int(quality)))) == 0


def test_bad_input_leaves_the_state_usable() -> None:
    """NaN, infinite and huge values, a long constant span and ten years without data raise no exception."""
    values = daily(8)
    values[300:310], values[400], values[500], values[1_000:1_500] = np.nan, np.inf, 1e300, 50.0
    batch = series(values)
    batch.time_ns[1_800:] += 10 * 365 * 86_400 * 1_000_000_000
    batch.arrival_ns[:] = batch.time_ns
    detector = make()
    found = detector.update(batch)
    assert np.isfinite(found.score).all()
    again = make()
    again.restore(detector.snapshot())
    assert again.snapshot() == detector.snapshot()


def test_the_observed_rate_of_false_alarms_is_near_the_stated_one() -> None:
    """On quiet series, within a factor of 1.5 of one in two sensor-days."""
    asked_days, count = 2.0, 0
    for seed in range(20):
        found = make(asked_days).update(series(daily(20, seed=seed)))
        count += sum(found.phase[found.decided_ns > series(daily(4)).time_ns[-1]] == Phase.RAISE)
    assert 1 / 1.5 <= count / (20 * 16 / asked_days) <= 1.5


def test_scores_of_the_first_readings_are_zero() -> None:
    """A score needs the scale of the residuals; the limit has the score 0.5."""
    outputs = Outputs(scores=[])
    detector = build(Recipe("excess", (RULE,)), catalog(), Calendar(), outputs)
    detector.update(series(daily(3)))
    assert outputs.scores is not None
    scores = [one.score for one in outputs.scores]
    assert set(scores[:100]) == {0.0}
    assert 0 < max(scores) < 1


def test_moments_find_the_tail_of_a_sample() -> None:
    """An exponential sample has a shape near 0; its limit at one in a thousand is near the true one."""
    sample = np.random.default_rng(3).exponential(2.0, 20_000).astype(np.float32)
    shape, scale = pareto(sample)
    assert abs(shape) < 0.05
    assert scale == pytest.approx(2.0, rel=0.05)
    assert tail_limit(0.0, shape, scale, 0.05 / 1_000) == pytest.approx(2 * np.log(1_000), rel=0.1)


def test_an_autoregression_finds_the_next_value_of_a_wave() -> None:
    """Its forecast of a noiseless wave is within a thousandth after 2,000 readings."""
    floats = fresh()
    wave = 5 + np.sin(np.arange(2_000) / 7)
    for count, value in enumerate(wave):
        _, expected, _ = residual(float(value), count, floats)
    assert expected == pytest.approx(wave[-1], abs=1e-3)
