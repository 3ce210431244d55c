"""Published scores of two simple detectors of the Numenta benchmark, reproduced by series.

Windowed Gaussian (39.6 over the whole corpus): the tail probability of a value under the mean and deviation of up to
6,400 values before it, renewed every 100. Relative entropy (54.6): Wang et al., "Statistical Techniques for Online
Anomaly Detection in Data Centers", ICAC 2011, figure 1; windows of 52 values in 5 bins. `cases/nab/published.csv` has
their standard scores in results/ of github.com/numenta/NAB (MIT licence). They were published with 12 digits, and so
was the threshold 1.0 of the first detector.
"""

from __future__ import annotations

import csv
import gzip
import json
from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from math import erfc, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from detectors.qualification.nab import PROFILES, Series, nab_score

pytestmark = pytest.mark.shared
PUBLISHED = Path(__file__).parents[2] / "cases" / "nab" / "published.csv"
WINDOW, STEP, CERTAIN = 6_400, 100, 1 - 5e-13
BINS, SPAN, MISSES = 5, 52, 0.01
Values = np.ndarray


def windowed_gaussian(values: Values) -> Values:
    """Return the rows whose tail probability is zero to 12 digits."""
    flagged = np.zeros(len(values), np.bool_)
    first = last = 0
    mean, spread = 0.0, 1.0
    for row, value in enumerate(values):
        flagged[row] = row > 0 and 1 - 0.5 * erfc(abs(value - mean) / spread / sqrt(2)) >= CERTAIN
        if row < WINDOW or row + 1 - last == STEP:
            first, last = (0 if row < WINDOW else first + STEP), row + 1
            mean, spread = values[first:last].mean(), values[first:last].std() or 1e-6
    return flagged


def relative_entropy(values: Values) -> Values:
    """Return the rows whose window agrees with none of the distributions of windows before."""
    flagged = np.zeros(len(values), np.bool_)
    width = (values.max() - values.min()) / BINS
    if width == 0:
        return flagged
    limit, known = stats.chi2.isf(MISSES, BINS - 1), np.empty((0, BINS))
    binned = np.minimum(np.ceil((values - values.min()) / width), BINS - 1)
    counts = np.cumsum(np.vstack([np.zeros(BINS), binned[:, None] == np.arange(BINS)]), axis=0)
    for row in range(SPAN - 1, len(values)):
        share = (counts[row + 1] - counts[row + 1 - SPAN]) / SPAN
        with np.errstate(divide="ignore", invalid="ignore"):
            entropy = 2 * SPAN * np.where(share > 0, share * np.log(share / known), 0).sum(axis=1)
        if not len(known) or entropy.min() >= limit:
            flagged[row] = len(known) > 0
            known = np.vstack([known, share])
    return flagged


def series_of(folder: Path, name: str, flagged: Callable[[Values], Values]) -> Series:
    """Return a series with its windows and the rows that a detector flags."""
    with gzip.open(folder / "data" / f"{name}.gz", "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    times = [datetime.fromisoformat(row["timestamp"]) for row in rows]
    spans = json.loads((folder / "windows.json").read_text(encoding="utf-8"))[name]
    windows = [tuple(bisect_left(times, datetime.fromisoformat(end)) for end in span) for span in spans]
    values = np.array([float(row["value"]) for row in rows])
    return Series(len(rows), [(first, last) for first, last in windows], np.flatnonzero(flagged(values)).tolist())


@pytest.mark.parametrize(
    ("detector", "flagged"), [("windowed Gaussian", windowed_gaussian), ("relative entropy", relative_entropy)]
)
def test_the_published_scores_of_a_detector_are_reproduced(
    shared_dir: Path, detector: str, flagged: Callable[[Values], Values]
) -> None:
    """Each of the 31 series has the published score: of every window and false detection together."""
    rows = list(csv.DictReader(PUBLISHED.read_text(encoding="utf-8").splitlines()))
    null = Series(1_000, [(500, 599)], [])  # a missed window, so that a series without windows has a score
    for row in rows:
        own = series_of(shared_dir / "data" / "nab", row["series"], flagged)
        windows = len(own.windows) + 1
        raw = nab_score([own, null], PROFILES["standard"]) / 100 * 2 * windows - windows + 1
        assert raw == pytest.approx(float(row[detector]), abs=1e-8), row["series"]
