"""OpenAPI document: summaries, the problem schema, and an example for each response.

An example is composed from the examples of its fields, so it matches its schema by construction.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from .problem import MEDIA_TYPE, TITLES, TITLES_ZH, problem_type
from .schemas.service import Problem

_REFERENCE = "#/components/schemas/"
_DEFAULTS: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.0, "boolean": False, "null": None}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document of FastAPI with summaries, the problem schema and examples."""
    schemas = document["components"]["schemas"]
    _, found = models_json_schema([(Problem, "validation")], ref_template=_REFERENCE + "{model}")
    schemas.update({name: schema for name, schema in found["$defs"].items() if name not in schemas})
    for methods in document["paths"].values():
        for operation in methods.values():
            _summarise(operation)
            for status, response in operation["responses"].items():
                for media_type, content in response.get("content", {}).items():
                    content.setdefault("example", _response_example(content["schema"], schemas, media_type, status))
    return document


def example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Return an example of a schema, composed from the examples of its parts."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].removeprefix(_REFERENCE)], schemas)
    if "anyOf" in schema and "examples" not in schema:
        return example(schema["anyOf"][0], schemas)
    given = [*schema.get("examples", ()), *schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    return given[0] if given else _composed(schema, schemas)


def _composed(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    if "properties" in schema:
        return {name: example(part, schemas) for name, part in schema["properties"].items()}
    if "prefixItems" in schema:
        return [example(part, schemas) for part in schema["prefixItems"]]
    if schema.get("type") == "array":
        return [example(schema["items"], schemas)]
    return _DEFAULTS[schema["type"]]


def _response_example(schema: dict[str, Any], schemas: dict[str, Any], media_type: str, status: str) -> Any:
    if media_type != MEDIA_TYPE:
        return example(schema, schemas)
    title = TITLES[int(status)]
    text = {"zh": TITLES_ZH[int(status)], "en": title}
    return {"type": problem_type(int(status)), "title": title, "status": int(status), "detail": title, "text": text}


def _summarise(operation: dict[str, Any]) -> None:
    """Split the docstring of a handler into summary and description."""
    summary, _, rest = operation.get("description", "").partition("\n")
    operation["summary"] = summary.removesuffix(".") or operation["summary"]
    operation["description"] = rest.strip() or summary
