"""Routes of plans: versions, pictures, bounds, audit, and their effect on zones and sensors."""

from __future__ import annotations

import copy
from typing import Any

from alerts.plans.plans import FRESH_NS, Plans
from tests.alerts.plans.drawn import picture


def written(plan: dict[str, Any]) -> dict[str, Any]:
    """Return the body that writes a plan back as it was read."""
    return {key: copy.deepcopy(value) for key, value in plan.items() if key not in {"site", "version"}}


def test_a_plan_is_edited_with_its_version_and_is_in_effect_at_once(office: Any) -> None:
    """An officer moves a sensor and draws a zone; a stale edit gets 412; a restart has the same plan."""
    officer = office.sign_in("officer")
    read = officer.get("plans/school-1")
    assert (read.status_code, read.headers["ETag"], read.json()["version"]) == (200, '"0"', 0)
    body = written(read.json())
    sensor = officer.get("sensors", params={"site": "school-1"}).json()["items"][0]["id"]
    body["floors"] = [{"floor": 1}, {"floor": 2, "name": {"zh": "二层", "en": "Second"}}]
    body["zones"].append({"id": "lab", "name": {"zh": "实验楼"}, "polygon": [[0, 0], [5, 0], [5, 5]], "floor": 2})
    body["sensors"] = [{"id": sensor, "xy": [3.5, 4.5], "floor": 2}]
    assert officer.put("plans/school-1", json=body).status_code == 428
    assert officer.put("plans/school-1", json=body, headers={"If-Match": '"9"'}).status_code == 412
    made = officer.put("plans/school-1", json=body, headers={"If-Match": '"0"'})
    assert (made.status_code, made.headers["ETag"]) == (200, '"1"'), made.text
    assert officer.put("plans/school-1", json=body, headers={"If-Match": '"0"'}).status_code == 412
    shown = officer.get(f"sensors/school-1/{sensor}").json()
    assert (shown["xy"], shown["floor"]) == ([3.5, 4.5], 2)
    zones = {zone["id"]: zone for zone in officer.get("zones", params={"site": "school-1"}).json()["items"]}
    assert (zones["lab"]["floor"], zones["lab"]["polygon"][1]) == (2, [5, 0])
    again = Plans(office.world.engine, office.world.registry, office.world.dispatch.clock)
    assert again.get(office.people.account("officer").actor, "school-1")[1] == 1
    audit = office.sign_in("admin").get("audit").json()["items"]
    assert [row["actor"] for row in audit if row["kind"] == "plan.written"] == ["officer"]
    assert office.world.dispatch.verify().rows_differing == ()


def test_plans_are_edited_by_officers_of_the_school_alone(office: Any) -> None:
    """403 for other roles, 404 at another school, 422 with each error for a wrong plan."""
    operator, other, officer = office.sign_in("operator"), office.sign_in("other"), office.sign_in("officer")
    body = written(operator.get("plans/school-1").json())
    match = {"If-Match": '"0"'}
    assert operator.put("plans/school-1", json=body, headers=match).status_code == 403
    assert other.get("plans/school-1").status_code == 404
    assert other.put("plans/school-1", json=body, headers=match).status_code == 404
    assert officer.put("plans/nowhere", json=body, headers=match).status_code == 404
    answer = officer.put("plans/school-1", json=body | {"zones": [], "size_m": [-1, 0]}, headers=match)
    assert answer.status_code == 422
    assert {"size_m", "zones.dorm"} <= {row["path"] for row in answer.json()["errors"]}
    named = body | {"name": {"zh": "长" * 500}}
    assert officer.put("plans/school-1", json=named, headers=match).status_code == 422
    for wrong in (float("1e99"), "NaN"):
        assert officer.put("plans/school-1", json=body | {"size_m": [wrong, 1]}, headers=match).status_code == 422


def test_a_picture_is_stored_for_a_floor_and_read_by_the_school(office: Any) -> None:
    """Own bound of bytes, 413 above it; scripts get 422; an unused picture waits a day for another editor's plan."""
    officer, viewer = office.sign_in("officer"), office.sign_in("viewer")
    made = officer.post("plans/school-1/pictures", content=picture(400, 300))
    assert made.status_code == 201, made.text
    digest = made.json()["digest"]
    unused = officer.post("plans/school-1/pictures", content=picture(41, 30)).json()["digest"]
    body = written(officer.get("plans/school-1").json()) | {"floors": [{"floor": 1, "picture": digest}]}
    wrong = body | {"floors": [{"floor": 1, "picture": "0" * 64}]}
    assert officer.put("plans/school-1", json=wrong, headers={"If-Match": '"0"'}).status_code == 422
    assert officer.put("plans/school-1", json=body, headers={"If-Match": '"0"'}).status_code == 200
    shown = viewer.get(f"plans/school-1/pictures/{digest}")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert viewer.get(f"plans/school-1/pictures/{unused}").status_code == 200
    office.world.now_ns += FRESH_NS + 1
    assert officer.put("plans/school-1", json=body, headers={"If-Match": '"1"'}).status_code == 200
    assert viewer.get(f"plans/school-1/pictures/{unused}").status_code == 404
    assert viewer.post("plans/school-1/pictures", content=picture()).status_code == 403
    assert office.sign_in("other").get(f"plans/school-1/pictures/{digest}").status_code == 404
    refused = officer.post("plans/school-1/pictures", content=b"<svg><script>alert(1)</script></svg>")
    assert refused.status_code == 422
    assert "SVG" in refused.json()["errors"][0]["message"]
    large = officer.post(
        "plans/school-1/pictures", content=bytes(office.app.state.parts.settings.picture_bytes_max + 1)
    )
    assert large.status_code == 413
