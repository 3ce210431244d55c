"""League: hiding dangers cannot win, a school without reports is named, ranks depend on scores alone."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alerts.supervision.counts import DangerCounts, summed
from alerts.supervision.improbable import PEERS_MIN, expectations, lower_tail
from alerts.supervision.league import SchoolFacts, Standing, exposure, league, rules

QUARTER_NS = 91 * 86_400 * 10**9
NUMBERS = st.integers(0, 40)


@st.composite
def schools(draw: st.DrawFn) -> SchoolFacts:
    """Return a school with counts that fit each other."""
    found = draw(NUMBERS)
    due, sensed, above = (draw(st.integers(0, found)) for _ in range(3))
    on_time, proved = draw(st.integers(0, due)), draw(st.integers(0, sensed))
    opened = draw(NUMBERS)
    counts = DangerCounts(
        found=found,
        general=found,
        due=due,
        on_time=on_time,
        sensed=sensed,
        proved=proved,
        above=above,
        open=opened,
        overdue=draw(st.integers(0, opened)),
    )
    zones = draw(st.integers(0, 9))
    pupils, area_m2 = draw(st.sampled_from((0, 180, 900, 3_000))), draw(st.sampled_from((0.0, 4_000.0, 60_000.0)))
    return SchoolFacts(
        "s", "primary", pupils, area_m2, counts, zones, draw(st.integers(0, zones)), draw(st.integers(0, 4))
    )


def placed(one: Standing) -> float:
    """Return the rank; a school without one stands behind all others."""
    return math.inf if one.rank is None else one.rank


@settings(deadline=None, database=None, max_examples=300, derandomize=True)
@given(st.lists(schools(), min_size=1, max_size=12), st.integers(0, 11), st.booleans())
def test_a_self_found_danger_rectified_in_time_never_lowers_score_or_rank(
    every: list[SchoolFacts],
    which: int,
    sensed: bool,  # noqa: FBT001 - drawn
) -> None:
    """Found by a person or by a sensor, in a league of any schools."""
    which %= len(every)
    own = every[which]
    more = {"found": 1, "general": 1, "general_done": 1, "due": 1, "on_time": 1}
    more |= {"sensed": 1, "proved": 1} if sensed else {}
    after = [*every]
    after[which] = replace(own, counts=summed((own.counts, DangerCounts(**more))))
    before, now = league(every, QUARTER_NS)[which], league(after, QUARTER_NS)[which]
    assert now.score >= before.score
    assert placed(now) <= placed(before)
    assert not (now.improbable and not before.improbable)


@settings(deadline=None, database=None, max_examples=200, derandomize=True)
@given(st.lists(schools(), min_size=1, max_size=12))
def test_ranks_are_those_of_the_scores(every: list[SchoolFacts]) -> None:
    """A rank is one more than the number of better scores; a school without reports has none."""
    found = league(every, QUARTER_NS)
    for school, one in zip(every, found, strict=True):
        assert 0 <= one.score <= 100
        assert all(0 <= part <= 1 for part in one.parts.values())
        if one.rank is not None:
            assert one.rank == 1 + sum(other.score > one.score for other in found)
        assert (one.reports == "none") == (school.counts.found == 0)
        assert (one.rank is None) == (one.reports != "usual")


@pytest.mark.parametrize("mean", [0.2, 3.0, 40.0])
@pytest.mark.parametrize("dispersion", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("number", [0, 1, 7, 60])
def test_the_tail_equals_the_reference(number: int, mean: float, dispersion: float) -> None:
    """Poisson and negative binomial of scipy."""
    if dispersion:
        wanted = stats.nbinom.cdf(number, 1 / dispersion, 1 / (1 + dispersion * mean))
    else:
        wanted = stats.poisson.cdf(number, mean)
    assert lower_tail(number, mean, dispersion) == pytest.approx(wanted, rel=1e-9)


def test_a_school_without_reports_is_improbable_among_reporting_peers() -> None:
    """Twice the pupils make it less probable; few peers give no result, and it is named in every case."""
    found = [9, 11, 8, 12, 10, 7, 0]
    tested = expectations(found, [1.0] * 7)
    assert tested[-1] is not None
    assert tested[-1].expected == pytest.approx(9.5)
    assert tested[-1].probability < 1e-3
    assert all(one is not None and one.probability > rules().improbable_below for one in tested[:-1])
    small, large = (expectations(found, [1.0] * 6 + [size])[-1] for size in (0.1, 2.0))
    assert small is not None
    assert large is not None
    assert large.probability < tested[-1].probability < small.probability
    assert small.probability > rules().improbable_below
    assert expectations(found[:PEERS_MIN], [1.0] * PEERS_MIN) == [None] * PEERS_MIN


def test_exposure_counts_pupils_and_area() -> None:
    """The mean of both, one where the other is unknown, none without both."""
    assert exposure(2_000, 20_000) == 1.5
    assert exposure(0, 40_000) == 2
    assert exposure(0, 0) is None
    assert math.isclose(sum(rules().weights.values()), 1)
