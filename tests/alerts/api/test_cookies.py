"""Cookie session of the console: attributes, CSRF token, origin of writes, background reads."""

from __future__ import annotations

import time
from http.cookies import SimpleCookie
from typing import Any

import httpx

from alerts.api.cookies import CSRF_COOKIE, CSRF_HEADER, SESSION_COOKIE
from alerts.people.sessions import IDLE_NS
from detectors import Phase

PASSWORD = "long enough for a test"


def cookies(answer: httpx.Response) -> SimpleCookie:
    """Return the cookies that a response sets."""
    found = SimpleCookie()
    for line in answer.headers.get_list("set-cookie"):
        found.load(line)
    return found


def entered(office: Any, username: str = "officer", **headers: str) -> tuple[httpx.Client, httpx.Response]:
    """Return a client signed in by cookie, with the response of its sign-in."""
    client = office.client()
    credentials = {"username": username, "password": PASSWORD, "cookie": True}
    return client, client.post("session", json=credentials, headers=headers)


def test_cookie_is_closed_to_scripts_and_the_token_is_not_returned(office: Any) -> None:
    """HttpOnly, SameSite=Strict, no Secure on plain HTTP; a program still gets its token."""
    client, answer = entered(office)
    assert answer.status_code == 200
    assert answer.json()["token"] is None
    session, csrf = cookies(answer)[SESSION_COOKIE], cookies(answer)[CSRF_COOKIE]
    assert session["httponly"]
    assert not csrf["httponly"]
    assert {session["samesite"], csrf["samesite"]} == {"strict"}
    assert session["secure"] == session["max-age"] == ""
    assert client.get("me").json()["username"] == "officer"
    program = office.client().post("session", json={"username": "officer", "password": PASSWORD})
    assert program.json()["token"]
    assert SESSION_COOKIE not in cookies(program)


def test_write_needs_the_csrf_token_and_the_own_origin(office: Any, seen: Any) -> None:
    """Without token, with a wrong one or from another site: 403 and no change. Bearer tokens need neither."""
    office.world.feed(seen(Phase.RAISE))
    path = f"hazards/{office.world.hazards[0].id}/actions/acknowledge"
    client, answer = entered(office)
    right = {CSRF_HEADER: cookies(answer)[CSRF_COOKIE].value}
    foreign = ("https://evil.example", "null", office.url.replace("http", "https") + ".evil.example")
    refused = [{}, {CSRF_HEADER: "0" * 64}, *(right | {"Origin": origin} for origin in foreign)]
    for headers in refused:
        assert client.post(path, headers=headers).status_code == 403, headers
    assert office.world.hazards[0].state.startswith("unack")
    assert client.post(path, headers=right | {"Origin": office.url}).status_code == 200
    assert office.sign_in("officer").post(path, headers={"Origin": "https://evil.example"}).status_code == 200
    assert entered(office, Origin="https://evil.example")[1].status_code == 403


def test_sign_out_ends_the_session_and_removes_the_cookies(office: Any) -> None:
    """A copy of the cookie is refused afterwards."""
    client, answer = entered(office)
    copy = {"Cookie": f"{SESSION_COOKIE}={cookies(answer)[SESSION_COOKIE].value}"}
    left = client.delete("session", headers={CSRF_HEADER: cookies(answer)[CSRF_COOKIE].value})
    assert left.status_code == 204
    assert cookies(left)[SESSION_COOKIE]["max-age"] == "0"
    assert office.client().get("me", headers=copy).status_code == 401


def test_background_reads_do_not_prolong_a_session(office: Any) -> None:
    """The console's reading of news leaves the idle time running; a read by a person restarts it."""
    client, _ = entered(office)
    now_ns = time.time_ns()
    clock = office.people.sessions._clock
    try:
        office.people.sessions._clock = lambda: now_ns + IDLE_NS // 2
        assert client.get("hazards", headers={"X-Background": "1"}).status_code == 200
        office.people.sessions._clock = lambda: now_ns + IDLE_NS * 3 // 4
        assert client.get("hazards").status_code == 200
        office.people.sessions._clock = lambda: now_ns + IDLE_NS * 6 // 4
        assert client.get("hazards", headers={"X-Background": "1"}).status_code == 200
        office.people.sessions._clock = lambda: now_ns + IDLE_NS * 2
        assert client.get("hazards", headers={"X-Background": "1"}).status_code == 401
    finally:
        office.people.sessions._clock = clock


def test_policy_allows_nothing_inline(office: Any) -> None:
    """The content policy of every page names the own origin only."""
    for path in ("/", "/docs", "/docs.css"):
        policy = httpx.get(office.url + path).headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "data:" not in policy
    assert "<style" not in httpx.get(office.url + "/docs").text
