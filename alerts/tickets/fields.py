"""Fields of a ticket action: types, required values and their check."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from alerts.errors import Invalid
from alerts.timestamps import TIME_ZH, parse_time

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

    type: text, text:content, bool, time, time:future, time:past, ticket, person:<role> or choice:<table>. The API shows
    the part before the colon.
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
    known: Collection[Field], given: Mapping[str, Any], choices: Mapping[str, Collection[str]], *, now_ns: int
) -> dict[str, Any]:
    """Return the fields as typed values. Raises Invalid with every unknown, missing and wrong field.

    choices: table -> its values.
    """
    names = [field.name for field in known]
    listed = f"unknown; known: {', '.join(names) or 'none'}", f"没有此项；可填：{'、'.join(names) or '无'}"
    wrong: dict[str, tuple[str, str]] = {name: listed for name in given if name not in names}
    values: dict[str, Any] = {}
    for field in known:
        value = given.get(field.name)
        if value is None or value == "":
            if field.required:
                wrong[field.name] = f"is required ({field.type.partition(':')[0]})", "必填"
            continue
        try:
            values[field.name] = _typed(field, value, choices, now_ns=now_ns)
        except _WrongError as error:
            wrong[field.name] = error.en, error.zh
    if wrong:
        raise Invalid.in_both(wrong)
    return values


class _WrongError(Exception):
    """A wrong value; en, zh: the expected one."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


def _typed(field: Field, given: object, choices: Mapping[str, Collection[str]], *, now_ns: int) -> object:
    if field.type == "bool":
        if not isinstance(given, bool):
            raise _WrongError("true or false", "须为是或否")
        return given
    if not isinstance(given, str):
        raise _WrongError("a text", "须为文字")
    if len(given) > NOTE_MAX:
        raise _WrongError(f"at most {NOTE_MAX} characters", f"最多 {NOTE_MAX} 个字符")
    kind, _, rule = field.type.partition(":")
    if kind == "choice" and given not in choices[rule]:
        raise _WrongError(f"one of {', '.join(choices[rule])}", f"须为：{'、'.join(choices[rule])}")
    if rule == "content" and not has_content(given):
        raise _WrongError(
            "a statement with two letters or digits or more; a dash or a placeholder has no content",
            "须填写实质内容，不能只填横线或“无”",
        )
    return _time(given, rule, now_ns=now_ns) if kind == "time" else given


def _time(given: str, rule: str, *, now_ns: int) -> int:
    try:
        time_ns = parse_time(given)
    except ValueError as error:
        raise _WrongError(str(error), TIME_ZH) from error
    if rule == "future" and time_ns <= now_ns:
        raise _WrongError("a time in the future", "须为将来的时间")
    if rule == "past" and time_ns > now_ns:
        raise _WrongError("a time in the past", "须为过去的时间")
    return time_ns
