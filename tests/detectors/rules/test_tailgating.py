"""Tailgating: found as a rate, not for pairs, late grants, busy hours, gates without grants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors import Calendar, DetectionBatch, Phase, Recipe, build
from detectors.recipes.traffic import Tailgating
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, from_columns

RULE = Tailgating(name="t", hazard="tailgating", levels=(1,), pages=())
START_NS = 1_790_000_000_000_000_000
Event = tuple[str, float, float]  # metric, second, value


def update(events: list[Event]) -> DetectionBatch:
    """Return the detections of one gate."""
    catalog = Catalog()
    sensor = catalog.code("s", "gate", "gate")
    ordered = sorted(events, key=lambda one: one[1])
    times = [START_NS + round(second * 1e9) for _, second, _ in ordered]
    columns = {"metric": [METRIC_BY_NAME[name].code for name, _, _ in ordered], "time_ns": times, "arrival_ns": times}
    columns |= {"value": [value for *_, value in ordered], "sensor": [sensor] * len(times), "quality": [0] * len(times)}
    batch = from_columns({name: np.array(columns[name], dtype) for name, dtype in COLUMNS})
    return build(Recipe("r", (RULE,)), catalog, Calendar()).update(batch)


def cycles(count: int, *, follows: float = 0.0, grant_s: float = 0.0, seed: int = 1) -> list[Event]:
    """Return openings with one grant each, and a second person in a share of them; grant_s: delay of the grants."""
    random, events = np.random.default_rng(seed), list[Event]()
    for number in range(count):
        at_s = 100 + number * 15.0
        events += [("access_granted", at_s + grant_s, 1), ("people_in", at_s + 1.5, 1)]
        events += [("people_in", at_s + 2.1, 1)] if random.random() < follows else []
    return events


@pytest.mark.parametrize("seed", range(5))
def test_tailgating_raises_once_within_minutes_and_ends(seed: int) -> None:
    """Sixty per cent of the openings admit two: one finding within five minutes; it ends with the tailgating."""
    later = [(name, second + 1_800, value) for name, second, value in cycles(100)]
    found = update(cycles(100, follows=0.6, seed=seed) + later)
    assert found.phase.tolist() == [Phase.RAISE, Phase.CLEAR]
    assert (found.last_ns[0] - START_NS) / 1e9 < 400


@pytest.mark.parametrize("seed", range(5))
def test_a_few_pairs_raise_nothing(seed: int) -> None:
    """Two per cent of pairs in 2,000 passages are ordinary."""
    assert len(update(cycles(2_000, follows=0.02, seed=seed))) == 0


def test_grants_behind_their_passages_count() -> None:
    """The reader's messages arrive 3 s after those of the beam."""
    assert len(update(cycles(200, grant_s=3.0))) == 0


def test_busy_hours_raise_nothing() -> None:
    """Forty people a minute with a card each, in messages of a whole minute."""
    events: list[Event] = []
    for minute in range(60):
        events += [("access_granted", minute * 60 + second * 1.5, 1) for second in range(40)]
        events.append(("people_in", minute * 60 + 60, 40))
    found = update(events)
    assert len(found) == 0


def test_a_gate_without_grants_is_not_scored() -> None:
    """A counter without a reader has no tailgating."""
    assert len(update([("people_in", float(second), 3) for second in range(0, 3_000, 5)])) == 0


def test_grants_of_an_unproven_clock_after_an_outage_are_no_missing_grants() -> None:
    """A backlog whose grants are decided at their arrival, and its passages at their own time, raises nothing.

    Late grants of a proven clock still admit; late passages without them are found.
    """
    assert len(backlog(doubt=True)) == 0
    assert len(backlog(doubt=False)) == 0
    assert backlog(doubt=False, follows=0.6).phase.tolist() == [Phase.RAISE]


def backlog(*, doubt: bool, follows: float = 0.0) -> DetectionBatch:
    """Return the detections of a gate whose openings of an hour arrive two hours later, after a live hour."""
    catalog = Catalog()
    sensor = catalog.code("s", "gate", "gate")
    live = [(name, second, value, False) for name, second, value in cycles(200)]
    late = [(name, second + 3_600, value, True) for name, second, value in cycles(200, follows=follows)]
    late.sort(key=lambda one: one[1])
    columns: dict[str, list[float]] = {name: [] for name, _ in COLUMNS}
    attributes: dict[int, dict[str, object]] = {}
    for row, (name, second, value, after) in enumerate([*live, *late]):
        time_ns = START_NS + round(second * 1e9)
        columns["metric"].append(METRIC_BY_NAME[name].code)
        columns["time_ns"].append(time_ns)
        columns["arrival_ns"].append(START_NS + 10_800_000_000_000 + row if after else time_ns)
        columns["value"].append(value)
        columns["sensor"].append(sensor)
        columns["quality"].append(0)
        if after and doubt and name == "access_granted":
            attributes[row] = {"doubt": "clock_unknown", "stated_ns": time_ns}
    batch = from_columns({name: np.array(columns[name], dtype) for name, dtype in COLUMNS})
    batch = replace(batch, attributes=attributes)
    return build(Recipe("r", (RULE,)), catalog, Calendar()).update(batch)
