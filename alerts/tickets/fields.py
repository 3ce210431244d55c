"""Fields of a ticket action: types, required values and their check."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from alerts.errors import Invalid
from alerts.timestamps import parse_time

NOTE_MAX = 4_000
CHARACTERS_MIN = 2
"""Letters and digits of the shortest statement, such as a Chinese name."""
PLACEHOLDERS = frozenset((
    "na", "nil", "none", "null", "nothing", "tbd", "tba", "tbc", "todo", "unknown", "pending", "dash", "test",
    "暂无", "没有", "不详", "不明", "未知", "未定", "待定", "待补", "待填", "待补充", "同上",
    "同前", "测试", "无内容", "不适用",
))  # fmt: skip
"""Entries that fill a field without a statement."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action.

    type: text, text:content, bool, time, time:future, person:<role> or choice:<list>. The API shows the part before
    the colon.
    """

    name: str
    type: str
    required: bool


def has_content(text: str) -> bool:
    """Return whether a text makes a statement.

    >>> [has_content(text) for text in ("王主任", "0 yuan", "-", "——", "N/A", "无", "....")]
    [True, True, False, False, False, False, False]
    """
    letters = "".join(one for one in unicodedata.normalize("NFKC", text).casefold() if one.isalnum())
    repeated = len(set(letters)) == 1 and not letters.isdigit()
    return len(letters) >= CHARACTERS_MIN and not repeated and letters not in PLACEHOLDERS


def checked_fields(
    known: Collection[Field], given: Mapping[str, Any], choices: Collection[str], *, now_ns: int
) -> dict[str, Any]:
    """Return the fields as typed values. Raises Invalid with every unknown, missing and wrong field.

    choices: values of a field of type choice.
    """
    names = [field.name for field in known]
    wrong = {name: f"unknown; known: {', '.join(names) or 'none'}" for name in given if name not in names}
    values: dict[str, Any] = {}
    for field in known:
        value = given.get(field.name)
        if value is None or value == "":
            if field.required:
                wrong[field.name] = f"is required ({field.type.partition(':')[0]})"
            continue
        try:
            values[field.name] = _typed(field, value, choices, now_ns=now_ns)
        except ValueError as error:
            wrong[field.name] = str(error)
    if wrong:
        raise Invalid(wrong)
    return values


def _typed(field: Field, given: object, choices: Collection[str], *, now_ns: int) -> object:
    if field.type == "bool":
        if not isinstance(given, bool):
            raise ValueError("true or false")
        return given
    if not isinstance(given, str):
        raise ValueError("a text")  # noqa: TRY004 - reported as a field error, like the others
    if len(given) > NOTE_MAX:
        raise ValueError(f"at most {NOTE_MAX} characters")
    kind, _, rule = field.type.partition(":")
    if kind == "choice" and given not in choices:
        raise ValueError(f"one of {', '.join(choices)}")
    if rule == "content" and not has_content(given):
        raise ValueError("a statement with two letters or digits or more; a dash or a placeholder has no content")
    return _time(given, future=rule == "future", now_ns=now_ns) if kind == "time" else given


def _time(given: str, *, future: bool, now_ns: int) -> int:
    time_ns = parse_time(given)
    if future and time_ns <= now_ns:
        raise ValueError("a time in the future")
    return time_ns
