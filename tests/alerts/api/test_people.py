"""People over HTTP: end of accounts, addresses in the audit, known browsers, second factor."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from alerts.people.one_time_codes import STEP_S, code
from alerts.people.settings import PeopleSettings

PASSWORD = "long enough for a test"
NEW = {"username": "wang", "password": "long enough too", "roles": ["officer"], "sites": ["school-1"]}


def post_session(office: Any, username: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    """Sign in over HTTP without earlier cookies."""
    with httpx.Client(base_url=office.url) as client:
        return client.post("/api/v1/session", json={"username": username, "password": password, **more})


def now_code(secret: str) -> str:
    """Return the present code of a secret."""
    return code(secret, int(time.time()) // STEP_S)


def test_an_ended_account_is_signed_out_and_named_in_the_audit(office: Any) -> None:
    """Its token is refused at once, the list hides it, and the audit shows its name."""
    office.people.create("chief", PASSWORD, roles=["admin"], name={"zh": "陈", "en": "Chen"})
    chief, admin = office.sign_in("chief"), office.sign_in("admin")
    assert admin.post("users", json=NEW).status_code == 201
    assert post_session(office, "wang", "long enough too").status_code == 200
    wang = office.client(post_session(office, "wang", "long enough too").json()["token"])
    assert wang.get("me").status_code == 200
    ended = admin.delete("users/wang")
    assert ended.json()["ended_at"] is not None
    assert wang.get("me").status_code == 401
    assert post_session(office, "wang", "long enough too").status_code == 401
    assert "wang" not in {row["username"] for row in admin.get("users").json()["items"]}
    assert "wang" in {row["username"] for row in admin.get("users?ended=true").json()["items"]}
    assert admin.post("users", json=NEW).status_code == 422
    entries = chief.get("audit").json()["items"]
    assert [(entry["actor"], entry["subject"]) for entry in entries if entry["kind"] == "person.ended"] == [
        ("admin", "wang")
    ]
    opened = next(entry for entry in entries if entry["kind"] == "session.opened" and entry["actor"] == "wang")
    assert opened["actor_name"] == {"zh": "wang", "en": "wang"}


def test_accounts_out_of_scope_and_the_last_administrator_stay(office: Any) -> None:
    """A foreign account is not found, a wider one is forbidden, the last administrator gets 409."""
    office.people.create("chief", PASSWORD, roles=["admin"])
    other, chief = office.sign_in("other"), office.sign_in("chief")
    for path in ("users/officer", "users/nobody", "users/officer/second-factor"):
        assert other.delete(path).status_code == 404
    assert other.delete("users/chief").status_code == 403
    refused = chief.delete("users/chief")
    assert (refused.status_code, refused.json()["guard"]) == (409, "last_admin")
    assert office.sign_in("officer").delete("users/fixer").status_code == 403


def test_sign_ins_failures_and_sign_outs_have_their_address(office: Any) -> None:
    """Each entry of the audit names the address of the client."""
    office.people.create("chief", PASSWORD, roles=["admin"])
    assert post_session(office, "chief", "a guess of mine").status_code == 401
    client = office.client(post_session(office, "chief").json()["token"])
    assert client.delete("session").status_code == 204
    entries = office.sign_in("chief").get("audit").json()["items"]
    found = {entry["kind"]: entry["facts"] for entry in entries if entry["kind"].startswith("session.")}
    assert found == {key: {"address": "127.0.0.1"} for key in ("session.opened", "session.refused", "session.closed")}


def test_a_known_browser_signs_in_while_strangers_guess(office: Any) -> None:
    """The cookie is HttpOnly and SameSite=Strict and opens no session."""
    with httpx.Client(base_url=office.url) as officer:
        first = officer.post("/api/v1/session", json={"username": "officer", "password": PASSWORD})
        header = first.headers["set-cookie"].lower()
        assert header.startswith("twinward_browser=")
        assert all(part in header for part in ("httponly", "samesite=strict", "path=/api/v1/session"))
        for _ in range(5):
            assert post_session(office, "officer", "a guess of mine").status_code == 401
        stranger = post_session(office, "officer")
        assert (stranger.status_code, int(stranger.headers["retry-after"]) > 0) == (429, True)
        again = officer.post("/api/v1/session", json={"username": "officer", "password": PASSWORD})
        assert again.status_code == 200
    cookie = {"Cookie": first.headers["set-cookie"].partition(";")[0]}
    assert httpx.get(f"{office.url}/api/v1/me", headers=cookie).status_code == 401


@pytest.mark.parametrize("password", ["password1", "1qaz2wsx", "11111111", "wang.fang"])
def test_a_common_password_is_refused(office: Any, password: str) -> None:
    """422 names the field."""
    answer = office.sign_in("admin").post("users", json=NEW | {"username": "wang.fang", "password": password})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "password")


def test_the_policy_demands_an_enrolment_at_the_sign_in(office: Any) -> None:
    """401 with the secret, then the code opens the session; the next sign-in asks for a code; a replay is refused."""
    office.people._settings = PeopleSettings(second_factor=("admin",))
    assert post_session(office, "officer").status_code == 200
    asked = post_session(office, "admin")
    assert (asked.status_code, asked.json()["second_factor"]) == (401, "enrolment")
    enrolment = asked.json()["enrolment"]
    assert enrolment["otpauth"].startswith("otpauth://totp/")
    assert post_session(office, "admin", "a guess of mine").json().get("enrolment") is None
    given = now_code(enrolment["secret"])
    opened = post_session(office, "admin", code=given)
    assert opened.status_code == 200
    assert len(opened.json()["recovery_codes"]) == 10
    assert post_session(office, "admin").json()["second_factor"] == "code"
    assert post_session(office, "admin", code=given).status_code == 401
    spare = post_session(office, "admin", code=opened.json()["recovery_codes"][0])
    assert "recovery_codes" not in spare.json()
    admin = office.client(spare.json()["token"])
    assert admin.delete("users/admin/second-factor").status_code == 204
    assert admin.get("me").status_code == 401, "a reset ends the sessions"


def test_anybody_may_enrol_an_authenticator(office: Any) -> None:
    """The own password begins it, the first code ends it; then a sign-in needs a code."""
    officer = office.sign_in("officer")
    assert officer.put("me/second-factor", json={"password": "a guess of mine"}).status_code == 422
    secret = officer.put("me/second-factor", json={"password": PASSWORD}).json()["secret"]
    assert officer.post("me/second-factor", json={"code": "000000"}).status_code == 422
    done = officer.post("me/second-factor", json={"code": now_code(secret)})
    assert len(done.json()["recovery_codes"]) == 10
    assert post_session(office, "officer").json()["second_factor"] == "code"
