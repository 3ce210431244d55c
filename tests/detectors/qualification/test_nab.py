"""Score of the Numenta Anomaly Benchmark: bounds, order, and worked positions."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.qualification.nab import PROFILES, Series, Weights, nab_score, probation

WINDOWS = [(200, 249), (400, 479), (700, 719)]


@pytest.mark.parametrize("weights", PROFILES.values(), ids=PROFILES)
@given(detections=st.sets(st.integers(0, 999)))
def test_each_detection_changes_the_score_by_its_place(weights: Weights, detections: set[int]) -> None:
    """Early in a window is best, late in it is worse, outside is negative, in the probation nothing."""
    whole = nab_score([Series(1_000, WINDOWS, sorted(detections))], weights)
    assert whole <= 100 + 1e-9
    assert nab_score([Series(1_000, WINDOWS, [first for first, _ in WINDOWS])], weights) == pytest.approx(100)
    assert nab_score([Series(1_000, WINDOWS, [])], weights) == 0
    assert nab_score([Series(1_000, WINDOWS, [*detections, 3])], weights) == pytest.approx(whole)
    outside = [row for row in range(720, 1_000) if row not in detections]
    if outside:
        assert nab_score([Series(1_000, WINDOWS, [*detections, outside[-1]])], weights) < whole
    assert nab_score([Series(1_000, WINDOWS, [*detections, 200])], weights) >= whole


def test_worked_positions() -> None:
    """The last row of a window of 50 rows, and a detection half a window behind it."""
    last = 2 / (1 + exp(5 * -1 / 50)) - 1
    found = nab_score([Series(1_000, [(200, 249)], [249])], PROFILES["standard"])
    assert found == pytest.approx(100 * (last / (2 / (1 + exp(-5)) - 1) + 1) / 2)
    behind = 0.11 * (2 / (1 + exp(5 * 25 / 49)) - 1)
    assert nab_score([Series(1_000, [(200, 249)], [274])], PROFILES["standard"]) == pytest.approx(100 * behind / 2)
    assert nab_score([Series(1_000, [(200, 249)], [160])], PROFILES["low FP"]) == pytest.approx(-22 / 2)


def test_probation_is_a_share_with_a_bound() -> None:
    """15 % of the rows, at most 750."""
    assert [probation(rows) for rows in (0, 1_000, 5_000, 50_000)] == [0, 150, 750, 750]
    with pytest.raises(ValueError, match="at least one window"):
        nab_score([Series(10, [], [])], PROFILES["standard"])
