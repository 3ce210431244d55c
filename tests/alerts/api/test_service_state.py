"""HTTP interface in degraded mode: reads succeed, writes return 503 with the cause."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest

from alerts import Notice, ServiceFault, StorageFault
from alerts.api import Condition
from alerts.database import journal
from detectors import Phase
from ingest import StoreError

PASSWORD = "long enough for a test"
FULL = StorageFault("disk_full", "磁盘已满", "the disk is full")


@pytest.fixture
def read_only(office: Any, switched_writes: Any) -> Any:
    """Return the switch of the writes to the alert database."""
    return switched_writes(office.world.engine)


def alarm(site: str) -> Notice:
    """Return one alarm as degraded mode provides it."""
    body = {"alarm_id": "h", "site": site, "grade": "red", "ticket": None, "from_memory": True}
    facts = {"ticket": "", "channel": "console", "type": "hazard.opened", "body": body, "error": ""}
    times = {"created_ns": time.time_ns(), "next_ns": 0, "delivered_ns": None}
    return Notice(id=f"msg_{site}", site=site, hazard="h", state="pending", attempts=0, **facts, **times)  # type: ignore[arg-type]


def test_write_fails_with_its_cause_and_read_succeeds(office: Any, read_only: Any, seen: Any) -> None:
    """503 with cause, text in both languages and Retry-After; nothing changes; it succeeds once writes do."""
    office.world.feed(seen(Phase.RAISE))
    officer = office.sign_in("operator")
    (hazard,) = officer.get("hazards").json()["items"]
    path = f"hazards/{hazard['id']}/actions/acknowledge"
    read_only.refused = True
    answer = officer.post(path)
    body = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert (body["cause"], answer.headers["retry-after"]) == ("read_only", "5")
    assert body["text"]["zh"].startswith("磁盘只读")
    assert body["detail"].startswith("the disk is read-only: nothing was changed")
    assert [officer.get(name).status_code for name in ("hazards", "tickets", "me", "condition")] == [200] * 4
    assert officer.get("hazards").json()["items"][0]["state"] == "unacknowledged"
    read_only.refused = False
    assert officer.post(path).json()["state"] == "acknowledged"


def test_sessions_work_while_read_only(office: Any, read_only: Any) -> None:
    """From memory; a wrong password is rejected; the audit receives all entries once writes succeed."""
    read_only.refused = True
    url = f"{office.url}/api/v1/session"
    wrong = httpx.post(url, json={"username": "viewer", "password": "a guess"})
    right = httpx.post(url, json={"username": "viewer", "password": PASSWORD})
    assert (wrong.status_code, right.status_code) == (401, 200)
    client = office.client(right.json()["token"])
    assert client.get("me").json()["username"] == "viewer"
    assert client.delete("session").status_code == 204
    assert client.get("me").status_code == 401
    read_only.refused = False
    office.world.dispatch.tick(office.world.now_ns)
    with office.world.engine.connect() as connection:
        kinds = [entry.kind for entry in journal.read(connection) if entry.kind.startswith("session.")]
    assert kinds == ["session.refused", "session.opened", "session.closed"]


def test_response_is_sent_although_it_cannot_be_stored(office: Any, seen: Any, monkeypatch: Any) -> None:
    """A disk that fills up before the Idempotency-Key is stored does not undo the action."""
    office.world.feed(seen(Phase.RAISE))
    officer = office.sign_in("officer")
    (ticket,) = officer.get("tickets").json()["items"]
    replies = office.world.dispatch.idempotency_keys

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replies, "_engine", type("Full", (), {"begin": full, "execution_options": _reading(replies)})())
    headers = {"If-Match": f'"{ticket["version"]}"', "Idempotency-Key": "one"}
    answer = officer.post(f"tickets/{ticket['id']}/actions/assign", json={"fixer": "fixer"}, headers=headers)
    assert (answer.status_code, answer.json()["state"], replies.unwritten_total) == (200, "assigned", 1)


def _reading(replies: Any) -> Any:
    engine = replies._engine
    return lambda _self, **options: engine.execution_options(**options)


def test_unavailable_store_is_the_cause(office: Any, monkeypatch: Any) -> None:
    """Reading a trend while the store is unavailable returns 503 with its cause."""

    def unavailable(*_: object, **__: object) -> None:
        raise StoreError("no response", retry=True)

    monkeypatch.setattr(office.telemetry.store, "read", unavailable)
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    asked = {"sensor": "smoke-101", "metric": "smoke_density", "site": "school-1"} | span
    answer = office.sign_in("officer").get("readings", params=asked)
    assert (answer.status_code, answer.json()["cause"]) == (503, "store_away")


def test_condition_is_cut_to_the_callers_sites(office: Any) -> None:
    """All accounts see the faults, alarms only those of their sites; readiness lists the faults."""
    fault = ServiceFault("log", FULL, 1_790_000_000_000_000_000)
    office.telemetry.present = Condition(1, [fault], [alarm("school-1"), alarm("school-2")])
    condition = office.sign_in("viewer").get("condition").json()
    assert [alarm["site"] for alarm in condition["alarms"]] == ["school-1"]
    assert [alarm["site"] for alarm in office.sign_in("other").get("condition").json()["alarms"]] == ["school-2"]
    assert [(row["part"], row["cause"]) for row in condition["faults"]] == [("log", "disk_full")]
    assert office.client().get("condition").status_code == 401
    ready = httpx.get(f"{office.url}/readyz")
    assert [row["since"] for row in ready.json()["faults"]] == [condition["faults"][0]["since"]]
    office.telemetry.present = Condition(2, [replace(fault, part="disk", grade="yellow")])
    assert httpx.get(f"{office.url}/readyz").status_code == 200


def test_live_stream_reports_a_changed_condition(office: Any) -> None:
    """Immediately, and to a listener that connects later."""
    viewer = office.sign_in("viewer")
    with viewer.stream("GET", "events") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: heartbeat"
        office.telemetry.present = Condition(3)
        assert "event: condition" in (line for line in lines)
    with viewer.stream("GET", "events") as stream:
        lines = stream.iter_lines()
        assert "event: condition" in (line for line in lines)
        assert json.loads(next(line for line in lines if line.startswith("data")).partition(": ")[2]) == {"version": 3}
