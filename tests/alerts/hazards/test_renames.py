"""Renamed, removed and lost sensors: the incident follows the name; a place without one is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from alerts.hazards.decommissioned import ends
from alerts.risk.grading import Grade
from alerts.risk.registry import read_registry
from detectors import DetectionBatch, Phase
from ingest import Catalog
from ingest.renames import rename
from tests.alerts.conftest import PEOPLE, Seen

LOST = Seen(Phase.RAISE, hazard="detector_lost", rule="detector_lost", metric="online", level=1)


def about(world: Any, evidence: dict[str, Any], *seen: Seen) -> DetectionBatch:
    """Return the detections with these dims in their evidence."""
    made = world.batch(*seen)
    return replace(made, evidence=[{**one, "dims": evidence} for one in made.evidence])


def apply(world: Any, batch: DetectionBatch) -> None:
    """Apply a batch as the next log position."""
    world.position += 1
    world.dispatch.apply(batch, world.catalog, cursor=world.position)


def test_an_open_alarm_follows_a_rename_and_clears_under_the_new_name(world: Any) -> None:
    """Findings, place and bindings move once, with their audit entry; the journal verifies."""
    world.feed(Seen(Phase.RAISE))
    rename(world.catalog, "school-1", "smoke-101", "head")
    world.feed(Seen(Phase.CHANGE, sensor="head", level=3, at_s=5))
    (hazard,) = world.hazards
    assert (hazard.place, hazard.grade, hazard.active) == ("d-101", Grade.RED, True)
    assert [finding.sensor for finding in world.active_findings()] == ["head"]
    world.feed(Seen(Phase.CLEAR, sensor="head", at_s=9))
    assert [one.active for one in world.hazards] == [False]
    renamed = [one for one in world.dispatch.queries.history("head") if one.kind == "sensor.renamed"]
    assert [one.facts for one in renamed] == [{"from": "smoke-101", "to": "head"}]


def test_a_binding_by_a_person_follows_a_rename(world: Any) -> None:
    """Also where nothing is detected: the tick of the service applies it."""
    world.feed(Seen(Phase.RAISE, sensor="stray"), Seen(Phase.CLEAR, sensor="stray", at_s=1))
    world.dispatch.bindings.assign("school-1", {"stray": "d-102"}, PEOPLE["admin"])
    rename(world.catalog, "school-1", "stray", "head")
    world.dispatch.tick(world.now_ns, world.catalog)
    world.dispatch.tick(world.now_ns, world.catalog)
    assert world.dispatch.queries.assigned() == {("school-1", "head"): "d-102"}
    world.feed(Seen(Phase.RAISE, sensor="head", at_s=3))
    assert [hazard.place for hazard in world.hazards if hazard.active] == ["d-102"]


def test_names_that_two_sensors_exchange_keep_their_alarms_apart(world: Any) -> None:
    """The renamings apply in order, so the fire stays with its detector and clears with it."""
    world.feed(Seen(Phase.RAISE))
    world.feed(Seen(Phase.RAISE, sensor="smoke-102", at_s=1), Seen(Phase.CLEAR, sensor="smoke-102", at_s=2))
    for old, new in (("smoke-101", "spare"), ("smoke-102", "smoke-101"), ("spare", "smoke-102")):
        rename(world.catalog, "school-1", old, new)
    world.feed(Seen(Phase.CLEAR, sensor="smoke-101", at_s=3))
    assert [finding.sensor for finding in world.active_findings()] == ["smoke-102"]
    world.feed(Seen(Phase.CLEAR, sensor="smoke-102", at_s=4))
    assert world.active_findings() == []


def test_a_sleeping_room_without_a_working_detector_is_orange_with_a_ticket(world: Any) -> None:
    """Elsewhere the silence rule alone applies."""
    world.feed(LOST, replace(LOST, sensor="level-1"), replace(LOST, sensor="stray"))
    (hazard,) = world.hazards
    assert (hazard.place, hazard.kind, hazard.grade) == ("d-101", "detector_lost", Grade.ORANGE)
    (ticket,) = world.tickets
    assert ticket.grade is Grade.ORANGE
    world.feed(replace(LOST, phase=Phase.CLEAR, at_s=60))
    assert not world.hazards[0].active


@pytest.mark.parametrize("behind", [["smoke-102", "level-1"], ["level-1"]])
def test_a_lost_gateway_of_sleeping_rooms_is_one_hazard_with_a_place(world: Any, behind: list[str]) -> None:
    """A gateway without a place of its own has that of the first sleeping room behind it."""
    apply(world, about(world, {"behind": behind, "behind_total": len(behind)}, replace(LOST, sensor="bridge")))
    assert [hazard.place for hazard in world.hazards] == (["d-102"] if "smoke-102" in behind else [])


def test_removal_of_a_bound_detector_is_a_finding_with_its_place(world: Any) -> None:
    """Removal of a sensor without a place is none."""
    for sensor in ("smoke-101", "stray"):
        code = world.catalog.code("school-1", sensor, "smoke")
        world.catalog.update(replace(world.catalog[code], removed=True))
    gone = Seen(Phase.RAISE, hazard="sensor_silent", rule="silent", metric="online", level=0)
    apply(world, about(world, {"removed": True}, gone, replace(gone, sensor="stray")))
    assert [hazard.place for hazard in world.hazards] == ["d-101"]


def test_a_lost_device_without_a_place_has_that_of_its_probes(world: Any) -> None:
    """A bridge with sensors of other names stays unassigned."""
    world.catalog.code("school-1", "board/a", "env")
    world.dispatch.bindings.assign("school-1", {"board/a": "bank"}, PEOPLE["admin"])
    lost = Seen(Phase.RAISE, hazard="gateway_silent", rule="silent", metric="online", level=0)
    apply(world, about(world, {"behind": ["board/a"]}, replace(lost, sensor="board")))
    apply(world, about(world, {"behind": ["smoke-102"]}, replace(lost, sensor="bridge", at_s=1)))
    assert [hazard.place for hazard in world.hazards] == ["bank", "unassigned:bridge"]


def test_a_decommissioned_device_ends_its_findings_of_silence(world: Any) -> None:
    """Removed from its bridge and unbound by a person: a minute later it is normal; its fire stays."""
    gone = Seen(Phase.RAISE, sensor="stray", hazard="sensor_silent", rule="silent", metric="online", level=0)
    code = world.catalog.code("school-1", "stray", "smoke")
    world.dispatch.bindings.assign("school-1", {"stray": "d-102"}, PEOPLE["admin"])
    world.catalog.update(replace(world.catalog[code], removed=True))
    world.feed(Seen(Phase.RAISE, sensor="stray"), replace(gone, at_s=1))
    world.dispatch.tick(world.now_ns, world.catalog)
    assert len(world.active_findings()) == 2
    world.dispatch.bindings.assign("school-1", {"stray": ""}, PEOPLE["admin"])
    world.dispatch.tick(world.now_ns + 61 * 10**9, world.catalog)
    assert [finding.kind for finding in world.active_findings()] == ["fire"]


def test_many_decommissioned_devices_take_one_query(world: Any) -> None:
    """Their findings end in the order of the catalogue; those of other devices stay."""
    names = [f"stray-{number}" for number in range(20)]
    gone = Seen(Phase.RAISE, hazard="sensor_silent", rule="silent", metric="online", level=0)
    for name in names:
        world.catalog.code("school-1", name, "env")
    world.feed(*(replace(gone, sensor=name, at_s=at) for at, name in enumerate(reversed(names))))
    for name in names[:15]:
        code = world.catalog.code("school-1", name, "env")
        world.catalog.update(replace(world.catalog[code], removed=True))
    executed: list[str] = []
    with world.dispatch.engine.begin() as connection:
        event.listen(connection, "before_cursor_execute", lambda *about: executed.append(about[2]))
        found = ends(connection, world.catalog, {}, world.now_ns)
    assert [one.finding.sensor for one in found] == names[:15]
    assert {one.phase for one in found} == {Phase.CLEAR}
    assert len(executed) == 1


def test_an_entry_that_a_renaming_retired_ends_its_findings(world: Any) -> None:
    """Messages under the new name came first; the device raises its alarm again under its own entry."""
    world.catalog.code("school-1", "smoke-101", "smoke")
    world.feed(Seen(Phase.RAISE, sensor="early"))
    rename(world.catalog, "school-1", "smoke-101", "early")
    world.dispatch.tick(world.now_ns, world.catalog)
    assert world.active_findings() == []
    world.feed(Seen(Phase.RAISE, sensor="early", at_s=1))
    assert [hazard.place for hazard in world.hazards if hazard.active] == ["d-101"]


def test_the_position_on_the_plan_follows_a_rename() -> None:
    """The registry has it under the old id."""
    row = {"site": "s", "id": "old", "kind": "smoke", "place": "room", "xy": [3, 4]}
    table = {
        "site": [{"id": "s"}],
        "zone": [{"site": "s", "id": "z"}],
        "place": [{"site": "s", "zone": "z", "id": "room", "xy": [1, 2]}],
        "sensor": [row],
    }
    registry = read_registry(table)
    catalog = Catalog(registry.sensors)
    rename(catalog, "s", "old", "new")
    renamed, other = catalog.find("s", "new"), catalog[catalog.code("s", "other", "env")]
    assert renamed is not None
    assert (registry.xy_of(renamed), registry.xy_of(other)) == ((3, 4), None)
