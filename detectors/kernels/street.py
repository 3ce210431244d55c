"""Features of a street flood: depth, slopes and age of a rise against a limit."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, PLR0917 - compiled: arrays one by one, types are inferred
from __future__ import annotations

import numpy as np
from numba import njit

from .buckets import Buckets, line

FEATURES = 18
INCH_M = 0.0254
"""Unit of the models' depths: they were fitted on a network that measures in inches."""


@njit(cache=True, nogil=True)
def street_features(now, depth, limit, wet_s, high, high_s, size: int, own: Buckets, out) -> None:
    """Fill out with the features of a rise, shape (FEATURES,). Depths in m; wet_s, high_s: seconds since both."""
    need, goal = max(limit - depth, 1e-4) / INCH_M, limit / INCH_M
    slopes = np.empty(3)
    for k, span_s in enumerate((190.0, 330.0, 630.0)):
        slopes[k] = line(now, span_s, 1, size, own)[1] * 60 / INCH_M
    short, middle, long = slopes[0] / need, slopes[1] / need, slopes[2] / need
    age = np.log1p(wet_s / 60)
    out[0], out[1], out[2] = np.sqrt(max(depth, 0.0) / limit), np.sqrt(need), np.log(goal)
    out[3], out[4] = min(max(short, -0.1), 0.3), min(max(long, -0.1), 0.3)
    out[5], out[6], out[7] = np.log(0.005 + max(short, 0)), np.log(0.005 + max(long, 0)), np.log(0.005 + max(middle, 0))
    out[8], out[9], out[10] = age, (high - depth) / limit, np.log1p(high_s / 60)
    out[11], out[12] = min(max(slopes[0], -1.0), 1.0), min(max(slopes[2], -1.0), 1.0)
    out[13], out[14], out[15], out[16] = age * out[0], age * out[6], out[0] * out[6], age * age
    out[17] = out[2] * out[0]


@njit(cache=True, nogil=True)
def weighted(features, model) -> float:
    """Return constant + sum of coefficient times feature. model: shape (FEATURES + 1,), the constant last."""
    result = model[FEATURES]
    for i in range(FEATURES):
        result += model[i] * features[i]
    return float(result)
