"""OpenAPI document: summaries, typed responses, and examples that match their schemas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from alerts.api.export import export
from alerts.api.sensors import QUALITIES
from ingest import Quality
from tests.application import document

DOCUMENT = document()
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
LISTS = ("audit", "clocks", "detections", "hazards", "notices", "quarantine", "risk-points", "sensors", "sites")
PAGED = (*LISTS, "tickets", "displays", "handovers", "rosters", "users", "zones", "accounting", "emergency-orders",
         "place-codes", "risk-rollup", "register/{site}/points", "inspections", "supervision/schools",
         "posts", "training/{site}/records", "coverage")  # fmt: skip


def nested(schema: dict[str, Any], home: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a schema and all schemas below it, each with the component that contains it."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        yield from nested(SCHEMAS[name], name)
        return
    yield home, schema
    below = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *schema.get("prefixItems", ())]
    below += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
    for part in below:
        yield from nested(part, home)


def contents(operation: dict[str, Any], *, error: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield media type and content of each success response, or of each error response."""
    for status, response in operation["responses"].items():
        if (int(status) >= 400) == error:
            yield from response.get("content", {}).items()


def free_form(schema: dict[str, Any]) -> bool:
    """Return whether a schema allows any object or any value."""
    shaped = {"type", "anyOf", "enum", "const", "$ref"} & schema.keys()
    if schema.get("type") == "object":
        return "properties" not in schema and not isinstance(schema.get("additionalProperties"), dict)
    return not shaped


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_operation_has_summary_and_typed_success_response(name: str, operation: dict[str, Any]) -> None:
    """A free-form object needs a reason in the docstring of its model."""
    assert operation["summary"], name
    assert len(operation["summary"]) <= 120
    found = list(contents(operation))
    assert found or "204" in operation["responses"]
    for _, content in found:
        for home, schema in nested(content["schema"]):
            if free_form(schema):
                assert "free-form" in SCHEMAS[home]["description"], (name, home)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_example_matches_its_schema(name: str, operation: dict[str, Any]) -> None:
    """Every response has an example, success and error."""
    for error in (False, True):
        for media_type, content in contents(operation, error=error):
            schema = content["schema"] | {"components": DOCUMENT["components"]}
            validator = jsonschema_rs.Draft202012Validator(schema)
            assert validator.is_valid(content["example"]), (
                name,
                media_type,
                list(validator.iter_errors(content["example"])),
            )


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_error_is_documented_as_problem(name: str, operation: dict[str, Any]) -> None:
    """Every error response is problem+json, except the readiness report."""
    for media_type, content in contents(operation, error=True):
        if not name.endswith("/readyz"):
            assert (media_type, content["schema"]["$ref"]) == (
                "application/problem+json",
                "#/components/schemas/Problem",
            )
    assert "HTTPValidationError" not in SCHEMAS


@pytest.mark.parametrize("name", PAGED)
def test_list_has_a_bounded_limit_and_a_cursor(name: str) -> None:
    """Default 100, maximum 1,000, for every list."""
    given = {row["name"]: row["schema"] for row in DOCUMENT["paths"][f"/api/v1/{name}"]["get"]["parameters"]}
    assert (given["limit"]["default"], given["limit"]["maximum"], given["limit"]["minimum"]) == (100, 1_000, 1)
    assert given["cursor"]["type"] == "string"


def test_every_response_with_items_is_a_paged_list() -> None:
    """No list escapes the paging."""
    found = {
        name.removeprefix("GET /api/v1/")
        for name, operation in OPERATIONS
        for _, content in contents(operation)
        for home, schema in nested(content["schema"])
        if home and {"items", "next"} <= schema.get("properties", {}).keys()
    }
    assert found == set(PAGED)


def test_quality_literals_follow_the_vocabulary() -> None:
    """The schema names each quality of a reading."""
    assert {quality.value: quality.name.lower() for quality in Quality} == QUALITIES


def test_export_needs_no_service(tmp_path: Path) -> None:
    """Two exports are equal byte for byte."""
    for name in ("a.json", "b.json"):
        export(tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
