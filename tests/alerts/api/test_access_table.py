"""Generated access test: each operation of the document x each role x each site, by the access table."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from alerts import OPERATIONS, ROLES, loop
from alerts.api.app import routed
from alerts.people.access import PUBLIC, ROUTES
from detectors import Phase

PASSWORD = "long enough for a test"
PREFIX = "/api/v1"
DOCUMENT = routed().openapi()["paths"]
ROUTES_OF_DOCUMENT = [
    (method.upper(), path.removeprefix(PREFIX))
    for path in DOCUMENT
    if path.startswith(PREFIX)
    for method in DOCUMENT[path]
]
OPEN = {"/healthz", "/readyz", "/metrics"}
NAMES_SITE_IN_BODY = {
    ("POST", "/displays"),
    ("POST", "/users"),
    ("POST", "/sensors/places"),
    ("POST", "/quarantine/replay"),
}
"""Their foreign site is an argument, not an object: 403 or 404, which both reveal nothing."""
ACTIONS = {"/tickets/{ticket_id}/actions/{action}": sorted(loop().steps)}


class Objects:
    """One object of each kind at a site, new ones where an operation uses them up."""

    def __init__(self, office: Any, site: str) -> None:
        self._office, self.site = office, site
        self._numbers = itertools.count()
        self.hazard = next(row for row in office.world.hazards if row.site == site)
        self.ticket = next(row for row in office.world.tickets if row.site == site)

    def path(self, path: str, action: str) -> str:
        """Return the path with an existing object of the site in each parameter."""
        values = {
            "site": self.site,
            "sensor": "stray",
            "hazard_id": self.hazard.id,
            "ticket_id": self.ticket.id,
            "action": action,
        }
        if "{username}" in path:
            values["username"] = f"person-{self.site}-{next(self._numbers)}"
            self._office.people.create(values["username"], PASSWORD, roles=["viewer"], sites=[self.site])
        if "{display_id}" in path:
            admin = self._office.people.account("admin").actor
            values["display_id"] = self._office.people.displays.create(admin, site=self.site, name="gate")[0].id
        return path.format(**values)

    def body(self, method: str, path: str) -> Any:
        """Return the body of an operation on an object of the site, None without a body."""
        bodies: dict[tuple[str, str], Any] = {
            ("PUT", "/me/second-factor"): {"password": PASSWORD},
            ("POST", "/me/second-factor"): {"code": "000000"},
            ("POST", "/users"): {"username": "new", "password": PASSWORD, "roles": ["viewer"], "sites": [self.site]},
            ("POST", "/displays"): {"site": self.site, "name": "gate"},
            ("POST", "/quarantine/replay"): {"site": self.site},
            ("POST", "/sensors/places"): {"site": self.site, "csv": "smoke-101,d-101"},
            ("PUT", "/sensors/{site}/{sensor}/place"): {"place": "d-101"},
            ("PUT", "/sensors/{site}/{sensor}/ignored"): {"reason": ""},
            ("POST", "/tickets/{ticket_id}/actions/{action}"): {},
        }
        has_body = "requestBody" in DOCUMENT[PREFIX + path][method.lower()]
        assert has_body == ((method, path) in bodies), f"{method} {path} needs an example in this test"
        return bodies.get((method, path))


@pytest.fixture
def filled(office: Any, seen: Any) -> Any:
    """Return an interface with a hazard, a ticket and a stray sensor at both schools."""
    office.world.feed(seen(Phase.RAISE), seen(Phase.RAISE, site="school-2"))
    for site in ("school-1", "school-2"):
        office.world.catalog.code(site, "stray", "smoke")
    return office


def cases() -> list[tuple[str, str, str]]:
    """Return (method, path, action) of each operation that needs a token."""
    return [
        (method, path, action)
        for method, path in ROUTES_OF_DOCUMENT
        if ROUTES.get(f"{method} {path}") != PUBLIC
        for action in ACTIONS.get(path, ["acknowledge"])
    ]


def permitted(method: str, path: str, action: str, role: str) -> bool:
    """Return whether the table permits the operation to the role."""
    operations = [ROUTES[f"{method} {path}"]]
    if path in ACTIONS:
        operations.append(loop().steps[action].operation)
    return all(role in OPERATIONS[operation] for operation in operations)


def test_the_table_has_exactly_the_operations_of_the_document() -> None:
    """A new operation needs a row; no row is without an operation; each row names an operation of the role table."""
    assert set(ROUTES) == {f"{method} {path}" for method, path in ROUTES_OF_DOCUMENT}
    assert set(ROUTES.values()) - {PUBLIC} <= set(OPERATIONS)
    assert {path for path in DOCUMENT if not path.startswith(PREFIX)} == OPEN
    assert [row for row, operation in ROUTES.items() if operation == PUBLIC] == [
        "POST /session",
        "POST /session/display",
    ]


def test_an_operation_without_a_row_is_forbidden(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """To every role, the administrator included."""
    admin = office.sign_in("admin")
    assert admin.get("loop").status_code == 200
    monkeypatch.delitem(ROUTES, "GET /loop")
    assert admin.get("loop").status_code == 403


def test_without_a_token_each_operation_is_refused(filled: Any) -> None:
    """401 as a problem, for existing objects of both schools."""
    client = filled.client()
    for site in ("school-1", "school-2"):
        objects = Objects(filled, site)
        for method, path, action in cases():
            for headers in ({}, {"Authorization": "Bearer wrong"}):
                url = objects.path(path, action).removeprefix("/")
                answer = client.request(method, url, json=objects.body(method, path), headers=headers)
                assert answer.status_code == 401, (method, url)
                assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("role", ROLES)
def test_each_operation_follows_the_table(filled: Any, role: str) -> None:
    """An insufficient role gets 403, a foreign object 404, a permitted one neither; no list names a foreign site."""
    filled.people.create("chief", PASSWORD, roles=["admin"])
    filled.people.create("near", PASSWORD, roles=[role], sites=["school-1"])
    filled.people.create("far", PASSWORD, roles=[role])
    for username, site in (("near", "school-1"), ("near", "school-2"), ("far", "school-2")):
        objects, foreign = Objects(filled, site), (username, site) == ("near", "school-2")
        client = filled.sign_in(username)
        for method, path, action in cases():
            url = objects.path(path, action).removeprefix("/")
            headers = {"If-Match": f'"{objects.ticket.version}"'}
            with client.stream(method, url, json=objects.body(method, path), headers=headers) as answer:
                status = answer.status_code
                text = "" if path == "/events" else answer.read().decode()
            if (method, path) == ("DELETE", "/session"):
                client = filled.sign_in(username)
            told = (role, username, method, url, status, text[:300])
            if not permitted(method, path, action, role) and not (foreign and status == 404):
                assert status == 403, told
            elif foreign and (method, path) in NAMES_SITE_IN_BODY:
                assert status in {403, 404}, told
            elif foreign and "{" in path:
                assert status == 404, told
            else:
                assert status not in {401, 404} and status < 500, told  # noqa: PT018 - one condition
                assert status != 403 or path in ACTIONS, told  # the assigned fixer or another person only
            if foreign and status < 400:
                assert "school-2" not in text, told


def test_lists_of_one_foreign_site_are_empty(filled: Any) -> None:
    """`site` of a list selects within the scope; it never widens it."""
    listing = [path for method, path in ROUTES_OF_DOCUMENT if method == "GET" and "{" not in path]
    filled.people.create("near", PASSWORD, roles=["admin", "district", "officer"], sites=["school-1"])
    client = filled.sign_in("near")
    tried = 0
    for path in listing:
        parameters = {row["name"] for row in DOCUMENT[PREFIX + path]["get"].get("parameters", ())}
        if "site" not in parameters or path == "/readings":
            continue
        answer = client.get(path.removeprefix("/"), params={"site": "school-2"})
        assert answer.status_code == 200, path
        assert "school-2" not in json.dumps(answer.json()), path
        tried += 1
    assert tried >= 8
