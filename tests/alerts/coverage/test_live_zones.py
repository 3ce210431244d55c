"""Live zones: every page counts the same ones in every state of a sensor."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import Actor
from alerts.api.schemas.coverage import counts_body
from alerts.coverage.rooms import CAUSES
from alerts.hazards.findings import SILENT
from alerts.silences.checks import Wanted
from detectors import Phase

MINUTE_NS = 60 * 10**9
YEAR_NS = 366 * 24 * 60 * MINUTE_NS
HEADS = ("smoke-101", "smoke-101b", "smoke-102")
DISTRICT = Actor("district", frozenset(("district",)))
FAULTS = dict.fromkeys(sorted(SILENT), "offline") | {
    "sensor_stuck": "stuck",
    "sensor_drift": "dusty",
    "sensor_fault": "faulty",
}
STATES = ("working", "never", "none", "gateway", "isolated", "silenced", *FAULTS)


def pairs(world: Any) -> dict[str, tuple[int, int]]:
    """Return the live zones and the zones of the school, by page."""
    world.now_ns += 2 * MINUTE_NS  # the zones of the supervision are at most a minute old
    span = (world.now_ns - YEAR_NS, world.now_ns + YEAR_NS)
    found = world.dispatch.discipline.rooms(world.catalog, ["school-1"])
    counts = counts_body(world.registry, "school-1", found)
    [school] = [
        one
        for one in world.dispatch.supervision.schools(DISTRICT, None, *span, catalog=world.catalog)
        if one.facts.site == "school-1"
    ]
    assert school.standing.parts["coverage"] == counts.zones_live / counts.zones
    return {
        "coverage": (counts.zones_live, counts.zones),
        "supervision": (school.facts.zones_live, school.facts.zones),
    }


def silence(world: Any, people: Any) -> None:
    """Silence the fire alarms of the dormitory, with a patrol."""
    for name in ("operator", "officer"):
        world.employ(name)
    span = {"starts_ns": world.now_ns, "ends_ns": world.now_ns + 60 * MINUTE_NS}
    patrol = {"by": "operator", "interval_min": 15}
    place = {"site": "school-1", "kind": "silence", "zone": "dorm", "cause": "fire"}
    wanted = Wanted(**place, owner="operator", reason="paint", patrol=patrol, **span)  # type: ignore[arg-type]
    world.dispatch.discipline.silences.create(people["officer"], wanted)


def bring(world: Any, seen: Any, people: Any, state: str) -> None:
    """Bring the heads of the dormitory into a state."""
    for sensor in world.registry.sensors:
        if state != "never" or sensor.id not in HEADS:
            world.catalog.code(sensor.site, sensor.id, sensor.kind, wire="campus", now_ns=world.now_ns)
    if state in FAULTS:
        for sensor in HEADS:
            world.feed(seen(Phase.RAISE, hazard=state, rule=state, sensor=sensor, level=1))
    elif state == "gateway":
        world.catalog.code("school-1", "gw", "device")
        batch = world.batch(seen(Phase.RAISE, hazard="gateway_silent", rule="gateway", sensor="gw", level=1))
        batch.evidence[0]["dims"] = {"behind": list(HEADS)}
        world.position += 1
        world.dispatch.apply(batch, world.catalog, cursor=world.position)
    elif state == "isolated":
        for sensor in HEADS[1:]:
            world.feed(seen(Phase.RAISE, hazard="panel_isolated", rule="panel", sensor=sensor, level=1))
    elif state == "none":
        world.dispatch.bindings.assign("school-1", dict.fromkeys(HEADS, "bank"), world.employ("officer"))
    elif state == "silenced":
        silence(world, people)


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing in it depends on the database
@pytest.mark.parametrize("state", STATES)
def test_every_page_counts_the_same_live_zones(world: Any, seen: Any, people: Any, state: str) -> None:
    """The dormitory is live while its heads work; the pond always is. The end of a fault makes it live again."""
    bring(world, seen, people, state)
    causes = {one.cause for one in world.dispatch.discipline.rooms(world.catalog, ["school-1"]) if one.zone == "dorm"}
    assert causes == {FAULTS.get(state, {"working": "", "gateway": "offline"}.get(state, state))}
    expected = (2, 2) if state == "working" else (1, 2)
    assert pairs(world) == {"coverage": expected, "supervision": expected}
    if state in FAULTS:
        world.feed(seen(Phase.CLEAR, hazard=state, rule=state, sensor=HEADS[0], level=1, at_s=60))
        assert pairs(world) == {"coverage": (2, 2), "supervision": (2, 2)}


def test_the_states_of_the_comparison_are_all_causes() -> None:
    """A new cause of a blind room needs a state here."""
    assert {FAULTS.get(one, "offline" if one == "gateway" else one) for one in STATES} == {*CAUSES, "working"}
