"""SenML packs in CBOR, with the labels of the JSON form.

Source: RFC 8428, section 6 (integer labels, numbers); RFC 8949, section 3.4.4 (decimal fractions).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import cbor2

from .contract import Reject

LABELS: Mapping[int, str] = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s",
    6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_ARRAYS = range(0x80, 0xA0)
"""First byte of an array. No text in UTF-8 begins with one of them."""


def is_cbor(payload: bytes) -> bool:
    """Return whether a payload begins as a CBOR array does."""
    return payload[:1] != b"" and payload[0] in _ARRAYS


def read_cbor(payload: bytes) -> list[Any] | Reject:
    """Return the records of a pack with text labels; a label outside the table keeps its number as a text."""
    try:
        pack = cbor2.loads(payload)
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, ArithmeticError, RecursionError) as error:
        return Reject("json", f"CBOR: {error}"[:120])
    if not isinstance(pack, list):
        return Reject("not_object", "a pack is an array of records")
    return [_labelled(record) if isinstance(record, Mapping) else record for record in pack]


def _labelled(record: Mapping[Any, Any]) -> dict[str, Any]:
    return {_label(key): _plain(value) for key, value in record.items()}


def _label(key: Any) -> str:
    if isinstance(key, int) and not isinstance(key, bool):
        return LABELS.get(key, str(key))
    return key if isinstance(key, str) else repr(key)[:40]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value  # inf beyond the range, which the caller rejects
