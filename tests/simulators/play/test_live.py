"""Live play: what is history, and when the demo of a forecast reaches its alarm."""

from __future__ import annotations

import numpy as np
import pytest

from simulators import build_campus, load_scenario, plan
from simulators.models.storms import Storm
from simulators.models.water import POND_M
from simulators.play.live import QUIET_MS, past_ms


def test_storm_passes_the_paging_limit_within_two_minutes_at_speed_60() -> None:
    """The quiet hour before the rain is history, so that the forecast and its alarm fit into three minutes."""
    world = plan(load_scenario("S18"), build_campus())
    flood = next(truth for truth in world.truths() if truth.kind == "flood")
    assert world.start_ms + past_ms(world) == flood.onset_ms - QUIET_MS
    storm = next(effect for effect in world.effects if isinstance(effect, Storm))
    since_s = np.arange(0.0, 7 * 3600, 10.0)
    paging_m = next(one.limits["level"][1] for one in world.fleet.devices if one.id == flood.devices[0])
    paged_s = since_s[np.argmax(POND_M + storm.rise(since_s) > paging_m)] + QUIET_MS / 1000
    assert paged_s / 60 < 120


@pytest.mark.parametrize("name", ["demo", "quiet"])
def test_scenario_with_an_event_at_once_or_none_begins_at_its_start(name: str) -> None:
    """Nothing of it is skipped."""
    assert past_ms(plan(load_scenario(name), build_campus())) == 0
