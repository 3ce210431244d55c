"""Input that no database stores: lone surrogates, NUL, invalid UTF-8, and JSON nested too deeply."""

from __future__ import annotations

import itertools
import re
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import orjson

JSON_DEPTH_MAX = 32
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_NUL = b"\\u0000"
_JSON = re.compile(rb"\s*application/[^;]*json", re.IGNORECASE)


UTF8_ZH = "须为 UTF-8 文字，不含 NUL 和孤立代理字符"


class Fault(NamedTuple):
    """One fault of a request. path: of the wrong field; message, zh: the allowed values."""

    path: str
    message: str
    zh: str


def in_target(raw_path: bytes, query: bytes) -> Fault | None:
    """Return the fault of a request's path or query, None without one."""
    if not _storable(raw_path):
        return Fault("path", "UTF-8 without NUL and lone surrogates", UTF8_ZH)
    for field in query.split(b"&"):
        if not _storable(field):
            name = unquote_to_bytes(field.partition(b"=")[0]).decode("utf-8", "replace")
            return Fault(name.replace("\0", "\ufffd"), "UTF-8 without NUL and lone surrogates", UTF8_ZH)
    return None


def in_body(content_type: bytes, body: bytes) -> Fault | None:
    """Return the fault of a JSON body, None without one and for other media types. At most 0.2 s for 1 MiB."""
    if not body or not _JSON.match(content_type):
        return None
    try:
        value = orjson.loads(body)  # refuses lone surrogates, NaN and invalid UTF-8
    except orjson.JSONDecodeError as error:
        return Fault(
            "body", f"JSON in UTF-8 without lone surrogates ({error.msg} at {error.pos})", "不是有效的 UTF-8 JSON"
        )
    if body.count(b"[") + body.count(b"{") <= JSON_DEPTH_MAX and _NUL not in body:
        return None
    return _in_value(value)


def _storable(raw: bytes) -> bool:
    try:
        return _UNSTORABLE.search(unquote_to_bytes(raw).decode("utf-8")) is None
    except UnicodeDecodeError:
        return False


def _in_value(value: Any) -> Fault | None:
    """Return the first fault of a parsed body, level by level."""
    level: list[tuple[str, Any]] = [("body", value)]
    for depth in itertools.count(1):
        following: list[tuple[str, Any]] = []
        for path, part in level:
            if isinstance(part, str) and "\0" in part:
                return Fault(path, "text without NUL", "文字中不能有 NUL 字符")
            if isinstance(part, dict):
                if any("\0" in name for name in part):
                    return Fault(path, "names without NUL", "字段名中不能有 NUL 字符")
                following += part.items()
            elif isinstance(part, list):
                following += ((path, inner) for inner in part)
        if depth > JSON_DEPTH_MAX and any(isinstance(part, (dict, list)) for _, part in level):
            return Fault("body", f"JSON nested at most {JSON_DEPTH_MAX} deep", f"JSON 最多嵌套 {JSON_DEPTH_MAX} 层")
        if not following:
            return None
        level = following
    return None
