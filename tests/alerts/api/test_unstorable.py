"""Text that no database stores, deep JSON and overlong bodies, in every operation and field."""

from __future__ import annotations

import json
import re
import socket
from typing import Any

import pytest
from sqlalchemy import text

from alerts.api.unstorable import JSON_DEPTH_MAX, in_body, in_target
from tests.application import document

DOCUMENT = document()
OPERATIONS = [
    (method.upper(), path)
    for path, methods in DOCUMENT["paths"].items()
    if path.startswith("/api/")
    for method in methods
]
JSON = b"application/json"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (rb'{"a":{"b":["\ud800"]}}', "body"),
        (rb'{"a":{"b":["x\u0000"]}}', "b"),
        (rb'{"a\u0000":1}', "body"),
        (b'{"a":"\xed\xa0\x80"}', "body"),
        (b'{"a":NaN}', "body"),
        (b"[" * 33 + b"]" * 33, "body"),
        (b"[" * 100_000, "body"),
        (b"{", "body"),
    ],
)
def test_unstorable_bodies_have_a_fault(body: bytes, path: str) -> None:
    """The fault names the field where the parser reaches it."""
    fault = in_body(b"application/merge-patch+json; charset=utf-8", body)
    assert fault is not None
    assert fault.path == path


@pytest.mark.parametrize(
    "body",
    [b"", rb'{"a":"\ud83d\ude00 \\u0000 \\ud800 \t"}', b"[" * JSON_DEPTH_MAX + b"]" * JSON_DEPTH_MAX, b"[{},{}]" * 1],
)
def test_storable_bodies_have_none(body: bytes) -> None:
    """Pairs of surrogates, escaped backslashes and permitted depth pass; other media types are not JSON."""
    assert in_body(JSON, body) is None
    assert in_body(b"text/plain", b"\xff") is None


@pytest.mark.parametrize("field", [b"q=%00", b"a=1&q=%ED%A0%80", b"q=%ff", b"q=%F4%90%80%80"])
def test_targets_with_unstorable_text_have_a_fault(field: bytes) -> None:
    """The fault has the name of the parameter."""
    assert in_target(b"/api/v1/sensors", field)[:1] == ("q",)
    assert in_target(b"/api/v1/" + field, b"")[:1] == ("path",)
    assert in_target(b"/api/v1/%F0%9F%98%80", b"q=%E7%83%9F&r=a%20b+c") is None


def _values(schema: Any, bad: str) -> Any:
    """Return a body of the schema with the bad text in each string."""
    if "$ref" in schema:
        return _values(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]], bad)
    if "anyOf" in schema:
        return _values(schema["anyOf"][0], bad)
    if "properties" in schema:
        return {name: _values(part, bad) for name, part in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_values(part, bad) for part in schema.get("prefixItems", [schema.get("items", {})])]
    return {bad: bad} if schema.get("type") == "object" else bad


@pytest.mark.parametrize("bad", ["a\ud800", "a\0"])
def test_every_operation_refuses_unstorable_text_in_every_place(office: Any, bad: str) -> None:
    """422 as a problem for body, path and query of each operation of the document."""
    client = office.sign_in("admin")
    raw = "%ED%A0%80" if bad.endswith("\ud800") else "%00"
    tried = 0
    for method, path in OPERATIONS:
        plain = re.sub(r"\{[^}]*\}", "x", path)
        body = DOCUMENT["paths"][path][method.lower()].get("requestBody", {}).get("content", {}).get(JSON.decode())
        requests = [(f"{plain}?site={raw}", b"")]
        if "{" in path:
            requests.append((re.sub(r"\{[^}]*\}", f"x{raw}", path), b""))
        if body:
            requests.append((plain, json.dumps(_values(body["schema"], bad)).encode()))
        for url, content in requests:
            answer = client.request(
                method, office.url + url, content=content, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 422, (method, url, content, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            tried += 1
    assert tried > 40


def test_rows_of_earlier_versions_do_not_break_a_list(office: Any) -> None:
    """A name with a lone surrogate that an earlier version stored appears with U+FFFD."""
    office.world.damaged = True
    with office.world.engine.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET name = :name WHERE username = 'viewer'"),
            {"name": '{"en": "a\\ud800b", "zh": "\\ud83d\\ude00"}'},
        )
    found = {row["username"]: row["name"] for row in office.sign_in("admin").get("users").json()["items"]}
    assert found["viewer"] == {"en": "a\ufffdb", "zh": "\U0001f600"}


def test_a_chunked_body_above_the_bound_gets_413_before_its_end(office: Any) -> None:
    """The answer arrives before the end of a body without a length, and the connection closes."""
    port = int(office.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        head = "POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        client.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            client.sendall(b"400\r\n" + b"[" * 1_024 + b"\r\n")
        answer = b""
        while part := client.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"status":413' in answer
    assert b"content-security-policy" in answer
