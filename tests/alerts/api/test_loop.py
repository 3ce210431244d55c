"""The closed loop over HTTP: guards, conditional and repeated requests, and the live stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from alerts.dangers.kinds import danger_kinds
from detectors import Phase

PASSWORD = "long enough for a test"


def act(client: httpx.Client, ticket: str, action: str, **fields: Any) -> httpx.Response:
    """Apply one action with the present version."""
    tag = client.get(f"tickets/{ticket}").headers["ETag"]
    return client.post(f"tickets/{ticket}/actions/{action}", json=fields, headers={"If-Match": tag})


@pytest.fixture
def ticket(office: Any, seen: Any) -> str:
    """Return the id of the ticket of a smoke alarm."""
    office.world.feed(seen(Phase.RAISE))
    return str(office.world.tickets[0].id)


def test_the_whole_loop(office: Any, seen: Any, ticket: str) -> None:
    """Officer, fixer and second officer close a ticket with proof by the sensors; the fixer cannot accept."""
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
    early = act(second, ticket, "close", reason="repaired")
    assert (early.status_code, early.json()["guard"]) == (409, "observed")
    office.world.now_ns += danger_kinds()["fire"].observing_ns + 60_000_000_000
    closed = act(second, ticket, "close", reason="repaired")
    assert closed.json()["state"] == "closed"
    assert not closed.json()["overridden"]
    history = [row["action"] for row in officer.get(f"tickets/{ticket}").json()["history"]]
    assert history[:4] == ["opened", "register", "grade", "assign"]


def test_a_proposal_waits_for_its_second_person(office: Any, seen: Any, ticket: str) -> None:
    """The ticket has the proposal; only a second person is offered `countersign`, even under another account."""
    admin = office.sign_in("admin")
    twin = {"username": "officer.b", "password": PASSWORD, "roles": ["officer"], "sites": ["school-1"]}
    assert admin.post("users", json=twin).json()["person"] == "officer.b"
    assert admin.post("users", json=twin | {"person": "officer"}).json()["person"] == "officer"
    assert admin.post("users", json=twin).json()["person"] == "officer"
    assert admin.post("users", json=twin | {"person": "Officer!"}).status_code == 422
    officer = office.sign_in("officer")
    act(officer, ticket, "declare_major", note="exit barred")
    office.world.feed(seen(Phase.CLEAR, at_s=60))
    proposed = act(officer, ticket, "mark_false", note="steam of the shower")
    assert (proposed.status_code, proposed.json()["state"]) == (200, "graded")
    assert (proposed.json()["proposal"]["action"], proposed.json()["proposal"]["by"]) == ("mark_false", "officer")
    for name, offered in (("officer", False), ("officer.b", False), ("officer2", True)):
        actions = {row["action"] for row in office.sign_in(name).get(f"tickets/{ticket}").json()["actions"]}
        assert ("countersign" in actions) is offered
        assert "decline" in actions
    done = act(office.sign_in("officer2"), ticket, "countersign")
    assert (done.json()["state"], done.json()["proposal"]) == ("false_report", None)


def test_change_requires_the_present_version(office: Any, ticket: str) -> None:
    """428 without If-Match, 412 with a stale version; nothing changes."""
    officer = office.sign_in("officer")
    path = f"tickets/{ticket}/actions/assign"
    assert officer.post(path, json={}).status_code == 428
    assert officer.post(path, json={}, headers={"If-Match": '"1"'}).status_code == 412
    assert officer.get(f"tickets/{ticket}").json()["state"] == "graded"


def test_all_invalid_fields_are_reported_together(office: Any, ticket: str) -> None:
    """422 lists every missing or unknown field."""
    answer = act(office.sign_in("officer"), ticket, "declare_major", colour="red")
    assert answer.status_code == 422
    assert {row["path"] for row in answer.json()["errors"]} == {"colour", "note"}


def test_a_gate_of_a_major_danger_names_the_missing_items(office: Any, ticket: str) -> None:
    """422 with each missing item of five-fulfil and its text in both languages."""
    officer = office.sign_in("officer")
    assert act(officer, ticket, "declare_major", note="exit barred").status_code == 200
    assert act(officer, ticket, "fulfil", measures="new detector").status_code == 200
    answer = act(officer, ticket, "assign", fixer="fixer")
    missing = {row["path"]: row["text"]["zh"] for row in answer.json()["errors"]}
    assert (answer.status_code, set(missing)) == (422, {"responsibility", "funds", "time_limit", "contingency_plan"})
    assert missing["funds"] == "重大隐患须先落实资金"
    assert officer.get(f"tickets/{ticket}").json()["missing"] == [*missing, "regulator", "assembly"]


def test_repeated_request_returns_the_same_response(office: Any, ticket: str) -> None:
    """The same Idempotency-Key returns the same response; another request with it is rejected."""
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
    """The acknowledgement has a name, is idempotent, and can be undone."""
    assert ticket
    operator, hazard = office.sign_in("operator"), office.world.hazards[0].id
    first, again = (operator.post(f"hazards/{hazard}/actions/acknowledge").json() for _ in range(2))
    assert first["acknowledged_by"] == "operator"
    assert first["version"] == again["version"]
    assert operator.post(f"hazards/{hazard}/actions/unacknowledge").json()["state"] == "unacknowledged"


def test_errors_are_problems(office: Any) -> None:
    """Invalid paths, values and sizes return problem+json."""
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


def test_readiness_reports_the_failing_part(office: Any) -> None:
    """503 unless all parts work."""
    assert httpx.get(f"{office.url}/readyz").status_code == 200
    office.telemetry.parts["broker"] = False
    answer = httpx.get(f"{office.url}/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["broker"] is False
    assert httpx.get(f"{office.url}/healthz").status_code == 200


def test_the_document_is_complete(office: Any) -> None:
    """OpenAPI 3.1; the HTML page loads no external resources."""
    document = httpx.get(f"{office.url}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    page = httpx.get(f"{office.url}/docs").text
    assert "/api/v1/tickets/{ticket_id}/actions/{action}" in page
    assert "http://" not in page
    assert "https://" not in page


def events(lines: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (type, id, data) of each event of the stream."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], fields.get("id", ""), json.loads(fields.get("data", "{}"))
            fields = {}


def test_live_stream_delivers_and_resumes(office: Any, seen: Any) -> None:
    """Events arrive live; Last-Event-ID delivers the missed ones; another school receives none."""
    officer = office.sign_in("officer")
    with officer.stream("GET", "events") as stream:
        received = events(stream.iter_lines())
        kind, start, data = next(received)
        assert (kind, bool(data["now"])) == ("heartbeat", True)
        office.world.feed(seen(Phase.RAISE))
        delivered = [next(row for row in received if row[0] == wanted) for wanted in ("hazard", "ticket")]
    assert delivered[0][2]["kind"] == "hazard.opened"
    with officer.stream("GET", "events", headers={"Last-Event-ID": start}) as stream:
        resumed = next(row for row in events(stream.iter_lines()) if row[0] == "hazard")
    assert resumed == delivered[0]
    with office.sign_in("other").stream("GET", "events", headers={"Last-Event-ID": start}) as stream:
        foreign = events(stream.iter_lines())
        assert [next(foreign)[0] for _ in range(3)] == ["heartbeat"] * 3


@pytest.mark.parametrize("due", ["9" * 20, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"])
def test_a_time_beyond_every_database_is_refused(office: Any, seen: Any, due: str) -> None:
    """422 for the deadline of a ticket and for the time of the risk map; the lists stay readable."""
    office.world.feed(seen(Phase.RAISE))
    ticket, officer = office.world.tickets[0], office.sign_in("officer")
    path = f"tickets/{ticket.id}/actions"
    moved = officer.post(f"{path}/assign", json={"fixer": "fixer"}, headers={"If-Match": f'"{ticket.version}"'})
    given = {"due": due, "note": "rain"}
    assert officer.post(f"{path}/extend", json=given, headers={"If-Match": moved.headers["ETag"]}).status_code == 422
    assert officer.get("risk-map", params={"at": due}).status_code == 422
    assert officer.get("tickets").status_code == 200
