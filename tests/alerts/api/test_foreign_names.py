"""Generated isolation test: names of another school in parameters, bodies and streams."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from alerts import ROLES, loop
from alerts.people.access import PUBLIC, ROUTES
from alerts.risk.registry import Place, Zone
from detectors import Phase
from tests.alerts.api.test_access_table import (
    BOSS,
    DOCUMENT,
    OF_NO_SITE,
    PASSWORD,
    PREFIX,
    ROUTES_OF_DOCUMENT,
    Objects,
    filled,
)
from tests.alerts.plans.drawn import picture
from tests.application import document

__all__ = ["filled"]
NEAR, FAR, SECRET = "school-1", "school-2", "机密"
ACT = "/tickets/{ticket_id}/actions/{action}"
ROWS: Mapping[str, Any] = {
    "floors": {"floor": 1},
    "zones": {"id": "new"},
    "places": {"id": "new", "zone": "new"},
    "sensors": {"id": "smoke-101", "xy": [0, 0]},
    "patrol": {"by": "near", "interval_min": 30},
    "weekly": {"weekdays": ["mon"], "begin": "14:00", "end": "15:00"},
}
"""Rows of a body that the examples of the operations leave out."""
VALUES = frozenset((
    "action", "active", "as_of", "assigned", "at", "authority", "begin", "begins", "by", "cause", "check", "clauses",
    "closes", "code", "content", "csv", "cursor", "days", "decision", "drill", "embedded", "en", "end", "ended",
    "ends_at", "floor", "format", "from", "grade", "holidays", "host", "ignored", "interval_min", "item", "key", "kind",
    "lang", "limit", "limits", "major", "measure", "metric", "name", "needs_me", "note", "opens", "password", "polygon",
    "port", "post", "quarter", "reason", "result", "role", "roles", "rule", "silent", "since", "size_m", "sound",
    "source", "stage", "started_at", "starts_at", "state", "step", "stop", "supervised", "taken_at", "template", "text",
    "timezone", "to", "trouble", "type", "until", "url", "weekdays", "weekend", "window_min", "window_s", "works", "xy",
    "year", "zh", "id", "entries.id", "zones.id", "places.id", "username",
    "endpoint", "p256dh", "auth",
    "new_password", "locked", "posts", "valid_days", "held_on", "valid_until", "evidence", "missing", "sort",
))  # fmt: skip
"""Fields that name no object of a school, or a new one; a user name belongs to the installation."""


@dataclass(frozen=True)
class Named:
    """One field that names an object. keys: its path in the body, "[]" for an element; one key for a parameter."""

    method: str
    path: str
    keys: tuple[str, ...]
    query: bool
    action: str = "acknowledge"

    @property
    def label(self) -> str:
        """Return the name of the field, with that of its row where several rows have one."""
        plain = [key for key in self.keys if key not in {"[]", "{}"}]
        return ".".join(plain[-2:]) if plain[-1] in {"id", "by", "person"} else plain[-1]


def leaves(schema: Mapping[str, Any], keys: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each field of a schema."""
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    inner = [*schema.get("anyOf", ()), *schema.get("prefixItems", ())]
    for one in inner:
        yield from leaves(one, keys)
    if "items" in schema:
        yield from leaves(schema["items"], (*keys, "[]"))
    for key, one in schema.get("properties", {}).items():
        yield from leaves(one, (*keys, key))
    if keys and not inner and "items" not in schema and "properties" not in schema and schema.get("type") != "null":
        yield keys


def fields() -> list[Named]:
    """Return each query parameter and body field of the operations that need a token, and each field of the loop."""
    found = dict[Named, None]()
    for method, path in ROUTES_OF_DOCUMENT:
        operation = DOCUMENT[PREFIX + path][method.lower()]
        if ROUTES[f"{method} {path}"] == PUBLIC:
            continue
        for row in operation.get("parameters", ()):
            if row["in"] == "query":
                found[Named(method, path, (row["name"],), query=True)] = None
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for keys in leaves(content["schema"]):
                found[Named(method, path, keys, query=False)] = None
    for step in loop().steps.values():
        for field in step.fields:
            if field.type.partition(":")[0] in {"ticket", "person"}:
                found[Named("POST", ACT, (field.name,), query=False, action=step.action)] = None
    found[Named("PUT", "/rosters/{site}", ("person", "[]", "account"), query=False)] = None
    return list(found)


def with_value(body: Any, keys: tuple[str, ...], value: str) -> Any:
    """Return the body with the value at a path; missing rows come from the examples."""
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if key == "[]":
        first = body[0] if body else None
        return [with_value(first, rest, value), *(body or [])[1:]]
    inner = dict(body or {})
    row = inner.get(key)
    if not row and key in ROWS and rest:
        row = [copy.deepcopy(ROWS[key])] if rest[0] == "[]" and len(rest) > 1 else copy.deepcopy(ROWS[key])
        row = [] if rest == ("[]",) else row
    inner[key] = with_value(row, rest, value)
    return inner


@pytest.fixture
def foreign(filled: Any) -> Mapping[str, tuple[str, str]]:
    """Return label -> name of an object of the other school alone, and a name without an object."""
    world = filled.world
    registry, dispatch = world.registry, world.dispatch
    registry.zones[FAR, "far-zone"] = Zone(FAR, "far-zone", SECRET, SECRET, "dormitory")
    far_room = Place(FAR, "far-zone", "far-room", SECRET, SECRET)
    registry.places = {**registry.places, (FAR, "far-room"): far_room}
    registry.sites[FAR] = replace(registry.sites[FAR], name_zh=SECRET, district="far-district")
    world.catalog.code(FAR, "far-sensor", "smoke")
    filled.people.create("near", PASSWORD, roles=list(ROLES), sites=[NEAR])
    filled.people.create("shared", PASSWORD, roles=["officer"], sites=[NEAR, FAR])
    far = filled.people.create("far-fixer", PASSWORD, roles=["fixer", "operator"], sites=[FAR])
    there = Objects(filled, FAR)
    digest = dispatch.plans.add_picture(BOSS, FAR, picture(41)).digest
    zone, place, hazard = ("far-zone", "no-zone"), ("far-room", "no-room"), (there.hazard.id, "0" * 24)
    person = (far.username, "no-fixer")
    return {
        "site": (FAR, "school-9"),
        "sites": (FAR, "school-9"),
        "district": ("far-district", "no-district"),
        "zone": zone,
        "zones": zone,
        "place": place,
        "places": place,
        "points": ("far-point", "no-point"),
        "versions": ("far-point", "no-point"),
        "sensor": ("far-sensor", "no-sensor"),
        "sensors.id": ("far-sensor", "no-sensor"),
        "q": ("far-sensor", "no-sensor"),
        "hazard": hazard,
        "hazards": hazard,
        "hazard_id": hazard,
        "picture": (digest, "0" * len(digest)),
        "place_code": (dispatch.place_codes.make(FAR, "far-room"), "x.y.z"),
        "tag": ("far-tag", "no-tag"),
        "owner": person,
        "patrol.by": person,
        "fixer": person,
        "person": person,
        "account": person,
        "leaver": person,
        "successor": person,
        "records.person": person,
        "course": ("far-course", "no-course"),
        "into": (there.ticket.id, "0" * 24),
    }


def test_each_field_is_known(foreign: Mapping[str, Any]) -> None:
    """A new parameter or field needs a row: a value, or the name of an object with a foreign one to try."""
    assert {one.label for one in fields()} == VALUES | foreign.keys()


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing in it depends on the database
def test_a_foreign_name_is_answered_as_a_name_of_nothing(filled: Any, foreign: Mapping[str, Any]) -> None:
    """In each query parameter and body field: the same answer, without a word about the other school."""
    client, own = filled.sign_in("near"), Objects(filled, NEAR)
    shown = list[str]()
    for one in fields():
        if one.label not in foreign:
            continue
        answers = [_answer(client, own, one, name) for name in foreign[one.label]]
        (status, text), (status_of_none, text_of_none) = answers
        told = f"{one}\n{status} {text[:400]}\n{status_of_none} {text_of_none[:400]}"
        same = status == status_of_none and (status < 300 or text == text_of_none)
        of_site = one.label in {"site", "sites"}
        oracle = not same and not (of_site and {status, status_of_none} <= {403, 404})
        told_of_it = any(word in text for word in (FAR, SECRET, foreign["into"][0]))
        widened = one.label == "site" and one.method != "GET" and status not in {403, 404}
        if oracle or told_of_it or widened:
            shown.append(told)
    assert not shown, "\n\n".join(shown)


def _answer(client: Any, own: Objects, field: Named, name: str) -> tuple[int, str]:
    """Return status and text of the answer to a request with this name; the name itself is left out."""
    path = own.path(field.path, field.action).removeprefix("/")
    body = own.body(field.method, field.path)
    params = {}
    if field.query:
        path, _, query = path.partition("?")
        example = _example(field)
        params = example | dict(part.split("=", 1) for part in query.split("&") if part) | {field.keys[0]: name}
    elif field.keys[-1] == "versions":
        body = {"versions": {name: 1}}
    else:
        body = with_value(body, field.keys, name)
    if "/inspection-plans/" in field.path and field.keys[0] != "begins":
        body = body | {"begins": ["06:30"]}
    present = client.get(path) if "get" in DOCUMENT[PREFIX + field.path] and field.method == "PUT" else None
    etag = present.headers.get("ETag") if present is not None else None
    if field.path == "/plans/{site}" and present is not None:
        drawn = {key: value for key, value in present.json().items() if key not in {"site", "version"}}
        body = with_value(drawn, field.keys, name)
    headers = {"If-Match": etag or f'"{own.ticket.version}"', "X-Photo-SHA256": hashlib.sha256(b"{}").hexdigest()}
    options: dict[str, Any] = {"params": params} if params else {}
    answer = client.request(field.method, path, json=body, headers=headers, **options)
    assert answer.status_code < 500, (field, answer.text)
    return answer.status_code, _without(answer, name)


def _example(field: Named) -> dict[str, Any]:
    """Return values of the required query parameters of an operation at the own school."""
    given = {"site": NEAR, "sensor": "smoke-101", "metric": "co", "rule": "smoke", "limits": "1", "kind": "weekly"}
    given |= {"stage": "found", "taken_at": "2026-09-21T00:00:00Z"}
    rows = DOCUMENT[PREFIX + field.path][field.method.lower()]["parameters"]
    return {row["name"]: given[row["name"]] for row in rows if row["in"] == "query" and row.get("required")}


def _without(answer: Any, name: str) -> str:
    """Return the text of an answer without the name that the request gave; that of a list of bytes is empty."""
    kind = answer.headers.get("content-type", "")
    if "json" not in kind and "text" not in kind:
        return ""
    plain = json.dumps(answer.json(), ensure_ascii=False) if "json" in kind else answer.text
    return plain.replace(name, "NAME")


def test_no_list_shows_a_site_out_of_scope(filled: Any, foreign: Mapping[str, Any]) -> None:
    """Not even in an account that has sites of both schools."""
    client = filled.sign_in("near")
    names = [one["username"] for one in client.get("users").json()["items"]]
    assert "shared" in names
    assert "far-fixer" not in names
    plain = [path for method, path in ROUTES_OF_DOCUMENT if method == "GET" and "{" not in path and path != "/events"]
    for path in itertools.chain(plain, OF_NO_SITE):
        needed = _example(Named("GET", path, (), query=True)) if "parameters" in DOCUMENT[PREFIX + path]["get"] else {}
        text = client.get(path.removeprefix("/").replace("{rule}", "smoke"), params=needed).text
        assert not any(word in text for word in (FAR, SECRET, *(one for one, _ in foreign.values()))), (
            path,
            text[:400],
        )


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_a_stream_has_no_event_of_another_school(filled: Any, foreign: Mapping[str, Any], seen: Any) -> None:
    """Of events during the stream and of those that it resumes from an earlier id."""
    client, world = filled.sign_in("near"), filled.world
    for resumed in ({}, {"Last-Event-ID": str(filled.app.state.parts.tail.seq)}):
        with client.stream("GET", "events", headers=resumed) as stream:
            lines, told = stream.iter_lines(), list[str]()
            told.append(next(lines))
            for site in (FAR, NEAR):
                world.feed(seen(Phase.RAISE, site=site, rule=f"again-{len(resumed)}", hazard="leak", at_s=60))
            while not any(NEAR in line for line in told):
                told.append(next(lines))
            while "heartbeat" not in told[-1]:
                told.append(next(lines))
        text = "\n".join(told)
        assert FAR not in text
        assert foreign["into"][0] not in text
