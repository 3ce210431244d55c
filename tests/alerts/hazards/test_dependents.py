"""Declared dependencies: a lost device explains the silence of those behind it, nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from detectors import Phase

RAISE, CLEAR = Phase.RAISE, Phase.CLEAR
pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing here depends on the database


@pytest.fixture
def wired(world: Any) -> Any:
    """Return a school whose heads depend on a gateway, which depends on a power supply."""
    heads = {("school-1", head): "gw" for head in ("smoke-101", "smoke-102")}
    world.registry.dependencies = heads | {("school-1", "gw"): "ups"}
    return world


def lost(seen: Any, sensor: str, phase: Phase = RAISE, at_s: float = 0, **given: Any) -> Any:
    """Return a finding about a device without messages."""
    kind = given.pop("kind", "sensor_silent")
    return seen(phase, hazard=kind, rule=kind, metric="online", sensor=sensor, level=1, at_s=at_s, **given)


def test_devices_behind_a_lost_one_share_its_hazard(wired: Any, seen: Any) -> None:
    """Also over two steps; without a lost device above, each has its own."""
    wired.feed(lost(seen, "ups"))
    for number, head in enumerate(("gw", "smoke-101", "smoke-102"), 1):
        wired.feed(lost(seen, head, at_s=number))
    (hazard,) = wired.hazards
    assert (hazard.count, len(wired.active_findings())) == (4, 4)
    wired.feed(lost(seen, "level-1", at_s=9))
    assert len(wired.hazards) == 2


def test_the_return_of_the_device_above_leaves_what_is_still_lost(wired: Any, seen: Any) -> None:
    """Monitoring and resolution go on: the hazard ends with its last finding, not with that of the device above."""
    wired.feed(lost(seen, "gw"))
    wired.feed(lost(seen, "smoke-102", at_s=1))
    wired.feed(lost(seen, "gw", CLEAR, at_s=60))
    (hazard,) = wired.hazards
    assert hazard.active
    assert [one.sensor for one in wired.active_findings()] == ["smoke-102"]
    wired.feed(lost(seen, "smoke-102", CLEAR, at_s=90))
    assert not wired.hazards[0].active
    wired.feed(lost(seen, "smoke-101", at_s=200))  # the device above is back: its own fault
    assert [one.place for one in wired.hazards if one.active] == ["d-101"]


@pytest.mark.parametrize("kind", ["fire", "detector_lost", "sensor_fault", "tamper"])
def test_nothing_else_is_suppressed(wired: Any, seen: Any, kind: str) -> None:
    """Life safety, a lost detector of a sleeping room and a real fault have hazards of their own."""
    wired.feed(lost(seen, "gw"))
    wired.feed(seen(RAISE, hazard=kind, rule=kind, sensor="smoke-102", at_s=5))
    assert sorted(one.place for one in wired.hazards) == ["d-102", "unassigned:gw"]


def test_a_drill_explains_no_real_silence(wired: Any, seen: Any) -> None:
    """And a real loss explains no silence of a drill."""
    wired.feed(lost(seen, "gw", drill=True))
    wired.feed(lost(seen, "smoke-102", at_s=1))
    assert [one.drill for one in wired.hazards if one.place == "d-102"] == [False]
