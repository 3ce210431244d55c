"""Generated requests: every read operation returns a documented status with a matching body."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from tests.alerts.api.generated import GENERATED
from tests.application import document

DOCUMENT = document()
READS = [path for path, methods in DOCUMENT["paths"].items() if "get" in methods and not path.endswith("/events")]


@pytest.mark.parametrize("path", READS)
def test_generated_requests_get_documented_responses(office: Any, path: str) -> None:
    """No generated parameter causes an internal error or an undocumented response."""
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path]["GET"]
    client = office.sign_in("admin")
    root = client.base_url.copy_with(path="/")

    @seed(1)
    @settings(GENERATED, max_examples=10)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        answer = client.get(str(root.join(case.formatted_path)), params=case.query or {})
        _assert_documented(path, answer)

    check()


def _assert_documented(path: str, answer: Any) -> None:
    responses = DOCUMENT["paths"][path]["get"]["responses"]
    assert answer.status_code != 500, answer.text
    assert str(answer.status_code) in responses, (answer.status_code, answer.text)
    content = responses[str(answer.status_code)]["content"]
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in content
    if media_type.endswith("json"):
        schema = content[media_type]["schema"] | {"components": DOCUMENT["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(answer.json())
