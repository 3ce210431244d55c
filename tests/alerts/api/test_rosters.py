"""Routes of rosters and one-time links: versions, errors, scopes, audit, the page for phones."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
from sqlalchemy import text

from detectors import Phase

ROSTER: dict[str, Any] = {
    "person": [{"id": "li", "name_en": "Li <b>", "contacts": {"sms": "+8613800000001"}}],
    "post": [{"id": "dorm", "name_en": "Dormitory"}],
    "shift": [{"post": "dorm", "begin": "00:00", "end": "00:00", "persons": ["li"]}],
    "chain": [{"id": "all", "grades": ["red"], "steps": [{"wait_s": 60, "posts": ["dorm"]}]}],
}


def test_a_roster_is_written_with_its_version(office: Any) -> None:
    """Create, read, replace with If-Match, delete; each change is in the audit without telephone numbers."""
    admin = office.sign_in("admin")
    made = admin.put("rosters/school-1", json=ROSTER)
    assert (made.status_code, made.headers["ETag"]) == (200, '"1"')
    assert admin.get("rosters/school-1").json()["tables"] == ROSTER
    assert admin.put("rosters/school-1", json=ROSTER).status_code == 428
    assert admin.put("rosters/school-1", json=ROSTER, headers={"If-Match": '"7"'}).status_code == 412
    assert admin.put("rosters/school-1", json={}, headers={"If-Match": '"1"'}).headers["ETag"] == '"2"'
    assert [row["site"] for row in admin.get("rosters").json()["items"]] == ["school-1"]
    assert admin.delete("rosters/school-1", headers={"If-Match": '"1"'}).status_code == 412
    assert admin.delete("rosters/school-1").status_code == 428
    assert admin.delete("rosters/school-1", headers={"If-Match": '"2"'}).status_code == 204
    assert admin.get("rosters/school-1").status_code == 404
    audit = admin.get("audit").json()["items"]
    assert [row["kind"] for row in audit if row["kind"].startswith("roster.")] == [
        "roster.removed",
        "roster.written",
        "roster.written",
    ]
    with office.world.engine.connect() as connection:
        assert "13800000001" not in str(connection.execute(text("SELECT body FROM journal")).all())


def test_a_roster_made_again_pages_its_own_persons(office: Any) -> None:
    """Its version continues that of the removed one, which may have been read before."""
    admin, rosters = office.sign_in("admin"), office.world.dispatch.escalating.rosters
    admin.put("rosters/school-1", json=ROSTER)
    assert rosters.present("school-1").roster.persons["li"].contacts == {"sms": "+8613800000001"}
    assert admin.delete("rosters/school-1", headers={"If-Match": '"1"'}).status_code == 204
    person = ROSTER["person"][0] | {"contacts": {"sms": "+8613900000009"}}
    assert admin.put("rosters/school-1", json=ROSTER | {"person": [person]}).headers["ETag"] == '"2"'
    assert rosters.present("school-1").roster.persons["li"].contacts == {"sms": "+8613900000009"}


def test_all_errors_of_a_roster_are_reported(office: Any) -> None:
    """422 with one entry for each mistake; nothing is stored."""
    admin = office.sign_in("admin")
    wrong = ROSTER | {"person": [{"id": "x" * 500}], "shift": [{"post": "dorm"}]}
    answer = admin.put("rosters/school-1", json=wrong)
    assert answer.status_code == 422
    messages = " ".join(row["message"] for row in answer.json()["errors"])
    assert "1 to 64 printable characters" in messages
    assert "begin: missing" in messages
    assert admin.get("rosters/school-1").status_code == 404
    assert admin.put("rosters/nowhere", json=ROSTER).status_code == 404


def test_gaps_and_duty_of_a_roster(office: Any) -> None:
    """The interface of a school without an SMS channel reports the gap; the person on duty has no number there."""
    admin = office.sign_in("admin")
    admin.put("rosters/school-1", json=ROSTER)
    gaps = admin.get("rosters/school-1/gaps", params={"days": 2}).json()["gaps"]
    assert [(gap["chain"], gap["step"], gap["grade"]) for gap in gaps] == [("all", 1, "red")]
    duty = office.sign_in("operator").get("rosters/school-1/duty")
    assert [person["id"] for person in duty.json()["posts"][0]["persons"]] == ["li"]
    assert "138" not in duty.text
    assert admin.get("rosters/school-1/gaps", params={"days": 0}).status_code == 422


def test_a_link_opens_a_page_and_acknowledges_once(office: Any, seen: Any) -> None:
    """The page needs no account and no script; its form acknowledges, and the state has the receipt."""
    world = office.world
    world.dispatch.escalating.started.router.reach._mediums["sms"] = "gateway"
    admin = office.sign_in("admin")
    admin.put("rosters/school-1", json=ROSTER)
    world.now_ns = time.time_ns()
    world.feed(seen(Phase.RAISE))
    worker = world.dispatch.escalating.worker(commits=None, memory=lambda _: None)
    worker.turn()
    (hazard,) = [row for row in world.hazards if row.site == "school-1"]
    page = next(
        notice
        for notice in world.dispatch.queries.notices(
            office.people.account("admin").actor, site=None, page=world.everything
        )
        if "to" in notice.body and notice.hazard == hazard.id  # a shift that begins has a notice as well
    )
    token = world.dispatch.acknowledgements.links.token(page)
    shown = httpx.get(f"{office.url}/take/{token}")
    assert shown.status_code == 200
    assert "Li &lt;b&gt;" in shown.text
    assert "<script" not in shown.text
    assert shown.headers["cache-control"] == "no-store"
    listed = admin.get("notices").json()["items"]
    assert "address" not in json.dumps([row["body"].get("to") for row in listed])
    stranger = office.client()
    assert stranger.get(f"links/{token}").json()["taken_by"] is None
    assert admin.get(f"hazards/{hazard.id}/escalation").json()["state"] == "running"
    assert stranger.post(f"links/{token}", json={"person": "li", "action": "seen"}).json()["accepted"]
    form = {"person": "li", "action": "take"}
    assert httpx.post(f"{office.url}/take/{token}", data=form).status_code == 200
    assert httpx.post(f"{office.url}/take/{token}", data=form).status_code == 409
    state = admin.get(f"hazards/{hazard.id}/escalation").json()
    assert (state["state"], state["done"], state["needed"]) == ("taken", 1, 1)
    assert [(one["user"], one["via"]) for one in state["acknowledged"]] == [("li", "link")]
    assert [one["user"] for one in state["seen"]] == ["li"]
    assert admin.get(f"hazards/{hazard.id}").json()["acknowledged_by"] == "li"
    for wrong in ("x", "x" * 64, "x" * 5_000, "%00", token[:-1] + "!"):
        assert httpx.get(f"{office.url}/take/{wrong}").status_code == 404
        assert stranger.get(f"links/{wrong}").status_code in {404, 422}
    assert stranger.post("links/nothing", json={"person": "li"}).status_code == 404
