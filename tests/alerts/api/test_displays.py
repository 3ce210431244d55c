"""Display accounts: made by an admin, read-only, of one site, without expiry, revocable immediately."""

from __future__ import annotations

import time
from http.cookies import SimpleCookie
from typing import Any

from sqlalchemy import text

from alerts.api.cookies import CSRF_COOKIE, CSRF_HEADER, SESSION_COOKIE

YEARS_NS = 3 * 365 * 86_400 * 10**9


def test_display_reads_one_site_for_years_until_revoked(office: Any) -> None:
    """Its code works again after a restart, is stored hashed, permits no write, and ends with the revocation."""
    admin = office.sign_in("admin")
    made = admin.post("displays", json={"site": "school-1", "name": "guard room"})
    assert made.status_code == 201
    code = made.json()["code"]
    assert [row["name"] for row in admin.get("displays").json()["items"]] == ["guard room"]
    assert "code" not in admin.get("displays").json()["items"][0]
    with office.world.engine.connect() as connection:
        assert code not in str(connection.execute(text("SELECT * FROM displays")).all())
        assert code not in str(connection.execute(text("SELECT * FROM journal")).all())
    wall = office.client()
    opened = wall.post("session/display", json={"code": code})
    found = SimpleCookie(", ".join(opened.headers.get_list("set-cookie")))
    assert opened.json()["expires_at"] is None
    assert opened.json()["user"] | {"username": ""} == {
        "username": "",
        "person": None,
        "ended_at": None,
        "locked_at": None,
        "name": {"zh": "guard room", "en": "guard room"},
        "roles": ["viewer"],
        "sites": ["school-1"],
        "display": True,
    }
    assert found[SESSION_COOKIE]["httponly"]
    assert int(found[SESSION_COOKIE]["max-age"]) > 300 * 86_400
    office.people.sessions._clock = lambda: time.time_ns() + YEARS_NS
    assert wall.get("hazards").status_code == 200
    assert wall.get("me").headers.get_list("set-cookie")  # renewed
    csrf = {CSRF_HEADER: found[CSRF_COOKIE].value}
    assert wall.post("displays", json={"site": "school-1", "name": "x"}, headers=csrf).status_code == 403
    assert {row["id"] for row in wall.get("sites").json()["items"]} == {"school-1"}
    office.people.sessions._clock = time.time_ns
    assert admin.delete(f"displays/{made.json()['id']}").status_code == 204
    assert wall.get("hazards").status_code == 401
    assert office.client().post("session/display", json={"code": code}).status_code == 401
    kinds = [row["kind"] for row in office.sign_in("admin").get("audit").json()["items"]]
    assert {"display.created", "display.opened", "display.revoked"} <= set(kinds)


def test_admin_of_one_site_reaches_no_display_of_another(office: Any) -> None:
    """A foreign site is refused, a foreign display is not found, an unknown site is named."""
    made = office.sign_in("admin").post("displays", json={"site": "school-1", "name": "gate"}).json()
    other = office.sign_in("other")
    assert other.post("displays", json={"site": "school-1", "name": "gate"}).status_code == 403
    assert other.delete(f"displays/{made['id']}").status_code == 404
    assert other.get("displays").json()["items"] == []


def test_no_person_has_the_name_of_a_display(office: Any) -> None:
    """The audit names a display by a prefix that no person may use."""
    person = {"username": "display.gate", "password": "long enough for a test", "roles": ["viewer"]}
    answer = office.sign_in("admin").post("users", json=person | {"sites": ["school-1"]})
    assert answer.status_code == 422
    assert [row["path"] for row in answer.json()["errors"]] == ["username"]
