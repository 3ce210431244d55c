"""Hard input: a rule of every type on series with the defects of real sources."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.qualification.contract import check_hard

from .histories import QUIET, RECIPES, Row, make, readings, two_days

RULES = {kind: recipe.rules[0] for kind, recipe in RECIPES.items() if kind != "campus" and recipe.rules}
"""A rule of each type; a rule of type `trained` needs a model."""
hard = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", RULES)
@hard
@given(seed=st.integers(0, 2**31))
def test_defects_of_a_source_break_no_invariant(name: str, seed: int) -> None:
    """Cuts, restarts and repetitions give equal bytes; no exception, and no number in the evidence is infinite."""
    check_hard(RULES[name], seed)


DECADE_S = 10 * 365 * 86_400.0
ABSENCE = {"silence", "quiet_camera"}
"""Types that report ten years without data: that is their reason."""


def with_defect(rows: list[Row], defect: str) -> list[Row]:
    """Return the rows with a defect that is no reason for an alarm."""
    if defect == "null":
        return [(*row[:4], float("nan") if at % 3 == 0 else row[4], row[5]) for at, row in enumerate(rows)]
    if defect == "equal_times":
        return [one for row in rows for one in (row, (*row[:4], row[4] * 1.001, row[5]))]
    if defect == "reversed_times":
        return [(*row[:2], row[2] - 45 * (at % 5 == 0), *row[3:]) for at, row in enumerate(rows)]
    if defect == "slower":
        return [(*row[:2], row[2] * 3, row[3] * 3, *row[4:]) for row in rows]
    half = len(rows) // 2
    later = [(*row[:2], row[2] + DECADE_S, row[3] + DECADE_S, *row[4:]) for row in rows[half:]]
    return [*rows[:half], *later]


@pytest.mark.parametrize("defect", ["null", "equal_times", "reversed_times", "slower", "decade"])
def test_a_defect_of_a_quiet_source_is_no_reason_for_an_alarm(defect: str) -> None:
    """Ordinary values with a defect of the transport raise nothing but an absence."""
    detectors = make("campus")
    quiet = two_days(QUIET, noise=0.01)
    if defect == "slower":  # the same noise over minutes would be a rise
        quiet = [(*row[:4], row[4] * (1 + 0.01 * (row[2] // 20 * 3 % 7)), row[5]) for row in two_days(QUIET)]
    found = detectors.update(readings(with_defect(quiet, defect)))
    assert set(found.detector) <= (ABSENCE if defect == "decade" else set())
