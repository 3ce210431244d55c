"""Errors that a person can see: each has its text in Chinese and in English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import alerts
import twinward
from alerts import ROLES
from alerts.api.field_texts import TEXTS
from alerts.api.problem import CHANGED, INVALID, STATUS, TITLES, TITLES_ZH
from alerts.errors import NOT_FOUND, Forbidden, Invalid, NotFound
from alerts.people.access import PUBLIC, ROUTES
from tests.alerts.api.test_access_table import ACTIONS, PASSWORD, ROUTES_OF_DOCUMENT, Objects, filled

__all__ = ["filled"]

FOLDERS = [Path(package.__file__ or "").parent for package in (alerts, twinward)]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
WRONG: tuple[Any, ...] = ({}, {"nothing": 1}, [], "text")


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield file with line, name and node of each call in the product."""
    for path in (one for folder in FOLDERS for one in folder.rglob("*.py") if "node_modules" not in one.parts):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                yield f"{path.name}:{node.lineno}", name, node


def literal(node: ast.AST) -> str | None:
    """Return the fixed parts of a text, None for a text from elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value for part in node.values if isinstance(part, ast.Constant))
    return None


def pairs(name: str, node: ast.Call) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield the English and the Chinese node of each pair of texts that a call states."""
    if name == "GuardFailed" and len(node.args) == 3:
        yield node.args[2], node.args[1]
    if name == "Forbidden" and len(node.args) == 2 and isinstance(node.args[1], ast.Tuple):
        yield node.args[1].elts[0], node.args[1].elts[1]
    if name == "in_both" and isinstance(node.args[0], ast.Dict):
        for value in node.args[0].values:
            if isinstance(value, ast.Tuple):
                yield value.elts[0], value.elts[1]


def test_each_text_in_the_code_is_in_its_language() -> None:
    """The types require both texts; here the Chinese one is Chinese, and the English one is not."""
    seen, wrong = 0, []
    for at, name, node in calls():
        for english, chinese in pairs(name, node):
            en, zh = literal(english), literal(chinese)
            seen += 1
            if (en is not None and CHINESE.search(en)) or (zh is not None and not CHINESE.search(zh)):
                wrong.append(at)
        for keyword in node.keywords:
            if name == "problem" and keyword.arg == "zh" and (zh := literal(keyword.value)) is not None:
                seen += 1
                wrong += [] if CHINESE.search(zh) else [at]
    assert seen > 100
    assert wrong == []


def test_each_object_that_may_be_missing_has_a_chinese_name() -> None:
    """Of the literals in the code, and of the tables that a query names by their class."""
    named = {
        node.args[0].value for _, name, node in calls() if name == "NotFound" and isinstance(node.args[0], ast.Constant)
    }
    assert named | {"hazard", "ticket", "finding", "notice"} == set(NOT_FOUND)
    assert all(CHINESE.search(text) for text in [*NOT_FOUND.values(), *TITLES_ZH.values(), *TEXTS.values()])
    assert set(TITLES) == set(TITLES_ZH)
    assert all(CHINESE.search(both["zh"]) and not CHINESE.search(both["en"]) for both in (INVALID, CHANGED))
    assert {Forbidden, Invalid, NotFound} <= set(STATUS)


def test_an_error_of_one_language_cannot_be_made() -> None:
    """A field without its Chinese text is a mistake of the program."""
    with pytest.raises(TypeError, match="Chinese"):
        Invalid({"name": "a text", "zone": "a zone"}, zh={"name": "文字"})


def stated(answer: Any) -> None:
    """Assert that a refused request has its reason in both languages, and each of its wrong fields."""
    body = answer.json()
    texts = [body["text"], *(row["text"] for row in body.get("errors") or [])]
    for text in texts:
        assert CHINESE.search(text["zh"]), (answer.request.method, answer.request.url, body)
        assert text["en"], body
        assert not CHINESE.search(text["en"]), body


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing in it depends on the database
def test_each_operation_refuses_in_both_languages(filled: Any) -> None:
    """Without a token, as a wall display, for an object that does not exist, with wrong bodies and versions."""
    filled.people.create("near", PASSWORD, roles=list(ROLES), sites=["school-1"])
    near, display, nobody = filled.sign_in("near"), filled.sign_in("viewer"), filled.client()
    objects, statuses = Objects(filled, "school-1"), dict[int, int]()
    for method, path in ROUTES_OF_DOCUMENT:
        if path == "/events" or (method == "DELETE" and path == "/session"):
            continue
        action = ACTIONS.get(path, ["acknowledge"])[0]
        absent = re.sub(r"\{\w+\}", "nothing", path).removeprefix("/")
        url = absent if ROUTES[f"{method} {path}"] == PUBLIC else objects.path(path, action).removeprefix("/")
        answers = [person.request(method, url) for person in (nobody, display)]
        answers += [
            near.request(method, absent),
            near.request(method, absent, params={"limit": "many", "site": "x" * 99}),
        ]
        answers += [near.request(method, absent, headers={"If-Match": '"x"'}, json=body) for body in WRONG]
        if method != "GET":
            answers += [near.request(method, url, headers={"If-Match": '"x"'}, json=body) for body in WRONG[1:]]
            answers.append(near.request(method, url, content=b"{", headers={"Content-Type": "application/json"}))
        for answer in answers:
            if answer.status_code >= 400:
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                stated(answer)
    assert {401, 403, 404, 409, 422} <= set(statuses), statuses
    assert statuses[422] > 100
    assert statuses.keys().isdisjoint({500})
