"""A service with its own certificate: TLS, one-time codes, known browsers, ended accounts."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.people.one_time_codes import STEP_S, code
from twinward.commands.certificate import make_certificate

NEW = {"username": "wang", "password": "long enough too", "roles": ["officer"], "sites": None}


@pytest.fixture
def service(tmp_path: Path, make_service: Any, mosquitto: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a running service with HTTPS and a policy of one-time codes for administrators."""
    made = make_certificate(["127.0.0.1"], folder=tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", made["authority"])
    extra = f'certificate = "{made["certificate"]}"\nkey = "{made["key"]}"\n[people]\nsecond_factor = ["admin"]\n'
    running = make_service(f"mqtt://127.0.0.1:{mosquitto.port}", extra=extra)
    running.url = running.url.replace("http:", "https:")
    running.start()
    yield running
    running.stop()


def enrolled(service: Any) -> tuple[httpx.Response, str]:
    """Sign the administrator in for the first time; return the response and a recovery code."""
    wanted = {"username": "admin", "password": service.environment["TWINWARD_ADMIN_PASSWORD"]}
    asked = httpx.post(f"{service.url}/api/v1/session", json=wanted)
    assert (asked.status_code, asked.json()["second_factor"]) == (401, "enrolment")
    now = code(asked.json()["enrolment"]["secret"], int(time.time()) // STEP_S)
    opened = httpx.post(f"{service.url}/api/v1/session", json=wanted | {"code": now})
    assert httpx.post(f"{service.url}/api/v1/session", json=wanted | {"code": now}).status_code == 401, "a replay"
    return opened, opened.json()["recovery_codes"][0]


def test_a_service_off_loopback_can_be_trusted(service: Any) -> None:
    """One start serves all assertions; each names its rule."""
    opened, spare = enrolled(service)
    assert "secure" in opened.headers["set-cookie"].lower()
    admin = httpx.Client(
        base_url=f"{service.url}/api/v1", headers={"Authorization": f"Bearer {opened.json()['token']}"}
    )
    with admin:
        assert admin.get("/condition").json()["transport"] == "tls"
        _transport(service)
        _hostile_text(service, admin)
        _strangers(service, admin, spare)
        _ended_account(service, admin)
        kinds = [(row["kind"], row["facts"].get("address")) for row in admin.get("/audit").json()["items"]]
        assert {("session.opened", "127.0.0.1"), ("session.refused", "127.0.0.1")} <= set(kinds)


def _transport(service: Any) -> None:
    """The port speaks TLS 1.2 or newer only, with a certificate of the authority."""
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{service.port}/healthz")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{service.url}/healthz", verify=ssl.create_default_context(cadata=_other_authority(service)))
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection("127.0.0.1", service.port, context=context, timeout=5)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    assert connection.sock.version() in {"TLSv1.2", "TLSv1.3"}
    connection.close()


def _other_authority(service: Any) -> str:
    return Path(make_certificate([], folder=service.folder / "other")["authority"]).read_text(encoding="utf-8")


def _hostile_text(service: Any, admin: httpx.Client) -> None:
    """A lone surrogate gets 422 and the list stays; a chunked body over the bound gets 413 before its end."""
    body = json.dumps(NEW | {"name": {"en": "a\ud800"}}).encode()
    assert admin.post("/users", content=body, headers={"Content-Type": "application/json"}).status_code == 422
    assert admin.get("/users").status_code == 200
    connection = http.client.HTTPSConnection("127.0.0.1", service.port, timeout=10)
    connection.putrequest("POST", "/api/v1/session")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    for _ in range(17):
        connection.send(b"10000\r\n" + b"[" * 65_536 + b"\r\n")  # 17 x 64 KiB, and no end
    assert connection.getresponse().status == 413
    connection.close()


def _strangers(service: Any, admin: httpx.Client, spare: str) -> None:
    """After five guesses the address gets 429, with the right code as well; the officer's browser signs in."""
    assert admin.post("/users", json=NEW | {"password": "password1"}).status_code == 422
    assert admin.post("/users", json=NEW).status_code == 201
    own = {"username": "wang", "password": NEW["password"]}
    with httpx.Client(base_url=service.url) as browser:
        assert browser.post("/api/v1/session", json=own).status_code == 200
        statuses = [
            httpx.post(f"{service.url}/api/v1/session", json=own | {"password": "a guess of mine"}).status_code
            for _ in range(5)
        ]
        assert statuses[-1] == 429
        assert set(statuses) <= {401, 429}
        recovery = {"username": "admin", "password": service.environment["TWINWARD_ADMIN_PASSWORD"], "code": spare}
        assert httpx.post(f"{service.url}/api/v1/session", json=recovery).status_code == 429
        again = browser.post("/api/v1/session", json=own)
        assert again.status_code == 200
    service.environment["wang"] = again.json()["token"]


def _ended_account(service: Any, admin: httpx.Client) -> None:
    """Its stream ends within 1 s; the account does not open another."""
    wang = {"Authorization": f"Bearer {service.environment.pop('wang')}"}
    begun, ended = threading.Event(), threading.Event()

    def read() -> None:
        with httpx.stream("GET", f"{service.url}/api/v1/events", headers=wang, timeout=10) as stream:
            for _ in stream.iter_lines():
                begun.set()
        ended.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert begun.wait(10)
    asked = time.monotonic()
    assert admin.delete("/users/wang").status_code == 200
    assert ended.wait(5)
    assert time.monotonic() - asked < 1
    thread.join(5)
    assert httpx.get(f"{service.url}/api/v1/me", headers=wang).status_code == 401
    assert admin.delete("/users/admin").status_code == 409
