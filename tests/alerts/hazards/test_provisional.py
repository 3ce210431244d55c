"""Provisional grades: steps of the likelihood, decisions of people, end with their precursors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import Grade, Hazard, RiskPoint
from alerts.hazards.provisional import EARLY_FINDING, NEAR_MISSES, Decision, Provisional, precursors, provisional
from alerts.risk.live_rules import DAY_NS, live_rules

POINT = RiskPoint("s", "z", "r", hazard="fire", likelihood=2, severity=4)
"""Blue: 2 x 4 = 8; one step more is yellow, 12; two are orange, 16."""


def raised(
    point: RiskPoint, standing: Sequence[Hazard], past: Sequence[Hazard], decision: Decision | None
) -> Provisional | None:
    """Return the provisional grade by early findings and near misses."""
    return provisional(point, [*precursors(standing, past)], decision)


def hazard(name: str, **given: Any) -> Hazard:
    """Return an open early fire finding."""
    plain: dict[str, Any] = dict.fromkeys(Hazard.__dataclass_fields__, 0)
    text = {"zh": "烟雾升高", "en": "Smoke rises"}
    fields = {"id": name, "kind": "fire", "site": "s", "zone": "z", "active": True, "text": text, "drill": False}
    return Hazard(**plain | fields | given)


def missed(count: int) -> list[Hazard]:
    """Return near misses, one a day."""
    return [hazard(f"m{number}", active=False, cleared_ns=(number + 1) * DAY_NS) for number in range(count)]


@pytest.mark.parametrize(
    ("standing", "past", "grade", "rules"),
    [
        (0, 0, None, ()),
        (0, 2, None, ()),
        (1, 0, Grade.YELLOW, (EARLY_FINDING,)),
        (0, 3, Grade.YELLOW, (NEAR_MISSES,)),
        (2, 5, Grade.ORANGE, (EARLY_FINDING, NEAR_MISSES)),
    ],
)
def test_precursors_raise_the_likelihood_by_steps(
    standing: int, past: int, grade: Grade | None, rules: tuple[str, ...]
) -> None:
    """An early finding is one step, three near misses within the window are one; fewer are none."""
    found = raised(POINT, [hazard(f"e{number}") for number in range(standing)], missed(past), None)
    assert (found and found.grade) == grade
    assert tuple(one.rule for one in found.precursors) == rules if found else not rules
    assert all(one.text["zh"] and one.text["en"] for one in (found.precursors if found else ()))


@pytest.mark.parametrize("fields", [{"paged_grade": 2}, {"drill": True}, {"late": True}])
def test_an_alarm_a_drill_and_a_late_finding_are_no_precursors(fields: dict[str, Any]) -> None:
    """A page raises the live grade itself; drills and late findings raise nothing."""
    assert raised(POINT, [hazard("e", **fields)], [], None) is None


def test_near_misses_end_with_their_window() -> None:
    """The reason states the time at which too few near misses are left."""
    found = raised(POINT, [], missed(4), None)
    assert found is not None
    assert found.precursors[0].until_ns == 2 * DAY_NS + live_rules()[NEAR_MISSES].window_days * DAY_NS


@given(
    likelihood=st.sampled_from([1, 2, 3, 4, 5]),
    severity=st.sampled_from([1, 2, 3, 4, 5]),
    standing=st.integers(0, 3),
    past=st.integers(0, 6),
)
def test_the_grade_is_never_below_the_approved_one_and_severity_stays(
    likelihood: int, severity: int, standing: int, past: int
) -> None:
    """With any precursors, a provisional grade is graver than the approved one or absent."""
    point = replace(POINT, likelihood=likelihood, severity=severity)
    found = raised(point, [hazard(f"e{number}") for number in range(standing)], missed(past), None)
    if found:
        assert found.likelihood > likelihood
        assert found.grade <= Grade.YELLOW


def test_a_confirmation_counts_while_its_precursors_last() -> None:
    """Confirmed, the grade counts; without those precursors it counts no longer; a graver one needs a new decision."""
    decision = Decision("confirm", Grade.YELLOW, "officer", 5, ("e0",))
    found = raised(POINT, [hazard("e0")], [], decision)
    assert found is not None
    assert found.confirmed == Grade.YELLOW
    graver = raised(POINT, [hazard("e0")], missed(3), decision)
    assert graver is not None
    assert (graver.grade, graver.confirmed) == (Grade.ORANGE, Grade.YELLOW)
    other = raised(POINT, [hazard("e9")], [], decision)
    assert other is not None
    assert other.confirmed is None
    assert raised(POINT, [], [], decision) is None


def test_a_rejection_counts_until_a_further_precursor() -> None:
    """Rejected, the grade stays provisional; a new early finding needs a new decision."""
    decision = Decision("reject", Grade.YELLOW, "officer", 5, ("e0",))
    found, again = (raised(POINT, rows, [], decision) for rows in ([hazard("e0")], [hazard("e0"), hazard("e1")]))
    assert found is not None
    assert again is not None
    assert (found.decision, found.confirmed) == (decision, None)
    assert again.decision is None
