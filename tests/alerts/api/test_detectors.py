"""Routes of detectors: facts of each rule, its qualification, and counts within the caller's sites."""

from __future__ import annotations

from typing import Any

from alerts.api import Qualified
from detectors import Phase, load_recipe


def test_list_has_each_rule_of_the_recipe_in_order(office: Any) -> None:
    """A rule without a qualification is in shadow; its limits, levels and digest are those of the recipe."""
    body = office.sign_in("operator").get("detectors").json()
    recipe = load_recipe()
    assert [one["name"] for one in body["items"]] == [rule.name for rule in recipe.rules]
    assert body["recipe"] == recipe.name
    assert {one["stage"] for one in body["items"]} == {"shadow"}
    assert len({one["digest"] for one in body["items"]}) == len(recipe.rules)
    smoke = next(one for one in body["items"] if one["name"] == "smoke_density")
    assert (smoke["type"], smoke["metrics"], smoke["hazard"]) == ("threshold", ["smoke_density"], "fire")
    assert smoke["limits"] == list(next(rule for rule in recipe.rules if rule.name == "smoke_density").limits)
    assert "hysteresis" in {setting["name"] for setting in smoke["settings"]}


def test_rule_has_its_qualification_and_the_counts_of_the_caller_s_sites(office: Any, seen: Any) -> None:
    """Drills and foreign sites are not counted; an unknown rule is a 404."""
    figure = {"name": "recall", "value": 0.9, "unit": "", "goal": ">= 0.8", "passed": True, "n": 20}
    office.telemetry.qualifications["smoke"] = Qualified(
        "paging", [figure], (600.0, 120.0, 20), reason="score sheet within its bounds"
    )
    rows = [
        seen(Phase.RAISE, rule="smoke"),
        seen(Phase.RAISE, rule="smoke", sensor="smoke-102"),
        seen(Phase.CLEAR, rule="smoke", sensor="smoke-102", at_s=60),
        seen(Phase.RAISE, rule="smoke", site="school-2"),
        seen(Phase.RAISE, rule="smoke", drill=True, at_s=90),
    ]
    for row in rows:
        office.world.feed(row)
    client = office.sign_in("operator")
    body = client.get("detectors/smoke").json()
    assert (body["stage"], body["established"], body["sheet"]) == ("paging", False, [figure])
    assert body["lead"] == {"median_s": 600, "p10_s": 120, "n": 20}
    counts = body["counts"]
    assert (counts["total"], counts["open"]) == (2, 1)
    found = client.get("detections", params={"rule": "smoke"}).json()["items"]
    assert {(one["rule"], one["site"]) for one in found} == {("smoke", "school-1")}
    assert client.get("detections", params={"rule": "other"}).json()["items"] == []
    assert client.get("detectors/nothing").status_code == 404
