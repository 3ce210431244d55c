"""Fit of the models of street floods on one half of the FloodNet sensors.

Prints the arrays of `detectors/recipes/street.toml`: a logistic regression of reaching a limit, and two ridge
regressions for the time until then and for the gain of depth within 10 minutes. Rows: moments of each episode at
growing distances, against limits of 2 to 20 inches. It also prints the warnings of that half at several beliefs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.forecast.rise_models import load_rise_models
from detectors.kernels.buckets import BUCKETS, push
from detectors.kernels.street import FEATURES, street_features, weighted

from .floods import INCH_M, LEAD_S, Episode, held_out, read_episodes

Values = NDArray[np.float64]
LIMITS_IN = (2, 3, 4, 6, 8, 12, 16, 20)
GAIN_IN, BUCKET_S, HORIZON_S, LAST_S, GROWTH = 12, 30, 600.0, 7_200.0, 1.22
BELIEFS = (0.2, 0.27, 0.35, 0.42, 0.5, 0.58)
LOGISTIC_PENALTY, RIDGE_PENALTY, STEPS_MAX = 1 / 0.3, 10.0, 40


def rows_of(episode: Episode, limit: float) -> Iterator[tuple[float, Values]]:
    """Yield time in s and features of the moments of an episode before it reaches a limit in m."""
    own = np.zeros(BUCKETS), np.zeros(BUCKETS), np.zeros(BUCKETS)
    size, bucket, wet, high, high_at, due = 0, -1, -1.0, 0.0, 0.0, 0.0
    for at, inches in zip(episode.times, episode.depths, strict=True):
        depth = inches * INCH_M
        if depth >= limit:
            return
        size = push(at, depth, size, int(at // BUCKET_S) != bucket, False, own)
        bucket = int(at // BUCKET_S)
        wet = at if wet < 0 < depth else wet
        if depth > high:
            high, high_at = depth, at
        if wet < 0 or at - wet > LAST_S or depth <= 0 or at - wet + 18 < due:
            continue
        features = np.empty(FEATURES)
        street_features(at, depth, limit, at - wet, high, at - high_at, size, own, features)
        due = (at - wet) * GROWTH + 60
        yield at, features


def samples(episodes: Sequence[Episode]) -> tuple[Values, Values, Values]:
    """Return features, seconds to the limit (inf for never), and gains in m (NaN but for one limit)."""
    features, seconds, gains = [], [], []
    for one in episodes:
        for inches in LIMITS_IN:
            crossing = one.crossing(inches)
            for at, row in rows_of(one, inches * INCH_M):
                place = int(np.searchsorted(one.times, at + HORIZON_S - 20))
                then = one.depths[place] if place < len(one.times) else 0.0
                now = one.depths[int(np.searchsorted(one.times, at))]
                features.append(row)
                seconds.append(np.inf if crossing is None else crossing - at)
                gains.append((then - now) * INCH_M if inches == GAIN_IN else np.nan)
    return np.array(features), np.array(seconds), np.array(gains)


def logistic(x: Values, y: Values) -> Values:
    """Return coefficients and constant of a logistic regression with a ridge penalty, by Newton's method."""
    weights, full = np.zeros(x.shape[1] + 1), np.column_stack([x, np.ones(len(x))])
    penalty = np.diag([LOGISTIC_PENALTY] * x.shape[1] + [0.0])
    for _ in range(STEPS_MAX):
        share = 1 / (1 + np.exp(-full @ weights))
        slope = full.T @ (share - y) + penalty @ weights
        curve = (full * (share * (1 - share))[:, None]).T @ full + penalty
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-8:  # noqa: PLR2004 - converged
            break
    return weights


def ridge(x: Values, y: Values) -> Values:
    """Return coefficients and constant of a ridge regression."""
    mean = y.mean()
    return np.append(np.linalg.solve(x.T @ x + RIDGE_PENALTY * np.eye(x.shape[1]), x.T @ (y - mean)), mean)


def fit(folder: Path) -> dict[str, Values]:
    """Return the models of the fitted half by name."""
    features, seconds, gains = samples(held_out(read_episodes(folder), fit=True))
    mean, scale = features.mean(0), features.std(0)

    def plain(weights: Values, centre: Values) -> Values:
        slopes = weights[:-1] / scale
        return np.append(slopes, weights[-1] - slopes @ centre)

    reached, known = np.isfinite(seconds) & (seconds > 0), np.isfinite(gains)
    models = {"belief": plain(logistic((features - mean) / scale, np.isfinite(seconds).astype(float)), mean)}
    for name, chosen, y in (("log_time", reached, np.log(seconds[reached])), ("gain", known, gains[known])):
        centre = features[chosen].mean(0)
        models[name] = plain(ridge((features[chosen] - centre) / scale, y), centre)
    return models


def warnings(episodes: Sequence[Episode], model: Values, inches: int, belief_min: float) -> tuple[float, float]:
    """Return the share of crossings warned of LEAD_S ahead, and the share of warnings without a crossing."""
    in_time, counted, false, warned = 0, 0, 0, 0
    for one in episodes:
        crossing = one.crossing(inches)
        rows = rows_of(one, inches * INCH_M)
        at_s = next((at for at, row in rows if 1 / (1 + np.exp(-weighted(row, model))) >= belief_min), None)
        wet_s = next((at for at, depth in zip(one.times, one.depths, strict=True) if depth > 0), 0.0)
        warned += at_s is not None
        false += at_s is not None and crossing is None
        if crossing is not None and crossing - wet_s >= LEAD_S:
            counted += 1
            in_time += at_s is not None and crossing - at_s >= LEAD_S
    return in_time / max(1, counted), false / max(1, warned)


def _print_warnings(folder: Path) -> None:
    episodes, model = held_out(read_episodes(folder), fit=True), load_rise_models().table()[0]
    for inches in (4, 12):
        for belief_min in BELIEFS:
            in_time, false = warnings(episodes, model, inches, belief_min)
            sys.stdout.write(f"# {inches} in, belief {belief_min}: {in_time:.1%} warned, {false:.1%} false\n")


if __name__ == "__main__":
    for name, row in fit(Path(sys.argv[1])).items():
        sys.stdout.write(f"{name} = [{', '.join(f'{value:.5g}' for value in row)}]\n")
    _print_warnings(Path(sys.argv[1]))
