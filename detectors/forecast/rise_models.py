"""Models of past street floods, read from TOML, and the priors of losses and intervals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.errors import RecipeError
from detectors.kernels.rises import BINS, POOLED, VALUE_HIGH, VALUE_LOW
from detectors.kernels.street import FEATURES
from ingest import load_toml

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RiseModels:
    """Coefficients, shape (3, FEATURES + 1): belief (logit), log seconds to the limit, gain of depth (m) in 10 min.

    street_ends, ends: ends of the first intervals by bin (low ones, high ones): log of actual over expected time; ends:
    in scales of the interval.
    street_loss, loss: first errors of the forecasters (m).
    """

    coefficients: tuple[tuple[float, ...], ...]
    street_ends: tuple[float, ...]
    ends: tuple[float, ...]
    street_loss: tuple[float, ...]
    loss: tuple[float, ...]

    def table(self) -> Values:
        """Return the coefficients as an array."""
        return np.array(self.coefficients)

    def pools(self, *, street: bool) -> tuple[Values, Values]:
        """Return new pooled columns: interval ends with their scores, and losses."""
        pooled = np.zeros(POOLED)
        pooled[: 2 * BINS] = self.street_ends if street else self.ends
        pooled[VALUE_LOW], pooled[VALUE_HIGH] = -1.6, 1.6
        return pooled, np.array(self.street_loss if street else self.loss)


@cache
def load_rise_models() -> RiseModels:
    """Return the shipped models. Raises RecipeError for a table of another shape."""
    path = files("detectors") / "recipes" / "street.toml"
    table: dict[str, Any] = load_toml(path, RecipeError)
    rows = tuple(tuple(map(float, table[name])) for name in ("belief", "log_time", "gain"))
    if any(len(row) != FEATURES + 1 for row in rows):
        raise RecipeError([f"{path}: rows of other lengths; allowed are {FEATURES + 1} coefficients"])
    names = ("street_ends", "ends", "street_loss", "loss")
    return RiseModels(rows, *(tuple(map(float, table[name])) for name in names))
