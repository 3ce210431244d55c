"""Live streams: they end with their session, and one account has a bounded number."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

PASSWORD = "long enough for a test"


@contextlib.contextmanager
def ending(client: Any) -> Iterator[Callable[[], float]]:
    """Open a live stream; yield a function that returns the seconds until its end."""
    begun, ended = threading.Event(), threading.Event()

    def read() -> None:
        with client.stream("GET", "events") as stream:
            for _ in stream.iter_lines():
                begun.set()
        ended.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert begun.wait(10)

    def wait() -> float:
        asked = time.monotonic()
        assert ended.wait(20), "the stream goes on"
        return time.monotonic() - asked

    yield wait
    thread.join(20)


@pytest.mark.parametrize("end", ["sign-out", "ended account", "new rights", "reset of the second factor"])
def test_a_stream_ends_within_a_second_of_its_session(office: Any, end: str) -> None:
    """Sign-out, end of the account, new rights and a reset all end it; a stream of another account goes on."""
    name = "operator" if end == "ended account" else "officer"  # an officer of a zone needs a successor
    officer, admin, fixer = office.sign_in(name), office.sign_in("admin"), office.sign_in("fixer")
    token = officer.headers["Authorization"].removeprefix("Bearer ")
    with fixer.stream("GET", "events") as other, ending(officer) as seconds:
        if end == "sign-out":
            assert office.client(token).delete("session").status_code == 204
        elif end == "ended account":
            assert admin.delete("users/operator").status_code == 200
        elif end == "new rights":
            given = {"username": "officer", "password": PASSWORD, "roles": ["viewer"], "sites": ["school-1"]}
            assert admin.post("users", json=given).status_code == 201
        else:
            assert admin.delete("users/officer/second-factor").status_code == 204
        assert seconds() < 1
        lines = other.iter_lines()
        assert any("heartbeat" in next(lines) for _ in range(20))


def test_the_end_of_the_service_ends_every_stream(office: Any) -> None:
    """A console gets the end of its stream instead of a broken connection."""
    officer, fixer = office.sign_in("officer"), office.sign_in("fixer")
    with ending(officer) as first, ending(fixer) as second:
        office.app.state.parts.streams.stop()
        assert first() < 2
        assert second() < 2


def test_the_stream_of_a_revoked_display_ends(office: Any) -> None:
    """Within a second, as that of a person."""
    admin = office.sign_in("admin")
    made = admin.post("displays", json={"site": "school-1", "name": "gate"}).json()
    with ending(office.client(made["code"])) as seconds:
        assert admin.delete(f"displays/{made['id']}").status_code == 204
        assert seconds() < 1


def test_one_account_has_a_bounded_number_of_streams(office: Any) -> None:
    """A further stream gets 429 with Retry-After; another account still gets one; a closed stream frees its place."""
    office.app.state.parts.streams.account_max = 2
    officer = office.sign_in("officer")
    with contextlib.ExitStack() as opened:
        lines = [opened.enter_context(officer.stream("GET", "events")).iter_lines() for _ in range(2)]
        assert all(next(line) for line in lines)
        with office.sign_in("officer").stream("GET", "events") as refused:
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
            assert refused.headers["content-type"] == "application/problem+json"
        assert opened.enter_context(office.sign_in("fixer").stream("GET", "events")).status_code == 200
    deadline = time.monotonic() + 20
    while True:
        with officer.stream("GET", "events") as again:
            if again.status_code == 200:
                break
        assert time.monotonic() < deadline
        time.sleep(0.05)
