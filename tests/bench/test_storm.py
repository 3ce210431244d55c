"""Benchmark of a flood of alarms: CPU time of a detection, to hazard, ticket, journal and notices."""

from __future__ import annotations

import copy
import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from alerts import Notice, Receipt
from detectors import Phase
from tests.alerts import conftest as school

SENSORS, ROUNDS = 600, 5
DETECTION_S_MAX = 0.05
"""Bound on a busy machine; docs/performance.md has the figures."""
FAULT = {"hazard": "sensor_fault", "rule": "fault", "level": 1}


class Program:
    """A channel for programs: it gets a notice of each change."""

    name, for_programs = "program", True

    def deliver(self, notice: Notice) -> Receipt:
        """Accept the notice."""
        del notice
        return Receipt(delivered=True)


@pytest.mark.parametrize(("name", "given"), [("faults of sensors", FAULT), ("fires", {})])
def test_a_detection_of_a_flood_is_cheap(tmp_path: Path, name: str, given: dict[str, Any]) -> None:
    """600 detections of 600 sensors in one entry of the log take little CPU time each, in a database on disk."""
    cost_s = statistics.median(_cost_s(tmp_path / str(number), given) for number in range(ROUNDS))
    print(f"{name}: {cost_s * 1e3:.2f} ms of CPU a detection")  # noqa: T201 - the figure
    assert cost_s < DETECTION_S_MAX


def _cost_s(folder: Path, given: dict[str, Any]) -> float:
    folder.mkdir()
    campus = copy.deepcopy(school.CAMPUS)
    for n in range(SENSORS):
        campus["zone"].append({"site": "school-1", "id": f"z-{n}", "key": "dormitory"})
        campus["place"].append({"site": "school-1", "zone": f"z-{n}", "id": f"r-{n}", "name_zh": f"{n}室"})
        campus["sensor"].append({"site": "school-1", "id": f"s-{n}", "kind": "smoke", "place": f"r-{n}"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(school, "CAMPUS", campus)
        world = school.World(f"sqlite:///{folder}/alerts.sqlite", channels=(Program(),))
    batch = world.batch(*[school.Seen(Phase.RAISE, sensor=f"s-{n}", **given) for n in range(SENSORS)])
    begun_s = time.process_time()
    applied = world.dispatch.apply(batch, world.catalog, cursor=1)
    used_s = time.process_time() - begun_s
    world.engine.dispose()
    assert applied == SENSORS
    return used_s / SENSORS
