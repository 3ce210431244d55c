"""Persons inside: scaled passages, doubles, order, nights, events that are no passages."""

from __future__ import annotations

import numpy as np

from detectors import Calendar, Outputs, Recipe, build
from detectors.recipes.traffic import GateFlow
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, Sensor, from_columns

RULE = GateFlow(name="flow", hazard="unusual_traffic", kinds=("camera",), levels=(0,), pages=())
START_NS = 1_790_000_000_000_000_000
HOUR = 3_600.0
Event = tuple[float, str, str, str]  # second, label, track, phase


def inside(events: list[Event]) -> list[float]:
    """Return the counts of one camera, in order of arrival."""
    catalog = Catalog([Sensor(0, "cam", "s", "camera", place="hall")])
    sensor, outputs = catalog.code("s", "cam", "camera"), Outputs(counts=[])
    times = [START_NS + round(second * 1e9) for second, *_ in events]
    arrivals = np.maximum.accumulate(times)
    columns = {"sensor": [sensor] * len(times), "metric": [METRIC_BY_NAME["object_present"].code] * len(times)}
    columns |= {"time_ns": times, "arrival_ns": arrivals, "value": [1] * len(times), "quality": [0] * len(times)}
    dims = {
        row: {key: text for key, text in (("label", label), ("track", track), ("phase", phase)) if text}
        for row, (_, label, track, phase) in enumerate(events)
    }
    batch = from_columns({name: np.array(columns[name], dtype) for name, dtype in COLUMNS}, dims)
    build(Recipe("r", (RULE,)), catalog, Calendar("UTC"), outputs).update(batch)
    assert all(one.place == "hall" for one in outputs.counts or ())
    return [round(one.inside, 2) for one in outputs.counts or ()]


def test_passages_count_with_the_share_that_cameras_miss() -> None:
    """Two enter and one leaves; each event counts 1 / 0.8."""
    assert inside([(0, "person_enters", "1", ""), (9, "person_enters", "2", ""), (20, "person_exits", "3", "")]) == [
        1.25, 2.5, 1.25,
    ]  # fmt: skip


def test_doubles_and_ends_are_no_passages() -> None:
    """An event of the same track 2 s later, and the end of the event, add nothing."""
    events = [(0.0, "enter", "1", "start"), (2.0, "enter", "1", "start"), (8.0, "enter", "1", "end")]
    assert inside(events) == [1.25]


def test_late_events_are_put_in_order() -> None:
    """An exit before the only enter leaves the enter inside, also when it arrives after it."""
    assert inside([(30, "enter", "1", ""), (0, "exit", "2", "")])[-1] == 1.25


def test_nobody_is_inside_after_a_quiet_night() -> None:
    """Ten hours without a passage contain 2:00: zero, and the next enter counts alone."""
    assert inside([(0, "enter", "1", ""), (14 * HOUR, "enter", "2", "")]) == [1.25, 0.0, 1.25]


def test_other_events_are_no_passages() -> None:
    """Labels without a direction, or with both, count nothing."""
    assert inside([(0, "person", "1", ""), (5, "enter_exit", "2", "")]) == []
