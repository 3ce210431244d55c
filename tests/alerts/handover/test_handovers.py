"""Handovers: the sheet of the shift's events, two persons, one at a time, audited."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import Forbidden, GuardFailed, NotFound, Page
from detectors import Phase

SITE = "school-1"


def test_sheet_contains_the_shift_and_does_not_change_after_its_signature(world: Any, seen: Any, people: Any) -> None:
    """Incident with its steps, sensor without data, call; a later alarm belongs to the next shift."""
    handovers = world.dispatch.handovers
    world.feed(seen(Phase.RAISE, page=True))
    world.feed(seen(Phase.RAISE, sensor="level-1", hazard="sensor_silent", rule="silent", level=1, page=False))
    [fire] = [row for row in world.hazards if row.kind == "fire"]
    world.dispatch.acknowledge(fire.id, people["operator"])
    world.dispatch.step(fire.id, "call", people["operator"])
    world.now_ns += 1
    given = handovers.give(people["operator"], SITE, "plumber until nine")
    sheet = given.sheet
    assert [line["hazard"] for line in sheet["incidents"]["lines"]] == [fire.id]
    assert [step["step"] for step in sheet["incidents"]["lines"][0]["steps"]] == ["acknowledged", "called"]
    assert [line["sensor"] for line in sheet["no_data"]["lines"]] == ["level-1"]
    assert sheet["calls"]["total"] == 1
    standing = sheet["open"]["lines"]
    assert [(line["acknowledged_by"]) for line in standing if line["hazard"] == fire.id] == ["operator"]
    assert sheet["done"] == {"operator": 2}
    with pytest.raises(GuardFailed):
        handovers.give(people["operator"], SITE, "")
    world.now_ns += 1
    taken = handovers.take(people["officer"], given.id)
    assert (taken.sheet, taken.note, taken.taken_by) == (sheet, "plumber until nine", "officer")
    since_ns, _, following = handovers.draft(people["officer"], SITE)
    assert since_ns == given.until_ns
    assert following["incidents"]["total"] == 0
    assert following["open"] == sheet["open"]
    assert world.dispatch.verify().ok


def test_one_person_cannot_sign_both_lines(world: Any, people: Any) -> None:
    """Neither with the same account nor with a second account of the same person; a taken one is not taken again."""
    handovers = world.dispatch.handovers
    world.employ("operator")
    second = world.employ("operator-b", "operator", person="operator")
    given = handovers.give(people["operator"], SITE, "")
    for actor in (people["operator"], second):
        with pytest.raises(GuardFailed, match="cannot take over"):
            handovers.take(actor, given.id)
    handovers.take(people["officer"], given.id)
    with pytest.raises(GuardFailed, match="has been taken over"):
        handovers.take(people["officer2"], given.id)


def test_fixers_and_other_schools_hand_over_nothing(world: Any, people: Any) -> None:
    """403 for a role without the operation, not found for a foreign school."""
    handovers = world.dispatch.handovers
    given = handovers.give(people["operator"], "school-2", "")
    near = world.employ("near", "operator", sites=["school-1"])
    with pytest.raises(Forbidden):
        handovers.give(people["fixer"], SITE, "")
    for attempt in (lambda: handovers.give(near, "school-2", ""), lambda: handovers.take(near, given.id)):
        with pytest.raises(NotFound):
            attempt()
    assert handovers.list(near, site=None, page=Page()) == []


def test_long_shift_keeps_one_page(world: Any, seen: Any, people: Any) -> None:
    """A section shows a dozen lines and states the total."""
    world.feed(*(seen(Phase.RAISE, sensor=f"smoke-{number}", page=True) for number in range(30)))
    world.now_ns += 1
    _, _, sheet = world.dispatch.handovers.draft(people["operator"], SITE)
    assert sheet["incidents"]["total"] == 30
    assert len(sheet["incidents"]["lines"]) == 12
