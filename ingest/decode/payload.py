"""Documents and texts in payloads: JSON with `nan` tokens, NUL bytes, byte order marks, depth limit.

Source: RFC 8259; field reports of firmwares that print a C buffer with its terminator and `printf("%f")` of a NaN.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from .contract import Reject

DEPTH_MAX = 32
_STRING = r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
_STRINGS = re.compile(_STRING.encode(), re.DOTALL)
_NOT_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_UNMEASURED = re.compile(
    rf"{_STRING}|(?<![\w.])([+-]?)(?:(s?nan(?:\([^()]*\))?|1\.\#(?:Q|S)?NAN\d*|1\.\#IND\d*)"
    r"|(inf(?:inity)?|1\.\#INF\d*))(?![\w.])",
    re.DOTALL | re.IGNORECASE,
)
"""A string, or a token of C's `printf` for a number that is none, outside of strings."""

_MARKS: Mapping[bytes, str] = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_DECODER = msgspec.json.Decoder()


def read_json(payload: bytes) -> Any | Reject:
    """Return the document in a payload, or a Reject with reason empty, depth, utf8 or json.

    NaN and infinities in any spelling become floats, so one value is lost and not the message.

    >>> read_json(b'{"smoke": true, "co": nan}' + bytes(1))
    {'smoke': True, 'co': nan}
    """
    if not payload.strip():
        return Reject("empty", "payload has no bytes")
    if _is_deep(payload):
        return Reject("depth", f"nested deeper than {DEPTH_MAX}, or cut short")
    try:
        return _DECODER.decode(payload)
    except (UnicodeDecodeError, msgspec.DecodeError):
        return _read_loosely(payload)


def memory_values(kept: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a decoder's memory with their values, which are JSON; an unreadable one is left out."""
    for key, value in kept:
        try:
            yield key, json.loads(value)
        except ValueError:
            continue


def plain_text(payload: bytes) -> str:
    """Return the text up to the first NUL, without a byte order mark. Raises UnicodeDecodeError."""
    encoding = next((name for mark, name in _MARKS.items() if payload.startswith(mark)), "utf-8")
    return payload.decode(encoding).partition("\0")[0]


def _read_loosely(payload: bytes) -> Any | Reject:
    try:
        text = plain_text(payload).strip()
        return json.loads(_UNMEASURED.sub(_spelled, text)) if text else Reject("empty", "payload has no text")
    except UnicodeDecodeError as error:
        return Reject("utf8", f"byte {error.start}")
    except (ValueError, RecursionError) as error:
        return Reject("json", str(error)[:120])


def _spelled(found: re.Match[str]) -> str:
    """Return a token in the spelling of `json`; a string stays."""
    if found[2]:
        return "NaN"
    return f"{found[1].replace('+', '')}Infinity" if found[3] else found[0]


def _is_deep(payload: bytes) -> bool:
    if payload.count(b"{") + payload.count(b"[") <= DEPTH_MAX:
        return False
    brackets = _STRINGS.sub(b"", payload).translate(None, _NOT_BRACKET)
    for _ in range(DEPTH_MAX):
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if not brackets:
            return False
    return True
