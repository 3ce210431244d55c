"""Fits trained models with scikit-learn. Only `twinward train` imports this module.

The first four fifths of the history are fitted; the limit comes from the last fifth, in order of time. Constant
channels are refused: they cannot be scaled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

from detectors.errors import ModelError
from detectors.recipes.trained import METHODS, Model

from .models import Scorer, path_length

ROWS_MIN, CHANNELS_MIN, CHANNELS_MAX = 200, 2, 64
FITTED = 0.8
"""Share of the rows that is fitted; the others give the limit."""
QUANTILE, MARGIN = 0.999, 1.25
"""Limit: this quantile of the held-out scores, times the margin."""
EXPLAINED = 0.9
"""Share of the variance that the components of a subspace explain."""
TREES, SAMPLES, SEED = 100, 256, 1
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class History:
    """Rows of all channels at equal steps. channels: sensor and metric of each column; begin_ns, end_ns: span."""

    site: str
    channels: Sequence[tuple[str, str]]
    step_s: float
    begin_ns: int
    end_ns: int
    rows: NDArray[np.float64]


def fit(history: History, method: str) -> Model:
    """Return the model of a history. Raises ModelError for too little history, a constant channel or another method."""
    _check(history, method)
    rows = history.rows
    fitted = rows[: int(FITTED * len(rows))]
    center, scale = fitted.mean(axis=0), fitted.std(axis=0)
    still = [name for name, spread in zip(history.channels, scale.tolist(), strict=True) if not spread > 0]
    if still:
        names = ", ".join(f"{sensor} {metric}" for sensor, metric in still)
        raise ModelError("", f"constant channel {names}; allowed are channels that vary")
    standard = (fitted - center) / scale
    arrays, exact = _subspace(standard) if method == "subspace" else _forest(fitted)
    content = {
        "method": method,
        "site": history.site,
        "channels": [list(channel) for channel in history.channels],
        "step_s": history.step_s,
        "from": history.begin_ns,
        "to": history.end_ns,
        "rows": len(rows),
        "inputs": hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest(),
        "center": center.tolist(),
        "scale": scale.tolist(),
        "arrays": arrays,
        "limit": 0.0,
    }
    scorer = Scorer(Model(content))
    scores = [scorer.score(row) for row in fitted[: len(exact)]]
    if not np.allclose(scores, exact, rtol=TOLERANCE, atol=TOLERANCE):
        raise ModelError("", "the exported arrays do not score as scikit-learn does: a fault of this version")
    held_out = [scorer.score(row) for row in rows[len(fitted) :]]
    return Model({**content, "limit": MARGIN * float(np.quantile(held_out, QUANTILE))})


def _check(history: History, method: str) -> None:
    if method not in METHODS:
        raise ModelError("", f"method {method!r}; allowed is one of {', '.join(METHODS)}")
    if not CHANNELS_MIN <= len(history.channels) <= CHANNELS_MAX:
        raise ModelError("", f"{len(history.channels)} channels; allowed are {CHANNELS_MIN} to {CHANNELS_MAX}")
    if len(history.rows) < ROWS_MIN:
        raise ModelError("", f"{len(history.rows)} steps with all channels; needed are {ROWS_MIN}: extend the span")


def _subspace(standard: NDArray[np.float64]) -> tuple[Mapping[str, Any], NDArray[np.float64]]:
    """Return the components, and scikit-learn's own scores of the first rows."""
    whole = PCA(svd_solver="full").fit(standard)
    explained = np.cumsum(whole.explained_variance_ratio_)
    count = min(int(np.searchsorted(explained, EXPLAINED)) + 1, standard.shape[1] - 1)
    fitted = PCA(n_components=count, svd_solver="full").fit(standard)
    first = standard[:ROWS_MIN]
    rest = first - fitted.inverse_transform(fitted.transform(first))
    return {"components": fitted.components_.tolist()}, (rest**2).mean(axis=1)


def _forest(fitted: NDArray[np.float64]) -> tuple[Mapping[str, Any], NDArray[np.float64]]:
    """Return the trees as arrays of one width, and scikit-learn's own scores of the first rows."""
    samples = min(SAMPLES, len(fitted))
    forest = IsolationForest(n_estimators=TREES, max_samples=samples, random_state=SEED).fit(fitted)
    trees = [one.tree_ for one in forest.estimators_]
    width = max(tree.node_count for tree in trees)

    def padded(parts: Sequence[NDArray[Any]], fill: float) -> list[Any]:
        return [[*part.tolist(), *[fill] * (width - len(part))] for part in parts]

    arrays = {
        "left": padded([tree.children_left for tree in trees], -1),
        "right": padded([tree.children_right for tree in trees], -1),
        "feature": padded([np.maximum(tree.feature, 0) for tree in trees], 0),
        "threshold": padded([tree.threshold for tree in trees], 0.0),
        "length": padded([_lengths(tree) for tree in trees], 0.0),
        "depth": max(tree.max_depth for tree in trees),
        "samples": samples,
    }
    return arrays, -forest.score_samples(fitted[:ROWS_MIN])


def _lengths(tree: Any) -> NDArray[np.float64]:
    """Return the path length at each node: its depth plus that of its own samples."""
    depth = np.zeros(tree.node_count)
    for node, (left, right) in enumerate(zip(tree.children_left.tolist(), tree.children_right.tolist(), strict=True)):
        if left >= 0:
            depth[[left, right]] = depth[node] + 1
    rest: NDArray[np.float64] = depth + np.array([path_length(count) for count in tree.n_node_samples.tolist()])
    return rest
