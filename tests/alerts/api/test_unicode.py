"""Generated requests with unusual Unicode for every operation: no answer is an internal error."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from detectors import Phase as Detected
from tests.alerts.api.generated import GENERATED
from tests.application import document

PASSWORD = "long enough for a test"
DOCUMENT = document()
SIGN_OUT, STREAM = ("DELETE", "/api/v1/session"), ("GET", "/api/v1/events")
OPERATIONS = [
    (method.upper(), path)
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if (method.upper(), path) not in {SIGN_OUT, STREAM}
]
UNUSUAL = (
    "\ud800",
    "a\udfffb",
    "\0",
    "a\0b",
    "\uffff\ufdd0",
    "\U0010ffff",
    "\u202eabc\u2066",
    "e\u0301" * 40,
    "👩‍👩‍👧‍👦",
    "\u200b\ufeff",
    "٣٤",
    "²",
    "9" * 400,
    "-1e999",
    "9" * 20,
    "9999-12-31T23:59:59Z",
    "İıſß",
    "\r\n\t",
    "'\"`;--<>&%$",
    "x" * 5_000,
    "",
)


def spoiled(value: Any, data: st.DataObject) -> Any:
    """Return a value with unusual text in place of some strings, its names included."""
    if isinstance(value, dict):
        return {
            spoiled(name, data) if data.draw(st.booleans()) else name: spoiled(v, data) for name, v in value.items()
        }
    if isinstance(value, list):
        return [spoiled(part, data) for part in value]
    if isinstance(value, str) and data.draw(st.booleans()):
        return data.draw(st.sampled_from(UNUSUAL))
    return value


def encoded(text: Any) -> str:
    """Return a text for a URL; a lone surrogate becomes its bytes in UTF-8's form."""
    return quote(str(text).encode("utf-8", "surrogatepass"), safe="")


def request_of(case: Any, data: st.DataObject, client: httpx.Client) -> httpx.Response:
    """Send a generated case with unusual text in path, query, body and the stored headers."""
    path = case.path
    for name, value in (case.path_parameters or {}).items():
        path = path.replace("{" + name + "}", encoded(spoiled(value, data)) or "x")
    query = "&".join(f"{encoded(name)}={encoded(spoiled(v, data))}" for name, v in (case.query or {}).items())
    headers, content = {"If-Match": '"1"', "Idempotency-Key": "é" * data.draw(st.integers(0, 3))}, b""
    if case.method != "GET":
        headers["Content-Type"] = "application/json"
        raw = json.dumps(spoiled(case.body, data), ensure_ascii=data.draw(st.booleans()), default=str)
        content = raw.encode("utf-8", "surrogatepass")
    encoded_headers = {name: value.encode("latin-1") for name, value in headers.items()}
    return client.request(case.method, f"{path}?{query}", content=content, headers=encoded_headers)


@pytest.fixture
def client(office: Any, seen: Any) -> httpx.Client:
    """Return a client with every role over a school with a hazard and a ticket."""
    office.world.feed(seen(Detected.RAISE))
    office.people.create("chief", PASSWORD, roles=["admin", "officer", "fixer", "city", "district"])
    client: httpx.Client = office.sign_in("chief")
    client.base_url = httpx.URL(office.url)
    return client


def test_unusual_text_causes_no_internal_error(client: httpx.Client) -> None:
    """Each answer of each operation is documented, below 500, and a problem where it is an error."""
    for method, path in OPERATIONS:
        check_operation(client, method, path)


def check_operation(client: httpx.Client, method: str, path: str) -> None:
    """Send generated requests for one operation and check the answers."""
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]
    documented = DOCUMENT["paths"][path][method.lower()]["responses"]

    @seed(1)
    @settings(GENERATED, max_examples=6)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from(list(GenerationMode)))
        answer = request_of(data.draw(operation.as_strategy(mode)), data, client)
        assert answer.status_code < 500, (answer.request.url, answer.request.content[:300], answer.text)
        assert str(answer.status_code) in documented, (answer.status_code, answer.request.url, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"

    check()
