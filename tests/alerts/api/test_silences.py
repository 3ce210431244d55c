"""Routes of silences: create, list, patrol, end with the present version; the alarm names its silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from alerts.risk.causes import causes
from detectors import Phase

GIVEN = {"cause": "fire", "zone": "dorm", "owner": "officer", "reason": "detectors are cleaned"}
PATROL = {"by": "operator", "interval_min": 15}


def test_a_silence_of_life_safety_from_creation_to_its_end(office: Any, seen: Any) -> None:
    """It needs a patrol; the alarm, the wall and the handover sheet state it; the end needs its version."""
    officer, operator = office.sign_in("officer"), office.sign_in("operator")
    given = GIVEN | {"ends_at": "2026-09-21T23:00:00+08:00"}
    refused = officer.post("silences/school-1", json=given)
    assert (refused.status_code, "patrol" in refused.text) == (422, True)
    assert operator.post("silences/school-1", json=given | {"patrol": PATROL}).status_code == 403
    made = officer.post("silences/school-1", json=given | {"patrol": PATROL})
    assert (made.status_code, made.json()["active"], made.json()["patrol"]["count"]) == (201, True, 0)
    path = f"silences/school-1/{made.json()['id']}"
    entry = operator.post(f"{path}/patrols", json={"note": "in order"})
    assert (entry.status_code, entry.json()["patrol"]["entries"][0]["note"]) == (201, "in order")
    office.world.feed(seen(Phase.RAISE, level=3))
    (hazard,) = operator.get("hazards", params={"site": "school-1"}).json()["items"]
    assert (hazard["silenced"]["id"], hazard["paged"], hazard["active"]) == (made.json()["id"], False, True)
    assert operator.get(f"hazards/{hazard['id']}").json()["silenced"] == hazard["silenced"]
    assert operator.get("overview", params={"site": "school-1"}).json()["silences"]["count"] == 1
    sheet = operator.get("handovers/draft", params={"site": "school-1"}).json()["sheet"]["silences"]
    assert (sheet["total"], sheet["lines"][0]["patrol"]) == (1, "operator")
    (listed,) = operator.get("silences/school-1").json()["items"]
    etag = operator.get(path).headers["etag"]
    assert etag == f'"{listed["version"]}"'
    assert officer.post(f"{path}/actions/end").status_code == 428
    assert officer.post(f"{path}/actions/end", headers={"If-Match": '"0"'}).status_code == 412
    ended = officer.post(f"{path}/actions/end", headers={"If-Match": etag})
    assert (ended.status_code, ended.json()["end_cause"]) == (200, "person")
    office.world.dispatch.tick(office.world.now_ns)
    (hazard,) = operator.get("hazards", params={"site": "school-1"}).json()["items"]
    assert (hazard["silenced"], hazard["paged"]) == (None, True)
    assert office.world.paged() == ["hazard.raised"]
    assert operator.get("silences/school-1").json()["items"] == []
    assert len(operator.get("silences/school-1", params={"state": "ended"}).json()["items"]) == 1


def test_a_silence_of_an_unknown_sensor_is_refused(office: Any) -> None:
    """With its id, in both languages; a declared sensor and one that only reported are accepted, a removed one not."""
    officer = office.sign_in("officer")
    office.sign_in("operator")
    catalog = office.world.catalog
    catalog.code("school-1", "learned-7", "smoke", wire="campus", now_ns=office.world.now_ns)
    gone = catalog[catalog.code("school-1", "gone-7", "smoke", wire="campus", now_ns=office.world.now_ns)]
    catalog.update(replace(gone, removed=True))
    given = GIVEN | {"cause": "sensor_health", "ends_at": "2026-09-21T23:00:00+08:00"}
    for sensor in ("smoke-9999", "gone-7"):
        refused = officer.post("silences/school-1", json=given | {"sensor": sensor})
        assert refused.status_code == 422
        (error,) = refused.json()["errors"]
        assert (error["path"], sensor in error["text"]["zh"], sensor in error["text"]["en"]) == ("sensor", True, True)
    assert officer.get("silences/school-1").json()["items"] == []
    for sensor in ("smoke-101", "learned-7"):
        assert officer.post("silences/school-1", json=given | {"sensor": sensor}).status_code == 201, sensor


def test_the_list_offers_each_person_the_causes_that_it_may_silence(office: Any) -> None:
    """Each offered cause is accepted from that person, each other one and a silence of any cause are refused."""
    known = sorted({one.name for one in causes().values()})
    for name in ("operator", "officer", "fixer"):
        person = office.sign_in(name)
        listed = person.get("silences/school-1").json()
        assert listed["any_cause"] == (name == "officer")
        for cause in ["", *known]:
            patrol = PATROL if cause in ["", *listed["patrolled"]] else None
            given = GIVEN | {"owner": "operator", "cause": cause, "ends_at": "2026-09-21T23:00:00+08:00"}
            made = person.post("silences/school-1", json=given | {"patrol": patrol}).status_code
            offered = cause in listed["causes"] or (not cause and listed["any_cause"])
            assert made == (201 if offered else 403), (name, cause)
