"""Access: a token for every route, the operations of each role, and the sites of each account."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from detectors import Phase
from tests.alerts.api.conftest import PASSWORD


def test_no_school_sees_another(office: Any, seen: Any) -> None:
    """Lists contain only the sites of the account; a record of another site is not found."""
    office.world.feed(seen(Phase.RAISE))
    ticket, hazard = office.world.tickets[0], office.world.hazards[0]
    other = office.sign_in("other")
    for path in ("hazards", "tickets", "detections", "notices", "audit", "zones", "sites", "sensors", "risk-points"):
        items = other.get(path).json()["items"]
        assert all("school-1" not in str(item) for item in items if path != "audit"), path
        assert all(item["site"] != "school-1" for item in items if path == "audit")
    for path in (f"hazards/{hazard.id}", f"tickets/{ticket.id}", "sensors/school-1/smoke-101"):
        assert other.get(path).status_code == 404
    assert other.get("readings", params={"site": "school-1", "sensor": "smoke-101", "metric": "co"}).status_code == 404
    assert other.get("accounting", params={"by": "device", "site": "school-1"}).status_code == 404
    assert other.get("accounting", params={"site": "school-1"}).json()["by"] == []
    acted = other.post(f"tickets/{ticket.id}/actions/assign", json={}, headers={"If-Match": f'"{ticket.version}"'})
    assert acted.status_code == 404
    assert other.post(f"hazards/{hazard.id}/actions/acknowledge").status_code == 404


def test_account_cannot_exceed_the_sites_of_its_creator(office: Any) -> None:
    """An administrator of one school can neither create nor replace accounts of another."""
    other = office.sign_in("other")
    wide = {"username": "wide", "password": "long enough too", "roles": ["admin"], "sites": None}
    assert other.post("users", json=wide).status_code == 403
    taken = {"username": "officer", "password": "long enough too", "roles": ["viewer"], "sites": ["school-2"]}
    assert other.post("users", json=taken).status_code == 403
    assert other.post("users", json=wide | {"sites": ["school-2"]}).status_code == 201


def test_failed_sign_ins_are_limited(office: Any) -> None:
    """Five wrong passwords a minute, then 429 with Retry-After."""
    guess = {"username": "officer", "password": "a guess of mine"}
    statuses = [office.client().post("session", json=guess).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert int(office.client().post("session", json=guess).headers["Retry-After"]) > 0


def test_revoked_token_is_rejected(office: Any) -> None:
    """A sign-out takes effect immediately."""
    client = office.sign_in("officer")
    assert client.get("me").json()["username"] == "officer"
    assert client.delete("session").status_code == 204
    assert client.get("me").status_code == 401


@pytest.mark.parametrize("path", ["/" + "x" * 300, "/%00", "/..%2f..%2fpyproject.toml", "/assets/%2e%2e/%2e%2e/x"])
def test_malformed_paths_return_the_index_page_or_an_error(office: Any, path: str) -> None:
    """No path leads out of the console's folder or causes an internal error."""
    answer = httpx.get(office.url + path)
    assert answer.status_code in {200, 400, 404}
    assert "[project]" not in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_a_zone_names_the_person_who_has_its_work(office: Any) -> None:
    """After a handover the successor; the campus file still names the leaver."""
    office.people.create("fixer2", PASSWORD, roles=["fixer"], sites=["school-1"])
    admin = office.sign_in("admin")
    assert admin.post("posts/school-1/handovers", json={"leaver": "fixer", "successor": "fixer2"}).status_code == 200
    zones = {zone["id"]: zone for zone in admin.get("zones?site=school-1").json()["items"]}
    assert (zones["dorm"]["officer"], zones["dorm"]["fixer"]) == ("officer", "fixer2")
    assert office.world.registry.zones["school-1", "dorm"].fixer == "fixer"
