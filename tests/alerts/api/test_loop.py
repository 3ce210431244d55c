"""The closed loop, its guards, conditional and repeated requests, and the live stream, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from detectors import Phase


def act(client: httpx.Client, ticket: str, action: str, **fields: Any) -> httpx.Response:
    """One step with the version last seen."""
    tag = client.get(f"tickets/{ticket}").headers["ETag"]
    return client.post(f"tickets/{ticket}/actions/{action}", json=fields, headers={"If-Match": tag})


@pytest.fixture
def ticket(office: Any, seen: Any) -> str:
    """Id of the ticket that a smoke alarm opened."""
    office.world.feed(seen(Phase.RAISE))
    return str(office.world.tickets[0].id)


def test_the_whole_loop(office: Any, seen: Any, ticket: str) -> None:
    """Officer, fixer and second officer close it once the sensors prove it; the fixer accepts nothing."""
    officer, fixer, second = (office.sign_in(name) for name in ("officer", "fixer", "officer2"))
    offered = [row["action"] for row in officer.get(f"tickets/{ticket}").json()["actions"]]
    assert "assign" in offered
    assert act(officer, ticket, "assign").json()["fixer"] == "fixer"
    for action in ("take", "start", "submit"):
        assert act(fixer, ticket, action).status_code == 200
    assert act(fixer, ticket, "accept").status_code == 403
    assert act(second, ticket, "review").status_code == 200
    assert act(second, ticket, "accept").json()["state"] == "observing"
    refused = act(second, ticket, "close", reason="repaired")
    assert refused.status_code == 409
    assert refused.json()["text"]["zh"]
    office.world.feed(seen(Phase.CLEAR, at_s=60))
    closed = act(second, ticket, "close", reason="repaired")
    assert closed.json()["state"] == "closed"
    assert not closed.json()["overridden"]
    history = [row["action"] for row in officer.get(f"tickets/{ticket}").json()["history"]]
    assert history[:4] == ["opened", "register", "grade", "assign"]


def test_a_change_names_the_version_it_saw(office: Any, ticket: str) -> None:
    """428 without If-Match, 412 with a stale one, and nothing has changed."""
    officer = office.sign_in("officer")
    path = f"tickets/{ticket}/actions/assign"
    assert officer.post(path, json={}).status_code == 428
    assert officer.post(path, json={}, headers={"If-Match": '"1"'}).status_code == 412
    assert officer.get(f"tickets/{ticket}").json()["state"] == "graded"


def test_fields_are_told_together(office: Any, ticket: str) -> None:
    """422 names every field that is missing or unknown."""
    answer = act(office.sign_in("officer"), ticket, "fulfil", measures="new detector", colour="red")
    assert answer.status_code == 422
    told = {row["path"] for row in answer.json()["errors"]}
    assert told == {"colour", "responsibility", "funds", "time_limit", "contingency_plan"}


def test_a_repeated_request_is_answered_not_repeated(office: Any, ticket: str) -> None:
    """The same Idempotency-Key gives the same answer; another request under it is refused."""
    officer = office.sign_in("officer")
    headers = {"If-Match": officer.get(f"tickets/{ticket}").headers["ETag"], "Idempotency-Key": "one"}
    path = f"tickets/{ticket}/actions/comment"
    first, again = (officer.post(path, json={"note": "seen"}, headers=headers) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    comments = [row for row in officer.get(f"tickets/{ticket}").json()["history"] if row["action"] == "comment"]
    assert len(comments) == 1
    assert officer.post(path, json={"note": "else"}, headers=headers).status_code == 422


def test_acknowledging_twice_changes_nothing(office: Any, ticket: str) -> None:
    """A named person acknowledges; undo works; twice is once."""
    assert ticket
    operator, hazard = office.sign_in("operator"), office.world.hazards[0].id
    first, again = (operator.post(f"hazards/{hazard}/actions/acknowledge").json() for _ in range(2))
    assert first["acknowledged_by"] == "operator"
    assert first["version"] == again["version"]
    assert operator.post(f"hazards/{hazard}/actions/unacknowledge").json()["state"] == "unacknowledged"


def test_errors_are_problems(office: Any) -> None:
    """Wrong addresses, values and sizes are told as problem+json."""
    officer = office.sign_in("officer")
    for answer, status in (
        (officer.get("nothing/here"), 404),
        (officer.delete("tickets"), 405),
        (officer.get("hazards", params={"limit": 0}), 422),
        (officer.get("readings", params={"sensor": "smoke-101", "metric": "no such"}), 422),
        (officer.get("risk-map", params={"at": "soon"}), 422),
        (officer.post("session", content=b"x" * 5_000), 413),
    ):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status


def test_readiness_names_the_part_that_fails(office: Any) -> None:
    """All parts or 503."""
    assert httpx.get(f"{office.url}/readyz").status_code == 200
    office.telemetry.parts["broker"] = False
    answer = httpx.get(f"{office.url}/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["broker"] is False
    assert httpx.get(f"{office.url}/healthz").status_code == 200


def test_the_document_is_complete(office: Any) -> None:
    """OpenAPI 3.1; every body has an example; the page about it loads nothing from outside."""
    document = httpx.get(f"{office.url}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    page = httpx.get(f"{office.url}/docs").text
    assert "/api/v1/tickets/{ticket_id}/actions/{action}" in page
    assert "http://" not in page
    assert "https://" not in page


def events(lines: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(type, id, data) of each event of the stream."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], fields.get("id", ""), json.loads(fields.get("data", "{}"))
            fields = {}


def test_the_live_stream_tells_and_resumes(office: Any, seen: Any) -> None:
    """Hazard and ticket come as they happen; Last-Event-ID brings what was missed; another school hears nothing."""
    officer = office.sign_in("officer")
    with officer.stream("GET", "events") as stream:
        told = events(stream.iter_lines())
        kind, start, data = next(told)
        assert (kind, bool(data["now"])) == ("heartbeat", True)
        office.world.feed(seen(Phase.RAISE))
        heard = [next(row for row in told if row[0] == wanted) for wanted in ("hazard", "ticket")]
    assert heard[0][2]["kind"] == "hazard.opened"
    with officer.stream("GET", "events", headers={"Last-Event-ID": start}) as stream:
        resumed = next(row for row in events(stream.iter_lines()) if row[0] == "hazard")
    assert resumed == heard[0]
    with office.sign_in("other").stream("GET", "events", headers={"Last-Event-ID": start}) as stream:
        foreign = events(stream.iter_lines())
        assert [next(foreign)[0] for _ in range(3)] == ["heartbeat"] * 3
