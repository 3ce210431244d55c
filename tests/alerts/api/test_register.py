"""Risk register and documents in the interface: edit, approve, template, list, forms, cards, roll-up."""

from __future__ import annotations

import base64
from typing import Any

from detectors import Phase


def test_documents_of_a_school_in_the_interface(office: Any, seen: Any) -> None:
    """Forms, cards and letters download; a printed card is stale after the next approval."""
    office.world.feed(seen(Phase.RAISE))
    officer = office.sign_in("officer")
    names = [one["form"] for one in officer.get("documents").json()["items"]]
    assert {"risk_points", "control_list", "notice_board", "quarter_statistics", "ledger"} <= set(names)
    for name in names:
        answer = officer.get(f"documents/school-1/forms/{name}", params={"format": "csv"})
        assert answer.status_code == 200, name
        assert answer.content.startswith(b"\xef\xbb\xbf"), name
    found = {"site": "school-1", "place": "d-101", "source": "patrol", "text": "seen"}
    twice, kept = (officer.post("dangers", json=found | {"kind": kind}).json() for kind in ("wiring", "building"))
    (merged,) = [one for one in office.world.tickets if one.id == twice["id"]]
    office.world.act(merged, "merge", "officer", into=kept["id"])
    year = {"format": "csv", "year": 2026}
    table = officer.get("documents/school-1/forms/quarter_statistics", params=year | {"quarter": 3}).text
    values = table.splitlines()[1].split(",")
    assert values[:6] == ["1", "1", "2", "0", "0.00", "0"]  # without the merged duplicate
    other = officer.get("documents/school-1/forms/quarter_statistics", params=year | {"quarter": 4}).text
    assert other.splitlines()[1].split(",")[0] == "0"
    ticket = next(one for one in office.world.tickets if one.hazard)
    for letter in ("notice", "reply"):
        assert officer.get(f"tickets/{ticket.id}/{letter}").content.startswith(b"%PDF")
    printed = officer.get("documents/school-1/cards", params={"points": "dorm-fire"})
    assert printed.content.startswith(b"%PDF")
    path = "register/school-1/points/dorm-fire"
    point = officer.get(path).json()
    assert point["card"]["stale"] is False
    edited = officer.put(path, json=point["content"] | {"phone": "110"}, headers={"If-Match": f'"{point["version"]}"'})
    assert edited.json()["state"] == "changed"
    stale = officer.put(path, json=point["content"], headers={"If-Match": f'"{point["version"]}"'})
    assert stale.status_code == 412
    versions = {"versions": {"dorm-fire": edited.json()["version"]}}
    own = officer.post("register/school-1/approvals", json=versions)
    assert (own.status_code, own.json()["guard"]) == (409, "four_eyes")
    done = office.sign_in("officer2").post("register/school-1/approvals", json=versions)
    assert done.json() == {"approved": 1}
    assert officer.get(path).json()["card"]["stale"] is True
    assert officer.get("documents/school-1/cards", params={"points": "none"}).status_code == 404
    assert office.sign_in("other").get("documents/school-1/forms/ledger").status_code == 404
    assert office.sign_in("operator").put(path, json={}).status_code == 403
    rollup = office.sign_in("district").get("risk-rollup").json()["items"]
    assert [(row["site"], row["blue"], row["open_hazards"]) for row in rollup] == [("school-1", 1, 1)]


def test_a_blank_school_is_filled_by_a_template_and_a_list(office: Any) -> None:
    """Template, approval and export by requests alone; a wrong list names its cells and changes nothing."""
    officer = office.sign_in("officer")
    names = {one["template"]: one["points"] for one in officer.get("register-templates").json()["items"]}
    assert min(names.values()) >= 60
    written = officer.post("register/school-1/template", json={"template": "kindergarten"}).json()
    assert written["new"] == written["points"] == names["kindergarten"]
    assert officer.post("register/school-1/template", json={"template": "kindergarten"}).json()["new"] == 0
    rows = officer.get("register/school-1/points", params={"state": "draft", "limit": 1000}).json()["items"]
    assert len(rows) == written["new"]
    assert all(row["gaps"] for row in rows)  # no roster names the persons yet
    done = office.sign_in("officer2").post(
        "register/school-1/approvals", json={"versions": {row["id"]: row["version"] for row in rows[:9]}}
    )
    assert done.json() == {"approved": 9}
    again = officer.post("register/school-1/approvals", json={"versions": {rows[0]["id"]: rows[0]["version"]}})
    assert again.status_code == 412
    file = officer.get("register/school-1/list", params={"format": "csv"}).content
    assert file.count(b"gate-intrusion") >= 4
    wrong = base64.b64encode(b"id,zone,name.zh,kind\nr1,gate,x,y").decode()
    answer = officer.post("register/school-1/list", json={"format": "csv", "content": wrong})
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == ["row 2, kind"]
    right = base64.b64encode("id,zone,name.zh\nr1,gate,新点".encode()).decode()
    checked = officer.post("register/school-1/list", json={"format": "csv", "content": right, "check": True})
    assert checked.json() == {"new": 0, "changed": 0, "points": 1}
    assert officer.post("register/school-1/list", json={"format": "csv", "content": right}).json()["new"] == 1
    history = officer.get("register/school-1/points/r1/history").json()["items"]
    assert (history[0]["kind"], history[0]["facts"]["origin"]) == ("risk_point.edited", "list csv")
    zones = officer.get("zones", params={"site": "school-1"}).json()["items"]
    assert "gate" in {zone["id"] for zone in zones}
    now = officer.get("risk-map", params={"site": "school-1"}).json()
    assert len(now["points"]) == 10
    past = officer.get("risk-map", params={"site": "school-1", "at": "2020-01-01T00:00:00Z"}).json()
    assert past["points"] == []
    methods = officer.get("risk-methods").json()["items"]
    assert {"ls", "lec", "ls_15", "ls_three_levels"} == {one["method"] for one in methods}


def test_the_register_states_the_live_grade_of_the_map(office: Any, seen: Any) -> None:
    """An open fire raises its risk point in the list, on its page and on the map alike."""
    officer = office.sign_in("officer")
    office.world.feed(seen(Phase.RAISE, level=3))
    listed = {one["id"]: one["live_grade"] for one in officer.get("register/school-1/points").json()["items"]}
    points = officer.get("risk-map?site=school-1").json()["points"]
    assert listed == {one["id"]: one["grade"] for one in points}
    [burning, *_] = [one for one in points if one["reasons"]]
    assert burning["grade"] != burning["approved_grade"]
    assert officer.get(f"register/school-1/points/{burning['id']}").json()["live_grade"] == burning["grade"]
