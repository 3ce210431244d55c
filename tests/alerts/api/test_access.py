"""Access: a token for every route, the operations of each role, and the sites of each account."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from alerts import OPERATIONS, ROLES
from detectors import Phase

OPERATION_OF = {
    ("GET", "accounting"): "see_accounts_of_readings",
    ("GET", "accounting?by=device&site=school-1"): "see_accounts_of_readings",
    ("GET", "quarantine"): "see_quarantine",
    ("GET", "clocks"): "see_accounts_of_readings",
    ("POST", "quarantine/replay"): "replay_quarantine",
    ("GET", "notices"): "see_notices",
    ("GET", "audit"): "see_audit",
    ("GET", "users"): "see_people",
    ("POST", "users"): "manage_people",
    ("GET", "displays"): "manage_displays",
    ("POST", "displays"): "manage_displays",
    ("DELETE", "displays/x"): "manage_displays",
    ("GET", "hazards"): "see",
    ("GET", "tickets"): "see",
    ("PUT", "sensors/school-1/smoke-101/place"): "assign_sensor",
    ("POST", "sensors/places"): "assign_sensor",
    ("PUT", "sensors/school-1/stray/ignored"): "ignore_sensor",
}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "users"): {"username": "new", "password": "long enough too", "roles": ["viewer"], "sites": ["school-1"]},
    ("POST", "displays"): {"site": "school-1", "name": "guard room"},
    ("PUT", "sensors/school-1/smoke-101/place"): {"place": "d-102"},
    ("POST", "sensors/places"): {"site": "school-1", "csv": "smoke-101,d-102"},
    ("PUT", "sensors/school-1/stray/ignored"): {"reason": "the shop next door"},
    ("POST", "quarantine/replay"): {"site": "school-1", "reason": "time_past"},
}
SIGN_INS = {("post", "session"), ("post", "session/display")}


def routes(app: Any) -> list[tuple[str, str]]:
    """Return every method and path except the sign-ins, with parameters filled."""
    found = []
    for path, methods in app.openapi()["paths"].items():
        if path.startswith("/api/v1/"):
            filled = re.sub(r"\{[^}]*\}", "x", path.removeprefix("/api/v1/"))
            found += [(method.upper(), filled) for method in methods if (method, filled) not in SIGN_INS]
    return found


def test_every_route_requires_a_token(office: Any) -> None:
    """Without a valid token, each route of the document returns a problem with status 401."""
    listed = routes(office.app)
    assert len(listed) > 20
    for client in (office.client(), office.client("wrong")):
        for method, path in listed:
            answer = client.request(method, path, json={})
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_the_operations_of_the_table(office: Any, role: str) -> None:
    """403 exactly for the operations that the role does not have."""
    client = office.sign_in(role)
    office.world.catalog.code("school-1", "stray", "smoke")
    for (method, path), operation in OPERATION_OF.items():
        status = client.request(method, path, json=BODIES.get((method, path))).status_code
        assert (status == 403) == (role not in OPERATIONS[operation]), (role, method, path, status)


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
