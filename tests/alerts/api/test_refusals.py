"""Bad input: every route that takes a file, wrong times and order, two people at once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from alerts import ROLES
from alerts.dangers.photos import BYTES_MAX
from detectors import Phase
from tests.alerts.api.test_access_table import DOCUMENT, PASSWORD, PREFIX, Objects, filled

__all__ = ["filled"]

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing here depends on the database
OTHER_TYPES = (b"GIF89a" + bytes(40), b"<svg><script>alert(1)</script></svg>", b"%PDF-1.7", b"")
FILES = ("image/jpeg", "application/octet-stream")


def upload_routes() -> Iterator[tuple[str, str]]:
    """Yield method and path of each operation whose body is a file."""
    for path, methods in DOCUMENT.items():
        for method, operation in methods.items():
            if any(name in FILES for name in operation.get("requestBody", {}).get("content", {})):
                yield method.upper(), path.removeprefix(PREFIX)


def test_each_route_of_a_file_has_a_bound_and_types(filled: Any) -> None:
    """413 above its own bound, read by no route of other bodies; 422 with text in both languages for another type."""
    filled.people.create("near", PASSWORD, roles=list(ROLES), sites=["school-1"])
    client, objects = filled.sign_in("near"), Objects(filled, "school-1")
    routes = sorted(upload_routes())
    assert len(routes) == 4
    [code] = [one["code"] for one in client.get("place-codes?site=school-1").json()["items"] if one["place"] == "d-101"]
    report = filled.client().post(f"report-places/{code}/reports", json={"kind": "exit_blocked", "text": "barred"})
    walk = {"entries": [{"id": "entry-0001", "type": "start", "at": "2026-09-21T23:00:00+08:00"}]}
    for method, path in routes:
        if "{receipt}" in path:
            url = path.replace("{receipt}", report.json()["receipt"]).removeprefix("/")
        else:
            url = objects.path(path, "").removeprefix("/")
        if "{entry_id}" in path:
            entered = client.post(url.partition("/entries/")[0] + "/entries", json=walk)
            assert entered.status_code == 200, entered.text
        most = filled.app.state.parts.settings.picture_bytes_max if "{site}/pictures" in path else BYTES_MAX
        assert client.request(method, url, content=bytes(most + 1)).status_code == 413, url
        for content in OTHER_TYPES:
            digest = {"X-Photo-SHA256": hashlib.sha256(content).hexdigest()}
            answer = client.request(method, url, content=content, headers=digest)
            assert answer.status_code == 422, (url, answer.text)
            assert all(row["text"].keys() == {"zh", "en"} for row in answer.json()["errors"]), answer.text


@pytest.fixture
def ticket(office: Any, seen: Any) -> str:
    """Return the id of a graded ticket."""
    office.world.feed(seen(Phase.RAISE))
    return str(office.world.tickets[0].id)


def act(client: Any, ticket: str, action: str, version: str = "", **fields: Any) -> Any:
    """Apply an action with the present version, or with this one."""
    etag = version or client.get(f"tickets/{ticket}").headers["ETag"]
    return client.post(f"tickets/{ticket}/actions/{action}", json=fields, headers={"If-Match": etag})


def test_wrong_times_order_and_versions_are_refused_in_both_languages(office: Any, ticket: str) -> None:
    """Without a zone and in the past 422; outside the table 409 with the possible actions; stale 412."""
    officer = office.sign_in("officer")
    old = officer.get(f"tickets/{ticket}").headers["ETag"]
    for due in ("2099-09-21T18:00:00", "2020-09-21T18:00:00+08:00", "tomorrow"):
        answer = act(officer, ticket, "assign", fixer="fixer", due=due)
        assert (answer.status_code, [row["path"] for row in answer.json()["errors"]]) == (422, ["due"]), due
        assert answer.json()["errors"][0]["text"].keys() == {"zh", "en"}
    early = act(officer, ticket, "accept")
    assert early.status_code == 409
    assert "assign" in early.json()["text"]["en"]
    assert "派单" in early.json()["text"]["zh"]
    assert act(officer, ticket, "assign", fixer="fixer").status_code == 200
    stale = act(office.sign_in("officer2"), ticket, "assign", old, fixer="fixer")
    assert (stale.status_code, stale.json()["text"].keys()) == (412, {"zh", "en"})
    assert officer.get(f"tickets/{ticket}").json()["state"] == "assigned"


def test_of_two_people_at_once_one_wins_and_the_other_is_informed(office: Any, ticket: str) -> None:
    """Both send the version that they read; the second gets 412 and nothing of its change is kept."""
    clients = [office.sign_in(name) for name in ("officer", "officer2")]
    etag = clients[0].get(f"tickets/{ticket}").headers["ETag"]
    ready, answers = threading.Barrier(2), dict[int, int]()

    def assign(number: int) -> None:
        ready.wait()
        answers[number] = act(clients[number], ticket, "assign", etag, fixer="fixer", note=f"by {number}").status_code

    threads = [threading.Thread(target=assign, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers.values()) == [200, 412]
    [winner] = [number for number, status in answers.items() if status == 200]
    history = clients[0].get(f"tickets/{ticket}").json()["history"]
    assert [one["action"] for one in history].count("assign") == 1
    assert f"by {winner}" in str(history)
