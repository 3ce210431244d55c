"""Chinese texts of fields that the schemas of the requests refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WRONG = "填写有误"
TEXTS: Mapping[str, str] = {
    "missing": "必填",
    "extra_forbidden": "不支持此字段",
    "string_type": "须为文字",
    "string_too_short": "至少{min_length}字",
    "string_too_long": "最多{max_length}字",
    "string_pattern_mismatch": "格式不正确",
    "literal_error": "须为：{expected}",
    "enum": "须为：{expected}",
    "bool_type": "须为是或否",
    "bool_parsing": "须为是或否",
    "int_type": "须为整数",
    "int_parsing": "须为整数",
    "int_from_float": "须为整数",
    "float_type": "须为数字",
    "float_parsing": "须为数字",
    "finite_number": "须为有限的数字",
    "greater_than": "须大于{gt}",
    "greater_than_equal": "不小于{ge}",
    "less_than": "须小于{lt}",
    "less_than_equal": "不大于{le}",
    "list_type": "须为列表",
    "dict_type": "须为对象",
    "model_type": "须为对象",
    "model_attributes_type": "须为对象",
    "too_short": "至少{min_length}项",
    "too_long": "最多{max_length}项",
    "json_invalid": "不是有效的 JSON",
}
"""Type of a pydantic error -> its text; the names in braces are the error's own."""


def wrong_field(kind: str, context: Mapping[str, Any]) -> str:
    """Return the text of an error of pydantic.

    >>> wrong_field("string_too_long", {"max_length": 64})
    '最多64字'
    >>> wrong_field("a type of a later version", {})
    '填写有误'
    """
    try:
        return TEXTS.get(kind, WRONG).format(**context).replace(" or ", "、")
    except KeyError:
        return WRONG
