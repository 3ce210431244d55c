"""Rule detections and their assembly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.detection import Phase
from detectors.kernels.emission import DRILL, LATE, LIVE, TIMELINES, emit, empty
from detectors.recipes.kinds import Threshold
from detectors.rule_detection import SCORES, RuleDetection, assemble, entries
from ingest import METRIC_BY_NAME

from .histories import START_NS, readings

RULE = Threshold(name="co", hazard="fire", metric="co", limits=(30.0,))
CO = METRIC_BY_NAME["co"].code
LATE_NS = 600 * 10**9


def detection(row: int, *, sensor: int = 0, **changes: object) -> RuleDetection:
    """Return a raise of the rule at a row, with other fields where given."""
    at = START_NS + row * 10**9
    settings = {"timeline": LIVE, "phase": Phase.RAISE, "level": 2, "first_ns": at, "last_ns": at, **changes}
    return RuleDetection(
        row=row, sensor=sensor, metric=CO, rule=RULE, kind="threshold", value=40.0, limit=30.0, **settings
    )  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 9), max_size=20))
def test_detections_come_in_row_order_and_else_in_that_of_the_rules(rows: list[int]) -> None:
    """The sort is stable."""
    batch = readings([("co", 1, at, at, 40.0, 0) for at in range(10)])
    found = assemble([detection(row, sensor=place) for place, row in enumerate(rows)], batch, LATE_NS)
    assert found.sensor.tolist() == sorted(range(len(rows)), key=lambda place: (rows[place], place))
    assert found.decided_ns.tolist() == batch.arrival_ns[sorted(rows)].tolist()


@pytest.mark.parametrize(("score", "expected"), [(None, SCORES[2]), (0.3, 0.3), (7.0, 1.0), (-1.0, 0.0)])
def test_score_is_that_of_the_sensor_else_of_the_level(score: float | None, expected: float) -> None:
    """A score outside of [0, 1] is limited."""
    batch = readings([("co", 1, 0, 0, 40.0, 0)])
    assert assemble([detection(0, score=score)], batch, LATE_NS).score.tolist() == [expected]


def test_late_and_drill_follow_the_timeline_and_the_delay() -> None:
    """A detection is late on the late timeline, or when its evidence is older than the limit of lateness."""
    batch = readings([("co", 1, 0, 5_000, 40.0, 0)])
    live, late, drill = (
        assemble([detection(0, timeline=timeline, last_ns=int(batch.arrival_ns[0]))], batch, LATE_NS)
        for timeline in (LIVE, LATE, DRILL)
    )
    assert [bool(found.late[0]) for found in (live, late, drill)] == [False, True, False]
    assert [bool(found.drill[0]) for found in (live, late, drill)] == [False, False, True]
    assert [found.evidence[0].get("timeline") for found in (live, late, drill)] == [None, "late", None]
    assert assemble([detection(0)], batch, LATE_NS).late.tolist() == [True]


def test_hazard_and_evidence_are_those_of_the_detection() -> None:
    """An own hazard replaces that of the rule; the gateway time comes from the deciding row."""
    batch = readings([("object_present", 1, 0, 0, 1.0, 0)])
    found = assemble([detection(0), detection(0, own_hazard="flood", dims={"zone": "a"})], batch, LATE_NS)
    assert (list(found.hazard), found.gateway_ns.tolist()) == (["fire", "flood"], [5, 5])
    assert (found.evidence[0]["limit"], found.evidence[0]["unit"]) == (30.0, "ppm")
    assert ("dims" in found.evidence[0], found.evidence[1]["dims"]) == (False, {"zone": "a"})


def test_entries_name_slot_and_timeline_of_their_state() -> None:
    """State index = slot * TIMELINES + timeline."""
    found, values = emit(*empty(), 0, (3, 7 * TIMELINES + LATE, 1, 2, 10, 20), 0.5)
    (entry,) = entries(found, values, 1)
    assert (entry.row, entry.slot, entry.timeline, entry.phase) == (3, 7, LATE, Phase.CHANGE)
    assert (entry.step, entry.first_ns, entry.last_ns, entry.value) == (2, 10, 20, 0.5)
    assert np.isscalar(entry.value)
