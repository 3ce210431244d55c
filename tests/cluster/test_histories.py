"""Random faults of nodes, server and broker from a seed, under readings and alarms; then the check."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.processes.sink import Sink

from .faults import Faults
from .nodes import Cluster
from .traffic import Run

pytestmark = [pytest.mark.broker, pytest.mark.postgresql]
FAULTS, FAULTS_LONG = 7, 120
NODES, NODES_LONG = 2, 3
TAKEOVER_S, PAGE_S = 10.0, 30.0


def test_random_faults_lose_and_double_nothing(  # noqa: PLR0917 - fixtures
    request: pytest.FixtureRequest,
    cluster: Cluster,
    sink: Sink,
    notify: str,
    tmp_path: Path,
    record_property: Any,
) -> None:
    """No acknowledged reading is lost, each is stored once, each alarm has one ticket and one page, one node writes.

    A process ends only by its own kill. Long runs also check the times of takeovers and pages.
    """
    long, given = bool(request.config.getoption("--long")), request.config.getoption("--seed")
    seed = random.SystemRandom().randrange(1 << 30) if given is None else given
    record_property("seed", seed)
    print(f"seed {seed}")  # noqa: T201 - shown by pytest when the test fails
    run = Run(cluster, sink, notify, tmp_path, nodes=NODES_LONG if long else NODES)
    faults = Faults(cluster, run.history, random.Random(seed))  # noqa: S311 - chooses faults, not keys
    try:
        faults.run(FAULTS_LONG if long else FAULTS)
        found = run.settled()
    finally:
        run.close()
    slowest = {"takeover_s": max(faults.takeovers_s, default=0.0), "page_s": run.history.slowest_page_s()}
    for name, seconds in slowest.items():
        record_property(name, round(seconds, 1))
    print(slowest, len(run.history.raised), "alarms")  # noqa: T201 - as above
    assert found == []
    if long:
        assert (slowest["takeover_s"] <= TAKEOVER_S, slowest["page_s"] <= PAGE_S) == (True, True)
