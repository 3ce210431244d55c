"""Fits through buckets of readings, compared with least squares of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.kernels.buckets import parabola
from detectors.kernels.cascade import RESERVOIRS_S, cascade, filled

Values = np.ndarray


def rise(seed: int, size: int) -> tuple[Values, Values, Values]:
    """Return bucket times, means and counts of a noisy curved rise."""
    draw = np.random.default_rng(seed)
    times = np.cumsum(draw.uniform(30, 90, size))
    return times, 1.2 + 1e-7 * draw.normal() * times**2 + draw.normal(0, 0.003, size), np.ones(size)


@settings(deadline=None)  # the first call compiles
@given(seed=st.integers(0, 10_000), size=st.integers(6, 48))
def test_the_parabola_is_that_of_least_squares_with_a_smaller_curvature(seed: int, size: int) -> None:
    """Level and slope fit the curvature that is left; it never exceeds the one of least squares."""
    own = rise(seed, size)
    now = float(own[0][-1]) + 5
    level, slope, curve = parabola(now, 1e9, 6, size, own)
    x = own[0] - now
    whole = np.polyfit(x, own[1], 2)
    assert abs(curve) <= abs(whole[0]) * (1 + 1e-6) + 1e-15
    assert curve * whole[0] >= 0
    line = np.polyfit(x, own[1] - curve * x * x, 1)
    assert [slope, level] == pytest.approx(line.tolist(), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("reservoir_s", RESERVOIRS_S[2:7])
def test_a_cascade_without_noise_is_continued(reservoir_s: float) -> None:
    """After half of its rise, the level and the time to a limit are those of the curve."""
    size = 40
    times = np.linspace(0, 3 * reservoir_s, size)
    levels = np.array([1.2 + 0.8 * filled(float(at) / reservoir_s) for at in times])
    limit = 1.2 + 0.8 * filled(3.6)
    reach = np.empty(1)
    own = times, levels, np.ones(size)
    ahead = cascade(float(times[-1]), reservoir_s / 2, 0.001, np.array([limit]), size, own, reach)
    assert ahead == pytest.approx(1.2 + 0.8 * filled(3.5), abs=0.02)
    assert reach[0] == pytest.approx(0.6 * reservoir_s, rel=0.15)
