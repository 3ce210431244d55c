"""Score of the Numenta Anomaly Benchmark: bounds, order, and worked positions."""

from __future__ import annotations

from dataclasses import replace
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


PUBLISHED = [
    (4032, (2787, 3189), 0.8589086704377245),  # ARTime, art_daily_jumpsup
    (2500, (2261, 2499), 0.8393187159363497),  # ARTime, speed_6005
    (4032, (1805, 2207), 0.846035950698122),  # ARTime, art_increase_spike_density
    (4032, (1526, 1868), 0.955724313387),  # Numenta, ec2_cpu_utilization_825cc2
    (4032, (1437, 1839), 0.855326299622),  # Numenta, ec2_network_in_257a54
]
"""Rows, window, and published standard score of files with one found window and no false detection.

Source: results/ of github.com/numenta/NAB (MIT licence).
"""
SPEED = Series(2495, [(2084, 2208), (2335, 2459)], [])
ROW_SCORES = {
    2236: -0.05624525753756866,
    2334: -0.10864095027133124,
    2335: 1.0,
    2336: 0.9994501635462092,
    2358: 0.9798634477481041,
    2399: 0.8510460239909284,
}
"""Rows of speed_t4013 between and in its windows, and the standard scores that NAB published for them."""


@pytest.mark.parametrize(("rows", "window", "published"), PUBLISHED)
def test_a_published_score_belongs_to_one_row_of_the_window(
    rows: int, window: tuple[int, int], published: float
) -> None:
    """Exactly one first detection gives the published score, to its last digit."""
    null = [Series(rows, [window], [])]
    assert nab_score(null, PROFILES["standard"]) == 0
    scores = [
        2 * nab_score([Series(rows, [window], [row])], PROFILES["standard"]) / 100 - 1
        for row in range(window[0], window[1] + 1)
    ]
    assert sum(abs(score - published) < 1e-11 for score in scores) == 1


@pytest.mark.parametrize("row", ROW_SCORES)
def test_published_scores_of_rows_are_reproduced(row: int) -> None:
    """A detection in the second window, or behind the first one, changes the score by the published value."""
    with_row = nab_score([replace(SPEED, detections=[row])], PROFILES["standard"])
    changed = (2 + 2) * with_row / 100 - (row >= SPEED.windows[1][0])
    assert changed == pytest.approx(ROW_SCORES[row], abs=1e-12)


def test_the_published_score_of_artime_is_reproduced() -> None:
    """Two found windows and one false detection before them: ARTime, speed_t4013."""
    published = 1.6144604483793383
    scores = [
        4 * nab_score([replace(SPEED, detections=[500, first, 2399])], PROFILES["standard"]) / 100 - 2
        for first in range(2084, 2209)
    ]
    assert sum(abs(score - published) < 1e-12 for score in scores) == 1
