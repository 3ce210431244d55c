"""Provisional grades in the interface: raised by an early finding, decided by an officer."""

from __future__ import annotations

from typing import Any

from detectors import Phase

PATH = "risk-points/school-1/{}/provisional-grade"


def early(office: Any, seen: Any) -> dict[str, Any]:
    """Feed an early fire finding; return the risk point that it raises."""
    office.world.feed(seen(Phase.RAISE, level=1))
    items = office.sign_in("officer").get("risk-points").json()["items"]
    raised = [item for item in items if item["provisional"]]
    assert raised
    found: dict[str, Any] = raised[0]
    return found


def test_an_early_finding_raises_the_provisional_grade_and_a_person_confirms_it(office: Any, seen: Any) -> None:
    """Before any alarm the point has a provisional grade with its reason; confirmed, it has decision and journal."""
    point = early(office, seen)
    reason = point["provisional"]["reasons"][0]
    assert reason["rule"] == "early_finding"
    assert reason["text"]["zh"]
    assert reason["hazards"] == [office.world.hazards[0].id]
    assert office.world.hazards[0].paged_grade == 0
    given = {"decision": "confirm", "grade": point["provisional"]["grade"], "reason": "seen on site"}
    officer = office.sign_in("officer")
    changed = officer.put(PATH.format(point["id"]), json=given)
    assert changed.status_code == 200
    assert changed.json()["provisional"]["decision"]["by"] == "officer"
    event = officer.get("audit").json()["items"][0]
    assert event["kind"] == "risk_point.grade_decided"
    office.world.feed(seen(Phase.CLEAR, level=1, at_s=600))
    [now] = [item for item in officer.get("risk-points").json()["items"] if item["id"] == point["id"]]
    assert [one["rule"] for one in now["provisional"]["reasons"]] == ["open_dangers"]  # its ticket waits


def test_a_decision_needs_the_role_the_present_grade_and_a_reason(office: Any, seen: Any) -> None:
    """An operator may not decide; a grade that is no longer shown, an empty reason and an unknown point are refused."""
    point = early(office, seen)
    given = {"decision": "confirm", "grade": point["provisional"]["grade"], "reason": "seen on site"}
    officer, path = office.sign_in("officer"), PATH.format(point["id"])
    other = "red" if given["grade"] != "red" else "orange"
    assert office.sign_in("operator").put(path, json=given).status_code == 403
    assert officer.put(path, json=given | {"grade": other}).status_code == 409
    assert officer.put(path, json=given | {"reason": ""}).status_code == 422
    assert officer.put(PATH.format("unknown"), json=given).status_code == 404
